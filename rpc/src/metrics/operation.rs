//! What is counted of the calls of an interface.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use msrpc_ndr::Interface;

use super::{
    counter::{Counter, octets},
    labels::OTHER,
    latency::Histogram,
    snapshot::Operation,
};

/// The counters of an interface: one place for each of its operations, and one for all others.
#[derive(Debug)]
pub(crate) struct InterfaceMetrics {
    interface: &'static Interface,
    operations: Box<[Counters]>,
}

#[derive(Debug, Default)]
struct Counters {
    started: Counter,
    /// Calls that ended without an answer: at a server those that never ran.
    failed: Counter,
    faults: Counter,
    request_octets: Counter,
    response_octets: Counter,
    latency: Histogram,
}

impl InterfaceMetrics {
    fn new(interface: &'static Interface) -> Self {
        let places = interface.operations.len() + 1;
        Self { interface, operations: (0..places).map(|_| Counters::default()).collect() }
    }

    /// The place of an operation.
    fn place(&self, opnum: u16) -> usize {
        usize::from(opnum).min(self.operations.len() - 1)
    }

    /// A call begins.
    pub(crate) fn begin(self: &Arc<Self>, opnum: u16) -> CallMeter {
        let meter = CallMeter { interface: Arc::clone(self), place: self.place(opnum), since: None, end: End::Failed };
        if let Some(counters) = meter.counters() {
            counters.started.one();
        }
        meter
    }

    /// Octets of a request's stub have come.
    pub(crate) fn request(&self, opnum: u16, len: usize) {
        if let Some(counters) = self.operations.get(self.place(opnum)) {
            counters.request_octets.add(octets(len));
        }
    }

    fn snapshot(&self) -> impl Iterator<Item = Operation> {
        let places = self.operations.iter().enumerate();
        places.filter(|(_, counters)| counters.started.get() > 0).map(|(place, counters)| {
            // What has ended is read before what has begun: there are never fewer of these.
            let (latency, failed) = (counters.latency.snapshot(), counters.failed.get());
            let calls = counters.started.get();
            let opnum = u16::try_from(place).ok().filter(|_| place + 1 < self.operations.len());
            Operation {
                interface: self.interface.name,
                uuid: self.interface.uuid,
                version: self.interface.version,
                opnum,
                operation: opnum.and_then(|opnum| self.interface.operation(opnum)).map_or(OTHER, |it| it.name),
                calls,
                in_flight: calls.saturating_sub(latency.count).saturating_sub(failed),
                failed,
                faults: counters.faults.get(),
                request_octets: counters.request_octets.get(),
                response_octets: counters.response_octets.get(),
                latency,
            }
        })
    }

    fn calls(&self) -> u64 {
        self.operations.iter().map(|counters| counters.started.get()).sum()
    }
}

/// A call that is counted: in flight until it is dropped.
///
/// At a server it ends when its response is complete, or with its implementation where nobody wants
/// the response. How long the client takes to read it does not count.
#[derive(Debug)]
pub struct CallMeter {
    interface: Arc<InterfaceMetrics>,
    place: usize,
    since: Option<Instant>,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Answered,
    Fault,
    Failed,
}

impl CallMeter {
    fn counters(&self) -> Option<&Counters> {
        self.interface.operations.get(self.place)
    }

    /// The call runs: its time counts from now on. It ends in a fault unless something else is said.
    #[must_use]
    pub fn runs(mut self) -> Self {
        self.since = Some(Instant::now());
        self.end = End::Fault;
        self
    }

    /// The call ends without a response: in a fault, or in nothing.
    pub(crate) fn broke_off(&mut self, fault: bool) {
        self.end = if fault { End::Fault } else { End::Failed };
    }

    /// The call ends without an answer, unless something else is said later.
    pub(crate) fn fails(&mut self) {
        self.end = End::Failed;
    }

    /// The call has an answer.
    pub fn answered(&mut self) {
        self.end = End::Answered;
    }

    /// Octets of its response's stub.
    pub fn response(&self, len: usize) {
        if let Some(counters) = self.counters() {
            counters.response_octets.add(octets(len));
        }
    }

    /// Octets of its request's stub.
    pub(crate) fn request(&self, len: usize) {
        if let Some(counters) = self.counters() {
            counters.request_octets.add(octets(len));
        }
    }
}

impl Drop for CallMeter {
    fn drop(&mut self) {
        let Some(counters) = self.counters() else { return };
        match self.since.filter(|_| self.end != End::Failed) {
            Some(since) => counters.latency.record(since.elapsed()),
            None => counters.failed.one(),
        }
        if self.end == End::Fault {
            counters.faults.one();
        }
    }
}

/// The interfaces that have been bound.
#[derive(Debug, Default)]
pub(super) struct Interfaces(Mutex<Vec<Arc<InterfaceMetrics>>>);

impl Interfaces {
    /// The counters of an interface. Takes a lock: for binds, not for calls.
    pub(super) fn of(&self, interface: &'static Interface) -> Arc<InterfaceMetrics> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.iter().find(|known| *known.interface == *interface) {
            return Arc::clone(known);
        }
        let new = Arc::new(InterfaceMetrics::new(interface));
        known.push(Arc::clone(&new));
        new
    }

    /// The operations that have been called.
    pub(super) fn snapshot(&self) -> Vec<Operation> {
        self.known().iter().flat_map(|interface| interface.snapshot()).collect()
    }

    /// The number of calls that have begun.
    pub(super) fn calls(&self) -> u64 {
        self.known().iter().map(|interface| interface.calls()).sum()
    }

    fn known(&self) -> Vec<Arc<InterfaceMetrics>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;

    static OPERATIONS: [msrpc_ndr::Operation; 2] = [msrpc_ndr::Operation::new("A"), msrpc_ndr::Operation::new("B")];
    static INTERFACE: Interface = Interface::new("test", Uuid::from_u128(1), (1, 0)).operations(&OPERATIONS);

    #[test]
    fn opnums_that_do_not_exist_share_one_place() {
        let interfaces = Interfaces::default();
        let metrics = interfaces.of(&INTERFACE);
        for opnum in 0..=u16::MAX {
            interfaces.of(&INTERFACE).begin(opnum).runs().answered();
        }
        metrics.request(70, 5);
        let snapshot = interfaces.snapshot();
        let places: Vec<_> = snapshot.iter().map(|it| (it.opnum, it.operation, it.calls, it.request_octets)).collect();
        assert_eq!(places, [(Some(0), "A", 1, 0), (Some(1), "B", 1, 0), (None, "other", 65_534, 5)]);
        assert_eq!(interfaces.calls(), 65_536);
    }

    #[test]
    fn a_call_is_in_flight_until_it_is_dropped_whatever_becomes_of_it() {
        let interfaces = Interfaces::default();
        let metrics = interfaces.of(&INTERFACE);
        let state = || {
            let all = interfaces.snapshot();
            let it = all.first().map(|it| (it.calls, it.in_flight, it.failed, it.faults, it.latency.count));
            it.unwrap_or_default()
        };
        let never_ran = metrics.begin(0);
        let mut faulty = metrics.begin(0).runs();
        let mut answered = metrics.begin(0).runs();
        answered.answered();
        assert_eq!(state(), (3, 3, 0, 0, 0));
        faulty.broke_off(true);
        drop(faulty);
        assert_eq!(state(), (3, 2, 0, 1, 1));
        drop((never_ran, answered));
        assert_eq!(state(), (3, 0, 1, 1, 2));
        let took = interfaces.snapshot().first().map(|it| it.latency.sum).unwrap_or_default();
        assert!(took < Duration::from_secs(60));
    }
}
