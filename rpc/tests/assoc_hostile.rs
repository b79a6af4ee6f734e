//! What a peer must not do: PDUs out of order, octets changed, conversations cut off.
#![allow(missing_docs)]

mod assoc;

use std::sync::{Arc, atomic::Ordering};

use assoc::{
    pair::{Pair, Server, config},
    provider::TestContext,
    service::{BIG, ECHO, OPEN, OPEN_INTERFACE, SIGNED_INTERFACE, Tester, WAIT, pattern},
};
use bytes::BytesMut;
use msrpc::{
    association::{ClientAssociation, ClientConfig, ClientEvent, ClientSecurity, Proposal, ServerConfig},
    pdu::{
        Bind, BindAck, BindNak, ContextElement, FaultHead, Head, Header, NakReason, PduType, PfcFlags, SyntaxId, split,
        split_verifier, write_pdu,
    },
};
use msrpc_ndr::{AuthLevel, ByteOrder, Syntax};
use proptest::prelude::*;

fn setup(legs: u32) -> (Arc<Tester>, Arc<Tester>, Arc<ServerConfig>) {
    let (open, signed) = (Tester::new(&OPEN_INTERFACE), Tester::new(&SIGNED_INTERFACE));
    let config = config(&open, &signed, legs);
    (open, signed, config)
}

fn pdu(ptype: PduType, flags: PfcFlags, call_id: u32, body: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    let head = Head { ptype, flags, order: ByteOrder::Little, call_id };
    write_pdu(&mut out, head, None, |w| {
        w.bytes(body);
        Ok(())
    })
    .unwrap();
    out.to_vec()
}

fn bind_body(ptype: PduType, context: u16) -> Vec<u8> {
    let bind = Bind {
        max_xmit_frag: 4280,
        max_recv_frag: 4280,
        assoc_group: 0,
        contexts: vec![ContextElement {
            id: context,
            interface: SyntaxId::from(&OPEN_INTERFACE),
            syntaxes: vec![Syntax::Ndr.into()],
        }],
    };
    let mut out = BytesMut::new();
    let flags = PfcFlags::WHOLE | PfcFlags::CONC_MPX;
    let head = Head { ptype, flags, order: ByteOrder::Little, call_id: 1 };
    write_pdu(&mut out, head, None, |w| bind.write(w)).unwrap();
    out.to_vec()
}

fn request(flags: PfcFlags, call_id: u32, context: u16, opnum: u16, stub: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 0];
    body.extend(context.to_le_bytes());
    body.extend(opnum.to_le_bytes());
    body.extend(stub);
    pdu(PduType::Request, flags, call_id, &body)
}

#[derive(Debug, PartialEq)]
enum Answer {
    Nothing,
    Response,
    Fault(u32),
    Nak(NakReason),
    Ack,
}

/// What the server answers last, and whether it then closes.
fn converse(server: &mut Server, pdus: &[Vec<u8>]) -> (Answer, bool) {
    let mut answer = Answer::Nothing;
    for pdu in pdus {
        server.feed(pdu);
        let out = server.output();
        let mut rest = out.as_slice();
        answer = Answer::Nothing;
        while !rest.is_empty() {
            let header = Header::parse(rest).unwrap();
            let (body, _) = split_verifier(&header, rest).unwrap();
            answer = match header.ptype {
                PduType::Response => Answer::Response,
                PduType::Fault => Answer::Fault(FaultHead::parse(body, header.order()).unwrap().status),
                PduType::BindNak => Answer::Nak(BindNak::parse(body, header.order()).unwrap().reason),
                PduType::BindAck | PduType::AlterContextResp => {
                    BindAck::parse(body, header.order()).unwrap();
                    Answer::Ack
                }
                other => panic!("{other:?}"),
            };
            rest = &rest[usize::from(header.frag_length)..];
        }
    }
    (answer, server.assoc.close_reason().is_some())
}

const PROTO: u32 = 0x1c01_000b;

