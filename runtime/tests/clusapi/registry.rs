//! The cluster registry: 3.1.4.2.29 to 3.1.4.2.41.

use msrpc_ndr::{Bytes, Win32Error};
use msrpc_protocols::clusapi3::{RpcSecurityAttributes, RpcSecurityDescriptor};

use crate::world::{Clusapi, KEY_ALL_ACCESS, KEY_READ, Key, World, code, codes, now, ok, refusal};

const ERROR_KEY_DELETED: Win32Error = Win32Error(1018);
const DENIED: Win32Error = Win32Error::ERROR_ACCESS_DENIED;

struct Root {
    world: World,
    c: Clusapi,
    root: Key,
}

impl Root {
    fn new() -> Self {
        let world = World::new();
        let c = world.admin();
        let root = ok(c.api_get_root_key(KEY_ALL_ACCESS));
        Self { world, c, root }
    }

    fn create(&self, path: &str) -> Key {
        ok(self.c.api_create_key(&self.root, path, 0, KEY_ALL_ACCESS, None)).handle
    }
}

#[test]
fn a_client_opens_the_root_key_with_the_rights_that_the_key_grants() {
    let world = World::new();
    ok(world.admin().api_get_root_key(KEY_ALL_ACCESS));
    ok(world.client("reader").api_get_root_key(KEY_READ));
    assert_eq!(code(world.client("reader").api_get_root_key(KEY_ALL_ACCESS)), DENIED);
    assert_eq!(code(world.client("stranger").api_get_root_key(KEY_READ)), DENIED);
    assert_eq!(code(world.client("operator").api_get_root_key(KEY_READ)), DENIED);
}

#[test]
fn a_key_is_created_once_and_then_opened() {
    let it = Root::new();
    let created = ok(it.c.api_create_key(&it.root, "New\\Below", 0, KEY_ALL_ACCESS, None));
    assert_eq!(created.disposition, 1);
    let opened = ok(it.c.api_create_key(&it.root, "NEW\\BELOW", 0, KEY_READ, None));
    assert_eq!(opened.disposition, 2);
    let same = ok(it.c.api_create_key(&it.root, "", 0, KEY_READ, None));
    assert_eq!(same.disposition, 2);
    ok(it.c.api_open_key(&it.root, "New", KEY_READ));
    ok(it.c.api_open_key(&it.root, "", KEY_READ));
}

#[test]
fn a_key_is_not_created_without_the_rights_for_it() {
    let it = Root::new();
    let reader = it.world.client("reader");
    let root = ok(reader.api_get_root_key(KEY_READ));
    assert_eq!(code(reader.api_create_key(&root, "New", 0, KEY_READ, None)), DENIED);
    let to_read = ok(it.c.api_get_root_key(KEY_READ));
    assert_eq!(code(it.c.api_create_key(&to_read, "New", 0, KEY_READ, None)), DENIED);
}

/// Names of keys that are none, and paths that are none.
fn ill_formed() -> Vec<String> {
    vec!["\\New".into(), "a\\\\b".into(), "x".repeat(256), "\\".into()]
}

#[test]
fn the_path_of_a_key_is_well_formed() {
    let it = Root::new();
    for path in ill_formed() {
        let invalid = Win32Error::ERROR_INVALID_NAME;
        assert_eq!(code(it.c.api_create_key(&it.root, &*path, 0, KEY_READ, None)), invalid, "{path}");
        assert_eq!(code(it.c.api_open_key(&it.root, &*path, KEY_READ)), invalid, "{path}");
        assert_eq!(code(it.c.api_delete_key(&it.root, &*path)), invalid, "{path}");
    }
    it.create(&"x".repeat(255));
    let deep = vec!["d"; 600].join("\\");
    assert_eq!(code(it.c.api_create_key(&it.root, &*deep, 0, KEY_READ, None)), Win32Error::ERROR_INVALID_NAME);
}

