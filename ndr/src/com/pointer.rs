//! Interface pointers: MInterfacePointer, octets that hold an OBJREF ([MS-DCOM] 2.2.14).

use std::{fmt, marker::PhantomData};

use bytes::Bytes;
use uuid::Uuid;

use super::{ComInterface, ObjRef, ObjRefError};
use crate::{
    Align, Codec, DecodeError, DecodeErrorKind, Decoder, EncodeError, EncodeErrorKind, Encoder, Octets, Sequence,
};

/// A marshalled interface pointer of no particular interface: the octets of an OBJREF, kept as they
/// came and looked into on demand.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct InterfacePointer(Bytes);

impl InterfacePointer {
    /// Where the IID lies in an OBJREF.
    const IID: std::ops::Range<usize> = 8..24;

    /// A pointer of these octets, whatever they are.
    pub fn from_bytes(octets: impl Into<Bytes>) -> Self {
        Self(octets.into())
    }

    /// The octets.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The object reference in the octets.
    ///
    /// # Errors
    ///
    /// Says where they are no OBJREF.
    pub fn objref(&self) -> Result<ObjRef, ObjRefError> {
        ObjRef::parse(&self.0)
    }

    /// The interface that the reference is for, without a look at the rest; `None` where there is no
    /// OBJREF.
    pub fn iid(&self) -> Option<Uuid> {
        let signature = self.0.first_chunk::<4>()?;
        let iid: [u8; 16] = self.0.get(Self::IID)?.try_into().ok()?;
        (u32::from_le_bytes(*signature) == ObjRef::SIGNATURE).then(|| Uuid::from_bytes_le(iid))
    }

    /// The same pointer, as one of an interface. The octets are not looked at.
    pub fn cast<I>(self) -> ComPtr<I> {
        ComPtr { raw: self, interface: PhantomData }
    }
}

impl From<&ObjRef> for InterfacePointer {
    fn from(objref: &ObjRef) -> Self {
        Self(objref.to_bytes())
    }
}

impl From<ObjRef> for InterfacePointer {
    fn from(objref: ObjRef) -> Self {
        Self::from(&objref)
    }
}

impl<I> From<ComPtr<I>> for InterfacePointer {
    fn from(pointer: ComPtr<I>) -> Self {
        pointer.raw
    }
}

impl fmt::Debug for InterfacePointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.objref() {
            Ok(objref) => objref.fmt(f),
            Err(_) => f.debug_tuple("InterfacePointer").field(&self.0).finish(),
        }
    }
}

/// The conformant structure. It has its count in front, so that it stands behind pointers alone.
impl Codec for InterfacePointer {
    type Value = Self;
    const ALIGN: Align = Align::WORD;
    const MIN: usize = 8;

    fn zero() -> Self {
        Self::default()
    }

    fn put(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        let len = value.0.len();
        let count = u32::try_from(len).map_err(|_| EncodeError::new(EncodeErrorKind::TooLong { len: len as u64 }))?;
        e.count(count.into())?;
        e.u32(count);
        e.shared(&value.0)?;
        e.trailing_gap(Align::same(4));
        Ok(())
    }

    fn get(d: &mut Decoder) -> Result<Self, DecodeError> {
        let max = d.count()?;
        let count = d.u32()?;
        d.expect_count("ulCntData", count.into(), max)?;
        let count = d.check_count(max, 1)?;
        let octets = <Octets as Sequence>::get(count, d)?;
        d.trailing_gap(Align::same(4));
        Ok(Self(octets))
    }
}

/// A marshalled pointer to the interface `I` of an object. NULL is `None` of an `Option` around it.
///
/// It is made of an [`ObjRef`] or of an [`InterfacePointer`], and gives both.
pub struct ComPtr<I> {
    raw: InterfacePointer,
    interface: PhantomData<fn() -> I>,
}

impl<I> ComPtr<I> {
    /// The pointer without its interface.
    pub fn as_raw(&self) -> &InterfacePointer {
        &self.raw
    }

    /// The object reference.
    ///
    /// # Errors
    ///
    /// Says where the octets are no OBJREF.
    pub fn objref(&self) -> Result<ObjRef, ObjRefError> {
        self.raw.objref()
    }
}

impl<I: ComInterface> ComPtr<I> {
    /// Whether the reference is for the interface that its type says.
    pub fn is_for_its_interface(&self) -> bool {
        self.raw.iid() == Some(I::IID)
    }
}

impl<I> From<InterfacePointer> for ComPtr<I> {
    fn from(raw: InterfacePointer) -> Self {
        raw.cast()
    }
}

impl<I> From<ObjRef> for ComPtr<I> {
    fn from(objref: ObjRef) -> Self {
        InterfacePointer::from(objref).cast()
    }
}

impl<I> Clone for ComPtr<I> {
    fn clone(&self) -> Self {
        self.raw.clone().cast()
    }
}

impl<I> Default for ComPtr<I> {
    fn default() -> Self {
        InterfacePointer::default().cast()
    }
}

impl<I> PartialEq for ComPtr<I> {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl<I> Eq for ComPtr<I> {}

impl<I> fmt::Debug for ComPtr<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw.fmt(f)
    }
}

impl<I: ComInterface> Codec for ComPtr<I> {
    type Value = Self;
    const ALIGN: Align = InterfacePointer::ALIGN;
    const MIN: usize = InterfacePointer::MIN;

    fn zero() -> Self {
        Self::default()
    }

    fn put(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        InterfacePointer::put(&value.raw, e)
    }

    fn get(d: &mut Decoder) -> Result<Self, DecodeError> {
        InterfacePointer::get(d).map(Self::from)
    }
}

/// Checks a pointer that was received against the parameter that `iid_is` names ([MS-DCOM] 2.2.17).
///
/// # Errors
///
/// The reference is for another interface, or is none.
pub fn expect_iid(d: &Decoder, expected: Uuid, found: Option<&InterfacePointer>) -> Result<(), DecodeError> {
    match found {
        Some(pointer) if pointer.iid() != Some(expected) => {
            Err(d.error(DecodeErrorKind::WrongIid { expected, found: pointer.iid().unwrap_or_default() }))
        }
        _ => Ok(()),
    }
}

/// Checks a pointer of a response against the parameter of the request that `iid_is` names.
///
/// # Errors
///
/// The server is at fault.
pub fn expect_response_iid(
    what: &'static str,
    expected: Uuid,
    found: Option<&InterfacePointer>,
) -> Result<(), DecodeError> {
    match found {
        Some(pointer) if pointer.iid() != Some(expected) => {
            let found = pointer.iid().unwrap_or_default();
            Err(DecodeError::new(0, DecodeErrorKind::WrongIid { expected, found }).within(what))
        }
        _ => Ok(()),
    }
}

/// Checks a pointer that is to be sent against the parameter that `iid_is` names.
///
/// # Errors
///
/// The reference is for another interface, or is none.
pub fn check_iid(expected: Uuid, found: Option<&InterfacePointer>) -> Result<(), EncodeError> {
    match found {
        Some(pointer) if pointer.iid() != Some(expected) => {
            let found = pointer.iid().unwrap_or_default();
            Err(EncodeError::new(EncodeErrorKind::WrongIid { expected, found }))
        }
        _ => Ok(()),
    }
}
