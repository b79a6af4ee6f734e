//! Kerberos contexts against a real KDC, without RPC around them: credentials of every kind, what
//! protects PDUs, and what is refused with which reason. About 7 seconds, mostly waiting for tickets to
//! expire.

mod auth_support;
mod kerberos_support;

use std::{
    path::PathBuf,
    sync::{Arc, LazyLock},
    time::Duration,
};

use auth_support::{Failure, KINDS, Kind, PROTECTED, Pdu, handshake, handshake_with};
use kerberos_support::{PASSWORD, REALM, Realm};
use msrpc::auth::{
    AuthError, Mechanism, Oid, PduParts, SecurityContext,
    kerberos::{KerberosAcceptor, KerberosClient, KerberosCredentials, KerberosServer, KerberosServerConfig, Reason},
    ntlm::{NtlmClient, NtlmServer},
    spnego::{SpnegoClient, SpnegoServer},
};
use msrpc_gssapi::{Context, Credential, Parts, Store};
use msrpc_ndr::AuthLevel;

const NODE1: &str = "host/node1.mit.test";

fn wrap(kind: Kind, mechanism: impl Mechanism + 'static) -> Box<dyn SecurityContext> {
    match kind {
        Kind::Raw => Box::new(mechanism),
        Kind::Spnego => Box::new(SpnegoClient::new(vec![Box::new(mechanism)])),
    }
}

fn client(kind: Kind, credentials: &KerberosCredentials, target: &str, level: AuthLevel) -> Box<dyn SecurityContext> {
    wrap(kind, KerberosClient::new(credentials.clone(), target, level))
}

fn acceptor(keytab: PathBuf) -> KerberosAcceptor {
    KerberosAcceptor::new(&KerberosServerConfig::keytab(keytab)).unwrap()
}

fn server(kind: Kind, acceptor: &KerberosAcceptor, level: AuthLevel) -> Box<dyn SecurityContext> {
    let kerberos = KerberosServer::new(acceptor.clone(), level);
    match kind {
        Kind::Raw => Box::new(kerberos),
        Kind::Spnego => Box::new(SpnegoServer::new(vec![Box::new(kerberos)])),
    }
}

/// The user, whose tickets are asked for once.
fn user() -> KerberosCredentials {
    static USER: LazyLock<KerberosCredentials> = LazyLock::new(|| KerberosCredentials::password("user", PASSWORD));
    USER.clone()
}

/// Two ends that trust each other.
fn established(realm: &Realm, kind: Kind, level: AuthLevel) -> (Box<dyn SecurityContext>, Box<dyn SecurityContext>) {
    established_with(realm, "node1", kind, level)
}

