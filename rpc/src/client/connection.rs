//! One connection of a client: the state machine, a stream, and the calls in flight.
//!
//! A task drives the connection. Callers write their requests themselves where the stream takes
//! them at once, so that a call costs one change of task.

mod driver;

use std::{
    collections::HashMap,
    future::poll_fn,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::{Buf, BytesMut};
use msrpc_ndr::{AssociationId, Body, ByteOrder, ChannelError, Interface, TransportError};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, oneshot};
use tracing::Instrument as _;
use uuid::Uuid;

use driver::{Driver, drive};

use super::ConnectError;
use crate::{
    association::{BoundContext, ClientAssociation, ClientConfig, ClientError, ClientSecurity, Proposal, StepJob},
    metrics::{CallMeter, ClientMetrics, InterfaceMetrics, LinkMeter},
    pdu::RejectReason,
    transport::{Stream, reading::Reading},
};

/// Octets that are prepared for sending at a time.
const OUTPUT: usize = 64 << 10;

/// Octets of a streamed request that wait to be sent before its body is asked for more.
const REQUEST_BOUND: usize = 256 << 10;

/// A response and the byte order that it came in.
pub(super) type Answer = (Body, ByteOrder);
pub(super) type Outcomes = Vec<Result<BoundContext, RejectReason>>;
/// What a bind or alter_context will have come to.
pub(super) type Negotiation = oneshot::Receiver<Result<Outcomes, ClientError>>;

/// A connection to a server. Cloning is cheap; the connection closes with the last clone.
#[derive(Clone, Debug)]
pub struct Connection {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    id: AssociationId,
    /// One negotiation at a time.
    negotiating: Arc<AsyncMutex<()>>,
    metrics: Arc<ClientMetrics>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.with(|inner| {
            inner.unused = true;
            inner.woken.extend(inner.driver.clone());
        });
    }
}

struct Shared {
    inner: Mutex<Inner>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

struct Inner {
    association: ClientAssociation,
    /// Closed once there is nothing more to come.
    stream: Option<Box<dyn Stream>>,
    reading: Reading,
    output: BytesMut,
    /// Counts the connection until it has ended.
    meter: Option<LinkMeter>,
    driver: Option<Waker>,
    calls: HashMap<u32, Slot>,
    negotiation: Option<Exchange>,
    /// Why there is nothing more to come.
    ended: Option<TransportError>,
    /// Why the connection could not be bound, for who waits for that.
    refused: Option<ClientError>,
    /// Nobody holds the connection any more.
    unused: bool,
    sending: Sending,
    steps: Vec<StepJob>,
    /// A step is under way.
    stepping: bool,
    /// Who is to be woken once the lock is released.
    woken: Vec<Waker>,
}

/// A negotiation that is under way, be it waited for or not.
struct Exchange {
    sender: oneshot::Sender<Result<Outcomes, ClientError>>,
    /// Keeps the next one away until the server has answered.
    _turn: Option<OwnedMutexGuard<()>>,
}

/// Whether the driver sends when it is its turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sending {
    AtOnce,
    /// It gives way to other tasks first.
    Gathers,
    /// It has done so.
    Gathered,
}

/// A call in flight.
#[derive(Default)]
struct Slot {
    outcome: Option<Result<Answer, ChannelError>>,
    waker: Option<Waker>,
    /// Its request waits for room.
    sending: bool,
}

impl Shared {
    /// Works under the lock, and wakes whom that concerns behind it.
    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.lock();
        let result = work(&mut inner);
        let woken = std::mem::take(&mut inner.woken);
        drop(inner);
        woken.into_iter().for_each(Waker::wake);
        result
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Opens a connection, which binds `proposals` and authenticates. What comes of that,
    /// [`negotiated`](Self::negotiated) says.
    pub(super) fn open(
        config: ClientConfig,
        stream: impl Stream,
        group: u32,
        proposals: &[Proposal],
        security: Option<ClientSecurity>,
        metrics: &Arc<ClientMetrics>,
    ) -> Result<(Self, Negotiation), ConnectError> {
        let mut association = ClientAssociation::new(config);
        association.bind(group, proposals, security)?;
        let (sender, receiver) = oneshot::channel();
        let inner = Inner {
            association,
            stream: Some(Box::new(stream)),
            reading: Reading::default(),
            output: BytesMut::new(),
            meter: Some(metrics.connection()),
            driver: None,
            calls: HashMap::new(),
            negotiation: Some(Exchange { sender, _turn: None }),
            ended: None,
            refused: None,
            unused: false,
            sending: Sending::AtOnce,
            steps: Vec::new(),
            stepping: false,
            woken: Vec::new(),
        };
        let shared = Arc::new(Shared { inner: Mutex::new(inner) });
        let handle = Handle {
            shared: Arc::clone(&shared),
            id: AssociationId::unique(),
            negotiating: Arc::default(),
            metrics: Arc::clone(metrics),
        };
        let connection = Self { handle: Arc::new(handle) };
        let span = tracing::debug_span!("connection", id = ?connection.handle.id);
        tokio::spawn(drive(Driver { shared }).instrument(span));
        Ok((connection, receiver))
    }

