//! Codecs: how a Rust value travels.
//!
//! A [`Codec`] is a type that is never constructed (or a generated structure, which is its own
//! codec). Wire levels nest as types do: `[string] LPWSTR *names` with `size_is(n)` is
//! `Conformant<Items<Unique<WideStr>>>`. Each loop, bound and alignment rule stands once, in this
//! crate.

use crate::{Align, DecodeError, Decoder, EncodeError, Encoder};

/// How a value is marshalled.
///
/// A value has a part in place and, where it has embedded pointers, a deferred part: the pointees
/// follow after the outermost structure or array (C706 14.3.12.3). A top-level value is `put` and
/// then `put_deferred`; see [`put_top`].
pub trait Codec {
    /// The Rust type of the value.
    type Value;
    /// The alignment of the part in place.
    const ALIGN: Align;
    /// The least number of octets of the part in place, in either syntax; for checking counts.
    const MIN: usize;
    /// Whether values certainly have no deferred part.
    const LEAF: bool = false;

    /// The value whose octets are zero: what an array is filled up with, and what a pointer refers
    /// to until its deferred part is read.
    fn zero() -> Self::Value;

    /// Marshals the part in place.
    fn put(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError>;

    /// Marshals what the value's pointers refer to.
    #[inline]
    fn put_deferred(_value: &Self::Value, _e: &mut Encoder) -> Result<(), EncodeError> {
        Ok(())
    }

    /// Unmarshals the part in place. Pointers get a default pointee for the time being.
    fn get(d: &mut Decoder) -> Result<Self::Value, DecodeError>;

    /// Unmarshals what the value's pointers refer to.
    #[inline]
    fn get_deferred(_value: &mut Self::Value, _d: &mut Decoder) -> Result<(), DecodeError> {
        Ok(())
    }

    /// Marshals the parts in place of several values.
    #[inline]
    fn put_slice(values: &[Self::Value], e: &mut Encoder) -> Result<(), EncodeError> {
        values.iter().try_for_each(|value| Self::put(value, e))
    }

    /// Unmarshals the parts in place of several values, over what stands there.
    #[inline]
    fn get_slice(values: &mut [Self::Value], d: &mut Decoder) -> Result<(), DecodeError> {
        for value in values {
            *value = Self::get(d)?;
        }
        Ok(())
    }

    /// Unmarshals the parts in place of several values; `count` is already checked against the
    /// octets left.
    #[inline]
    fn get_vec(count: usize, d: &mut Decoder) -> Result<Vec<Self::Value>, DecodeError> {
        // Faster than pushing: values are made where they stay.
        let mut values = Vec::new();
        values.resize_with(count, Self::zero);
        Self::get_slice(&mut values, d)?;
        Ok(values)
    }
}

/// A structure that ends in a conformant array. The array's maximum counts are marshalled before
/// the *outermost* structure, aligned as counts are (C706 14.3.7.1).
pub trait ConformantStruct: Codec {
    /// The maximum counts, outermost dimension first.
    type Counts: Copy;

