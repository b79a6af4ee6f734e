//! The methods for control codes: 3.1.4.2.73 to 3.1.4.2.80, 3.1.4.2.88, 3.1.4.2.89, 3.1.4.2.97,
//! 3.1.4.2.98, 3.1.4.2.105, 3.1.4.2.106, 3.1.4.2.155, 3.1.4.2.156. What each code does is proven in
//! runtime/tests/cluster/control.rs.

use msrpc_cluster::cluster::{
    machine::Command,
    property_list::{Property, PropertyValue, encode},
    state::NodeState,
};
use msrpc_ndr::{Bytes, CallError, CallResult, Win32Error};

use crate::{
    methods::Handles,
    node::ParseName,
    world::{Clusapi, Web, code, codes, now, ok},
};

/// Status, octets and required size of an answer, whatever its structure.
type Answer = (Win32Error, Bytes, u32);

macro_rules! answer {
    ($call:expr) => {
        match now($call) {
            Ok(out) => (Win32Error(0), out.out_buffer, out.cb_required),
            Err(CallError::Status { status, out }) => (status, out.out_buffer, out.cb_required),
            Err(other) => panic!("{other}"),
        }
    };
}

/// A method: its name, the octet of its control codes, and a call of it.
struct Method {
    name: &'static str,
    target: u32,
    on_node: bool,
    call: fn(&Clusapi, &Handles, u32, Option<Bytes>, u32) -> Answer,
}

macro_rules! methods {
    ($c:ident $h:ident $code:ident $input:ident $size:ident; $($name:ident $target:literal $on_node:literal => $call:expr;)*) => {
        static METHODS: &[Method] = &[$(Method {
            name: stringify!($name),
            target: $target,
            on_node: $on_node,
            call: |$c, $h, $code, $input, $size| answer!($call),
        }),*];
    };
}

methods! {
    c h code input size;
    ApiResourceControl 1 false => c.api_resource_control(&h.resource(), code, input, size);
    ApiNodeResourceControl 1 true => c.api_node_resource_control(&h.resource(), &h.node(), code, input, size);
    ApiResourceTypeControl 2 false => c.api_resource_type_control(&h.cluster(), "Memory", code, input, size);
    ApiNodeResourceTypeControl 2 true =>
        c.api_node_resource_type_control(&h.cluster(), "Memory", &h.node(), code, input, size);
    ApiGroupControl 3 false => c.api_group_control(&h.group(), code, input, size);
    ApiNodeGroupControl 3 true => c.api_node_group_control(&h.group(), &h.node(), code, input, size);
    ApiNodeControl 4 false => c.api_node_control(&h.node(), code, input, size);
    ApiNodeNodeControl 4 true => c.api_node_node_control(&h.node(), &h.node(), code, input, size);
    ApiNetworkControl 5 false => c.api_network_control(&h.network(), code, input, size);
    ApiNodeNetworkControl 5 true => c.api_node_network_control(&h.network(), &h.node(), code, input, size);
    ApiNetInterfaceControl 6 false => c.api_net_interface_control(&h.interface(), code, input, size);
    ApiNodeNetInterfaceControl 6 true =>
        c.api_node_net_interface_control(&h.interface(), &h.node(), code, input, size);
    ApiClusterControl 7 false => c.api_cluster_control(&h.cluster(), code, input, size);
    ApiNodeClusterControl 7 true => c.api_node_cluster_control(&h.cluster(), &h.node(), code, input, size);
    ApiGroupSetControl 8 false => c.api_group_set_control(&h.group_set(), code, input, size);
    ApiNodeGroupSetControl 8 true => c.api_node_group_set_control(&h.group_set(), &h.node(), code, input, size);
}

const GET_COMMON_PROPERTIES: u32 = 0x59;
const SET_COMMON_PROPERTIES: u32 = 0x0040_005e;
const VALIDATE_COMMON_PROPERTIES: u32 = 0x61;
const SET_PRIVATE_PROPERTIES: u32 = 0x0040_0086;

fn fixture() -> crate::methods::Fixture {
    crate::methods::Fixture::new()
}

#[test]
fn every_object_answers_that_control_codes_are_processed() {
    let it = fixture();
    for method in METHODS {
        let (status, octets, required) = (method.call)(&it.c, &it.h, method.target << 24, None, 0);
        assert_eq!((status, octets.len(), required), (Win32Error(0), 0, 0), "{}", method.name);
    }
}

#[test]
fn a_code_that_an_object_does_not_know_is_an_invalid_function() {
    let it = fixture();
    for method in METHODS {
        let other = if method.target == 1 { 3 } else { 1 };
        for code in [method.target << 24 | 0x7ff1, other << 24 | 0x29, 0] {
            let (status, ..) = (method.call)(&it.c, &it.h, code, None, 64);
            assert_eq!(status, Win32Error::ERROR_INVALID_FUNCTION, "{} {code:#x}", method.name);
        }
    }
}

#[test]
fn a_buffer_that_is_too_small_is_told_how_large_it_has_to_be() {
    let it = fixture();
    for method in METHODS {
        let code = method.target << 24 | GET_COMMON_PROPERTIES;
        let (status, _, required) = (method.call)(&it.c, &it.h, code, None, 0);
        assert_eq!(status, Win32Error::ERROR_MORE_DATA, "{}", method.name);
        assert!(required > 4, "{}", method.name);
        let (status, ..) = (method.call)(&it.c, &it.h, code, None, required - 1);
        assert_eq!(status, Win32Error::ERROR_MORE_DATA, "{}", method.name);
        let (status, octets, _) = (method.call)(&it.c, &it.h, code, None, required);
        assert_eq!((status, octets.len()), (Win32Error(0), usize::try_from(required).unwrap()), "{}", method.name);
    }
}

