//! Hostile octets for the runtime: PDUs, a server's association before, within and behind logins, a
//! client's association.
//!
//! A case is a string of octets that says all there is to do. `fuzz/` runs the same targets under
//! libFuzzer, `cargo run -p msrpc-tests --release --bin fuzz` mutates without it, and `cargo test`
//! does a little with a fixed seed. `fuzz/seeds` holds the cases to begin with.

mod authenticated;
mod client;
mod corpus;
mod kerberos;
mod logins;
mod pdu;
mod server;

use std::panic::{self, AssertUnwindSafe};

pub use corpus::{mutate, record, seeds};

/// What is fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The parsers of PDUs.
    Pdu,
    /// A server's association, by a client that does not authenticate, or tries to.
    Server,
    /// A server's association behind a login: most PDUs are signed or sealed as they should be.
    Authenticated,
    /// A server's association while clients log in: several security contexts, legs in any order.
    Logins,
    /// A client's association.
    Client,
}

impl Target {
    /// All.
    pub const ALL: [Self; 5] = [Self::Pdu, Self::Server, Self::Authenticated, Self::Logins, Self::Client];

    /// Its name: that of the libFuzzer target, and of its seeds' folder.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pdu => "rpc_pdu",
            Self::Server => "rpc_server",
            Self::Authenticated => "rpc_authenticated",
            Self::Logins => "rpc_logins",
            Self::Client => "rpc_client",
        }
    }

    /// Runs a case. Gives how far it came: PDUs that were parsed, or calls that were run or answered.
    ///
    /// # Errors
    /// Says which rule does not hold, and how to run the case again.
    pub fn check(self, octets: &[u8]) -> Result<usize, String> {
        let run = match self {
            Self::Pdu => pdu::check,
            Self::Server => server::check,
            Self::Authenticated => authenticated::check,
            Self::Logins => logins::check,
            Self::Client => client::check,
        };
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| run(octets)));
        let outcome = outcome.unwrap_or_else(|_| Err("a panic".to_owned()));
        outcome.map_err(|rule| format!("{}: {rule}\n{}", self.name(), crate::fixtures::hex::encode(octets)))
    }
}

/// A case that is being read: what is missing at its end is zero.
struct Input<'a> {
    octets: &'a [u8],
}

impl<'a> Input<'a> {
    fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    fn u8(&mut self) -> u8 {
        let Some((&first, rest)) = self.octets.split_first() else { return 0 };
        self.octets = rest;
        first
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.octets.split_at(len.min(self.octets.len()));
        self.octets = rest;
        taken
    }
}

/// Reports a rule that does not hold.
fn ensure(holds: bool, rule: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(rule()) }
}
