//! DUALSTRINGARRAY: where a resolver or an exporter is reached ([MS-DCOM] 2.2.19).

use crate::{
    Align, Codec, Conformant, DecodeError, Decoder, EncodeError, EncodeErrorKind, Encoder, Items, Sequence, WString,
};

/// String bindings and security bindings, as they travel: what is no well-formed binding is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DualStringArray {
    /// Everything after the two counts, in units of two octets.
    pub units: Vec<u16>,
    /// The unit at which the security bindings begin.
    pub security_offset: u16,
}

/// A protocol sequence and an address ([MS-DCOM] 2.2.19.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StringBinding {
    /// The protocol sequence identifier (C706 appendix I): 7 is `ncacn_ip_tcp`.
    pub tower_id: u16,
    /// `server` or `server[endpoint]`.
    pub address: WString,
}

/// An authentication service and a principal ([MS-DCOM] 2.2.19.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityBinding {
    /// The authentication service ([MS-RPCE] 2.2.1.1.7).
    pub service: u16,
    /// The service principal name; empty for none.
    pub principal: WString,
}

impl DualStringArray {
    /// What stands between a security binding's service and its principal.
    const RESERVED: u16 = 0xffff;

    /// An array of bindings.
    ///
    /// # Errors
    ///
    /// More than 65535 units.
    pub fn new(strings: &[StringBinding], security: &[SecurityBinding]) -> Result<Self, EncodeError> {
        let mut units = Vec::new();
        for binding in strings {
            units.push(binding.tower_id);
            units.extend(binding.address.units());
            units.push(0);
        }
        // An empty list is two zeros: the smallest array has four ([MS-DCOM] 2.2.19.1).
        units.resize(units.len() + 1 + usize::from(strings.is_empty()), 0);
        let offset = units.len();
        for binding in security {
            units.extend([binding.service, Self::RESERVED]);
            units.extend(binding.principal.units());
            units.push(0);
        }
        units.resize(units.len() + 1 + usize::from(security.is_empty()), 0);
        let too_long = || EncodeError::new(EncodeErrorKind::TooLong { len: units.len() as u64 });
        u16::try_from(units.len()).map_err(|_| too_long())?;
        let security_offset = u16::try_from(offset).map_err(|_| too_long())?;
        Ok(Self { units, security_offset })
    }

    /// The string bindings, in order of preference.
    pub fn strings(&self) -> impl Iterator<Item = StringBinding> {
        let units = self.units.get(..usize::from(self.security_offset)).unwrap_or(&self.units);
        Entries(units).map(|(tower_id, address)| StringBinding {
            tower_id,
            address: WString::from_units(address.iter().copied()),
        })
    }

    /// The security bindings, in order of preference.
    pub fn security(&self) -> impl Iterator<Item = SecurityBinding> {
        let units = self.units.get(usize::from(self.security_offset)..).unwrap_or_default();
        Entries(units).map(|(service, rest)| {
            let name = rest.strip_prefix(&[Self::RESERVED]).unwrap_or(rest);
            SecurityBinding { service, principal: WString::from_units(name.iter().copied()) }
        })
    }

    /// The array in an OBJREF, which has no maximum count: little-endian, and what follows it.
    pub(super) fn parse(octets: &[u8]) -> Option<(Self, &[u8])> {
        let (head, rest) = octets.split_first_chunk::<4>()?;
        let [a, b, c, d] = *head;
        let len = usize::from(u16::from_le_bytes([a, b])).checked_mul(2)?;
        let (units, rest) = (rest.get(..len)?, rest.get(len..)?);
        let units = units.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
        Some((Self { units, security_offset: u16::from_le_bytes([c, d]) }, rest))
    }

    /// Appends the array as it stands in an OBJREF.
    pub(super) fn write(&self, octets: &mut Vec<u8>) {
        let count = u16::try_from(self.units.len()).unwrap_or(u16::MAX);
        octets.extend(count.to_le_bytes());
        octets.extend(self.security_offset.to_le_bytes());
        octets.extend(self.units.iter().take(count.into()).flat_map(|unit| unit.to_le_bytes()));
    }
}

/// Zero-terminated entries up to an empty one, each without its first unit.
struct Entries<'a>(&'a [u16]);

impl<'a> Iterator for Entries<'a> {
    type Item = (u16, &'a [u16]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&first, rest) = self.0.split_first()?;
        if first == 0 {
            return None;
        }
        let end = rest.iter().position(|unit| *unit == 0).unwrap_or(rest.len());
        self.0 = rest.get(end + 1..).unwrap_or_default();
        Some((first, rest.get(..end).unwrap_or_default()))
    }
}

/// The IDL version ([MS-DCOM] 2.2.19.2): a conformant structure, which stands behind pointers alone.
impl Codec for DualStringArray {
    type Value = Self;
    const ALIGN: Align = Align::WORD;
    const MIN: usize = 8;

    fn zero() -> Self {
        Self::default()
    }

    fn put(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        let len = value.units.len();
        let count = u16::try_from(len).map_err(|_| EncodeError::new(EncodeErrorKind::TooLong { len: len as u64 }))?;
        e.count(count.into())?;
        e.u16(count);
        e.u16(value.security_offset);
        Items::<u16>::put(&value.units, e)
    }

    fn get(d: &mut Decoder) -> Result<Self, DecodeError> {
        let max = d.count()?;
        let count = d.u16()?;
        let security_offset = d.u16()?;
        d.expect_count("wNumEntries", count.into(), max)?;
        let units = Conformant::<Items<u16>>::get_elements(max, d)?;
        Ok(Self { units, security_offset })
    }
}
