//! The shadow copy sets in one file (redb), which survives whatever happens to the daemon.
//!
//! A record is on the disk when [`put`](SetStore::put) is ready. A file that is not ours, is of
//! another version or is damaged is refused and never written to.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, ErrorKind},
    marker::PhantomData,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use msrpc_cluster::fsrvp::ports::{PortError, SetStore};
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, TableDefinition, TableError};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

/// Version of what is in the file.
const FORMAT: u64 = 1;

/// What the file says of itself; `format` is the version.
const ABOUT: TableDefinition<'_, &str, u64> = TableDefinition::new("clusterd.fsrvp");
/// Records as JSON.
const SETS: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("sets");

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file is not one of ours.
    #[error(
        "{} is not a store of clusterd ({reason}); it was not touched. Move it away, or set `data` to another folder",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The file is one of ours, but cannot be read whole.
    #[error(
        "{} is damaged ({reason}); it was not touched. Restore it from a backup. Without one, move it away: clusterd \
         then starts empty and removes the snapshots and exposed shares that it finds, since no set claims them",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Another version of clusterd wrote it.
    #[error(
        "{} has format {found} and this clusterd knows format {FORMAT}; it was not touched. Use the version that \
         wrote it, or move it away when no shadow copies are needed any more",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// Another process has it open.
    #[error("{} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// The file system refuses.
    #[error("cannot open {}: {error}{}", path.display(), advice(error))]
    Io {
        /// The file.
        path: PathBuf,
        /// What it says.
        error: io::Error,
    },
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            ". clusterd writes each change before it answers: make file and folder writable for its user"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => ". Free some space on that file system",
        _ => "",
    }
}

/// Records of shadow copy sets in a file.
#[derive(Debug)]
pub struct Store<R> {
    file: Arc<StoreFile>,
    records: PhantomData<fn() -> R>,
}

#[derive(Debug)]
struct StoreFile {
    path: PathBuf,
    /// `None` after an error: redb takes no more changes then until the file is opened again.
    database: Mutex<Option<Database>>,
}

impl<R: Serialize + DeserializeOwned + Send + Sync + 'static> Store<R> {
    /// Opens a file, or makes it if it is not there.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the file and what to do about it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let io = |error: io::Error| StoreError::Io { path: path.to_owned(), error };
        match path.symlink_metadata() {
            Ok(metadata) if !metadata.is_file() => {
                let reason = "it is no regular file".to_owned();
                return Err(StoreError::Foreign { path: path.to_owned(), reason });
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => make(path)?,
            Err(error) => return Err(io(error)),
        }
        // redb reads a file that it may not write only to fail later.
        OpenOptions::new().read(true).write(true).open(path).map_err(io)?;
        let database = Database::open(path).map_err(|error| refusal(path, error))?;
        check_format(&database, path)?;
        // Whatever is not whole is found now and not when it is needed.
        read::<R>(&database).map_err(|reason| StoreError::Damaged { path: path.to_owned(), reason })?;
        let file = StoreFile { path: path.to_owned(), database: Mutex::new(Some(database)) };
        Ok(Self { file: Arc::new(file), records: PhantomData })
    }
}

impl StoreFile {
    /// Does something with the database, which is opened again after an error.
    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, redb::Error> {
        let mut slot = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let database = match slot.take() {
            Some(database) => database,
            None => Database::open(&self.path)?,
        };
        let result = work(&database);
        if result.is_ok() {
            *slot = Some(database);
        }
        result
    }
}

fn check_format(database: &Database, path: &Path) -> Result<(), StoreError> {
    let path = || path.to_owned();
    let damaged = |reason: String| StoreError::Damaged { path: path(), reason };
    let transaction = database.begin_read().map_err(|error| damaged(error.to_string()))?;
    let table = match transaction.open_table(ABOUT) {
        Ok(table) => table,
        Err(TableError::Storage(error)) => return Err(damaged(error.to_string())),
        Err(error) => return Err(StoreError::Foreign { path: path(), reason: error.to_string() }),
    };
    match table.get("format").map_err(|error| damaged(error.to_string()))? {
        Some(version) if version.value() == FORMAT => Ok(()),
        Some(version) => Err(StoreError::Version { path: path(), found: version.value() }),
        None => Err(StoreError::Foreign { path: path(), reason: "it does not say its format".to_owned() }),
    }
}

