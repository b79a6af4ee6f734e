//! Generated code against bytes and decoders that we did not write: every operation of every
//! interface that Samba knows, request and response, in NDR of both byte orders and NDR64.

use std::collections::BTreeSet;

use msrpc_ndr::reflect::{AnyMessage, Random, Value};
use msrpc_tests::{
    fixtures,
    ndrdump::{Direction, Encoding, Peer, Stub, Verdict, check},
    protocols::{self, PROTOCOLS, witnessed},
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
    for (samba, protocol) in witnessed() {
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
                    let sent = Stub::new(samba, opnum, Direction::Request, encoding, &stub);
                    let came = Stub::new(samba, opnum, Direction::Response, encoding, &answer).answering(&stub);
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
                panic!("{samba}: {error}");
            }
        }
        let agreed = agreed.into_inner();
        let complete = peer.borrow().is_complete();
        // Every message but the few that the list of divergences excuses was really compared.
        let least = match (samba, complete) {
            ("clusapi", true) => 960,
            ("clusapi", false) => 640,
            (_, true) => 75,
            (_, false) => 50,
        };
        assert!(agreed.len() >= least, "{samba}: only {} messages agreed on", agreed.len());
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
    for protocol in &PROTOCOLS {
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
    for (samba, protocol) in witnessed() {
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
        let least = if samba == "clusapi" { 70 } else { 13 };
        assert!(opnums.len() >= least, "{}: captures of {} operations", samba, opnums.len());
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

/// The operations whose requests changed from ClusAPI 2.0 to 3.0: ApiDeleteGroup got `force`,
/// ApiSetGroupNodeList counts characters where it counted octets, ApiGetNotify lost its time limit.
const CHANGED: [u16; 3] = [43, 54, 65];

/// ClusAPI 2.0, which Samba does not know, is 3.0 without `rpc_status`, on the wire too: what its
/// code marshals, the code of 3.0, which Samba agrees with, reads as the same values.
#[test]
fn version_2_of_clusapi_is_version_3_without_rpc_status() {
    let [version_3, _, version_2, ..] = &PROTOCOLS;
    let mut compared = 0;
    for (opnum, name, messages) in version_2.operations().filter(|(opnum, ..)| !CHANGED.contains(opnum)) {
        let newer = version_3.messages(opnum).unwrap_or_else(|| panic!("{name} ({opnum}): not in version 3"));
        let read = |direction, encoding, stub: &[u8]| {
            let read = protocols::decode(newer, direction, encoding, stub);
            let (message, left) = read.unwrap_or_else(|error| panic!("{name} {direction:?} {encoding:?}: {error}"));
            assert_eq!(left, 0, "{name} {direction:?} {encoding:?}: octets left over");
            values(&*message)
        };
        for seed in 0..24 {
            let (request, response) = (messages.random)(&mut Random::new(seed));
            for encoding in Encoding::ALL {
                let stub = protocols::encode(&*request, encoding).unwrap();
                assert_eq!(read(Direction::Request, encoding, &stub), values(&*request), "{name} {encoding:?}");

                let mut stub = protocols::encode(&*response, encoding).unwrap();
                let mut values = values(&*response);
                if !WITHOUT_RPC_STATUS.contains(&opnum) {
                    // Before the value returned, which is a status or a handle.
                    let returned = if matches!(values.last(), Some(Value::Handle(_))) { 20 } else { 4 };
                    stub.splice(stub.len() - returned..stub.len() - returned, [0; 4]);
                    values.insert(values.len() - 1, Value::Uint(0));
                }
                assert_eq!(read(Direction::Response, encoding, &stub), values, "{name} {encoding:?}");
                compared += 2;
            }
        }
    }
    assert_eq!(compared, 105 * 24 * 3 * 2);
}

/// The operations up to 108 that have no `rpc_status` in version 3.
const WITHOUT_RPC_STATUS: [u16; 13] = [0, 1, 3, 4, 11, 37, 44, 56, 67, 82, 93, 107, 108];

/// The parameters of a message and the value returned, without their names: a few have changed.
fn values(message: &dyn AnyMessage) -> Vec<Value> {
    match message.reflect() {
        Value::Struct(parameters) => parameters.into_iter().map(|(_, value)| value).collect(),
        other => panic!("not a message: {other:?}"),
    }
}

/// Every operation that an interface has is in its table, and every reserved slot is not.
#[test]
fn reserved_slots_have_no_messages() {
    let counts = [166, 13, 108, 6, 1, 2];
    let reserved: [&[usize]; 6] = [
        &[80, 111, 140, 141, 142, 148, 149, 150, 151, 152, 153, 154, 156, 158, 159, 160, 161, 162, 170],
        &[],
        &[80],
        &[],
        &[],
        &[0, 1, 2],
    ];
    for ((protocol, count), reserved) in PROTOCOLS.iter().zip(counts).zip(reserved) {
        let slots = protocol.reflection.interface.operations.iter().enumerate();
        let found: Vec<usize> = slots.filter(|(_, operation)| operation.reserved).map(|(opnum, _)| opnum).collect();
        assert_eq!((protocol.operations().count(), &*found), (count, reserved), "{}", protocol.fixtures);
    }
}
