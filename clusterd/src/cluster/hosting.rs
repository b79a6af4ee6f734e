//! The state machine's calls, on their way to the resource hosts.

use std::sync::Arc;

use msrpc_cluster::cluster::{
    host::{ResourceSpec, ResourceType},
    machine::{Cluster, HostCall},
    registry::Name,
};

use super::node::HostPort;
use crate::hosts::{GenericApplication, GenericScript, Hosts, Mark, memory};

/// Names of the types that a new cluster has beside `Network Name` and `IP Address`, which all have.
pub const TYPES: [&str; 3] = ["Generic Application", "Generic Script", "Generic Service"];

/// The types that a node here can host.
pub fn types(mark: &Mark) -> Vec<Arc<dyn ResourceType>> {
    let mut types = memory::builtin();
    types.push(Arc::new(GenericApplication::new(mark.clone())));
    types.push(Arc::new(GenericScript::new(mark.clone())));
    types
}

/// Gives hosts what the cluster says of a resource with each call.
#[derive(Debug)]
pub struct Hosting(pub Arc<Hosts>);

impl HostPort for Hosting {
    fn call(&self, call: HostCall, cluster: &Cluster) {
        match ResourceSpec::of(cluster, &call.resource) {
            Some(spec) => self.0.call(call, spec),
            None => self.0.close(&call.resource),
        }
    }

    fn close(&self, resource: &Name) {
        self.0.close(resource);
    }
}
