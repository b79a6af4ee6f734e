//! How a call can end without success, on the server's side and on the client's.

use std::{error::Error, fmt, sync::Arc};

use crate::{DecodeError, DecodeErrorKind, EncodeError, Fault, HandleRefusal, Status};

/// What a server method answers instead of success.
///
/// `?` makes one out of a status or a [`Fault`]. A status travels in an ordinary response; the
/// `[out]` parameters travel with it, zero, NULL and empty unless [`with`](Self::with) gives them.
#[derive(Debug)]
pub enum Failure<R, S> {
    /// The operation's status, and its other results where they mean something.
    Status {
        /// The status.
        status: S,
        /// The other `[out]` parameters.
        out: Option<Box<R>>,
    },
    /// The call ends in a fault PDU.
    Fault(Fault),
}

impl<R, S> Failure<R, S> {
    /// A status with results beside it (`ERROR_MORE_DATA` and the size required, say).
    pub fn with(status: S, out: R) -> Self {
        Self::Status { status, out: Some(Box::new(out)) }
    }
}

impl<R, S: Status> From<S> for Failure<R, S> {
    fn from(status: S) -> Self {
        Self::Status { status, out: None }
    }
}

impl<R, S: Status> From<Fault> for Failure<R, S> {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl<R, S: Status> From<HandleRefusal> for Failure<R, S> {
    fn from(refusal: HandleRefusal) -> Self {
        match refusal.status {
            Some(status) if S::TRAVELS => S::from_wire(status).into(),
            _ => Self::Fault(refusal.error.into()),
        }
    }
}

/// What a server method comes to: its results `R`, or a [`Failure`].
pub type Outcome<R, S> = Result<R, Failure<R, S>>;

/// What a client method comes to: the results `R`, or a [`CallError`].
pub type CallResult<R, S> = Result<R, CallError<R, S>>;

/// How a client's call can fail: the operation said so, the server could not run it, or no answer
/// came that can be read.
#[derive(Debug, thiserror::Error)]
pub enum CallError<R, S: fmt::Display> {
    /// The operation answered with a status that is no success. Its other results came along.
    #[error("{status}")]
    Status {
        /// The status.
        status: S,
        /// The other results.
        out: Box<R>,
    },
    /// The server answered with a fault.
    #[error("the server answered with a fault: {0}")]
    Fault(Fault),
    /// The connection failed; whether the operation ran is not known.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// An argument has no representation on the wire; nothing was sent.
    #[error("an argument cannot be marshalled: {0}")]
    Encode(#[from] EncodeError),
    /// The response is not well-formed.
    #[error("the server's response is malformed: {0}")]
    Decode(#[from] DecodeError),
}

impl<R, S: fmt::Display> CallError<R, S> {
    /// The operation's status, if that is what failed.
    pub fn status(&self) -> Option<&S> {
        match self {
            Self::Status { status, .. } => Some(status),
            _ => None,
        }
    }
}

impl<R, S: fmt::Display> From<ChannelError> for CallError<R, S> {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::Fault(fault) => Self::Fault(fault),
            ChannelError::Transport(error) => Self::Transport(error),
        }
    }
}

/// How a channel can fail to bring back a response.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The server answered with a fault.
    #[error("the server answered with a fault: {0}")]
    Fault(#[from] Fault),
    /// The connection failed.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// A connection that failed: closed, timed out, out of its limits.
#[derive(Clone, Debug)]
pub struct TransportError {
    message: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl TransportError {
    /// A failure without an underlying error.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// A failure with the error beneath it.
    pub fn with_source(message: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { message: message.into(), source: Some(Arc::from(source.into())) }
    }

    pub(crate) fn body_too_large(len: usize, limit: usize) -> Self {
        Self::new(format!("a stub of at least {len} octets exceeds the limit of {limit}"))
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}

/// A request that cannot be read ends in the fault that Windows answers with.
impl From<&DecodeError> for Fault {
    fn from(error: &DecodeError) -> Self {
        match error.kind() {
            DecodeErrorKind::InvalidTag { .. } => Self::INVALID_TAG,
            _ => Self::BAD_STUB_DATA,
        }
    }
}

/// A response that cannot be marshalled is the server's own mistake, or too large.
impl From<&EncodeError> for Fault {
    fn from(error: &EncodeError) -> Self {
        match error.kind() {
            crate::EncodeErrorKind::TooLarge { .. } => Self::NO_RESOURCES,
            _ => Self::UNSPECIFIED,
        }
    }
}
