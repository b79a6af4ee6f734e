//! The server's end.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use msrpc_ndr::{AuthLevel, SessionKey};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::{
    AUTH_TYPE,
    av_pairs::{AvId, AvPairs, FLAG_UNVERIFIED_TARGET},
    context::{Context, token_len},
    file_time,
    flags::NegotiateFlags,
    keys::{Key, Sender, mic, ntowf_v2, proof, rc4k, session_base_key},
    message::{Authenticate, Challenge, MIC, Negotiate, NtlmV2Response, SIGNATURE},
    random,
    wire::malformed,
};
use crate::auth::{
    Account, AccountStore, AuthError, Mechanism, NtHash, Oid, PduParts, PeerIdentity, SecurityContext, Step,
};

/// What all contexts of a server share.
#[derive(Clone)]
#[non_exhaustive]
pub struct NtlmServerConfig {
    /// The accounts.
    pub accounts: Arc<dyn AccountStore>,
    /// The machine's NetBIOS name.
    pub computer_name: String,
    /// The NetBIOS name of its domain. A machine in none names itself: the default.
    pub domain_name: String,
    /// The machine's DNS name. Default: the NetBIOS name in lower case. Never left out: impacket breaks
    /// off without.
    pub dns_computer_name: String,
    /// The domain's DNS name.
    pub dns_domain_name: Option<String>,
    /// Whether anonymous clients are let in; they have a [`PeerIdentity`] without a user. Default: no.
    ///
    /// Their calls count at level none, whatever level they negotiate: anybody knows their keys. Windows
    /// and Samba count the level and leave it to each interface to ask who calls.
    pub allow_anonymous: bool,
    /// Whether clients without an integrity code over the handshake are refused. Every client since
    /// Windows Vista sends one. Default: no.
    pub require_mic: bool,
    /// How far a response's time may be from ours. Clients send back the time of our challenge, so
    /// this limits how long they may take. Default: 30 minutes. `None`: not looked at.
    pub max_clock_skew: Option<Duration>,
    /// The service names under which clients may call. A client that names another is refused, because
    /// its token was meant for somebody else; one that names nothing is let in. Empty: not looked at,
    /// the default.
    pub target_names: Vec<String>,
}

impl NtlmServerConfig {
    /// A server of this NetBIOS name, in no domain.
    pub fn new(computer_name: impl Into<String>, accounts: Arc<dyn AccountStore>) -> Self {
        let computer_name = computer_name.into();
        Self {
            accounts,
            domain_name: computer_name.clone(),
            dns_computer_name: computer_name.to_lowercase(),
            computer_name,
            dns_domain_name: None,
            allow_anonymous: false,
            require_mic: false,
            max_clock_skew: Some(Duration::from_secs(30 * 60)),
            target_names: Vec::new(),
        }
    }

    fn challenge(&self, offered: NegotiateFlags, nonce: [u8; 8], now: u64) -> Challenge {
        let in_domain = self.domain_name != self.computer_name;
        let mut target_info = AvPairs::default();
        target_info.set_text(AvId::NB_DOMAIN_NAME, &self.domain_name);
        target_info.set_text(AvId::NB_COMPUTER_NAME, &self.computer_name);
        if let Some(name) = &self.dns_domain_name {
            target_info.set_text(AvId::DNS_DOMAIN_NAME, name);
        }
        target_info.set_text(AvId::DNS_COMPUTER_NAME, &self.dns_computer_name);
        target_info.set(AvId::TIMESTAMP, now.to_le_bytes().to_vec());
        let kind = if in_domain { NegotiateFlags::TARGET_TYPE_DOMAIN } else { NegotiateFlags::TARGET_TYPE_SERVER };
        let echoed = NegotiateFlags::PROTECTION | NegotiateFlags::VERSION;
        Challenge {
            flags: offered & echoed
                | kind
                | NegotiateFlags::UNICODE
                | NegotiateFlags::REQUEST_TARGET
                | NegotiateFlags::NTLM
                | NegotiateFlags::ALWAYS_SIGN
                | NegotiateFlags::TARGET_INFO,
            target_name: if in_domain { &self.domain_name } else { &self.computer_name }.clone(),
            server_challenge: nonce,
            target_info,
        }
    }
}

