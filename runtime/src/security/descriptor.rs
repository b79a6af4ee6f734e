//! Security descriptors in self-relative form.

use bitflags::bitflags;
use msrpc_ndr::Bytes;

use super::{AccessMask, Sid};

bitflags! {
    /// `Control` of a security descriptor (\[MS-DTYP\] 2.4.6).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Control: u16 {
        /// The owner comes from a default.
        const OWNER_DEFAULTED = 0x0001;
        /// The group comes from a default.
        const GROUP_DEFAULTED = 0x0002;
        /// There is a DACL; if its offset is 0 it grants everything to everyone.
        const DACL_PRESENT = 0x0004;
        /// The DACL comes from a default.
        const DACL_DEFAULTED = 0x0008;
        /// There is a SACL.
        const SACL_PRESENT = 0x0010;
        /// The SACL comes from a default.
        const SACL_DEFAULTED = 0x0020;
        /// The DACL was given by someone trusted.
        const DACL_TRUSTED = 0x0040;
        /// A server ACL is wanted.
        const SERVER_SECURITY = 0x0080;
        /// The DACL is to be computed through inheritance.
        const DACL_INHERITANCE_REQUIRED = 0x0100;
        /// The SACL is to be computed through inheritance.
        const SACL_INHERITANCE_REQUIRED = 0x0200;
        /// The DACL was created through inheritance.
        const DACL_AUTO_INHERITED = 0x0400;
        /// The SACL was created through inheritance.
        const SACL_AUTO_INHERITED = 0x0800;
        /// The DACL is protected from inheritance.
        const DACL_PROTECTED = 0x1000;
        /// The SACL is protected from inheritance.
        const SACL_PROTECTED = 0x2000;
        /// `Sbz1` has a meaning.
        const RM_CONTROL_VALID = 0x4000;
        /// Self-relative form.
        const SELF_RELATIVE = 0x8000;
    }
}

bitflags! {
    /// Parts of a security descriptor (`SECURITY_INFORMATION`, \[MS-DTYP\] 2.4.7).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct SecurityInformation: u32 {
        /// The owner.
        const OWNER = 0x0000_0001;
        /// The group.
        const GROUP = 0x0000_0002;
        /// The DACL.
        const DACL = 0x0000_0004;
        /// The SACL.
        const SACL = 0x0000_0008;
        /// Others are kept.
        const _ = !0;
    }
}

/// A security descriptor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityDescriptor {
    /// Its flags. Those that say what is there are set by `to_octets`.
    pub control: Control,
    /// Bits of the resource manager, where `RM_CONTROL_VALID` is set.
    pub resource_manager: u8,
    /// The owner.
    pub owner: Option<Sid>,
    /// The group.
    pub group: Option<Sid>,
    /// What is audited.
    pub sacl: Option<Acl>,
    /// Who may do what. `None` with `DACL_PRESENT` or without grants everything.
    pub dacl: Option<Acl>,
}

/// An access control list (\[MS-DTYP\] 2.4.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acl {
    /// 2, or 4 in directories.
    pub revision: u8,
    /// Its entries, in order.
    pub aces: Vec<Ace>,
}

/// An access control entry (\[MS-DTYP\] 2.4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ace {
    /// Its type.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// The rest.
    pub body: AceBody,
}

impl Ace {
    /// `ACCESS_ALLOWED_ACE_TYPE`
    pub const ALLOWED: u8 = 0;
    /// `ACCESS_DENIED_ACE_TYPE`
    pub const DENIED: u8 = 1;
    /// `SYSTEM_AUDIT_ACE_TYPE`
    pub const AUDIT: u8 = 2;
    /// `SYSTEM_MANDATORY_LABEL_ACE_TYPE`
    pub const LABEL: u8 = 0x11;
    /// `INHERIT_ONLY_ACE`: it does not control access to the object itself.
    pub const INHERIT_ONLY: u8 = 8;
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AceBody {
    /// Rights of somebody; octets of an application may follow.
    Plain {
        /// The rights.
        mask: AccessMask,
        /// Whose.
        sid: Sid,
        /// What follows.
        data: Bytes,
    },
    /// Of a type that is not looked into.
    Other(Bytes),
}

/// Why a security descriptor is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorError {
    /// It is cut off, or an offset points out of it.
    #[error("the security descriptor ends early")]
    Short,
    /// It is of another revision.
    #[error("the security descriptor is not of revision 1")]
    Revision,
    /// It is not in self-relative form.
    #[error("the security descriptor is not self-relative")]
    Absolute,
    /// A SID in it is not well-formed.
    #[error("a SID in the security descriptor is not well-formed")]
    Sid,
    /// An ACL in it is not well-formed.
    #[error("an ACL in the security descriptor is not well-formed")]
    Acl,
}

