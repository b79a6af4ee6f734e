//! Managing a cluster: the commands against clusterd's demo, in this process. About 10 s.
#![allow(unreachable_pub, missing_docs)]

mod failures;
mod kerberos;
mod objects;
mod peer;
mod registry;
mod resources;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod watch;
