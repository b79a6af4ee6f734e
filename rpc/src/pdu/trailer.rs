//! The security trailer and the token behind it ([MS-RPCE] 2.2.2.11, 2.2.2.12).

use msrpc_ndr::{AuthLevel, ByteOrder};

use super::{HEADER_LEN, Header, PduError, Reader, Writer};

/// Octets of the trailer, without the token.
pub const SEC_TRAILER_LEN: usize = 8;

/// The trailer in front of an auth token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecTrailer {
    /// The security provider ([MS-RPCE] 2.2.1.1.7).
    pub auth_type: u8,
    /// The authentication level, as it travels.
    pub auth_level: LevelCode,
    /// Octets of padding between the body and the trailer.
    pub pad_length: u8,
    /// The security context on this connection.
    pub context_id: u32,
}

impl SecTrailer {
    /// Reads a trailer.
    ///
    /// # Errors
    ///
    /// Fails if it is incomplete.
    pub fn parse(octets: &[u8], order: ByteOrder) -> Result<Self, PduError> {
        let mut r = Reader::new(octets, order);
        let [auth_type, level, pad_length, _reserved] = r.array()?;
        Ok(Self { auth_type, auth_level: LevelCode(level), pad_length, context_id: r.u32()? })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.bytes(&[self.auth_type, self.auth_level.0, self.pad_length, 0]);
        w.u32(self.context_id);
    }
}

/// An authentication level as it travels ([MS-RPCE] 2.2.1.1.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LevelCode(pub u8);

impl LevelCode {
    /// The level meant: 0 is connect, call counts as packet.
    ///
    /// # Errors
    ///
    /// Fails if there is no such level.
    pub fn level(self) -> Result<AuthLevel, PduError> {
        Ok(match self.0 {
            1 => AuthLevel::None,
            0 | 2 => AuthLevel::Connect,
            3 | 4 => AuthLevel::Packet,
            5 => AuthLevel::Integrity,
            6 => AuthLevel::Privacy,
            other => return Err(PduError::AuthLevel(other)),
        })
    }
}

impl From<AuthLevel> for LevelCode {
    fn from(level: AuthLevel) -> Self {
        Self(match level {
            AuthLevel::None => 1,
            AuthLevel::Connect => 2,
            AuthLevel::Call | AuthLevel::Packet => 4,
            AuthLevel::Integrity => 5,
            AuthLevel::Privacy => 6,
        })
    }
}

/// The end of a PDU that carries authentication.
#[derive(Clone, Copy, Debug)]
pub struct Verifier<'a> {
    /// The trailer.
    pub trailer: SecTrailer,
    /// The token.
    pub token: &'a [u8],
}

/// The body of a PDU, without header and padding, and its verifier.
///
/// # Errors
///
/// Fails if the lengths contradict each other.
pub fn split_verifier<'a>(header: &Header, pdu: &'a [u8]) -> Result<(&'a [u8], Option<Verifier<'a>>), PduError> {
    let Header { frag_length, auth_length, .. } = *header;
    let impossible = PduError::Lengths { frag_length, auth_length };
    let body = pdu.get(HEADER_LEN..usize::from(frag_length)).ok_or_else(|| impossible.clone())?;
    if auth_length == 0 {
        return Ok((body, None));
    }
    let at = body.len().checked_sub(usize::from(auth_length) + SEC_TRAILER_LEN).ok_or(impossible)?;
    let (body, verifier) = body.split_at(at);
    let (trailer, token) = verifier.split_at(SEC_TRAILER_LEN);
    let trailer = SecTrailer::parse(trailer, header.order())?;
    let pad = usize::from(trailer.pad_length);
    let len = body.len().checked_sub(pad).ok_or(PduError::Padding { pad, body: body.len() })?;
    Ok((body.get(..len).unwrap_or_default(), Some(Verifier { trailer, token })))
}
