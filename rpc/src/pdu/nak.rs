//! bind_nak (C706 12.6.4.5, [MS-RPCE] 2.2.2.5, 2.2.2.9).

use std::fmt;

use msrpc_ndr::ByteOrder;
use uuid::{Uuid, uuid};

use super::{PduError, Reader, Writer};

/// Says that extended error information follows ([MS-RPCE] 2.2.1.1.2).
const SIGNATURE: Uuid = uuid!("90740320-fad0-11d3-82d7-009027b130ab");

/// Why a bind is refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NakReason(pub u16);

impl NakReason {
    /// None of the others.
    pub const NOT_SPECIFIED: Self = Self(0);
    /// The server is busy.
    pub const TEMPORARY_CONGESTION: Self = Self(1);
    /// The server lacks resources.
    pub const LOCAL_LIMIT_EXCEEDED: Self = Self(2);
    /// The protocol version is not supported, or the bind is malformed.
    pub const PROTOCOL_VERSION: Self = Self(4);
    /// The server does not have the security provider.
    pub const AUTH_TYPE_NOT_RECOGNIZED: Self = Self(8);
    /// The security provider refused.
    pub const INVALID_CHECKSUM: Self = Self(9);

    /// What the reason means.
    pub const fn text(self) -> &'static str {
        match self.0 {
            0 => "no reason given",
            1 => "temporary congestion",
            2 => "local limit exceeded",
            4 => "protocol version not supported",
            8 => "authentication type not recognized",
            9 => "authentication failed",
            _ => "unknown reason",
        }
    }
}

impl fmt::Debug for NakReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for NakReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text(), self.0)
    }
}

/// A refusal of a bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindNak {
    /// Why.
    pub reason: NakReason,
    /// Protocol versions that the server supports, major and minor.
    pub versions: Vec<(u8, u8)>,
    /// Extended error information as it came, for [MS-EERR].
    pub extended_error: Vec<u8>,
}

impl BindNak {
    /// A refusal.
    pub fn new(reason: NakReason) -> Self {
        Self { reason, versions: vec![(5, 0)], extended_error: Vec::new() }
    }

    /// Reads the body. Some servers leave out the versions.
    ///
    /// # Errors
    ///
    /// Fails if it is incomplete.
    pub fn parse(body: &[u8], order: ByteOrder) -> Result<Self, PduError> {
        let mut r = Reader::new(body, order);
        let reason = NakReason(r.u16()?);
        let count = r.u8().unwrap_or(0);
        let versions = (0..count).map_while(|_| r.array().ok()).map(|[major, minor]| (major, minor)).collect();
        // Where the signature stands depends on how the sender aligned it.
        let signature = match order {
            ByteOrder::Little => SIGNATURE.to_bytes_le(),
            ByteOrder::Big => SIGNATURE.into_bytes(),
        };
        let at = r.rest().windows(signature.len()).position(|window| window == signature);
        let extended_error = at.and_then(|at| r.rest().get(at + signature.len()..)).unwrap_or_default().to_vec();
        Ok(Self { reason, versions, extended_error })
    }

    /// Writes the body, without extended error information.
    ///
    /// # Errors
    ///
    /// Fails if there are more than 255 versions.
    pub fn write(&self, w: &mut Writer<'_>) -> Result<(), PduError> {
        let start = w.position();
        let len = self.versions.len();
        w.u16(self.reason.0);
        w.u8(u8::try_from(len).map_err(|_| PduError::TooMany { len })?);
        self.versions.iter().for_each(|&(major, minor)| w.bytes(&[major, minor]));
        w.align(start, 4);
        Ok(())
    }
}
