//! The elements of SAFEARRAYs ([MS-OAUT] 2.2.30.2 to 2.2.30.9).

use std::any::type_name;

use bytes::Bytes;
use uuid::Uuid;

use super::{AnySafeArray, Bstr, Currency, Date, IDispatch, Record, VarType, Variant, VariantBool};
use crate::com::{ComInterface, ComPtr, IUnknown, InterfacePointer};

/// The elements of a SAFEARRAY, by how they travel (SAFEARRAYUNION): numbers by their size alone.
#[derive(Clone, Debug, PartialEq)]
pub enum Elements {
    /// Strings.
    Bstr(Vec<Bstr>),
    /// Pointers to `IUnknown`.
    Unknown(Vec<Option<ComPtr<IUnknown>>>),
    /// Pointers to `IDispatch`.
    Dispatch(Vec<Option<ComPtr<IDispatch>>>),
    /// VARIANTs.
    Variant(Vec<Variant>),
    /// Structures of the user's, all in one record.
    Record(Vec<Option<Record>>),
    /// Pointers to another interface.
    HaveIid {
        /// The pointers.
        pointers: Vec<Option<InterfacePointer>>,
        /// The interface.
        iid: Uuid,
    },
    /// Numbers of one octet.
    Bytes(Bytes),
    /// Numbers of two octets.
    Words(Vec<u16>),
    /// Numbers of four octets.
    Dwords(Vec<u32>),
    /// Numbers of eight octets.
    Hypers(Vec<u64>),
}

impl Elements {
    /// The discriminant (SF_TYPE).
    pub const fn sf_type(&self) -> u32 {
        match self {
            Self::Bstr(_) => 8,
            Self::Dispatch(_) => 9,
            Self::Variant(_) => 12,
            Self::Unknown(_) => 13,
            Self::Bytes(_) => 16,
            Self::Words(_) => 2,
            Self::Dwords(_) => 3,
            Self::Hypers(_) => 20,
            Self::Record(_) => 36,
            Self::HaveIid { .. } => 0x800d,
        }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::Bstr(all) => all.len(),
            Self::Unknown(all) => all.len(),
            Self::Dispatch(all) => all.len(),
            Self::Variant(all) => all.len(),
            Self::Record(all) => all.len(),
            Self::HaveIid { pointers, .. } => pointers.len(),
            Self::Bytes(all) => all.len(),
            Self::Words(all) => all.len(),
            Self::Dwords(all) => all.len(),
            Self::Hypers(all) => all.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A type that SAFEARRAYs may have as elements.
pub trait Element: Sized + Clone {
    /// The type as a VARIANT would name it.
    const VT: VarType;
    /// `cbElements` ([MS-OAUT] 2.2.8).
    const SIZE: u32;
    /// What `fFeatures` says of it, beside that the type is known.
    const FEATURES: u16 = 0;

    /// The elements as they travel.
    fn into_elements(values: &[Self]) -> Elements;

    /// The elements that came; `None` if they are of another type.
    fn from_elements(elements: Elements) -> Option<Vec<Self>>;

    /// The type's name in errors.
    fn name() -> &'static str {
        type_name::<Self>()
    }
}

macro_rules! numbers {
    ($($ty:ty: $vt:ident, $size:literal, $variant:ident, |$value:ident| $to:expr, |$bits:ident| $from:expr;)*) => {$(
        impl Element for $ty {
            const VT: VarType = VarType::$vt;
            const SIZE: u32 = $size;

            fn into_elements(values: &[Self]) -> Elements {
                Elements::$variant(values.iter().map(|&$value| $to).collect())
            }

            fn from_elements(elements: Elements) -> Option<Vec<Self>> {
                match elements {
                    Elements::$variant(all) => Some(all.into_iter().map(|$bits| $from).collect()),
                    _ => None,
                }
            }
        }
    )*};
}

numbers! {
    u8: UI1, 1, Bytes, |value| value, |bits| bits;
    i8: I1, 1, Bytes, |value| value.cast_unsigned(), |bits| bits.cast_signed();
    u16: UI2, 2, Words, |value| value, |bits| bits;
    i16: I2, 2, Words, |value| value.cast_unsigned(), |bits| bits.cast_signed();
    VariantBool: BOOL, 2, Words, |value| value.0.cast_unsigned(), |bits| Self(bits.cast_signed());
    u32: UI4, 4, Dwords, |value| value, |bits| bits;
    i32: I4, 4, Dwords, |value| value.cast_unsigned(), |bits| bits.cast_signed();
    f32: R4, 4, Dwords, |value| value.to_bits(), |bits| Self::from_bits(bits);
    u64: UI8, 8, Hypers, |value| value, |bits| bits;
    i64: I8, 8, Hypers, |value| value.cast_unsigned(), |bits| bits.cast_signed();
    f64: R8, 8, Hypers, |value| value.to_bits(), |bits| Self::from_bits(bits);
    Date: DATE, 8, Hypers, |value| value.0.to_bits(), |bits| Self(f64::from_bits(bits));
    Currency: CY, 8, Hypers, |value| value.int64.cast_unsigned(), |bits| Self { int64: bits.cast_signed() };
}

macro_rules! pointed {
    ($($ty:ty: $vt:ident, $size:literal, $features:ident, $variant:ident;)*) => {$(
        impl Element for $ty {
            const VT: VarType = VarType::$vt;
            const SIZE: u32 = $size;
            const FEATURES: u16 = AnySafeArray::$features;

            fn into_elements(values: &[Self]) -> Elements {
                Elements::$variant(values.to_vec())
            }

            fn from_elements(elements: Elements) -> Option<Vec<Self>> {
                match elements {
                    Elements::$variant(all) => Some(all),
                    _ => None,
                }
            }
        }
    )*};
}

pointed! {
    Bstr: BSTR, 4, FADF_BSTR, Bstr;
    Variant: VARIANT, 16, FADF_VARIANT, Variant;
}

/// Pointers to `IUnknown` and `IDispatch` travel as such, those to others with their IID.
impl<I: ComInterface> Element for Option<ComPtr<I>> {
    const VT: VarType = VarType::UNKNOWN;
    const SIZE: u32 = 4;
    const FEATURES: u16 = AnySafeArray::FADF_UNKNOWN | AnySafeArray::FADF_HAVEIID;

    fn into_elements(values: &[Self]) -> Elements {
        let pointers = values.iter().map(|pointer| pointer.as_ref().map(|pointer| pointer.as_raw().clone())).collect();
        Elements::HaveIid { pointers, iid: I::IID }
    }

    fn from_elements(elements: Elements) -> Option<Vec<Self>> {
        fn raw<J, I>(all: Vec<Option<ComPtr<J>>>) -> Vec<Option<ComPtr<I>>> {
            all.into_iter().map(|pointer| pointer.map(|pointer| InterfacePointer::from(pointer).cast())).collect()
        }
        match elements {
            Elements::HaveIid { pointers, .. } => {
                Some(pointers.into_iter().map(|pointer| pointer.map(InterfacePointer::cast)).collect())
            }
            Elements::Unknown(all) => Some(raw(all)),
            Elements::Dispatch(all) => Some(raw(all)),
            _ => None,
        }
    }

    fn name() -> &'static str {
        I::NAME
    }
}
