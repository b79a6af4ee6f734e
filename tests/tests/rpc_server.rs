//! A server's life: addresses of both families, and an end that waits for what is in progress, though
//! not for ever.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use msrpc::{
    client::{BoundChannel, ClientBuilder},
    server::Server,
};
use msrpc_ndr::{CallError, Fault};
use msrpc_tests::rpc::{
    interfaces::trial::trial,
    node::{Demands, Node, PASSWORD, USER},
    trial::Trial,
};

async fn start(binding: &str) -> (Server, Trial, u16) {
    let (builder, _log, trial) = Node::builder(Demands::Nothing).unwrap();
    let server = builder.listen(binding).await.unwrap().start().unwrap();
    let port = server.tcp_addresses()[0].port();
    (server, trial, port)
}

async fn connect(host: &str, port: u16) -> trial::Client<BoundChannel> {
    let builder = ClientBuilder::to(&format!("ncacn_ip_tcp:{host}[{port},seal]")).unwrap();
    let channel = builder.credentials(USER, PASSWORD).connect(&trial::INTERFACE).await;
    trial::Client::new(channel.unwrap_or_else(|error| panic!("{host}: {error}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_host_listens_on_both_families() {
    let (server, _, port) = start("ncacn_ip_tcp:").await;
    // Some systems have no IPv6 at all.
    let six = TcpListener::bind("[::1]:0").is_ok();
    for host in ["127.0.0.1", "::1"].into_iter().filter(|host| six || *host != "::1") {
        assert_eq!(connect(host, port).await.trial_sum(vec![1; 7]).await.unwrap(), 7, "{host}");
    }
    server.shutdown(Duration::from_secs(5)).await;
    if six {
        let (server, _, port) = start("ncacn_ip_tcp:::1").await;
        assert_eq!(connect("::1", port).await.trial_sum(vec![1; 7]).await.unwrap(), 7);
        server.shutdown(Duration::from_secs(5)).await;
    }
}

/// A connection with a call that waits, and one with nothing to do.
async fn busy(trial: &Trial, port: u16) -> (trial::Client<BoundChannel>, tokio::task::JoinHandle<Result<(), String>>) {
    let client = connect("127.0.0.1", port).await;
    let waiting = client.clone();
    let waiting = tokio::spawn(async move { waiting.trial_wait(1).await.map_err(|error| error.to_string()) });
    while trial.waiting() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    (client, waiting)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_lets_calls_end() {
    let (server, trial, port) = start("ncacn_ip_tcp:127.0.0.1").await;
    let (client, waiting) = busy(&trial, port).await;
    let idle = connect("127.0.0.1", port).await;
    let start = Instant::now();
    let stopping = tokio::spawn(server.shutdown(Duration::from_secs(30)));
    // Nobody new is let in, and who has nothing to do is let go.
    while ClientBuilder::to(&format!("ncacn_ip_tcp:127.0.0.1[{port}]"))
        .unwrap()
        .connect_timeout(Duration::from_millis(200))
        .connect(&trial::INTERFACE)
        .await
        .is_ok()
    {
        assert!(start.elapsed() < Duration::from_secs(10));
    }
    let error = idle.trial_sum(vec![1]).await.unwrap_err();
    assert!(matches!(error, CallError::Transport(_)), "{error}");
    assert!(!waiting.is_finished() && !stopping.is_finished());
    // Other calls are for another server; a client may try them there.
    let error = client.trial_release(1).await.unwrap_err();
    assert_eq!(error.fault(), Some(Fault::SERVER_TOO_BUSY), "{error}");
    trial.release(1);
    waiting.await.unwrap().unwrap();
    stopping.await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_in_time_is_cut_off() {
    let (server, trial, port) = start("ncacn_ip_tcp:127.0.0.1").await;
    let (client, waiting) = busy(&trial, port).await;
    client.trial_open(1).await.unwrap();
    let start = Instant::now();
    server.shutdown(Duration::from_millis(100)).await;
    assert!(start.elapsed() < Duration::from_secs(10));
    let error = waiting.await.unwrap().unwrap_err();
    assert!(error.contains("closed"), "{error}");
    // The implementation is told, and comes to its end; the handle is run down.
    while trial.waiting() + trial.counters() > 0 {
        assert!(start.elapsed() < Duration::from_secs(10), "{} {}", trial.waiting(), trial.counters());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