/// Two ends that trust each other, the service being `host/name.mit.test`.
fn established_with(
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
fn reason(failure: Result<Vec<Vec<u8>>, Failure>) -> (&'static str, Reason, String) {
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
fn try_with(credentials: &KerberosCredentials, target: &str, keytab: PathBuf) -> Result<Vec<Vec<u8>>, Failure> {
    let level = AuthLevel::Privacy;
    handshake(
        client(Kind::Raw, credentials, target, level).as_mut(),
        server(Kind::Raw, &acceptor(keytab), level).as_mut(),
    )
}

#[test]
fn every_level_raw_and_in_spnego_with_headers_signed_and_not() {
    let Some(realm) = Realm::enter("every_level_raw_and_in_spnego_with_headers_signed_and_not", "") else { return };
    for kind in KINDS {
        for level in PROTECTED {
            for signing in [true, false] {
                let (mut client, mut server) = established(&realm, kind, level);
                client.set_header_signing(signing);
                server.set_header_signing(signing);
                let peer = server.peer().unwrap();
                assert_eq!((peer.user.as_deref(), peer.domain.as_deref()), (Some("user"), Some(REALM)));
                assert_eq!(client.session_key(), server.session_key());
                for (turn, len) in [16, 0, 5840, 112, 65520].into_iter().enumerate() {
                    let pdu = Pdu::new(7, len);
                    let (from, to) =
                        if turn % 2 == 0 { (&mut client, &mut server) } else { (&mut server, &mut client) };
                    let mut sent = pdu.clone().protect(from.as_mut(), level);
                    assert_eq!(sent.stub == pdu.stub && len > 0, level != AuthLevel::Privacy && len > 0);
                    // Without header signing nobody notices what happens to a header.
                    if !signing {
                        sent.header[3] ^= 1;
                    }
                    let received = sent.clone().unprotect(to.as_mut(), level).unwrap();
                    assert_eq!(received.stub, pdu.stub);
                }
            }
        }
    }
}

#[test]
fn connect_authenticates_and_protects_nothing() {
    let Some(realm) = Realm::enter("connect_authenticates_and_protects_nothing", "") else { return };
    for kind in KINDS {
        let (client, server) = established(&realm, kind, AuthLevel::Connect);
        assert_eq!(server.peer().unwrap().user.as_deref(), Some("user"));
        assert_eq!(client.token_len(AuthLevel::Connect, 16), 0);
    }
}

#[test]
fn a_client_who_asks_for_less_than_the_level_needs_is_refused() {
    let Some(realm) = Realm::enter("a_client_who_asks_for_less_than_the_level_needs_is_refused", "") else { return };
    let acceptor = acceptor(realm.keytab("node1"));
    for (asked, needed) in [
        (AuthLevel::Connect, AuthLevel::Integrity),
        (AuthLevel::Connect, AuthLevel::Privacy),
        (AuthLevel::Integrity, AuthLevel::Privacy),
    ] {
        for kind in KINDS {
            let mut client = client(kind, &user(), NODE1, asked);
            let outcome = handshake(client.as_mut(), server(kind, &acceptor, needed).as_mut());
            assert!(matches!(outcome, Err(Failure::Server(AuthError::Negotiation(_)))), "{asked:?}: {outcome:?}");
        }
    }
}

/// Session keys of so many octets, and tokens of the one length that they always have.
fn tokens(realm: &Realm, name: &str, key_len: usize, lengths: (usize, usize)) {
    for level in [AuthLevel::Privacy, AuthLevel::Integrity] {
        let (mut client, mut server) = established_with(realm, name, Kind::Raw, level);
        assert_eq!(client.session_key().unwrap().as_bytes().len(), key_len);
        for len in [16, 32, 5840, 1 << 20] {
            let pdu = Pdu::new(3, len);
            let sent = pdu.clone().protect(client.as_mut(), level);
            assert_eq!(sent.token.len(), if level == AuthLevel::Privacy { lengths.0 } else { lengths.1 });
            assert_eq!(sent.unprotect(server.as_mut(), level).unwrap().stub, pdu.stub);
        }
    }
}

#[test]
fn tokens_with_aes256_have_one_length() {
    let Some(realm) = Realm::enter("tokens_with_aes256_have_one_length", "") else { return };
    tokens(&realm, "node1", 32, (76, 28));
}

#[test]
fn tokens_with_aes128_have_one_length() {
    let only = "permitted_enctypes = aes128-cts";
    let Some(realm) = Realm::enter("tokens_with_aes128_have_one_length", only) else { return };
    tokens(&realm, "aes128", 16, (76, 28));
}

#[test]
fn tokens_with_newer_encryption_are_the_librarys() {
    let newer = "permitted_enctypes = aes256-sha2 aes256-cts";
    let Some(realm) = Realm::enter("tokens_with_newer_encryption_are_the_librarys", newer) else { return };
    tokens(&realm, "sha2", 32, (88, 40));
    // All of what is refused is refused by the library as well.
    refused_pdus(&realm, "sha2");
}

/// A PDU both ways between our client and the library itself.
fn with_the_library(realm: &Realm, name: &str) {
    let keytab = realm.keytab(name);
    let store = Store { keytab: keytab.to_str(), ..Store::default() };
    let credential = Credential::acceptor(None, &store).unwrap();
    let mut client = KerberosClient::new(user(), format!("host/{name}.mit.test"), AuthLevel::Privacy);
    let mut library = Context::new().unwrap();
    let token = client.step(&[]).unwrap().token.unwrap();
    let answer = library.accept(&credential, &token).unwrap().leg.token.unwrap();
    let last = client.step(&answer).unwrap();
    assert!(last.done && library.accept(&credential, &last.token.unwrap()).unwrap().leg.done);
    client.set_header_signing(true);
    for len in [0, 16, 112, 5840] {
        let (before, plain, after) = ([1; 24], vec![2; len], [3; 8]);
        for level in [AuthLevel::Privacy, AuthLevel::Integrity] {
            let mut stub = plain.clone();
            let mut token = vec![0; client.token_len(level, len)];
            let pdu = PduParts { header: &before, stub: &mut stub, trailer: &after };
            client.protect(level, pdu, &mut token).unwrap();
            let parts = Parts { before: &before, data: &mut stub, after: &after };
            match level {
                AuthLevel::Privacy => library.unwrap(parts, &mut token).unwrap(),
                _ => library.verify(parts, &token).unwrap(),
            }
            assert_eq!(stub, plain);
            let parts = Parts { before: &before, data: &mut stub, after: &after };
            match level {
                AuthLevel::Privacy => {
                    token.resize(library.wrap_len(len).unwrap(), 0);
                    library.wrap(parts, &mut token).unwrap();
                }
                _ => {
                    token.resize(library.mic_len(len).unwrap(), 0);
                    library.sign(parts, &mut token).unwrap();
                }
            }
            let pdu = PduParts { header: &before, stub: &mut stub, trailer: &after };
            client.unprotect(level, pdu, &token).unwrap();
            assert_eq!(stub, plain);
        }
    }
    let mic = library.make_mic(b"mechanisms").unwrap();
    client.verify_mic(b"mechanisms", &mic).unwrap();
    library.verify_mic(b"mechanisms", &client.make_mic(b"mechanisms").unwrap()).unwrap();
}

#[test]
fn our_tokens_are_those_of_the_library() {
    let Some(realm) = Realm::enter("our_tokens_are_those_of_the_library", "") else { return };
    with_the_library(&realm, "node1");
}

#[test]
fn our_tokens_with_aes128_are_those_of_the_library() {
    let only = "permitted_enctypes = aes128-cts";
    let Some(realm) = Realm::enter("our_tokens_with_aes128_are_those_of_the_library", only) else { return };
    with_the_library(&realm, "aes128");
}

#[test]
fn tickets_come_from_caches_keytabs_and_passwords() {
    let Some(realm) = Realm::enter("tickets_come_from_caches_keytabs_and_passwords", "") else { return };
    let keytab = realm.keytab("node1");
    let nobody = KerberosCredentials::default_cache();
    assert_eq!(reason(try_with(&nobody, NODE1, keytab.clone())).1, Reason::NoCredentials);
    realm.kinit(&[]);
    let named = KerberosCredentials::cache(format!("FILE:{}", realm.file("cc").display()));
    let key = KerberosCredentials::keytab(realm.keytab("user"), format!("user@{REALM}"));
    for credentials in [nobody, named, key, user()] {
        for _ in 0..3 {
            try_with(&credentials, NODE1, keytab.clone()).unwrap_or_else(|error| panic!("{credentials:?}: {error:?}"));
        }
        assert!(!format!("{credentials:?}").contains(PASSWORD));
    }
    // A principal with its realm, as it is written.
    try_with(&user(), &format!("{NODE1}@{REALM}"), keytab).unwrap();
}

#[test]
fn many_threads_share_credentials_and_an_acceptor() {
    let Some(realm) = Realm::enter("many_threads_share_credentials_and_an_acceptor", "") else { return };
    let acceptor = acceptor(realm.keytab("node1"));
    for credentials in [user(), KerberosCredentials::keytab(realm.keytab("user"), "user")] {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        let level = AuthLevel::Privacy;
                        let mut client = client(Kind::Raw, &credentials, NODE1, level);
                        let mut server = server(Kind::Raw, &acceptor, level);
                        handshake(client.as_mut(), server.as_mut()).unwrap();
                    }
                });
            }
        });
    }
}

