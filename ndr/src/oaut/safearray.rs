//! SAFEARRAY: arrays that know their bounds and the type of their elements ([MS-OAUT] 2.2.30).

use std::ops::{Deref, DerefMut};

use super::{Element, Elements, VarType};
use crate::{Align, Codec, DecodeError, DecodeErrorKind, Decoder, EncodeError, Encoder};

/// One dimension of an array (SAFEARRAYBOUND).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    /// The number of elements.
    pub elements: u32,
    /// The index of the first.
    pub lower: i32,
}

/// An array whose elements have a type that only the wire says.
#[derive(Clone, Debug, PartialEq)]
pub struct AnySafeArray {
    /// `fFeatures`.
    pub features: u16,
    /// `cbElements`: the size of an element in memory.
    pub element_size: u32,
    /// `cLocks`: the type of the elements in the high word, where the features say so.
    pub locks: u32,
    /// The dimensions as they travel: the rightmost index first.
    pub bounds: Vec<Bound>,
    /// The elements.
    pub elements: Elements,
}

impl AnySafeArray {
    /// `fFeatures`: `cLocks` has the type of the elements.
    pub const FADF_HAVEVARTYPE: u16 = 0x80;
    /// `fFeatures`: the elements are BSTRs.
    pub const FADF_BSTR: u16 = 0x100;
    /// `fFeatures`: the elements are pointers to `IUnknown`, or with [`FADF_HAVEIID`] to others.
    ///
    /// [`FADF_HAVEIID`]: Self::FADF_HAVEIID
    pub const FADF_UNKNOWN: u16 = 0x200;
    /// `fFeatures`: the elements are pointers to `IDispatch`.
    pub const FADF_DISPATCH: u16 = 0x400;
    /// `fFeatures`: the elements are VARIANTs.
    pub const FADF_VARIANT: u16 = 0x800;
    /// `fFeatures`: the interface of the elements is known.
    pub const FADF_HAVEIID: u16 = 0x40;
    /// `fFeatures`: the elements are structures of the user's.
    pub const FADF_RECORD: u16 = 0x20;

    /// The type of the elements, where the array says it.
    pub fn element_type(&self) -> Option<VarType> {
        let vt = u16::try_from(self.locks >> 16).unwrap_or_default();
        (self.features & Self::FADF_HAVEVARTYPE != 0).then_some(VarType(vt))
    }
}

impl Default for AnySafeArray {
    /// No elements, and no dimensions.
    fn default() -> Self {
        Self {
            features: 0,
            element_size: 0,
            locks: 0,
            bounds: Vec::new(),
            elements: Elements::Bytes(Default::default()),
        }
    }
}

impl<T: Element> From<SafeArray<T>> for AnySafeArray {
    fn from(array: SafeArray<T>) -> Self {
        let SafeArray { features, element_size, locks, bounds, elements } = array;
        let mut any = Self { features, element_size, locks, bounds, elements: T::into_elements(&elements) };
        any.name_interfaces();
        any
    }
}

impl AnySafeArray {
    /// Pointers to `IUnknown` and `IDispatch` travel without their IID, unless it was given.
    fn name_interfaces(&mut self) {
        if self.features & Self::FADF_HAVEIID != 0 {
            return;
        }
        if let Elements::HaveIid { pointers, .. } = &mut self.elements {
            let pointers = std::mem::take(pointers);
            self.elements = if self.features & Self::FADF_DISPATCH != 0 {
                Elements::Dispatch(pointers.into_iter().map(|pointer| pointer.map(Into::into)).collect())
            } else {
                Elements::Unknown(pointers.into_iter().map(|pointer| pointer.map(Into::into)).collect())
            };
        }
    }
}

