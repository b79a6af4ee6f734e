//! `ncacn_np` as a server behind Samba: smbd speaks SMB and authenticates its users; when one opens
//! `\pipe\name`, smbd connects to the socket `np/name` in its directory for local RPC, says who it
//! is, and then passes on what is written and read.

mod handover;
mod ndr;
mod open;
mod stream;

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    time::Duration,
};

use msrpc_ndr::AuthLevel;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    sync::watch,
    time::{Interval, MissedTickBehavior, interval, timeout},
};

pub use handover::{Handover, HandoverError};
pub use open::open;

use self::{
    handover::{ACCEPTED, LENGTH},
    stream::MessageStream,
};
use super::{
    Opening,
    local::{Owner, Socket},
    pipe::{PROTOCOL, bare_name},
};
use crate::association::TransportInfo;

/// Where Samba's socket for local RPC is, unless its configuration says otherwise (`ncalrpc dir`).
pub const NCALRPC_DIR: &str = "/run/samba/ncalrpc";

/// Largest handover: a user can be in a thousand groups.
const MAX_HANDOVER: usize = 1 << 20;

/// How long smbd may take to hand a pipe over.
const HANDOVER_TIMEOUT: Duration = Duration::from_secs(10);

/// How often is looked whether the socket is still there.
const WATCH: Duration = Duration::from_secs(2);

/// The levels at which calls over a pipe count that carry no authentication of their own, because
/// SMB protects them.
///
/// They hold only for pipes that smbd hands over, and for clients that smbd authenticated; the
/// default is integrity, and privacy where SMB is encrypted. Behind an smbd that does not insist on
/// signing (`server signing = mandatory`) integrity is a promise of the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PipeTrust {
    /// The level over connections that are not encrypted.
    pub plain: AuthLevel,
    /// The level over encrypted connections.
    pub encrypted: AuthLevel,
}

impl Default for PipeTrust {
    fn default() -> Self {
        Self { plain: AuthLevel::Integrity, encrypted: AuthLevel::Privacy }
    }
}

impl PipeTrust {
    /// Trusts no pipe: callers have to authenticate themselves.
    pub const NONE: Self = Self { plain: AuthLevel::None, encrypted: AuthLevel::None };

    fn level(self, handover: &Handover) -> AuthLevel {
        match (handover.authenticated, handover.is_encrypted()) {
            (false, _) => AuthLevel::None,
            (true, false) => self.plain,
            (true, true) => self.encrypted,
        }
    }
}

/// Whether smbd reaches a server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PipeState {
    /// It does.
    Listening,
    /// Another program has put its socket in our place.
    Taken,
    /// The socket is gone and cannot be made again.
    Gone(String),
}

/// Why a server cannot listen on a pipe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipeError {
    /// The name cannot be that of a pipe.
    #[error("{0:?} is no name of a pipe")]
    Name(String),
    /// Others could pretend to be smbd.
    #[error("{} must belong to the user that we run as and be closed to all others (mode 0700): whoever can connect there can be any user", .0.display())]
    Open(PathBuf),
    /// Another server is there already.
    #[error("another program serves {}: if it is samba-dcerpcd, set `rpc start on demand helpers = no` and start it without the helper for this pipe", .0.display())]
    Taken(PathBuf),
    /// The system refuses.
    #[error("cannot listen at {}: {error}", .path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What it says.
        error: io::Error,
    },
}

/// A pipe that a server listens on. Its socket is removed with it.
///
/// samba-dcerpcd, when smbd starts it on demand, removes sockets that are not its own: the listener
/// looks whether its socket is still there, makes it again when it is gone, and reports when another
/// took its place ([`state`](Self::state)).
#[derive(Debug)]
pub struct PipeListener {
    socket: Socket,
    name: String,
    trust: PipeTrust,
    /// The user that we run as.
    uid: u32,
    watch: Interval,
    state: watch::Sender<PipeState>,
}

