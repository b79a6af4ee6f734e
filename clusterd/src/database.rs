//! Database files (redb): which are ours, and which are refused before anything is written to them.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read},
    os::unix::fs::OpenOptionsExt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, StorageError, TableDefinition, TableError, WriteTransaction,
};
use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};

use self::image::Image;

mod image;

/// What every file of redb begins with.
const MAGIC: &[u8] = b"redb\x1a\x0a\xa9\x0d\x0a";

/// Most octets of an open file that are kept in memory.
const CACHE: usize = 1 << 19;

/// How long a file counts as free although it is locked: a program that is being started has what
/// this process had open, a lock that is given up by now included, until it runs.
const STARTING: Duration = Duration::from_millis(500);

/// A kind of file.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The table in which a file says of itself what it is; `format` in it is the version.
    pub table: &'static str,
    /// The version that this code reads and writes.
    pub format: u64,
    /// What to do about a damaged file.
    pub if_damaged: &'static str,
    /// What to do about a file of another version.
    pub if_other_version: &'static str,
}

/// Why a file cannot be opened or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
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
    #[error("{} is damaged ({reason}); it was not touched. {advice}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
        /// What to do.
        advice: &'static str,
    },
    /// Another version of clusterd wrote it.
    #[error(
        "{} has format {found} and this clusterd knows format {known}; it was not touched. {advice}", path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// The version that is known.
        known: u64,
        /// What to do.
        advice: &'static str,
    },
    /// Another process has it open.
    #[error("{} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// There is one already where one was to be made.
    #[error("{} is there already; it was not touched", .0.display())]
    Exists(PathBuf),
    /// There is none.
    #[error("there is no {}", .0.display())]
    Missing(PathBuf),
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

impl Kind {
    /// Opens a file to change it. `look` says what is in it, and what is wrong with that, of what
    /// the file comes to in memory, with every checksum verified.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the file and what to do about it; it was not touched then.
    pub fn open<T>(
        &self,
        path: &Path,
        look: impl FnOnce(&Database) -> Result<T, String>,
    ) -> Result<(Database, T), FileError> {
        // redb reads a file that it may not write only to fail later.
        let file = regular(path, OpenOptions::new().read(true).write(true))?;
        let seen = self.look(path, file, look)?;
        let open = || Builder::new().set_cache_size(CACHE).open(path).map_err(|error| self.refusal(path, error));
        Ok((while_in_use(open)?, seen))
    }

    /// Looks into a file without touching it, as [`open`](Self::open) does before.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), but the file need not be writable.
    pub fn read<T>(&self, path: &Path, look: impl FnOnce(&Database) -> Result<T, String>) -> Result<T, FileError> {
        self.look(path, regular(path, OpenOptions::new().read(true))?, look)
    }

    /// Makes a file: under another name until it is whole, and never in place of another.
    ///
    /// # Errors
    ///
    /// [`FileError::Exists`] if there is one already.
    pub fn make(
        &self,
        path: &Path,
        fill: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), FileError> {
        let io = |error: io::Error| FileError::Io { path: path.to_owned(), error };
        if path.symlink_metadata().is_ok() {
            return Err(FileError::Exists(path.to_owned()));
        }
        let unfinished = path.with_extension("new");
        let made = self.fill(&unfinished, fill).and_then(|()| {
            match renameat_with(CWD, &unfinished, CWD, path, RenameFlags::NOREPLACE) {
                // Not every file system can promise that; who has the data folder's lock is alone.
                Err(Errno::INVAL | Errno::NOSYS) => fs::rename(&unfinished, path).map_err(redb::Error::Io),
                other => other.map_err(|error| redb::Error::Io(error.into())),
            }
        });
        if let Err(error) = made {
            // What is in the way is removed next time.
            let _ = fs::remove_file(&unfinished);
            return Err(match error {
                redb::Error::Io(error) if error.kind() == ErrorKind::AlreadyExists => {
                    FileError::Exists(path.to_owned())
                }
                redb::Error::Io(error) => io(error),
                other => self.damaged(path, other.to_string()),
            });
        }
        sync_folder(path).map_err(io)
    }

