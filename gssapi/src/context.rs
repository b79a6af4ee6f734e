//! Security contexts, until they are established.

use std::{fmt, ptr};

use zeroize::Zeroizing;

use crate::{
    buffer::{Buffer, BufferSet},
    credential::Credential,
    error::{CONTINUE_NEEDED, Call, Error, check},
    ffi::{self, Api, BufferDesc},
    name::Name,
    oid::Oid,
};

/// Features of a context (`GSS_C_…_FLAG`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Flags(u32);

impl Flags {
    /// Both sides authenticate.
    pub const MUTUAL: Self = Self(2);
    /// Replayed messages are noticed.
    pub const REPLAY: Self = Self(4);
    /// Messages that are missing or out of order are noticed.
    pub const SEQUENCE: Self = Self(8);
    /// Messages can be sealed.
    pub const CONFIDENTIALITY: Self = Self(16);
    /// Messages can be signed.
    pub const INTEGRITY: Self = Self(32);
    /// The initiator does not say who it is.
    pub const ANONYMOUS: Self = Self(64);
    /// Three legs, as DCE/RPC has them.
    pub const DCE_STYLE: Self = Self(0x1000);

    /// These and those.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of those are among these.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Those that are among these and not among the others.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({:#x})", self.0)
    }
}

/// What comes out of a leg.
#[derive(Debug)]
pub struct Leg {
    /// The token for the peer.
    pub token: Option<Buffer>,
    /// Whether the context is established on this side.
    pub done: bool,
    /// The features; final once the context is established.
    pub flags: Flags,
}

/// A leg of an acceptor.
#[derive(Debug)]
pub struct Accepted {
    /// The token, and whether there is more to come.
    pub leg: Leg,
    /// Who the initiator is, once that is known.
    pub peer: Option<Name>,
}

/// A security context.
pub struct Context {
    raw: ffi::Ctx,
    api: &'static Api,
}

// SAFETY: a context does not belong to a thread. It must not be used by two at a time, and it is not
// Sync.
unsafe impl Send for Context {}

impl Context {
    /// A context that has not begun.
    ///
    /// # Errors
    ///
    /// If the library is missing.
    pub fn new() -> Result<Self, Error> {
        Ok(Self { raw: ptr::null_mut(), api: ffi::api()? })
    }

    /// A leg of the initiator, who wants to speak with `target`. The peer's token is empty at first.
    ///
    /// # Errors
    ///
    /// What the KDC or the peer's token says; the context is then unusable.
    pub fn initiate(
        &mut self,
        credential: &Credential,
        target: &Name,
        wanted: Flags,
        token: &[u8],
    ) -> Result<Leg, Error> {
        let api = credential.api();
        let mechanism = Oid::KERBEROS.desc();
        let mut input = BufferDesc::reading(token);
        let mut output = Buffer::new(api);
        let (mut minor, mut flags) = (0, 0);
        // SAFETY: credential, target and context are the library's, the last one null at first; what
        // else is pointed to lives until the call returns. The library reads the token and writes
        // context, output and flags. What is null is not wanted.
        let major = unsafe {
            (api.gss_init_sec_context)(
                &mut minor,
                credential.raw(),
                &mut self.raw,
                target.raw(),
                &mechanism,
                wanted.0,
                0,
                ptr::null_mut(),
                &mut input,
                ptr::null_mut(),
                output.as_out(),
                &mut flags,
                ptr::null_mut(),
            )
        };
        // Later legs are about what the acceptor says.
        let call = if token.is_empty() { Call::Initiate } else { Call::Other };
        self.leg(call, major, minor, output, flags)
    }

