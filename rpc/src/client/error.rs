//! What can be wrong between a string binding and a bound interface.

use std::time::Duration;

use msrpc_ndr::TransportError;

use crate::{
    association::ClientError,
    auth::AuthError,
    binding::{Protocol, StringBinding},
    epm::MapError,
    pdu::{NakReason, RejectReason},
    transport::tcp::TcpError,
};

/// Why a client could not connect.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The host cannot be reached.
    #[error(transparent)]
    Tcp(#[from] TcpError),
    /// The pipe cannot be opened.
    #[cfg(feature = "smb")]
    #[error(transparent)]
    Smb(#[from] crate::transport::smb::SmbError),
    /// Nobody listens at a local endpoint, or one may not talk to it.
    #[error("the local endpoint {endpoint:?} cannot be reached: {error}")]
    Local {
        /// The endpoint.
        endpoint: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// The binding has no port, and the endpoint mapper has no answer.
    #[error("{host:?} does not say at which port {interface} is (asked on port {port}): {error}")]
    Mapper {
        /// The host.
        host: String,
        /// The mapper's port.
        port: u16,
        /// The interface's name.
        interface: &'static str,
        /// What is wrong.
        error: Box<MapError>,
    },
    /// The binding names no endpoint, and there is no mapper to ask for one.
    #[error(
        "{0} names no endpoint, and nobody can be asked for one: write it in brackets, as in ncacn_np:HOST[\\pipe\\NAME] or ncalrpc:[/PATH]"
    )]
    NoEndpoint(StringBinding),
    /// The endpoint is no port.
    #[error("{0:?} is no TCP port: write a number, or leave it out to ask the endpoint mapper")]
    BadEndpoint(String),
    /// The protocol cannot be spoken.
    #[error("there is no client for {0}: use ncacn_ip_tcp, ncalrpc, or ncacn_np with the feature `smb`")]
    Protocol(Protocol),
    /// The binding asks for protection, but there are no credentials.
    #[error("the binding asks for authentication, but there are no credentials: give some, or take the level out")]
    NoCredentials,
    /// The credentials are not for the provider that the binding asks for.
    #[error("there are no credentials for {0}: krb5 takes those of Kerberos; ntlm and ncacn_np take those of NTLM")]
    NoCredentialsFor(&'static str),
    /// The server refuses the credentials, or has no such provider; or Kerberos does not get that far.
    #[error("{0}{advice}", advice = authentication_advice(.0))]
    Authentication(ClientError),
    /// The server does not have the interface.
    #[error("the server does not offer {interface} here: check the port, or ask the endpoint mapper")]
    UnknownInterface {
        /// The interface's name.
        interface: &'static str,
    },
    /// The server refuses the interface for another reason.
    #[error("the server refuses {interface} (reason {})", .reason.0)]
    InterfaceRefused {
        /// The interface's name.
        interface: &'static str,
        /// The server's reason.
        reason: RejectReason,
    },
    /// The server has as many connections as it may have, in all or from this client.
    #[error("the server has no room for another connection ({0}): try again later, or close some")]
    Busy(ClientError),
    /// The server refuses the bind, or does not speak RPC.
    #[error("{0}: is that the right port?")]
    Association(ClientError),
    /// The server closes the connection instead of answering the bind.
    #[error("the connection ended before the bind was answered ({0}): is that the right port?")]
    Closed(TransportError),
    /// The connection broke.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// This side's part of the authentication takes too long: a KDC does not answer, or too many
    /// clients wait for one ([`MAX_STEPS`](crate::auth::kerberos::MAX_STEPS)).
    #[error("no KDC has answered within {0:?}: check krb5.conf and the network")]
    AuthenticationTimeout(Duration),
    /// The server accepts the connection and then says nothing.
    #[error("the server accepts the connection and does not answer the bind within {0:?}: is that the right port?")]
    BindTimeout(Duration),
}

impl From<ClientError> for ConnectError {
    fn from(error: ClientError) -> Self {
        match &error {
            refused if refused.is_authentication() => Self::Authentication(error),
            ClientError::Refused(nak)
                if [NakReason::LOCAL_LIMIT_EXCEEDED, NakReason::TEMPORARY_CONGESTION].contains(&nak.reason) =>
            {
                Self::Busy(error)
            }
            _ => Self::Association(error),
        }
    }
}

/// What to look at, where the error itself does not say.
fn authentication_advice(error: &ClientError) -> &'static str {
    match error {
        ClientError::Authentication(AuthError::Kerberos(_) | AuthError::NoServiceName(_)) => "",
        _ => ": check user, password and domain, and whether the server knows the security provider",
    }
}

impl ConnectError {
    pub(super) fn refused(interface: &'static str, reason: RejectReason) -> Self {
        if reason == RejectReason::ABSTRACT_SYNTAX {
            Self::UnknownInterface { interface }
        } else {
            Self::InterfaceRefused { interface, reason }
        }
    }

    /// The server's reason, if it refused the bind.
    pub fn nak(&self) -> Option<NakReason> {
        match self {
            Self::Authentication(ClientError::Refused(nak))
            | Self::Association(ClientError::Refused(nak))
            | Self::Busy(ClientError::Refused(nak)) => Some(nak.reason),
            _ => None,
        }
    }
}
