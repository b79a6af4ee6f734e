//! The keys of an established context, for who protects messages without the library.

use std::{ffi::c_void, ptr};

use zeroize::{Zeroize, Zeroizing};

use crate::{
    context::Context,
    error::{Call, Error, check},
};

/// What protects messages ([RFC 4121]).
pub struct MessageKeys {
    /// The encryption type.
    pub enctype: i32,
    /// The key: the acceptor's subkey, where there is one.
    pub key: Zeroizing<Vec<u8>>,
    /// Whether it is the acceptor's subkey.
    pub is_subkey: bool,
    /// Whether this side is the initiator.
    pub initiator: bool,
    /// The number of the next message that is sent.
    pub send_sequence: u64,
    /// The number of the next message that is received.
    pub receive_sequence: u64,
}

/// `gss_krb5_lucid_key_t`.
#[repr(C)]
struct LucidKey {
    kind: u32,
    length: u32,
    data: *mut c_void,
}

/// `gss_krb5_rfc1964_keydata_t`.
#[repr(C)]
struct OldKeys {
    sign_algorithm: u32,
    seal_algorithm: u32,
    context_key: LucidKey,
}

/// `gss_krb5_cfx_keydata_t`.
#[repr(C)]
struct Keys {
    have_acceptor_subkey: u32,
    context_key: LucidKey,
    acceptor_subkey: LucidKey,
}

/// `gss_krb5_lucid_context_v1_t`.
#[repr(C)]
struct LucidContext {
    version: u32,
    initiate: u32,
    end_time: u32,
    send_sequence: u64,
    receive_sequence: u64,
    /// 1 for [RFC 4121].
    protocol: u32,
    old: OldKeys,
    new: Keys,
}

impl Context {
    /// Takes the keys out of an established context.
    ///
    /// # Errors
    ///
    /// If the context is not established, or not of the newer kind of encryption types.
    pub fn into_keys(mut self) -> Result<MessageKeys, Error> {
        let (api, _) = self.raw()?;
        let mut exported: *mut c_void = ptr::null_mut();
        let mut minor = 0;
        // SAFETY: the context is the library's, and nobody uses it any more: self is consumed, and the
        // library sets its handle to null, or else it is dropped. The exported keys are written.
        let major = unsafe { (api.gss_krb5_export_lucid_sec_context)(&mut minor, self.as_out(), 1, &mut exported) };
        check(api, Call::Other, major, minor)?;
        // SAFETY: what was exported is a structure of the version that was asked for, until it is freed
        // below; null is none.
        let keys = match unsafe { exported.cast::<LucidContext>().as_mut() } {
            Some(lucid) if lucid.version == 1 && lucid.protocol == 1 => take(lucid),
            _ => None,
        };
        if !exported.is_null() {
            // SAFETY: it was exported above, and nothing refers to it any more.
            unsafe { (api.gss_krb5_free_lucid_sec_context)(&mut minor, exported) };
        }
        keys.ok_or_else(|| Error::invalid("the context has no keys of RFC 4121"))
    }
}

/// Copies the keys, and wipes the originals.
fn take(lucid: &mut LucidContext) -> Option<MessageKeys> {
    let is_subkey = lucid.new.have_acceptor_subkey != 0;
    let context_key = copy(&mut lucid.new.context_key);
    let acceptor_subkey = copy(&mut lucid.new.acceptor_subkey);
    let (enctype, key) = if is_subkey { acceptor_subkey? } else { context_key? };
    Some(MessageKeys {
        enctype,
        key,
        is_subkey,
        initiator: lucid.initiate != 0,
        send_sequence: lucid.send_sequence,
        receive_sequence: lucid.receive_sequence,
    })
}

fn copy(key: &mut LucidKey) -> Option<(i32, Zeroizing<Vec<u8>>)> {
    let (kind, length) = (i32::try_from(key.kind).ok()?, usize::try_from(key.length).ok()?);
    if key.data.is_null() {
        return None;
    }
    // SAFETY: the library made the key, with that many octets, and nobody else refers to it.
    let octets = unsafe { std::slice::from_raw_parts_mut(key.data.cast::<u8>(), length) };
    let copy = Zeroizing::new(octets.to_vec());
    octets.zeroize();
    Some((kind, copy))
}

impl std::fmt::Debug for MessageKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageKeys").field("enctype", &self.enctype).finish_non_exhaustive()
    }
}
