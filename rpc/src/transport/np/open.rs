//! Opens pipes of Samba's own servers as smbd does for its clients: connects to `np/name` in its
//! directory for local RPC, says whose the pipe is, and goes on as the client's end of it.
//!
//! Only who may enter that folder can do so, which is root; and who can may be anybody. Calls are made
//! as root with an administrator's rights. (As `NT AUTHORITY\SYSTEM` Samba takes none over pipes.)

use std::{io, path::Path, time::Duration};

use bytes::{BufMut, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};

use super::{
    super::pipe::bare_name,
    handover::{ACCEPTED, LENGTH, LEVEL, MAGIC},
    stream::MessageStream,
};
use crate::transport::Stream;

/// How long a server may take to take a pipe over: it may have to be started for that.
const PATIENCE: Duration = Duration::from_secs(10);

/// `NCACN_NP` of `dcerpc_transport_t`.
const NCACN_NP: u8 = 1;

/// Names and addresses of both sides: servers insist on the latter.
const HERE: &str = "127.0.0.1";

/// A pointer that is not NULL; each is one further.
const REFERENT: u32 = 0x0002_0000;

/// Where the status stands in an answer.
const STATUS: std::ops::RangeFrom<usize> = 32..;

/// SIDs of root, of its group, and of the administrators: authority, and numbers below it.
const SIDS: [(u8, &[u32]); 3] = [(22, &[1, 0]), (22, &[2, 0]), (5, &[32, 544])];

/// The user.
const ROOT: &str = "root";

/// The domain of users who have no Windows account, as Samba calls it.
const DOMAIN: &str = "Unix User";

/// Opens a pipe of a server of Samba's, written as in a binding or bare, as root.
/// `ncalrpc_dir` is what `ncalrpc dir` says in Samba's configuration, mostly
/// [`NCALRPC_DIR`](super::NCALRPC_DIR).
///
/// # Errors
///
/// Fails as the system does if nobody serves the pipe or we may not connect, and with
/// [`InvalidData`](io::ErrorKind::InvalidData) if the server is of another version of Samba.
pub async fn open(ncalrpc_dir: impl AsRef<Path>, pipe: &str) -> io::Result<impl Stream> {
    let path = ncalrpc_dir.as_ref().join("np").join(bare_name(pipe).to_lowercase());
    let opening = async {
        let mut stream = UnixStream::connect(path).await?;
        stream.write_all(&announcement()).await?;
        let mut answer = [0; ACCEPTED.len()];
        stream.read_exact(&mut answer).await?;
        accepted(&answer)?;
        Ok(MessageStream::new(stream))
    };
    timeout(PATIENCE, opening).await.map_err(|_| io::ErrorKind::TimedOut)?
}

/// Whether a pipe was taken over in message mode. The allocation may be any.
fn accepted(answer: &[u8; ACCEPTED.len()]) -> io::Result<()> {
    let same = |range: std::ops::Range<usize>| answer.get(range.clone()) == ACCEPTED.get(range);
    let status = answer.get(STATUS).and_then(|status| status.try_into().ok()).map(u32::from_le_bytes);
    match status {
        _ if !same(0..18) => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the server takes pipes over in another way than Samba 4.17 does",
        )),
        Some(0) => Ok(()),
        status => {
            let status = status.unwrap_or_default();
            Err(io::Error::new(io::ErrorKind::ConnectionRefused, format!("the server refuses: status {status:#010x}")))
        }
    }
}

/// What is said of the pipe: the counterpart of [`Handover::parse`](super::Handover::parse).
fn announcement() -> BytesMut {
    let mut w = Writer { octets: BytesMut::zeroed(LENGTH), referent: REFERENT };
    w.octets.put_slice(MAGIC);
    w.u32(LEVEL);
    w.u32(LEVEL);
    w.octets.put_u8(NCACN_NP);
    // The client, the server: name, address, port.
    for _ in 0..2 {
        w.pointer();
        w.pointer();
        w.align(2);
        w.octets.put_u16_le(0);
    }
    w.pointer();
    for _ in 0..4 {
        w.string(HERE);
    }
    w.session();
    let len = u32::try_from(w.octets.len() - LENGTH).unwrap_or(u32::MAX);
    if let Some(length) = w.octets.first_chunk_mut::<LENGTH>() {
        *length = len.to_be_bytes();
    }
    w.octets
}

