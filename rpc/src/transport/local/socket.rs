//! A Unix socket that a server listens on, as long as it is its own.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    os::unix::net::UnixStream as StdStream,
    path::{Path, PathBuf},
};

use tokio::net::{UnixListener, UnixStream};

/// A listening socket with a name in the file system. The name goes with it.
#[derive(Debug)]
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode: somebody else may put another socket in its place.
    id: (u64, u64),
}

/// Whose socket is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The one that was made there.
    Ours,
    /// Nobody's: it has been removed, or whoever made it is dead.
    Nobody,
    /// Another server's.
    Other,
}

impl Socket {
    /// Listens at a path. A socket that a dead process left there is replaced. `mode` says who may
    /// connect, where the directory does not say so already.
    pub(crate) fn bind(path: &Path, mode: Option<u32>) -> io::Result<Self> {
        let listener = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_dead(path) => {
                fs::remove_file(path)?;
                UnixListener::bind(path)?
            }
            other => other?,
        };
        if let Some(mode) = mode {
            fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        }
        let id = identify(path)?;
        Ok(Self { listener, path: path.to_owned(), id })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }

    /// Whose socket is at the path now.
    pub(crate) fn owner(&self) -> Owner {
        match identify(&self.path) {
            Ok(id) if id == self.id => Owner::Ours,
            Ok(_) if !is_dead(&self.path) => Owner::Other,
            _ => Owner::Nobody,
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.owner() == Owner::Ours {
            // Nothing is lost if the path is gone already.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identify(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Whether there is a socket that nobody listens at any more.
fn is_dead(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    is_socket && StdStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_knows_whether_it_is_still_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let first = Socket::bind(&path, Some(0o600)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(first.owner(), Owner::Ours);
        assert_eq!(Socket::bind(&path, None).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        fs::remove_file(&path).unwrap();
        assert_eq!(first.owner(), Owner::Nobody);
        let second = Socket::bind(&path, None).unwrap();
        assert_eq!(first.owner(), Owner::Other);
        drop(first);
        assert_eq!(second.owner(), Owner::Ours, "a socket that is not ours is left alone");
        drop(second);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_a_dead_process_left_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        Socket::bind(&path, None).unwrap();
        fs::write(&path, "a file").unwrap();
        assert!(Socket::bind(&path, None).is_err(), "a file is left alone");
        assert!(path.exists());
    }
}
