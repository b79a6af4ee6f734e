//! Previous versions: what Samba's module shadow_copy2 lists of a share, for Explorer's page of
//! that name.
//!
//! Where a share is set up for it, each shadow copy of it gets a link in the module's folder, named
//! for the second in which the shadow copy was asked for. The links of a snapshot are noted in a
//! file before they are made, so that they go with it.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use jiff::Timestamp;
use msrpc_cluster::fsrvp::{
    FileTime,
    ports::{Compatibility, PortError, Snapshot, SnapshotProvider},
};
use uuid::Uuid;

use super::{samba::Samba, sections::Section};

/// The module.
const MODULE: &str = "shadow_copy2";
/// So many shadow copies of a share may be of one second.
const TRIES: u64 = 600;

/// A provider whose snapshots are listed as previous versions.
pub struct PreviousVersions {
    provider: Arc<dyn SnapshotProvider>,
    samba: Arc<Samba>,
    /// The folder for notes.
    notes: PathBuf,
}

impl PreviousVersions {
    /// Lists a provider's snapshots where Samba's shares say so. Notes are kept in a folder, which
    /// is made when it is first needed.
    pub fn new(provider: Arc<dyn SnapshotProvider>, samba: Arc<Samba>, notes: PathBuf) -> Self {
        Self { provider, samba, notes }
    }

    /// Makes links to a directory in a snapshot.
    fn list_it(&self, snapshot: &Snapshot, shown: &Path, exposed: &Path) -> io::Result<()> {
        for section in self.samba.showing(shown) {
            let Some(link) = link_for(&section, snapshot.created, exposed) else { continue };
            self.note(snapshot.id, &link)?;
            symlink(exposed, &link)?;
        }
        Ok(())
    }

    fn note(&self, id: Uuid, link: &Path) -> io::Result<()> {
        fs::create_dir_all(&self.notes)?;
        let mut links = self.links(id)?;
        links.push(link.to_owned());
        fs::write(self.notes.join(id.to_string()), serde_json::to_vec(&links)?)
    }

    fn links(&self, id: Uuid) -> io::Result<Vec<PathBuf>> {
        match fs::read(self.notes.join(id.to_string())) {
            // What cannot be read any more was never finished.
            Ok(text) => Ok(serde_json::from_slice(&text).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Removes the links to a snapshot, and then the note of them.
    fn unlist(&self, id: Uuid) -> io::Result<()> {
        let links = self.links(id)?;
        if links.is_empty() {
            return Ok(());
        }
        for link in links {
            match fs::symlink_metadata(&link) {
                Ok(metadata) if metadata.is_symlink() => fs::remove_file(&link)?,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        fs::remove_file(self.notes.join(id.to_string()))
    }
}

#[async_trait]
impl SnapshotProvider for PreviousVersions {
    async fn supported(&self, path: &Path) -> Result<Option<String>, PortError> {
        self.provider.supported(path).await
    }

    fn compatibility(&self, volume: &str) -> Compatibility {
        self.provider.compatibility(volume)
    }

    async fn prepare(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        self.provider.prepare(snapshot).await
    }

    async fn commit(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        self.provider.commit(snapshot).await
    }

    async fn expose(&self, snapshot: &Snapshot, path: &Path) -> Result<PathBuf, PortError> {
        let exposed = self.provider.expose(snapshot, path).await?;
        if let Err(error) = self.list_it(snapshot, path, &exposed) {
            tracing::warn!(id = %snapshot.id, %error, "the shadow copy is no previous version of its share");
        }
        Ok(exposed)
    }

    async fn make_read_only(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        self.provider.make_read_only(snapshot).await
    }

    async fn delete(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        let unlisted = self.unlist(snapshot.id);
        unlisted.map_err(|error| {
            PortError::Failed(format!("the previous version {} cannot be removed: {error}", snapshot.id))
        })?;
        self.provider.delete(snapshot).await
    }

    async fn list(&self) -> Result<Vec<Snapshot>, PortError> {
        self.provider.list().await
    }
}

/// Where the link of a share's shadow copy is to be, if the share has such links and not this one
/// already: as the module looks for them by default, in an absolute folder.
fn link_for(share: &Section, created: FileTime, exposed: &Path) -> Option<PathBuf> {
    let modules = share.get("vfs objects")?;
    if !modules.split([' ', ',', '\t']).any(|module| module == MODULE) {
        return None;
    }
    let is_default = |name: &str| share.get(&format!("shadow:{name}")).is_none();
    if !["format", "localtime", "snapprefix", "delimiter"].into_iter().all(is_default) {
        return None;
    }
    let folder = Path::new(share.get("shadow:snapdir")?);
    if !folder.is_absolute() || !folder.is_dir() {
        return None;
    }
    let created = SystemTime::from(created);
    for seconds in 0..TRIES {
        let link = folder.join(token(created + Duration::from_secs(seconds))?);
        match fs::read_link(&link) {
            Ok(target) if target == exposed => return None,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(link),
            _ => {}
        }
    }
    None
}

/// `@GMT-2026.11.22-01.44.47`, [MS-SMB2] 2.2.32.2; it has no times after the year 9999.
fn token(time: SystemTime) -> Option<String> {
    Some(Timestamp::try_from(time).ok()?.strftime("@GMT-%Y.%m.%d-%H.%M.%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_those_of_date() {
        // As `date -u -d @SECONDS +@GMT-%Y.%m.%d-%H.%M.%S` writes them.
        for (seconds, expected) in [
            (0, "@GMT-1970.01.01-00.00.00"),
            (951_782_399, "@GMT-2000.02.28-23.59.59"),
            (951_782_400, "@GMT-2000.02.29-00.00.00"),
            (1_795_311_887, "@GMT-2026.11.22-01.44.47"),
            (4_107_542_400, "@GMT-2100.03.01-00.00.00"),
        ] {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(token(time).as_deref(), Some(expected));
        }
    }
}
