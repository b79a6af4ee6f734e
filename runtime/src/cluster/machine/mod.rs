//! The cluster as one state machine: `(state, command, now) -> (state, reply, output)`.
//!
//! Nothing here waits, and nothing comes from elsewhere than the commands: the same commands at the
//! same times make the same cluster. What has to be kept goes out as [`Change`]s of the registry,
//! in order; what resource hosts have to do goes out as [`HostCall`]s; who waits at a notification
//! port is answered in [`Output::answers`]. Whoever drives it sends a reply only when the changes
//! up to it are kept.

mod command;
mod drive;
mod events;
mod group;
mod group_dependency;
mod group_set;
mod node;
mod properties;
mod resource;
mod resource_type;
mod volatile;

use std::collections::{BTreeMap, BTreeSet};

use msrpc_ndr::{Bytes, Win32Error};

pub use command::{Command, Manner, Reply};
pub use properties::Properties;
pub use volatile::{CallId, Group, Node, Resource, Timer, Volatile};

use super::{
    notify::{BatchHub, Hub, Indication, Ticket},
    objects::{Kind, Object, Objects, Relations, layout},
    registry::{Change, Edit, KeyId, Name, Notice, Registry, RegistryError},
    state::{GroupState, InterfaceState, NetworkState, NodeState, ResourceState, ServerState},
    status,
};

/// The outcome of a command for its caller.
pub type Outcome<T = Reply> = Result<T, Win32Error>;

/// What a resource host is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostAction {
    /// Bring the resource online. The instance that then runs has the call's ID.
    Online,
    /// Take it offline, in order.
    Offline,
    /// End it at once.
    Terminate,
}

/// A question to a resource host, which is answered by [`Command::HostDone`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostCall {
    /// The resource's ID.
    pub resource: Name,
    /// Identifies the call.
    pub call: CallId,
    /// What to do.
    pub action: HostAction,
}

/// What comes out of a command beside its reply.
#[derive(Debug, Default)]
pub struct Output {
    /// What is to be kept, in order.
    pub changes: Vec<Change>,
    /// What resource hosts have to do.
    pub hosts: Vec<HostCall>,
    /// Resources that are no more: their hosts can let them go.
    pub closed: Vec<Name>,
    /// Whoever waited at a notification port and is answered now.
    pub answers: Vec<(Ticket, Vec<Indication>)>,
    /// Whoever waited at a batch port and is answered now.
    pub batches: Vec<(Ticket, Bytes)>,
}

/// The cluster.
#[derive(Debug)]
pub struct Cluster {
    registry: Registry,
    objects: Objects,
    relations: Relations,
    volatile: Volatile,
    ports: Hub,
    batch_ports: BatchHub,
    server_state: ServerState,
    /// The ID of the node that this is.
    local: Name,
    now: u64,
    output: Output,
    /// The IDs of groups of which something changed since they were last driven.
    dirty: BTreeSet<Name>,
    /// Which resource a host was asked about.
    calls: BTreeMap<CallId, Name>,
}

impl Cluster {
    /// A cluster as its registry says, on a node, before it accepts anything.
    ///
    /// Every group is on this node until another says otherwise, and nothing runs.
    pub fn new(registry: Registry, local: Name) -> Self {
        let objects = Objects::of(&registry);
        let relations = Relations::of(&registry, &objects);
        let mut cluster = Self {
            registry,
            objects,
            relations,
            volatile: Volatile { next_call: 1, ..Volatile::default() },
            ports: Hub::default(),
            batch_ports: BatchHub::default(),
            server_state: ServerState::None,
            local,
            now: 0,
            output: Output::default(),
            dirty: BTreeSet::new(),
            calls: BTreeMap::new(),
        };
        for kind in Kind::ALL {
            let ids: Vec<Name> = cluster.objects.all(kind).map(|object| object.id.clone()).collect();
            ids.into_iter().for_each(|id| cluster.appear(kind, id));
        }
        cluster
    }

    /// Carries out a command at a time, in 100-nanosecond intervals since 1601-01-01 UTC.
    ///
    /// # Errors
    ///
    /// The code that the document gives for the reason. Nothing is changed then.
    pub fn apply(&mut self, command: Command, now: u64) -> Outcome {
        self.now = self.now.max(now);
        self.run_timers();
        let reply = self.execute(command);
        self.drive();
        reply
    }

