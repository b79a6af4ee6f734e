//! ClusAPI on one node, each figure beside its limit in the same run: `cargo xtask bench clusapi`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    fs,
    future::Future,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use clusterd::cluster::{forming::Description, store};
use msrpc::client::BoundChannel;
use msrpc_ndr::{Bytes, CallError, Win32Error};
use msrpc_protocols::clusapi3::clusapi::Client;
use redb::{Database, TableDefinition};
use support::demo::Demo;

/// How long each case runs in a round.
const ROUND: Duration = Duration::from_millis(700);
/// Rounds, of which the median counts.
const ROUNDS: usize = 5;
/// Connections of the cases with many.
const MANY: usize = 64;
const RESOURCES: usize = 10_000;
const PORTS: usize = 1_000;
/// Ports on each connection.
const PORTS_EACH: usize = 50;
const MAXIMUM_ALLOWED: u32 = 0x0200_0000;
const REG_BINARY: u32 = 3;
/// What each write writes.
const VALUE: [u8; 100] = [0x5a; 100];

type Conn = Client<BoundChannel>;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        println!("\nClusAPI, sealed, over TCP; medians of {ROUNDS} rounds\n");
        let demo = Demo::start();
        reads(&demo).await;
        writes(&demo).await;
        drop(demo);
        many_resources().await;
        many_ports().await;
    });
}

