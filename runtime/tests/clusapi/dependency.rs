//! Dependencies between resources: 3.1.4.2.20 to 3.1.4.2.23, 3.1.4.2.109 to 3.1.4.2.111.

use msrpc_cluster::cluster::registry::{self, Command, CommandKind, Value};
use msrpc_ndr::{Bytes, Win32Error};

use crate::{
    node::Host,
    world::{Resource, Web, code, codes, ok},
};

fn expression(it: &Web, resource: &Resource) -> String {
    ok(it.c.api_get_resource_dependency_expression(resource)).unwrap().to_string_lossy()
}

fn set(it: &Web, resource: &Resource, text: &str) -> Win32Error {
    match crate::world::verdict(it.c.api_set_resource_dependency_expression(resource, Some(text.into()))) {
        crate::world::Verdict::Status(status) => status,
        other => panic!("{other:?}"),
    }
}

fn new(it: &Web, name: &str) -> Resource {
    ok(it.c.api_create_resource(&it.web, name, "Memory", 0))
}

#[test]
fn a_dependency_comes_and_goes() {
    let it = Web::new();
    ok(it.c.api_can_resource_be_dependent(&it.app, &it.data));
    ok(it.c.api_add_resource_dependency(&it.app, &it.data));
    assert_eq!(expression(&it, &it.app), "([data])");
    let exists = codes::ERROR_DEPENDENCY_ALREADY_EXISTS;
    assert_eq!(code(it.c.api_add_resource_dependency(&it.app, &it.data)), exists);
    assert_eq!(code(it.c.api_can_resource_be_dependent(&it.app, &it.data)), exists);
    ok(it.c.api_remove_resource_dependency(&it.app, &it.data));
    let none = codes::ERROR_DEPENDENCY_NOT_FOUND;
    assert_eq!(code(it.c.api_remove_resource_dependency(&it.app, &it.data)), none);
    assert_eq!(expression(&it, &it.app), "");
}

#[test]
fn a_resource_does_not_depend_on_itself_or_on_another_groups() {
    let it = Web::new();
    let other = ok(it.c.api_create_group("other"));
    let far = ok(it.c.api_create_resource(&other, "far", "Memory", 0));
    for provider in [&it.app, &far] {
        let invalid = Win32Error::ERROR_INVALID_PARAMETER;
        assert_eq!(code(it.c.api_add_resource_dependency(&it.app, provider)), invalid);
        assert_eq!(code(it.c.api_can_resource_be_dependent(&it.app, provider)), invalid);
    }
    for text in ["[app]", "[far]", "[nothing]"] {
        assert_eq!(set(&it, &it.app, text), Win32Error::ERROR_INVALID_PARAMETER);
    }
}

#[test]
fn dependencies_make_no_circle() {
    let it = Web::new();
    let third = new(&it, "third");
    ok(it.c.api_add_resource_dependency(&it.app, &it.data));
    ok(it.c.api_add_resource_dependency(&it.data, &third));
    for provider in [&it.app, &it.data] {
        let circular = codes::ERROR_CIRCULAR_DEPENDENCY;
        assert_eq!(code(it.c.api_add_resource_dependency(&third, provider)), circular);
        assert_eq!(code(it.c.api_can_resource_be_dependent(&third, provider)), circular);
    }
    assert_eq!(set(&it, &third, "([data] or [app])"), codes::ERROR_CIRCULAR_DEPENDENCY);
}

#[test]
fn what_runs_does_not_come_to_depend_on_what_does_not() {
    let it = Web::new();
    ok(it.c.api_online_resource(&it.app));
    let online = codes::ERROR_RESOURCE_ONLINE;
    assert_eq!(code(it.c.api_add_resource_dependency(&it.app, &it.data)), online);
    assert_eq!(code(it.c.api_can_resource_be_dependent(&it.app, &it.data)), online);
    assert_eq!(set(&it, &it.app, "[data]"), online);
    ok(it.c.api_online_resource(&it.data));
    ok(it.c.api_add_resource_dependency(&it.app, &it.data));
}

#[test]
fn what_is_going_online_does_not_come_to_depend_on_anything() {
    let it = Web::new();
    it.pending("app");
    ok(it.c.api_online_resource(&it.data));
    let online = codes::ERROR_RESOURCE_ONLINE;
    assert_eq!(code(it.c.api_add_resource_dependency(&it.app, &it.data)), online);
    assert_eq!(set(&it, &it.app, "[data]"), online);
}

#[test]
fn one_of_several_alternatives_stays_while_it_is_in_use() {
    let it = Web::new();
    let third = new(&it, "third");
    assert_eq!(set(&it, &it.app, "([data] or [third])"), Win32Error(0));
    ok(it.c.api_online_group(&it.web));
    assert_eq!(code(it.c.api_remove_resource_dependency(&it.app, &third)), codes::ERROR_RESOURCE_ONLINE);
    ok(it.c.api_offline_group(&it.web));
    ok(it.c.api_remove_resource_dependency(&it.app, &third));
    assert_eq!(expression(&it, &it.app), "([data])");
}

