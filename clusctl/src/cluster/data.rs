//! Typed data of properties and of the registry: as text, as JSON, and from what the user writes.

use clap::ValueEnum;
use msrpc_cluster::cluster::{
    property_list::{PropertyValue, Syntax},
    registry::{Value, ValueType},
};
use msrpc_ndr::Bytes;
use serde_json::json;

use crate::time::rfc3339;

/// What data is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataType {
    /// A string
    Sz,
    /// A string with references to environment variables
    ExpandSz,
    /// Strings
    MultiSz,
    /// A number of 32 bits
    Dword,
    /// A number of 64 bits
    Qword,
    /// Octets, in hexadecimal digits
    Binary,
    #[value(skip)]
    Long,
    #[value(skip)]
    LargeInteger,
    #[value(skip)]
    Word,
    #[value(skip)]
    FileTime,
    #[value(skip)]
    SecurityDescriptor,
    #[value(skip)]
    None,
    #[value(skip)]
    Other(u32),
}

impl DataType {
    pub(super) fn of_syntax(syntax: Syntax) -> Self {
        match syntax {
            Syntax::CLUSPROP_SYNTAX_LIST_VALUE_SZ | Syntax::CLUSPROP_SYNTAX_LIST_VALUE_EXPANDED_SZ => Self::Sz,
            Syntax::CLUSPROP_SYNTAX_LIST_VALUE_EXPAND_SZ => Self::ExpandSz,
            Syntax::CLUSPROP_SYNTAX_LIST_VALUE_MULTI_SZ => Self::MultiSz,
            Syntax::CLUSPROP_SYNTAX_LIST_VALUE_DWORD => Self::Dword,
            Syntax::CLUSPROP_SYNTAX_LIST_VALUE_ULARGE_INTEGER => Self::Qword,
            Syntax::CLUSPROP_SYNTAX_LIST_VALUE_BINARY => Self::Binary,
            Syntax::CLUSPROP_SYNTAX_LIST_VALUE_LONG => Self::Long,
            Syntax::CLUSPROP_SYNTAX_LIST_VALUE_LARGE_INTEGER => Self::LargeInteger,
            Syntax::CLUSPROP_SYNTAX_LIST_VALUE_WORD => Self::Word,
            Syntax::CLUSPROP_SYNTAX_LIST_VALUE_FILETIME => Self::FileTime,
            Syntax::CLUSPROP_SYNTAX_LIST_VALUE_SECURITY_DESCRIPTOR => Self::SecurityDescriptor,
            Syntax(other) => Self::Other(other),
        }
    }

    pub(super) fn of_registry(kind: ValueType) -> Self {
        match kind {
            ValueType::REG_NONE => Self::None,
            ValueType::REG_SZ => Self::Sz,
            ValueType::REG_EXPAND_SZ => Self::ExpandSz,
            ValueType::REG_MULTI_SZ => Self::MultiSz,
            ValueType::REG_DWORD => Self::Dword,
            ValueType::REG_QWORD => Self::Qword,
            ValueType::REG_BINARY => Self::Binary,
            ValueType(other) => Self::Other(other),
        }
    }

    fn registry(self) -> ValueType {
        match self {
            Self::Sz => ValueType::REG_SZ,
            Self::ExpandSz => ValueType::REG_EXPAND_SZ,
            Self::MultiSz => ValueType::REG_MULTI_SZ,
            Self::Dword => ValueType::REG_DWORD,
            Self::Qword => ValueType::REG_QWORD,
            Self::None => ValueType::REG_NONE,
            Self::Other(other) => ValueType(other),
            _ => ValueType::REG_BINARY,
        }
    }

    fn syntax(self) -> Syntax {
        match self {
            Self::Sz => Syntax::CLUSPROP_SYNTAX_LIST_VALUE_SZ,
            Self::ExpandSz => Syntax::CLUSPROP_SYNTAX_LIST_VALUE_EXPAND_SZ,
            Self::MultiSz => Syntax::CLUSPROP_SYNTAX_LIST_VALUE_MULTI_SZ,
            Self::Dword => Syntax::CLUSPROP_SYNTAX_LIST_VALUE_DWORD,
            Self::Qword => Syntax::CLUSPROP_SYNTAX_LIST_VALUE_ULARGE_INTEGER,
            Self::Binary | Self::None => Syntax::CLUSPROP_SYNTAX_LIST_VALUE_BINARY,
            Self::Long => Syntax::CLUSPROP_SYNTAX_LIST_VALUE_LONG,
            Self::LargeInteger => Syntax::CLUSPROP_SYNTAX_LIST_VALUE_LARGE_INTEGER,
            Self::Word => Syntax::CLUSPROP_SYNTAX_LIST_VALUE_WORD,
            Self::FileTime => Syntax::CLUSPROP_SYNTAX_LIST_VALUE_FILETIME,
            Self::SecurityDescriptor => Syntax::CLUSPROP_SYNTAX_LIST_VALUE_SECURITY_DESCRIPTOR,
            Self::Other(other) => Syntax(other),
        }
    }

