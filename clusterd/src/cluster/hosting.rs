//! Stand-in until the hosts are merged: everything works at once.

use msrpc_cluster::cluster::machine::{Cluster, Command, HostCall};
use tokio::sync::mpsc;

use super::node::HostPort;

/// The types that a new cluster has.
pub const TYPES: &[&str] = &["Generic Application", "Generic Script", "Generic Service"];

/// Hosts that do what they are asked at once.
pub struct AtOnce(pub mpsc::UnboundedSender<Command>);

impl HostPort for AtOnce {
    fn call(&self, call: HostCall, _cluster: &Cluster) {
        let _gone = self.0.send(Command::HostDone { call: call.call, result: Ok(()) });
    }
}
