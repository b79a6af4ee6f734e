//! What a host is told of a resource.

use std::time::Duration;

use msrpc_cluster::cluster::{
    form::{UNKNOWN_GROUP_TYPE, first_node},
    host::ResourceSpec,
    machine::{Cluster, Command},
    objects::{Kind, layout},
    registry::{Name, Registry, Value},
    state::ServerState,
};

use super::formed::formed;

fn name(text: &str) -> Name {
    layout::name(text)
}

/// Changes values by hand, as administrators do.
fn with(cluster: Cluster, change: impl FnOnce(&mut Registry)) -> Cluster {
    let mut registry = cluster.registry().clone();
    change(&mut registry);
    Cluster::new(registry, first_node())
}

fn set(registry: &mut Registry, path: &str, value_name: &str, value: Value) {
    let mut edit = registry.edit(9);
    let (key, _) =
        edit.create(msrpc_cluster::cluster::registry::KeyId::ROOT, &layout::path(path), None).expect("a key");
    edit.set(key, value_name, value).expect("set");
    edit.commit();
}

/// A cluster with a resource of type `Memory` in a group.
fn cluster() -> Cluster {
    let mut cluster = Cluster::new(formed().0, first_node());
    let group = Command::CreateGroup { id: name("g"), name: name("Group"), group_type: UNKNOWN_GROUP_TYPE };
    let resource = Command::CreateResource {
        id: name("r"),
        group: name("g"),
        name: name("Resource"),
        resource_type: name("Memory"),
        separate_monitor: false,
    };
    for command in [Command::SetServerState(ServerState::ReadWrite), group, resource] {
        cluster.apply(command, 1).expect("done");
    }
    cluster
}

#[test]
fn private_properties_are_those_under_the_resources_key() {
    let cluster = with(cluster(), |registry| {
        set(registry, "Resources\\r\\Parameters", "CommandLine", Value::string("sleep 5"));
        set(registry, "Resources\\r\\Parameters", "Number", Value::dword(7));
        set(registry, "Resources\\r\\Parameters", "Empty", Value::string(""));
    });
    let spec = ResourceSpec::of(&cluster, &name("R")).expect("there");
    assert_eq!((spec.name.as_str(), &spec.resource_type), ("Resource", &name("Memory")));
    assert_eq!(spec.parameters.string("COMMANDLINE").as_deref(), Some("sleep 5"));
    assert_eq!(spec.parameters.dword("number"), Some(7));
    assert_eq!((spec.parameters.string("Number"), spec.parameters.string("empty")), (None, None));
    assert_eq!(ResourceSpec::of(&cluster, &name("other")), None);
}

#[test]
fn intervals_are_the_resources_own_or_those_of_its_type() {
    let of = |cluster: &Cluster| {
        let spec = ResourceSpec::of(cluster, &name("r")).expect("there");
        let millis = |interval: Option<Duration>| interval.map(|interval| interval.as_millis());
        (millis(spec.looks_alive), millis(spec.is_alive), spec.pending_timeout.as_millis())
    };
    let cluster = with(cluster(), |registry| {
        set(registry, "Resources\\r", layout::LOOKS_ALIVE, Value::dword(u32::MAX));
        set(registry, "Resources\\r", layout::IS_ALIVE, Value::dword(u32::MAX));
        set(registry, "ResourceTypes\\Memory", layout::LOOKS_ALIVE, Value::dword(1_234));
        set(registry, "ResourceTypes\\Memory", layout::IS_ALIVE, Value::dword(5_678));
    });
    assert_eq!(of(&cluster), (Some(1_234), Some(5_678), 180_000));
    let cluster = with(cluster, |registry| {
        set(registry, "Resources\\r", layout::LOOKS_ALIVE, Value::dword(10));
        set(registry, "Resources\\r", layout::IS_ALIVE, Value::dword(0));
        set(registry, "Resources\\r", layout::PENDING_TIMEOUT, Value::dword(20));
    });
    assert_eq!(of(&cluster), (Some(10), None, 20));
}

#[test]
fn the_network_name_is_that_of_the_resource_depended_on() {
    let mut cluster = cluster();
    let name_of_cluster = cluster.objects().by_name(Kind::Resource, &name("Cluster Name")).expect("there").id.clone();
    assert_eq!(ResourceSpec::of(&cluster, &name("r")).expect("there").network_name, None);
    cluster = with(cluster, |registry| {
        let expression = Value::string(&format!("([{name_of_cluster}])"));
        set(registry, "Resources\\r", layout::DEPENDENCY_EXPRESSION, expression);
    });
    let spec = ResourceSpec::of(&cluster, &name("r")).expect("there");
    assert_eq!(spec.network_name.as_deref(), Some("CLUSTER1"));
}
