//! Batches: their octets, what they do, and what ports are told.

use msrpc_cluster::cluster::registry::{
    BatchError, Command, CommandKind as Kind, KeyId, Name, Path, Registry, RegistryError, Value, ValueType, decode,
    encode,
};
use msrpc_ndr::{Bytes, Win32Error};
use proptest::prelude::*;

fn command(kind: Kind, name: &str) -> Command {
    Command { kind, value_type: ValueType::REG_NONE, name: name.into(), data: Bytes::new() }
}

fn set(name: &str, value: Value) -> Command {
    Command { value_type: value.kind, data: value.data, ..command(Kind::CLUSREG_SET_VALUE, name) }
}

fn with(kind: Kind, name: &str, value: Value) -> Command {
    Command { kind, ..set(name, value) }
}

/// Laid out by hand as [MS-CMRP] 2.2.3.17 draws it.
#[test]
fn a_batch_is_laid_out_as_the_document_draws_it() {
    let octets = Bytes::from_static(
        b"\x01\0\0\0\
          \x02\0\0\0\0\0\0\0\x04\0\0\0k\0\0\0\0\0\0\0\
          \x01\0\0\0\x03\0\0\0\x02\0\0\0\0\0\x03\0\0\0abc\0\
          \x04\0\0\0\0\0\0\0\x04\0\0\0v\0\0\0\0\0\0\0",
    );
    let commands = [
        command(Kind::CLUSREG_CREATE_KEY, "k"),
        set("", Value::binary(Bytes::from_static(b"abc"))),
        command(Kind::CLUSREG_DELETE_VALUE, "v"),
    ];
    assert_eq!(decode(&octets).as_deref(), Ok(&commands[..]));
    assert_eq!(encode(&commands), octets);
}

#[test]
fn a_batch_cut_anywhere_is_refused_or_shorter_by_whole_commands() {
    let commands = [
        command(Kind::CLUSREG_CREATE_KEY, "key"),
        set("v", Value::binary(Bytes::from_static(b"abc"))),
        set("w", Value::dword(1)),
    ];
    let octets = encode(&commands);
    let whole: Vec<usize> = (0..=3).map(|count| encode(&commands[..count]).len()).collect();
    for length in 0..octets.len() {
        match decode(&octets.slice(..length)) {
            // The octet of padding at the end of the second may be missing.
            Ok(some) => assert!(whole.contains(&length) || length + 1 == whole[2], "{length}: {some:?}"),
            Err(error) => {
                let complete = whole.iter().filter(|&&end| end <= length).count();
                assert_eq!(error, BatchError::Malformed(complete as u32), "{length}");
            }
        }
    }
}

#[test]
fn a_name_without_its_null_is_refused() {
    let octets = Bytes::from_static(b"\x01\0\0\0\x02\0\0\0\0\0\0\0\x02\0\0\0k\0\0\0\0\0");
    assert_eq!(decode(&octets), Err(BatchError::Malformed(1)));
    let octets = Bytes::from_static(b"\x02\0\0\0");
    assert_eq!(decode(&octets), Err(BatchError::Malformed(0)), "a version that is not 1");
}

/// The example of [MS-CMRP] 3.1.4.2.114.
#[test]
fn ports_are_told_of_the_data_that_a_value_had() {
    let (hello, universe) = (Value::string("hello world"), Value::string("hello universe"));
    let commands = [
        command(Kind::CLUSREG_DELETE_VALUE, "NotifyTest"),
        set("NotifyTest", hello.clone()),
        set("NotifyTest", universe.clone()),
        command(Kind::CLUSREG_DELETE_VALUE, "NotifyTest"),
    ];
    let mut registry = Registry::new();
    let outcome = registry.edit(1).execute(KeyId::ROOT, &commands).expect("executed");
    let [first, second, third, fourth] = commands;
    let told = [
        first,
        second,
        with(Kind::CLUSREG_VALUE_DELETED, "NotifyTest", hello),
        third,
        with(Kind::CLUSREG_VALUE_DELETED, "NotifyTest", universe),
        fourth,
    ];
    assert_eq!(outcome.notification, told);
}

#[test]
fn the_first_failure_undoes_all_that_came_before() {
    let mut registry = Registry::new();
    let before = registry.clone();
    let mut edit = registry.edit(1);
    let commands = [
        command(Kind::CLUSREG_CREATE_KEY, "a"),
        set("v", Value::dword(1)),
        command(Kind::CLUSREG_DELETE_KEY, "a"),
        set("v", Value::dword(2)),
    ];
    assert_eq!(edit.execute(KeyId::ROOT, &commands), Err(BatchError::NoKey(4)));
    drop(edit);
    assert_eq!(registry, before);
}

#[test]
fn what_is_not_there_need_not_be_deleted() {
    let commands = [command(Kind::CLUSREG_DELETE_VALUE, "v"), command(Kind::CLUSREG_DELETE_KEY, "a\\b")];
    assert!(Registry::new().edit(1).execute(KeyId::ROOT, &commands).is_ok());
}

#[test]
fn keys_are_relative_to_the_designated_one() {
    let mut registry = Registry::new();
    let mut edit = registry.edit(1);
    let commands =
        [command(Kind::CLUSREG_CREATE_KEY, "a"), command(Kind::CLUSREG_CREATE_KEY, "b"), set("v", Value::dword(1))];
    edit.execute(KeyId::ROOT, &commands).expect("executed");
    drop(edit.commit());
    let b = registry.find(KeyId::ROOT, &Path::new("b").expect("a path")).expect("beside a, not in it");
    assert_eq!(registry.info(b).expect("there").values, 1);
}

