//! What a failover cluster does, without its I/O.
//!
//! Behaviour is plain synchronous code: `(state, input, now) -> (state, reply, effects)`. Sockets,
//! disks, clocks and stores are traits here and live in `clusterd`; so everything can be run in
//! simulated time with faults, and read in one sitting.

pub mod clusapi;
pub mod clusapi_client;
pub mod cluster;
pub mod fsrvp;
pub mod security;
