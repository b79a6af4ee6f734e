//! Signing and sealing ([MS-NLMP] 3.4), with extended session security and 128-bit keys only.

use std::fmt;

use hmac::Mac;
use rc4::{Rc4, StreamCipher};
use subtle::ConstantTimeEq;

use super::{
    flags::NegotiateFlags,
    keys::{HmacMd5, Key, Sender, keyed, rc4, seal_key, sign_key},
};
use crate::auth::{AuthError, PduParts};

/// Octets of a signature.
pub(super) const SIGNATURE_LEN: usize = 16;

/// The octets that every signature begins with.
const SIGNATURE_VERSION: [u8; 4] = [1, 0, 0, 0];

/// The keys of an established context, both directions.
pub(super) struct Session {
    outgoing: Direction,
    incoming: Direction,
    flags: NegotiateFlags,
}

/// The keys of one direction.
struct Direction {
    signing: HmacMd5,
    sealing: Rc4,
    sealing_key: Key,
    sequence: u32,
    key_exchange: bool,
}

impl Session {
    pub(super) fn new(session_key: &Key, flags: NegotiateFlags, own: Sender) -> Self {
        let peer = match own {
            Sender::Client => Sender::Server,
            Sender::Server => Sender::Client,
        };
        let key_exchange = flags.contains(NegotiateFlags::KEY_EXCHANGE);
        let direction = |sender| Direction::new(session_key, sender, key_exchange);
        Self { outgoing: direction(own), incoming: direction(peer), flags }
    }

    /// Whether signatures can be made.
    pub(super) fn has_integrity(&self) -> bool {
        self.flags.protects()
    }

    pub(super) fn sign(&mut self, pdu: &PduParts<'_>) -> Result<[u8; SIGNATURE_LEN], AuthError> {
        self.require(NegotiateFlags::SIGN | NegotiateFlags::SEAL)?;
        let code = self.outgoing.code([pdu.header, pdu.stub, pdu.trailer]);
        Ok(self.outgoing.signature(code))
    }

    /// Seals the stub in place.
    pub(super) fn seal(&mut self, pdu: PduParts<'_>) -> Result<[u8; SIGNATURE_LEN], AuthError> {
        self.require(NegotiateFlags::SEAL)?;
        let code = self.outgoing.code([pdu.header, pdu.stub, pdu.trailer]);
        self.outgoing.sealing.apply_keystream(pdu.stub);
        Ok(self.outgoing.signature(code))
    }

    pub(super) fn verify(&mut self, pdu: &PduParts<'_>, signature: &[u8]) -> Result<(), AuthError> {
        self.require(NegotiateFlags::SIGN | NegotiateFlags::SEAL)?;
        let code = self.incoming.code([pdu.header, pdu.stub, pdu.trailer]);
        self.incoming.check(code, signature)
    }

    /// Unseals the stub in place.
    pub(super) fn unseal(&mut self, pdu: PduParts<'_>, signature: &[u8]) -> Result<(), AuthError> {
        self.require(NegotiateFlags::SEAL)?;
        self.incoming.sealing.apply_keystream(pdu.stub);
        let code = self.incoming.code([pdu.header, pdu.stub, pdu.trailer]);
        self.incoming.check(code, signature)
    }

    /// Signs SPNEGO's list of mechanisms.
    pub(super) fn make_mic(&mut self, data: &[u8]) -> Result<[u8; SIGNATURE_LEN], AuthError> {
        self.require(NegotiateFlags::SIGN | NegotiateFlags::SEAL)?;
        Ok(self.outgoing.first_signature(data))
    }

    /// Verifies the signature of SPNEGO's list of mechanisms.
    pub(super) fn verify_mic(&mut self, data: &[u8], mic: &[u8]) -> Result<(), AuthError> {
        self.require(NegotiateFlags::SIGN | NegotiateFlags::SEAL)?;
        compare(&self.incoming.first_signature(data), mic)
    }

    fn require(&self, any: NegotiateFlags) -> Result<(), AuthError> {
        match self.flags.intersects(any) {
            true => Ok(()),
            false => Err(AuthError::Negotiation("the level was not negotiated with NTLM".to_owned())),
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("flags", &self.flags)
            .field("sent", &self.outgoing.sequence)
            .field("received", &self.incoming.sequence)
            .finish_non_exhaustive()
    }
}

impl Direction {
    fn new(session_key: &Key, sender: Sender, key_exchange: bool) -> Self {
        let sealing_key = seal_key(session_key, sender);
        Self {
            signing: keyed(&sign_key(session_key, sender)),
            sealing: rc4(&sealing_key),
            sealing_key,
            sequence: 0,
            key_exchange,
        }
    }

    /// The code over the next message, not yet encrypted.
    fn code(&self, parts: [&[u8]; 3]) -> [u8; 8] {
        let mut mac = self.signing.clone();
        mac.update(&self.sequence.to_le_bytes());
        for part in parts {
            mac.update(part);
        }
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 16]>::from(mac.finalize().into_bytes());
        [a, b, c, d, e, f, g, h]
    }

    /// The signature of the next message, which it thereby takes from the sequence.
    fn signature(&mut self, mut code: [u8; 8]) -> [u8; SIGNATURE_LEN] {
        if self.key_exchange {
            self.sealing.apply_keystream(&mut code);
        }
        self.number(code)
    }

    /// The signature of a message that takes a number from the sequence and leaves the stream cipher
    /// where it is, at its beginning ([MS-SPNG] 3.2.5.1).
    fn first_signature(&mut self, data: &[u8]) -> [u8; SIGNATURE_LEN] {
        let mut code = self.code([data, &[], &[]]);
        if self.key_exchange {
            rc4(&self.sealing_key).apply_keystream(&mut code);
        }
        self.number(code)
    }

    fn number(&mut self, code: [u8; 8]) -> [u8; SIGNATURE_LEN] {
        let mut signature = [0; SIGNATURE_LEN];
        let parts = SIGNATURE_VERSION.iter().chain(&code).copied().chain(self.sequence.to_le_bytes());
        for (to, from) in signature.iter_mut().zip(parts) {
            *to = from;
        }
        self.sequence = self.sequence.wrapping_add(1);
        signature
    }

    fn check(&mut self, code: [u8; 8], signature: &[u8]) -> Result<(), AuthError> {
        compare(&self.signature(code), signature)
    }
}

fn compare(expected: &[u8; SIGNATURE_LEN], signature: &[u8]) -> Result<(), AuthError> {
    match bool::from(expected.as_slice().ct_eq(signature)) {
        true => Ok(()),
        false => Err(AuthError::BadSignature),
    }
}
