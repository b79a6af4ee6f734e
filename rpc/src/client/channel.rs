//! A bound interface, as generated clients see it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use msrpc_ndr::{AssociationId, Body, Channel, ChannelError, Encoding, Interface, Reply, TransportError};
use tokio::time::Sleep;
use tracing::Instrument as _;
use uuid::Uuid;

use super::{ConnectError, Connection};
use crate::{
    association::{BoundContext, Proposal},
    metrics::{CallMeter, InterfaceMetrics},
};

/// Octets of a response that a server gets the call's time for anew.
const STEP: usize = 64 << 10;

/// An interface bound on a connection. Cloning is cheap; clones call at the same time.
///
/// Dropping the future of a call cancels it: the server is told so, and its answer is dropped. So does
/// dropping the body of a response that has not arrived wholly, as pipes and large responses are.
#[derive(Clone, Debug)]
pub struct BoundChannel {
    connection: Connection,
    context: BoundContext,
    interface: &'static Interface,
    metrics: Arc<InterfaceMetrics>,
    object: Option<Uuid>,
    timeout: Option<Duration>,
}

impl BoundChannel {
    pub(super) fn new(
        connection: Connection,
        context: BoundContext,
        interface: &'static Interface,
        object: Option<Uuid>,
        timeout: Option<Duration>,
    ) -> Self {
        let metrics = connection.metrics(interface);
        Self { connection, context, interface, metrics, object, timeout }
    }

    /// The connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Another interface on the same connection.
    ///
    /// # Errors
    ///
    /// Fails if the server does not have it, or the connection has ended.
    pub async fn bind(&self, interface: &'static Interface) -> Result<Self, ConnectError> {
        let outcomes = self.connection.alter(&[Proposal::new(interface)]).await?;
        self.connection.clone().channel_of(interface, outcomes, self.object, self.timeout)
    }

    /// The same interface, for calls of an object.
    pub fn with_object(mut self, object: Option<Uuid>) -> Self {
        self.object = object;
        self
    }

    /// The same interface, for calls that may take so long: until the response is there, or, where it
    /// goes to its reader while it arrives, begins; from then on for each 64 KiB of it, and for each
    /// piece of a pipe, which comes when it comes. So a server that trickles does not hold a call for
    /// ever.
    pub fn with_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }
}

impl Channel for BoundChannel {
    fn encoding(&self) -> Encoding {
        self.context.encoding
    }

    fn association(&self) -> AssociationId {
        self.connection.id()
    }

    async fn call(&self, opnum: u16, request: Body) -> Result<Reply, ChannelError> {
        let operation = self.interface.operation(opnum).map_or("(no such operation)", |operation| operation.name);
        let span = tracing::debug_span!("call", interface = self.interface.name, operation, opnum);
        let piped = self.interface.has_pipes(opnum);
        // It fails unless something else comes of it.
        let mut meter = self.metrics.begin(opnum).runs();
        meter.fails();
        let call = self.connection.call(self.context.id, opnum, self.object, piped, request, &meter).instrument(span);
        let outcome = match self.timeout {
            None => call.await,
            Some(timeout) => tokio::time::timeout(timeout, call).await.unwrap_or_else(|_| {
                Err(TransportError::timed_out(format!("{operation} has not been answered within {timeout:?}")).into())
            }),
        };
        let (body, order) =
            outcome.inspect_err(|error| meter.broke_off(!matches!(error, ChannelError::Transport(_))))?;
        let encoding = Encoding::new(self.context.encoding.syntax(), order)
            .ok_or_else(|| TransportError::new("the server answers in big-endian NDR64, which does not exist"))?;
        let body = if body.is_complete() {
            meter.response(body.ready_len());
            meter.answered();
            body
        } else {
            self.watched(body, meter, operation, piped)
        };
        Ok(Reply { body, encoding })
    }
}

impl BoundChannel {
    /// A body that is still growing: holds the connection, and does not wait forever.
    fn watched(&self, body: Body, meter: CallMeter, operation: &'static str, piped: bool) -> Body {
        Body::from_stream(Watched {
            body: Some(body),
            meter,
            timeout: self.timeout,
            running: None,
            step: if piped { 0 } else { STEP },
            received: 0,
            operation,
            _connection: self.connection.clone(),
        })
    }
}

/// The body of a response that is still growing.
struct Watched {
    /// Dropped when its time is up, which the server is told.
    body: Option<Body>,
    meter: CallMeter,
    timeout: Option<Duration>,
    /// Runs out while less comes than should.
    running: Option<Pin<Box<Sleep>>>,
    /// Octets after which the time begins anew; any at all, where it is 0.
    step: usize,
    /// Octets since it began.
    received: usize,
    operation: &'static str,
    _connection: Connection,
}

impl Stream for Watched {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        if let Poll::Ready(next) = body.poll_next(cx) {
            match &next {
                Some(Ok(chunk)) => {
                    this.meter.response(chunk.len());
                    this.received = this.received.saturating_add(chunk.len());
                    if this.received >= this.step {
                        (this.running, this.received) = (None, 0);
                    }
                }
                Some(Err(error)) => this.meter.broke_off(error.fault().is_some()),
                None => this.meter.answered(),
            }
            return Poll::Ready(next);
        }
        let Some(timeout) = this.timeout else { return Poll::Pending };
        let running = this.running.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        ready!(running.as_mut().poll(cx));
        this.body = None;
        let operation = this.operation;
        let received = this.received;
        let error = format!("only {received} octets more of the response of {operation} have come within {timeout:?}");
        Poll::Ready(Some(Err(TransportError::timed_out(error))))
    }
}

impl Connection {
    pub(super) fn channel_of(
        self,
        interface: &'static Interface,
        outcomes: Vec<Result<BoundContext, crate::pdu::RejectReason>>,
        object: Option<Uuid>,
        timeout: Option<Duration>,
    ) -> Result<BoundChannel, ConnectError> {
        let outcome = outcomes.into_iter().next().unwrap_or(Err(crate::pdu::RejectReason::NOT_SPECIFIED));
        let context = outcome.map_err(|reason| ConnectError::refused(interface.name, reason))?;
        Ok(BoundChannel::new(self, context, interface, object, timeout))
    }
}