fn security(octets: Option<Bytes>) -> RpcSecurityDescriptor {
    let size = octets.as_ref().map_or(0, |octets| u32::try_from(octets.len()).unwrap());
    RpcSecurityDescriptor { security_descriptor: octets, cb_in_security_descriptor: size }
}

fn descriptor(sddl: &str) -> Bytes {
    let parsed: msrpc_cluster::security::SecurityDescriptor = sddl.parse().expect("SDDL");
    parsed.to_octets()
}

fn attributes(octets: Bytes) -> Option<RpcSecurityAttributes> {
    Some(RpcSecurityAttributes { rpc_security_descriptor: security(Some(octets)), ..RpcSecurityAttributes::default() })
}

#[test]
fn a_new_key_gets_the_security_descriptor_that_it_is_given() {
    let it = Root::new();
    let ill = attributes(Bytes::from_static(b"\x01\x00\x00"));
    let refused = code(it.c.api_create_key(&it.root, "Secret", 0, KEY_READ, ill));
    assert_eq!(refused, codes::ERROR_INVALID_SECURITY_DESCR);
    assert_eq!(code(it.c.api_open_key(&it.root, "Secret", KEY_READ)), Win32Error::ERROR_FILE_NOT_FOUND);
    let only_admins = attributes(descriptor("O:BAG:BAD:(A;;KA;;;BA)"));
    ok(it.c.api_create_key(&it.root, "Secret", 0, KEY_ALL_ACCESS, only_admins));
    let reader = it.world.client("reader");
    let root = ok(reader.api_get_root_key(KEY_READ));
    assert_eq!(code(reader.api_open_key(&root, "Secret", KEY_READ)), DENIED);
    assert_eq!(code(reader.api_create_key(&root, "Secret", 0, KEY_READ, None)), DENIED);
}

#[test]
fn a_key_that_is_not_there_is_not_found() {
    let it = Root::new();
    let not_found = Win32Error::ERROR_FILE_NOT_FOUND;
    assert_eq!(code(it.c.api_open_key(&it.root, "Nothing", KEY_READ)), not_found);
    assert_eq!(code(it.c.api_delete_key(&it.root, "Nothing")), not_found);
    assert_eq!(code(it.c.api_query_value(&it.root, "Nothing", 64)), not_found);
    assert_eq!(code(it.c.api_delete_value(&it.root, "Nothing")), not_found);
}

#[test]
fn keys_are_enumerated_until_there_are_no_more() {
    let it = Root::new();
    let key = it.create("New");
    assert_eq!(code(it.c.api_enum_key(&key, 0)), Win32Error::ERROR_NO_MORE_ITEMS);
    it.create("New\\b");
    it.create("New\\a");
    let names = [0, 1].map(|index| ok(it.c.api_enum_key(&key, index)).key_name.unwrap().to_string_lossy());
    assert_eq!(names, ["a", "b"]);
    for index in [2, u32::MAX] {
        assert_eq!(code(it.c.api_enum_key(&key, index)), Win32Error::ERROR_NO_MORE_ITEMS);
    }
}

#[test]
fn values_of_every_type_are_kept_as_they_are() {
    let it = Root::new();
    let key = it.create("New");
    for kind in [0, 1, 2, 3, 4, 7, 11, 0x1234] {
        ok(it.c.api_set_value(&key, "v", kind, &b"\x01\x02\x03"[..]));
        let value = ok(it.c.api_query_value(&key, "V", 3));
        assert_eq!((value.value_type, &value.data[..], value.cb_required), (kind, &b"\x01\x02\x03"[..], 3));
    }
    // The default value has no name.
    ok(it.c.api_set_value(&key, "", 3, &b"default"[..]));
    assert_eq!(ok(it.c.api_query_value(&key, "", 7)).data, "default");
    ok(it.c.api_delete_value(&key, ""));
    assert_eq!(code(it.c.api_query_value(&key, "", 64)), Win32Error::ERROR_FILE_NOT_FOUND);
}

