//! Resources: 3.1.4.2.10 to 3.1.4.2.19, 3.1.4.2.24 to 3.1.4.2.26, 3.1.4.2.122, 3.1.4.2.134,
//! 3.1.4.2.135, 3.1.4.2.142, 3.1.4.2.164, 3.1.4.2.166.

use msrpc_cluster::cluster::{
    machine::Command,
    objects::{Kind, layout},
    state::NodeState,
};
use msrpc_ndr::{Bytes, Win32Error};

use crate::{
    node::{Host, ParseName},
    world::{Resource, Web, code, codes, ok},
};

const ONLINE: u32 = 2;
const OFFLINE: u32 = 3;
const FAILED: u32 = 4;
const ONLINE_PENDING: u32 = 0x81;
const OFFLINE_PENDING: u32 = 0x82;
const PENDING: Win32Error = Win32Error::ERROR_IO_PENDING;
const DONE: Win32Error = Win32Error(0);
const ERROR_CLUSTER_INVALID_REQUEST: Win32Error = Win32Error(5048);

/// What a resource was last commanded to be.
fn persistent(it: &Web, name: &str) -> u32 {
    it.world.node.see(|cluster| {
        let object = cluster.objects().by_name(Kind::Resource, &name.parse_name()).unwrap();
        layout::dword(cluster.registry(), object.key, layout::PERSISTENT_STATE).unwrap()
    })
}

fn deleted(it: &Web) -> Resource {
    let resource = ok(it.c.api_create_resource(&it.web, "gone", "Memory", 0));
    ok(it.c.api_delete_resource(&resource));
    resource
}

#[test]
fn a_new_resource_is_offline_and_may_be_hosted_by_every_node() {
    let it = Web::new();
    let new = ok(it.c.api_create_resource(&it.web, "new", "memory", 1));
    assert_eq!(it.state(&new), OFFLINE);
    assert_eq!(ok(it.c.api_create_res_enum(&new, 4)).unwrap().entry.len(), 2);
    assert_eq!(ok(it.c.api_get_resource_type(&new)).unwrap(), "Memory");
    let state = ok(it.c.api_get_resource_state(&new));
    assert_eq!((state.node_name.unwrap(), state.group_name.unwrap()), ("node1".into(), "web".into()));
}

#[test]
fn flags_of_a_new_resource_that_mean_nothing_are_refused() {
    let it = Web::new();
    for flags in [2, 0x8000_0000] {
        let refused = code(it.c.api_create_resource(&it.web, "new", "Memory", flags));
        assert_eq!(refused, Win32Error::ERROR_INVALID_PARAMETER);
    }
}

#[test]
fn the_name_of_a_new_resource_is_no_others_name_or_id() {
    let it = Web::new();
    let id = ok(it.c.api_get_resource_id(&it.app)).unwrap();
    for name in ["APP".into(), id] {
        let refused = code(it.c.api_create_resource(&it.web, name, "Memory", 0));
        assert_eq!(refused, codes::ERROR_OBJECT_ALREADY_EXISTS);
    }
}

#[test]
fn the_name_of_a_resource_has_more_than_blanks() {
    let it = Web::new();
    for name in ["", " \t\r\n"] {
        let invalid = Win32Error::ERROR_INVALID_NAME;
        assert_eq!(code(it.c.api_create_resource(&it.web, name, "Memory", 0)), invalid);
        assert_eq!(code(it.c.api_set_resource_name(&it.app, name)), invalid);
    }
}

#[test]
fn a_group_that_is_being_deleted_takes_no_resource() {
    let it = Web::online();
    it.host("data", Host::Hangs);
    ok(it.c.api_delete_group(&it.web, 1));
    let refused = code(it.c.api_create_resource(&it.web, "new", "Memory", 0));
    assert_eq!(refused, codes::ERROR_GROUP_NOT_AVAILABLE);
    it.world.node.answer("data", Ok(()));
    let refused = code(it.c.api_create_resource(&it.web, "new", "Memory", 0));
    assert_eq!(refused, codes::ERROR_GROUP_NOT_FOUND);
}

