//! Our client and our server over TCP: large, slow and failing calls.

use std::time::{Duration, Instant};

use msrpc::binding::{BindingOption, StringBinding};
use msrpc_ndr::{AuthLevel, CallError, Channel as _, Encoding};
use msrpc_tests::rpc::{
    client::{self, Provider, Security},
    interfaces::trial::trial,
    node::{Demands, Node, PASSWORD, USER},
    trial::{level_number, pattern},
};

type Client = trial::Client<msrpc::client::BoundChannel>;

async fn connect(node: &Node, security: Security) -> Client {
    trial::Client::new(client::at(node.address(), security).connect(&trial::INTERFACE).await.unwrap())
}

/// Waits for what another task does.
async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn securities() -> Vec<Security> {
    let levels = [AuthLevel::Connect, AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy];
    let all = Provider::ALL.into_iter().flat_map(|provider| levels.map(|level| Some((provider, level))));
    [None].into_iter().chain(all).collect()
}

/// Sizes around those of fragments, both ways, at every level in every encoding.
#[tokio::test(flavor = "multi_thread")]
async fn large_calls() {
    let node = Node::start(Demands::Nothing).await.unwrap();
    for security in securities() {
        for (flag, encoding) in [("ndr32", Encoding::NDR), ("bigendian", Encoding::NDR_BIG), ("ndr64", Encoding::NDR64)]
        {
            let mut binding = StringBinding::tcp("127.0.0.1", node.address().port());
            binding.options.push(BindingOption { name: flag.to_owned(), value: None });
            let builder = client::to(binding, security, USER, PASSWORD);
            let channel = builder.connect(&trial::INTERFACE).await.unwrap();
            assert_eq!(channel.encoding(), encoding);
            let client = trial::Client::new(channel);
            for len in [0, 1, 5700, 5800, 5816, 5840, 11_680, 300_000] {
                let data = pattern(len, 3);
                let echo = client.trial_echo(data.clone()).await.unwrap();
                assert!(echo.reply.as_ref() == Some(&data), "{security:?} {encoding:?} {len}");
            }
        }
    }
    // Larger than what is held back until it is complete.
    let client = connect(&node, Some((Provider::Ntlm, AuthLevel::Privacy))).await;
    let made = client.trial_make(5_000_000, 9).await.unwrap();
    assert!(made.pattern == Some(pattern(5_000_000, 9)));
    let sum = client.trial_sum(vec![1; 5_000_000]).await.unwrap();
    assert_eq!(sum, 5_000_000);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_calls() {
    let node = Node::start(Demands::Nothing).await.unwrap();
    for security in securities() {
        let who = connect(&node, security).await.trial_who_am_i().await.unwrap();
        let expected = match security {
            None => (None, 0, AuthLevel::None),
            Some((provider, level)) => (Some(USER.to_owned()), provider.number().into(), level),
        };
        let user = who.user.map(|user| user.to_string_lossy());
        assert_eq!((user, who.auth_service, who.auth_level), (expected.0, expected.1, level_number(expected.2)));
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_calls() {
    let node = Node::start(Demands::Nothing).await.unwrap();
    for security in securities() {
        let client = connect(&node, security).await;
        client.trial_fail(0).await.unwrap();
        let error = client.trial_fail(1234).await.unwrap_err();
        assert_eq!(error.status().map(|status| status.0), Some(1234));
        let error = client.trial_fault(0x1c00_0012).await.unwrap_err();
        assert!(matches!(error, CallError::Fault(fault) if fault.status == 0x1c00_0012), "{error}");
        // The connection is as good as before.
        client.trial_fail(0).await.unwrap();
    }
    node.stop().await;
}

/// Slow calls do not hold up others of the connection, and answers come in any order.
#[tokio::test(flavor = "multi_thread")]
async fn slow_calls() {
    let node = Node::start(Demands::Nothing).await.unwrap();
    for security in [None, Some((Provider::Spnego, AuthLevel::Privacy))] {
        let client = connect(&node, security).await;
        let slow: Vec<_> = (1..=8)
            .map(|ticket| {
                let client = client.clone();
                tokio::spawn(async move { client.trial_wait(ticket).await })
            })
            .collect();
        until("eight calls wait", || node.trial.waiting() == 8).await;
        assert_eq!(client.trial_sum(vec![1; 10]).await.unwrap(), 10);
        for (ticket, call) in (1..=8).zip(slow).collect::<Vec<_>>().into_iter().rev() {
            assert!(!call.is_finished());
            client.trial_release(ticket).await.unwrap();
            call.await.unwrap().unwrap();
        }
    }
    node.stop().await;
}

/// Who drops a call cancels it, and who goes away cancels all that he has.
#[tokio::test(flavor = "multi_thread")]
async fn cancelled_calls() {
    let node = Node::start(Demands::Nothing).await.unwrap();
    let client = connect(&node, Some((Provider::Ntlm, AuthLevel::Integrity))).await;
    let dropped = tokio::time::timeout(Duration::from_millis(50), client.trial_wait(1)).await;
    assert!(dropped.is_err());
    until("the call is cancelled", || node.trial.cancelled() == 1).await;
    assert_eq!(client.trial_sum(vec![1; 10]).await.unwrap(), 10);
    let calls: Vec<_> = (1..=4)
        .map(|ticket| {
            let client = client.clone();
            tokio::spawn(async move { client.trial_wait(ticket).await })
        })
        .collect();
    until("four calls wait", || node.trial.waiting() == 4).await;
    calls.iter().for_each(tokio::task::JoinHandle::abort);
    drop(client);
    until("all are cancelled", || node.trial.cancelled() == 5).await;
    node.stop().await;
}

/// Handles live as long as the association group, and no longer.
#[tokio::test(flavor = "multi_thread")]
async fn handles() {
    let node = Node::start(Demands::Nothing).await.unwrap();
    let security = Some((Provider::Ntlm, AuthLevel::Privacy));
    let client = connect(&node, security).await;
    let counter = client.trial_open(40).await.unwrap();
    assert_eq!(client.trial_add(&counter, 2).await.unwrap(), 42);
    // Another client's handles mean nothing.
    let stranger = connect(&node, security).await;
    stranger.trial_add(&counter, 1).await.unwrap_err();
    let closed = client.trial_close(Some(counter.clone())).await.unwrap();
    assert!(closed.is_none());
    assert_eq!(node.trial.counters(), 0);
    let error = client.trial_add(&counter, 1).await.unwrap_err();
    assert!(matches!(error, CallError::Fault(_)), "{error}");
    for _ in 0..10 {
        client.trial_open(0).await.unwrap();
    }
    assert_eq!(node.trial.counters(), 10);
    drop(client);
    until("the counters are gone", || node.trial.counters() == 0).await;
    node.stop().await;
}
