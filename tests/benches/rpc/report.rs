//! What came of it: a table for throughput, one for latencies, the aims, and lines of JSON.

use serde_json::json;

use super::{
    calls::{Protection, Stub},
    peers::{Peer, Peers},
    row::{Contender, Row},
    statistics::percentile,
};

/// One connection is to reach so much of bare TCP.
const OF_TCP: f64 = 0.7;
/// Large stubs are to move so many octets per second.
const LARGE: f64 = 500e6;
/// Under load the 99th percentile is to stay within so many medians.
const SPREAD: f64 = 5.0;

pub(super) fn print(rows: &[Row], peers: &Peers) {
    println!("Calls over TCP (medians of rounds; each ratio is the median of the rounds' ratios)\n");
    println!(
        "  {:<36} {:>19}  {:>9}  {:>9}  {:>6}  {:>9}  {:>6}  {:>6}  what limits it",
        "", "octets", "TCP alone", "msrpc/s", "of TCP", "Samba/s", "x", "MB/s"
    );
    for row in rows {
        throughput(rows, row);
    }
    println!("\nLatency of a call in µs\n");
    println!("  {:<36} {:>17}  {:>17}  {:>17}  p99/p50 of msrpc", "p50 and p99 of", "TCP alone", "msrpc", "Samba");
    for row in rows {
        let pair = |peer| {
            row.contender(peer).map_or("-".to_owned(), |one| {
                format!("{:.0} {:.0}", percentile(&one.latencies, 50), percentile(&one.latencies, 99))
            })
        };
        let [tcp, ours, samba] = Peer::ALL.map(pair);
        let spread = row.contender(Peer::Msrpc).map_or(f64::NAN, spread);
        println!("  {:<36} {tcp:>17}  {ours:>17}  {samba:>17}  {spread:.1}", row.name());
    }
    println!("\nAims\n");
    for (aim, met, detail) in aims(rows) {
        println!("  {:<8} {aim}: {detail}", if met { "met" } else { "NOT MET" });
    }
    match &peers.samba {
        Ok(_) => println!("\nSamba takes no requests above 4 MiB: rows of 64 MiB have no peer."),
        Err(error) => println!("\nSamba is not measured: {error}"),
    }
    if let Err(error) = &peers.kerberos {
        println!("\nKerberos is not measured: {error}");
    }
    println!();
    for row in rows {
        row.contenders.iter().for_each(|contender| println!("{}", line(row, contender)));
    }
}

fn throughput(rows: &[Row], row: &Row) {
    let Some(ours) = row.contender(Peer::Msrpc) else { return };
    let (tcp, samba) = (row.contender(Peer::Tcp), row.contender(Peer::Samba));
    let rate = |contender: Option<&Contender>| contender.map_or("-".to_owned(), |one| number(one.rate()));
    println!(
        "  {:<36} {:>9}/{:<9}  {:>9}  {:>9}  {:>5.0}%  {:>9}  {:>6}  {:>6.0}  {}",
        row.name(),
        row.sizes.request,
        row.sizes.response,
        rate(tcp),
        number(ours.rate()),
        tcp.map_or(f64::NAN, |tcp| 100.0 * ours.ratio(tcp)),
        rate(samba),
        samba.map_or("-".to_owned(), |samba| format!("{:.2}", ours.ratio(samba))),
        octets_per_second(row, ours) / 1e6,
        limit(rows, row, ours),
    );
}

fn number(rate: f64) -> String {
    if rate < 100.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}

/// Both directions.
fn octets_per_second(row: &Row, contender: &Contender) -> f64 {
    contender.rate() * (row.sizes.request + row.sizes.response) as f64
}

/// Where the time goes, as far as that is measured: the kernel's share of the processor time of client
/// and server, and what protection adds to the time of the same call without.
fn limit(rows: &[Row], row: &Row, ours: &Contender) -> String {
    let mut parts = Vec::new();
    if let Some(kernel) = ours.ticks.in_kernel() {
        parts.push(format!("kernel {:.0} % of processor time", 100.0 * kernel));
    }
    let plain = rows
        .iter()
        .find(|other| other.protection == Protection::None && other.stub == row.stub && other.load == row.load);
    let plain = plain.and_then(|plain| plain.contender(Peer::Msrpc)).filter(|_| row.protection != Protection::None);
    if let Some(plain) = plain {
        let added = 1.0 - ours.ratio(plain);
        parts.push(format!("{} {:.0} % of the time", row.protection.name(), 100.0 * added));
    }
    parts.join(", ")
}

fn spread(contender: &Contender) -> f64 {
    percentile(&contender.latencies, 99) / percentile(&contender.latencies, 50)
}

/// The aims, whether each is met, and the figure that says so.
fn aims(rows: &[Row]) -> Vec<(&'static str, bool, String)> {
    let mut aims = Vec::new();
    let ours = |row: &Row, peer| Some(row.contender(Peer::Msrpc)?.ratio(row.contender(peer)?));
    let alone =
        rows.iter().find(|row| row.protection == Protection::None && row.stub == Stub::Small && row.load.is_single());
    if let Some(ratio) = alone.and_then(|row| ours(row, Peer::Tcp)) {
        aims.push(("one connection at 70 % of bare TCP", ratio >= OF_TCP, format!("{:.0} %", 100.0 * ratio)));
    }
    let least = rows
        .iter()
        .filter_map(|row| Some((ours(row, Peer::Samba)?, row)))
        .min_by(|(one, _), (other, _)| one.total_cmp(other));
    if let Some((ratio, row)) = least {
        let detail = format!("least with {} ({ratio:.2} times)", row.name());
        aims.push(("ahead of Samba at every level", ratio > 1.0, detail));
    }
    let large = rows.iter().find(|row| row.protection == Protection::None && row.stub == Stub::Large);
    if let Some((row, contender)) = large.and_then(|row| Some((row, row.contender(Peer::Msrpc)?))) {
        let rate = octets_per_second(row, contender);
        aims.push(("64 MiB stubs at 500 MB/s", rate >= LARGE, format!("{:.0} MB/s", rate / 1e6)));
    }
    let widest = rows
        .iter()
        .filter(|row| !row.load.is_single())
        .filter_map(|row| Some((spread(row.contender(Peer::Msrpc)?), row)))
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    if let Some((spread, row)) = widest {
        let detail = format!("most with {} ({spread:.1})", row.name());
        aims.push(("p99 under load within 5 medians", spread <= SPREAD, detail));
    }
    aims
}

fn line(row: &Row, contender: &Contender) -> serde_json::Value {
    json!({
        "bench": "rpc",
        "peer": contender.peer.name(),
        "protection": row.protection.name(),
        "stub": row.stub.name(),
        "connections": row.load.connections,
        "in_flight": row.load.in_flight,
        "request": row.sizes.request,
        "response": row.sizes.response,
        "calls_per_second": (contender.rate() * 10.0).round() / 10.0,
        "of_tcp": row.contender(Peer::Tcp).map(|tcp| contender.ratio(tcp)),
        "p50_us": percentile(&contender.latencies, 50),
        "p99_us": percentile(&contender.latencies, 99),
        "kernel": contender.ticks.in_kernel(),
    })
}
