//! Backups of the cluster registry (ApiBackupClusterDatabase, \[MS-CMRP\] 3.1.4.1.104): a folder
//! with the registry as a file of the store's own format, and beside it what is in it, for people.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use msrpc_cluster::cluster::{
    objects::layout,
    registry::{KeyId, Registry},
    store::{Loaded, Revision},
};
use serde::{Deserialize, Serialize};

use super::{EmbeddedStore, KIND, rows};
use crate::database::{FileError, sync_folder};

/// The name of the file with the registry.
pub const DATABASE: &str = "CLUSDB";
/// The name of the file that says what is in it.
pub const MANIFEST: &str = "CLUSDB.json";

/// What is in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The cluster's name.
    pub cluster: String,
    /// Its instance ID.
    pub instance: String,
    /// The store's revision at which it was taken.
    pub revision: u64,
    /// Number of keys, the root among them.
    pub keys: usize,
    /// Number of values.
    pub values: usize,
    /// When it was taken, in seconds since 1970-01-01 UTC.
    pub taken: u64,
}

/// Why there is no backup, or none that can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The folder cannot be written or read.
    #[error("cannot use {} for a backup: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file with the registry cannot be made or read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The files do not belong together.
    #[error("{} is no whole backup ({reason}); take another, or use an older one", path.display())]
    Incomplete {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
}

/// Writes a backup into a folder, which is made if what it is in is there. An earlier backup in it
/// is replaced when the new one is whole; anything else of the same name is refused. Blocks.
///
/// # Errors
///
/// If it could not be written whole.
pub fn write(folder: &Path, revision: Revision, registry: &Registry) -> Result<Manifest, BackupError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| BackupError::Io { path, error }
    };
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(folder)(error)),
        _ => {}
    }
    let (database, manifest_file) = (folder.join(DATABASE), folder.join(MANIFEST));
    if database.symlink_metadata().is_ok() {
        // Only a file that is a registry of ours is replaced.
        drop(KIND.read(&database, rows::load)?);
    }
    // A name that a crash left is nobody's.
    let fresh = folder.join("CLUSDB.part");
    let fresh_manifest = folder.join("CLUSDB.json.part");
    for path in [&fresh, &fresh_manifest] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(path)(error)),
            _ => {}
        }
    }
    let manifest = Manifest::of(revision, registry);
    EmbeddedStore::create_at(&fresh, revision, registry)?;
    write_manifest(&fresh_manifest, &manifest).map_err(failed(&fresh_manifest))?;
    fs::rename(&fresh, &database).map_err(failed(&database))?;
    fs::rename(&fresh_manifest, &manifest_file).map_err(failed(&manifest_file))?;
    sync_folder(&database).map_err(failed(folder))?;
    Ok(manifest)
}

/// Reads a backup. Blocks.
///
/// # Errors
///
/// If it is not whole.
pub fn read(folder: &Path) -> Result<(Manifest, Loaded), BackupError> {
    let (database, manifest) = (folder.join(DATABASE), folder.join(MANIFEST));
    let incomplete = |reason: String| BackupError::Incomplete { path: folder.to_owned(), reason };
    let file = File::open(&manifest).map_err(|error| match error.kind() {
        ErrorKind::NotFound => incomplete(format!("there is no {MANIFEST}")),
        _ => BackupError::Io { path: manifest.clone(), error },
    })?;
    let manifest: Manifest = serde_json::from_reader(io::BufReader::new(file))
        .map_err(|error| incomplete(format!("{MANIFEST} cannot be read: {error}")))?;
    let loaded = KIND.read(&database, rows::load)?;
    let found = Manifest { taken: manifest.taken, ..Manifest::of(loaded.revision, &loaded.registry) };
    if found != manifest {
        return Err(incomplete(format!("{MANIFEST} says other things than {DATABASE} has")));
    }
    Ok((manifest, loaded))
}

/// Makes a cluster's file of a backup. Blocks.
///
/// # Errors
///
/// If the backup is not whole, or there is a cluster already.
pub fn restore(folder: &Path, path: &Path) -> Result<Manifest, BackupError> {
    let (manifest, Loaded { revision, registry }) = read(folder)?;
    EmbeddedStore::create_at(path, revision, &registry)?;
    Ok(manifest)
}

impl Manifest {
    fn of(revision: Revision, registry: &Registry) -> Self {
        let text = |name| layout::string(registry, KeyId::ROOT, name).unwrap_or_default();
        let (keys, values) = registry.count();
        let taken = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self {
            cluster: text(layout::CLUSTER_NAME),
            instance: text(layout::CLUSTER_INSTANCE_ID),
            revision: revision.0,
            keys,
            values,
            taken,
        }
    }
}

fn write_manifest(path: &Path, manifest: &Manifest) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    serde_json::to_writer_pretty(&mut file, manifest)?;
    file.write_all(b"\n")?;
    file.sync_all()
}