#[test]
fn a_resource_is_deleted_when_nothing_of_it_runs_and_nothing_needs_it() {
    let it = Web::online();
    assert_eq!(code(it.c.api_delete_resource(&it.app)), codes::ERROR_RESOURCE_ONLINE);
    assert_eq!(code(it.c.api_delete_resource(&it.data)), codes::ERROR_DEPENDENT_RESOURCE_EXISTS);
    ok(it.c.api_offline_group(&it.web));
    assert_eq!(code(it.c.api_delete_resource(&it.data)), codes::ERROR_DEPENDENT_RESOURCE_EXISTS);
    ok(it.c.api_delete_resource(&it.app));
    ok(it.c.api_delete_resource(&it.data));
    assert_eq!(code(it.c.api_delete_resource(&it.data)), codes::ERROR_RESOURCE_NOT_AVAILABLE);
}

#[test]
fn a_core_resource_is_not_deleted() {
    let it = Web::new();
    let name = ok(it.c.api_open_resource("Cluster Name"));
    assert_eq!(code(it.c.api_delete_resource(&name)), codes::ERROR_CORE_RESOURCE);
}

#[test]
fn every_method_says_that_the_resource_of_a_stale_handle_is_not_available() {
    let it = Web::new();
    let (c, gone) = (&it.c, deleted(&it));
    let node = ok(c.api_open_node("node1"));
    let port = ok(c.api_create_notify());
    let verdicts = [
        ("ApiDeleteResource", code(c.api_delete_resource(&gone))),
        ("ApiGetResourceState", code(c.api_get_resource_state(&gone))),
        ("ApiSetResourceName", code(c.api_set_resource_name(&gone, "x"))),
        ("ApiGetResourceId", code(c.api_get_resource_id(&gone))),
        ("ApiGetResourceType", code(c.api_get_resource_type(&gone))),
        ("ApiFailResource", code(c.api_fail_resource(&gone))),
        ("ApiOnlineResource", code(c.api_online_resource(&gone))),
        ("ApiOfflineResource", code(c.api_offline_resource(&gone))),
        ("ApiAddResourceDependency", code(c.api_add_resource_dependency(&gone, &it.data))),
        ("ApiAddResourceDependency", code(c.api_add_resource_dependency(&it.app, &gone))),
        ("ApiRemoveResourceDependency", code(c.api_remove_resource_dependency(&gone, &it.data))),
        ("ApiRemoveResourceDependency", code(c.api_remove_resource_dependency(&it.app, &gone))),
        ("ApiCanResourceBeDependent", code(c.api_can_resource_be_dependent(&gone, &it.data))),
        ("ApiCanResourceBeDependent", code(c.api_can_resource_be_dependent(&it.app, &gone))),
        ("ApiCreateResEnum", code(c.api_create_res_enum(&gone, 1))),
        ("ApiAddResourceNode", code(c.api_add_resource_node(&gone, &node))),
        ("ApiRemoveResourceNode", code(c.api_remove_resource_node(&gone, &node))),
        ("ApiChangeResourceGroup", code(c.api_change_resource_group(&gone, &it.web))),
        ("ApiChangeResourceGroupEx", code(c.api_change_resource_group_ex(&gone, &it.web, 0))),
        ("ApiSetResourceDependencyExpression", code(c.api_set_resource_dependency_expression(&gone, None))),
        ("ApiGetResourceDependencyExpression", code(c.api_get_resource_dependency_expression(&gone))),
        ("ApiGetResourceNetworkName", code(c.api_get_resource_network_name(&gone))),
        ("ApiChangeCsvState", code(c.api_change_csv_state(&gone, 1))),
        ("ApiChangeCsvStateEx", code(c.api_change_csv_state_ex(&gone, 1, ""))),
        ("ApiOnlineResourceEx", code(c.api_online_resource_ex(&gone, 0, Bytes::new()))),
        ("ApiOfflineResourceEx", code(c.api_offline_resource_ex(&gone, 0, Bytes::new()))),
        ("ApiRestartResource", code(c.api_restart_resource(&gone, 0))),
        ("ApiResourceControl", code(c.api_resource_control(&gone, 0x0100_0029, None, 64))),
        ("ApiNodeResourceControl", code(c.api_node_resource_control(&gone, &node, 0x0100_0029, None, 64))),
        ("ApiAddNotifyResource", code(c.api_add_notify_resource(&port, &gone, 0x100, 0))),
        ("ApiReAddNotifyResource", code(c.api_re_add_notify_resource(&port, &gone, 0x100, 0, 0))),
    ];
    for (method, verdict) in verdicts {
        assert_eq!(verdict, codes::ERROR_RESOURCE_NOT_AVAILABLE, "{method}");
    }
    ok(c.api_close_resource(Some(gone)));
}

