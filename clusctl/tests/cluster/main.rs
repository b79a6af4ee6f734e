//! Managing a cluster: the commands against clusterd's demo, in this process.

mod failures;
mod objects;
mod peer;
mod registry;
mod resources;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod watch;