#[test]
fn a_replayed_ticket_lets_nobody_in() {
    let Some(realm) = Realm::enter("a_replayed_ticket_lets_nobody_in", "") else { return };
    let config = |file: &str| {
        let mut config = KerberosServerConfig::keytab(realm.keytab("node1"));
        config.replay_cache = Some(realm.file(file));
        KerberosAcceptor::new(&config).unwrap()
    };
    let mut client = client(Kind::Raw, &user(), NODE1, AuthLevel::Privacy);
    let token = client.step(&[]).unwrap().token.unwrap();
    server(Kind::Raw, &config("first"), AuthLevel::Privacy).step(&token).unwrap();
    // Another process of the service would share the file.
    let outcome = server(Kind::Raw, &config("first"), AuthLevel::Privacy).step(&token).map(|_| Vec::new());
    let (_, reason, text) = reason(outcome.map_err(Failure::Server));
    assert_eq!((reason, text.as_str()), (Reason::Replay, "Kerberos: Request is a replay: a replayed token"));
    assert!(realm.file("first").exists());
    // One that does not know of it, lets it in as far as the second leg.
    server(Kind::Raw, &config("second"), AuthLevel::Privacy).step(&token).unwrap();
}

#[test]
fn replayed_reordered_altered_and_unsealed_pdus_are_refused() {
    let Some(realm) = Realm::enter("replayed_reordered_altered_and_unsealed_pdus_are_refused", "") else { return };
    refused_pdus(&realm, "node1");
}

