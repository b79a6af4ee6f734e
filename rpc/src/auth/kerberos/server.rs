//! The server's end.

use std::{fmt, path::PathBuf, sync::Arc};

use msrpc_gssapi::{Accepted, Context, Credential, Flags, Name, NameForm, Store};
use msrpc_ndr::{AuthLevel, SessionKey};

use super::{AUTH_TYPE, OIDS, identity, session::Session, text};
use crate::auth::{AuthError, Mechanism, Oid, PduParts, PeerIdentity, SecurityContext, Step};

/// How a server accepts Kerberos.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct KerberosServerConfig {
    /// The keytab with the keys of the service, which has to be readable for this process and for
    /// nobody else. It is read for every client, so that new keys count at once. Default: the
    /// system's (`KRB5_KTNAME`, `/etc/krb5.keytab`).
    pub keytab: Option<PathBuf>,
    /// The only principal that clients may have tickets for. Default: any that the keytab has a key of.
    pub principal: Option<String>,
    /// The file in which tickets are remembered, so that each lets in once. All services with the
    /// same key have to share it. Default: the library's, in `KRB5RCACHEDIR` or `/var/tmp`. A file takes
    /// MIT Kerberos 1.18 or later.
    pub replay_cache: Option<PathBuf>,
}

impl KerberosServerConfig {
    /// A server whose keys are in a keytab.
    pub fn keytab(path: impl Into<PathBuf>) -> Self {
        Self { keytab: Some(path.into()), ..Self::default() }
    }
}

/// What all contexts of a server share.
#[derive(Clone, Debug)]
pub struct KerberosAcceptor {
    credential: Arc<Credential>,
}

impl KerberosAcceptor {
    /// Opens the keytab.
    ///
    /// # Errors
    ///
    /// If the library is missing, or the keytab cannot be read or lacks the principal's key.
    pub fn new(config: &KerberosServerConfig) -> Result<Self, AuthError> {
        let keytab = config.keytab.as_deref().map(text).transpose()?;
        let replay_cache = config.replay_cache.as_deref().map(text).transpose()?.map(|path| format!("file2:{path}"));
        let name = config.principal.as_deref().map(|name| Name::import(name, NameForm::Principal)).transpose()?;
        let store = Store { keytab, replay_cache: replay_cache.as_deref(), ..Store::default() };
        let credential = Credential::acceptor(name.as_ref(), &store)?;
        Ok(Self { credential: Arc::new(credential) })
    }
}

/// The server's end of a Kerberos context.
pub struct KerberosServer {
    acceptor: KerberosAcceptor,
    level: AuthLevel,
    peer: Option<PeerIdentity>,
    state: State,
}

enum State {
    Start,
    /// The answer is out.
    Answered(Context),
    Established(Session),
    Failed,
}

impl KerberosServer {
    /// A context for a new client, who asks for `level`.
    pub fn new(acceptor: KerberosAcceptor, level: AuthLevel) -> Self {
        Self { acceptor, level, peer: None, state: State::Start }
    }

    fn accept(&mut self, mut context: Context, token: &[u8]) -> Result<Step, AuthError> {
        let Accepted { leg, peer } = context.accept(&self.acceptor.credential, token)?;
        let token = leg.token.map(|token| token.to_vec());
        if !leg.done {
            self.state = State::Answered(context);
            return Ok(Step { token, done: false });
        }
        if leg.flags.contains(Flags::ANONYMOUS) {
            return Err(AuthError::AnonymousRefused);
        }
        let session = Session::new(context, leg.flags, self.level)?;
        let peer = peer.ok_or_else(|| AuthError::Malformed("Kerberos: the client has no name".to_owned()))?;
        self.peer = Some(identity::of(&peer)?);
        self.state = State::Established(session);
        Ok(Step { token, done: true })
    }

    fn session(&mut self) -> Result<&mut Session, AuthError> {
        match &mut self.state {
            State::Established(session) => Ok(session),
            _ => Err(AuthError::NotEstablished),
        }
    }
}

impl SecurityContext for KerberosServer {
    fn auth_type(&self) -> u8 {
        AUTH_TYPE
    }

    /// Keytab and replay cache are files.
    fn may_block(&self) -> bool {
        true
    }

    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Start => self.accept(Context::new()?, token),
            State::Answered(context) => self.accept(context, token),
            State::Established(_) | State::Failed => Err(AuthError::NotEstablished),
        }
    }

    fn token_len(&self, level: AuthLevel, _stub_len: usize) -> usize {
        match &self.state {
            State::Established(session) => session.token_len(level),
            _ => 0,
        }
    }

    fn protect(&mut self, level: AuthLevel, pdu: PduParts<'_>, token: &mut [u8]) -> Result<(), AuthError> {
        self.session()?.protect(level, pdu, token)
    }

    fn unprotect(&mut self, level: AuthLevel, pdu: PduParts<'_>, token: &[u8]) -> Result<(), AuthError> {
        self.session()?.unprotect(level, pdu, token)
    }

    fn set_header_signing(&mut self, negotiated: bool) {
        if let Ok(session) = self.session() {
            session.set_header_signing(negotiated);
        }
    }

    fn peer(&self) -> Option<PeerIdentity> {
        self.peer.clone()
    }

    fn session_key(&self) -> Option<SessionKey> {
        match &self.state {
            State::Established(session) => Some(session.session_key()),
            _ => None,
        }
    }
}

impl Mechanism for KerberosServer {
    fn oids(&self) -> &'static [Oid] {
        OIDS
    }

    fn has_integrity(&self) -> bool {
        matches!(&self.state, State::Established(session) if session.has_integrity())
    }

    fn make_mic(&mut self, data: &[u8]) -> Result<Vec<u8>, AuthError> {
        self.session()?.make_mic(data)
    }

    fn verify_mic(&mut self, data: &[u8], mic: &[u8]) -> Result<(), AuthError> {
        self.session()?.verify_mic(data, mic)
    }
}

impl fmt::Debug for KerberosServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Start => "start",
            State::Answered(_) => "answered",
            State::Established(_) => "established",
            State::Failed => "failed",
        };
        f.debug_struct("KerberosServer").field("peer", &self.peer).field("state", &state).finish_non_exhaustive()
    }
}
