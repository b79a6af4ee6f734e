//! An established context, the same for both ends.

use msrpc_gssapi::{Context, Flags, Parts, enctype};
use msrpc_ndr::{AuthLevel, SessionKey};

use super::{KerberosError, Reason, features, message::Messages};
use crate::auth::{AuthError, PduParts};

/// Octets of the largest token that the library unseals: AES' have 76, or 80 with SHA-2.
const MAX_TOKEN: usize = 256;

/// The encryption types of session keys.
const AES: [i32; 4] = [enctype::AES256_SHA1, enctype::AES128_SHA1, enctype::AES256_SHA384, enctype::AES128_SHA256];

/// A context that is established, and whether it is still good.
#[derive(Debug)]
pub(super) struct Session {
    protection: Protection,
    key: SessionKey,
    flags: Flags,
    /// Octets of tokens, which with AES are the same for every PDU.
    wrap_len: usize,
    mic_len: usize,
    header_signing: bool,
    failed: bool,
}

/// Who makes and reads tokens.
#[derive(Debug)]
enum Protection {
    /// Ourselves, with the keys of AES with SHA-1, which Windows has.
    Own(Box<Messages>),
    /// The library, for newer encryption types.
    Library(Context),
}

impl Session {
    /// Takes an established context, if it has what the level needs.
    pub(super) fn new(context: Context, flags: Flags, level: AuthLevel) -> Result<Self, AuthError> {
        let missing = features(level).without(flags);
        if !missing.is_empty() {
            return Err(AuthError::Negotiation(format!("the Kerberos context lacks {missing:?} for level {level:?}")));
        }
        let (enctype, key) = context.session_key()?;
        if !AES.contains(&enctype) {
            return Err(AuthError::Negotiation(format!(
                "the Kerberos session key has encryption type {enctype}; only AES will do: give the service's \
                 account such keys"
            )));
        }
        let (wrap_len, mic_len) = (context.wrap_len(16)?, context.mic_len(16)?);
        let protection = match enctype {
            enctype::AES256_SHA1 | enctype::AES128_SHA1 => {
                let messages = Messages::new(&context.into_keys()?);
                let failed = || AuthError::Negotiation("the Kerberos session key has an odd length".to_owned());
                Protection::Own(Box::new(messages.ok_or_else(failed)?))
            }
            _ => Protection::Library(context),
        };
        let key = SessionKey::new(key.as_slice());
        Ok(Self { protection, key, flags, wrap_len, mic_len, header_signing: false, failed: false })
    }

    pub(super) fn set_header_signing(&mut self, negotiated: bool) {
        self.header_signing = negotiated;
    }

    pub(super) fn has_integrity(&self) -> bool {
        self.flags.contains(Flags::INTEGRITY)
    }

    pub(super) fn session_key(&self) -> SessionKey {
        self.key.clone()
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
        match (level, &mut self.protection) {
            (AuthLevel::Privacy, Protection::Own(messages)) => messages.wrap(parts, token),
            (AuthLevel::Privacy, Protection::Library(context)) => Ok(context.wrap(parts, token)?),
            (AuthLevel::Connect | AuthLevel::None, _) => Err(unprotected()),
            (_, Protection::Own(messages)) => messages.sign([parts.before, parts.data, parts.after], token),
            (_, Protection::Library(context)) => Ok(context.sign(parts, token)?),
        }
    }

    pub(super) fn unprotect(&mut self, level: AuthLevel, pdu: PduParts<'_>, token: &[u8]) -> Result<(), AuthError> {
        self.usable()?;
        let parts = self.covered(pdu);
        let outcome = match (level, &mut self.protection) {
            (AuthLevel::Privacy, Protection::Own(messages)) => messages.unwrap(parts, token),
            (AuthLevel::Privacy, Protection::Library(context)) => unwrap(context, parts, token),
            (AuthLevel::Connect | AuthLevel::None, _) => Err(unprotected()),
            (_, Protection::Own(messages)) => messages.verify([parts.before, parts.data, parts.after], token),
            (_, Protection::Library(context)) => context.verify(parts, token).map_err(refused),
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
        match &mut self.protection {
            Protection::Own(messages) => {
                let mut token = vec![0; self.mic_len];
                messages.sign([data, &[], &[]], &mut token)?;
                Ok(token)
            }
            Protection::Library(context) => Ok(context.make_mic(data)?.to_vec()),
        }
    }

    pub(super) fn verify_mic(&mut self, data: &[u8], mic: &[u8]) -> Result<(), AuthError> {
        self.usable()?;
        let outcome = match &mut self.protection {
            Protection::Own(messages) => messages.verify([data, &[], &[]], mic),
            Protection::Library(context) => context.verify_mic(data, mic).map_err(refused),
        };
        self.failed = outcome.is_err();
        outcome
    }

    fn usable(&self) -> Result<(), AuthError> {
        if self.failed { Err(AuthError::NotEstablished) } else { Ok(()) }
    }
}

/// The library uses the token up.
fn unwrap(context: &mut Context, parts: Parts<'_>, token: &[u8]) -> Result<(), AuthError> {
    let mut copy = [0; MAX_TOKEN];
    let copy = copy.get_mut(..token.len()).ok_or(AuthError::BadSignature)?;
    copy.copy_from_slice(token);
    context.unwrap(parts, copy).map_err(refused)
}

/// The same errors whoever reads tokens.
fn refused(error: KerberosError) -> AuthError {
    match error.reason() {
        Reason::BadSignature | Reason::Malformed | Reason::NotSealed => AuthError::BadSignature,
        Reason::Replay => AuthError::Replayed,
        Reason::OutOfSequence => AuthError::OutOfSequence,
        _ => error.into(),
    }
}

fn unprotected() -> AuthError {
    AuthError::Negotiation("PDUs are not protected at this level".to_owned())
}