    /// Identifies the connection, for context handles.
    pub fn id(&self) -> AssociationId {
        self.handle.id
    }

    /// The association group that the server put the connection into, for others to join.
    pub fn group(&self) -> u32 {
        self.handle.shared.lock().association.group()
    }

    /// The counters of an interface.
    pub(super) fn metrics(&self, interface: &'static Interface) -> Arc<InterfaceMetrics> {
        self.handle.metrics.interface(interface)
    }

    /// Looks at the state of the connection.
    pub fn inspect<T>(&self, look: impl FnOnce(&ClientAssociation) -> T) -> T {
        look(&self.handle.shared.lock().association)
    }

    /// Proposes further interfaces.
    pub(super) async fn alter(&self, proposals: &[Proposal]) -> Result<Outcomes, ConnectError> {
        let turn = Arc::clone(&self.handle.negotiating).lock_owned().await;
        let receiver = self.handle.shared.with(|inner| {
            if let Some(ended) = &inner.ended {
                return Err(ConnectError::from(ended.clone()));
            }
            inner.association.alter(proposals)?;
            let (sender, receiver) = oneshot::channel();
            inner.negotiation = Some(Exchange { sender, _turn: Some(turn) });
            inner.flush();
            Ok(receiver)
        })?;
        self.negotiated(receiver).await
    }

    /// Whether a step of authentication is under way.
    pub(super) fn is_stepping(&self) -> bool {
        self.handle.shared.lock().stepping
    }

    /// Waits for what a bind or alter_context comes to.
    pub(super) async fn negotiated(&self, receiver: Negotiation) -> Result<Outcomes, ConnectError> {
        match receiver.await {
            Ok(result) => Ok(result?),
            Err(_) => {
                let ended = self.handle.shared.lock().ended.clone();
                Err(ended.unwrap_or_else(|| TransportError::new("the connection has ended")).into())
            }
        }
    }

    /// Makes a call.
    pub(super) async fn call(
        &self,
        context: u16,
        opnum: u16,
        object: Option<Uuid>,
        piped: bool,
        request: Body,
        meter: &CallMeter,
    ) -> Result<Answer, ChannelError> {
        let shared = &self.handle.shared;
        let mut request = Some(request);
        let mut pending = shared.with(|inner| {
            if let Some(ended) = &inner.ended {
                return Err(ended.clone());
            }
            let not_bound = |error| TransportError::with_source("the call cannot be made", error);
            let call_id = inner.association.request(context, opnum, object).map_err(not_bound)?;
            inner.calls.insert(call_id, Slot::default());
            if piped {
                inner.association.stream(call_id);
            }
            if let Some(request) = request.take_if(|request| request.is_complete()) {
                meter.request(request.ready_len());
                inner.push_all(call_id, request);
            }
            Ok(PendingCall { connection: self, call_id: Some(call_id) })
        })?;
        let Some(call_id) = pending.call_id else { return Err(TransportError::new("no call").into()) };
        // While a request still grows, a fault may come. Both are looked for under one lock: room that
        // the driver makes in between would go unseen.
        let outcome = poll_fn(|cx| {
            let (sent, outcome) = shared.with(|inner| {
                let sent = request.as_mut().is_some_and(|body| inner.poll_request(call_id, body, meter, cx));
                (sent, inner.poll_outcome(call_id, cx))
            });
            if sent {
                request = None;
            }
            outcome
        })
        .await;
        pending.call_id = None;
        outcome
    }
}

