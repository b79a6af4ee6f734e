//! Groups: 3.1.4.2.43 to 3.1.4.2.55, 3.1.4.2.128 to 3.1.4.2.133.

use msrpc_cluster::cluster::{
    machine::Command,
    property_list::{self, Property, PropertyValue, Syntax},
    state::NodeState,
};
use msrpc_ndr::{Bytes, Win32Error};
use msrpc_protocols::clusapi3::ClusterCreateGroupInfoRpc;

use crate::{
    node::{Host, ParseName},
    world::{Group, Web, World, code, codes, ok},
};

const ONLINE: u32 = 0;
const OFFLINE: u32 = 1;
const FAILED: u32 = 2;
const PARTIAL: u32 = 3;
const GROUP_PENDING: u32 = 4;
const PENDING: Win32Error = Win32Error::ERROR_IO_PENDING;
const DONE: Win32Error = Win32Error(0);

fn seen(world: &World, id: &str, state: NodeState) {
    world.node.command(Command::NodeSeen(id.parse_name(), state)).unwrap();
}

#[test]
fn a_new_group_is_empty_offline_and_on_the_node_that_was_asked() {
    let world = World::new();
    let c = world.admin();
    let group = ok(c.api_create_group("g"));
    let state = ok(c.api_get_group_state(&group));
    assert_eq!((state.state, state.node_name.unwrap()), (OFFLINE, "node1".into()));
    assert!(ok(c.api_create_group_resource_enum(&group, 3)).unwrap().entry.is_empty());
}

#[test]
fn the_name_of_a_new_group_is_no_others_name_or_id() {
    let it = Web::new();
    let id = ok(it.c.api_get_group_id(&it.web)).unwrap();
    for name in ["WEB".into(), id] {
        assert_eq!(code(it.c.api_create_group(name.clone())), codes::ERROR_OBJECT_ALREADY_EXISTS);
        assert_eq!(code(it.c.api_create_group_ex(name, None)), codes::ERROR_OBJECT_ALREADY_EXISTS);
    }
}

#[test]
fn the_name_of_a_group_has_more_than_blanks() {
    let it = Web::new();
    for name in ["", " \t\r\n"] {
        assert_eq!(code(it.c.api_create_group(name)), Win32Error::ERROR_INVALID_NAME);
        assert_eq!(code(it.c.api_set_group_name(&it.web, name)), Win32Error::ERROR_INVALID_NAME);
    }
}

#[test]
fn a_new_group_has_the_type_that_the_client_gives() {
    let world = World::new();
    let c = world.admin();
    let group_type = |group: &Group| {
        let octets = ok(c.api_group_control(group, 0x0300_0055, None, 4096)).out_buffer;
        let all = property_list::decode(&octets).unwrap();
        let found = all.into_iter().find(|property| property.name == "GroupType").unwrap();
        u32::from_le_bytes(found.values[0].data[..].try_into().unwrap())
    };
    assert_eq!(group_type(&ok(c.api_create_group("a"))), 9999);
    assert_eq!(group_type(&ok(c.api_create_group_ex("b", None))), 9999);
    let info = |version, group_type| Some(ClusterCreateGroupInfoRpc { version, group_type });
    assert_eq!(group_type(&ok(c.api_create_group_ex("c", info(1, 4711)))), 4711);
    assert_eq!(code(c.api_create_group_ex("d", info(2, 4711))), Win32Error::ERROR_INVALID_PARAMETER);
}

#[test]
fn a_group_with_resources_is_deleted_only_by_force() {
    let it = Web::online();
    assert_eq!(code(it.c.api_delete_group(&it.web, 0)), codes::ERROR_DIR_NOT_EMPTY);
    ok(it.c.api_delete_group(&it.web, 1));
    assert_eq!(code(it.c.api_open_group("web")), codes::ERROR_GROUP_NOT_FOUND);
    assert_eq!(code(it.c.api_open_resource("app")), codes::ERROR_RESOURCE_NOT_FOUND);
    assert_eq!(code(it.c.api_delete_group(&it.web, 0)), codes::ERROR_GROUP_NOT_AVAILABLE);
}

