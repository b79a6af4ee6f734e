//! NDR and NDR64 marshalling, and the traits between generated code and the world.
//!
//! Code that `midlc` generates links against this crate and no other. There is no I/O here and no
//! async runtime: a [`Channel`] carries a client's calls, a [`Service`] answers a server's, and the
//! `msrpc` crate has transports for both.
//!
//! # Layers
//!
//! - [`Encoding`], [`Encoder`], [`Decoder`]: integers, alignment, referents, limits.
//! - [`Codec`]: how a Rust value travels; pointers, arrays and strings nest as types
//!   ([`Unique`], [`Conformant`], [`WideStr`], …).
//! - [`Message`]: the parameters of one direction of an operation.
//! - [`Channel`], [`Service`], [`Call`], [`Handle`]: calls.
//! - [`PipeReader`], [`PipeWriter`], [`PipeInput`]: parameters that travel while the call runs.
//! - [`com`], [`oaut`]: COM interfaces, and the types of OLE Automation.
//! - [`serialize`]: values outside of calls.

mod array;
mod body;
mod call;
mod channel;
mod codec;
pub mod com;
mod context;
mod decoder;
mod encoder;
mod encoding;
mod error;
mod failure;
mod filetime;
mod grid;
mod guid;
mod interface;
mod latch;
mod memory;
pub mod oaut;
mod pipe;
mod pointer;
mod record;
#[cfg(feature = "reflect")]
pub mod reflect;
pub mod serialize;
mod service;
mod status;
mod string;
mod trace;
mod wstring;

pub use bytes::Bytes;
pub use uuid::Uuid;

pub use array::{Capped, Conformant, ConformantVarying, Fixed, Items, Octets, Sequence, Shifted, Units, Varying};
pub use body::Body;
pub use call::{Association, Call, CallLimits, Caller, SessionKey};
pub use channel::{
    AssociationId, Channel, ExchangeError, Reply, conclude, exchange, expect_arm, expect_capacity, expect_handle,
    expect_within, first_status,
};
pub use codec::{Codec, ConformantStruct, Enum16, Int3264, UInt3264, get_top, put_top};
pub use context::{
    ClientHandle, ContextHandle, Handle, HandleChange, HandleError, HandleQuota, HandleRefusal, HandleTable,
    HandleType, InGroup,
};
pub use decoder::{CountSlot, Decoder};
pub use encoder::{Encoder, derive_count, wrong_arm};
pub use encoding::{Align, ByteOrder, Encoding, Syntax};
pub use error::{At, DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
pub use failure::{CallError, CallResult, ChannelError, Failure, Outcome, TransportError};
pub use filetime::FILETIME_TO_UNIX;
pub use grid::{
    ActualDim, Dimension, Dimensions, ExactDim, Extent, Grid, GridCounts, MAX_DIMENSIONS, MaxActualDim, MaxDim, Row,
    Rows,
};
pub use guid::Guid;
pub use interface::{AuthLevel, HandleStrictness, Interface, Level, Operation};
pub use memory::{MemoryChannel, Tap};
pub use pipe::{
    PipeError, PipeInput, PipeReader, PipeReaders, PipeWriter, Piped, RequestPipes, ResponsePipes, ServerPipes,
    call_with_pipes, serve_with_pipes,
};
pub use pointer::{ArrayRef, Boxed, Full, FullScalar, Ref, Unique};
pub use service::{
    BoxFuture, Handler, Message, Service, decode_request, dispatch, encode_response, not_implemented, settle,
};
pub use status::{Fault, HResult, NoStatus, NtStatus, Status, Win32Error};
pub use string::{CappedStr, Characters, FixedStr, NString, Narrow, NarrowStr, Str, Wide, WideStr};
pub use wstring::WString;
