//! Control codes, by the numbers that [MS-CMRP] 3.1.4.2.74, 3.1.4.2.90 and the other tables print.

use msrpc_cluster::cluster::{
    control::{Answer, Subject, control, needs_all_access},
    form::{UNKNOWN_GROUP_TYPE, first_node},
    machine::{Cluster, Command},
    objects::{Kind, layout},
    property_list::{Property, PropertyValue, decode, encode},
    state::ServerState,
};
use msrpc_ndr::{Bytes, Win32Error};

use super::formed::formed;

/// A cluster with a group `g` that has a resource `r`.
fn cluster() -> Cluster {
    let (registry, _) = formed();
    let mut cluster = Cluster::new(registry, first_node());
    let commands = [
        Command::SetServerState(ServerState::ReadWrite),
        Command::CreateGroup { id: layout::name("g-id"), name: layout::name("g"), group_type: UNKNOWN_GROUP_TYPE },
        Command::CreateResource {
            id: layout::name("r-id"),
            group: layout::name("g-id"),
            name: layout::name("r"),
            resource_type: layout::name("Memory"),
            separate_monitor: false,
        },
    ];
    for command in commands {
        cluster.apply(command, 1).expect("accepted");
    }
    cluster
}

fn subject(cluster: &Cluster, kind: Kind, name: &str) -> Subject {
    let object = cluster.objects().by_name(kind, &layout::name(name)).expect("an object");
    Subject::Object(kind, object.clone())
}

fn ask(cluster: &Cluster, subject: &Subject, code: u32) -> Result<Bytes, Win32Error> {
    match control(cluster, subject, code, &Bytes::new(), "example.com")? {
        Answer::Octets(octets) => Ok(octets),
        Answer::Change(command, _) => panic!("{code:#x} changes something: {command:?}"),
    }
}

fn change(cluster: &mut Cluster, subject: &Subject, code: u32, input: &[Property]) -> Result<bool, Win32Error> {
    match control(cluster, subject, code, &encode(input), "")? {
        Answer::Change(command, later) => {
            cluster.apply(command, 2).expect("accepted");
            Ok(later)
        }
        Answer::Octets(octets) => panic!("{code:#x} changes nothing: {octets:?}"),
    }
}

fn utf16(text: &str) -> Bytes {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn property<'p>(list: &'p [Property], name: &str) -> Option<&'p PropertyValue> {
    list.iter().find(|property| property.name.to_string_lossy() == name)?.values.first()
}

#[test]
fn objects_tell_what_they_are() {
    let cluster = cluster();
    let resource = subject(&cluster, Kind::Resource, "r");
    let interface = subject(&cluster, Kind::Interface, "node1 - Ethernet");
    let answers: &[(&Subject, u32, Bytes)] = &[
        (&resource, 0x0100_0000, Bytes::new()),
        (&resource, 0x0100_0005, utf16("\0\0")),
        (&resource, 0x0100_0009, utf16("\0\0")),
        (&resource, 0x0100_000d, utf16("\0\0\0\0")),
        (&resource, 0x0100_0011, utf16("\0\0")),
        (&resource, 0x0100_0029, utf16("r\0")),
        (&resource, 0x0100_002d, utf16("Memory\0")),
        (&resource, 0x0100_0039, utf16("r-id\0")),
        (&subject(&cluster, Kind::Group, "g"), 0x0300_0029, utf16("g\0")),
        (&subject(&cluster, Kind::Group, "g"), 0x0300_0039, utf16("g-id\0")),
        (&subject(&cluster, Kind::Node, "node1"), 0x0400_0029, utf16("node1\0")),
        (&subject(&cluster, Kind::Node, "node1"), 0x0400_0039, utf16("1\0")),
        (&subject(&cluster, Kind::Network, "Cluster Network 1"), 0x0500_0029, utf16("Cluster Network 1\0")),
        (&interface, 0x0600_0029, utf16("node1 - Ethernet\0")),
        (&interface, 0x0600_0031, utf16("node1\0")),
        (&interface, 0x0600_0035, utf16("Cluster Network 1\0")),
        (&Subject::Cluster, 0x0700_003d, utf16("CLUSTER1.example.com\0")),
    ];
    for (subject, code, answer) in answers {
        assert_eq!(ask(&cluster, subject, *code).as_ref(), Ok(answer), "{code:#010x}");
    }
}

#[test]
fn a_code_of_another_kind_of_object_is_no_function() {
    let cluster = cluster();
    let group = subject(&cluster, Kind::Group, "g");
    // A resource's; a resource's type; one that says it changes something; none at all.
    for code in [0x0100_0029, 0x0300_002d, 0x0340_0029, 0x0300_1234, 0] {
        assert_eq!(ask(&cluster, &group, code), Err(Win32Error::ERROR_INVALID_FUNCTION), "{code:#010x}");
    }
    assert!(needs_all_access(0x0140_005e) && needs_all_access(0x0140_0086));
    assert!(!needs_all_access(0x0100_0059) && !needs_all_access(0x0100_0061));
}

