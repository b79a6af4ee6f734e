//! Notification ports (\[MS-CMRP\] 3.1.1.8): who asked to be told of what, and what is still to be
//! told.
//!
//! Plain and synchronous. A client that waits is a [`Ticket`]; posting an event gives the tickets
//! that are answered by it. A port whose reader is slow holds no more than its limit: what comes
//! after is dropped, and the reader is told that something was.

mod batch;
mod change;
mod event;
mod hub;

pub use batch::{BatchHub, BatchPortId};
pub use change::{ClusterChange, ObjectType};
pub use event::{Event, Subject};
pub use hub::{Filter, Hub, Indication, PortError, PortId, PortVersion, Scope, Ticket, Waiting};
