//! How operations fail, which failures mean that another node has to be asked, and what codes mean.

use std::{error::Error, fmt};

use msrpc_ndr::{CallError, Fault, TransportError, Win32Error};

use crate::cluster::status;

/// Why an operation failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The server says no.
    #[error("{}", text(*.0))]
    Status(Win32Error),
    /// The server could not run the method.
    #[error("the server answers with a fault: {0}")]
    Fault(Fault),
    /// The server refuses the first call behind a login that has no answer of its own.
    #[error(
        "the server refuses the first call behind the login ({0}): check user, password and domain, \
         and whether the account may call this"
    )]
    LoginRefused(Fault),
    /// The connection failed or the answer took too long. Whether the server ran the method is not known.
    #[error("{0}")]
    Connection(TransportError),
    /// The server's answer is not well-formed, or not what the document says; the server is at fault.
    #[error("the server's answer is malformed: {0}")]
    Malformed(String),
    /// An argument cannot be sent; the caller is at fault.
    #[error("an argument cannot be sent: {0}")]
    Unsendable(String),
}

impl Cause {
    /// The server's status, if that is what failed.
    pub fn status(&self) -> Option<Win32Error> {
        match self {
            Self::Status(status) => Some(*status),
            _ => None,
        }
    }

    /// Whether the node, or the way to it, has failed, so that another is to be asked (3.2.4.6).
    pub fn is_reconnect(&self) -> bool {
        match self {
            Self::Status(status) => is_reconnect(*status),
            Self::Connection(_) => true,
            // A server that is going, or that has lost the handle with its association.
            Self::Fault(fault) => {
                [Fault::CONTEXT_MISMATCH, Fault::UNKNOWN_INTERFACE, Fault::SERVER_TOO_BUSY].contains(fault)
                    || is_reconnect(Win32Error(fault.status))
            }
            _ => false,
        }
    }

    /// Whether the server does not know the method.
    pub fn is_unknown_method(&self) -> bool {
        match self {
            Self::Fault(fault) => *fault == Fault::OP_RANGE || fault.status == 1745,
            Self::Status(status) => matches!(
                *status,
                Win32Error::ERROR_CALL_NOT_IMPLEMENTED
                    | Win32Error::ERROR_NOT_SUPPORTED
                    | Win32Error::RPC_S_PROCNUM_OUT_OF_RANGE
            ),
            _ => false,
        }
    }
}

impl<R> From<CallError<R, Win32Error>> for Cause {
    fn from(error: CallError<R, Win32Error>) -> Self {
        match error {
            CallError::Status { status, .. } => Self::Status(status),
            CallError::Fault(fault) => Self::Fault(fault),
            CallError::LoginRefused(fault) => Self::LoginRefused(fault),
            CallError::Transport(error) => Self::Connection(error),
            CallError::Encode(error) => Self::Unsendable(error.to_string()),
            CallError::Decode(error) => Self::Malformed(error.to_string()),
        }
    }
}

/// The error codes of protocol version 3 on which clients reconnect (3.2.4.6).
const RECONNECT: [u32; 13] = [1702, 1717, 1722, 1723, 1726, 1727, 1747, 1753, 1775, 1825, 5050, 5072, 5073];

/// Whether a code means that the node has failed, so that another is to be asked (3.2.4.6).
pub fn is_reconnect(code: Win32Error) -> bool {
    RECONNECT.contains(&code.0)
}

