//! Snapshots of directories by going through them: clones where the file system shares blocks
//! (XFS, btrfs), copies anywhere.
//!
//! The whole directory is one store. It is no snapshot of one moment: what is written while it is
//! being made may be in it or not, file by file.

mod clone;
mod remove;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use msrpc_cluster::fsrvp::ports::{PortError, Snapshot, SnapshotProvider};
use uuid::Uuid;

use super::{failed, folder::Folder};
use crate::{
    jobs::{Cancel, Jobs},
    mountinfo::MountTable,
};

/// How data gets into a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Copied.
    Copy,
    /// Shared with the original until one of them is written to (FICLONE).
    Reflink,
}

/// Snapshots of directories, kept in a folder.
pub struct Tree {
    shared: Arc<Shared>,
    jobs: Jobs,
}

struct Shared {
    method: Method,
    folder: Folder,
    /// Whether the folder's file system clones, once known.
    clones: OnceLock<bool>,
}

impl Tree {
    /// A provider of this name, which keeps its snapshots in a folder: for [`Method::Reflink`] on
    /// the shares' file system.
    pub fn new(name: &str, method: Method, snapshots: PathBuf) -> Self {
        let shared = Shared { method, folder: Folder::new(name, snapshots), clones: OnceLock::new() };
        Self { shared: Arc::new(shared), jobs: Jobs::default() }
    }

    /// Does what blocks, one thing at a time for each snapshot.
    async fn run<T: Send + 'static>(
        &self,
        id: Uuid,
        work: impl FnOnce(&Shared, &Cancel) -> Result<T, PortError> + Send + 'static,
    ) -> Result<T, PortError> {
        let shared = Arc::clone(&self.shared);
        self.jobs.run_blocking(id, move |cancel| work(&shared, cancel)).await
    }
}

#[async_trait]
impl SnapshotProvider for Tree {
    async fn supported(&self, path: &Path) -> Result<Option<String>, PortError> {
        let (shared, path) = (Arc::clone(&self.shared), path.to_owned());
        let looking = tokio::task::spawn_blocking(move || shared.supported(&path));
        looking.await.unwrap_or_else(|error| Err(PortError::Failed(error.to_string())))
    }

    async fn prepare(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        let snapshot = snapshot.clone();
        self.run(snapshot.id, move |shared, _| {
            let volume = Path::new(&snapshot.store.volume);
            shared.folder.make()?;
            match shared.supported(volume)? {
                Some(_) => Ok(()),
                None => Err(PortError::Failed(format!("no snapshots of {} any more", volume.display()))),
            }
        })
        .await
    }

    async fn commit(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        let snapshot = snapshot.clone();
        self.run(snapshot.id, move |shared, cancel| shared.commit(&snapshot, cancel)).await
    }

    async fn expose(&self, snapshot: &Snapshot, path: &Path) -> Result<PathBuf, PortError> {
        self.shared.folder.expose(snapshot, path)
    }

    async fn make_read_only(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        // Nobody writes to it but through the share, which sees to that.
        self.shared.folder.require(snapshot.id).map(drop)
    }

    async fn delete(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        let id = snapshot.id;
        self.run(id, move |shared, _| shared.delete(id)).await
    }

    async fn list(&self) -> Result<Vec<Snapshot>, PortError> {
        self.shared.folder.list()
    }
}

impl Shared {
    fn supported(&self, path: &Path) -> Result<Option<String>, PortError> {
        let path = fs::canonicalize(path).map_err(|error| failed("find", path, error))?;
        let folder = self.folder.path();
        let kept = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        if kept.starts_with(&path) {
            tracing::warn!(path = %path.display(), "no snapshots: the folder {} for them is in it", folder.display());
            return Ok(None);
        }
        if self.method == Method::Reflink && !(MountTable::read()?.same(&kept, &path) && self.clones()?) {
            return Ok(None);
        }
        Ok(path.to_str().map(str::to_owned))
    }

    /// Whether the folder's file system can clone: tried once.
    fn clones(&self) -> Result<bool, PortError> {
        if let Some(&known) = self.clones.get() {
            return Ok(known);
        }
        self.folder.make()?;
        let folder = self.folder.path();
        let scratch = || tempfile::tempfile_in(folder).map_err(|error| failed("write in", folder, error));
        let (from, to) = (scratch()?, scratch()?);
        let clones = rustix::fs::ioctl_ficlone(&to, &from).is_ok();
        Ok(*self.clones.get_or_init(|| clones))
    }

    fn commit(&self, snapshot: &Snapshot, cancel: &Cancel) -> Result<(), PortError> {
        let (whole, partial) = (self.folder.whole(snapshot.id), self.folder.partial(snapshot.id));
        if whole.symlink_metadata().is_ok() {
            // Made by an attempt whose end nobody heard of.
            return Ok(());
        }
        self.folder.make()?;
        // What an earlier attempt left.
        remove::tree(&partial)?;
        let made = clone::tree(self.method, Path::new(&snapshot.store.volume), &partial, cancel);
        if made.is_err()
            && let Err(error) = remove::tree(&partial)
        {
            tracing::warn!(%error, "an unfinished snapshot is left until it is deleted");
        }
        made?;
        fs::rename(&partial, &whole).map_err(|error| failed("complete", &whole, error))?;
        self.folder.sync()
    }

    fn delete(&self, id: Uuid) -> Result<(), PortError> {
        let (whole, partial) = (self.folder.whole(id), self.folder.partial(id));
        remove::tree(&partial)?;
        match fs::rename(&whole, &partial) {
            Ok(()) => {
                self.folder.sync()?;
                remove::tree(&partial)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed("remove", &whole, error)),
        }
    }
}
