//! What notification ports tell, in words.

use msrpc_ndr::Bytes;
use msrpc_protocols::clusapi3::{NotificationRpc, clusapi::ApiGetNotify};

use super::session::{text, text_of};
use crate::cluster::{
    notify::ClusterChange,
    property_list::{self, Property},
    registry::{Value, ValueType},
};

/// Something that has happened in a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeEvent {
    /// The kind of object that it is about: "group".
    pub object_type: &'static str,
    /// What has happened to it: "state".
    pub event: String,
    /// The object's name.
    pub name: String,
    /// Its ID; of a value in the registry, its name. Version 1 ports do not tell.
    pub id: String,
    /// The ID of what it is in: of a resource its group, of a group its node.
    pub parent_id: String,
    /// The type of a resource.
    pub type_name: String,
    /// What there is to say about it.
    pub detail: Detail,
    /// The object's state sequence number. Only version 1 ports tell.
    pub sequence: Option<u32>,
}

/// What a notification says beside what has happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// Nothing.
    #[default]
    None,
    /// The new state.
    State(u32),
    /// A number of another meaning.
    Number(u32),
    /// An ID or an expression.
    Text(String),
    /// IDs.
    Texts(Vec<String>),
    /// The new values of properties.
    Properties(Vec<Property>),
    /// What is not known here.
    Octets(Bytes),
}

/// What the buffer of a notification holds.
#[derive(Clone, Copy)]
enum Buffer {
    Nothing,
    State,
    Number,
    Text,
    Texts,
    Properties,
    Unknown,
}

/// Names of kinds of object, by their numbers (`CLUSTER_OBJECT_TYPE`, \[MS-CMRP\] 2.2.2.11).
const OBJECT_TYPES: [(u32, &str); 13] = [
    (1, "cluster"),
    (2, "group"),
    (3, "resource"),
    (4, "resource-type"),
    (5, "network-interface"),
    (6, "network"),
    (7, "node"),
    (8, "registry"),
    (9, "quorum"),
    (10, "shared-volume"),
    (11, "spaceport"),
    (12, "upgrade"),
    (13, "group-set"),
];

/// Names of the flags of \[MS-CMRP\] 2.2.2.12 to 2.2.2.26, by object type, and what comes with each
/// (3.1.4.2.138).
fn meaning(object_type: u32, flag: u64) -> Option<(&'static str, Buffer)> {
    use Buffer::{Nothing, Number, Properties, State, Text, Texts, Unknown};
    Some(match (object_type, flag) {
        (1, 0x001) => ("reconnected", Nothing),
        (1, 0x002) => ("connection-lost", Nothing),
        (1, 0x004) => ("group-added", Number),
        (1, 0x010) => ("network-added", Nothing),
        (1, 0x020) => ("node-added", State),
        (1, 0x040) => ("resource-type-added", Nothing),
        (1, 0x080) | (2, 0x02) | (3, 0x01) | (4, 0x02) | (5 | 6, 0x02) | (7, 0x04) | (13, 0x02) => {
            ("common-property", Properties)
        }
        (1, 0x100) | (2, 0x04) | (3, 0x02) | (4, 0x04) | (5 | 6, 0x04) | (7, 0x08) | (13, 0x04) => {
            ("private-property", Properties)
        }
        (1, 0x200) => ("notifications-lost", Nothing),
        (1, 0x400) => ("renamed", Nothing),
        (1, 0x800) => ("membership", Unknown),
        (1, 0x1000) => ("upgraded", Number),
        (2, 0x001) | (4..=6, 0x01) => ("deleted", Nothing),
        (2, 0x008) | (3, 0x04) | (5 | 6, 0x08) | (7, 0x10) | (9 | 10, 0x01) | (13, 0x08) => ("state", State),
        (2, 0x010) => ("owner-node", Text),
        (2, 0x020) => ("preferred-owners", Texts),
        (2, 0x040) => ("resource-added", Text),
        (2, 0x080) => ("resource-gained", Text),
        (2, 0x100) => ("resource-lost", Text),
        (3, 0x08) => ("owner-group", Text),
        (3, 0x10) | (13, 0x40) => ("dependencies", Text),
        (3, 0x20) | (13, 0x80) => ("dependents", Texts),
        (3, 0x40) | (4, 0x08) => ("possible-owners", Texts),
        (3, 0x80) => ("deleted", Text),
        (3, 0x100) | (4, 0x10) => ("dll-upgraded", Text),
        (4, 0x20) => ("specific", Unknown),
        (7, 0x01) => ("network-interface-added", Text),
        (7, 0x02) => ("deleted", State),
        (7, 0x20) => ("group-gained", Text),
        (7, 0x40) => ("group-lost", Text),
        (8, 0x01) => ("attributes", Nothing),
        (8, 0x02) => ("key", Nothing),
        (8, 0x08) => ("value", Nothing),
        (13, 0x01) => ("deleted", Nothing),
        (13, 0x10) => ("group-added", Text),
        (13, 0x20) => ("group-removed", Text),
        _ => return None,
    })
}