#[test]
fn a_group_with_a_core_resource_is_not_deleted() {
    let world = World::new();
    let c = world.admin();
    let core = ok(c.api_open_group("Cluster Group"));
    for force in [0, 1] {
        assert_eq!(code(c.api_delete_group(&core, force)), codes::ERROR_CORE_RESOURCE);
    }
}

#[test]
fn every_method_says_that_the_group_of_a_stale_handle_is_not_available() {
    let it = Web::new();
    let (c, gone) = (&it.c, ok(it.c.api_create_group("gone")));
    ok(c.api_delete_group(&gone, 0));
    let node = ok(c.api_open_node("node2"));
    let set = ok(c.api_create_group_set("set"));
    let port = ok(c.api_create_notify());
    let none = Bytes::new();
    let verdicts = [
        ("ApiDeleteGroup", code(c.api_delete_group(&gone, 0))),
        ("ApiGetGroupState", code(c.api_get_group_state(&gone))),
        ("ApiSetGroupName", code(c.api_set_group_name(&gone, "x"))),
        ("ApiGetGroupId", code(c.api_get_group_id(&gone))),
        ("ApiOnlineGroup", code(c.api_online_group(&gone))),
        ("ApiOfflineGroup", code(c.api_offline_group(&gone))),
        ("ApiMoveGroup", code(c.api_move_group(&gone))),
        ("ApiMoveGroupToNode", code(c.api_move_group_to_node(&gone, &node))),
        ("ApiCreateGroupResourceEnum", code(c.api_create_group_resource_enum(&gone, 1))),
        ("ApiSetGroupNodeList", code(c.api_set_group_node_list(&gone, None))),
        ("ApiOnlineGroupEx", code(c.api_online_group_ex(&gone, 0, none.clone()))),
        ("ApiOfflineGroupEx", code(c.api_offline_group_ex(&gone, 0, none.clone()))),
        ("ApiMoveGroupEx", code(c.api_move_group_ex(&gone, 0, none.clone()))),
        ("ApiMoveGroupToNodeEx", code(c.api_move_group_to_node_ex(&gone, &node, 0, none))),
        ("ApiCancelClusterGroupOperation", code(c.api_cancel_cluster_group_operation(&gone, 0))),
        ("ApiGroupControl", code(c.api_group_control(&gone, 0x0300_0029, None, 64))),
        ("ApiNodeGroupControl", code(c.api_node_group_control(&gone, &node, 0x0300_0029, None, 64))),
        ("ApiChangeResourceGroup", code(c.api_change_resource_group(&it.app, &gone))),
        ("ApiAddGroupToGroupSet", code(c.api_add_group_to_group_set(&set, &gone))),
        ("ApiRemoveGroupFromGroupSet", code(c.api_remove_group_from_group_set(&gone))),
        ("ApiMoveGroupToGroupSet", code(c.api_move_group_to_group_set(&set, &gone))),
        ("ApiAddGroupToGroupSetDependency", code(c.api_add_group_to_group_set_dependency(&gone, &set))),
        ("ApiSetGroupDependencyExpression", code(c.api_set_group_dependency_expression(&gone, ""))),
        ("ApiRemoveClusterGroupDependency", code(c.api_remove_cluster_group_dependency(&gone, &it.web))),
        (
            "ApiRemoveClusterGroupToGroupSetDependency",
            code(c.api_remove_cluster_group_to_group_set_dependency(&gone, &set)),
        ),
        ("ApiAddNotifyGroup", code(c.api_add_notify_group(&port, &gone, 0x1000, 0))),
        ("ApiReAddNotifyGroup", code(c.api_re_add_notify_group(&port, &gone, 0x1000, 0, 0))),
    ];
    for (method, verdict) in verdicts {
        assert_eq!(verdict, codes::ERROR_GROUP_NOT_AVAILABLE, "{method}");
    }
    ok(c.api_close_group(Some(gone)));
}