#[test]
fn the_name_of_a_value_has_16383_characters_at_most() {
    let it = Root::new();
    let key = it.create("New");
    let long = "x".repeat(16_384);
    let invalid = Win32Error::ERROR_INVALID_NAME;
    assert_eq!(code(it.c.api_set_value(&key, &*long, 3, &b"x"[..])), invalid);
    assert_eq!(code(it.c.api_query_value(&key, &*long, 1)), invalid);
    assert_eq!(code(it.c.api_delete_value(&key, &*long)), invalid);
    ok(it.c.api_set_value(&key, &*"x".repeat(16_383), 3, &b"x"[..]));
}

#[test]
fn a_buffer_that_is_too_small_is_told_how_large_it_has_to_be() {
    let it = Root::new();
    let key = it.create("New");
    ok(it.c.api_set_value(&key, "v", 3, &b"four"[..]));
    for size in [0, 3] {
        let (status, out) = refusal(it.c.api_query_value(&key, "v", size));
        assert_eq!((status, out.cb_required), (Win32Error::ERROR_MORE_DATA, 4));
        let (status, out) = refusal(it.c.api_enum_value(&key, 0, size));
        assert_eq!((status, out.total_size), (Win32Error::ERROR_MORE_DATA, 4));
    }
    assert_eq!(ok(it.c.api_query_value(&key, "v", 4)).data, "four");
    assert_eq!(ok(it.c.api_enum_value(&key, 0, 4)).data, "four");
}

#[test]
fn values_are_enumerated_until_there_are_no_more() {
    let it = Root::new();
    let key = it.create("New");
    assert_eq!(code(it.c.api_enum_value(&key, 0, 64)), Win32Error::ERROR_NO_MORE_ITEMS);
    for name in ["b", "a"] {
        ok(it.c.api_set_value(&key, name, 4, &b"1234"[..]));
    }
    let value = ok(it.c.api_enum_value(&key, 0, 64));
    assert_eq!((value.value_name.unwrap().to_string_lossy().as_str(), value.lp_type, value.total_size), ("a", 4, 4));
    assert_eq!(ok(it.c.api_enum_value(&key, 1, 64)).value_name.unwrap(), "b");
    assert_eq!(code(it.c.api_enum_value(&key, 2, 64)), Win32Error::ERROR_NO_MORE_ITEMS);
}

#[test]
fn a_key_is_deleted_when_there_is_none_below_it() {
    let it = Root::new();
    it.create("New\\Below");
    assert_eq!(code(it.c.api_delete_key(&it.root, "New")), DENIED);
    assert_eq!(code(it.c.api_delete_key(&it.root, "")), Win32Error::ERROR_INVALID_PARAMETER);
    ok(it.c.api_delete_key(&it.root, "New\\Below"));
    ok(it.c.api_delete_key(&it.root, "New"));
    let reader = it.world.client("reader");
    let root = ok(reader.api_get_root_key(KEY_READ));
    assert_eq!(code(reader.api_delete_key(&root, "Quorum")), DENIED);
}

#[test]
fn the_handle_of_a_deleted_key_is_stale() {
    let it = Root::new();
    let key = it.create("New");
    ok(it.c.api_delete_key(&it.root, "New"));
    let c = &it.c;
    let port = ok(c.api_create_notify());
    let verdicts = [
        ("ApiCreateKey", code(c.api_create_key(&key, "x", 0, KEY_READ, None))),
        ("ApiOpenKey", code(c.api_open_key(&key, "", KEY_READ))),
        ("ApiEnumKey", code(c.api_enum_key(&key, 0))),
        ("ApiSetValue", code(c.api_set_value(&key, "v", 3, &b"x"[..]))),
        ("ApiDeleteValue", code(c.api_delete_value(&key, "v"))),
        ("ApiQueryValue", code(c.api_query_value(&key, "v", 1))),
        ("ApiDeleteKey", code(c.api_delete_key(&key, "x"))),
        ("ApiEnumValue", code(c.api_enum_value(&key, 0, 1))),
        ("ApiQueryInfoKey", code(c.api_query_info_key(&key))),
        ("ApiGetKeySecurity", code(c.api_get_key_security(&key, 4, security(None)))),
        ("ApiSetKeySecurity", code(c.api_set_key_security(&key, 4, security(Some(descriptor("D:")))))),
        ("ApiAddNotifyKey", code(c.api_add_notify_key(&port, &key, 0, 0x40, 0))),
        ("ApiCreateBatchPort", code(c.api_create_batch_port(&key))),
    ];
    for (method, verdict) in verdicts {
        assert_eq!(verdict, ERROR_KEY_DELETED, "{method}");
    }
    ok(c.api_close_key(Some(key)));
}

