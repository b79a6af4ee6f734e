//! What idle connections cost a server: heap by a counting allocator, and resident memory, for each of
//! 10,000 connections that have bound, made a call, and wait.
//!
//! The clients are another process, so that only the server's memory is counted.
//! `cargo bench --bench rpc_idle -- [--connections 10000]` prints a table and lines of JSON.

mod clients;
mod memory;

use std::{
    io,
    time::{Duration, Instant},
};

use msrpc_tests::rpc::node::{Demands, Node};
use peak_alloc::PeakAlloc;
use serde_json::json;

use self::{
    clients::{Clients, Kind},
    memory::Memory,
};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Octets of heap for each connection.
const AIM: f64 = 20.0 * 1024.0;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(clients::COMMAND) {
        return clients::run(arguments);
    }
    let wanted = std::env::args().skip_while(|argument| argument != "--connections").nth(1);
    let connections = wanted.and_then(|wanted| wanted.parse().ok()).unwrap_or(10_000);
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(measure(connections))
}

async fn measure(connections: usize) -> io::Result<()> {
    println!("{connections} idle connections: octets of the server's memory for each\n");
    println!("  {:<36} {:>8}  {:>8}  {:>9}  aim", "", "heap", "resident", "connected");
    let mut lines = Vec::new();
    for kind in Kind::ALL {
        let node =
            Node::start_with(Demands::Nothing, |builder| builder.max_connections(connections + 1, connections + 1))
                .await?;
        // What is there once is there before.
        Clients::start(node.address(), kind, 1).await?.end().await?;
        let before = Memory::now();
        let start = Instant::now();
        let clients = Clients::start(node.address(), kind, connections).await?;
        let took = start.elapsed();
        // Until what was handed out for the last calls is back.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let each = (Memory::now() - before) / connections;
        let verdict = if each.heap < AIM { "met" } else { "NOT MET" };
        println!(
            "  {:<36} {:>8.0}  {:>8.0}  {:>7.1} s  {verdict} (20 KiB of heap)",
            kind.name(),
            each.heap,
            each.resident,
            took.as_secs_f64(),
        );
        lines.push(json!({
            "bench": "rpc_idle",
            "connections": connections,
            "kind": kind.name(),
            "heap_octets": each.heap.round(),
            "resident_octets": each.resident.round(),
        }));
        clients.end().await?;
        node.stop().await;
    }
    println!();
    lines.iter().for_each(|line| println!("{line}"));
    Ok(())
}