#[test]
fn a_groups_state_follows_from_those_of_its_resources() {
    let it = Web::new();
    assert_eq!(it.group_state(), OFFLINE);
    ok(it.c.api_online_resource(&it.app));
    assert_eq!(it.group_state(), PARTIAL);
    ok(it.c.api_online_resource(&it.data));
    assert_eq!(it.group_state(), ONLINE);
    it.host("data", Host::Hangs);
    ok(it.c.api_offline_resource(&it.data));
    assert_eq!(it.group_state(), GROUP_PENDING);
    ok(it.c.api_fail_resource(&it.app));
    assert_eq!(it.group_state(), FAILED);
}

#[test]
fn a_group_gets_another_name_that_no_other_has() {
    let it = Web::new();
    let other = ok(it.c.api_create_group("other"));
    ok(it.c.api_set_group_name(&it.web, "renamed"));
    ok(it.c.api_open_group("RENAMED"));
    let id = ok(it.c.api_get_group_id(&other)).unwrap();
    for name in ["OTHER".into(), id] {
        assert_eq!(code(it.c.api_set_group_name(&it.web, name)), Win32Error::ERROR_ALREADY_EXISTS);
    }
}

#[test]
fn a_group_goes_online_and_offline() {
    let it = Web::new();
    assert_eq!(ok(it.c.api_online_group(&it.web)), DONE);
    assert_eq!(it.group_state(), ONLINE);
    assert_eq!(ok(it.c.api_offline_group(&it.web)), DONE);
    assert_eq!(it.group_state(), OFFLINE);
    assert_eq!(ok(it.c.api_online_group_ex(&it.web, 0xf, Bytes::new())), DONE);
    assert_eq!(ok(it.c.api_offline_group_ex(&it.web, 1, Bytes::new())), DONE);
    assert_eq!(it.group_state(), OFFLINE);
}

#[test]
fn what_takes_longer_is_pending_and_not_to_be_asked_for_again() {
    let it = Web::new();
    it.host("app", Host::Hangs);
    assert_eq!(ok(it.c.api_online_group(&it.web)), PENDING);
    let invalid = codes::ERROR_INVALID_STATE;
    assert_eq!(code(it.c.api_online_group(&it.web)), invalid);
    assert_eq!(code(it.c.api_offline_group(&it.web)), invalid);
    assert_eq!(code(it.c.api_move_group(&it.web)), invalid);
    it.world.node.answer("app", Ok(()));
    assert_eq!(ok(it.c.api_offline_group(&it.web)), PENDING);
    it.world.node.answer("app", Ok(()));
    assert_eq!(it.group_state(), OFFLINE);
}

#[test]
fn a_group_that_is_being_deleted_is_not_brought_online() {
    let it = Web::online();
    it.host("data", Host::Hangs);
    ok(it.c.api_delete_group(&it.web, 1));
    assert_eq!(code(it.c.api_online_group(&it.web)), codes::ERROR_INVALID_STATE);
}

#[test]
fn a_group_on_a_paused_node_is_not_brought_online() {
    let it = Web::new();
    ok(it.c.api_pause_node(&ok(it.c.api_open_node("node1"))));
    assert_eq!(code(it.c.api_online_group(&it.web)), Win32Error::ERROR_SHARING_PAUSED);
}

