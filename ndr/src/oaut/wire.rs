//! SAFEARRAY on the wire: a conformant structure with an encapsulated union, and what its pointers
//! refer to ([MS-OAUT] 2.2.30.10).

use super::{AnySafeArray, Bound, Elements, IDispatch};
use crate::{
    Align, At as _, Codec, Conformant, DecodeError, DecodeErrorKind, Decoder, EncodeError, EncodeErrorKind, Encoder,
    Guid, Items, Octets, Unique, Uuid,
    com::{ComPtr, IUnknown, InterfacePointer},
    oaut::{Bstr, Record, Variant},
    pointer::{get_pointee, put_pointee},
};

impl Codec for AnySafeArray {
    type Value = Self;
    const ALIGN: Align = Align::WORD;
    const MIN: usize = 28;

    fn zero() -> Self {
        Self::default()
    }

    fn put(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.little(|e| put_in_place(value, e)).at("SAFEARRAY")
    }

    fn put_deferred(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.little(|e| put_elements(&value.elements, e)).at("SAFEARRAY")
    }

    fn get(d: &mut Decoder) -> Result<Self, DecodeError> {
        d.little(get_in_place).at("SAFEARRAY")
    }

    fn get_deferred(value: &mut Self, d: &mut Decoder) -> Result<(), DecodeError> {
        d.little(|d| get_elements(value, d)).at("SAFEARRAY")
    }
}

fn put_in_place(value: &AnySafeArray, e: &mut Encoder) -> Result<(), EncodeError> {
    let too_long = |len: usize| EncodeError::new(EncodeErrorKind::TooLong { len: len as u64 });
    let dimensions = u16::try_from(value.bounds.len()).map_err(|_| too_long(value.bounds.len()))?;
    let len = value.elements.len();
    let count = u32::try_from(len).map_err(|_| too_long(len))?;
    e.count(dimensions.into())?;
    e.align(Align::WORD);
    e.u16(dimensions);
    e.u16(value.features);
    e.u32(value.element_size);
    e.u32(value.locks);
    e.align(Align::WORD);
    e.u32(value.elements.sf_type());
    e.align(Align::WORD);
    e.u32(count);
    // Of no elements there is an array, too: Windows takes the pointer for a reference.
    e.referent(true);
    if let Elements::HaveIid { iid, .. } = &value.elements {
        Guid::put(iid, e)?;
    }
    e.trailing_gap(Align::WORD);
    for bound in &value.bounds {
        e.u32(bound.elements);
        e.u32(bound.lower.cast_unsigned());
    }
    e.trailing_gap(Align::WORD);
    Ok(())
}

/// What the arms' pointers refer to.
type Strings = Conformant<Items<Bstr>>;
type Unknowns = Conformant<Items<Unique<ComPtr<IUnknown>>>>;
type Dispatches = Conformant<Items<Unique<ComPtr<IDispatch>>>>;
type Variants = Conformant<Items<Variant>>;
type Records = Conformant<Items<Unique<Record>>>;
type Pointers = Conformant<Items<Unique<InterfacePointer>>>;
type Bytes = Conformant<Octets>;
type Words = Conformant<Items<u16>>;
type Dwords = Conformant<Items<u32>>;
type Hypers = Conformant<Items<u64>>;

fn put_elements(elements: &Elements, e: &mut Encoder) -> Result<(), EncodeError> {
    match elements {
        Elements::Bstr(all) => put_pointee::<Strings>(all, e),
        Elements::Unknown(all) => put_pointee::<Unknowns>(all, e),
        Elements::Dispatch(all) => put_pointee::<Dispatches>(all, e),
        Elements::Variant(all) => put_pointee::<Variants>(all, e),
        Elements::Record(all) => put_pointee::<Records>(all, e),
        Elements::HaveIid { pointers, .. } => put_pointee::<Pointers>(pointers, e),
        Elements::Bytes(all) => put_pointee::<Bytes>(all, e),
        Elements::Words(all) => put_pointee::<Words>(all, e),
        Elements::Dwords(all) => put_pointee::<Dwords>(all, e),
        Elements::Hypers(all) => put_pointee::<Hypers>(all, e),
    }
}

