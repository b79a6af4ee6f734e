//! OBJREF: a reference to an interface of an object, in its four forms ([MS-DCOM] 2.2.18). It is
//! little-endian, whatever the stub around it is.

use bytes::Bytes;
use uuid::Uuid;

use super::DualStringArray;
use crate::{Align, Guid, record::record};

/// STDOBJREF ([MS-DCOM] 2.2.18.1): which object and which of its interfaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StdObjRef {
    /// [`SORF_NOPING`](Self::SORF_NOPING) or 0.
    pub flags: u32,
    /// References that belong to whoever receives this.
    pub public_refs: u32,
    /// The object exporter.
    pub oxid: u64,
    /// The object.
    pub oid: u64,
    /// The interface of the object.
    pub ipid: Uuid,
}

impl StdObjRef {
    /// The object needs no pings.
    pub const SORF_NOPING: u32 = 0x1000;
    const SIZE: usize = 40;

    fn parse(octets: &mut Bytes) -> Result<Self, ObjRefError> {
        Ok(Self {
            flags: take_u32(octets, "std.flags")?,
            public_refs: take_u32(octets, "std.cPublicRefs")?,
            oxid: u64::from_le_bytes(take(octets, "std.oxid")?),
            oid: u64::from_le_bytes(take(octets, "std.oid")?),
            ipid: take_uuid(octets, "std.ipid")?,
        })
    }

    fn write(&self, octets: &mut Vec<u8>) {
        octets.extend(self.flags.to_le_bytes());
        octets.extend(self.public_refs.to_le_bytes());
        octets.extend(self.oxid.to_le_bytes());
        octets.extend(self.oid.to_le_bytes());
        octets.extend(self.ipid.to_bytes_le());
    }
}

record!(StdObjRef, align: Align::same(8), min: 40, {
    flags: u32,
    public_refs: u32,
    oxid: u64,
    oid: u64,
    ipid: Guid,
});

/// A reference to an interface of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjRef {
    /// The interface.
    pub iid: Uuid,
    /// How the object is found.
    pub kind: ObjRefKind,
}

/// The forms of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjRefKind {
    /// OBJREF_STANDARD: the plain one.
    Standard {
        /// The object.
        std: StdObjRef,
        /// Where its resolver is.
        resolver: DualStringArray,
    },
    /// OBJREF_HANDLER: with a class that the client puts in front.
    Handler {
        /// The object.
        std: StdObjRef,
        /// The class of the handler.
        clsid: Uuid,
        /// Where the object's resolver is.
        resolver: DualStringArray,
    },
    /// OBJREF_CUSTOM: marshalled by a class of its own.
    Custom {
        /// The class that unmarshals it.
        clsid: Uuid,
        /// `cbExtension`: 0.
        extension: u32,
        /// `reserved`: Windows puts the size of the data here.
        reserved: u32,
        /// The data.
        data: Bytes,
    },
    /// OBJREF_EXTENDED: with an envoy context.
    Extended {
        /// The object.
        std: StdObjRef,
        /// Where its resolver is.
        resolver: DualStringArray,
        /// The contexts: one.
        elements: Vec<DataElement>,
    },
}

/// DATAELEMENT ([MS-DCOM] 2.2.18.8): a marshalled context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataElement {
    /// The context.
    pub id: Uuid,
    /// The data, without the padding behind it.
    pub data: Bytes,
}

/// Octets that are no OBJREF. The peer is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjRefError {
    /// They end too early.
    #[error("an OBJREF ends in {field}")]
    Truncated {
        /// The field that is not complete.
        field: &'static str,
    },
    /// A signature is wrong.
    #[error("{field} of an OBJREF is {found:#010x} instead of {expected:#010x}")]
    Signature {
        /// The field.
        field: &'static str,
        /// What it must be.
        expected: u32,
        /// What it is.
        found: u32,
    },
    /// The form is unknown.
    #[error("an OBJREF has the flags {0:#x}, which are none of 1, 2, 4 and 8")]
    Flags(u32),
}

impl ObjRef {
    /// `MEOW`.
    pub const SIGNATURE: u32 = 0x574f_454d;
    /// `VYSN`, in OBJREF_EXTENDED.
    const EXTENDED: u32 = 0x4e53_5956;
    /// Contexts that an OBJREF_EXTENDED may have.
    const MAX_ELEMENTS: u32 = 16;

    /// A plain reference.
    pub fn standard(iid: Uuid, std: StdObjRef, resolver: DualStringArray) -> Self {
        Self { iid, kind: ObjRefKind::Standard { std, resolver } }
    }

    /// A reference that a class marshals itself.
    pub fn custom(iid: Uuid, clsid: Uuid, data: impl Into<Bytes>) -> Self {
        let data = data.into();
        let reserved = u32::try_from(data.len()).unwrap_or(u32::MAX);
        Self { iid, kind: ObjRefKind::Custom { clsid, extension: 0, reserved, data } }
    }

    /// The object, where the reference is not a custom one.
    pub fn std(&self) -> Option<&StdObjRef> {
        match &self.kind {
            ObjRefKind::Standard { std, .. } | ObjRefKind::Handler { std, .. } | ObjRefKind::Extended { std, .. } => {
                Some(std)
            }
            ObjRefKind::Custom { .. } => None,
        }
    }

    /// Where the object's resolver is, where the reference is not a custom one.
    pub fn resolver(&self) -> Option<&DualStringArray> {
        match &self.kind {
            ObjRefKind::Standard { resolver, .. }
            | ObjRefKind::Handler { resolver, .. }
            | ObjRefKind::Extended { resolver, .. } => Some(resolver),
            ObjRefKind::Custom { .. } => None,
        }
    }

