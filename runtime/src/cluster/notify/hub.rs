//! All ports.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use super::{
    ClusterChange, Event, ObjectType, Subject,
    change::{LOST_NOTIFICATIONS_V2, REGISTRY_SUBTREE_V2},
};
use crate::cluster::registry::{KeyId, Name};

/// A port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortId(pub u64);

/// A client that waits for an indication; whoever drives the hub chooses the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// The version of a port: which methods may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortVersion {
    /// Made by ApiCreateNotify.
    V1,
    /// Made by ApiCreateNotifyV2.
    V2,
}

/// What a client wants to be told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Of which objects.
    pub scope: Scope,
    /// Of which kinds of event; on version 1 ports a [`ClusterChange`].
    pub flags: u64,
    /// The client's value, which comes back with each indication.
    pub notify_key: u32,
}

/// Which objects a filter is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// On version 1 ports: all objects, and the registry's root key.
    Everything,
    /// All objects of a type.
    All(ObjectType),
    /// One object.
    One(ObjectType, Name),
    /// A key, and those below it if so wanted.
    Key(KeyId, bool),
}

/// What a port tells its reader.
#[derive(Clone, Debug, PartialEq)]
pub struct Indication {
    /// The value of the filter that matched.
    pub notify_key: u32,
    /// What has happened. Shared by all ports that tell it.
    pub event: Arc<Event>,
}

/// Whether there is an indication.
#[derive(Clone, Debug, PartialEq)]
pub enum Waiting {
    /// These are the next, at least one.
    Ready(Vec<Indication>),
    /// The ticket is answered later.
    Later,
}

/// Why a port does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// There is no such port, or it was closed while the client waited.
    #[error("the notification port was closed")]
    Closed,
    /// ApiUnblockGetNotifyCall ended the wait.
    #[error("the wait was ended")]
    Unblocked,
    /// The node ends: another is to be asked.
    #[error("the node is shutting down")]
    ShuttingDown,
    /// The port is of the other version.
    #[error("the notification port is of the other version")]
    Version,
    /// A filter names what none may, or nothing.
    #[error("the filter has flags that it may not have")]
    Filter,
    /// A port has too many filters.
    #[error("the notification port has too many filters")]
    TooMany,
}

/// The ports of a node.
#[derive(Debug)]
pub struct Hub {
    ports: BTreeMap<PortId, Port>,
    next: u64,
    limit: usize,
}

#[derive(Debug)]
struct Port {
    version: PortVersion,
    filters: Vec<Filter>,
    queue: VecDeque<Indication>,
    /// Whether the last indication in the queue says that further ones were dropped.
    lost: bool,
    /// Who waits, and how many indications each takes at most. Then the queue is empty.
    waiting: VecDeque<(Ticket, usize)>,
}

impl Default for Hub {
    /// 4,096 indications for each port.
    fn default() -> Self {
        Self::new(4096)
    }
}

impl Hub {
    /// Most filters that a port has.
    pub const MAX_FILTERS: usize = 4096;

    /// No ports; each will hold at most so many indications, and one that says that others were
    /// dropped.
    pub fn new(limit: usize) -> Self {
        Self { ports: BTreeMap::new(), next: 1, limit: limit.max(1) }
    }

    /// Opens a port.
    pub fn open(&mut self, version: PortVersion) -> PortId {
        let id = PortId(self.next);
        self.next += 1;
        let port = Port { version, filters: Vec::new(), queue: VecDeque::new(), lost: false, waiting: VecDeque::new() };
        self.ports.insert(id, port);
        id
    }

    /// Closes a port, and gives those that waited: they are answered [`PortError::Closed`].
    pub fn close(&mut self, port: PortId) -> Vec<Ticket> {
        let waiting = self.ports.remove(&port).map(|port| port.waiting);
        waiting.into_iter().flatten().map(|(ticket, _)| ticket).collect()
    }

    /// Ends all waits on a port, and gives those that waited: they are answered
    /// [`PortError::Unblocked`].
    ///
    /// # Errors
    ///
    /// Fails if there is no such port.
    pub fn unblock(&mut self, port: PortId) -> Result<Vec<Ticket>, PortError> {
        let waiting = std::mem::take(&mut self.port(port)?.waiting);
        Ok(waiting.into_iter().map(|(ticket, _)| ticket).collect())
    }

    /// Forgets a client that waits no longer.
    pub fn forget(&mut self, port: PortId, ticket: Ticket) {
        if let Some(port) = self.ports.get_mut(&port) {
            port.waiting.retain(|(other, _)| *other != ticket);
        }
    }

    /// Adds a filter.
    ///
    /// # Errors
    ///
    /// Fails if there is no such port, if it is of the other version, or if the filter is wrong.
    pub fn add(&mut self, port: PortId, version: PortVersion, filter: Filter) -> Result<(), PortError> {
        let port = self.port(port)?;
        if port.version != version {
            return Err(PortError::Version);
        }
        let allowed = match (version, &filter.scope) {
            (PortVersion::V1, Scope::Key(..)) => ClusterChange::REGISTRY.bits().into(),
            (PortVersion::V1, _) => (!ClusterChange::CLIENT_ONLY.bits()).into(),
            (PortVersion::V2, Scope::Key(..)) => ObjectType::Registry.allowed(),
            (PortVersion::V2, Scope::All(object) | Scope::One(object, _)) => object.allowed(),
            (PortVersion::V2, Scope::Everything) => 0,
        };
        if filter.flags == 0 || filter.flags & !allowed != 0 {
            return Err(PortError::Filter);
        }
        if port.filters.len() >= Self::MAX_FILTERS {
            return Err(PortError::TooMany);
        }
        port.filters.push(filter);
        Ok(())
    }

