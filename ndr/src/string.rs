//! Strings on the wire: conformant or fixed, of `wchar_t` or `char`.

use std::{borrow::Cow, fmt};

use bytes::Bytes;

use crate::{Align, Codec, DecodeError, DecodeErrorKind, Decoder, EncodeError, EncodeErrorKind, Encoder, WString};

/// A string of octets in the peer's code page, as it travels.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NString {
    octets: Bytes,
}

impl NString {
    /// The octets, without terminator.
    pub fn as_bytes(&self) -> &[u8] {
        &self.octets
    }

    /// The number of octets.
    pub fn len(&self) -> usize {
        self.octets.len()
    }

    /// Whether there are no octets.
    pub fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// The text, if it is UTF-8; else every octet that is not becomes U+FFFD.
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.octets)
    }

    /// A copy that does not keep the stub alive it came in.
    pub fn detach(&self) -> Self {
        Self { octets: Bytes::copy_from_slice(&self.octets) }
    }
}

impl fmt::Debug for NString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string_lossy(), f)
    }
}

impl fmt::Display for NString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_string_lossy())
    }
}

impl From<Bytes> for NString {
    fn from(octets: Bytes) -> Self {
        Self { octets }
    }
}

impl From<&str> for NString {
    fn from(text: &str) -> Self {
        Self { octets: Bytes::copy_from_slice(text.as_bytes()) }
    }
}

impl From<String> for NString {
    fn from(text: String) -> Self {
        Self { octets: text.into() }
    }
}

impl From<&NString> for NString {
    fn from(text: &NString) -> Self {
        text.clone()
    }
}

/// Characters of a `[string]`.
pub trait Characters {
    /// The Rust type.
    type Value: Default;
    /// Octets of a character.
    const SIZE: usize;

    /// The number of characters, terminator excluded.
    fn len(value: &Self::Value) -> usize;

    /// Marshals the characters and the terminator.
    fn put(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError>;

    /// Unmarshals `count` characters (at least one), the last of which must be the terminator.
    fn get(count: usize, d: &mut Decoder) -> Result<Self::Value, DecodeError>;
}

/// `wchar_t` characters.
#[derive(Debug)]
pub enum Wide {}

impl Characters for Wide {
    type Value = WString;
    const SIZE: usize = 2;

    #[inline]
    fn len(value: &WString) -> usize {
        value.len()
    }

    #[inline]
    fn put(value: &WString, e: &mut Encoder) -> Result<(), EncodeError> {
        value.put_units(e)?;
        e.wide_terminator();
        Ok(())
    }

    #[inline]
    fn get(count: usize, d: &mut Decoder) -> Result<WString, DecodeError> {
        let octets = count.saturating_mul(2);
        match d.need(octets)?.last_chunk() {
            Some([0, 0]) if octets == 2 => {
                d.skip(2);
                Ok(WString::new())
            }
            Some([0, 0]) => Ok(d.wide(octets, octets - 2)),
            _ => Err(d.error(DecodeErrorKind::Unterminated)),
        }
    }
}

/// `char` characters.
#[derive(Debug)]
pub enum Narrow {}

impl Characters for Narrow {
    type Value = NString;
    const SIZE: usize = 1;

    #[inline]
    fn len(value: &NString) -> usize {
        value.len()
    }

    #[inline]
    fn put(value: &NString, e: &mut Encoder) -> Result<(), EncodeError> {
        e.shared(&value.octets)?;
        e.u8(0);
        Ok(())
    }

