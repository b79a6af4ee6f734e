//! Somebody in the middle changes the handshake: each octet of each token of NTLM and of SPNEGO, at
//! every level, connect included, and the flags of the PDUs that carry them. Nothing is run for a token
//! that was changed. About 15 seconds.

mod auth_support;

use std::sync::{Arc, Mutex};

use auth_support::*;
use bytes::BytesMut;
use msrpc::{
    association::{
        AcceptorFn, ClientAssociation, ClientConfig, ClientEvent, ClientSecurity, Event, Proposal, ServerAssociation,
        ServerConfig, TransportInfo,
    },
    pdu::{Header, PduType, PfcFlags, split_verifier},
};
use msrpc_ndr::{AuthLevel, Body, BoxFuture, Call, Fault, Interface, Service, Uuid};

const LEVELS: [AuthLevel; 4] = [AuthLevel::Connect, AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy];

static WHO: Interface = Interface::new("who", Uuid::from_u128(0x6bffd098_a112_3610_9833_46c3f87e3aaa), (1, 0));

/// Who called, and at which level.
type Callers = Vec<(Option<String>, AuthLevel)>;

/// Remembers who called.
#[derive(Clone, Default)]
struct Who(Arc<Mutex<Callers>>);

impl Service for Who {
    fn interface(&self) -> &'static Interface {
        &WHO
    }

    fn call(&self, call: Call, _request: Body) -> BoxFuture<'static, Result<Body, Fault>> {
        let caller = call.caller();
        self.0.lock().unwrap().push((caller.user.clone(), caller.auth_level));
        Box::pin(std::future::ready(Ok(Body::empty())))
    }
}

/// What a conversation came to.
#[derive(Debug)]
struct Came {
    /// Who was let in.
    ran: Callers,
    /// The handshake's PDUs as they were sent.
    pdus: Vec<Vec<u8>>,
}

/// A login and a call; `change` may change the PDUs of the handshake, which are counted.
fn converse(kind: Kind, level: AuthLevel, signs: bool, change: &mut dyn FnMut(usize, &mut Vec<u8>)) -> Came {
    let who = Who::default();
    let mut config = ServerConfig::new(vec![Arc::new(who.clone())]);
    for (number, kind) in [(10, Kind::Raw), (9, Kind::Spnego)] {
        config.acceptors.push(Arc::new(AcceptorFn::new(number, move |_| server(kind, auth_support::config()))));
    }
    let mut server = ServerAssociation::new(Arc::new(config), TransportInfo::default());
    let mut peer = ClientAssociation::new(ClientConfig { header_signing: signs, ..ClientConfig::default() });
    let security = ClientSecurity { context: client(kind, alice(), level), level };
    peer.bind(0, &[Proposal::new(&WHO)], Some(security)).unwrap();
    let mut pdus = Vec::new();
    let mut relay = |octets: BytesMut, to: &mut BytesMut| {
        let mut rest = &octets[..];
        while let Ok(header) = Header::parse(rest) {
            let (pdu, following) = rest.split_at(usize::from(header.frag_length));
            let mut pdu = pdu.to_vec();
            if !matches!(header.ptype, PduType::Request | PduType::Response | PduType::Fault) {
                change(pdus.len(), &mut pdu);
                pdus.push(pdu.clone());
            }
            to.extend_from_slice(&pdu);
            rest = following;
        }
    };
    loop {
        let mut sent = BytesMut::new();
        peer.transmit(&mut sent, 1 << 20);
        let asked = !sent.is_empty();
        relay(sent, server.input());
        server.process();
        while let Some(event) = server.poll_event() {
            match event {
                Event::Call(incoming) => {
                    let _outcome = incoming.service.call(incoming.call, incoming.request);
                    server.respond(incoming.key, []);
                }
                Event::Authenticate(job) => server.authenticated(job.run()),
            }
        }
        let mut answered = BytesMut::new();
        server.transmit(&mut answered, 1 << 20);
        let some = !answered.is_empty();
        relay(answered, peer.input());
        peer.process();
        while let Some(event) = peer.poll_event() {
            if let ClientEvent::Negotiated(outcomes) = event {
                for context in outcomes.into_iter().flatten() {
                    let call = peer.request(context.id, 0, None).unwrap();
                    peer.finish(call);
                }
            }
        }
        if !asked && !some {
            break;
        }
    }
    let ran = who.0.lock().unwrap().clone();
    Came { ran, pdus }
}

/// Where the token of a PDU is.
fn token(pdu: &[u8]) -> std::ops::Range<usize> {
    let header = Header::parse(pdu).unwrap();
    let len = split_verifier(&header, pdu).unwrap().1.map_or(0, |verifier| verifier.token.len());
    pdu.len() - len..pdu.len()
}

fn every() -> impl Iterator<Item = (Kind, AuthLevel)> {
    KINDS.into_iter().flat_map(|kind| LEVELS.map(|level| (kind, level)))
}

#[test]
fn each_octet_of_each_token_is_covered() {
    for (kind, level) in every() {
        let untouched = converse(kind, level, true, &mut |_, _| {});
        assert_eq!(untouched.ran, [(Some("alice".to_owned()), level)], "{kind:?} {level:?}");
        for (number, pdu) in untouched.pdus.iter().enumerate() {
            for at in token(pdu) {
                let came = converse(kind, level, true, &mut |count, pdu| {
                    if count == number {
                        pdu[at] ^= 1 << (at % 8);
                    }
                });
                assert_eq!(came.ran, [], "{kind:?} {level:?}: octet {at} of PDU {number}");
            }
        }
    }
}

/// The flags of the handshake's PDUs are not protected themselves. What they may do: nothing, or spoil
/// the connection, or take away what only makes it faster.
#[test]
fn flags_of_the_handshake_open_nothing() {
    for (kind, level) in every() {
        for signs in [true, false] {
            let untouched = converse(kind, level, signs, &mut |_, _| {});
            assert_eq!(untouched.ran.len(), 1);
            for number in 0..untouched.pdus.len() {
                for bit in 0..8 {
                    let came = converse(kind, level, signs, &mut |count, pdu| {
                        if count == number {
                            pdu[3] ^= 1 << bit;
                        }
                    });
                    let flag = PfcFlags::from_bits_retain(1 << bit);
                    let what = format!("{kind:?} {level:?} {signs} {number} {flag:?}");
                    assert!(came.ran.is_empty() || came.ran == untouched.ran, "{what}: {:?}", came.ran);
                    if flag.intersects(PfcFlags::WHOLE) {
                        assert_eq!(came.ran, [], "{what}");
                    }
                    // The first request's trailer, which is signed, says that the flag was there.
                    let signing = signs && level >= AuthLevel::Integrity && flag == PfcFlags::SUPPORT_HEADER_SIGN;
                    if signing && number == 0 {
                        assert_eq!(came.ran, [], "{what}");
                    }
                }
            }
        }
    }
}
