//! Batches on the registry: 3.1.4.2.112 to 3.1.4.2.115, 3.1.4.2.141, 3.1.4.2.145.

use std::pin::pin;

use msrpc_cluster::cluster::registry::{self, Command, CommandKind, ValueType};
use msrpc_ndr::{Bytes, CallError, Win32Error};

use crate::world::{Clusapi, KEY_ALL_ACCESS, KEY_READ, Key, World, code, ok, poll, refusal};

struct Batches {
    world: World,
    c: Clusapi,
    key: Key,
}

impl Batches {
    fn new() -> Self {
        let world = World::new();
        let c = world.admin();
        let root = ok(c.api_get_root_key(KEY_ALL_ACCESS));
        let key = ok(c.api_create_key(&root, "Key", 0, KEY_ALL_ACCESS, None)).handle;
        ok(c.api_set_value(&key, "old", 3, &b"old"[..]));
        Self { world, c, key }
    }
}

fn command(kind: CommandKind, name: &str, data: &'static [u8]) -> Command {
    Command { kind, value_type: ValueType::REG_BINARY, name: name.into(), data: Bytes::from_static(data) }
}

const SET: CommandKind = CommandKind::CLUSREG_SET_VALUE;
const CREATE: CommandKind = CommandKind::CLUSREG_CREATE_KEY;
const DELETE: CommandKind = CommandKind::CLUSREG_DELETE_VALUE;
const DELETE_KEY: CommandKind = CommandKind::CLUSREG_DELETE_KEY;
const INVALID: Win32Error = Win32Error::ERROR_INVALID_PARAMETER;

#[test]
fn a_batch_is_carried_out_as_a_whole() {
    let it = Batches::new();
    let batch =
        [command(CREATE, "Sub", b""), command(SET, "v", b"1"), command(CREATE, "", b""), command(DELETE, "old", b"")];
    assert_eq!(ok(it.c.api_execute_batch(&it.key, registry::encode(&batch))), 0);
    let sub = ok(it.c.api_open_key(&it.key, "Sub", KEY_READ));
    assert_eq!(ok(it.c.api_query_value(&sub, "v", 1)).data, "1");
    assert_eq!(code(it.c.api_query_value(&it.key, "old", 64)), Win32Error::ERROR_FILE_NOT_FOUND);
}

#[test]
fn a_batch_that_fails_says_at_which_command_and_changes_nothing() {
    let it = Batches::new();
    let before = it.world.node.registry();
    let (a, b) = (command(CREATE, "Sub", b""), command(SET, "v", b"1"));
    let refused = [
        // No key is the current one.
        (vec![a.clone(), b.clone(), command(DELETE_KEY, "Sub", b""), b.clone()], INVALID, 4),
        (vec![a.clone(), command(DELETE_KEY, "Sub", b""), command(DELETE, "v", b"")], INVALID, 3),
        // Not a command for changes.
        (vec![a.clone(), command(CommandKind(99), "x", b"")], INVALID, 2),
        (vec![command(CREATE, "\\x", b"")], Win32Error::ERROR_INVALID_NAME, 1),
        (vec![a.clone(), b, command(CommandKind::CLUSREG_CONDITION_NOT_EXISTS, "v", b"")], Win32Error(5023), 3),
    ];
    for (batch, expected, number) in refused {
        let (status, at) = refusal(it.c.api_execute_batch(&it.key, registry::encode(&batch)));
        assert_eq!((status, at), (expected, number), "{batch:?}");
        assert_eq!(it.world.node.registry(), before);
    }
}

#[test]
fn a_batch_that_is_cut_anywhere_is_refused_and_changes_nothing() {
    let it = Batches::new();
    let before = it.world.node.registry();
    let whole = registry::encode(&[command(CREATE, "Sub", b""), command(SET, "v", b"123")]);
    let first = registry::encode(&[command(CREATE, "Sub", b"")]).len();
    for end in 0..whole.len() - 1 {
        // Nothing, and the first command alone, are batches, too.
        if end == 4 || end == first {
            continue;
        }
        assert_eq!(code(it.c.api_execute_batch(&it.key, whole.slice(..end))), INVALID, "cut at {end}");
        assert_eq!(it.world.node.registry(), before);
    }
}

