//! `ncalrpc` as a Unix socket. The system vouches for who is at the other end, and nobody can listen
//! in: calls count at privacy.

mod peer;
mod socket;

use std::{
    io,
    path::{Path, PathBuf},
};

use msrpc_ndr::AuthLevel;
use tokio::net::UnixStream;

pub(crate) use self::{
    peer::{group_sid, user_sid},
    socket::{Owner, Socket},
};
use super::Opening;
use crate::association::{ClientKey, TransportInfo};

/// The protocol sequence.
pub const PROTOCOL: &str = "ncalrpc";

/// Where endpoints that are no paths have their sockets.
pub const DIRECTORY: &str = "/run/msrpc";

/// A local socket that a server listens on. It is removed with the listener.
#[derive(Debug)]
pub(crate) struct LocalListener {
    socket: Socket,
}

impl LocalListener {
    /// Listens at a path. A socket that a dead process left there is replaced.
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        Ok(Self { socket: Socket::bind(path, None)? })
    }

    pub(crate) fn path(&self) -> &Path {
        self.socket.path()
    }

    pub(crate) async fn accept(&self) -> io::Result<(ClientKey, Opening)> {
        let stream = self.socket.accept().await?;
        let path = self.socket.path().to_owned();
        let client = ClientKey::User(stream.peer_cred()?.uid());
        let opening = Box::pin(async move {
            let info = identify(&stream, path).await?;
            Ok((Box::new(stream) as _, info))
        });
        Ok((client, opening))
    }
}

/// Who has connected.
async fn identify(stream: &UnixStream, path: PathBuf) -> io::Result<TransportInfo> {
    let peer = stream.peer_cred()?;
    let (uid, gid) = (peer.uid(), peer.gid());
    // Names may come from a directory service.
    let identity = tokio::task::spawn_blocking(move || peer::identity(uid, gid)).await.map_err(io::Error::other)?;
    Ok(TransportInfo {
        protocol: PROTOCOL.to_owned(),
        endpoint: path.to_string_lossy().into_owned(),
        identity: Some(identity),
        uid: Some(uid),
        level: AuthLevel::Privacy,
        ..TransportInfo::default()
    })
}

/// Connects to an endpoint: a path, or a name in [`DIRECTORY`].
///
/// # Errors
///
/// Fails as the system does.
pub async fn connect(endpoint: &str) -> io::Result<UnixStream> {
    UnixStream::connect(Path::new(DIRECTORY).join(endpoint)).await
}
