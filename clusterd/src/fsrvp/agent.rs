//! The handle of a running server, and how it starts.

use std::{sync::Arc, time::Duration};

use msrpc_cluster::fsrvp::{
    ports::{Mounts, PortError, SetStore, Shares, SnapshotProvider},
    server::{self, ClientAddress, Reply, Request, SetRecord},
    service::Submit,
};
use msrpc_ndr::HResult;
use tokio::sync::{mpsc, oneshot, watch};

use super::{actions::Actions, task};

/// What the server needs from the outside.
#[derive(Clone)]
pub struct Ports {
    /// Snapshot providers by their configured names, in the order in which they are asked whether
    /// they support a directory.
    pub providers: Vec<(String, Arc<dyn SnapshotProvider>)>,
    /// The file server's shares.
    pub shares: Arc<dyn Shares>,
    /// What is mounted.
    pub mounts: Arc<dyn Mounts>,
    /// Where sets are kept.
    pub store: Arc<dyn SetStore<SetRecord>>,
}

/// Configuration of the server.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The protocol's side.
    pub protocol: server::Config,
    /// How long operations may take.
    pub limits: Limits,
}

/// How long an operation of a port may take before it counts as hung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Finding a share and its file store, or listing what there is at the start: 15 seconds.
    pub look_up: Duration,
    /// Preparing a set: 30 minutes.
    pub prepare: Duration,
    /// Committing a set: 10 minutes.
    pub commit: Duration,
    /// Exposing a set: 10 minutes.
    pub expose: Duration,
    /// Making a set read-only: 5 minutes.
    pub recover: Duration,
    /// Deleting snapshots and shares of a set: 10 minutes.
    pub delete: Duration,
    /// Reading or putting records: 30 seconds.
    pub store: Duration,
    /// How long a start waits for what a crash left to be deleted, before it serves: 30 seconds.
    /// What is left then is deleted beside.
    pub start: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            look_up: Duration::from_secs(15),
            prepare: minutes(30),
            commit: minutes(10),
            expose: minutes(10),
            recover: minutes(5),
            delete: minutes(10),
            store: Duration::from_secs(30),
            start: Duration::from_secs(30),
        }
    }
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be read: what was promised to clients is not known.
    #[error("the shadow copy sets cannot be read from the store: {0}")]
    Store(#[source] PortError),
    /// The store does not answer.
    #[error("the shadow copy sets cannot be read from the store: it does not answer within {0:?}")]
    StoreHangs(Duration),
}

/// The server. There is no value of it: see [`start`](Self::start).
#[derive(Debug)]
pub enum Agent {}

/// Requests that may wait for the task.
const INBOX: usize = 64;

impl Agent {
    /// Reads the store, deletes what a crash left unfinished, removes orphans, and serves.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read. Providers or shares that fail are no reason not to start:
    /// what they could not do is tried again.
    pub async fn start(config: Config, ports: Ports) -> Result<AgentHandle, StartError> {
        let limits = config.limits;
        let records = tokio::time::timeout(limits.store, ports.store.load()).await;
        let records = records.map_err(|_| StartError::StoreHangs(limits.store))?.map_err(StartError::Store)?;
        let actions = Actions::new(ports, limits);
        let (requests, inbox) = mpsc::channel(INBOX);
        let (stop, stopping) = watch::channel(false);
        let (ready, started) = oneshot::channel();
        let (ended, end) = watch::channel(false);
        let task = task::Task::new(actions, config.protocol, records, inbox, stopping);
        tokio::spawn(async move {
            task.run(ready).await;
            // Dropping it tells as much.
            drop(ended);
        });
        // It also ends if the task does.
        let _ = started.await;
        Ok(AgentHandle { requests, stop: Arc::new(stop), end })
    }
}

/// A running server. Cloning is cheap; the server runs until it is stopped or the last clone drops.
#[derive(Clone, Debug)]
pub struct AgentHandle {
    requests: mpsc::Sender<Message>,
    stop: Arc<watch::Sender<bool>>,
    end: watch::Receiver<bool>,
}

#[derive(Debug)]
pub(super) struct Message {
    pub(super) from: ClientAddress,
    pub(super) request: Request,
    pub(super) answer: oneshot::Sender<Result<Reply, HResult>>,
}

impl Submit for AgentHandle {
    /// E_FAIL from a server that has stopped.
    async fn submit(&self, from: ClientAddress, request: Request) -> Result<Reply, HResult> {
        let (answer, reply) = oneshot::channel();
        let message = Message { from, request, answer };
        self.requests.send(message).await.map_err(|_| HResult::E_FAIL)?;
        reply.await.unwrap_or(Err(HResult::E_FAIL))
    }
}

impl AgentHandle {
    /// All shadow copy sets.
    pub async fn sets(&self) -> Vec<SetRecord> {
        match self.submit(ClientAddress::Local, Request::List).await {
            Ok(Reply::Sets(sets)) => sets,
            _ => Vec::new(),
        }
    }

    /// Stops: takes no more requests, cancels what runs, and waits for records that are being put.
    /// What was under way is cleaned up at the next start. Calls without a reply get E_FAIL.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let mut end = self.end.clone();
        while end.changed().await.is_ok() {}
    }
}
