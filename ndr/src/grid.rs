//! Arrays of several dimensions of which inner ones are conformant or varying (C706 14.3.3.6 to
//! 14.3.3.9): the maximum counts of all dimensions come first, then the offsets and actual counts of
//! all, then the elements, the last dimension's next to each other.

use std::marker::PhantomData;

use crate::{Align, Codec, DecodeError, DecodeErrorKind, Decoder, EncodeError, EncodeErrorKind, Encoder, Sequence};

/// Dimensions that an array may have.
pub const MAX_DIMENSIONS: usize = 8;

/// Rows that may be without elements, so that no octets stand for them.
const MAX_EMPTY_ROWS: u64 = 4096;

/// Maximum counts of the conformant dimensions, outermost first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GridCounts([u64; MAX_DIMENSIONS]);

impl GridCounts {
    /// The maximum count of the outermost conformant dimension.
    pub fn outer(self) -> u64 {
        self.0[0]
    }
}

/// How many elements a dimension has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// As many as the IDL says.
    Exact(u64),
    /// Conformant: as many as its maximum count.
    Max,
    /// Varying: at most as many as the IDL says.
    Actual(u64),
    /// Conformant and varying.
    MaxActual,
}

impl Extent {
    fn conformant(self) -> bool {
        matches!(self, Self::Max | Self::MaxActual)
    }

    fn varying(self) -> bool {
        matches!(self, Self::Actual(_) | Self::MaxActual)
    }
}

/// A kind of dimension.
pub trait Dimension {
    /// How many elements it has.
    const EXTENT: Extent;
}

/// A fixed dimension.
#[derive(Debug)]
pub enum ExactDim<const N: usize> {}
/// A conformant dimension (`size_is`).
#[derive(Debug)]
pub enum MaxDim {}
/// A varying dimension (`length_is`).
#[derive(Debug)]
pub enum ActualDim<const N: usize> {}
/// A conformant varying dimension (`size_is` and `length_is`).
#[derive(Debug)]
pub enum MaxActualDim {}

impl<const N: usize> Dimension for ExactDim<N> {
    const EXTENT: Extent = Extent::Exact(N as u64);
}

impl Dimension for MaxDim {
    const EXTENT: Extent = Extent::Max;
}

impl<const N: usize> Dimension for ActualDim<N> {
    const EXTENT: Extent = Extent::Actual(N as u64);
}

impl Dimension for MaxActualDim {
    const EXTENT: Extent = Extent::MaxActual;
}

/// The lengths of all dimensions, outermost first.
type Shape = [Option<usize>; MAX_DIMENSIONS];

/// The dimensions of an array, from one of them inwards.
pub trait Dimensions {
    /// The Rust type of the elements.
    type Value: Default;
    /// The alignment of an element.
    const ALIGN: Align;
    /// The least number of octets of an element.
    const MIN: usize;
    /// Whether one of the dimensions is varying.
    const VARYING: bool;

    /// Visits the dimensions, outermost first.
    fn extents(visit: &mut dyn FnMut(Extent));

    /// Finds the length of each dimension; those of all rows must be alike.
    fn measure(value: &Self::Value, shape: &mut [Option<usize>]) -> Result<(), EncodeError>;

