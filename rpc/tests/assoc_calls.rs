//! Client and server association against each other, without sockets.
#![allow(missing_docs)]

mod assoc;

use std::sync::Arc;

use assoc::{
    pair::{Pair, Server, config, tcp},
    provider::TestContext,
    service::{
        BIG, CLOSE, DRAIN, ECHO, FAIL, OPEN, OPEN_INTERFACE, PIPE, SIGNED_INTERFACE, Tester, USE, WAIT, WHO, pattern,
    },
};
use msrpc::association::{ClientConfig, ClientEvent, ClientSecurity, Proposal};
use msrpc_ndr::{AuthLevel, ByteOrder, Fault, Syntax};

fn testers() -> (Arc<Tester>, Arc<Tester>) {
    (Tester::new(&OPEN_INTERFACE), Tester::new(&SIGNED_INTERFACE))
}

const LEVELS: [Option<(AuthLevel, u32)>; 8] = [
    None,
    Some((AuthLevel::Connect, 3)),
    Some((AuthLevel::Packet, 2)),
    Some((AuthLevel::Call, 3)),
    Some((AuthLevel::Integrity, 3)),
    Some((AuthLevel::Integrity, 4)),
    Some((AuthLevel::Privacy, 3)),
    Some((AuthLevel::Privacy, 5)),
];

#[test]
fn every_level_order_and_read_size() {
    for security in LEVELS {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            for header_signing in [true, false] {
                for step in [usize::MAX, 1, 7, 4096] {
                    let (open, signed) = testers();
                    let server = config(&open, &signed, security.map_or(3, |(_, legs)| legs));
                    let client = ClientConfig { order, header_signing, ..ClientConfig::default() };
                    let mut pair = Pair::new(client, &server);
                    pair.step = step;
                    let contexts = pair.bind(security);
                    let syntax = if order == ByteOrder::Little { Syntax::Ndr64 } else { Syntax::Ndr };
                    assert_eq!(contexts[0].encoding.syntax(), syntax);
                    assert_eq!(contexts[0].encoding.order(), order);
                    for len in [0, 1, 3, 4, 16, 5800, 5816, 5840, 12_345] {
                        let stub = pattern(len);
                        let level = security.map_or(AuthLevel::None, |(level, _)| level);
                        let echoed = pair.call(contexts[0].id, ECHO, stub.clone()).unwrap();
                        // A verification trailer leaves its padding behind.
                        assert!(echoed.starts_with(&stub) && echoed.len() < len + 4, "{len} at {security:?}");
                        let result = pair.call(contexts[1].id, ECHO, stub.clone());
                        if level < AuthLevel::Integrity {
                            assert_eq!(result, Err(Fault::ACCESS_DENIED));
                        } else {
                            assert!(result.unwrap().starts_with(&stub));
                        }
                        let big = pair.call(contexts[0].id, BIG, len.to_string()).unwrap();
                        assert_eq!(big, pattern(len));
                    }
                    if security.is_none_or(|(level, _)| level < AuthLevel::Integrity) {
                        assert_eq!(signed.calls.load(std::sync::atomic::Ordering::Relaxed), 0);
                    }
                    assert!(pair.server.assoc.is_idle());
                    assert_eq!(pair.client.pending_calls(), 0);
                }
            }
        }
    }
}

#[test]
fn caller_object_and_faults() {
    let (open, signed) = testers();
    let server = config(&open, &signed, 3);
    let mut pair = Pair::new(ClientConfig::default(), &server);
    let contexts = pair.bind(Some((AuthLevel::Privacy, 3)));
    let object = uuid::Uuid::from_u128(5);
    let id = pair.client.request(contexts[1].id, WHO, Some(object)).unwrap();
    pair.client.finish(id);
    pair.pump();
    let who = String::from_utf8(pair.outcome(id).unwrap().unwrap()).unwrap();
    assert_eq!(who, format!("Some(\"tester\") Privacy Some({object})"));
    assert_eq!(pair.call(contexts[0].id, FAIL, ""), Err(Fault::new(0x1234, true)));
    assert_eq!(pair.call(contexts[0].id, 77, ""), Err(Fault::OP_RANGE));
}

