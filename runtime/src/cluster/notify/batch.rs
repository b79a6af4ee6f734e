//! Batch update ports (\[MS-CMRP\] 3.1.1.8.2): who asked to be told of batches on a key.

use std::collections::{BTreeMap, VecDeque};

use msrpc_ndr::Bytes;

use super::Ticket;
use crate::cluster::registry::KeyId;

/// A batch port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchPortId(pub u64);

/// All batch ports of a node.
///
/// A reader that falls behind by more than the limit loses the oldest batches; the protocol has no
/// word for that, so it is logged.
#[derive(Debug, Default)]
pub struct BatchHub {
    ports: BTreeMap<BatchPortId, Port>,
    next: u64,
}

#[derive(Debug)]
struct Port {
    key: KeyId,
    queue: VecDeque<Bytes>,
    waiting: VecDeque<Ticket>,
}

impl BatchHub {
    /// How many batches a port holds at most.
    pub const LIMIT: usize = 1024;

    /// Opens a port for the batches that are carried out on a key.
    pub fn open(&mut self, key: KeyId) -> BatchPortId {
        self.next += 1;
        let id = BatchPortId(self.next);
        self.ports.insert(id, Port { key, queue: VecDeque::new(), waiting: VecDeque::new() });
        id
    }

    /// Closes a port, and gives those that waited.
    pub fn close(&mut self, port: BatchPortId) -> Vec<Ticket> {
        self.ports.remove(&port).into_iter().flat_map(|port| port.waiting).collect()
    }

    /// Takes the next batch of a port, or lets the ticket wait; `None` if there is no such port.
    pub fn take(&mut self, port: BatchPortId, ticket: Ticket) -> Option<Option<Bytes>> {
        let port = self.ports.get_mut(&port)?;
        let next = port.queue.pop_front();
        if next.is_none() {
            port.waiting.push_back(ticket);
        }
        Some(next)
    }

    /// Forgets a client that waits no longer.
    pub fn forget(&mut self, port: BatchPortId, ticket: Ticket) {
        if let Some(port) = self.ports.get_mut(&port) {
            port.waiting.retain(|other| *other != ticket);
        }
    }

    /// Tells of a batch on a key, and gives the clients that are answered by it.
    pub fn post(&mut self, key: KeyId, batch: &Bytes) -> Vec<(Ticket, Bytes)> {
        let mut answered = Vec::new();
        for port in self.ports.values_mut().filter(|port| port.key == key) {
            if let Some(ticket) = port.waiting.pop_front() {
                answered.push((ticket, batch.clone()));
                continue;
            }
            if port.queue.len() >= Self::LIMIT {
                tracing::warn!(limit = Self::LIMIT, "a batch port is not read: its oldest batch is dropped");
                port.queue.pop_front();
            }
            port.queue.push_back(batch.clone());
        }
        answered
    }
}