fn refused_pdus(realm: &Realm, name: &str) {
    let established = |level| established_with(realm, name, Kind::Raw, level);
    for level in [AuthLevel::Integrity, AuthLevel::Privacy] {
        let (mut client, mut server) = established(level);
        client.set_header_signing(true);
        server.set_header_signing(true);
        let sent = Pdu::new(1, 48).protect(client.as_mut(), level);
        sent.clone().unprotect(server.as_mut(), level).unwrap();
        assert_eq!(sent.unprotect(server.as_mut(), level), Err(AuthError::Replayed));
        // And nothing is let through after that.
        let next = Pdu::new(1, 48).protect(client.as_mut(), level);
        assert_eq!(next.unprotect(server.as_mut(), level), Err(AuthError::NotEstablished));

        let (mut client, mut server) = established(level);
        let [_, second] = [1, 2].map(|seed| Pdu::new(seed, 48).protect(client.as_mut(), level));
        assert_eq!(second.unprotect(server.as_mut(), level), Err(AuthError::OutOfSequence));
    }
    // Signed where it should be sealed.
    let (mut client, mut server) = established(AuthLevel::Privacy);
    let signed = Pdu::new(1, 48).protect(client.as_mut(), AuthLevel::Integrity);
    assert_eq!(signed.unprotect(server.as_mut(), AuthLevel::Privacy), Err(AuthError::BadSignature));
    for len in [0, 1, 15, 16, 28, 75, 77, 255, 256, 257, 4000] {
        for level in [AuthLevel::Integrity, AuthLevel::Privacy] {
            let (_, mut server) = established(AuthLevel::Privacy);
            let mut pdu = Pdu::new(1, 48);
            pdu.token = vec![5; len];
            assert_eq!(pdu.unprotect(server.as_mut(), level), Err(AuthError::BadSignature), "{len}");
        }
    }
}

