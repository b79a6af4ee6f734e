//! The state machine: what commands do, and what no sequence of them may do.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use msrpc_cluster::cluster::{
    form::{UNKNOWN_GROUP_TYPE, first_node},
    machine::{CallId, Cluster, Command, HostAction, HostCall, Outcome, Reply},
    notify::{ClusterChange, Event, Filter, ObjectType, PortId, PortVersion, Scope, Ticket, Waiting},
    objects::{Kind, Objects, Relations, layout},
    registry::{KeyId, Name, Registry},
    state::{GroupState, NodeState, ResourceState, ServerState},
    status,
};
use msrpc_ndr::{WString, Win32Error};
use proptest::prelude::*;

use super::formed::formed;

const SECOND: u64 = 10_000_000;

fn name(text: &str) -> Name {
    layout::name(text)
}

/// A cluster with hosts that answer when they are told to.
struct World {
    cluster: Cluster,
    now: u64,
    /// What hosts were asked and have not answered.
    asked: BTreeMap<CallId, HostCall>,
    /// All changes, applied to a registry of its own: the store.
    store: Registry,
    /// What runs, as the hosts know it.
    running: BTreeMap<Name, CallId>,
}

impl World {
    fn new() -> Self {
        let (registry, changes) = formed();
        let mut store = Registry::new();
        changes.iter().for_each(|change| store.apply(change));
        let cluster = Cluster::new(registry, first_node());
        let mut world = Self { cluster, now: 1, asked: BTreeMap::new(), store, running: BTreeMap::new() };
        world.apply(Command::SetServerState(ServerState::ReadWrite)).expect("accepted");
        world.settle();
        world
    }

    /// Carries out a command, and checks what has to hold after each.
    fn apply(&mut self, command: Command) -> Outcome {
        let reply = self.cluster.apply(command, self.now);
        let output = self.cluster.take_output();
        output.changes.iter().for_each(|change| self.store.apply(change));
        for call in output.hosts {
            self.check_call(&call);
            if call.action == HostAction::Terminate {
                self.running.remove(&call.resource);
            }
            self.asked.retain(|_, other| other.resource != call.resource);
            self.asked.insert(call.call, call);
        }
        self.check();
        reply
    }

    /// A host is never asked for something out of order.
    fn check_call(&self, call: &HostCall) {
        let relations = self.cluster.relations();
        let object = self.cluster.objects().by_id(Kind::Resource, &call.resource);
        match call.action {
            HostAction::Online => {
                assert!(!self.running.contains_key(&call.resource), "{} is started twice", call.resource);
                let depends = object.and_then(|object| relations.depends(object.key)).expect("an expression");
                assert!(depends.holds(|provider| self.running.contains_key(provider)), "{call:?} before its providers");
            }
            HostAction::Offline => {
                assert!(self.running.contains_key(&call.resource), "{} is stopped but does not run", call.resource);
            }
            HostAction::Terminate => {}
        }
    }

    /// What always holds: the store has all that the registry has, the indexes are those of the
    /// registry, a group's state is what its resources make it.
    fn check(&self) {
        assert_eq!(&self.store, self.cluster.registry());
        let objects = Objects::of(&self.store);
        assert_eq!(&objects, self.cluster.objects());
        let relations = Relations::of(&self.store, &objects);
        for group in objects.all(Kind::Group) {
            let members = self.cluster.relations().members(group.key);
            assert_eq!(members, relations.members(group.key));
            let states = members.iter().map(|id| {
                let top = self.cluster.relations().dependents(Kind::Resource, id).next().is_none();
                (self.cluster.volatile().resources[id].state, top)
            });
            let state = GroupState::of(states);
            assert_eq!(self.cluster.group_state(group), state);
            assert_eq!(self.cluster.volatile().groups[&group.id].state, state, "{group:?} was not told of");
        }
    }

    /// A host answers what it was asked.
    fn answer(&mut self, call: CallId, result: Result<(), u32>) {
        let Some(asked) = self.asked.remove(&call) else { return };
        match (asked.action, result) {
            (HostAction::Online, Ok(())) => drop(self.running.insert(asked.resource, call)),
            (HostAction::Offline, Ok(())) => drop(self.running.remove(&asked.resource)),
            _ => {}
        }
        self.apply(Command::HostDone { call, result }).expect("always accepted");
    }

