//! Messages that an established context protects.

use std::ffi::c_int;

use crate::{
    buffer::Buffer,
    context::Context,
    error::{Call, Error, check},
    ffi::{BufferDesc, IovBuffer, iov},
};

/// A message: what is sealed in place, or signed, and what is signed only.
#[derive(Debug)]
pub struct Parts<'a> {
    /// Signed, before the data; may be empty.
    pub before: &'a [u8],
    /// The data.
    pub data: &'a mut [u8],
    /// Signed, behind the data; may be empty.
    pub after: &'a [u8],
}

impl Parts<'_> {
    /// As the library wants it: with a token of this kind.
    fn vector(&mut self, kind: u32, token: BufferDesc) -> [IovBuffer; 4] {
        let data = IovBuffer { kind: iov::DATA, buffer: BufferDesc::changing(self.data) };
        [signed(self.before), data, signed(self.after), IovBuffer { kind, buffer: token }]
    }
}

fn signed(octets: &[u8]) -> IovBuffer {
    match octets {
        [] => IovBuffer { kind: iov::EMPTY, buffer: BufferDesc::EMPTY },
        _ => IovBuffer { kind: iov::SIGN_ONLY, buffer: BufferDesc::reading(octets) },
    }
}

const PARTS: c_int = 4;

impl Context {
    /// Octets of the token that seals data of this length.
    ///
    /// # Errors
    ///
    /// If the context is not established.
    pub fn wrap_len(&self, data_len: usize) -> Result<usize, Error> {
        let (api, raw) = self.raw()?;
        // The library looks at lengths alone.
        let sized = |kind, length| IovBuffer { kind, buffer: BufferDesc { length, ..BufferDesc::EMPTY } };
        let mut vector = [sized(iov::DATA, data_len), sized(iov::HEADER, 0)];
        let (mut minor, mut sealed) = (0, 0);
        // SAFETY: the context is the library's and nobody uses it meanwhile: it is not Sync. The
        // vector has two elements, whose lengths are read and written.
        let major = unsafe { (api.gss_wrap_iov_length)(&mut minor, raw, 1, 0, &mut sealed, vector.as_mut_ptr(), 2) };
        check(api, Call::Other, major, minor)?;
        let [_, header] = vector;
        Ok(header.buffer.length)
    }

    /// Octets of the token that signs data of this length.
    ///
    /// # Errors
    ///
    /// If the context is not established.
    pub fn mic_len(&self, data_len: usize) -> Result<usize, Error> {
        let (api, raw) = self.raw()?;
        let sized = |kind, length| IovBuffer { kind, buffer: BufferDesc { length, ..BufferDesc::EMPTY } };
        let mut vector = [sized(iov::DATA, data_len), sized(iov::MIC_TOKEN, 0)];
        let mut minor = 0;
        // SAFETY: as in wrap_len.
        let major = unsafe { (api.gss_get_mic_iov_length)(&mut minor, raw, 0, vector.as_mut_ptr(), 2) };
        check(api, Call::Other, major, minor)?;
        let [_, token] = vector;
        Ok(token.buffer.length)
    }

    /// Seals the data in place, signs the rest, and writes the token, whose length must be
    /// [`wrap_len`](Self::wrap_len).
    ///
    /// # Errors
    ///
    /// If the token has another length, or the context cannot seal.
    pub fn wrap(&mut self, mut parts: Parts<'_>, token: &mut [u8]) -> Result<(), Error> {
        let (api, raw) = self.raw()?;
        let len = token.len();
        let mut vector = parts.vector(iov::HEADER, BufferDesc::changing(token));
        let (mut minor, mut sealed) = (0, 0);
        // SAFETY: the context is the library's and nobody else uses it, as &mut says. The vector has
        // four elements; data and token are borrowed mutably for the call, and the library leaves
        // what is signed only as it is.
        let major = unsafe { (api.gss_wrap_iov)(&mut minor, raw, 1, 0, &mut sealed, vector.as_mut_ptr(), PARTS) };
        check(api, Call::Other, major, minor)?;
        let [.., header] = vector;
        match (sealed, header.buffer.length == len) {
            (0, _) => Err(Error::invalid("the context does not seal")),
            (_, false) => Err(Error::invalid("the token has another length")),
            (_, true) => Ok(()),
        }
    }