    /// Marshals the maximum counts.
    fn put_counts(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError>;

    /// Marshals the members, without the counts.
    fn put_body(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError>;

    /// Unmarshals the maximum counts.
    fn get_counts(d: &mut Decoder) -> Result<Self::Counts, DecodeError>;

    /// Unmarshals the members.
    fn get_body(counts: Self::Counts, d: &mut Decoder) -> Result<Self::Value, DecodeError>;
}

/// Marshals a top-level value: a parameter, or the pointee of a top-level reference pointer.
#[inline]
pub fn put_top<C: Codec>(value: &C::Value, e: &mut Encoder) -> Result<(), EncodeError> {
    C::put(value, e)?;
    C::put_deferred(value, e)
}

/// Unmarshals a top-level value.
#[inline]
pub fn get_top<C: Codec>(d: &mut Decoder) -> Result<C::Value, DecodeError> {
    let mut value = C::get(d)?;
    C::get_deferred(&mut value, d)?;
    Ok(value)
}

macro_rules! scalar {
    ($($ty:ty, $wire:ident, $bits:ty, $size:literal;)*) => {$(
        impl Codec for $ty {
            type Value = Self;
            const ALIGN: Align = Align::same($size);
            const MIN: usize = $size;
            const LEAF: bool = true;

            #[inline]
            fn zero() -> Self {
                Self::default()
            }

            #[inline]
            fn put(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
                e.$wire(<$bits>::from_ne_bytes(value.to_ne_bytes()));
                Ok(())
            }

            #[inline]
            fn get(d: &mut Decoder) -> Result<Self, DecodeError> {
                d.$wire().map(|bits| Self::from_ne_bytes(bits.to_ne_bytes()))
            }

            fn put_slice(values: &[Self], e: &mut Encoder) -> Result<(), EncodeError> {
                if values.is_empty() {
                    return Ok(());
                }
                e.align_to($size);
                e.reserve(values.len() * $size)?;
                if e.encoding().is_big() {
                    e.extend(values.iter().map(|value| value.to_be_bytes()));
                } else {
                    e.extend(values.iter().map(|value| value.to_le_bytes()));
                }
                Ok(())
            }

            fn get_slice(values: &mut [Self], d: &mut Decoder) -> Result<(), DecodeError> {
                if values.is_empty() {
                    return Ok(());
                }
                d.align_to($size);
                let big = d.encoding().is_big();
                let (octets, _) = d.raw(values.len().saturating_mul($size))?.as_chunks();
                for (value, &octets) in values.iter_mut().zip(octets) {
                    *value = if big { Self::from_be_bytes(octets) } else { Self::from_le_bytes(octets) };
                }
                Ok(())
            }

            fn get_vec(count: usize, d: &mut Decoder) -> Result<Vec<Self>, DecodeError> {
                if count == 0 {
                    return Ok(Vec::new());
                }
                d.align_to($size);
                let big = d.encoding().is_big();
                let (octets, _) = d.raw(count.saturating_mul($size))?.as_chunks::<$size>();
                Ok(if big {
                    octets.iter().map(|&octets| Self::from_be_bytes(octets)).collect()
                } else {
                    octets.iter().map(|&octets| Self::from_le_bytes(octets)).collect()
                })
            }
        }
    )*};
}

scalar! {
    u8, u8, u8, 1;
    i8, u8, u8, 1;
    u16, u16, u16, 2;
    i16, u16, u16, 2;
    u32, u32, u32, 4;
    i32, u32, u32, 4;
    u64, u64, u64, 8;
    i64, u64, u64, 8;
    f32, u32, u32, 4;
    f64, u64, u64, 8;
}

/// An enumeration of two octets in NDR and four in NDR64.
#[derive(Debug)]
pub enum Enum16 {}

impl Codec for Enum16 {
    type Value = u32;
    const ALIGN: Align = Align::of(2, 4);
    const MIN: usize = 2;
    const LEAF: bool = true;

    #[inline]
    fn zero() -> u32 {
        0
    }

    #[inline]
    fn put(value: &u32, e: &mut Encoder) -> Result<(), EncodeError> {
        e.enum16(*value)
    }

    #[inline]
    fn get(d: &mut Decoder) -> Result<u32, DecodeError> {
        d.enum16()
    }
}

/// `unsigned __int3264`.
#[derive(Debug)]
pub enum UInt3264 {}

impl Codec for UInt3264 {
    type Value = u64;
    const ALIGN: Align = Align::WORD;
    const MIN: usize = 4;
    const LEAF: bool = true;

    #[inline]
    fn zero() -> u64 {
        0
    }

    #[inline]
    fn put(value: &u64, e: &mut Encoder) -> Result<(), EncodeError> {
        e.uint3264(*value)
    }

    #[inline]
    fn get(d: &mut Decoder) -> Result<u64, DecodeError> {
        d.uint3264()
    }
}

/// `__int3264`.
#[derive(Debug)]
pub enum Int3264 {}

impl Codec for Int3264 {
    type Value = i64;
    const ALIGN: Align = Align::WORD;
    const MIN: usize = 4;
    const LEAF: bool = true;

    #[inline]
    fn zero() -> i64 {
        0
    }

    #[inline]
    fn put(value: &i64, e: &mut Encoder) -> Result<(), EncodeError> {
        e.int3264(*value)
    }

    #[inline]
    fn get(d: &mut Decoder) -> Result<i64, DecodeError> {
        d.int3264()
    }
}