#[test]
fn illegal_orders() {
    const WHOLE: PfcFlags = PfcFlags::WHOLE;
    const FIRST: PfcFlags = PfcFlags::FIRST;
    const LAST: PfcFlags = PfcFlags::LAST;
    let none = PfcFlags::empty();
    let bind = || bind_body(PduType::Bind, 0);
    let alter = |context| bind_body(PduType::AlterContext, context);
    let empty = |ptype| pdu(ptype, WHOLE, 1, &[]);
    let cases: Vec<(&str, Vec<Vec<u8>>, Answer, bool)> = vec![
        ("bind", vec![bind()], Answer::Ack, false),
        ("request first", vec![request(WHOLE, 1, 0, ECHO, b"")], Answer::Fault(PROTO), true),
        ("alter first", vec![alter(0)], Answer::Fault(PROTO), true),
        ("auth3 first", vec![pdu(PduType::Auth3, WHOLE, 1, &[0; 4])], Answer::Nothing, true),
        ("second bind", vec![bind(), bind()], Answer::Nak(NakReason::NOT_SPECIFIED), true),
        ("auth3 without token", vec![bind(), pdu(PduType::Auth3, WHOLE, 1, &[0; 4])], Answer::Nothing, true),
        ("alter", vec![bind(), alter(1)], Answer::Ack, false),
        ("call", vec![bind(), request(WHOLE, 2, 0, ECHO, b"x")], Answer::Response, false),
        ("no such context", vec![bind(), request(WHOLE, 2, 9, ECHO, b"")], Answer::Fault(0x1c01_0003), false),
        (
            "call after that",
            vec![bind(), request(WHOLE, 2, 9, ECHO, b""), request(WHOLE, 3, 0, ECHO, b"")],
            Answer::Response,
            false,
        ),
        ("continuation of nothing", vec![bind(), request(LAST, 2, 0, ECHO, b"")], Answer::Fault(PROTO), true),
        (
            "beginning twice",
            vec![bind(), request(FIRST, 2, 0, ECHO, b""), request(FIRST, 2, 0, ECHO, b"")],
            Answer::Fault(PROTO),
            true,
        ),
        (
            "another begins",
            vec![bind(), request(FIRST, 2, 0, ECHO, b""), request(WHOLE, 3, 0, ECHO, b"")],
            Answer::Fault(PROTO),
            true,
        ),
        (
            "another call's end",
            vec![bind(), request(FIRST, 2, 0, ECHO, b""), request(LAST, 3, 0, ECHO, b"")],
            Answer::Fault(PROTO),
            true,
        ),
        (
            "another opnum",
            vec![bind(), request(FIRST, 2, 0, ECHO, b""), request(LAST, 2, 0, BIG, b"")],
            Answer::Fault(PROTO),
            true,
        ),
        (
            "fragments",
            vec![
                bind(),
                request(FIRST, 2, 0, ECHO, b"a"),
                request(none, 2, 0, ECHO, b""),
                request(LAST, 2, 0, ECHO, b"b"),
            ],
            Answer::Response,
            false,
        ),
        (
            "rest of a refused request",
            vec![bind(), request(FIRST, 2, 9, ECHO, b""), request(LAST, 2, 9, ECHO, b"")],
            Answer::Nothing,
            false,
        ),
        (
            "same call twice",
            vec![bind(), request(WHOLE, 2, 0, WAIT, b""), request(WHOLE, 2, 0, ECHO, b"")],
            Answer::Fault(PROTO),
            true,
        ),
        (
            "a smaller number",
            vec![bind(), request(WHOLE, 9, 0, ECHO, b""), request(WHOLE, 8, 0, ECHO, b"")],
            Answer::Fault(PROTO),
            true,
        ),
        (
            "the same number again",
            vec![bind(), request(WHOLE, 9, 0, ECHO, b""), request(WHOLE, 9, 0, ECHO, b"")],
            Answer::Response,
            false,
        ),
        ("bind within a request", vec![bind(), request(FIRST, 2, 0, ECHO, b""), alter(1)], Answer::Fault(PROTO), true),
        ("response to a server", vec![bind(), pdu(PduType::Response, WHOLE, 1, &[0; 8])], Answer::Fault(PROTO), true),
        ("fault to a server", vec![bind(), pdu(PduType::Fault, WHOLE, 1, &[0; 16])], Answer::Fault(PROTO), true),
        ("bind_ack to a server", vec![empty(PduType::BindAck)], Answer::Fault(PROTO), true),
        ("bind_nak to a server", vec![bind(), empty(PduType::BindNak)], Answer::Fault(PROTO), true),
        ("shutdown to a server", vec![bind(), empty(PduType::Shutdown)], Answer::Fault(PROTO), true),
        ("unknown type", vec![bind(), empty(PduType::Other(77))], Answer::Fault(PROTO), true),
        ("cancel of nothing", vec![bind(), empty(PduType::CoCancel)], Answer::Nothing, false),
        ("orphaned nothing", vec![bind(), empty(PduType::Orphaned)], Answer::Nothing, false),
        (
            "cancel",
            vec![bind(), request(WHOLE, 2, 0, WAIT, b""), pdu(PduType::CoCancel, WHOLE, 2, &[])],
            Answer::Fault(0x1c00_000d),
            false,
        ),
        (
            "orphan",
            vec![bind(), request(WHOLE, 2, 0, WAIT, b""), pdu(PduType::Orphaned, WHOLE, 2, &[])],
            Answer::Nothing,
            false,
        ),
        (
            "orphan half-way",
            vec![
                bind(),
                request(FIRST, 2, 0, ECHO, b""),
                pdu(PduType::Orphaned, WHOLE, 2, &[]),
                request(WHOLE, 3, 0, ECHO, b""),
            ],
            Answer::Response,
            false,
        ),
        ("maybe", vec![bind(), request(WHOLE | PfcFlags::MAYBE, 2, 0, ECHO, b"")], Answer::Nothing, false),
        ("empty bind", vec![pdu(PduType::Bind, WHOLE, 1, &[0; 12])], Answer::Nak(NakReason::PROTOCOL_VERSION), true),
        ("short bind", vec![pdu(PduType::Bind, WHOLE, 1, &[0; 3])], Answer::Nak(NakReason::PROTOCOL_VERSION), true),
        ("short request", vec![bind(), pdu(PduType::Request, WHOLE, 2, &[0; 7])], Answer::Fault(PROTO), true),
        ("no RPC at all", vec![b"GET / HTTP/1.1\r\n\r\n".to_vec()], Answer::Nak(NakReason::PROTOCOL_VERSION), true),
        (
            "bind without end",
            vec![pdu(PduType::Bind, FIRST, 1, &[0; 8]), request(WHOLE, 2, 0, ECHO, b"")],
            Answer::Fault(PROTO),
            true,
        ),
        (
            "bind without beginning",
            vec![pdu(PduType::Bind, LAST, 1, &[0; 8])],
            Answer::Nak(NakReason::NOT_SPECIFIED),
            true,
        ),
        ("unknown interface's minimum", vec![bind(), request(WHOLE, 2, 0, ECHO, b"")], Answer::Response, false),
    ];
    for (name, pdus, answer, closed) in cases {
        let (_, _, config) = setup(3);
        let mut server = Server::new(&config);
        assert_eq!(converse(&mut server, &pdus), (answer, closed), "{name}");
    }
}

