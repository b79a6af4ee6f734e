//! Property lists (\[MS-CMRP\] 2.2.3.10): names with one or more values each, in one buffer.

use msrpc_ndr::{Bytes, WString};

/// What a value is and how it is represented (`CLUSTER_PROPERTY_SYNTAX`, \[MS-CMRP\] 2.2.2.3). The
/// upper half is the type, the lower the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Syntax(pub u32);

impl Syntax {
    /// The end of a property's values.
    pub const CLUSPROP_SYNTAX_ENDMARK: Self = Self(0);
    /// A property's name.
    pub const CLUSPROP_SYNTAX_NAME: Self = Self(0x0004_0003);
    /// The class of a resource.
    pub const CLUSPROP_SYNTAX_RESCLASS: Self = Self(0x0002_0002);
    /// Octets.
    pub const CLUSPROP_SYNTAX_LIST_VALUE_BINARY: Self = Self(0x0001_0001);
    /// A 32-bit unsigned integer.
    pub const CLUSPROP_SYNTAX_LIST_VALUE_DWORD: Self = Self(0x0001_0002);
    /// A null-terminated string of UTF-16 code units.
    pub const CLUSPROP_SYNTAX_LIST_VALUE_SZ: Self = Self(0x0001_0003);
    /// The same, with references to environment variables.
    pub const CLUSPROP_SYNTAX_LIST_VALUE_EXPAND_SZ: Self = Self(0x0001_0004);
    /// Null-terminated strings, and an empty one after the last.
    pub const CLUSPROP_SYNTAX_LIST_VALUE_MULTI_SZ: Self = Self(0x0001_0005);
    /// A 64-bit unsigned integer.
    pub const CLUSPROP_SYNTAX_LIST_VALUE_ULARGE_INTEGER: Self = Self(0x0001_0006);
    /// A 32-bit signed integer.
    pub const CLUSPROP_SYNTAX_LIST_VALUE_LONG: Self = Self(0x0001_0007);
    /// A string whose references to environment variables were replaced. Servers send it after a
    /// `CLUSPROP_SYNTAX_LIST_VALUE_EXPAND_SZ`; clients never do.
    pub const CLUSPROP_SYNTAX_LIST_VALUE_EXPANDED_SZ: Self = Self(0x0001_0008);
    /// A self-relative security descriptor.
    pub const CLUSPROP_SYNTAX_LIST_VALUE_SECURITY_DESCRIPTOR: Self = Self(0x0001_0009);
    /// A 64-bit signed integer.
    pub const CLUSPROP_SYNTAX_LIST_VALUE_LARGE_INTEGER: Self = Self(0x0001_000a);
    /// A 16-bit unsigned integer.
    pub const CLUSPROP_SYNTAX_LIST_VALUE_WORD: Self = Self(0x0001_000b);
    /// A time: 100-nanosecond intervals since 1601-01-01 UTC.
    pub const CLUSPROP_SYNTAX_LIST_VALUE_FILETIME: Self = Self(0x0001_000c);
    /// A disk's signature.
    pub const CLUSPROP_SYNTAX_DISK_SIGNATURE: Self = Self(0x0005_0002);
    /// A `CLUS_SCSI_ADDRESS`.
    pub const CLUSPROP_SYNTAX_SCSI_ADDRESS: Self = Self(0x0006_0002);
    /// A disk's number.
    pub const CLUSPROP_SYNTAX_DISK_NUMBER: Self = Self(0x0007_0002);
    /// A `CLUS_PARTITION_INFO`.
    pub const CLUSPROP_SYNTAX_PARTITION_INFO: Self = Self(0x0008_0001);
    /// A disk's serial number.
    pub const CLUSPROP_SYNTAX_DISK_SERIALNUMBER: Self = Self(0x000a_0003);
    /// A disk's GUID in braces.
    pub const CLUSPROP_SYNTAX_DISK_GUID: Self = Self(0x000b_0003);
    /// A disk's size in octets.
    pub const CLUSPROP_SYNTAX_DISK_SIZE: Self = Self(0x000c_0006);
    /// A `CLUS_PARTITION_INFO_EX`.
    pub const CLUSPROP_SYNTAX_PARTITION_INFO_EX: Self = Self(0x000d_0001);
    /// A `CLUS_PARTITION_INFO_EX2`.
    pub const CLUSPROP_SYNTAX_PARTITION_INFO_EX2: Self = Self(0x000e_0001);

    /// Whether a value may have it: it is one of the document's, and neither a name nor an end mark.
    pub fn is_value(self) -> bool {
        let (kind, format) = (self.0 >> 16, self.0 & 0xffff);
        match kind {
            1 => matches!(format, 1..=12),
            _ => matches!(
                self,
                Self::CLUSPROP_SYNTAX_RESCLASS
                    | Self::CLUSPROP_SYNTAX_DISK_SIGNATURE
                    | Self::CLUSPROP_SYNTAX_SCSI_ADDRESS
                    | Self::CLUSPROP_SYNTAX_DISK_NUMBER
                    | Self::CLUSPROP_SYNTAX_PARTITION_INFO
                    | Self::CLUSPROP_SYNTAX_DISK_SERIALNUMBER
                    | Self::CLUSPROP_SYNTAX_DISK_GUID
                    | Self::CLUSPROP_SYNTAX_DISK_SIZE
                    | Self::CLUSPROP_SYNTAX_PARTITION_INFO_EX
                    | Self::CLUSPROP_SYNTAX_PARTITION_INFO_EX2
            ),
        }
    }
}