struct Writer {
    octets: BytesMut,
    referent: u32,
}

impl Writer {
    /// Alignment counts from the length word on, that included.
    fn align(&mut self, to: usize) {
        let len = self.octets.len().next_multiple_of(to);
        self.octets.resize(len, 0);
    }

    fn u32(&mut self, value: u32) {
        self.align(4);
        self.octets.put_u32_le(value);
    }

    fn u64(&mut self, value: u64) {
        self.align(8);
        self.octets.put_u64_le(value);
    }

    fn pointer(&mut self) {
        let referent = self.referent;
        self.referent = referent.wrapping_add(4);
        self.u32(referent);
    }

    /// A string in UTF-8 that a pointer points to.
    fn string(&mut self, text: &str) {
        let len = u32::try_from(text.len() + 1).unwrap_or(u32::MAX);
        self.u32(len);
        self.u32(0);
        self.u32(len);
        self.octets.put_slice(text.as_bytes());
        self.octets.put_u8(0);
    }

    /// `auth_session_info_transport`, and all that hangs on it.
    fn session(&mut self) {
        self.pointer();
        // No delegated credentials.
        self.u32(0);
        // Token, token of this system, user, user of this system; nothing for tests.
        (0..4).for_each(|_| self.pointer());
        self.u32(0);
        // No session key, no credentials; a GUID, no kind of ticket.
        self.u32(0);
        self.u32(0);
        self.octets.put_slice(&[0; 16]);
        self.octets.put_u16_le(0);
        self.token();
        // `security_unix_token`: root, in no further groups.
        self.u32(0);
        self.u64(0);
        self.u64(0);
        self.u32(0);
        self.user();
        self.pointer();
        self.pointer();
        self.string(ROOT);
        self.string(ROOT);
    }

    /// `security_token`, with all privileges.
    fn token(&mut self) {
        let count = u32::try_from(SIDS.len()).unwrap_or(0);
        self.align(8);
        self.u32(count);
        self.u32(count);
        for (authority, below) in SIDS {
            self.align(4);
            self.octets.put_slice(&[1, u8::try_from(below.len()).unwrap_or(0), 0, 0, 0, 0, 0, authority]);
            below.iter().for_each(|&number| self.u32(number));
        }
        self.u64(u64::MAX);
        self.u32(0);
    }

    /// `auth_user_info`: account and domain, and NULL or 0 for the rest.
    fn user(&mut self) {
        self.pointer();
        self.u32(0);
        self.octets.put_u8(0);
        self.pointer();
        (0..7).for_each(|_| self.u32(0));
        // Times are aligned as 32 bits are.
        self.octets.put_bytes(0, 6 * 8 + 2 * 2);
        self.u32(0);
        // Authenticated.
        self.octets.put_u8(1);
        self.string(ROOT);
        self.string(DOMAIN);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Handover, *};

    #[test]
    fn pipes_are_opened_as_root() {
        let handover = Handover::parse(&announcement()).unwrap();
        assert_eq!(handover.account.as_deref(), Some("root"));
        assert_eq!(handover.domain.as_deref(), Some("Unix User"));
        assert_eq!(handover.sids, ["S-1-22-1-0", "S-1-22-2-0", "S-1-5-32-544"]);
        assert_eq!(handover.client_address, Some(([127, 0, 0, 1], 0).into()));
        assert!(handover.authenticated && !handover.is_encrypted());
        assert_eq!((handover.uid, handover.gid, handover.groups), (0, 0, vec![]));
        assert_eq!(handover.session_key, None);
    }

    #[test]
    fn only_a_pipe_that_is_taken_over_is_open() {
        accepted(&ACCEPTED).unwrap();
        let mut answer = ACCEPTED;
        answer[32] = 0x22;
        assert_eq!(accepted(&answer).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        for at in [3, 4, 8, 12, 16] {
            let mut answer = ACCEPTED;
            answer[at] += 1;
            assert_eq!(accepted(&answer).unwrap_err().kind(), io::ErrorKind::InvalidData, "{at}");
        }
    }
}
