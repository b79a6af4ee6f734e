//! An established context, the same for both ends.

use std::fmt;

use msrpc_ndr::{AuthLevel, SessionKey};

use super::{
    flags::NegotiateFlags,
    keys::{Key, Sender},
    session::{SIGNATURE_LEN, Session},
};
use crate::auth::{AuthError, PduParts};

/// Keys, and whether they are still good.
pub(super) struct Context {
    session: Session,
    key: Key,
    failed: bool,
}

impl Context {
    pub(super) fn new(key: Key, flags: NegotiateFlags, own: Sender) -> Self {
        Self { session: Session::new(&key, flags, own), key, failed: false }
    }

    pub(super) fn session_key(&self) -> SessionKey {
        SessionKey::new(self.key.as_slice())
    }

    pub(super) fn has_integrity(&self) -> bool {
        self.session.has_integrity()
    }

    pub(super) fn protect(&mut self, level: AuthLevel, pdu: PduParts<'_>, token: &mut [u8]) -> Result<(), AuthError> {
        self.usable()?;
        let token: &mut [u8; SIGNATURE_LEN] = token.try_into().map_err(|_| no_room())?;
        *token = match level {
            AuthLevel::Privacy => self.session.seal(pdu)?,
            AuthLevel::Integrity | AuthLevel::Packet | AuthLevel::Call => self.session.sign(&pdu)?,
            AuthLevel::Connect | AuthLevel::None => return Err(unprotected()),
        };
        Ok(())
    }

    pub(super) fn unprotect(&mut self, level: AuthLevel, pdu: PduParts<'_>, token: &[u8]) -> Result<(), AuthError> {
        self.usable()?;
        let outcome = match level {
            AuthLevel::Privacy => self.session.unseal(pdu, token),
            AuthLevel::Integrity | AuthLevel::Packet | AuthLevel::Call => self.session.verify(&pdu, token),
            AuthLevel::Connect | AuthLevel::None => Err(unprotected()),
        };
        self.failed = outcome.is_err();
        outcome
    }

    pub(super) fn make_mic(&mut self, data: &[u8]) -> Result<Vec<u8>, AuthError> {
        self.usable()?;
        self.session.make_mic(data).map(Vec::from)
    }

    pub(super) fn verify_mic(&mut self, data: &[u8], mic: &[u8]) -> Result<(), AuthError> {
        self.usable()?;
        let outcome = self.session.verify_mic(data, mic);
        self.failed = outcome.is_err();
        outcome
    }

    fn usable(&self) -> Result<(), AuthError> {
        if self.failed { Err(AuthError::NotEstablished) } else { Ok(()) }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("session", &self.session).field("failed", &self.failed).finish_non_exhaustive()
    }
}

/// Octets of the token at a level.
pub(super) fn token_len(level: AuthLevel) -> usize {
    match level {
        AuthLevel::None | AuthLevel::Connect => 0,
        AuthLevel::Call | AuthLevel::Packet | AuthLevel::Integrity | AuthLevel::Privacy => SIGNATURE_LEN,
    }
}

fn no_room() -> AuthError {
    AuthError::Negotiation(format!("an NTLM signature has {SIGNATURE_LEN} octets"))
}

fn unprotected() -> AuthError {
    AuthError::Negotiation("PDUs are not protected at this level".to_owned())
}
