//! A server in memory whose methods wait, fail, flood, panic and do not listen, and that counts what is
//! left of them.
#![allow(dead_code, unreachable_pub)]

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use msrpc::{
    association::{Acceptor, AcceptorFn, ServerConfig},
    auth::{
        Accounts,
        ntlm::{self, NtlmClient, NtlmCredentials, NtlmServer, NtlmServerConfig},
    },
    binding::StringBinding,
    client::{BoundChannel, ClientBuilder, ConnectError},
    server::{ConnectionError, ConnectionOptions, serve_stream},
    transport::memory,
};
use msrpc_ndr::{
    Body, BoxFuture, Call, Channel, ChannelError, Fault, HandleType, Interface, Operation, Service, TransportError,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    runtime::Handle,
    sync::Semaphore,
    task::JoinHandle,
};
use uuid::Uuid;

use crate::assoc::provider::{AUTH_TYPE, TestContext};

/// Answers with its request.
pub const ECHO: u16 = 0;
/// Ends in a fault when it is cancelled, and not before.
pub const WAIT: u16 = 1;
/// Takes a permit, whether it is cancelled or not, and answers with its request.
pub const STUBBORN: u16 = 2;
/// Takes a permit, whether it is cancelled or not, and opens a handle.
pub const OPEN: u16 = 3;
/// Answers without end, until it is cancelled.
pub const SOURCE: u16 = 4;
/// Waits until it is cancelled, and never reads its request.
pub const DEAF: u16 = 5;
/// Panics before it waits for anything.
pub const PANIC: u16 = 6;
/// Panics after it has waited.
pub const PANIC_LATER: u16 = 7;
/// Panics within its response.
pub const PANIC_STREAM: u16 = 8;
/// Answers with the length of its request, read while it arrives.
pub const SINK: u16 = 9;
/// As [`SOURCE`], and as fast as it is taken.
pub const FLOOD: u16 = 10;

static OPERATIONS: [Operation; 11] = [
    Operation::new("Echo"),
    Operation::new("Wait"),
    Operation::new("Stubborn"),
    Operation::new("Open"),
    Operation::new("Source"),
    Operation::new("Deaf"),
    Operation::new("Panic"),
    Operation::new("PanicLater"),
    Operation::new("PanicStream"),
    Operation::new("Sink"),
    Operation::new("Flood"),
];

pub static INTERFACE: Interface =
    Interface::new("loss", Uuid::from_u128(0x8f7d_1b0a_33c1_4f0e_9d55_0000_0000_0001), (1, 0)).operations(&OPERATIONS);
pub static OTHER: Interface =
    Interface::new("other", Uuid::from_u128(0x8f7d_1b0a_33c1_4f0e_9d55_0000_0000_0002), (1, 0)).operations(&OPERATIONS);

static HANDLE: HandleType = HandleType { name: "LOSS_HANDLE" };

/// What is counted.
#[derive(Debug)]
pub struct Counts {
    /// Methods that run.
    pub running: AtomicUsize,
    /// Methods that found themselves cancelled.
    pub cancelled: AtomicUsize,
    pub opened: AtomicUsize,
    pub closed: AtomicUsize,
    /// What stubborn methods take.
    pub permits: Semaphore,
}

/// A method that runs.
struct Running(Arc<Counts>);

impl Running {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.running.fetch_add(1, SeqCst);
        Self(Arc::clone(counts))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}

/// What a handle stands for.
struct Opened(Arc<Counts>);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.closed.fetch_add(1, SeqCst);
    }
}

struct Lossy {
    interface: &'static Interface,
    counts: Arc<Counts>,
}

impl Service for Lossy {
    fn interface(&self) -> &'static Interface {
        self.interface
    }

    fn call(&self, call: Call, request: Body) -> BoxFuture<'static, Result<Body, Fault>> {
        let running = Running::new(&self.counts);
        assert_ne!(call.opnum(), PANIC, "as it should");
        Box::pin(run(call, request, running))
    }
}

