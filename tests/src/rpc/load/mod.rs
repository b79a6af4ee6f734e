//! More of everything than a server may have, and how those who behave fare meanwhile.
//!
//! - [`raw`]: connections that do what no decent client does.

pub mod raw;
