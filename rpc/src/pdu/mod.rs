//! The protocol data units of connection-oriented RPC (C706 12.6, [MS-RPCE] 2.2.2).
//!
//! Parsing never panics and allocates no more than what has arrived. Both byte orders are read and
//! written; which one a PDU is in, its header says.

mod bind;
mod call;
mod features;
mod header;
mod nak;
mod trailer;
pub mod verification;
mod wire;

pub use bind::{Bind, BindAck, ContextElement, ContextResult, Outcome, RejectReason, SyntaxId};
pub use call::{FaultHead, RequestHead, ResponseHead};
pub use features::BindFeatures;
pub(crate) use header::set_lengths;
pub use header::{DataRep, HEADER_LEN, Header, PduType, PfcFlags};
pub use nak::{BindNak, NakReason};
pub use trailer::{LevelCode, SEC_TRAILER_LEN, SecTrailer, Verifier, split_verifier};
pub use wire::{Reader, Writer};

use bytes::BytesMut;
use msrpc_ndr::ByteOrder;

/// Fragment size that every implementation must be able to receive (`MustRecvFragSize`, C706
/// 12.6.3.1).
pub const MUST_RECV_FRAG_SIZE: u16 = 1432;

/// Octets that are no well-formed PDU. The peer is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PduError {
    /// The PDU ends too early.
    #[error("a PDU ends {missing} octets too early")]
    Truncated {
        /// Octets that are missing.
        missing: usize,
    },
    /// The protocol version is not 5.0.
    #[error("protocol version {major}.{minor} instead of 5.0")]
    Version {
        /// Major version.
        major: u8,
        /// Minor version.
        minor: u8,
    },
    /// `frag_length` is smaller than the header, or `auth_length` larger than what is left.
    #[error("frag_length {frag_length} with auth_length {auth_length} is impossible")]
    Lengths {
        /// Length of the fragment.
        frag_length: u16,
        /// Length of the auth token.
        auth_length: u16,
    },
    /// There is more padding than stub.
    #[error("{pad} octets of auth padding in a body of {body}")]
    Padding {
        /// Octets of padding claimed.
        pad: usize,
        /// Octets of the body.
        body: usize,
    },
    /// The authentication level does not exist.
    #[error("authentication level {0} does not exist")]
    AuthLevel(u8),
    /// A PDU to be written would be longer than `frag_length` can say.
    #[error("a PDU of {len} octets is longer than 65535")]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// There are more elements than their count can say.
    #[error("{len} elements are more than the count can say")]
    TooMany {
        /// Their number.
        len: usize,
    },
}

/// What every PDU that is written has in common.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// The kind of PDU.
    pub ptype: PduType,
    /// Its flags.
    pub flags: PfcFlags,
    /// Its byte order.
    pub order: ByteOrder,
    /// The call that it belongs to.
    pub call_id: u32,
}

/// Writes a PDU: header, the body that `body` writes, and the verifier where there is one, behind
/// padding to four octets. For the PDUs of the bind phase, whose verifier protects nothing.
///
/// # Errors
///
/// Fails if the PDU is too long; nothing is written then.
pub fn write_pdu(
    out: &mut BytesMut,
    head: Head,
    verifier: Option<(SecTrailer, &[u8])>,
    body: impl FnOnce(&mut Writer<'_>) -> Result<(), PduError>,
) -> Result<(), PduError> {
    let start = out.len();
    let written = write_parts(out, start, head, verifier, body);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

fn write_parts(
    out: &mut BytesMut,
    start: usize,
    head: Head,
    verifier: Option<(SecTrailer, &[u8])>,
    body: impl FnOnce(&mut Writer<'_>) -> Result<(), PduError>,
) -> Result<(), PduError> {
    let mut writer = Writer::new(out, head.order);
    Header::new(head).write(&mut writer);
    body(&mut writer)?;
    let mut auth_length = 0;
    if let Some((mut trailer, token)) = verifier {
        let pad = writer.align(start, 4);
        trailer.pad_length = u8::try_from(pad).unwrap_or(0);
        trailer.write(&mut writer);
        writer.bytes(token);
        auth_length = token.len();
    }
    let len = out.len() - start;
    let too_long = |_| PduError::TooLong { len };
    let frag_length = u16::try_from(len).map_err(too_long)?;
    let auth_length = u16::try_from(auth_length).map_err(too_long)?;
    set_lengths(out, start, head.order, frag_length, auth_length);
    Ok(())
}

/// Splits a PDU of the bind phase into fragments of at most `max` octets. Each carries the header
/// and a part of the body; the last carries the whole verifier.
///
/// # Errors
///
/// Fails if `max` does not leave room for the header and the verifier.
pub fn split(pdu: &[u8], max: usize) -> Result<Vec<Vec<u8>>, PduError> {
    let header = Header::parse(pdu)?;
    let (body, verifier) = split_verifier(&header, pdu)?;
    let tail: usize = verifier.as_ref().map_or(0, |v| SEC_TRAILER_LEN + v.token.len());
    // The verifier stands behind padding.
    let alignment = if verifier.is_some() { 4 } else { 1 };
    let room = max.saturating_sub(HEADER_LEN + tail) / alignment * alignment;
    if room == 0 {
        return Err(PduError::TooLong { len: HEADER_LEN + tail });
    }
    let mut fragments = Vec::new();
    let mut chunks = body.chunks(room).peekable();
    let mut first = true;
    loop {
        let chunk = chunks.next().unwrap_or_default();
        let last = chunks.peek().is_none();
        let mut flags = header.flags - (PfcFlags::FIRST | PfcFlags::LAST);
        flags.set(PfcFlags::FIRST, first);
        flags.set(PfcFlags::LAST, last);
        first = false;
        let head = Head { ptype: header.ptype, flags, order: header.order(), call_id: header.call_id };
        let verifier = verifier.as_ref().filter(|_| last).map(|v| (v.trailer, v.token));
        let mut out = BytesMut::new();
        write_pdu(&mut out, head, verifier, |w| {
            w.bytes(chunk);
            Ok(())
        })?;
        fragments.push(out.to_vec());
        if last {
            return Ok(fragments);
        }
    }
}
