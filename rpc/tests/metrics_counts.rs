//! What servers and clients count, over TCP and in memory.
#![allow(missing_docs)]

mod assoc;
mod loss;

use std::{sync::Arc, time::Duration};

use loss::{ECHO, INTERFACE, Mode, OTHER, Pieces, SOURCE, STUBBORN, Server, WAIT, call, pattern, turns};
use msrpc::{
    client::ClientBuilder,
    metrics::{ClientMetrics, Operation, ServerMetrics, Snapshot},
    transport::memory,
};
use msrpc_ndr::{Body, Channel};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn operation(all: &[Operation], opnum: Option<u16>) -> &Operation {
    all.iter().find(|it| it.interface == "loss" && it.opnum == opnum).unwrap_or_else(|| panic!("{opnum:?}: {all:?}"))
}

fn ended(snapshot: &Snapshot, reason: &str) -> u64 {
    snapshot.connections_ended.iter().find(|tally| tally.what == reason).map(|tally| tally.count).unwrap()
}

fn server_and_metrics() -> (Server, Arc<ServerMetrics>) {
    let server = Server::new();
    let metrics = Arc::clone(&server.config.metrics);
    (server, metrics)
}

#[tokio::test]
async fn both_sides_count_the_same_calls_and_octets() {
    for mode in [Mode::PLAIN, Mode::SEALED] {
        let (server, metrics) = server_and_metrics();
        let counted = Arc::new(ClientMetrics::default());
        let (near, far) = memory::pair(mode.room);
        let served = server.serve(far);
        let builder = Server::builder(mode).metrics(Arc::clone(&counted));
        let channel = builder.bind(near, &INTERFACE).await.unwrap();
        for len in [0, 100, 5000] {
            call(&channel, ECHO, pattern(len)).await.unwrap();
        }
        call(&channel, ECHO, Pieces::body(30_000)).await.unwrap();
        for opnum in [99, 100, u16::MAX] {
            // No operation is there: this server answers them all with its last.
            drop(channel.call(opnum, Body::empty()).await.unwrap());
        }
        let waiting = channel.clone();
        let waiting = tokio::spawn(async move { call(&waiting, WAIT, Body::empty()).await });
        turns(100).await;
        let (there, here) = (metrics.snapshot(), counted.snapshot());
        assert_eq!((there.connections, there.connections_accepted), (1, 1));
        assert_eq!((here.connections, here.connections_opened), (1, 1));
        assert_eq!(
            (operation(&there.operations, Some(WAIT)).in_flight, operation(&here.operations, Some(WAIT)).in_flight),
            (1, 1)
        );
        waiting.abort();
        turns(200).await;
        drop(channel);
        served.await.unwrap().unwrap();
        turns(100).await;
        let (there, here) = (metrics.snapshot(), counted.snapshot());
        assert_eq!((there.octets_received, there.octets_sent), (here.octets_sent, here.octets_received), "{mode:?}");
        assert_eq!((there.connections, here.connections, ended(&there, "closed")), (0, 0, 1));
        for side in [&there.operations, &here.operations] {
            let echo = operation(side, Some(ECHO));
            assert_eq!((echo.operation, echo.calls, echo.in_flight, echo.failed, echo.faults), ("Echo", 4, 0, 0, 0));
            assert!((35_100..35_100 + 64).contains(&echo.request_octets), "{echo:?}");
            assert!((35_100..35_100 + 64).contains(&echo.response_octets), "{echo:?}");
            assert_eq!(echo.latency.count, 4);
            assert_eq!(operation(side, None).calls, 3);
            assert_eq!(side.len(), 3);
        }
        // Who gave up learns nothing; the server's method ended in a fault.
        let (there, here) = (operation(&there.operations, Some(WAIT)), operation(&here.operations, Some(WAIT)));
        assert_eq!((there.calls, there.in_flight, there.faults, there.failed), (1, 0, 1, 0));
        assert_eq!((here.calls, here.in_flight, here.faults, here.failed), (1, 0, 0, 1));
        assert_eq!(metrics.snapshot().cancels, 1);
        let authentications = metrics.snapshot().authentications;
        let expected = if mode.sealed { vec![("other", "accepted", 1)] } else { vec![] };
        let found: Vec<_> = authentications.iter().map(|(by, it)| (&**by, &*it.what, it.count)).collect();
        assert_eq!(found, expected);
        let [calls, made, received, sent] = metrics.totals();
        assert_eq!((calls, made), (8, 0));
        assert!(received > 8 && sent > 8);
    }
}