#[test]
fn a_resource_gets_another_name_that_no_other_has() {
    let it = Web::new();
    ok(it.c.api_set_resource_name(&it.app, "Renamed"));
    ok(it.c.api_open_resource("RENAMED"));
    ok(it.c.api_set_resource_name(&it.app, "RENAMED"));
    let id = ok(it.c.api_get_resource_id(&it.data)).unwrap();
    for name in ["DATA".into(), id] {
        assert_eq!(code(it.c.api_set_resource_name(&it.app, name)), Win32Error::ERROR_ALREADY_EXISTS);
    }
}

#[test]
fn a_resource_goes_online_and_offline() {
    let it = Web::new();
    assert_eq!(ok(it.c.api_online_resource(&it.app)), DONE);
    assert_eq!((it.state(&it.app), persistent(&it, "app")), (ONLINE, 1));
    assert_eq!(ok(it.c.api_online_resource(&it.app)), DONE);
    assert_eq!(ok(it.c.api_offline_resource(&it.app)), DONE);
    assert_eq!((it.state(&it.app), persistent(&it, "app")), (OFFLINE, 0));
    assert_eq!(ok(it.c.api_offline_resource(&it.app)), DONE);
}

#[test]
fn what_takes_longer_is_pending_and_not_to_be_asked_for_again() {
    let it = Web::new();
    it.host("app", Host::Hangs);
    assert_eq!(ok(it.c.api_online_resource(&it.app)), PENDING);
    assert_eq!(it.state(&it.app), ONLINE_PENDING);
    assert_eq!(code(it.c.api_online_resource(&it.app)), codes::ERROR_INVALID_STATE);
    assert_eq!(code(it.c.api_offline_resource(&it.app)), codes::ERROR_INVALID_STATE);
    it.world.node.answer("app", Ok(()));
    assert_eq!(it.state(&it.app), ONLINE);
    assert_eq!(ok(it.c.api_offline_resource(&it.app)), PENDING);
    assert_eq!(it.state(&it.app), OFFLINE_PENDING);
    it.world.node.answer("app", Ok(()));
    assert_eq!(it.state(&it.app), OFFLINE);
}

#[test]
fn what_a_resource_depends_on_goes_online_first_and_offline_last() {
    let it = Web::new();
    ok(it.c.api_add_resource_dependency(&it.app, &it.data));
    it.host("data", Host::Hangs);
    assert_eq!(ok(it.c.api_online_resource(&it.app)), PENDING);
    assert_eq!((it.state(&it.app), it.state(&it.data)), (OFFLINE, ONLINE_PENDING));
    it.world.node.answer("data", Ok(()));
    assert_eq!((it.state(&it.app), it.state(&it.data)), (ONLINE, ONLINE));
    it.host("app", Host::Hangs);
    assert_eq!(ok(it.c.api_offline_resource(&it.data)), PENDING);
    assert_eq!((it.state(&it.app), it.state(&it.data)), (OFFLINE_PENDING, ONLINE));
}

#[test]
fn a_resource_whose_provider_fails_does_not_come_online() {
    let it = Web::new();
    ok(it.c.api_add_resource_dependency(&it.app, &it.data));
    it.host("data", Host::Fails(5));
    assert_eq!(code(it.c.api_online_resource(&it.app)), codes::ERROR_CLUSTER_RESOURCE_PROVIDER_FAILED);
    assert_eq!((it.state(&it.app), it.state(&it.data)), (OFFLINE, FAILED));
}

#[test]
fn a_failed_resource_says_so_when_it_is_taken_offline() {
    let it = Web::new();
    it.host("app", Host::Fails(5));
    assert_eq!(code(it.c.api_online_resource(&it.app)), codes::ERROR_RESOURCE_FAILED);
    assert_eq!(it.state(&it.app), FAILED);
    assert_eq!(code(it.c.api_offline_resource(&it.app)), codes::ERROR_RESOURCE_FAILED);
    assert_eq!(persistent(&it, "app"), 0);
}

