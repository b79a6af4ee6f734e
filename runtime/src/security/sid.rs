//! Security identifiers.

use std::{fmt, str::FromStr};

/// Most subauthorities that a SID has.
const MAX_SUBAUTHORITIES: usize = 15;

/// A security identifier (\[MS-DTYP\] 2.4.2): who somebody is, or which group somebody is in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sid {
    authority: u64,
    subauthorities: Vec<u32>,
}

/// Why a SID is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SidError {
    /// Text is not of the form `S-1-5-32-544`.
    #[error("{0:?} is no SID; one looks like S-1-5-32-544")]
    Text(String),
    /// Octets end early, or are of another revision.
    #[error("a SID is not well-formed")]
    Octets,
}

impl Sid {
    /// A SID of an authority and subauthorities; of these at most fifteen are kept.
    pub fn new(authority: u64, subauthorities: &[u32]) -> Self {
        let count = subauthorities.len().min(MAX_SUBAUTHORITIES);
        Self { authority: authority & 0xffff_ffff_ffff, subauthorities: subauthorities[..count].to_vec() }
    }

    /// Everyone.
    pub fn everyone() -> Self {
        Self::new(1, &[0])
    }

    /// The local administrators.
    pub fn administrators() -> Self {
        Self::new(5, &[32, 544])
    }

    /// The local users.
    pub fn users() -> Self {
        Self::new(5, &[32, 545])
    }

    /// The local backup operators.
    pub fn backup_operators() -> Self {
        Self::new(5, &[32, 551])
    }

    /// All that have proved who they are.
    pub fn authenticated_users() -> Self {
        Self::new(5, &[11])
    }

    /// Parses a SID at the front of octets, and gives the rest.
    ///
    /// # Errors
    ///
    /// Fails if they end early or are of another revision.
    pub fn take(octets: &[u8]) -> Result<(Self, &[u8]), SidError> {
        let Some((&[1, count, a, b, c, d, e, f], rest)) = octets.split_first_chunk::<8>() else {
            return Err(SidError::Octets);
        };
        let count = usize::from(count);
        let (subauthorities, rest) = rest.split_at_checked(count * 4).ok_or(SidError::Octets)?;
        if count > MAX_SUBAUTHORITIES {
            return Err(SidError::Octets);
        }
        let authority = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        let subauthorities = subauthorities.as_chunks::<4>().0.iter().map(|&part| u32::from_le_bytes(part)).collect();
        Ok((Self { authority, subauthorities }, rest))
    }

    /// Appends the SID as it travels.
    pub fn put(&self, octets: &mut Vec<u8>) {
        let count = u8::try_from(self.subauthorities.len()).unwrap_or(u8::MAX);
        let [_, _, authority @ ..] = self.authority.to_be_bytes();
        octets.extend_from_slice(&[1, count]);
        octets.extend_from_slice(&authority);
        self.subauthorities.iter().for_each(|part| octets.extend_from_slice(&part.to_le_bytes()));
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match u32::try_from(self.authority) {
            Ok(authority) => write!(f, "S-1-{authority}")?,
            Err(_) => write!(f, "S-1-0x{:012X}", self.authority)?,
        }
        self.subauthorities.iter().try_for_each(|part| write!(f, "-{part}"))
    }
}

impl FromStr for Sid {
    type Err = SidError;

    fn from_str(text: &str) -> Result<Self, SidError> {
        parse(text).ok_or_else(|| SidError::Text(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Sid> {
    let mut parts = text.split('-');
    if !parts.next()?.eq_ignore_ascii_case("S") || parts.next()? != "1" {
        return None;
    }
    let authority = parts.next()?;
    let authority = match authority.strip_prefix("0x").or_else(|| authority.strip_prefix("0X")) {
        Some(digits) if digits.len() <= 12 => u64::from_str_radix(digits, 16).ok()?,
        Some(_) => return None,
        None => decimal(authority)?.into(),
    };
    let subauthorities: Vec<u32> = parts.map(decimal).collect::<Option<_>>()?;
    (1..=MAX_SUBAUTHORITIES).contains(&subauthorities.len()).then_some(Sid { authority, subauthorities })
}

fn decimal(text: &str) -> Option<u32> {
    text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
