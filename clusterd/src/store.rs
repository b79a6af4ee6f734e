//! The shadow copy sets in one file (redb), which survives whatever happens to the daemon.
//!
//! A record is on the disk when [`put`](SetStore::put) is ready. A file that is not ours, is of
//! another version or is damaged is refused and never written to.

use std::{
    io::ErrorKind,
    marker::PhantomData,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use msrpc_cluster::fsrvp::ports::{PortError, SetStore};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

pub use crate::database::FileError as StoreError;
use crate::database::Kind;

/// What the file is.
const KIND: Kind = Kind {
    table: "clusterd.fsrvp",
    format: 1,
    if_damaged: "Restore it from a backup. Without one, move it away: clusterd then starts empty and removes the \
                 snapshots and exposed shares that it finds, since no set claims them",
    if_other_version: "Use the version that wrote it, or move it away when no shadow copies are needed any more",
};

/// Records as JSON.
const SETS: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("sets");

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
        // Whatever is not whole is found now and not when it is needed.
        let (database, _) = match KIND.open(path, read::<R>) {
            Err(StoreError::Missing(_)) => {
                KIND.make(path, |transaction| {
                    transaction.open_table(SETS)?;
                    Ok(())
                })?;
                KIND.open(path, read::<R>)?
            }
            other => other?,
        };
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
        let damaged = |reason| PortError::Failed(KIND.damaged(&self.file.path, reason).to_string());
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

fn unwritten(path: &Path, error: &redb::Error) -> PortError {
    let message = format!("cannot write {}: {error}", path.display());
    match error {
        redb::Error::Io(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
            PortError::Full(message)
        }
        _ => PortError::Failed(message),
    }
}