    fn fill(
        &self,
        path: &Path,
        fill: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), redb::Error> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(redb::Error::Io(error)),
            _ => {}
        }
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(redb::Error::Io)?;
        let database = Database::create(path)?;
        let transaction = database.begin_write()?;
        transaction.open_table(self.about())?.insert("format", self.format)?;
        fill(&transaction)?;
        transaction.commit()?;
        Ok(database.close()?)
    }

    /// An error that says that what is in a file is not as it should be.
    pub fn damaged(&self, path: &Path, reason: String) -> FileError {
        FileError::Damaged { path: path.to_owned(), reason, advice: self.if_damaged }
    }

    /// The table in which a file says what it is.
    pub fn about(&self) -> TableDefinition<'static, &'static str, u64> {
        TableDefinition::new(self.table)
    }

    fn look<T>(
        &self,
        path: &Path,
        mut file: File,
        look: impl FnOnce(&Database) -> Result<T, String>,
    ) -> Result<T, FileError> {
        let io = |error: io::Error| FileError::Io { path: path.to_owned(), error };
        while_in_use(|| {
            file.try_lock().map_err(|error| match error {
                TryLockError::WouldBlock => FileError::InUse(path.to_owned()),
                TryLockError::Error(error) => io(error),
            })
        })?;
        let mut octets = Vec::new();
        file.read_to_end(&mut octets).map_err(io)?;
        drop(file);
        if !octets.starts_with(MAGIC) {
            let reason = if octets.is_empty() { "it is empty" } else { "it is no database" };
            return Err(FileError::Foreign { path: path.to_owned(), reason: reason.to_owned() });
        }
        let damaged = |reason: String| self.damaged(path, reason);
        let looking = || {
            let image = Image::new(octets);
            let opened = Builder::new().set_cache_size(CACHE).create_with_backend(image);
            let mut database = opened.map_err(|error| damaged(error.to_string()))?;
            self.check_format(&database, path)?;
            match database.check_integrity() {
                Ok(true) => look(&database).map_err(damaged),
                Ok(false) => Err(damaged("a checksum is wrong".to_owned())),
                Err(error) => Err(damaged(error.to_string())),
            }
        };
        // redb says of itself that it may panic about a file that somebody altered.
        let looked = catch_unwind(AssertUnwindSafe(looking));
        looked.unwrap_or_else(|_| Err(damaged("its pages contradict each other".to_owned())))
    }

    fn check_format(&self, database: &Database, path: &Path) -> Result<(), FileError> {
        let path = || path.to_owned();
        let damaged = |reason: String| self.damaged(&path(), reason);
        let transaction = database.begin_read().map_err(|error| damaged(error.to_string()))?;
        let table = match transaction.open_table(self.about()) {
            Ok(table) => table,
            Err(TableError::Storage(error)) => return Err(damaged(error.to_string())),
            Err(error) => return Err(FileError::Foreign { path: path(), reason: error.to_string() }),
        };
        match table.get("format").map_err(|error| damaged(error.to_string()))?.map(|found| found.value()) {
            Some(found) if found == self.format => Ok(()),
            Some(found) => {
                Err(FileError::Version { path: path(), found, known: self.format, advice: self.if_other_version })
            }
            None => Err(FileError::Foreign { path: path(), reason: "it does not say its format".to_owned() }),
        }
    }

    fn refusal(&self, path: &Path, error: DatabaseError) -> FileError {
        match error {
            DatabaseError::DatabaseAlreadyOpen => FileError::InUse(path.to_owned()),
            DatabaseError::Storage(StorageError::Io(error)) => FileError::Io { path: path.to_owned(), error },
            other => self.damaged(path, other.to_string()),
        }
    }
}

/// Opens a file that has to be a regular one.
fn regular(path: &Path, how: &OpenOptions) -> Result<File, FileError> {
    let io = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => FileError::Missing(path.to_owned()),
        _ => FileError::Io { path: path.to_owned(), error },
    };
    if !path.symlink_metadata().map_err(io)?.is_file() {
        let reason = "it is no regular file".to_owned();
        return Err(FileError::Foreign { path: path.to_owned(), reason });
    }
    how.open(path).map_err(io)
}

/// Makes the names in a file's folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Tries again as long as a file may only seem to be in use.
fn while_in_use<T>(mut attempt: impl FnMut() -> Result<T, FileError>) -> Result<T, FileError> {
    let deadline = Instant::now() + STARTING;
    loop {
        match attempt() {
            Err(FileError::InUse(_)) if Instant::now() < deadline => std::thread::sleep(STARTING / 50),
            outcome => return outcome,
        }
    }
}