#[test]
fn wrong_secret_is_refused_on_every_way_to_authenticate() {
    for legs in [2, 3, 4, 5] {
        let (open, signed) = testers();
        let server = config(&open, &signed, legs);
        let mut pair = Pair::new(ClientConfig::default(), &server);
        let security = ClientSecurity { context: Box::new(TestContext::initiator(8, legs)), level: AuthLevel::Connect };
        pair.client.bind(0, &[Proposal::new(&OPEN_INTERFACE)], Some(security)).unwrap();
        pair.pump();
        assert!(pair.client.close_reason().unwrap().is_authentication());
        assert!(pair.server.assoc.close_reason().is_some());
        assert_eq!(open.calls.load(std::sync::atomic::Ordering::Relaxed), 0);
    }
}

#[test]
fn authentication_that_waits() {
    let (open, signed) = testers();
    let server = config(&open, &signed, 4);
    let mut pair = Pair::new(ClientConfig::default(), &server);
    let mut context = TestContext::initiator(7, 4);
    context.blocks = true;
    let security = ClientSecurity { context: Box::new(context), level: AuthLevel::Privacy };
    pair.client.bind(0, &[Proposal::new(&OPEN_INTERFACE)], Some(security)).unwrap();
    pair.pump();
    assert!(matches!(pair.events.remove(0), ClientEvent::Negotiated(_)));
    assert_eq!(pair.call(1, WHO, "").unwrap(), b"Some(\"tester\") Privacy None");
}

#[test]
fn calls_overtake_each_other() {
    let (open, signed) = testers();
    let server = config(&open, &signed, 3);
    let mut pair = Pair::new(ClientConfig::default(), &server);
    let contexts = pair.bind(Some((AuthLevel::Privacy, 3)));
    let waiting: Vec<u32> = (0..20).map(|_| pair.start(contexts[0].id, WAIT, "")).collect();
    let quick: Vec<u32> = (0..20).map(|n| pair.start(contexts[0].id, BIG, (n * 3000).to_string())).collect();
    pair.pump();
    for (n, id) in quick.into_iter().enumerate() {
        assert_eq!(pair.outcome(id).unwrap().unwrap(), pattern(n * 3000));
    }
    assert_eq!(pair.server.assoc.pending_calls(), 20);
    for &id in &waiting {
        assert!(pair.outcome(id).is_none());
        pair.client.abandon(id);
    }
    pair.pump();
    assert_eq!(pair.server.assoc.pending_calls(), 0);
    assert_eq!(pair.client.pending_calls(), 0);
    assert!(!pair.server.is_running());
    assert!(pair.events.is_empty());
}

#[test]
fn without_multiplexing_calls_wait_for_each_other() {
    let (open, signed) = testers();
    let server = config(&open, &signed, 3);
    let mut pair = Pair::new(ClientConfig { multiplexed: false, ..ClientConfig::default() }, &server);
    let contexts = pair.bind(None);
    let ids: Vec<u32> = (0..5).map(|n| pair.start(contexts[0].id, BIG, (n * 9000).to_string())).collect();
    pair.pump();
    for (n, id) in ids.into_iter().enumerate() {
        assert_eq!(pair.outcome(id).unwrap().unwrap(), pattern(n * 9000));
    }
}

#[test]
fn large_bodies_are_streams() {
    let (open, signed) = testers();
    let server = config(&open, &signed, 3);
    let mut pair = Pair::new(ClientConfig::default(), &server);
    let contexts = pair.bind(Some((AuthLevel::Integrity, 3)));
    let len = 9_000_000;
    assert_eq!(pair.call(contexts[0].id, DRAIN, pattern(len)).unwrap(), len.to_string().into_bytes());
    // In both directions, through bounded queues.
    let id = pair.client.request(contexts[0].id, PIPE, None).unwrap();
    let sent = pattern(5_000_000);
    let mut received = Vec::new();
    let mut body = None;
    let cx = &mut std::task::Context::from_waker(std::task::Waker::noop());
    let mut chunks = sent.chunks(100_000);
    loop {
        match chunks.next() {
            Some(chunk) => pair.client.push(id, bytes::Bytes::copy_from_slice(chunk)),
            None => pair.client.finish(id),
        }
        pair.pump();
        let response = pair.events.pop_if(|event| matches!(event, ClientEvent::Response { .. }));
        if let Some(ClientEvent::Response { body: came, .. }) = response {
            body = Some(came);
        }
        let Some(body) = &mut body else { continue };
        while let std::task::Poll::Ready(next) = body.poll_next(cx) {
            match next {
                Some(chunk) => received.extend_from_slice(&chunk.unwrap()),
                None => {
                    assert!(received == sent);
                    return;
                }
            }
            pair.client.process();
        }
    }
}

