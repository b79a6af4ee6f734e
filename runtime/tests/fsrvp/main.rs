//! The server of [MS-FSRVP] 3.1, called through the generated client in simulated time.
//!
//! Which rule of the document each test proves is in `tests/conformance/fsrvp.toml` of the workspace.

mod access;
mod add;
mod client;
mod delete;
mod expose;
mod finish;
mod names;
mod paths;
mod prepare_commit;
mod restart;
mod set_context;
mod simulation;
mod start;
mod timer;
mod world;
