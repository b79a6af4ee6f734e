//! Resource types: 3.1.4.2.27, 3.1.4.2.28, 3.1.4.2.103.

use msrpc_ndr::Win32Error;

use crate::world::{Web, World, code, codes, ok};

fn types(world: &World) -> Vec<String> {
    let list = ok(world.admin().api_create_enum(2)).unwrap();
    list.entry.into_iter().map(|entry| entry.name.unwrap().to_string_lossy()).collect()
}

#[test]
fn a_resource_type_comes_and_goes() {
    let world = World::new();
    let c = world.admin();
    ok(c.api_create_resource_type("New type", "Shown", "no such.dll", 1000, 2000));
    assert!(types(&world).contains(&"New type".to_owned()));
    // A resource inherits how often it is looked at.
    let group = ok(c.api_create_group("g"));
    let resource = ok(c.api_create_resource(&group, "r", "new TYPE", 0));
    let common = ok(c.api_resource_control(&resource, 0x0100_0059, None, 4096)).out_buffer;
    let all = msrpc_cluster::cluster::property_list::decode(&common).unwrap();
    let poll = all.iter().find(|property| property.name == "LooksAlivePollInterval").unwrap();
    assert_eq!(&poll.values[0].data[..], 1000_u32.to_le_bytes());
    assert_eq!(code(c.api_delete_resource_type("New type")), codes::ERROR_DIR_NOT_EMPTY);
    ok(c.api_delete_resource(&resource));
    ok(c.api_delete_resource_type("NEW TYPE"));
    assert!(!types(&world).contains(&"New type".to_owned()));
}

#[test]
fn the_name_of_a_resource_type_is_unique() {
    let world = World::new();
    let c = world.admin();
    let again = code(c.api_create_resource_type("MEMORY", "", "", 0, 0));
    assert_eq!(again, Win32Error::ERROR_ALREADY_EXISTS);
}

#[test]
fn the_name_of_a_resource_type_has_514_octets_with_its_null_at_most() {
    let world = World::new();
    let c = world.admin();
    for name in [&*"x".repeat(257), "", "  ", "a\\b"] {
        assert_eq!(code(c.api_create_resource_type(name, "", "", 0, 0)), Win32Error::ERROR_INVALID_NAME, "{name}");
    }
    ok(c.api_create_resource_type("x".repeat(255).as_str(), "", "", 0, 0));
}

#[test]
fn a_resource_type_that_is_not_there_is_not_found() {
    let it = Web::new();
    let not_found = codes::ERROR_CLUSTER_RESOURCE_TYPE_NOT_FOUND;
    assert_eq!(code(it.c.api_delete_resource_type("nothing")), not_found);
    assert_eq!(code(it.c.api_create_res_type_enum("nothing", 1)), not_found);
    assert_eq!(code(it.c.api_create_resource(&it.web, "new", "nothing", 0)), not_found);
}

#[test]
fn the_nodes_and_resources_of_a_type_are_enumerated() {
    let it = Web::new();
    let list = |types| ok(it.c.api_create_res_type_enum("memory", types)).unwrap().entry;
    assert_eq!(list(1).len(), 2);
    let names: Vec<_> = list(2).into_iter().map(|entry| entry.name.unwrap().to_string_lossy()).collect();
    assert_eq!(names, ["app", "data"]);
    assert_eq!(list(3).len(), 4);
}