/// A value of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyValue {
    /// What it is.
    pub syntax: Syntax,
    /// Its data, without padding.
    pub data: Bytes,
}

impl PropertyValue {
    /// A 32-bit unsigned integer.
    pub fn dword(value: u32) -> Self {
        let data = Bytes::copy_from_slice(&value.to_le_bytes());
        Self { syntax: Syntax::CLUSPROP_SYNTAX_LIST_VALUE_DWORD, data }
    }

    /// A string.
    pub fn string(text: &str) -> Self {
        let data = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        Self { syntax: Syntax::CLUSPROP_SYNTAX_LIST_VALUE_SZ, data }
    }
}

/// A property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// Its name.
    pub name: WString,
    /// Its values: at least one; a string with references to environment variables has a second
    /// in which these are replaced.
    pub values: Vec<PropertyValue>,
}

/// Why a property list is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PropertyListError {
    /// It ends early.
    #[error("offset {0}: the property list ends where {1} octets are needed")]
    Short(usize, usize),
    /// A property does not begin with its name.
    #[error("offset {0}: a property's name is expected")]
    Name(usize),
    /// A syntax is not one of the document's.
    #[error("offset {0}: {1:#010x} is no syntax of a value")]
    Syntax(usize, u32),
    /// A property has no value.
    #[error("offset {0}: a property has no value")]
    NoValue(usize),
}

/// A buffer that is read from its front.
struct Reader<'a> {
    whole: &'a Bytes,
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, length: usize) -> Result<Bytes, PropertyListError> {
        let end = self.at.checked_add(length).filter(|&end| end <= self.whole.len());
        let end = end.ok_or(PropertyListError::Short(self.at, length))?;
        let taken = self.whole.slice(self.at..end);
        self.at = end;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, PropertyListError> {
        let octets = self.take(4)?;
        Ok(octets.first_chunk::<4>().map_or(0, |&octets| u32::from_le_bytes(octets)))
    }

    /// Data after its size, and the padding behind it, of which the last may be missing.
    fn sized(&mut self) -> Result<Bytes, PropertyListError> {
        let size = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        let data = self.take(size)?;
        self.at = (self.at + data.len().wrapping_neg() % 4).min(self.whole.len());
        Ok(data)
    }
}

/// Parses a property list. Octets after it are ignored: callers pass buffers that are larger.
///
/// # Errors
///
/// Fails if it is cut off, or is not what the document describes.
pub fn decode(octets: &Bytes) -> Result<Vec<Property>, PropertyListError> {
    let mut reader = Reader { whole: octets, at: 0 };
    let count = reader.u32()?;
    let mut properties = Vec::new();
    for _ in 0..count {
        let start = reader.at;
        if Syntax(reader.u32()?) != Syntax::CLUSPROP_SYNTAX_NAME {
            return Err(PropertyListError::Name(start));
        }
        let name = reader.sized()?;
        let units = name.as_chunks::<2>().0.iter().map(|&unit| u16::from_le_bytes(unit));
        let name = WString::from_units(units.take_while(|&unit| unit != 0));
        let mut values = Vec::new();
        loop {
            let at = reader.at;
            let syntax = Syntax(reader.u32()?);
            if syntax == Syntax::CLUSPROP_SYNTAX_ENDMARK {
                break;
            }
            if !syntax.is_value() {
                return Err(PropertyListError::Syntax(at, syntax.0));
            }
            values.push(PropertyValue { syntax, data: reader.sized()? });
        }
        if values.is_empty() {
            return Err(PropertyListError::NoValue(start));
        }
        properties.push(Property { name, values });
    }
    Ok(properties)
}

/// Writes a property list.
pub fn encode(properties: &[Property]) -> Bytes {
    let mut octets = length(properties.len()).to_vec();
    for Property { name, values } in properties {
        let name = [name.as_le_bytes(), &[0, 0]].concat();
        let parts = [(Syntax::CLUSPROP_SYNTAX_NAME, &*name)];
        let parts = parts.into_iter().chain(values.iter().map(|value| (value.syntax, &*value.data)));
        for (syntax, data) in parts {
            octets.extend_from_slice(&syntax.0.to_le_bytes());
            octets.extend_from_slice(&length(data.len()));
            octets.extend_from_slice(data);
            octets.resize(octets.len().next_multiple_of(4), 0);
        }
        octets.extend_from_slice(&Syntax::CLUSPROP_SYNTAX_ENDMARK.0.to_le_bytes());
    }
    octets.into()
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}
