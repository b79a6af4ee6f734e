//! What a server counts.

use std::{borrow::Cow, sync::Arc};

use msrpc_ndr::{Fault, Interface};

use super::{
    counter::{Counter, octets},
    labels::{AuthOutcome, Ended, FAULTS, OTHER, PROVIDERS, fault_name},
    operation::{InterfaceMetrics, Interfaces},
    snapshot::{Snapshot, Tally},
};

/// What a server counts, on all of its connections.
#[derive(Debug, Default)]
pub struct ServerMetrics {
    accepted: Counter,
    ended: [Counter; Ended::ALL.len()],
    pdus_received: Counter,
    pdus_sent: Counter,
    octets_received: Counter,
    octets_sent: Counter,
    cancels: Counter,
    orphans: Counter,
    calls_made: Counter,
    authentications: [[Counter; AuthOutcome::ALL.len()]; PROVIDERS.len() + 1],
    faults: [Counter; FAULTS.len() + 1],
    interfaces: Interfaces,
}

impl ServerMetrics {
    /// The server itself has made a call. It is up to the program to say so; `rpc_mgmt_inq_stats`
    /// tells it.
    pub fn call_made(&self) {
        self.calls_made.one();
    }

    /// The number of calls received, and made; of PDUs received, and sent.
    pub fn totals(&self) -> [u64; 4] {
        [self.interfaces.calls(), self.calls_made.get(), self.pdus_received.get(), self.pdus_sent.get()]
    }

    /// A connection has been accepted.
    pub(crate) fn connection(self: &Arc<Self>) -> ConnectionMeter {
        self.accepted.one();
        ConnectionMeter { metrics: Arc::clone(self), ended: Ended::CutOff }
    }

    pub(crate) fn interface(&self, interface: &'static Interface) -> Arc<InterfaceMetrics> {
        self.interfaces.of(interface)
    }

    pub(crate) fn pdu_received(&self) {
        self.pdus_received.one();
    }

    pub(crate) fn pdu_sent(&self) {
        self.pdus_sent.one();
    }

    pub(crate) fn cancelled(&self, orphaned: bool) {
        if orphaned { self.orphans.one() } else { self.cancels.one() }
    }

    pub(crate) fn fault_sent(&self, fault: Fault) {
        let place = FAULTS.binary_search(&fault.status).unwrap_or(FAULTS.len());
        if let Some(counter) = self.faults.get(place) {
            counter.one();
        }
    }

    pub(crate) fn authenticated(&self, auth_type: u8, outcome: AuthOutcome) {
        let place = PROVIDERS.iter().position(|&(number, _)| number == auth_type).unwrap_or(PROVIDERS.len());
        if let Some(counter) = self.authentications.get(place).and_then(|it| it.get(outcome as usize)) {
            counter.one();
        }
    }

    /// All that is counted here; what else a server knows is left zero and empty.
    pub fn snapshot(&self) -> Snapshot {
        // What has ended is read before what has begun: there are never fewer of these.
        let ended: Vec<Tally> = tallies(Ended::ALL.map(|reason| reason.name().into()), &self.ended);
        let gone: u64 = ended.iter().map(|tally| tally.count).sum();
        let accepted = self.accepted.get();
        let providers = PROVIDERS.iter().map(|&(_, name)| name).chain([OTHER]);
        let outcomes = AuthOutcome::ALL.map(|outcome| outcome.name().into());
        let authentications = providers.zip(&self.authentications).flat_map(|(provider, counters)| {
            let tallies = tallies(outcomes.clone(), counters);
            tallies.into_iter().filter(|tally| tally.count > 0).map(move |tally| (provider.into(), tally))
        });
        let statuses = FAULTS.iter().map(|&status| fault_name(status).into()).chain([OTHER.into()]);
        Snapshot {
            connections: accepted.saturating_sub(gone),
            connections_accepted: accepted,
            connections_ended: ended,
            pdus_received: self.pdus_received.get(),
            pdus_sent: self.pdus_sent.get(),
            octets_received: self.octets_received.get(),
            octets_sent: self.octets_sent.get(),
            cancels: self.cancels.get(),
            orphans: self.orphans.get(),
            calls_made: self.calls_made.get(),
            authentications: authentications.collect(),
            faults: tallies(statuses, &self.faults).into_iter().filter(|tally| tally.count > 0).collect(),
            operations: self.interfaces.snapshot(),
            ..Snapshot::default()
        }
    }
}

fn tallies<'a>(
    names: impl IntoIterator<Item = Cow<'static, str>>,
    counters: impl IntoIterator<Item = &'a Counter>,
) -> Vec<Tally> {
    names.into_iter().zip(counters).map(|(what, counter)| Tally { what, count: counter.get() }).collect()
}

/// A connection that is counted: open until it is dropped.
#[derive(Debug)]
pub(crate) struct ConnectionMeter {
    metrics: Arc<ServerMetrics>,
    ended: Ended,
}

impl ConnectionMeter {
    pub(crate) fn received(&self, len: usize) {
        self.metrics.octets_received.add(octets(len));
    }

    pub(crate) fn sent(&self, len: usize) {
        self.metrics.octets_sent.add(octets(len));
    }

    /// Says why it has ended; without that, it was cut off.
    pub(crate) fn ended(&mut self, ended: Ended) {
        self.ended = ended;
    }
}

impl Drop for ConnectionMeter {
    fn drop(&mut self) {
        if let Some(counter) = self.metrics.ended.get(self.ended as usize) {
            counter.one();
        }
    }
}
