//! One connection of a server: the state machine, a stream, and the calls that run.

use std::{
    future::poll_fn,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Buf, BytesMut};
use msrpc_ndr::{Body, Fault};
use tokio::{io::AsyncWriteExt, time::Sleep};
use tracing::Instrument as _;

use super::{ConnectionOptions, mailbox::Mailbox};
use crate::{
    association::{
        CallKey, CloseReason, Event, IncomingCall, ServerAssociation, ServerConfig, StepDone, StepJob, TransportInfo,
        body_pipe,
    },
    transport::{Stream, reading::Reading},
};

/// Octets that are prepared for sending at a time.
const OUTPUT: usize = 64 << 10;

/// Why a connection of a server ended before its client closed it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The transport failed.
    #[error("the transport failed: {0}")]
    Transport(#[from] io::Error),
    /// The client is at fault.
    #[error(transparent)]
    Protocol(#[from] CloseReason),
    /// The client did not bind in time.
    #[error("the client did not bind in time")]
    BindTimeout,
    /// A security provider panicked.
    #[error("a security provider failed")]
    Provider,
}

/// Serves a client over a stream that has just been opened, until one side closes it. After `stop`
/// the connection is closed as soon as nothing is in progress on it.
///
/// # Errors
///
/// Says why the connection ended, unless the client closed it.
pub async fn serve_stream(
    config: Arc<ServerConfig>,
    options: ConnectionOptions,
    stream: impl Stream,
    transport: TransportInfo,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), ConnectionError> {
    let mut stop = pin!(stop);
    let mut connection = Connection {
        stream,
        reading: Reading::default(),
        association: ServerAssociation::new(config, transport),
        output: BytesMut::new(),
        bodies: Vec::new(),
        done: Mailbox::new(),
        bind_timeout: Some(Box::pin(tokio::time::sleep(options.bind_timeout))),
        stopping: false,
    };
    let result = poll_fn(|cx| {
        if !connection.stopping && stop.as_mut().poll(cx).is_ready() {
            connection.stopping = true;
        }
        connection.poll(cx)
    })
    .await;
    let _ = connection.stream.shutdown().await;
    result
}

struct Connection<S> {
    stream: S,
    reading: Reading,
    association: ServerAssociation,
    output: BytesMut,
    /// Responses that still grow.
    bodies: Vec<(CallKey, Body)>,
    done: Mailbox<Done>,
    bind_timeout: Option<Pin<Box<Sleep>>>,
    stopping: bool,
}

/// What comes back from other tasks.
enum Done {
    Call(CallKey, Result<Body, Fault>),
    Step(StepDone),
    ProviderFailed,
}

impl<S: Stream> Connection<S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        loop {
            let mut progress = false;
            while let Some(done) = self.done.take(cx) {
                progress = true;
                match done {
                    Done::Call(key, outcome) => self.answer(key, outcome),
                    Done::Step(done) => self.association.authenticated(done),
                    Done::ProviderFailed => return Poll::Ready(Err(ConnectionError::Provider)),
                }
            }
            self.association.process();
            while let Some(event) = self.association.poll_event() {
                progress = true;
                match event {
                    Event::Call(call) => self.start(call, cx),
                    Event::Authenticate(job) => self.authenticate(job),
                }
            }
            progress |= self.poll_bodies(cx);
            progress |= self.association.full_body().is_some_and(|body| body.poll_room(cx).is_ready());
            match self.poll_write(cx) {
                Ok(written) => progress |= written,
                Err(error) => return Poll::Ready(Err(error.into())),
            }
            if self.output.is_empty() {
                if let Some(reason) = self.association.close_reason() {
                    return Poll::Ready(Err(reason.clone().into()));
                }
                if self.stopping && self.association.is_idle() {
                    return Poll::Ready(Ok(()));
                }
            }
            if let Err(error) = self.check_bind_timeout(cx) {
                return Poll::Ready(Err(error));
            }
            match self.poll_read(cx) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(_)) => progress = true,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending => {}
            }
            if !progress {
                if self.output.is_empty() {
                    // Who waits has no buffers.
                    self.output = BytesMut::new();
                }
                return Poll::Pending;
            }
        }
    }

    fn check_bind_timeout(&mut self, cx: &mut Context<'_>) -> Result<(), ConnectionError> {
        if self.association.is_bound() {
            self.bind_timeout = None;
        }
        let over = self.bind_timeout.as_mut().is_some_and(|timeout| timeout.as_mut().poll(cx).is_ready());
        if over { Err(ConnectionError::BindTimeout) } else { Ok(()) }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // A client that does not read its responses is not heard either.
        if !self.association.wants_input() || self.output.len() > OUTPUT {
            return Poll::Pending;
        }
        self.reading.poll(&mut self.stream, self.association.input(), cx)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let mut progress = false;
        loop {
            self.association.transmit(&mut self.output, OUTPUT);
            if self.output.is_empty() {
                // Some streams hold octets back, and go on with them here.
                let Poll::Ready(Err(error)) = Pin::new(&mut self.stream).poll_flush(cx) else { return Ok(progress) };
                return Err(error);
            }
            match Pin::new(&mut self.stream).poll_write(cx, &self.output) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(len)) => {
                    self.output.advance(len);
                    progress = true;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => return Ok(progress),
            }
        }
    }

    /// Polls a call once in place; what does not end with that goes to a task of its own.
    fn start(&mut self, incoming: IncomingCall, cx: &mut Context<'_>) {
        let IncomingCall { key, call, service, request } = incoming;
        let span = tracing::debug_span!(
            "call",
            interface = call.interface().name,
            operation = call.operation_name(),
            opnum = call.opnum(),
            id = key.call_id(),
        );
        let polled = {
            let _entered = span.enter();
            catch_unwind(AssertUnwindSafe(|| {
                let mut future = service.call(call, request);
                match future.as_mut().poll(cx) {
                    Poll::Ready(outcome) => Ok(outcome),
                    Poll::Pending => Err(future),
                }
            }))
        };
        match polled {
            Ok(Ok(outcome)) => self.answer(key, drive(outcome)),
            Ok(Err(future)) => {
                let mut guard = AnswerGuard { key, done: Some(self.done.clone()) };
                let running = async move {
                    let outcome = drive(future.await);
                    if let Some(done) = guard.done.take() {
                        done.post(Done::Call(key, outcome));
                    }
                };
                tokio::spawn(running.instrument(span));
            }
            Err(_panic) => {
                tracing::error!(call_id = key.call_id(), "an implementation panicked");
                self.association.fault(key, Fault::UNSPECIFIED);
            }
        }
    }

    fn answer(&mut self, key: CallKey, outcome: Result<Body, Fault>) {
        match outcome {
            Ok(body) => {
                if self.association.begin(key) {
                    self.bodies.push((key, body));
                }
            }
            Err(fault) => {
                tracing::debug!(call_id = key.call_id(), %fault, "fault");
                self.association.fault(key, fault);
            }
        }
    }

    fn poll_bodies(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        let association = &mut self.association;
        self.bodies.retain_mut(|(key, body)| {
            loop {
                if !association.has_room(*key) {
                    return true;
                }
                match body.poll_next(cx) {
                    Poll::Ready(Some(Ok(chunk))) => association.push(*key, chunk),
                    Poll::Ready(Some(Err(error))) => {
                        tracing::debug!(%error, "a response broke off");
                        association.fault(*key, error.fault().unwrap_or(Fault::UNSPECIFIED));
                        progress = true;
                        return false;
                    }
                    Poll::Ready(None) => {
                        association.finish(*key);
                        progress = true;
                        return false;
                    }
                    Poll::Pending => return true,
                }
                progress = true;
            }
        });
        progress
    }

    fn authenticate(&self, job: StepJob) {
        let done = self.done.clone();
        tokio::task::spawn_blocking(move || {
            let result = catch_unwind(AssertUnwindSafe(|| job.run()));
            done.post(result.map_or(Done::ProviderFailed, Done::Step));
        });
    }
}

/// A response that still grows comes from a method that still runs: a task of its own drives it to
/// its end, whether the client reads it or not.
fn drive(outcome: Result<Body, Fault>) -> Result<Body, Fault> {
    let mut body = outcome?;
    if body.is_complete() {
        return Ok(body);
    }
    let (sender, driven) = body_pipe(OUTPUT);
    let driving = async move {
        while let Some(chunk) = body.next().await {
            match chunk {
                Ok(chunk) => sender.push(chunk),
                Err(error) => return sender.fail(error),
            }
            poll_fn(|cx| sender.poll_room(cx)).await;
        }
        sender.finish();
    };
    tokio::spawn(driving.in_current_span());
    Ok(driven)
}

/// Answers a call whose implementation panics.
struct AnswerGuard {
    key: CallKey,
    done: Option<Mailbox<Done>>,
}

impl Drop for AnswerGuard {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            done.post(Done::Call(self.key, Err(Fault::UNSPECIFIED)));
        }
    }
}
