//! One daemon to a data folder.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::fs::{FlockOperation, flock};

/// The lock's name in the data folder.
const NAME: &str = "lock";

/// Why the lock cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another daemon has it.
    #[error(
        "{} is locked: another clusterd uses this folder, or a program that a killed one started is still running \
         (`fuser {}` shows which)",
        .0.display(), .0.display()
    )]
    Held(PathBuf),
    /// The file system refuses.
    #[error("cannot lock {}: {error}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What it says.
        error: io::Error,
    },
}

/// Takes the lock of a data folder, which is held as long as the file is open: in this process, or
/// in a program that it started ([`Runner`](crate::process::Runner)). Waits up to `patience` for
/// the programs of a daemon that was killed.
///
/// # Errors
///
/// If another daemon has it, or the folder cannot be written.
pub fn take(data: &Path, patience: Duration) -> Result<Arc<File>, LockError> {
    let path = data.join(NAME);
    let failed = |error| LockError::Io { path: path.clone(), error };
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(failed)?;
    // Read-only, for it is other programs' standard input.
    let file = File::open(&path).map_err(failed)?;
    let start = Instant::now();
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Arc::new(file)),
            Err(rustix::io::Errno::WOULDBLOCK) if start.elapsed() < patience => sleep(Duration::from_millis(20)),
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(LockError::Held(path)),
            Err(error) => return Err(failed(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        jobs::Cancel,
        process::{Invocation, Runner},
    };

    #[tokio::test]
    async fn the_lock_is_held_as_long_as_a_program_runs_that_was_started_under_it() {
        let folder = tempfile::tempdir().unwrap();
        let lock = take(folder.path(), Duration::ZERO).unwrap();
        let error = take(folder.path(), Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("another clusterd"), "{error}");
        let runner = Runner::under(lock);
        let running = tokio::spawn(async move {
            let call = Invocation::new("/bin/sleep").arg("1");
            // The daemon's own hold ends as if it had been killed.
            let runner = runner;
            runner.run(&call, &Cancel::never()).await
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(take(folder.path(), Duration::ZERO).is_err());
        running.await.unwrap().unwrap();
        assert!(take(folder.path(), Duration::from_secs(2)).is_ok());
    }
}
