//! Ends of Kerberos contexts.

use std::{path::PathBuf, sync::LazyLock};

use msrpc::auth::{
    AuthError, Mechanism, SecurityContext,
    kerberos::{KerberosAcceptor, KerberosClient, KerberosCredentials, KerberosServer, KerberosServerConfig, Reason},
    spnego::{SpnegoClient, SpnegoServer},
};
use msrpc_ndr::AuthLevel;

use super::{PASSWORD, Realm};
use crate::auth_support::{Failure, Kind, handshake};

pub(crate) const NODE1: &str = "host/node1.mit.test";

pub(crate) fn wrap(kind: Kind, mechanism: impl Mechanism + 'static) -> Box<dyn SecurityContext> {
    match kind {
        Kind::Raw => Box::new(mechanism),
        Kind::Spnego => Box::new(SpnegoClient::new(vec![Box::new(mechanism)])),
    }
}

pub(crate) fn client(
    kind: Kind,
    credentials: &KerberosCredentials,
    target: &str,
    level: AuthLevel,
) -> Box<dyn SecurityContext> {
    wrap(kind, KerberosClient::new(credentials.clone(), target, level))
}

pub(crate) fn acceptor(keytab: PathBuf) -> KerberosAcceptor {
    KerberosAcceptor::new(&KerberosServerConfig::keytab(keytab)).unwrap()
}

pub(crate) fn server(kind: Kind, acceptor: &KerberosAcceptor, level: AuthLevel) -> Box<dyn SecurityContext> {
    let kerberos = KerberosServer::new(acceptor.clone(), level);
    match kind {
        Kind::Raw => Box::new(kerberos),
        Kind::Spnego => Box::new(SpnegoServer::new(vec![Box::new(kerberos)])),
    }
}

/// The user, whose tickets are asked for once.
pub(crate) fn user() -> KerberosCredentials {
    static USER: LazyLock<KerberosCredentials> = LazyLock::new(|| KerberosCredentials::password("user", PASSWORD));
    USER.clone()
}

/// Two ends that trust each other.
pub(crate) fn established(
    realm: &Realm,
    kind: Kind,
    level: AuthLevel,
) -> (Box<dyn SecurityContext>, Box<dyn SecurityContext>) {
    established_with(realm, "node1", kind, level)
}

/// Two ends that trust each other, the service being `host/name.mit.test`.
pub(crate) fn established_with(
    realm: &Realm,
    name: &str,
    kind: Kind,
    level: AuthLevel,
) -> (Box<dyn SecurityContext>, Box<dyn SecurityContext>) {
    let mut client = client(kind, &user(), &format!("host/{name}.mit.test"), level);
    let mut server = server(kind, &acceptor(realm.keytab(name)), level);
    handshake(client.as_mut(), server.as_mut()).unwrap();
    (client, server)
}

/// The reason of a client's or a server's failure.
pub(crate) fn reason(failure: Result<Vec<Vec<u8>>, Failure>) -> (&'static str, Reason, String) {
    let (side, error) = match failure {
        Err(Failure::Client(error)) => ("client", error),
        Err(Failure::Server(error)) => ("server", error),
        other => panic!("{other:?}"),
    };
    let text = error.to_string();
    match error {
        AuthError::Kerberos(error) => (side, error.reason(), text),
        other => panic!("{side}: {other:?}"),
    }
}

/// What comes of a handshake with node1.
pub(crate) fn try_with(
    credentials: &KerberosCredentials,
    target: &str,
    keytab: PathBuf,
) -> Result<Vec<Vec<u8>>, Failure> {
    let level = AuthLevel::Privacy;
    handshake(
        client(Kind::Raw, credentials, target, level).as_mut(),
        server(Kind::Raw, &acceptor(keytab), level).as_mut(),
    )
}
