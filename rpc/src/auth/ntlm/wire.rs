//! Reading and writing the messages' fixed parts and payloads, bounds checked.

use crate::auth::AuthError;

/// A message, and its fields by offset.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    octets: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Self { octets }
    }

    pub(super) fn array<const N: usize>(&self, offset: usize) -> Result<[u8; N], AuthError> {
        self.octets
            .get(offset..)
            .and_then(|rest| rest.first_chunk::<N>())
            .copied()
            .ok_or_else(|| malformed("the message is too short"))
    }

    pub(super) fn u16(&self, offset: usize) -> Result<u16, AuthError> {
        self.array(offset).map(u16::from_le_bytes)
    }

    pub(super) fn u32(&self, offset: usize) -> Result<u32, AuthError> {
        self.array(offset).map(u32::from_le_bytes)
    }

    /// The payload that the length and offset fields at `offset` speak of. It must lie after the fixed
    /// part, which ends at `payload`.
    pub(super) fn payload(&self, offset: usize, payload: usize) -> Result<&'a [u8], AuthError> {
        let length = usize::from(self.u16(offset)?);
        if length == 0 {
            return Ok(&[]);
        }
        let outside = || malformed("a field lies outside of the message");
        let start = usize::try_from(self.u32(offset + 4)?).map_err(|_| outside())?;
        if start < payload {
            return Err(malformed("a field lies over the message's header"));
        }
        let end = start.checked_add(length).ok_or_else(outside)?;
        self.octets.get(start..end).ok_or_else(outside)
    }
}

/// A message that is being built: a fixed part with length and offset fields, then the payload.
pub(super) struct Builder {
    fixed: Vec<u8>,
    payload: Vec<u8>,
    payload_start: usize,
}

impl Builder {
    /// A message whose fixed part has `payload_start` octets.
    pub(super) fn new(payload_start: usize) -> Self {
        Self { fixed: Vec::with_capacity(payload_start + 256), payload: Vec::new(), payload_start }
    }

    pub(super) fn put(&mut self, octets: &[u8]) {
        self.fixed.extend_from_slice(octets);
    }

    pub(super) fn put_u32(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }

    /// Appends `octets` to the payload, and their length and offset to the fixed part.
    pub(super) fn put_payload(&mut self, octets: &[u8]) -> Result<(), AuthError> {
        let length = u16::try_from(octets.len()).map_err(|_| too_long())?;
        let offset = u32::try_from(self.payload_start + self.payload.len()).map_err(|_| too_long())?;
        self.put(&length.to_le_bytes());
        self.put(&length.to_le_bytes());
        self.put_u32(offset);
        self.payload.extend_from_slice(octets);
        Ok(())
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        debug_assert_eq!(self.fixed.len(), self.payload_start);
        self.fixed.append(&mut self.payload);
        self.fixed
    }
}

/// UTF-16 of a string.
pub(super) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A string in UTF-16, which must be well-formed.
pub(super) fn from_utf16(octets: &[u8], what: &str) -> Result<String, AuthError> {
    let (units, []) = octets.as_chunks::<2>() else {
        return Err(malformed(&format!("{what} has an odd length")));
    };
    char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit)))
        .collect::<Result<_, _>>()
        .map_err(|_| malformed(&format!("{what} is not UTF-16")))
}

pub(super) fn malformed(what: &str) -> AuthError {
    AuthError::Malformed(format!("NTLM: {what}"))
}

fn too_long() -> AuthError {
    malformed("a field is too long to be sent")
}
