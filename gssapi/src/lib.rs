//! MIT Kerberos through its GSS-API library, for msrpc.
//!
//! # Why this crate exists
//!
//! Kerberos is not written anew here: tickets, caches, keytabs, replay caches and the configuration in
//! `krb5.conf` are the system's, and `libgssapi_krb5` is how the system's programs share them. This
//! crate is the one place of the workspace that may contain unsafe code, and it contains nothing
//! else: the functions that msrpc's provider calls, and safe owners of what they allocate.
//!
//! The library is opened at run time ([`load`]) and is not needed to build or to run anything that
//! does without Kerberos. Without it every entry point fails with [`Unavailable`].
//!
//! # What is safe about it
//!
//! - Names, credentials, contexts and buffers are released exactly once, when they are dropped.
//! - Names and credentials never change once they are made, and the library guards what it caches
//!   inside them: they may be shared between threads. A [`Context`] is used by one thread at a time,
//!   which `&mut` makes sure of, and may move between threads.
//! - There is no null credential: the library would take it for whoever is logged on.
//! - A status other than complete is an [`Error`], and so are the supplementary ones that tell of
//!   replayed and missing messages.
//!
//! The declarations follow MIT's `gssapi.h` and `gssapi_ext.h` (1.12 and later).

#![deny(unsafe_op_in_unsafe_fn)]

mod buffer;
mod cache;
mod context;
mod credential;
mod error;
mod ffi;
mod keys;
mod message;
mod name;
mod oid;

pub use buffer::Buffer;
pub use cache::MemoryCache;
pub use context::{Accepted, Context, Flags, Leg};
pub use credential::{Credential, Store};
pub use error::{Error, Reason, Unavailable};
pub use ffi::load;
pub use keys::MessageKeys;
pub use message::Parts;
pub use name::{Attribute, Name, NameForm};

/// Encryption types by their numbers ([RFC 3961] and its registry).
pub mod enctype {
    /// AES128 with SHA-1 ([RFC 3962]).
    pub const AES128_SHA1: i32 = 17;
    /// AES256 with SHA-1 ([RFC 3962]).
    pub const AES256_SHA1: i32 = 18;
    /// AES128 with SHA-256 ([RFC 8009]).
    pub const AES128_SHA256: i32 = 19;
    /// AES256 with SHA-384 ([RFC 8009]).
    pub const AES256_SHA384: i32 = 20;
}
