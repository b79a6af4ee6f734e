//! Our client against our server: every level, raw and in SPNEGO, and everything that must fail.

mod auth_support;

use auth_support::*;
use msrpc::auth::{
    AuthError, NtHash, PeerIdentity, SecurityContext,
    ntlm::{NtlmClient, NtlmCredentials},
};
use msrpc_ndr::AuthLevel;

#[test]
fn every_level_works_raw_and_negotiated() {
    for kind in KINDS {
        for level in PROTECTED {
            let (mut client, mut server) = established(kind, level);
            assert_eq!(client.session_key(), server.session_key());
            for length in [0, 1, 16, 112, 5840] {
                for round in 0..3 {
                    let plain = Pdu::new(round, length);
                    let sealed = plain.clone().protect(client.as_mut(), level);
                    assert_eq!(sealed.stub != plain.stub, level == AuthLevel::Privacy && length > 0);
                    assert_eq!(sealed.unprotect(server.as_mut(), level).unwrap(), plain);
                    let answer = plain.clone().protect(server.as_mut(), level);
                    assert_eq!(answer.unprotect(client.as_mut(), level).unwrap(), plain);
                }
            }
        }
    }
}

#[test]
fn at_connect_nothing_is_negotiated_to_protect_pdus() {
    for kind in KINDS {
        let (mut client, mut server) = established(kind, AuthLevel::Connect);
        assert_eq!(client.token_len(AuthLevel::Connect, 112), 0);
        assert_eq!(client.session_key(), server.session_key());
        assert_eq!(server.peer().unwrap().user.as_deref(), Some("alice"));
        for level in [AuthLevel::Connect, AuthLevel::Integrity, AuthLevel::Privacy] {
            for side in [&mut client, &mut server] {
                let mut pdu = Pdu::new(0, 16);
                let parts = msrpc::auth::PduParts { header: &pdu.header, stub: &mut pdu.stub, trailer: &pdu.trailer };
                assert!(side.protect(level, parts, &mut [0; 16]).is_err());
            }
        }
    }
}

#[test]
fn sealing_needs_to_be_negotiated() {
    let (mut client, mut server) = established(Kind::Raw, AuthLevel::Integrity);
    let mut pdu = Pdu::new(0, 16);
    let parts = msrpc::auth::PduParts { header: &pdu.header, stub: &mut pdu.stub, trailer: &pdu.trailer };
    assert!(client.protect(AuthLevel::Privacy, parts, &mut [0; 16]).is_err());
    pdu.token = vec![0; 16];
    assert!(pdu.unprotect(server.as_mut(), AuthLevel::Privacy).is_err());
}

#[test]
fn spnego_with_ntlm_takes_three_legs_and_both_codes() {
    let (mut client, mut server) = (client(Kind::Spnego, alice(), AuthLevel::Privacy), server(Kind::Spnego, config()));
    assert_eq!(handshake(client.as_mut(), server.as_mut()).unwrap().len(), 4);
}

#[test]
fn the_identity_is_the_servers_own() {
    let cases = [
        (NtlmCredentials::new("whatever", "ALICE", "secret"), "alice", "SERVER", 2),
        (NtlmCredentials::new("", "alice@example", "secret"), "alice", "SERVER", 2),
        (NtlmCredentials::new("dom", "BOB", "secret"), "bob", "DOM", 0),
        (NtlmCredentials::new("", "zoë", "pässword"), "Zoë", "SERVER", 0),
        (
            NtlmCredentials::with_hash("x", "alice", NtHash::from_hex("878d8014606cda29677a44efa1353fc7").unwrap()),
            "alice",
            "SERVER",
            2,
        ),
    ];
    for (credentials, user, domain, sids) in cases {
        let (mut client, mut server) =
            (client(Kind::Raw, credentials, AuthLevel::Connect), server(Kind::Raw, config()));
        handshake(client.as_mut(), server.as_mut()).unwrap();
        let peer = server.peer().unwrap();
        assert_eq!((peer.user.as_deref(), peer.domain.as_deref()), (Some(user), Some(domain)));
        assert_eq!(peer.sids.len(), sids);
        assert_eq!(client.peer(), None);
    }
}

#[test]
fn refusals_are_told_apart_for_the_log() {
    let cases = [
        ("DOM", "alice", "Secret", AuthError::WrongPassword("DOM\\alice".into())),
        ("", "alice", "", AuthError::WrongPassword("alice".into())),
        ("DOM", "mallory", "secret", AuthError::UnknownUser("DOM\\mallory".into())),
        ("OTHER", "bob", "secret", AuthError::UnknownUser("OTHER\\bob".into())),
        ("DOM", "eve", "secret", AuthError::Disabled("DOM\\eve".into())),
        ("DOM", "eve", "wrong", AuthError::WrongPassword("DOM\\eve".into())),
        ("DOM", "al\nice", "secret", AuthError::UnknownUser("DOM\\al\nice".into())),
        ("", "", "", AuthError::UnknownUser("".into())),
    ];
    for kind in KINDS {
        for level in [AuthLevel::Connect, AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy] {
            for (domain, user, password, error) in &cases {
                let credentials = NtlmCredentials::new(*domain, *user, password);
                let (mut client, mut server) = (client(kind, credentials, level), server(kind, config()));
                let failure = handshake(client.as_mut(), server.as_mut()).unwrap_err();
                assert_eq!(failure, Failure::Server(error.clone()));
                assert_eq!((server.peer(), server.session_key()), (None, None));
                assert!(!error.to_string().contains('\n'));
            }
        }
    }
}

