//! What smbd says when it hands a pipe over: `named_pipe_auth`, the small protocol by which Samba's
//! programs do that among themselves. It is documented by Samba's IDL only; this is level 7, that of
//! Samba 4.17.
//!
//! Newer ones say level 8. What is known of it: at least since claims came to Samba, its
//! `security_token` goes on behind the rights with four counts (three kinds of claims, SIDs of
//! devices), their arrays, and 16 bits that say whether claims count. What else differs could neither
//! be read nor tried, and who calls must not be guessed: it is refused.

use std::net::{IpAddr, SocketAddr};

use msrpc_ndr::SessionKey;

use super::ndr::Reader;
use crate::{
    auth::PeerIdentity,
    transport::local::{group_sid, user_sid},
};

/// The level that is understood.
pub(super) const LEVEL: u32 = 7;

pub(super) const MAGIC: &[u8; 4] = b"NPAM";

/// Octets of the length word.
pub(super) const LENGTH: usize = 4;

/// The SID by which smbd says that the connection is encrypted.
const ENCRYPTED: &str = "S-1-22-1397571891-785-2-2";

/// Why a handover is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandoverError {
    /// It ends too early, or counts more than it has.
    #[error("the handover is incomplete")]
    Short,
    /// Its length word does not match.
    #[error("the handover says that it has {0} octets")]
    Length(u32),
    /// It does not begin as it should.
    #[error("this is no handover of a pipe")]
    Magic,
    /// It is of another version of Samba.
    #[error(
        "smbd hands pipes over at level {0}, of another version of Samba, and only level 7 is understood, that of \
         Samba 4.17: use that one, or let clients come by ncacn_ip_tcp"
    )]
    Level(u32),
    /// A string is malformed.
    #[error("a string in the handover is malformed")]
    String,
    /// A SID is malformed.
    #[error("a SID in the handover is malformed")]
    Sid,
    /// It does not say whose connection it is.
    #[error("the handover names no user")]
    NoUser,
    /// Counts of the same array differ.
    #[error("counts in the handover differ")]
    Counts,
}

/// A pipe that smbd hands over: whose it is, as smbd found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handover {
    /// The client's name, mostly its address.
    pub client_name: Option<String>,
    /// The client's address.
    pub client_address: Option<SocketAddr>,
    /// The name that the client called the server by.
    pub server_name: Option<String>,
    /// The account's name.
    pub account: Option<String>,
    /// The account's domain.
    pub domain: Option<String>,
    /// SIDs of the account, its groups, and circumstances.
    pub sids: Vec<String>,
    /// The user of this system that the account stands for.
    pub uid: u64,
    /// Its group.
    pub gid: u64,
    /// Its further groups.
    pub groups: Vec<u64>,
    /// Whether the client proved who it is: neither anonymous nor a guest.
    pub authenticated: bool,
    /// The session key.
    pub session_key: Option<SessionKey>,
}

/// What is left to read of the user, after the fixed part.
#[derive(Debug, Default)]
struct User {
    account: Option<String>,
    domain: Option<String>,
    authenticated: bool,
}

impl Handover {
    /// Reads a handover, its length word included.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it.
    pub fn parse(octets: &[u8]) -> Result<Self, HandoverError> {
        let mut r = Reader::new(octets);
        let length = u32::from_be_bytes(r.array()?);
        if usize::try_from(length) != Ok(r.remaining()) {
            return Err(HandoverError::Length(length));
        }
        if r.array()? != *MAGIC {
            return Err(HandoverError::Magic);
        }
        let (level, tag) = (r.u32()?, r.u32()?);
        if level != LEVEL || tag != level {
            return Err(HandoverError::Level(level.max(tag)));
        }
        let _transport = r.u8()?;
        let (client_name, client_address, client_port) = (r.pointer()?, r.pointer()?, r.u16()?);
        let (server_name, server_address, _server_port) = (r.pointer()?, r.pointer()?, r.u16()?);
        let session = r.pointer()?;
        let client_name = r.string(client_name)?;
        let address: Option<IpAddr> = r.string(client_address)?.and_then(|address| address.parse().ok());
        let server_name = r.string(server_name)?;
        r.string(server_address)?;
        if !session.is_some() {
            return Err(HandoverError::NoUser);
        }
        let head = Self {
            client_name,
            client_address: address.map(|address| SocketAddr::new(address, client_port)),
            server_name,
            ..Self::default()
        };
        head.session(&mut r)
    }