#[test]
fn without_multiplexing_a_second_call_is_an_error() {
    let (_, _, config) = setup(3);
    let mut server = Server::new(&config);
    let mut bind = bind_body(PduType::Bind, 0);
    bind[3] = PfcFlags::WHOLE.bits();
    let calls = [bind, request(PfcFlags::WHOLE, 2, 0, WAIT, b""), request(PfcFlags::WHOLE, 3, 0, ECHO, b"")];
    assert_eq!(converse(&mut server, &calls), (Answer::Fault(PROTO), true));
}

#[test]
fn calls_beyond_the_limit_are_refused() {
    let (_, _, config) = setup(3);
    let mut server = Server::new(&config);
    server.feed(&bind_body(PduType::Bind, 0));
    for call_id in 2..1026 {
        server.feed(&request(PfcFlags::WHOLE, call_id, 0, WAIT, b""));
    }
    server.output();
    let more = [request(PfcFlags::WHOLE, 2000, 0, ECHO, b"")];
    assert_eq!(converse(&mut server, &more), (Answer::Fault(0x1c01_0014), false));
    drop(server);
}

#[test]
fn requests_in_progress_hold_no_more_than_their_limit() {
    let (_, _, mut config) = setup(3);
    Arc::get_mut(&mut config).unwrap().limits.max_pending_octets = 10_000;
    let mut server = Server::new(&config);
    server.feed(&bind_body(PduType::Bind, 0));
    // Two calls that wait hold nine of the ten thousand.
    for call_id in [2, 3] {
        server.feed(&request(PfcFlags::FIRST, call_id, 0, WAIT, &[0; 3000]));
        server.feed(&request(PfcFlags::LAST, call_id, 0, WAIT, &[0; 1500]));
    }
    server.output();
    let large = [request(PfcFlags::FIRST, 4, 0, ECHO, &[0; 900]), request(PfcFlags::LAST, 4, 0, ECHO, &[0; 200])];
    assert_eq!(converse(&mut server, &large), (Answer::Fault(0x1c00_001b), false));
    let fits = [request(PfcFlags::FIRST, 5, 0, ECHO, &[0; 900]), request(PfcFlags::LAST, 5, 0, ECHO, &[0; 90])];
    assert_eq!(converse(&mut server, &fits), (Answer::Response, false));
    drop(server);
}

