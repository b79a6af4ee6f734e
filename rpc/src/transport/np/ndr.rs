//! Just enough NDR to read what smbd writes: little-endian, with Samba's own kinds of strings and
//! SIDs.

use std::fmt::Write as _;

use super::handover::HandoverError;

/// What is still to be read. Alignment counts from the start of the message.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
}

/// A pointer, before what it points to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pointer(bool);

impl Pointer {
    /// Whether it points to something.
    pub(super) fn is_some(self) -> bool {
        self.0
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Self { octets, at: 0 }
    }

    pub(super) fn remaining(&self) -> usize {
        self.octets.len().saturating_sub(self.at)
    }

    pub(super) fn align(&mut self, to: usize) -> Result<(), HandoverError> {
        let at = self.at.checked_next_multiple_of(to).ok_or(HandoverError::Short)?;
        if at > self.octets.len() {
            return Err(HandoverError::Short);
        }
        self.at = at;
        Ok(())
    }

    pub(super) fn octets(&mut self, len: usize) -> Result<&'a [u8], HandoverError> {
        let end = self.at.checked_add(len).ok_or(HandoverError::Short)?;
        let octets = self.octets.get(self.at..end).ok_or(HandoverError::Short)?;
        self.at = end;
        Ok(octets)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], HandoverError> {
        self.octets(N)?.try_into().map_err(|_| HandoverError::Short)
    }

    pub(super) fn u8(&mut self) -> Result<u8, HandoverError> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, HandoverError> {
        self.align(2)?;
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, HandoverError> {
        self.align(4)?;
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, HandoverError> {
        self.align(8)?;
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn pointer(&mut self) -> Result<Pointer, HandoverError> {
        Ok(Pointer(self.u32()? != 0))
    }

    /// A count of elements that take at least `min` octets each: there cannot be more than fit.
    pub(super) fn count(&mut self, min: usize) -> Result<usize, HandoverError> {
        let count = usize::try_from(self.u32()?).map_err(|_| HandoverError::Short)?;
        if count > self.remaining() / min { Err(HandoverError::Short) } else { Ok(count) }
    }

    /// A blob: its length, then its octets.
    pub(super) fn blob(&mut self) -> Result<&'a [u8], HandoverError> {
        let len = self.count(1)?;
        self.octets(len)
    }

    /// A string in UTF-8 that a pointer points to; its terminator travels and is taken off.
    pub(super) fn string(&mut self, pointer: Pointer) -> Result<Option<String>, HandoverError> {
        if !pointer.is_some() {
            return Ok(None);
        }
        let (size, offset, len) = (self.u32()?, self.u32()?, self.count(1)?);
        if offset != 0 || usize::try_from(size) != Ok(len) {
            return Err(HandoverError::String);
        }
        let Some((0, octets)) = self.octets(len)?.split_last() else { return Err(HandoverError::String) };
        let text = str::from_utf8(octets).map_err(|_| HandoverError::String)?;
        if text.contains('\0') { Err(HandoverError::String) } else { Ok(Some(text.to_owned())) }
    }

    /// A SID, as text.
    pub(super) fn sid(&mut self) -> Result<String, HandoverError> {
        self.align(4)?;
        let [revision, count] = self.array()?;
        if count > 15 {
            return Err(HandoverError::Sid);
        }
        let [a, b, c, d, e, f] = self.array()?;
        let mut sid = format!("S-{revision}-{}", u64::from_be_bytes([0, 0, a, b, c, d, e, f]));
        for _ in 0..count {
            let authority = self.u32()?;
            let _ = write!(sid, "-{authority}");
        }
        Ok(sid)
    }
}
