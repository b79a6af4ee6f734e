//! `ncacn_ip_tcp` ([MS-RPCE] 2.1.1.1).

use std::{io, net::SocketAddr, time::Duration};

use tokio::net::{TcpListener, TcpStream, lookup_host};

use crate::association::TransportInfo;

/// The protocol sequence.
pub const PROTOCOL: &str = "ncacn_ip_tcp";

/// Why a host cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum TcpError {
    /// The name has no address.
    #[error("the host {host:?} cannot be found: {error}: check its name")]
    Unknown {
        /// The host.
        host: String,
        /// What the resolver says.
        error: io::Error,
    },
    /// Nobody listens, or something is in between.
    #[error("{host:?} does not accept connections on port {port}: {error}: check the port, and that the server runs")]
    Refused {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// What the system says.
        error: io::Error,
    },
    /// There is no answer.
    #[error("{host:?} does not answer on port {port} within {waited:?}: check the host, and what is in between")]
    Silent {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// How long was waited.
        waited: Duration,
    },
}

/// Connects to a host, trying its addresses in turn.
///
/// # Errors
///
/// Says whether name, port or answer is missing.
pub async fn connect(host: &str, port: u16, timeout: Duration) -> Result<TcpStream, TcpError> {
    let attempt = async {
        let unknown = |error| TcpError::Unknown { host: host.to_owned(), error };
        let name = if host.is_empty() { "localhost" } else { host };
        let mut last = None;
        for address in lookup_host((name, port)).await.map_err(unknown)? {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    prepare(&stream);
                    return Ok(stream);
                }
                Err(error) => last = Some(error),
            }
        }
        match last {
            Some(error) => Err(TcpError::Refused { host: host.to_owned(), port, error }),
            None => Err(unknown(io::Error::from(io::ErrorKind::NotFound))),
        }
    };
    match tokio::time::timeout(timeout, attempt).await {
        Ok(result) => result,
        Err(_) => Err(TcpError::Silent { host: host.to_owned(), port, waited: timeout }),
    }
}

/// Accepts a connection.
///
/// # Errors
///
/// Fails as the system does.
pub(crate) async fn accept(listener: &TcpListener, local: SocketAddr) -> io::Result<(TcpStream, TransportInfo)> {
    let (stream, address) = listener.accept().await?;
    prepare(&stream);
    let info = TransportInfo {
        protocol: PROTOCOL.to_owned(),
        address: Some(address),
        endpoint: local.port().to_string(),
        ..TransportInfo::default()
    };
    Ok((stream, info))
}

/// Small PDUs go out at once.
fn prepare(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
}
