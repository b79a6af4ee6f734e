//! Notification ports of version 2: 3.1.4.2.136 to 3.1.4.2.138, 3.1.4.2.144.

use std::pin::pin;

use msrpc_cluster::cluster::property_list::{Property, PropertyValue, encode};
use msrpc_ndr::{Bytes, CallError, ClientHandle, Win32Error};
use msrpc_protocols::clusapi3::{HgenericRpc, NotificationDataRpc, NotifyFilterAndTypeRpc};

use crate::world::{KEY_ALL_ACCESS, Port, Web, code, codes, ok, poll};

const CLUSTER: u32 = 1;
const GROUP: u32 = 2;
const RESOURCE: u32 = 3;
const RESOURCE_TYPE: u32 = 4;
const INTERFACE: u32 = 5;
const NETWORK: u32 = 6;
const NODE: u32 = 7;
const REGISTRY: u32 = 8;
const GROUP_SET: u32 = 13;

const INVALID: Win32Error = Win32Error::ERROR_INVALID_PARAMETER;

struct V2 {
    web: Web,
    port: Port,
}

impl V2 {
    /// A port that is told all of a type of object.
    fn of(types: &[(u32, i64)]) -> Self {
        let web = Web::new();
        let port = ok(web.c.api_create_notify_v2());
        let cluster = ok(web.c.api_open_cluster());
        for &(object_type, filter_flags) in types {
            let filter = NotifyFilterAndTypeRpc { object_type, filter_flags };
            ok(web.c.api_add_notify_v2(&port, &cluster.cast(), filter, object_type, 2, 0));
        }
        Self { web, port }
    }

    /// What is told until there is no more.
    fn told(&self) -> Vec<NotificationDataRpc> {
        let mut all = Vec::new();
        loop {
            let mut waiting = pin!(self.web.c.api_get_notify_v2(&self.port));
            match poll(waiting.as_mut()) {
                Some(told) => all.extend(told.unwrap().unwrap().into_iter().map(|it| it.notification_data)),
                None => return all,
            }
        }
    }

    fn flags(&self) -> Vec<(u32, i64)> {
        let filters = self.told().into_iter().map(|it| it.filter_and_type);
        filters.map(|filter| (filter.object_type, filter.filter_flags)).collect()
    }

    fn add(
        &self,
        object: &ClientHandle<HgenericRpc>,
        object_type: u32,
        flags: i64,
        version: u32,
        one: i32,
    ) -> Win32Error {
        let filter = NotifyFilterAndTypeRpc { object_type, filter_flags: flags };
        match crate::world::verdict(self.web.c.api_add_notify_v2(&self.port, object, filter, 1, version, one)) {
            crate::world::Verdict::Status(status) => status,
            other => panic!("{other:?}"),
        }
    }
}

