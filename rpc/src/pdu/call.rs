//! request, response and fault (C706 12.6.4.7, 12.6.4.9, 12.6.4.10, [MS-RPCE] 2.2.2.6, 2.2.2.8).

use msrpc_ndr::{ByteOrder, Fault};
use uuid::Uuid;

use super::{HEADER_LEN, Header, PduError, PfcFlags, Reader, Writer};

/// What precedes the stub of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// Octets of stub from here on; a hint, 0 if unknown.
    pub alloc_hint: u32,
    /// The presentation context.
    pub context_id: u16,
    /// The operation.
    pub opnum: u16,
    /// The object.
    pub object: Option<Uuid>,
}

impl RequestHead {
    /// Octets of header and head.
    pub const fn len(object: bool) -> usize {
        HEADER_LEN + if object { 24 } else { 8 }
    }

    /// Reads the head of a request, and says how many octets precede the stub.
    ///
    /// # Errors
    ///
    /// Fails if it is incomplete.
    pub fn parse(header: &Header, body: &[u8]) -> Result<(Self, usize), PduError> {
        let mut r = Reader::new(body, header.order());
        let has_object = header.flags.contains(PfcFlags::OBJECT_UUID);
        let head = Self {
            alloc_hint: r.u32()?,
            context_id: r.u16()?,
            opnum: r.u16()?,
            object: if has_object { Some(r.uuid()?) } else { None },
        };
        Ok((head, Self::len(has_object)))
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u32(self.alloc_hint);
        w.u16(self.context_id);
        w.u16(self.opnum);
        if let Some(object) = self.object {
            w.uuid(object);
        }
    }
}

/// What precedes the stub of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// Octets of stub from here on; a hint, 0 if unknown.
    pub alloc_hint: u32,
    /// The presentation context.
    pub context_id: u16,
    /// Cancels that the server received.
    pub cancel_count: u8,
}

impl ResponseHead {
    /// Octets of header and head.
    pub const LEN: usize = HEADER_LEN + 8;

    /// Reads the head of a response.
    ///
    /// # Errors
    ///
    /// Fails if it is incomplete.
    pub fn parse(header: &Header, body: &[u8]) -> Result<Self, PduError> {
        let mut r = Reader::new(body, header.order());
        let (alloc_hint, context_id) = (r.u32()?, r.u16()?);
        let [cancel_count, _] = r.array()?;
        Ok(Self { alloc_hint, context_id, cancel_count })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u32(self.alloc_hint);
        w.u16(self.context_id);
        w.bytes(&[self.cancel_count, 0]);
    }
}

/// What precedes the stub of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultHead {
    /// A hint of the length of the stub; with extended error information, its length and 32.
    pub alloc_hint: u32,
    /// The presentation context.
    pub context_id: u16,
    /// Cancels that the server received.
    pub cancel_count: u8,
    /// Whether the stub is extended error information ([MS-EERR]).
    pub extended_error: bool,
    /// The status.
    pub status: u32,
}

impl FaultHead {
    /// Octets of header and head.
    pub const LEN: usize = HEADER_LEN + 16;

    /// Reads the head of a fault.
    ///
    /// # Errors
    ///
    /// Fails if it is incomplete.
    pub fn parse(body: &[u8], order: ByteOrder) -> Result<Self, PduError> {
        let mut r = Reader::new(body, order);
        let (alloc_hint, context_id) = (r.u32()?, r.u16()?);
        let [cancel_count, reserved] = r.array()?;
        let status = r.u32()?;
        // Old servers leave out the last reserved field.
        Ok(Self { alloc_hint, context_id, cancel_count, extended_error: reserved & 1 != 0, status })
    }

    /// Writes the head of a fault without stub.
    pub fn write(&self, w: &mut Writer<'_>) {
        w.u32(self.alloc_hint);
        w.u16(self.context_id);
        w.bytes(&[self.cancel_count, u8::from(self.extended_error)]);
        w.u32(self.status);
        w.u32(0);
    }

    /// The fault, as the flags of its PDU qualify it.
    pub fn fault(&self, flags: PfcFlags) -> Fault {
        Fault::new(self.status, flags.contains(PfcFlags::DID_NOT_EXECUTE))
    }
}
