//! An established context, the same for both ends.

use msrpc_gssapi::{Context, Flags, Parts, enctype};
use msrpc_ndr::{AuthLevel, SessionKey};

use super::{KerberosError, Reason, features};
use crate::auth::{AuthError, PduParts};

/// Octets of the largest token that is unsealed: AES' have 76.
const MAX_TOKEN: usize = 256;

/// The encryption types of session keys.
const AES: [i32; 4] = [enctype::AES256_SHA1, enctype::AES128_SHA1, enctype::AES256_SHA384, enctype::AES128_SHA256];

/// A context that is established, and whether it is still good.
#[derive(Debug)]
pub(super) struct Session {
    context: Context,
    flags: Flags,
    /// Octets of tokens, which with AES are the same for every PDU.
    wrap_len: usize,
    mic_len: usize,
    header_signing: bool,
    failed: bool,
}

impl Session {
    /// Takes an established context, if it has what the level needs.
    pub(super) fn new(context: Context, flags: Flags, level: AuthLevel) -> Result<Self, AuthError> {
        let missing = features(level).without(flags);
        if !missing.is_empty() {
            return Err(AuthError::Negotiation(format!("the Kerberos context lacks {missing:?} for level {level:?}")));
        }
        let (enctype, _) = context.session_key()?;
        if !AES.contains(&enctype) {
            return Err(AuthError::Negotiation(format!(
                "the Kerberos session key has encryption type {enctype}; only AES will do: give the service's \
                 account such keys"
            )));
        }
        let (wrap_len, mic_len) = (context.wrap_len(16)?, context.mic_len(16)?);
        Ok(Self { context, flags, wrap_len, mic_len, header_signing: false, failed: false })
    }

    pub(super) fn set_header_signing(&mut self, negotiated: bool) {
        self.header_signing = negotiated;
    }

    pub(super) fn has_integrity(&self) -> bool {
        self.flags.contains(Flags::INTEGRITY)
    }

    pub(super) fn session_key(&self) -> Option<SessionKey> {
        let (_, key) = self.context.session_key().ok()?;
        Some(SessionKey::new(key.as_slice()))
    }

    pub(super) fn token_len(&self, level: AuthLevel) -> usize {
        match level {
            AuthLevel::None | AuthLevel::Connect => 0,
            AuthLevel::Call | AuthLevel::Packet | AuthLevel::Integrity => self.mic_len,
            AuthLevel::Privacy => self.wrap_len,
        }
    }

    pub(super) fn protect(&mut self, level: AuthLevel, pdu: PduParts<'_>, token: &mut [u8]) -> Result<(), AuthError> {
        self.usable()?;
        let parts = self.covered(pdu);
        let outcome = match level {
            AuthLevel::Privacy => self.context.wrap(parts, token),
            AuthLevel::Integrity | AuthLevel::Packet | AuthLevel::Call => self.context.sign(parts, token),
            AuthLevel::Connect | AuthLevel::None => return Err(unprotected()),
        };
        Ok(outcome?)
    }

    pub(super) fn unprotect(&mut self, level: AuthLevel, pdu: PduParts<'_>, token: &[u8]) -> Result<(), AuthError> {
        self.usable()?;
        let parts = self.covered(pdu);
        let outcome = match level {
            // Unsealing uses the token up.
            AuthLevel::Privacy => match [0; MAX_TOKEN].get_mut(..token.len()) {
                Some(copy) => {
                    copy.copy_from_slice(token);
                    self.context.unwrap(parts, copy).map_err(refused)
                }
                None => Err(AuthError::BadSignature),
            },
            AuthLevel::Integrity | AuthLevel::Packet | AuthLevel::Call => {
                self.context.verify(parts, token).map_err(refused)
            }
            AuthLevel::Connect | AuthLevel::None => Err(unprotected()),
        };
        self.failed = outcome.is_err();
        outcome
    }

    /// What the token covers: without header signing the stub alone ([MS-RPCE] 2.2.2.3).
    fn covered<'a>(&self, pdu: PduParts<'a>) -> Parts<'a> {
        let PduParts { header, stub, trailer } = pdu;
        match self.header_signing {
            true => Parts { before: header, data: stub, after: trailer },
            false => Parts { before: &[], data: stub, after: &[] },
        }
    }

    pub(super) fn make_mic(&mut self, data: &[u8]) -> Result<Vec<u8>, AuthError> {
        self.usable()?;
        Ok(self.context.make_mic(data)?.to_vec())
    }

    pub(super) fn verify_mic(&mut self, data: &[u8], mic: &[u8]) -> Result<(), AuthError> {
        self.usable()?;
        let outcome = self.context.verify_mic(data, mic).map_err(refused);
        self.failed = outcome.is_err();
        outcome
    }

    fn usable(&self) -> Result<(), AuthError> {
        if self.failed { Err(AuthError::NotEstablished) } else { Ok(()) }
    }
}

/// A code that does not match is the same error for every provider.
fn refused(error: KerberosError) -> AuthError {
    match error.reason() {
        Reason::BadSignature | Reason::Malformed => AuthError::BadSignature,
        _ => error.into(),
    }
}

fn unprotected() -> AuthError {
    AuthError::Negotiation("PDUs are not protected at this level".to_owned())
}
