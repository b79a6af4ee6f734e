//! The client's end.

use std::{fmt, time::SystemTime};

use msrpc_ndr::{AuthLevel, SessionKey};
use zeroize::Zeroizing;

use super::{
    AUTH_TYPE,
    av_pairs::{AvId, AvPairs, FLAG_MIC, FLAG_UNVERIFIED_TARGET},
    context::{Context, token_len},
    file_time,
    flags::NegotiateFlags,
    keys::{Key, Sender, mic, ntowf_v2, proof, rc4k, session_base_key},
    message::{Authenticate, Challenge, MIC, Negotiate, client_challenge},
    random,
    wire::malformed,
};
use crate::auth::{AuthError, Mechanism, NtHash, Oid, PduParts, PeerIdentity, SecurityContext, Step};

/// Whom a client authenticates as. Holds the password's hash, which is wiped when dropped.
#[derive(Clone, Debug)]
pub struct NtlmCredentials {
    account: Option<ClientAccount>,
}

#[derive(Clone, Debug)]
struct ClientAccount {
    user: String,
    domain: String,
    hash: NtHash,
}

impl NtlmCredentials {
    /// An account and its password. The domain may be empty.
    pub fn new(domain: impl Into<String>, user: impl Into<String>, password: &str) -> Self {
        Self::with_hash(domain, user, NtHash::of_password(password))
    }

    /// An account as people write it, `DOMAIN\name` or `name` alone, and its password. `name@realm`
    /// travels as it is, and the server takes it apart.
    pub fn of_account(account: &str, password: &str) -> Self {
        let (domain, user) = account.split_once('\\').unwrap_or(("", account));
        Self::new(domain, user, password)
    }

    /// An account and the hash of its password.
    pub fn with_hash(domain: impl Into<String>, user: impl Into<String>, hash: NtHash) -> Self {
        Self { account: Some(ClientAccount { user: user.into(), domain: domain.into(), hash }) }
    }

    /// Nobody. Any protection is then by a key that everybody knows.
    pub const fn anonymous() -> Self {
        Self { account: None }
    }
}

/// The client's end of an NTLM context.
pub struct NtlmClient {
    credentials: NtlmCredentials,
    offered: NegotiateFlags,
    target_name: String,
    workstation: String,
    state: State,
}

#[derive(Debug)]
enum State {
    Start,
    /// The negotiate message is out.
    Negotiated {
        negotiate: Vec<u8>,
    },
    /// Boxed, so that the keys stay where they can be wiped.
    Established(Box<Context>),
    Failed,
}

/// What an authenticate message needs from chance and time.
pub(super) struct Fresh {
    pub(super) client_challenge: [u8; 8],
    pub(super) session_key: Key,
    pub(super) now: u64,
}

impl Fresh {
    fn new() -> Result<Self, AuthError> {
        let now = file_time(SystemTime::now());
        Ok(Self { client_challenge: random()?, session_key: Zeroizing::new(random()?), now })
    }
}

impl NtlmClient {
    /// A client for PDUs at `level`. At connect it asks for neither signing nor sealing.
    pub fn new(credentials: NtlmCredentials, level: AuthLevel) -> Self {
        let protection = match level {
            AuthLevel::None | AuthLevel::Connect => NegotiateFlags::empty(),
            AuthLevel::Call | AuthLevel::Packet | AuthLevel::Integrity => {
                NegotiateFlags::SIGN | NegotiateFlags::KEY_EXCHANGE
            }
            AuthLevel::Privacy => NegotiateFlags::SIGN | NegotiateFlags::SEAL | NegotiateFlags::KEY_EXCHANGE,
        };
        let offered = protection
            | NegotiateFlags::UNICODE
            | NegotiateFlags::REQUEST_TARGET
            | NegotiateFlags::NTLM
            | NegotiateFlags::ALWAYS_SIGN
            | NegotiateFlags::EXTENDED_SESSION_SECURITY
            | NegotiateFlags::KEY_128
            | NegotiateFlags::VERSION;
        Self { credentials, offered, target_name: String::new(), workstation: String::new(), state: State::Start }
    }

    /// Names the service that is called (`host/server.example`), so that a server can refuse tokens
    /// that were meant for another.
    #[must_use]
    pub fn with_target_name(mut self, spn: impl Into<String>) -> Self {
        self.target_name = spn.into();
        self
    }

    /// Names this machine to the server.
    #[must_use]
    pub fn with_workstation(mut self, name: impl Into<String>) -> Self {
        self.workstation = name.into();
        self
    }

