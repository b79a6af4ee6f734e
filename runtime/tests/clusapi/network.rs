//! Networks and network interfaces: 3.1.4.2.81 to 3.1.4.2.86, 3.1.4.2.92 to 3.1.4.2.96, 3.1.4.2.163.

use msrpc_ndr::Win32Error;

use crate::world::{KEY_ALL_ACCESS, World, code, codes, ok};

const NETWORK: &str = "Cluster Network 1";
const INTERFACE: &str = "node1 - Ethernet";
/// `ERROR_NETWORK_NOT_AVAILABLE`
const ERROR_NETWORK_NOT_AVAILABLE: Win32Error = codes::ERROR_NETWORK_NOT_AVAILABLE;

#[test]
fn states_and_ids_of_networks_and_interfaces_are_told() {
    let world = World::new();
    let c = world.admin();
    let network = ok(c.api_open_network(NETWORK));
    assert_eq!(ok(c.api_get_network_state(&network)), 3);
    let id = ok(c.api_get_network_id(&network)).unwrap();
    assert_eq!(ok(c.api_get_network_id(&ok(c.api_open_network(id.clone())))).unwrap(), id);
    let interface = ok(c.api_open_net_interface(INTERFACE));
    assert_eq!(ok(c.api_get_net_interface_state(&interface)), 3);
    let id = ok(c.api_get_net_interface_id(&interface)).unwrap();
    assert_eq!(ok(c.api_get_net_interface_id(&ok(c.api_open_net_interface(id.clone())))).unwrap(), id);
}

#[test]
fn a_network_gets_another_name() {
    let world = World::new();
    let c = world.admin();
    let network = ok(c.api_open_network(NETWORK));
    ok(c.api_set_network_name(&network, "backbone"));
    assert_eq!(code(c.api_open_network(NETWORK)), codes::ERROR_CLUSTER_NETWORK_NOT_FOUND);
    ok(c.api_open_network("BACKBONE"));
    // Its own name in other letters is no other's.
    ok(c.api_set_network_name(&network, "Backbone"));
}

#[test]
fn the_name_of_a_network_has_more_than_blanks() {
    let world = World::new();
    let c = world.admin();
    let network = ok(c.api_open_network(NETWORK));
    for name in ["", " \t\r\n"] {
        assert_eq!(code(c.api_set_network_name(&network, name)), Win32Error::ERROR_INVALID_NAME);
    }
}

/// Puts a second network into the registry, as another node would have found it.
fn second(world: &World) {
    let c = world.admin();
    let root = ok(c.api_get_root_key(KEY_ALL_ACCESS));
    let key = ok(c.api_create_key(&root, "Networks\\second-id", 0, KEY_ALL_ACCESS, None)).handle;
    let name: Vec<u8> = "second\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    ok(c.api_set_value(&key, "Name", 1, name));
    ok(c.api_open_network("second"));
}

#[test]
fn the_name_of_a_network_is_unique() {
    let world = World::new();
    second(&world);
    let c = world.admin();
    let network = ok(c.api_open_network(NETWORK));
    for name in ["SECOND", "second-id"] {
        assert_eq!(code(c.api_set_network_name(&network, name)), Win32Error::ERROR_ALREADY_EXISTS);
    }
    ok(c.api_open_network(NETWORK));
}

#[test]
fn the_handle_of_a_network_that_is_gone_is_stale() {
    let world = World::new();
    second(&world);
    let c = world.admin();
    let network = ok(c.api_open_network("second"));
    let root = ok(c.api_get_root_key(KEY_ALL_ACCESS));
    ok(c.api_delete_key(&root, "Networks\\second-id"));
    assert_eq!(code(c.api_set_network_name(&network, "x")), ERROR_NETWORK_NOT_AVAILABLE);
    assert_eq!(code(c.api_get_network_id(&network)), ERROR_NETWORK_NOT_AVAILABLE);
    assert_eq!(code(c.api_get_network_state(&network)), ERROR_NETWORK_NOT_AVAILABLE);
    assert_eq!(code(c.api_create_network_enum(&network, 1)), ERROR_NETWORK_NOT_AVAILABLE);
}

#[test]
fn the_interface_of_a_node_on_a_network_is_found_by_their_names() {
    let world = World::new();
    second(&world);
    let c = world.admin();
    assert_eq!(ok(c.api_get_net_interface("NODE1", "cluster network 1")).unwrap(), INTERFACE);
    let interface = codes::ERROR_CLUSTER_NETINTERFACE_NOT_FOUND;
    assert_eq!(code(c.api_get_net_interface("nothing", NETWORK)), codes::ERROR_CLUSTER_NODE_NOT_FOUND);
    assert_eq!(code(c.api_get_net_interface("node1", "nothing")), interface);
    assert_eq!(code(c.api_get_net_interface("node1", "second")), interface);
    assert_eq!(code(c.api_get_net_interface("node2", NETWORK)), interface);
}

#[test]
fn the_interfaces_of_a_network_and_of_a_node_are_enumerated() {
    let world = World::new();
    let c = world.admin();
    let network = ok(c.api_open_network(NETWORK));
    let names = |list: Option<msrpc_protocols::clusapi3::EnumList>| -> Vec<(u32, String)> {
        list.unwrap().entry.into_iter().map(|entry| (entry.r#type, entry.name.unwrap().to_string_lossy())).collect()
    };
    let one = vec![(1, INTERFACE.to_owned())];
    assert_eq!(names(ok(c.api_create_network_enum(&network, 1))), one);
    // Bits that say nothing are ignored.
    assert_eq!(names(ok(c.api_create_network_enum(&network, 0xffff_fff1))), one);
    assert_eq!(names(ok(c.api_create_node_enum(&ok(c.api_open_node("node1")), 1))), one);
    let cluster = ok(c.api_open_cluster());
    assert_eq!(names(ok(c.api_create_net_interface_enum(&cluster, "node1", NETWORK))), one);
    let node = code(c.api_create_net_interface_enum(&cluster, "nothing", NETWORK));
    assert_eq!(node, codes::ERROR_CLUSTER_NODE_NOT_FOUND);
    let network = code(c.api_create_net_interface_enum(&cluster, "node1", "nothing"));
    assert_eq!(network, codes::ERROR_CLUSTER_NETWORK_NOT_FOUND);
}
