//! CURRENCY, DATE, DECIMAL and VARIANT_BOOL ([MS-OAUT] 2.2.24 to 2.2.27).

use std::fmt;

use crate::{Align, Codec, DecodeError, Decoder, EncodeError, Encoder, record::record};

/// CURRENCY: an amount in ten-thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency {
    /// Ten-thousandths.
    pub int64: i64,
}

record!(Currency, align: Align::same(8), min: 8, { int64: i64 });

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.int64.unsigned_abs() / 10_000, self.int64.unsigned_abs() % 10_000);
        let sign = if self.int64 < 0 { "-" } else { "" };
        write!(f, "{sign}{whole}.{rest:04}")
    }
}

/// DATE: days since midnight of 30 December 1899.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Date(pub f64);

/// DECIMAL: an integer of 96 bits, scaled by a power of ten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// `wReserved`: 0.
    pub reserved: u16,
    /// Digits after the point, 0 to 28.
    pub scale: u8,
    /// 0x80 for negative numbers, else 0.
    pub sign: u8,
    /// The high 32 bits of the integer.
    pub hi32: u32,
    /// The low 64 bits of the integer.
    pub lo64: u64,
}

impl Decimal {
    /// The [`sign`](Self::sign) of negative numbers.
    pub const NEGATIVE: u8 = 0x80;

    /// The integer, with its sign and without its scale.
    pub fn unscaled(&self) -> i128 {
        let integer = (i128::from(self.hi32) << 64) | i128::from(self.lo64);
        if self.sign & Self::NEGATIVE != 0 { -integer } else { integer }
    }
}

record!(Decimal, align: Align::same(8), min: 16, {
    reserved: u16,
    scale: u8,
    sign: u8,
    hi32: u32,
    lo64: u64,
});

/// VARIANT_BOOL: true is −1. Other values than 0 and −1 are kept, and count as true.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct VariantBool(pub i16);

impl VariantBool {
    /// `VARIANT_TRUE`.
    pub const TRUE: Self = Self(-1);
    /// `VARIANT_FALSE`.
    pub const FALSE: Self = Self(0);

    /// Whether it is true.
    pub const fn is_true(self) -> bool {
        self.0 != 0
    }
}

impl From<bool> for VariantBool {
    fn from(value: bool) -> Self {
        if value { Self::TRUE } else { Self::FALSE }
    }
}

impl From<VariantBool> for bool {
    fn from(value: VariantBool) -> Self {
        value.is_true()
    }
}

impl fmt::Debug for VariantBool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("VARIANT_FALSE"),
            -1 => f.write_str("VARIANT_TRUE"),
            other => write!(f, "VariantBool({other})"),
        }
    }
}

macro_rules! transparent {
    ($name:ident, $inner:ty, $size:literal) => {
        impl Codec for $name {
            type Value = Self;
            const ALIGN: Align = Align::same($size);
            const MIN: usize = $size;
            const LEAF: bool = true;

            fn zero() -> Self {
                Self::default()
            }

            fn put(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
                <$inner>::put(&value.0, e)
            }

            fn get(d: &mut Decoder) -> Result<Self, DecodeError> {
                <$inner>::get(d).map(Self)
            }
        }
    };
}

transparent!(VariantBool, i16, 2);
transparent!(Date, f64, 8);
