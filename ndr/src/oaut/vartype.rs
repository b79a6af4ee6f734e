//! VARENUM: types of what a VARIANT or a SAFEARRAY holds ([MS-OAUT] 2.2.7).

use std::fmt;

/// A type, with the flags that say how it is held. Any value may come from a peer.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VarType(pub u16);

macro_rules! types {
    ($($name:ident = $value:literal: $doc:literal;)*) => {
        impl VarType {
            $(#[doc = $doc] pub const $name: Self = Self($value);)*

            fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

types! {
    EMPTY = 0x00: "Nothing.";
    NULL = 0x01: "NULL, as databases mean it.";
    I2 = 0x02: "Two octets, signed.";
    I4 = 0x03: "Four octets, signed.";
    R4 = 0x04: "Floating point, four octets.";
    R8 = 0x05: "Floating point, eight octets.";
    CY = 0x06: "CURRENCY.";
    DATE = 0x07: "DATE.";
    BSTR = 0x08: "BSTR.";
    DISPATCH = 0x09: "A pointer to IDispatch.";
    ERROR = 0x0a: "HRESULT.";
    BOOL = 0x0b: "VARIANT_BOOL.";
    VARIANT = 0x0c: "VARIANT.";
    UNKNOWN = 0x0d: "A pointer to IUnknown.";
    DECIMAL = 0x0e: "DECIMAL.";
    I1 = 0x10: "One octet, signed.";
    UI1 = 0x11: "One octet.";
    UI2 = 0x12: "Two octets.";
    UI4 = 0x13: "Four octets.";
    I8 = 0x14: "Eight octets, signed.";
    UI8 = 0x15: "Eight octets.";
    INT = 0x16: "`int`: four octets, signed.";
    UINT = 0x17: "`unsigned int`: four octets.";
    RECORD = 0x24: "A structure of the user's.";
}

impl VarType {
    /// Flag: a SAFEARRAY of the type.
    pub const ARRAY: u16 = 0x2000;
    /// Flag: a pointer to the type.
    pub const BYREF: u16 = 0x4000;
    /// The type without its flags.
    const MASK: u16 = 0x0fff;

    /// Whether it is a SAFEARRAY.
    pub const fn is_array(self) -> bool {
        self.0 & Self::ARRAY != 0
    }

    /// Whether it is a pointer to the type.
    pub const fn is_by_ref(self) -> bool {
        self.0 & Self::BYREF != 0
    }

    /// The type without its flags.
    pub const fn element(self) -> Self {
        Self(self.0 & Self::MASK)
    }

    pub(super) const fn with(self, flags: u16) -> Self {
        Self(self.0 | flags)
    }

    pub(super) const fn without(self, flags: u16) -> Self {
        Self(self.0 & !flags)
    }

    /// The discriminant of the union in a VARIANT: of arrays, whatever their elements are, there is
    /// one arm.
    pub(super) const fn discriminant(self) -> u32 {
        if self.is_array() { (self.0 & (Self::ARRAY | Self::BYREF)) as u32 } else { self.0 as u32 }
    }
}

impl fmt::Debug for VarType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.element().name() {
            Some(name) => write!(f, "VT_{name}")?,
            None => write!(f, "{:#06x}", self.element().0)?,
        }
        let rest = self.0 & !Self::MASK;
        for (flag, name) in [(Self::ARRAY, "ARRAY"), (Self::BYREF, "BYREF")] {
            if rest & flag != 0 {
                write!(f, "|VT_{name}")?;
            }
        }
        match rest & !(Self::ARRAY | Self::BYREF) {
            0 => Ok(()),
            other => write!(f, "|{other:#06x}"),
        }
    }
}

impl fmt::Display for VarType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
