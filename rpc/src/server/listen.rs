//! What a server listens on.

use std::io;

use tokio::net::ToSocketAddrs;

use super::ServerBuilder;
use crate::{
    binding::{BindingError, Protocol, StringBinding},
    transport::Listener,
};

/// Why a server cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The string is no binding.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// The endpoint is no port.
    #[error("{0:?} is no TCP port: write a number, or nothing to let the system choose")]
    Port(String),
    /// The binding does not say where.
    #[error("{0} names no endpoint: write ncalrpc:[/PATH] or ncacn_np:[\\pipe\\NAME]")]
    NoEndpoint(StringBinding),
    /// The protocol cannot be served.
    #[error("there is no server for {0}")]
    Protocol(Protocol),
    /// The pipe cannot be served.
    #[cfg(unix)]
    #[error(transparent)]
    Pipe(#[from] crate::transport::np::PipeError),
    /// The address is in use or not allowed.
    #[error("cannot listen at {binding}: {error}")]
    Io {
        /// Where.
        binding: StringBinding,
        /// What the system says.
        error: io::Error,
    },
}

impl From<ListenError> for io::Error {
    fn from(error: ListenError) -> Self {
        let kind = match &error {
            ListenError::Io { error, .. } => error.kind(),
            _ => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}

impl ServerBuilder {
    /// Listens where a string binding says. Several calls make several transports.
    ///
    /// | binding | what it is |
    /// |---|---|
    /// | `ncacn_ip_tcp:HOST[PORT]` | TCP; without host on all addresses, without port on a free one |
    /// | `ncalrpc:[/PATH]` | a local socket, as [`listen_local`](Self::listen_local) |
    /// | `ncacn_np:[\pipe\NAME]` | a pipe behind Samba; `ncalrpc_dir=/PATH` in the brackets where Samba's is not `/run/samba/ncalrpc` |
    ///
    /// # Errors
    ///
    /// Says what is wrong with the binding, or with listening there.
    pub async fn listen(self, binding: &str) -> Result<Self, ListenError> {
        let binding: StringBinding = binding.parse()?;
        let failed = |error| ListenError::Io { binding: binding.clone(), error };
        match binding.protocol {
            Protocol::Tcp => {
                let port = binding.endpoint.as_deref().unwrap_or("0");
                let port: u16 = port.parse().map_err(|_| ListenError::Port(port.to_owned()))?;
                if !binding.host.is_empty() {
                    return self.listen_tcp((binding.host.as_str(), port)).await.map_err(failed);
                }
                // One socket for both families, where the system has both.
                let all = ["[::]", "0.0.0.0"].map(|host| format!("{host}:{port}"));
                match Listener::tcp(&all[0]).await {
                    Ok(listener) => Ok(self.listener(listener)),
                    Err(_) => self.listen_tcp(&all[1]).await.map_err(failed),
                }
            }
            #[cfg(unix)]
            Protocol::Local => {
                let Some(path) = &binding.endpoint else { return Err(ListenError::NoEndpoint(binding)) };
                let path = std::path::Path::new(crate::transport::local::DIRECTORY).join(path);
                self.listen_local(path).map_err(failed)
            }
            #[cfg(unix)]
            Protocol::NamedPipe => {
                use crate::transport::np::{NCALRPC_DIR, PipeListener, PipeTrust};

                let Some(pipe) = &binding.endpoint else { return Err(ListenError::NoEndpoint(binding)) };
                let folder = binding.option("ncalrpc_dir").unwrap_or(NCALRPC_DIR);
                Ok(self.listen_pipe(PipeListener::bind(folder, pipe, PipeTrust::default())?))
            }
            other => Err(ListenError::Protocol(other)),
        }
    }

    fn listener(mut self, listener: Listener) -> Self {
        self.listeners.push(listener);
        self
    }

    /// Listens on a TCP address; port 0 lets the system choose.
    ///
    /// # Errors
    ///
    /// Fails if the address is in use or not allowed.
    pub async fn listen_tcp(self, address: impl ToSocketAddrs) -> io::Result<Self> {
        let listener = Listener::tcp(address).await?;
        Ok(self.listener(listener))
    }

    /// Listens on a local socket (`ncalrpc`), which whoever may write to it can use: its directory
    /// decides.
    ///
    /// # Errors
    ///
    /// Fails if the path is in use or not allowed.
    #[cfg(unix)]
    pub fn listen_local(self, path: impl AsRef<std::path::Path>) -> io::Result<Self> {
        let listener = Listener::local(path.as_ref())?;
        Ok(self.listener(listener))
    }

    /// Listens on a pipe behind Samba (`ncacn_np`).
    #[cfg(unix)]
    pub fn listen_pipe(self, listener: crate::transport::np::PipeListener) -> Self {
        self.listener(Listener::Pipe(listener))
    }
}
