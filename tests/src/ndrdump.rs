//! Samba's decoder as a witness: what did it see in a stub that we encoded?
//!
//! ```no_run
//! # use msrpc_ndr::reflect::Value;
//! use msrpc_tests::ndrdump::{Direction, Encoding, Peer, Stub, check};
//!
//! # let (bytes, meant): (Vec<u8>, Value) = unimplemented!();
//! let Some(mut peer) = Peer::for_test() else { return };
//! let stub = Stub::new("clusapi", 12, Direction::Request, Encoding::Ndr64, &bytes);
//! check(&mut peer, &stub, &meant).unwrap();
//! ```
//!
//! The witness is `ndrd`, a small C program (`tests/peers/ndrd.c`, built on first use) on the
//! library that Samba's `ndrdump` is made of: some 20,000 stubs per second, in all three
//! encodings, and it encodes again what it decoded, so that bytes are compared too. Without a
//! C compiler or Samba's headers, `ndrdump` itself serves: some 30 per second, no big-endian,
//! no bytes.

mod check;
mod compare;
mod divergences;
mod parse;
mod peer;
mod tree;

pub use check::{Disagreement, Verdict, check, check_with};
pub use compare::{Leniency, Mismatch, compare};
pub use divergences::{DIVERGENCES, Divergence, Effect};
pub use parse::{Malformed, parse_ndrd, parse_ndrdump};
pub use peer::{Direction, Encoding, Peer, Refusal, Stub, Unavailable};
pub use tree::{Decoded, Node, Tree};
