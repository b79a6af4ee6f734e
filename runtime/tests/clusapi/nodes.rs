//! Nodes: 3.1.4.2.49, 3.1.4.2.67 to 3.1.4.2.72, 3.1.4.2.125 to 3.1.4.2.127.

use msrpc_cluster::cluster::{machine::Command, state::NodeState};
use msrpc_ndr::Win32Error;

use crate::{
    node::{Host, ParseName},
    world::{Web, World, code, codes, ok},
};

const UP: u32 = 0;
const DOWN: u32 = 1;
const PAUSED: u32 = 2;

fn seen(world: &World, id: &str, state: NodeState) {
    world.node.command(Command::NodeSeen(id.parse_name(), state)).unwrap();
}

#[test]
fn a_nodes_state_is_told() {
    let world = World::new();
    let c = world.admin();
    let (one, two) = (ok(c.api_open_node("node1")), ok(c.api_open_node("node2")));
    for (state, told) in [(NodeState::Up, UP), (NodeState::Down, DOWN), (NodeState::Joining, 3)] {
        seen(&world, "2", state);
        assert_eq!(ok(c.api_get_node_state(&two)), told);
    }
    assert_eq!(ok(c.api_get_node_state(&one)), UP);
}

#[test]
fn a_node_is_paused_and_resumed() {
    let world = World::new();
    let c = world.admin();
    let node = ok(c.api_open_node("node1"));
    ok(c.api_pause_node(&node));
    assert_eq!(ok(c.api_get_node_state(&node)), PAUSED);
    // Once more is no mistake.
    ok(c.api_pause_node(&node));
    ok(c.api_resume_node(&node));
    assert_eq!(ok(c.api_get_node_state(&node)), UP);
}

#[test]
fn a_node_that_is_down_is_not_paused() {
    let world = World::new();
    let c = world.admin();
    let node = ok(c.api_open_node("node2"));
    seen(&world, "2", NodeState::Down);
    assert_eq!(code(c.api_pause_node(&node)), codes::ERROR_CLUSTER_NODE_DOWN);
    assert_eq!(code(c.api_resume_node(&node)), codes::ERROR_CLUSTER_NODE_DOWN);
    assert_eq!(code(c.api_resume_node_ex(&node, 0, 0)), codes::ERROR_CLUSTER_NODE_DOWN);
}

#[test]
fn a_node_that_is_not_paused_is_not_resumed() {
    let world = World::new();
    let c = world.admin();
    let node = ok(c.api_open_node("node1"));
    assert_eq!(code(c.api_resume_node_ex(&node, 0, 0)), codes::ERROR_CLUSTER_NODE_NOT_PAUSED);
    ok(c.api_pause_node(&node));
    assert_eq!(code(c.api_resume_node_ex(&node, 3, 0)), Win32Error::ERROR_INVALID_PARAMETER);
    for failback in [0, 1, 2] {
        ok(c.api_pause_node(&node));
        ok(c.api_resume_node_ex(&node, failback, 0));
    }
}

#[test]
fn pausing_without_draining_is_pausing_whatever_the_flags() {
    let world = World::new();
    let c = world.admin();
    let node = ok(c.api_open_node("node1"));
    assert_eq!(ok(c.api_pause_node_ex(&node, 0, u32::MAX)), Win32Error(0));
    assert_eq!(ok(c.api_get_node_state(&node)), PAUSED);
}

#[test]
fn draining_a_node_moves_its_groups_away_and_is_pending() {
    let it = Web::online();
    let node = ok(it.c.api_open_node("node1"));
    assert_eq!(code(it.c.api_pause_node_ex(&node, 1, 2)), Win32Error::ERROR_INVALID_PARAMETER);
    assert_eq!(ok(it.c.api_pause_node_ex(&node, 1, 1)), Win32Error::ERROR_IO_PENDING);
    assert_eq!(ok(it.c.api_get_node_state(&node)), PAUSED);
    assert_eq!(ok(it.c.api_get_group_state(&it.web)).node_name.unwrap(), "node2");
}

#[test]
fn a_node_is_not_drained_when_no_other_is_up() {
    let it = Web::online();
    seen(&it.world, "2", NodeState::Down);
    let node = ok(it.c.api_open_node("node1"));
    assert_eq!(code(it.c.api_pause_node_ex(&node, 1, 0)), codes::ERROR_CLUSTER_NODE_DOWN);
    assert_eq!(ok(it.c.api_get_node_state(&node)), UP);
}