/// What a notification of version 1 is: the kind of object, and what has happened.
fn meaning_v1(change: ClusterChange) -> (&'static str, String) {
    const TABLE: [(ClusterChange, &str, &str); 28] = [
        (ClusterChange::NODE_STATE, "node", "state"),
        (ClusterChange::NODE_DELETED, "node", "deleted"),
        (ClusterChange::NODE_ADDED, "node", "added"),
        (ClusterChange::NODE_PROPERTY, "node", "property"),
        (ClusterChange::REGISTRY_NAME, "registry", "key"),
        (ClusterChange::REGISTRY_ATTRIBUTES, "registry", "attributes"),
        (ClusterChange::REGISTRY_VALUE, "registry", "value"),
        (ClusterChange::RESOURCE_STATE, "resource", "state"),
        (ClusterChange::RESOURCE_DELETED, "resource", "deleted"),
        (ClusterChange::RESOURCE_ADDED, "resource", "added"),
        (ClusterChange::RESOURCE_PROPERTY, "resource", "property"),
        (ClusterChange::GROUP_STATE, "group", "state"),
        (ClusterChange::GROUP_DELETED, "group", "deleted"),
        (ClusterChange::GROUP_ADDED, "group", "added"),
        (ClusterChange::GROUP_PROPERTY, "group", "property"),
        (ClusterChange::RESOURCE_TYPE_DELETED, "resource-type", "deleted"),
        (ClusterChange::RESOURCE_TYPE_ADDED, "resource-type", "added"),
        (ClusterChange::RESOURCE_TYPE_PROPERTY, "resource-type", "property"),
        (ClusterChange::CLUSTER_RECONNECT, "cluster", "notifications-lost"),
        (ClusterChange::NETWORK_STATE, "network", "state"),
        (ClusterChange::NETWORK_DELETED, "network", "deleted"),
        (ClusterChange::NETWORK_ADDED, "network", "added"),
        (ClusterChange::NETWORK_PROPERTY, "network", "property"),
        (ClusterChange::NETINTERFACE_STATE, "network-interface", "state"),
        (ClusterChange::NETINTERFACE_DELETED, "network-interface", "deleted"),
        (ClusterChange::NETINTERFACE_ADDED, "network-interface", "added"),
        (ClusterChange::NETINTERFACE_PROPERTY, "network-interface", "property"),
        (ClusterChange::QUORUM_STATE, "quorum", "state"),
    ];
    match TABLE.iter().find(|(bit, ..)| change.contains(*bit)) {
        Some((_, object_type, event)) => (object_type, (*event).to_owned()),
        None if change.contains(ClusterChange::CLUSTER_PROPERTY) => ("cluster", "common-property".to_owned()),
        None => ("unknown", format!("{:#010x}", change.bits())),
    }
}

fn detail(buffer: Buffer, octets: &Bytes) -> Detail {
    let number = || octets.first_chunk::<4>().map(|&octets| u32::from_le_bytes(octets));
    let unknown = || if octets.is_empty() { Detail::None } else { Detail::Octets(octets.clone()) };
    match buffer {
        Buffer::Nothing => Detail::None,
        Buffer::State => number().map_or(Detail::None, Detail::State),
        Buffer::Number => number().map_or(Detail::None, Detail::Number),
        Buffer::Text if octets.is_empty() => Detail::None,
        Buffer::Text => Detail::Text(text_of(octets)),
        Buffer::Texts => {
            let list = Value { kind: ValueType::REG_MULTI_SZ, data: octets.clone() };
            Detail::Texts(list.as_strings().unwrap_or_default())
        }
        Buffer::Properties if octets.is_empty() => Detail::None,
        Buffer::Properties => property_list::decode(octets).map_or_else(|_| unknown(), Detail::Properties),
        Buffer::Unknown => unknown(),
    }
}

impl ChangeEvent {
    pub(super) fn from_v1(answer: ApiGetNotify) -> Self {
        let (object_type, event) = meaning_v1(ClusterChange::from_bits_retain(answer.filter));
        Self {
            object_type,
            event,
            name: text(answer.name),
            sequence: Some(answer.state_sequence),
            ..Self::of_cluster("", "")
        }
    }

    pub(super) fn from_v2(notification: NotificationRpc) -> Self {
        let data = notification.notification_data;
        let number = data.filter_and_type.object_type;
        let flag = data.filter_and_type.filter_flags.cast_unsigned();
        let known = meaning(number, flag);
        let buffer = known.map_or(Buffer::Unknown, |(_, buffer)| buffer);
        Self {
            object_type: OBJECT_TYPES.iter().find(|(it, _)| *it == number).map_or("unknown", |(_, name)| name),
            event: known.map_or_else(|| format!("{flag:#x}"), |(name, _)| name.to_owned()),
            name: text(data.name),
            id: text(data.object_id),
            parent_id: text(data.parent_id),
            type_name: text(data.r#type),
            detail: detail(buffer, &data.buffer.unwrap_or_default()),
            sequence: None,
        }
    }

    /// What the client itself tells of the cluster: "reconnected", "connection-lost" (3.2.4.6).
    pub fn of_cluster(event: &str, cluster: &str) -> Self {
        Self {
            object_type: "cluster",
            event: event.to_owned(),
            name: cluster.to_owned(),
            id: String::new(),
            parent_id: String::new(),
            type_name: String::new(),
            detail: Detail::None,
            sequence: None,
        }
    }
}