    /// Answers a challenge: the authenticate message and the context.
    pub(super) fn authenticate(
        &self,
        negotiate: &[u8],
        challenge_octets: &[u8],
        fresh: Fresh,
    ) -> Result<(Vec<u8>, Context), AuthError> {
        let challenge = Challenge::parse(challenge_octets)?;
        let flags = self.agree(&challenge)?;
        let mut message = Authenticate {
            flags,
            lm_response: Vec::new(),
            nt_response: Vec::new(),
            domain: String::new(),
            user: String::new(),
            workstation: self.workstation.clone(),
            encrypted_session_key: Vec::new(),
            mic: None,
        };
        let base_key = match &self.credentials.account {
            Some(account) => self.prove(account, &challenge, &fresh, &mut message)?,
            None => {
                message.flags |= NegotiateFlags::ANONYMOUS;
                message.lm_response = vec![0];
                Key::default()
            }
        };
        let session_key = match flags.contains(NegotiateFlags::KEY_EXCHANGE) {
            true => {
                message.encrypted_session_key = rc4k(&base_key, *fresh.session_key).to_vec();
                fresh.session_key
            }
            false => base_key,
        };
        let mut octets = message.build()?;
        if message.mic.is_some() {
            let code = mic(&session_key, negotiate, challenge_octets, &[&octets]);
            if let Some(place) = octets.get_mut(MIC) {
                place.copy_from_slice(code.as_slice());
            }
        }
        Ok((octets, Context::new(session_key, flags, Sender::Client)))
    }

    /// The flags that both sides have, if they are enough.
    fn agree(&self, challenge: &Challenge) -> Result<NegotiateFlags, AuthError> {
        let flags = (self.offered | NegotiateFlags::TARGET_INFO) & challenge.flags;
        let mut needed = NegotiateFlags::EXTENDED_SESSION_SECURITY | NegotiateFlags::TARGET_INFO;
        if self.offered.protects() {
            needed |= self.offered & (NegotiateFlags::SIGN | NegotiateFlags::SEAL) | NegotiateFlags::KEY_128;
            let named = |id| challenge.target_info.get(id).is_some();
            if !named(AvId::NB_COMPUTER_NAME) || !named(AvId::NB_DOMAIN_NAME) {
                return Err(malformed("the challenge does not say who the server is"));
            }
        }
        let missing = needed - flags;
        match missing.is_empty() {
            true => Ok(flags),
            false => Err(AuthError::Negotiation(format!("the NTLM server lacks {missing:?}"))),
        }
    }

    /// Fills in the account and the proof; gives the session base key.
    fn prove(
        &self,
        account: &ClientAccount,
        challenge: &Challenge,
        fresh: &Fresh,
        message: &mut Authenticate,
    ) -> Result<Key, AuthError> {
        let time = challenge.target_info.timestamp()?.unwrap_or(fresh.now);
        let av_pairs = self.answer(&challenge.target_info)?;
        let temp = client_challenge(time, fresh.client_challenge, &av_pairs)?;
        let response_key = ntowf_v2(&account.hash, &account.user, &account.domain);
        let proof = proof(&response_key, challenge.server_challenge, &temp);
        message.user.clone_from(&account.user);
        message.domain.clone_from(&account.domain);
        message.lm_response = vec![0; 24];
        message.nt_response = [proof.as_slice(), &temp].concat();
        message.mic = Some([0; 16]);
        Ok(session_base_key(&response_key, &proof))
    }

    /// The server's pairs with what the client adds to them.
    fn answer(&self, target_info: &AvPairs) -> Result<AvPairs, AuthError> {
        let mut pairs = target_info.clone();
        let flags = pairs.flags()? & !FLAG_UNVERIFIED_TARGET | FLAG_MIC;
        pairs.set(AvId::FLAGS, flags.to_le_bytes().to_vec());
        pairs.set(AvId::CHANNEL_BINDINGS, vec![0; 16]);
        pairs.set_text(AvId::TARGET_NAME, &self.target_name);
        Ok(pairs)
    }

    fn context(&mut self) -> Result<&mut Context, AuthError> {
        match &mut self.state {
            State::Established(context) => Ok(context),
            _ => Err(AuthError::NotEstablished),
        }
    }
}

impl SecurityContext for NtlmClient {
    fn auth_type(&self) -> u8 {
        AUTH_TYPE
    }

    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Start if token.is_empty() => {
                let negotiate = Negotiate { flags: self.offered }.build()?;
                self.state = State::Negotiated { negotiate: negotiate.clone() };
                Ok(Step { token: Some(negotiate), done: false })
            }
            State::Negotiated { negotiate } => {
                let (message, context) = self.authenticate(&negotiate, token, Fresh::new()?)?;
                self.state = State::Established(Box::new(context));
                Ok(Step { token: Some(message), done: true })
            }
            _ => Err(AuthError::NotEstablished),
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

    /// Nobody: NTLM does not tell a client who the server is.
    fn peer(&self) -> Option<PeerIdentity> {
        None
    }

    fn session_key(&self) -> Option<SessionKey> {
        match &self.state {
            State::Established(context) => Some(context.session_key()),
            _ => None,
        }
    }
}

impl Mechanism for NtlmClient {
    fn oids(&self) -> &'static [Oid] {
        &[Oid::NTLM]
    }

    fn has_integrity(&self) -> bool {
        matches!(&self.state, State::Established(context) if context.has_integrity())
    }

    fn make_mic(&mut self, data: &[u8]) -> Result<Vec<u8>, AuthError> {
        self.context()?.make_mic(data)
    }

    fn verify_mic(&mut self, data: &[u8], mic: &[u8]) -> Result<(), AuthError> {
        self.context()?.verify_mic(data, mic)
    }
}

impl fmt::Debug for NtlmClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NtlmClient")
            .field("credentials", &self.credentials)
            .field("target_name", &self.target_name)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