#[test]
fn groups_that_keep_apart_are_not_online_on_one_node() {
    let it = Web::online();
    let other = ok(it.c.api_create_group("other"));
    ok(it.c.api_create_resource(&other, "lonely", "Memory", 0));
    let data: Bytes = "apart\0\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let value = PropertyValue { syntax: Syntax::CLUSPROP_SYNTAX_LIST_VALUE_MULTI_SZ, data };
    let list = property_list::encode(&[Property { name: "AntiAffinityClassNames".into(), values: vec![value] }]);
    for group in [&it.web, &other] {
        ok(it.c.api_group_control(group, 0x0340_005e, Some(list.clone()), 0));
    }
    assert_eq!(code(it.c.api_online_group(&other)), codes::ERROR_NODE_CANT_HOST_RESOURCE);
    const IGNORE_AFFINITY_RULE: u32 = 8;
    assert_eq!(ok(it.c.api_online_group_ex(&other, IGNORE_AFFINITY_RULE, Bytes::new())), DONE);
    ok(it.c.api_offline_group(&other));
    ok(it.c.api_offline_group(&it.web));
    assert_eq!(ok(it.c.api_online_group(&other)), DONE);
}

#[test]
fn flags_of_the_methods_with_ex_are_those_of_the_document() {
    let it = Web::new();
    let (none, node) = (Bytes::new(), ok(it.c.api_open_node("node1")));
    let invalid = Win32Error::ERROR_INVALID_PARAMETER;
    assert_eq!(code(it.c.api_online_group_ex(&it.web, 0x10, none.clone())), invalid);
    assert_eq!(code(it.c.api_offline_group_ex(&it.web, 2, none.clone())), invalid);
    for flags in [0x40, 5] {
        assert_eq!(code(it.c.api_move_group_ex(&it.web, flags, none.clone())), invalid);
        assert_eq!(code(it.c.api_move_group_to_node_ex(&it.web, &node, flags, none.clone())), invalid);
    }
    assert_eq!(code(it.c.api_cancel_cluster_group_operation(&it.web, 1)), invalid);
}

fn owner(it: &Web) -> String {
    ok(it.c.api_get_group_state(&it.web)).node_name.unwrap().to_string_lossy()
}

#[test]
fn a_group_moves_to_another_node() {
    let it = Web::online();
    let (one, two) = (ok(it.c.api_open_node("node1")), ok(it.c.api_open_node("node2")));
    assert_eq!(ok(it.c.api_move_group_to_node(&it.web, &one)), DONE);
    assert_eq!(ok(it.c.api_move_group(&it.web)), DONE);
    assert_eq!(owner(&it), "node2");
    assert_eq!(ok(it.c.api_move_group_to_node(&it.web, &one)), DONE);
    assert_eq!((owner(&it).as_str(), it.group_state()), ("node1", ONLINE));
    assert_eq!(ok(it.c.api_move_group_ex(&it.web, 0x3b, Bytes::new())), DONE);
    assert_eq!(ok(it.c.api_move_group_to_node_ex(&it.web, &one, 0, Bytes::new())), DONE);
    assert_eq!(ok(it.c.api_move_group_to_node_ex(&it.web, &two, 0, Bytes::new())), DONE);
    assert_eq!(owner(&it), "node2");
}

#[test]
fn a_group_that_takes_its_time_is_on_the_move() {
    let it = Web::online();
    it.host("app", Host::Hangs);
    assert_eq!(ok(it.c.api_move_group(&it.web)), PENDING);
    assert_eq!(owner(&it), "node1");
    it.world.node.answer("app", Ok(()));
    assert_eq!(owner(&it), "node2");
    let it = Web::online();
    it.host("app", Host::Hangs);
    assert_eq!(ok(it.c.api_move_group_to_node(&it.web, &ok(it.c.api_open_node("node2")))), PENDING);
}

