//! What the FSRVP server needs from the outside: snapshots, shares, mounts, and a store that
//! survives.
//!
//! All operations on a snapshot or an exposed share are keyed by the shadow copy's id and may be
//! repeated: after a crash nobody knows how far the last one came. Deleting what is not there
//! succeeds. The server never runs two operations on one snapshot at once, but those on several
//! snapshots of a set run side by side.
//!
//! Any of them may hang or panic: the server waits for a bounded time, drops the future, and treats
//! both as failures. It deletes what such an operation may have left before it goes on.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::FileTime;

/// The file store (`VolumeName` of \[MS-FSRVP\] 3.1.1.3) that a directory is on: what one snapshot
/// captures at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileStore {
    /// Name of the provider that makes its snapshots, as configured.
    pub provider: String,
    /// What identifies the store to its provider, and to no one else: a subvolume's path, a
    /// directory, a volume.
    pub volume: String,
}

/// What a provider can say of a file store beside making snapshots ( `ShadowCopyCompatibility`,
/// \[MS-FSRVP\] 2.2.2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compatibility {
    /// Defragmentation is not supported while snapshots exist.
    pub disable_defrag: bool,
    /// Indexing is not supported while snapshots exist.
    pub disable_content_index: bool,
}

/// A snapshot to be made or that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The shadow copy's id, which names it everywhere.
    pub id: Uuid,
    /// The store it is of.
    pub store: FileStore,
    /// When the client asked for it (`CreationTimeStamp` of 3.1.1.3). It never changes, so that it
    /// can be a part of names.
    pub created: FileTime,
    /// Whether it may be written to until it is made read-only (ATTR_AUTO_RECOVERY).
    pub writable: bool,
}

/// Why a provider or the shares could not do something.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The store has no room; the administrator's to solve.
    #[error("no space left: {0}")]
    Full(String),
    /// What is needed is not there (any more): a snapshot, a directory, a share.
    #[error("{0}")]
    Missing(String),
    /// Anything else, in words for the log.
    #[error("{0}")]
    Failed(String),
}

/// Makes snapshots of file stores of one kind.
///
/// Dropping the future of an operation cancels it: what it leaves behind is removed by `delete`.
#[async_trait]
pub trait SnapshotProvider: Send + Sync + 'static {
    /// Identifies the store that a directory is on, or `None` if this provider cannot make
    /// snapshots of it. Mount points below the directory are not its business: see [`Mounts`].
    ///
    /// Two directories that one snapshot captures have the same store.
    ///
    /// # Errors
    ///
    /// Fails if that cannot be found out.
    async fn supported(&self, path: &Path) -> Result<Option<String>, PortError>;

    /// What else has to be known of a store that has snapshots.
    fn compatibility(&self, _volume: &str) -> Compatibility {
        Compatibility::default()
    }

    /// Makes ready for [`commit`](Self::commit) all that can take long, without freezing anything.
    /// A client may leave it out.
    ///
    /// # Errors
    ///
    /// Fails if the snapshot could not be made now.
    async fn prepare(&self, snapshot: &Snapshot) -> Result<(), PortError>;

    /// Makes the snapshot: when this returns it is complete and durable. The server has deleted
    /// what an earlier attempt left.
    ///
    /// # Errors
    ///
    /// Fails if it was not made.
    async fn commit(&self, snapshot: &Snapshot) -> Result<(), PortError>;

    /// Makes the snapshot accessible; gives the directory in it that shows `path` of the store.
    ///
    /// # Errors
    ///
    /// [`PortError::Missing`] if the snapshot is gone.
    async fn expose(&self, snapshot: &Snapshot, path: &Path) -> Result<PathBuf, PortError>;

    /// Makes a writable snapshot read-only for good.
    ///
    /// # Errors
    ///
    /// [`PortError::Missing`] if the snapshot is gone.
    async fn make_read_only(&self, snapshot: &Snapshot) -> Result<(), PortError>;

    /// Removes the snapshot and whatever unfinished operations left of it. Succeeds if there is none.
    ///
    /// # Errors
    ///
    /// Fails if something of it is still there.
    async fn delete(&self, snapshot: &Snapshot) -> Result<(), PortError>;

    /// All snapshots that this provider made and that are still there, unfinished ones included:
    /// to find orphans. Of an orphan only what [`delete`](Self::delete) needs has to be right.
    ///
    /// # Errors
    ///
    /// Fails if that cannot be found out.
    async fn list(&self) -> Result<Vec<Snapshot>, PortError>;
}

/// A share as the file server knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Its name, as the file server spells it.
    pub name: String,
    /// The directory it shows.
    pub path: PathBuf,
}

/// The file server's shares.
#[async_trait]
pub trait Shares: Send + Sync + 'static {
    /// Finds a share by name; names differ in case only by spelling.
    ///
    /// # Errors
    ///
    /// Fails if the shares cannot be read.
    async fn find(&self, name: &str) -> Result<Option<Share>, PortError>;

    /// Says that a share of this name will probably be added soon, so that what can be made ready
    /// is. Nothing may come of it that is seen outside: after a crash nobody remembers it.
    /// [`remove`](Self::remove) takes it back.
    fn expect(&self, _name: &str) {}

    /// Adds a share that shows `path`, with the permissions of `base`. Replaces one of the same
    /// name that an earlier attempt left.
    ///
    /// # Errors
    ///
    /// [`PortError::Missing`] if the base share is gone.
    async fn expose(&self, name: &str, path: &Path, base: &str, writable: bool) -> Result<(), PortError>;

    /// Makes an exposed share read-only.
    ///
    /// # Errors
    ///
    /// [`PortError::Missing`] if it is gone.
    async fn make_read_only(&self, name: &str) -> Result<(), PortError>;

    /// Removes an exposed share. Succeeds if there is none of that name; never touches a share
    /// that [`expose`](Self::expose) did not add.
    ///
    /// # Errors
    ///
    /// Fails if it is still there.
    async fn remove(&self, name: &str) -> Result<(), PortError>;

    /// Names of all shares that [`expose`](Self::expose) added and that are still there, to find
    /// orphans.
    ///
    /// # Errors
    ///
    /// Fails if the shares cannot be read.
    async fn exposed(&self) -> Result<Vec<String>, PortError>;
}

/// What is mounted.
#[async_trait]
pub trait Mounts: Send + Sync + 'static {
    /// The mount points below a directory, the directory itself not counted: a snapshot would show
    /// them empty, so that such a share is not supported (\[MS-FSRVP\] 3.1.4.4).
    ///
    /// # Errors
    ///
    /// Fails if that cannot be found out.
    async fn below(&self, path: &Path) -> Result<Vec<PathBuf>, PortError>;
}

/// Keeps the shadow copy sets over restarts.
///
/// `R` is the record of one set. A change that was put is on the disk when the future is ready.
#[async_trait]
pub trait SetStore<R: Send + Sync + 'static>: Send + Sync + 'static {
    /// All records.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read, saying what to do.
    async fn load(&self) -> Result<Vec<R>, PortError>;

    /// Puts or removes the record of a set, durably. Removing what is not there succeeds.
    ///
    /// # Errors
    ///
    /// Fails if the change is not on the disk.
    async fn put(&self, set: Uuid, record: Option<R>) -> Result<(), PortError>;
}
