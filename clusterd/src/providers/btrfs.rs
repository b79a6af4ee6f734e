//! Snapshots of btrfs subvolumes, with the program `btrfs`.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use msrpc_cluster::fsrvp::ports::{PortError, Snapshot, SnapshotProvider};
use uuid::Uuid;

use super::{failed, folder::Folder};
use crate::{
    jobs::{Cancel, Jobs},
    mountinfo::MountTable,
    process::{Finished, Invocation, Runner},
};

/// Inode of a subvolume's root, and of nothing else on a btrfs.
const SUBVOLUME_ROOT: u64 = 256;

/// Snapshots of subvolumes of one btrfs.
pub struct Btrfs {
    shared: Arc<Shared>,
    jobs: Jobs,
}

struct Shared {
    program: PathBuf,
    folder: Folder,
    runner: Runner,
}

impl Btrfs {
    /// A provider of this name, which keeps its snapshots in a folder on the same btrfs as the
    /// shares.
    pub fn new(name: &str, program: PathBuf, snapshots: PathBuf, runner: Runner) -> Self {
        let folder = Folder::new(name, snapshots);
        Self { shared: Arc::new(Shared { program, folder, runner }), jobs: Jobs::default() }
    }
}

#[async_trait]
impl SnapshotProvider for Btrfs {
    async fn supported(&self, path: &Path) -> Result<Option<String>, PortError> {
        self.shared.subvolume(path).await
    }

    async fn prepare(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        let (shared, snapshot) = (Arc::clone(&self.shared), snapshot.clone());
        self.jobs
            .run_blocking(snapshot.id, move |_| {
                shared.folder.make()?;
                // What is dirty now need not be written while others wait.
                let volume = Path::new(&snapshot.store.volume);
                let file = fs::File::open(volume).map_err(|error| failed("open", volume, error))?;
                rustix::fs::syncfs(&file).map_err(|error| failed("sync", volume, error))
            })
            .await
    }

    async fn commit(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        let (shared, snapshot) = (Arc::clone(&self.shared), snapshot.clone());
        self.jobs.run(snapshot.id, |cancel| async move { shared.commit(&snapshot, &cancel).await }).await
    }

    async fn expose(&self, snapshot: &Snapshot, path: &Path) -> Result<PathBuf, PortError> {
        self.shared.folder.expose(snapshot, path)
    }

    async fn make_read_only(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        let (shared, id) = (Arc::clone(&self.shared), snapshot.id);
        self.jobs
            .run(id, |cancel| async move {
                let whole = shared.folder.require(id)?;
                shared.call(&["property", "set", "-ts"], &[&whole], &["ro", "true"], &cancel).await?;
                let file = fs::File::open(&whole).map_err(|error| failed("open", &whole, error))?;
                blocking(move || rustix::fs::syncfs(&file).map_err(|error| failed("sync", &whole, error))).await
            })
            .await
    }

    async fn delete(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        let (shared, id) = (Arc::clone(&self.shared), snapshot.id);
        self.jobs.run(id, |cancel| async move { shared.delete(id, &cancel).await }).await
    }

    async fn list(&self) -> Result<Vec<Snapshot>, PortError> {
        self.shared.folder.list()
    }
}

impl Shared {
    /// The subvolume that a directory is in, if a snapshot of it holds all that is below.
    async fn subvolume(&self, path: &Path) -> Result<Option<String>, PortError> {
        let path = fs::canonicalize(path).map_err(|error| failed("find", path, error))?;
        let mounts = MountTable::read()?;
        if mounts.of(&path).is_none_or(|mount| mount.kind != "btrfs") {
            return Ok(None);
        }
        // It need not be there yet.
        let snapshots = self.folder.path();
        let kept = [Some(snapshots), snapshots.parent()].into_iter().flatten().find_map(|at| fs::canonicalize(at).ok());
        if !kept.is_some_and(|kept| mounts.same(&kept, &path)) {
            return Ok(None);
        }
        let Some(root) = subvolume_root(&path)? else { return Ok(None) };
        if let Some(nested) = self.nested(&root, &path).await? {
            tracing::warn!(path = %path.display(), subvolume = nested, "no snapshots: a subvolume of its own is below");
            return Ok(None);
        }
        Ok(root.to_str().map(str::to_owned))
    }

