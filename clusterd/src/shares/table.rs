//! Shares from our own configuration. Exposed ones are symbolic links in a folder, for whatever
//! else serves them.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt, symlink},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use msrpc_cluster::fsrvp::ports::{PortError, Share, Shares};

use super::same_name;

/// A table of shares.
#[derive(Debug)]
pub struct Table {
    shares: Vec<Share>,
    exposed: PathBuf,
}

impl Table {
    /// Shares, and the folder for links to the exposed ones, which is made when it is first needed.
    pub fn new(shares: Vec<Share>, exposed: PathBuf) -> Self {
        Self { shares, exposed }
    }

    /// Where an exposed share's link is, if the name can be one.
    fn link(&self, name: &str) -> Result<PathBuf, PortError> {
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
            return Err(PortError::Failed(format!("{name:?} cannot be the name of a share")));
        }
        Ok(self.exposed.join(name))
    }
}

#[async_trait]
impl Shares for Table {
    async fn find(&self, name: &str) -> Result<Option<Share>, PortError> {
        if let Some(share) = self.shares.iter().find(|share| same_name(&share.name, name)) {
            return Ok(Some(share.clone()));
        }
        let exposed = self.exposed().await?;
        let Some(name) = exposed.into_iter().find(|exposed| same_name(exposed, name)) else { return Ok(None) };
        let link = self.link(&name)?;
        let path = fs::read_link(&link).map_err(|error| failed("read", &link, &error))?;
        Ok(Some(Share { name, path }))
    }

    async fn expose(&self, name: &str, path: &Path, base: &str, _writable: bool) -> Result<(), PortError> {
        if !self.shares.iter().any(|share| same_name(&share.name, base)) {
            return Err(PortError::Missing(format!("there is no share {base}")));
        }
        let link = self.link(name)?;
        match DirBuilder::new().mode(0o711).create(&self.exposed) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed("make", &self.exposed, &error));
            }
            _ => {}
        }
        match symlink(path, &link) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.remove(name).await?;
                symlink(path, &link).map_err(|error| failed("make", &link, &error))?;
            }
            other => other.map_err(|error| failed("make", &link, &error))?,
        }
        sync(&self.exposed)
    }

    async fn make_read_only(&self, name: &str) -> Result<(), PortError> {
        // A link says nothing of that; the snapshot does.
        let link = self.link(name)?;
        fs::symlink_metadata(&link).map(drop).map_err(|error| failed("find", &link, &error))
    }

    async fn remove(&self, name: &str) -> Result<(), PortError> {
        let link = self.link(name)?;
        match fs::symlink_metadata(&link) {
            Ok(metadata) if metadata.is_symlink() => {}
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed("find", &link, &error)),
        }
        fs::remove_file(&link).map_err(|error| failed("remove", &link, &error))?;
        sync(&self.exposed)
    }

    async fn exposed(&self) -> Result<Vec<String>, PortError> {
        let entries = match fs::read_dir(&self.exposed) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("read", &self.exposed, &error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| failed("read", &self.exposed, &error))?;
            if entry.file_type().is_ok_and(|kind| kind.is_symlink())
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        Ok(names)
    }
}

fn sync(folder: &Path) -> Result<(), PortError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed("sync", folder, &error))
}

fn failed(what: &str, path: &Path, error: &io::Error) -> PortError {
    let message = format!("cannot {what} {}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => PortError::Full(message),
        io::ErrorKind::NotFound => PortError::Missing(message),
        _ => PortError::Failed(message),
    }
}
