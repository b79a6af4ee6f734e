//! Servers: services, transports, accounts, limits, shutdown.
//!
//! ```no_run
//! # async fn run(clusapi: impl msrpc_ndr::Service, fsrvp: impl msrpc_ndr::Service) -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//!
//! use msrpc::server::Server;
//!
//! let server = Server::builder()
//!     .service(clusapi)
//!     .service(fsrvp)
//!     .credentials_file("/etc/example/credentials")?
//!     .listen("ncacn_ip_tcp:").await?
//!     .listen("ncacn_np:[\\pipe\\FssagentRpc]").await?
//!     .listen("ncalrpc:[/run/example/rpc]").await?
//!     .listen_mapper("[::]:135").await?
//!     .start()?;
//! server.stopping().await;
//! server.shutdown(Duration::from_secs(10)).await;
//! # Ok(())
//! # }
//! ```

mod connection;
mod discovery;
mod listen;
mod logon;
mod mailbox;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use msrpc_ndr::Service;
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tracing::Instrument as _;

pub use connection::{ConnectionError, serve_stream};
pub use listen::ListenError;

use crate::{
    association::{Acceptor, ServerConfig, ServerLimits},
    epm::Registration,
    transport::Listener,
};

/// Builds a [`Server`].
#[derive(Debug)]
pub struct ServerBuilder {
    config: ServerConfig,
    listeners: Vec<Listener>,
    options: ConnectionOptions,
    max_connections: usize,
    discovery: discovery::Discovery,
    logon: logon::Logon,
}

/// What concerns each connection of a server, beside its association.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionOptions {
    /// How long a client may take to bind.
    pub bind_timeout: Duration,
}

impl Default for ConnectionOptions {
    /// 30 seconds to bind.
    fn default() -> Self {
        Self { bind_timeout: Duration::from_secs(30) }
    }
}

impl Default for ServerBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl ServerBuilder {
    /// A server without services.
    pub fn new() -> Self {
        Self {
            config: ServerConfig::new(Vec::new()),
            listeners: Vec::new(),
            options: ConnectionOptions::default(),
            max_connections: 16_384,
            discovery: discovery::Discovery::default(),
            logon: logon::Logon::default(),
        }
    }

    /// Serves an interface.
    pub fn service(mut self, service: impl Service) -> Self {
        self.config.services.push(Arc::new(service));
        self
    }

    /// Serves an interface that is shared.
    pub fn shared_service(mut self, service: Arc<dyn Service>) -> Self {
        self.config.services.push(service);
        self
    }

    /// Accepts authentication by a provider.
    pub fn acceptor(mut self, acceptor: impl Acceptor + 'static) -> Self {
        self.config.acceptors.push(Arc::new(acceptor));
        self
    }

    /// Sets the limits of connections and calls.
    pub fn limits(mut self, limits: ServerLimits) -> Self {
        self.config.limits = limits;
        self
    }

    /// Sets how many connections there may be at a time (16,384). Further ones wait.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// Sets how long a client may take to bind (30 seconds).
    pub fn bind_timeout(mut self, timeout: Duration) -> Self {
        self.options.bind_timeout = timeout;
        self
    }

    /// Changes anything else.
    pub fn configure(mut self, change: impl FnOnce(&mut ServerConfig)) -> Self {
        change(&mut self.config);
        self
    }

    /// Starts to serve.
    ///
    /// # Errors
    ///
    /// Fails if there is nothing to listen on.
    pub fn start(mut self) -> io::Result<Server> {
        if self.listeners.is_empty() && !self.discovery.listens() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the server has nothing to listen on"));
        }
        self.config.acceptors.extend(self.logon.acceptors());
        let (stop, _) = watch::channel(false);
        let discovered = self.discovery.open(&mut self.config, &self.listeners, &stop)?;
        let config = Arc::new(self.config);
        let permits = Arc::new(Semaphore::new(self.max_connections.min(Semaphore::MAX_PERMITS)));
        let mut addresses = Vec::new();
        let mut tasks = JoinSet::new();
        let mut listen = |config: &Arc<ServerConfig>, listeners: Vec<Listener>, addresses: &mut Vec<SocketAddr>| {
            for listener in listeners {
                addresses.extend(listener.tcp_address());
                let shared = Listening {
                    config: Arc::clone(config),
                    options: self.options,
                    permits: Arc::clone(&permits),
                    stop: stop.subscribe(),
                };
                tasks.spawn(shared.run(listener));
            }
        };
        listen(&config, self.listeners, &mut addresses);
        let mut mapper_addresses = Vec::new();
        if let Some((mapper, listeners)) = discovered.mapper {
            listen(&Arc::new(mapper), listeners, &mut mapper_addresses);
        }
        let registration = discovered.registration;
        Ok(Server { config, addresses, mapper_addresses, registration, stop, tasks })
    }
}

/// A server that runs. Dropping it ends it at once.
#[derive(Debug)]
pub struct Server {
    config: Arc<ServerConfig>,
    addresses: Vec<SocketAddr>,
    mapper_addresses: Vec<SocketAddr>,
    registration: Option<Registration>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Server {
    /// A server to be built.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::new()
    }

    /// The TCP addresses that it listens on, in the order in which they were given.
    pub fn tcp_addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What its connections have in common, for transports of other kinds ([`serve_stream`]).
    pub fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }

    /// Accepts no more connections, lets calls in progress end, and closes the connections. What
    /// has not ended after `grace` is cut off.
    pub async fn shutdown(mut self, grace: Duration) {
        self.registration = None;
        self.stop.send_replace(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, all).await.is_err() {
            tracing::warn!(?grace, "connections are cut off");
            self.tasks.shutdown().await;
        }
    }
}

struct Listening {
    config: Arc<ServerConfig>,
    options: ConnectionOptions,
    permits: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

impl Listening {
    async fn run(self, mut listener: Listener) {
        let mut connections = JoinSet::new();
        let mut stop = self.stop.clone();
        tracing::info!(%listener, "listening");
        loop {
            let accepted = async {
                // The semaphore is never closed.
                let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
                (listener.accept().await, permit)
            };
            tokio::select! {
                biased;
                () = stopped(&mut stop) => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                (accepted, permit) = accepted => match accepted {
                    Ok(opening) => {
                        let span = tracing::info_span!("connection", peer = tracing::field::Empty);
                        let (config, options) = (Arc::clone(&self.config), self.options);
                        let mut stop = self.stop.clone();
                        let serving = async move {
                            let (stream, info) = match opening.await {
                                Ok(opened) => opened,
                                Err(error) => return tracing::warn!(%error, "connection refused"),
                            };
                            if let Some(peer) = info.address {
                                tracing::Span::current().record("peer", tracing::field::display(peer));
                            }
                            match serve_stream(config, options, stream, info, stopped(&mut stop)).await {
                                Ok(()) => tracing::debug!("closed"),
                                Err(error) => tracing::warn!(%error, "connection ended"),
                            }
                            drop(permit);
                        };
                        connections.spawn(serving.instrument(span));
                    }
                    // Too many open files, mostly: accepting again at once would spin.
                    Err(error) => {
                        tracing::warn!(%error, "accept");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }
}

/// Waits until the server is to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that the server is gone altogether.
    let _ = stop.wait_for(|stop| *stop).await;
}