#[test]
fn nothing_goes_online_on_a_paused_node() {
    let it = Web::new();
    ok(it.c.api_pause_node(&ok(it.c.api_open_node("node1"))));
    assert_eq!(code(it.c.api_online_resource(&it.app)), Win32Error::ERROR_SHARING_PAUSED);
    assert_eq!((it.state(&it.app), persistent(&it, "app")), (OFFLINE, 0));
}

#[test]
fn only_what_runs_can_be_failed() {
    let it = Web::new();
    assert_eq!(code(it.c.api_fail_resource(&it.app)), codes::ERROR_INVALID_STATE);
    ok(it.c.api_online_resource(&it.app));
    ok(it.c.api_fail_resource(&it.app));
    assert_eq!(it.state(&it.app), FAILED);
    assert_eq!(code(it.c.api_fail_resource(&it.app)), codes::ERROR_INVALID_STATE);
    // The restart policy brings it back.
    it.world.node.advance(1);
    assert_eq!(it.state(&it.app), ONLINE);
    it.world.node.break_down("app");
    assert_eq!(it.state(&it.app), FAILED);
}

#[test]
fn a_restarted_resource_comes_back() {
    let it = Web::online();
    it.host("app", Host::Hangs);
    ok(it.c.api_restart_resource(&it.app, 0));
    assert_eq!(it.state(&it.app), OFFLINE_PENDING);
    it.world.node.answer("app", Ok(()));
    assert_eq!(it.state(&it.app), ONLINE_PENDING);
    it.world.node.answer("app", Ok(()));
    assert_eq!(it.state(&it.app), ONLINE);
}

#[test]
fn flags_of_the_methods_with_ex_are_those_of_the_document() {
    let it = Web::new();
    let none = Bytes::new();
    for flags in [0x10, 0x40, 0x8000_0000] {
        let refused = code(it.c.api_online_resource_ex(&it.app, flags, none.clone()));
        assert_eq!(refused, Win32Error::ERROR_INVALID_PARAMETER);
    }
    for flags in [8, 0x8000_0000] {
        let refused = code(it.c.api_offline_resource_ex(&it.app, flags, none.clone()));
        assert_eq!(refused, Win32Error::ERROR_INVALID_PARAMETER);
    }
    for flags in [0, 1, 4, 8, 0x20, 0x2d] {
        assert_eq!(ok(it.c.api_online_resource_ex(&it.app, flags, none.clone())), DONE);
        assert_eq!(ok(it.c.api_offline_resource_ex(&it.app, flags & 1, none.clone())), DONE);
    }
}

#[test]
fn a_resource_goes_online_and_offline_without_being_commanded_for_good() {
    const DO_NOT_UPDATE_PERSISTENT_STATE_ONLINE: u32 = 2;
    const DO_NOT_UPDATE_PERSISTENT_STATE_OFFLINE: u32 = 4;
    let it = Web::new();
    let none = Bytes::new();
    let online = it.c.api_online_resource_ex(&it.app, DO_NOT_UPDATE_PERSISTENT_STATE_ONLINE, none.clone());
    assert_eq!(ok(online), DONE);
    assert_eq!((it.state(&it.app), persistent(&it, "app")), (ONLINE, 0));
    ok(it.c.api_online_resource(&it.app));
    assert_eq!(persistent(&it, "app"), 1);
    let offline = it.c.api_offline_resource_ex(&it.app, DO_NOT_UPDATE_PERSISTENT_STATE_OFFLINE, none);
    assert_eq!(ok(offline), DONE);
    assert_eq!((it.state(&it.app), persistent(&it, "app")), (OFFLINE, 1));
    // The next command counts again.
    ok(it.c.api_online_group(&it.web));
    assert_eq!(it.state(&it.app), ONLINE);
}

#[test]
fn a_resource_is_taken_offline_by_force() {
    const FORCE_WITH_TERMINATION: u32 = 2;
    let it = Web::online();
    it.host("app", Host::Hangs);
    assert_eq!(ok(it.c.api_offline_resource_ex(&it.app, FORCE_WITH_TERMINATION, Bytes::new())), DONE);
    assert_eq!((it.state(&it.app), persistent(&it, "app")), (OFFLINE, 0));
}