async fn run(call: Call, mut request: Body, running: Running) -> Result<Body, Fault> {
    let counts = Arc::clone(&running.0);
    match call.opnum() {
        SINK => {
            let mut len = 0;
            while let Some(chunk) = request.next().await {
                len += chunk.map_err(|_| Fault::BAD_STUB_DATA)?.len();
            }
            return Ok(Bytes::from(len.to_string()).into());
        }
        DEAF => {
            call.cancelled().await;
            counts.cancelled.fetch_add(1, SeqCst);
            return Err(Fault::CANCELLED);
        }
        _ => {}
    }
    let stub = request.collect(usize::MAX).await.map_err(|_| Fault::BAD_STUB_DATA)?;
    let permit = async { counts.permits.acquire().await.unwrap().forget() };
    match call.opnum() {
        ECHO => Ok(stub.into()),
        WAIT => {
            call.cancelled().await;
            counts.cancelled.fetch_add(1, SeqCst);
            Err(Fault::CANCELLED)
        }
        STUBBORN => {
            permit.await;
            Ok(stub.into())
        }
        OPEN => {
            permit.await;
            counts.opened.fetch_add(1, SeqCst);
            let raw = call.open_handle(Opened(Arc::clone(&counts)), &HANDLE)?;
            Ok(Bytes::copy_from_slice(raw.uuid.as_bytes()).into())
        }
        PANIC_LATER => {
            tokio::task::yield_now().await;
            panic!("as it should");
        }
        opnum => Ok(Body::from_stream(Source { call, chunks: 0, opnum, running })),
    }
}

/// A response without end.
struct Source {
    call: Call,
    chunks: usize,
    opnum: u16,
    running: Running,
}

impl Stream for Source {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.call.is_cancelled() {
            self.running.0.cancelled.fetch_add(1, SeqCst);
            return Poll::Ready(Some(Err(Fault::CANCELLED.into())));
        }
        self.chunks += 1;
        assert!(self.opnum != PANIC_STREAM || self.chunks < 5, "as it should");
        // Not so fast that nobody else gets a turn.
        if self.opnum != FLOOD && self.chunks.is_multiple_of(8) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok(pattern(1000))))
    }
}

pub fn pattern(len: usize) -> Bytes {
    (0..len).map(|at| (at * 7 + at / 251) as u8).collect()
}

/// A request that comes in pieces, with a turn for others in between.
pub struct Pieces {
    pub left: usize,
    pub wait: bool,
}

impl Pieces {
    pub fn body(left: usize) -> Body {
        Body::from_stream(Self { left, wait: true })
    }
}

impl Stream for Pieces {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::replace(&mut self.wait, false) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let len = self.left.min(3000);
        self.left -= len;
        self.wait = true;
        Poll::Ready(Some(Ok(pattern(len))))
    }
}

const USER: &str = "root";
const PASSWORD: &str = "Passw0rd";

/// How client and server speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    pub sealed: bool,
    /// By NTLM, whose keystreams run on from PDU to PDU.
    pub ntlm: bool,
    pub multiplexed: bool,
    /// Whether the connection outlives orphaned PDUs.
    pub keep: bool,
    /// Octets that one side may be ahead of the other.
    pub room: usize,
}

impl Mode {
    pub const PLAIN: Self = Self { sealed: false, ntlm: false, multiplexed: true, keep: true, room: 4000 };
    pub const SEALED: Self = Self { sealed: true, ..Self::PLAIN };
    pub const NTLM: Self = Self { ntlm: true, ..Self::SEALED };
}

pub type Served = JoinHandle<Result<(), ConnectionError>>;

/// The server.
pub struct Server {
    pub config: Arc<ServerConfig>,
    pub counts: Arc<Counts>,
    /// Tasks that were alive before.
    baseline: usize,
}

impl Server {
    pub fn new() -> Self {
        let counts = Arc::new(Counts {
            running: AtomicUsize::new(0),
            cancelled: AtomicUsize::new(0),
            opened: AtomicUsize::new(0),
            closed: AtomicUsize::new(0),
            permits: Semaphore::new(0),
        });
        let service = |interface| Arc::new(Lossy { interface, counts: Arc::clone(&counts) }) as Arc<dyn Service>;
        let mut config = ServerConfig::new(vec![service(&INTERFACE), service(&OTHER)]);
        config.limits.stream_from = 8000;
        config.limits.stream_bound = 16_000;
        let accept = |_| Box::new(TestContext::acceptor(7, 3, Some("tester"))) as Box<_>;
        config.acceptors.push(Arc::new(AcceptorFn::new(AUTH_TYPE, accept)) as Arc<dyn Acceptor>);
        let accounts = Arc::new(Accounts::default().with_password(USER, PASSWORD));
        let ntlm = Arc::new(NtlmServerConfig::new("SERVER", accounts));
        let accept = move |_| Box::new(NtlmServer::new(Arc::clone(&ntlm))) as Box<_>;
        config.acceptors.push(Arc::new(AcceptorFn::new(ntlm::AUTH_TYPE, accept)) as Arc<dyn Acceptor>);
        Self { config: Arc::new(config), counts, baseline: Handle::current().metrics().num_alive_tasks() }
    }

