//! UTF-16 strings.

use std::{
    borrow::Cow,
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    num::NonZeroUsize,
    sync::Arc,
};

use bytes::Bytes;

use crate::{DecodeError, Decoder, EncodeError, Encoder};

/// A string of UTF-16 code units, as it travels: lossless, ill-formed input included.
///
/// One that was received shares the octets of its stub, so that nothing is copied; who keeps one
/// for long calls [`detach`](Self::detach).
#[derive(Clone)]
pub struct WString {
    /// What the code units lie in, little-endian; `None` if there are none. All strings of a stub
    /// share this one, which is cheaper than a `Bytes` each.
    whole: Option<Arc<Bytes>>,
    /// The octet of the first code unit.
    start: usize,
    /// One more than the octet after the last code unit, so that `Option` costs no room.
    end: NonZeroUsize,
}

impl WString {
    /// The empty string.
    pub const fn new() -> Self {
        Self { whole: None, start: 0, end: NonZeroUsize::MIN }
    }

    /// A string of these code units.
    pub fn from_units(units: impl IntoIterator<Item = u16>) -> Self {
        let units = units.into_iter();
        let mut octets = Vec::with_capacity(units.size_hint().0.saturating_mul(2));
        units.for_each(|unit| octets.extend_from_slice(&unit.to_le_bytes()));
        Self::from_octets(octets)
    }

    /// A string of little-endian code units.
    fn from_octets(octets: Vec<u8>) -> Self {
        if octets.is_empty() {
            return Self::new();
        }
        let octets = Arc::new(Bytes::from(octets));
        Self::within(&octets, 0, octets.len())
    }

    /// The string that lies between two octets.
    #[inline]
    pub(crate) fn within(whole: &Arc<Bytes>, start: usize, end: usize) -> Self {
        Self { whole: Some(Arc::clone(whole)), start, end: NonZeroUsize::MIN.saturating_add(end) }
    }

    /// The number of code units.
    #[inline]
    pub fn len(&self) -> usize {
        (self.end.get() - 1).saturating_sub(self.start) / 2
    }

    /// Whether there are no code units.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The code units.
    pub fn units(&self) -> impl ExactSizeIterator<Item = u16> + Clone + '_ {
        self.as_le_bytes().as_chunks::<2>().0.iter().map(|&unit| u16::from_le_bytes(unit))
    }

    /// The code units as little-endian octets.
    #[inline]
    pub fn as_le_bytes(&self) -> &[u8] {
        match &self.whole {
            Some(whole) => whole.get(self.start..self.end.get() - 1).unwrap_or_default(),
            None => &[],
        }
    }

    /// The text; ill-formed parts become U+FFFD.
    pub fn to_string_lossy(&self) -> String {
        char::decode_utf16(self.units()).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    }

    /// The text, if it is well-formed UTF-16.
    pub fn to_str(&self) -> Option<String> {
        char::decode_utf16(self.units()).collect::<Result<_, _>>().ok()
    }

    /// A copy that does not keep the stub alive it came in.
    pub fn detach(&self) -> Self {
        Self::from_octets(self.as_le_bytes().to_vec())
    }

    /// Marshals the code units.
    #[inline]
    pub(crate) fn put_units(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let Some(whole) = &self.whole else { return Ok(()) };
        e.align_to(2);
        let octets = self.as_le_bytes();
        if e.encoding().is_big() {
            e.swapped(octets)
        } else if octets.len() >= Encoder::OWN_CHUNK {
            e.shared(&whole.slice_ref(octets))
        } else {
            e.raw(octets);
            Ok(())
        }
    }

    /// Unmarshals `count` code units.
    #[inline]
    pub(crate) fn get_units(count: usize, d: &mut Decoder) -> Result<Self, DecodeError> {
        if count == 0 {
            return Ok(Self::new());
        }
        d.align_to(2);
        let octets = count.saturating_mul(2);
        d.need(octets)?;
        Ok(d.wide(octets, octets))
    }
}

impl Default for WString {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for WString {
    fn eq(&self, other: &Self) -> bool {
        self.as_le_bytes() == other.as_le_bytes()
    }
}

impl Eq for WString {}

impl Hash for WString {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_le_bytes().hash(state);
    }
}

impl PartialOrd for WString {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By code units, as an ordinal comparison on Windows.
impl Ord for WString {
    fn cmp(&self, other: &Self) -> Ordering {
        self.units().cmp(other.units())
    }
}

impl fmt::Debug for WString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string_lossy(), f)
    }
}

impl fmt::Display for WString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in char::decode_utf16(self.units()) {
            fmt::Write::write_char(f, c.unwrap_or(char::REPLACEMENT_CHARACTER))?;
        }
        Ok(())
    }
}

impl From<&str> for WString {
    fn from(text: &str) -> Self {
        if !text.is_ascii() {
            return Self::from_units(text.encode_utf16());
        }
        let mut octets = vec![0; text.len() * 2];
        for (unit, &c) in octets.as_chunks_mut::<2>().0.iter_mut().zip(text.as_bytes()) {
            *unit = [c, 0];
        }
        Self::from_octets(octets)
    }
}

impl From<String> for WString {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&String> for WString {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Cow<'_, str>> for WString {
    fn from(text: Cow<'_, str>) -> Self {
        Self::from(&*text)
    }
}

impl From<&WString> for WString {
    fn from(text: &WString) -> Self {
        text.clone()
    }
}

impl PartialEq<str> for WString {
    fn eq(&self, other: &str) -> bool {
        self.units().eq(other.encode_utf16())
    }
}

impl PartialEq<&str> for WString {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}
