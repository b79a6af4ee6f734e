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
mod mountinfo;
pub mod process;
pub mod providers;
pub mod shares;
pub mod store;