    /// When something happens by itself: [`Command::Tick`] is due then.
    pub fn next_deadline(&self) -> Option<u64> {
        self.volatile.timers.first().map(|(time, _)| *time)
    }

    /// Takes what the commands so far have put out.
    pub fn take_output(&mut self) -> Output {
        std::mem::take(&mut self.output)
    }

    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The objects.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// The relations between them.
    pub fn relations(&self) -> &Relations {
        &self.relations
    }

    /// States, owners, what is under way.
    pub fn volatile(&self) -> &Volatile {
        &self.volatile
    }

    /// The notification ports.
    pub fn ports(&mut self) -> &mut Hub {
        &mut self.ports
    }

    /// The batch ports.
    pub fn batch_ports(&mut self) -> &mut BatchHub {
        &mut self.batch_ports
    }

    /// Goes back to what is kept: the registry as a store has it, after it refused changes. States
    /// and owners stay as they are for what is still there.
    pub fn restore(&mut self, registry: Registry) {
        let before: Vec<(Kind, Name)> = Kind::ALL
            .into_iter()
            .flat_map(|kind| self.objects.all(kind).map(move |it| (kind, it.id.clone())))
            .collect();
        self.objects = Objects::of(&registry);
        self.relations = Relations::of(&registry, &self.objects);
        self.registry = registry;
        for kind in Kind::ALL {
            let ids: Vec<Name> = self.objects.all(kind).map(|object| object.id.clone()).collect();
            ids.into_iter().for_each(|id| self.appear(kind, id));
        }
        for (kind, id) in before {
            if self.objects.by_id(kind, &id).is_none() {
                self.vanish(kind, &id);
            }
        }
        self.touch_all();
    }

    /// What this node accepts.
    pub fn server_state(&self) -> ServerState {
        self.server_state
    }

    /// Whether this node accepts a request, which may change the cluster's state or only look.
    ///
    /// # Errors
    ///
    /// The code for why it does not (\[MS-CMRP\] 3.1.4.2).
    pub fn accepts(&self, changes: bool) -> Outcome<()> {
        match self.server_state {
            ServerState::ReadWrite => Ok(()),
            ServerState::ReadOnly if !changes => Ok(()),
            ServerState::ReadOnly | ServerState::None => Err(Win32Error::ERROR_SHARING_PAUSED),
            ServerState::ShuttingDown => Err(status::ERROR_CLUSTER_NODE_SHUTTING_DOWN),
        }
    }

    /// The ID of the node that this is.
    pub fn local_node(&self) -> &Name {
        &self.local
    }

    /// The state of a group, as the states of its resources make it.
    pub fn group_state(&self, group: &Object) -> GroupState {
        let members = self.relations.members(group.key);
        let states = members.iter().filter_map(|id| {
            let resource = self.volatile.resources.get(id)?;
            Some((resource.state, self.relations.dependents(Kind::Resource, id).next().is_none()))
        });
        GroupState::of(states)
    }

