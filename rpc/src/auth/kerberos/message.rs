//! Tokens that protect messages ([RFC 4121]), in DCE style ([MS-RPCE] 2.2.1.1.7, [MS-KILE] 3.4.5.4.1).
//!
//! The library that establishes contexts could make them too. Its cipher is plain C, and takes five
//! times as long; and what is sealed here is sealed in place.

use getrandom::fill;
use hmac::Mac;
use msrpc_gssapi::{MessageKeys, Parts};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::crypto::{Aes, BLOCK, CODE, HmacSha1, Purpose, code, derive, keyed};
use crate::auth::AuthError;

/// Octets of a token's header.
const HEADER: usize = 16;

/// Octets of the token that seals: header, filler, header again, code, confounder.
pub(super) const WRAP: usize = HEADER + BLOCK + HEADER + CODE + BLOCK;

/// Octets of the token that signs: header, code.
pub(super) const MIC: usize = HEADER + CODE;

/// Bits of a token's flags.
const BY_ACCEPTOR: u8 = 1;
const SEALED: u8 = 2;
const SUBKEY: u8 = 4;

/// Octets of chance that are fetched at a time.
const POOL: usize = 16 * BLOCK;

/// The keys of an established context, both directions.
pub(super) struct Messages {
    outgoing: Direction,
    incoming: Direction,
    /// Confounders, and how much of them is used up.
    pool: Zeroizing<[u8; POOL]>,
    used: usize,
}

struct Direction {
    cipher: Aes,
    integrity: HmacSha1,
    checksum: HmacSha1,
    flags: u8,
    sequence: u64,
}

impl Direction {
    fn new(key: &[u8], by_acceptor: bool, subkey: bool, sequence: u64) -> Option<Self> {
        // Key usages of [RFC 4121] 2.
        let (seal, sign) = if by_acceptor { (22, 23) } else { (24, 25) };
        let mut flags = if by_acceptor { BY_ACCEPTOR } else { 0 };
        flags |= if subkey { SUBKEY } else { 0 };
        Some(Self {
            cipher: Aes::new(&derive(key, seal, Purpose::Encryption)?)?,
            integrity: keyed(&derive(key, seal, Purpose::Integrity)?)?,
            checksum: keyed(&derive(key, sign, Purpose::Checksum)?)?,
            flags,
            sequence,
        })
    }

    /// The header of the next token that seals. `rotated` is said outside, and not in the copy that is
    /// sealed.
    fn wrap_header(&self, rotated: u16) -> [u8; HEADER] {
        let mut header = [0x05, 0x04, self.flags | SEALED, 0xff, 0, BLOCK as u8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let [.., rrc_high, rrc_low, _, _, _, _, _, _, _, _] = &mut header;
        [*rrc_high, *rrc_low] = rotated.to_be_bytes();
        self.number(&mut header);
        header
    }

    /// The header of the next token that signs.
    fn mic_header(&self) -> [u8; HEADER] {
        let mut header = [0xff; HEADER];
        let [first, second, flags, ..] = &mut header;
        [*first, *second, *flags] = [0x04, 0x04, self.flags];
        self.number(&mut header);
        header
    }

    fn number(&self, header: &mut [u8; HEADER]) {
        for (to, from) in header.iter_mut().skip(8).zip(self.sequence.to_be_bytes()) {
            *to = from;
        }
    }

    /// Takes the number of a message that was verified, if it is its turn.
    fn take(&mut self, header: &[u8; HEADER]) -> Result<(), AuthError> {
        let [.., a, b, c, d, e, f, g, h] = *header;
        let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        match number.cmp(&self.sequence) {
            std::cmp::Ordering::Less => Err(AuthError::Replayed),
            std::cmp::Ordering::Greater => Err(AuthError::OutOfSequence),
            std::cmp::Ordering::Equal => {
                self.sequence = self.sequence.wrapping_add(1);
                Ok(())
            }
        }
    }
}

impl Messages {
    /// `None` for keys that are not AES'.
    pub(super) fn new(keys: &MessageKeys) -> Option<Self> {
        let direction = |by_acceptor, sequence| Direction::new(&keys.key, by_acceptor, keys.is_subkey, sequence);
        Some(Self {
            outgoing: direction(!keys.initiator, keys.send_sequence)?,
            incoming: direction(keys.initiator, keys.receive_sequence)?,
            pool: Zeroizing::new([0; POOL]),
            used: POOL,
        })
    }

