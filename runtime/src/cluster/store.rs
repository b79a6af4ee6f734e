//! What a cluster needs of a store: transactions, compare and watch.
//!
//! The store has a [`Revision`] that goes up by one with each commit. Whoever commits says which
//! revision the changes were made on; the store refuses them if it is at another one. So two nodes
//! never build on each other's past, and one node can commit on top of what is not on the disk yet:
//! it knows the revision that its last commit will make, and if that one fails, those that were
//! built on it fail as well.
//!
//! ```text
//! let Loaded { revision, registry } = store.load().await?;
//! let first = store.commit(revision, changes);           // queued, in this order
//! let second = store.commit(revision.next(), more);      // needs the first
//! first.await?;                                          // on the disk now
//! ```

use std::pin::Pin;

use async_trait::async_trait;
use futures_core::Stream;

use super::registry::{Change, Registry};

/// How many commits a store has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision that a commit on this one makes.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// What a store holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// Its revision.
    pub revision: Revision,
    /// The registry at it.
    pub registry: Registry,
}

/// A commit that somebody else made.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The revision that it made.
    pub revision: Revision,
    /// What it changed.
    pub changes: Vec<Change>,
}

/// A commit on its way: ready when it is durable, or refused. It goes on if nobody waits for it.
pub type Committing = Pin<Box<dyn Future<Output = Result<Revision, StoreError>> + Send>>;

/// The commits of others, in order and without gaps. When it ends, some may have been missed:
/// [`load`](ClusterStore::load) again.
pub type Watch = Pin<Box<dyn Stream<Item = Update> + Send>>;

/// Why a store does not do something. Whenever it is said, nothing of the commit is visible, unless
/// [`Failed`](Self::Failed) says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The caller's changes were made on a revision that the store is not at: somebody else's
    /// commit came first, or an own one before it failed.
    #[error("the changes were made on revision {} and the store is at {}", base.0, current.0)]
    Stale {
        /// What they were made on.
        base: Revision,
        /// What the store is at.
        current: Revision,
    },
    /// There is no room; the administrator's to solve.
    #[error("no space left: {0}")]
    Full(String),
    /// It cannot be written to; the administrator's to solve.
    #[error("not writable: {0}")]
    ReadOnly(String),
    /// What it holds cannot be read whole; the administrator's to solve.
    #[error("{0}")]
    Damaged(String),
    /// Anything else that went wrong. Whether the changes of a commit are kept, all or none, is
    /// known after the next [`load`](ClusterStore::load).
    #[error("{0}")]
    Failed(String),
    /// An earlier commit failed to be written. The store takes no more until it was
    /// [loaded](ClusterStore::load) again, for what the caller has may not be what is kept.
    #[error("an earlier change could not be kept ({0}); the store has to be loaded again")]
    Unsettled(String),
}

/// Keeps the registry.
#[async_trait]
pub trait ClusterStore: Send + Sync + 'static {
    /// What is kept, with all commits before this call, those that failed left out.
    ///
    /// # Errors
    ///
    /// If it cannot be read whole.
    async fn load(&self) -> Result<Loaded, StoreError>;

    /// Keeps changes, all or none, if the store is at `base` when their turn comes. The order of
    /// the calls is that of the commits, however the futures are polled.
    fn commit(&self, base: Revision, changes: Vec<Change>) -> Committing;

    /// What others commit after a revision. What is committed through this store is not among it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Stale`] if the store cannot tell any more what came after that revision.
    async fn watch(&self, after: Revision) -> Result<Watch, StoreError>;
}
