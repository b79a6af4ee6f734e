//! One-way functions and keys ([MS-NLMP] 3.3.2, 3.4.5).

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use rc4::{Rc4, StreamCipher};
use zeroize::Zeroizing;

use super::wire::utf16;
use crate::auth::accounts::{NtHash, upper_case};

/// A secret of 128 bits; wiped when dropped.
pub(super) type Key = Zeroizing<[u8; 16]>;

pub(super) type HmacMd5 = Hmac<Md5>;

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    Client,
    Server,
}

/// A keyed HMAC-MD5.
pub(super) fn keyed(key: &[u8; 16]) -> HmacMd5 {
    // A key of one block, filled up with zeros, is the same key; and this cannot fail.
    let mut block = Zeroizing::new(hmac::digest::Key::<HmacMd5>::default());
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    HmacMd5::new(&block)
}

/// HMAC-MD5 over all parts.
pub(super) fn hmac_md5(key: &[u8; 16], parts: &[&[u8]]) -> Key {
    let mut mac = keyed(key);
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// `NTOWFv2`: the key that stands for an account's password. The domain is the one that the client
/// sends.
pub(super) fn ntowf_v2(hash: &NtHash, user: &str, domain: &str) -> Key {
    hmac_md5(hash.as_bytes(), &[&utf16(&upper_case(user)), &utf16(domain)])
}

/// `NTProofStr`.
pub(super) fn proof(response_key: &Key, server_challenge: [u8; 8], client_challenge: &[u8]) -> Key {
    hmac_md5(response_key, &[&server_challenge, client_challenge])
}

/// `SessionBaseKey`, which with NTLMv2 is the key exchange key too.
pub(super) fn session_base_key(response_key: &Key, proof: &[u8; 16]) -> Key {
    hmac_md5(response_key, &[proof])
}

/// The integrity code of the three messages.
pub(super) fn mic(session_key: &Key, negotiate: &[u8], challenge: &[u8], authenticate: &[&[u8]]) -> Key {
    let mut mac = keyed(session_key);
    mac.update(negotiate);
    mac.update(challenge);
    for part in authenticate {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// A stream cipher with this key.
pub(super) fn rc4(key: &Key) -> Rc4 {
    // Of 32 octets, the type's own key size: RC4 repeats its key, so this is the same as with 16.
    let mut twice = Zeroizing::new(rc4::cipher::Key::<Rc4>::default());
    for (to, from) in twice.iter_mut().zip(key.iter().cycle()) {
        *to = *from;
    }
    Rc4::new(&twice)
}

/// `RC4K`: encrypts or decrypts a key with another.
pub(super) fn rc4k(key: &Key, value: [u8; 16]) -> Key {
    let mut value = Zeroizing::new(value);
    rc4(key).apply_keystream(value.as_mut_slice());
    value
}

/// `SIGNKEY` with extended session security.
pub(super) fn sign_key(session_key: &Key, sender: Sender) -> Key {
    derive(
        session_key,
        match sender {
            Sender::Client => b"session key to client-to-server signing key magic constant\0",
            Sender::Server => b"session key to server-to-client signing key magic constant\0",
        },
    )
}

/// `SEALKEY` with extended session security and 128 bits.
pub(super) fn seal_key(session_key: &Key, sender: Sender) -> Key {
    derive(
        session_key,
        match sender {
            Sender::Client => b"session key to client-to-server sealing key magic constant\0",
            Sender::Server => b"session key to server-to-client sealing key magic constant\0",
        },
    )
}

fn derive(key: &Key, constant: &[u8]) -> Key {
    let mut digest = Md5::new();
    digest.update(key.as_slice());
    digest.update(constant);
    Zeroizing::new(digest.finalize().into())
}
