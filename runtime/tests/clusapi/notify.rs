//! Notification ports of version 1: 3.1.4.2.56 to 3.1.4.2.66, 3.1.4.2.90, 3.1.4.2.91, 3.1.4.2.99,
//! 3.1.4.2.100, 3.1.4.2.107, 3.1.4.2.143.

use std::pin::pin;

use msrpc_cluster::cluster::{
    notify::ClusterChange,
    property_list::{Property, PropertyValue, encode},
};
use msrpc_ndr::{CallError, Win32Error};

use crate::world::{Clusapi, KEY_ALL_ACCESS, Port, Verdict, Web, code, codes, ok, poll, verdict};

const INVALID: Win32Error = Win32Error::ERROR_INVALID_PARAMETER;
const INVALID_HANDLE: Win32Error = Win32Error::ERROR_INVALID_HANDLE;

/// What a port tells until it has no more: the key, the kind of event, the name.
fn told(c: &Clusapi, port: &Port) -> Vec<(u32, ClusterChange, String)> {
    let mut all = Vec::new();
    loop {
        let mut waiting = pin!(c.api_get_notify(port));
        match poll(waiting.as_mut()) {
            Some(Ok(it)) => {
                let change = ClusterChange::from_bits_retain(it.filter);
                all.push((it.notify_key, change, it.name.unwrap().to_string_lossy()));
            }
            Some(Err(error)) => panic!("{error}"),
            None => return all,
        }
    }
}

/// All that a filter on the cluster may ask for but changes of the registry.
const ALL: u32 = ClusterChange::all().bits() & !0xf0 & !ClusterChange::CLIENT_ONLY.bits();

/// A port that is told of everything.
fn all(it: &Web) -> Port {
    let port = ok(it.c.api_create_notify());
    let cluster = ok(it.c.api_open_cluster());
    ok(it.c.api_add_notify_cluster(&port, &cluster, ALL, 7));
    port
}

#[test]
fn a_port_tells_nothing_before_it_has_a_filter() {
    let it = Web::new();
    let port = ok(it.c.api_create_notify());
    ok(it.c.api_create_group("new"));
    assert_eq!(verdict(it.c.api_get_notify(&port)), Verdict::Waits);
}

#[test]
fn a_filter_on_the_cluster_tells_of_all_objects() {
    let it = Web::new();
    let port = all(&it);
    let group = ok(it.c.api_create_group("new"));
    assert_eq!(told(&it.c, &port), [(7, ClusterChange::GROUP_ADDED, "new".into())]);
    ok(it.c.api_set_group_name(&group, "renamed"));
    ok(it.c.api_delete_group(&group, 0));
    let changes = [ClusterChange::GROUP_PROPERTY, ClusterChange::GROUP_DELETED];
    assert_eq!(told(&it.c, &port), changes.map(|change| (7, change, "renamed".into())));
    ok(it.c.api_online_resource(&it.app));
    let told = told(&it.c, &port);
    let states: Vec<_> = told.iter().filter(|(_, change, _)| *change == ClusterChange::RESOURCE_STATE).collect();
    assert_eq!(states.len(), 2, "going online, and online: {told:?}");
}

#[test]
fn a_filter_on_one_object_tells_of_it_alone() {
    let it = Web::new();
    let port = ok(it.c.api_create_notify());
    let sequence = ok(it.c.api_add_notify_resource(&port, &it.app, 0x100, 1));
    assert_eq!(sequence, 0);
    ok(it.c.api_add_notify_group(&port, &it.web, 0x8000, 2));
    let node = ok(it.c.api_open_node("node1"));
    ok(it.c.api_add_notify_node(&port, &node, 0x1, 3));
    ok(it.c.api_online_resource(&it.data));
    ok(it.c.api_set_group_name(&it.web, "renamed"));
    ok(it.c.api_pause_node(&node));
    let expected = [(2, ClusterChange::GROUP_PROPERTY, "renamed"), (3, ClusterChange::NODE_STATE, "node1")];
    assert_eq!(told(&it.c, &port), expected.map(|(key, change, name)| (key, change, name.to_owned())));
}

#[test]
fn filters_that_no_client_may_ask_for_are_refused() {
    let it = Web::new();
    let c = &it.c;
    let port = ok(c.api_create_notify());
    let cluster = ok(c.api_open_cluster());
    let node = ok(c.api_open_node("node1"));
    let network = ok(c.api_open_network("Cluster Network 1"));
    let interface = ok(c.api_open_net_interface("node1 - Ethernet"));
    let root = ok(c.api_get_root_key(KEY_ALL_ACCESS));
    let refused = [
        code(c.api_add_notify_cluster(&port, &cluster, 0, 0)),
        code(c.api_add_notify_cluster(&port, &cluster, 0x8000_0000, 0)),
        code(c.api_add_notify_node(&port, &node, 0x100, 0)),
        code(c.api_add_notify_group(&port, &it.web, 0x100, 0)),
        code(c.api_add_notify_resource(&port, &it.app, 0x1000, 0)),
        code(c.api_add_notify_network(&port, &network, 0x1, 0)),
        code(c.api_add_notify_net_interface(&port, &interface, 0x1, 0)),
        code(c.api_add_notify_key(&port, &root, 0, 0x1, 0)),
        code(c.api_re_add_notify_node(&port, &node, 0x100, 0, 0)),
        code(c.api_re_add_notify_group(&port, &it.web, 0x100, 0, 0)),
        code(c.api_re_add_notify_resource(&port, &it.app, 0x1000, 0, 0)),
        code(c.api_re_add_notify_network(&port, &network, 0x1, 0, 0)),
        code(c.api_re_add_notify_net_interface(&port, &interface, 0x1, 0, 0)),
    ];
    assert_eq!(refused, [INVALID; 13]);
}

