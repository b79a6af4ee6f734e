//! COM interfaces on the wire ([MS-DCOM] 2.2): what goes in front of every request and response,
//! interface pointers, and object references.
//!
//! Nothing here knows objects, resolvers or pings: [`OrpcThis`] and [`OrpcThat`] travel, interface
//! pointers are octets that can be looked into. What a DCOM runtime does with them, it does through
//! [`Channel::orpc_this`](crate::Channel::orpc_this), [`Call::orpc`](crate::Call::orpc) and
//! [`ComPtr::objref`].

mod bindings;
mod call;
mod objref;
mod orpc;
mod pointer;

use uuid::Uuid;

pub use bindings::{DualStringArray, SecurityBinding, StringBinding};
pub use call::{Causality, decode_request, encode_response, exchange, inherit, not_implemented};
pub use objref::{DataElement, ObjRef, ObjRefError, ObjRefKind, StdObjRef};
pub use orpc::{ComVersion, OrpcExtent, OrpcThat, OrpcThis};
pub use pointer::{ComPtr, InterfacePointer, check_iid, expect_iid, expect_response_iid};

/// A COM interface, as the type parameter of a [`ComPtr`]. Generated code implements it for a marker
/// of each interface.
pub trait ComInterface: 'static {
    /// The interface identifier.
    const IID: Uuid;
    /// The name in the IDL.
    const NAME: &'static str;
}

/// `IUnknown`, the base of every COM interface: a pointer to an object of which no more is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IUnknown {}

impl ComInterface for IUnknown {
    const IID: Uuid = Uuid::from_u128(0x00000000_0000_0000_c000_000000000046);
    const NAME: &'static str = "IUnknown";
}
