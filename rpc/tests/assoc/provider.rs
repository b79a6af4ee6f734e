//! A security provider for tests: a shared secret, any number of legs, sealing with a keystream
//! that moves on with each PDU. Not secure, but strict.

use std::hash::{DefaultHasher, Hash, Hasher};

use msrpc::auth::{AuthError, PduParts, PeerIdentity, SecurityContext, Step};
use msrpc_ndr::{AuthLevel, SessionKey};

pub const AUTH_TYPE: u8 = 0x77;

pub struct TestContext {
    secret: u64,
    /// Tokens still to be exchanged, ours and the peer's.
    legs: u32,
    initiator: bool,
    done: bool,
    header_signing: bool,
    sent: u64,
    received: u64,
    user: Option<String>,
    pub blocks: bool,
    pub tokens: usize,
}

impl TestContext {
    pub fn initiator(secret: u64, legs: u32) -> Self {
        Self {
            secret,
            legs,
            initiator: true,
            done: false,
            header_signing: false,
            sent: 0,
            received: 0,
            user: None,
            blocks: false,
            tokens: 9,
        }
    }

    pub fn acceptor(secret: u64, legs: u32, user: Option<&str>) -> Self {
        Self { initiator: false, user: user.map(str::to_owned), ..Self::initiator(secret, legs) }
    }

    fn token(&self, leg: u32) -> Vec<u8> {
        let mut token = vec![u8::try_from(leg).unwrap(); self.tokens];
        token.extend(mac(&[&self.secret.to_le_bytes(), &[u8::try_from(leg).unwrap()]]));
        token
    }

    fn mac(&self, direction: bool, sequence: u64, pdu: &PduParts<'_>) -> [u8; 8] {
        let keys = [self.secret.to_le_bytes(), sequence.to_le_bytes(), [u8::from(direction); 8]].concat();
        let (header, trailer): (&[u8], &[u8]) =
            if self.header_signing { (pdu.header, pdu.trailer) } else { (&[], &[]) };
        mac(&[&keys, header, pdu.stub, trailer])
    }

    fn seal(&self, direction: bool, sequence: u64, stub: &mut [u8]) {
        let pad = mac(&[&self.secret.to_le_bytes(), &sequence.to_le_bytes(), &[u8::from(direction)]]);
        stub.iter_mut().zip(pad.iter().cycle()).for_each(|(octet, pad)| *octet ^= pad);
    }
}

fn mac(parts: &[&[u8]]) -> [u8; 8] {
    let mut hasher = DefaultHasher::new();
    parts.iter().for_each(|part| part.hash(&mut hasher));
    hasher.finish().to_le_bytes()
}

impl SecurityContext for TestContext {
    fn auth_type(&self) -> u8 {
        AUTH_TYPE
    }

    fn may_block(&self) -> bool {
        self.blocks
    }

    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError> {
        if self.done {
            return Err(AuthError::NotEstablished);
        }
        if !(self.initiator && self.sent == 0) {
            if token != self.token(self.legs).as_slice() {
                return Err(AuthError::WrongPassword("tester".to_owned()));
            }
            self.legs -= 1;
        }
        self.sent = 1;
        let token = (self.legs > 0).then(|| self.token(self.legs));
        if token.is_some() {
            self.legs -= 1;
            // `token` numbers what the peer has to see.
            self.legs += 0;
        }
        let done = self.legs == 0;
        if done {
            self.done = true;
            self.sent = 0;
        }
        Ok(Step { token, done })
    }

    fn token_len(&self, _: AuthLevel, _: usize) -> usize {
        16
    }

    fn protect(&mut self, level: AuthLevel, pdu: PduParts<'_>, token: &mut [u8]) -> Result<(), AuthError> {
        assert!(self.done);
        let sequence = self.sent;
        self.sent += 1;
        token[..8].copy_from_slice(&self.mac(self.initiator, sequence, &pdu));
        token[8..].copy_from_slice(&sequence.to_le_bytes());
        if level == AuthLevel::Privacy {
            self.seal(self.initiator, sequence, pdu.stub);
        }
        Ok(())
    }

    fn unprotect(&mut self, level: AuthLevel, pdu: PduParts<'_>, token: &[u8]) -> Result<(), AuthError> {
        assert!(self.done);
        let sequence = self.received;
        self.received += 1;
        let PduParts { header, stub, trailer } = pdu;
        if level == AuthLevel::Privacy {
            self.seal(!self.initiator, sequence, stub);
        }
        let expected = self.mac(!self.initiator, sequence, &PduParts { header, stub, trailer });
        if token.len() != 16 || token[..8] != expected || token[8..] != sequence.to_le_bytes() {
            return Err(AuthError::BadSignature);
        }
        Ok(())
    }

    fn set_header_signing(&mut self, negotiated: bool) {
        self.header_signing = negotiated;
    }

    fn peer(&self) -> Option<PeerIdentity> {
        let user = self.user.clone();
        (!self.initiator).then(|| PeerIdentity { user, domain: Some("TEST".to_owned()), ..PeerIdentity::default() })
    }

    fn session_key(&self) -> Option<SessionKey> {
        Some(SessionKey::new(self.secret.to_le_bytes()))
    }
}
