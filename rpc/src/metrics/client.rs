//! What clients count.

use std::sync::Arc;

use msrpc_ndr::Interface;

use super::{
    counter::{Counter, octets},
    operation::{InterfaceMetrics, Interfaces},
    snapshot::ClientSnapshot,
};

/// What clients count, on all connections of those that share it
/// ([`ClientBuilder::metrics`](crate::client::ClientBuilder::metrics)).
#[derive(Debug, Default)]
pub struct ClientMetrics {
    opened: Counter,
    ended: Counter,
    received: Counter,
    sent: Counter,
    interfaces: Interfaces,
}

impl ClientMetrics {
    /// All that is counted.
    pub fn snapshot(&self) -> ClientSnapshot {
        // What has ended is read before what has begun: there are never fewer of these.
        let ended = self.ended.get();
        let opened = self.opened.get();
        ClientSnapshot {
            connections: opened.saturating_sub(ended),
            connections_opened: opened,
            octets_received: self.received.get(),
            octets_sent: self.sent.get(),
            operations: self.interfaces.snapshot(),
        }
    }

    pub(crate) fn connection(self: &Arc<Self>) -> LinkMeter {
        self.opened.one();
        LinkMeter { metrics: Arc::clone(self) }
    }

    pub(crate) fn interface(&self, interface: &'static Interface) -> Arc<InterfaceMetrics> {
        self.interfaces.of(interface)
    }
}

/// A connection of a client that is counted: open until it is dropped.
#[derive(Debug)]
pub(crate) struct LinkMeter {
    metrics: Arc<ClientMetrics>,
}

impl LinkMeter {
    pub(crate) fn received(&self, len: usize) {
        self.metrics.received.add(octets(len));
    }

    pub(crate) fn sent(&self, len: usize) {
        self.metrics.sent.add(octets(len));
    }
}

impl Drop for LinkMeter {
    fn drop(&mut self) {
        self.metrics.ended.one();
    }
}
