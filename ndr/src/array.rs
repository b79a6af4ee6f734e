//! Arrays: fixed, conformant, varying (C706 14.3.3).

use std::marker::PhantomData;

use bytes::Bytes;

use crate::{Align, Codec, DecodeError, DecodeErrorKind, Decoder, EncodeError, EncodeErrorKind, Encoder, WString};

/// Elements in a row, held by one Rust value: the inside of every array.
pub trait Sequence {
    /// The Rust type of the whole row.
    type Value: Default;
    /// The alignment of an element.
    const ALIGN: Align;
    /// The least number of octets of an element.
    const MIN: usize;
    /// Whether the elements need not be the first ones of their array (`first_is`).
    const SHIFTED: bool = false;

    /// The number of elements.
    fn len(value: &Self::Value) -> usize;

    /// Marshals the elements' parts in place.
    fn put(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError>;

    /// Marshals what the elements' pointers refer to.
    fn put_deferred(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError>;

    /// Marshals `count` elements that are zero.
    fn put_zeros(count: u64, e: &mut Encoder) -> Result<(), EncodeError>;

    /// Unmarshals the parts in place of `count` elements, already checked against the octets left.
    fn get(count: usize, d: &mut Decoder) -> Result<Self::Value, DecodeError>;

    /// Unmarshals what the elements' pointers refer to.
    fn get_deferred(value: &mut Self::Value, d: &mut Decoder) -> Result<(), DecodeError>;
}

/// Elements of any codec, as a `Vec`.
#[derive(Debug)]
pub struct Items<C>(PhantomData<C>);

impl<C: Codec> Sequence for Items<C> {
    type Value = Vec<C::Value>;
    const ALIGN: Align = C::ALIGN;
    const MIN: usize = C::MIN;

    #[inline]
    fn len(value: &Self::Value) -> usize {
        value.len()
    }

    #[inline]
    fn put(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        C::put_slice(value, e)
    }

    #[inline]
    fn put_deferred(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        value.iter().try_for_each(|value| C::put_deferred(value, e))
    }

    fn put_zeros(count: u64, e: &mut Encoder) -> Result<(), EncodeError> {
        let zero = C::zero();
        for _ in 0..count {
            // A zero octet is the least that an element costs: this keeps the limit honest.
            e.reserve(C::MIN)?;
            C::put_slice(std::slice::from_ref(&zero), e)?;
        }
        Ok(())
    }

    #[inline]
    fn get(count: usize, d: &mut Decoder) -> Result<Self::Value, DecodeError> {
        C::get_vec(count, d)
    }

    #[inline]
    fn get_deferred(value: &mut Self::Value, d: &mut Decoder) -> Result<(), DecodeError> {
        value.iter_mut().try_for_each(|value| C::get_deferred(value, d))
    }
}

/// Elements that begin at another one than the first of their array (`first_is`): at the one that
/// was set ([`Encoder::set_first`]), or at what [`Decoder::first`] says.
#[derive(Debug)]
pub struct Shifted<S>(PhantomData<S>);

impl<S: Sequence> Sequence for Shifted<S> {
    type Value = S::Value;
    const ALIGN: Align = S::ALIGN;
    const MIN: usize = S::MIN;
    const SHIFTED: bool = true;

    fn len(value: &S::Value) -> usize {
        S::len(value)
    }

    fn put(value: &S::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        S::put(value, e)
    }

    fn put_deferred(value: &S::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        S::put_deferred(value, e)
    }

    fn put_zeros(count: u64, e: &mut Encoder) -> Result<(), EncodeError> {
        S::put_zeros(count, e)
    }

    fn get(count: usize, d: &mut Decoder) -> Result<S::Value, DecodeError> {
        S::get(count, d)
    }

    fn get_deferred(value: &mut S::Value, d: &mut Decoder) -> Result<(), DecodeError> {
        let first = d.first();
        S::get_deferred(value, d)?;
        d.set_first(first);
        Ok(())
    }
}

/// Octets, shared with the stub they came in.
#[derive(Debug)]
pub enum Octets {}

impl Sequence for Octets {
    type Value = Bytes;
    const ALIGN: Align = Align::BYTE;
    const MIN: usize = 1;

    #[inline]
    fn len(value: &Bytes) -> usize {
        value.len()
    }

    #[inline]
    fn put(value: &Bytes, e: &mut Encoder) -> Result<(), EncodeError> {
        e.shared(value)
    }

    #[inline]
    fn put_deferred(_: &Bytes, _: &mut Encoder) -> Result<(), EncodeError> {
        Ok(())
    }

    fn put_zeros(count: u64, e: &mut Encoder) -> Result<(), EncodeError> {
        e.zeros(usize::try_from(count).unwrap_or(usize::MAX))
    }

    #[inline]
    fn get(count: usize, d: &mut Decoder) -> Result<Bytes, DecodeError> {
        d.shared(count)
    }

    #[inline]
    fn get_deferred(_: &mut Bytes, _: &mut Decoder) -> Result<(), DecodeError> {
        Ok(())
    }
}

/// UTF-16 code units, shared with the stub they came in.
#[derive(Debug)]
pub enum Units {}

impl Sequence for Units {
    type Value = WString;
    const ALIGN: Align = Align::same(2);
    const MIN: usize = 2;

    #[inline]
    fn len(value: &WString) -> usize {
        value.len()
    }

    #[inline]
    fn put(value: &WString, e: &mut Encoder) -> Result<(), EncodeError> {
        value.put_units(e)
    }

    #[inline]
    fn put_deferred(_: &WString, _: &mut Encoder) -> Result<(), EncodeError> {
        Ok(())
    }

    fn put_zeros(count: u64, e: &mut Encoder) -> Result<(), EncodeError> {
        e.align_to(2);
        e.zeros(usize::try_from(count.saturating_mul(2)).unwrap_or(usize::MAX))
    }

    #[inline]
    fn get(count: usize, d: &mut Decoder) -> Result<WString, DecodeError> {
        WString::get_units(count, d)
    }

    #[inline]
    fn get_deferred(_: &mut WString, _: &mut Decoder) -> Result<(), DecodeError> {
        Ok(())
    }
}

/// A conformant array (`size_is`): its maximum count, then that many elements. Where a capacity was
/// set ([`Encoder::set_capacity`]), elements are filled up with zeros.
#[derive(Debug)]
pub struct Conformant<S>(PhantomData<S>);

impl<S: Sequence> Conformant<S> {
    /// The maximum count alone, for a conformant structure.
    #[inline]
    pub fn put_count(value: &S::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        e.count(S::len(value) as u64)
    }

    /// The elements alone, for a conformant structure.
    #[inline]
    pub fn get_elements(count: u64, d: &mut Decoder) -> Result<S::Value, DecodeError> {
        let elements = d.check_count(count, S::MIN)?;
        let value = S::get(elements, d)?;
        d.set_max_count(count);
        Ok(value)
    }
}

impl<S: Sequence> Codec for Conformant<S> {
    type Value = S::Value;
    const ALIGN: Align = Align::WORD.max(S::ALIGN);
    const MIN: usize = 4;

    #[inline]
    fn zero() -> S::Value {
        S::Value::default()
    }

    #[inline]
    fn put(value: &S::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        let len = S::len(value);
        let max = e.take_capacity(len)?;
        e.count(max)?;
        S::put(value, e)?;
        if max > len as u64 {
            S::put_zeros(max - len as u64, e)?;
        }
        Ok(())
    }

    #[inline]
    fn put_deferred(value: &S::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        S::put_deferred(value, e)
    }

    #[inline]
    fn get(d: &mut Decoder) -> Result<S::Value, DecodeError> {
        let max = d.count()?;
        Self::get_elements(max, d)
    }

    #[inline]
    fn get_deferred(value: &mut S::Value, d: &mut Decoder) -> Result<(), DecodeError> {
        let max = d.max_count();
        S::get_deferred(value, d)?;
        d.set_max_count(max);
        Ok(())
    }
}

/// A conformant varying array (`size_is` and `length_is`): maximum count, offset, actual count, and
/// the elements of the actual count. The maximum count is the capacity that was set
/// ([`Encoder::set_capacity`]), or the number of elements.
#[derive(Debug)]
pub struct ConformantVarying<S>(PhantomData<S>);

impl<S: Sequence> ConformantVarying<S> {
    /// Offset, actual count and elements, for a conformant structure.
    #[inline]
    pub fn put_elements(value: &S::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        let first = e.take_first();
        Self::put_at(first, value, e)
    }

    #[inline]
    fn put_at(first: u64, value: &S::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        e.count(if S::SHIFTED { first } else { 0 })?;
        e.count(S::len(value) as u64)?;
        S::put(value, e)
    }

    /// Offset, actual count and elements, for a conformant structure.
    #[inline]
    pub fn get_elements(max: u64, d: &mut Decoder) -> Result<S::Value, DecodeError> {
        let first = if S::SHIFTED { d.count()? } else { d.zero_offset().map(|()| 0)? };
        let actual = d.count()?;
        let found = first.saturating_add(actual);
        if found > max {
            return Err(d.error(DecodeErrorKind::OverMaximum { found, max }));
        }
        let elements = d.check_count(actual, S::MIN)?;
        let value = S::get(elements, d)?;
        d.set_max_count(max);
        if S::SHIFTED {
            d.set_first(first);
        }
        Ok(value)
    }
}

impl<S: Sequence> Codec for ConformantVarying<S> {
    type Value = S::Value;
    const ALIGN: Align = Align::WORD.max(S::ALIGN);
    const MIN: usize = 12;

    #[inline]
    fn zero() -> S::Value {
        S::Value::default()
    }

    #[inline]
    fn put(value: &S::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        let first = if S::SHIFTED { e.take_first() } else { 0 };
        let end = usize::try_from(first).unwrap_or(usize::MAX).saturating_add(S::len(value));
        let max = e.take_capacity(end)?;
        e.count(max)?;
        Self::put_at(first, value, e)
    }

    #[inline]
    fn put_deferred(value: &S::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        S::put_deferred(value, e)
    }

    #[inline]
    fn get(d: &mut Decoder) -> Result<S::Value, DecodeError> {
        let max = d.count()?;
        Self::get_elements(max, d)
    }

    #[inline]
    fn get_deferred(value: &mut S::Value, d: &mut Decoder) -> Result<(), DecodeError> {
        let max = d.max_count();
        S::get_deferred(value, d)?;
        d.set_max_count(max);
        Ok(())
    }
}

/// A conformant varying array within an array: its maximum count is the one that was set for its
/// slot ([`Encoder::set_inner_capacity`]), the same in all rows.
#[derive(Debug)]
pub struct Capped<S, const SLOT: usize>(PhantomData<S>);

impl<S: Sequence, const SLOT: usize> Codec for Capped<S, SLOT> {
    type Value = S::Value;
    const ALIGN: Align = Align::WORD.max(S::ALIGN);
    const MIN: usize = 12;

    fn zero() -> S::Value {
        S::Value::default()
    }

    fn put(value: &S::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        let max = e.inner_capacity(SLOT, S::len(value))?;
        e.count(max)?;
        ConformantVarying::<S>::put_at(0, value, e)
    }

    fn put_deferred(value: &S::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        // Elements may have arrays within arrays of their own.
        let capacities = *e.inner_capacities();
        S::put_deferred(value, e)?;
        *e.inner_capacities() = capacities;
        Ok(())
    }

    fn get(d: &mut Decoder) -> Result<S::Value, DecodeError> {
        ConformantVarying::<S>::get(d)
    }

    fn get_deferred(value: &mut S::Value, d: &mut Decoder) -> Result<(), DecodeError> {
        ConformantVarying::<S>::get_deferred(value, d)
    }
}

/// A varying array with a fixed bound of `N` elements (`length_is` on `T x[N]`): offset, actual
/// count, elements.
#[derive(Debug)]
pub struct Varying<S, const N: usize>(PhantomData<S>);

impl<S: Sequence, const N: usize> Codec for Varying<S, N> {
    type Value = S::Value;
    const ALIGN: Align = Align::WORD.max(S::ALIGN);
    const MIN: usize = 8;

    #[inline]
    fn zero() -> S::Value {
        S::Value::default()
    }

    #[inline]
    fn put(value: &S::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        let first = if S::SHIFTED { e.take_first() } else { 0 };
        let (len, capacity) = (first.saturating_add(S::len(value) as u64), N as u64);
        if len > capacity {
            return Err(EncodeError::new(EncodeErrorKind::OverCapacity { len, capacity }));
        }
        ConformantVarying::<S>::put_at(first, value, e)
    }

    #[inline]
    fn put_deferred(value: &S::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        S::put_deferred(value, e)
    }

    #[inline]
    fn get(d: &mut Decoder) -> Result<S::Value, DecodeError> {
        ConformantVarying::<S>::get_elements(N as u64, d)
    }

    #[inline]
    fn get_deferred(value: &mut S::Value, d: &mut Decoder) -> Result<(), DecodeError> {
        S::get_deferred(value, d)
    }
}

/// A fixed array of `N` elements.
#[derive(Debug)]
pub struct Fixed<C, const N: usize>(PhantomData<C>);

impl<C: Codec, const N: usize> Codec for Fixed<C, N> {
    type Value = [C::Value; N];
    const ALIGN: Align = C::ALIGN;
    const MIN: usize = C::MIN * N;
    const LEAF: bool = C::LEAF;

    fn zero() -> Self::Value {
        std::array::from_fn(|_| C::zero())
    }

    #[inline]
    fn put(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        C::put_slice(value, e)
    }

    #[inline]
    fn put_deferred(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        value.iter().try_for_each(|value| C::put_deferred(value, e))
    }

    #[inline]
    fn get(d: &mut Decoder) -> Result<Self::Value, DecodeError> {
        d.check_count(N as u64, C::MIN)?;
        let mut values = Self::zero();
        C::get_slice(&mut values, d)?;
        Ok(values)
    }

    #[inline]
    fn get_deferred(value: &mut Self::Value, d: &mut Decoder) -> Result<(), DecodeError> {
        value.iter_mut().try_for_each(|value| C::get_deferred(value, d))
    }
}