    /// A subvolume below a path, which a snapshot would not hold.
    async fn nested(&self, root: &Path, path: &Path) -> Result<Option<String>, PortError> {
        // Paths are told from the top of the file system, wherever that is mounted.
        let listed = self.call(&["subvolume", "list", "-o"], &[root], &[], &Cancel::never()).await?;
        let text = listed.text();
        let below = text.lines().filter_map(|line| line.split_once(" path ").map(|(_, path)| path));
        let snapshots = self.folder.path();
        for nested in below {
            // The longest end of it that is a path below the root is its place there.
            let mut rest = nested;
            let place = loop {
                let place = root.join(rest);
                if place.symlink_metadata().is_ok() {
                    break Some(place);
                }
                match rest.split_once('/') {
                    Some((_, after)) => rest = after,
                    None => break None,
                }
            };
            if place.is_some_and(|place| place.starts_with(path) && !place.starts_with(snapshots)) {
                return Ok(Some(nested.to_owned()));
            }
        }
        Ok(None)
    }

    async fn commit(&self, snapshot: &Snapshot, cancel: &Cancel) -> Result<(), PortError> {
        let (volume, whole) = (Path::new(&snapshot.store.volume), self.folder.whole(snapshot.id));
        if whole.symlink_metadata().is_ok() {
            // Made by an attempt whose end nobody heard of.
            return Ok(());
        }
        self.folder.make()?;
        let access: &[&str] = if snapshot.writable { &[] } else { &["-r"] };
        let verb = [&["subvolume", "snapshot"], access].concat();
        // The ioctl commits the file system's transaction: what is there is durable.
        self.call(&verb, &[volume, &whole], &[], cancel).await.map(drop)
    }

    async fn delete(&self, id: Uuid, cancel: &Cancel) -> Result<(), PortError> {
        let whole = self.folder.whole(id);
        if whole.symlink_metadata().is_err() {
            return Ok(());
        }
        self.call(&["subvolume", "delete", "--commit-after"], &[&whole], &[], cancel).await.map(drop)
    }

    /// Calls `btrfs` with words, paths, and words again.
    async fn call(
        &self,
        verb: &[&str],
        paths: &[&Path],
        then: &[&str],
        cancel: &Cancel,
    ) -> Result<Finished, PortError> {
        let call = Invocation::new(&self.program).args(verb).args(paths).args(then);
        let finished = self.runner.run(&call.limit(std::time::Duration::from_secs(300)), cancel).await?;
        if finished.status.success() {
            return Ok(finished);
        }
        let message = format!("btrfs {}: {}", verb.join(" "), finished.complaint());
        // It has no statuses of its own to tell these apart.
        if message.contains("No space left on device") || message.contains("Disk quota exceeded") {
            return Err(PortError::Full(message));
        }
        match paths.first().map(|first| first.symlink_metadata()) {
            Some(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => Err(PortError::Missing(message)),
            _ => Err(PortError::Failed(message)),
        }
    }
}

/// The root of the subvolume that a path on a btrfs is in.
fn subvolume_root(path: &Path) -> Result<Option<PathBuf>, PortError> {
    for at in path.ancestors() {
        let metadata = fs::symlink_metadata(at).map_err(|error| failed("look at", at, error))?;
        if metadata.ino() == SUBVOLUME_ROOT {
            return Ok(Some(at.to_owned()));
        }
    }
    Ok(None)
}

async fn blocking(work: impl FnOnce() -> Result<(), PortError> + Send + 'static) -> Result<(), PortError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(PortError::Failed(format!("an operation broke off: {error}"))))
}
