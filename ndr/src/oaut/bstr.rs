//! BSTR: counted strings, or counted octets ([MS-OAUT] 2.2.23).

use std::fmt;

use bytes::Bytes;

use crate::{Align, Codec, DecodeError, Decoder, EncodeError, EncodeErrorKind, Encoder, WString};

/// A counted string. [`NULL`](Self::NULL) and the empty string are different things.
///
/// It is UTF-16 by custom, and any octets by right: an odd number of them survives, and so do NULs.
/// One that was received shares the octets of its stub; who keeps one for long calls
/// [`detach`](Self::detach).
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Bstr(State);

#[derive(Clone, Default, PartialEq, Eq, Hash)]
enum State {
    /// The octets, little-endian.
    Octets(Bytes),
    /// A NULL BSTR, which travels as a pointer to a structure that says so.
    #[default]
    Null,
    /// A NULL pointer to that structure: nobody should send one.
    NoPointer,
}

impl Bstr {
    /// The NULL BSTR.
    pub const NULL: Self = Self(State::Null);
    /// The empty string.
    pub const EMPTY: Self = Self(State::Octets(Bytes::new()));
    /// `cBytes` of a NULL BSTR.
    const NULL_BYTES: u32 = 0xffff_ffff;

    /// A BSTR of octets that need not be text.
    pub fn from_octets(octets: impl Into<Bytes>) -> Self {
        Self(State::Octets(octets.into()))
    }

    /// A BSTR of UTF-16 code units.
    pub fn from_units(units: impl IntoIterator<Item = u16>) -> Self {
        Self::from_octets(units.into_iter().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
    }

    /// Whether it is NULL.
    pub fn is_null(&self) -> bool {
        !matches!(self.0, State::Octets(_))
    }

    /// The octets, code units little-endian; none if it is NULL.
    pub fn as_octets(&self) -> &[u8] {
        match &self.0 {
            State::Octets(octets) => octets,
            State::Null | State::NoPointer => &[],
        }
    }

    /// The number of UTF-16 code units; an odd octet at the end does not count.
    pub fn len(&self) -> usize {
        self.as_octets().len() / 2
    }

    /// Whether it has no octets, NULL or not.
    pub fn is_empty(&self) -> bool {
        self.as_octets().is_empty()
    }

    /// The UTF-16 code units.
    pub fn units(&self) -> impl ExactSizeIterator<Item = u16> + Clone + '_ {
        self.as_octets().as_chunks::<2>().0.iter().map(|&unit| u16::from_le_bytes(unit))
    }

    /// The text, if it is well-formed UTF-16 and not NULL.
    pub fn to_str(&self) -> Option<String> {
        let well_formed = !self.is_null() && self.as_octets().len().is_multiple_of(2);
        well_formed.then(|| char::decode_utf16(self.units()).collect::<Result<_, _>>().ok())?
    }

    /// The text; ill-formed parts become U+FFFD, and NULL becomes the empty string.
    pub fn to_string_lossy(&self) -> String {
        char::decode_utf16(self.units()).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    }

    /// A copy that does not keep the stub alive it came in.
    pub fn detach(&self) -> Self {
        match &self.0 {
            State::Octets(octets) => Self::from_octets(octets.to_vec()),
            State::Null | State::NoPointer => self.clone(),
        }
    }
}

/// The pointer and, deferred, FLAGGED_WORD_BLOB.
impl Codec for Bstr {
    type Value = Self;
    const ALIGN: Align = Align::WORD;
    const MIN: usize = 4;

    fn zero() -> Self {
        Self(State::NoPointer)
    }

    fn put(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.referent(!matches!(value.0, State::NoPointer));
        Ok(())
    }

    fn put_deferred(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        let octets = match &value.0 {
            State::NoPointer => return Ok(()),
            State::Null => None,
            State::Octets(octets) => Some(octets),
        };
        e.little(|e| {
            let len = octets.map_or(0, Bytes::len);
            let too_long = || EncodeError::new(EncodeErrorKind::TooLong { len: len as u64 });
            let units = u32::try_from(len.div_ceil(2)).map_err(|_| too_long())?;
            let bytes = match octets {
                None => Self::NULL_BYTES,
                Some(_) => u32::try_from(len).ok().filter(|&len| len != Self::NULL_BYTES).ok_or_else(too_long)?,
            };
            e.count(units.into())?;
            e.u32(bytes);
            e.u32(units);
            if let Some(octets) = octets {
                e.shared(octets)?;
                e.align_to(2);
            }
            e.trailing_gap(Align::same(4));
            Ok(())
        })
    }

    fn get(d: &mut Decoder) -> Result<Self, DecodeError> {
        Ok(Self(if d.count()? == 0 { State::NoPointer } else { State::Null }))
    }

    fn get_deferred(value: &mut Self, d: &mut Decoder) -> Result<(), DecodeError> {
        if matches!(value.0, State::NoPointer) {
            return Ok(());
        }
        d.little(|d| {
            let max = d.count()?;
            let bytes = d.u32()?;
            let units = d.u32()?;
            d.expect_count("clSize", units.into(), max)?;
            let dictated = if bytes == Self::NULL_BYTES { 0 } else { u64::from(bytes).div_ceil(2) };
            d.expect_count("cBytes", dictated, max)?;
            let octets = d.check_count(max, 2)?.saturating_mul(2);
            let octets = d.shared(octets)?;
            d.trailing_gap(Align::same(4));
            if bytes != Self::NULL_BYTES {
                // An odd number of octets has one more on the wire.
                let len = octets.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
                value.0 = State::Octets(octets.slice(..len));
            }
            Ok(())
        })
    }
}

impl From<&str> for Bstr {
    fn from(text: &str) -> Self {
        Self::from_units(text.encode_utf16())
    }
}

impl From<String> for Bstr {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&WString> for Bstr {
    fn from(text: &WString) -> Self {
        Self::from_octets(text.as_le_bytes().to_vec())
    }
}

impl From<WString> for Bstr {
    fn from(text: WString) -> Self {
        Self::from(&text)
    }
}

/// `None` is NULL.
impl<T: Into<Bstr>> From<Option<T>> for Bstr {
    fn from(text: Option<T>) -> Self {
        text.map_or(Self::NULL, Into::into)
    }
}

impl From<&Bstr> for WString {
    fn from(text: &Bstr) -> Self {
        Self::from_units(text.units())
    }
}

impl PartialEq<str> for Bstr {
    fn eq(&self, other: &str) -> bool {
        !self.is_null() && self.units().eq(other.encode_utf16())
    }
}

impl PartialEq<&str> for Bstr {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl fmt::Debug for Bstr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            State::NoPointer => f.write_str("NULL pointer"),
            State::Null => f.write_str("NULL"),
            State::Octets(_) if !self.as_octets().len().is_multiple_of(2) => write!(f, "{:02x?}", self.as_octets()),
            State::Octets(_) => fmt::Debug::fmt(&self.to_string_lossy(), f),
        }
    }
}

impl fmt::Display for Bstr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_string_lossy())
    }
}
