//! One connection of a server: the state machine, a stream, and the calls that run.

use std::{
    future::poll_fn,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::{Buf, BytesMut};
use msrpc_ndr::{Body, Fault};
use tokio::{io::AsyncWriteExt, sync::watch};
use tracing::Instrument as _;

use super::{
    ConnectionOptions,
    deadlines::{Deadlines, Wait},
    mailbox::{self, Mailbox},
};
use crate::{
    association::{
        CallKey, ClientKey, CloseReason, Event, IncomingCall, Quotas, Refused, ServerAssociation, ServerConfig,
        StepDone, StepJob, TransportInfo, body_pipe,
        quota::{CallLease, Deadline, Lease, Resource},
    },
    metrics::{CallMeter, ConnectionMeter, Ended},
    transport::{Stream, pipe, reading::Reading},
};

/// Octets that are prepared for sending at a time.
const OUTPUT: usize = 64 << 10;

/// Octets that wait to be sent before a client that does not read them is not heard either. Full output
/// alone is no reason: as long as a response goes on it is never anything else, and its client may want
/// to cancel it. This is for what is answered at once, and counted nowhere.
const UNHEARD: usize = 2 * OUTPUT;

/// How long a connection runs calls in place before it is others' turn.
const TURN: Duration = Duration::from_millis(2);

/// How long closing a stream may take.
const CLOSING: Duration = Duration::from_secs(5);

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
    /// The client took too long.
    #[error("the client took too long ({})", .0.name())]
    TimedOut(Deadline),
    /// There are too many connections.
    #[error("{0}")]
    Refused(Refused),
    /// A security provider panicked.
    #[error("a security provider failed")]
    Provider,
}

impl ConnectionError {
    /// What it is counted as.
    fn ended(&self) -> Ended {
        match self {
            Self::Transport(_) => Ended::Transport,
            Self::Protocol(CloseReason::Pdu(_)) => Ended::Malformed,
            Self::Protocol(CloseReason::Sequence(_)) => Ended::Sequence,
            Self::Protocol(CloseReason::Authentication(_)) => Ended::Authentication,
            Self::Protocol(CloseReason::Protection { .. }) => Ended::Protection,
            Self::Protocol(CloseReason::BindRefused(_)) => Ended::BindRefused,
            Self::Protocol(CloseReason::AlterRefused(_)) => Ended::AlterRefused,
            Self::TimedOut(_) => Ended::TimedOut,
            Self::Refused(_) => Ended::Limit,
            Self::Provider => Ended::Provider,
        }
    }
}

/// Serves a client over a stream that has just been opened, until one side closes it. After `stop`
/// no further call is begun, and the connection is closed as soon as nothing is in progress on it.
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
    let client = config.quotas.client(&ClientKey::of(&transport));
    let lease = client.take(Resource::Connections, 1).map_err(ConnectionError::Refused)?;
    serve_admitted(config, options, stream, transport, stop, lease).await
}

/// Serves a client that counts already.
pub(super) async fn serve_admitted(
    config: Arc<ServerConfig>,
    options: ConnectionOptions,
    stream: impl Stream,
    transport: TransportInfo,
    stop: impl Future<Output = ()> + Send,
    _lease: Lease,
) -> Result<(), ConnectionError> {
    let meter = config.metrics.connection();
    let mut stop = pin!(stop);
    let mut connection = Connection {
        stream,
        meter,
        reading: Reading::default(),
        running: config.quotas.running().subscribe(),
        quotas: Arc::clone(&config.quotas),
        // A pipe's client reads only what it has asked for.
        says_goodbye: transport.protocol != pipe::PROTOCOL,
        association: ServerAssociation::new(config, transport),
        output: BytesMut::new(),
        written: 0,
        bodies: Vec::new(),
        done: Mailbox::new(),
        deadlines: Deadlines::new(options),
        stopping: false,
    };
    let result = poll_fn(|cx| {
        if !connection.stopping && stop.as_mut().poll(cx).is_ready() {
            connection.stopping = true;
            connection.association.stop();
        }
        connection.poll(cx)
    })
    .await;
    connection.meter.ended(match &result {
        Ok(()) if connection.stopping => Ended::Shutdown,
        Ok(()) => Ended::Closed,
        Err(error) => error.ended(),
    });
    // Calls are told and handles run down before the stream, which may take its time.
    let mut stream = connection.into_stream();
    if !matches!(result, Err(ConnectionError::TimedOut(Deadline::Send))) {
        // Some streams still have to send something.
        let _ = tokio::time::timeout(CLOSING, stream.shutdown()).await;
    }
    result
}

struct Connection<S> {
    stream: S,
    reading: Reading,
    meter: ConnectionMeter,
    association: ServerAssociation,
    output: BytesMut,
    /// Octets sent so far.
    written: u64,
    /// Responses that still grow.
    bodies: Vec<(CallKey, Body)>,
    done: Mailbox<Done>,
    deadlines: Deadlines,
    stopping: bool,
    says_goodbye: bool,
    /// For calls: true cuts them off.
    running: watch::Receiver<bool>,
    quotas: Arc<Quotas>,
}

/// What comes back from other tasks.
enum Done {
    Call(CallKey, Result<Body, Fault>),
    Step(StepDone),
    ProviderFailed,
}