    /// Verifies a message, and unseals its data in place. The token is used up.
    ///
    /// # Errors
    ///
    /// If something was changed, is replayed or out of order, or was not sealed.
    pub fn unwrap(&mut self, mut parts: Parts<'_>, token: &mut [u8]) -> Result<(), Error> {
        let (api, raw) = self.raw()?;
        let mut vector = parts.vector(iov::HEADER, BufferDesc::changing(token));
        let (mut minor, mut sealed) = (0, 0);
        // SAFETY: as in wrap; the quality of protection is not wanted.
        let major = unsafe {
            (api.gss_unwrap_iov)(&mut minor, raw, &mut sealed, std::ptr::null_mut(), vector.as_mut_ptr(), PARTS)
        };
        check(api, Call::Other, major, minor)?;
        if sealed == 1 { Ok(()) } else { Err(Error::not_sealed()) }
    }

    /// Signs a message; the token's length must be [`mic_len`](Self::mic_len).
    ///
    /// # Errors
    ///
    /// If the token has another length, or the context cannot sign.
    pub fn sign(&mut self, mut parts: Parts<'_>, token: &mut [u8]) -> Result<(), Error> {
        let (api, raw) = self.raw()?;
        let len = token.len();
        let mut vector = parts.vector(iov::MIC_TOKEN, BufferDesc::changing(token));
        let mut minor = 0;
        // SAFETY: as in wrap.
        let major = unsafe { (api.gss_get_mic_iov)(&mut minor, raw, 0, vector.as_mut_ptr(), PARTS) };
        check(api, Call::Other, major, minor)?;
        let [.., token] = vector;
        if token.buffer.length == len { Ok(()) } else { Err(Error::invalid("the token has another length")) }
    }

    /// Verifies a message that was signed.
    ///
    /// # Errors
    ///
    /// If something was changed, is replayed or out of order.
    pub fn verify(&mut self, mut parts: Parts<'_>, token: &[u8]) -> Result<(), Error> {
        let (api, raw) = self.raw()?;
        let mut vector = parts.vector(iov::MIC_TOKEN, BufferDesc::reading(token));
        let mut minor = 0;
        // SAFETY: the context is the library's and nobody else uses it, as &mut says. The vector has
        // four elements, which are read only; the quality of protection is not wanted.
        let major =
            unsafe { (api.gss_verify_mic_iov)(&mut minor, raw, std::ptr::null_mut(), vector.as_mut_ptr(), PARTS) };
        check(api, Call::Other, major, minor)
    }

    /// Signs octets.
    ///
    /// # Errors
    ///
    /// If the context cannot sign.
    pub fn make_mic(&mut self, octets: &[u8]) -> Result<Buffer, Error> {
        let (api, raw) = self.raw()?;
        let mut input = BufferDesc::reading(octets);
        let mut token = Buffer::new(api);
        let mut minor = 0;
        // SAFETY: the context is the library's and nobody else uses it, as &mut says; the input is
        // read and the token written.
        let major = unsafe { (api.gss_get_mic)(&mut minor, raw, 0, &mut input, token.as_out()) };
        check(api, Call::Other, major, minor)?;
        Ok(token)
    }

    /// Verifies octets that were signed.
    ///
    /// # Errors
    ///
    /// If they were changed, or are replayed or out of order.
    pub fn verify_mic(&mut self, octets: &[u8], mic: &[u8]) -> Result<(), Error> {
        let (api, raw) = self.raw()?;
        let (mut input, mut token) = (BufferDesc::reading(octets), BufferDesc::reading(mic));
        let mut minor = 0;
        // SAFETY: as in make_mic; both buffers are read only.
        let major = unsafe { (api.gss_verify_mic)(&mut minor, raw, &mut input, &mut token, std::ptr::null_mut()) };
        check(api, Call::Other, major, minor)
    }
}
