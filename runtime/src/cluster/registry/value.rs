//! Typed values.

use std::{cmp::Ordering, fmt};

use msrpc_ndr::Bytes;

/// The type of a value (\[MS-CMRP\] 3.1.4.2.33). Others are kept as they come.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ValueType(pub u32);

impl ValueType {
    /// No type.
    pub const REG_NONE: Self = Self(0);
    /// A null-terminated string of UTF-16 code units.
    pub const REG_SZ: Self = Self(1);
    /// The same, with references to environment variables in it.
    pub const REG_EXPAND_SZ: Self = Self(2);
    /// Octets.
    pub const REG_BINARY: Self = Self(3);
    /// A 32-bit unsigned integer, little-endian.
    pub const REG_DWORD: Self = Self(4);
    /// Null-terminated strings, and an empty one after the last.
    pub const REG_MULTI_SZ: Self = Self(7);
    /// A 64-bit unsigned integer, little-endian.
    pub const REG_QWORD: Self = Self(11);
}

impl fmt::Debug for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::REG_NONE => f.write_str("REG_NONE"),
            Self::REG_SZ => f.write_str("REG_SZ"),
            Self::REG_EXPAND_SZ => f.write_str("REG_EXPAND_SZ"),
            Self::REG_BINARY => f.write_str("REG_BINARY"),
            Self::REG_DWORD => f.write_str("REG_DWORD"),
            Self::REG_MULTI_SZ => f.write_str("REG_MULTI_SZ"),
            Self::REG_QWORD => f.write_str("REG_QWORD"),
            Self(other) => write!(f, "ValueType({other:#x})"),
        }
    }
}

/// A typed value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Its type.
    pub kind: ValueType,
    /// Its data, as it travels.
    pub data: Bytes,
}

impl Value {
    /// A REG_DWORD.
    pub fn dword(value: u32) -> Self {
        Self { kind: ValueType::REG_DWORD, data: Bytes::copy_from_slice(&value.to_le_bytes()) }
    }

    /// A REG_QWORD.
    pub fn qword(value: u64) -> Self {
        Self { kind: ValueType::REG_QWORD, data: Bytes::copy_from_slice(&value.to_le_bytes()) }
    }

    /// A REG_BINARY.
    pub fn binary(data: impl Into<Bytes>) -> Self {
        Self { kind: ValueType::REG_BINARY, data: data.into() }
    }

    /// A REG_SZ.
    pub fn string(text: &str) -> Self {
        Self { kind: ValueType::REG_SZ, data: text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect() }
    }

    /// A REG_MULTI_SZ. Empty strings end the list for readers, so they are left out.
    pub fn strings<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let units = texts.into_iter().filter(|text| !text.is_empty()).flat_map(|text| text.encode_utf16().chain([0]));
        let data: Vec<u8> = units.chain([0]).flat_map(u16::to_le_bytes).collect();
        Self { kind: ValueType::REG_MULTI_SZ, data: data.into() }
    }

    /// The number, if this is a REG_DWORD of four octets.
    pub fn as_dword(&self) -> Option<u32> {
        let octets = <[u8; 4]>::try_from(&*self.data).ok()?;
        (self.kind == ValueType::REG_DWORD).then(|| u32::from_le_bytes(octets))
    }

    /// The number, if this is a REG_QWORD of eight octets.
    pub fn as_qword(&self) -> Option<u64> {
        let octets = <[u8; 8]>::try_from(&*self.data).ok()?;
        (self.kind == ValueType::REG_QWORD).then(|| u64::from_le_bytes(octets))
    }

    /// The text up to the first null, if this is a REG_SZ or REG_EXPAND_SZ. Ill-formed code units
    /// become U+FFFD.
    pub fn as_string(&self) -> Option<String> {
        matches!(self.kind, ValueType::REG_SZ | ValueType::REG_EXPAND_SZ).then(|| {
            let units: Vec<u16> = self.units().take_while(|&unit| unit != 0).collect();
            String::from_utf16_lossy(&units)
        })
    }

    /// The texts, if this is a REG_MULTI_SZ.
    pub fn as_strings(&self) -> Option<Vec<String>> {
        (self.kind == ValueType::REG_MULTI_SZ).then(|| {
            let units: Vec<u16> = self.units().collect();
            units.split(|&unit| unit == 0).take_while(|text| !text.is_empty()).map(String::from_utf16_lossy).collect()
        })
    }

    /// How this value compares with another of its type: numbers by value, all else by octets.
    /// `None` if the types differ.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        if self.kind != other.kind {
            return None;
        }
        Some(match (self.as_dword(), other.as_dword(), self.as_qword(), other.as_qword()) {
            (Some(this), Some(other), ..) => this.cmp(&other),
            (.., Some(this), Some(other)) => this.cmp(&other),
            _ => self.data.cmp(&other.data),
        })
    }

    fn units(&self) -> impl Iterator<Item = u16> + '_ {
        self.data.as_chunks::<2>().0.iter().map(|&unit| u16::from_le_bytes(unit))
    }
}
