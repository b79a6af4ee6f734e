//! The client's end.

use std::{fmt, net::IpAddr};

use msrpc_gssapi::{Context, Name, NameForm};
use msrpc_ndr::{AuthLevel, SessionKey};

use super::{AUTH_TYPE, KerberosCredentials, OIDS, credentials::Acquired, features, session::Session};
use crate::auth::{AuthError, Mechanism, Oid, PduParts, PeerIdentity, SecurityContext, Step};

/// The client's end of a Kerberos context.
pub struct KerberosClient {
    credentials: KerberosCredentials,
    target: String,
    level: AuthLevel,
    state: State,
}

enum State {
    Start,
    /// The first token is out.
    Asked {
        context: Context,
        acquired: Acquired,
        target: Name,
    },
    Established(Session),
    Failed,
}

impl KerberosClient {
    /// A client for PDUs at `level`, of the service `target`: `class/host`, such as
    /// `host/node1.example`, or `class/host@REALM`.
    ///
    /// Without a realm, `krb5.conf` says which one the host is in, and whether DNS may make its name
    /// complete (`dns_canonicalize_hostname`, `rdns`). With one, the principal is taken as it is written.
    pub fn new(credentials: KerberosCredentials, target: impl Into<String>, level: AuthLevel) -> Self {
        Self { credentials, target: target.into(), level, state: State::Start }
    }

    /// The first leg: tickets from the cache or the KDC.
    fn begin(&mut self) -> Result<Step, AuthError> {
        let target = service_name(&self.target)?;
        let acquired = self.credentials.acquire()?;
        let mut context = Context::new()?;
        let leg = context.initiate(&acquired.credential, &target, features(self.level), &[])?;
        self.state = State::Asked { context, acquired, target };
        Ok(Step { token: leg.token.map(|token| token.to_vec()), done: false })
    }

    /// The acceptor's answer, and the last token.
    fn finish(
        &mut self,
        mut context: Context,
        acquired: &Acquired,
        target: &Name,
        token: &[u8],
    ) -> Result<Step, AuthError> {
        let leg = context.initiate(&acquired.credential, target, features(self.level), token)?;
        if !leg.done {
            return Err(AuthError::Malformed("Kerberos: a leg too many".to_owned()));
        }
        let session = Session::new(context, leg.flags, self.level)?;
        self.state = State::Established(session);
        Ok(Step { token: leg.token.map(|token| token.to_vec()), done: true })
    }

    fn session(&mut self) -> Result<&mut Session, AuthError> {
        match &mut self.state {
            State::Established(session) => Ok(session),
            _ => Err(AuthError::NotEstablished),
        }
    }
}

/// The principal of a service. An address has none.
fn service_name(target: &str) -> Result<Name, AuthError> {
    let (class, host) = target.split_once('/').unwrap_or(("", target));
    // An IPv6 address may have a zone.
    let address = host.split('%').next().unwrap_or(host);
    if class.is_empty() || host.is_empty() || address.parse::<IpAddr>().is_ok() {
        return Err(AuthError::NoServiceName(host.to_owned()));
    }
    // Several components or a realm: nothing to be added.
    match host.contains(['/', '@']) {
        true => Ok(Name::import(target, NameForm::Principal)?),
        false => Ok(Name::import(&format!("{class}@{host}"), NameForm::HostBasedService)?),
    }
}

impl SecurityContext for KerberosClient {
    fn auth_type(&self) -> u8 {
        AUTH_TYPE
    }

    /// The KDC is asked.
    fn may_block(&self) -> bool {
        true
    }

    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Start if token.is_empty() => self.begin(),
            State::Asked { context, acquired, target } => self.finish(context, &acquired, &target, token),
            _ => Err(AuthError::NotEstablished),
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

    /// Nobody: the server is the service that the client asked for, or the handshake fails.
    fn peer(&self) -> Option<PeerIdentity> {
        None
    }

    fn session_key(&self) -> Option<SessionKey> {
        match &self.state {
            State::Established(session) => Some(session.session_key()),
            _ => None,
        }
    }
}

impl Mechanism for KerberosClient {
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

impl fmt::Debug for KerberosClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Start => "start",
            State::Asked { .. } => "asked",
            State::Established(_) => "established",
            State::Failed => "failed",
        };
        f.debug_struct("KerberosClient")
            .field("credentials", &self.credentials)
            .field("target", &self.target)
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
