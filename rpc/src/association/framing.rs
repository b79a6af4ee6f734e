//! From a stream of octets to PDUs.

use bytes::BytesMut;

use crate::pdu::{HEADER_LEN, Header, PduError};

/// Octets received that are not processed yet.
#[derive(Debug, Default)]
pub(crate) struct Input {
    buffer: BytesMut,
}

/// A PDU: a fragment with its header parsed.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) header: Header,
    pub(crate) octets: BytesMut,
}

impl Input {
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Whether nothing is left over, not even a part of a PDU.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The next PDU, if it has arrived.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, PduError> {
        if self.buffer.len() < HEADER_LEN {
            return Ok(None);
        }
        let header = Header::parse(&self.buffer)?;
        let len = usize::from(header.frag_length);
        if self.buffer.len() < len {
            return Ok(None);
        }
        Ok(Some(Frame { header, octets: self.buffer.split_to(len) }))
    }
}
