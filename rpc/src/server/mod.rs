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
mod deadlines;
mod discovery;
mod limits;
mod listen;
mod logon;
mod mailbox;
mod monitor;
mod refusal;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use msrpc_ndr::Service;
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tracing::Instrument as _;

pub use connection::{ConnectionError, serve_stream};
pub use deadlines::ConnectionOptions;
pub use listen::ListenError;
pub use monitor::Monitor;

use crate::{
    association::{
        Acceptor, ClientKey, Quotas, Refused, ServerConfig, SharedLimits, TransportInfo,
        quota::{Lease, Resource},
    },
    epm::Registration,
    metrics::Ended,
    transport::{Listener, Opening},
};
use connection::serve_admitted;

/// Builds a [`Server`].
#[derive(Debug)]
pub struct ServerBuilder {
    config: ServerConfig,
    listeners: Vec<Listener>,
    options: ConnectionOptions,
    shared: SharedLimits,
    discovery: discovery::Discovery,
    logon: logon::Logon,
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
            shared: SharedLimits::default(),
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
        self.config.quotas = Quotas::new(limits::within_files(self.shared));
        let discovered = self.discovery.open(&mut self.config, &self.listeners, &stop)?;
        let config = Arc::new(self.config);
        let refusals = Arc::new(Semaphore::new(refusal::AT_A_TIME));
        let mut addresses = Vec::new();
        let mut tasks = JoinSet::new();
        let mut listen = |config: &Arc<ServerConfig>, listeners: Vec<Listener>, addresses: &mut Vec<SocketAddr>| {
            for listener in listeners {
                addresses.extend(listener.tcp_address());
                let shared = Listening {
                    config: Arc::clone(config),
                    options: self.options,
                    refusals: Arc::clone(&refusals),
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

    /// What of its limits is in use.
    pub fn quotas(&self) -> &Arc<Quotas> {
        &self.config.quotas
    }

    /// Shuts the server down, and waits until nothing of it runs any more:
    ///
    /// - It accepts no more connections, and is taken out of the endpoint map.
    /// - Further calls are answered `nca_server_too_busy`, and are not executed.
    /// - Calls in progress go on, those that nobody waits for any more too. A connection without any
    ///   is told so (a `shutdown` PDU, but not over pipes) and closed. Its context handles are run
    ///   down.
    /// - What has not ended after `grace` is cut off: connections are closed, and the futures of
    ///   calls are dropped.
    pub async fn shutdown(mut self, grace: Duration) {
        self.registration = None;
        self.stop.send_replace(true);
        let all = async {
            while self.tasks.join_next().await.is_some() {}
            self.config.quotas.running().closed().await;
        };
        if tokio::time::timeout(grace, all).await.is_err() {
            let (connections, calls) = (self.quotas().used(Resource::Connections), self.quotas().used(Resource::Calls));
            tracing::warn!(?grace, connections, calls, "what is in progress is cut off");
            self.config.quotas.running().send_replace(true);
            self.tasks.shutdown().await;
            // A future that blocks its thread cannot be dropped.
            let _ = tokio::time::timeout(CUTTING, self.config.quotas.running().closed()).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.config.quotas.running().send_replace(true);
    }
}

/// How long dropping what is cut off may take.
const CUTTING: Duration = Duration::from_secs(5);

struct Listening {
    config: Arc<ServerConfig>,
    options: ConnectionOptions,
    /// For connections that are told that there are too many.
    refusals: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

impl Listening {
    async fn run(self, mut listener: Listener) {
        let mut connections = JoinSet::new();
        let mut stop = self.stop.clone();
        tracing::info!(%listener, "listening");
        loop {
            tokio::select! {
                biased;
                () = stopped(&mut stop) => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = listener.accept(self.options.keep_alive) => match accepted {
                    Ok((client, opening)) => self.admit(&client, opening, &mut connections),
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

    /// Serves a connection, unless there are too many.
    fn admit(&self, client: &ClientKey, opening: Opening, connections: &mut JoinSet<()>) {
        let lease = match self.config.quotas.client(client).take(Resource::Connections, 1) {
            Ok(lease) => lease,
            Err(_refused) => {
                if let Ok(turn) = Arc::clone(&self.refusals).try_acquire_owned() {
                    connections.spawn(refusal::refuse(opening, turn));
                }
                return;
            }
        };
        let span = tracing::info_span!("connection", peer = tracing::field::Empty);
        let (config, options, refusals) = (Arc::clone(&self.config), self.options, Arc::clone(&self.refusals));
        let mut stop = self.stop.clone();
        let serving = async move {
            let (stream, info) = match opening.await {
                Ok(opened) => opened,
                Err(error) => {
                    config.metrics.connection().ended(Ended::Opening);
                    if let Some(not_logged) = config.quotas.may_log() {
                        tracing::warn!(%error, not_logged, "connection refused");
                    }
                    return;
                }
            };
            if let Some(peer) = info.address {
                tracing::Span::current().record("peer", tracing::field::display(peer));
            }
            // Some transports only say now whose the connection is.
            let Ok(lease) = rename(lease, &config, &info) else {
                if let Ok(turn) = refusals.try_acquire_owned() {
                    refusal::refuse(Box::pin(std::future::ready(Ok((stream, info)))), turn).await;
                }
                return;
            };
            let quotas = Arc::clone(&config.quotas);
            match serve_admitted(config, options, stream, info, stopped(&mut stop), lease).await {
                Ok(()) => tracing::debug!("closed"),
                Err(ConnectionError::TimedOut(deadline)) => tracing::debug!(?deadline, "connection ended"),
                Err(error) => match quotas.may_log() {
                    Some(not_logged) => tracing::warn!(%error, not_logged, "connection ended"),
                    None => tracing::debug!(%error, "connection ended"),
                },
            }
        };
        connections.spawn(serving.instrument(span));
    }
}

/// Counts a connection as that of the client whose it turns out to be.
fn rename(lease: Lease, config: &ServerConfig, info: &TransportInfo) -> Result<Lease, Refused> {
    let client = config.quotas.client(&ClientKey::of(info));
    if *lease.client().key() == *client.key() { Ok(lease) } else { client.take(Resource::Connections, 1) }
}

/// Waits until the server is to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that the server is gone altogether.
    let _ = stop.wait_for(|stop| *stop).await;
}
