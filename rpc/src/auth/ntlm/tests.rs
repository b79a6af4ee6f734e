//! Published values ([MS-NLMP] 4.2.4), values by impacket, and handshakes that no honest client makes.

use std::{collections::HashMap, sync::Arc};

use msrpc_ndr::AuthLevel;
use zeroize::Zeroizing;

use super::{
    av_pairs::{AvId, AvPairs},
    client::{Fresh, NtlmClient, NtlmCredentials},
    context::Context,
    flags::NegotiateFlags,
    keys::{self, Key, Sender},
    message::{Authenticate, Challenge, Negotiate, client_challenge},
    server::{Accepted, Handshake, NtlmServer, NtlmServerConfig, accept},
};
use crate::auth::{AuthError, CredentialsFile, NtHash, PduParts, SecurityContext};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|c| !c.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn key(text: &str) -> Key {
    Zeroizing::new(hex(text).try_into().unwrap())
}

fn config(accounts: &str) -> NtlmServerConfig {
    let mut config = NtlmServerConfig::new("SERVER", Arc::new(CredentialsFile::parse(accounts.as_bytes()).unwrap()));
    config.max_clock_skew = None;
    config
}

const SERVER_CHALLENGE: [u8; 8] = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];

/// The challenge of 4.2.4.3.
const CHALLENGE: &str = "
    4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef00000000000000002400240044000000
    060070170000000f53006500720076006500720002000c0044006f006d00610069006e0001000c005300650072007600
    6500720000000000";

/// The authenticate message of 4.2.4.3.
const AUTHENTICATE: &str = "
    4e544c4d5353500003000000180018006c00000054005400840000000c000c0048000000080008005400000010001000
    5c00000010001000d8000000358288e20501280a0000000f44006f006d00610069006e00550073006500720043004f00
    4d005000550054004500520086c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa68cd0ab851e51c96aabc927b
    ebef6a1c01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d00610069006e00
    01000c005300650072007600650072000000000000000000c5dad2544fc9799094ce1ce90bc9d03e";

fn published_pairs() -> AvPairs {
    let mut pairs = AvPairs::default();
    pairs.set_text(AvId::NB_DOMAIN_NAME, "Domain");
    pairs.set_text(AvId::NB_COMPUTER_NAME, "Server");
    pairs
}

#[test]
fn published_one_way_functions_and_keys() {
    let hash = NtHash::of_password("Password");
    let response_key = keys::ntowf_v2(&hash, "User", "Domain");
    assert_eq!(response_key, key("0c868a403bfd7a93a3001ef22ef02e3f"));

    let temp = client_challenge(0, [0xaa; 8], &published_pairs()).unwrap();
    let proof = keys::proof(&response_key, SERVER_CHALLENGE, &temp);
    assert_eq!(proof, key("68cd0ab851e51c96aabc927bebef6a1c"));

    let base_key = keys::session_base_key(&response_key, &proof);
    assert_eq!(base_key, key("8de40ccadbc14a82f15cb0ad0de95ca3"));
    assert_eq!(keys::rc4k(&base_key, [0x55; 16]), key("c5dad2544fc9799094ce1ce90bc9d03e"));

    // The LMv2 response is HMAC-MD5 under the same key.
    let lm = keys::hmac_md5(&response_key, &[&SERVER_CHALLENGE, &[0xaa; 8]]);
    assert_eq!(lm, key("86c35097ac9cec102554764a57cccc19"));

    let session_key = Zeroizing::new([0x55; 16]);
    assert_eq!(keys::seal_key(&session_key, Sender::Client), key("59f600973cc4960a25480a7c196e4c58"));
    assert_eq!(keys::sign_key(&session_key, Sender::Client), key("4788dc861b4782f35d43fd98fe1a2d39"));
}