/// Gives the call up when it is dropped.
struct PendingCall<'a> {
    connection: &'a Connection,
    call_id: Option<u32>,
}

impl Drop for PendingCall<'_> {
    fn drop(&mut self) {
        let Some(call_id) = self.call_id else { return };
        self.connection.handle.shared.with(|inner| {
            inner.calls.remove(&call_id);
            inner.association.abandon(call_id);
            inner.flush();
        });
    }
}

impl Inner {
    /// Adds a body that is complete. A call that is alone is sent at once. Where there are several, the
    /// driver sends them, behind what other callers have for it by then: one write for all.
    fn push_all(&mut self, call_id: u32, mut body: Body) {
        let cx = &mut Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(Ok(chunk))) = body.poll_next(cx) {
            self.association.push(call_id, chunk);
        }
        self.association.finish(call_id);
        if self.calls.len() <= 1 {
            self.flush();
        } else if self.sending == Sending::AtOnce {
            self.sending = Sending::Gathers;
            self.woken.extend(self.driver.clone());
        }
    }

    /// Sends more of a body that still grows; true once nothing more is to be sent.
    fn poll_request(&mut self, call_id: u32, body: &mut Body, meter: &CallMeter, cx: &mut Context<'_>) -> bool {
        loop {
            if self.calls.get(&call_id).is_none_or(|slot| slot.outcome.is_some()) {
                return true;
            }
            if self.association.buffered(call_id) >= REQUEST_BOUND {
                self.flush();
                if self.association.buffered(call_id) >= REQUEST_BOUND {
                    if let Some(slot) = self.calls.get_mut(&call_id) {
                        slot.sending = true;
                    }
                    return false;
                }
            }
            match body.poll_next(cx) {
                Poll::Ready(Some(Ok(chunk))) => {
                    meter.request(chunk.len());
                    self.association.push(call_id, chunk);
                }
                Poll::Ready(Some(Err(error))) => {
                    self.association.abandon(call_id);
                    self.flush();
                    if let Some(slot) = self.calls.get_mut(&call_id) {
                        slot.outcome = Some(Err(error.into()));
                    }
                    return true;
                }
                Poll::Ready(None) => {
                    self.association.finish(call_id);
                    self.flush();
                    return true;
                }
                Poll::Pending => {
                    self.flush();
                    return false;
                }
            }
        }
    }

    fn poll_outcome(&mut self, call_id: u32, cx: &mut Context<'_>) -> Poll<Result<Answer, ChannelError>> {
        let Some(slot) = self.calls.get_mut(&call_id) else {
            let ended = self.ended.clone();
            return Poll::Ready(Err(ended.unwrap_or_else(|| TransportError::new("the call is lost")).into()));
        };
        if let Some(outcome) = slot.outcome.take() {
            self.calls.remove(&call_id);
            return Poll::Ready(outcome);
        }
        match &mut slot.waker {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            waker => *waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Sends from a caller what the stream takes at once; the driver does the rest.
    fn flush(&mut self) {
        let Some(driver) = self.driver.clone() else { return };
        let written = self.poll_write(&mut Context::from_waker(&driver));
        if let Ok(true) = written {
            // Room that is made for others' requests here, the driver does not see.
            self.wake_senders();
        }
        if written.is_err() || self.association.close_reason().is_some() {
            self.woken.push(driver);
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let Some(stream) = &mut self.stream else { return Err(io::ErrorKind::NotConnected.into()) };
        let mut progress = false;
        loop {
            self.association.transmit(&mut self.output, OUTPUT);
            if self.output.is_empty() {
                // Some streams hold octets back, and go on with them here.
                let Poll::Ready(Err(error)) = Pin::new(&mut **stream).poll_flush(cx) else { return Ok(progress) };
                return Err(error);
            }
            match Pin::new(&mut **stream).poll_write(cx, &self.output) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(len)) => {
                    self.output.advance(len);
                    self.meter.iter().for_each(|meter| meter.sent(len));
                    progress = true;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => return Ok(progress),
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if !self.association.wants_input() {
            return Poll::Pending;
        }
        let Some(stream) = &mut self.stream else { return Poll::Ready(Ok(0)) };
        let polled = self.reading.poll(&mut **stream, self.association.input(), cx);
        if let (Poll::Ready(Ok(len)), Some(meter)) = (&polled, &self.meter) {
            meter.received(*len);
        }
        polled
    }
}