    /// A leg of the acceptor.
    ///
    /// # Errors
    ///
    /// Why the initiator is refused; the context is then unusable.
    pub fn accept(&mut self, credential: &Credential, token: &[u8]) -> Result<Accepted, Error> {
        let api = credential.api();
        let mut input = BufferDesc::reading(token);
        let mut output = Buffer::new(api);
        let mut peer = Name::empty(api);
        let (mut minor, mut flags) = (0, 0);
        // SAFETY: credential and context are the library's, the latter null at first; what else is
        // pointed to lives until the call returns. The library reads the token and writes context,
        // name, output and flags. What is null is not wanted; so no credential is delegated.
        let major = unsafe {
            (api.gss_accept_sec_context)(
                &mut minor,
                &mut self.raw,
                credential.raw(),
                &mut input,
                ptr::null_mut(),
                peer.as_out(),
                ptr::null_mut(),
                output.as_out(),
                &mut flags,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        let leg = self.leg(Call::Accept, major, minor, output, flags)?;
        Ok(Accepted { leg, peer: Some(peer).filter(Name::is_some) })
    }

    fn leg(&self, call: Call, major: u32, minor: u32, output: Buffer, flags: u32) -> Result<Leg, Error> {
        check(self.api, call, major & !CONTINUE_NEEDED, minor)?;
        let done = major & CONTINUE_NEEDED == 0;
        Ok(Leg { token: Some(output).filter(Buffer::is_some), done, flags: Flags(flags) })
    }

    /// The session key and its encryption type: the acceptor's subkey, where there is one.
    ///
    /// # Errors
    ///
    /// If the context is not established.
    pub fn session_key(&self) -> Result<(i32, Zeroizing<Vec<u8>>), Error> {
        let wanted = Oid::SESSION_KEY.desc();
        let mut set = BufferSet::new(self.api);
        let mut minor = 0;
        if self.raw.is_null() {
            return Err(Error::invalid("the context has not begun"));
        }
        // SAFETY: the context is the library's and nobody uses it meanwhile: it is not Sync. The
        // identifier is read and the set written.
        let major = unsafe { (self.api.gss_inquire_sec_context_by_oid)(&mut minor, self.raw, &wanted, set.as_out()) };
        check(self.api, Call::Other, major, minor)?;
        let (key, kind) = (set.get(0).unwrap_or_default(), set.get(1).unwrap_or_default());
        let enctype = last_arc(kind).ok_or_else(|| Error::invalid("the session key has no type"))?;
        Ok((enctype, Zeroizing::new(key.to_vec())))
    }

    pub(crate) fn as_out(&mut self) -> *mut ffi::Ctx {
        &raw mut self.raw
    }

    pub(crate) fn raw(&self) -> Result<(&'static Api, ffi::Ctx), Error> {
        if self.raw.is_null() { Err(Error::invalid("the context has not begun")) } else { Ok((self.api, self.raw)) }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: null, or a context of the library's that nobody uses any more.
        unsafe { (self.api.gss_delete_sec_context)(&mut minor, &mut self.raw, ptr::null_mut()) };
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("begun", &!self.raw.is_null()).finish_non_exhaustive()
    }
}

/// The last arc of an identifier's content octets: the encryption type, behind 1.2.840.113554.1.2.2.4.
fn last_arc(content: &[u8]) -> Option<i32> {
    let (&last, before) = content.split_last()?;
    let start = before.iter().rposition(|octet| octet & 0x80 == 0)? + 1;
    let high = before.get(start..)?;
    let value =
        high.iter().try_fold(0_i32, |value, octet| value.checked_mul(128)?.checked_add(i32::from(octet & 0x7f)));
    value?.checked_mul(128)?.checked_add(i32::from(last & 0x7f))
}

#[cfg(test)]
mod tests {
    use super::last_arc;

    #[test]
    fn encryption_types_are_the_last_arc() {
        assert_eq!(last_arc(&[0x2a, 0x86, 0x48, 0x04, 0x12]), Some(18));
        assert_eq!(last_arc(&[0x2a, 0x86, 0x48, 0x04, 0x81, 0x00]), Some(128));
        assert_eq!(last_arc(&[]), None);
        assert_eq!(last_arc(&[0x12]), None);
    }
}