#[test]
fn bind_phase_pdus_in_fragments() {
    for legs in [3, 4, 5] {
        for size in [40, 64, 100] {
            let (open, _, config) = setup(legs);
            let mut server = Server::new(&config);
            let mut client = ClientAssociation::new(ClientConfig::default());
            let mut context = TestContext::initiator(7, legs);
            context.tokens = 9;
            let security = ClientSecurity { context: Box::new(context), level: AuthLevel::Privacy };
            client.bind(0, &[Proposal::new(&OPEN_INTERFACE)], Some(security)).unwrap();
            let fragmented = |bytes: &[u8]| -> Vec<u8> {
                let mut out = Vec::new();
                let mut rest = bytes;
                while !rest.is_empty() {
                    let header = Header::parse(rest).unwrap();
                    let (pdu, following) = rest.split_at(usize::from(header.frag_length));
                    let bind_phase = !matches!(header.ptype, PduType::Request | PduType::Response | PduType::Fault);
                    if bind_phase {
                        split(pdu, size + 24).unwrap().into_iter().for_each(|part| out.extend(part));
                    } else {
                        out.extend(pdu);
                    }
                    rest = following;
                }
                out
            };
            let mut called = false;
            for _ in 0..20 {
                let mut out = BytesMut::new();
                client.transmit(&mut out, usize::MAX);
                server.feed(&fragmented(&out));
                let back = fragmented(&server.output());
                client.input().extend_from_slice(&back);
                client.process();
                assert_eq!(client.close_reason(), None);
                match client.poll_event() {
                    Some(ClientEvent::Negotiated(outcomes)) => {
                        let id = client.request(outcomes[0].unwrap().id, ECHO, None).unwrap();
                        client.finish(id);
                    }
                    Some(ClientEvent::Response { .. }) => called = true,
                    _ => {}
                }
            }
            assert!(called && open.calls.load(Ordering::Relaxed) == 1);
        }
    }
}

