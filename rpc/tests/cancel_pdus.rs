//! What is said about calls that are given up, octet by octet as C706 12.6.4 has it, and what a server
//! makes of it.
#![allow(missing_docs)]

mod assoc;

use std::sync::{Arc, atomic::Ordering::SeqCst};

use assoc::{
    pair::{Pair, config},
    service::{DRAIN, ECHO, OPEN_INTERFACE, SIGNED_INTERFACE, Tester, WAIT, pattern},
};
use bytes::Bytes;
use msrpc::{
    association::{ClientConfig, ClientError, ClientEvent, Proposal},
    pdu::BindFeatures,
};
use msrpc_ndr::{AuthLevel, Fault};

const ALTER_CONTEXT: u8 = 14;
const CO_CANCEL: u8 = 18;
const ORPHANED: u8 = 19;
const LEVELS: [Option<(AuthLevel, u32)>; 3] = [None, Some((AuthLevel::Integrity, 3)), Some((AuthLevel::Privacy, 3))];

fn pair(client: ClientConfig) -> (Pair, Arc<Tester>) {
    let (open, signed) = (Tester::new(&OPEN_INTERFACE), Tester::new(&SIGNED_INTERFACE));
    (Pair::new(client, &config(&open, &signed, 3)), open)
}

/// A header, and nothing behind it.
fn bare(ptype: u8, call_id: u32) -> Vec<u8> {
    let mut pdu = vec![5, 0, ptype, 3, 0x10, 0, 0, 0, 16, 0, 0, 0];
    pdu.extend(call_id.to_le_bytes());
    pdu
}

/// The PDUs of a stream.
fn pdus(mut octets: &[u8]) -> Vec<&[u8]> {
    let mut pdus = Vec::new();
    while let Some(&[low, high]) = octets.get(8..10).and_then(<[u8]>::first_chunk::<2>) {
        let (pdu, rest) = octets.split_at(usize::from(u16::from_le_bytes([low, high])));
        pdus.push(pdu);
        octets = rest;
    }
    pdus
}

/// Begins a request that is not sent to its end.
fn begin(pair: &mut Pair, context: u16, opnum: u16, len: usize) -> u32 {
    let id = pair.client.request(context, opnum, None).unwrap();
    pair.client.push(id, Bytes::from(pattern(len)));
    pair.pump();
    id
}

#[test]
fn a_cancel_is_a_bare_header_and_the_fault_counts_it() {
    for security in LEVELS {
        let (mut pair, _) = pair(ClientConfig::default());
        let contexts = pair.bind(security);
        let id = pair.start(contexts[0].id, WAIT, "");
        pair.pump();
        let (sent, received) = (pair.to_server.len(), pair.to_client.len());
        pair.client.abandon(id);
        // Once is enough.
        pair.client.abandon(id);
        pair.pump();
        assert_eq!(pair.to_server[sent..], bare(CO_CANCEL, id), "{security:?}");
        let fault = &pair.to_client[received..];
        assert_eq!((fault[2], &fault[12..16]), (3, &id.to_le_bytes()[..]));
        // cancel_count, and the status.
        assert_eq!(fault[22], 1);
        assert_eq!(fault[24..28], 0x1c00_000d_u32.to_le_bytes());
        assert_eq!((pair.client.pending_calls(), pair.server.assoc.pending_calls()), (0, 0));
        assert!(pair.events.is_empty());
        assert_eq!(pair.call(contexts[0].id, ECHO, "abcd").unwrap(), b"abcd");
    }
}

#[test]
fn a_call_may_be_cancelled_before_it_has_come_as_a_whole() {
    for security in LEVELS {
        let (mut pair, tester) = pair(ClientConfig::default());
        let contexts = pair.bind(security);
        let id = begin(&mut pair, contexts[0].id, WAIT, 20_000);
        assert_eq!(tester.calls.load(SeqCst), 0);
        pair.server.feed(&bare(CO_CANCEL, id));
        pair.server.feed(&bare(CO_CANCEL, id));
        pair.client.finish(id);
        let received = pair.to_client.len();
        pair.pump();
        assert_eq!(pair.outcome(id), Some(Err(Fault::CANCELLED)), "{security:?}");
        assert_eq!(pair.to_client[received + 22], 2, "cancel_count");
    }
}

#[test]
fn a_request_may_say_that_it_is_cancelled_already() {
    let (mut pair, _) = pair(ClientConfig::default());
    let contexts = pair.bind(None);
    let id = pair.start(contexts[0].id, WAIT, "");
    let mut request = bytes::BytesMut::new();
    pair.client.transmit(&mut request, usize::MAX);
    request[3] |= 0x04;
    pair.server.feed(&request);
    let fault = pair.server.output();
    assert_eq!((fault[2], &fault[12..16], fault[22]), (3, &id.to_le_bytes()[..], 1));
    assert_eq!(fault[24..28], 0x1c00_000d_u32.to_le_bytes());
}

#[test]
fn what_is_cancelled_and_not_known_is_nothing() {
    let (mut pair, _) = pair(ClientConfig::default());
    let contexts = pair.bind(Some((AuthLevel::Privacy, 3)));
    for id in [0, 1, 77, u32::MAX] {
        pair.server.feed(&[bare(CO_CANCEL, id), bare(ORPHANED, id)].concat());
    }
    assert_eq!(pair.server.assoc.close_reason(), None);
    assert_eq!(pair.call(contexts[0].id, ECHO, "abcd").unwrap(), b"abcd");
}