#[test]
fn an_unknown_user_with_the_hash_of_nothing_is_refused() {
    // The server computes with a hash of zeros where it has no account.
    let credentials = NtlmCredentials::with_hash("DOM", "mallory", NtHash::new([0; 16]));
    let (mut client, mut server) = (client(Kind::Raw, credentials, AuthLevel::Privacy), server(Kind::Raw, config()));
    let failure = handshake(client.as_mut(), server.as_mut()).unwrap_err();
    assert_eq!(failure, Failure::Server(AuthError::UnknownUser("DOM\\mallory".into())));
}

#[test]
fn anonymous_needs_to_be_allowed() {
    for kind in KINDS {
        for level in [AuthLevel::Connect, AuthLevel::Integrity, AuthLevel::Privacy] {
            let nobody = || client(kind, NtlmCredentials::anonymous(), level);
            let failure = handshake(nobody().as_mut(), server(kind, config()).as_mut()).unwrap_err();
            assert_eq!(failure, Failure::Server(AuthError::AnonymousRefused));

            let mut open = config();
            open.allow_anonymous = true;
            let (mut client, mut server) = (nobody(), server(kind, open));
            handshake(client.as_mut(), server.as_mut()).unwrap();
            assert_eq!(server.peer(), Some(PeerIdentity::default()));
            if level != AuthLevel::Connect {
                let pdu = Pdu::new(3, 32);
                let sealed = pdu.clone().protect(client.as_mut(), level);
                assert_eq!(sealed.unprotect(server.as_mut(), level).unwrap(), pdu);
            }
        }
    }
}

#[test]
fn every_octet_of_every_token_matters() {
    for kind in KINDS {
        for level in [AuthLevel::Connect, AuthLevel::Privacy] {
            let mut open = Vec::new();
            for leg in 0..4 {
                'octets: for place in 0.. {
                    for bit in [0x01, 0x80] {
                        let (mut client, mut server) = (client(kind, alice(), level), server(kind, config()));
                        let mut hit = false;
                        let outcome = handshake_with(client.as_mut(), server.as_mut(), |current, token| {
                            if let Some(octet) = token.get_mut(place).filter(|_| current == leg) {
                                *octet ^= bit;
                                hit = true;
                            }
                        });
                        if !hit {
                            break 'octets;
                        }
                        if outcome.is_ok() {
                            open.push((leg, place, bit));
                            assert_eq!(server.peer().unwrap().user.as_deref(), Some("alice"));
                        }
                    }
                }
            }
            let expected: &[(usize, usize, u8)] = &[];
            assert_eq!(open, expected, "{kind:?} {level:?}");
        }
    }
}

#[test]
fn an_authenticate_message_works_once() {
    for level in [AuthLevel::Connect, AuthLevel::Privacy] {
        let mut client = client(Kind::Raw, alice(), level);
        let mut first = server(Kind::Raw, config());
        let negotiate = client.step(&[]).unwrap().token.unwrap();
        let challenge = first.step(&negotiate).unwrap().token.unwrap();
        let authenticate = client.step(&challenge).unwrap().token.unwrap();
        first.step(&authenticate).unwrap();
        assert!(first.step(&authenticate).is_err(), "twice on one context");

        let mut second = server(Kind::Raw, config());
        second.step(&negotiate).unwrap();
        assert_eq!(second.step(&authenticate).unwrap_err(), AuthError::WrongPassword("DOM\\alice".into()));
        assert!(server(Kind::Raw, config()).step(&authenticate).is_err(), "without a challenge");
    }
}

#[test]
fn every_octet_of_a_pdu_matters() {
    for kind in KINDS {
        for level in [AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy] {
            let total = 24 + 48 + 8 + 16;
            for place in 0..total {
                for bit in [0x01, 0x80] {
                    let (mut client, mut server) = established(kind, level);
                    let mut pdu = Pdu::new(1, 48).protect(client.as_mut(), level);
                    *pdu.octet(place).unwrap() ^= bit;
                    assert_eq!(pdu.unprotect(server.as_mut(), level).unwrap_err(), AuthError::BadSignature);
                    // And the context is of no use any more, for good PDUs either.
                    let next = Pdu::new(2, 48).protect(client.as_mut(), level);
                    assert_eq!(next.unprotect(server.as_mut(), level).unwrap_err(), AuthError::NotEstablished);
                }
            }
        }
    }
}

#[test]
fn the_token_has_its_length() {
    for level in [AuthLevel::Integrity, AuthLevel::Privacy] {
        for length in [0, 1, 15, 17, 32] {
            let (mut client, mut server) = established(Kind::Raw, level);
            let mut pdu = Pdu::new(1, 48).protect(client.as_mut(), level);
            pdu.token.resize(length, 0);
            assert_eq!(pdu.unprotect(server.as_mut(), level).unwrap_err(), AuthError::BadSignature);
        }
    }
}

