//! The record of sets made from here: servers do not tell them again (\[MS-FSRVP\] 3.2.3).

use std::{
    env, fs,
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use msrpc_cluster::fsrvp::client::{ShadowCopySet, ShadowCopySetTable};

use crate::{
    arguments::Common,
    failure::{Failure, Kind},
};

/// A file with the sets, which several commands may change at one time.
#[derive(Debug)]
pub(crate) struct Record {
    path: Option<PathBuf>,
}

impl Record {
    /// The record that the options name. Without a home there is none, and nothing is remembered.
    pub(crate) fn new(common: &Common) -> Self {
        let folder = env::var_os("XDG_STATE_HOME")
            .map(PathBuf::from)
            .filter(|folder| folder.is_absolute())
            .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".local/state")));
        let path = common.record.clone().or_else(|| Some(folder?.join("clusctl/snapshots.json")));
        Self { path }
    }

    /// All sets.
    pub(crate) fn read(&self) -> Result<ShadowCopySetTable, Failure> {
        let Some(path) = &self.path else { return Ok(ShadowCopySetTable::default()) };
        read(path).map_err(|error| {
            Failure::new(
                Kind::Failed,
                format_args!("the record {} cannot be read: {error}: move it away, or give --record", path.display()),
            )
        })
    }

    /// Remembers a set as it is now.
    pub(crate) fn put(&self, set: &ShadowCopySet) {
        self.change(|table| table.put(set));
    }

    /// Forgets a set.
    pub(crate) fn remove(&self, set: &ShadowCopySet) {
        self.change(|table| table.remove(set));
    }

    /// Changes the file. That this fails does not fail a command which has done something on a server;
    /// it is said, since the identifiers will be needed.
    fn change(&self, change: impl FnOnce(&mut ShadowCopySetTable)) {
        let Some(path) = &self.path else { return };
        if let Err(error) = write(path, change) {
            eprintln!("clusctl: the record {} cannot be written, note the identifiers: {error}", path.display());
        }
    }
}

fn read(path: &Path) -> io::Result<ShadowCopySetTable> {
    match fs::read(path) {
        Ok(text) => Ok(serde_json::from_slice(&text)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(ShadowCopySetTable::default()),
        Err(error) => Err(error),
    }
}

/// Under a lock beside the file, which is replaced as a whole.
fn write(path: &Path, change: impl FnOnce(&mut ShadowCopySetTable)) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let lock = File::options().create(true).truncate(false).write(true).open(path.with_extension("lock"))?;
    lock.lock()?;
    let mut table = read(path)?;
    change(&mut table);
    let scratch = path.with_extension("new");
    let mut file = File::create(&scratch)?;
    file.write_all(serde_json::to_string_pretty(&table)?.as_bytes())?;
    file.sync_all()?;
    fs::rename(scratch, path)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use msrpc_cluster::fsrvp::{Context, client::SetStatus};
    use uuid::Uuid;

    use super::*;

    fn set(id: u128) -> ShadowCopySet {
        ShadowCopySet {
            id: Uuid::from_u128(id),
            server_id: Uuid::from_u128(id),
            server: "fs1".to_owned(),
            owner: "FS1".to_owned(),
            status: SetStatus::Exposed,
            context: Context::NAS_ROLLBACK,
            copies: Vec::new(),
        }
    }

    #[test]
    fn several_commands_change_the_record_at_one_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/clusctl/snapshots.json");
        thread::scope(|scope| {
            for id in 0..8 {
                let record = Record { path: Some(path.clone()) };
                scope.spawn(move || record.put(&set(id)));
            }
        });
        let record = Record { path: Some(path.clone()) };
        assert_eq!(record.read().unwrap().sets().len(), 8);
        record.remove(&set(3));
        assert_eq!(record.read().unwrap().sets().len(), 7);
        fs::write(&path, "{").unwrap();
        let error = record.read().unwrap_err().to_string();
        assert!(error.contains("snapshots.json") && error.contains("--record"), "{error}");
    }
}
