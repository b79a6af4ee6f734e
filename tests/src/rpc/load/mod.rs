//! More of everything than a server may have, and how those who behave fare meanwhile.
//!
//! - [`raw`]: connections that do what no decent client does.
//! - [`attack`]: what they do together, in a process of their own (`tests/src/bin/load.rs`).
//! - [`siege`]: a server under attack, what it uses, and how long a client that behaves waits.

pub mod attack;
pub mod raw;
pub mod siege;