    /// All hosts answer that it is done, until nothing is asked any more.
    fn settle(&mut self) {
        while let Some((&call, _)) = self.asked.first_key_value() {
            self.answer(call, Ok(()));
        }
    }

    fn pass(&mut self, time: u64) {
        self.now += time;
        self.apply(Command::Tick).expect("always accepted");
    }

    fn id(&self, kind: Kind, text: &str) -> Name {
        self.cluster.objects().by_name(kind, &name(text)).unwrap_or_else(|| panic!("no {text}")).id.clone()
    }

    fn state(&self, resource: &str) -> ResourceState {
        self.cluster.volatile().resources[&self.id(Kind::Resource, resource)].state
    }

    fn group_state(&self, group: &str) -> GroupState {
        let group = self.cluster.objects().by_name(Kind::Group, &name(group)).expect("a group");
        self.cluster.group_state(group)
    }

    fn create_group(&mut self, group: &str) -> Outcome {
        let id = name(&format!("g-{group}"));
        self.apply(Command::CreateGroup { id, name: name(group), group_type: UNKNOWN_GROUP_TYPE })
    }

    fn create(&mut self, group: &str, resource: &str) -> Outcome {
        let command = Command::CreateResource {
            id: name(&format!("r-{resource}")),
            group: self.id(Kind::Group, group),
            name: name(resource),
            resource_type: name("memory"),
            separate_monitor: false,
        };
        self.apply(command)
    }

    fn depend(&mut self, resource: &str, expression: &str) -> Outcome {
        let id = self.id(Kind::Resource, resource);
        self.apply(Command::SetDependencyExpression(id, expression.into()))
    }

    fn resource(&mut self, command: fn(Name) -> Command, resource: &str) -> Outcome {
        let id = self.id(Kind::Resource, resource);
        self.apply(command(id))
    }

    fn group(&mut self, command: fn(Name) -> Command, group: &str) -> Outcome {
        let id = self.id(Kind::Group, group);
        self.apply(command(id))
    }
}

#[test]
fn a_new_cluster_brings_its_own_group_online_in_order() {
    let world = World::new();
    assert_eq!(world.state("Cluster IP Address"), ResourceState::Online);
    assert_eq!(world.state("Cluster Name"), ResourceState::Online);
    assert_eq!(world.group_state("cluster group"), GroupState::Online);
}

#[test]
fn names_and_ids_are_unique_within_their_kind() {
    let mut world = World::new();
    assert_eq!(world.create_group("a"), Ok(Reply::Done));
    assert_eq!(world.create_group("A"), Err(status::ERROR_OBJECT_ALREADY_EXISTS));
    assert_eq!(world.create_group(" \t"), Err(Win32Error::ERROR_INVALID_NAME));
    assert_eq!(world.create("a", "r"), Ok(Reply::Done));
    assert_eq!(world.create("a", "R"), Err(status::ERROR_OBJECT_ALREADY_EXISTS));
    assert_eq!(world.create("a", "r-r"), Err(status::ERROR_OBJECT_ALREADY_EXISTS), "the ID of another");
    let id = world.id(Kind::Resource, "r");
    assert_eq!(
        world.apply(Command::RenameResource(id.clone(), name("cluster name"))),
        Err(Win32Error::ERROR_ALREADY_EXISTS)
    );
    assert_eq!(
        world.apply(Command::RenameResource(id.clone(), name("R"))),
        Ok(Reply::Done),
        "its own name in another case"
    );
    assert_eq!(world.apply(Command::RenameResource(id, name("other"))), Ok(Reply::Done));
    assert_eq!(world.create("a", "r2"), Ok(Reply::Done));
    assert_eq!(world.group(|id| Command::DeleteGroup(id, false), "a"), Err(status::ERROR_DIR_NOT_EMPTY));
    assert_eq!(world.group(|id| Command::DeleteGroup(id, true), "cluster group"), Err(status::ERROR_CORE_RESOURCE));
    assert_eq!(world.group(|id| Command::DeleteGroup(id, true), "a"), Ok(Reply::Done));
    assert!(world.cluster.objects().by_name(Kind::Resource, &name("other")).is_none(), "gone with its group");
}