#[test]
fn handles_are_run_down_with_the_last_connection_of_the_group() {
    let (open, signed) = testers();
    let server = config(&open, &signed, 3);
    let mut pair = Pair::new(ClientConfig::default(), &server);
    let contexts = pair.bind(None);
    let handle = pair.call(contexts[0].id, OPEN, "").unwrap();
    assert!(pair.call(contexts[0].id, USE, handle.clone()).is_ok());
    let group = pair.client.group();
    assert_ne!(group, 0);

    // A second connection of the same client joins.
    let mut second = Pair::new(ClientConfig::default(), &server);
    second.client.bind(group, &[Proposal::new(&OPEN_INTERFACE)], None).unwrap();
    second.pump();
    second.events.clear();
    assert!(second.call(1, USE, handle.clone()).is_ok());

    // Another address, and another principal, do not get at the handles.
    let mut other = Pair::new(ClientConfig::default(), &server);
    let mut elsewhere = tcp(1);
    elsewhere.address = Some(([192, 0, 2, 9], 1).into());
    other.server = Server::at(&server, elsewhere);
    other.client.bind(group, &[Proposal::new(&OPEN_INTERFACE)], None).unwrap();
    other.pump();
    assert!(other.client.close_reason().is_some());
    let mut other = Pair::new(ClientConfig::default(), &server);
    let security = ClientSecurity { context: Box::new(TestContext::initiator(7, 3)), level: AuthLevel::Privacy };
    other.client.bind(group, &[Proposal::new(&OPEN_INTERFACE)], Some(security)).unwrap();
    other.pump();
    other.events.clear();
    assert_eq!(other.call(1, USE, handle.clone()), Err(Fault::CONTEXT_MISMATCH));

    drop(pair);
    drop(other);
    assert_eq!(Arc::strong_count(&open.alive), 2);
    assert!(second.call(1, USE, handle.clone()).is_ok());
    assert!(second.call(1, CLOSE, handle.clone()).is_ok());
    assert_eq!(Arc::strong_count(&open.alive), 1);
    assert_eq!(second.call(1, USE, handle), Err(Fault::CONTEXT_MISMATCH));
    second.call(1, OPEN, "").unwrap();
    drop(second);
    assert_eq!(Arc::strong_count(&open.alive), 1);
    assert!(server.groups.is_empty());
}

#[test]
fn interfaces_are_added_later() {
    let (open, signed) = testers();
    let server = config(&open, &signed, 3);
    let mut pair = Pair::new(ClientConfig::default(), &server);
    let security = ClientSecurity { context: Box::new(TestContext::initiator(7, 3)), level: AuthLevel::Integrity };
    pair.client.bind(0, &[Proposal::new(&OPEN_INTERFACE)], Some(security)).unwrap();
    pair.pump();
    pair.events.clear();
    let mut unknown = Proposal::new(&OPEN_INTERFACE);
    unknown.interface.uuid = uuid::Uuid::from_u128(1);
    let mut newer = Proposal::new(&OPEN_INTERFACE);
    newer.interface.version = (1, 3);
    let proposals = [Proposal::new(&SIGNED_INTERFACE), unknown, newer];
    pair.client.alter(&proposals).unwrap();
    pair.pump();
    let ClientEvent::Negotiated(outcomes) = pair.events.remove(0) else { panic!() };
    let context = outcomes[0].unwrap();
    assert!(outcomes[1].is_err() && outcomes[2].is_err());
    assert!(pair.call(context.id, ECHO, "abc").unwrap().starts_with(b"abc"));
}
