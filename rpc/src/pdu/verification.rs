//! The verification trailer behind the stub of a request ([MS-RPCE] 2.2.2.13).
//!
//! It repeats under the protection of the stub what the header says without protection.

use bytes::BytesMut;
use msrpc_ndr::ByteOrder;

use super::{DataRep, PduError, PduType, Reader, SyntaxId, Writer};

/// What a trailer starts with (2.2.2.13.1).
pub const SIGNATURE: [u8; 8] = [0x8a, 0xe3, 0x13, 0x71, 0x02, 0xf4, 0x36, 0x71];

/// Octets at the end of a stub that are searched for a trailer; the largest regular one has 84.
pub const WINDOW: usize = 256;

const BITMASK: u16 = 1;
const PCONTEXT: u16 = 2;
const HEADER2: u16 = 3;
const END: u16 = 0x4000;
const MUST_PROCESS: u16 = 0x8000;
const CLIENT_SUPPORT_HEADER_SIGNING: u32 = 1;

/// The interface and transfer syntax of the request's presentation context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PContext {
    /// The interface.
    pub interface: SyntaxId,
    /// The transfer syntax.
    pub syntax: SyntaxId,
}

/// Fields of the request's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header2 {
    /// The kind of PDU.
    pub ptype: PduType,
    /// The data representation.
    pub drep: DataRep,
    /// The call.
    pub call_id: u32,
    /// The presentation context.
    pub context_id: u16,
    /// The operation.
    pub opnum: u16,
}

/// The commands of a trailer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trailer {
    /// Feature bits of the client.
    pub bitmask: Option<u32>,
    /// The presentation context.
    pub pcontext: Option<PContext>,
    /// The header.
    pub header2: Option<Header2>,
}

/// A trailer that a server must not accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerificationError {
    /// It is malformed.
    #[error("the verification trailer is malformed")]
    Malformed,
    /// It has a command that the client insists on and this server does not know.
    #[error("the verification trailer has the unknown command {0:#06x}")]
    Unknown(u16),
    /// The client supports header signing, but the bind did not say so.
    #[error("the bind said nothing of header signing, the verification trailer does")]
    HeaderSigning,
    /// The presentation context is another one.
    #[error("the verification trailer names another presentation context")]
    PContext,
    /// The header was another one.
    #[error("the verification trailer names another header")]
    Header,
}

impl From<PduError> for VerificationError {
    fn from(_: PduError) -> Self {
        Self::Malformed
    }
}

impl Trailer {
    /// What a client says that signs headers.
    pub fn signing(interface: SyntaxId, syntax: SyntaxId) -> Self {
        Self {
            bitmask: Some(CLIENT_SUPPORT_HEADER_SIGNING),
            pcontext: Some(PContext { interface, syntax }),
            header2: None,
        }
    }

    /// Where a trailer starts among the octets at the end of a stub.
    pub fn find(tail: &[u8]) -> Option<usize> {
        tail.windows(SIGNATURE.len()).rposition(|window| window == SIGNATURE)
    }

    /// Reads a trailer, which must fill `octets`.
    ///
    /// # Errors
    ///
    /// Fails if it is malformed or has an unknown command that must be processed.
    pub fn parse(octets: &[u8]) -> Result<Self, VerificationError> {
        let mut r = Reader::new(octets, ByteOrder::Little);
        r.take(SIGNATURE.len())?;
        let mut trailer = Self::default();
        loop {
            let (command, length) = (r.u16()?, r.u16()?);
            let mut body = Reader::new(r.take(usize::from(length))?, ByteOrder::Little);
            match command & !(END | MUST_PROCESS) {
                BITMASK => trailer.bitmask = Some(body.u32()?),
                PCONTEXT => {
                    let (interface, syntax) = (SyntaxId::read(&mut body)?, SyntaxId::read(&mut body)?);
                    trailer.pcontext = Some(PContext { interface, syntax });
                }
                HEADER2 => trailer.header2 = Some(Header2::read(&mut body)?),
                _ if command & MUST_PROCESS != 0 => return Err(VerificationError::Unknown(command)),
                _ => body = Reader::new(&[], ByteOrder::Little),
            }
            if !body.rest().is_empty() {
                return Err(VerificationError::Malformed);
            }
            if command & END != 0 {
                return if r.rest().is_empty() { Ok(trailer) } else { Err(VerificationError::Malformed) };
            }
        }
    }

    /// The octets of the trailer; nothing if it has no command.
    pub fn to_bytes(&self) -> BytesMut {
        let mut out = BytesMut::new();
        let mut left = usize::from(self.bitmask.is_some())
            + usize::from(self.pcontext.is_some())
            + usize::from(self.header2.is_some());
        if left == 0 {
            return out;
        }
        let mut w = Writer::new(&mut out, ByteOrder::Little);
        w.bytes(&SIGNATURE);
        let mut command = |w: &mut Writer<'_>, command: u16, length: u16| {
            left -= 1;
            w.u16(if left == 0 { command | END } else { command });
            w.u16(length);
        };
        if let Some(bits) = self.bitmask {
            command(&mut w, BITMASK, 4);
            w.u32(bits);
        }
        if let Some(PContext { interface, syntax }) = &self.pcontext {
            command(&mut w, PCONTEXT | MUST_PROCESS, 40);
            interface.write(&mut w);
            syntax.write(&mut w);
        }
        if let Some(header) = &self.header2 {
            command(&mut w, HEADER2 | MUST_PROCESS, 16);
            header.write(&mut w);
        }
        out
    }

    /// Checks the trailer against the request that it came with.
    ///
    /// # Errors
    ///
    /// Says what differs.
    pub fn check(
        &self,
        request: &Header2,
        context: &PContext,
        bound_with_signing: bool,
    ) -> Result<(), VerificationError> {
        if self.bitmask.is_some_and(|bits| bits & CLIENT_SUPPORT_HEADER_SIGNING != 0) && !bound_with_signing {
            return Err(VerificationError::HeaderSigning);
        }
        if self.pcontext.is_some_and(|found| found != *context) {
            return Err(VerificationError::PContext);
        }
        if self.header2.is_some_and(|found| found != *request) {
            return Err(VerificationError::Header);
        }
        Ok(())
    }
}

impl Header2 {
    fn read(r: &mut Reader<'_>) -> Result<Self, PduError> {
        let [ptype, _, _, _] = r.array()?;
        let drep = DataRep(r.array()?);
        Ok(Self { ptype: PduType::from_code(ptype), drep, call_id: r.u32()?, context_id: r.u16()?, opnum: r.u16()? })
    }

    fn write(&self, w: &mut Writer<'_>) {
        w.bytes(&[self.ptype.code(), 0, 0, 0]);
        w.bytes(&self.drep.0);
        w.u32(self.call_id);
        w.u16(self.context_id);
        w.u16(self.opnum);
    }
}
