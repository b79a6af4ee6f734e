//! ORPCTHIS and ORPCTHAT: what goes in front of every request and every response of a COM interface
//! ([MS-DCOM] 2.2.13).

use bytes::Bytes;
use uuid::Uuid;

use crate::{
    Align, At as _, Codec, Conformant, DecodeError, DecodeErrorKind, Decoder, EncodeError, EncodeErrorKind, Encoder,
    Guid, Items, Octets, Unique, record::record,
};

/// COMVERSION ([MS-DCOM] 2.2.11): the version of the DCOM protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ComVersion {
    /// The major version: 5, and another one is refused.
    pub major: u16,
    /// The minor version.
    pub minor: u16,
}

impl ComVersion {
    /// 5.7, what this crate speaks and Windows since XP.
    pub const CURRENT: Self = Self { major: 5, minor: 7 };

    /// Whether a server of this version serves a client of another: the same major version and no
    /// larger a minor one ([MS-DCOM] 2.2.11).
    pub const fn serves(self, client: Self) -> bool {
        self.major == client.major && client.minor <= self.minor
    }
}

impl Default for ComVersion {
    fn default() -> Self {
        Self::CURRENT
    }
}

record!(ComVersion, align: Align::same(2), min: 4, { major: u16, minor: u16 });

/// ORPC_EXTENT ([MS-DCOM] 2.2.13.1): data beside a call, such as the description of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrpcExtent {
    /// What the data is.
    pub id: Uuid,
    /// The data, without the padding that travels behind it.
    pub data: Bytes,
}

/// ORPCTHIS ([MS-DCOM] 2.2.13.3): what goes in front of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrpcThis {
    /// The client's version.
    pub version: ComVersion,
    /// Flags: 0 for calls of objects, anything for activation.
    pub flags: u32,
    /// The causality identifier: the same for all calls that one call leads to.
    pub causality: Uuid,
    /// Extensions.
    pub extensions: Vec<OrpcExtent>,
}

impl OrpcThis {
    /// What goes in front of a request of a causality.
    pub fn new(causality: Uuid) -> Self {
        Self { causality, ..Self::default() }
    }
}

/// ORPCTHAT ([MS-DCOM] 2.2.13.4): what goes in front of a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrpcThat {
    /// Flags without a meaning.
    pub flags: u32,
    /// Extensions.
    pub extensions: Vec<OrpcExtent>,
}

/// The pointer to ORPC_EXTENT_ARRAY; NULL where there are no extensions.
type Extensions = Unique<ExtentArray>;

impl Codec for OrpcThis {
    type Value = Self;
    const ALIGN: Align = Align::WORD;
    const MIN: usize = 32;

    fn zero() -> Self {
        Self { version: ComVersion::zero(), ..Self::default() }
    }

    fn put(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.align(Self::ALIGN);
        ComVersion::put(&value.version, e)?;
        e.u32(value.flags);
        e.u32(0);
        Guid::put(&value.causality, e)?;
        e.referent(!value.extensions.is_empty());
        Ok(())
    }

    fn put_deferred(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        put_extensions(&value.extensions, e)
    }

    fn get(d: &mut Decoder) -> Result<Self, DecodeError> {
        d.align(Self::ALIGN);
        let version = ComVersion::get(d)?;
        let flags = d.u32()?;
        let _reserved = d.u32()?;
        let causality = Guid::get(d)?;
        let extensions = get_extensions(d)?;
        Ok(Self { version, flags, causality, extensions })
    }

    fn get_deferred(value: &mut Self, d: &mut Decoder) -> Result<(), DecodeError> {
        get_deferred_extensions(&mut value.extensions, d)
    }
}

impl Codec for OrpcThat {
    type Value = Self;
    const ALIGN: Align = Align::WORD;
    const MIN: usize = 8;

    fn zero() -> Self {
        Self::default()
    }

    fn put(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.align(Self::ALIGN);
        e.u32(value.flags);
        e.referent(!value.extensions.is_empty());
        Ok(())
    }

    fn put_deferred(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        put_extensions(&value.extensions, e)
    }

    fn get(d: &mut Decoder) -> Result<Self, DecodeError> {
        d.align(Self::ALIGN);
        let flags = d.u32()?;
        let extensions = get_extensions(d)?;
        Ok(Self { flags, extensions })
    }

    fn get_deferred(value: &mut Self, d: &mut Decoder) -> Result<(), DecodeError> {
        get_deferred_extensions(&mut value.extensions, d)
    }
}

