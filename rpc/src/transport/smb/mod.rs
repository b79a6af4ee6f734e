//! `ncacn_np` as a client: named pipes over SMB 2 and 3.
//!
//! The session authenticates with the same provider as RPC does, signs always unless it is anonymous,
//! encrypts where the server or the caller wants it, and makes sure that nobody in between talked the
//! two sides into an older dialect. Each pipe has a connection of its own: a
//! read that waits in a pipe cannot be taken back, so whoever gives up closes the connection.
//!
//! In a binding the options `smb_port=4450` and `smb_encrypt` say how: `ncacn_np:node1[\pipe\clusapi,smb_encrypt]`.
//! RPC's own authentication comes on top, unless the client's level is set to none.

mod error;
mod session;
mod validate;
mod wire;

use std::{io, time::Duration};

use bytes::Bytes;
use msrpc_ndr::AuthLevel;
use smb2::{
    client::Connection,
    msg::{
        create::{CreateDisposition, CreateRequest, CreateResponse, ImpersonationLevel, ShareAccess},
        read::{ReadRequest, ReadResponse, SMB2_CHANNEL_NONE},
        tree_connect::{TreeConnectRequest, TreeConnectRequestFlags, TreeConnectResponse},
        write::{WriteRequest, WriteResponse},
    },
    pack::{ReadCursor, Unpack},
    types::{
        Command, FileId, OplockLevel, TreeId,
        flags::{FileAccessMask, ShareFlags},
        status::NtStatus,
    },
};

pub use error::SmbError;

use self::session::Session;
use super::{
    pipe::{Pipe, PipeStream, bare_name},
    tcp,
};
use crate::auth::SecurityContext;

/// The port of SMB over TCP.
pub const PORT: u16 = 445;

/// Octets that a read of a pipe asks for: what costs one credit.
const READ: u32 = 65536;

/// `STATUS_PIPE_DISCONNECTED`, `STATUS_PIPE_CLOSING`, `STATUS_PIPE_BROKEN`: nobody is at the other end.
const CLOSED: [NtStatus; 4] =
    [NtStatus(0xC000_00B0), NtStatus(0xC000_00B1), NtStatus(0xC000_014B), NtStatus::END_OF_FILE];

/// How to reach a pipe.
#[derive(Clone, Debug)]
pub struct SmbOptions {
    /// The server's port.
    pub port: u16,
    /// Whether to encrypt although the server does not insist; then nothing less will do.
    pub encrypt: bool,
    /// How long connecting may take, and how long authenticating and opening the pipe.
    pub timeout: Duration,
}

impl Default for SmbOptions {
    /// Port 445, encrypted where the server insists, 10 seconds.
    fn default() -> Self {
        Self { port: PORT, encrypt: false, timeout: Duration::from_secs(10) }
    }
}

/// Opens a pipe, as the user that `initiator` makes contexts of, or as nobody.
///
/// # Errors
///
/// Says whether host, port, protocol, credentials or pipe is the trouble.
pub async fn open(
    host: &str,
    pipe: &str,
    options: &SmbOptions,
    initiator: Option<&(dyn Fn(AuthLevel) -> Box<dyn SecurityContext> + Send + Sync)>,
) -> Result<PipeStream<SmbPipe>, SmbError> {
    let host = host.trim_start_matches(['\\', '/']);
    let host = if host.is_empty() { "localhost" } else { host };
    let stream = tcp::connect(host, options.port, options.timeout).await?;
    let context = initiator.map(|initiator| initiator(AuthLevel::Integrity));
    let opening = async {
        let session = session::establish(stream, host, options.encrypt, context).await?;
        open_pipe(session, host, bare_name(pipe)).await
    };
    let pipe =
        tokio::time::timeout(options.timeout, opening).await.map_err(|_| SmbError::Silent(options.timeout))??;
    Ok(PipeStream::new(pipe))
}

/// An open pipe on a server.
pub struct SmbPipe {
    connection: Connection,
    tree: TreeId,
    file: FileId,
}

impl std::fmt::Debug for SmbPipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmbPipe").field("file", &self.file).finish_non_exhaustive()
    }
}

