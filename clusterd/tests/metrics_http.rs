//! The daemon's counters over HTTP, as Prometheus asks for them. About two seconds, and once the time to
//! install a package from PyPI.

mod support;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    process::Command,
    time::{Duration, Instant},
};

use clusterd::metrics::{Bound, Endpoint};
use msrpc::{binding::StringBinding, client::ClientBuilder, server::Server};
use msrpc_ndr::{Body, Channel};
use msrpc_protocols::mgmt::mgmt;
use msrpc_tests::rpc::{programs::run, python};
use support::demo::Demo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Reads OpenMetrics as Prometheus's own library does, and prints each sample as JSON.
const PARSER: &str = r#"
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.argv[1]):
    for sample in family.samples:
        print(json.dumps([family.type, family.name, sample.name, sample.labels, sample.value]))
"#;

struct Setup {
    server: Server,
    endpoint: Endpoint,
    address: SocketAddr,
}

async fn setup() -> Setup {
    let server = Server::builder().listen_tcp("127.0.0.1:0").await.unwrap().start().unwrap();
    let endpoint = Bound::listen("127.0.0.1:0".parse().unwrap()).await.unwrap().serve(server.monitor());
    let url = endpoint.url();
    let address = url.trim_start_matches("http://").trim_end_matches("/metrics").parse().unwrap();
    Setup { server, endpoint, address }
}

/// Head and body of an answer.
async fn ask(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head.to_owned(), body.to_owned())
}

async fn get(address: SocketAddr) -> String {
    let (head, body) = ask(address, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert!(head.to_lowercase().contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    body
}

/// The samples of a page: name and labels, and the value.
async fn parsed(page: &str) -> Option<(BTreeMap<String, f64>, BTreeMap<String, String>)> {
    let mut command = Command::new(python::with_package(python::PROMETHEUS).await?);
    command.args(["-c", PARSER, page]);
    let finished = run(command, Duration::from_secs(60)).await.unwrap();
    assert!(finished.success, "{finished}\n{page}");
    let (mut samples, mut types) = (BTreeMap::new(), BTreeMap::new());
    for line in finished.output.lines() {
        let (kind, family, name, labels, value): (String, String, String, BTreeMap<String, String>, f64) =
            serde_json::from_str(line).unwrap();
        let labels: Vec<_> = labels.into_iter().map(|(label, value)| format!("{label}={value}")).collect();
        let known = samples.insert(format!("{name}{{{}}}", labels.join(",")), value);
        assert_eq!(known, None, "{name} comes twice with {labels:?}");
        types.insert(family, kind);
    }
    Some((samples, types))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_reads_what_has_happened() {
    let Setup { server, endpoint, address } = setup().await;
    let binding = StringBinding::tcp("127.0.0.1", server.tcp_addresses()[0].port());
    let channel = ClientBuilder::new(binding).connect(&mgmt::INTERFACE).await.unwrap();
    for _ in 0..3 {
        mgmt::Client::new(channel.clone()).rpc_mgmt_is_server_listening().await.unwrap();
    }
    for opnum in [77, 78, 79] {
        channel.call(opnum, Body::empty()).await.unwrap_err();
    }
    let page = get(address).await;
    assert!(page.ends_with("# EOF\n"));
    let Some((samples, types)) = parsed(&page).await else { return };
    let listening = "{id=afa8bd80-7d8a-11c9-bef4-08002b102989/1.0,interface=mgmt,\
                     operation=rpc__mgmt_is_server_listening,opnum=2}";
    let other = "{id=afa8bd80-7d8a-11c9-bef4-08002b102989/1.0,interface=mgmt,operation=other,opnum=other}";
    let expected = [
        ("msrpc_server_connections{}".to_owned(), 1.0),
        ("msrpc_server_connections_accepted_total{}".to_owned(), 1.0),
        ("msrpc_server_connections_ended_total{reason=closed}".to_owned(), 0.0),
        ("msrpc_server_association_groups{}".to_owned(), 1.0),
        ("msrpc_server_pdus_received_total{}".to_owned(), 7.0),
        ("msrpc_server_faults_total{status=nca_s_op_rng_error}".to_owned(), 3.0),
        ("msrpc_server_limit{what=connections}".to_owned(), server.quotas().limits().connections.total as f64),
        ("msrpc_server_limit_used{what=connections}".to_owned(), 1.0),
        (format!("msrpc_server_calls_started_total{listening}"), 3.0),
        (format!("msrpc_server_calls_in_flight{listening}"), 0.0),
        (format!("msrpc_server_call_duration_seconds_count{listening}"), 3.0),
        (format!("msrpc_server_calls_started_total{other}"), 3.0),
        (format!("msrpc_server_call_faults_total{other}"), 3.0),
    ];
    for (name, value) in expected {
        assert_eq!(samples.get(&name), Some(&value), "{name}\n{page}");
    }
    assert_eq!(types["msrpc_server_call_duration_seconds"], "histogram");
    // All that is told is in the table, and the other way round, but for what has not happened.
    let table = include_str!("../../docs/metrics.md");
    for name in types.keys() {
        assert!(table.contains(&format!("`{name}`")) || table.contains(&format!("`{name}_total`")), "{name}");
    }
    let documented = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    for (name, _) in documented.filter(|(name, _)| name.starts_with("msrpc_server_")) {
        let family = name.trim_end_matches("_total");
        assert!(page.contains(&format!("# TYPE {family} ")), "{name}");
    }
    let url = endpoint.url();
    drop(endpoint);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(TcpStream::connect(address).await.is_err(), "{url} is still served");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_else_is_answered_and_nobody_keeps_it_waiting() {
    let Setup { server: _server, endpoint: _endpoint, address } = setup().await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "404"),
        ("GET /metrics/../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", "404"),
        ("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "405"),
        ("DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "405"),
        ("nonsense\r\n\r\n", "400"),
    ] {
        let (head, _) = ask(address, request).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {head}");
    }
    let (head, body) = ask(address, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200") && body.is_empty(), "{head}");
    // A header without end is cut.
    let mut stream = TcpStream::connect(address).await.unwrap();
    let sent = stream.write_all(format!("GET /metrics HTTP/1.1\r\nX: {}", "x".repeat(100_000)).as_bytes()).await;
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer).await;
    assert!(sent.is_err() || read.is_err() || !answer.starts_with(b"HTTP/1.1 200"));
    // As many connections as there may be, that say nothing, are gone after a while.
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let begun = Instant::now();
    get(address).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn the_demo_says_where_its_counters_are() {
    let demo = Demo::start();
    let address: SocketAddr = demo.metrics().parse().unwrap();
    let page = tokio::runtime::Runtime::new().unwrap().block_on(get(address));
    assert!(page.contains("msrpc_server_connections 0\n"), "{page}");
}
