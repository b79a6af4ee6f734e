//! Who may call what (3.1.4).

use msrpc_ndr::{ContextHandle, Fault, Win32Error};

use crate::{
    methods::{Fixture, Level, METHODS, Method, Type},
    world::{Verdict, World, code, ok},
};

const DENIED: Verdict = Verdict::Status(Win32Error::ERROR_ACCESS_DENIED);
const INVALID_HANDLE: Verdict = Verdict::Status(Win32Error::ERROR_INVALID_HANDLE);

/// Servers answer these ERROR_CALL_NOT_IMPLEMENTED, whoever calls.
const NEVER: [u16; 4] = [4, 87, 104, 108];

fn is_close(method: &Method) -> bool {
    method.name.starts_with("ApiClose")
}

#[test]
fn there_are_166_methods() {
    assert_eq!(METHODS.len(), 166);
    assert!(METHODS.iter().map(|method| method.opnum).is_sorted_by(|a, b| a < b));
}

#[test]
fn methods_without_a_handle_deny_a_client_without_access() {
    let fixture = Fixture::new();
    let stranger = fixture.world.client("stranger");
    let mut checked = 0;
    for method in METHODS.iter().filter(|method| method.takes.is_empty() && !NEVER.contains(&method.opnum)) {
        assert_eq!((method.call)(&stranger, &fixture.h), DENIED, "{}", method.name);
        checked += 1;
    }
    assert_eq!(checked, 28);
}

#[test]
fn methods_without_a_handle_that_need_all_deny_a_client_that_may_only_read() {
    for user in ["reader", "operator"] {
        let fixture = Fixture::new();
        let client = fixture.world.client(user);
        for method in METHODS.iter().filter(|method| method.takes.is_empty() && !NEVER.contains(&method.opnum)) {
            let verdict = (method.call)(&client, &fixture.h);
            // Whether an operator may open a key is for the key to say.
            let denied = method.level == Level::All || user == "operator" && method.name == "ApiGetRootKey";
            assert_eq!(verdict == DENIED, denied, "{user}: {}: {verdict:?}", method.name);
        }
    }
}

#[test]
fn methods_that_need_all_deny_handles_that_were_opened_to_read() {
    for user in ["reader", "operator", "admin"] {
        let fixture = Fixture::new();
        let client = fixture.world.client(user);
        let read = fixture.opened_to_read(&client);
        for method in METHODS {
            let closed = is_close(method) || method.takes.is_empty();
            let takes = |kind| method.takes.contains(&kind);
            // Whoever has a group set's handle has "All" (3.1.4.2.146, 3.1.4.2.147); an administrator's
            // keys have "All", too, and an operator has none.
            if closed || takes(Type::GroupSet) || user != "reader" && (takes(Type::Key) || takes(Type::Batch)) {
                continue;
            }
            let verdict = (method.call)(&client, &read);
            assert_eq!(verdict == DENIED, method.level == Level::All, "{user}: {}: {verdict:?}", method.name);
        }
    }
}

#[test]
fn a_handle_of_another_type_is_an_invalid_handle() {
    let fixture = Fixture::new();
    let mut checked = 0;
    for method in METHODS {
        for &kind in method.takes {
            let other = match kind {
                Type::Key => fixture.h.resource,
                Type::Generic => fixture.h.port,
                _ => fixture.h.key,
            };
            let verdict = (method.call)(&fixture.c, &fixture.h.with(kind, other));
            assert_eq!(verdict, INVALID_HANDLE, "{} {kind:?}", method.name);
            checked += 1;
        }
    }
    assert_eq!(checked, 165);
}

#[test]
fn a_closed_handle_is_a_fault_as_of_every_rpc_server() {
    let fixture = Fixture::new();
    let closed = ok(fixture.c.api_open_group("web"));
    ok(fixture.c.api_close_group(Some(closed.clone())));
    for method in METHODS {
        for &kind in method.takes {
            for raw in [closed.raw(), ContextHandle::NULL] {
                let verdict = (method.call)(&fixture.c, &fixture.h.with(kind, raw));
                let expected = match raw {
                    // A NULL handle may be closed as far as the runtime goes: the server refuses it.
                    ContextHandle::NULL if is_close(method) => INVALID_HANDLE,
                    _ => Verdict::Fault(Fault::CONTEXT_MISMATCH),
                };
                assert_eq!(verdict, expected, "{} {kind:?} {raw:?}", method.name);
            }
        }
    }
}

#[test]
fn a_closed_object_takes_its_own_handle_along_and_no_other() {
    let world = World::new();
    let c = world.admin();
    let (one, other) = (ok(c.api_open_node("node1")), ok(c.api_open_node("1")));
    assert_eq!(ok(c.api_close_node(Some(one))), None);
    assert_eq!(ok(c.api_get_node_state(&other)), 0);
}

const GENERIC_READ: u32 = 0x8000_0000;
const GENERIC_ALL: u32 = 0x1000_0000;
const MAXIMUM_ALLOWED: u32 = 0x0200_0000;

