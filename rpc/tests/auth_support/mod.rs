//! What the tests of the authentication share.
#![allow(dead_code, reason = "not every test uses everything")]

use std::sync::Arc;

use msrpc::auth::{
    AuthError, CredentialsFile, PduParts, SecurityContext,
    ntlm::{NtlmClient, NtlmCredentials, NtlmServer, NtlmServerConfig},
    spnego::{SpnegoClient, SpnegoServer},
};
use msrpc_ndr::AuthLevel;

pub(crate) const ACCOUNTS: &str = "\
alice:sid=S-1-5-21-1-2-3-1001,sid=S-1-5-32-544:password:secret
DOM\\bob::nthash:878d8014606cda29677a44efa1353fc7
eve:disabled:password:secret
Zoë::password:pässword
";

/// The levels that protect PDUs.
pub(crate) const PROTECTED: [AuthLevel; 4] =
    [AuthLevel::Call, AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy];

pub(crate) fn config() -> NtlmServerConfig {
    NtlmServerConfig::new("SERVER", Arc::new(CredentialsFile::parse(ACCOUNTS.as_bytes()).unwrap()))
}

pub(crate) fn alice() -> NtlmCredentials {
    NtlmCredentials::new("DOM", "alice", "secret")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Raw,
    Spnego,
}

pub(crate) const KINDS: [Kind; 2] = [Kind::Raw, Kind::Spnego];

pub(crate) fn client(kind: Kind, credentials: NtlmCredentials, level: AuthLevel) -> Box<dyn SecurityContext> {
    let ntlm = NtlmClient::new(credentials, level).with_target_name("host/server").with_workstation("CLIENT");
    match kind {
        Kind::Raw => Box::new(ntlm),
        Kind::Spnego => Box::new(SpnegoClient::new(vec![Box::new(ntlm)])),
    }
}

pub(crate) fn server(kind: Kind, config: NtlmServerConfig) -> Box<dyn SecurityContext> {
    let ntlm = NtlmServer::new(Arc::new(config));
    match kind {
        Kind::Raw => Box::new(ntlm),
        Kind::Spnego => Box::new(SpnegoServer::new(vec![Box::new(ntlm)])),
    }
}

/// Whose step failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Client(AuthError),
    Server(AuthError),
    /// Nobody's: the tokens end before both sides are done.
    Stuck,
}

/// Runs a handshake to its end; gives the tokens, the client's first.
pub(crate) fn handshake(
    client: &mut dyn SecurityContext,
    server: &mut dyn SecurityContext,
) -> Result<Vec<Vec<u8>>, Failure> {
    handshake_with(client, server, |_, _| {})
}

/// Runs a handshake in which somebody in between sees and changes every token.
pub(crate) fn handshake_with(
    client: &mut dyn SecurityContext,
    server: &mut dyn SecurityContext,
    mut between: impl FnMut(usize, &mut Vec<u8>),
) -> Result<Vec<Vec<u8>>, Failure> {
    let mut tokens = Vec::new();
    let mut token = Vec::new();
    let mut done = [false, false];
    for leg in 0..8 {
        let step = match leg % 2 {
            0 => client.step(&token).map_err(Failure::Client)?,
            _ => server.step(&token).map_err(Failure::Server)?,
        };
        done[leg % 2] |= step.done;
        let Some(next) = step.token else { break };
        token = next;
        between(leg, &mut token);
        tokens.push(token.clone());
    }
    if done == [true, true] { Ok(tokens) } else { Err(Failure::Stuck) }
}

/// Two ends that trust each other.
pub(crate) fn established(kind: Kind, level: AuthLevel) -> (Box<dyn SecurityContext>, Box<dyn SecurityContext>) {
    let (mut client, mut server) = (client(kind, alice(), level), server(kind, config()));
    handshake(client.as_mut(), server.as_mut()).unwrap();
    (client, server)
}

/// A PDU with its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pdu {
    pub(crate) header: Vec<u8>,
    pub(crate) stub: Vec<u8>,
    pub(crate) trailer: Vec<u8>,
    pub(crate) token: Vec<u8>,
}

impl Pdu {
    pub(crate) fn new(seed: u8, stub_len: usize) -> Self {
        let octets = |len: usize| (0..len).map(|i| seed.wrapping_add(u8::try_from(i % 251).unwrap())).collect();
        Self { header: octets(24), stub: octets(stub_len), trailer: octets(8), token: Vec::new() }
    }

    pub(crate) fn protect(mut self, by: &mut dyn SecurityContext, level: AuthLevel) -> Self {
        self.token = vec![0; by.token_len(level, self.stub.len())];
        let parts = PduParts { header: &self.header, stub: &mut self.stub, trailer: &self.trailer };
        by.protect(level, parts, &mut self.token).unwrap();
        self
    }

    pub(crate) fn unprotect(mut self, by: &mut dyn SecurityContext, level: AuthLevel) -> Result<Self, AuthError> {
        let parts = PduParts { header: &self.header, stub: &mut self.stub, trailer: &self.trailer };
        by.unprotect(level, parts, &self.token)?;
        self.token.clear();
        Ok(self)
    }

    /// Every octet in turn, to be tampered with.
    pub(crate) fn octet(&mut self, mut place: usize) -> Option<&mut u8> {
        for part in [&mut self.header, &mut self.stub, &mut self.trailer, &mut self.token] {
            if place < part.len() {
                return part.get_mut(place);
            }
            place -= part.len();
        }
        None
    }
}

/// How long it takes to protect a PDU and to verify it again: the median of several rounds.
pub(crate) fn time_of(
    client: &mut dyn SecurityContext,
    server: &mut dyn SecurityContext,
    level: AuthLevel,
    length: usize,
) -> std::time::Duration {
    const ROUNDS: u32 = 5_000;
    let (header, mut stub, trailer) = ([1; 24], vec![2; length], [3; 8]);
    let mut token = vec![0; client.token_len(level, length)];
    let mut round = || {
        let start = std::time::Instant::now();
        for _ in 0..ROUNDS {
            let parts = PduParts { header: &header, stub: &mut stub, trailer: &trailer };
            client.protect(level, parts, &mut token).unwrap();
            let parts = PduParts { header: &header, stub: &mut stub, trailer: &trailer };
            server.unprotect(level, parts, &token).unwrap();
        }
        start.elapsed() / ROUNDS
    };
    let mut samples: Vec<_> = (0..9).map(|_| round()).collect();
    samples.sort_unstable();
    samples[4]
}