#[test]
fn a_resource_goes_online_after_what_it_depends_on_and_offline_before() {
    let mut world = World::new();
    world.create_group("g").expect("created");
    for resource in ["ip", "name", "share"] {
        world.create("g", resource).expect("created");
    }
    world.depend("name", "[ip]").expect("set");
    world.depend("share", "[name]").expect("set");
    assert_eq!(world.resource(Command::OnlineResource, "share"), Ok(Reply::Pending));
    assert_eq!((world.state("ip"), world.state("share")), (ResourceState::OnlinePending, ResourceState::Offline));
    assert_eq!(world.group_state("g"), GroupState::Pending);
    assert_eq!(world.resource(Command::OnlineResource, "ip"), Err(status::ERROR_INVALID_STATE));
    world.settle();
    assert_eq!(world.group_state("g"), GroupState::Online);
    assert_eq!(world.resource(Command::OnlineResource, "share"), Ok(Reply::Done), "it is already");
    assert_eq!(world.resource(Command::DeleteResource, "ip"), Err(status::ERROR_DEPENDENT_RESOURCE_EXISTS));
    assert_eq!(world.resource(Command::DeleteResource, "share"), Err(status::ERROR_RESOURCE_ONLINE));
    assert_eq!(world.resource(Command::OfflineResource, "ip"), Ok(Reply::Pending));
    assert_eq!((world.state("ip"), world.state("share")), (ResourceState::Online, ResourceState::OfflinePending));
    world.settle();
    assert_eq!(world.group_state("g"), GroupState::Offline);
    assert_eq!(world.resource(Command::OfflineResource, "ip"), Ok(Reply::Done), "it is already");
    assert_eq!(world.resource(Command::OnlineResource, "ip"), Ok(Reply::Pending));
    world.settle();
    assert_eq!(world.group_state("g"), GroupState::Online, "the others were never commanded offline");
}

#[test]
fn of_a_set_one_is_enough() {
    let mut world = World::new();
    world.create_group("g").expect("created");
    for resource in ["a", "b", "c"] {
        world.create("g", resource).expect("created");
    }
    world.depend("c", "[a] or [b]").expect("set");
    world.resource(Command::OnlineResource, "c").expect("asked");
    world.settle();
    assert_eq!(world.group_state("g"), GroupState::Online);
    assert_eq!(world.resource(Command::OfflineResource, "a"), Ok(Reply::Pending));
    world.settle();
    assert_eq!((world.state("a"), world.state("c")), (ResourceState::Offline, ResourceState::Online));
    assert_eq!(world.resource(Command::OfflineResource, "b"), Ok(Reply::Pending));
    world.settle();
    assert_eq!(world.state("c"), ResourceState::Offline);
}

#[test]
fn dependencies_are_refused_with_the_code_of_the_document() {
    let mut world = World::new();
    world.create_group("g").expect("created");
    world.create_group("h").expect("created");
    for resource in ["a", "b", "c"] {
        world.create("g", resource).expect("created");
    }
    world.create("h", "d").expect("created");
    let invalid = Err(Win32Error::ERROR_INVALID_PARAMETER);
    for text in ["[a", "[none]", "[a]", "[d]", "[b] [c]"] {
        assert_eq!(world.depend("a", text), invalid, "{text}");
    }
    assert_eq!(world.depend("a", "[b] or [b]"), Err(status::ERROR_DEPENDENCY_ALREADY_EXISTS));
    assert_eq!(world.depend("a", "[b]"), Ok(Reply::Done));
    assert_eq!(world.depend("b", "[c]"), Ok(Reply::Done));
    assert_eq!(world.depend("c", "[a]"), Err(status::ERROR_CIRCULAR_DEPENDENCY));
    let (a, b, c) = (world.id(Kind::Resource, "a"), world.id(Kind::Resource, "b"), world.id(Kind::Resource, "c"));
    let add = |provider: &Name| Command::AddDependency(a.clone(), provider.clone());
    assert_eq!(world.apply(add(&b)), Err(status::ERROR_DEPENDENCY_ALREADY_EXISTS));
    assert_eq!(world.apply(add(&a)), invalid);
    assert_eq!(world.apply(Command::AddDependency(c.clone(), a.clone())), Err(status::ERROR_CIRCULAR_DEPENDENCY));
    assert_eq!(world.apply(Command::RemoveDependency(a.clone(), c.clone())), Err(status::ERROR_DEPENDENCY_NOT_FOUND));
    assert_eq!(world.apply(Command::RemoveDependency(a, b)), Ok(Reply::Done));
    assert_eq!(world.depend("b", ""), Ok(Reply::Done), "the empty expression clears it");
}