    /// Changes the registry, all or nothing, and lets the indexes follow.
    fn edit<T>(&mut self, change: impl FnOnce(&mut Edit<'_>) -> Result<T, RegistryError>) -> Outcome<T> {
        let mut edit = self.registry.edit(self.now);
        let done = change(&mut edit).map_err(|error| error.status())?;
        let notices = edit.take_notices();
        let changes = edit.commit();
        self.follow(changes, notices);
        Ok(done)
    }

    /// Lets everything follow changes of the registry.
    fn follow(&mut self, changes: Vec<Change>, notices: Vec<Notice>) {
        let removed: Vec<(Kind, Object)> = changes
            .iter()
            .filter_map(|change| match change {
                Change::RemoveKey { id } => self.objects.of_key(*id).map(|(kind, object)| (kind, object.clone())),
                _ => None,
            })
            .collect();
        changes.iter().for_each(|change| self.touch(change));
        self.objects.follow(&self.registry, &changes);
        self.relations.follow(&self.registry, &self.objects, &changes);
        changes.iter().for_each(|change| self.touch(change));
        for change in &changes {
            let Change::PutKey { id, .. } = change else { continue };
            if let Some((kind, object)) = self.objects.of_key(*id) {
                let id = object.id.clone();
                self.appear(kind, id);
            }
        }
        for (kind, object) in removed {
            if self.objects.by_id(kind, &object.id).is_none() {
                self.vanish(kind, &object.id);
            }
        }
        self.tell_of_registry(notices);
        self.output.changes.extend(changes);
    }

    /// Notes that something changed of the group that a change of the registry is about.
    fn touch(&mut self, change: &Change) {
        let (Change::PutValue { key, .. } | Change::RemoveValue { key, .. }) = change else { return };
        match self.objects.of_key(*key) {
            Some((Kind::Group, group)) => drop(self.dirty.insert(group.id.clone())),
            Some((Kind::Resource, resource)) => {
                let id = resource.id.clone();
                self.touch_resource(&id);
            }
            _ => {}
        }
    }

    /// Notes that something changed of a resource's group.
    fn touch_resource(&mut self, id: &Name) {
        if let Some(group) = self.relations.container(Kind::Resource, id) {
            self.dirty.insert(group.clone());
        }
    }

    /// Notes that something changed that concerns all groups.
    fn touch_all(&mut self) {
        self.dirty.extend(self.objects.all(Kind::Group).map(|group| group.id.clone()));
    }

    /// Gives an object a state, if it has none yet.
    fn appear(&mut self, kind: Kind, id: Name) {
        let volatile = &mut self.volatile;
        match kind {
            Kind::Resource => {
                volatile.resources.entry(id).or_default();
            }
            Kind::Group => {
                let owner = self.local.clone();
                let group = Group { owner, state: GroupState::Offline, sequence: 0, moving_to: None, deleting: false };
                volatile.groups.entry(id).or_insert(group);
            }
            Kind::Node => {
                let here = id == self.local;
                let paused = self.is_paused(&id);
                let state = match (here, paused) {
                    (true, true) => NodeState::Paused,
                    (true, false) => NodeState::Up,
                    (false, _) => NodeState::Down,
                };
                self.volatile.nodes.entry(id).or_insert(Node { state, sequence: 0 });
            }
            Kind::Network => {
                volatile.networks.entry(id).or_insert((NetworkState::Up, 0));
            }
            Kind::Interface => {
                let here = self.objects.by_id(kind, &id).is_some_and(|object| {
                    layout::string(&self.registry, object.key, layout::NODE)
                        .is_some_and(|node| self.local.matches(&node))
                });
                let state = if here { InterfaceState::Up } else { InterfaceState::Unavailable };
                volatile.interfaces.entry(id).or_insert((state, 0));
            }
            Kind::GroupSet | Kind::ResourceType => {}
        }
    }

    fn vanish(&mut self, kind: Kind, id: &Name) {
        if kind == Kind::Resource {
            self.stop_waiting(id);
            self.forget_retry(id);
        }
        let volatile = &mut self.volatile;
        match kind {
            Kind::Resource => {
                if let Some(call) = volatile.resources.remove(id).and_then(|resource| resource.call) {
                    self.calls.remove(&call);
                }
                self.output.closed.push(id.clone());
            }
            Kind::Group => {
                self.dirty.remove(id);
                drop(volatile.groups.remove(id));
            }
            Kind::Node => drop(volatile.nodes.remove(id)),
            Kind::Network => drop(volatile.networks.remove(id)),
            Kind::Interface => drop(volatile.interfaces.remove(id)),
            Kind::GroupSet | Kind::ResourceType => {}
        }
    }

    /// The object of an ID, or the code for one that is not there any more.
    fn object(&self, kind: Kind, id: &Name, missing: Win32Error) -> Outcome<Object> {
        self.objects.by_id(kind, id).cloned().ok_or(missing)
    }

    /// Whether a node was last commanded to pause.
    fn is_paused(&self, node: &Name) -> bool {
        let object = self.objects.by_id(Kind::Node, node);
        object.is_some_and(|object| self.dword(object.key, layout::PERSISTENT_STATE, 0) == 1)
    }

    fn dword(&self, key: KeyId, value: &str, default: u32) -> u32 {
        layout::dword(&self.registry, key, value).unwrap_or(default)
    }
}

/// Whether a state allows a resource's instance to be running.
fn runs(state: ResourceState) -> bool {
    matches!(state, ResourceState::Online | ResourceState::OnlinePending | ResourceState::OfflinePending)
}
