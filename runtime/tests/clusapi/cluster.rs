//! The cluster as a whole: 3.1.4.2.1 to 3.1.4.2.7, 3.1.4.2.102, 3.1.4.2.104, 3.1.4.2.108.

use msrpc_cluster::cluster::{
    objects::layout,
    registry::{KeyId, Value},
};
use msrpc_ndr::Win32Error;
use msrpc_protocols::clusapi3::IdlClusterSetPasswordFlags;

use crate::{
    node::Host,
    world::{Web, World, code, codes, now, ok},
};

fn cluster_name(world: &World) -> String {
    ok(world.admin().api_get_cluster_name()).cluster_name.unwrap().to_string_lossy()
}

#[test]
fn the_cluster_takes_a_new_name_while_its_name_resource_is_offline() {
    let world = nameless();
    ok(world.admin().api_set_cluster_name("NEW-NAME1"));
    assert_eq!(cluster_name(&world), "NEW-NAME1");
    let name = ok(world.admin().api_get_cluster_name());
    assert_eq!(name.node_name.unwrap(), "node1");
}

#[test]
fn a_new_name_reaches_the_name_resource() {
    let world = nameless();
    let c = world.admin();
    ok(c.api_set_cluster_name("NEW"));
    let resource = ok(c.api_open_resource("Cluster Name"));
    assert_eq!(ok(c.api_get_resource_network_name(&resource)).unwrap(), "NEW");
}

#[test]
fn a_cluster_name_that_a_node_has_is_invalid() {
    let world = World::new();
    assert_eq!(code(world.admin().api_set_cluster_name("NODE2")), Win32Error::ERROR_INVALID_NAME);
    assert_eq!(cluster_name(&world), "CLUSTER1");
}

#[test]
fn a_cluster_name_that_is_no_label_of_a_host_name_is_invalid() {
    let world = World::new();
    for name in ["", " ", "a.b", "-a", "a-", "a b", "a\\b"] {
        assert_eq!(code(world.admin().api_set_cluster_name(name)), Win32Error::ERROR_INVALID_NAME, "{name:?}");
    }
    assert_eq!(cluster_name(&world), "CLUSTER1");
}

#[test]
fn a_cluster_name_of_more_than_128_octets_with_its_null_is_too_long() {
    let world = nameless();
    let c = world.admin();
    assert_eq!(code(c.api_set_cluster_name("a".repeat(64).as_str())), codes::RPC_S_STRING_TOO_LONG);
    ok(c.api_set_cluster_name("a".repeat(63).as_str()));
}

/// A world in which the resource "Cluster Name" is offline.
fn nameless() -> World {
    let world = World::new();
    let c = world.admin();
    let name = ok(c.api_open_resource("Cluster Name"));
    ok(c.api_offline_resource(&name));
    world
}

#[test]
fn a_name_in_use_is_not_changed_while_its_resource_is_online() {
    let world = World::new();
    assert_eq!(code(world.admin().api_set_cluster_name("NEW")), codes::ERROR_RESOURCE_ONLINE);
    assert_eq!(cluster_name(&world), "CLUSTER1");
}

#[test]
fn the_same_name_is_stored_while_its_resource_is_online_or_going_online() {
    let world = World::new();
    assert_eq!(code(world.admin().api_set_cluster_name("cluster1")), codes::ERROR_RESOURCE_PROPERTIES_STORED);
    assert_eq!(cluster_name(&world), "cluster1");
    let world = nameless();
    world.host("Cluster Name", Host::Hangs);
    let c = world.admin();
    ok(c.api_online_resource(&ok(c.api_open_resource("Cluster Name"))));
    assert_eq!(code(world.admin().api_set_cluster_name("CLUSTER1")), codes::ERROR_RESOURCE_PROPERTIES_STORED);
}

#[test]
fn versions_are_told_by_the_second_method_only() {
    let world = World::new();
    let c = world.admin();
    assert_eq!(code(c.api_get_cluster_version()), Win32Error::ERROR_CALL_NOT_IMPLEMENTED);
    let version = ok(c.api_get_cluster_version2());
    assert_eq!((version.major_version, version.minor_version, version.build_number), (10, 0, 1));
    assert_eq!(version.vendor_id.unwrap(), "test");
    let operational = version.cluster_op_ver_info.unwrap();
    assert_eq!((operational.size, operational.reserved), (20, 0));
    assert!(operational.cluster_lowest_version <= operational.cluster_highest_version);
}

#[test]
fn methods_that_servers_do_not_implement_say_so_to_everybody() {
    let world = World::new();
    for user in ["admin", "stranger"] {
        let c = world.client(user);
        let not = Win32Error::ERROR_CALL_NOT_IMPLEMENTED;
        assert_eq!(code(c.api_get_cluster_version()), not);
        assert_eq!(code(c.api_set_network_priority_order(vec![Some("x".into())])), not);
        assert_eq!(code(c.api_backup_cluster_database("C:\\x")), not);
        assert_eq!(code(c.api_set_service_account_password("p", IdlClusterSetPasswordFlags::default(), 64)), not);
    }
}

#[test]
fn a_majority_of_nodes_has_the_quorum() {
    let world = World::new();
    let quorum = ok(world.admin().api_get_quorum_resource());
    assert_eq!((quorum.resource_name.unwrap(), quorum.device_name.unwrap()), ("".into(), "".into()));
    assert_eq!(quorum.max_quorum_log_size, 0);
}

#[test]
fn the_quorum_may_be_set_to_the_majority_by_who_may_all() {
    let it = Web::new();
    ok(it.c.api_set_quorum_resource(&it.app, "", 0));
    let reader = it.world.client("reader");
    let read = ok(reader.api_open_resource_ex("app", 0x8000_0000)).handle;
    assert_eq!(code(reader.api_set_quorum_resource(&read, "", 0)), Win32Error::ERROR_ACCESS_DENIED);
}

#[test]
fn a_resource_for_the_quorum_has_to_be_online_first() {
    let it = Web::new();
    assert_eq!(code(it.c.api_set_quorum_resource(&it.app, "", 0x400)), codes::ERROR_RESOURCE_NOT_ONLINE);
}

#[test]
fn a_resource_that_others_depend_on_cannot_have_the_quorum() {
    let it = Web::online();
    assert_eq!(code(it.c.api_set_quorum_resource(&it.data, "", 0x400)), codes::ERROR_DEPENDENCY_NOT_ALLOWED);
}

#[test]
fn a_resource_without_a_disk_cannot_have_the_quorum() {
    let it = Web::online();
    for size in [0x400, 1] {
        assert_eq!(code(it.c.api_set_quorum_resource(&it.app, "", size)), codes::ERROR_NOT_QUORUM_CAPABLE);
    }
}

#[test]
fn the_cluster_is_known_by_what_its_registry_says() {
    let world = World::new();
    world.node.see(|cluster| {
        let name = layout::string(cluster.registry(), KeyId::ROOT, layout::CLUSTER_NAME);
        assert_eq!(name.as_deref(), Some("CLUSTER1"));
    });
    let c = world.admin();
    let root = ok(c.api_get_root_key(crate::world::KEY_ALL_ACCESS));
    ok(c.api_set_value(&root, "ClusterName", 1, Value::string("OTHER").data));
    assert_eq!(cluster_name(&world), "OTHER");
    assert!(now(c.api_open_cluster()).is_ok());
}