#[test]
fn a_client_is_granted_what_it_asks_for_if_it_is_entitled_to_it() {
    let world = World::new();
    let grants = [
        ("admin", GENERIC_ALL, Ok(GENERIC_ALL)),
        ("admin", 0x4000_0000, Ok(GENERIC_ALL)),
        ("admin", 0x2000_0000, Ok(GENERIC_ALL)),
        ("admin", 3, Ok(GENERIC_ALL)),
        ("admin", MAXIMUM_ALLOWED, Ok(GENERIC_ALL)),
        ("admin", GENERIC_READ, Ok(GENERIC_READ)),
        ("admin", 1, Ok(GENERIC_READ)),
        ("reader", GENERIC_READ, Ok(GENERIC_READ)),
        ("reader", MAXIMUM_ALLOWED, Ok(GENERIC_READ)),
        ("operator", GENERIC_READ, Ok(GENERIC_READ)),
        ("operator", MAXIMUM_ALLOWED, Ok(GENERIC_READ)),
        ("reader", GENERIC_ALL, Err(Win32Error::ERROR_ACCESS_DENIED)),
        ("reader", 3, Err(Win32Error::ERROR_ACCESS_DENIED)),
        ("operator", GENERIC_ALL, Err(Win32Error::ERROR_ACCESS_DENIED)),
        ("stranger", GENERIC_READ, Err(Win32Error::ERROR_ACCESS_DENIED)),
        ("stranger", MAXIMUM_ALLOWED, Err(Win32Error::ERROR_ACCESS_DENIED)),
        ("admin", 0, Err(Win32Error::ERROR_INVALID_PARAMETER)),
        ("admin", 2, Err(Win32Error::ERROR_INVALID_PARAMETER)),
        ("admin", 0x0010_0000, Err(Win32Error::ERROR_INVALID_PARAMETER)),
    ];
    Fixture::in_world(&world);
    for (user, desired, expected) in grants {
        let c = world.client(user);
        let answers = [
            ("cluster", outcome(c.api_open_cluster_ex(desired), |it| it.granted_access)),
            ("node", outcome(c.api_open_node_ex("node1", desired), |it| it.granted_access)),
            ("group", outcome(c.api_open_group_ex("web", desired), |it| it.granted_access)),
            ("resource", outcome(c.api_open_resource_ex("app", desired), |it| it.granted_access)),
            ("network", outcome(c.api_open_network_ex("Cluster Network 1", desired), |it| it.granted_access)),
            ("interface", outcome(c.api_open_net_interface_ex("node1 - Ethernet", desired), |it| it.granted_access)),
        ];
        for (what, answer) in answers {
            assert_eq!(answer, expected, "{user} asks for {desired:#x} of a {what}");
        }
    }
}

fn outcome<R: std::fmt::Debug + 'static, T>(
    call: impl Future<Output = msrpc_ndr::CallResult<R, Win32Error>>,
    look: impl Fn(&R) -> T,
) -> Result<T, Win32Error> {
    match crate::world::now(call) {
        Ok(done) => Ok(look(&done)),
        Err(error) => Err(*error.status().expect("a status")),
    }
}

#[test]
fn names_that_nothing_has_are_not_found_by_the_methods_that_open() {
    let world = World::new();
    let c = world.admin();
    use crate::world::codes as e;
    let any = GENERIC_READ;
    for name in ["nothing", "NOTHING\\x", "{00000000-0000-0000-0000-000000000000}"] {
        assert_eq!(code(c.api_open_resource(name)), e::ERROR_RESOURCE_NOT_FOUND);
        assert_eq!(code(c.api_open_resource_ex(name, any)), e::ERROR_RESOURCE_NOT_FOUND);
        assert_eq!(code(c.api_open_group(name)), e::ERROR_GROUP_NOT_FOUND);
        assert_eq!(code(c.api_open_group_ex(name, any)), e::ERROR_GROUP_NOT_FOUND);
        assert_eq!(code(c.api_open_node(name)), e::ERROR_CLUSTER_NODE_NOT_FOUND);
        assert_eq!(code(c.api_open_node_ex(name, any)), e::ERROR_CLUSTER_NODE_NOT_FOUND);
        assert_eq!(code(c.api_open_network(name)), e::ERROR_CLUSTER_NETWORK_NOT_FOUND);
        assert_eq!(code(c.api_open_network_ex(name, any)), e::ERROR_CLUSTER_NETWORK_NOT_FOUND);
        assert_eq!(code(c.api_open_net_interface(name)), e::ERROR_CLUSTER_NETINTERFACE_NOT_FOUND);
        assert_eq!(code(c.api_open_net_interface_ex(name, any)), e::ERROR_CLUSTER_NETINTERFACE_NOT_FOUND);
        assert_eq!(code(c.api_open_group_set(name)), e::ERROR_GROUPSET_NOT_FOUND);
    }
}

#[test]
fn objects_are_opened_by_name_without_regard_to_case_and_by_id() {
    let fixture = Fixture::new();
    let c = &fixture.c;
    let group = ok(c.api_open_group("WEB"));
    let id = ok(c.api_get_group_id(&group)).unwrap();
    let again = ok(c.api_open_group(id.clone()));
    assert_eq!(ok(c.api_get_group_id(&again)).unwrap(), id);
    let resource = ok(c.api_open_resource("APP"));
    let id = ok(c.api_get_resource_id(&resource)).unwrap();
    assert_eq!(ok(c.api_get_resource_id(&ok(c.api_open_resource(id.clone())))).unwrap(), id);
    assert_eq!(ok(c.api_get_node_id(&ok(c.api_open_node("NODE1")))).unwrap(), "1");
    assert_eq!(ok(c.api_get_node_id(&ok(c.api_open_node("2")))).unwrap(), "2");
}