#[test]
fn a_dependency_tree_is_a_hundred_deep_and_no_deeper() {
    let mut world = World::new();
    world.create_group("g").expect("created");
    for index in 0..=101 {
        world.create("g", &format!("r{index}")).expect("created");
    }
    for index in 1..=100 {
        world.depend(&format!("r{index}"), &format!("[r{}]", index - 1)).expect("set");
    }
    assert_eq!(world.depend("r101", "[r100]"), Err(status::ERROR_DEPENDENCY_TREE_TOO_COMPLEX));
    world.resource(Command::OnlineResource, "r100").expect("asked");
    world.settle();
    assert_eq!(world.state("r100"), ResourceState::Online);
}

#[test]
fn a_failed_resource_is_restarted_and_then_given_up_for_a_while() {
    let mut world = World::new();
    world.create_group("g").expect("created");
    world.create("g", "a").expect("created");
    world.create("g", "b").expect("created");
    world.depend("b", "[a]").expect("set");
    world.resource(Command::OnlineResource, "b").expect("asked");
    world.settle();
    let call = world.running[&name("r-a")];
    world.apply(Command::HostFailed { call, error: 7 }).expect("accepted");
    assert_eq!((world.state("a"), world.state("b")), (ResourceState::Failed, ResourceState::OfflinePending));
    assert_eq!(world.group_state("g"), GroupState::Failed);
    world.settle();
    assert_eq!((world.state("a"), world.state("b")), (ResourceState::Failed, ResourceState::Offline));
    world.pass(SECOND);
    world.settle();
    assert_eq!(world.group_state("g"), GroupState::Online, "restarted, and what depends on it came back");
    assert_eq!(world.resource(Command::FailResource, "a"), Ok(Reply::Done));
    world.pass(10 * SECOND);
    world.settle();
    assert_eq!(world.state("a"), ResourceState::Failed, "the threshold is one restart");
    assert_eq!(world.resource(Command::OfflineResource, "a"), Err(status::ERROR_RESOURCE_FAILED));
    assert_eq!(world.resource(Command::OnlineResource, "b"), Ok(Reply::Pending), "a command tries again at once");
    world.settle();
    assert_eq!(world.group_state("g"), GroupState::Online);
    assert_eq!(world.resource(Command::OfflineResource, "b"), Ok(Reply::Pending));
    world.settle();
    assert_eq!(world.resource(Command::FailResource, "b"), Err(status::ERROR_INVALID_STATE));
}

#[test]
fn a_host_that_never_answers_is_given_up() {
    let mut world = World::new();
    world.create_group("g").expect("created");
    world.create("g", "a").expect("created");
    world.resource(Command::OnlineResource, "a").expect("asked");
    let (&call, _) = world.asked.first_key_value().expect("asked");
    world.pass(179 * SECOND);
    assert_eq!(world.state("a"), ResourceState::OnlinePending);
    world.pass(2 * SECOND);
    assert_eq!(world.state("a"), ResourceState::Failed);
    world.apply(Command::HostDone { call, result: Ok(()) }).expect("accepted");
    assert_eq!(world.state("a"), ResourceState::Failed, "too late");
}

