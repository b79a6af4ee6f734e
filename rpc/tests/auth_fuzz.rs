//! Whatever comes in is judged without a panic, and what is not a token of an account is never let in.

mod auth_support;

use std::sync::Arc;

use auth_support::*;
use msrpc::auth::{
    CredentialsFile, SecurityContext,
    ntlm::{Authenticate, AvPairs, Challenge, Negotiate, NtlmServer},
    spnego::SpnegoServer,
};
use msrpc_ndr::AuthLevel;
use proptest::prelude::*;

/// Octets that begin as a message does, so that parsers get somewhere.
fn message(kind: u8) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..300).prop_map(move |tail| {
        let mut octets = b"NTLMSSP\0".to_vec();
        octets.extend([kind, 0, 0, 0]);
        octets.extend(tail);
        octets
    })
}

/// Small numbers where lengths and offsets are.
fn plausible(kind: u8) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(prop_oneof![Just(0_u8), 0..=100_u8, any::<u8>()], 52..300).prop_map(move |mut tail| {
        for field in tail.chunks_mut(8).take(6) {
            if let [_, length_high, _, _, _, a, b, c] = field {
                (*length_high, *a, *b, *c) = (0, 0, 0, 0);
            }
        }
        let mut octets = b"NTLMSSP\0".to_vec();
        octets.extend([kind, 0, 0, 0]);
        octets.extend(tail);
        if let Some(flags) = octets.get_mut(60) {
            *flags |= 1;
        }
        octets
    })
}

/// Tokens of an honest handshake.
fn honest(kind: Kind) -> Vec<Vec<u8>> {
    handshake(client(kind, alice(), AuthLevel::Privacy).as_mut(), server(kind, config()).as_mut()).unwrap()
}

fn servers() -> [Box<dyn SecurityContext>; 2] {
    let ntlm = || NtlmServer::new(Arc::new(config()));
    [Box::new(ntlm()), Box::new(SpnegoServer::new(vec![Box::new(ntlm())]))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn messages_never_panic(octets in prop_oneof![message(1), message(2), message(3), plausible(3), plausible(2)]) {
        let _ = Negotiate::parse(&octets);
        let _ = Challenge::parse(&octets).and_then(|message| message.build());
        if let Ok(message) = Authenticate::parse(&octets) {
            // What was understood means the same when it is written again.
            let again = Authenticate::parse(&message.build().unwrap()).unwrap();
            prop_assert_eq!(again, message);
        }
    }

    #[test]
    fn pair_lists_never_panic(octets in proptest::collection::vec(prop_oneof![Just(0_u8), 0..=10_u8, any::<u8>()], 0..100)) {
        if let Ok((pairs, rest)) = AvPairs::parse(&octets) {
            let _ = (pairs.flags(), pairs.timestamp());
            let built = pairs.build().unwrap();
            prop_assert_eq!([&built[..], rest].concat(), octets);
        }
    }

    #[test]
    fn servers_never_panic_on_a_first_token(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        for mut server in servers() {
            let _ = server.step(&octets);
            let _ = server.step(&octets);
            prop_assert!(server.peer().is_none());
        }
    }

    #[test]
    fn servers_let_nobody_in_by_a_changed_token(
        spnego in any::<bool>(),
        leg in 0..2_usize,
        cut in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        insert in proptest::option::of((any::<prop::sample::Index>(), proptest::collection::vec(any::<u8>(), 1..9))),
    ) {
        let kind = if spnego { Kind::Spnego } else { Kind::Raw };
        let (mut client, mut server) = (client(kind, alice(), AuthLevel::Privacy), server(kind, config()));
        let mut changed = false;
        let _ = handshake_with(client.as_mut(), server.as_mut(), |current, token| {
            if current != 2 * leg {
                return;
            }
            let before = token.clone();
            for (place, octet) in &changes {
                *place.get_mut(token) = *octet;
            }
            if let Some((place, octets)) = &insert {
                let place = place.index(token.len());
                token.splice(place..place, octets.iter().copied());
            } else {
                token.truncate(cut.index(token.len() + 1));
            }
            changed = *token != before;
        });
        if let Some(peer) = server.peer() {
            prop_assert!(!changed);
            prop_assert_eq!(peer.user.as_deref(), Some("alice"));
        }
    }

    #[test]
    fn clients_never_panic_on_an_answer(
        spnego in any::<bool>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        random in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..100)),
    ) {
        let kind = if spnego { Kind::Spnego } else { Kind::Raw };
        let mut client = client(kind, alice(), AuthLevel::Privacy);
        client.step(&[]).unwrap();
        let mut answer = random.unwrap_or_else(|| honest(kind).swap_remove(1));
        for (place, octet) in changes {
            if !answer.is_empty() {
                *place.get_mut(&mut answer) = octet;
            }
        }
        let _ = client.step(&answer);
        let _ = client.step(&answer);
    }

    #[test]
    fn credentials_files_never_panic(text in "[a-z:=,#\\\\S\\-0-9\n \r]{0,200}") {
        if let Err(errors) = CredentialsFile::parse(text.as_bytes()) {
            prop_assert!(errors.iter().all(|error| error.line >= 1 && error.line <= text.lines().count()));
        }
    }
}
