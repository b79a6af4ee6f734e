//! Enumerations of the cluster and its nodes: 3.1.4.2.8, 3.1.4.2.101, 3.1.4.2.123, 3.1.4.2.124,
//! 3.1.4.2.139, 3.1.4.2.140.

use msrpc_cluster::cluster::property_list;
use msrpc_ndr::{Bytes, Win32Error};
use msrpc_protocols::clusapi3::EnumList;

use crate::world::{Web, code, codes, ok};

const INVALID: Win32Error = Win32Error::ERROR_INVALID_PARAMETER;

fn names(list: Option<EnumList>) -> Vec<(u32, String)> {
    list.unwrap().entry.into_iter().map(|entry| (entry.r#type, entry.name.unwrap().to_string_lossy())).collect()
}

#[test]
fn objects_are_enumerated_by_kind() {
    let it = Web::new();
    let list = |types| names(ok(it.c.api_create_enum(types)));
    let of = |kind: u32, all: &[&str]| all.iter().map(|name| (kind, (*name).to_owned())).collect::<Vec<_>>();
    assert_eq!(list(1), of(1, &["node1", "node2"]));
    assert_eq!(list(2), of(2, &["IP Address", "Memory", "Network Name"]));
    assert_eq!(list(4), of(4, &["Cluster IP Address", "Cluster Name", "app", "data"]));
    assert_eq!(list(8), of(8, &["Cluster Group", "web"]));
    assert_eq!(list(0x10), of(0x10, &["Cluster Network 1"]));
    assert_eq!(list(0x20), of(0x20, &["node1 - Ethernet"]));
    assert_eq!(list(0x8000_0000), of(0x8000_0000, &["Cluster Network 1"]));
    assert_eq!(list(0x4000_0000), []);
    assert_eq!(list(0x3f).len(), 13);
}

#[test]
fn a_kind_of_object_that_there_is_none_of_is_refused() {
    let it = Web::new();
    let cluster = ok(it.c.api_open_cluster());
    for types in [0, 0x40, 0x41, 0x8000_0001, 0xc000_0000, u32::MAX] {
        assert_eq!(code(it.c.api_create_enum(types)), INVALID, "{types:#x}");
        assert_eq!(code(it.c.api_create_enum_ex(&cluster, types, 0)), INVALID, "{types:#x}");
    }
    assert_eq!(code(it.c.api_create_enum_ex(&cluster, 1, 1)), INVALID);
}

#[test]
fn objects_are_enumerated_with_their_ids() {
    let it = Web::new();
    let cluster = ok(it.c.api_open_cluster());
    let all = ok(it.c.api_create_enum_ex(&cluster, 0xc, 0));
    let (ids, names) = (names(all.return_id_enum), names(all.return_name_enum));
    assert_eq!(ids.len(), names.len());
    let at = names.iter().position(|(_, name)| name == "web").unwrap();
    assert_eq!(ids[at].1, ok(it.c.api_get_group_id(&it.web)).unwrap().to_string_lossy());
    // Resource types have none.
    let types = ok(it.c.api_create_enum_ex(&cluster, 2, 0));
    assert!(self::names(types.return_id_enum).iter().all(|(_, id)| id.is_empty()));
}

#[test]
fn what_is_on_a_node_is_enumerated() {
    let it = Web::new();
    let node = ok(it.c.api_open_node("node1"));
    assert_eq!(names(ok(it.c.api_create_node_enum(&node, 1))), [(1, "node1 - Ethernet".to_owned())]);
    let groups = names(ok(it.c.api_create_node_enum(&node, 2)));
    assert_eq!(groups, [(2, "Cluster Group".to_owned()), (2, "web".to_owned())]);
    let both = ok(it.c.api_create_node_enum_ex(&node, 3, 0));
    assert_eq!(names(both.return_name_enum).len(), 3);
    let ids = names(both.return_id_enum);
    assert!(ids.iter().any(|(_, id)| *id == ok(it.c.api_get_group_id(&it.web)).unwrap().to_string_lossy()));
    for (types, options) in [(0, 0), (4, 0), (1, 1)] {
        assert_eq!(code(it.c.api_create_node_enum_ex(&node, types, options)), INVALID);
    }
    let two = ok(it.c.api_open_node("node2"));
    ok(it.c.api_evict_node(&two));
    assert_eq!(code(it.c.api_create_node_enum_ex(&two, 1, 0)), codes::ERROR_NODE_NOT_AVAILABLE);
}

fn multi_sz(names: &[&str]) -> Option<Bytes> {
    let text: String = names.iter().map(|name| format!("{name}\0")).collect();
    Some((text + "\0").encode_utf16().flat_map(u16::to_le_bytes).collect())
}

fn properties(list: Option<Bytes>) -> Vec<String> {
    let all = property_list::decode(&list.unwrap()).unwrap();
    all.into_iter().map(|property| property.name.to_string_lossy()).collect()
}

#[test]
fn groups_are_enumerated_with_the_properties_that_are_wanted() {
    let it = Web::online();
    let cluster = ok(it.c.api_open_cluster());
    let list = ok(it.c.api_create_group_enum(&cluster, multi_sz(&["priority"]), multi_sz(&["Name", "GroupType"])));
    let entry = list.unwrap().entry.into_iter().find(|entry| entry.name.as_ref().unwrap() == "web").unwrap();
    assert_eq!((entry.state, entry.owner.unwrap()), (0, "node1".into()));
    assert_eq!(entry.id, ok(it.c.api_get_group_id(&it.web)));
    assert_eq!(properties(entry.properties), ["Priority"]);
    assert_eq!(properties(entry.ro_properties), ["Name", "GroupType"]);
    let list = ok(it.c.api_create_group_enum(&cluster, multi_sz(&["*"]), None)).unwrap();
    assert!(list.entry.iter().all(|entry| entry.ro_properties.is_none()));
    assert!(properties(list.entry[0].properties.clone()).contains(&"FailoverThreshold".to_owned()));
}

#[test]
fn resources_are_enumerated_with_the_properties_that_are_wanted() {
    let it = Web::online();
    let cluster = ok(it.c.api_open_cluster());
    let list = ok(it.c.api_create_resource_enum(&cluster, None, multi_sz(&["Type"])));
    let entry = list.unwrap().entry.into_iter().find(|entry| entry.name.as_ref().unwrap() == "app").unwrap();
    assert_eq!(entry.id, ok(it.c.api_get_resource_id(&it.app)));
    assert_eq!(properties(entry.ro_properties), ["Type"]);
    assert_eq!(entry.properties, None);
}

#[test]
fn a_property_that_objects_do_not_have_is_refused() {
    let it = Web::new();
    let cluster = ok(it.c.api_open_cluster());
    let (none, odd) = (multi_sz(&["No such"]), Some(Bytes::from_static(b"abc")));
    for wanted in [none, odd] {
        assert_eq!(code(it.c.api_create_group_enum(&cluster, wanted.clone(), None)), INVALID);
        assert_eq!(code(it.c.api_create_group_enum(&cluster, None, wanted.clone())), INVALID);
        assert_eq!(code(it.c.api_create_resource_enum(&cluster, wanted.clone(), None)), INVALID);
        assert_eq!(code(it.c.api_create_resource_enum(&cluster, None, wanted)), INVALID);
    }
}
