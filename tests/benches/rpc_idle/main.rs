//! What idle connections cost a server: heap by a counting allocator, and resident memory, for each of
//! 10,000 connections that have bound, made a call, and wait.
//!
//! The clients are another process, so that only the server's memory is counted, and each kind of
//! connection has a server of its own.
//! `cargo bench --bench rpc_idle -- [--connections 10000]` prints a table and lines of JSON.

mod clients;
mod memory;

use std::{
    io,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use msrpc::association::{Allowance, SharedLimits};
use msrpc_tests::rpc::node::{Demands, Node};
use peak_alloc::PeakAlloc;
use serde_json::json;

use self::{
    clients::{Clients, Kind},
    memory::Memory,
};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Octets for each connection, on the heap and resident.
const AIM: f64 = 20.0 * 1024.0;

/// What makes this program measure one kind.
const MEASURE: &str = "measure";

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some(clients::COMMAND) => return clients::run(arguments),
        Some(MEASURE) => return measure_one(arguments),
        _ => {}
    }
    let wanted = std::env::args().skip_while(|argument| argument != "--connections").nth(1);
    let connections = wanted.unwrap_or_else(|| "10000".to_owned());
    println!("{connections} idle connections: octets of the server's memory for each\n");
    println!("  {:<36} {:>8}  {:>8}  {:>9}  aim", "", "heap", "resident", "connected");
    let mut lines = Vec::new();
    for kind in Kind::ALL {
        // What one leaves behind is not to be had by the next for nothing.
        let output = Command::new(std::env::current_exe()?)
            .args([MEASURE, kind.name(), &connections])
            .stderr(Stdio::inherit())
            .output()?;
        let output = String::from_utf8_lossy(&output.stdout).into_owned();
        let (row, line) = output.split_once('\n').ok_or_else(|| io::Error::other(kind.name()))?;
        println!("{row}");
        lines.push(line.to_owned());
    }
    println!();
    lines.iter().for_each(|line| print!("{line}"));
    Ok(())
}

fn measure_one(mut arguments: impl Iterator<Item = String>) -> io::Result<()> {
    let kind = arguments.next().and_then(|name| Kind::of(&name)).ok_or(io::ErrorKind::InvalidInput)?;
    let connections = arguments.next().and_then(|number| number.parse().ok()).ok_or(io::ErrorKind::InvalidInput)?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build()?.block_on(measure(kind, connections))
}

async fn measure(kind: Kind, connections: usize) -> io::Result<()> {
    // One client has all of them here.
    let most = Allowance::new(2 * connections, 2 * connections);
    let limits = SharedLimits {
        connections: Allowance::new(connections + 1, connections + 1),
        groups: most,
        contexts: most,
        security_contexts: most,
        ..SharedLimits::default()
    };
    let node = Node::start_with(Demands::Nothing, |builder| builder.shared_limits(limits)).await?;
    // What is there once is there before.
    Clients::start(node.address(), kind, 1).await?.end().await?;
    let before = Memory::now();
    let start = Instant::now();
    let clients = Clients::start(node.address(), kind, connections).await?;
    let took = start.elapsed();
    // Until what was handed out for the last calls is back.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let each = (Memory::now() - before) / connections;
    let verdict = if each.heap.max(each.resident) < AIM { "met" } else { "NOT MET" };
    println!(
        "  {:<36} {:>8.0}  {:>8.0}  {:>7.1} s  {verdict} (20 KiB)",
        kind.name(),
        each.heap,
        each.resident,
        took.as_secs_f64(),
    );
    let line = json!({
        "bench": "rpc_idle",
        "connections": connections,
        "kind": kind.name(),
        "heap_octets": each.heap.round(),
        "resident_octets": each.resident.round(),
    });
    println!("{line}");
    clients.end().await?;
    node.stop().await;
    Ok(())
}
