//! PDUs of the bind phase, put together from their fragments.

use bytes::{Bytes, BytesMut};

use super::{SequenceError, framing::Frame};
use crate::pdu::{Header, PduError, SecTrailer, split_verifier};

/// A complete PDU of the bind phase.
#[derive(Debug)]
pub(crate) struct BindPdu {
    /// The header of the first fragment.
    pub(crate) header: Header,
    pub(crate) body: Bytes,
    pub(crate) verifier: Option<(SecTrailer, Bytes)>,
}

/// Why fragments do not make a PDU.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BindPhaseError {
    #[error(transparent)]
    Pdu(#[from] PduError),
    #[error(transparent)]
    Sequence(#[from] SequenceError),
}

/// Puts PDUs of the bind phase together. C706 lets each of them be fragmented; the security token
/// may stand in the last fragment or be spread over several.
#[derive(Debug, Default)]
pub(crate) struct Reassembly {
    partial: Option<Partial>,
}

#[derive(Debug)]
struct Partial {
    header: Header,
    body: BytesMut,
    trailer: Option<SecTrailer>,
    token: BytesMut,
}

impl Reassembly {
    /// Whether a PDU has begun and not ended.
    pub(crate) fn in_progress(&self) -> bool {
        self.partial.is_some()
    }

    /// Takes a fragment; gives the PDU with the last.
    pub(crate) fn push(&mut self, frame: Frame, limit: usize) -> Result<Option<BindPdu>, BindPhaseError> {
        let Frame { header, octets } = frame;
        let octets = octets.freeze();
        let (body, verifier) = split_verifier(&header, &octets)?;
        if header.is_first() == self.partial.is_some() {
            return Err(SequenceError::Fragments(header.ptype).into());
        }
        if header.is_first() && header.is_last() {
            let verifier = verifier.map(|v| (v.trailer, octets.slice_ref(v.token)));
            return Ok(Some(BindPdu { header, body: octets.slice_ref(body), verifier }));
        }
        let partial = self.partial.get_or_insert_with(|| Partial {
            header,
            body: BytesMut::new(),
            trailer: None,
            token: BytesMut::new(),
        });
        let first = &partial.header;
        if (first.ptype, first.call_id, first.drep) != (header.ptype, header.call_id, header.drep) {
            return Err(SequenceError::Fragments(header.ptype).into());
        }
        partial.body.extend_from_slice(body);
        if let Some(verifier) = verifier {
            let SecTrailer { auth_type, auth_level, context_id, .. } = verifier.trailer;
            let same =
                |t: &SecTrailer| (t.auth_type, t.auth_level, t.context_id) == (auth_type, auth_level, context_id);
            if !partial.trailer.as_ref().is_none_or(same) {
                return Err(SequenceError::Fragments(header.ptype).into());
            }
            partial.trailer = Some(verifier.trailer);
            partial.token.extend_from_slice(verifier.token);
        }
        if partial.body.len() + partial.token.len() > limit {
            return Err(SequenceError::TooLarge(header.ptype, limit).into());
        }
        if !header.is_last() {
            return Ok(None);
        }
        Ok(self.partial.take().map(|Partial { header, body, trailer, token }| BindPdu {
            header,
            body: body.freeze(),
            verifier: trailer.map(|trailer| (trailer, token.freeze())),
        }))
    }
}
