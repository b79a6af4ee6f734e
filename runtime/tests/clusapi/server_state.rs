//! What a node accepts by its protocol server state (3.1.1, 3.1.4.2), and that nothing is done half.

use msrpc_cluster::cluster::state::ServerState;
use msrpc_ndr::Win32Error;

use crate::{
    methods::{Fixture, METHODS, Method, Needs},
    world::{Verdict, code, codes, ok},
};

/// What the methods answer in a state, those that close handles last.
fn in_state(state: ServerState, check: impl Fn(&str, Needs, Verdict)) {
    let closes = |method: &&Method| method.name.starts_with("ApiClose");
    let mut fixture = Fixture::new();
    fixture.world.node.set_state(state);
    for method in METHODS.iter().filter(|method| !closes(method)).chain(METHODS.iter().filter(closes)) {
        check(method.name, method.needs, (method.call)(&fixture.c, &fixture.h));
        if state == ServerState::ReadWrite && method.needs == Needs::Write {
            fixture = Fixture::new();
        }
    }
}

const PAUSED: Verdict = Verdict::Status(Win32Error::ERROR_SHARING_PAUSED);
const SHUTTING_DOWN: Verdict = Verdict::Status(codes::ERROR_CLUSTER_NODE_SHUTTING_DOWN);

fn is_about_state(verdict: Verdict) -> bool {
    [PAUSED, SHUTTING_DOWN].contains(&verdict)
}

#[test]
fn a_read_write_node_accepts_every_method() {
    in_state(ServerState::ReadWrite, |name, _, verdict| {
        assert!(!is_about_state(verdict), "{name}: {verdict:?}");
        assert!(!matches!(verdict, Verdict::Fault(_)), "{name}: {verdict:?}");
    });
}

#[test]
fn a_read_only_node_accepts_what_does_not_change_the_cluster() {
    in_state(ServerState::ReadOnly, |name, needs, verdict| match needs {
        Needs::Write => assert_eq!(verdict, PAUSED, "{name}"),
        _ => assert!(!is_about_state(verdict), "{name}: {verdict:?}"),
    });
}

#[test]
fn a_node_that_has_not_begun_accepts_nothing_but_closing() {
    in_state(ServerState::None, |name, needs, verdict| match needs {
        Needs::Any => assert!(!is_about_state(verdict), "{name}: {verdict:?}"),
        _ => assert_eq!(verdict, PAUSED, "{name}"),
    });
}

#[test]
fn a_node_that_ends_accepts_nothing_but_closing() {
    in_state(ServerState::ShuttingDown, |name, needs, verdict| match needs {
        Needs::Any => assert!(!is_about_state(verdict), "{name}: {verdict:?}"),
        _ => assert_eq!(verdict, SHUTTING_DOWN, "{name}"),
    });
}

#[test]
fn a_change_that_the_store_refuses_is_not_done() {
    const ERROR_DISK_FULL: Win32Error = Win32Error(112);
    let fixture = Fixture::new();
    let before = fixture.world.node.registry();
    fixture.world.node.store_fails(Some(ERROR_DISK_FULL));
    let mut refused = 0;
    for method in METHODS.iter().filter(|method| !method.name.starts_with("ApiClose")) {
        let verdict = (method.call)(&fixture.c, &fixture.h);
        assert_eq!(fixture.world.node.registry(), before, "{}: {verdict:?}", method.name);
        let disk_full = verdict == Verdict::Status(ERROR_DISK_FULL);
        assert!(!disk_full || method.needs == Needs::Write, "{} changes the cluster", method.name);
        refused += usize::from(disk_full);
    }
    assert!(refused > 20, "{refused} methods change the registry");
}

#[test]
fn what_is_refused_changes_nothing() {
    for state in [ServerState::None, ServerState::ReadOnly, ServerState::ShuttingDown] {
        let fixture = Fixture::new();
        fixture.world.node.set_state(state);
        let before = fixture.world.node.registry();
        for method in METHODS.iter().filter(|method| !method.name.starts_with("ApiClose")) {
            (method.call)(&fixture.c, &fixture.h);
            assert_eq!(fixture.world.node.registry(), before, "{} in {state:?}", method.name);
        }
    }
}

#[test]
fn a_read_only_node_enumerates_nodes_only() {
    let fixture = Fixture::new();
    fixture.world.node.set_state(ServerState::ReadOnly);
    let cluster = fixture.h.cluster();
    assert_eq!(ok(fixture.c.api_create_enum(1)).unwrap().entry.len(), 2);
    assert_eq!(code(fixture.c.api_create_enum(4)), Win32Error::ERROR_SHARING_PAUSED);
    assert_eq!(code(fixture.c.api_create_enum_ex(&cluster, 8, 0)), Win32Error::ERROR_SHARING_PAUSED);
}

#[test]
fn a_read_only_node_answers_control_codes_that_change_nothing() {
    let fixture = Fixture::new();
    fixture.world.node.set_state(ServerState::ReadOnly);
    let app = fixture.h.resource();
    ok(fixture.c.api_resource_control(&app, 0x0100_0029, None, 64));
    let set = code(fixture.c.api_resource_control(&app, 0x0140_005e, None, 64));
    assert_eq!(set, Win32Error::ERROR_SHARING_PAUSED);
}
