//! VARIANT: a value of one of the types of OLE Automation ([MS-OAUT] 2.2.29).

use bytes::Bytes;

use super::{AnySafeArray, Bstr, Currency, Date, Decimal, Element, IDispatch, SafeArray, VarType, VariantBool};
use crate::{
    Align, At as _, Codec, DecodeError, Decoder, EncodeError, EncodeErrorKind, Encoder, Octets, Unique,
    com::{ComPtr, IUnknown, InterfacePointer},
};

/// A value that says its own type.
///
/// It is made with `From` and taken apart with `TryFrom`, or by `match`:
///
/// ```
/// use msrpc_ndr::oaut::{Bstr, Variant};
///
/// let variant = Variant::from("online");
/// assert_eq!(String::try_from(variant).unwrap(), "online");
/// assert!(i32::try_from(Variant::Bstr(Bstr::NULL)).is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Variant {
    /// A NULL pointer in the place of a VARIANT: nobody should send one. Windows takes it for
    /// [`Empty`](Self::Empty).
    Absent,
    /// `VT_EMPTY`: nothing.
    #[default]
    Empty,
    /// `VT_NULL`: NULL, as databases mean it.
    Null,
    /// `VT_I1`
    I1(i8),
    /// `VT_UI1`
    Ui1(u8),
    /// `VT_I2`
    I2(i16),
    /// `VT_UI2`
    Ui2(u16),
    /// `VT_I4`
    I4(i32),
    /// `VT_UI4`
    Ui4(u32),
    /// `VT_I8`
    I8(i64),
    /// `VT_UI8`
    Ui8(u64),
    /// `VT_INT`
    Int(i32),
    /// `VT_UINT`
    Uint(u32),
    /// `VT_R4`
    R4(f32),
    /// `VT_R8`
    R8(f64),
    /// `VT_BOOL`
    Bool(VariantBool),
    /// `VT_ERROR`: an HRESULT.
    Error(i32),
    /// `VT_CY`
    Currency(Currency),
    /// `VT_DATE`
    Date(Date),
    /// `VT_DECIMAL`
    Decimal(Decimal),
    /// `VT_BSTR`
    Bstr(Bstr),
    /// `VT_UNKNOWN`
    Unknown(Option<ComPtr<IUnknown>>),
    /// `VT_DISPATCH`
    Dispatch(Option<ComPtr<IDispatch>>),
    /// `VT_ARRAY` and the type of the elements.
    Array(VarType, Option<Box<AnySafeArray>>),
    /// `VT_RECORD`, or `VT_RECORD|VT_BYREF`: a structure of the user's.
    Record(Option<Record>),
    /// `VT_BYREF` and a type: a pointer to a value, of which any but the last four here may be one.
    ByRef(Box<Variant>),
    /// `VT_BYREF` and a type, the pointer being NULL.
    NullRef(VarType),
    /// `VT_VARIANT|VT_BYREF`: a pointer to another VARIANT.
    VariantRef(Option<Box<Variant>>),
    /// `VT_RECORD|VT_BYREF`.
    RecordRef(Option<Record>),
}

/// A structure of the user's, marshalled by its type's own rules ([MS-OAUT] 2.2.28.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// `fFlags`.
    pub flags: u32,
    /// What says which type it is: a custom-marshalled RecordInfo.
    pub info: Option<InterfacePointer>,
    /// The structure.
    pub data: Option<Bytes>,
}