#[test]
fn common_properties_have_defaults_until_they_are_set() {
    let mut cluster = cluster();
    let resource = subject(&cluster, Kind::Resource, "r");
    let get = |cluster: &Cluster| decode(&ask(cluster, &resource, 0x0100_0059).expect("answered")).expect("a list");
    assert_eq!(property(&get(&cluster), "RestartDelay"), Some(&PropertyValue::dword(500)));

    let set = [Property { name: "restartdelay".into(), values: vec![PropertyValue::dword(7)] }];
    assert_eq!(change(&mut cluster, &resource, 0x0140_005e, &set), Ok(false), "at once");
    assert_eq!(property(&get(&cluster), "RestartDelay"), Some(&PropertyValue::dword(7)));
    assert_eq!(property(&get(&cluster), "RestartThreshold"), Some(&PropertyValue::dword(1)), "left alone");

    let read_only = decode(&ask(&cluster, &resource, 0x0100_0055).expect("answered")).expect("a list");
    assert_eq!(property(&read_only, "Name"), Some(&PropertyValue::string("r")));
    assert_eq!(property(&read_only, "RestartDelay"), None);
}

#[test]
fn the_names_of_common_properties_are_those_of_their_values() {
    let cluster = cluster();
    for (kind, name, target) in [
        (Kind::Resource, "r", 1_u32),
        (Kind::ResourceType, "Memory", 2),
        (Kind::Group, "g", 3),
        (Kind::Node, "node1", 4),
        (Kind::Network, "Cluster Network 1", 5),
        (Kind::Interface, "node1 - Ethernet", 6),
    ] {
        let subject = subject(&cluster, kind, name);
        let code = |function: u32| target << 24 | function;
        let names = ask(&cluster, &subject, code(0x51)).expect("names");
        let values = decode(&ask(&cluster, &subject, code(0x59)).expect("values")).expect("a list");
        let formats = decode(&ask(&cluster, &subject, code(0x65)).expect("formats")).expect("a list");
        let of = |list: &[Property]| list.iter().map(|p| p.name.to_string_lossy()).collect::<Vec<_>>();
        let expected: String = of(&values).iter().map(|name| format!("{name}\0")).chain(["\0".to_owned()]).collect();
        assert_eq!(names, utf16(&expected), "{kind:?}");
        assert_eq!(of(&values), of(&formats), "{kind:?}");
        for (value, format) in values.iter().zip(&formats) {
            let [low, high, ..] = format.values[0].data[..] else { panic!("{format:?}") };
            assert_eq!(value.values[0].syntax.0 & 0xffff, u16::from_le_bytes([low, high]).into(), "{}", value.name);
        }
    }
}

#[test]
fn properties_that_cannot_be_set_change_nothing() {
    let mut cluster = cluster();
    let resource = subject(&cluster, Kind::Resource, "r");
    let before = cluster.registry().clone();
    let dword = PropertyValue::dword(7);
    let good = Property { name: "RestartDelay".into(), values: vec![dword.clone()] };
    let refused = [
        ("read-only", Property { name: "Name".into(), values: vec![PropertyValue::string("x")] }),
        ("unknown", Property { name: "NoSuchThing".into(), values: vec![dword] }),
        ("of another format", Property { name: "RestartDelay".into(), values: vec![PropertyValue::string("7")] }),
        ("without a value", Property { name: "RestartDelay".into(), values: vec![] }),
    ];
    for (what, bad) in refused {
        // Behind one that could be set.
        let list = [good.clone(), bad];
        let answer = change(&mut cluster, &resource, 0x0140_005e, &list);
        assert_eq!(answer, Err(Win32Error::ERROR_INVALID_PARAMETER), "{what}");
        let answer = control(&cluster, &resource, 0x0100_0061, &encode(&list), "");
        assert_eq!(answer, Err(Win32Error::ERROR_INVALID_PARAMETER), "{what}, validated");
    }
    assert_eq!(cluster.registry(), &before);
    let valid = control(&cluster, &resource, 0x0100_0061, &encode(&[good]), "");
    assert_eq!(valid, Ok(Answer::Octets(Bytes::new())));
    assert_eq!(cluster.registry(), &before, "validating sets nothing");
}

#[test]
fn private_properties_of_a_running_resource_count_from_the_next_start() {
    let mut cluster = cluster();
    let resource = subject(&cluster, Kind::Resource, "r");
    let set = [
        Property { name: "Path".into(), values: vec![PropertyValue::string("/x")] },
        Property { name: "Count".into(), values: vec![PropertyValue::dword(2)] },
    ];
    assert_eq!(change(&mut cluster, &resource, 0x0140_0086, &set), Ok(false), "it does not run");
    let list = decode(&ask(&cluster, &resource, 0x0100_0081).expect("answered")).expect("a list");
    assert_eq!(property(&list, "Path"), Some(&PropertyValue::string("/x")));
    assert_eq!(property(&list, "Count"), Some(&PropertyValue::dword(2)));
    assert_eq!(list.len(), 2);

    cluster.apply(Command::OnlineResource(layout::name("r-id")), 3).expect("accepted");
    assert_eq!(change(&mut cluster, &resource, 0x0140_0086, &set), Ok(true), "it is coming online");
}