#[test]
fn a_group_moves_when_all_of_it_is_down() {
    let mut world = World::new();
    let second = Command::CreateKey { from: KeyId::ROOT, path: layout::path("Nodes\\2"), security: None };
    world.apply(second).expect("another node");
    world.create_group("g").expect("created");
    world.create("g", "a").expect("created");
    world.resource(Command::OnlineResource, "a").expect("asked");
    world.settle();
    let (group, two) = (world.id(Kind::Group, "g"), name("2"));
    assert_eq!(world.apply(Command::MoveGroup(group.clone(), Some(first_node()))), Ok(Reply::Done), "it is there");
    assert_eq!(
        world.apply(Command::MoveGroup(group.clone(), Some(two.clone()))),
        Err(status::ERROR_HOST_NODE_NOT_AVAILABLE)
    );
    assert_eq!(world.apply(Command::MoveGroup(group.clone(), None)), Err(status::ERROR_HOST_NODE_NOT_AVAILABLE));
    assert_eq!(
        world.apply(Command::MoveGroup(group.clone(), Some(name("9")))),
        Err(status::ERROR_CLUSTER_NODE_NOT_FOUND)
    );
    world.apply(Command::NodeSeen(two.clone(), NodeState::Up)).expect("seen");
    assert_eq!(world.apply(Command::MoveGroup(group.clone(), None)), Ok(Reply::Pending));
    assert_eq!(world.cluster.volatile().groups[&group].owner, first_node());
    assert_eq!(world.apply(Command::MoveGroup(group.clone(), None)), Err(status::ERROR_INVALID_STATE));
    world.settle();
    assert_eq!(world.cluster.volatile().groups[&group].owner, two);
    assert_eq!(world.state("a"), ResourceState::Offline, "starting it is the other node's to do");
    world.apply(Command::PauseNode(two, None)).expect("paused");
    assert_eq!(world.group(Command::OnlineGroup, "g"), Err(Win32Error::ERROR_SHARING_PAUSED));
}

#[test]
fn nothing_is_started_on_a_paused_node() {
    let mut world = World::new();
    world.create_group("g").expect("created");
    world.create("g", "a").expect("created");
    assert_eq!(world.apply(Command::ResumeNode(first_node())), Err(status::ERROR_CLUSTER_NODE_NOT_PAUSED));
    assert_eq!(world.apply(Command::PauseNode(first_node(), None)), Ok(Reply::Done));
    assert_eq!(world.apply(Command::PauseNode(first_node(), Some(None))), Err(status::ERROR_CLUSTER_NODE_DOWN));
    assert_eq!(world.group_state("Cluster Group"), GroupState::Online, "what runs stays");
    assert_eq!(world.resource(Command::OnlineResource, "a"), Err(Win32Error::ERROR_SHARING_PAUSED));
    assert_eq!(world.apply(Command::ResumeNode(first_node())), Ok(Reply::Done));
    assert_eq!(world.resource(Command::OnlineResource, "a"), Ok(Reply::Pending));
}

#[test]
fn who_watches_hears_of_what_happens() {
    let mut world = World::new();
    let port = world.cluster.ports().open(PortVersion::V1);
    let filter = Filter { scope: Scope::Everything, flags: 0x5fff_ff7f & !0x80000, notify_key: 5 };
    world.cluster.ports().add(port, PortVersion::V1, filter).expect("added");
    world.create_group("g").expect("created");
    world.create("g", "a").expect("created");
    world.resource(Command::OnlineResource, "a").expect("asked");
    world.settle();
    world.resource(Command::OfflineResource, "a").expect("asked");
    world.settle();
    world.resource(Command::DeleteResource, "a").expect("deleted");
    let Ok(Waiting::Ready(told)) = world.cluster.ports().take(port, PortVersion::V1, Ticket(1), 1000) else {
        panic!("nothing told")
    };
    let told: Vec<_> = told
        .iter()
        .filter(|indication| !indication.event.v1.intersects(ClusterChange::REGISTRY))
        .map(|indication| (indication.event.v1, indication.event.name.to_string_lossy(), indication.event.sequence))
        .collect();
    let (group, resource) = (ClusterChange::GROUP_STATE, ClusterChange::RESOURCE_STATE);
    let expected = [
        (ClusterChange::GROUP_ADDED, "g", 0),
        (ClusterChange::RESOURCE_ADDED, "a", 0),
        (resource, "a", 1),
        (group, "g", 1),
        (resource, "a", 2),
        (group, "g", 2),
        (resource, "a", 3),
        (group, "g", 3),
        (resource, "a", 4),
        (group, "g", 4),
        (ClusterChange::RESOURCE_DELETED, "a", 0),
    ];
    let expected: Vec<_> =
        expected.iter().map(|(change, name, sequence)| (*change, (*name).to_owned(), *sequence)).collect();
    assert_eq!(told, expected);
}

