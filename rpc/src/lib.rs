//! MS-RPC runtime: DCE/RPC (C706) with Microsoft's extensions ([MS-RPCE]), client and server.
//!
//! # Layers
//!
//! - [`pdu`]: what travels, typed.
//! - [`association`]: connections as state machines without sockets or clocks.
//! - [`auth`]: security providers behind one trait.
//! - [`binding`]: string bindings.
//! - [`epm`] and [`mgmt`]: the endpoint mapper and the management interface.
//! - [`metrics`]: what servers and clients count.
//! - [`server`] and [`client`]: the state machines on tokio, over the streams of [`transport`].

pub mod association;
pub mod auth;
pub mod binding;
pub mod client;
pub mod epm;
pub mod metrics;
pub mod mgmt;
pub mod pdu;
pub mod server;
pub mod transport;