    /// Takes the next indications of a port, at most so many; if there are none, the ticket waits.
    ///
    /// # Errors
    ///
    /// Fails if there is no such port, or it is of the other version.
    pub fn take(
        &mut self,
        port: PortId,
        version: PortVersion,
        ticket: Ticket,
        most: usize,
    ) -> Result<Waiting, PortError> {
        let port = self.port(port)?;
        if port.version != version {
            return Err(PortError::Version);
        }
        let most = most.max(1);
        if port.queue.is_empty() {
            port.waiting.push_back((ticket, most));
            return Ok(Waiting::Later);
        }
        Ok(Waiting::Ready(port.drain(most)))
    }

    /// Puts an indication into one port, whatever its filters say: a client that comes back with
    /// an old state sequence number (\[MS-CMRP\] 3.1.4.2.63) is told at once.
    ///
    /// # Errors
    ///
    /// Fails if there is no such port.
    pub fn push(
        &mut self,
        port: PortId,
        indication: Indication,
    ) -> Result<Option<(Ticket, Vec<Indication>)>, PortError> {
        let limit = self.limit;
        let port = self.port(port)?;
        port.push(indication, limit);
        Ok(port.answer())
    }

    /// Tells all ports whose filters want it of an event, and gives the clients that are answered
    /// by it. A port tells it once for each filter that matches (\[MS-CMRP\] 3.1.4.2.58).
    pub fn post(&mut self, event: Event) -> Vec<(Ticket, Vec<Indication>)> {
        let event = Arc::new(event);
        let limit = self.limit;
        let mut answered = Vec::new();
        for port in self.ports.values_mut() {
            let matching = port.filters.iter().filter(|filter| filter.matches(port.version, &event));
            let keys: Vec<u32> = matching.map(|filter| filter.notify_key).collect();
            for notify_key in keys {
                port.push(Indication { notify_key, event: Arc::clone(&event) }, limit);
            }
            answered.extend(port.answer());
        }
        answered
    }

    fn port(&mut self, port: PortId) -> Result<&mut Port, PortError> {
        self.ports.get_mut(&port).ok_or(PortError::Closed)
    }
}

impl Port {
    fn drain(&mut self, most: usize) -> Vec<Indication> {
        let taken: Vec<Indication> = self.queue.drain(..most.min(self.queue.len())).collect();
        self.lost &= !self.queue.is_empty();
        taken
    }

    /// Answers who waits longest.
    fn answer(&mut self) -> Option<(Ticket, Vec<Indication>)> {
        if self.queue.is_empty() {
            return None;
        }
        let (ticket, most) = self.waiting.pop_front()?;
        Some((ticket, self.drain(most)))
    }

    fn push(&mut self, indication: Indication, limit: usize) {
        if self.lost {
            return;
        }
        if self.queue.len() < limit {
            return self.queue.push_back(indication);
        }
        self.lost = true;
        let v1 = ClusterChange::CLUSTER_RECONNECT;
        let v2 = (ObjectType::Cluster, LOST_NOTIFICATIONS_V2);
        let event = Event::new(Subject::Object(ObjectType::Cluster, None), v1, Some(v2));
        self.queue.push_back(Indication { notify_key: indication.notify_key, event: Arc::new(event) });
    }
}

impl Filter {
    fn matches(&self, version: PortVersion, event: &Event) -> bool {
        match version {
            PortVersion::V1 => self.matches_v1(event),
            PortVersion::V2 => self.matches_v2(event),
        }
    }

    fn matches_v1(&self, event: &Event) -> bool {
        let flags = ClusterChange::from_bits_retain(u32::try_from(self.flags).unwrap_or(0));
        let subtree = flags.contains(ClusterChange::REGISTRY_SUBTREE);
        match (&self.scope, &event.subject) {
            (Scope::Everything, Subject::Key(path)) => {
                let wanted = subtree || flags.intersects(event.v1);
                wanted && !event.v1.is_empty() && covers(KeyId::ROOT, subtree, path, event)
            }
            (Scope::Key(key, below), Subject::Key(path)) => {
                flags.intersects(event.v1) && covers(*key, *below, path, event)
            }
            (scope, subject) => flags.intersects(event.v1) && scope.covers(subject),
        }
    }

    fn matches_v2(&self, event: &Event) -> bool {
        let Some((object, flag)) = event.v2 else { return false };
        let flagged = self.flags & flag != 0;
        match (&self.scope, &event.subject) {
            (Scope::Key(key, below), Subject::Key(path)) => {
                let subtree = self.flags & REGISTRY_SUBTREE_V2 != 0;
                (flagged || subtree) && covers(*key, subtree || *below, path, event)
            }
            (Scope::All(wanted), _) => *wanted == object && flagged,
            (scope, subject) => flagged && scope.covers(subject),
        }
    }
}

impl Scope {
    fn covers(&self, subject: &Subject) -> bool {
        match (self, subject) {
            (Self::Everything, Subject::Object(..)) => true,
            (Self::All(wanted), Subject::Object(object, _)) => wanted == object,
            (Self::One(wanted, id), Subject::Object(object, Some(other))) => wanted == object && id == other,
            _ => false,
        }
    }
}

/// Whether an event about the last key of a path is one of a key, or below it if that is wanted. That
/// a key comes or goes is told to those who watch the key that it is in, too.
fn covers(key: KeyId, below: bool, path: &[KeyId], event: &Event) -> bool {
    let near = if event.v1.contains(ClusterChange::REGISTRY_NAME) { 2 } else { 1 };
    path.iter().rev().take(if below { usize::MAX } else { near }).any(|other| *other == key)
}
