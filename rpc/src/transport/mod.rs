//! Streams that associations travel over.

#[cfg(unix)]
pub mod local;
pub mod memory;
#[cfg(unix)]
pub mod np;
pub mod pipe;
pub(crate) mod reading;
#[cfg(feature = "smb")]
pub mod smb;
pub mod tcp;

use std::{fmt, io, net::SocketAddr, pin::Pin};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::ToSocketAddrs,
};

pub use tcp::KeepAlive;

use crate::association::{ClientKey, TransportInfo};

/// A stream in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for S {}

/// A connection that has come in and introduces itself. Others do not wait for that.
pub(crate) type Opening = Pin<Box<dyn Future<Output = io::Result<(Box<dyn Stream>, TransportInfo)>> + Send>>;

/// What a server listens on.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(tokio::net::TcpListener, SocketAddr),
    #[cfg(unix)]
    Local(local::LocalListener),
    #[cfg(unix)]
    Pipe(np::PipeListener),
}

impl Listener {
    pub(crate) async fn tcp(address: impl ToSocketAddrs) -> io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self::Tcp(listener, address))
    }

    #[cfg(unix)]
    pub(crate) fn local(path: &std::path::Path) -> io::Result<Self> {
        local::LocalListener::bind(path).map(Self::Local)
    }

    pub(crate) fn tcp_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(_, address) => Some(*address),
            #[cfg(unix)]
            Self::Local(_) | Self::Pipe(_) => None,
        }
    }

    /// A connection, and whose it is as far as that can be known already.
    pub(crate) async fn accept(&mut self, alive: Option<KeepAlive>) -> io::Result<(ClientKey, Opening)> {
        match self {
            Self::Tcp(listener, address) => {
                let (stream, info) = tcp::accept(listener, *address, alive).await?;
                let client = ClientKey::of(&info);
                Ok((client, Box::pin(std::future::ready(Ok((Box::new(stream) as _, info))))))
            }
            #[cfg(unix)]
            Self::Local(listener) => listener.accept().await,
            // smbd says it in the handover.
            #[cfg(unix)]
            Self::Pipe(listener) => Ok((ClientKey::Unknown, listener.accept().await?)),
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(_, address) => write!(f, "{}:{}[{}]", tcp::PROTOCOL, address.ip(), address.port()),
            #[cfg(unix)]
            Self::Local(listener) => write!(f, "{}:[{}]", local::PROTOCOL, listener.path().display()),
            #[cfg(unix)]
            Self::Pipe(listener) => write!(f, "{}:[{}]", pipe::PROTOCOL, listener.endpoint()),
        }
    }
}
