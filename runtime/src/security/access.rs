//! The access check.

use bitflags::bitflags;

use super::{Ace, AceBody, Acl, SecurityDescriptor, Sid};

bitflags! {
    /// Rights (\[MS-DTYP\] 2.4.3). The lower half is the object's own.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct AccessMask: u32 {
        /// To delete the object.
        const DELETE = 0x0001_0000;
        /// To read its security descriptor, the SACL apart.
        const READ_CONTROL = 0x0002_0000;
        /// To change the DACL.
        const WRITE_DAC = 0x0004_0000;
        /// To change the owner.
        const WRITE_OWNER = 0x0008_0000;
        /// To read and change the SACL; a privilege, never granted by a DACL.
        const ACCESS_SYSTEM_SECURITY = 0x0100_0000;
        /// In requests: whatever is granted.
        const MAXIMUM_ALLOWED = 0x0200_0000;
        /// All rights of the object.
        const GENERIC_ALL = 0x1000_0000;
        /// Rights to execute, as the object maps them.
        const GENERIC_EXECUTE = 0x2000_0000;
        /// Rights to write, as the object maps them.
        const GENERIC_WRITE = 0x4000_0000;
        /// Rights to read, as the object maps them.
        const GENERIC_READ = 0x8000_0000;
        /// Others are kept.
        const _ = !0;
    }
}

/// What the generic rights mean for a kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GenericMapping {
    /// `GENERIC_READ`
    pub read: AccessMask,
    /// `GENERIC_WRITE`
    pub write: AccessMask,
    /// `GENERIC_EXECUTE`
    pub execute: AccessMask,
    /// `GENERIC_ALL`
    pub all: AccessMask,
}

impl GenericMapping {
    /// Registry keys ([MS-RRP] 2.2.3).
    pub const KEY: Self = Self {
        read: AccessMask::from_bits_retain(0x0002_0019),
        write: AccessMask::from_bits_retain(0x0002_0006),
        execute: AccessMask::from_bits_retain(0x0002_0019),
        all: AccessMask::from_bits_retain(0x000f_003f),
    };

    /// A mask whose generic rights are replaced by what they mean.
    pub fn map(&self, mask: AccessMask) -> AccessMask {
        let generic = [
            (AccessMask::GENERIC_READ, self.read),
            (AccessMask::GENERIC_WRITE, self.write),
            (AccessMask::GENERIC_EXECUTE, self.execute),
            (AccessMask::GENERIC_ALL, self.all),
        ];
        generic.into_iter().fold(
            mask,
            |mask, (generic, rights)| {
                if mask.contains(generic) { (mask - generic) | rights } else { mask }
            },
        )
    }
}

/// Who asks: an account's SID and those of its groups (\[MS-DTYP\] 2.5.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// The SIDs.
    pub sids: Vec<Sid>,
    /// Whether the account may read and change SACLs (`SeSecurityPrivilege`).
    pub security_privilege: bool,
}

impl Token {
    /// Whether a SID is one of the token's.
    pub fn has(&self, sid: &Sid) -> bool {
        self.sids.contains(sid)
    }
}

impl SecurityDescriptor {
    /// The rights that a token gets of those it asks for, or `None` if it does not get all
    /// (\[MS-DTYP\] 2.5.3.2). Generic rights in the DACL mean what they map to, too: those who
    /// write one rarely map it first.
    pub fn check(&self, token: &Token, desired: AccessMask, mapping: &GenericMapping) -> Option<AccessMask> {
        let maximum = desired.contains(AccessMask::MAXIMUM_ALLOWED);
        let wanted = mapping.map(desired - AccessMask::MAXIMUM_ALLOWED);
        let granted = self.granted(token, mapping);
        let given = if maximum { granted | wanted } else { wanted };
        granted.contains(wanted).then_some(given)
    }

    /// All rights that a token has.
    fn granted(&self, token: &Token, mapping: &GenericMapping) -> AccessMask {
        let mut granted = AccessMask::empty();
        if token.security_privilege {
            granted |= AccessMask::ACCESS_SYSTEM_SECURITY;
        }
        if self.owner.as_ref().is_some_and(|owner| token.has(owner)) {
            granted |= AccessMask::READ_CONTROL | AccessMask::WRITE_DAC;
        }
        let Some(Acl { aces, .. }) = &self.dacl else { return granted | mapping.all };
        let mut denied = AccessMask::empty();
        for Ace { kind, flags, body } in aces {
            let AceBody::Plain { mask, sid, .. } = body else { continue };
            if flags & Ace::INHERIT_ONLY != 0 || !token.has(sid) {
                continue;
            }
            // No entry grants what only a privilege does.
            let mask = mapping.map(*mask) - AccessMask::ACCESS_SYSTEM_SECURITY;
            match *kind {
                Ace::ALLOWED => granted |= mask - denied,
                Ace::DENIED => denied |= mask - granted,
                _ => {}
            }
        }
        granted
    }
}
