//! An interface for tests, written by hand: its stubs are plain octets.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use msrpc_ndr::{
    AuthLevel, Body, BoxFuture, Call, ContextHandle, Fault, HandleStrictness, HandleType, Interface, Level, Service,
};
use uuid::{Uuid, uuid};

pub const ECHO: u16 = 0;
pub const OPEN: u16 = 1;
pub const USE: u16 = 2;
pub const CLOSE: u16 = 3;
pub const WAIT: u16 = 4;
pub const BIG: u16 = 5;
pub const FAIL: u16 = 6;
/// Says how much it read, chunk by chunk.
pub const DRAIN: u16 = 7;
pub const WHO: u16 = 8;
/// Like [`ECHO`], but chunk by chunk.
pub const PIPE: u16 = 9;

static HANDLE: HandleType = HandleType { name: "TEST_HANDLE" };

macro_rules! interface {
    ($name:ident, $uuid:literal, $level:expr) => {
        pub static $name: Interface = Interface {
            name: stringify!($name),
            uuid: uuid!($uuid),
            version: (1, 2),
            operations: &[],
            minimum_auth_level: $level,
            level: Level::V6,
            handles: HandleStrictness::Strict,
            wrong_handle: None,
            null_handle: None,
            endpoints: &[],
        };
    };
}

interface!(OPEN_INTERFACE, "6bffd098-a112-3610-9833-46c3f87e345a", AuthLevel::None);
interface!(SIGNED_INTERFACE, "6bffd098-a112-3610-9833-46c3f87e3999", AuthLevel::Integrity);

pub struct Tester {
    pub interface: &'static Interface,
    pub calls: AtomicUsize,
    pub alive: Arc<()>,
}

impl Tester {
    pub fn new(interface: &'static Interface) -> Arc<Self> {
        Arc::new(Self { interface, calls: AtomicUsize::new(0), alive: Arc::new(()) })
    }
}

/// What [`OPEN`] opens: counts those alive.
struct Opened(#[allow(dead_code)] Arc<()>);

pub struct Shared(pub Arc<Tester>);

impl Service for Shared {
    fn interface(&self) -> &'static Interface {
        self.0.interface
    }

    fn call(&self, call: Call, request: Body) -> BoxFuture<'static, Result<Body, Fault>> {
        let tester = Arc::clone(&self.0);
        tester.calls.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { run(tester, call, request).await })
    }
}

async fn run(tester: Arc<Tester>, call: Call, mut request: Body) -> Result<Body, Fault> {
    match call.opnum() {
        DRAIN => {
            let mut total = 0usize;
            while let Some(chunk) = request.next().await {
                total += chunk.map_err(|_| Fault::BAD_STUB_DATA)?.len();
            }
            return Ok(Bytes::from(total.to_string()).into());
        }
        PIPE => {
            let mut chunks = std::collections::VecDeque::new();
            while let Some(chunk) = request.next().await {
                chunks.push_back(chunk.map_err(|_| Fault::BAD_STUB_DATA)?);
            }
            return Ok(Body::from_stream(Chunks(chunks)));
        }
        _ => {}
    }
    let stub = request.collect(64 << 20).await.map_err(|_| Fault::BAD_STUB_DATA)?;
    match call.opnum() {
        ECHO => Ok(stub.into()),
        OPEN => {
            let raw = call.open_handle(Opened(Arc::clone(&tester.alive)), &HANDLE)?;
            Ok(Bytes::copy_from_slice(raw.uuid.as_bytes()).into())
        }
        USE | CLOSE => {
            let uuid = Uuid::from_slice(&stub).map_err(|_| Fault::BAD_STUB_DATA)?;
            let raw = ContextHandle { attributes: 0, uuid };
            let handle = call.handle::<Opened>(raw, &HANDLE).map_err(|_| Fault::CONTEXT_MISMATCH)?;
            if call.opnum() == CLOSE {
                call.handles().close(raw);
            }
            drop(handle);
            Ok(Body::empty())
        }
        WAIT => {
            call.cancelled().await;
            Err(Fault::CANCELLED)
        }
        BIG => {
            let text = std::str::from_utf8(&stub).map_err(|_| Fault::BAD_STUB_DATA)?;
            let len: usize = text.trim_end_matches('\0').parse().map_err(|_| Fault::BAD_STUB_DATA)?;
            if len > 1 << 24 {
                return Err(Fault::NO_RESOURCES);
            }
            Ok(Body::from_chunks([Bytes::from(pattern(len))]))
        }
        WHO => {
            let caller = call.caller();
            Ok(Bytes::from(format!("{:?} {:?} {:?}", caller.user, caller.auth_level, call.object())).into())
        }
        FAIL => Err(Fault::new(0x1234, true)),
        _ => Err(Fault::OP_RANGE),
    }
}

struct Chunks(std::collections::VecDeque<Bytes>);

impl futures_core::Stream for Chunks {
    type Item = Result<Bytes, msrpc_ndr::TransportError>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.pop_front().map(Ok))
    }
}

pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 251) as u8).collect()
}