#[test]
fn a_batch_goes_on_only_while_its_conditions_hold() {
    let mut registry = Registry::new();
    let mut edit = registry.edit(1);
    edit.execute(KeyId::ROOT, &[set("five", Value::dword(5)), command(Kind::CLUSREG_CREATE_KEY, "key")])
        .expect("executed");
    drop(edit.commit());
    let (four, five, six) = (Value::dword(4), Value::dword(5), Value::dword(6));
    for (condition, holds) in [
        (command(Kind::CLUSREG_CONDITION_EXISTS, "five"), true),
        (command(Kind::CLUSREG_CONDITION_EXISTS, "none"), false),
        (command(Kind::CLUSREG_CONDITION_NOT_EXISTS, "five"), false),
        (command(Kind::CLUSREG_CONDITION_NOT_EXISTS, "none"), true),
        (with(Kind::CLUSREG_CONDITION_IS_EQUAL, "five", five.clone()), true),
        (with(Kind::CLUSREG_CONDITION_IS_EQUAL, "five", six.clone()), false),
        (with(Kind::CLUSREG_CONDITION_IS_EQUAL, "five", Value::qword(5)), false),
        (with(Kind::CLUSREG_CONDITION_IS_NOT_EQUAL, "five", six.clone()), true),
        (with(Kind::CLUSREG_CONDITION_IS_NOT_EQUAL, "five", five.clone()), false),
        (with(Kind::CLUSREG_CONDITION_IS_GREATER_THAN, "five", four.clone()), true),
        (with(Kind::CLUSREG_CONDITION_IS_GREATER_THAN, "five", five.clone()), false),
        (with(Kind::CLUSREG_CONDITION_IS_GREATER_THAN, "none", four.clone()), false),
        (with(Kind::CLUSREG_CONDITION_IS_LESS_THAN, "five", six), true),
        (with(Kind::CLUSREG_CONDITION_IS_LESS_THAN, "five", four), false),
        (command(Kind::CLUSREG_CONDITION_KEY_EXISTS, "key"), true),
        (command(Kind::CLUSREG_CONDITION_KEY_EXISTS, "none"), false),
        (command(Kind::CLUSREG_CONDITION_KEY_NOT_EXISTS, "key"), false),
        (command(Kind::CLUSREG_CONDITION_KEY_NOT_EXISTS, "none"), true),
    ] {
        let done = registry.edit(2).execute(KeyId::ROOT, std::slice::from_ref(&condition)).map(drop);
        assert_eq!(done, if holds { Ok(()) } else { Err(BatchError::Condition(1)) }, "{condition:?}");
    }
}

#[test]
fn reads_are_answered_in_order_and_what_is_missing_with_its_status() {
    let mut registry = Registry::new();
    let mut edit = registry.edit(1);
    edit.execute(KeyId::ROOT, &[command(Kind::CLUSREG_CREATE_KEY, "a"), set("v", Value::dword(7))]).expect("executed");
    drop(edit.commit());
    let read = |name: &str| command(Kind::CLUSREG_READ_VALUE, name);
    let commands = [
        read("v"),
        command(Kind::CLUSREG_READ_KEY, "a"),
        read("V"),
        command(Kind::CLUSREG_READ_KEY, "none"),
        read("v"),
    ];
    let answers = registry.execute_read(KeyId::ROOT, &commands).expect("read");
    let missing = ValueType(Win32Error::ERROR_FILE_NOT_FOUND.0);
    let error = Command { value_type: missing, ..command(Kind::CLUSREG_READ_ERROR, "v") };
    let [_, key, _, none, _] = commands;
    assert_eq!(answers, [error.clone(), key, with(Kind::CLUSREG_READ_VALUE, "V", Value::dword(7)), none, error]);
    let wrong = [command(Kind::CLUSREG_SET_VALUE, "v")];
    assert_eq!(registry.execute_read(KeyId::ROOT, &wrong), Err(BatchError::Unknown(1)));
}

#[test]
fn the_registry_says_which_command_it_refuses_and_why() {
    let commands = [command(Kind::CLUSREG_CREATE_KEY, "a\\b"), command(Kind::CLUSREG_DELETE_KEY, "a")];
    let mut registry = Registry::new();
    let refused = registry.edit(1).execute(KeyId::ROOT, &commands).map(drop);
    assert_eq!(refused, Err(BatchError::Registry(2, RegistryError::HasSubkeys)));
    assert!(Name::of_value(&"a\\b".into()).is_ok(), "a value's name may have a backslash");
}

proptest! {
    #[test]
    fn octets_never_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..200), good in any::<bool>()) {
        let mut batch = if good { 1u32.to_le_bytes().to_vec() } else { Vec::new() };
        batch.extend(octets);
        if let Ok(commands) = decode(&batch.into()) {
            let mut registry = Registry::new();
            let before = registry.clone();
            drop(registry.edit(1).execute(KeyId::ROOT, &commands));
            prop_assert_eq!(&registry, &before);
            prop_assert_eq!(decode(&encode(&commands)), Ok(commands));
        }
    }
}
