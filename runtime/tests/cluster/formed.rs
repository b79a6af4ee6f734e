//! A cluster of one node, as the tests form it.

use msrpc_cluster::cluster::{
    form::{Form, NetworkForm, ResourceTypeForm},
    registry::{Change, Registry},
};
use uuid::Uuid;

/// Its registry, and the changes that make it.
pub(crate) fn formed() -> (Registry, Vec<Change>) {
    let form = Form {
        cluster_name: "CLUSTER1".into(),
        node_name: "node1".into(),
        address: Some("127.0.0.1".into()),
        security: "O:BAG:BAD:(A;;GA;;;BA)".parse().expect("SDDL"),
        networks: vec![NetworkForm {
            name: "Cluster Network 1".into(),
            interface: "node1 - Ethernet".into(),
            address: "127.0.0.1".into(),
        }],
        resource_types: vec![ResourceTypeForm { name: "Memory".into(), dll_name: "builtin".into() }],
    };
    let mut next = 0;
    let new_id = || {
        next += 1;
        Uuid::from_u128(next)
    };
    form.registry(1, new_id).expect("formed")
}
