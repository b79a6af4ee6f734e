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
    /// The server refused the first call behind a login that has no answer of its own (NTLM without
    /// SPNEGO): mostly, the password is wrong. It may also be that the account may not call this.
    #[error(
        "the server refuses the first call behind the login ({0}): check user, password and domain, \
         and whether the account may call this"
    )]
    LoginRefused(Fault),
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

    /// The fault, if the server answered with one.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::Fault(fault) | Self::LoginRefused(fault) => Some(*fault),
            _ => None,
        }
    }

    /// The same failure with other results: what functions do that make several calls and give one
    /// type of error.
    ///
    /// ```
    /// use msrpc_ndr::{CallError, Win32Error};
    ///
    /// let failed: CallError<u32, Win32Error> = CallError::Status { status: Win32Error(234), out: Box::new(7) };
    /// let plain: CallError<(), Win32Error> = failed.map_out(|_| ());
    /// assert_eq!(plain.status(), Some(&Win32Error(234)));
    /// ```
    pub fn map_out<T>(self, map: impl FnOnce(R) -> T) -> CallError<T, S> {
        match self {
            Self::Status { status, out } => CallError::Status { status, out: Box::new(map(*out)) },
            Self::Fault(fault) => CallError::Fault(fault),
            Self::LoginRefused(fault) => CallError::LoginRefused(fault),
            Self::Transport(error) => CallError::Transport(error),
            Self::Encode(error) => CallError::Encode(error),
            Self::Decode(error) => CallError::Decode(error),
        }
    }
}

impl<R, S: fmt::Display> From<ChannelError> for CallError<R, S> {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::Fault(fault) => Self::Fault(fault),
            ChannelError::LoginRefused(fault) => Self::LoginRefused(fault),
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
    /// The server refused the first call behind a login that has no answer of its own.
    #[error("the server refuses the first call behind the login ({0})")]
    LoginRefused(Fault),
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

/// Beneath the failure of a call that was not answered in time.
#[derive(Debug, thiserror::Error)]
#[error("the time is up")]
struct TimeIsUp;

impl TransportError {
    /// A failure without an underlying error.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// A call that was not answered in the time that its caller gives it. Whether the server did what it
    /// was asked for is not known.
    pub fn timed_out(message: impl Into<String>) -> Self {
        Self::with_source(message, TimeIsUp)
    }

    /// Whether a call was not answered in time.
    pub fn is_timeout(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.is::<TimeIsUp>())
    }

    /// A failure with the error beneath it.
    pub fn with_source(message: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { message: message.into(), source: Some(Arc::from(source.into())) }
    }

    /// The fault that a body broke off with, if it was one.
    pub fn fault(&self) -> Option<Fault> {
        self.source.as_ref()?.downcast_ref().copied()
    }

    pub(crate) fn body_too_large(len: usize, limit: usize) -> Self {
        Self::new(format!("a stub of at least {len} octets exceeds the limit of {limit}"))
    }
}

/// A body that breaks off with a fault.
impl From<Fault> for TransportError {
    fn from(fault: Fault) -> Self {
        Self::with_source("the call ended in a fault", fault)
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.source {
            Some(source) if !self.is_timeout() => write!(f, ": {source}"),
            _ => Ok(()),
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
