//! A security context that only looks: it sends the first token, and keeps the answer.

use std::sync::{Arc, Mutex, PoisonError};

use msrpc::auth::{
    AuthError, PduParts, PeerIdentity, SecurityContext, Step,
    ntlm::{NtlmClient, NtlmCredentials},
    spnego::SpnegoClient,
};
use msrpc_ndr::{AuthLevel, SessionKey};

/// What the server answers to the first token.
pub(crate) type Answer = Arc<Mutex<Option<Vec<u8>>>>;

pub(crate) struct Probe {
    auth_type: u8,
    first: Option<Box<dyn SecurityContext>>,
    answer: Answer,
}

impl Probe {
    /// A probe for an authentication service, and where its answer will be.
    pub(crate) fn new(auth_type: u8) -> (Self, Answer) {
        let ntlm = || NtlmClient::new(NtlmCredentials::anonymous(), AuthLevel::Integrity);
        let first: Option<Box<dyn SecurityContext>> = match auth_type {
            msrpc::auth::ntlm::AUTH_TYPE => Some(Box::new(ntlm())),
            msrpc::auth::spnego::AUTH_TYPE => Some(Box::new(SpnegoClient::new(vec![Box::new(ntlm())]))),
            _ => None,
        };
        let answer = Answer::default();
        (Self { auth_type, first, answer: Arc::clone(&answer) }, answer)
    }
}

/// Takes the answer out.
pub(crate) fn take(answer: &Answer) -> Option<Vec<u8>> {
    answer.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl SecurityContext for Probe {
    fn auth_type(&self) -> u8 {
        self.auth_type
    }

    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError> {
        if !token.is_empty() {
            *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.to_vec());
            return Err(AuthError::Refused);
        }
        match &mut self.first {
            Some(context) => context.step(&[]),
            // A token that no provider takes: one that there is says so.
            None => Ok(Step { token: Some(vec![0x60, 0x00]), done: false }),
        }
    }

    fn token_len(&self, _: AuthLevel, _: usize) -> usize {
        0
    }

    fn protect(&mut self, _: AuthLevel, _: PduParts<'_>, _: &mut [u8]) -> Result<(), AuthError> {
        Err(AuthError::NotEstablished)
    }

    fn unprotect(&mut self, _: AuthLevel, _: PduParts<'_>, _: &[u8]) -> Result<(), AuthError> {
        Err(AuthError::NotEstablished)
    }

    fn peer(&self) -> Option<PeerIdentity> {
        None
    }

    fn session_key(&self) -> Option<SessionKey> {
        None
    }
}