#[test]
fn a_key_says_what_is_in_it() {
    let it = Root::new();
    let key = it.create("New");
    it.create("New\\four");
    ok(it.c.api_set_value(&key, "value", 3, &b"123456789"[..]));
    let info = ok(it.c.api_query_info_key(&key));
    assert_eq!((info.c_sub_keys, info.cb_max_sub_key_len, info.c_values), (1, 4, 1));
    assert_eq!((info.cb_max_value_name_len, info.cb_max_value_len), (5, 9));
    assert!(info.cb_security_descriptor > 20);
    assert_ne!(info.last_write_time.low_date_time, 0);
}

#[test]
fn a_handle_gives_no_more_than_the_rights_it_was_opened_with() {
    const KEY_QUERY_VALUE: u32 = 1;
    const KEY_ENUMERATE_SUB_KEYS: u32 = 8;
    let it = Root::new();
    let query = ok(it.c.api_get_root_key(KEY_QUERY_VALUE));
    assert_eq!(code(it.c.api_enum_key(&query, 0)), DENIED);
    assert_eq!(code(it.c.api_set_value(&query, "v", 3, &b"x"[..])), DENIED);
    assert_eq!(code(it.c.api_delete_value(&query, "v")), DENIED);
    ok(it.c.api_query_info_key(&query));
    let list = ok(it.c.api_get_root_key(KEY_ENUMERATE_SUB_KEYS));
    assert_eq!(code(it.c.api_query_value(&list, "ClusterName", 64)), DENIED);
    assert_eq!(code(it.c.api_enum_value(&list, 0, 64)), DENIED);
    assert_eq!(code(it.c.api_query_info_key(&list)), DENIED);
    ok(it.c.api_enum_key(&list, 0));
}

#[test]
fn the_security_descriptor_of_a_key_is_read_and_changed_in_parts() {
    const DACL: u32 = 4;
    let it = Root::new();
    let key = it.create("New");
    let octets = |sddl: &str| security(Some(descriptor(sddl)));
    ok(it.c.api_set_key_security(&key, DACL, octets("O:SYD:(A;;KA;;;BA)")));
    let read = ok(it.c.api_get_key_security(&key, DACL, security(None)));
    assert_eq!(read.security_descriptor.unwrap(), descriptor("D:(A;;KA;;;BA)"));
    let reader = it.world.client("reader");
    let root = ok(reader.api_get_root_key(KEY_READ));
    assert_eq!(code(reader.api_open_key(&root, "New", KEY_READ)), DENIED);
}

#[test]
fn what_is_no_self_relative_security_descriptor_is_refused() {
    let it = Root::new();
    let key = it.create("New");
    for octets in [None, Some(Bytes::new()), Some(Bytes::from_static(&[1; 19])), Some(Bytes::from_static(&[0xff; 64]))]
    {
        let refused = code(it.c.api_set_key_security(&key, 4, security(octets)));
        assert_eq!(refused, Win32Error::ERROR_INVALID_PARAMETER);
    }
    assert!(now(it.c.api_get_key_security(&key, 4, security(None))).is_ok());
}
