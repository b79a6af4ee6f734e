//! The folder that a provider keeps its snapshots in, each under its id.
//!
//! What is being made or removed has the suffix `.partial`, so that a name without it is always a
//! whole snapshot.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use msrpc_cluster::fsrvp::{
    FileTime,
    ports::{FileStore, PortError, Snapshot},
};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use uuid::Uuid;

use super::failed;

const PARTIAL: &str = "partial";

/// A folder of snapshots.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    /// The provider's name.
    provider: String,
    path: PathBuf,
}

impl Folder {
    /// A provider's folder, which is made when it is first needed.
    pub(super) fn new(provider: &str, path: PathBuf) -> Self {
        Self { provider: provider.to_owned(), path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it, so that file servers find their way through it, and others cannot look around.
    pub(super) fn make(&self) -> Result<(), PortError> {
        match DirBuilder::new().mode(0o711).create(&self.path) {
            Ok(()) => self.path.parent().map_or(Ok(()), sync),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(failed("make the snapshot folder", &self.path, error)),
        }
    }

    /// Where a whole snapshot is.
    pub(super) fn whole(&self, id: Uuid) -> PathBuf {
        self.path.join(id.to_string())
    }

    /// Where an unfinished one is.
    pub(super) fn partial(&self, id: Uuid) -> PathBuf {
        self.whole(id).with_extension(PARTIAL)
    }

    /// All that is there, whole or not. What it was of is not known, and not needed to delete it.
    pub(super) fn list(&self) -> Result<Vec<Snapshot>, PortError> {
        let store = FileStore { provider: self.provider.clone(), volume: String::new() };
        let snapshot = |id| Snapshot { id, store: store.clone(), created: FileTime(0), writable: false };
        Ok(self.ids()?.into_iter().map(snapshot).collect())
    }

    fn ids(&self) -> Result<Vec<Uuid>, PortError> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("read", &self.path, error)),
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| failed("read", &self.path, error))?.file_name();
            let Some(name) = name.to_str() else { continue };
            let name = name.strip_suffix(PARTIAL).and_then(|name| name.strip_suffix('.')).unwrap_or(name);
            // Only what is written as we write it: others may keep things here too.
            if let Ok(id) = Uuid::parse_str(name)
                && id.to_string() == name
            {
                ids.push(id);
            }
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// The directory in a whole snapshot that shows a path of the store.
    pub(super) fn expose(&self, snapshot: &Snapshot, path: &Path) -> Result<PathBuf, PortError> {
        let missing = |what: String| PortError::Missing(what);
        let whole = self.whole(snapshot.id);
        let volume = Path::new(&snapshot.store.volume);
        let inside = match path.strip_prefix(volume) {
            Ok(inside) => inside.to_owned(),
            // A way through symbolic links.
            Err(_) => {
                let real = fs::canonicalize(path).map_err(|error| failed("find", path, error))?;
                let inside = real.strip_prefix(volume);
                inside
                    .map(Path::to_owned)
                    .map_err(|_| missing(format!("{} is no longer in {}", path.display(), volume.display())))?
            }
        };
        let root = openat2(CWD, &whole, OFlags::PATH | OFlags::DIRECTORY, Mode::empty(), ResolveFlags::empty())
            .map_err(|error| failed("find the snapshot", &whole, error))?;
        if inside.as_os_str().is_empty() {
            return Ok(whole);
        }
        // Who may write to the share must not lead the exposed one out of the snapshot.
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        match openat2(&root, &inside, OFlags::PATH | OFlags::DIRECTORY, Mode::empty(), resolve) {
            Ok(_) => Ok(whole.join(inside)),
            Err(error) => Err(missing(format!("the snapshot has no directory {}: {error}", inside.display()))),
        }
    }

    /// An error if there is no whole snapshot.
    pub(super) fn require(&self, id: Uuid) -> Result<PathBuf, PortError> {
        let whole = self.whole(id);
        match fs::symlink_metadata(&whole) {
            Ok(metadata) if metadata.is_dir() => Ok(whole),
            Ok(_) => Err(PortError::Missing(format!("{} is no snapshot", whole.display()))),
            Err(error) => Err(failed("find the snapshot", &whole, error)),
        }
    }

    /// Puts changes of the folder itself on the disk.
    pub(super) fn sync(&self) -> Result<(), PortError> {
        sync(&self.path)
    }
}

fn sync(path: &Path) -> Result<(), PortError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|error| failed("sync", path, error))
}
