//! Rust values to VARIANTs and back.

use super::{Bstr, Currency, Date, Decimal, Element, SafeArray, VarType, Variant, VariantBool};

/// A [`Variant`] of another type than was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a VARIANT holds {found}, which is no {expected}")]
pub struct WrongVariant {
    /// The Rust type asked for.
    pub expected: &'static str,
    /// The type that the VARIANT has.
    pub found: VarType,
}

macro_rules! conversions {
    ($($ty:ty: $variant:ident;)*) => {$(
        impl From<$ty> for Variant {
            fn from(value: $ty) -> Self {
                Self::$variant(value)
            }
        }

        /// Fails if the VARIANT, or what it refers to, is of another type.
        impl TryFrom<Variant> for $ty {
            type Error = WrongVariant;

            fn try_from(value: Variant) -> Result<Self, WrongVariant> {
                match value.by_value() {
                    Variant::$variant(value) => Ok(value),
                    other => Err(WrongVariant { expected: stringify!($ty), found: other.vt() }),
                }
            }
        }
    )*};
}

conversions! {
    u8: Ui1;
    i16: I2;
    u16: Ui2;
    i64: I8;
    u64: Ui8;
    f32: R4;
    f64: R8;
    VariantBool: Bool;
    Currency: Currency;
    Date: Date;
    Decimal: Decimal;
    Bstr: Bstr;
}

impl From<i8> for Variant {
    fn from(value: i8) -> Self {
        Self::I1(value)
    }
}

impl From<i32> for Variant {
    fn from(value: i32) -> Self {
        Self::I4(value)
    }
}

impl From<u32> for Variant {
    fn from(value: u32) -> Self {
        Self::Ui4(value)
    }
}

impl From<bool> for Variant {
    fn from(value: bool) -> Self {
        Self::Bool(value.into())
    }
}

impl From<&str> for Variant {
    fn from(value: &str) -> Self {
        Self::Bstr(value.into())
    }
}

impl From<String> for Variant {
    fn from(value: String) -> Self {
        Self::Bstr(value.into())
    }
}

impl<T: Element> From<SafeArray<T>> for Variant {
    fn from(value: SafeArray<T>) -> Self {
        Self::array(value)
    }
}

/// `VT_I4` and `VT_INT`.
impl TryFrom<Variant> for i32 {
    type Error = WrongVariant;

    fn try_from(value: Variant) -> Result<Self, WrongVariant> {
        match value.by_value() {
            Variant::I4(value) | Variant::Int(value) => Ok(value),
            other => Err(WrongVariant { expected: "i32", found: other.vt() }),
        }
    }
}

/// `VT_UI4` and `VT_UINT`.
impl TryFrom<Variant> for u32 {
    type Error = WrongVariant;

    fn try_from(value: Variant) -> Result<Self, WrongVariant> {
        match value.by_value() {
            Variant::Ui4(value) | Variant::Uint(value) => Ok(value),
            other => Err(WrongVariant { expected: "u32", found: other.vt() }),
        }
    }
}

impl TryFrom<Variant> for i8 {
    type Error = WrongVariant;

    fn try_from(value: Variant) -> Result<Self, WrongVariant> {
        match value.by_value() {
            Variant::I1(value) => Ok(value),
            other => Err(WrongVariant { expected: "i8", found: other.vt() }),
        }
    }
}

impl TryFrom<Variant> for bool {
    type Error = WrongVariant;

    fn try_from(value: Variant) -> Result<Self, WrongVariant> {
        VariantBool::try_from(value).map(bool::from)
    }
}

/// A BSTR that is neither NULL nor ill-formed.
impl TryFrom<Variant> for String {
    type Error = WrongVariant;

    fn try_from(value: Variant) -> Result<Self, WrongVariant> {
        Bstr::try_from(value)?.to_str().ok_or(WrongVariant { expected: "string", found: VarType::BSTR })
    }
}

/// An array of elements of a type.
impl<T: Element> TryFrom<Variant> for SafeArray<T> {
    type Error = WrongVariant;

    fn try_from(value: Variant) -> Result<Self, WrongVariant> {
        let value = value.by_value();
        let wrong = WrongVariant { expected: T::name(), found: value.vt() };
        match value {
            Variant::Array(_, Some(array)) => Self::try_from(*array).map_err(|_| wrong),
            _ => Err(wrong),
        }
    }
}