/// An array of elements of a type that the IDL says.
///
/// It is read and changed like a `Vec`; how many dimensions it has, [`bounds`](Self::bounds) says.
///
/// ```
/// use msrpc_ndr::oaut::SafeArray;
///
/// let array = SafeArray::from(vec![1_u32, 2, 3]);
/// assert_eq!(array.bounds[0].elements, 3);
/// assert_eq!(array.iter().sum::<u32>(), 6);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SafeArray<T> {
    /// `fFeatures`.
    pub features: u16,
    /// `cbElements`: the size of an element in memory.
    pub element_size: u32,
    /// `cLocks`: the type of the elements in the high word, where the features say so.
    pub locks: u32,
    /// The dimensions as they travel: the rightmost index first.
    pub bounds: Vec<Bound>,
    /// The elements, the leftmost index counting fastest, as they lie in memory.
    pub elements: Vec<T>,
}

impl<T: Element> SafeArray<T> {
    /// An array of one dimension that begins at 0.
    pub fn new(elements: Vec<T>) -> Self {
        let count = u32::try_from(elements.len()).unwrap_or(u32::MAX);
        Self::with_bounds(elements, vec![Bound { elements: count, lower: 0 }])
    }

    /// An array of these dimensions, the rightmost index first.
    pub fn with_bounds(elements: Vec<T>, bounds: Vec<Bound>) -> Self {
        // A known interface stands in the place of a known type.
        let typed = T::FEATURES & AnySafeArray::FADF_HAVEIID == 0;
        let features = T::FEATURES | if typed { AnySafeArray::FADF_HAVEVARTYPE } else { 0 };
        let locks = if typed { u32::from(T::VT.0) << 16 } else { 0 };
        Self { features, element_size: T::SIZE, locks, bounds, elements }
    }

    /// The same array, its elements said to be of another type of the same size: `VT_INT` of `i32`.
    pub fn with_type(mut self, vt: VarType) -> Self {
        self.features |= AnySafeArray::FADF_HAVEVARTYPE;
        self.locks = u32::from(vt.0) << 16;
        self
    }
}

impl<T> Default for SafeArray<T> {
    /// No elements, and no dimensions.
    fn default() -> Self {
        Self { features: 0, element_size: 0, locks: 0, bounds: Vec::new(), elements: Vec::new() }
    }
}

impl<T: Element> From<Vec<T>> for SafeArray<T> {
    fn from(elements: Vec<T>) -> Self {
        Self::new(elements)
    }
}

impl<T: Element> FromIterator<T> for SafeArray<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        Self::new(elements.into_iter().collect())
    }
}

/// Fails with the array if its elements are of another type.
impl<T: Element> TryFrom<AnySafeArray> for SafeArray<T> {
    type Error = AnySafeArray;

    fn try_from(any: AnySafeArray) -> Result<Self, AnySafeArray> {
        let AnySafeArray { features, element_size, locks, bounds, elements } = any;
        match T::from_elements(elements.clone()) {
            Some(elements) => Ok(Self { features, element_size, locks, bounds, elements }),
            None => Err(AnySafeArray { features, element_size, locks, bounds, elements }),
        }
    }
}

impl<T> IntoIterator for SafeArray<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.elements.into_iter()
    }
}

impl<T> Deref for SafeArray<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.elements
    }
}

impl<T> DerefMut for SafeArray<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.elements
    }
}

/// The conformant structure. It has its count in front, so that it stands behind pointers alone.
///
/// Its values are converted at the end, when the deferred part is read.
impl<T: Element> Codec for SafeArray<T> {
    type Value = Self;
    const ALIGN: Align = AnySafeArray::ALIGN;
    const MIN: usize = AnySafeArray::MIN;

    fn zero() -> Self {
        Self::default()
    }

    fn put(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        // Parts in place and deferred follow each other: it is a pointee.
        crate::put_top::<AnySafeArray>(&value.clone().into(), e)
    }

    fn get(d: &mut Decoder) -> Result<Self, DecodeError> {
        let any = crate::get_top::<AnySafeArray>(d)?;
        Self::try_from(any)
            .map_err(|any| d.error(DecodeErrorKind::ElementType { expected: T::name(), found: any.elements.sf_type() }))
    }
}
