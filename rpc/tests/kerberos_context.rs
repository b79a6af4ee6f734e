//! Kerberos contexts against a real KDC, without RPC around them: credentials of every kind, tokens that
//! are those of the library, and SPNEGO around it. About 4 seconds, mostly waiting for tickets to expire.

mod auth_support;
mod kerberos_support;

use std::{sync::Arc, time::Duration};

use auth_support::{Failure, KINDS, Kind, PROTECTED, Pdu, handshake};
use kerberos_support::{PASSWORD, REALM, Realm, ends::*};
use msrpc::auth::{
    AuthError, Mechanism, PduParts, SecurityContext,
    kerberos::{KerberosClient, KerberosCredentials, KerberosServer, Reason},
    ntlm::{NtlmClient, NtlmServer},
    spnego::{SpnegoClient, SpnegoServer},
};
use msrpc_gssapi::{Context, Credential, Parts, Store};
use msrpc_ndr::AuthLevel;

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