#[test]
fn what_depends_on_a_resource_goes_offline_before_it_even_by_force() {
    let it = Web::online();
    it.host("app", Host::Hangs);
    it.host("data", Host::Hangs);
    assert_eq!(ok(it.c.api_offline_resource_ex(&it.data, 2, Bytes::new())), PENDING);
    assert_eq!((it.state(&it.app), it.state(&it.data)), (OFFLINE_PENDING, ONLINE));
    it.world.node.answer("app", Ok(()));
    assert_eq!((it.state(&it.app), it.state(&it.data)), (OFFLINE, OFFLINE));
}

#[test]
fn possible_owners_are_added_and_removed() {
    let it = Web::new();
    let (one, two) = (ok(it.c.api_open_node("node1")), ok(it.c.api_open_node("node2")));
    assert_eq!(code(it.c.api_add_resource_node(&it.app, &two)), codes::ERROR_OBJECT_ALREADY_EXISTS);
    ok(it.c.api_remove_resource_node(&it.app, &two));
    assert_eq!(code(it.c.api_remove_resource_node(&it.app, &two)), codes::ERROR_CLUSTER_NODE_NOT_FOUND);
    ok(it.c.api_add_resource_node(&it.app, &two));
    ok(it.c.api_online_resource(&it.app));
    assert_eq!(code(it.c.api_remove_resource_node(&it.app, &one)), codes::ERROR_INVALID_STATE);
    ok(it.c.api_remove_resource_node(&it.app, &two));
}

#[test]
fn a_resource_stays_offline_where_it_may_not_be_hosted() {
    let it = Web::new();
    ok(it.c.api_remove_resource_node(&it.app, &ok(it.c.api_open_node("node1"))));
    assert_eq!(ok(it.c.api_online_resource(&it.app)), PENDING);
    assert_eq!(it.state(&it.app), OFFLINE);
}

#[test]
fn a_resource_goes_into_another_group_with_all_that_belongs_to_it() {
    let it = Web::online();
    let other = ok(it.c.api_create_group("other"));
    assert_eq!(code(it.c.api_change_resource_group(&it.app, &it.web)), Win32Error::ERROR_ALREADY_EXISTS);
    ok(it.c.api_change_resource_group(&it.app, &other));
    for resource in [&it.app, &it.data] {
        assert_eq!(ok(it.c.api_get_resource_state(resource)).group_name.unwrap(), "other");
    }
    ok(it.c.api_change_resource_group_ex(&it.app, &it.web, 0));
    assert_eq!(code(it.c.api_change_resource_group_ex(&it.app, &other, 2)), Win32Error::ERROR_INVALID_PARAMETER);
    assert_eq!(code(it.c.api_change_resource_group_ex(&it.app, &other, 1)), ERROR_CLUSTER_INVALID_REQUEST);
    ok(it.c.api_delete_group(&other, 0));
    assert_eq!(code(it.c.api_change_resource_group(&it.app, &other)), codes::ERROR_GROUP_NOT_AVAILABLE);
}

#[test]
fn a_resource_goes_into_a_group_on_another_node_only_offline_and_where_it_may_be_hosted() {
    let it = Web::online();
    let other = ok(it.c.api_create_group("other"));
    let two = ok(it.c.api_open_node("node2"));
    ok(it.c.api_move_group_to_node(&other, &two));
    assert_eq!(code(it.c.api_change_resource_group(&it.app, &other)), codes::ERROR_RESOURCE_ONLINE);
    ok(it.c.api_offline_group(&it.web));
    ok(it.c.api_remove_resource_node(&it.data, &two));
    assert_eq!(code(it.c.api_change_resource_group(&it.app, &other)), codes::ERROR_HOST_NODE_NOT_RESOURCE_OWNER);
    ok(it.c.api_add_resource_node(&it.data, &two));
    ok(it.c.api_change_resource_group(&it.app, &other));
    it.world.node.command(Command::NodeSeen("2".parse_name(), NodeState::Down)).unwrap();
}

#[test]
fn there_are_no_shared_volumes() {
    let it = Web::new();
    for state in [0, 1] {
        assert_eq!(code(it.c.api_change_csv_state(&it.app, state)), ERROR_CLUSTER_INVALID_REQUEST);
        assert_eq!(code(it.c.api_change_csv_state_ex(&it.app, state, "v")), ERROR_CLUSTER_INVALID_REQUEST);
    }
}