    /// Seals the data, whole blocks, in place.
    pub(super) fn wrap(&mut self, parts: Parts<'_>, token: &mut [u8]) -> Result<(), AuthError> {
        let token: &mut [u8; WRAP] = token.try_into().map_err(|_| no_room())?;
        if !parts.data.len().is_multiple_of(BLOCK) {
            return Err(AuthError::Negotiation("Kerberos seals whole blocks of 16 octets".to_owned()));
        }
        let confounder = self.confounder()?;
        let outgoing = &mut self.outgoing;
        // What comes behind the data and its code is turned to the front, the filler being left out of
        // the count.
        let outside = outgoing.wrap_header((HEADER + CODE) as u16);
        let inside = outgoing.wrap_header(0);
        let Some((header, rest)) = token.split_first_chunk_mut::<HEADER>() else { return Err(no_room()) };
        let Some((tail, rest)) = rest.split_first_chunk_mut::<{ BLOCK + HEADER }>() else { return Err(no_room()) };
        let Some((mac, first)) = rest.split_first_chunk_mut::<CODE>() else { return Err(no_room()) };
        *header = outside;
        first.copy_from_slice(&confounder);
        let (filler, copy) = tail.split_at_mut(BLOCK);
        filler.fill(0xff);
        copy.copy_from_slice(&inside);
        let mut code_over = outgoing.integrity.clone();
        for part in [&*first, parts.before, &*parts.data, parts.after, &tail[..]] {
            code_over.update(part);
        }
        *mac = code(code_over);
        outgoing.cipher.encrypt([first, parts.data, &mut tail[..]]);
        outgoing.sequence = outgoing.sequence.wrapping_add(1);
        Ok(())
    }

    /// Verifies a message, and unseals the data in place.
    pub(super) fn unwrap(&mut self, parts: Parts<'_>, token: &[u8]) -> Result<(), AuthError> {
        let incoming = &mut self.incoming;
        let (header, rest) = token.split_first_chunk::<HEADER>().ok_or(AuthError::BadSignature)?;
        let [0x05, 0x04, flags, 0xff, ec_high, ec_low, rrc_high, rrc_low, ..] = *header else {
            return Err(AuthError::BadSignature);
        };
        if flags != incoming.flags | SEALED {
            return Err(AuthError::BadSignature);
        }
        let filler = usize::from(u16::from_be_bytes([ec_high, ec_low]));
        let rotated = usize::from(u16::from_be_bytes([rrc_high, rrc_low]));
        if rotated != HEADER + CODE || rest.len() != filler + HEADER + CODE + BLOCK {
            return Err(AuthError::BadSignature);
        }
        let (tail, rest) = rest.split_at_checked(filler + HEADER).ok_or(AuthError::BadSignature)?;
        let (mac, first) = rest.split_first_chunk::<CODE>().ok_or(AuthError::BadSignature)?;
        let mut confounder: [u8; BLOCK] = first.try_into().map_err(|_| AuthError::BadSignature)?;
        let mut code_over = incoming.integrity.clone();
        let mut inside = *header;
        let [_, _, _, _, _, _, rrc_high, rrc_low, ..] = &mut inside;
        [*rrc_high, *rrc_low] = [0, 0];
        let whole: Result<[u8; BLOCK + HEADER], _> = tail.try_into();
        let copy_matches = match whole {
            Ok(mut tail) if parts.data.len().is_multiple_of(BLOCK) => {
                incoming.cipher.decrypt([&mut confounder, parts.data, &mut tail]);
                for part in [&confounder[..], parts.before, &*parts.data, parts.after, &tail] {
                    code_over.update(part);
                }
                tail.ends_with(&inside)
            }
            // Peers that fill up otherwise: the message has to be put together first.
            _ => {
                let mut message = Zeroizing::new([&confounder[..], &*parts.data, tail].concat());
                incoming.cipher.decrypt_stolen(&mut message);
                let (confounder, rest) = message.split_at_checked(BLOCK).ok_or(AuthError::BadSignature)?;
                let (data, tail) = rest.split_at_checked(parts.data.len()).ok_or(AuthError::BadSignature)?;
                for part in [confounder, parts.before, data, parts.after, tail] {
                    code_over.update(part);
                }
                parts.data.copy_from_slice(data);
                tail.ends_with(&inside)
            }
        };
        match bool::from(code(code_over).ct_eq(mac)) && copy_matches {
            true => incoming.take(header),
            false => Err(AuthError::BadSignature),
        }
    }

    /// Signs a message.
    pub(super) fn sign(&mut self, parts: [&[u8]; 3], token: &mut [u8]) -> Result<(), AuthError> {
        let token: &mut [u8; MIC] = token.try_into().map_err(|_| no_room())?;
        let header = self.outgoing.mic_header();
        let code = checksum(&self.outgoing, parts, &header);
        for (to, from) in token.iter_mut().zip(header.into_iter().chain(code)) {
            *to = from;
        }
        self.outgoing.sequence = self.outgoing.sequence.wrapping_add(1);
        Ok(())
    }

    /// Verifies a message that was signed.
    pub(super) fn verify(&mut self, parts: [&[u8]; 3], token: &[u8]) -> Result<(), AuthError> {
        let (header, mac) = token.split_first_chunk::<HEADER>().ok_or(AuthError::BadSignature)?;
        let [0x04, 0x04, flags, 0xff, 0xff, 0xff, 0xff, 0xff, ..] = *header else {
            return Err(AuthError::BadSignature);
        };
        let expected = checksum(&self.incoming, parts, header);
        match flags == self.incoming.flags && bool::from(expected.as_slice().ct_eq(mac)) {
            true => self.incoming.take(header),
            false => Err(AuthError::BadSignature),
        }
    }