#[test]
fn a_client_that_comes_back_is_told_of_the_state_that_it_missed() {
    let it = Web::online();
    let c = &it.c;
    let port = ok(c.api_create_notify());
    let now = ok(c.api_add_notify_resource(&port, &it.app, 0x100, 1));
    let again = ok(c.api_create_notify());
    ok(c.api_re_add_notify_resource(&again, &it.app, 0x100, 2, now));
    assert_eq!(told(c, &again), []);
    ok(c.api_re_add_notify_resource(&again, &it.app, 0x100, 3, now - 1));
    assert_eq!(told(c, &again), [(3, ClusterChange::RESOURCE_STATE, "app".into())]);
    let node = ok(c.api_open_node("node1"));
    ok(c.api_re_add_notify_node(&again, &node, 1, 4, 99));
    ok(c.api_re_add_notify_group(&again, &it.web, 0x1000, 5, 99));
    let network = ok(c.api_open_network("Cluster Network 1"));
    ok(c.api_re_add_notify_network(&again, &network, 0x0010_0000, 6, 99));
    let interface = ok(c.api_open_net_interface("node1 - Ethernet"));
    ok(c.api_re_add_notify_net_interface(&again, &interface, 0x0100_0000, 7, 99));
    let keys: Vec<u32> = told(c, &again).into_iter().map(|(key, ..)| key).collect();
    assert_eq!(keys, [4, 5, 6, 7]);
}

#[test]
fn a_wait_is_answered_by_the_event() {
    let it = Web::new();
    let port = all(&it);
    let mut waiting = pin!(it.c.api_get_notify(&port));
    assert!(poll(waiting.as_mut()).is_none());
    ok(it.c.api_create_group("new"));
    assert_eq!(poll(waiting).expect("told").unwrap().name.unwrap(), "new");
}

