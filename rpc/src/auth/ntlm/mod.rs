//! NTLM ([MS-NLMP]): NTLMv2 with extended session security, and nothing older.
//!
//! [`NtlmClient`] and [`NtlmServer`] are the two ends. Both stand alone (authentication service 10)
//! or inside SPNEGO. What they insist on:
//!
//! - NTLMv1 and LAN Manager responses are never sent and always refused; so are keys of less than
//!   128 bits, and text in code pages.
//! - The client's authenticate message carries an integrity code over all three messages (MIC). The
//!   server requires one where the NTLMv2 response, which the password protects, says that there is
//!   one; [`NtlmServerConfig::require_mic`] refuses clients without.
//! - The server looks the account up by name and proves it: what a client says of itself never
//!   becomes its identity.
//! - A PDU is covered whole, header and trailer too, with header signing or without.
//! - A context that has seen one bad token or signature is of no use any more.

mod av_pairs;
mod client;
mod context;
mod flags;
mod keys;
mod message;
mod server;
mod session;
#[cfg(test)]
mod tests;
mod wire;

pub use av_pairs::{AvId, AvPairs};
pub use client::{NtlmClient, NtlmCredentials};
pub use flags::NegotiateFlags;
pub use message::{Authenticate, Challenge, Negotiate};
pub use server::{NtlmServer, NtlmServerConfig};

use std::time::SystemTime;

use msrpc_ndr::FILETIME_TO_UNIX;

use super::AuthError;

/// The authentication service number of NTLM ([MS-RPCE] 2.2.1.1.7).
pub const AUTH_TYPE: u8 = 10;

/// A time as NTLM has it, in 100 ns since 1601.
fn file_time(time: SystemTime) -> u64 {
    let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from((FILETIME_TO_UNIX + since_1970).as_nanos() / 100).unwrap_or(u64::MAX)
}

/// Random octets.
fn random<const N: usize>() -> Result<[u8; N], AuthError> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).map_err(|error| AuthError::Random(error.to_string()))?;
    Ok(octets)
}
