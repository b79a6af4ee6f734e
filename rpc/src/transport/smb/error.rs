//! What can be wrong with a pipe.

use std::{error::Error, time::Duration};

use smb2::types::Command;

use crate::{auth::AuthError, transport::tcp::TcpError};

/// Why a pipe cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SmbError {
    /// The host cannot be reached.
    #[error(transparent)]
    Tcp(#[from] TcpError),
    /// The server does not speak SMB 2 as it should, or the connection breaks.
    #[error("SMB fails: {0}")]
    Smb(#[source] Box<dyn Error + Send + Sync>),
    /// The server answers something odd.
    #[error("the SMB server answers with {0}")]
    Malformed(&'static str),
    /// The server does not accept the credentials.
    #[error("the SMB server refuses the credentials (status {status:#010x}): check user, password and domain")]
    Credentials {
        /// Its status.
        status: u32,
    },
    /// The credentials cannot be used, or the server does not prove itself.
    #[error("authenticating to the SMB server fails: {0}")]
    Authentication(#[from] AuthError),
    /// The server treats us as a guest, though we gave credentials: mostly, the user is unknown to it.
    #[error("the SMB server only lets us in as a guest: check the user's name")]
    Guest,
    /// Encryption is asked for, and cannot be had.
    #[error("the SMB server does not encrypt")]
    NoEncryption,
    /// Somebody in between changed what the two sides offered each other, or the server does not hold
    /// to its answer.
    #[error("the SMB negotiation was changed on the way to the server or back: somebody is in between")]
    Downgraded,
    /// There is no such pipe.
    #[error("the server has no {0}: check the name, and whether the service runs")]
    NoPipe(String),
    /// The server refuses something else.
    #[error("the server refuses {what} (status {status:#010x}){}", hint(*.status))]
    Refused {
        /// What.
        what: String,
        /// Its status.
        status: u32,
    },
    /// The server accepts the connection and then says nothing.
    #[error("the SMB server does not answer within {0:?}")]
    Silent(Duration),
}

/// What to try.
fn hint(status: u32) -> &'static str {
    match status {
        // STATUS_ACCESS_DENIED
        0xC000_0022 => ": the user may not, or the server insists on encryption",
        // STATUS_PIPE_NOT_AVAILABLE, STATUS_PIPE_BUSY, STATUS_INSTANCE_NOT_AVAILABLE
        0xC000_00AC | 0xC000_00AE | 0xC000_00AB => ": it is busy, try again",
        _ => "",
    }
}

impl From<smb2::Error> for SmbError {
    fn from(error: smb2::Error) -> Self {
        match error {
            smb2::Error::Protocol { status, command: Command::SessionSetup } => Self::Credentials { status: status.0 },
            error => Self::Smb(Box::new(error)),
        }
    }
}