#[test]
fn published_sealing() {
    let flags = Challenge::parse(&hex(CHALLENGE)).unwrap().flags;
    let session_key = || Zeroizing::new([0x55; 16]);
    let mut client = Context::new(session_key(), flags, Sender::Client);
    let mut text: Vec<u8> = "Plaintext".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut token = [0; 16];
    let parts = PduParts { header: &[], stub: &mut text, trailer: &[] };
    client.protect(AuthLevel::Privacy, parts, &mut token).unwrap();
    assert_eq!(text, hex("54e50165bf1936dc996020c1811b0f06fb5f"));
    assert_eq!(token.to_vec(), hex("010000007fb38ec5c55d497600000000"));

    let mut server = Context::new(session_key(), flags, Sender::Server);
    let parts = PduParts { header: &[], stub: &mut text, trailer: &[] };
    server.unprotect(AuthLevel::Privacy, parts, &token).unwrap();
    assert_eq!(
        String::from_utf16(&text.as_chunks().0.iter().map(|u| u16::from_le_bytes(*u)).collect::<Vec<_>>()).unwrap(),
        "Plaintext"
    );

    // Without key exchange the code is not encrypted: 4.2.4.4 prints it too.
    let mut plain = Context::new(session_key(), flags - NegotiateFlags::KEY_EXCHANGE, Sender::Client);
    let mut text: Vec<u8> = "Plaintext".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let parts = PduParts { header: &[], stub: &mut text, trailer: &[] };
    plain.protect(AuthLevel::Integrity, parts, &mut token).unwrap();
    assert_eq!(token.to_vec(), hex("010000007035285 1f256430900000000"));
}

#[test]
fn published_messages_parse_and_build() {
    let challenge = Challenge::parse(&hex(CHALLENGE)).unwrap();
    // The document's challenge has a name there and not the flag that makes it count.
    assert_eq!(challenge.target_name, "");
    assert_eq!(challenge.server_challenge, SERVER_CHALLENGE);
    assert_eq!(challenge.target_info, published_pairs());

    let octets = hex(AUTHENTICATE);
    let message = Authenticate::parse(&octets).unwrap();
    assert_eq!((&*message.domain, &*message.user, &*message.workstation), ("Domain", "User", "COMPUTER"));
    assert_eq!(message.mic, None);
    // The document's message has the same fields in another order, and another version.
    assert_eq!(Authenticate::parse(&message.build().unwrap()).unwrap(), message);
}

#[test]
fn the_published_client_is_let_in() {
    let handshake = Handshake {
        negotiate: Vec::new(),
        challenge: hex(CHALLENGE),
        nonce: SERVER_CHALLENGE,
        flags: Challenge::parse(&hex(CHALLENGE)).unwrap().flags,
    };
    let octets = hex(AUTHENTICATE);
    let Accepted { context, peer, handshake_proven } =
        accept(&config("User::password:Password"), &handshake, &octets, 0).unwrap();
    assert_eq!(context.session_key().as_bytes(), [0x55; 16]);
    assert_eq!(peer.user.as_deref(), Some("User"));
    assert!(!handshake_proven);

    let mut strict = config("User::password:Password");
    strict.require_mic = true;
    assert!(matches!(accept(&strict, &handshake, &octets, 0), Err(AuthError::Negotiation(_))));
    strict.require_mic = false;
    strict.max_clock_skew = Some(std::time::Duration::from_secs(10));
    assert_eq!(accept(&strict, &handshake, &octets, 110_000_000).unwrap_err(), AuthError::ClockSkew(11));
    let wrong = accept(&config("User::password:password"), &handshake, &octets, 0).unwrap_err();
    assert_eq!(wrong, AuthError::WrongPassword("Domain\\User".into()));
}