#[tokio::test]
async fn connections_end_for_the_reason_that_they_end_for() {
    let (server, metrics) = server_and_metrics();
    // Octets that are no PDU.
    let (mut near, far) = memory::pair(4000);
    let served = server.serve(far);
    near.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let _ = near.read_to_end(&mut Vec::new()).await;
    served.await.unwrap().unwrap_err();
    assert_eq!(ended(&metrics.snapshot(), "malformed"), 1);
    // A wrong secret.
    let (near, far) = memory::pair(4000);
    let served = server.serve(far);
    let builder =
        Server::builder(Mode::PLAIN).authenticate(|_| Box::new(assoc::provider::TestContext::initiator(8, 3)));
    builder.bind(near, &INTERFACE).await.unwrap_err();
    let _ = served.await;
    let snapshot = metrics.snapshot();
    let refused = snapshot.authentications.iter().find(|(_, it)| it.what == "refused");
    assert_eq!(refused.map(|(_, it)| it.count), Some(1), "{snapshot:?}");
    // Nobody waits for the end of a task that is dropped.
    let (channel, served) = server.connect(Mode::PLAIN).await.unwrap();
    served.abort();
    let _ = served.await;
    assert_eq!(ended(&metrics.snapshot(), "cut_off"), 1);
    drop(channel);
    turns(50).await;
    let snapshot = metrics.snapshot();
    let all: u64 = snapshot.connections_ended.iter().map(|tally| tally.count).sum();
    assert_eq!((snapshot.connections, snapshot.connections_accepted, all), (0, 3, 3));
}

#[tokio::test]
async fn faults_are_counted_by_status_and_orphans_too() {
    let (server, metrics) = server_and_metrics();
    let (channel, _served) = server.connect(Mode::PLAIN).await.unwrap();
    drop(channel.call(SOURCE, Body::empty()).await.unwrap());
    let waiting = tokio::time::timeout(Duration::from_millis(5), call(&channel, WAIT, Body::empty())).await;
    assert!(waiting.is_err());
    turns(500).await;
    let snapshot = metrics.snapshot();
    assert_eq!((snapshot.orphans, snapshot.cancels), (1, 1));
    // The orphaned one gets no answer.
    let faults: Vec<_> = snapshot.faults.iter().map(|tally| (&*tally.what, tally.count)).collect();
    assert_eq!(faults, [("nca_s_fault_cancel", 1)]);
}

#[tokio::test]
async fn nothing_that_a_client_sends_makes_more_places() {
    let (server, metrics) = server_and_metrics();
    let (channel, _served) = server.connect(Mode { room: 100_000, ..Mode::PLAIN }).await.unwrap();
    let other = channel.bind(&OTHER).await.unwrap();
    for opnum in (11..40).chain(65_500..=u16::MAX) {
        drop(channel.call(opnum, Body::empty()).await.unwrap());
        drop(other.call(opnum, Body::empty()).await.unwrap());
    }
    let operations = metrics.snapshot().operations;
    let places: Vec<_> = operations.iter().map(|it| (it.interface, it.opnum, it.operation, it.calls)).collect();
    assert_eq!(places, [("loss", None, "other", 65), ("other", None, "other", 65)]);
}

#[tokio::test]
async fn a_method_that_outlives_its_connection_is_in_flight() {
    let (server, metrics) = server_and_metrics();
    let (channel, served) = server.connect(Mode::PLAIN).await.unwrap();
    let dropped = tokio::time::timeout(Duration::from_millis(5), call(&channel, STUBBORN, Body::empty())).await;
    assert!(dropped.is_err());
    drop(channel);
    served.await.unwrap().unwrap();
    let in_flight = || operation(&metrics.snapshot().operations, Some(STUBBORN)).in_flight;
    assert_eq!(in_flight(), 1);
    server.counts.permits.add_permits(1);
    server.settled("it has ended").await;
    assert_eq!(in_flight(), 0);
}

/// The kernel's keep-alive timers of a connection, in hundredths of a second.
#[cfg(target_os = "linux")]
fn timers(port: u16) -> Vec<u64> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = format!("{port:04X}");
    let of = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let ours = fields.get(1..3)?.iter().any(|address| address.ends_with(&port));
        // An established connection, whose timer is that of keep-alive.
        let (kind, when) = fields.get(5)?.split_once(':')?;
        (ours && fields.get(3) == Some(&"01") && kind == "02").then(|| u64::from_str_radix(when, 16).ok()).flatten()
    };
    table.lines().filter_map(of).collect()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn connections_over_tcp_are_kept_alive_on_both_sides_as_it_is_set() {
    use msrpc::{binding::StringBinding, server, transport::KeepAlive};
    use msrpc_protocols::mgmt::mgmt;

    let hour = KeepAlive { idle: Duration::from_secs(3600), ..KeepAlive::default() };
    for (alive, least, most) in [(Some(KeepAlive::default()), 5000, 6000), (Some(hour), 350_000, 360_000), (None, 0, 0)]
    {
        let builder = server::Server::builder().keep_alive(alive).listen_tcp("127.0.0.1:0").await.unwrap();
        let server = builder.start().unwrap();
        let port = server.tcp_addresses()[0].port();
        let builder = ClientBuilder::new(StringBinding::tcp("127.0.0.1", port)).keep_alive(alive);
        let channel = builder.connect(&mgmt::INTERFACE).await.unwrap();
        mgmt::Client::new(channel.clone()).rpc_mgmt_is_server_listening().await.unwrap();
        // While octets are on their way there is another timer.
        let mut found = timers(port);
        for _ in 0..100 {
            if found.len() == 2 * usize::from(alive.is_some()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            found = timers(port);
        }
        assert_eq!(found.len(), 2 * usize::from(alive.is_some()), "{alive:?}");
        assert!(found.iter().all(|timer| (least..=most).contains(timer)), "{alive:?}: {found:?}");
        assert_eq!(server.metrics().connections, 1);
    }
}