#[test]
fn every_octet_of_a_pdu_is_covered() {
    let Some(realm) = Realm::enter("every_octet_of_a_pdu_is_covered", "") else { return };
    for level in [AuthLevel::Integrity, AuthLevel::Privacy] {
        let mut place = 0;
        loop {
            let (mut client, mut server) = established(&realm, Kind::Raw, level);
            client.set_header_signing(true);
            server.set_header_signing(true);
            let mut pdu = Pdu::new(9, 16).protect(client.as_mut(), level);
            let Some(octet) = pdu.octet(place) else { break };
            *octet ^= 0x40;
            let outcome = pdu.unprotect(server.as_mut(), level);
            assert!(outcome.is_err(), "{level:?}, octet {place}");
            place += 1;
        }
        assert_eq!(place, 24 + 16 + 8 + if level == AuthLevel::Privacy { 76 } else { 28 });
    }
}

#[test]
fn refusals_say_why() {
    let Some(realm) = Realm::enter("refusals_say_why", "") else { return };
    let node1 = realm.keytab("node1");
    let wrong = KerberosCredentials::password("user", "wrong");
    let unknown = KerberosCredentials::password("nobody", PASSWORD);
    let elsewhere = KerberosCredentials::password("user@NOWHERE.TEST", PASSWORD);
    let down = KerberosCredentials::password("user@DOWN.TEST", PASSWORD);
    let wrong_key = realm.forge_keytab("wrong.keytab", NODE1, 2);
    let old_key = realm.forge_keytab("old.keytab", NODE1, 1);
    let no_key = KerberosCredentials::keytab(realm.keytab("node1"), "user");
    let bad_key = KerberosCredentials::keytab(realm.forge_keytab("user.keytab", "user", 1), "user");
    for (name, outcome, expected) in [
        ("password", try_with(&wrong, NODE1, node1.clone()), ("client", Reason::WrongPassword)),
        ("client", try_with(&unknown, NODE1, node1.clone()), ("client", Reason::UnknownClient)),
        ("realm", try_with(&elsewhere, NODE1, node1.clone()), ("client", Reason::UnknownRealm)),
        ("kdc", try_with(&down, NODE1, node1.clone()), ("client", Reason::KdcUnreachable)),
        ("client's key", try_with(&bad_key, NODE1, node1.clone()), ("client", Reason::WrongPassword)),
        ("no client's key", try_with(&no_key, NODE1, node1.clone()), ("client", Reason::NoKey)),
        ("service", try_with(&user(), "host/nobody.mit.test", node1.clone()), ("client", Reason::UnknownService)),
        ("key", try_with(&user(), NODE1, wrong_key), ("server", Reason::WrongKey)),
        ("version", try_with(&user(), NODE1, old_key), ("server", Reason::KeyVersion)),
        ("other service", try_with(&user(), "host/other.mit.test", node1.clone()), ("server", Reason::WrongService)),
        ("no keytab", try_with(&user(), NODE1, realm.keytab("other")), ("server", Reason::WrongService)),
    ] {
        let (side, reason, text) = reason(outcome);
        eprintln!("{name}: {side}: {reason:?}: {text}");
        assert_eq!((side, reason), expected, "{name}: {text}");
    }
    let error = KerberosAcceptor::new(&KerberosServerConfig::keytab("/nonexistent/keytab")).unwrap_err();
    eprintln!("{error}");
    assert!(matches!(&error, AuthError::Kerberos(error) if error.reason() == Reason::NoKey), "{error:?}");
    let mut other = KerberosServerConfig::keytab(realm.keytab("node1"));
    other.principal = Some("host/other.mit.test".to_owned());
    let error = KerberosAcceptor::new(&other).unwrap_err();
    eprintln!("{error}");
    assert!(matches!(&error, AuthError::Kerberos(error) if error.reason() == Reason::NoKey), "{error:?}");
}

