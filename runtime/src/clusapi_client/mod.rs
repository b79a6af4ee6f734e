//! The client of \[MS-CMRP\] 3.2, protocol version 3: managing somebody's failover cluster.
//!
//! [`Session`] has what can be asked of a node over one connection, typed: names in, states, lists
//! and property lists out; handles are opened and closed underneath, and buffers that turn out too
//! small are asked for again. [`ClusterClient`] keeps a session to a cluster whose nodes come and go:
//! it reconnects (3.2.4.6) and tries again, and waits until what was begun has ended. A
//! [`Subscription`] is a notification port that outlives its node.
//!
//! Connections are what a [`Connector`] opens, so there are no sockets here and no clock.

mod client;
mod error;
mod events;
mod groups;
mod kind;
mod nodes;
mod operation;
mod registry;
mod resources;
mod session;
mod subscription;

pub use client::{ClusterClient, ConnectFailure, Connector, Target};
pub use error::{Cause, ClusterError, describe, is_reconnect};
pub use events::{ChangeEvent, Detail};
pub use groups::{Group, GroupStatus};
pub use kind::{Access, ObjectKind, PropertySet};
pub use nodes::{Drain, Interface, Network, Node};
pub use operation::{Goal, Member, Progress, Waited};
pub use registry::{KeyListing, RegistryKey};
pub use resources::{Resource, ResourceStatus, Tree};
pub use session::{ClusterInfo, Entry, Quorum, Session, Version};
pub use subscription::{PortVersion, Subject, Subscription};
