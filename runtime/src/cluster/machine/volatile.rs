//! What is not kept over a restart: states, owners, what is under way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::cluster::{
    registry::Name,
    state::{GroupState, InterfaceState, NetworkState, NodeState, ResourceState},
};

/// Identifies what was asked of a resource's host, and the instance that runs after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u64);

/// A resource, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Its state.
    pub state: ResourceState,
    /// Goes up with every change of the state.
    pub sequence: u32,
    /// What its host was asked last: it is under way in a pending state, and the running instance
    /// in the online state.
    pub call: Option<CallId>,
    /// When what its host was asked takes too long.
    pub pending_until: Option<u64>,
    /// When it was restarted after failures, within the restart period.
    pub restarts: VecDeque<u64>,
    /// It has failed and is not restarted, or not before this time.
    pub given_up: Option<Option<u64>>,
    /// It is taken offline only to be brought back.
    pub restarting: bool,
    /// What it was commanded to be in the meantime, in the place of its persistent state.
    pub commanded: Option<bool>,
    /// Its instance is ended without being asked when it next goes offline.
    pub terminate: bool,
    /// It may not change its state.
    pub locked: bool,
    /// The code of its last failure.
    pub error: u32,
}

impl Default for Resource {
    fn default() -> Self {
        Self {
            state: ResourceState::Offline,
            sequence: 0,
            call: None,
            pending_until: None,
            restarts: VecDeque::new(),
            given_up: None,
            restarting: false,
            commanded: None,
            terminate: false,
            locked: false,
            error: 0,
        }
    }
}

/// A group, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The ID of the node that it is on.
    pub owner: Name,
    /// The state that was last told of.
    pub state: GroupState,
    /// Goes up with every change of the state.
    pub sequence: u32,
    /// The ID of the node that it goes to once all is down.
    pub moving_to: Option<Name>,
    /// It is deleted once all is down.
    pub deleting: bool,
}

/// A node, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its state.
    pub state: NodeState,
    /// Goes up with every change of the state.
    pub sequence: u32,
}

/// What happens at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A failed resource is tried again.
    Retry(Name),
    /// What was asked of a host takes too long.
    Pending(Name, CallId),
}

/// All that is not kept over a restart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Volatile {
    /// Resources by ID.
    pub resources: BTreeMap<Name, Resource>,
    /// Groups by ID.
    pub groups: BTreeMap<Name, Group>,
    /// Nodes by ID.
    pub nodes: BTreeMap<Name, Node>,
    /// States and sequence numbers of networks by ID.
    pub networks: BTreeMap<Name, (NetworkState, u32)>,
    /// States and sequence numbers of network interfaces by ID.
    pub interfaces: BTreeMap<Name, (InterfaceState, u32)>,
    /// What happens when.
    pub timers: BTreeSet<(u64, Timer)>,
    /// The number of the next call.
    pub next_call: u64,
}
