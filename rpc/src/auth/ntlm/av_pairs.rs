//! `AV_PAIR` lists: what the server says about itself, and what the client says in return.

use super::wire::{from_utf16, malformed, utf16};
use crate::auth::AuthError;

/// Most pairs in a list. Windows sends eight.
const MAX_PAIRS: usize = 64;

/// The meaning of a pair ([MS-NLMP] 2.2.2.1). Unknown values are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AvId(pub u16);

#[expect(missing_docs, reason = "the names are the document's")]
impl AvId {
    pub const EOL: Self = Self(0);
    pub const NB_COMPUTER_NAME: Self = Self(1);
    pub const NB_DOMAIN_NAME: Self = Self(2);
    pub const DNS_COMPUTER_NAME: Self = Self(3);
    pub const DNS_DOMAIN_NAME: Self = Self(4);
    pub const DNS_TREE_NAME: Self = Self(5);
    pub const FLAGS: Self = Self(6);
    pub const TIMESTAMP: Self = Self(7);
    pub const SINGLE_HOST: Self = Self(8);
    pub const TARGET_NAME: Self = Self(9);
    pub const CHANNEL_BINDINGS: Self = Self(10);
}

/// `MsvAvFlags`: the authenticate message has an integrity code.
pub(super) const FLAG_MIC: u32 = 0x2;
/// `MsvAvFlags`: the client had the target's name from somewhere it does not trust.
pub(super) const FLAG_UNVERIFIED_TARGET: u32 = 0x4;

/// A list of pairs, each identifier at most once, in the order of the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AvPairs {
    pairs: Vec<(AvId, Vec<u8>)>,
}

impl AvPairs {
    /// Parses a list up to its end mark. What follows the mark is given back: NTLMv2 responses end
    /// with four octets of zero.
    ///
    /// # Errors
    ///
    /// If the list has no end, a pair goes beyond the octets, or one comes twice.
    pub fn parse(octets: &[u8]) -> Result<(Self, &[u8]), AuthError> {
        let mut pairs = Self::default();
        let mut rest = octets;
        while let Some((head, tail)) = rest.split_first_chunk::<4>() {
            let [id_low, id_high, length_low, length_high] = *head;
            let id = AvId(u16::from_le_bytes([id_low, id_high]));
            let length = usize::from(u16::from_le_bytes([length_low, length_high]));
            if id == AvId::EOL {
                return if length == 0 { Ok((pairs, tail)) } else { Err(malformed("the end of a list has a length")) };
            }
            let (value, tail) =
                tail.split_at_checked(length).ok_or_else(|| malformed("an AV pair goes beyond the list"))?;
            if pairs.get(id).is_some() || pairs.pairs.len() == MAX_PAIRS {
                return Err(malformed("an AV pair comes twice, or there are too many"));
            }
            pairs.pairs.push((id, value.to_owned()));
            rest = tail;
        }
        Err(malformed("an AV pair list has no end"))
    }

    /// The list with its end mark.
    ///
    /// # Errors
    ///
    /// If a value has more than 65,535 octets.
    pub fn build(&self) -> Result<Vec<u8>, AuthError> {
        let mut out = Vec::new();
        for (id, value) in &self.pairs {
            let length = u16::try_from(value.len()).map_err(|_| malformed("an AV pair is too long to be sent"))?;
            out.extend_from_slice(&id.0.to_le_bytes());
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(value);
        }
        out.extend_from_slice(&[0; 4]);
        Ok(out)
    }

    /// The value of a pair.
    pub fn get(&self, id: AvId) -> Option<&[u8]> {
        self.pairs.iter().find(|(other, _)| *other == id).map(|(_, value)| value.as_slice())
    }

    /// Sets a pair: in its place if it is there already, else at the end.
    pub fn set(&mut self, id: AvId, value: Vec<u8>) {
        match self.pairs.iter_mut().find(|(other, _)| *other == id) {
            Some((_, old)) => *old = value,
            None => self.pairs.push((id, value)),
        }
    }

    /// Sets a pair to a text.
    pub fn set_text(&mut self, id: AvId, text: &str) {
        self.set(id, utf16(text));
    }

    /// The text of a pair.
    ///
    /// # Errors
    ///
    /// If it is not UTF-16.
    pub fn text(&self, id: AvId) -> Result<Option<String>, AuthError> {
        self.get(id).map(|value| from_utf16(value, "an AV pair")).transpose()
    }

    /// `MsvAvFlags`; 0 if there are none.
    ///
    /// # Errors
    ///
    /// If they do not have four octets.
    pub fn flags(&self) -> Result<u32, AuthError> {
        let Some(value) = self.get(AvId::FLAGS) else { return Ok(0) };
        value.try_into().map(u32::from_le_bytes).map_err(|_| malformed("MsvAvFlags does not have four octets"))
    }

    /// `MsvAvTimestamp`, in 100 ns since 1601.
    ///
    /// # Errors
    ///
    /// If it does not have eight octets.
    pub fn timestamp(&self) -> Result<Option<u64>, AuthError> {
        let Some(value) = self.get(AvId::TIMESTAMP) else { return Ok(None) };
        let octets = value.try_into().map_err(|_| malformed("MsvAvTimestamp does not have eight octets"))?;
        Ok(Some(u64::from_le_bytes(octets)))
    }

    /// The pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (AvId, &[u8])> {
        self.pairs.iter().map(|(id, value)| (*id, value.as_slice()))
    }
}
