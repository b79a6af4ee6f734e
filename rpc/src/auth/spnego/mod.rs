//! SPNEGO ([RFC 4178], [MS-SPNG]): negotiation between mechanisms.
//!
//! [`SpnegoClient`] and [`SpnegoServer`] negotiate between any [`Mechanism`]s and then stand for the
//! one that was chosen.
//!
//! The list of mechanisms travels unprotected, so that somebody in between could take the better ones
//! out. mechListMIC, a code over the list by the mechanism that was chosen, guards against that:
//!
//! - Where the mechanism has integrity and the client sends the last token, as with NTLM, the client
//!   always sends the code and insists on the server's.
//! - Where the mechanism is not the client's first choice, or a side asks for it, both insist.
//! - A mechanism without integrity (NTLM at level connect) has no code. The client then accepts its
//!   own first choice only; the server cannot know better and accepts.

mod client;
mod server;
#[cfg(test)]
mod tests;
mod token;

pub use client::SpnegoClient;
pub use server::SpnegoServer;

use std::fmt;

use super::{AuthError, Mechanism};

/// The authentication service number of SPNEGO ([MS-RPCE] 2.2.1.1.7).
pub const AUTH_TYPE: u8 = 9;

/// A mechanism that was chosen.
struct Chosen {
    mechanism: Box<dyn Mechanism>,
    /// Its place in the client's list was not the first, or a side asked for the code.
    mic_required: bool,
    /// The mechanism's own exchange is over.
    complete: bool,
    mic_sent: bool,
    mic_verified: bool,
}

impl Chosen {
    fn new(mechanism: Box<dyn Mechanism>, mic_required: bool) -> Self {
        Self { mechanism, mic_required, complete: false, mic_sent: false, mic_verified: false }
    }

    /// A step of the mechanism.
    fn step(&mut self, token: &[u8]) -> Result<Option<Vec<u8>>, AuthError> {
        let step = self.mechanism.step(token)?;
        self.complete = step.done;
        Ok(step.token)
    }

    fn make_mic(&mut self, mechanism_list: &[u8]) -> Result<Vec<u8>, AuthError> {
        self.mic_sent = true;
        self.mechanism.make_mic(mechanism_list)
    }

    fn verify_mic(&mut self, mechanism_list: &[u8], mic: &[u8]) -> Result<(), AuthError> {
        if !self.complete || self.mic_verified {
            return Err(AuthError::Malformed("SPNEGO: a mechListMIC comes out of turn".to_owned()));
        }
        self.mechanism.verify_mic(mechanism_list, mic).map_err(|error| match error {
            AuthError::BadSignature => AuthError::Tampered,
            other => other,
        })?;
        self.mic_verified = true;
        Ok(())
    }
}

impl fmt::Debug for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chosen")
            .field("mechanism", &self.mechanism.oids())
            .field("mic_required", &self.mic_required)
            .field("complete", &self.complete)
            .finish_non_exhaustive()
    }
}

fn no_mic() -> AuthError {
    AuthError::Negotiation("the peer does not prove the list of mechanisms".to_owned())
}

/// What both ends do alike once the mechanism is chosen.
macro_rules! delegate_to_mechanism {
    () => {
        fn auth_type(&self) -> u8 {
            $crate::auth::spnego::AUTH_TYPE
        }

        fn token_len(&self, level: AuthLevel, stub_len: usize) -> usize {
            self.established().map_or(0, |mechanism| mechanism.token_len(level, stub_len))
        }

        fn protect(&mut self, level: AuthLevel, pdu: PduParts<'_>, token: &mut [u8]) -> Result<(), AuthError> {
            self.established_mut()?.protect(level, pdu, token)
        }

        fn unprotect(&mut self, level: AuthLevel, pdu: PduParts<'_>, token: &[u8]) -> Result<(), AuthError> {
            self.established_mut()?.unprotect(level, pdu, token)
        }

        fn set_header_signing(&mut self, negotiated: bool) {
            self.header_signing = negotiated;
            if let Ok(mechanism) = self.established_mut() {
                mechanism.set_header_signing(negotiated);
            }
        }

        fn peer(&self) -> Option<PeerIdentity> {
            self.established()?.peer()
        }

        fn session_key(&self) -> Option<SessionKey> {
            self.established()?.session_key()
        }
    };
}
use delegate_to_mechanism;
