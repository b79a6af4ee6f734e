//! Calls that are given up and peers that vanish: Samba's server, a process that is killed, and a network
//! that goes down. About ten seconds.

use std::{
    collections::VecDeque,
    env,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    pin::Pin,
    process::{Child, Command, Stdio},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_core::Stream;
use msrpc::{
    client::{BoundChannel, ClientBuilder},
    pdu::BindFeatures,
    transport::KeepAlive,
};
use msrpc_ndr::{AuthLevel, Body, CallError, Channel as _, ChannelError, Fault, TransportError};
use msrpc_tests::rpc::{
    client::{self, Provider, Security},
    interfaces::{srvsvc::srvsvc, trial::trial},
    node::{Demands, Node, PASSWORD, USER},
    samba::Samba,
};

const SECURITIES: [Security; 3] =
    [None, Some((Provider::Ntlm, AuthLevel::Privacy)), Some((Provider::Spnego, AuthLevel::Integrity))];

/// Octets, and then nothing more, without end.
struct Stalled(Option<Bytes>);

impl Stream for Stalled {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.take().map_or(Poll::Pending, |chunk| Poll::Ready(Some(Ok(chunk))))
    }
}

fn is_transport(error: &ChannelError) -> bool {
    matches!(error, ChannelError::Transport(_))
}

/// A call of an operation that ends in any answer.
async fn answered(channel: &BoundChannel, opnum: u16, stub: Bytes) -> bool {
    match channel.call(opnum, stub.into()).await {
        Ok(_) | Err(ChannelError::Fault(_)) => true,
        Err(error) => {
            assert!(is_transport(&error), "{error}");
            false
        }
    }
}

/// What our client says about calls that are given up, Samba takes: it ignores it, and the client drops
/// what comes all the same. The sequence numbers of sealed PDUs go on.
#[tokio::test]
async fn samba_serves_a_client_on_that_has_given_calls_up() {
    let Some(samba) = Samba::for_test() else { return };
    for security in SECURITIES {
        let builder = client::to(samba.host(), security, USER, PASSWORD);
        let channel = builder.connect(&srvsvc::INTERFACE).await.unwrap();
        let features = channel.connection().inspect(|association| association.features());
        assert!(features.contains(BindFeatures::KEEP_CONNECTION_ON_ORPHAN), "{features:?}");
        let time = || async { srvsvc::Client::new(channel.clone()).netr_remote_tod(None).await };
        time().await.unwrap();
        // Sent, and not answered yet.
        for _ in 0..20 {
            let call = tokio::spawn({
                let channel = channel.clone();
                async move { srvsvc::Client::new(channel).netr_remote_tod(None).await.map(drop) }
            });
            tokio::task::yield_now().await;
            call.abort();
            let _ = call.await;
        }
        time().await.unwrap_or_else(|error| panic!("{security:?}: {error}"));
        // Of several fragments, and given up once it is sent.
        for len in [10_000, 50_000] {
            let stub = Bytes::from(vec![0xff; len]);
            let dropped = tokio::time::timeout(Duration::from_micros(1), answered(&channel, 28, stub)).await;
            drop(dropped);
            time().await.unwrap_or_else(|error| panic!("{security:?}, {len}: {error}"));
        }
        // Half sent: Samba agrees to keep the connection, and then may wait for the rest.
        let half = Body::from_stream(Stalled(Some(Bytes::from(vec![0xff; 20_000]))));
        let dropped = tokio::time::timeout(Duration::from_millis(50), channel.call(28, half)).await;
        assert!(dropped.is_err());
        // It agreed to keep the connection open, drops nothing of the half, and takes the next request for
        // an error of the protocol. The connection ends with that.
        let next = tokio::time::timeout(Duration::from_secs(10), time()).await.expect("an answer or an end");
        if let Err(error) = next {
            let status = error.fault().map(|fault| fault.status);
            assert_eq!(status, Some(Fault::PROTOCOL_ERROR.status), "{security:?}: {error}");
            let end = tokio::time::timeout(Duration::from_secs(10), time()).await.expect("an end");
            assert!(matches!(end, Err(CallError::Transport(_))), "{security:?}: {end:?}");
            let channel = builder.connect(&srvsvc::INTERFACE).await.unwrap();
            srvsvc::Client::new(channel).netr_remote_tod(None).await.unwrap();
        }
    }
}

/// What makes the test below run its own program again, in a network that it may take down.
const INSIDE: &str = "MSRPC_TEST_NETWORK";

/// The time that it takes until a peer that says nothing counts as gone.
const ALIVE: KeepAlive = KeepAlive { idle: Duration::from_secs(1), interval: Duration::from_secs(1), probes: 2 };

fn ip(arguments: &str) {
    assert!(Command::new("ip").args(arguments.split(' ')).status().unwrap().success(), "ip {arguments}");
}

