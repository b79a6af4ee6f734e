//! Counters at a moment, as plain structures.

use std::{borrow::Cow, time::Duration};

use uuid::Uuid;

/// What a server has counted since it was made. Counters are read one after the other while others
/// count on: sums may be off by what happens meanwhile.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// Connections that are open.
    pub connections: u64,
    /// Connections accepted.
    pub connections_accepted: u64,
    /// Connections that have ended, by reason ([`Ended`](super::Ended)).
    pub connections_ended: Vec<Tally>,
    /// Association groups.
    pub association_groups: u64,
    /// Context handles that are open.
    pub context_handles: u64,
    /// PDUs received.
    pub pdus_received: u64,
    /// PDUs sent.
    pub pdus_sent: u64,
    /// Octets received.
    pub octets_received: u64,
    /// Octets sent.
    pub octets_sent: u64,
    /// Calls that clients cancelled (co_cancel).
    pub cancels: u64,
    /// Calls that clients gave up (orphaned).
    pub orphans: u64,
    /// Calls that the server itself made, as the program said.
    pub calls_made: u64,
    /// Authentications, by provider and outcome ([`AuthOutcome`](super::AuthOutcome)).
    pub authentications: Vec<(Cow<'static, str>, Tally)>,
    /// Fault PDUs sent, by status.
    pub faults: Vec<Tally>,
    /// What was refused because of a limit, by what there was too much of and whose limit it was.
    pub refused: Vec<(Cow<'static, str>, Tally)>,
    /// What of the limits in all is in use.
    pub limits: Vec<Limit>,
    /// Operations that have been called.
    pub operations: Vec<Operation>,
}

/// How much of something there was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Tally {
    /// What, in lower case with underscores.
    pub what: Cow<'static, str>,
    /// How much.
    pub count: u64,
}

/// A limit of a server in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Limit {
    /// Of what, in lower case with underscores.
    pub what: Cow<'static, str>,
    /// How much is in use.
    pub used: u64,
    /// How much there may be.
    pub limit: u64,
}

/// What has been counted of an operation.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Operation {
    /// The interface's name.
    pub interface: &'static str,
    /// The interface's UUID.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_text"))]
    pub uuid: Uuid,
    /// The interface's version.
    pub version: (u16, u16),
    /// The operation's number; `None` for all that the interface lacks.
    pub opnum: Option<u16>,
    /// The operation's name; `other` for all that the interface lacks.
    pub operation: &'static str,
    /// Calls that have begun.
    pub calls: u64,
    /// Calls that have not ended.
    pub in_flight: u64,
    /// Calls that ended without an answer: at a server those that never ran, at a client those whose
    /// connection broke, whose time ran out, or whose caller gave up.
    pub failed: u64,
    /// Calls that ended in a fault of the implementation.
    pub faults: u64,
    /// Octets of requests' stubs.
    pub request_octets: u64,
    /// Octets of responses' stubs.
    pub response_octets: u64,
    /// How long the calls took that did not fail.
    pub latency: Latency,
}

/// How long calls took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Latency {
    /// Upper bounds ([`BOUNDS`](super::BOUNDS)), and how many calls took no longer.
    pub buckets: Vec<(Duration, u64)>,
    /// How many there were.
    pub count: u64,
    /// How long they took together.
    pub sum: Duration,
}

/// What a client has counted.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ClientSnapshot {
    /// Connections that are open.
    pub connections: u64,
    /// Connections that were opened.
    pub connections_opened: u64,
    /// Octets received.
    pub octets_received: u64,
    /// Octets sent.
    pub octets_sent: u64,
    /// Operations that have been called.
    pub operations: Vec<Operation>,
}

#[cfg(feature = "serde")]
fn as_text<S: serde::Serializer>(uuid: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(uuid)
}
