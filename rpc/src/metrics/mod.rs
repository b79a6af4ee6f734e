//! What servers and clients count: connections, calls, faults, octets, latencies.
//!
//! Counting costs a few relaxed additions per call; there is a table for each interface that is
//! served, made when it is first bound, with a place for each operation. Nothing that a peer sends
//! makes a new place: operations that an interface lacks share one, and so do statuses of faults and
//! security providers that are not listed here.
//!
//! [`Server::metrics`](crate::server::Server::metrics) and [`ClientMetrics::snapshot`] give plain
//! structures; with the feature `metrics`, [`openmetrics`] writes them as text for Prometheus.
//! `docs/metrics.md` lists all of it.

mod client;
mod counter;
mod labels;
mod latency;
#[cfg(feature = "metrics")]
pub mod openmetrics;
mod operation;
mod server;
mod snapshot;

pub use client::ClientMetrics;
pub(crate) use client::LinkMeter;
pub use labels::{AuthOutcome, Ended};
pub use latency::BOUNDS;
pub use operation::CallMeter;
pub(crate) use operation::InterfaceMetrics;
pub(crate) use server::ConnectionMeter;
pub use server::ServerMetrics;
pub use snapshot::{ClientSnapshot, Latency, Limit, Operation, Snapshot, Tally};