/// Makes a chain of resources at once, each depending on the next: "r0" to "r100", and "r101" alone.
fn chain(it: &Web) {
    let group = ok(it.c.api_get_group_id(&it.web)).unwrap().to_string_lossy();
    let command =
        |kind, name: &str, value: Value| Command { kind, value_type: value.kind, name: name.into(), data: value.data };
    let open = |path: &str| command(CommandKind::CLUSREG_CREATE_KEY, path, Value::binary(Bytes::new()));
    let set = |name, value| command(CommandKind::CLUSREG_SET_VALUE, name, value);
    let ids: Vec<String> = (0..=101).map(|number| format!("r{number}")).collect();
    let mut batch =
        vec![open(&format!("Groups\\{group}")), set("Contains", Value::strings(ids.iter().map(String::as_str)))];
    for (number, id) in ids.iter().enumerate() {
        batch.extend([open(&format!("Resources\\{id}")), set("Type", Value::string("Memory"))]);
        if number < 100 {
            batch.push(set("DependencyExpression", Value::string(&format!("([r{}])", number + 1))));
        }
    }
    let root = ok(it.c.api_get_root_key(crate::world::KEY_ALL_ACCESS));
    ok(it.c.api_execute_batch(&root, registry::encode(&batch)));
}

#[test]
fn a_chain_of_dependencies_is_a_hundred_deep_at_most() {
    let it = Web::new();
    chain(&it);
    let [middle, last, more] = ["r99", "r100", "r101"].map(|name| ok(it.c.api_open_resource(name)));
    let too_complex = codes::ERROR_DEPENDENCY_TREE_TOO_COMPLEX;
    assert_eq!(code(it.c.api_can_resource_be_dependent(&last, &more)), too_complex);
    assert_eq!(code(it.c.api_add_resource_dependency(&last, &more)), too_complex);
    assert_eq!(set(&it, &last, "[r101]"), too_complex);
    ok(it.c.api_add_resource_dependency(&middle, &more));
}

#[test]
fn expressions_are_ands_of_ors() {
    let it = Web::new();
    let (_third, _fourth) = (new(&it, "third"), new(&it, "fourth"));
    let id = ok(it.c.api_get_resource_id(&it.data)).unwrap();
    for (text, stored) in [
        ("[data]", "([data])"),
        ("[DATA] or [third]", "([data] or [third])"),
        ("([data] or [third]) and ([fourth])", "([data] or [third]) and ([fourth])"),
        (&*format!("[{id}]"), "([data])"),
        ("", ""),
    ] {
        assert_eq!(set(&it, &it.app, text), Win32Error(0), "{text}");
        assert_eq!(expression(&it, &it.app), stored);
    }
    for text in ["data", "[data", "[]", "([data]", "[data] xor [third]", "([data] and [third]) or [fourth]", "and"] {
        assert_eq!(set(&it, &it.app, text), Win32Error::ERROR_INVALID_PARAMETER, "{text}");
    }
    assert_eq!(set(&it, &it.app, "[data] and [data]"), codes::ERROR_DEPENDENCY_ALREADY_EXISTS);
    let deep = format!("{}[data]{}", "(".repeat(100_000), ")".repeat(100_000));
    assert_eq!(set(&it, &it.app, &deep), Win32Error::ERROR_INVALID_PARAMETER);
    ok(it.c.api_set_resource_dependency_expression(&it.app, None));
    assert_eq!(expression(&it, &it.app), "");
}

#[test]
fn what_a_resource_is_related_to_is_enumerated() {
    let it = Web::online();
    let list = |resource, types| -> Vec<(u32, String)> {
        let list = ok(it.c.api_create_res_enum(resource, types)).unwrap().entry;
        list.into_iter().map(|entry| (entry.r#type, entry.name.unwrap().to_string_lossy())).collect()
    };
    assert_eq!(list(&it.app, 1), [(1, "data".to_owned())]);
    assert_eq!(list(&it.data, 2), [(2, "app".to_owned())]);
    assert_eq!(list(&it.app, 4).len(), 2);
    assert_eq!(list(&it.app, 7).len(), 3);
    for types in [0, 8, 9] {
        assert_eq!(code(it.c.api_create_res_enum(&it.app, types)), Win32Error::ERROR_INVALID_PARAMETER);
    }
}

#[test]
fn a_resources_network_name_is_that_of_the_nearest_that_it_depends_on() {
    let it = Web::new();
    let not_found = codes::ERROR_DEPENDENCY_NOT_FOUND;
    assert_eq!(code(it.c.api_get_resource_network_name(&it.app)), not_found);
    let name = ok(it.c.api_create_resource(&it.web, "name", "Network Name", 0));
    let root = ok(it.c.api_get_root_key(crate::world::KEY_ALL_ACCESS));
    let id = ok(it.c.api_get_resource_id(&name)).unwrap();
    let path = format!("Resources\\{id}\\Parameters");
    let key = ok(it.c.api_open_key(&root, path.as_str(), crate::world::KEY_ALL_ACCESS));
    let text: Vec<u8> = "FILES\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    ok(it.c.api_set_value(&key, "Name", 1, text));
    ok(it.c.api_add_resource_dependency(&it.data, &name));
    ok(it.c.api_add_resource_dependency(&it.app, &it.data));
    for resource in [&it.app, &it.data, &name] {
        assert_eq!(ok(it.c.api_get_resource_network_name(resource)).unwrap(), "FILES");
    }
    it.host("name", Host::Obeys);
}