const HEADER: usize = 20;

impl SecurityDescriptor {
    /// Parses a self-relative security descriptor.
    ///
    /// # Errors
    ///
    /// Fails if it is not well-formed.
    pub fn from_octets(octets: &[u8]) -> Result<Self, DescriptorError> {
        let Some(header) = octets.first_chunk::<HEADER>() else { return Err(DescriptorError::Short) };
        let &[revision, resource_manager, low, high, offsets @ ..] = header;
        if revision != 1 {
            return Err(DescriptorError::Revision);
        }
        let control = Control::from_bits_retain(u16::from_le_bytes([low, high]));
        if !control.contains(Control::SELF_RELATIVE) {
            return Err(DescriptorError::Absolute);
        }
        let mut parts = offsets.as_chunks::<4>().0.iter().map(|&offset| match u32::from_le_bytes(offset) {
            0 => Ok(None),
            offset => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                octets.get(start..).filter(|_| start >= HEADER).map(Some).ok_or(DescriptorError::Short)
            }
        });
        let mut part = || parts.next().unwrap_or(Ok(None));
        let sid = |part: Option<&[u8]>| {
            part.map(|octets| Ok(Sid::take(octets).map_err(|_| DescriptorError::Sid)?.0)).transpose()
        };
        let (owner, group) = (sid(part()?)?, sid(part()?)?);
        let sacl = part()?.filter(|_| control.contains(Control::SACL_PRESENT)).map(Acl::from_octets).transpose()?;
        let dacl = part()?.filter(|_| control.contains(Control::DACL_PRESENT)).map(Acl::from_octets).transpose()?;
        Ok(Self { control, resource_manager, owner, group, sacl, dacl })
    }

    /// The self-relative form, laid out as Windows does: SACL, DACL, owner, group.
    pub fn to_octets(&self) -> Bytes {
        let mut control = self.control | Control::SELF_RELATIVE;
        control.set(Control::SACL_PRESENT, self.sacl.is_some() || control.contains(Control::SACL_PRESENT));
        control.set(Control::DACL_PRESENT, self.dacl.is_some() || control.contains(Control::DACL_PRESENT));
        let mut body = Vec::new();
        let offset = |body: &Vec<u8>| u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
        let mut part = |there: bool, put: &dyn Fn(&mut Vec<u8>)| {
            let at = if there { offset(&body) } else { 0 };
            put(&mut body);
            at
        };
        let sacl = part(self.sacl.is_some(), &|body| self.sacl.iter().for_each(|acl| acl.put(body)));
        let dacl = part(self.dacl.is_some(), &|body| self.dacl.iter().for_each(|acl| acl.put(body)));
        let owner = part(self.owner.is_some(), &|body| self.owner.iter().for_each(|sid| sid.put(body)));
        let group = part(self.group.is_some(), &|body| self.group.iter().for_each(|sid| sid.put(body)));
        let mut octets = vec![1, self.resource_manager];
        octets.extend_from_slice(&control.bits().to_le_bytes());
        [owner, group, sacl, dacl].iter().for_each(|offset| octets.extend_from_slice(&offset.to_le_bytes()));
        octets.append(&mut body);
        octets.into()
    }

    /// This descriptor with some parts of another: what setting the security of an object does.
    pub fn with_parts_of(mut self, other: Self, parts: SecurityInformation) -> Self {
        const DACL: Control = Control::from_bits_retain(0x154c);
        const SACL: Control = Control::from_bits_retain(0x2a30);
        let mut take = |bits: Control| self.control = (self.control - bits) | (other.control & bits);
        if parts.contains(SecurityInformation::OWNER) {
            take(Control::OWNER_DEFAULTED);
            self.owner = other.owner;
        }
        if parts.contains(SecurityInformation::GROUP) {
            take(Control::GROUP_DEFAULTED);
            self.group = other.group;
        }
        if parts.contains(SecurityInformation::DACL) {
            take(DACL);
            self.dacl = other.dacl;
        }
        if parts.contains(SecurityInformation::SACL) {
            take(SACL);
            self.sacl = other.sacl;
        }
        self
    }

    /// Only some parts of it: what querying the security of an object gives.
    pub fn parts(self, parts: SecurityInformation) -> Self {
        Self { control: Control::SELF_RELATIVE, ..Self::default() }.with_parts_of(self, parts)
    }
}