/// A code's Windows name and what it means, where it is known.
pub fn describe(code: Win32Error) -> Option<(&'static str, &'static str)> {
    const OTHERS: &[(u32, &str, &str)] = &[
        (110, "ERROR_OPEN_FAILED", "The object cannot be opened."),
        (170, "ERROR_BUSY", "What is asked for is in use."),
        (1008, "ERROR_NO_TOKEN", "The server does not know who calls."),
        (1018, "ERROR_KEY_DELETED", "The key was deleted."),
        (1020, "ERROR_KEY_HAS_CHILDREN", "The key has keys below it."),
        (1115, "ERROR_SHUTDOWN_IN_PROGRESS", "The node is shutting down."),
        (1255, "ERROR_SERVER_SHUTDOWN_IN_PROGRESS", "The node is shutting down."),
        (1702, "RPC_S_INVALID_BINDING", "The binding is not valid."),
        (1717, "RPC_S_UNKNOWN_IF", "The server does not have the interface."),
        (1722, "RPC_S_SERVER_UNAVAILABLE", "The server is not available."),
        (1723, "RPC_S_SERVER_TOO_BUSY", "The server is too busy."),
        (1726, "RPC_S_CALL_FAILED", "The call failed."),
        (1727, "RPC_S_CALL_FAILED_DNE", "The call failed and was not executed."),
        (1747, "RPC_S_UNKNOWN_AUTHN_SERVICE", "The server does not know the security provider."),
        (1753, "EPT_S_NOT_REGISTERED", "The endpoint mapper does not know the interface."),
        (1775, "RPC_X_SS_IN_NULL_CONTEXT", "A handle is null."),
        (1825, "RPC_S_SEC_PKG_ERROR", "The security provider failed."),
        (5008, "ERROR_SHUTDOWN_CLUSTER", "The cluster is shutting down."),
        (5016, "ERROR_HOST_NODE_NOT_GROUP_OWNER", "The node does not own the group."),
        (5040, "ERROR_CLUSTER_NODE_EXISTS", "The node is in the cluster already."),
        (5041, "ERROR_CLUSTER_JOIN_IN_PROGRESS", "A node is joining the cluster."),
        (5052, "ERROR_CLUSTER_NODE_NOT_MEMBER", "The node is no member of the cluster."),
        (5051, "ERROR_CLUSTER_NODE_UNREACHABLE", "The node cannot be reached."),
        (5056, "ERROR_CLUSTER_NODE_UP", "The node is active."),
        (5070, "ERROR_CLUSTER_NODE_PAUSED", "The node is paused."),
        (5080, "ERROR_CLUSTER_RESNAME_NOT_FOUND", "There is no resource of this name in the cluster's database."),
        (5908, "ERROR_CLUSTER_GROUP_MOVING", "The group is being moved."),
    ];
    status::describe(code)
        .or_else(|| OTHERS.iter().find(|(value, ..)| *value == code.0).map(|(_, name, text)| (*name, *text)))
}

fn text(code: Win32Error) -> String {
    // "NAME: Text."
    let common = code.to_string();
    let common = code.name().zip(common.split_once(": ").map(|(_, text)| text));
    match describe(code).or(common) {
        Some((name, text)) => {
            // It goes on in a sentence.
            let mut rest = text.trim_end_matches('.').chars();
            let first = rest.next().map(|first| first.to_lowercase().to_string()).unwrap_or_default();
            format!("{first}{} ({name}, {})", rest.as_str(), code.0)
        }
        None => format!("the server answers with error {0} ({0:#x})", code.0),
    }
}

/// An operation that failed: what was done, to what, and why.
#[derive(Clone, Debug)]
pub struct ClusterError {
    /// What was being done: "bringing the group \"Web\" online".
    pub action: Box<str>,
    /// Why it failed.
    pub cause: Cause,
}

impl ClusterError {
    /// An error of an action.
    pub fn new(action: impl fmt::Display, cause: impl Into<Cause>) -> Self {
        Self { action: action.to_string().into(), cause: cause.into() }
    }

    /// The server's status, if that is what failed.
    pub fn status(&self) -> Option<Win32Error> {
        self.cause.status()
    }

    /// Whether another node is to be asked (3.2.4.6).
    pub fn is_reconnect(&self) -> bool {
        self.cause.is_reconnect()
    }
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.action, self.cause)
    }
}

impl Error for ClusterError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

/// What an operation comes to.
pub(super) type Outcome<T> = Result<T, ClusterError>;

/// Says what was done when it failed.
pub(super) trait While<T> {
    /// The same, with the action in the error.
    fn during(self, action: impl fmt::Display) -> Outcome<T>;
}

impl<T, R> While<T> for Result<T, CallError<R, Win32Error>> {
    fn during(self, action: impl fmt::Display) -> Outcome<T> {
        self.map_err(|error| ClusterError::new(action, error))
    }
}

impl<T> While<T> for Result<T, Cause> {
    fn during(self, action: impl fmt::Display) -> Outcome<T> {
        self.map_err(|cause| ClusterError::new(action, cause))
    }
}