impl<S: Stream> Connection<S> {
    fn into_stream(self) -> S {
        self.stream
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        let mut turn: Option<Instant> = None;
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
            let mut others_wait = false;
            while !others_wait && let Some(event) = self.association.poll_event() {
                progress = true;
                match event {
                    Event::Call(call) => self.start(call, cx),
                    Event::Authenticate(job) => self.authenticate(job),
                }
                others_wait = turn.is_some_and(|turn| turn.elapsed() > TURN);
                turn = turn.or_else(|| Some(Instant::now()));
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
                if self.stopping && self.association.is_finished() {
                    if !std::mem::take(&mut self.says_goodbye) {
                        return Poll::Ready(Ok(()));
                    }
                    self.association.say_goodbye();
                    continue;
                }
            }
            if let Some(deadline) = self.check_deadlines(cx) {
                return Poll::Ready(Err(ConnectionError::TimedOut(deadline)));
            }
            if others_wait {
                cx.waker().wake_by_ref();
                return Poll::Pending;
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

    /// Looks what is waited for, and whether that has been for too long.
    fn check_deadlines(&mut self, cx: &mut Context<'_>) -> Option<Deadline> {
        let association = &self.association;
        let mut wait = match &self.output {
            output if output.is_empty() => Wait::finish(association.unfinished()),
            _ => Wait::read(self.written),
        };
        if wait == Wait::Nothing && self.deadlines.end_idle() && association.is_idle() {
            wait = Wait::Idle;
        }
        let over = self.deadlines.poll(wait, cx)?;
        if over == Deadline::Idle && association.group().is_some_and(|group| group.open_handles() > 0) {
            // It is looked again in another such time.
            self.deadlines.restart();
            self.deadlines.poll(wait, cx);
            return None;
        }
        self.quotas.refused(Refused::TimedOut(over));
        Some(over)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if !self.association.wants_input() || self.output.len() > UNHEARD {
            return Poll::Pending;
        }
        let polled = self.reading.poll(&mut self.stream, self.association.input(), cx);
        if let Poll::Ready(Ok(len)) = polled {
            self.meter.received(len);
        }
        polled
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
                    self.written += len as u64;
                    self.meter.sent(len);
                    progress = true;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => return Ok(progress),
            }
        }
    }

    /// Polls a call once in place; what does not end with that goes to a task of its own.
    fn start(&mut self, incoming: IncomingCall, cx: &mut Context<'_>) {
        let IncomingCall { key, call, service, request, lease, meter } = incoming;
        let meter = meter.runs();
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
            Ok(Ok(outcome)) => self.answer(key, drive(outcome, lease, meter, &self.running)),
            Ok(Err(future)) => {
                let mut guard = AnswerGuard { key, done: Some(self.done.sender()) };
                let mut cut = self.running.clone();
                let running = async move {
                    let outcome = tokio::select! {
                        biased;
                        outcome = future => outcome,
                        _ = cut.wait_for(|cut| *cut) => {
                            // The connection ends without an answer.
                            drop(guard.done.take());
                            return;
                        }
                    };
                    let outcome = drive(outcome, lease, meter, &cut);
                    if let Some(done) = guard.done.take() {
                        done.post(Done::Call(key, outcome));
                    }
                };
                tokio::spawn(running.instrument(span));
            }
            Err(_panic) => {
                if let Some(not_logged) = self.quotas.may_log() {
                    tracing::error!(call_id = key.call_id(), not_logged, "an implementation panicked");
                }
                self.association.fault(key, Fault::UNSPECIFIED);
            }
        }
    }

    fn answer(&mut self, key: CallKey, outcome: Result<Body, Fault>) {
        match outcome {
            Ok(body) => {
                if self.association.admit(key, &body) && self.association.begin(key) {
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
        let done = self.done.sender();
        let turn = Arc::clone(self.association.client()).step();
        tokio::spawn(async move {
            let turn = tokio::select! {
                biased;
                // The connection is gone.
                () = done.closed() => return,
                turn = turn => turn,
            };
            tokio::task::spawn_blocking(move || {
                let result = catch_unwind(AssertUnwindSafe(|| job.run()));
                drop(turn);
                done.post(result.map_or(Done::ProviderFailed, Done::Step));
            });
        });
    }
}

/// A response that still grows comes from a method that still runs: a task of its own drives it to
/// its end, whether the client reads it or not.
fn drive(
    outcome: Result<Body, Fault>,
    lease: CallLease,
    mut meter: CallMeter,
    running: &watch::Receiver<bool>,
) -> Result<Body, Fault> {
    let mut body = outcome?;
    if body.is_complete() {
        meter.response(body.ready_len());
        meter.answered();
        return Ok(body);
    }
    let (sender, driven) = body_pipe(OUTPUT);
    let mut cut = running.clone();
    let driving = async move {
        let _lease = lease;
        while let Some(chunk) = body.next().await {
            match chunk {
                Ok(chunk) => {
                    meter.response(chunk.len());
                    sender.push(chunk);
                }
                Err(error) => return sender.fail(error),
            }
            poll_fn(|cx| sender.poll_room(cx)).await;
            // A body that nobody reads has room for ever: others must get their turn.
            tokio::task::coop::consume_budget().await;
        }
        meter.answered();
        sender.finish();
    };
    let driving = async move {
        tokio::select! {
            biased;
            () = driving => {}
            _ = cut.wait_for(|cut| *cut) => {}
        }
    };
    tokio::spawn(driving.in_current_span());
    Ok(driven)
}

/// Answers a call whose implementation panics.
struct AnswerGuard {
    key: CallKey,
    done: Option<mailbox::Sender<Done>>,
}

impl Drop for AnswerGuard {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            done.post(Done::Call(self.key, Err(Fault::UNSPECIFIED)));
        }
    }
}