fn put_extensions(extensions: &[OrpcExtent], e: &mut Encoder) -> Result<(), EncodeError> {
    if extensions.is_empty() {
        return Ok(());
    }
    let mut extents: Vec<Option<OrpcExtent>> = extensions.iter().cloned().map(Some).collect();
    let size = extents.len();
    // The array has an even number of pointers.
    extents.resize(size.next_multiple_of(2), None);
    let size = u32::try_from(size).map_err(|_| EncodeError::new(EncodeErrorKind::TooLong { len: size as u64 }))?;
    Extensions::put_deferred(&Some(ExtentArray { size, extents: Some(extents) }), e).at("extensions")
}

/// Until the deferred part is read, an extension without data says that there are some.
fn get_extensions(d: &mut Decoder) -> Result<Vec<OrpcExtent>, DecodeError> {
    let present = d.count()? != 0;
    Ok(if present { vec![OrpcExtent { id: Uuid::nil(), data: Bytes::new() }] } else { Vec::new() })
}

fn get_deferred_extensions(extensions: &mut Vec<OrpcExtent>, d: &mut Decoder) -> Result<(), DecodeError> {
    if extensions.is_empty() {
        return Ok(());
    }
    let mut array = Some(ExtentArray::zero());
    Extensions::get_deferred(&mut array, d).at("extensions")?;
    *extensions = array.and_then(|array| array.extents).into_iter().flatten().flatten().collect();
    Ok(())
}

/// ORPC_EXTENT_ARRAY ([MS-DCOM] 2.2.13.2).
struct ExtentArray {
    size: u32,
    extents: Option<Vec<Option<OrpcExtent>>>,
}

type Extents = Unique<Conformant<Items<Unique<OrpcExtent>>>>;

impl Codec for ExtentArray {
    type Value = Self;
    const ALIGN: Align = Align::WORD;
    const MIN: usize = 12;

    fn zero() -> Self {
        Self { size: 0, extents: None }
    }

    fn put(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.align(Self::ALIGN);
        e.u32(value.size);
        e.u32(0);
        Extents::put(&value.extents, e)
    }

    fn put_deferred(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        Extents::put_deferred(&value.extents, e)
    }

    fn get(d: &mut Decoder) -> Result<Self, DecodeError> {
        d.align(Self::ALIGN);
        let size = d.u32()?;
        let _reserved = d.u32()?;
        let extents = Extents::get(d)?;
        Ok(Self { size, extents })
    }

    fn get_deferred(value: &mut Self, d: &mut Decoder) -> Result<(), DecodeError> {
        Extents::get_deferred(&mut value.extents, d)?;
        let dictated = u64::from(value.size).next_multiple_of(2);
        d.check_size("size", dictated, value.extents.as_ref().map(|extents| extents.len() as u64))
    }
}

/// A conformant structure: its count is that of the data, padded.
impl Codec for OrpcExtent {
    type Value = Self;
    const ALIGN: Align = Align::WORD;
    const MIN: usize = 24;

    fn zero() -> Self {
        Self { id: Uuid::nil(), data: Bytes::new() }
    }

    fn put(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        let len = value.data.len();
        let padded = len.next_multiple_of(8);
        e.count(padded as u64)?;
        e.align_to(4);
        Guid::put(&value.id, e)?;
        let size = u32::try_from(len).map_err(|_| EncodeError::new(EncodeErrorKind::TooLong { len: len as u64 }))?;
        e.u32(size);
        e.shared(&value.data)?;
        e.zeros(padded - len)?;
        e.trailing_gap(Align::same(4));
        Ok(())
    }

    fn get(d: &mut Decoder) -> Result<Self, DecodeError> {
        let padded = d.count()?;
        d.align_to(4);
        let id = Guid::get(d)?;
        let size = d.u32()?;
        d.expect_count("size", u64::from(size).next_multiple_of(8), padded)?;
        let count = d.check_count(padded, 1)?;
        let data = <Octets as crate::Sequence>::get(count, d)?;
        d.trailing_gap(Align::same(4));
        let Some(data) = usize::try_from(size).ok().filter(|&size| size <= data.len()).map(|size| data.slice(..size))
        else {
            return Err(d.error(DecodeErrorKind::OverMaximum { found: size.into(), max: padded }));
        };
        Ok(Self { id, data })
    }
}