#[derive(Clone, Debug)]
enum Step {
    Online(usize),
    Offline(usize),
    Fail(usize),
    Restart(usize),
    GroupOnline,
    GroupOffline,
    Depend(usize, Vec<usize>),
    Answer(prop::sample::Index, bool),
    Break(prop::sample::Index),
    Pass(u64),
    Pause(bool),
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let one = 0usize..5;
    prop_oneof![
        4 => one.clone().prop_map(Step::Online),
        3 => one.clone().prop_map(Step::Offline),
        1 => one.clone().prop_map(Step::Fail),
        1 => one.clone().prop_map(Step::Restart),
        1 => Just(Step::GroupOnline),
        1 => Just(Step::GroupOffline),
        3 => (one, prop::collection::vec(0usize..5, 0..3)).prop_map(|(id, sets)| Step::Depend(id, sets)),
        8 => (any::<prop::sample::Index>(), prop::bool::weighted(0.8)).prop_map(|(which, good)| Step::Answer(which, good)),
        1 => any::<prop::sample::Index>().prop_map(Step::Break),
        2 => (0u64..400).prop_map(Step::Pass),
        1 => any::<bool>().prop_map(Step::Pause),
        1 => Just(Step::Crash),
    ]
}

/// Notification ports with filters for states, and the states as they tell them.
struct Told {
    /// Version 2: all resources, one resource, all groups. Version 1: everything's state.
    ports: [PortId; 4],
    one: Name,
    states: HashMap<(ObjectType, WString), u32>,
}

impl Told {
    fn new(cluster: &mut Cluster, one: &Name) -> Self {
        let mut states = HashMap::new();
        for (id, resource) in &cluster.volatile().resources {
            states.insert((ObjectType::Resource, id.to_wstring()), resource.state as u32);
        }
        for (id, group) in &cluster.volatile().groups {
            states.insert((ObjectType::Group, id.to_wstring()), group.state as u32);
        }
        // CLUSTER_CHANGE_RESOURCE_STATE_V2 and CLUSTER_CHANGE_GROUP_STATE_V2
        let v1 = ClusterChange::RESOURCE_STATE | ClusterChange::GROUP_STATE;
        let filters = [
            (PortVersion::V2, Scope::All(ObjectType::Resource), 0x4),
            (PortVersion::V2, Scope::One(ObjectType::Resource, one.clone()), 0x4),
            (PortVersion::V2, Scope::All(ObjectType::Group), 0x8),
            (PortVersion::V1, Scope::Everything, v1.bits().into()),
        ];
        let ports = filters.map(|(version, scope, flags)| {
            let port = cluster.ports().open(version);
            cluster.ports().add(port, version, Filter { scope, flags, notify_key: 1 }).expect("a filter");
            port
        });
        Self { ports, one: one.clone(), states }
    }

    /// Takes what was told, and compares it with what is.
    fn check(&mut self, cluster: &mut Cluster) {
        let [resources, one, groups, old] = self.ports;
        let resources = take(cluster, resources, PortVersion::V2);
        let one = take(cluster, one, PortVersion::V2);
        let groups = take(cluster, groups, PortVersion::V2);
        let old = take(cluster, old, PortVersion::V1);
        let of_one: Vec<_> = resources.iter().filter(|event| event.id == self.one.to_wstring()).cloned().collect();
        assert_eq!(one, of_one, "what one filter is told of a resource is what the other is");
        // Version 1 has the moves of groups beside their states.
        let stated =
            |event: &&Arc<Event>| event.v2.is_none_or(|(kind, flag)| (kind, flag) != (ObjectType::Group, 0x10));
        let both = old.iter().filter(stated).count();
        assert_eq!(both, resources.len() + groups.len(), "version 1 is told as often");
        for event in resources.iter().chain(&groups) {
            let (kind, _) = event.v2.expect("of version 2");
            let state = u32::from_le_bytes(event.buffer[..4].try_into().expect("a state"));
            let before = self.states.insert((kind, event.id.clone()), state);
            assert_ne!(before, Some(state), "{event:?} tells of no change");
        }
        let volatile = cluster.volatile();
        for (id, resource) in &volatile.resources {
            let last = self.states.get(&(ObjectType::Resource, id.to_wstring()));
            assert_eq!(last, Some(&(resource.state as u32)), "a change of {id} was not told");
        }
        for (id, group) in &volatile.groups {
            let last = self.states.get(&(ObjectType::Group, id.to_wstring()));
            assert_eq!(last, Some(&(group.state as u32)), "a change of {id} was not told");
        }
    }
}

