//! The FSRVP server of a real node: one task that owns the state machine of
//! `msrpc_cluster::fsrvp::server` and runs what it asks for.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use clusterd::fsrvp::{Agent, Config, Ports, ProcMounts};
//! # use msrpc_cluster::fsrvp::{ports::*, server::{AccessPolicy, SetRecord}, service::FsrvpService};
//! # async fn f(provider: Arc<dyn SnapshotProvider>, shares: Arc<dyn Shares>, store: Arc<dyn SetStore<SetRecord>>)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let ports = Ports { providers: vec![("btrfs".to_owned(), provider)], shares, mounts: Arc::new(ProcMounts), store };
//! let agent = Agent::start(Config::default(), ports).await?;
//! let service = FsrvpService::new(agent.clone(), AccessPolicy::default());
//! // Serve `file_server_vss_agent::Service::new(service)` on the pipe FssagentRpc, then:
//! agent.stop().await;
//! # Ok(())
//! # }
//! ```

mod actions;
mod agent;
mod mounts;
mod task;

pub use agent::{Agent, AgentHandle, Config, Limits, Ports, StartError};
pub use mounts::ProcMounts;
