//! The cluster's registry in one file (redb) of this node, which survives whatever happens to it.
//!
//! A commit is on the disk when it is answered. Commits that come while a transaction is being
//! written are gathered and written as the next one, so that many that come at once share the
//! disk's time.
//!
//! # When a write fails
//!
//! The disk is full or broken: the transaction is as if it had not been, and so is every commit in
//! it. Each is answered with the error, and everything that comes after with
//! [`StoreError::Unsettled`], until somebody [loads](ClusterStore::load) the store again and goes on
//! from what is kept. Loading needs no room on the disk. The file is opened for writing again with
//! the next commit, which is refused in the same way while the disk stays as it is.
//!
//! If it was the last step that failed, the one that asks the disk to keep what it was given, a
//! transaction may be there all the same: whole, and loading shows it.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::path::Path;
//!
//! use clusterd::cluster::store::EmbeddedStore;
//! use msrpc_cluster::cluster::{registry::Registry, store::ClusterStore};
//!
//! let path = Path::new("/var/lib/clusterd/cluster.redb");
//! EmbeddedStore::create(path, &Registry::new())?;
//! let store = EmbeddedStore::open(path)?;
//! let loaded = store.load().await?;
//! store.commit(loaded.revision, Vec::new()).await?;
//! # Ok(()) }
//! ```

pub mod backup;
mod rows;
mod writer;

use std::{
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    task::{Context, Poll},
    thread::{self, JoinHandle},
};

use async_trait::async_trait;
use futures_core::Stream;
use msrpc_cluster::cluster::{
    registry::{Change, Registry},
    store::{ClusterStore, Committing, Loaded, Revision, StoreError, Update, Watch},
};
use tokio::sync::{oneshot, watch};

use self::writer::{Commit, Request, Writer};
use crate::database::{FileError, Kind};

/// The file's name in the data folder.
pub const FILE: &str = "cluster.redb";

/// What the file is.
const KIND: Kind = Kind {
    table: "clusterd.cluster",
    format: 1,
    if_damaged: "Restore the cluster from a backup (a folder with `CLUSDB`), or move the file away and form the \
                 cluster anew with `clusterd init`",
    if_other_version: "Use the version of clusterd that wrote it",
};

/// The registry in a file.
///
/// Dropping it waits until what was committed is written.
#[derive(Debug)]
pub struct EmbeddedStore {
    requests: Option<mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
    transactions: Arc<AtomicU64>,
    /// Ends with the store, and with it every watch.
    open: watch::Sender<()>,
}

impl EmbeddedStore {
    /// Makes a file of a new cluster, at revision 1. Blocks.
    ///
    /// # Errors
    ///
    /// [`FileError::Exists`] if there is a cluster already.
    pub fn create(path: &Path, registry: &Registry) -> Result<(), FileError> {
        Self::create_at(path, Revision(1), registry)
    }

    /// Makes a file of a cluster that has a revision already. Blocks.
    ///
    /// # Errors
    ///
    /// [`FileError::Exists`] if there is a cluster already.
    pub fn create_at(path: &Path, revision: Revision, registry: &Registry) -> Result<(), FileError> {
        KIND.make(path, |transaction| rows::fill(transaction, revision, registry))
    }

    /// Opens a cluster's file. Blocks.
    ///
    /// # Errors
    ///
    /// [`FileError::Missing`] if there is none; else what is wrong with it and what to do about it.
    /// It was not touched then.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let io = |error: redb::Error| match error {
            redb::Error::Io(error) => FileError::Io { path: path.to_owned(), error },
            other => KIND.damaged(path, other.to_string()),
        };
        // Whatever is not whole is found now and not when it is needed.
        let (database, loaded) = KIND.open(path, rows::load)?;
        rows::refold(&database).map_err(io)?;
        let (requests, queue) = mpsc::channel();
        let transactions = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            path: path.to_owned(),
            database: Some(database),
            revision: loaded.revision,
            loaded: Some(loaded),
            unsettled: None,
            transactions: Arc::clone(&transactions),
        };
        let thread = thread::Builder::new().name("cluster-store".to_owned()).spawn(move || writer.run(&queue));
        let writer = thread.map_err(|error| FileError::Io { path: path.to_owned(), error })?;
        Ok(Self { requests: Some(requests), writer: Some(writer), transactions, open: watch::channel(()).0 })
    }

    /// How many transactions were written since it was opened: as many as there were commits, or
    /// fewer.
    pub fn transactions(&self) -> u64 {
        self.transactions.load(Ordering::Relaxed)
    }

    fn ask(&self, request: Request) {
        // Where the thread has gone, the answer's sender is dropped, which the asker sees.
        let _ = self.requests.as_ref().map(|requests| requests.send(request));
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        drop(self.requests.take());
        // A panic in it has been reported by the hook.
        let _ = self.writer.take().map(JoinHandle::join);
    }
}

/// The answer, or an error if the thread is gone without one.
async fn answered<T>(answer: oneshot::Receiver<Result<T, StoreError>>) -> Result<T, StoreError> {
    answer.await.unwrap_or_else(|_| Err(StoreError::Failed("the store's thread broke off".to_owned())))
}

#[async_trait]
impl ClusterStore for EmbeddedStore {
    async fn load(&self) -> Result<Loaded, StoreError> {
        let (sender, answer) = oneshot::channel();
        self.ask(Request::Load(sender));
        answered(answer).await
    }

    fn commit(&self, base: Revision, changes: Vec<Change>) -> Committing {
        let (sender, answer) = oneshot::channel();
        self.ask(Request::Commit(Commit { base, changes, answer: sender }));
        Box::pin(answered(answer))
    }

    /// Nobody else can write the file, so nothing ever comes.
    async fn watch(&self, _after: Revision) -> Result<Watch, StoreError> {
        let mut open = self.open.subscribe();
        Ok(Box::pin(Silence(Box::pin(async move { while open.changed().await.is_ok() {} }))))
    }
}

/// Gives nothing, and ends when the store does.
struct Silence(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Stream for Silence {
    type Item = Update;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Update>> {
        self.0.as_mut().poll(context).map(|()| None)
    }
}
