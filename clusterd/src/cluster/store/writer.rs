//! The thread that writes: all that has gathered while the last transaction was written goes into
//! the next.

use std::{
    io::ErrorKind,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::Receiver,
    },
};

use msrpc_cluster::cluster::{
    registry::Change,
    store::{Loaded, Revision, StoreError},
};
use redb::Database;
use tokio::sync::oneshot;

use super::{KIND, rows};
use crate::database::FileError;

/// Most changes in a transaction, so that the first of a long queue is not answered last of all.
const MAX_GROUP: usize = 10_000;

/// What the thread is asked for.
pub(super) enum Request {
    /// What is kept.
    Load(oneshot::Sender<Result<Loaded, StoreError>>),
    /// To keep something.
    Commit(Commit),
}

/// Changes to keep.
pub(super) struct Commit {
    pub(super) base: Revision,
    pub(super) changes: Vec<Change>,
    pub(super) answer: oneshot::Sender<Result<Revision, StoreError>>,
}

/// The thread's state.
pub(super) struct Writer {
    pub(super) path: PathBuf,
    /// `None` after an error: redb takes no more changes then until the file is opened again.
    pub(super) database: Option<Database>,
    /// That of the last transaction that was written.
    pub(super) revision: Revision,
    /// What was found when the file was opened, until something else is in it or it was asked for.
    pub(super) loaded: Option<Loaded>,
    /// Why nothing is taken until the store was loaded again.
    pub(super) unsettled: Option<String>,
    /// How many transactions were written.
    pub(super) transactions: Arc<AtomicU64>,
}

impl Writer {
    /// Works until nobody can ask for anything more and all that was asked for is done.
    pub(super) fn run(mut self, requests: &Receiver<Request>) {
        let mut next = requests.recv().ok();
        while let Some(request) = next.take() {
            match request {
                Request::Load(answer) => {
                    // Whoever asked may have gone.
                    let _ = answer.send(self.load());
                }
                Request::Commit(first) => {
                    let mut size = first.changes.len();
                    let mut group = vec![first];
                    while size < MAX_GROUP {
                        match requests.try_recv() {
                            Ok(Request::Commit(commit)) => {
                                size = size.saturating_add(commit.changes.len());
                                group.push(commit);
                            }
                            Ok(other) => {
                                next = Some(other);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    self.commit(group);
                }
            }
            if next.is_none() {
                next = requests.recv().ok();
            }
        }
    }

    fn load(&mut self) -> Result<Loaded, StoreError> {
        if let Some(loaded) = self.loaded.take() {
            return Ok(loaded);
        }
        let damaged = |reason: String| StoreError::Damaged(KIND.damaged(&self.path, reason).to_string());
        let loaded = match &self.database {
            Some(database) => rows::load(database).map_err(damaged),
            // Read in memory, for a disk that is full does not hinder that.
            None => KIND.read(&self.path, rows::load).map_err(refusal),
        }?;
        (self.revision, self.unsettled) = (loaded.revision, None);
        Ok(loaded)
    }

    fn commit(&mut self, group: Vec<Commit>) {
        if let Some(reason) = &self.unsettled {
            let error = StoreError::Unsettled(reason.clone());
            return group.into_iter().for_each(|commit| tell(commit.answer, Err(error.clone())));
        }
        let mut revision = self.revision;
        let (mut fitting, mut stale) = (Vec::new(), Vec::new());
        for commit in group {
            if commit.base == revision {
                revision = revision.next();
                fitting.push((commit, revision));
            } else {
                stale.push((commit, revision));
            }
        }
        if !fitting.is_empty() {
            self.commit_fitting(fitting, revision);
        }
        for (commit, current) in stale {
            let error = match &self.unsettled {
                Some(reason) => StoreError::Unsettled(reason.clone()),
                None => StoreError::Stale { base: commit.base, current },
            };
            tell(commit.answer, Err(error));
        }
    }

    /// Writes commits that build on what is kept and on each other.
    fn commit_fitting(&mut self, commits: Vec<(Commit, Revision)>, revision: Revision) {
        self.loaded = None;
        let changes = commits.iter().flat_map(|(commit, _)| &commit.changes);
        let written = match self.opened() {
            Ok(database) => write(database, changes, revision).map_err(|error| {
                self.database = None;
                let error = self.unwritten(&error);
                tracing::error!(%error, commits = commits.len(), "the cluster's store did not take changes");
                error
            }),
            Err(error) => Err(error),
        };
        match written {
            Ok(()) => {
                self.transactions.fetch_add(1, Ordering::Relaxed);
                self.revision = revision;
                commits.into_iter().for_each(|(commit, revision)| tell(commit.answer, Ok(revision)));
            }
            Err(error) => {
                self.unsettled = Some(error.to_string());
                commits.into_iter().for_each(|(commit, _)| tell(commit.answer, Err(error.clone())));
            }
        }
    }

    /// The database, opened again after an error.
    fn opened(&mut self) -> Result<&Database, StoreError> {
        let database = match self.database.take() {
            Some(database) => database,
            None => {
                let look = |database: &Database| rows::revision(database).map_err(|error| error.to_string());
                let (database, found) = KIND.open(&self.path, look).map_err(refusal)?;
                if found != self.revision {
                    return Err(StoreError::Failed(format!("{} has changed meanwhile", self.path.display())));
                }
                database
            }
        };
        Ok(self.database.insert(database))
    }

    fn unwritten(&self, error: &redb::Error) -> StoreError {
        let message = format!("cannot write {}: {error}", self.path.display());
        match error {
            redb::Error::Io(error) => of_io(error.kind(), message),
            _ => StoreError::Failed(message),
        }
    }
}

fn tell(answer: oneshot::Sender<Result<Revision, StoreError>>, result: Result<Revision, StoreError>) {
    // Whoever asked may have gone.
    let _ = answer.send(result);
}

/// Everything in one transaction, which is on the disk when this returns.
fn write<'a>(
    database: &Database,
    mut changes: impl Iterator<Item = &'a Change>,
    revision: Revision,
) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    let mut tables = rows::Tables::open(&transaction)?;
    changes.try_for_each(|change| tables.apply(change))?;
    tables.finish(revision)?;
    Ok(transaction.commit()?)
}

fn of_io(kind: ErrorKind, message: String) -> StoreError {
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => StoreError::Full(message),
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => StoreError::ReadOnly(message),
        _ => StoreError::Failed(message),
    }
}