impl fmt::Debug for NtlmServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NtlmServerConfig")
            .field("computer_name", &self.computer_name)
            .field("domain_name", &self.domain_name)
            .field("allow_anonymous", &self.allow_anonymous)
            .field("require_mic", &self.require_mic)
            .finish_non_exhaustive()
    }
}

/// The server's end of an NTLM context.
pub struct NtlmServer {
    config: Arc<NtlmServerConfig>,
    state: State,
}

#[derive(Debug)]
enum State {
    Start,
    Challenged(Handshake),
    /// Boxed, so that the keys stay where they can be wiped.
    Established(Box<Accepted>),
    Failed,
}

/// What the server remembers from its challenge.
#[derive(Debug)]
pub(super) struct Handshake {
    pub(super) negotiate: Vec<u8>,
    pub(super) challenge: Vec<u8>,
    pub(super) nonce: [u8; 8],
    pub(super) flags: NegotiateFlags,
}

impl NtlmServer {
    /// A context for a new client.
    pub fn new(config: Arc<NtlmServerConfig>) -> Self {
        Self { config, state: State::Start }
    }

    fn context(&mut self) -> Result<&mut Context, AuthError> {
        match &mut self.state {
            State::Established(accepted) => Ok(&mut accepted.context),
            _ => Err(AuthError::NotEstablished),
        }
    }
}

/// Answers a negotiate message.
fn challenge(config: &NtlmServerConfig, negotiate: &[u8]) -> Result<Handshake, AuthError> {
    let offered = Negotiate::parse(negotiate)?.flags;
    let mut needed = NegotiateFlags::UNICODE | NegotiateFlags::EXTENDED_SESSION_SECURITY;
    if offered.protects() {
        needed |= NegotiateFlags::KEY_128;
    }
    let missing = needed - offered;
    if !missing.is_empty() {
        return Err(AuthError::Negotiation(format!("the NTLM client lacks {missing:?}")));
    }
    let challenge = config.challenge(offered, random()?, file_time(SystemTime::now()));
    Ok(Handshake {
        negotiate: negotiate.to_owned(),
        challenge: challenge.build()?,
        nonce: challenge.server_challenge,
        flags: challenge.flags,
    })
}

/// A client that was let in.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) context: Context,
    pub(super) peer: PeerIdentity,
    /// Whether there was an integrity code over the handshake.
    pub(super) handshake_proven: bool,
}

/// Judges an authenticate message.
pub(super) fn accept(
    config: &NtlmServerConfig,
    handshake: &Handshake,
    octets: &[u8],
    now: u64,
) -> Result<Accepted, AuthError> {
    let message = Authenticate::parse(octets)?;
    if is_anonymous(&message) {
        return accept_anonymous(config, handshake, &message);
    }
    let missing = (handshake.flags & NegotiateFlags::PROTECTION) - message.flags;
    if !missing.is_empty() {
        return Err(AuthError::Negotiation(format!("the NTLM client no longer has {missing:?}")));
    }
    let Some(response) = NtlmV2Response::parse(&message.nt_response)? else {
        return Err(AuthError::Negotiation("the client answers with NTLMv1 or LAN Manager".to_owned()));
    };
    let (account, base_key) = verify_account(config, &message, &response, handshake.nonce)?;
    let key = session_key(handshake.flags, base_key, &message)?;
    verify_mic(config, handshake, &message, octets, &key)?;
    verify_time(config, response.time, now)?;
    verify_target(config, &response.av_pairs)?;
    let peer = PeerIdentity {
        user: Some(account.name),
        domain: Some(account.domain.unwrap_or_else(|| config.domain_name.clone())),
        sids: account.sids,
        mechanism: AUTH_TYPE,
    };
    let context = Context::new(key, handshake.flags, Sender::Server);
    Ok(Accepted { context, peer, handshake_proven: message.mic.is_some() })
}

