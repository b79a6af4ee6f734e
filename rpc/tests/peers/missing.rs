//! What happens where a peer is missing.
#![allow(missing_docs, unreachable_pub)]

use std::env;

/// Fails the test, unless peers may be skipped.
pub fn missing(what: &str) {
    assert!(
        env::var("MSRPC_PEERS").is_ok_and(|value| value == "skip"),
        "{what}: `cargo xtask test` installs it, MSRPC_PEERS=skip does without"
    );
    eprintln!("skipped: {what}");
}