#[test]
fn input_that_is_no_property_list_is_an_invalid_parameter_and_changes_nothing() {
    let it = fixture();
    let unknown = encode(&[Property { name: "No such".into(), values: vec![PropertyValue::dword(1)] }]);
    let whole = encode(&[Property { name: "Colour".into(), values: vec![PropertyValue::string("red")] }]);
    let before = it.world.node.registry();
    for method in METHODS {
        let invalid = Win32Error::ERROR_INVALID_PARAMETER;
        let target = method.target << 24;
        for function in [SET_COMMON_PROPERTIES, VALIDATE_COMMON_PROPERTIES] {
            for input in [None, Some(Bytes::new()), Some(Bytes::from_static(b"\x01\0\0\0")), Some(unknown.clone())] {
                let (status, ..) = (method.call)(&it.c, &it.h, target | function, input.clone(), 0);
                assert_eq!(status, invalid, "{} {function:#x} {input:?}", method.name);
            }
        }
        for end in 0..whole.len() - 1 {
            let (status, ..) =
                (method.call)(&it.c, &it.h, target | SET_PRIVATE_PROPERTIES, Some(whole.slice(..end)), 0);
            assert_eq!(status, invalid, "{} cut at {end}", method.name);
        }
    }
    assert_eq!(it.world.node.registry(), before);
}

#[test]
fn properties_are_set_and_read_back() {
    let it = fixture();
    let list = encode(&[Property { name: "Colour".into(), values: vec![PropertyValue::string("red")] }]);
    for method in METHODS {
        let target = method.target << 24;
        let (status, ..) = (method.call)(&it.c, &it.h, target | SET_PRIVATE_PROPERTIES, Some(list.clone()), 0);
        assert_eq!(status, Win32Error(0), "{}", method.name);
        let size = u32::try_from(list.len()).unwrap();
        let (status, octets, _) = (method.call)(&it.c, &it.h, target | 0x81, None, size);
        assert_eq!((status, octets), (Win32Error(0), list.clone()), "{}", method.name);
    }
}

#[test]
fn codes_that_change_something_need_all_access() {
    let it = fixture();
    let list = encode(&[Property { name: "Colour".into(), values: vec![PropertyValue::string("red")] }]);
    for user in ["reader", "operator", "admin"] {
        let c = it.world.client(user);
        let read = it.opened_to_read(&c);
        // Who has a group set's handle has all access to it.
        for method in METHODS.iter().filter(|method| method.target != 8) {
            let target = method.target << 24;
            let (status, ..) = (method.call)(&c, &read, target | SET_PRIVATE_PROPERTIES, Some(list.clone()), 0);
            assert_eq!(status, Win32Error::ERROR_ACCESS_DENIED, "{user}: {}", method.name);
            let (status, ..) = (method.call)(&c, &read, target, None, 0);
            assert_eq!(status, Win32Error(0), "{user}: {}", method.name);
        }
    }
}

#[test]
fn a_code_is_not_carried_out_on_a_node_that_is_down() {
    let it = fixture();
    it.world.node.command(Command::NodeSeen("2".parse_name(), NodeState::Down)).unwrap();
    for method in METHODS.iter().filter(|method| method.on_node && method.target != 4) {
        let h = Handles { node: it.h.node2, ..it.h };
        let (status, ..) = (method.call)(&it.c, &h, method.target << 24, None, 0);
        assert_eq!(status, codes::ERROR_HOST_NODE_NOT_AVAILABLE, "{}", method.name);
    }
}

#[test]
fn a_resource_type_that_is_not_there_is_not_found() {
    let it = fixture();
    let cluster = it.h.cluster();
    let not_found = codes::ERROR_CLUSTER_RESOURCE_TYPE_NOT_FOUND;
    assert_eq!(code(it.c.api_resource_type_control(&cluster, "nothing", 0x0200_0000, None, 0)), not_found);
    let node = it.h.node();
    let at = code(it.c.api_node_resource_type_control(&cluster, "nothing", &node, 0x0200_0000, None, 0));
    assert_eq!(at, not_found);
}

#[test]
fn private_properties_of_a_resource_that_is_online_are_stored_for_later() {
    let it = Web::online();
    let list = encode(&[Property { name: "Colour".into(), values: vec![PropertyValue::string("red")] }]);
    let set = |c: &Clusapi| -> CallResult<_, Win32Error> {
        now(c.api_resource_control(&it.app, 0x0140_0086, Some(list.clone()), 0))
    };
    let stored = set(&it.c).unwrap_err();
    assert_eq!(stored.status(), Some(&codes::ERROR_RESOURCE_PROPERTIES_STORED));
    let octets = ok(it.c.api_resource_control(&it.app, 0x0100_0081, None, 64)).out_buffer;
    assert_eq!(octets, list);
    ok(it.c.api_offline_resource(&it.app));
    set(&it.c).unwrap();
}

#[test]
fn the_quorums_voters_are_looked_at() {
    let it = fixture();
    let cluster = it.h.cluster();
    let id: Bytes = "2\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for code in [0x0700_0045, 0x0700_0049] {
        let kept = ok(it.c.api_cluster_control(&cluster, code, Some(id.clone()), 4)).out_buffer;
        assert_eq!(kept.len(), 4, "{code:#x}");
    }
    let nobody: Bytes = "9\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let refused = code(it.c.api_cluster_control(&cluster, 0x0700_0045, Some(nobody), 4));
    assert_eq!(refused, Win32Error::ERROR_INVALID_PARAMETER);
}