    /// What it is called.
    pub(super) fn name(self) -> String {
        let name = match self {
            Self::Sz => "sz",
            Self::ExpandSz => "expand-sz",
            Self::MultiSz => "multi-sz",
            Self::Dword => "dword",
            Self::Qword => "qword",
            Self::Binary => "binary",
            Self::Long => "long",
            Self::LargeInteger => "large-integer",
            Self::Word => "word",
            Self::FileTime => "filetime",
            Self::SecurityDescriptor => "security-descriptor",
            Self::None => "none",
            Self::Other(other) => return format!("{other:#x}"),
        };
        name.to_owned()
    }
}

/// Typed data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Data {
    pub(super) kind: DataType,
    pub(super) octets: Bytes,
}

impl From<&Value> for Data {
    fn from(value: &Value) -> Self {
        Self { kind: DataType::of_registry(value.kind), octets: value.data.clone() }
    }
}

impl From<&PropertyValue> for Data {
    fn from(value: &PropertyValue) -> Self {
        Self { kind: DataType::of_syntax(value.syntax), octets: value.data.clone() }
    }
}

impl From<Data> for Value {
    fn from(data: Data) -> Self {
        Self { kind: data.kind.registry(), data: data.octets }
    }
}

impl From<Data> for PropertyValue {
    fn from(data: Data) -> Self {
        Self { syntax: data.kind.syntax(), data: data.octets }
    }
}

impl Data {
    fn array<const N: usize>(&self) -> Option<[u8; N]> {
        <[u8; N]>::try_from(&*self.octets).ok()
    }

    fn string(&self) -> String {
        let value = Value { kind: ValueType::REG_SZ, data: self.octets.clone() };
        value.as_string().unwrap_or_default()
    }

    fn strings(&self) -> Vec<String> {
        let value = Value { kind: ValueType::REG_MULTI_SZ, data: self.octets.clone() };
        value.as_strings().unwrap_or_default()
    }

    /// The number that it is, if it is one.
    fn number(&self) -> Option<i128> {
        match self.kind {
            DataType::Dword => self.array().map(|octets| u32::from_le_bytes(octets).into()),
            DataType::Qword => self.array().map(|octets| u64::from_le_bytes(octets).into()),
            DataType::Long => self.array().map(|octets| i32::from_le_bytes(octets).into()),
            DataType::LargeInteger => self.array().map(|octets| i64::from_le_bytes(octets).into()),
            DataType::Word => self.array().map(|octets| u16::from_le_bytes(octets).into()),
            _ => None,
        }
    }

    fn time(&self) -> Option<String> {
        rfc3339(i64::from_le_bytes(self.array()?))
    }

    /// As people read it, on one line.
    pub(super) fn text(&self) -> String {
        match self.kind {
            DataType::Sz | DataType::ExpandSz => self.string(),
            DataType::MultiSz => self.strings().join("; "),
            DataType::FileTime => self.time().unwrap_or_else(|| hex(&self.octets)),
            _ => match self.number() {
                // What is mostly "none" or a set of bits is easier to see so.
                Some(number) if self.kind == DataType::Dword && number > 0x7fff_ffff => format!("{number:#x}"),
                Some(number) => number.to_string(),
                None => hex(&self.octets),
            },
        }
    }

    /// As scripts read it, one line for each string.
    pub(super) fn lines(&self) -> String {
        match self.kind {
            DataType::MultiSz => self.strings().join("\n"),
            _ => self.number().map_or_else(|| self.text(), |number| number.to_string()),
        }
    }

    pub(super) fn json(&self) -> serde_json::Value {
        match self.kind {
            DataType::Sz | DataType::ExpandSz => json!(self.string()),
            DataType::MultiSz => json!(self.strings()),
            DataType::FileTime => json!(self.time()),
            _ => match self.number() {
                Some(number) => {
                    u64::try_from(number).map_or_else(|_| json!(i64::try_from(number).ok()), |it| json!(it))
                }
                None => json!(hex(&self.octets)),
            },
        }
    }