#[test]
fn a_node_that_is_being_drained_is_not_drained_again() {
    let it = Web::online();
    it.host("app", Host::Hangs);
    let node = ok(it.c.api_open_node("node1"));
    assert_eq!(ok(it.c.api_pause_node_ex(&node, 1, 0)), Win32Error::ERROR_IO_PENDING);
    assert_eq!(code(it.c.api_pause_node_ex(&node, 1, 0)), codes::ERROR_CLUSTER_NODE_EVACUATION_IN_PROGRESS);
    it.world.node.answer("app", Ok(()));
    assert_eq!(ok(it.c.api_get_group_state(&it.web)).node_name.unwrap(), "node2");
    assert_eq!(ok(it.c.api_pause_node_ex(&node, 1, 0)), Win32Error::ERROR_IO_PENDING);
}

#[test]
fn a_node_is_drained_to_another_that_is_up() {
    let it = Web::online();
    let c = &it.c;
    let (one, two) = (ok(c.api_open_node("node1")), ok(c.api_open_node("node2")));
    let same = code(c.api_pause_node_with_drain_target(&one, 0, &one));
    assert_eq!(same, codes::ERROR_INVALID_TARGET_HANDLE);
    seen(&it.world, "2", NodeState::Down);
    let down = code(c.api_pause_node_with_drain_target(&one, 0, &two));
    assert_eq!(down, codes::ERROR_HOST_NODE_NOT_AVAILABLE);
    assert_eq!(ok(c.api_get_node_state(&one)), UP);
    seen(&it.world, "2", NodeState::Up);
    let flags = code(c.api_pause_node_with_drain_target(&one, 2, &two));
    assert_eq!(flags, Win32Error::ERROR_INVALID_PARAMETER);
    assert_eq!(ok(c.api_pause_node_with_drain_target(&one, 1, &two)), Win32Error::ERROR_IO_PENDING);
    assert_eq!(ok(c.api_get_group_state(&it.web)).node_name.unwrap(), "node2");
}

#[test]
fn an_evicted_node_is_in_no_list_and_its_handle_is_stale() {
    let it = Web::new();
    let c = &it.c;
    let two = ok(c.api_open_node("node2"));
    ok(c.api_set_group_node_list(&it.web, Some("2\0\0".into())));
    ok(c.api_evict_node(&two));
    assert_eq!(code(c.api_open_node("node2")), codes::ERROR_CLUSTER_NODE_NOT_FOUND);
    assert_eq!(ok(c.api_create_res_enum(&it.app, 4)).unwrap().entry.len(), 1);
    assert_eq!(ok(c.api_create_group_resource_enum(&it.web, 2)).unwrap().entry.len(), 1);
    let stale = codes::ERROR_NODE_NOT_AVAILABLE;
    assert_eq!(code(c.api_get_node_id(&two)), stale);
    assert_eq!(code(c.api_get_node_state(&two)), stale);
    assert_eq!(code(c.api_pause_node(&two)), stale);
    assert_eq!(code(c.api_resume_node(&two)), stale);
    assert_eq!(code(c.api_evict_node(&two)), stale);
    assert_eq!(code(c.api_create_node_enum(&two, 1)), stale);
    assert_eq!(code(c.api_add_notify_node(&ok(c.api_create_notify()), &two, 1, 0)), stale);
    assert_eq!(code(c.api_node_control(&two, 0x0400_0029, None, 64)), stale);
    ok(c.api_close_node(Some(two)));
}

#[test]
fn the_groups_of_an_evicted_node_go_to_another() {
    let it = Web::online();
    let two = ok(it.c.api_open_node("node2"));
    ok(it.c.api_move_group_to_node(&it.web, &two));
    assert_eq!(it.group_state(), 1, "it is for the other node to bring it online there");
    ok(it.c.api_evict_node(&two));
    assert_eq!(ok(it.c.api_get_group_state(&it.web)).node_name.unwrap(), "node1");
    assert_eq!(it.group_state(), 0);
    // The last node has no other to give its groups to.
    ok(it.c.api_evict_node(&ok(it.c.api_open_node("node1"))));
    ok(it.c.api_get_group_state(&it.web));
}

#[test]
fn what_runs_on_a_node_that_evicts_itself_is_ended() {
    let it = Web::online();
    ok(it.c.api_evict_node(&ok(it.c.api_open_node("node1"))));
    assert_eq!(ok(it.c.api_get_group_state(&it.web)).node_name.unwrap(), "node2");
    assert_eq!((it.state(&it.app), it.state(&it.data)), (3, 3));
}

#[test]
fn a_node_that_is_down_can_be_evicted() {
    let world = World::new();
    let c = world.admin();
    seen(&world, "2", NodeState::Down);
    ok(c.api_evict_node(&ok(c.api_open_node("node2"))));
    assert_eq!(ok(c.api_create_enum(1)).unwrap().entry.len(), 1);
}
