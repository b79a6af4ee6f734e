//! The states of cluster objects, as clients see them.

/// State of a resource (\[MS-CMRP\] 3.1.4.2.13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ResourceState {
    /// It is performing initialization.
    Initializing = 1,
    /// It is available.
    Online = 2,
    /// It is not available.
    Offline = 3,
    /// It failed to reach or to keep the online state.
    Failed = 4,
    /// It is going online.
    OnlinePending = 0x81,
    /// It is going offline.
    OfflinePending = 0x82,
}

impl ResourceState {
    /// Whether it is between two states.
    pub fn is_pending(self) -> bool {
        matches!(self, Self::OnlinePending | Self::OfflinePending)
    }

    /// Whether nothing of it is running.
    pub fn is_down(self) -> bool {
        matches!(self, Self::Offline | Self::Failed | Self::Initializing)
    }
}

/// State of a group (\[MS-CMRP\] 3.1.4.2.46).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum GroupState {
    /// All its top-level resources are online.
    Online = 0,
    /// All its resources are offline, or it has none.
    Offline = 1,
    /// A resource has failed.
    Failed = 2,
    /// Some of its top-level resources are online.
    PartialOnline = 3,
    /// A resource is between two states.
    Pending = 4,
}

impl GroupState {
    /// The state that follows from the states of a group's resources; for each, whether it is a
    /// top-level resource: one that no other depends on.
    pub fn of(resources: impl IntoIterator<Item = (ResourceState, bool)>) -> Self {
        let (mut pending, mut online, mut top) = (false, 0, 0);
        for (state, is_top) in resources {
            if state == ResourceState::Failed {
                return Self::Failed;
            }
            pending |= state.is_pending();
            top += usize::from(is_top);
            online += usize::from(is_top && state == ResourceState::Online);
        }
        match online {
            _ if pending => Self::Pending,
            0 => Self::Offline,
            online if online == top => Self::Online,
            _ => Self::PartialOnline,
        }
    }
}

/// State of a node (\[MS-CMRP\] 3.1.4.2.69).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum NodeState {
    /// It is active.
    Up = 0,
    /// It is not active.
    Down = 1,
    /// It is active, but takes no groups.
    Paused = 2,
    /// It is becoming active.
    Joining = 3,
}

/// State of a network (\[MS-CMRP\] 3.1.4.2.83).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum NetworkState {
    /// No node can use it.
    Unavailable = 0,
    /// It is not connected.
    Down = 1,
    /// Some of its interfaces cannot reach the others.
    Partitioned = 2,
    /// All of its interfaces reach each other.
    Up = 3,
}

/// State of a network interface (\[MS-CMRP\] 3.1.4.2.94).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum InterfaceState {
    /// It reaches no other.
    Failed = 0,
    /// It does not reach all that work.
    Unreachable = 1,
    /// Its node is not active.
    Unavailable = 2,
    /// It reaches all that work.
    Up = 3,
}

/// What the node accepts (protocol server state, \[MS-CMRP\] 3.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServerState {
    /// Nothing yet.
    #[default]
    None,
    /// What does not change the cluster's state.
    ReadOnly,
    /// Everything.
    ReadWrite,
    /// Nothing any more.
    ShuttingDown,
}
