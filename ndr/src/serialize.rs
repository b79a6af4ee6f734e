//! Type serialization: values outside of calls, in a stream of octets with headers ([MS-RPCE] 2.2.6
//! and 2.2.7). Activation properties of DCOM and the PAC of Kerberos are such streams.
//!
//! A stream holds one value or several. Version 1 is for NDR in either byte order; version 2 says the
//! transfer syntax, and is what NDR64 needs.
//!
//! ```
//! use msrpc_ndr::{Encoding, Unique, WideStr, serialize};
//!
//! let name = Some("node1".into());
//! let octets = serialize::to_bytes::<Unique<WideStr>>(&name, Encoding::NDR).unwrap();
//! assert_eq!(serialize::from_bytes::<Unique<WideStr>>(octets).unwrap(), name);
//! ```

use bytes::{Buf as _, Bytes, BytesMut};
use uuid::Uuid;

use crate::{
    ByteOrder, Codec, DecodeError, Decoder, EncodeError, EncodeErrorKind, Encoder, Encoding, Syntax, get_top, put_top,
};

/// A stream of one value: version 1 for NDR, version 2 for NDR64.
///
/// # Errors
///
/// The value has no representation.
pub fn to_bytes<C: Codec>(value: &C::Value, encoding: Encoding) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::new(encoding);
    writer.put::<C>(value)?;
    Ok(writer.finish())
}

/// The first value of a stream; what follows it is ignored.
///
/// # Errors
///
/// Says what was expected where.
pub fn from_bytes<C: Codec>(stream: Bytes) -> Result<C::Value, SerializeError> {
    Reader::new(stream)?.get::<C>()
}

/// Octets that are no stream, or hold no value of the type expected. The peer is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SerializeError {
    /// The stream ends too early.
    #[error("a serialized {part} needs {expected} octets, {remaining} are left")]
    Truncated {
        /// What ends too early.
        part: &'static str,
        /// Octets needed.
        expected: usize,
        /// Octets left.
        remaining: usize,
    },
    /// A header has a value that it cannot have.
    #[error("{field} of a serialized value's header is {found:#x}")]
    Header {
        /// The field.
        field: &'static str,
        /// Its value.
        found: u64,
    },
    /// The transfer syntax is neither NDR nor NDR64.
    #[error("a serialized value has the transfer syntax {0}, which is neither NDR nor NDR64")]
    Syntax(Uuid),
    /// A value is malformed.
    #[error(transparent)]
    Value(#[from] DecodeError),
}

/// What the versions of the format differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Version {
    /// What headers and values are aligned to, which is the private header's size, too.
    const fn align(self) -> usize {
        match self {
            Self::One => 8,
            Self::Two => 16,
        }
    }

    /// Octets of the common header.
    const fn header(self) -> u16 {
        match self {
            Self::One => 8,
            Self::Two => 64,
        }
    }
}

const LITTLE: u8 = 0x10;
const FILLER: u32 = 0xcccc_cccc;

/// Writes a stream of values.
#[derive(Debug)]
pub struct Writer {
    stream: BytesMut,
    version: Version,
    encoding: Encoding,
}

impl Writer {
    /// An empty stream: of version 1 for NDR, of version 2 for NDR64.
    pub fn new(encoding: Encoding) -> Self {
        let version = if encoding.is_ndr64() { Version::Two } else { Version::One };
        Self::of(version, encoding, Uuid::nil(), (0, 0))
    }

    /// An empty stream of version 2, which says the interface that the values' types belong to.
    /// Version 2 is little-endian: of a big-endian encoding the syntax is taken.
    pub fn version_2(syntax: Syntax, interface: Uuid, version: (u16, u16)) -> Self {
        let encoding = match syntax {
            Syntax::Ndr => Encoding::NDR,
            Syntax::Ndr64 => Encoding::NDR64,
        };
        Self::of(Version::Two, encoding, interface, version)
    }

    fn of(version: Version, encoding: Encoding, interface: Uuid, interface_version: (u16, u16)) -> Self {
        let mut stream = BytesMut::with_capacity(256);
        let (number, order) = match version {
            Version::One => (1, if encoding.is_big() { 0 } else { LITTLE }),
            Version::Two => (2, LITTLE),
        };
        stream.extend([number, order]);
        stream.extend(version.header().to_le_bytes());
        stream.extend(FILLER.to_le_bytes());
        if version == Version::Two {
            for _ in 0..4 {
                stream.extend(FILLER.to_le_bytes());
            }
            let syntax = encoding.syntax();
            for (id, (major, minor)) in [(syntax.uuid(), syntax.version()), (interface, interface_version)] {
                stream.extend(id.to_bytes_le());
                stream.extend(major.to_le_bytes());
                stream.extend(minor.to_le_bytes());
            }
        }
        Self { stream, version, encoding }
    }