    /// Reads a reference. What follows it is ignored, except in a custom one, where it is the data.
    ///
    /// # Errors
    ///
    /// Says where the octets are no OBJREF.
    pub fn parse(octets: &Bytes) -> Result<Self, ObjRefError> {
        let mut octets = octets.clone();
        expect(&mut octets, "signature", Self::SIGNATURE)?;
        let flags = take_u32(&mut octets, "flags")?;
        let iid = take_uuid(&mut octets, "iid")?;
        let kind = match flags {
            1 => {
                let std = StdObjRef::parse(&mut octets)?;
                ObjRefKind::Standard { std, resolver: take_bindings(&mut octets)? }
            }
            2 => {
                let std = StdObjRef::parse(&mut octets)?;
                let clsid = take_uuid(&mut octets, "clsid")?;
                ObjRefKind::Handler { std, clsid, resolver: take_bindings(&mut octets)? }
            }
            4 => {
                let clsid = take_uuid(&mut octets, "clsid")?;
                let extension = take_u32(&mut octets, "cbExtension")?;
                let reserved = take_u32(&mut octets, "reserved")?;
                ObjRefKind::Custom { clsid, extension, reserved, data: octets }
            }
            8 => {
                let std = StdObjRef::parse(&mut octets)?;
                expect(&mut octets, "Signature1", Self::EXTENDED)?;
                let resolver = take_bindings(&mut octets)?;
                let count = take_u32(&mut octets, "nElms")?.min(Self::MAX_ELEMENTS);
                expect(&mut octets, "Signature2", Self::EXTENDED)?;
                let elements = (0..count).map(|_| DataElement::parse(&mut octets)).collect::<Result<_, _>>()?;
                ObjRefKind::Extended { std, resolver, elements }
            }
            other => return Err(ObjRefError::Flags(other)),
        };
        Ok(Self { iid, kind })
    }

    /// The octets of the reference.
    pub fn to_bytes(&self) -> Bytes {
        let mut octets = Vec::with_capacity(24 + StdObjRef::SIZE + 64);
        octets.extend(Self::SIGNATURE.to_le_bytes());
        let flags: u32 = match &self.kind {
            ObjRefKind::Standard { .. } => 1,
            ObjRefKind::Handler { .. } => 2,
            ObjRefKind::Custom { .. } => 4,
            ObjRefKind::Extended { .. } => 8,
        };
        octets.extend(flags.to_le_bytes());
        octets.extend(self.iid.to_bytes_le());
        match &self.kind {
            ObjRefKind::Standard { std, resolver } => {
                std.write(&mut octets);
                resolver.write(&mut octets);
            }
            ObjRefKind::Handler { std, clsid, resolver } => {
                std.write(&mut octets);
                octets.extend(clsid.to_bytes_le());
                resolver.write(&mut octets);
            }
            ObjRefKind::Custom { clsid, extension, reserved, data } => {
                octets.extend(clsid.to_bytes_le());
                octets.extend(extension.to_le_bytes());
                octets.extend(reserved.to_le_bytes());
                octets.extend_from_slice(data);
            }
            ObjRefKind::Extended { std, resolver, elements } => {
                std.write(&mut octets);
                octets.extend(Self::EXTENDED.to_le_bytes());
                resolver.write(&mut octets);
                octets.extend(u32::try_from(elements.len()).unwrap_or(u32::MAX).to_le_bytes());
                octets.extend(Self::EXTENDED.to_le_bytes());
                elements.iter().for_each(|element| element.write(&mut octets));
            }
        }
        octets.into()
    }
}

impl DataElement {
    fn parse(octets: &mut Bytes) -> Result<Self, ObjRefError> {
        let id = take_uuid(octets, "dataID")?;
        let size = usize::try_from(take_u32(octets, "cbSize")?).unwrap_or(usize::MAX);
        let rounded = usize::try_from(take_u32(octets, "cbRounded")?).unwrap_or(usize::MAX);
        if rounded < size || rounded > octets.len() {
            return Err(ObjRefError::Truncated { field: "Data" });
        }
        let padded = octets.split_to(rounded);
        Ok(Self { id, data: padded.slice(..size) })
    }

    fn write(&self, octets: &mut Vec<u8>) {
        let rounded = self.data.len().next_multiple_of(8);
        octets.extend(self.id.to_bytes_le());
        octets.extend(u32::try_from(self.data.len()).unwrap_or(u32::MAX).to_le_bytes());
        octets.extend(u32::try_from(rounded).unwrap_or(u32::MAX).to_le_bytes());
        octets.extend_from_slice(&self.data);
        octets.resize(octets.len() + rounded - self.data.len(), 0);
    }
}

fn take<const N: usize>(octets: &mut Bytes, field: &'static str) -> Result<[u8; N], ObjRefError> {
    let taken = *octets.first_chunk().ok_or(ObjRefError::Truncated { field })?;
    bytes::Buf::advance(octets, N);
    Ok(taken)
}

fn take_u32(octets: &mut Bytes, field: &'static str) -> Result<u32, ObjRefError> {
    take(octets, field).map(u32::from_le_bytes)
}

fn take_uuid(octets: &mut Bytes, field: &'static str) -> Result<Uuid, ObjRefError> {
    take(octets, field).map(Uuid::from_bytes_le)
}

fn take_bindings(octets: &mut Bytes) -> Result<DualStringArray, ObjRefError> {
    let (bindings, rest) = DualStringArray::parse(octets).ok_or(ObjRefError::Truncated { field: "saResAddr" })?;
    *octets = octets.slice_ref(rest);
    Ok(bindings)
}

fn expect(octets: &mut Bytes, field: &'static str, expected: u32) -> Result<(), ObjRefError> {
    let found = take_u32(octets, field)?;
    if found == expected { Ok(()) } else { Err(ObjRefError::Signature { field, expected, found }) }
}