/// Lets nobody in. Samba's anonymous clients give up extended session security in their last message;
/// then PDUs cannot be protected, which for anonymous ones would not mean anything.
fn accept_anonymous(
    config: &NtlmServerConfig,
    handshake: &Handshake,
    message: &Authenticate,
) -> Result<Accepted, AuthError> {
    if !config.allow_anonymous {
        return Err(AuthError::AnonymousRefused);
    }
    let mut flags = handshake.flags & message.flags;
    if !flags.contains(NegotiateFlags::EXTENDED_SESSION_SECURITY | NegotiateFlags::KEY_128) {
        flags -= NegotiateFlags::SIGN | NegotiateFlags::SEAL;
    }
    let key = session_key(flags, Key::default(), message)?;
    let context = Context::new(key, flags, Sender::Server);
    Ok(Accepted { context, peer: PeerIdentity::default(), handshake_proven: false })
}

fn is_anonymous(message: &Authenticate) -> bool {
    message.user.is_empty() && message.nt_response.is_empty() && matches!(message.lm_response.as_slice(), [] | [0])
}

/// Proves that the client knows the password of the account that it names. Does the same work
/// whether there is such an account or not.
fn verify_account(
    config: &NtlmServerConfig,
    message: &Authenticate,
    response: &NtlmV2Response<'_>,
    nonce: [u8; 8],
) -> Result<(Account, Key), AuthError> {
    let found = config.accounts.lookup(&message.user, &message.domain)?;
    let nobody = NtHash::new([0; 16]);
    let hash = found.as_ref().map_or(&nobody, |account| &account.nt_hash);
    // Some clients compute with no domain whatever they send ([MS-NLMP] 3.2.5.1.2).
    let (named, mut key) = attempt(hash, &message.user, &message.domain, response, nonce);
    let (unnamed, other_key) = attempt(hash, &message.user, "", response, nonce);
    for (octet, other) in key.iter_mut().zip(other_key.iter()) {
        octet.conditional_assign(other, !named);
    }
    let name = || match message.domain.as_str() {
        "" => message.user.clone(),
        domain => format!("{domain}\\{}", message.user),
    };
    let proven = bool::from(named | unnamed);
    match found {
        None => Err(AuthError::UnknownUser(name())),
        Some(_) if !proven => Err(AuthError::WrongPassword(name())),
        Some(account) if account.disabled => Err(AuthError::Disabled(name())),
        Some(account) => Ok((account, key)),
    }
}

/// Whether the proof is that of this hash and domain, and the session base key if it is.
fn attempt(hash: &NtHash, user: &str, domain: &str, response: &NtlmV2Response<'_>, nonce: [u8; 8]) -> (Choice, Key) {
    let response_key = ntowf_v2(hash, user, domain);
    let expected = proof(&response_key, nonce, response.challenge);
    (expected.ct_eq(&response.proof), session_base_key(&response_key, &expected))
}

/// The key that the client has chosen, or the base key if it could not choose.
fn session_key(flags: NegotiateFlags, base_key: Key, message: &Authenticate) -> Result<Key, AuthError> {
    if !flags.contains(NegotiateFlags::KEY_EXCHANGE) {
        return Ok(base_key);
    }
    match message.encrypted_session_key.as_slice().try_into() {
        Ok(encrypted) => Ok(rc4k(&base_key, encrypted)),
        // The document does without where nothing will be protected; Windows and Samba do not.
        Err(_) if message.encrypted_session_key.is_empty() && !flags.protects() => Ok(base_key),
        Err(_) => Err(malformed("the session key does not have 16 octets")),
    }
}

