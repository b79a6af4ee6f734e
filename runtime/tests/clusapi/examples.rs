//! The examples of [MS-CMRP] section 4, replayed.

use std::pin::pin;

use msrpc_cluster::cluster::{
    property_list::{Property, PropertyValue, encode},
    registry::Value,
};
use msrpc_ndr::{Bytes, Win32Error};

use crate::{
    node::Host,
    world::{World, now, ok, poll, refusal},
};

fn u32_at(octets: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(octets[at..at + 4].try_into().unwrap())
}

#[test]
fn example_4_1_the_private_properties_of_an_ip_address_are_queried() {
    let world = World::new();
    let c = world.admin();
    let group = ok(c.api_create_group("g"));
    let new = ok(c.api_create_resource(&group, "Address of g", "IP Address", 0));
    let list = encode(&[Property { name: "Address".into(), values: vec![PropertyValue::string("10.1.2.3")] }]);
    ok(c.api_resource_control(&new, 0x0140_0086, Some(list), 0));

    let resources = ok(c.api_create_enum(4)).unwrap().entry;
    let mut found = Vec::new();
    for entry in resources {
        let resource = ok(c.api_open_resource(entry.name.clone().unwrap()));
        let resource_type = ok(c.api_get_resource_type(&resource)).unwrap();
        if resource_type.to_string_lossy().eq_ignore_ascii_case("ip address") && entry.name.unwrap() == "Address of g" {
            let (status, out) = refusal(c.api_resource_control(&resource, 0x0100_0081, None, 0));
            assert_eq!(status, Win32Error::ERROR_MORE_DATA);
            let list = ok(c.api_resource_control(&resource, 0x0100_0081, None, out.cb_required)).out_buffer;
            // The walk through the list that the document takes, step by step.
            assert_eq!((u32_at(&list, 0), u32_at(&list, 4), u32_at(&list, 8)), (1, 0x0004_0003, 16));
            let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Bytes>();
            assert_eq!(&list[12..28], &utf16("Address\0")[..]);
            assert_eq!(u32_at(&list, 28), 0x0001_0003);
            // The document's 20 counts the padding, its definition of the value (2.2.3.10.1) does not.
            assert_eq!(u32_at(&list, 32), 18);
            assert_eq!(&list[36..54], &utf16("10.1.2.3\0")[..]);
            assert_eq!((u32_at(&list, 56), list.len()), (0, 60));
            found.push(list);
        }
        ok(c.api_close_resource(Some(resource)));
    }
    assert_eq!(found.len(), 1);
}

#[test]
fn example_4_2_a_group_is_moved_and_waited_for() {
    let world = World::new();
    let c = world.admin();
    let made = ok(c.api_create_group("Application Group"));
    ok(c.api_create_resource(&made, "Application", "Memory", 0));
    ok(c.api_online_group(&made));
    world.host("Application", Host::Hangs);

    let group = ok(c.api_open_group("Application Group"));
    assert_eq!(ok(c.api_get_group_state(&group)).node_name.unwrap(), "node1");
    let node = ok(c.api_open_node("node2"));
    assert_eq!(ok(c.api_move_group_to_node(&group, &node)), Win32Error::ERROR_IO_PENDING);
    const PENDING: u32 = 4;
    assert_eq!(ok(c.api_get_group_state(&group)).state, PENDING);
    world.node.answer("Application", Ok(()));
    let state = ok(c.api_get_group_state(&group));
    // It is the other node that brings it online there.
    assert_ne!(state.state, PENDING);
    assert_eq!(state.node_name.unwrap(), "node2");
}