impl Variant {
    /// The type.
    pub fn vt(&self) -> VarType {
        match self {
            Self::Absent | Self::Empty => VarType::EMPTY,
            Self::Null => VarType::NULL,
            Self::I1(_) => VarType::I1,
            Self::Ui1(_) => VarType::UI1,
            Self::I2(_) => VarType::I2,
            Self::Ui2(_) => VarType::UI2,
            Self::I4(_) => VarType::I4,
            Self::Ui4(_) => VarType::UI4,
            Self::I8(_) => VarType::I8,
            Self::Ui8(_) => VarType::UI8,
            Self::Int(_) => VarType::INT,
            Self::Uint(_) => VarType::UINT,
            Self::R4(_) => VarType::R4,
            Self::R8(_) => VarType::R8,
            Self::Bool(_) => VarType::BOOL,
            Self::Error(_) => VarType::ERROR,
            Self::Currency(_) => VarType::CY,
            Self::Date(_) => VarType::DATE,
            Self::Decimal(_) => VarType::DECIMAL,
            Self::Bstr(_) => VarType::BSTR,
            Self::Unknown(_) => VarType::UNKNOWN,
            Self::Dispatch(_) => VarType::DISPATCH,
            Self::Array(vt, _) => vt.with(VarType::ARRAY),
            Self::Record(_) => VarType::RECORD,
            Self::ByRef(value) => value.vt().with(VarType::BYREF),
            Self::NullRef(vt) => vt.with(VarType::BYREF),
            Self::VariantRef(_) => VarType::VARIANT.with(VarType::BYREF),
            Self::RecordRef(_) => VarType::RECORD.with(VarType::BYREF),
        }
    }

    /// An array.
    pub fn array<T: Element>(array: impl Into<SafeArray<T>>) -> Self {
        Self::Array(T::VT, Some(Box::new(array.into().into())))
    }

    /// The value itself, where this is a pointer to one.
    pub fn by_value(self) -> Self {
        match self {
            Self::ByRef(value) | Self::VariantRef(Some(value)) => value.by_value(),
            other => other,
        }
    }

    /// Whether a pointer may lead to it.
    fn can_be_referred_to(&self) -> bool {
        !matches!(
            self,
            Self::Absent
                | Self::Empty
                | Self::Null
                | Self::Record(_)
                | Self::ByRef(_)
                | Self::NullRef(_)
                | Self::VariantRef(_)
                | Self::RecordRef(_)
        )
    }

    /// The octets of `_wireVARIANT`, pointees included.
    fn put_wire(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.align_to(8);
        let size = e.mark();
        e.u32(0);
        e.u16(self.vt().0);
        for _ in 0..3 {
            e.u16(0);
        }
        e.align_union(Align::same(8));
        e.u32(self.vt().discriminant());
        e.align(Align::of(1, 8));
        self.put_value(e)?;
        e.trailing_gap(Align::same(8));
        self.put_pointees(e)?;
        let words = e.since(&size).div_ceil(8);
        e.fill(size, u32::try_from(words).unwrap_or(u32::MAX));
        Ok(())
    }

    /// The union's arm in place.
    fn put_value(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        match self {
            Self::Absent | Self::Empty | Self::Null => Ok(()),
            Self::I1(value) => i8::put(value, e),
            Self::Ui1(value) => u8::put(value, e),
            Self::I2(value) => i16::put(value, e),
            Self::Ui2(value) => u16::put(value, e),
            Self::I4(value) | Self::Int(value) | Self::Error(value) => i32::put(value, e),
            Self::Ui4(value) | Self::Uint(value) => u32::put(value, e),
            Self::I8(value) => i64::put(value, e),
            Self::Ui8(value) => u64::put(value, e),
            Self::R4(value) => f32::put(value, e),
            Self::R8(value) => f64::put(value, e),
            Self::Bool(value) => VariantBool::put(value, e),
            Self::Currency(value) => Currency::put(value, e),
            Self::Date(value) => Date::put(value, e),
            Self::Decimal(value) => Decimal::put(value, e),
            Self::Bstr(value) => Bstr::put(value, e),
            Self::Unknown(value) => Unique::<ComPtr<IUnknown>>::put(value, e),
            Self::Dispatch(value) => Unique::<ComPtr<IDispatch>>::put(value, e),
            // A pointer to the pointer that a SAFEARRAY is.
            Self::Array(..) => {
                e.referent(true);
                Ok(())
            }
            Self::Record(value) | Self::RecordRef(value) => Unique::<Record>::put(value, e),
            Self::ByRef(value) if value.can_be_referred_to() => {
                e.referent(true);
                Ok(())
            }
            Self::ByRef(_) => {
                let kind = EncodeErrorKind::NoVariant { what: "a VARIANT of its type", place: "Variant::ByRef" };
                Err(EncodeError::new(kind))
            }
            Self::NullRef(_) => {
                e.referent(false);
                Ok(())
            }
            Self::VariantRef(value) => {
                e.referent(value.is_some());
                Ok(())
            }
        }
    }

