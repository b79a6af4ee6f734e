//! What has happened.

use msrpc_ndr::{Bytes, WString};

use super::{ClusterChange, ObjectType};
use crate::cluster::registry::{KeyId, Name};

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An object, by its type and ID; the cluster, the quorum and the like have none.
    Object(ObjectType, Option<Name>),
    /// A key of the registry: those on the way to it from the root, and itself last.
    Key(Vec<KeyId>),
}

/// An event: a change of the cluster's state that somebody may want to be told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it is about.
    pub subject: Subject,
    /// What version 1 ports are told; empty if nothing.
    pub v1: ClusterChange,
    /// What version 2 ports are told: the type of object, and one flag of its enumeration.
    pub v2: Option<(ObjectType, u64)>,
    /// The object's ID.
    pub id: WString,
    /// The ID of what it is in.
    pub parent: WString,
    /// The object's name.
    pub name: WString,
    /// The name of the object's type.
    pub type_name: WString,
    /// More, by the kind of event.
    pub buffer: Bytes,
    /// The object's state sequence number.
    pub sequence: u32,
}

impl Event {
    /// An event without anything but its subject and kinds.
    pub fn new(subject: Subject, v1: ClusterChange, v2: Option<(ObjectType, u64)>) -> Self {
        Self {
            subject,
            v1,
            v2,
            id: WString::new(),
            parent: WString::new(),
            name: WString::new(),
            type_name: WString::new(),
            buffer: Bytes::new(),
            sequence: 0,
        }
    }
}