/// All that a port has.
fn take(cluster: &mut Cluster, port: PortId, version: PortVersion) -> Vec<Arc<Event>> {
    let ticket = Ticket(u64::MAX);
    match cluster.ports().take(port, version, ticket, usize::MAX).expect("open") {
        Waiting::Ready(indications) => indications.into_iter().map(|indication| indication.event).collect(),
        Waiting::Later => {
            cluster.ports().forget(port, ticket);
            Vec::new()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// Random commands, hosts that fail, time and crashes. `World` checks after every step that the
    /// store has everything, that hosts are asked in order, and that group states are right; here:
    /// sequence numbers only grow, every change of a state is told once to each filter that asks
    /// for it and to no other, and once hosts behave, what is wanted comes about.
    #[test]
    fn whatever_happens_the_cluster_stays_whole(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        world.create_group("g").expect("created");
        for index in 0..5 {
            world.create("g", &format!("{index}")).expect("created");
        }
        let id = |index: usize| name(&format!("r-{index}"));
        let mut sequences = BTreeMap::new();
        let mut told = Told::new(&mut world.cluster, &id(0));
        for step in steps {
            let _refused = match step {
                Step::Online(index) => world.apply(Command::OnlineResource(id(index))),
                Step::Offline(index) => world.apply(Command::OfflineResource(id(index))),
                Step::Fail(index) => world.apply(Command::FailResource(id(index))),
                Step::Restart(index) => world.apply(Command::RestartResource(id(index))),
                Step::GroupOnline => world.apply(Command::OnlineGroup(name("g-g"))),
                Step::GroupOffline => world.apply(Command::OfflineGroup(name("g-g"))),
                Step::Depend(index, providers) => {
                    let sets: Vec<String> = providers.iter().map(|provider| format!("[{provider}]")).collect();
                    world.apply(Command::SetDependencyExpression(id(index), sets.join(" or ")))
                }
                Step::Answer(which, good) => {
                    if !world.asked.is_empty() {
                        let call = *which.get(&world.asked.keys().copied().collect::<Vec<_>>());
                        world.answer(call, if good { Ok(()) } else { Err(5) });
                    }
                    Ok(Reply::Done)
                }
                Step::Break(which) => {
                    if !world.running.is_empty() {
                        let call = *which.get(&world.running.values().copied().collect::<Vec<_>>());
                        world.apply(Command::HostFailed { call, error: 9 }).expect("accepted");
                    }
                    Ok(Reply::Done)
                }
                Step::Pass(seconds) => {
                    world.pass(seconds * SECOND);
                    Ok(Reply::Done)
                }
                Step::Pause(true) => world.apply(Command::PauseNode(first_node(), None)),
                Step::Pause(false) => world.apply(Command::ResumeNode(first_node())),
                Step::Crash => {
                    // Only what was kept is left, and nothing runs.
                    world.cluster = Cluster::new(world.store.clone(), first_node());
                    world.asked.clear();
                    world.running.clear();
                    sequences.clear();
                    told = Told::new(&mut world.cluster, &id(0));
                    world.apply(Command::SetServerState(ServerState::ReadWrite))
                }
            };
            told.check(&mut world.cluster);
            for (id, resource) in &world.cluster.volatile().resources {
                let old = sequences.insert(id.clone(), resource.sequence).unwrap_or(0);
                prop_assert!(old <= resource.sequence);
            }
        }
        let _paused = world.apply(Command::ResumeNode(first_node()));
        world.settle();
        world.pass(10_000 * SECOND);
        world.settle();
        for object in world.cluster.objects().all(Kind::Resource) {
            let commanded = layout::dword(world.cluster.registry(), object.key, layout::PERSISTENT_STATE) == Some(1);
            let state = world.cluster.volatile().resources[&object.id].state;
            let depends = world.cluster.relations().depends(object.key).expect("an expression");
            let can = depends.holds(|provider| world.cluster.volatile().resources[provider].state == ResourceState::Online);
            prop_assert_eq!(state == ResourceState::Online, commanded && can, "{:?}: {:?}", object, state);
        }
    }
}
