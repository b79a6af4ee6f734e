//! The edges of a real node: snapshot providers, shares, stores, configuration, the daemon.

pub mod cluster;
pub mod config;
pub mod daemon;
pub mod database;
pub mod demo;
pub mod fsrvp;
pub mod hosts;
pub mod jobs;
pub mod lock;
pub mod logging;
pub mod metrics;
mod mountinfo;
pub mod open_files;
pub mod process;
pub mod providers;
pub mod shares;
pub mod store;

/// This host's name, without its domain.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim().split('.').next().unwrap_or_default().to_owned();
    if name.is_empty() { "localhost".to_owned() } else { name }
}
