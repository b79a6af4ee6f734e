//! What the daemon's tests share.
#![allow(dead_code, unreachable_pub, missing_docs)]

pub mod demo;
pub mod front;
pub mod node;
