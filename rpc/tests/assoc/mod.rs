//! What the tests of associations share.
#![allow(dead_code, unreachable_pub, missing_docs)]

pub mod pair;
pub mod provider;
pub mod service;