#[test]
fn example_4_3_event_indications_are_received() {
    const GROUP_DELETED: u32 = 0x2000;
    const RESOURCE_STATE: u32 = 0x100;
    let world = World::new();
    let other = world.admin();
    let made = ok(other.api_create_group("Group of Resource1"));
    let resource = ok(other.api_create_resource(&made, "Resource1", "Memory", 0));
    let provider = ok(other.api_create_resource(&made, "Provider", "Memory", 0));
    ok(other.api_add_resource_dependency(&resource, &provider));
    ok(other.api_online_group(&made));
    ok(other.api_create_group("Group1"));

    let c = world.admin();
    let cluster = ok(c.api_open_cluster());
    let resource = ok(c.api_open_resource("Resource1"));
    let port = ok(c.api_create_notify());
    ok(c.api_add_notify_cluster(&port, &cluster, 0x6000, 0xaaaa));
    let sequence = ok(c.api_add_notify_resource(&port, &resource, RESOURCE_STATE, 0xbbbb));

    let mut waiting = pin!(c.api_get_notify(&port));
    assert!(poll(waiting.as_mut()).is_none());
    let group = ok(other.api_open_group("Group1"));
    ok(other.api_delete_group(&group, 0));
    let told = poll(waiting).expect("told").unwrap();
    assert_eq!((told.notify_key, told.filter, told.name.unwrap()), (0xaaaa, GROUP_DELETED, "Group1".into()));

    // What "Resource1" depends on fails; the restart policy brings both back.
    world.node.break_down("Provider");
    world.node.advance(1);
    let mut sequences = vec![sequence];
    let mut states = 0;
    loop {
        let mut waiting = pin!(c.api_get_notify(&port));
        let Some(told) = poll(waiting.as_mut()) else { break };
        let told = told.unwrap();
        assert_eq!((told.notify_key, told.filter, told.name.unwrap()), (0xbbbb, RESOURCE_STATE, "Resource1".into()));
        sequences.push(told.state_sequence);
        states += 1;
    }
    assert!(states >= 2, "offline and online: {states}");
    assert!(sequences.is_sorted_by(|a, b| a < b), "{sequences:?}");
    assert_eq!(ok(c.api_get_resource_state(&resource)).state, 2);
}

#[test]
fn example_4_4_a_complex_dependency_is_set() {
    let world = World::new();
    let c = world.admin();
    let group = ok(c.api_create_group("Database"));
    for (name, resource_type) in [("Name1", "Network Name"), ("IP1", "IP Address"), ("IP2", "IP Address")] {
        ok(c.api_create_resource(&group, name, resource_type, 0));
    }
    for name in ["Disk1", "Disk2", "Disk3", "Disk4", "Database Service"] {
        ok(c.api_create_resource(&group, name, "Memory", 0));
    }
    let id = |name: &str| -> String {
        let resource = ok(c.api_open_resource(name));
        let (status, out) = refusal(c.api_resource_control(&resource, 0x0100_0039, None, 0));
        assert_eq!(status, Win32Error::ERROR_MORE_DATA);
        let octets = ok(c.api_resource_control(&resource, 0x0100_0039, None, out.cb_required)).out_buffer;
        ok(c.api_close_resource(Some(resource)));
        Value { kind: msrpc_cluster::cluster::registry::ValueType::REG_SZ, data: octets }.as_string().unwrap()
    };
    let name = ok(c.api_open_resource("Name1"));
    let text = format!("[{}] OR [{}]", id("IP1"), id("IP2"));
    ok(c.api_set_resource_dependency_expression(&name, Some(text.as_str().into())));
    let disks: Vec<String> = ["Disk1", "Disk2", "Disk3", "Disk4"].map(|disk| format!("[{}]", id(disk))).into();
    let text = format!("[{}] AND ({})", id("Name1"), disks.join(" OR "));
    let service = ok(c.api_open_resource("Database Service"));
    ok(c.api_set_resource_dependency_expression(&service, Some(text.as_str().into())));

    let told = |resource| ok(c.api_get_resource_dependency_expression(resource)).unwrap().to_string_lossy();
    assert_eq!(told(&name), "([IP1] or [IP2])");
    assert_eq!(told(&service), "([Name1]) and ([Disk1] or [Disk2] or [Disk3] or [Disk4])");
    // The service is online with one disk.
    for disk in ["Disk1", "Disk2", "Disk3"] {
        world.host(disk, Host::Fails(1));
    }
    let _failing = now(c.api_online_group(&group));
    assert_eq!(ok(c.api_get_resource_state(&service)).state, 2);
}