impl PipeListener {
    /// Listens on a pipe, written as in a binding or bare. `ncalrpc_dir` is what `ncalrpc dir` says in
    /// Samba's configuration, mostly `/run/samba/ncalrpc`.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// Fails if the name, the folder or its rights do not fit, or another program serves the pipe.
    pub fn bind(ncalrpc_dir: impl AsRef<Path>, pipe: &str, trust: PipeTrust) -> Result<Self, PipeError> {
        let name = bare_name(pipe).to_owned();
        if name.is_empty() || name.starts_with('.') || name.contains('\0') {
            return Err(PipeError::Name(pipe.to_owned()));
        }
        let folder = ncalrpc_dir.as_ref().join("np");
        let failed = |path: &Path, error| PipeError::Io { path: path.to_owned(), error };
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(&folder, error)),
            _ => {}
        }
        // smbd asks for lower case.
        let path = folder.join(name.to_lowercase());
        let socket = Socket::bind(&path, Some(0o600)).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => PipeError::Taken(path.clone()),
            _ => failed(&path, error),
        })?;
        let ours = fs::metadata(&path).map_err(|error| failed(&path, error))?;
        let metadata = fs::symlink_metadata(&folder).map_err(|error| failed(&folder, error))?;
        if !metadata.is_dir() || metadata.mode() & 0o077 != 0 || metadata.uid() != ours.uid() {
            return Err(PipeError::Open(folder));
        }
        let mut watch = interval(WATCH);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (state, _) = watch::channel(PipeState::Listening);
        Ok(Self { socket, name, trust, uid: ours.uid(), watch, state })
    }

    /// The socket's path.
    pub fn path(&self) -> &Path {
        self.socket.path()
    }

    /// The pipe's name, as bind_ack says it.
    pub fn endpoint(&self) -> String {
        format!("\\PIPE\\{}", self.name)
    }

    /// Sets how often the listener looks whether its socket is still there (2 seconds).
    ///
    /// Must be called within a tokio runtime.
    #[must_use]
    pub fn watch_every(mut self, period: Duration) -> Self {
        self.watch = interval(period.max(Duration::from_millis(10)));
        self.watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self
    }

    /// Whether smbd reaches the listener; changes are seen while a server runs on it.
    pub fn state(&self) -> watch::Receiver<PipeState> {
        self.state.subscribe()
    }

    pub(crate) async fn accept(&mut self) -> io::Result<Opening> {
        let stream = loop {
            tokio::select! {
                stream = self.socket.accept() => break stream?,
                _ = self.watch.tick() => self.check(),
            }
        };
        let (trust, endpoint) = (self.trust, self.endpoint());
        let (ours, peer) = (self.uid, stream.peer_cred()?.uid());
        Ok(Box::pin(async move {
            // The folder's rights see to that already.
            if peer != ours && peer != 0 {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("user {peer} is not smbd")));
            }
            let (stream, info) = take_over(stream, trust, endpoint).await?;
            Ok((Box::new(stream) as _, info))
        }))
    }

    /// Looks whether the socket is still there.
    fn check(&mut self) {
        let path = self.socket.path().to_owned();
        let state = match self.socket.owner() {
            Owner::Ours => PipeState::Listening,
            Owner::Other => PipeState::Taken,
            Owner::Nobody => match Socket::bind(&path, Some(0o600)) {
                Ok(socket) => {
                    tracing::warn!(path = %path.display(), "the pipe's socket was removed, and is made again");
                    self.socket = socket;
                    PipeState::Listening
                }
                Err(error) => PipeState::Gone(error.to_string()),
            },
        };
        self.state.send_if_modified(|known| {
            if *known == state {
                return false;
            }
            match &state {
                PipeState::Listening => tracing::info!(path = %path.display(), "the pipe is reachable again"),
                PipeState::Taken => tracing::error!(
                    path = %path.display(),
                    "another program took the pipe: is samba-dcerpcd started on demand?"
                ),
                PipeState::Gone(error) => tracing::error!(path = %path.display(), error, "the pipe's socket is gone"),
            }
            *known = state;
            true
        });
    }
}

/// Hears whose the pipe is, and takes it over.
async fn take_over(
    mut stream: UnixStream,
    trust: PipeTrust,
    endpoint: String,
) -> io::Result<(MessageStream<UnixStream>, TransportInfo)> {
    let octets = timeout(HANDOVER_TIMEOUT, receive(&mut stream)).await.map_err(|_| io::ErrorKind::TimedOut)??;
    let handover = Handover::parse(&octets).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    drop(octets);
    tracing::debug!(?handover, "a pipe is handed over");
    stream.write_all(&ACCEPTED).await?;
    let info = TransportInfo {
        protocol: PROTOCOL.to_owned(),
        address: handover.client_address,
        endpoint,
        level: trust.level(&handover),
        identity: Some(handover.identity()).filter(|identity| identity.user.is_some()),
        session_key: handover.session_key,
        uid: None,
    };
    Ok((MessageStream::new(stream), info))
}

/// The handover's octets, its length word included.
async fn receive(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u32().await?;
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, HandoverError::Length(length));
    let len = usize::try_from(length).ok().filter(|&len| len <= MAX_HANDOVER).ok_or_else(invalid)?;
    let mut octets = Vec::with_capacity(LENGTH + len.min(4096));
    octets.extend_from_slice(&length.to_be_bytes());
    let limit = u64::from(length);
    if stream.take(limit).read_to_end(&mut octets).await? != len {
        return Err(io::Error::new(io::ErrorKind::InvalidData, HandoverError::Short));
    }
    Ok(octets)
}
