//! What may change.

use bitflags::bitflags;

bitflags! {
    /// Kinds of event of version 1 ports (`CLUSTER_CHANGE`, \[MS-CMRP\] 2.2.2.7), with the
    /// document's names less their prefix `CLUSTER_CHANGE_`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct ClusterChange: u32 {
        /// A node's state.
        const NODE_STATE = 0x0000_0001;
        /// A node was evicted.
        const NODE_DELETED = 0x0000_0002;
        /// A node is new.
        const NODE_ADDED = 0x0000_0004;
        /// A property of a node.
        const NODE_PROPERTY = 0x0000_0008;
        /// A key was created or deleted.
        const REGISTRY_NAME = 0x0000_0010;
        /// The security descriptor of a key.
        const REGISTRY_ATTRIBUTES = 0x0000_0020;
        /// A value of a key.
        const REGISTRY_VALUE = 0x0000_0040;
        /// In filters only: all three, and of all keys below.
        const REGISTRY_SUBTREE = 0x0000_0080;
        /// A resource's state.
        const RESOURCE_STATE = 0x0000_0100;
        /// A resource was deleted.
        const RESOURCE_DELETED = 0x0000_0200;
        /// A resource is new.
        const RESOURCE_ADDED = 0x0000_0400;
        /// A property, the dependencies or the possible owners of a resource.
        const RESOURCE_PROPERTY = 0x0000_0800;
        /// A group's state.
        const GROUP_STATE = 0x0000_1000;
        /// A group was deleted.
        const GROUP_DELETED = 0x0000_2000;
        /// A group is new.
        const GROUP_ADDED = 0x0000_4000;
        /// A property of a group, or which resources are in it.
        const GROUP_PROPERTY = 0x0000_8000;
        /// A resource type was deleted.
        const RESOURCE_TYPE_DELETED = 0x0001_0000;
        /// A resource type is new.
        const RESOURCE_TYPE_ADDED = 0x0002_0000;
        /// A property of a resource type.
        const RESOURCE_TYPE_PROPERTY = 0x0004_0000;
        /// From servers: events were dropped.
        const CLUSTER_RECONNECT = 0x0008_0000;
        /// A network's state.
        const NETWORK_STATE = 0x0010_0000;
        /// A network was deleted.
        const NETWORK_DELETED = 0x0020_0000;
        /// A network is new.
        const NETWORK_ADDED = 0x0040_0000;
        /// A property of a network.
        const NETWORK_PROPERTY = 0x0080_0000;
        /// A network interface's state.
        const NETINTERFACE_STATE = 0x0100_0000;
        /// A network interface was deleted.
        const NETINTERFACE_DELETED = 0x0200_0000;
        /// A network interface is new.
        const NETINTERFACE_ADDED = 0x0400_0000;
        /// A property of a network interface.
        const NETINTERFACE_PROPERTY = 0x0800_0000;
        /// The quorum configuration.
        const QUORUM_STATE = 0x1000_0000;
        /// In clients only.
        const CLUSTER_STATE = 0x2000_0000;
        /// A property of the cluster.
        const CLUSTER_PROPERTY = 0x4000_0000;
        /// In clients only.
        const HANDLE_CLOSE = 0x8000_0000;

        /// What a filter on a key may name.
        const REGISTRY = Self::REGISTRY_NAME.bits() | Self::REGISTRY_ATTRIBUTES.bits() | Self::REGISTRY_VALUE.bits();
        /// What no filter may name (\[MS-CMRP\] 3.1.4.2.58).
        const CLIENT_ONLY = Self::CLUSTER_STATE.bits() | Self::CLUSTER_RECONNECT.bits() | Self::HANDLE_CLOSE.bits();
    }
}

/// Kinds of object of version 2 ports (`CLUSTER_OBJECT_TYPE`, \[MS-CMRP\] 2.2.2.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum ObjectType {
    /// The cluster.
    Cluster = 1,
    /// A group.
    Group = 2,
    /// A resource.
    Resource = 3,
    /// A resource type.
    ResourceType = 4,
    /// A network interface.
    NetworkInterface = 5,
    /// A network.
    Network = 6,
    /// A node.
    Node = 7,
    /// A key of the cluster registry.
    Registry = 8,
    /// The quorum resource.
    Quorum = 9,
    /// A cluster shared volume.
    SharedVolume = 10,
    /// A storage space's port.
    Spaceport = 11,
    /// An upgrade.
    Upgrade = 12,
    /// A group set.
    GroupSet = 13,
}

impl ObjectType {
    /// The type of a number, if a filter may name it.
    pub fn of(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Cluster,
            2 => Self::Group,
            3 => Self::Resource,
            4 => Self::ResourceType,
            5 => Self::NetworkInterface,
            6 => Self::Network,
            7 => Self::Node,
            8 => Self::Registry,
            9 => Self::Quorum,
            10 => Self::SharedVolume,
            11 => Self::Spaceport,
            12 => Self::Upgrade,
            13 => Self::GroupSet,
            _ => return None,
        })
    }

    /// The flags that a filter may have: those of the type's enumeration (\[MS-CMRP\] 2.2.2.12 to
    /// 2.2.2.26) less those that only clients make up (3.1.4.2.137).
    pub fn allowed(self) -> u64 {
        match self {
            Self::Cluster => 0x1fff & !0x0b,
            Self::Group | Self::Resource => 0x1ff,
            Self::ResourceType => 0x1f,
            Self::NetworkInterface | Self::Network | Self::Registry => 0x0f,
            Self::Node => 0x7f,
            Self::Quorum | Self::SharedVolume | Self::Spaceport => 0x01,
            Self::Upgrade => 0x07,
            Self::GroupSet => 0xff,
        }
    }
}

/// `CLUSTER_CHANGE_REGISTRY_SUBTREE_V2`: in filters only.
pub(super) const REGISTRY_SUBTREE_V2: u64 = 0x04;
/// `CLUSTER_CHANGE_CLUSTER_LOST_NOTIFICATIONS_V2`
pub(super) const LOST_NOTIFICATIONS_V2: u64 = 0x200;