/// A conversation of a bind and two calls, as the client sent it and as the server answered.
fn recorded(level: AuthLevel, legs: u32) -> (Vec<u8>, Vec<u8>, usize) {
    let (_, _, config) = setup(legs);
    let mut pair = Pair::new(ClientConfig::default(), &config);
    let contexts = pair.bind(Some((level, legs)));
    let bound = pair.to_server.len();
    pair.call(contexts[1].id, OPEN, "").unwrap();
    pair.call(contexts[1].id, ECHO, pattern(40)).unwrap();
    (pair.to_server, pair.to_client, bound)
}

#[test]
fn each_octet_of_requests_is_covered() {
    for level in [AuthLevel::Integrity, AuthLevel::Privacy] {
        let (to_server, _, bound) = recorded(level, 3);
        for at in bound..to_server.len() {
            let (_, signed, config) = setup(3);
            let mut server = Server::new(&config);
            let mut changed = to_server.clone();
            changed[at] ^= 0x41;
            server.feed(&changed);
            server.output();
            // The first call is 0x41-proof or the second is: never both.
            let calls = signed.calls.load(Ordering::Relaxed);
            assert!(calls < 2, "octet {at} of {} was changed unnoticed", to_server.len());
            drop(server);
            assert_eq!(Arc::strong_count(&signed.alive), 1);
        }
        // Replayed and reordered PDUs.
        let (_, signed, config) = setup(3);
        let mut server = Server::new(&config);
        server.feed(&to_server);
        server.feed(&to_server[bound..]);
        assert_eq!(signed.calls.load(Ordering::Relaxed), 2);
        assert!(server.assoc.close_reason().is_some());
    }
}

#[test]
fn each_octet_of_responses_is_covered() {
    for level in [AuthLevel::Integrity, AuthLevel::Privacy] {
        let (_, _, config) = setup(3);
        let mut pair = Pair::new(ClientConfig::default(), &config);
        let contexts = pair.bind(Some((level, 3)));
        let bound = pair.to_client.len();
        pair.call(contexts[1].id, ECHO, pattern(40)).unwrap();
        let response = pair.to_client[bound..].to_vec();
        for at in 0..response.len() {
            let mut pair = Pair::new(ClientConfig::default(), &config);
            let contexts = pair.bind(Some((level, 3)));
            let id = pair.start(contexts[1].id, ECHO, pattern(40));
            let mut out = BytesMut::new();
            pair.client.transmit(&mut out, usize::MAX);
            let mut changed = response.clone();
            changed[at] ^= 0x21;
            pair.client.input().extend_from_slice(&changed);
            pair.client.process();
            while let Some(event) = pair.client.poll_event() {
                pair.events.push(event);
            }
            assert!(!matches!(pair.outcome(id), Some(Ok(_))), "octet {at} was changed unnoticed");
        }
    }
}

#[test]
fn conversations_cut_anywhere_leave_nothing_behind() {
    for (level, legs) in [(AuthLevel::Privacy, 3), (AuthLevel::Integrity, 4)] {
        let (to_server, to_client, bound) = recorded(level, legs);
        for cut in 0..=to_server.len() {
            let (_, signed, config) = setup(legs);
            let mut server = Server::new(&config);
            server.feed(&to_server[..cut]);
            server.output();
            assert_eq!(server.assoc.close_reason(), None, "cut at {cut}");
            assert!(cut > bound || signed.calls.load(Ordering::Relaxed) == 0);
            assert!(!server.is_running());
            drop(server);
            assert_eq!(Arc::strong_count(&signed.alive), 1);
            assert!(config.groups.is_empty());
        }
        for cut in 0..to_client.len() {
            let mut client = ClientAssociation::new(ClientConfig::default());
            let security = ClientSecurity { context: Box::new(TestContext::initiator(7, legs)), level };
            client.bind(0, &[Proposal::new(&OPEN_INTERFACE)], Some(security)).unwrap();
            client.input().extend_from_slice(&to_client[..cut]);
            client.process();
        }
    }
}

