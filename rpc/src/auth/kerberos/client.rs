//! The client's end.

use std::{fmt, net::IpAddr};

use msrpc_gssapi::{Context, Name, NameForm};
use msrpc_ndr::{AuthLevel, SessionKey};

use super::{
    KerberosCredentials, credentials::Acquired, delegate_to_session, features, mechanism_of_session, session::Session,
};
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

    fn established(&self) -> Option<&Session> {
        match &self.state {
            State::Established(session) => Some(session),
            _ => None,
        }
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
    delegate_to_session!();

    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Start if token.is_empty() => self.begin(),
            State::Asked { context, acquired, target } => self.finish(context, &acquired, &target, token),
            _ => Err(AuthError::NotEstablished),
        }
    }

    /// Nobody: the server is the service that the client asked for, or the handshake fails.
    fn peer(&self) -> Option<PeerIdentity> {
        None
    }
}

mechanism_of_session!(KerberosClient);

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
