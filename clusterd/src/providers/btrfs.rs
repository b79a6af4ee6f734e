//! Snapshots of btrfs subvolumes, made by the kernel's own calls.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use libbtrfs::{snap, subvol};
use msrpc_cluster::fsrvp::ports::{PortError, Snapshot, SnapshotProvider};
use uuid::Uuid;

use super::{failed, folder::Folder};
use crate::{
    jobs::{Cancel, Jobs},
    mountinfo::MountTable,
    process::{Invocation, Runner},
};

/// What waits to be written is written before the snapshot is made if it is more than so many octets:
/// making the snapshot writes less soon enough.
const MUCH: u64 = 16 << 20;
/// How long `btrfs` may take.
const PATIENCE: Duration = Duration::from_secs(60);

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
    /// shares. `program` is `btrfs`, for what the kernel does not tell at once.
    pub fn new(name: &str, program: PathBuf, snapshots: PathBuf, runner: Runner) -> Self {
        let folder = Folder::new(name, snapshots);
        Self { shared: Arc::new(Shared { program, folder, runner }), jobs: Jobs::default() }
    }

    /// Does what blocks, one thing at a time for each snapshot. The kernel cannot be asked to stop.
    async fn run(
        &self,
        id: Uuid,
        work: impl FnOnce(&Shared) -> Result<(), PortError> + Send + 'static,
    ) -> Result<(), PortError> {
        let shared = Arc::clone(&self.shared);
        self.jobs.run_blocking(id, move |_| work(&shared)).await
    }
}

#[async_trait]
impl SnapshotProvider for Btrfs {
    async fn supported(&self, path: &Path) -> Result<Option<String>, PortError> {
        self.shared.subvolume(path).await
    }

    async fn prepare(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        let volume = snapshot.store.volume.clone();
        self.run(snapshot.id, move |shared| {
            shared.folder.make()?;
            let volume = Path::new(&volume);
            let file = fs::File::open(volume).map_err(|error| failed("open", volume, error))?;
            // It need not be written while others wait.
            if unwritten(&file).is_none_or(|octets| octets > MUCH) {
                rustix::fs::syncfs(&file).map_err(|error| failed("sync", volume, error))?;
            }
            Ok(())
        })
        .await
    }

    async fn commit(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        let snapshot = snapshot.clone();
        self.run(snapshot.id, move |shared| shared.commit(&snapshot)).await
    }

    async fn expose(&self, snapshot: &Snapshot, path: &Path) -> Result<PathBuf, PortError> {
        self.shared.folder.expose(snapshot, path)
    }

    async fn make_read_only(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        let id = snapshot.id;
        self.run(id, move |shared| {
            let whole = shared.folder.require(id)?;
            let file = fs::File::open(&whole).map_err(|error| failed("open", &whole, error))?;
            subvol::fd::set_readonly(&file, true).map_err(|error| failed("make read-only", &whole, error))?;
            rustix::fs::syncfs(&file).map_err(|error| failed("sync", &whole, error))
        })
        .await
    }

    async fn delete(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        let id = snapshot.id;
        self.run(id, move |shared| shared.delete(id)).await
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
            tracing::warn!(path = %path.display(), subvolume = %nested.display(), "no snapshots: a subvolume of its own is below");
            return Ok(None);
        }
        Ok(root.to_str().map(str::to_owned))
    }

    /// A subvolume below a path, which a snapshot would not hold.
    async fn nested(&self, root: &Path, path: &Path) -> Result<Option<PathBuf>, PortError> {
        let matters = |place: &Path| place.starts_with(path) && !place.starts_with(self.folder.path());
        let mut nested = None;
        let told = subvol::get_rootref(root, |_, folder, name| {
            let part = |octets| Path::new(OsStr::from_bytes(octets));
            let place = root.join(part(folder.to_bytes())).join(part(name.to_bytes()));
            if matters(&place) {
                nested = Some(place);
            }
            Ok(())
        });
        match told {
            Ok(()) => Ok(nested),
            // The kernel tells of 255, or it is an old one.
            Err(error) => {
                tracing::debug!(root = %root.display(), %error, "asking btrfs for subvolumes");
                Ok(self.listed(root).await?.into_iter().find(|place| matters(place)))
            }
        }
    }

    /// The subvolumes in another, as `btrfs` lists them.
    async fn listed(&self, root: &Path) -> Result<Vec<PathBuf>, PortError> {
        let call = Invocation::new(&self.program).args(["subvolume", "list", "-o"]).arg(root);
        let finished = self.runner.run(&call.limit(PATIENCE), &Cancel::never()).await?;
        if !finished.status.success() {
            return Err(PortError::Failed(format!("btrfs subvolume list: {}", finished.complaint())));
        }
        let text = finished.text();
        let paths = text.lines().filter_map(|line| line.split_once(" path ").map(|(_, path)| path));
        // Paths are told from the top of the file system, wherever that is mounted: the longest end of
        // one that is a path below the root is its place there.
        let place = |path: &str| {
            let mut rest = path;
            loop {
                let place = root.join(rest);
                if place.symlink_metadata().is_ok() {
                    return Some(place);
                }
                rest = rest.split_once('/')?.1;
            }
        };
        Ok(paths.filter_map(place).collect())
    }

    fn commit(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        let (volume, whole) = (Path::new(&snapshot.store.volume), self.folder.whole(snapshot.id));
        if whole.symlink_metadata().is_ok() {
            // Made by an attempt whose end nobody heard of.
            return Ok(());
        }
        self.folder.make()?;
        // The call commits the file system's transaction: what is there is durable.
        snap::create(volume, &whole, !snapshot.writable).map_err(|error| failed("make a snapshot of", volume, error))
    }

    fn delete(&self, id: Uuid) -> Result<(), PortError> {
        let whole = self.folder.whole(id);
        if whole.symlink_metadata().is_err() {
            return Ok(());
        }
        subvol::destroy(&whole).map_err(|error| failed("remove the snapshot", &whole, error))?;
        let folder = self.folder.path();
        let file = fs::File::open(folder).map_err(|error| failed("open", folder, error))?;
        rustix::fs::syncfs(&file).map_err(|error| failed("sync", folder, error))
    }
}

/// How many octets of a file system's data wait to be written, as far as btrfs tells.
fn unwritten(file: &fs::File) -> Option<u64> {
    let info = libbtrfs::fs::fd::info(file, libbtrfs::Flags::NONE).ok()?;
    let path = format!("/sys/fs/btrfs/{}/allocation/data/bytes_may_use", info.fsid());
    fs::read_to_string(path).ok()?.trim().parse().ok()
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