fn read<R: DeserializeOwned>(database: &Database) -> Result<Vec<R>, String> {
    let rows = rows(database).map_err(|error| error.to_string())?;
    let record = |(set, row): (u128, Vec<u8>)| {
        serde_json::from_slice(&row).map_err(|error| format!("the record of set {}: {error}", Uuid::from_u128(set)))
    };
    rows.into_iter().map(record).collect()
}

fn rows(database: &Database) -> Result<Vec<(u128, Vec<u8>)>, redb::Error> {
    let table = database.begin_read()?.open_table(SETS)?;
    let mut rows = Vec::new();
    for row in table.iter()? {
        let (key, value) = row?;
        rows.push((key.value(), value.value().to_vec()));
    }
    Ok(rows)
}

#[async_trait]
impl<R: Serialize + DeserializeOwned + Send + Sync + 'static> SetStore<R> for Store<R> {
    async fn load(&self) -> Result<Vec<R>, PortError> {
        let damaged =
            |reason| PortError::Failed(StoreError::Damaged { path: self.file.path.clone(), reason }.to_string());
        let records = self.file.with(|database| Ok(read(database))).map_err(|error| damaged(error.to_string()))?;
        records.map_err(damaged)
    }

    async fn put(&self, set: Uuid, record: Option<R>) -> Result<(), PortError> {
        let record = record.map(|record| serde_json::to_vec(&record)).transpose();
        let record = record.map_err(|error| PortError::Failed(format!("set {set} cannot be written: {error}")))?;
        let file = Arc::clone(&self.file);
        let writing = tokio::task::spawn_blocking(move || {
            let written = file.with(|database| write(database, set, record.as_deref()));
            written.map_err(|error| unwritten(&file.path, &error))
        });
        writing.await.unwrap_or_else(|error| Err(PortError::Failed(format!("writing a set broke off: {error}"))))
    }
}

/// A new file: under another name until it is whole.
fn make(path: &Path) -> Result<(), StoreError> {
    let io = |error: io::Error| StoreError::Io { path: path.to_owned(), error };
    let unfinished = path.with_extension("new");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(error)),
        _ => {}
    }
    let database = Database::create(&unfinished).map_err(|error| refusal(path, error))?;
    write_format(&database).map_err(|error| match error {
        redb::Error::Io(error) => io(error),
        other => StoreError::Damaged { path: unfinished.clone(), reason: other.to_string() },
    })?;
    drop(database);
    fs::set_permissions(&unfinished, Permissions::from_mode(0o600)).map_err(io)?;
    fs::rename(&unfinished, path).map_err(io)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
}

fn write_format(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(ABOUT)?.insert("format", FORMAT)?;
    transaction.open_table(SETS)?;
    Ok(transaction.commit()?)
}

/// Each change is a transaction of its own, and on the disk when it is committed.
fn write(database: &Database, set: Uuid, record: Option<&[u8]>) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut table = transaction.open_table(SETS)?;
        match record {
            Some(record) => drop(table.insert(set.as_u128(), record)?),
            None => drop(table.remove(set.as_u128())?),
        }
    }
    Ok(transaction.commit()?)
}

fn refusal(path: &Path, error: DatabaseError) -> StoreError {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::InUse(path),
        DatabaseError::Storage(StorageError::Io(error)) => match error.kind() {
            ErrorKind::InvalidData | ErrorKind::UnexpectedEof => {
                StoreError::Foreign { path, reason: error.to_string() }
            }
            _ => StoreError::Io { path, error },
        },
        other => StoreError::Damaged { path, reason: other.to_string() },
    }
}

fn unwritten(path: &Path, error: &redb::Error) -> PortError {
    let message = format!("cannot write {}: {error}", path.display());
    match error {
        redb::Error::Io(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
            PortError::Full(message)
        }
        _ => PortError::Failed(message),
    }
}
