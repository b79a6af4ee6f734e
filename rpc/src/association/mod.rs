//! Connections as state machines: octets in, events and octets out. No sockets, no clocks.
//!
//! [`ServerAssociation`] is one connection of a server, [`ClientAssociation`] one of a client. What
//! drives them (`server` and `client`, or a test) feeds what it receives, takes events, and sends
//! what they want sent. [`AssociationGroups`] is what the connections of a server share.

mod bind_phase;
mod body;
pub mod client;
mod fragments;
mod framing;
mod group;
mod inbound;
pub mod quota;
mod security;
pub mod server;

pub use body::{BodySender, body_pipe};
pub use client::{BoundContext, ClientAssociation, ClientConfig, ClientError, ClientEvent, ClientSecurity, Proposal};
pub use group::{AssociationGroup, AssociationGroups, GroupError, Principal};
pub use quota::{Allowance, ClientKey, ClientQuota, Quotas, Refused, SharedLimits};
pub use security::{Acceptor, AcceptorFn, StepDone, StepJob};
pub use server::{
    CallKey, CloseReason, Event, IncomingCall, ServerAssociation, ServerConfig, ServerLimits, TransportInfo,
};

use crate::pdu::PduType;

/// PDUs that contradict each other. The peer is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SequenceError {
    /// A PDU that may not come now.
    #[error("a {0:?} PDU may not come now")]
    Unexpected(PduType),
    /// A continuation without beginning, or a beginning within a fragmented PDU.
    #[error("the fragments of a {0:?} PDU are out of order")]
    Fragments(PduType),
    /// A call that is already in progress.
    #[error("call {0} is already in progress")]
    DuplicateCall(u32),
    /// A call whose number is smaller than that of the call before ([MS-RPCE] 3.3.3.5.2).
    #[error("call {0} comes behind call {1}")]
    CallIdDecreases(u32, u32),
    /// A second call at a time, though multiplexing was not negotiated.
    #[error("call {0} comes before the response to the previous one")]
    NotMultiplexed(u32),
    /// Fragments of one request differ in what they must have in common.
    #[error("the fragments of call {0} contradict each other")]
    Inconsistent(u32),
    /// A fragmented PDU of the bind phase is too large.
    #[error("a fragmented {0:?} PDU exceeds {1} octets")]
    TooLarge(PduType, usize),
}