    pub fn builder(mode: Mode) -> ClientBuilder {
        let builder = ClientBuilder::new(StringBinding::tcp("memory", 1)).configure(|config| {
            config.multiplexed = mode.multiplexed;
            if !mode.keep {
                config.features = msrpc::pdu::BindFeatures::empty();
            }
            config.max_frag = msrpc::pdu::MUST_RECV_FRAG_SIZE;
            config.stream_from = 8000;
            config.stream_bound = 8000;
        });
        if mode.ntlm {
            let credentials = NtlmCredentials::of_account(USER, PASSWORD);
            return builder.authenticate(move |level| Box::new(NtlmClient::new(credentials.clone(), level)));
        }
        if mode.sealed { builder.authenticate(|_| Box::new(TestContext::initiator(7, 3))) } else { builder }
    }

    /// Serves one end of a stream.
    pub fn serve(&self, stream: impl msrpc::transport::Stream) -> Served {
        let config = Arc::clone(&self.config);
        tokio::spawn(async move {
            let options = ConnectionOptions::default();
            serve_stream(config, options, stream, memory::info(), std::future::pending()).await
        })
    }

    pub async fn connect(&self, mode: Mode) -> Result<(BoundChannel, Served), ConnectError> {
        let (near, far) = memory::pair(mode.room);
        let served = self.serve(far);
        Ok((Self::builder(mode).bind(Dribble::new(near, mode.room / 8), &INTERFACE).await?, served))
    }

    /// Waits until nothing is left: no task, method or handle, nor a group.
    pub async fn settled(&self, what: &str) {
        for _ in 0..20_000 {
            if self.left().is_none() {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("{what}: {} left", self.left().unwrap_or_default());
    }

    fn left(&self) -> Option<String> {
        let tasks = Handle::current().metrics().num_alive_tasks();
        let Counts { running, opened, closed, .. } = &*self.counts;
        let (running, opened, closed) = (running.load(SeqCst), opened.load(SeqCst), closed.load(SeqCst));
        let groups = self.config.groups.len();
        let nothing = tasks <= self.baseline && running == 0 && opened == closed && groups == 0;
        (!nothing).then(|| {
            let baseline = self.baseline;
            format!(
                "{tasks} tasks instead of {baseline}, {running} methods, {opened} - {closed} handles, {groups} groups"
            )
        })
    }
}

/// The whole answer of a call.
pub async fn call(channel: &BoundChannel, opnum: u16, request: impl Into<Body>) -> Result<Bytes, ChannelError> {
    Ok(channel.call(opnum, request.into()).await?.body.collect(usize::MAX).await?)
}

/// Whether an answer is its request: a verification trailer leaves its padding behind.
pub fn echoed(answer: &[u8], request: &[u8]) -> bool {
    answer.starts_with(request) && answer.len() < request.len() + 4
}

/// Drops a future once it has been polled so often, which it is whenever it is its turn. Gives what it
/// came to, if it did.
pub fn dropped_after<F: Future + Unpin>(polls: usize, future: F) -> impl Future<Output = Option<F::Output>> {
    let mut future = Some(future);
    let mut left = polls;
    std::future::poll_fn(move |cx| {
        if left == 0 {
            future = None;
            return Poll::Ready(None);
        }
        left -= 1;
        cx.waker().wake_by_ref();
        match &mut future {
            Some(future) => Pin::new(future).poll(cx).map(Some),
            None => Poll::Ready(None),
        }
    })
}

/// A stream that takes and gives few octets at a time, with a turn for others in between.
pub struct Dribble<S> {
    pub stream: S,
    pub step: usize,
    read: bool,
    written: bool,
}

impl<S> Dribble<S> {
    pub fn new(stream: S, step: usize) -> Self {
        Self { stream, step, read: false, written: false }
    }
}

/// Every other time somebody else's.
fn turn(taken: &mut bool, cx: &Context<'_>) -> Poll<()> {
    if std::mem::replace(taken, !*taken) {
        cx.waker().wake_by_ref();
        return Poll::Pending;
    }
    Poll::Ready(())
}

impl<S: AsyncRead + Unpin> AsyncRead for Dribble<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(turn(&mut this.read, cx));
        let mut part = buf.take(this.step);
        let polled = Pin::new(&mut this.stream).poll_read(cx, &mut part);
        let len = part.filled().len();
        // All of it was initialized when it was filled.
        let octets = part.filled().to_vec();
        if len > 0 {
            buf.put_slice(&octets);
        } else if polled.is_pending() {
            this.read = false;
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Dribble<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(turn(&mut this.written, cx));
        Pin::new(&mut this.stream).poll_write(cx, &octets[..octets.len().min(this.step)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Lets others run for a while.
pub async fn turns(turns: usize) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}
