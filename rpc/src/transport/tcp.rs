//! `ncacn_ip_tcp` ([MS-RPCE] 2.1.1.1).

use std::{io, net::SocketAddr, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream, lookup_host};

use crate::association::TransportInfo;

/// The protocol sequence.
pub const PROTOCOL: &str = "ncacn_ip_tcp";

/// How the system finds out that the other side of a connection is gone without a word: its host
/// crashed, or something in between forgot the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// How long nothing may come before the system asks (`TCP_KEEPIDLE`). Whole seconds, at least one.
    pub idle: Duration,
    /// How long it waits until it asks again (`TCP_KEEPINTVL`). Whole seconds, at least one.
    pub interval: Duration,
    /// How often it asks (`TCP_KEEPCNT`).
    pub probes: u32,
}

impl Default for KeepAlive {
    /// After a minute, every 15 seconds, 4 times: a connection ends two minutes after its peer.
    fn default() -> Self {
        Self { idle: Duration::from_secs(60), interval: Duration::from_secs(15), probes: 4 }
    }
}

impl KeepAlive {
    /// How long it takes until the other side counts as gone. On Linux that is also how long it may
    /// leave octets unacknowledged (`TCP_USER_TIMEOUT`): while there are any, nothing is asked.
    pub fn patience(&self) -> Duration {
        self.idle.saturating_add(self.interval.saturating_mul(self.probes))
    }
}

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

/// Connects to a host, trying its addresses in turn. The connection is kept alive ([`KeepAlive`]).
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
                    keep_alive(&stream, Some(KeepAlive::default()));
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
pub(crate) async fn accept(
    listener: &TcpListener,
    local: SocketAddr,
    alive: Option<KeepAlive>,
) -> io::Result<(TcpStream, TransportInfo)> {
    let (stream, address) = listener.accept().await?;
    prepare(&stream);
    keep_alive(&stream, alive);
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

/// Keeps a connection alive, or leaves that to the program.
pub(crate) fn keep_alive(stream: &TcpStream, alive: Option<KeepAlive>) {
    if let Err(error) = try_keep_alive(&SockRef::from(stream), alive) {
        tracing::debug!(%error, "SO_KEEPALIVE");
    }
}

fn try_keep_alive(socket: &SockRef<'_>, alive: Option<KeepAlive>) -> io::Result<()> {
    let Some(KeepAlive { idle, interval, probes }) = alive else { return socket.set_keepalive(false) };
    let second = Duration::from_secs(1);
    let parameters = TcpKeepalive::new().with_time(idle.max(second));
    #[cfg(not(target_os = "openbsd"))]
    let parameters = parameters.with_interval(interval.max(second)).with_retries(probes.max(1));
    socket.set_tcp_keepalive(&parameters)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(alive.as_ref().map(KeepAlive::patience))?;
    Ok(())
}