impl Acl {
    fn from_octets(octets: &[u8]) -> Result<Self, DescriptorError> {
        let Some(&[revision, _, size_low, size_high, count_low, count_high, _, _]) = octets.first_chunk::<8>() else {
            return Err(DescriptorError::Acl);
        };
        if !matches!(revision, 2 | 4) {
            return Err(DescriptorError::Acl);
        }
        let size = usize::from(u16::from_le_bytes([size_low, size_high]));
        let mut rest = octets.get(8..size).ok_or(DescriptorError::Acl)?;
        let mut aces = Vec::new();
        for _ in 0..u16::from_le_bytes([count_low, count_high]) {
            let Some(&[kind, flags, low, high]) = rest.first_chunk::<4>() else { return Err(DescriptorError::Acl) };
            let size = usize::from(u16::from_le_bytes([low, high]));
            let body = rest.get(4..size).ok_or(DescriptorError::Acl)?;
            rest = rest.get(size..).ok_or(DescriptorError::Acl)?;
            aces.push(Ace { kind, flags, body: AceBody::from_octets(kind, body)? });
        }
        Ok(Self { revision, aces })
    }

    fn put(&self, octets: &mut Vec<u8>) {
        let start = octets.len();
        let count = u16::try_from(self.aces.len()).unwrap_or(u16::MAX).to_le_bytes();
        octets.extend_from_slice(&[self.revision, 0, 0, 0, count[0], count[1], 0, 0]);
        for Ace { kind, flags, body } in &self.aces {
            let start = octets.len();
            octets.extend_from_slice(&[*kind, *flags, 0, 0]);
            match body {
                AceBody::Plain { mask, sid, data } => {
                    octets.extend_from_slice(&mask.bits().to_le_bytes());
                    sid.put(octets);
                    octets.extend_from_slice(data);
                }
                AceBody::Other(data) => octets.extend_from_slice(data),
            }
            put_size(octets, start);
        }
        put_size(octets, start);
    }
}

/// Sets the size of an ACL or an entry, which begins at an offset and ends at the end.
fn put_size(octets: &mut [u8], start: usize) {
    let size = u16::try_from(octets.len() - start).unwrap_or(u16::MAX).to_le_bytes();
    octets[start + 2..start + 4].copy_from_slice(&size);
}

impl AceBody {
    fn from_octets(kind: u8, octets: &[u8]) -> Result<Self, DescriptorError> {
        // Types 9, 10 and 13 carry conditions behind the SID; 0x11 to 0x13 are labels and the like.
        if !matches!(kind, 0..=2 | 9 | 10 | 13 | 0x11..=0x13) {
            return Ok(Self::Other(Bytes::copy_from_slice(octets)));
        }
        let (mask, rest) = octets.split_first_chunk::<4>().ok_or(DescriptorError::Acl)?;
        let (sid, data) = Sid::take(rest).map_err(|_| DescriptorError::Sid)?;
        let mask = AccessMask::from_bits_retain(u32::from_le_bytes(*mask));
        Ok(Self::Plain { mask, sid, data: Bytes::copy_from_slice(data) })
    }
}