/// Both sides of connections whose network goes down: one on which nothing is on its way, and one with a
/// request that nobody acknowledges. Takes root, for a network of its own.
#[test]
fn half_open_connections_are_found_on_both_sides() {
    if env::var_os(INSIDE).is_some() {
        return tokio::runtime::Runtime::new().unwrap().block_on(network_goes_down());
    }
    let name = "half_open_connections_are_found_on_both_sides";
    let mut again = Command::new("unshare");
    again.args(["--net", "--"]).arg(env::current_exe().unwrap()).args(["--exact", name, "--nocapture"]);
    let output = again.env(INSIDE, "1").stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

async fn network_goes_down() {
    ip("link set lo up");
    let node = Node::start_with(Demands::Nothing, |builder| builder.keep_alive(Some(ALIVE))).await.unwrap();
    let connect = || async {
        let builder: ClientBuilder = client::at(node.address(), None).keep_alive(Some(ALIVE));
        trial::Client::new(builder.connect(&trial::INTERFACE).await.unwrap())
    };
    let (waiting, sending) = (connect().await, connect().await);
    sending.trial_open(1).await.unwrap();
    waiting.trial_open(1).await.unwrap();
    let waits = tokio::spawn({
        let waiting = waiting.clone();
        async move { waiting.trial_wait(1).await }
    });
    while node.trial.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(node.trial.counters(), 2);
    ip("link set lo down");
    let begun = Instant::now();
    let sends = sending.trial_echo(vec![7; 100]).await;
    assert!(matches!(sends, Err(CallError::Transport(_))), "{sends:?}");
    let waited = waits.await.unwrap();
    assert!(matches!(&waited, Err(CallError::Transport(error)) if !error.is_timeout()), "{waited:?}");
    // The server lets go of all of it: the call is cancelled, the handles are closed.
    while node.trial.counters() + node.trial.waiting() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(12), "{} handles are left", node.trial.counters());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(node.trial.cancelled(), 1);
    let took = begun.elapsed();
    assert!((ALIVE.patience() / 2..Duration::from_secs(12)).contains(&took), "{took:?}");
}

/// What makes the test below run its own program again, as a server.
const SERVE: &str = "MSRPC_TEST_SERVE";

#[test]
fn a_server_whose_process_is_killed_ends_every_call() {
    if env::var_os(SERVE).is_some() {
        return tokio::runtime::Runtime::new().unwrap().block_on(async {
            let node = Node::start(Demands::Nothing).await.unwrap();
            println!("address {}", node.address());
            std::future::pending().await
        });
    }
    let name = "a_server_whose_process_is_killed_ends_every_call";
    let mut again = Command::new(env::current_exe().unwrap());
    again.args(["--exact", name, "--nocapture"]).env(SERVE, "1").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut server = Ended(again.spawn().unwrap());
    let lines = BufReader::new(server.0.stdout.take().unwrap()).lines().map_while(Result::ok);
    let address = lines.into_iter().find_map(|line| line.strip_prefix("address ").and_then(|it| it.parse().ok()));
    tokio::runtime::Runtime::new().unwrap().block_on(killed(address.unwrap(), &mut server));
}

/// A process that is ended with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = (self.0.kill(), self.0.wait());
    }
}

async fn killed(address: SocketAddr, server: &mut Ended) {
    for security in SECURITIES {
        client::at(address, security).connect(&trial::INTERFACE).await.unwrap();
    }
    let mut channels = Vec::new();
    for security in SECURITIES {
        channels.push(client::at(address, security).connect(&trial::INTERFACE).await.unwrap());
    }
    let waiting: Vec<_> = channels
        .iter()
        .map(|channel| {
            let client = trial::Client::new(channel.clone());
            tokio::spawn(async move { client.trial_wait(1).await })
        })
        .collect();
    // A request that never ends, and a response that nobody has read yet.
    let sending = tokio::spawn({
        let channel = channels[1].clone();
        let body = Body::from_stream(Stalled(Some(Bytes::from(vec![1; 3_000_000]))));
        async move { channel.call(0, body).await.map(drop) }
    });
    let mut wanted = (32_u32 << 20).to_le_bytes().to_vec();
    wanted.extend([0; 4]);
    let body = channels[2].call(1, Bytes::from(wanted).into()).await.unwrap().body;
    assert!(!body.is_complete());
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.0.kill().unwrap();
    let begun = Instant::now();
    // Who does not read a response keeps everybody else on the connection waiting.
    assert!(body.collect(usize::MAX).await.is_err());
    for waiting in waiting {
        let ended = waiting.await.unwrap();
        assert!(matches!(&ended, Err(CallError::Transport(error)) if !error.is_timeout()), "{ended:?}");
    }
    assert!(sending.await.unwrap().is_err_and(|error| is_transport(&error)));
    for channel in &channels {
        let next = trial::Client::new(channel.clone()).trial_fail(0).await;
        assert!(matches!(next, Err(CallError::Transport(_))), "{next:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// Threads that make room for requests while others look for it: nobody misses it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn large_requests_at_once_on_several_threads_all_arrive() {
    let node = Node::start(Demands::Nothing).await.unwrap();
    let channel = client::at(node.address(), None).connect(&trial::INTERFACE).await.unwrap();
    let calls: Vec<_> = (0..40)
        .map(|_| {
            let channel = channel.clone();
            tokio::spawn(async move {
                let len = 600_000_u32;
                let head = [len.to_le_bytes(), len.to_le_bytes()].concat();
                let pieces = std::iter::once(Bytes::from(head)).chain((0..60).map(|_| Bytes::from(vec![1; 10_000])));
                // In NDR; in NDR64 counts are wider.
                channel.call(2, Body::from_stream(Pieces(pieces.collect()))).await.map(drop)
            })
        })
        .collect();
    for call in calls {
        let ended = tokio::time::timeout(Duration::from_secs(20), call).await.expect("it hangs").unwrap();
        assert!(matches!(ended, Ok(()) | Err(ChannelError::Fault(_))), "{ended:?}");
    }
    node.stop().await;
}

/// Octets that are there already.
struct Pieces(VecDeque<Bytes>);

impl Stream for Pieces {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}
