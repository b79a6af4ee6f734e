//! Generated code against bytes and decoders that we did not write: every operation of every
//! interface that Samba knows, request and response, in NDR of both byte orders and NDR64.

use std::collections::BTreeSet;

use msrpc_ndr::reflect::Random;
use msrpc_tests::{
    fixtures,
    ndrdump::{Direction, Encoding, Peer, Stub, Verdict, check},
    protocols::{self, Protocol, WITNESSED},
};
use proptest::{
    prelude::any,
    test_runner::{Config, TestCaseError, TestRunner},
};

/// Random values that generated code marshals are what Samba's decoder sees, field by field, and
/// Samba marshals them to the same octets.
#[test]
fn samba_sees_what_generated_code_marshals() {
    let Some(peer) = Peer::for_test() else { return };
    let peer = std::cell::RefCell::new(peer);
    for protocol in &WITNESSED {
        let agreed = std::cell::RefCell::new(BTreeSet::new());
        for (opnum, name, messages) in protocol.operations() {
            let mut runner = TestRunner::new(Config { cases: cases(), failure_persistence: None, ..Config::default() });
            let outcome = runner.run(&any::<u64>(), |seed| {
                let (request, response) = (messages.random)(&mut Random::new(seed));
                for encoding in Encoding::ALL {
                    let fail = |what: &str, error: String| {
                        TestCaseError::fail(format!("{name} ({opnum}) {what} {encoding:?}: {error}"))
                    };
                    let stub = protocols::encode(&*request, encoding).map_err(|e| fail("request", e.to_string()))?;
                    let answer =
                        protocols::encode(&*response, encoding).map_err(|e| fail("response", e.to_string()))?;
                    let sent = Stub::new(protocol.samba, opnum, Direction::Request, encoding, &stub);
                    let came =
                        Stub::new(protocol.samba, opnum, Direction::Response, encoding, &answer).answering(&stub);
                    for (what, stub, message) in [("request", sent, &request), ("response", came, &response)] {
                        if stub.bytes.is_empty() {
                            continue;
                        }
                        let verdict = check(&mut peer.borrow_mut(), &stub, &message.reflect())
                            .map_err(|e| fail(what, format!("{e}\n{message:#?}")))?;
                        if !matches!(verdict, Verdict::Excused(_)) {
                            agreed.borrow_mut().insert((opnum, what, format!("{encoding:?}")));
                        }
                    }
                }
                Ok(())
            });
            if let Err(error) = outcome {
                panic!("{}: {error}", protocol.samba);
            }
        }
        let agreed = agreed.into_inner();
        let complete = peer.borrow().is_complete();
        // Every message but the few that the list of divergences excuses was really compared.
        let least = match (protocol.samba, complete) {
            ("clusapi", true) => 960,
            ("clusapi", false) => 640,
            (_, true) => 75,
            (_, false) => 50,
        };
        assert!(agreed.len() >= least, "{}: only {} messages agreed on", protocol.samba, agreed.len());
    }
}

/// Random cases for each operation: a few in every test run, more where `cargo xtask soak` asks.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(24)
}

/// What another encoder made of known values, generated code reads as these values, and marshals
/// to the same octets again.
#[test]
fn generated_code_agrees_with_the_reference_encoder() {
    for protocol in &WITNESSED {
        for reference in fixtures::references(protocol.fixtures) {
            let what = format!("{} {:?} {:?}", reference.name, reference.direction, reference.encoding);
            let messages = protocol.messages(reference.opnum).unwrap_or_else(|| panic!("{what}: no messages"));
            let (message, left) = protocols::decode(messages, reference.direction, reference.encoding, &reference.stub)
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(left, 0, "{what}: octets left over");
            assert_eq!(message.reflect(), reference.value, "{what}");
            let again =
                protocols::encode(&*message, reference.encoding).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(again, reference.stub, "{what}: marshalled differently");
        }
    }
}

/// What smbtorture, rpcclient and Samba's server really sent is read to its last octet, and
/// marshalled to the same octets again.
#[test]
fn generated_code_reads_what_samba_sent() {
    for protocol in &WITNESSED {
        let mut opnums = BTreeSet::new();
        for capture in fixtures::captures(protocol.fixtures) {
            let what = format!("{} {:?} {:?}", capture.name, capture.direction, capture.encoding);
            let messages = protocol.messages(capture.opnum).unwrap_or_else(|| panic!("{what}: no messages"));
            let (message, left) = protocols::decode(messages, capture.direction, capture.encoding, &capture.stub)
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(left, 0, "{what}: octets left over");
            let again =
                protocols::encode(&*message, capture.encoding).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(
                same_but_referents(&again, &capture.stub),
                "{what}\nours   {again:02x?}\ntheirs {:02x?}",
                capture.stub
            );
            opnums.insert(capture.opnum);
        }
        let least = if protocol.samba == "clusapi" { 70 } else { 13 };
        assert!(opnums.len() >= least, "{}: captures of {} operations", protocol.samba, opnums.len());
    }
}

/// Whether two stubs are the same, referents aside: any number but 0 may stand for a pointer.
fn same_but_referents(ours: &[u8], theirs: &[u8]) -> bool {
    ours == theirs
        || ours.len() == theirs.len()
            && ours.chunks(4).zip(theirs.chunks(4)).all(|(ours, theirs)| {
                let pointer = matches!(ours, [_, _, 2, 0] | [0, 2, _, _]);
                ours == theirs || pointer && theirs.iter().any(|&octet| octet != 0)
            })
}

/// Every operation that an interface has is in its table, and every reserved slot is not.
#[test]
fn reserved_slots_have_no_messages() {
    let clusapi: &Protocol = &WITNESSED[0];
    assert_eq!(clusapi.operations().count(), 166);
    let reserved: Vec<usize> = clusapi
        .reflection
        .interface
        .operations
        .iter()
        .enumerate()
        .filter(|(_, operation)| operation.reserved)
        .map(|(opnum, _)| opnum)
        .collect();
    assert_eq!(
        reserved,
        [80, 111, 140, 141, 142, 148, 149, 150, 151, 152, 153, 154, 156, 158, 159, 160, 161, 162, 170]
    );
    assert_eq!(WITNESSED[1].operations().count(), 13);
}
