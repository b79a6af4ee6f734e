//! AES with ciphertext stealing and HMAC-SHA1, as Kerberos uses them ([RFC 3961], [RFC 3962]).

use aes::{
    Aes128, Aes256,
    cipher::{
        Array, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit,
        consts::U16,
    },
};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use zeroize::Zeroizing;

/// Octets of a block.
pub(super) const BLOCK: usize = 16;

/// Octets of an integrity code.
pub(super) const CODE: usize = 12;

pub(super) type HmacSha1 = Hmac<Sha1>;

type Block = Array<u8, U16>;

/// What a derived key is for ([RFC 3961] 5.3).
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Checksum = 0x99,
    Encryption = 0xaa,
    Integrity = 0x55,
}

/// AES with a key of either length.
pub(super) enum Aes {
    Short(Aes128),
    Long(Aes256),
}

impl Aes {
    /// With a key of 16 or 32 octets.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        match key.len() {
            16 => Aes128::new_from_slice(key).ok().map(Self::Short),
            32 => Aes256::new_from_slice(key).ok().map(Self::Long),
            _ => None,
        }
    }

    /// Encrypts the pieces of a message, whole blocks each and two at least, in place.
    pub(super) fn encrypt(&self, pieces: [&mut [u8]; 3]) {
        match self {
            Self::Short(cipher) => encrypt(cipher, pieces),
            Self::Long(cipher) => encrypt(cipher, pieces),
        }
    }

    /// Decrypts what [`encrypt`](Self::encrypt) made of the same pieces.
    pub(super) fn decrypt(&self, pieces: [&mut [u8]; 3]) {
        match self {
            Self::Short(cipher) => decrypt(cipher, pieces),
            Self::Long(cipher) => decrypt(cipher, pieces),
        }
    }

    /// Decrypts a message of any length above one block.
    pub(super) fn decrypt_stolen(&self, message: &mut [u8]) {
        match self {
            Self::Short(cipher) => decrypt_stolen(cipher, message),
            Self::Long(cipher) => decrypt_stolen(cipher, message),
        }
    }
}

fn blocks(octets: &mut [u8]) -> &mut [Block] {
    Array::slice_as_chunks_mut(octets).0
}

/// The last two blocks of the last piece change places: that is ciphertext stealing of whole blocks
/// ([RFC 3962] 5).
fn swap_last(last: &mut [u8]) {
    if let [.., one, two] = blocks(last) {
        std::mem::swap(one, two);
    }
}

fn encrypt<C: BlockCipherEncrypt<BlockSize = U16>>(cipher: &C, [first, data, last]: [&mut [u8]; 3]) {
    let mut cbc = cbc::Encryptor::inner_iv_init(cipher, &Block::default());
    cbc.encrypt_blocks(blocks(first));
    cbc.encrypt_blocks(blocks(data));
    cbc.encrypt_blocks(blocks(last));
    swap_last(last);
}

fn decrypt<C: BlockCipherDecrypt<BlockSize = U16>>(cipher: &C, [first, data, last]: [&mut [u8]; 3]) {
    swap_last(last);
    let mut cbc = cbc::Decryptor::inner_iv_init(cipher, &Block::default());
    cbc.decrypt_blocks(blocks(first));
    cbc.decrypt_blocks(blocks(data));
    cbc.decrypt_blocks(blocks(last));
}

fn decrypt_stolen<C: BlockCipherDecrypt<BlockSize = U16>>(cipher: &C, message: &mut [u8]) {
    // The last block is whole or part of one; the one before it is what it was stolen from.
    let whole = message.len().saturating_sub(1) / BLOCK * BLOCK;
    let Some((head, stolen)) = message.split_at_mut_checked(whole) else { return };
    let Some((before, last)) = head.len().checked_sub(BLOCK).and_then(|at| head.split_at_mut_checked(at)) else {
        return;
    };
    let [last] = blocks(last) else { return };
    let previous = blocks(before).last().copied().unwrap_or_default();
    let mut cbc = cbc::Decryptor::inner_iv_init(cipher, &Block::default());
    cbc.decrypt_blocks(blocks(before));
    // What both ciphertext and plaintext of the last part hide in.
    let mut hidden = *last;
    cipher.decrypt_block(&mut hidden);
    let mut ciphertext = hidden;
    for (to, from) in ciphertext.iter_mut().zip(stolen.iter()) {
        *to = *from;
    }
    for (octet, hidden) in stolen.iter_mut().zip(&hidden) {
        *octet ^= hidden;
    }
    *last = ciphertext;
    cipher.decrypt_block(last);
    for (octet, previous) in last.iter_mut().zip(&previous) {
        *octet ^= previous;
    }
}