/// Without an integrity code some octets may change (names of the machine, version), never the
/// identity.
#[test]
fn without_a_code_a_changed_message_is_never_somebody_else() {
    let handshake = Handshake {
        negotiate: Vec::new(),
        challenge: hex(CHALLENGE),
        nonce: SERVER_CHALLENGE,
        flags: Challenge::parse(&hex(CHALLENGE)).unwrap().flags,
    };
    let octets = hex(AUTHENTICATE);
    let config = config("User::password:Password\nother::password:Password\nUses::password:Password");
    for place in 0..octets.len() {
        for bit in 0..8 {
            let mut octets = octets.clone();
            octets[place] ^= 1 << bit;
            if let Ok(accepted) = accept(&config, &handshake, &octets, 0) {
                assert_eq!(accepted.peer.user.as_deref(), Some("User"), "octet {place}");
            }
        }
    }
}

#[test]
fn our_client_makes_the_published_proof() {
    let client = NtlmClient::new(NtlmCredentials::new("Domain", "User", "Password"), AuthLevel::Privacy);
    let fresh = Fresh { client_challenge: [0xaa; 8], session_key: Zeroizing::new([0x55; 16]), now: 0 };
    let negotiate = Negotiate { flags: NegotiateFlags::all() }.build().unwrap();
    let (octets, context) = client.authenticate(&negotiate, &hex(CHALLENGE), fresh).unwrap();
    assert_eq!(context.session_key().as_bytes(), [0x55; 16]);
    let message = Authenticate::parse(&octets).unwrap();
    assert_eq!(message.lm_response, [0; 24]);
    assert!(message.mic.is_some_and(|mic| mic != [0; 16]));
    // The pairs differ from the document's by what the client adds.
    let expected = client_challenge(0, [0xaa; 8], &{
        let mut pairs = published_pairs();
        pairs.set(AvId::FLAGS, vec![2, 0, 0, 0]);
        pairs.set(AvId::CHANNEL_BINDINGS, vec![0; 16]);
        pairs.set_text(AvId::TARGET_NAME, "");
        pairs
    });
    assert_eq!(message.nt_response[16..], expected.unwrap());
}

/// The cases of `impacket.txt`; its first lines say how it was made.
fn impacket_cases() -> Vec<HashMap<&'static str, Vec<u8>>> {
    let text = include_str!("../../../tests/auth_fixtures/impacket.txt");
    let field = |field: &'static str| field.split_once('=').map(|(name, value)| (name, hex(value))).unwrap();
    text.lines().map(|line| line.split(' ').map(field).collect()).collect()
}

#[test]
fn impacket_is_let_in_and_makes_the_same_signatures() {
    let cases = impacket_cases();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let challenge = Challenge::parse(&case["challenge"]).unwrap();
        let handshake = Handshake {
            negotiate: case["negotiate"].clone(),
            challenge: case["challenge"].clone(),
            nonce: challenge.server_challenge,
            flags: challenge.flags,
        };
        Negotiate::parse(&handshake.negotiate).unwrap();
        let config = config("alice::password:secret");
        let accepted = accept(&config, &handshake, &case["authenticate"], 0).unwrap();
        assert_eq!(accepted.peer.user.as_deref(), Some("alice"));
        assert_eq!(accepted.context.session_key().as_bytes(), case["key"]);
        let level = match case["level"].as_slice() {
            b"integrity" => AuthLevel::Integrity,
            b"privacy" => AuthLevel::Privacy,
            _ => continue,
        };
        let key = Zeroizing::new(case["key"].as_slice().try_into().unwrap());
        let mut client = Context::new(key, challenge.flags, Sender::Client);
        let mut server = accepted.context;
        for (name, from) in [
            ("client0", Sender::Client),
            ("server0", Sender::Server),
            ("client1", Sender::Client),
            ("server1", Sender::Server),
        ] {
            let (header, mut stub, trailer): (Vec<u8>, Vec<u8>, Vec<u8>) =
                ((0..24).collect(), (0..48).collect(), (0..8).collect());
            let (sender, receiver) = match from {
                Sender::Client => (&mut client, &mut server),
                Sender::Server => (&mut server, &mut client),
            };
            let mut token = [0; 16];
            let parts = PduParts { header: &header, stub: &mut stub, trailer: &trailer };
            sender.protect(level, parts, &mut token).unwrap();
            assert_eq!(stub, case[&*format!("{name}_stub")], "{name}");
            assert_eq!(token.to_vec(), case[&*format!("{name}_signature")], "{name}");
            let parts = PduParts { header: &header, stub: &mut stub, trailer: &trailer };
            receiver.unprotect(level, parts, &token).unwrap();
        }
    }
}

