//! Conversations that are cut, in both directions: no task, handle or call is left, and who calls gets
//! an error. At each octet without authentication; with it, every few octets. About ten seconds.
//!
//! Tasks are counted in the whole runtime, so each test has one of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use msrpc::pdu::MUST_RECV_FRAG_SIZE;
use msrpc_ndr::AuthLevel;
use msrpc_tests::rpc::{
    client::{self, Provider, Security},
    interfaces::trial::trial,
    node::{Demands, Node},
    proxy::{Direction, Pdu, Proxy, Relay},
};
use tokio::runtime::Handle;

/// A conversation with a handle that is left open, fragments both ways, and a call that waits.
async fn converse(proxy: &Proxy, security: Security) -> Result<(), String> {
    let failed = |error: String| error;
    let builder = client::at(proxy.address(), security).connect_timeout(Duration::from_secs(5));
    let builder = builder.configure(|config| config.max_frag = MUST_RECV_FRAG_SIZE);
    let channel = builder.connect(&trial::INTERFACE).await.map_err(|error| failed(error.to_string()))?;
    let client = trial::Client::new(channel);
    client.trial_open(1).await.map_err(|error| failed(error.to_string()))?;
    let waiting = client.clone();
    let waiting = tokio::spawn(async move { waiting.trial_wait(1).await.map_err(|error| error.to_string()) });
    let ended = async {
        client.trial_echo(vec![7; 2000]).await.map_err(|error| error.to_string())?;
        client.trial_release(1).await.map_err(|error| error.to_string())
    }
    .await;
    // It ends by itself, or with the connection.
    let waited = tokio::time::timeout(Duration::from_secs(10), waiting).await.map_err(|_| "a call hangs")?;
    ended.and(waited.map_err(|error| error.to_string())?)
}

/// Lets so many octets through in one direction, and then ends it.
fn cut(at: usize, direction: Direction) -> impl Fn(&Pdu) -> Relay + Send + Sync {
    let through = Arc::new(AtomicUsize::new(0));
    move |pdu| {
        if pdu.direction != direction {
            return Relay::on(pdu);
        }
        let len = pdu.octets.len();
        let before = through.fetch_add(len, Ordering::SeqCst);
        if before + len <= at {
            return Relay::on(pdu);
        }
        Relay { send: vec![pdu.octets.slice(..at - before.min(at))], end: true }
    }
}

/// Waits until as many tasks are alive as before.
async fn settled(node: &Node, baseline: usize, what: &str) {
    let start = Instant::now();
    loop {
        let tasks = Handle::current().metrics().num_alive_tasks();
        let (counters, waiting) = (node.trial.counters(), node.trial.waiting());
        if tasks <= baseline && counters == 0 && waiting == 0 {
            return;
        }
        let left = format!("{tasks} tasks instead of {baseline}, {counters} handles, {waiting} calls");
        assert!(start.elapsed() < Duration::from_secs(10), "{what}: {left} are left");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Cuts each conversation, `step` octets further each time.
async fn cut_everywhere(security: Security, step: usize) {
    let node = Node::start(Demands::Nothing).await.unwrap();
    let baseline = Handle::current().metrics().num_alive_tasks();
    let proxy = Proxy::recording(node.address()).await.unwrap();
    converse(&proxy, security).await.unwrap();
    for direction in [Direction::Request, Direction::Response] {
        let pdus = proxy.recorded();
        let of = pdus.iter().filter(|pdu| pdu.direction == direction);
        let total: usize = of.map(|pdu| pdu.octets.len()).sum();
        for at in (0..total).step_by(step) {
            let proxy = Proxy::start(node.address(), cut(at, direction)).await.unwrap();
            let what = format!("{security:?}, {direction:?} cut at {at} of {total}");
            converse(&proxy, security).await.expect_err(&what);
        }
    }
    drop(proxy);
    settled(&node, baseline, &format!("{security:?}")).await;
    // And the server serves.
    let proxy = Proxy::recording(node.address()).await.unwrap();
    converse(&proxy, security).await.unwrap();
    drop(proxy);
    settled(&node, baseline, "the last conversation").await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_conversations_that_are_cut() {
    cut_everywhere(None, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_sealed_conversations_that_are_cut() {
    cut_everywhere(Some((Provider::Ntlm, AuthLevel::Privacy)), 11).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_signed_conversations_in_spnego_that_are_cut() {
    cut_everywhere(Some((Provider::Spnego, AuthLevel::Integrity)), 13).await;
}