    /// Marshals the elements' parts in place.
    fn put(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError>;

    /// Marshals what the elements' pointers refer to.
    fn put_deferred(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError>;

    /// Unmarshals the parts in place of elements, already checked against the octets left.
    fn get(lengths: &[usize], d: &mut Decoder) -> Result<Self::Value, DecodeError>;

    /// Unmarshals what the elements' pointers refer to.
    fn get_deferred(value: &mut Self::Value, d: &mut Decoder) -> Result<(), DecodeError>;
}

/// A dimension whose elements are rows.
#[derive(Debug)]
pub struct Rows<K, D>(PhantomData<(K, D)>);

impl<K: Dimension, D: Dimensions> Dimensions for Rows<K, D> {
    type Value = Vec<D::Value>;
    const ALIGN: Align = D::ALIGN;
    const MIN: usize = D::MIN;
    const VARYING: bool = D::VARYING || matches!(K::EXTENT, Extent::Actual(_) | Extent::MaxActual);

    fn extents(visit: &mut dyn FnMut(Extent)) {
        visit(K::EXTENT);
        D::extents(visit);
    }

    fn measure(value: &Self::Value, shape: &mut [Option<usize>]) -> Result<(), EncodeError> {
        let Some((length, inner)) = shape.split_first_mut() else { return Ok(()) };
        agree(length, value.len())?;
        value.iter().try_for_each(|row| D::measure(row, inner))
    }

    fn put(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        value.iter().try_for_each(|row| D::put(row, e))
    }

    fn put_deferred(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        value.iter().try_for_each(|row| D::put_deferred(row, e))
    }

    fn get(lengths: &[usize], d: &mut Decoder) -> Result<Self::Value, DecodeError> {
        let Some((&length, inner)) = lengths.split_first() else { return Ok(Vec::new()) };
        (0..length).map(|_| D::get(inner, d)).collect()
    }

    fn get_deferred(value: &mut Self::Value, d: &mut Decoder) -> Result<(), DecodeError> {
        value.iter_mut().try_for_each(|row| D::get_deferred(row, d))
    }
}

/// The last dimension.
#[derive(Debug)]
pub struct Row<K, S>(PhantomData<(K, S)>);

impl<K: Dimension, S: Sequence> Dimensions for Row<K, S> {
    type Value = S::Value;
    const ALIGN: Align = S::ALIGN;
    const MIN: usize = S::MIN;
    const VARYING: bool = matches!(K::EXTENT, Extent::Actual(_) | Extent::MaxActual);

    fn extents(visit: &mut dyn FnMut(Extent)) {
        visit(K::EXTENT);
    }

    fn measure(value: &Self::Value, shape: &mut [Option<usize>]) -> Result<(), EncodeError> {
        shape.first_mut().map_or(Ok(()), |length| agree(length, S::len(value)))
    }

    fn put(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        S::put(value, e)
    }

    fn put_deferred(value: &Self::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        S::put_deferred(value, e)
    }

    fn get(lengths: &[usize], d: &mut Decoder) -> Result<Self::Value, DecodeError> {
        S::get(lengths.first().copied().unwrap_or_default(), d)
    }

    fn get_deferred(value: &mut Self::Value, d: &mut Decoder) -> Result<(), DecodeError> {
        S::get_deferred(value, d)
    }
}

fn agree(length: &mut Option<usize>, found: usize) -> Result<(), EncodeError> {
    match *length {
        Some(length) if length != found => {
            let (expected, found) = (length as u64, found as u64);
            Err(EncodeError::new(EncodeErrorKind::CountMismatch { count: "the length of other rows", expected, found }))
        }
        _ => {
            *length = Some(found);
            Ok(())
        }
    }
}

/// An array of several dimensions.
#[derive(Debug)]
pub struct Grid<D>(PhantomData<D>);

impl<D: Dimensions> Grid<D> {
    fn each(mut visit: impl FnMut(usize, Extent) -> Result<(), EncodeError>) -> Result<(), EncodeError> {
        let (mut index, mut result) = (0, Ok(()));
        D::extents(&mut |extent| {
            if result.is_ok() {
                result = visit(index, extent);
            }
            index += 1;
        });
        result
    }

    fn shape(value: &D::Value) -> Result<Shape, EncodeError> {
        let mut shape = Shape::default();
        D::measure(value, &mut shape)?;
        Self::each(|index, extent| {
            // Rows that are not there have no length.
            let Some(len) = shape.get(index).copied().flatten() else { return Ok(()) };
            let len = len as u64;
            match extent {
                Extent::Exact(expected) if len != expected => {
                    Err(EncodeError::new(EncodeErrorKind::CountMismatch { count: "a dimension", expected, found: len }))
                }
                Extent::Actual(capacity) if len > capacity => {
                    Err(EncodeError::new(EncodeErrorKind::OverCapacity { len, capacity }))
                }
                _ => Ok(()),
            }
        })?;
        Ok(shape)
    }

    /// The maximum counts alone, for a conformant structure.
    ///
    /// # Errors
    ///
    /// Fails where rows differ in length.
    pub fn put_counts(value: &D::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        let shape = Self::shape(value)?;
        Self::each(|index, extent| {
            let len = shape.get(index).copied().flatten().unwrap_or_default();
            match extent.conformant() {
                true if index == 0 => {
                    let max = e.take_capacity(len)?;
                    e.count(max)
                }
                true => e.count(len as u64),
                false => Ok(()),
            }
        })
    }

    /// Offsets, actual counts and elements, for a conformant structure.
    ///
    /// # Errors
    ///
    /// Fails where rows differ in length, and where an element has no representation.
    pub fn put_elements(value: &D::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        let shape = Self::shape(value)?;
        Self::each(|index, extent| {
            if !extent.varying() {
                return Ok(());
            }
            e.count(0)?;
            e.count(shape.get(index).copied().flatten().unwrap_or_default() as u64)
        })?;
        D::put(value, e)
    }

    /// The maximum counts alone, for a conformant structure.
    ///
    /// # Errors
    ///
    /// Fails where the stub ends.
    pub fn get_counts(d: &mut Decoder) -> Result<GridCounts, DecodeError> {
        let (mut counts, mut result) = (GridCounts::default(), Ok(()));
        let mut slots = counts.0.iter_mut();
        D::extents(&mut |extent| {
            if result.is_ok() && extent.conformant() {
                result = d.count().map(|count| slots.next().map_or((), |slot| *slot = count));
            }
        });
        result.map(|()| counts)
    }

    /// Offsets, actual counts and elements, for a conformant structure.
    ///
    /// # Errors
    ///
    /// Fails where the stub is malformed.
    pub fn get_elements(counts: GridCounts, d: &mut Decoder) -> Result<D::Value, DecodeError> {
        let mut lengths = [0_u64; MAX_DIMENSIONS];
        let (mut rank, mut result) = (0, Ok(()));
        let mut maxima = counts.0.iter().copied();
        D::extents(&mut |extent| {
            let max = match extent {
                Extent::Exact(count) | Extent::Actual(count) => count,
                Extent::Max | Extent::MaxActual => maxima.next().unwrap_or_default(),
            };
            if result.is_ok() {
                let actual = if extent.varying() { actual_count(max, d) } else { Ok(max) };
                result = actual.map(|actual| lengths.get_mut(rank).map_or((), |length| *length = actual));
            }
            rank += 1;
        });
        result?;
        let lengths = lengths.get(..rank).unwrap_or_default();
        let elements = lengths.iter().fold(1, |product: u64, &length| product.saturating_mul(length));
        d.check_count(elements, D::MIN)?;
        if elements == 0 {
            let rows = lengths.iter().take_while(|&&length| length != 0);
            let rows = rows.fold(1, |product: u64, &length| product.saturating_mul(length));
            if rows > MAX_EMPTY_ROWS {
                return Err(d.error(DecodeErrorKind::OverMaximum { found: rows, max: MAX_EMPTY_ROWS }));
            }
        }
        let mut sizes = [0; MAX_DIMENSIONS];
        for (size, &length) in sizes.iter_mut().zip(lengths) {
            *size = usize::try_from(length).unwrap_or(usize::MAX);
        }
        let value = D::get(sizes.get(..rank).unwrap_or_default(), d)?;
        d.set_max_count(counts.outer());
        Ok(value)
    }
}

fn actual_count(max: u64, d: &mut Decoder) -> Result<u64, DecodeError> {
    d.zero_offset()?;
    match d.count()? {
        found if found > max => Err(d.error(DecodeErrorKind::OverMaximum { found, max })),
        actual => Ok(actual),
    }
}

impl<D: Dimensions> Codec for Grid<D> {
    type Value = D::Value;
    const ALIGN: Align = Align::WORD.max(D::ALIGN);
    const MIN: usize = 4;

    fn zero() -> D::Value {
        D::Value::default()
    }

    fn put(value: &D::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        Self::put_counts(value, e)?;
        Self::put_elements(value, e)
    }

    fn put_deferred(value: &D::Value, e: &mut Encoder) -> Result<(), EncodeError> {
        D::put_deferred(value, e)
    }

    fn get(d: &mut Decoder) -> Result<D::Value, DecodeError> {
        let counts = Self::get_counts(d)?;
        Self::get_elements(counts, d)
    }

    fn get_deferred(value: &mut D::Value, d: &mut Decoder) -> Result<(), DecodeError> {
        let max = d.max_count();
        D::get_deferred(value, d)?;
        d.set_max_count(max);
        Ok(())
    }
}
