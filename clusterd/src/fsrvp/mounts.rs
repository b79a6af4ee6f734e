//! What the kernel says is mounted.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use msrpc_cluster::fsrvp::ports::{Mounts, PortError};

use crate::mountinfo::MountTable;

/// Reads `/proc/self/mountinfo`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcMounts;

#[async_trait]
impl Mounts for ProcMounts {
    async fn below(&self, path: &Path) -> Result<Vec<PathBuf>, PortError> {
        let path = path.to_owned();
        let read = move || {
            let failed = |error| match error {
                error if std::io::Error::kind(&error) == std::io::ErrorKind::NotFound => {
                    PortError::Missing(format!("{}: {error}", path.display()))
                }
                error => PortError::Failed(format!("{}: {error}", path.display())),
            };
            let path = path.canonicalize().map_err(failed)?;
            Ok(MountTable::read()?.below(&path))
        };
        tokio::task::spawn_blocking(read).await.map_err(|error| PortError::Failed(error.to_string()))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn proc_is_below_the_root_and_nothing_is_below_a_plain_folder() {
        let below = ProcMounts.below(Path::new("/")).await.unwrap();
        assert!(below.contains(&PathBuf::from("/proc")), "{below:?}");
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(ProcMounts.below(manifest).await.unwrap(), Vec::<PathBuf>::new());
        assert!(matches!(ProcMounts.below(Path::new("/no/such/folder")).await, Err(PortError::Missing(_))));
    }
}