/// Reads the part in place. Until the elements are read, [`AnySafeArray::elements`] has none where
/// none follow, and else one that is zero.
fn get_in_place(d: &mut Decoder) -> Result<AnySafeArray, DecodeError> {
    let max = d.count()?;
    d.align(Align::WORD);
    let dimensions = d.u16()?;
    d.expect_count("cDims", dimensions.into(), max)?;
    let features = d.u16()?;
    let element_size = d.u32()?;
    let locks = d.u32()?;
    d.align(Align::WORD);
    let sf_type = d.u32()?;
    d.align(Align::WORD);
    let count = d.u32()?;
    // A reference pointer may have any value; that it is 0 where there are no elements means that
    // there is no array, either.
    let present = d.count()? != 0 || count != 0;
    let expected = if present { 1 } else { 0 };
    let elements = match sf_type {
        8 => Elements::Bstr(vec![Bstr::zero(); expected]),
        9 => Elements::Dispatch(vec![None; expected]),
        12 => Elements::Variant(vec![Variant::zero(); expected]),
        13 => Elements::Unknown(vec![None; expected]),
        36 => Elements::Record(vec![None; expected]),
        0x800d => Elements::HaveIid { pointers: vec![None; expected], iid: Uuid::nil() },
        16 => Elements::Bytes(vec![0; expected].into()),
        2 => Elements::Words(vec![0; expected]),
        3 => Elements::Dwords(vec![0; expected]),
        20 => Elements::Hypers(vec![0; expected]),
        tag => return Err(d.invalid_tag(tag.into())),
    };
    let elements = match elements {
        Elements::HaveIid { pointers, .. } => Elements::HaveIid { pointers, iid: Guid::get(d)? },
        other => other,
    };
    d.trailing_gap(Align::WORD);
    let dimensions = d.check_count(dimensions.into(), 8)?;
    let mut bounds = Vec::with_capacity(dimensions);
    for _ in 0..dimensions {
        bounds.push(Bound { elements: d.u32()?, lower: d.u32()?.cast_signed() });
    }
    d.trailing_gap(Align::WORD);
    // The count dictates the array, which is deferred.
    let slot = d.reserve_count();
    d.fill_count(slot, count.into());
    Ok(AnySafeArray { features, element_size, locks, bounds, elements })
}

fn get_elements(value: &mut AnySafeArray, d: &mut Decoder) -> Result<(), DecodeError> {
    let present = !value.elements.is_empty();
    if present {
        match &mut value.elements {
            Elements::Bstr(all) => get_pointee::<Strings>(all, d),
            Elements::Unknown(all) => get_pointee::<Unknowns>(all, d),
            Elements::Dispatch(all) => get_pointee::<Dispatches>(all, d),
            Elements::Variant(all) => get_pointee::<Variants>(all, d),
            Elements::Record(all) => get_pointee::<Records>(all, d),
            Elements::HaveIid { pointers, .. } => get_pointee::<Pointers>(pointers, d),
            Elements::Bytes(all) => get_pointee::<Bytes>(all, d),
            Elements::Words(all) => get_pointee::<Words>(all, d),
            Elements::Dwords(all) => get_pointee::<Dwords>(all, d),
            Elements::Hypers(all) => get_pointee::<Hypers>(all, d),
        }?;
    }
    d.settle_size("Size", present)?;
    check_bounds(value, d)
}

/// The dimensions must hold what there is: who indexes by them would else miss.
fn check_bounds(value: &AnySafeArray, d: &Decoder) -> Result<(), DecodeError> {
    let product = value.bounds.iter().try_fold(1_u64, |product, bound| product.checked_mul(bound.elements.into()));
    let expected = if value.bounds.is_empty() { 0 } else { product.unwrap_or(u64::MAX) };
    let found = value.elements.len() as u64;
    // Records of all elements stand in one, and empty arrays have whatever bounds they like.
    if matches!(value.elements, Elements::Record(_)) || found == 0 || expected == found {
        return Ok(());
    }
    Err(d.error(DecodeErrorKind::CountMismatch { count: "rgsabound", expected, found }))
}