#[test]
fn a_batch_needs_a_key_that_may_be_changed() {
    let it = Batches::new();
    let reader = it.world.client("reader");
    let root = ok(reader.api_get_root_key(KEY_READ));
    let batch = registry::encode(&[command(CREATE, "Sub", b"")]);
    assert_eq!(code(reader.api_execute_batch(&root, batch.clone())), Win32Error::ERROR_ACCESS_DENIED);
    let root = ok(it.c.api_get_root_key(KEY_ALL_ACCESS));
    ok(it.c.api_delete_key(&root, "Key"));
    assert_ne!(code(it.c.api_execute_batch(&it.key, batch)), Win32Error(0));
}

#[test]
fn a_batch_of_reads_answers_every_command() {
    let it = Batches::new();
    let reads = [
        command(CommandKind::CLUSREG_READ_VALUE, "old", b""),
        command(CommandKind::CLUSREG_READ_VALUE, "missing", b""),
        command(CommandKind::CLUSREG_READ_KEY, "Nothing", b""),
        command(CommandKind::CLUSREG_READ_VALUE, "old", b""),
    ];
    for answer in [
        ok(it.c.api_execute_read_batch(&it.key, registry::encode(&reads))),
        ok(it.c.api_execute_read_batch_ex(&it.key, registry::encode(&reads), 0)),
    ] {
        let answers = registry::decode(&answer.unwrap()).unwrap();
        let kinds: Vec<_> = answers.iter().map(|answer| answer.kind.0).collect();
        assert_eq!(kinds, [8, 9, 7, 9]);
        assert_eq!(answers[0].data, "old");
        assert_eq!(answers[1].value_type.0, 2);
    }
}

#[test]
fn a_batch_of_reads_with_changes_is_refused() {
    let it = Batches::new();
    for kind in [SET, DELETE, CREATE] {
        let batch = registry::encode(&[command(kind, "v", b"")]);
        assert_eq!(code(it.c.api_execute_read_batch(&it.key, batch.clone())), INVALID);
        assert_eq!(code(it.c.api_execute_read_batch_ex(&it.key, batch, 0)), INVALID);
    }
    assert_eq!(code(it.c.api_execute_read_batch(&it.key, &b"\x02\0\0\0"[..])), INVALID);
}

#[test]
fn a_batch_port_tells_of_batches_with_what_was_there_before() {
    let it = Batches::new();
    let port = ok(it.c.api_create_batch_port(&it.key));
    let mut waiting = pin!(it.c.api_get_batch_notification(&port));
    assert!(poll(waiting.as_mut()).is_none());
    let batch = registry::encode(&[command(CREATE, "", b""), command(SET, "old", b"new")]);
    ok(it.c.api_execute_batch(&it.key, batch.clone()));
    let told = poll(waiting).expect("told").unwrap().unwrap();
    let commands = registry::decode(&told).unwrap();
    let kinds: Vec<_> = commands.iter().map(|command| (command.kind.0, command.data.clone())).collect();
    assert_eq!(kinds, [(2, Bytes::new()), (6, Bytes::from_static(b"old")), (1, Bytes::from_static(b"new"))]);
    // What nobody waits for is kept for the next call.
    ok(it.c.api_execute_batch(&it.key, batch));
    ok(it.c.api_get_batch_notification(&port));
}

#[test]
fn closing_a_batch_port_ends_the_wait_at_it() {
    let it = Batches::new();
    let port = ok(it.c.api_create_batch_port(&it.key));
    let mut waiting = pin!(it.c.api_get_batch_notification(&port));
    assert!(poll(waiting.as_mut()).is_none());
    ok(it.c.api_close_batch_port(Some(port.clone())));
    match poll(waiting) {
        Some(Err(CallError::Status { status, .. })) => assert_eq!(status, Win32Error::ERROR_NO_MORE_ITEMS),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_example_of_a_batch_and_what_is_told_of_it() {
    let it = Batches::new();
    let port = ok(it.c.api_create_batch_port(&it.key));
    let (hello, universe) = (&b"hello world"[..], &b"hello universe"[..]);
    let name = "NotifyTest";
    let batch = [
        command(DELETE, name, b""),
        command(SET, name, hello),
        command(SET, name, universe),
        command(DELETE, name, b""),
    ];
    ok(it.c.api_execute_batch(&it.key, registry::encode(&batch)));
    let told = registry::decode(&ok(it.c.api_get_batch_notification(&port)).unwrap()).unwrap();
    let told: Vec<_> = told.iter().map(|command| (command.kind, &command.data[..])).collect();
    let gone = CommandKind::CLUSREG_VALUE_DELETED;
    assert_eq!(
        told,
        [(DELETE, &b""[..]), (SET, hello), (gone, hello), (SET, universe), (gone, universe), (DELETE, b"")]
    );
}