/// Why a file that was open before cannot be opened again.
fn refusal(error: FileError) -> StoreError {
    let message = error.to_string();
    match error {
        FileError::Io { error, .. } => of_io(error.kind(), message),
        FileError::InUse(_) => StoreError::Failed(message),
        _ => StoreError::Damaged(message),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::OpenOptions,
        io,
        path::Path,
        sync::{atomic::AtomicBool, mpsc},
    };

    use msrpc_cluster::cluster::registry::{KeyId, Name, Registry, Value};
    use redb::{Builder, StorageBackend, backends::FileBackend};

    use super::*;
    use crate::cluster::store::EmbeddedStore;

    /// A disk that may refuse to keep what it was given.
    #[derive(Debug)]
    struct Disk(FileBackend, Arc<AtomicBool>);

    impl StorageBackend for Disk {
        fn len(&self) -> io::Result<u64> {
            self.0.len()
        }
        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.0.read(offset, out)
        }
        fn set_len(&self, len: u64) -> io::Result<()> {
            self.0.set_len(len)
        }
        fn sync_data(&self) -> io::Result<()> {
            if self.1.load(Ordering::Relaxed) { Err(io::Error::other("broken")) } else { self.0.sync_data() }
        }
        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.0.write(offset, data)
        }
    }

    fn on_disk(path: &Path, broken: &Arc<AtomicBool>) -> Writer {
        EmbeddedStore::create(path, &Registry::new()).unwrap();
        let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
        let disk = Disk(FileBackend::new(file).unwrap(), Arc::clone(broken));
        Writer {
            path: path.to_owned(),
            database: Some(Builder::new().create_with_backend(disk).unwrap()),
            revision: Revision(1),
            loaded: None,
            unsettled: None,
            transactions: Arc::default(),
        }
    }

    type Answer<T> = oneshot::Receiver<Result<T, StoreError>>;

    fn commit(base: u64, number: u32) -> (Request, Answer<Revision>) {
        let (answer, receiver) = oneshot::channel();
        let value = Change::PutValue { key: KeyId::ROOT, name: Name::default(), value: Value::dword(number) };
        (Request::Commit(Commit { base: Revision(base), changes: vec![value], answer }), receiver)
    }

    #[test]
    fn a_broken_disk_fails_all_that_was_written_together_and_what_comes_after_until_it_is_loaded_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cluster.redb");
        let broken = Arc::default();
        let writer = on_disk(&path, &broken);
        broken.store(true, Ordering::Relaxed);
        let (requests, queue) = mpsc::channel();
        // Both in one transaction, and one on a revision that was never made.
        let (asked, answers): (Vec<_>, Vec<_>) = [commit(1, 10), commit(2, 20), commit(9, 90)].into_iter().unzip();
        asked.into_iter().for_each(|request| requests.send(request).unwrap());
        let thread = std::thread::spawn(move || writer.run(&queue));
        let mut answers = answers.into_iter().map(|answer| answer.blocking_recv().unwrap().unwrap_err());
        assert!(matches!(answers.next(), Some(StoreError::Failed(_))));
        assert!(matches!(answers.next(), Some(StoreError::Failed(_))));
        assert!(matches!(answers.next(), Some(StoreError::Unsettled(_))));
        broken.store(false, Ordering::Relaxed);
        for base in 1..4 {
            let (request, answer) = commit(base, 30);
            requests.send(request).unwrap();
            assert!(matches!(answer.blocking_recv().unwrap(), Err(StoreError::Unsettled(_))));
        }
        let load = || {
            let (answer, receiver) = oneshot::channel();
            requests.send(Request::Load(answer)).unwrap();
            receiver.blocking_recv().unwrap().unwrap()
        };
        // All of the transaction, or nothing.
        let Loaded { revision, registry } = load();
        let value = registry.value(KeyId::ROOT, &Name::default()).ok().and_then(Value::as_dword);
        assert!([(Revision(1), None), (Revision(3), Some(20))].contains(&(revision, value)), "{revision:?} {value:?}");
        let (request, answer) = commit(revision.0, 40);
        requests.send(request).unwrap();
        assert_eq!(answer.blocking_recv().unwrap(), Ok(revision.next()));
        let Loaded { revision, registry } = load();
        drop(requests);
        thread.join().unwrap();
        let kept = KIND.read(&path, rows::load).unwrap();
        assert_eq!(kept, Loaded { revision, registry });
        assert_eq!(kept.registry.value(KeyId::ROOT, &Name::default()).unwrap().as_dword(), Some(40));
    }
}