    /// The next confounder.
    fn confounder(&mut self) -> Result<[u8; BLOCK], AuthError> {
        if self.used >= POOL {
            fill(&mut *self.pool).map_err(|error| AuthError::Random(error.to_string()))?;
            self.used = 0;
        }
        let next = self.pool.get(self.used..self.used + BLOCK).and_then(|next| next.try_into().ok());
        self.used += BLOCK;
        next.ok_or(AuthError::NotEstablished)
    }
}

fn checksum(direction: &Direction, parts: [&[u8]; 3], header: &[u8; HEADER]) -> [u8; CODE] {
    let mut mac = direction.checksum.clone();
    for part in parts {
        mac.update(part);
    }
    mac.update(header);
    code(mac)
}

fn no_room() -> AuthError {
    AuthError::Negotiation("a Kerberos token does not fit".to_owned())
}

impl std::fmt::Debug for Messages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Messages")
            .field("sent", &self.outgoing.sequence)
            .field("received", &self.incoming.sequence)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two ends with the same key.
    fn pair(key_len: usize) -> (Messages, Messages) {
        let keys = |initiator| MessageKeys {
            enctype: 18,
            key: Zeroizing::new((0..key_len).map(|at| at as u8).collect()),
            is_subkey: true,
            initiator,
            send_sequence: if initiator { 7 } else { 9 },
            receive_sequence: if initiator { 9 } else { 7 },
        };
        (Messages::new(&keys(true)).unwrap(), Messages::new(&keys(false)).unwrap())
    }

    /// Encrypts with stealing, the slow way.
    fn encrypt_stolen(aes: &Aes, message: &mut Vec<u8>) {
        let len = message.len();
        message.resize(len.next_multiple_of(BLOCK), 0);
        let at = message.len() - 2 * BLOCK;
        let (head, last) = message.split_at_mut(at);
        aes.encrypt([head, &mut [], last]);
        message.truncate(len);
    }

    /// Seals with a filler of another length, as peers may.
    fn wrap_with(from: &mut Messages, data: &mut [u8], filler: usize) -> Vec<u8> {
        let outgoing = &mut from.outgoing;
        let mut inside = outgoing.wrap_header(0);
        inside[4..6].copy_from_slice(&(filler as u16).to_be_bytes());
        let mut outside = inside;
        outside[6..8].copy_from_slice(&28_u16.to_be_bytes());
        let mut message = [&[5; BLOCK][..], data, &vec![0xaa; filler], &inside].concat();
        let mut code_over = outgoing.integrity.clone();
        code_over.update(&message);
        let mac = code(code_over);
        encrypt_stolen(&outgoing.cipher, &mut message);
        outgoing.sequence += 1;
        data.copy_from_slice(&message[BLOCK..BLOCK + data.len()]);
        [&outside[..], &message[BLOCK + data.len()..], &mac, &message[..BLOCK]].concat()
    }

    #[test]
    fn peers_may_fill_up_as_they_like() {
        for key_len in [16, 32] {
            let (mut client, mut server) = pair(key_len);
            for len in [0, 1, 15, 16, 17, 31, 32, 100, 112] {
                for filler in [0, 1, 15, 16, 17] {
                    let plain: Vec<u8> = (0..len).map(|at| at as u8).collect();
                    let mut data = plain.clone();
                    let token = wrap_with(&mut client, &mut data, filler);
                    let parts = Parts { before: &[], data: &mut data, after: &[] };
                    server.unwrap(parts, &token).unwrap_or_else(|error| panic!("{len}, {filler}: {error}"));
                    assert_eq!(data, plain);
                }
            }
        }
    }

    #[test]
    fn what_is_not_whole_blocks_is_not_sealed() {
        let (mut client, _) = pair(32);
        let parts = Parts { before: &[], data: &mut [0; 15], after: &[] };
        assert!(matches!(client.wrap(parts, &mut [0; WRAP]), Err(AuthError::Negotiation(_))));
    }

    #[test]
    fn tokens_of_any_octets_and_length_are_refused_without_panic() {
        let (_, mut server) = pair(32);
        for len in 0..200 {
            for filler in [0_u16, 16, 100, 0xffff] {
                let mut token = vec![0x55; len];
                let header = [5, 4, 6, 0xff, (filler >> 8) as u8, filler as u8, 0, 28];
                token.iter_mut().zip(header).for_each(|(to, from)| *to = from);
                for data_len in [0, 1, 16, 33] {
                    let parts = Parts { before: &[1], data: &mut vec![0; data_len], after: &[2] };
                    assert_eq!(server.unwrap(parts, &token), Err(AuthError::BadSignature));
                }
            }
        }
    }

    #[test]
    fn keys_take_little_room() {
        assert!(size_of::<Messages>() < 4096, "{}", size_of::<Messages>());
    }
}