/// A handshake up to the authenticate message, and the fields to change in it.
fn forged(level: AuthLevel, change: impl FnOnce(&mut Authenticate)) -> Result<(), AuthError> {
    let mut client = NtlmClient::new(NtlmCredentials::new("DOM", "alice", "secret"), level);
    let mut server = NtlmServer::new(Arc::new(config("alice::password:secret")));
    let challenge = server.step(&client.step(&[])?.token.unwrap())?.token.unwrap();
    let mut message = Authenticate::parse(&client.step(&challenge)?.token.unwrap())?;
    change(&mut message);
    server.step(&message.build()?).map(drop)
}

#[test]
fn what_no_honest_client_sends_is_refused() {
    let negotiation = |outcome| assert!(matches!(outcome, Err(AuthError::Negotiation(_))), "{outcome:?}");
    forged(AuthLevel::Privacy, |_| {}).unwrap();
    // NTLMv1, LAN Manager, and nothing.
    negotiation(forged(AuthLevel::Connect, |m| m.nt_response = vec![7; 24]));
    negotiation(forged(AuthLevel::Connect, |m| {
        m.nt_response.clear();
        m.lm_response = vec![7; 24];
    }));
    negotiation(forged(AuthLevel::Connect, |m| m.nt_response.clear()));
    // Flags that decide about the protection are taken away.
    for flag in [
        NegotiateFlags::SIGN,
        NegotiateFlags::SEAL,
        NegotiateFlags::EXTENDED_SESSION_SECURITY,
        NegotiateFlags::KEY_128,
        NegotiateFlags::KEY_EXCHANGE,
        NegotiateFlags::UNICODE,
    ] {
        negotiation(forged(AuthLevel::Privacy, |m| m.flags -= flag));
    }
    // The code is wrong, or the message is another.
    assert_eq!(forged(AuthLevel::Connect, |m| m.mic = Some([0; 16])), Err(AuthError::Tampered));
    assert_eq!(forged(AuthLevel::Connect, |m| m.workstation = "X".into()), Err(AuthError::Tampered));
    // The session key is missing or has another length.
    for length in [0, 8, 15, 17] {
        let outcome = forged(AuthLevel::Integrity, |m| m.encrypted_session_key = vec![1; length]);
        assert!(matches!(outcome, Err(AuthError::Malformed(_))), "{outcome:?}");
    }
    // Whoever drops the code must change what the password proves.
    let outcome = forged(AuthLevel::Privacy, |m| {
        let place = m.nt_response.windows(8).position(|w| w == [6, 0, 4, 0, 2, 0, 0, 0]).unwrap();
        m.nt_response[place + 4] = 0;
        m.mic = None;
    });
    assert_eq!(outcome, Err(AuthError::WrongPassword("DOM\\alice".into())));
    // Another account with the same password is not proven either.
    assert_eq!(forged(AuthLevel::Connect, |m| m.user = "bob".into()), Err(AuthError::UnknownUser("DOM\\bob".into())));
}

#[test]
fn fields_may_not_lie_over_the_code() {
    let client = NtlmClient::new(NtlmCredentials::new("DOM", "alice", "secret"), AuthLevel::Connect);
    let fresh = Fresh { client_challenge: [0xaa; 8], session_key: Zeroizing::new([0x55; 16]), now: 0 };
    let (mut octets, _) = client.authenticate(&[], &hex(CHALLENGE), fresh).unwrap();
    // The workstation, two octets at 72.
    octets[44..52].copy_from_slice(&[2, 0, 2, 0, 72, 0, 0, 0]);
    assert!(matches!(Authenticate::parse(&octets), Err(AuthError::Malformed(_))));
}