fn ended<R: std::fmt::Debug>(answer: Option<msrpc_ndr::CallResult<R, Win32Error>>) -> Win32Error {
    match answer {
        Some(Err(CallError::Status { status, .. })) => status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn closing_a_port_ends_the_wait_at_it() {
    let it = Web::new();
    let port = all(&it);
    let (mut one, mut other) = (pin!(it.c.api_get_notify(&port)), pin!(it.c.api_get_notify_async(&port)));
    assert!(poll(one.as_mut()).is_none() && poll(other.as_mut()).is_none());
    ok(it.c.api_close_notify(Some(port.clone())));
    assert_eq!(ended(poll(one)), Win32Error::ERROR_NO_MORE_ITEMS);
    assert_eq!(ended(poll(other)), Win32Error::ERROR_NO_MORE_ITEMS);
}

#[test]
fn unblocking_ends_the_wait_and_keeps_the_port() {
    let it = Web::new();
    let port = all(&it);
    let (mut one, mut other) = (pin!(it.c.api_get_notify(&port)), pin!(it.c.api_get_notify_async(&port)));
    assert!(poll(one.as_mut()).is_none() && poll(other.as_mut()).is_none());
    ok(it.c.api_unblock_get_notify_call(&port));
    assert_eq!(ended(poll(one)), Win32Error::ERROR_INVALID_FUNCTION);
    assert_eq!(ended(poll(other)), Win32Error::ERROR_INVALID_FUNCTION);
    ok(it.c.api_create_group("new"));
    assert_eq!(ok(it.c.api_get_notify(&port)).name.unwrap(), "new");
    ok(it.c.api_unblock_get_notify_call(&port));
}

#[test]
fn several_events_come_in_one_answer_of_the_asynchronous_method() {
    let it = Web::new();
    let port = all(&it);
    for name in ["a", "b", "c"] {
        ok(it.c.api_create_group(name));
    }
    let told = ok(it.c.api_get_notify_async(&port)).unwrap();
    let names: Vec<_> = told.into_iter().map(|it| it.name.unwrap().to_string_lossy()).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[test]
fn a_slow_reader_is_told_that_something_was_lost() {
    let it = Web::new();
    let port = all(&it);
    let group = ok(it.c.api_create_group("g"));
    for _ in 0..4200 {
        ok(it.c.api_set_group_node_list(&group, None));
    }
    let mut last = None;
    let mut count = 0;
    while count < 4097 {
        let batch = ok(it.c.api_get_notify_async(&port)).unwrap();
        count += batch.len();
        last = batch.into_iter().next_back();
    }
    assert_eq!((count, last.unwrap().filter), (4097, ClusterChange::CLUSTER_RECONNECT.bits()));
    assert_eq!(verdict(it.c.api_get_notify(&port)), Verdict::Waits);
}

#[test]
fn a_port_of_the_other_version_is_an_invalid_handle() {
    let it = Web::new();
    let c = &it.c;
    let (one, two) = (ok(c.api_create_notify()), ok(c.api_create_notify_v2()));
    let cluster = ok(c.api_open_cluster());
    assert_eq!(code(c.api_get_notify(&two)), INVALID_HANDLE);
    assert_eq!(code(c.api_get_notify_async(&two)), INVALID_HANDLE);
    assert_eq!(code(c.api_get_notify_v2(&one)), INVALID_HANDLE);
    assert_eq!(code(c.api_add_notify_cluster(&two, &cluster, 0x1000, 0)), INVALID_HANDLE);
    assert_eq!(code(c.api_add_notify_group(&two, &it.web, 0x1000, 0)), INVALID_HANDLE);
}

#[test]
fn keys_are_watched_alone_or_with_all_below() {
    let it = Web::new();
    let c = &it.c;
    let root = ok(c.api_get_root_key(KEY_ALL_ACCESS));
    let key = ok(c.api_create_key(&root, "Watched", 0, KEY_ALL_ACCESS, None)).handle;
    let below = ok(c.api_create_key(&key, "Below", 0, KEY_ALL_ACCESS, None)).handle;
    let port = ok(c.api_create_notify());
    ok(c.api_add_notify_key(&port, &key, 1, 0x40, 0));
    ok(c.api_add_notify_key(&port, &key, 2, 0x50, 1));
    ok(c.api_set_value(&key, "v", 3, &b"x"[..]));
    ok(c.api_set_value(&below, "v", 3, &b"x"[..]));
    ok(c.api_create_key(&below, "New", 0, KEY_ALL_ACCESS, None));
    let value = ClusterChange::REGISTRY_VALUE;
    let expected = [
        (1, value, "Watched"),
        (2, value, "Watched"),
        (2, value, "Watched\\Below"),
        (2, ClusterChange::REGISTRY_NAME, "Watched\\Below\\New"),
    ];
    assert_eq!(told(c, &port), expected.map(|(key, change, name)| (key, change, name.to_owned())));
}

#[test]
fn properties_set_by_a_control_code_are_told() {
    let it = Web::new();
    let c = &it.c;
    let port = all(&it);
    let list = encode(&[Property { name: "Description".into(), values: vec![PropertyValue::string("new")] }]);
    let own = encode(&[Property { name: "Colour".into(), values: vec![PropertyValue::string("red")] }]);
    let some = || Some(list.clone());
    let node = ok(c.api_open_node("node1"));
    let network = ok(c.api_open_network("Cluster Network 1"));
    let interface = ok(c.api_open_net_interface("node1 - Ethernet"));
    let cluster = ok(c.api_open_cluster());
    ok(c.api_resource_control(&it.app, 0x0140_005e, some(), 0));
    ok(c.api_resource_control(&it.app, 0x0140_0086, Some(own), 0));
    ok(c.api_resource_type_control(&cluster, "Memory", 0x0240_005e, some(), 0));
    ok(c.api_group_control(&it.web, 0x0340_005e, some(), 0));
    ok(c.api_node_control(&node, 0x0440_005e, some(), 0));
    ok(c.api_network_control(&network, 0x0540_005e, some(), 0));
    ok(c.api_net_interface_control(&interface, 0x0640_005e, some(), 0));
    ok(c.api_cluster_control(&cluster, 0x0740_005e, some(), 0));
    let kinds: Vec<_> = told(c, &port).into_iter().map(|(_, change, _)| change).collect();
    use ClusterChange as C;
    assert_eq!(
        kinds,
        [
            C::RESOURCE_PROPERTY,
            C::RESOURCE_PROPERTY,
            C::RESOURCE_TYPE_PROPERTY,
            C::GROUP_PROPERTY,
            C::NODE_PROPERTY,
            C::NETWORK_PROPERTY,
            C::NETINTERFACE_PROPERTY,
            C::CLUSTER_PROPERTY,
        ]
    );
}

#[test]
fn a_filter_on_an_object_that_is_gone_is_refused() {
    let it = Web::new();
    let port = ok(it.c.api_create_notify());
    ok(it.c.api_delete_resource(&it.app));
    let gone = codes::ERROR_RESOURCE_NOT_AVAILABLE;
    assert_eq!(code(it.c.api_add_notify_resource(&port, &it.app, 0x100, 0)), gone);
    assert_eq!(code(it.c.api_re_add_notify_resource(&port, &it.app, 0x100, 0, 0)), gone);
}