#[test]
fn a_request_that_is_given_up_half_way_is_orphaned_and_never_runs() {
    for security in LEVELS {
        for multiplexed in [true, false] {
            let (mut pair, tester) = pair(ClientConfig { multiplexed, ..ClientConfig::default() });
            let contexts = pair.bind(security);
            let id = begin(&mut pair, contexts[0].id, ECHO, 20_000);
            let sent = pair.to_server.len();
            pair.client.abandon(id);
            pair.pump();
            assert_eq!(pair.to_server[sent..], bare(ORPHANED, id), "{security:?}");
            assert_eq!(tester.calls.load(SeqCst), 0);
            assert!(pair.server.assoc.is_idle());
            let stub = pattern(9000);
            assert!(pair.call(contexts[0].id, ECHO, stub.clone()).unwrap().starts_with(&stub));
            // One that runs already does not get the rest, and nobody gets its answer.
            let id = begin(&mut pair, contexts[0].id, DRAIN, 1_200_000);
            assert_eq!(tester.calls.load(SeqCst), 2);
            pair.client.abandon(id);
            pair.pump();
            assert_eq!(pair.outcome(id), None);
            assert!(pair.server.assoc.is_idle());
            assert_eq!(pair.call(contexts[0].id, ECHO, "abcd").unwrap(), b"abcd");
        }
    }
}

#[test]
fn without_an_answer_to_an_orphaned_call_the_next_need_not_wait_for_it() {
    let (mut pair, tester) = pair(ClientConfig { multiplexed: false, ..ClientConfig::default() });
    let contexts = pair.bind(None);
    // Stays until it is polled again, which takes more than being cancelled.
    let id = begin(&mut pair, contexts[0].id, DRAIN, 1_200_000);
    pair.client.abandon(id);
    let mut out = bytes::BytesMut::new();
    pair.client.transmit(&mut out, usize::MAX);
    let next = pair.start(contexts[0].id, ECHO, "abcd");
    pair.client.transmit(&mut out, usize::MAX);
    // Both in one read: the first call has not ended when the second comes.
    pair.server.feed(&out);
    pair.pump();
    assert_eq!(pair.server.assoc.close_reason(), None);
    let answer = pair.server.output();
    assert!(answer.is_empty());
    assert_eq!(pair.outcome(next).unwrap().unwrap(), b"abcd");
    assert_eq!(tester.calls.load(SeqCst), 2);
}

#[test]
fn where_orphans_end_connections_giving_up_half_way_ends_it() {
    let (mut pair, tester) = pair(ClientConfig { features: BindFeatures::empty(), ..ClientConfig::default() });
    let contexts = pair.bind(None);
    let waiting = pair.start(contexts[0].id, WAIT, "");
    let id = begin(&mut pair, contexts[0].id, ECHO, 20_000);
    let sent = pair.to_server.len();
    pair.client.abandon(id);
    pair.pump();
    assert_eq!(pair.client.close_reason(), Some(&ClientError::Abandoned));
    assert_eq!(pair.to_server.len(), sent);
    assert_eq!((pair.outcome(waiting), tester.calls.load(SeqCst)), (None, 1));
}

#[test]
fn an_alter_context_does_not_come_between_the_fragments_of_a_request() {
    for security in LEVELS {
        let (mut pair, _) = pair(ClientConfig::default());
        let contexts = pair.bind(security);
        let id = begin(&mut pair, contexts[0].id, ECHO, 20_000);
        let sent = pair.to_server.len();
        pair.client.alter(&[Proposal::new(&OPEN_INTERFACE)]).unwrap();
        pair.pump();
        assert_eq!(pair.to_server.len(), sent, "{security:?}");
        // A cancel may.
        pair.client.push(id, Bytes::from(pattern(20_000)));
        pair.client.finish(id);
        pair.pump();
        let types: Vec<u8> = pdus(&pair.to_server[sent..]).iter().map(|pdu| pdu[2]).collect();
        assert_eq!(types.last(), Some(&ALTER_CONTEXT));
        assert!(types[..types.len() - 1].iter().all(|&ptype| ptype == 0), "{types:?}");
        let negotiated = pair.events.iter().any(|event| matches!(event, ClientEvent::Negotiated(_)));
        assert!(negotiated && pair.outcome(id).is_some());
        assert_eq!(pair.server.assoc.close_reason(), None);
    }
}

#[test]
fn a_call_that_is_dropped_unsent_leaves_its_verification_trailer_to_the_next() {
    const SIGNATURE: [u8; 8] = [0x8a, 0xe3, 0x13, 0x71, 0x02, 0xf4, 0x36, 0x71];
    let (mut pair, _) = pair(ClientConfig::default());
    let contexts = pair.bind(Some((AuthLevel::Integrity, 3)));
    let has_trailer = |octets: &[u8]| octets.windows(8).any(|window| window == SIGNATURE);
    let unsent = pair.start(contexts[0].id, ECHO, "never");
    pair.client.abandon(unsent);
    let sent = pair.to_server.len();
    assert_eq!(pair.call(contexts[0].id, ECHO, "abcd").unwrap()[..4], *b"abcd");
    assert!(has_trailer(&pair.to_server[sent..]));
    assert_eq!(pair.to_server[sent + 12], unsent as u8 + 1);
    let sent = pair.to_server.len();
    assert_eq!(pair.call(contexts[0].id, ECHO, "abcd").unwrap(), b"abcd");
    assert!(!has_trailer(&pair.to_server[sent..]));
}