    /// What the union's arm refers to.
    fn put_pointees(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        match self {
            Self::Bstr(value) => Bstr::put_deferred(value, e),
            Self::Unknown(value) => Unique::<ComPtr<IUnknown>>::put_deferred(value, e),
            Self::Dispatch(value) => Unique::<ComPtr<IDispatch>>::put_deferred(value, e),
            Self::Array(_, value) => {
                e.referent(value.is_some());
                match value {
                    Some(array) => crate::pointer::put_pointee::<AnySafeArray>(array, e),
                    None => Ok(()),
                }
            }
            Self::Record(value) | Self::RecordRef(value) => Unique::<Record>::put_deferred(value, e),
            Self::ByRef(value) => {
                value.put_value(e)?;
                value.put_pointees(e)
            }
            Self::VariantRef(Some(value)) => {
                Self::put(value, e)?;
                Self::put_deferred(value, e)
            }
            _ => Ok(()),
        }
    }

    fn get_wire(d: &mut Decoder) -> Result<Self, DecodeError> {
        d.align_to(8);
        let _size = d.u32()?;
        let _reserved = d.u32()?;
        let vt = VarType(d.u16()?);
        for _ in 0..3 {
            d.u16()?;
        }
        d.align_union(Align::same(8));
        let tag = d.u32()?;
        d.expect_tag(vt.discriminant().into(), tag.into())?;
        d.align(Align::of(1, 8));
        let value = vt.without(VarType::BYREF);
        if !vt.is_by_ref() || value == VarType::RECORD {
            let mut variant = Self::get_value(value, d)?;
            d.trailing_gap(Align::same(8));
            variant.get_pointees(d)?;
            return Ok(match variant {
                Self::Record(record) if vt.is_by_ref() => Self::RecordRef(record),
                other => other,
            });
        }
        if value != VarType::VARIANT && !Self::is_referable(value) {
            return Err(d.invalid_tag(tag.into()));
        }
        let present = d.count()? != 0;
        d.trailing_gap(Align::same(8));
        if value == VarType::VARIANT {
            let inner = present.then(|| crate::get_top::<Self>(d).map(Box::new)).transpose()?;
            return Ok(Self::VariantRef(inner));
        }
        if !present {
            return Ok(Self::NullRef(value));
        }
        let mut inner = Self::get_value(value, d)?;
        inner.get_pointees(d)?;
        Ok(Self::ByRef(Box::new(inner)))
    }

    /// Whether a type may stand behind `VT_BYREF`.
    fn is_referable(vt: VarType) -> bool {
        vt.is_array() || !matches!(vt, VarType::EMPTY | VarType::NULL)
    }

    /// The union's arm in place; pointers get a default pointee for the time being.
    fn get_value(vt: VarType, d: &mut Decoder) -> Result<Self, DecodeError> {
        if vt.is_array() {
            let pointer = d.count()? != 0;
            return Ok(Self::Array(vt.without(VarType::ARRAY), pointer.then(Box::default)));
        }
        Ok(match vt {
            VarType::EMPTY => Self::Empty,
            VarType::NULL => Self::Null,
            VarType::I1 => Self::I1(i8::get(d)?),
            VarType::UI1 => Self::Ui1(u8::get(d)?),
            VarType::I2 => Self::I2(i16::get(d)?),
            VarType::UI2 => Self::Ui2(u16::get(d)?),
            VarType::I4 => Self::I4(i32::get(d)?),
            VarType::UI4 => Self::Ui4(u32::get(d)?),
            VarType::I8 => Self::I8(i64::get(d)?),
            VarType::UI8 => Self::Ui8(u64::get(d)?),
            VarType::INT => Self::Int(i32::get(d)?),
            VarType::UINT => Self::Uint(u32::get(d)?),
            VarType::R4 => Self::R4(f32::get(d)?),
            VarType::R8 => Self::R8(f64::get(d)?),
            VarType::BOOL => Self::Bool(VariantBool::get(d)?),
            VarType::ERROR => Self::Error(i32::get(d)?),
            VarType::CY => Self::Currency(Currency::get(d)?),
            VarType::DATE => Self::Date(Date::get(d)?),
            VarType::DECIMAL => Self::Decimal(Decimal::get(d)?),
            VarType::BSTR => Self::Bstr(Bstr::get(d)?),
            VarType::UNKNOWN => Self::Unknown(Unique::<ComPtr<IUnknown>>::get(d)?),
            VarType::DISPATCH => Self::Dispatch(Unique::<ComPtr<IDispatch>>::get(d)?),
            VarType::RECORD => Self::Record(Unique::<Record>::get(d)?),
            other => return Err(d.invalid_tag(other.0.into())),
        })
    }

