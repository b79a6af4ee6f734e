//! Snapshots by an administrator's own program: for LVM, ZFS, a disk array.
//!
//! The program is called with the operation's name and its arguments, never through a shell:
//!
//! | arguments | what it does, and writes to standard output |
//! |---|---|
//! | `supported PATH` | the name of the store that the directory is on; status 10 if it can make no snapshots of it |
//! | `prepare ID STORE ro\|rw` | makes ready |
//! | `commit ID STORE ro\|rw` | makes the snapshot, durably |
//! | `expose ID STORE ro\|rw PATH` | the directory in the snapshot that shows PATH of the store |
//! | `make-read-only ID STORE` | makes a writable snapshot read-only |
//! | `delete ID STORE` | removes all that there is of it; succeeds if there is nothing |
//! | `list` | `ID STORE` of each of its snapshots, one to a line |

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use msrpc_cluster::fsrvp::{
    FileTime,
    ports::{FileStore, PortError, Snapshot, SnapshotProvider},
};
use uuid::Uuid;

use super::failed;
use crate::{
    jobs::{Cancel, Jobs},
    process::{Finished, Invocation, Runner},
};

/// Exit statuses that mean something; others but 0 are failures.
pub mod exit {
    /// `supported`: no snapshots of this directory.
    pub const UNSUPPORTED: i32 = 10;
    /// The snapshot, or what it is to be of, is not there.
    pub const MISSING: i32 = 11;
    /// There is no room.
    pub const FULL: i32 = 12;
}

/// An administrator's program that makes snapshots.
pub struct Hooks {
    shared: Arc<Shared>,
    jobs: Jobs,
}

struct Shared {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    limit: Duration,
    runner: Runner,
}

impl Hooks {
    /// A provider of this name, which calls a program with arguments in front of those of the
    /// operation. Each call may take so long.
    pub fn new(name: &str, program: PathBuf, arguments: Vec<String>, limit: Duration, runner: Runner) -> Self {
        let name = name.to_owned();
        Self { shared: Arc::new(Shared { name, program, arguments, limit, runner }), jobs: Jobs::default() }
    }

    /// An operation on a snapshot.
    async fn on(&self, verb: &'static str, snapshot: &Snapshot, with: With, path: &Path) -> Result<String, PortError> {
        let shared = Arc::clone(&self.shared);
        let access = if snapshot.writable { "rw" } else { "ro" };
        let mut arguments = vec![snapshot.id.to_string().into(), snapshot.store.volume.clone().into()];
        match with {
            With::Nothing => {}
            With::Access => arguments.push(access.into()),
            With::Path => arguments.extend([access.into(), path.as_os_str().to_owned()]),
        }
        self.jobs.run(snapshot.id, |cancel| async move { shared.call(verb, &arguments, &cancel).await }).await
    }
}

/// What comes after id and store.
#[derive(Clone, Copy)]
enum With {
    Nothing,
    Access,
    Path,
}

#[async_trait]
impl SnapshotProvider for Hooks {
    async fn supported(&self, path: &Path) -> Result<Option<String>, PortError> {
        let path = std::fs::canonicalize(path).map_err(|error| failed("find", path, error))?;
        let finished = self.shared.run("supported", &[path], &Cancel::never()).await?;
        if finished.status.code() == Some(exit::UNSUPPORTED) {
            return Ok(None);
        }
        let store = self.shared.answer("supported", &finished)?;
        if store.is_empty() || store.contains('\n') {
            return Err(PortError::Failed(format!(
                "{} supported: expected the store's name in one line",
                self.shared.program.display()
            )));
        }
        Ok(Some(store))
    }

    async fn prepare(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        self.on("prepare", snapshot, With::Access, Path::new("")).await.map(drop)
    }

    async fn commit(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        self.on("commit", snapshot, With::Access, Path::new("")).await.map(drop)
    }

    async fn expose(&self, snapshot: &Snapshot, path: &Path) -> Result<PathBuf, PortError> {
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let answer = self.on("expose", snapshot, With::Path, &path).await?;
        let folder = PathBuf::from(OsStr::from_bytes(answer.as_bytes()));
        if !folder.is_absolute() || !folder.is_dir() {
            let program = self.shared.program.display();
            return Err(PortError::Failed(format!("{program} expose: expected a directory's path, found {answer:?}")));
        }
        Ok(folder)
    }

    async fn make_read_only(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        self.on("make-read-only", snapshot, With::Nothing, Path::new("")).await.map(drop)
    }

    async fn delete(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        self.on("delete", snapshot, With::Nothing, Path::new("")).await.map(drop)
    }

    async fn list(&self) -> Result<Vec<Snapshot>, PortError> {
        let text = self.shared.call("list", &[] as &[&OsStr], &Cancel::never()).await?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(|line| self.shared.listed(line)).collect()
    }
}

impl Shared {
    async fn run(&self, verb: &str, arguments: &[impl AsRef<OsStr>], cancel: &Cancel) -> Result<Finished, PortError> {
        let call = Invocation::new(&self.program).args(&self.arguments).arg(verb).args(arguments).limit(self.limit);
        Ok(self.runner.run(&call, cancel).await?)
    }

    async fn call(&self, verb: &str, arguments: &[impl AsRef<OsStr>], cancel: &Cancel) -> Result<String, PortError> {
        let finished = self.run(verb, arguments, cancel).await?;
        self.answer(verb, &finished)
    }

    /// A line of `list`.
    fn listed(&self, line: &str) -> Result<Snapshot, PortError> {
        let (id, volume) = line.split_once(' ').unwrap_or((line, ""));
        let id = Uuid::parse_str(id).map_err(|error| {
            let program = self.program.display();
            PortError::Failed(format!("{program} list: expected ID STORE, found {line:?}: {error}"))
        })?;
        let store = FileStore { provider: self.name.clone(), volume: volume.to_owned() };
        Ok(Snapshot { id, store, created: FileTime(0), writable: false })
    }

    /// What a call wrote, if it succeeded.
    fn answer(&self, verb: &str, finished: &Finished) -> Result<String, PortError> {
        if !finished.errors.is_empty() && finished.status.success() {
            tracing::info!(hook = verb, "{}", finished.errors);
        }
        let message = || format!("{} {verb}: {}", self.program.display(), finished.complaint());
        match finished.status.code() {
            Some(0) => Ok(finished.text().trim_end_matches('\n').to_owned()),
            Some(exit::FULL) => Err(PortError::Full(message())),
            Some(exit::MISSING) => Err(PortError::Missing(message())),
            _ => Err(PortError::Failed(message())),
        }
    }
}