    /// Appends a constructed value: a structure, a union, a pointer, an array.
    ///
    /// # Errors
    ///
    /// The value has no representation.
    pub fn put<C: Codec>(&mut self, value: &C::Value) -> Result<(), EncodeError> {
        let octets = self.encode::<C>(value)?;
        let padded = octets.len().next_multiple_of(self.version.align());
        let size = u32::try_from(padded)
            .map_err(|_| EncodeError::new(EncodeErrorKind::TooLong { len: octets.len() as u64 }))?;
        // The private header has the values' byte order, the common one has not.
        let size = if self.encoding.is_big() { size.to_be_bytes() } else { size.to_le_bytes() };
        self.stream.extend(size);
        self.stream.resize(self.stream.len() + self.version.align() - size.len(), 0);
        self.append(&octets);
        Ok(())
    }

    /// Appends a value of a primitive type, which has no header of its own in version 1.
    ///
    /// # Errors
    ///
    /// The value has no representation.
    pub fn put_primitive<C: Codec>(&mut self, value: &C::Value) -> Result<(), EncodeError> {
        if self.version == Version::Two {
            return self.put::<C>(value);
        }
        let octets = self.encode::<C>(value)?;
        self.append(&octets);
        Ok(())
    }

    /// The stream.
    pub fn finish(self) -> Bytes {
        self.stream.freeze()
    }

    fn encode<C: Codec>(&self, value: &C::Value) -> Result<Bytes, EncodeError> {
        let mut e = Encoder::new(self.encoding);
        put_top::<C>(value, &mut e)?;
        Ok(e.into_bytes())
    }

    fn append(&mut self, octets: &[u8]) {
        self.stream.extend_from_slice(octets);
        let padded = self.stream.len().next_multiple_of(self.version.align());
        self.stream.resize(padded, 0);
    }
}

/// Reads a stream of values.
#[derive(Debug)]
pub struct Reader {
    rest: Bytes,
    version: Version,
    encoding: Encoding,
}

impl Reader {
    /// Reads the common header.
    ///
    /// # Errors
    ///
    /// The octets are no stream.
    pub fn new(mut stream: Bytes) -> Result<Self, SerializeError> {
        let head = take(&mut stream, "common header", 8)?;
        let (number, order) = (byte(&head, 0), byte(&head, 1));
        let length = u16::from_le_bytes([byte(&head, 2), byte(&head, 3)]);
        let version = match number {
            1 => Version::One,
            2 => Version::Two,
            found => return Err(SerializeError::Header { field: "Version", found: found.into() }),
        };
        let order = match order {
            LITTLE => ByteOrder::Little,
            0 if version == Version::One => ByteOrder::Big,
            found => return Err(SerializeError::Header { field: "Endianness", found: found.into() }),
        };
        if length != version.header() {
            return Err(SerializeError::Header { field: "CommonHeaderLength", found: length.into() });
        }
        let syntax = match version {
            Version::One => Syntax::Ndr,
            Version::Two => {
                let more = take(&mut stream, "common header", 56)?;
                let id = more.get(16..32).and_then(|id| id.try_into().ok()).map(Uuid::from_bytes_le);
                let id = id.unwrap_or_default();
                let known = [Syntax::Ndr, Syntax::Ndr64].into_iter().find(|syntax| syntax.uuid() == id);
                known.ok_or(SerializeError::Syntax(id))?
            }
        };
        let encoding = match (syntax, order) {
            (Syntax::Ndr, ByteOrder::Big) => Encoding::NDR_BIG,
            (Syntax::Ndr, ByteOrder::Little) => Encoding::NDR,
            (Syntax::Ndr64, _) => Encoding::NDR64,
        };
        Ok(Self { rest: stream, version, encoding })
    }

    /// How the values are marshalled.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Octets left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The next value, of a constructed type.
    ///
    /// # Errors
    ///
    /// There is none, or it is malformed.
    pub fn get<C: Codec>(&mut self) -> Result<C::Value, SerializeError> {
        let head = take(&mut self.rest, "private header", self.version.align())?;
        let size = [byte(&head, 0), byte(&head, 1), byte(&head, 2), byte(&head, 3)];
        let size = if self.encoding.is_big() { u32::from_be_bytes(size) } else { u32::from_le_bytes(size) };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let value = take(&mut self.rest, "value", size)?;
        // Some writers leave out the padding in the size, or behind the last value.
        let gap = size.next_multiple_of(self.version.align()) - size;
        self.rest.advance(gap.min(self.rest.len()));
        Ok(get_top::<C>(&mut Decoder::new(value, self.encoding))?)
    }

    /// The next value, of a primitive type.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn get_primitive<C: Codec>(&mut self) -> Result<C::Value, SerializeError> {
        if self.version == Version::Two {
            return self.get::<C>();
        }
        let mut d = Decoder::new(self.rest.clone(), self.encoding);
        let value = get_top::<C>(&mut d)?;
        let taken = d.position().next_multiple_of(self.version.align());
        self.rest.advance(taken.min(self.rest.len()));
        Ok(value)
    }
}

fn take(stream: &mut Bytes, part: &'static str, expected: usize) -> Result<Bytes, SerializeError> {
    if expected > stream.len() {
        return Err(SerializeError::Truncated { part, expected, remaining: stream.len() });
    }
    Ok(stream.split_to(expected))
}

fn byte(octets: &[u8], index: usize) -> u8 {
    octets.get(index).copied().unwrap_or_default()
}
