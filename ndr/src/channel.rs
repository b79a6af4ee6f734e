//! The client's side: what generated clients call through.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use uuid::Uuid;

use crate::{
    Body, ChannelError, ContextHandle, DecodeError, DecodeErrorKind, Decoder, EncodeError, Encoder, Encoding, Message,
    Status, TransportError,
    com::{OrpcThat, OrpcThis},
    trace::trace,
};

/// Octets that a client accepts as one response.
pub(crate) const MAX_RESPONSE: usize = 1 << 30;

/// A way to the server of one interface: a bound presentation context of an association, a direct
/// call into a service, or what a user puts around them.
pub trait Channel: Send + Sync {
    /// How stubs are marshalled.
    fn encoding(&self) -> Encoding;

    /// The association that context handles belong to.
    fn association(&self) -> AssociationId;

    /// Makes a call and waits for the response.
    fn call(&self, opnum: u16, request: Body) -> impl Future<Output = Result<Reply, ChannelError>> + Send;

    /// What goes in front of the next request of a COM interface: a causality of its own, unless the
    /// channel knows better.
    fn orpc_this(&self) -> OrpcThis {
        OrpcThis::new(Uuid::new_v4())
    }

    /// Sees what came in front of a response of a COM interface.
    fn orpc_that(&self, _that: &OrpcThat) {}
}

/// A response, as a channel brings it.
#[derive(Debug)]
pub struct Reply {
    /// The response stub.
    pub body: Body,
    /// How it is marshalled: a server answers in its own byte order, which need not be the request's.
    pub encoding: Encoding,
}

impl<C: Channel> Channel for &C {
    fn encoding(&self) -> Encoding {
        C::encoding(self)
    }

    fn association(&self) -> AssociationId {
        C::association(self)
    }

    fn call(&self, opnum: u16, request: Body) -> impl Future<Output = Result<Reply, ChannelError>> + Send {
        C::call(self, opnum, request)
    }

    fn orpc_this(&self) -> OrpcThis {
        C::orpc_this(self)
    }

    fn orpc_that(&self, that: &OrpcThat) {
        C::orpc_that(self, that);
    }
}

impl<C: Channel> Channel for Arc<C> {
    fn encoding(&self) -> Encoding {
        C::encoding(self)
    }

    fn association(&self) -> AssociationId {
        C::association(self)
    }

    fn call(&self, opnum: u16, request: Body) -> impl Future<Output = Result<Reply, ChannelError>> + Send {
        C::call(self, opnum, request)
    }

    fn orpc_this(&self) -> OrpcThis {
        C::orpc_this(self)
    }

    fn orpc_that(&self, that: &OrpcThat) {
        C::orpc_that(self, that);
    }
}

/// Identifies an association within this process.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AssociationId(u64);

impl AssociationId {
    /// A new one, unlike every other.
    pub fn unique() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Debug for AssociationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AssociationId({})", self.0)
    }
}

/// Makes a call of an operation: marshals the request, unmarshals the response.
///
/// # Errors
///
/// Says which of these steps failed.
pub async fn exchange<C, Q, P>(channel: &C, opnum: u16, request: &Q) -> Result<P, ExchangeError>
where
    C: Channel,
    Q: Message + Sync,
    P: Message,
{
    trace("request", request);
    let mut e = Encoder::new(channel.encoding());
    request.encode(&mut e)?;
    let reply = channel.call(opnum, Body::from_chunks(e.finish())).await?;
    let stub = reply.body.collect(MAX_RESPONSE).await?;
    let response = P::decode(&mut Decoder::new(stub, reply.encoding))?;
    trace("response", &response);
    Ok(response)
}

/// How [`exchange`] can fail.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The request has no representation.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// No response came.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// The response is malformed.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl From<TransportError> for ExchangeError {
    fn from(error: TransportError) -> Self {
        Self::Channel(error.into())
    }
}

impl<R, S: fmt::Display> From<ExchangeError> for crate::CallError<R, S> {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Encode(error) => Self::Encode(error),
            ExchangeError::Channel(error) => error.into(),
            ExchangeError::Decode(error) => Self::Decode(error),
        }
    }
}

/// What a response comes to: results, or the status that failed with the results beside it.
///
/// # Errors
///
/// [`CallError::Status`](crate::CallError::Status) unless `success`.
pub fn conclude<R, S: Status>(status: S, success: bool, out: R) -> Result<R, crate::CallError<R, S>> {
    if success { Ok(out) } else { Err(crate::CallError::Status { status, out: Box::new(out) }) }
}

/// Checks the maximum count of a response's array against the capacity that the request gave.
///
/// # Errors
///
/// The server is at fault.
pub fn expect_capacity(count: &'static str, requested: u64, found: u64) -> Result<(), DecodeError> {
    if requested == found {
        return Ok(());
    }
    Err(DecodeError::new(0, DecodeErrorKind::CountMismatch { count, expected: requested, found }))
}

/// Checks that an array of a response fits the capacity that the request gave.
///
/// # Errors
///
/// The server is at fault.
pub fn expect_within(what: &'static str, capacity: u64, found: usize) -> Result<(), DecodeError> {
    let found = found as u64;
    if found <= capacity {
        return Ok(());
    }
    Err(DecodeError::new(0, DecodeErrorKind::OverMaximum { found, max: capacity }).within(what))
}

/// Checks the arm of a response's union against the discriminant in the request.
///
/// # Errors
///
/// The server is at fault.
pub fn expect_arm(requested: u64, found: u64) -> Result<(), DecodeError> {
    if requested == found {
        return Ok(());
    }
    Err(DecodeError::new(0, DecodeErrorKind::TagMismatch { expected: requested, found }))
}

/// The status of a call: the first of several that is not 0, comm statuses in front.
pub fn first_status(statuses: &[u32]) -> u32 {
    statuses.iter().copied().find(|&status| status != 0).unwrap_or_default()
}

/// Checks that a successful response brought a handle.
///
/// # Errors
///
/// The server is at fault.
pub fn expect_handle(success: bool, handle: ContextHandle) -> Result<(), DecodeError> {
    if success && handle.is_null() {
        return Err(DecodeError::new(0, DecodeErrorKind::NullReference));
    }
    Ok(())
}
