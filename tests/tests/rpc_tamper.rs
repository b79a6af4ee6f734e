//! A man in the middle changes, repeats, swaps and drops protected PDUs between our client and our
//! server, in both directions. What happens to handshakes is in `rpc/tests/auth_tamper.rs`.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use msrpc_ndr::AuthLevel;
use msrpc_tests::rpc::{
    client::{self, Provider},
    interfaces::trial::trial,
    node::{Demands, Node},
    proxy::{Pdu, Proxy, REQUEST, RESPONSE, Relay},
};

type Client = trial::Client<msrpc::client::BoundChannel>;

const LEVELS: [AuthLevel; 3] = [AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy];
const DATA: &[u8] = b"what nobody may change";

fn sum() -> u32 {
    DATA.iter().copied().map(u32::from).sum()
}

async fn connect(proxy: &Proxy, provider: Provider, level: AuthLevel) -> Client {
    connect_signing(proxy, provider, level, true).await
}

async fn connect_signing(proxy: &Proxy, provider: Provider, level: AuthLevel, signs_headers: bool) -> Client {
    let builder = client::at(proxy.address(), Some((provider, level))).call_timeout(Duration::from_secs(10));
    let builder = builder.configure(|config| config.header_signing = signs_headers);
    trial::Client::new(builder.connect(&trial::INTERFACE).await.unwrap())
}

/// The operations that have run since the last time.
fn ran(node: &Node) -> Vec<&'static str> {
    node.log.take().into_iter().map(|call| call.operation).collect()
}

/// The server still serves.
async fn lives(node: Node) {
    let builder = client::at(node.address(), Some((Provider::Spnego, AuthLevel::Privacy)));
    let client = trial::Client::new(builder.connect(&trial::INTERFACE).await.unwrap());
    assert_eq!(client.trial_sum(DATA).await.unwrap(), sum());
    drop(client);
    node.stop().await;
}

/// Changes one octet of the first PDU of a kind, at each place, in two ways.
async fn flip(kind: u8, provider: Provider, level: AuthLevel, signs_headers: bool) {
    const NONE: usize = usize::MAX;
    /// Where `frag_length` is, and the byte order that it is in.
    const LENGTH: [usize; 3] = [4, 8, 9];
    let node = Node::start(Demands::Nothing).await.unwrap();
    let place = Arc::new((AtomicUsize::new(NONE), AtomicUsize::new(0), AtomicUsize::new(0)));
    let proxy = Proxy::start(node.address(), {
        let place = Arc::clone(&place);
        move |pdu: &Pdu| {
            let (at, mask, len) = &*place;
            if pdu.kind() != kind {
                return Relay::on(pdu);
            }
            len.store(pdu.octets.len(), Ordering::SeqCst);
            let mut octets = pdu.octets.to_vec();
            let at = at.load(Ordering::SeqCst);
            match octets.get_mut(at) {
                None => Relay::on(pdu),
                Some(octet) => {
                    *octet ^= mask.load(Ordering::SeqCst).to_le_bytes()[0];
                    // If a length is what has changed, the receiver waits for more: it has to see the end.
                    Relay { send: vec![octets.into()], end: LENGTH.contains(&at) }
                }
            }
        }
    })
    .await
    .unwrap();
    assert_eq!(connect_signing(&proxy, provider, level, signs_headers).await.trial_sum(DATA).await.unwrap(), sum());
    assert_eq!(ran(&node), ["TrialSum"]);
    let len = place.2.load(Ordering::SeqCst);
    assert!(len > 24 + 4 + 24, "{len}");
    // The way of it changes nothing: what is not changed goes through.
    place.0.store(0, Ordering::SeqCst);
    assert_eq!(connect_signing(&proxy, provider, level, signs_headers).await.trial_sum(DATA).await.unwrap(), sum());
    assert_eq!(ran(&node), ["TrialSum"]);
    for at in 0..len {
        for mask in [1 << (at % 8), 0xff] {
            place.0.store(NONE, Ordering::SeqCst);
            let client = connect_signing(&proxy, provider, level, signs_headers).await;
            place.1.store(mask, Ordering::SeqCst);
            place.0.store(at, Ordering::SeqCst);
            let outcome = client.trial_sum(DATA).await;
            let error = outcome.expect_err(&format!("octet {at} ^ {mask:#x} at {level:?} goes through"));
            assert!(!error.to_string().contains("within"), "octet {at} ^ {mask:#x}: {error}");
            if kind == REQUEST {
                assert_eq!(ran(&node), [""; 0], "octet {at} ^ {mask:#x} at {level:?}");
            }
        }
    }
    let _ = node.log.take();
    lives(node).await;
}

