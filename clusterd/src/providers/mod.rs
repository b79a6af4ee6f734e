//! What makes snapshots: btrfs, clones and copies of directories, and an administrator's hooks.

mod btrfs;
mod command;
mod folder;
mod metadata;
mod tree;

pub use btrfs::Btrfs;
pub use command::{Hooks, exit};
pub use tree::{Method, Tree};

use std::{io, path::Path};

use msrpc_cluster::fsrvp::ports::PortError;
use rustix::io::Errno;

/// What an operation on a path failed with: a full disk and a missing file are told apart.
fn failed(what: &str, path: &Path, error: impl Into<io::Error>) -> PortError {
    let error = error.into();
    let message = format!("cannot {what} {}: {error}", path.display());
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOSPC | Errno::DQUOT) => PortError::Full(message),
        Some(Errno::NOENT) => PortError::Missing(message),
        _ => PortError::Failed(message),
    }
}