#[test]
fn verification_trailers_are_checked() {
    use msrpc::pdu::{
        DataRep,
        verification::{Header2, PContext, SIGNATURE, Trailer},
    };
    let context = PContext { interface: SyntaxId::from(&OPEN_INTERFACE), syntax: Syntax::Ndr.into() };
    let header = Header2 {
        ptype: PduType::Request,
        drep: DataRep::new(ByteOrder::Little),
        call_id: 2,
        context_id: 0,
        opnum: ECHO,
    };
    let good = Trailer { bitmask: Some(0), pcontext: Some(context), header2: Some(header) };
    let mut wrong_context = good;
    wrong_context.pcontext = Some(PContext { syntax: Syntax::Ndr64.into(), ..context });
    let mut wrong_opnum = good;
    wrong_opnum.header2 = Some(Header2 { opnum: 1, ..header });
    let mut signing = good;
    signing.bitmask = Some(1);
    let unknown = |command: u16| [&SIGNATURE[..], &command.to_le_bytes(), &4u16.to_le_bytes(), &[0; 4]].concat();
    let cases = [
        (good.to_bytes().to_vec(), Answer::Response),
        (wrong_context.to_bytes().to_vec(), Answer::Fault(5)),
        (wrong_opnum.to_bytes().to_vec(), Answer::Fault(5)),
        // The bind said nothing of header signing.
        (signing.to_bytes().to_vec(), Answer::Fault(5)),
        (unknown(0x4009), Answer::Response),
        (unknown(0xc009), Answer::Fault(5)),
        (unknown(0x0009), Answer::Fault(5)),
        (SIGNATURE.to_vec(), Answer::Fault(5)),
    ];
    for (trailer, answer) in cases {
        let (_, _, config) = setup(3);
        let mut server = Server::new(&config);
        let stub = [&pattern(8)[..], &trailer].concat();
        let pdus = [bind_body(PduType::Bind, 0), request(PfcFlags::WHOLE, 2, 0, ECHO, &stub)];
        assert_eq!(converse(&mut server, &pdus), (answer, false), "{trailer:02x?}");
    }
}

proptest! {
    #[test]
    fn any_octets_are_survived(octets in proptest::collection::vec(any::<u8>(), 0..300), bound: bool) {
        let (_, _, config) = setup(3);
        let mut server = Server::new(&config);
        if bound {
            server.feed(&bind_body(PduType::Bind, 0));
        }
        server.feed(&octets);
        server.output();
    }

    /// A conversation with octets changed, lost and doubled.
    #[test]
    fn any_change_is_survived(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..6),
        privacy: bool,
    ) {
        let level = if privacy { AuthLevel::Privacy } else { AuthLevel::Connect };
        let (mut to_server, mut to_client) = {
            let (_, _, config) = setup(3);
            let mut pair = Pair::new(ClientConfig::default(), &config);
            let contexts = pair.bind(Some((level, 3)));
            pair.call(contexts[0].id, BIG, "9000").unwrap();
            (pair.to_server, pair.to_client)
        };
        for (at, value, kind) in changes {
            for octets in [&mut to_server, &mut to_client] {
                let at = at.index(octets.len());
                match kind {
                    0 => octets[at] = value,
                    1 => {
                        octets.remove(at);
                    }
                    _ => octets.insert(at, value),
                }
            }
        }
        let (_, _, config) = setup(3);
        let mut server = Server::new(&config);
        server.feed(&to_server);
        server.output();
        let mut client = ClientAssociation::new(ClientConfig::default());
        let security = ClientSecurity { context: Box::new(TestContext::initiator(7, 3)), level };
        client.bind(0, &[Proposal::new(&OPEN_INTERFACE), Proposal::new(&SIGNED_INTERFACE)], Some(security)).unwrap();
        client.input().extend_from_slice(&to_client);
        client.process();
        while client.poll_event().is_some() {}
    }
}
