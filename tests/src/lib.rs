//! What the whole-system tests of this workspace share: peers, recorded bytes, comparison.
//!
//! - [`ndrdump`]: Samba decodes a stub, and what it saw is compared with what we meant.
//! - [`fixtures`]: stubs that other programs made, committed under `tests/fixtures`.
//! - [`fuzz`]: hostile stubs.
//! - [`fuzz_idl`]: hostile IDL.
//! - [`rpc`]: RPC servers and clients of ours, and the programs that they are tried against.
//! - [`peers`]: the C programs behind these, and libndr's speed.
//!
//! A test that needs a peer fails when the peer is missing and says what to install
//! (`cargo xtask test` does it). With `MSRPC_PEERS=skip` such tests pass without testing
//! anything, and say so.

pub mod fixtures;
pub mod fuzz;
pub mod fuzz_idl;
pub mod ndrdump;
pub mod peers;
pub mod protocols;
pub mod rpc;