#[test]
fn an_expired_ticket_is_refused_by_client_and_server() {
    // The server's library tolerates as much as clocks may differ.
    let name = "an_expired_ticket_is_refused_by_client_and_server";
    let Some(realm) = Realm::enter(name, "clockskew = 1") else { return };
    realm.kinit(&["-l", "3s"]);
    realm.kvno(NODE1);
    let credentials = KerberosCredentials::default_cache();
    let token = client(Kind::Raw, &credentials, NODE1, AuthLevel::Privacy).step(&[]).unwrap().token.unwrap();
    std::thread::sleep(Duration::from_millis(5100));
    let acceptor = acceptor(realm.keytab("node1"));
    let outcome = server(Kind::Raw, &acceptor, AuthLevel::Privacy).step(&token).map(|_| Vec::new());
    assert_eq!(reason(outcome.map_err(Failure::Server)).1, Reason::Expired);
    let (side, reason, text) = reason(try_with(&credentials, NODE1, realm.keytab("node1")));
    assert_eq!((side, reason), ("client", Reason::Expired), "{text}");
    assert!(text.contains("kinit"), "{text}");
}

#[test]
fn clocks_too_far_apart_are_named() {
    let Some(realm) = Realm::enter("clocks_too_far_apart_are_named", "clockskew = 1") else { return };
    realm.kinit(&[]);
    realm.kvno(NODE1);
    let credentials = KerberosCredentials::default_cache();
    let token = client(Kind::Raw, &credentials, NODE1, AuthLevel::Privacy).step(&[]).unwrap().token.unwrap();
    std::thread::sleep(Duration::from_millis(3100));
    let outcome =
        server(Kind::Raw, &acceptor(realm.keytab("node1")), AuthLevel::Privacy).step(&token).map(|_| Vec::new());
    let (_, reason, text) = reason(outcome.map_err(Failure::Server));
    assert_eq!((reason, text.as_str()), (Reason::ClockSkew, "Kerberos: Clock skew too great: set the clocks"));
}

#[test]
fn tickets_of_our_own_are_renewed_before_they_expire() {
    let name = "tickets_of_our_own_are_renewed_before_they_expire";
    let Some(realm) = Realm::enter(name, "ticket_lifetime = 3s\nclockskew = 1") else { return };
    let credentials = [user(), KerberosCredentials::keytab(realm.keytab("user"), "user")];
    let all = || credentials.iter().for_each(|own| drop(try_with(own, NODE1, realm.keytab("node1")).unwrap()));
    all();
    std::thread::sleep(Duration::from_millis(3200));
    all();
}

#[test]
fn a_session_key_of_rc4_is_refused() {
    let old = "permitted_enctypes = rc4-hmac aes256-cts\ndefault_tkt_enctypes = aes256-cts";
    let Some(realm) = Realm::enter("a_session_key_of_rc4_is_refused", old) else { return };
    let outcome = try_with(&user(), "host/rc4.mit.test", realm.keytab("rc4"));
    let Err(Failure::Client(AuthError::Negotiation(text))) = outcome else { panic!("{outcome:?}") };
    assert!(text.contains("encryption type 23; only AES will do"), "{text}");
}

