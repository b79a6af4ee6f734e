//! Where Samba's IDL is not the document's. The one list of exceptions.

use super::peer::{Direction, Encoding, Stub};

/// What becomes of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Samba has no such operation.
    Absent,
    /// Samba lays the message out differently and cannot decode it.
    Undecodable,
    /// Samba decodes one octet of this four-octet parameter.
    OneOctet(&'static str),
    /// Samba follows this integer as a pointer: comparable where every one is zero.
    PointerForInteger(&'static str),
    /// Samba decodes the value that was sent, but encodes another.
    EncodesAnother(&'static str),
    /// Samba decodes this 64-bit integer as two 32-bit halves, the low one first.
    HalvesSwapped(&'static str),
}

/// One divergence.
#[derive(Clone, Copy, Debug)]
pub struct Divergence {
    /// Samba's name of the interface.
    pub interface: &'static str,
    /// The operations concerned.
    pub opnums: &'static [u16],
    /// The side concerned; both if `None`.
    pub direction: Option<Direction>,
    /// The encoding concerned; all if `None`.
    pub encoding: Option<Encoding>,
    /// What to do about it.
    pub effect: Effect,
    /// Why, for readers and reports.
    pub reason: &'static str,
}

impl Divergence {
    const fn new(opnums: &'static [u16], direction: Option<Direction>, effect: Effect, reason: &'static str) -> Self {
        Self { interface: "clusapi", opnums, direction, encoding: None, effect, reason }
    }

    /// Whether it is about this message.
    #[must_use]
    pub fn concerns(&self, stub: &Stub<'_>) -> bool {
        self.interface == stub.interface
            && self.opnums.contains(&stub.opnum)
            && self.direction.is_none_or(|side| side == stub.direction)
            && self.encoding.is_none_or(|one| one == stub.encoding)
    }
}

const REQUEST: Option<Direction> = Some(Direction::Request);
const RESPONSE: Option<Direction> = Some(Direction::Response);
const BOOL: &str = "Samba declares this BOOL as boolean8; a BOOL has four octets ([MS-DTYP] 2.2.3)";

/// Samba 4.17's divergences from [MS-CMRP] 6.2 and [MS-FSRVP] 6.
pub static DIVERGENCES: &[Divergence] = &[
    Divergence::new(&[43], REQUEST, Effect::OneOctet("force"), BOOL),
    Divergence::new(&[61], REQUEST, Effect::OneOctet("WatchSubTree"), BOOL),
    Divergence::new(&[126], REQUEST, Effect::OneOctet("bDrainNode"), BOOL),
    Divergence::new(&[138], REQUEST, Effect::OneOctet("isTargetedAtObject"), BOOL),
    Divergence::new(&[183], REQUEST, Effect::OneOctet("UseDomains"), BOOL),
    Divergence::new(
        &[87],
        REQUEST,
        Effect::Undecodable,
        "Samba declares NetworkIdList as one string; it is an array of pointers to strings",
    ),
    Divergence::new(
        &[102],
        RESPONSE,
        Effect::EncodesAnother("dwSize"),
        "Samba's IDL fixes dwSize of CLUSTER_OPERATIONAL_VERSION_INFO to 20 when encoding",
    ),
    Divergence::new(
        &[139],
        RESPONSE,
        Effect::PointerForInteger("dwNotifyKey"),
        "Samba declares dwNotifyKey of NOTIFICATION_RPC as a pointer; it is a DWORD_PTR, an integer",
    ),
    Divergence::new(&[184], None, Effect::Absent, "Samba's interface ends with opnum 183"),
    Divergence {
        interface: "FileServerVssAgent",
        opnums: &[10],
        direction: RESPONSE,
        encoding: Some(Encoding::NdrBigEndian),
        effect: Effect::HalvesSwapped("CreationTimestamp"),
        reason: "Samba declares the time as NTTIME, two 32-bit words; it is a LONGLONG, whose big-endian form is not",
    },
];
