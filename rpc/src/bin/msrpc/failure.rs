//! What went wrong, and what the command's exit code is then.

use std::{fmt, process::ExitCode};

use msrpc::{client::ConnectError, epm::MapError};
use msrpc_ndr::CallError;

/// A failure that ends the command.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
}

/// Kinds of failures, as exit codes tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Refused = 1,
    Usage = 2,
    Unreachable = 3,
    Authentication = 4,
    Protocol = 5,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string() }
    }

    /// Says where it happened.
    pub(crate) fn at(self, place: impl fmt::Display) -> Self {
        Self { message: format!("{place}: {}", self.message), ..self }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let hint = match &error {
            ConnectError::Transport(_) | ConnectError::BindTimeout(_) => ": is this the port of an RPC server?",
            _ => "",
        };
        Self::new(Kind::of_connect(&error), format_args!("{error}{hint}"))
    }
}

impl From<MapError> for Failure {
    fn from(error: MapError) -> Self {
        Self::new(Kind::of_map(&error), &error)
    }
}

impl<R, S: fmt::Display> From<CallError<R, S>> for Failure {
    fn from(error: CallError<R, S>) -> Self {
        Self::new(Kind::of_call(&error), &error)
    }
}

impl Kind {
    fn of_connect(error: &ConnectError) -> Self {
        match error {
            ConnectError::NoEndpoint(_)
            | ConnectError::BadEndpoint(_)
            | ConnectError::Protocol(_)
            | ConnectError::NoCredentials => Self::Usage,
            ConnectError::Authentication(_) => Self::Authentication,
            ConnectError::UnknownInterface { .. } | ConnectError::InterfaceRefused { .. } => Self::Refused,
            ConnectError::Association(_) => Self::Protocol,
            ConnectError::Mapper { error, .. } => Self::of_map(error),
            _ => Self::Unreachable,
        }
    }

    fn of_map(error: &MapError) -> Self {
        match error {
            MapError::Connect(error) => Self::of_connect(error),
            MapError::Call(error) => Self::of_call(error),
            MapError::Tower(_) => Self::Usage,
            MapError::Endless => Self::Protocol,
            _ => Self::Refused,
        }
    }

    fn of_call<R, S: fmt::Display>(error: &CallError<R, S>) -> Self {
        match error {
            CallError::Status { .. } | CallError::Fault(_) => Self::Refused,
            CallError::LoginRefused(_) => Self::Authentication,
            CallError::Transport(_) => Self::Unreachable,
            CallError::Encode(_) | CallError::Decode(_) => Self::Protocol,
        }
    }
}