#[test]
fn spnego_prefers_kerberos_and_takes_ntlm_where_that_is_allowed() {
    let name = "spnego_prefers_kerberos_and_takes_ntlm_where_that_is_allowed";
    let Some(realm) = Realm::enter(name, "") else { return };
    let level = AuthLevel::Privacy;
    let accounts = Arc::new(auth_support::config());
    let acceptor = acceptor(realm.keytab("node1"));
    let server = |kerberos: bool| {
        let mut mechanisms: Vec<Box<dyn Mechanism>> = Vec::new();
        if kerberos {
            mechanisms.push(Box::new(KerberosServer::new(acceptor.clone(), level)));
        }
        mechanisms.push(Box::new(NtlmServer::new(Arc::clone(&accounts))));
        SpnegoServer::new(mechanisms)
    };
    let client = |credentials: KerberosCredentials, target: &str, ntlm: bool| {
        let mut mechanisms: Vec<Box<dyn Mechanism>> = vec![Box::new(KerberosClient::new(credentials, target, level))];
        if ntlm {
            mechanisms.push(Box::new(NtlmClient::new(auth_support::alice(), level)));
        }
        SpnegoClient::new(mechanisms)
    };
    let who = |mut client: SpnegoClient, mut server: SpnegoServer| {
        handshake(&mut client, &mut server).map(|_| server.peer().unwrap().user.unwrap())
    };
    let (kerberos, ntlm) = (|| Ok("user".to_owned()), || Ok("alice".to_owned()));
    assert_eq!(who(client(user(), NODE1, true), server(true)), kerberos());
    // The server has no Kerberos.
    assert_eq!(who(client(user(), NODE1, true), server(false)), ntlm());
    // There is no such service, no principal at all, nobody logged on.
    assert_eq!(who(client(user(), "host/nobody.mit.test", true), server(true)), ntlm());
    assert_eq!(who(client(user(), "host/127.0.0.1", true), server(true)), ntlm());
    assert_eq!(who(client(user(), "host/fe80::1%lo", true), server(true)), ntlm());
    assert_eq!(who(client(KerberosCredentials::default_cache(), NODE1, true), server(true)), ntlm());
    // Never without leave, and never over a wrong password.
    assert!(matches!(who(client(user(), NODE1, false), server(false)), Err(Failure::Server(_))));
    assert_eq!(
        reason(who(client(user(), "host/nobody.mit.test", false), server(true)).map(|_| Vec::new())).1,
        Reason::UnknownService
    );
    let address = who(client(user(), "host/127.0.0.1", false), server(true));
    assert_eq!(address, Err(Failure::Client(AuthError::NoServiceName("127.0.0.1".to_owned()))));
    let wrong = who(client(KerberosCredentials::password("user", "wrong"), NODE1, true), server(true));
    assert_eq!(reason(wrong.map(|_| Vec::new())).1, Reason::WrongPassword);
}

#[test]
fn who_takes_kerberos_out_of_the_list_is_found_out() {
    let Some(realm) = Realm::enter("who_takes_kerberos_out_of_the_list_is_found_out", "") else { return };
    let level = AuthLevel::Privacy;
    let mut client = SpnegoClient::new(vec![
        Box::new(KerberosClient::new(user(), NODE1, level)),
        Box::new(NtlmClient::new(auth_support::alice(), level)),
    ]);
    let mut server = SpnegoServer::new(vec![
        Box::new(KerberosServer::new(acceptor(realm.keytab("node1")), level)),
        Box::new(NtlmServer::new(Arc::new(auth_support::config()))),
    ]);
    let mut taken = 0;
    let outcome = handshake_with(&mut client, &mut server, |leg, token| {
        // Both identifiers of Kerberos become others, of the same length.
        for oid in [Oid::KERBEROS, Oid::MS_KERBEROS].iter().filter(|_| leg == 0) {
            let oid = oid.as_bytes();
            if let Some(at) = token.windows(oid.len()).position(|window| window == oid) {
                token[at + oid.len() - 1] = 77;
                taken += 1;
            }
        }
    });
    assert_eq!((taken, outcome), (2, Err(Failure::Server(AuthError::Tampered))));
}

#[test]
fn a_changed_handshake_establishes_nothing() {
    let Some(realm) = Realm::enter("a_changed_handshake_establishes_nothing", "") else { return };
    let acceptor = acceptor(realm.keytab("node1"));
    let credentials = user();
    let mut random = 12345_u32;
    for kind in KINDS {
        for leg in 0..3 {
            for _ in 0..60 {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = random as usize >> 4;
                let level = AuthLevel::Privacy;
                let (mut client, mut server) =
                    (client(kind, &credentials, NODE1, level), server(kind, &acceptor, level));
                let mut changed = false;
                let outcome = handshake_with(client.as_mut(), server.as_mut(), |number, token| {
                    if number == leg {
                        let at = at % token.len();
                        token[at] ^= 1 << (at % 8);
                        changed = true;
                    }
                });
                assert!(changed);
                // What is left to chance is not protected, such as a length with more than one form.
                if outcome.is_ok() {
                    assert_eq!(client.session_key(), server.session_key());
                    assert_eq!(server.peer().unwrap().user.as_deref(), Some("user"));
                }
            }
        }
    }
}
