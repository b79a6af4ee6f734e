//! How operations fail, and what they leave on the servers then.

use std::{error::Error, fmt};

use msrpc_ndr::{Fault, HResult, TransportError};

use super::{SetStatus, ShadowCopySet, Step, describe};
use crate::fsrvp::{ShareUnc, code};

/// How a method can fail.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MethodError {
    /// The server says no.
    #[error("{}", status_text(*.0))]
    Status(HResult),
    /// The server could not run the method.
    #[error("the server answers with a fault: {0}")]
    Fault(Fault),
    /// The server refuses the first call behind a login that has no answer of its own.
    #[error(
        "the server refuses the first call behind the login ({0}): check user, password and domain, \
         and whether the account may call this"
    )]
    LoginRefused(Fault),
    /// The connection failed or the answer took too long. Whether the server ran the method is not
    /// known, and the connection is not to be used again (\[MS-FSRVP\] 3.2.5).
    #[error("{0}")]
    Connection(TransportError),
    /// The server's answer is not well-formed; the server is at fault.
    #[error("the server's answer is malformed: {0}")]
    Malformed(String),
    /// An argument cannot be sent; the caller is at fault.
    #[error("an argument cannot be sent: {0}")]
    Unsendable(String),
}

impl MethodError {
    /// The server's status, which \[MS-FSRVP\] 3 has clients hand on as it is.
    pub fn status(&self) -> Option<HResult> {
        match self {
            Self::Status(status) => Some(*status),
            _ => None,
        }
    }

    /// Whether the server certainly did not do what it was asked for.
    pub(super) fn is_refusal(&self) -> bool {
        match self {
            Self::Status(_) | Self::Unsendable(_) => true,
            Self::Fault(fault) | Self::LoginRefused(fault) => fault.did_not_execute,
            Self::Connection(_) | Self::Malformed(_) => false,
        }
    }
}

fn status_text(status: HResult) -> String {
    match describe(status) {
        Some((name, text)) => format!("{text} ({name}, {:#010x})", status.0),
        None => format!("the server answers with status {:#010x}", status.0),
    }
}

/// Why an operation failed. `E` is how the connector fails.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause<E> {
    /// A connection could not be made.
    Connect(E),
    /// A method failed.
    Method(MethodError),
    /// The server can be asked, and says that it does not support the share.
    NotSupported,
    /// The server does not say which machine owns the share.
    NoOwner,
    /// The server speaks only later versions of the protocol.
    Version {
        /// The lowest that it speaks.
        min: u32,
        /// The highest that we speak.
        ours: u32,
    },
    /// The share is in the set twice.
    Duplicate,
    /// There is no share to copy.
    NoShares,
    /// The set is not as far as the operation takes it to be.
    State {
        /// How far it is.
        status: SetStatus,
    },
    /// The set has no such shadow copy.
    NoSuchCopy,
    /// Whoever asked for it has cancelled it.
    Cancelled,
}

impl<E> Cause<E> {
    /// The status to hand on: the server's, or that which \[MS-FSRVP\] 3.2.4 has the client answer
    /// with.
    pub fn status(&self) -> Option<HResult> {
        match self {
            Self::Method(error) => error.status(),
            Self::Duplicate => Some(code::FSRVP_E_OBJECT_ALREADY_EXISTS),
            _ => None,
        }
    }
}

impl<E> From<MethodError> for Cause<E> {
    fn from(error: MethodError) -> Self {
        Self::Method(error)
    }
}

impl<E: fmt::Display> fmt::Display for Cause<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => error.fmt(f),
            Self::Method(error) => error.fmt(f),
            Self::NotSupported => f.write_str("the server does not make shadow copies of this share"),
            Self::NoOwner => f.write_str("the server does not say which machine owns the share"),
            Self::Version { min, ours } => {
                write!(f, "the server speaks the protocol from version {min} on, and this client up to {ours}")
            }
            Self::Duplicate => f.write_str("the share is in the set twice (FSRVP_E_OBJECT_ALREADY_EXISTS)"),
            Self::NoShares => f.write_str("there is no share to copy"),
            Self::State { status } => write!(f, "the set is {status:?}, and not ready for this"),
            Self::NoSuchCopy => f.write_str("the set has no such shadow copy"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

/// What has become of a set that an operation had begun when it failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Fate<E> {
    /// It was aborted: the server says that it has removed it. (Samba says so too of a set that is committed,
    /// and drops it some minutes later.)
    Aborted,
    /// It could not be aborted. The server removes it by itself when nothing has come for some minutes
    /// (3 to 30, \[MS-FSRVP\] 3.1.5).
    AbortFailed(Cause<E>),
    /// It was complete already, and stays.
    Recovered,
    /// The answer to RecoveryCompleteShadowCopySet was lost: it is complete, or the server removes it
    /// by itself. It was not aborted, because that would delete a complete one.
    Unknown,
}

impl<E: fmt::Display> fmt::Display for Fate<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aborted => f.write_str("was aborted"),
            Self::AbortFailed(cause) => {
                write!(f, "could not be aborted ({cause}); the server removes it by itself within 30 minutes")
            }
            Self::Recovered => f.write_str("is complete and stays"),
            Self::Unknown => f.write_str(
                "may be complete: the server's answer was lost; otherwise the server removes it by itself within \
                 30 minutes",
            ),
        }
    }
}

/// A set that a failed operation had begun.
#[derive(Debug)]
pub struct Leftover<E> {
    /// The set, as it was.
    pub set: ShadowCopySet,
    /// What has become of it.
    pub fate: Fate<E>,
}

/// An operation that failed: where, why, and what is left on the servers.
#[derive(Debug)]
pub struct SnapshotError<E> {
    /// The step that failed.
    pub step: Step,
    /// The machine that it failed on; empty where it failed before there was one.
    pub server: Box<str>,
    /// The share that it was about, where it was about one.
    pub share: Option<ShareUnc>,
    /// Why.
    pub cause: Cause<E>,
    /// The sets that were begun.
    pub leftovers: Vec<Leftover<E>>,
}

impl<E> SnapshotError<E> {
    /// The status to hand on: the server's, or the client's own of \[MS-FSRVP\] 3.2.4.
    pub fn status(&self) -> Option<HResult> {
        self.cause.status()
    }
}

impl<E: fmt::Display> fmt::Display for SnapshotError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(share) = &self.share {
            write!(f, "{share}: ")?;
        }
        write!(f, "{}", self.step)?;
        if !self.server.is_empty() {
            write!(f, " on {}", self.server)?;
        }
        write!(f, ": {}", self.cause)?;
        for Leftover { set, fate } in &self.leftovers {
            write!(f, "; the set {} on {} {fate}", set.server_id, set.owner)?;
        }
        Ok(())
    }
}

impl<E: Error + 'static> Error for SnapshotError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::Connect(error) => Some(error),
            Cause::Method(error) => Some(error),
            _ => None,
        }
    }
}