async fn flips(kind: u8, provider: Provider) {
    for level in LEVELS {
        flip(kind, provider, level, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_with_ntlm() {
    flips(REQUEST, Provider::Ntlm).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_with_spnego() {
    flips(REQUEST, Provider::Spnego).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_with_ntlm() {
    flips(RESPONSE, Provider::Ntlm).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_with_spnego() {
    flips(RESPONSE, Provider::Spnego).await;
}

/// NTLM covers headers, whether header signing was negotiated or not, and in SPNEGO too.
#[tokio::test(flavor = "multi_thread")]
async fn without_header_signing() {
    for (kind, level) in
        [(REQUEST, AuthLevel::Integrity), (REQUEST, AuthLevel::Privacy), (RESPONSE, AuthLevel::Privacy)]
    {
        for provider in Provider::ALL {
            flip(kind, provider, level, false).await;
        }
    }
}

fn everything() -> impl Iterator<Item = (Provider, AuthLevel)> {
    Provider::ALL.into_iter().flat_map(|provider| LEVELS.map(|level| (provider, level)))
}

/// A request that comes twice does not run twice.
#[tokio::test(flavor = "multi_thread")]
async fn replayed_on_the_same_connection() {
    let node = Node::start(Demands::Nothing).await.unwrap();
    for (provider, level) in everything() {
        let armed = AtomicBool::new(true);
        let twice = move |pdu: &Pdu| {
            let mut relay = Relay::on(pdu);
            if pdu.kind() == REQUEST && armed.swap(false, Ordering::SeqCst) {
                relay.send.push(pdu.octets.clone());
            }
            relay
        };
        let proxy = Proxy::start(node.address(), twice).await.unwrap();
        let client = connect(&proxy, provider, level).await;
        // The copy may end the connection before the answer is out, or before the call is run.
        let _ = client.trial_sum(DATA).await;
        client.trial_release(1).await.expect_err("the connection goes on after a replay");
        assert!(matches!(*ran(&node), [] | ["TrialSum"]), "{provider:?} {level:?}");
    }
    lives(node).await;
}

/// A response that comes twice ends the connection, and answers nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn responses_replayed() {
    let node = Node::start(Demands::Nothing).await.unwrap();
    for (provider, level) in everything() {
        // The first answer again, in place of the second and behind itself.
        for instead in [true, false] {
            let first: Mutex<Option<Bytes>> = Mutex::new(None);
            let proxy = Proxy::start(node.address(), move |pdu: &Pdu| {
                if pdu.kind() != RESPONSE {
                    return Relay::on(pdu);
                }
                match &mut *first.lock().unwrap() {
                    Some(octets) if instead => Relay::instead(octets.clone()),
                    Some(_) => Relay::on(pdu),
                    empty => {
                        *empty = Some(pdu.octets.clone());
                        let copies = if instead { 1 } else { 2 };
                        Relay { send: vec![pdu.octets.clone(); copies], end: false }
                    }
                }
            })
            .await
            .unwrap();
            let client = connect(&proxy, provider, level).await;
            assert_eq!(client.trial_sum(DATA).await.unwrap(), sum());
            client.trial_sum(DATA).await.expect_err("a response that was replayed");
        }
    }
    let _ = node.log.take();
    lives(node).await;
}

/// Two responses in the wrong order answer neither call, and so does one without the one before it.
#[tokio::test(flavor = "multi_thread")]
async fn responses_swapped_and_dropped() {
    let node = Node::start(Demands::Nothing).await.unwrap();
    for (provider, level) in everything() {
        for drops in [false, true] {
            let held: Mutex<Option<Bytes>> = Mutex::new(None);
            let proxy = Proxy::start(node.address(), move |pdu: &Pdu| {
                if pdu.kind() != RESPONSE {
                    return Relay::on(pdu);
                }
                match held.lock().unwrap().replace(pdu.octets.clone()) {
                    None => Relay { send: Vec::new(), end: false },
                    Some(_) if drops => Relay::instead(pdu.octets.clone()),
                    Some(before) => Relay { send: vec![pdu.octets.clone(), before], end: false },
                }
            })
            .await
            .unwrap();
            let client = connect(&proxy, provider, level).await;
            let (one, two) = tokio::join!(client.trial_sum(DATA), client.trial_sum(DATA));
            assert!(one.is_err() && two.is_err(), "{provider:?} {level:?}: {one:?} {two:?}");
        }
    }
    let _ = node.log.take();
    lives(node).await;
}

/// A request of one connection means nothing on another.
#[tokio::test(flavor = "multi_thread")]
async fn replayed_on_another_connection() {
    let node = Node::start(Demands::Nothing).await.unwrap();
    for (provider, level) in everything() {
        let first: Mutex<Option<Bytes>> = Mutex::new(None);
        let proxy = Proxy::start(node.address(), move |pdu: &Pdu| {
            if pdu.kind() != REQUEST {
                return Relay::on(pdu);
            }
            match &mut *first.lock().unwrap() {
                Some(octets) => Relay::instead(octets.clone()),
                empty => {
                    *empty = Some(pdu.octets.clone());
                    Relay::on(pdu)
                }
            }
        })
        .await
        .unwrap();
        assert_eq!(connect(&proxy, provider, level).await.trial_sum(DATA).await.unwrap(), sum());
        assert_eq!(ran(&node), ["TrialSum"]);
        connect(&proxy, provider, level).await.trial_sum(DATA).await.expect_err("a request of another connection");
        assert_eq!(ran(&node), [""; 0], "{provider:?} {level:?}");
    }
    lives(node).await;
}

/// Two requests in the wrong order, and one without the one before it.
#[tokio::test(flavor = "multi_thread")]
async fn swapped_and_dropped() {
    let node = Node::start(Demands::Nothing).await.unwrap();
    for (provider, level) in everything() {
        for drops in [false, true] {
            let held: Mutex<Option<Bytes>> = Mutex::new(None);
            let proxy = Proxy::start(node.address(), move |pdu: &Pdu| {
                if pdu.kind() != REQUEST {
                    return Relay::on(pdu);
                }
                match held.lock().unwrap().replace(pdu.octets.clone()) {
                    None => Relay { send: Vec::new(), end: false },
                    Some(_) if drops => Relay::instead(pdu.octets.clone()),
                    Some(before) => Relay { send: vec![pdu.octets.clone(), before], end: false },
                }
            })
            .await
            .unwrap();
            let client = connect(&proxy, provider, level).await;
            let (one, two) = tokio::join!(client.trial_sum(DATA), client.trial_sum(DATA));
            assert!(one.is_err() && two.is_err(), "{provider:?} {level:?}: {one:?} {two:?}");
            assert_eq!(ran(&node), [""; 0], "{provider:?} {level:?}");
        }
    }
    lives(node).await;
}

/// A request without its trailer does not count as one that needs none.
#[tokio::test(flavor = "multi_thread")]
async fn stripped_of_protection() {
    let node = Node::start(Demands::Nothing).await.unwrap();
    for (provider, level) in everything() {
        let proxy = Proxy::start(node.address(), |pdu: &Pdu| {
            if pdu.kind() != REQUEST {
                return Relay::on(pdu);
            }
            let mut octets = pdu.octets.to_vec();
            let auth_len = usize::from(u16::from_le_bytes([octets[10], octets[11]]));
            octets.truncate(octets.len() - auth_len - 8);
            let len = u16::try_from(octets.len()).unwrap();
            octets[8..10].copy_from_slice(&len.to_le_bytes());
            octets[10..12].fill(0);
            Relay::instead(octets)
        })
        .await
        .unwrap();
        connect(&proxy, provider, level).await.trial_sum(DATA).await.expect_err("a request without its trailer");
        assert_eq!(ran(&node), [""; 0], "{provider:?} {level:?}");
    }
    lives(node).await;
}