fn verify_mic(
    config: &NtlmServerConfig,
    handshake: &Handshake,
    message: &Authenticate,
    octets: &[u8],
    key: &Key,
) -> Result<(), AuthError> {
    let Some(received) = message.mic else {
        return match config.require_mic {
            true => Err(AuthError::Negotiation("the client sends no integrity code over the handshake".to_owned())),
            false => Ok(()),
        };
    };
    let (Some(before), Some(after)) = (octets.get(..MIC.start), octets.get(MIC.end..)) else {
        return Err(malformed("no room for the integrity code"));
    };
    let expected = mic(key, &handshake.negotiate, &handshake.challenge, &[before, &[0; 16], after]);
    match bool::from(expected.ct_eq(&received)) {
        true => Ok(()),
        false => Err(AuthError::Tampered),
    }
}

fn verify_time(config: &NtlmServerConfig, time: u64, now: u64) -> Result<(), AuthError> {
    let skew = now.abs_diff(time) / 10_000_000;
    match config.max_clock_skew {
        Some(limit) if skew > limit.as_secs() => Err(AuthError::ClockSkew(skew)),
        _ => Ok(()),
    }
}

fn verify_target(config: &NtlmServerConfig, av_pairs: &AvPairs) -> Result<(), AuthError> {
    if config.target_names.is_empty() || av_pairs.flags()? & FLAG_UNVERIFIED_TARGET != 0 {
        return Ok(());
    }
    match av_pairs.text(AvId::TARGET_NAME)? {
        Some(target) if !target.is_empty() => {
            let ours = config.target_names.iter().any(|name| name.eq_ignore_ascii_case(&target));
            if ours { Ok(()) } else { Err(AuthError::WrongTarget(target)) }
        }
        _ => Ok(()),
    }
}

impl SecurityContext for NtlmServer {
    fn auth_type(&self) -> u8 {
        AUTH_TYPE
    }

    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Start => {
                let handshake = challenge(&self.config, token)?;
                let token = handshake.challenge.clone();
                self.state = State::Challenged(handshake);
                Ok(Step { token: Some(token), done: false })
            }
            State::Challenged(handshake) => {
                let accepted = accept(&self.config, &handshake, token, file_time(SystemTime::now()))?;
                self.state = State::Established(Box::new(accepted));
                Ok(Step { token: None, done: true })
            }
            State::Established(_) | State::Failed => Err(AuthError::NotEstablished),
        }
    }

    fn token_len(&self, level: AuthLevel, _stub_len: usize) -> usize {
        token_len(level)
    }

    fn protect(&mut self, level: AuthLevel, pdu: PduParts<'_>, token: &mut [u8]) -> Result<(), AuthError> {
        self.context()?.protect(level, pdu, token)
    }

    fn unprotect(&mut self, level: AuthLevel, pdu: PduParts<'_>, token: &[u8]) -> Result<(), AuthError> {
        self.context()?.unprotect(level, pdu, token)
    }

    fn peer(&self) -> Option<PeerIdentity> {
        match &self.state {
            State::Established(accepted) => Some(accepted.peer.clone()),
            _ => None,
        }
    }

    fn session_key(&self) -> Option<SessionKey> {
        match &self.state {
            State::Established(accepted) => Some(accepted.context.session_key()),
            _ => None,
        }
    }
}

impl Mechanism for NtlmServer {
    fn oids(&self) -> &'static [Oid] {
        &[Oid::NTLM]
    }

    fn has_integrity(&self) -> bool {
        matches!(&self.state, State::Established(accepted) if accepted.context.has_integrity())
    }

    fn make_mic(&mut self, data: &[u8]) -> Result<Vec<u8>, AuthError> {
        self.context()?.make_mic(data)
    }

    fn verify_mic(&mut self, data: &[u8], mic: &[u8]) -> Result<(), AuthError> {
        self.context()?.verify_mic(data, mic)
    }

    /// A client that has proven the handshake proves the list of mechanisms too ([MS-SPNG] appendix A,
    /// note 8).
    fn requires_mic(&self) -> bool {
        self.has_integrity() && matches!(&self.state, State::Established(accepted) if accepted.handshake_proven)
    }

    fn recognises(&self, token: &[u8]) -> bool {
        token.starts_with(&SIGNATURE)
    }
}

impl fmt::Debug for NtlmServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NtlmServer").field("config", &self.config).field("state", &self.state).finish()
    }
}