#[test]
fn pdus_come_once_in_order_and_in_their_direction() {
    for kind in KINDS {
        for level in [AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy] {
            let (mut client, mut server) = established(kind, level);
            let first = Pdu::new(1, 32).protect(client.as_mut(), level);
            first.clone().unprotect(server.as_mut(), level).unwrap();
            assert_eq!(first.unprotect(server.as_mut(), level).unwrap_err(), AuthError::BadSignature, "a replay");

            let (mut client, mut server) = established(kind, level);
            let _lost = Pdu::new(1, 32).protect(client.as_mut(), level);
            let second = Pdu::new(2, 32).protect(client.as_mut(), level);
            assert_eq!(second.unprotect(server.as_mut(), level).unwrap_err(), AuthError::BadSignature, "a gap");

            let (mut client, _) = established(kind, level);
            let own = Pdu::new(1, 32).protect(client.as_mut(), level);
            assert_eq!(own.unprotect(client.as_mut(), level).unwrap_err(), AuthError::BadSignature, "a reflection");

            let (mut client, _) = established(kind, level);
            let (_, mut other) = established(kind, level);
            let foreign = Pdu::new(1, 32).protect(client.as_mut(), level);
            assert_eq!(foreign.unprotect(other.as_mut(), level).unwrap_err(), AuthError::BadSignature, "another's");
        }
    }
}

#[test]
fn a_signed_pdu_is_no_sealed_one() {
    let (mut client, mut server) = established(Kind::Raw, AuthLevel::Privacy);
    let signed = Pdu::new(1, 32).protect(client.as_mut(), AuthLevel::Integrity);
    assert!(signed.unprotect(server.as_mut(), AuthLevel::Privacy).is_err());
}

#[test]
fn out_of_turn_is_refused() {
    for kind in KINDS {
        let mut idle = client(kind, alice(), AuthLevel::Privacy);
        assert_eq!(idle.session_key(), None);
        let mut pdu = Pdu::new(0, 16);
        pdu.token = vec![0; 16];
        assert_eq!(pdu.unprotect(idle.as_mut(), AuthLevel::Privacy).unwrap_err(), AuthError::NotEstablished);
        assert!(idle.step(b"NTLMSSP\0").is_err());
        assert!(idle.step(&[]).is_err(), "after a failure");
        let (mut client, mut server) = established(kind, AuthLevel::Privacy);
        assert!(client.step(&[]).is_err());
        assert!(server.step(&[]).is_err());
    }
}

#[test]
fn targets_clocks_and_missing_codes_are_up_to_the_server() {
    let run = |change: fn(&mut msrpc::auth::ntlm::NtlmServerConfig), target: &str| {
        let mut config = config();
        change(&mut config);
        let mut client = NtlmClient::new(alice(), AuthLevel::Privacy).with_target_name(target);
        handshake(&mut client, server(Kind::Raw, config).as_mut()).map(drop)
    };
    assert_eq!(run(|c| c.target_names = vec!["HOST/Server".into()], "host/server"), Ok(()));
    assert_eq!(run(|c| c.target_names = vec!["host/server".into()], ""), Ok(()));
    let wrong = run(|c| c.target_names = vec!["host/server".into()], "cifs/other");
    assert_eq!(wrong, Err(Failure::Server(AuthError::WrongTarget("cifs/other".into()))));
    assert_eq!(run(|c| c.require_mic = true, ""), Ok(()));
    assert_eq!(run(|c| c.max_clock_skew = None, ""), Ok(()));
}

#[test]
fn a_server_takes_bare_ntlm_where_it_expects_spnego() {
    let mut client = NtlmClient::new(alice(), AuthLevel::Privacy);
    let mut server = server(Kind::Spnego, config());
    handshake(&mut client, server.as_mut()).unwrap();
    let pdu = Pdu::new(9, 64);
    let sealed = pdu.clone().protect(&mut client, AuthLevel::Privacy);
    assert_eq!(sealed.unprotect(server.as_mut(), AuthLevel::Privacy).unwrap(), pdu);
}

#[test]
fn secrets_are_not_shown() {
    for kind in KINDS {
        let (client, server) = established(kind, AuthLevel::Privacy);
        let key = client.session_key().unwrap();
        let hex = |octets: &[u8]| octets.iter().map(|o| format!("{o}, ")).collect::<String>();
        // SecurityContext has no Debug; the concrete types do.
        drop((client, server));
        let mut raw = NtlmClient::new(alice(), AuthLevel::Privacy);
        handshake(&mut raw, auth_support::server(Kind::Raw, config()).as_mut()).unwrap();
        let shown = format!("{raw:?} {key:?} {:?}", alice());
        assert!(shown.contains("alice") && !shown.contains("secret"), "{shown}");
        for secret in [&hex(raw.session_key().unwrap().as_bytes())[..], "135, 141, 128", "878d80"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
