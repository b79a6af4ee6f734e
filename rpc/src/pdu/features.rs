//! Bind-time feature negotiation ([MS-RPCE] 2.2.2.14, 2.2.2.15, 3.3.1.5.3).

use bitflags::bitflags;
use uuid::Uuid;

use super::SyntaxId;

/// The first eight octets of the transfer syntax that stands for feature negotiation, as they
/// travel in little-endian PDUs.
const PREFIX: [u8; 8] = [0x2c, 0x1c, 0xb7, 0x6c, 0x12, 0x98, 0x40, 0x45];

bitflags! {
    /// Features that both sides must support to be used.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct BindFeatures: u16 {
        /// Several security contexts on one connection.
        const SECURITY_CONTEXT_MULTIPLEXING = 0x01;
        /// The connection stays open after an orphaned PDU.
        const KEEP_CONNECTION_ON_ORPHAN = 0x02;
        const _ = !0;
    }
}

impl BindFeatures {
    /// The transfer syntax that proposes these features.
    pub fn to_syntax(self) -> SyntaxId {
        let [low, high] = self.bits().to_le_bytes();
        let [a, b, c, d, e, f, g, h] = PREFIX;
        let uuid = Uuid::from_bytes_le([a, b, c, d, e, f, g, h, low, high, 0, 0, 0, 0, 0, 0]);
        SyntaxId { uuid, version: (1, 0) }
    }

    /// The features that a transfer syntax proposes; `None` for an ordinary one.
    pub fn from_syntax(syntax: &SyntaxId) -> Option<Self> {
        let octets = syntax.uuid.to_bytes_le();
        let (prefix, mask) = octets.split_at(PREFIX.len());
        match mask {
            &[low, high, ..] if prefix == PREFIX && syntax.version == (1, 0) => {
                Some(Self::from_bits_retain(u16::from_le_bytes([low, high])))
            }
            _ => None,
        }
    }
}