    /// `auth_session_info_transport`, and all that hangs on it.
    fn session(mut self, r: &mut Reader<'_>) -> Result<Self, HandoverError> {
        let session = r.pointer()?;
        let _delegated_credentials = r.blob()?;
        if !session.is_some() {
            return Err(HandoverError::NoUser);
        }
        let (token, unix_token, user, unix_user, _torture) =
            (r.pointer()?, r.pointer()?, r.pointer()?, r.pointer()?, r.pointer()?);
        let key = r.blob()?;
        let _credentials = r.pointer()?;
        r.octets(16)?;
        let _ticket_type = r.u16()?;
        if !(token.is_some() && unix_token.is_some() && user.is_some()) {
            return Err(HandoverError::NoUser);
        }
        self.session_key = (!key.is_empty()).then(|| SessionKey::new(key));
        self.token(r)?;
        self.unix_token(r)?;
        let user = User::read(r)?;
        (self.account, self.domain, self.authenticated) = (user.account, user.domain, user.authenticated);
        if unix_user.is_some() {
            let (name, sanitized) = (r.pointer()?, r.pointer()?);
            r.string(name)?;
            r.string(sanitized)?;
        }
        Ok(self)
    }

    /// `security_token`. Its array is in the middle, which only Samba's NDR allows.
    fn token(&mut self, r: &mut Reader<'_>) -> Result<(), HandoverError> {
        r.align(8)?;
        let (size, count) = (r.count(8)?, r.count(8)?);
        if size != count {
            return Err(HandoverError::Counts);
        }
        self.sids = (0..count).map(|_| r.sid()).collect::<Result<_, _>>()?;
        let _privileges = r.u64()?;
        let _rights = r.u32()?;
        Ok(())
    }

    /// `security_unix_token`.
    fn unix_token(&mut self, r: &mut Reader<'_>) -> Result<(), HandoverError> {
        let size = r.count(8)?;
        self.uid = r.u64()?;
        self.gid = r.u64()?;
        if r.count(8)? != size {
            return Err(HandoverError::Counts);
        }
        // Nothing stands between the count of no groups and what follows.
        self.groups = (0..size).map(|_| r.u64()).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Whether the client's connection is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.sids.iter().any(|sid| sid == ENCRYPTED)
    }

    /// The user as callers are described: the account, and with its SIDs those of the Unix user and
    /// group that it stands for. Who is not authenticated has no name.
    pub fn identity(&self) -> PeerIdentity {
        let mut sids = self.sids.clone();
        if self.authenticated {
            for sid in [user_sid(self.uid), group_sid(self.gid)] {
                if !sids.contains(&sid) {
                    sids.push(sid);
                }
            }
        }
        PeerIdentity {
            user: self.account.clone().filter(|_| self.authenticated),
            domain: self.domain.clone().filter(|_| self.authenticated),
            sids,
            mechanism: 0,
        }
    }
}

impl User {
    /// `auth_user_info`.
    fn read(r: &mut Reader<'_>) -> Result<Self, HandoverError> {
        let (account, principal) = (r.pointer()?, r.pointer()?);
        let _constructed = r.u8()?;
        let domain = r.pointer()?;
        // DNS domain, full name, logon script, profile, home directory and drive, logon server.
        let others = [r.pointer()?, r.pointer()?, r.pointer()?, r.pointer()?, r.pointer()?, r.pointer()?, r.pointer()?];
        // Six times, two counts, flags.
        r.octets(6 * 8 + 2 * 2 + 4)?;
        let authenticated = r.u8()? != 0;
        let account = r.string(account)?;
        r.string(principal)?;
        let domain = r.string(domain)?;
        for other in others {
            r.string(other)?;
        }
        Ok(Self { account, domain, authenticated })
    }
}

/// The answer by which a pipe is taken over, in message mode: level 7, file type 2, device state
/// 0x5ff, an allocation of 4096, status 0.
pub(super) const ACCEPTED: [u8; 36] = [
    0, 0, 0, 32, b'N', b'P', b'A', b'M', 7, 0, 0, 0, 7, 0, 0, 0, 2, 0, 0xff, 5, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0,
];