async fn open_pipe(mut session: Session, host: &str, name: &str) -> Result<SmbPipe, SmbError> {
    let path = format!("\\\\{host}\\IPC$");
    let request = TreeConnectRequest { flags: TreeConnectRequestFlags::default(), path: path.clone() };
    let frame = session.connection.execute(Command::TreeConnect, &request, None).await?;
    match frame.header.status {
        NtStatus::SUCCESS => {}
        status => return Err(SmbError::Refused { what: path, status: status.0 }),
    }
    let response = TreeConnectResponse::unpack(&mut ReadCursor::new(&frame.body))?;
    if response.share_flags.contains(ShareFlags::ENCRYPT_DATA) {
        session.encrypt()?;
    }
    let tree = frame.header.tree_id.ok_or(SmbError::Malformed("a share without a number"))?;
    session.validate(tree).await?;
    let request = CreateRequest {
        requested_oplock_level: OplockLevel::None,
        impersonation_level: ImpersonationLevel::Impersonation,
        desired_access: FileAccessMask::new(FileAccessMask::FILE_READ_DATA | FileAccessMask::FILE_WRITE_DATA),
        file_attributes: 0,
        share_access: ShareAccess(ShareAccess::FILE_SHARE_READ | ShareAccess::FILE_SHARE_WRITE),
        create_disposition: CreateDisposition::FileOpen,
        create_options: 0,
        name: name.to_owned(),
        create_contexts: Vec::new(),
    };
    let frame = session.connection.execute(Command::Create, &request, Some(tree)).await?;
    let pipe = || format!("\\pipe\\{name}");
    match frame.header.status {
        NtStatus::SUCCESS => {}
        NtStatus::OBJECT_NAME_NOT_FOUND => return Err(SmbError::NoPipe(pipe())),
        status => return Err(SmbError::Refused { what: pipe(), status: status.0 }),
    }
    let file = CreateResponse::unpack(&mut ReadCursor::new(&frame.body))?.file_id;
    Ok(SmbPipe { connection: session.into_connection(), tree, file })
}

impl Pipe for SmbPipe {
    async fn write(&self, message: Bytes) -> io::Result<()> {
        let len = message.len();
        let request = WriteRequest {
            // Behind the header and the fixed part of the request.
            data_offset: 0x70,
            offset: 0,
            file_id: self.file,
            channel: 0,
            remaining_bytes: 0,
            write_channel_info_offset: 0,
            write_channel_info_length: 0,
            flags: 0,
            data: message.into(),
        };
        let frame =
            self.connection.execute(Command::Write, &request, Some(self.tree)).await.map_err(io::Error::other)?;
        match frame.header.status {
            NtStatus::SUCCESS => {}
            status if CLOSED.contains(&status) => return Err(io::ErrorKind::BrokenPipe.into()),
            status => return Err(io::Error::other(format!("a write to the pipe fails with {status}"))),
        }
        let written = WriteResponse::unpack(&mut ReadCursor::new(&frame.body)).map_err(io::Error::other)?.count;
        if usize::try_from(written) == Ok(len) { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    async fn read(&self) -> io::Result<Bytes> {
        let request = ReadRequest {
            padding: 0x50,
            flags: 0,
            length: READ,
            offset: 0,
            file_id: self.file,
            minimum_count: 0,
            channel: SMB2_CHANNEL_NONE,
            remaining_bytes: 0,
            read_channel_info: Vec::new(),
        };
        let frame =
            self.connection.execute(Command::Read, &request, Some(self.tree)).await.map_err(io::Error::other)?;
        match frame.header.status {
            // The latter when a message is longer than a read.
            NtStatus::SUCCESS | NtStatus::BUFFER_OVERFLOW => {}
            status if CLOSED.contains(&status) => return Ok(Bytes::new()),
            status => return Err(io::Error::other(format!("a read of the pipe fails with {status}"))),
        }
        let data = ReadResponse::unpack(&mut ReadCursor::new(&frame.body)).map_err(io::Error::other)?.data;
        Ok(data.into())
    }
}