fn utf16(text: &str) -> Bytes {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn string(text: Option<msrpc_ndr::WString>) -> String {
    text.unwrap().to_string_lossy()
}

#[test]
fn filters_are_of_the_documents_types_flags_and_version() {
    let it = V2::of(&[]);
    let c = &it.web.c;
    let cluster = ok(c.api_open_cluster()).cast();
    for (object_type, flags, version) in [
        (0, 1, 2),
        (14, 1, 2),
        (GROUP, 0, 2),
        (GROUP, 0x200, 2),
        (CLUSTER, 0x1, 2),
        (CLUSTER, 0x2, 2),
        (CLUSTER, 0x8, 2),
        (GROUP, -1, 2),
        (GROUP, 1, 1),
        (GROUP, 1, 3),
    ] {
        assert_eq!(it.add(&cluster, object_type, flags, version, 0), INVALID, "{object_type} {flags:#x} {version}");
    }
    for flags in [0x4, 0x10, 0x20, 0x40, 0x80, 0x100, 0x200, 0x400, 0x800, 0x1000] {
        assert_eq!(it.add(&cluster, CLUSTER, flags, 2, 0), Win32Error(0));
    }
}

#[test]
fn the_handle_is_of_the_type_that_the_filter_names() {
    let it = V2::of(&[]);
    let c = &it.web.c;
    let set = ok(c.api_create_group_set("set"));
    let root = ok(c.api_get_root_key(KEY_ALL_ACCESS));
    let right: [(u32, ClientHandle<HgenericRpc>); 8] = [
        (CLUSTER, ok(c.api_open_cluster()).cast()),
        (GROUP, it.web.web.cast()),
        (RESOURCE, it.web.app.cast()),
        (NETWORK, ok(c.api_open_network("Cluster Network 1")).cast()),
        (INTERFACE, ok(c.api_open_net_interface("node1 - Ethernet")).cast()),
        (NODE, ok(c.api_open_node("node1")).cast()),
        (REGISTRY, root.cast()),
        (GROUP_SET, set.cast()),
    ];
    for (object_type, _) in &right {
        for (other, object) in &right {
            let verdict = it.add(object, *object_type, if *object_type == CLUSTER { 4 } else { 1 }, 2, 1);
            let fits = object_type == other || (*object_type, *other) == (REGISTRY, CLUSTER);
            let expected = if fits { Win32Error(0) } else { Win32Error::ERROR_INVALID_HANDLE };
            assert_eq!(verdict, expected, "type {object_type} with the handle of {other}");
        }
    }
}

#[test]
fn an_object_that_is_gone_is_not_watched() {
    let it = V2::of(&[]);
    ok(it.web.c.api_delete_resource(&it.web.app));
    assert_eq!(it.add(&it.web.app.cast(), RESOURCE, 1, 2, 1), codes::ERROR_RESOURCE_NOT_AVAILABLE);
}

#[test]
fn a_targeted_filter_tells_of_its_object_alone() {
    let it = V2::of(&[]);
    assert_eq!(it.add(&it.web.app.cast(), RESOURCE, 0x4, 2, 1), Win32Error(0));
    ok(it.web.c.api_online_group(&it.web.web));
    let names: Vec<_> = it.told().into_iter().map(|it| string(it.name)).collect();
    assert_eq!(names, ["app", "app"]);
}

#[test]
fn a_new_group_is_told_with_its_type_and_node() {
    let it = V2::of(&[(CLUSTER, 0x4)]);
    let group = ok(it.web.c.api_create_group("new"));
    let [told] = it.told().try_into().unwrap();
    assert_eq!((told.filter_and_type.object_type, told.filter_and_type.filter_flags), (CLUSTER, 0x4));
    assert_eq!(told.buffer.unwrap(), &9999_u32.to_le_bytes()[..]);
    assert_eq!(told.object_id, ok(it.web.c.api_get_group_id(&group)));
    assert_eq!((string(told.parent_id), string(told.name), string(told.r#type)), ("1".into(), "new".into(), "".into()));
}

#[test]
fn a_groups_resources_come_and_go() {
    const ADDED: i64 = 0x40;
    const GAINED: i64 = 0x80;
    const LOST: i64 = 0x100;
    let it = V2::of(&[(GROUP, 0x1c0)]);
    let c = &it.web.c;
    let resource = ok(c.api_create_resource(&it.web.web, "new", "Memory", 0));
    let id = ok(c.api_get_resource_id(&resource)).unwrap();
    let group_id = ok(c.api_get_group_id(&it.web.web)).unwrap();
    let null = |id: &msrpc_ndr::WString| utf16(&(id.to_string_lossy() + "\0"));
    let [added, gained] = it.told().try_into().unwrap();
    assert_eq!((added.filter_and_type.filter_flags, gained.filter_and_type.filter_flags), (ADDED, GAINED));
    assert_eq!((added.object_id.unwrap(), string(added.name)), (id.clone(), "new".into()));
    assert_eq!(added.buffer.unwrap(), null(&group_id));
    assert_eq!((gained.object_id.unwrap(), string(gained.name)), (group_id, "web".into()));
    assert_eq!(gained.buffer.unwrap(), null(&id));
    let other = ok(c.api_create_group("other"));
    ok(c.api_change_resource_group(&resource, &other));
    let [lost, gained] = it.told().try_into().unwrap();
    assert_eq!((lost.filter_and_type.filter_flags, gained.filter_and_type.filter_flags), (LOST, GAINED));
    assert_eq!((string(lost.name), string(gained.name)), ("web".into(), "other".into()));
    assert_eq!((lost.buffer.unwrap(), gained.buffer.unwrap()), (null(&id), null(&id)));
    ok(c.api_delete_resource(&resource));
    let [lost] = it.told().try_into().unwrap();
    assert_eq!((lost.filter_and_type.filter_flags, lost.buffer.unwrap()), (LOST, null(&id)));
}

#[test]
fn a_groups_state_owner_and_preferred_owners_are_told() {
    let it = V2::of(&[(GROUP, 0x39)]);
    let c = &it.web.c;
    ok(c.api_set_group_node_list(&it.web.web, Some("2\0\0".into())));
    let [preferred] = it.told().try_into().unwrap();
    assert_eq!((preferred.filter_and_type.filter_flags, preferred.buffer.unwrap()), (0x20, utf16("2\x001\0\0")));
    ok(c.api_move_group(&it.web.web));
    let [owner] = it.told().try_into().unwrap();
    assert_eq!((owner.filter_and_type.filter_flags, owner.buffer.unwrap()), (0x10, utf16("2\0")));
    assert_eq!(string(owner.parent_id), "2");
    ok(c.api_delete_group(&it.web.web, 1));
    assert!(it.flags().contains(&(GROUP, 1)));
}

#[test]
fn what_changes_of_a_resource_is_told_with_its_group_and_type() {
    let it = V2::of(&[(RESOURCE, 0x1ff)]);
    let c = &it.web.c;
    let (app, data) = (&it.web.app, &it.web.data);
    let id = ok(c.api_get_resource_id(app)).unwrap();
    let group_id = ok(c.api_get_group_id(&it.web.web)).unwrap();
    ok(c.api_add_resource_dependency(app, data));
    let [depends, depended] = it.told().try_into().unwrap();
    assert_eq!((depends.filter_and_type.filter_flags, depends.buffer.unwrap()), (0x10, utf16("([data])\0")));
    assert_eq!((depends.object_id.unwrap(), depends.parent_id.unwrap()), (id.clone(), group_id.clone()));
    assert_eq!((string(depends.name), string(depends.r#type)), ("app".into(), "Memory".into()));
    let dependents = utf16(&format!("{}\0\0", id.to_string_lossy()));
    assert_eq!((depended.filter_and_type.filter_flags, depended.buffer.unwrap()), (0x20, dependents));
    assert_eq!(string(depended.name), "data");
    ok(c.api_remove_resource_dependency(app, data));
    let flags: Vec<_> = it.flags().into_iter().map(|(_, flag)| flag).collect();
    assert_eq!(flags, [0x10, 0x20]);
    ok(c.api_remove_resource_node(app, &ok(c.api_open_node("node2"))));
    let [owners] = it.told().try_into().unwrap();
    assert_eq!((owners.filter_and_type.filter_flags, owners.buffer.unwrap()), (0x40, utf16("1\0\0")));
    ok(c.api_online_resource(app));
    let states: Vec<_> =
        it.told().into_iter().map(|it| (it.filter_and_type.filter_flags, it.buffer.unwrap())).collect();
    let state = |state: u32| (0x4, Bytes::copy_from_slice(&state.to_le_bytes()));
    assert_eq!(states, [state(0x81), state(2)]);
    let other = ok(c.api_create_group("other"));
    ok(c.api_change_resource_group(app, &other));
    let [moved] = it.told().try_into().unwrap();
    let other_id = ok(c.api_get_group_id(&other)).unwrap().to_string_lossy();
    assert_eq!((moved.filter_and_type.filter_flags, moved.buffer.unwrap()), (0x8, utf16(&(other_id.clone() + "\0"))));
    ok(c.api_offline_resource(app));
    it.told();
    ok(c.api_delete_resource(app));
    let [deleted] = it.told().try_into().unwrap();
    assert_eq!((deleted.filter_and_type.filter_flags, deleted.buffer.unwrap()), (0x80, utf16(&(other_id + "\0"))));
}

#[test]
fn properties_set_by_a_control_code_are_told_with_what_was_set() {
    let types =
        [(CLUSTER, 0x180), (GROUP, 6), (RESOURCE, 3), (RESOURCE_TYPE, 6), (INTERFACE, 6), (NETWORK, 6), (NODE, 0xc)];
    let it = V2::of(&[&types[..], &[(GROUP_SET, 6)]].concat());
    let c = &it.web.c;
    let common = encode(&[Property { name: "Description".into(), values: vec![PropertyValue::string("new")] }]);
    let count = encode(&[Property { name: "StartupCount".into(), values: vec![PropertyValue::dword(1)] }]);
    let own = encode(&[Property { name: "Colour".into(), values: vec![PropertyValue::string("red")] }]);
    let node = ok(c.api_open_node("node1"));
    let network = ok(c.api_open_network("Cluster Network 1"));
    let interface = ok(c.api_open_net_interface("node1 - Ethernet"));
    let cluster = ok(c.api_open_cluster());
    let set = ok(c.api_create_group_set("set"));
    it.told();
    for (function, list) in [(0x0040_005e, &common), (0x0040_0086, &own)] {
        let some = || Some(list.clone());
        ok(c.api_resource_control(&it.web.app, 0x0100_0000 | function, some(), 0));
        ok(c.api_resource_type_control(&cluster, "Memory", 0x0200_0000 | function, some(), 0));
        ok(c.api_group_control(&it.web.web, 0x0300_0000 | function, some(), 0));
        ok(c.api_node_control(&node, 0x0400_0000 | function, some(), 0));
        ok(c.api_network_control(&network, 0x0500_0000 | function, some(), 0));
        ok(c.api_net_interface_control(&interface, 0x0600_0000 | function, some(), 0));
        ok(c.api_cluster_control(&cluster, 0x0700_0000 | function, some(), 0));
    }
    ok(c.api_group_set_control(&set, 0x0840_005e, Some(count.clone()), 0));
    let told: Vec<_> = it
        .told()
        .into_iter()
        .map(|it| (it.filter_and_type.object_type, it.filter_and_type.filter_flags, it.buffer))
        .collect();
    let (list, own) = (Some(common), Some(own));
    let expected = [
        (RESOURCE, 1, list.clone()),
        (RESOURCE_TYPE, 2, list.clone()),
        (GROUP, 2, list.clone()),
        (NODE, 4, list.clone()),
        (NETWORK, 2, list.clone()),
        (INTERFACE, 2, list.clone()),
        (CLUSTER, 0x80, list),
        (RESOURCE, 2, None),
        (RESOURCE_TYPE, 4, None),
        (GROUP, 4, own.clone()),
        (NODE, 8, own.clone()),
        (NETWORK, 4, own.clone()),
        (INTERFACE, 4, own.clone()),
        (CLUSTER, 0x100, own),
        (GROUP_SET, 2, Some(count)),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_group_sets_groups_and_dependencies_are_told() {
    let it = V2::of(&[(GROUP_SET, 0xff)]);
    let c = &it.web.c;
    let (front, back) = (ok(c.api_create_group_set("front")), ok(c.api_create_group_set("back")));
    let other = ok(c.api_create_group("other"));
    ok(c.api_add_group_to_group_set(&front, &it.web.web));
    ok(c.api_add_group_to_group_set(&back, &other));
    ok(c.api_add_group_set_dependency(&front, &back));
    ok(c.api_remove_group_set_dependency(&front, &back));
    ok(c.api_remove_group_from_group_set(&it.web.web));
    ok(c.api_delete_group_set(&front));
    let flags: Vec<_> = it.flags().into_iter().map(|(_, flag)| flag).collect();
    assert_eq!(flags, [0x10, 0x10, 0x40, 0x80, 0x40, 0x80, 0x20, 0x1]);
}

#[test]
fn changes_of_the_registry_are_told_by_key_and_value() {
    let it = V2::of(&[(REGISTRY, 0x4)]);
    let c = &it.web.c;
    let root = ok(c.api_get_root_key(KEY_ALL_ACCESS));
    let key = ok(c.api_create_key(&root, "New", 0, KEY_ALL_ACCESS, None)).handle;
    ok(c.api_set_value(&key, "v", 3, &b"x"[..]));
    let told: Vec<_> = it
        .told()
        .into_iter()
        .map(|it| (it.filter_and_type.filter_flags, string(it.object_id), string(it.name), it.buffer))
        .collect();
    assert_eq!(told, [(2, "".into(), "New".into(), None), (8, "v".into(), "New".into(), None)]);
}

#[test]
fn a_resource_type_is_watched_by_its_name() {
    let it = V2::of(&[]);
    let c = &it.web.c;
    let not_found = codes::ERROR_CLUSTER_RESOURCE_TYPE_NOT_FOUND;
    assert_eq!(code(c.api_add_notify_resource_type_v2(&it.port, 1, 1, "nothing", 2)), not_found);
    for (flags, version) in [(0, 2), (0x40, 2), (-1, 2), (1, 1)] {
        assert_eq!(code(c.api_add_notify_resource_type_v2(&it.port, flags, 1, "Memory", version)), INVALID);
    }
    let v1 = ok(c.api_create_notify());
    let refused = code(c.api_add_notify_resource_type_v2(&v1, 1, 1, "Memory", 2));
    assert_eq!(refused, Win32Error::ERROR_INVALID_HANDLE);
    ok(c.api_create_resource_type("New", "", "", 0, 0));
    ok(c.api_add_notify_resource_type_v2(&it.port, 1, 1, "new", 2));
    ok(c.api_delete_resource_type("New"));
    let [told] = it.told().try_into().unwrap();
    assert_eq!(
        (told.filter_and_type.object_type, string(told.name), string(told.object_id)),
        (RESOURCE_TYPE, "New".into(), "".into())
    );
}

#[test]
fn closing_and_unblocking_end_the_wait() {
    let it = V2::of(&[(GROUP, 1)]);
    let c = &it.web.c;
    let mut waiting = pin!(c.api_get_notify_v2(&it.port));
    assert!(poll(waiting.as_mut()).is_none());
    ok(c.api_unblock_get_notify_call(&it.port));
    let ended = |answer: Option<msrpc_ndr::CallResult<_, Win32Error>>| match answer {
        Some(Err(CallError::Status { status, .. })) => status,
        other => panic!("{other:?}"),
    };
    assert_eq!(ended(poll(waiting)), Win32Error::ERROR_INVALID_FUNCTION);
    let mut waiting = pin!(c.api_get_notify_v2(&it.port));
    assert!(poll(waiting.as_mut()).is_none());
    ok(c.api_close_notify(Some(it.port.clone())));
    assert_eq!(ended(poll(waiting)), Win32Error::ERROR_NO_MORE_ITEMS);
}

#[test]
fn a_new_name_of_the_cluster_is_told() {
    let it = V2::of(&[(CLUSTER, 0x400)]);
    let c = &it.web.c;
    ok(c.api_offline_resource(&ok(c.api_open_resource("Cluster Name"))));
    ok(c.api_set_cluster_name("NEW"));
    let [told] = it.told().try_into().unwrap();
    assert_eq!((string(told.name), told.buffer), ("NEW".into(), None));
}

#[test]
fn the_nodes_that_a_group_leaves_and_comes_to_are_told() {
    const GAINED: i64 = 0x20;
    const LOST: i64 = 0x40;
    let it = V2::of(&[(NODE, GAINED | LOST)]);
    let c = &it.web.c;
    ok(c.api_move_group(&it.web.web));
    let id = ok(c.api_get_group_id(&it.web.web)).unwrap().to_string_lossy();
    let told: Vec<_> = it
        .told()
        .into_iter()
        .map(|it| (it.filter_and_type.filter_flags, string(it.name), it.buffer.unwrap()))
        .collect();
    let group = utf16(&(id + "\0"));
    assert_eq!(told, [(LOST, "node1".into(), group.clone()), (GAINED, "node2".into(), group)]);
}