    /// What a user writes: for strings one text each, for all else one.
    pub(super) fn parse(kind: DataType, texts: &[String]) -> Result<Self, String> {
        let one = || match texts {
            [text] => Ok(text.as_str()),
            _ => Err(format!("a {} takes one value, not {}", kind.name(), texts.len())),
        };
        let octets: Vec<u8> = match kind {
            DataType::Sz | DataType::ExpandSz => Value::string(one()?).data.to_vec(),
            DataType::MultiSz => Value::strings(texts.iter().map(String::as_str)).data.to_vec(),
            DataType::Dword => number::<u32, i32>(one()?, i32::cast_unsigned)?.to_le_bytes().to_vec(),
            DataType::Qword => number::<u64, i64>(one()?, i64::cast_unsigned)?.to_le_bytes().to_vec(),
            DataType::Word => number::<u16, i16>(one()?, i16::cast_unsigned)?.to_le_bytes().to_vec(),
            DataType::Long => number::<u32, i32>(one()?, i32::cast_unsigned)?.to_le_bytes().to_vec(),
            DataType::LargeInteger => number::<u64, i64>(one()?, i64::cast_unsigned)?.to_le_bytes().to_vec(),
            DataType::FileTime => return Err("times cannot be written".to_owned()),
            DataType::Binary | DataType::SecurityDescriptor | DataType::None | DataType::Other(_) => unhex(one()?)?,
        };
        Ok(Self { kind, octets: octets.into() })
    }
}

/// A number, decimal or `0x…`; a negative one stands for its bits.
fn number<U, S>(text: &str, cast: impl Fn(S) -> U) -> Result<U, String>
where
    U: std::str::FromStr + TryFrom<u64>,
    S: std::str::FromStr,
{
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let parsed = match hexadecimal {
        Some(digits) => u64::from_str_radix(digits, 16).ok().and_then(|number| U::try_from(number).ok()),
        None => text.parse().ok().or_else(|| text.parse().ok().map(cast)),
    };
    parsed.ok_or_else(|| format!("{text:?} is no number of {} bits", size_of::<U>() * 8))
}

pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u32> = text
        .strip_prefix("0x")
        .unwrap_or(text)
        .chars()
        .filter(|it| !matches!(it, ' ' | ',' | ':'))
        .map(|digit| digit.to_digit(16).ok_or_else(|| format!("{digit:?} is no hexadecimal digit")))
        .collect::<Result<_, _>>()?;
    if !digits.len().is_multiple_of(2) {
        return Err("octets have two hexadecimal digits each".to_owned());
    }
    let octets = digits.as_chunks::<2>().0.iter().map(|&[high, low]| u8::try_from(high * 16 + low).unwrap_or(0));
    Ok(octets.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: DataType, text: &str) -> Result<Vec<u8>, String> {
        Data::parse(kind, &[text.to_owned()]).map(|data| data.octets.to_vec())
    }

    #[test]
    fn what_is_written_is_what_is_shown() {
        for (kind, text) in [
            (DataType::Dword, "4000"),
            (DataType::Qword, "18446744073709551615"),
            (DataType::Sz, "Web — 世界 🦀"),
            (DataType::ExpandSz, "%TEMP%"),
            (DataType::Binary, "00ff10"),
            (DataType::Long, "-5"),
        ] {
            let data = Data::parse(kind, &[text.to_owned()]).unwrap();
            assert_eq!(data.lines(), text);
            assert_eq!(Data::from(&PropertyValue::from(data.clone())), data);
            if kind != DataType::Long {
                assert_eq!(Data::from(&Value::from(data.clone())), data);
            }
        }
        let list = Data::parse(DataType::MultiSz, &["a".to_owned(), "b c".to_owned()]).unwrap();
        assert_eq!((list.text().as_str(), list.json()), ("a; b c", json!(["a", "b c"])));
    }

    #[test]
    fn numbers_may_be_hexadecimal_or_negative() {
        assert_eq!(parse(DataType::Dword, "0x10").unwrap(), [16, 0, 0, 0]);
        assert_eq!(parse(DataType::Dword, "-1").unwrap(), [255; 4]);
        assert_eq!(parse(DataType::Binary, "0xDE ad:be,EF").unwrap(), [0xde, 0xad, 0xbe, 0xef]);
        for (kind, text) in [
            (DataType::Dword, "4294967296"),
            (DataType::Dword, "0x1ffffffff"),
            (DataType::Dword, "ten"),
            (DataType::Binary, "123"),
            (DataType::Binary, "xy"),
        ] {
            assert!(parse(kind, text).is_err(), "{text}");
        }
        assert!(Data::parse(DataType::Dword, &["1".to_owned(), "2".to_owned()]).is_err());
    }
}