fn row(what: &str, figure: String, limit: String) {
    println!("  {what:<52} {figure:>16}   {limit}");
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Calls per second of all clients together.
async fn rate<F: Future<Output = ()> + Send + 'static>(
    clients: &[Arc<Conn>],
    call: impl Fn(Arc<Conn>) -> F + Clone + Send + 'static,
) -> f64 {
    let begun = Instant::now();
    let tasks: Vec<_> = clients
        .iter()
        .map(|client| {
            let (client, call) = (Arc::clone(client), call.clone());
            tokio::spawn(async move {
                let mut calls = 0_u64;
                while begun.elapsed() < ROUND {
                    call(Arc::clone(&client)).await;
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    let mut calls = 0;
    for task in tasks {
        calls += task.await.unwrap();
    }
    calls as f64 / begun.elapsed().as_secs_f64()
}

async fn connect(demo: &Demo, connections: usize) -> Vec<Arc<Conn>> {
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(Arc::new(demo.cluster().await.unwrap()));
    }
    clients
}

/// The runtime's null call: the document lets servers do nothing for it.
async fn null(client: Arc<Conn>) {
    let answer = client.api_get_cluster_version().await;
    assert!(matches!(answer, Err(CallError::Status { status: Win32Error(120), .. })));
}

async fn reads(demo: &Demo) {
    for connections in [1, MANY] {
        let clients = connect(demo, connections).await;
        let (mut calls, mut nulls) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            nulls.push(rate(&clients, null).await);
            let mut handles = Vec::new();
            for client in &clients {
                handles.push(client.api_open_resource("Cluster Name").await.unwrap());
            }
            let pairs: Vec<_> = clients.iter().cloned().zip(handles).collect();
            calls.push(states(pairs).await);
        }
        let (calls, nulls) = (median(calls), median(nulls));
        row(
            &format!("ApiGetResourceState, {connections} connections"),
            format!("{calls:.0} calls/s"),
            format!("{:.0} % of {nulls:.0} null calls/s", calls / nulls * 100.0),
        );
    }
}

async fn states(pairs: Vec<(Arc<Conn>, msrpc_ndr::ClientHandle<msrpc_protocols::clusapi3::HresRpc>)>) -> f64 {
    let begun = Instant::now();
    let tasks: Vec<_> = pairs
        .into_iter()
        .map(|(client, resource)| {
            tokio::spawn(async move {
                let mut calls = 0_u64;
                while begun.elapsed() < ROUND {
                    client.api_get_resource_state(&resource).await.unwrap();
                    calls += 1;
                }
                client.api_close_resource(Some(resource)).await.unwrap();
                calls
            })
        })
        .collect();
    let mut calls = 0;
    for task in tasks {
        calls += task.await.unwrap();
    }
    calls as f64 / begun.elapsed().as_secs_f64()
}

async fn writes(demo: &Demo) {
    let folder = tempfile::tempdir().unwrap();
    let (mut ones, mut manys, mut limits) = (Vec::new(), Vec::new(), Vec::new());
    let clients = connect(demo, MANY).await;
    for _ in 0..ROUNDS {
        limits.push(redb_commits(&folder.path().join("limit.redb")));
        ones.push(values(&clients[..1]).await);
        manys.push(values(&clients).await);
    }
    let (one, many, limit) = (median(ones), median(manys), median(limits));
    row(
        "ApiSetValue, durable, 1 client",
        format!("{one:.0} writes/s"),
        format!("{:.0} % of {limit:.0} commits/s of redb alone", one / limit * 100.0),
    );
    row(
        &format!("ApiSetValue, durable, {MANY} clients"),
        format!("{many:.0} writes/s"),
        format!("{:.1} times one client (aim 8)", many / one),
    );
}

async fn values(clients: &[Arc<Conn>]) -> f64 {
    let begun = Instant::now();
    let tasks: Vec<_> = clients
        .iter()
        .cloned()
        .enumerate()
        .map(|(number, client)| {
            tokio::spawn(async move {
                let root = client.api_get_root_key(MAXIMUM_ALLOWED).await.unwrap();
                let name = format!("Bench\\{number}");
                let key = client.api_create_key(&root, &*name, 0, MAXIMUM_ALLOWED, None).await.unwrap().handle;
                let begun = Instant::now();
                let mut writes = 0_u64;
                while begun.elapsed() < ROUND {
                    client.api_set_value(&key, "value", REG_BINARY, Bytes::from_static(&VALUE)).await.unwrap();
                    writes += 1;
                }
                client.api_close_key(Some(key)).await.unwrap();
                client.api_close_key(Some(root)).await.unwrap();
                writes
            })
        })
        .collect();
    let mut writes = 0;
    for task in tasks {
        writes += task.await.unwrap();
    }
    writes as f64 / begun.elapsed().as_secs_f64()
}

/// Commits per second of redb with the same octets, and nothing around it.
fn redb_commits(path: &Path) -> f64 {
    const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("limit");
    let database = Database::create(path).unwrap();
    let begun = Instant::now();
    let mut commits = 0_u64;
    while begun.elapsed() < ROUND {
        let transaction = database.begin_write().unwrap();
        transaction.open_table(TABLE).unwrap().insert(commits % 64, &VALUE[..]).unwrap();
        transaction.commit().unwrap();
        commits += 1;
    }
    commits as f64 / begun.elapsed().as_secs_f64()
}

/// A cluster of 100 groups with 100 resources each, which are all to be online.
fn large(data: &Path) {
    let mut text = String::from("name = \"LARGE\"\nnode = \"node1\"\n");
    for group in 0..100 {
        text.push_str(&format!("[[group]]\nname = \"group {group}\"\nonline = true\n"));
        for resource in 0..RESOURCES / 100 {
            text.push_str(&format!(
                "[[group.resource]]\nname = \"resource {group} {resource}\"\ntype = \"Generic Service\"\n"
            ));
        }
    }
    let description: Description = toml::from_str(&text).unwrap();
    description.form(data).unwrap();
}

async fn many_resources() {
    let small = Demo::start();
    let before = resident(&small);
    drop(small);
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let data = folder.path().join("d");
    fs::create_dir_all(&data).unwrap();
    large(&data);
    assert!(data.join(store::FILE).is_file());
    let begun = Instant::now();
    let demo = Demo::again(folder);
    let started = begun.elapsed();
    let client = demo.cluster().await.unwrap();
    row(&format!("start with {RESOURCES} resources"), format!("{started:.2?}"), "aim 2 s".to_owned());
    let each = resident(&demo).saturating_sub(before) / RESOURCES;
    row("memory for each resource", format!("{each} octets"), "aim 4096".to_owned());
    let mut took = Vec::new();
    let mut entries = 0;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        entries = client.api_create_enum(4).await.unwrap().unwrap().entry.len();
        took.push(begun.elapsed().as_secs_f64());
    }
    assert!(entries >= RESOURCES);
    row(
        &format!("ApiCreateEnum of {entries} resources"),
        format!("{:.1} ms", median(took.clone()) * 1e3),
        format!("{:.2} µs each", median(took) * 1e6 / entries as f64),
    );
}

/// A resident set in octets.
fn resident(demo: &Demo) -> usize {
    let statm = fs::read_to_string(format!("/proc/{}/statm", demo.id())).unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

async fn many_ports() {
    let demo = Demo::start();
    let changer = demo.cluster().await.unwrap();
    let group = changer.api_open_group("Batch").await.unwrap();
    let clients = connect(&demo, PORTS / PORTS_EACH).await;
    let mut ports = Vec::new();
    for client in &clients {
        let cluster = client.api_open_cluster().await.unwrap();
        for _ in 0..PORTS_EACH {
            let port = client.api_create_notify().await.unwrap();
            // CLUSTER_CHANGE_GROUP_PROPERTY
            client.api_add_notify_cluster(&port, &cluster, 0x8000, 1).await.unwrap();
            ports.push((Arc::clone(client), Arc::new(port)));
        }
    }
    let (mut all, mut change) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let tasks: Vec<_> = ports
            .iter()
            .cloned()
            .map(|(client, port)| tokio::spawn(async move { client.api_get_notify(&port).await.unwrap() }))
            .collect();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let begun = Instant::now();
        changer.api_set_group_name(&group, &*format!("Batch {round}")).await.unwrap();
        change.push(begun.elapsed().as_secs_f64());
        for task in tasks {
            task.await.unwrap();
        }
        all.push(begun.elapsed().as_secs_f64());
    }
    row(
        &format!("a change, until {PORTS} ports have told of it"),
        format!("{:.1} ms", median(all) * 1e3),
        format!("the change itself {:.1} ms", median(change) * 1e3),
    );
}