    /// What the union's arm refers to.
    fn get_pointees(&mut self, d: &mut Decoder) -> Result<(), DecodeError> {
        match self {
            Self::Bstr(value) => Bstr::get_deferred(value, d),
            Self::Unknown(value) => Unique::<ComPtr<IUnknown>>::get_deferred(value, d),
            Self::Dispatch(value) => Unique::<ComPtr<IDispatch>>::get_deferred(value, d),
            Self::Array(_, value) => {
                if value.is_none() {
                    return Ok(());
                }
                if d.count()? == 0 {
                    *value = None;
                    return Ok(());
                }
                match value {
                    Some(array) => crate::pointer::get_pointee::<AnySafeArray>(array, d),
                    None => Ok(()),
                }
            }
            Self::Record(value) => Unique::<Record>::get_deferred(value, d),
            _ => Ok(()),
        }
    }
}

/// The pointer and, deferred, `_wireVARIANT`.
impl Codec for Variant {
    type Value = Self;
    const ALIGN: Align = Align::WORD;
    const MIN: usize = 4;

    fn zero() -> Self {
        Self::Absent
    }

    fn put(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.referent(!matches!(value, Self::Absent));
        Ok(())
    }

    fn put_deferred(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        if matches!(value, Self::Absent) {
            return Ok(());
        }
        e.descend()?;
        e.little(|e| value.put_wire(e)).at("VARIANT")?;
        e.ascend();
        Ok(())
    }

    fn get(d: &mut Decoder) -> Result<Self, DecodeError> {
        Ok(if d.count()? == 0 { Self::Absent } else { Self::Empty })
    }

    fn get_deferred(value: &mut Self, d: &mut Decoder) -> Result<(), DecodeError> {
        if matches!(value, Self::Absent) {
            return Ok(());
        }
        let frame = d.descend()?;
        *value = d.little(Self::get_wire).at("VARIANT")?;
        d.ascend(frame);
        Ok(())
    }
}

type RecordInfo = Unique<InterfacePointer>;
type RecordData = Unique<crate::Conformant<Octets>>;

impl Codec for Record {
    type Value = Self;
    const ALIGN: Align = Align::WORD;
    const MIN: usize = 16;

    fn zero() -> Self {
        Self::default()
    }

    fn put(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        let len = value.data.as_ref().map_or(0, Bytes::len);
        let size = u32::try_from(len).map_err(|_| EncodeError::new(EncodeErrorKind::TooLong { len: len as u64 }))?;
        e.align(Self::ALIGN);
        e.u32(value.flags);
        e.u32(size);
        RecordInfo::put(&value.info, e)?;
        RecordData::put(&value.data, e)
    }

    fn put_deferred(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        RecordInfo::put_deferred(&value.info, e)?;
        RecordData::put_deferred(&value.data, e)
    }

    fn get(d: &mut Decoder) -> Result<Self, DecodeError> {
        d.align(Self::ALIGN);
        let flags = d.u32()?;
        let size = d.u32()?;
        let slot = d.reserve_count();
        d.fill_count(slot, size.into());
        let info = RecordInfo::get(d)?;
        let data = RecordData::get(d)?;
        Ok(Self { flags, info, data })
    }

    fn get_deferred(value: &mut Self, d: &mut Decoder) -> Result<(), DecodeError> {
        RecordInfo::get_deferred(&mut value.info, d)?;
        RecordData::get_deferred(&mut value.data, d)?;
        d.settle_size("clSize", value.data.is_some())
    }
}
