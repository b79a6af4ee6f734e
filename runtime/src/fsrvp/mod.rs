//! File Server Remote VSS Protocol \[MS-FSRVP\]: shadow copies of shares, server and client.
//!
//! [`server`] is what the protocol says a server does, as a state machine without I/O;
//! [`service`] lets a transport call it; [`ports`] is what it needs from the outside. [`client`] is
//! what it says a client does, over channels that somebody else opens.

pub mod client;
pub mod code;
mod context;
pub mod ports;
pub mod server;
pub mod service;
mod time;
mod unc;

pub use context::{Attributes, Context};
pub use time::FileTime;
pub use unc::{BadUnc, ShareUnc};