#[test]
fn a_group_does_not_move_where_no_node_can_take_it() {
    let it = Web::online();
    let two = ok(it.c.api_open_node("node2"));
    ok(it.c.api_pause_node(&two));
    assert_eq!(code(it.c.api_move_group_to_node(&it.web, &two)), Win32Error::ERROR_SHARING_PAUSED);
    assert_eq!(code(it.c.api_move_group(&it.web)), codes::ERROR_HOST_NODE_NOT_AVAILABLE);
    seen(&it.world, "2", NodeState::Down);
    assert_eq!(code(it.c.api_move_group_to_node(&it.web, &two)), codes::ERROR_HOST_NODE_NOT_AVAILABLE);
    assert_eq!(code(it.c.api_move_group(&it.web)), codes::ERROR_HOST_NODE_NOT_AVAILABLE);
    ok(it.c.api_evict_node(&two));
    assert_eq!(code(it.c.api_move_group_to_node(&it.web, &two)), codes::ERROR_CLUSTER_NODE_NOT_FOUND);
    assert_eq!((owner(&it).as_str(), it.group_state()), ("node1", ONLINE));
}

#[test]
fn a_group_moves_only_for_who_may_all() {
    let it = Web::online();
    for user in ["reader", "operator"] {
        let c = it.world.client(user);
        let group = ok(c.api_open_group_ex("web", 0x8000_0000)).handle;
        let node = ok(c.api_open_node_ex("node2", 0x8000_0000)).handle;
        let denied = Win32Error::ERROR_ACCESS_DENIED;
        assert_eq!(code(c.api_move_group(&group)), denied);
        assert_eq!(code(c.api_move_group_to_node(&group, &node)), denied);
        assert_eq!(code(c.api_cancel_cluster_group_operation(&group, 0)), denied);
    }
}

#[test]
fn a_move_can_be_cancelled_while_it_is_under_way() {
    let it = Web::online();
    let invalid = codes::ERROR_INVALID_STATE;
    assert_eq!(code(it.c.api_cancel_cluster_group_operation(&it.web, 0)), invalid);
    it.host("app", Host::Hangs);
    assert_eq!(ok(it.c.api_move_group(&it.web)), PENDING);
    assert_eq!(ok(it.c.api_cancel_cluster_group_operation(&it.web, 0)), PENDING);
    it.world.node.answer("app", Ok(()));
    it.world.node.answer("app", Ok(()));
    assert_eq!((owner(&it).as_str(), it.group_state()), ("node1", ONLINE));
    assert_eq!(code(it.c.api_cancel_cluster_group_operation(&it.web, 0)), invalid);
}

#[test]
fn a_list_of_preferred_nodes_is_ended_by_a_null() {
    let it = Web::new();
    let invalid = Win32Error::ERROR_INVALID_PARAMETER;
    assert_eq!(code(it.c.api_set_group_node_list(&it.web, Some("1\x002".into()))), invalid);
    let list = |it: &Web| -> Vec<String> {
        let list = ok(it.c.api_create_group_resource_enum(&it.web, 2)).unwrap().entry;
        list.into_iter().map(|entry| entry.name.unwrap().to_string_lossy()).collect()
    };
    ok(it.c.api_set_group_node_list(&it.web, Some("2\0\0".into())));
    assert_eq!(list(&it), ["node2", "node1"]);
    let assertion = codes::ERROR_ASSERTION_FAILURE;
    assert_eq!(code(it.c.api_set_group_node_list(&it.web, Some("2\0nothing\0\0".into()))), assertion);
    for empty in [None, Some("".into()), Some("1".into())] {
        ok(it.c.api_set_group_node_list(&it.web, Some("2\0\0".into())));
        ok(it.c.api_set_group_node_list(&it.web, empty));
        assert_eq!(list(&it), [""; 0]);
    }
}

#[test]
fn what_is_in_a_group_is_enumerated() {
    let it = Web::new();
    let list = |types| ok(it.c.api_create_group_resource_enum(&it.web, types)).unwrap().entry;
    let names: Vec<_> = list(1).into_iter().map(|entry| entry.name.unwrap().to_string_lossy()).collect();
    assert_eq!(names, ["app", "data"]);
    // Bits that say nothing are ignored.
    assert_eq!(list(0xffff_fffd).len(), 2);
    assert_eq!(list(0).len(), 0);
}