    #[inline]
    fn get(count: usize, d: &mut Decoder) -> Result<NString, DecodeError> {
        match d.need(count)?.last() {
            Some(0) => {}
            _ => return Err(d.error(DecodeErrorKind::Unterminated)),
        }
        let octets = d.shared(count - 1)?;
        d.skip(1);
        Ok(NString { octets })
    }
}

/// A conformant varying string: maximum count, offset, actual count, characters and terminator
/// (C706 14.3.4.2). The maximum count is the capacity that was set ([`Encoder::set_capacity`]), or
/// the length with the terminator.
#[derive(Debug)]
pub struct Str<T>(std::marker::PhantomData<T>);

/// `[string] wchar_t *`.
pub type WideStr = Str<Wide>;
/// `[string] char *`.
pub type NarrowStr = Str<Narrow>;

impl<T: Characters> Str<T> {
    /// Offset, actual count and characters, for a structure that ends in a string.
    pub fn put_elements(value: &T::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        e.count(0)?;
        e.count(T::len(value) as u64 + 1)?;
        T::put(value, e)
    }

    /// Offset, actual count and characters, for a structure that ends in a string.
    pub fn get_elements(max: u64, d: &mut Decoder) -> Result<T::Value, DecodeError> {
        let count = d.fixed_string_counts(usize::try_from(max).unwrap_or(usize::MAX), T::SIZE)?;
        let value = T::get(count, d)?;
        d.set_max_count(max);
        Ok(value)
    }
}

impl<T: Characters> Codec for Str<T> {
    type Value = T::Value;
    const ALIGN: Align = Align::WORD;
    const MIN: usize = 12 + T::SIZE;
    const LEAF: bool = true;

    #[inline]
    fn zero() -> T::Value {
        T::Value::default()
    }

    #[inline]
    fn put(value: &T::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        let len = T::len(value) + 1;
        let max = e.take_capacity(len)?;
        e.string_counts(max, len as u64)?;
        T::put(value, e)
    }

    #[inline]
    fn get(d: &mut Decoder) -> Result<T::Value, DecodeError> {
        let (max, count) = d.string_counts(T::SIZE)?;
        let value = T::get(count, d)?;
        d.set_max_count(max);
        Ok(value)
    }
}

/// A conformant varying string within an array: its maximum count is the one that was set for its
/// slot ([`Encoder::set_inner_capacity`]), the same for all strings.
#[derive(Debug)]
pub struct CappedStr<T, const SLOT: usize>(std::marker::PhantomData<T>);

impl<T: Characters, const SLOT: usize> Codec for CappedStr<T, SLOT> {
    type Value = T::Value;
    const ALIGN: Align = Align::WORD;
    const MIN: usize = 12 + T::SIZE;
    const LEAF: bool = true;

    fn zero() -> T::Value {
        T::Value::default()
    }

    fn put(value: &T::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        let len = T::len(value) + 1;
        let max = e.inner_capacity(SLOT, len)?;
        e.string_counts(max, len as u64)?;
        T::put(value, e)
    }

    fn get(d: &mut Decoder) -> Result<T::Value, DecodeError> {
        Str::<T>::get(d)
    }
}

/// A varying string in a fixed array of `N` characters (C706 14.3.4.1): offset, actual count,
/// characters and terminator.
#[derive(Debug)]
pub struct FixedStr<T, const N: usize>(std::marker::PhantomData<T>);

impl<T: Characters, const N: usize> Codec for FixedStr<T, N> {
    type Value = T::Value;
    const ALIGN: Align = Align::WORD;
    const MIN: usize = 8 + T::SIZE;
    const LEAF: bool = true;

    fn zero() -> T::Value {
        T::Value::default()
    }

    fn put(value: &T::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        let (len, capacity) = (T::len(value) as u64 + 1, N as u64);
        if len > capacity {
            return Err(EncodeError::new(EncodeErrorKind::OverCapacity { len, capacity }));
        }
        e.count(0)?;
        e.count(len)?;
        T::put(value, e)
    }

    fn get(d: &mut Decoder) -> Result<T::Value, DecodeError> {
        let count = d.fixed_string_counts(N, T::SIZE)?;
        let value = T::get(count, d)?;
        d.set_max_count(N as u64);
        Ok(value)
    }
}