#[test]
fn a_client_that_computes_without_domain_is_let_in() {
    let mut client = NtlmClient::new(NtlmCredentials::new("", "alice", "secret"), AuthLevel::Connect);
    let mut server = NtlmServer::new(Arc::new(config("alice::password:secret")));
    let challenge = server.step(&client.step(&[]).unwrap().token.unwrap()).unwrap().token.unwrap();
    let mut message = Authenticate::parse(&client.step(&challenge).unwrap().token.unwrap()).unwrap();
    message.domain = "DOM".into();
    // Only the code notices the domain, so the proof was good.
    assert_eq!(server.step(&message.build().unwrap()).unwrap_err(), AuthError::Tampered);
}

#[test]
fn weak_offers_are_refused_by_both_sides() {
    let strong = NegotiateFlags::UNICODE
        | NegotiateFlags::EXTENDED_SESSION_SECURITY
        | NegotiateFlags::SIGN
        | NegotiateFlags::KEY_128
        | NegotiateFlags::NTLM;
    let offer = |flags: NegotiateFlags| {
        let mut server = NtlmServer::new(Arc::new(config("")));
        server.step(&Negotiate { flags }.build().unwrap())
    };
    assert!(offer(strong).is_ok());
    for flag in [NegotiateFlags::UNICODE, NegotiateFlags::EXTENDED_SESSION_SECURITY, NegotiateFlags::KEY_128] {
        assert!(matches!(offer(strong - flag), Err(AuthError::Negotiation(_))), "{flag:?}");
    }
    assert!(offer(strong - NegotiateFlags::KEY_128 - NegotiateFlags::SIGN).is_ok());

    for flag in [
        NegotiateFlags::SIGN,
        NegotiateFlags::SEAL,
        NegotiateFlags::KEY_128,
        NegotiateFlags::EXTENDED_SESSION_SECURITY,
        NegotiateFlags::TARGET_INFO,
        NegotiateFlags::UNICODE,
    ] {
        let mut challenge = Challenge::parse(&hex(CHALLENGE)).unwrap();
        challenge.flags -= flag;
        let mut client = NtlmClient::new(NtlmCredentials::new("", "a", "b"), AuthLevel::Privacy);
        client.step(&[]).unwrap();
        assert!(client.step(&challenge.build().unwrap()).is_err(), "{flag:?}");
    }
    for id in [AvId::NB_COMPUTER_NAME, AvId::NB_DOMAIN_NAME] {
        let mut challenge = Challenge::parse(&hex(CHALLENGE)).unwrap();
        let mut pairs = AvPairs::default();
        challenge.target_info.iter().filter(|(other, _)| *other != id).for_each(|(id, v)| pairs.set(id, v.to_owned()));
        challenge.target_info = pairs;
        let mut client = NtlmClient::new(NtlmCredentials::new("", "a", "b"), AuthLevel::Integrity);
        client.step(&[]).unwrap();
        assert!(client.step(&challenge.build().unwrap()).is_err(), "{id:?}");
    }
}

#[test]
fn pair_lists_are_exact() {
    let octets = hex("0700 0800 0100000000000000 6300 0200 abcd 0000 0000 0000");
    let (pairs, rest) = AvPairs::parse(&octets).unwrap();
    assert_eq!(
        (pairs.timestamp().unwrap(), pairs.get(AvId(0x63)), rest),
        (Some(1), Some(&[0xab, 0xcd][..]), &[0, 0][..])
    );
    for bad in ["", "000000", "01000200", "0100020000", "00000100ff", "010000000100000000000000", "0600020000000000"] {
        let octets = hex(bad);
        let outcome = AvPairs::parse(&octets).and_then(|(pairs, _)| pairs.flags().and(pairs.timestamp()));
        assert!(outcome.is_err(), "{bad}");
    }
}
