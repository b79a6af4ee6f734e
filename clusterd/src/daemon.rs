//! The daemon: ports, the FSRVP server, listeners, and their orderly end.

mod build;
mod node;
mod rpc;

use std::{fs, io, os::unix::fs::DirBuilderExt, path::PathBuf, sync::Arc, time::Duration};

use msrpc::{auth::CredentialsFile, server::Server, transport::np::PipeError};
use msrpc_cluster::fsrvp::{ports::PortError, service::FsrvpService};
use msrpc_protocols::fsrvp::file_server_vss_agent;

use self::{node::Node, rpc::Services};
use crate::{
    config::Config,
    fsrvp::{Agent, AgentHandle, StartError},
    lock::{self, LockError},
    metrics,
    process::Runner,
    store::{Store, StoreError},
};

/// How long a killed daemon's programs are waited for at the start.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long calls in progress may take to end at the stop.
const GRACE: Duration = Duration::from_secs(10);

/// Why the daemon does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// The data folder cannot be had.
    #[error("cannot make the data folder {}: {error}", path.display())]
    Data {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Another daemon has the data folder.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The FSRVP server does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Something in the configuration is not so on this host.
    #[error("{0}")]
    Configuration(String),
    /// Samba cannot be asked, or does not do what is needed.
    #[error(transparent)]
    Samba(PortError),
    /// The pipe cannot be served.
    #[error(transparent)]
    Pipe(#[from] PipeError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        error: io::Error,
    },
}

/// Where a daemon can be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Endpoints {
    /// FSRVP, as string bindings.
    pub fsrvp: Vec<String>,
    /// ClusAPI, as string bindings.
    pub clusapi: Vec<String>,
    /// The endpoint mapper, as string bindings.
    pub epmapper: Vec<String>,
    /// Counters, as URLs.
    pub metrics: Vec<String>,
}

/// A daemon that runs.
#[derive(Debug)]
pub struct Daemon {
    server: Server,
    agent: Option<AgentHandle>,
    node: Option<Node>,
    endpoints: Endpoints,
    _metrics: Option<metrics::Endpoint>,
}

impl Daemon {
    /// Starts everything. `accounts` are those that may log on within RPC; those of the
    /// configuration's file where it names one.
    ///
    /// # Errors
    ///
    /// Says what is in the way and what to do about it.
    pub async fn start(config: &Config, accounts: Option<CredentialsFile>) -> Result<Self, DaemonError> {
        let data = &config.data.0;
        let made = fs::DirBuilder::new().recursive(true).mode(0o711).create(data);
        made.map_err(|error| DaemonError::Data { path: data.clone(), error })?;
        let lock = lock::take(data, PATIENCE)?;
        let metrics = listen_for_metrics(config).await?;
        let runner = Runner::under(lock);
        let accounts = match accounts {
            Some(accounts) => Some(accounts),
            None => rpc::accounts(config)?,
        };
        let mut services = Services::default();
        let node = match &config.cluster {
            Some(cluster) => Some(Node::start(cluster, data).await?),
            None => None,
        };
        services.clusapi = node.as_ref().map(|node| Arc::clone(&node.service));
        let (agent, ncalrpc_dir) = if config.fsrvp.provider.is_empty() {
            (None, None)
        } else {
            let store = Arc::new(Store::open(&data.join("fsrvp.redb"))?);
            let parts = build::parts(config, &runner).await?;
            let policy = config.fsrvp.policy().map_err(DaemonError::Configuration)?;
            let agent = Agent::start(build::protocol(config), parts.ports(store)).await?;
            let service = file_server_vss_agent::Service::new(FsrvpService::new(agent.clone(), policy));
            services.fsrvp = Some(Arc::new(service));
            (Some(agent), parts.ncalrpc_dir)
        };
        match rpc::serve(config, ncalrpc_dir, accounts, services).await {
            Ok((server, mut endpoints)) => {
                let metrics = metrics.map(|bound| bound.serve(server.monitor()));
                endpoints.metrics.extend(metrics.iter().map(metrics::Endpoint::url));
                Ok(Self { server, agent, node, endpoints, _metrics: metrics })
            }
            Err(error) => {
                end(agent, node).await;
                Err(error)
            }
        }
    }

    /// Where it can be reached.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Takes no more calls, lets those in progress end, and stops.
    pub async fn stop(self) {
        if let Some(node) = &self.node {
            // Whoever waits for notifications would be waited for.
            node.refuse();
        }
        self.server.shutdown(GRACE).await;
        end(self.agent, self.node).await;
    }
}

async fn listen_for_metrics(config: &Config) -> Result<Option<metrics::Bound>, DaemonError> {
    let Some(address) = config.metrics.listen else { return Ok(None) };
    match metrics::Bound::listen(address).await {
        Ok(bound) => Ok(Some(bound)),
        Err(error) => Err(DaemonError::Listen { address: format!("{address} for metrics"), error }),
    }
}

async fn end(agent: Option<AgentHandle>, node: Option<Node>) {
    if let Some(agent) = agent {
        agent.stop().await;
    }
    if let Some(node) = node {
        node.stop().await;
    }
}

/// Looks whether a configuration fits this host, without starting or changing anything; says what
/// it found.
///
/// # Errors
///
/// What does not fit.
pub async fn check(config: &Config) -> Result<Vec<String>, DaemonError> {
    config.fsrvp.policy().map_err(DaemonError::Configuration)?;
    let accounts = rpc::accounts(config)?;
    let mut found = build::check(config).await?;
    if let Some(cluster) = &config.cluster {
        found.push(node::check(cluster, &config.data.0).await?);
    }
    if config.kerberos.is_some() {
        rpc::check_kerberos(config)?;
        found.push("who has a Kerberos ticket for this host may log on within RPC".to_owned());
    }
    if let Some(accounts) = accounts {
        found.push(format!("{} accounts may log on within RPC", accounts.len()));
        found.extend(accounts.warnings().iter().map(|warning| format!("warning: {warning}")));
    }
    Ok(found)
}
