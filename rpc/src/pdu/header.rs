//! The common header (C706 12.6.3.1).

use std::fmt;

use bitflags::bitflags;
use bytes::BytesMut;
use msrpc_ndr::ByteOrder;

use super::{Head, PduError, Reader, Writer};

/// Octets of the common header.
pub const HEADER_LEN: usize = 16;

/// The kind of a PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PduType {
    /// A part of a request.
    Request,
    /// A part of a response.
    Response,
    /// The end of a call without response.
    Fault,
    /// The first PDU of a connection.
    Bind,
    /// A bind accepted.
    BindAck,
    /// A bind refused.
    BindNak,
    /// More presentation contexts, or a further security leg.
    AlterContext,
    /// The answer to [`AlterContext`](Self::AlterContext).
    AlterContextResp,
    /// The third security leg, without answer ([MS-RPCE] 2.2.2.10).
    Auth3,
    /// The server asks the client to close the connection.
    Shutdown,
    /// The client asks the server to cancel a call.
    CoCancel,
    /// The client abandons a call that it has not sent to its end.
    Orphaned,
    /// One of connectionless RPC, or none.
    Other(u8),
}

impl PduType {
    /// The kind of a code.
    pub const fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Request,
            2 => Self::Response,
            3 => Self::Fault,
            11 => Self::Bind,
            12 => Self::BindAck,
            13 => Self::BindNak,
            14 => Self::AlterContext,
            15 => Self::AlterContextResp,
            16 => Self::Auth3,
            17 => Self::Shutdown,
            18 => Self::CoCancel,
            19 => Self::Orphaned,
            code => Self::Other(code),
        }
    }

    /// The code that travels.
    pub const fn code(self) -> u8 {
        match self {
            Self::Request => 0,
            Self::Response => 2,
            Self::Fault => 3,
            Self::Bind => 11,
            Self::BindAck => 12,
            Self::BindNak => 13,
            Self::AlterContext => 14,
            Self::AlterContextResp => 15,
            Self::Auth3 => 16,
            Self::Shutdown => 17,
            Self::CoCancel => 18,
            Self::Orphaned => 19,
            Self::Other(code) => code,
        }
    }
}

bitflags! {
    /// Flags of a PDU (`pfc_flags`). Unknown ones are kept.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct PfcFlags: u8 {
        /// The first fragment.
        const FIRST = 0x01;
        /// The last fragment.
        const LAST = 0x02;
        /// A cancel was pending at the sender; in the bind phase it is
        /// [`SUPPORT_HEADER_SIGN`](Self::SUPPORT_HEADER_SIGN) ([MS-RPCE] 2.2.2.3).
        const PENDING_CANCEL = 0x04;
        /// The sender can sign headers.
        const SUPPORT_HEADER_SIGN = 0x04;
        /// The sender supports several calls at a time.
        const CONC_MPX = 0x10;
        /// In a fault: the call certainly did not run.
        const DID_NOT_EXECUTE = 0x20;
        /// In a request: no answer is expected.
        const MAYBE = 0x40;
        /// In a request: an object UUID follows the head.
        const OBJECT_UUID = 0x80;
        const _ = !0;
    }
}

impl PfcFlags {
    /// First and last fragment in one.
    pub const WHOLE: Self = Self::FIRST.union(Self::LAST);
}

/// The data representation label (C706 14.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DataRep(pub [u8; 4]);

impl DataRep {
    /// ASCII, IEEE, in a byte order: the only ones ever sent here.
    pub const fn new(order: ByteOrder) -> Self {
        Self([if matches!(order, ByteOrder::Little) { 0x10 } else { 0 }, 0, 0, 0])
    }

    /// Byte order of integers.
    pub const fn order(self) -> ByteOrder {
        if self.0[0] & 0xf0 == 0 { ByteOrder::Big } else { ByteOrder::Little }
    }

    /// Whether characters are ASCII and floating-point numbers IEEE.
    pub const fn is_supported(self) -> bool {
        self.0[0] & 0x0f == 0 && self.0[0] <= 0x10 && self.0[1] == 0
    }
}

impl fmt::Debug for DataRep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0;
        write!(f, "DataRep({a:02x}{b:02x}{c:02x}{d:02x})")
    }
}

/// The common header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The kind of PDU.
    pub ptype: PduType,
    /// Its flags.
    pub flags: PfcFlags,
    /// Its data representation.
    pub drep: DataRep,
    /// Its length, header and verifier included.
    pub frag_length: u16,
    /// Octets of the auth token; zero if there is no verifier.
    pub auth_length: u16,
    /// The call that it belongs to.
    pub call_id: u32,
}

impl Header {
    /// The header of a PDU to be written; its lengths are still to be set.
    pub(crate) const fn new(head: Head) -> Self {
        let Head { ptype, flags, order, call_id } = head;
        Self { ptype, flags, drep: DataRep::new(order), frag_length: 0, auth_length: 0, call_id }
    }

    /// Reads the header at the start of `octets`.
    ///
    /// # Errors
    ///
    /// Fails if it is incomplete, of another protocol version, or impossible.
    pub fn parse(octets: &[u8]) -> Result<Self, PduError> {
        let mut label = Reader::new(octets, ByteOrder::Little);
        let [major, minor, ptype, flags] = label.array()?;
        let drep = DataRep(label.array()?);
        let mut reader = Reader::new(label.rest(), drep.order());
        let header = Self {
            ptype: PduType::from_code(ptype),
            flags: PfcFlags::from_bits_retain(flags),
            drep,
            frag_length: reader.u16()?,
            auth_length: reader.u16()?,
            call_id: reader.u32()?,
        };
        // Minor version 1 is C706's; there is nothing in which it differs for these PDUs.
        if major != 5 || minor > 1 {
            return Err(PduError::Version { major, minor });
        }
        let verifier = if header.auth_length == 0 { 0 } else { super::SEC_TRAILER_LEN };
        if usize::from(header.frag_length) < HEADER_LEN + verifier + usize::from(header.auth_length) {
            let Self { frag_length, auth_length, .. } = header;
            return Err(PduError::Lengths { frag_length, auth_length });
        }
        Ok(header)
    }

    /// Byte order of the PDU.
    pub const fn order(&self) -> ByteOrder {
        self.drep.order()
    }

    /// Whether it is a first fragment.
    pub const fn is_first(&self) -> bool {
        self.flags.contains(PfcFlags::FIRST)
    }

    /// Whether it is a last fragment.
    pub const fn is_last(&self) -> bool {
        self.flags.contains(PfcFlags::LAST)
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.bytes(&[5, 0, self.ptype.code(), self.flags.bits()]);
        w.bytes(&self.drep.0);
        w.u16(self.frag_length);
        w.u16(self.auth_length);
        w.u32(self.call_id);
    }
}

/// Fills in the lengths of the PDU that starts at `start`.
pub(crate) fn set_lengths(out: &mut BytesMut, start: usize, order: ByteOrder, frag_length: u16, auth_length: u16) {
    let octets = |value: u16| match order {
        ByteOrder::Little => value.to_le_bytes(),
        ByteOrder::Big => value.to_be_bytes(),
    };
    let lengths = out.get_mut(start + 8..start + 12).and_then(|slot| slot.first_chunk_mut::<4>());
    if let Some(slot) = lengths {
        let [a, b] = octets(frag_length);
        let [c, d] = octets(auth_length);
        *slot = [a, b, c, d];
    }
}