/// A key derived from the context's for a usage ([RFC 3961] 5.1), as long as that.
pub(super) fn derive(key: &[u8], usage: u32, purpose: Purpose) -> Option<Zeroizing<Vec<u8>>> {
    let aes = Aes::new(key)?;
    let [a, b, c, d] = usage.to_be_bytes();
    let mut block = Block::from(n_fold([a, b, c, d, purpose as u8]));
    let mut derived = Zeroizing::new(Vec::with_capacity(key.len()));
    while derived.len() < key.len() {
        match &aes {
            Aes::Short(cipher) => cipher.encrypt_block(&mut block),
            Aes::Long(cipher) => cipher.encrypt_block(&mut block),
        }
        derived.extend_from_slice(&block);
    }
    Some(derived)
}

/// A keyed HMAC.
pub(super) fn keyed(key: &[u8]) -> Option<HmacSha1> {
    <HmacSha1 as KeyInit>::new_from_slice(key).ok()
}

/// An integrity code.
pub(super) fn code(mac: HmacSha1) -> [u8; CODE] {
    let mut code = [0; CODE];
    for (to, from) in code.iter_mut().zip(mac.finalize().into_bytes()) {
        *to = from;
    }
    code
}

/// Stretches a constant to a block ([RFC 3961] 5.1).
fn n_fold<const FROM: usize>(octets: [u8; FROM]) -> [u8; BLOCK] {
    let bits = FROM * 8;
    // Copies follow each other, each turned right by 13 bits more, until the lengths meet.
    let total = lcm(FROM, BLOCK);
    let octet = |at: usize| {
        let turned = at / FROM * 13;
        (0..8).fold(0_u8, |value, bit| {
            let source = (at % FROM * 8 + bit + bits - turned % bits) % bits;
            let set = octets.get(source / 8).is_some_and(|octet| octet & (0x80 >> (source % 8)) != 0);
            value << 1 | u8::from(set)
        })
    };
    // They are added in ones' complement, as many blocks as there are.
    let mut sum = [0_u8; BLOCK];
    for block in 0..total / BLOCK {
        let mut carry = false;
        for (at, to) in sum.iter_mut().enumerate().rev() {
            (*to, carry) = add(*to, octet(block * BLOCK + at), carry);
        }
        for to in sum.iter_mut().rev() {
            (*to, carry) = add(*to, 0, carry);
        }
    }
    sum
}

fn add(one: u8, two: u8, carry: bool) -> (u8, bool) {
    let (sum, over) = one.overflowing_add(two);
    let (sum, again) = sum.overflowing_add(u8::from(carry));
    (sum, over || again)
}

fn lcm(one: usize, two: usize) -> usize {
    (1..=two).map(|times| one * times).find(|multiple| multiple % two == 0).unwrap_or(one * two)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex(text: &str) -> Vec<u8> {
        (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn folding_as_in_rfc_3961_a_1() {
        // 128-fold("kerberos") is given for 16 octets.
        assert_eq!(n_fold(*b"kerberos").to_vec(), unhex("6b65726265726f737b9b5b2b93132b93"));
    }

    #[test]
    fn stealing_as_in_rfc_3962_b() {
        let aes = Aes::new(b"chicken teriyaki").unwrap();
        let text = b"I would like the General Gau's Chicken, please, and wonton soup.";
        for (len, cipher) in [
            (17, "c6353568f2bf8cb4d8a580362da7ff7f97"),
            (31, "fc00783e0efdb2c1d445d4c8eff7ed2297687268d6ecccc0c07b25e25ecfe5"),
            (32, "39312523a78662d5be7fcbcc98ebf5a897687268d6ecccc0c07b25e25ecfe584"),
            (47, "97687268d6ecccc0c07b25e25ecfe584b3fffd940c16a18c1b5549d2f838029e39312523a78662d5be7fcbcc98ebf5"),
            (48, "97687268d6ecccc0c07b25e25ecfe5849dad8bbb96c4cdc03bc103e1a194bbd839312523a78662d5be7fcbcc98ebf5a8"),
            (
                64,
                "97687268d6ecccc0c07b25e25ecfe58439312523a78662d5be7fcbcc98ebf5a84807efe836ee89a526730dbc2f7bc8409dad8bbb96c4cdc03bc103e1a194bbd8",
            ),
        ] {
            let mut message = unhex(cipher);
            aes.decrypt_stolen(&mut message);
            assert_eq!(message, &text[..len], "{len}");
            if len % 16 == 0 {
                let mut message = text[..len].to_vec();
                let (head, last) = message.split_at_mut(len - 32);
                aes.encrypt([head, &mut [], last]);
                assert_eq!(message, unhex(cipher), "{len}");
                let (head, last) = message.split_at_mut(len - 32);
                aes.decrypt([&mut [], head, last]);
                assert_eq!(message, &text[..len], "{len}");
            }
        }
    }

    #[test]
    fn keys_are_as_long_as_what_they_come_from() {
        for len in [16, 32] {
            assert_eq!(derive(&vec![1; len], 22, Purpose::Encryption).unwrap().len(), len);
        }
        assert!(derive(&[1; 24], 22, Purpose::Encryption).is_none());
    }
}
