//! The endpoint mapper (C706 appendix O, [MS-RPCE] 2.2.1.2): which server of a host offers an
//! interface, and where.
//!
//! - [`Tower`] is an endpoint on the wire.
//! - [`EndpointMap`] holds the endpoints of a host, [`EndpointMapper`] serves it as the interface
//!   `ept`. A server registers its own endpoints and serves the map with
//!   [`ServerBuilder::endpoint_map`](crate::server::ServerBuilder::endpoint_map) and
//!   [`listen_mapper`](crate::server::ServerBuilder::listen_mapper).
//! - [`Mapper`] asks one; [`map`] and [`lookup`] do so in one step. Clients whose string binding has
//!   no endpoint ask by themselves.

mod client;
mod endpoint_map;
mod inquiry;
mod service;
pub mod tower;

use msrpc_ndr::{Fault, Win32Error};
use uuid::Uuid;

pub(crate) use client::tcp_ports;
pub use client::{MapError, Mapper, lookup, map};
pub use endpoint_map::{EndpointMap, RegisterError, Registration};
pub use inquiry::{Inquiry, VersionOption};
pub use service::{EndpointMapper, Search};
pub use tower::{Address, Floor, Tower, TowerError};

/// The TCP and UDP port of endpoint mappers.
pub const PORT: u16 = 135;

/// The pipe of endpoint mappers.
pub const PIPE: &str = "\\pipe\\epmapper";

/// Octets of an annotation, without its terminator.
pub const MAX_ANNOTATION: usize = 63;

/// There are no entries, or no more (C706 appendix O).
pub const NO_MORE_ENTRIES: Win32Error = Win32Error(0x16c9_a0d6);

/// `EPT_S_INVALID_ENTRY`: a tower or an annotation is not well-formed.
pub const INVALID_ENTRY: Win32Error = Win32Error(1751);

/// `EPT_S_CANT_CREATE`: the map has no room.
pub const CANT_CREATE: Win32Error = Win32Error(1899);

/// `EPT_S_CANT_PERFORM_OP`, the fault that operations are answered with that are not for this
/// caller, or for nobody ([MS-RPCE] 2.2.1.2.1, 2.2.1.2.6).
pub const CANT_PERFORM_OP: Fault = Fault::new(0x6d8, true);

/// An entry of an endpoint map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The object that is served there; nil for any.
    pub object: Uuid,
    /// The interface, and where it is.
    pub tower: Tower,
    /// A text for people.
    pub annotation: String,
}
