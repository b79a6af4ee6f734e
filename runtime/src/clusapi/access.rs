//! Who may do what (\[MS-CMRP\] 3.1.4): the levels of access, and how a client comes by one.

use msrpc_ndr::{Caller, Win32Error};

use crate::{
    cluster::{
        machine::Cluster,
        objects::layout,
        registry::{KeyId, Registry},
    },
    security::{AccessMask, GenericMapping, SecurityDescriptor, Sid, Token, is_account},
};

/// A level of access. Each has those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// "Read"
    Read,
    /// "Read with Backup Privilege"
    Backup,
    /// "All"
    All,
}

const CLUSAPI_READ_ACCESS: u32 = 1;
const CLUSAPI_CHANGE_ACCESS: u32 = 2;

/// What the generic rights mean in the cluster security descriptor.
pub const CLUSTER_MAPPING: GenericMapping = GenericMapping {
    read: AccessMask::from_bits_retain(CLUSAPI_READ_ACCESS),
    write: AccessMask::from_bits_retain(CLUSAPI_READ_ACCESS | CLUSAPI_CHANGE_ACCESS),
    execute: AccessMask::from_bits_retain(CLUSAPI_READ_ACCESS | CLUSAPI_CHANGE_ACCESS),
    all: AccessMask::from_bits_retain(CLUSAPI_READ_ACCESS | CLUSAPI_CHANGE_ACCESS),
};

/// Which accounts are in which of the groups that security descriptors name, for accounts whose
/// groups the authentication does not tell. Entries are SIDs, or names as [`is_account`] takes
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Members of BUILTIN\Administrators.
    pub administrators: Vec<String>,
    /// Members of BUILTIN\Users: those who may look, if the security descriptor says so.
    pub readers: Vec<String>,
    /// Members of BUILTIN\Backup Operators.
    pub backup_operators: Vec<String>,
}

impl Accounts {
    /// The SIDs of a caller: those that the authentication tells, and those of the groups here.
    pub fn token(&self, caller: &Caller) -> Token {
        let mut sids: Vec<Sid> = caller.sids.iter().filter_map(|sid| sid.parse().ok()).collect();
        sids.push(Sid::everyone());
        if caller.user.is_some() {
            sids.push(Sid::authenticated_users());
        }
        let groups = [
            (&self.administrators, Sid::administrators()),
            (&self.readers, Sid::users()),
            (&self.backup_operators, Sid::backup_operators()),
        ];
        for (members, group) in groups {
            if members.iter().any(|member| is(caller, member)) {
                sids.push(group);
            }
        }
        let mut token = Token { sids, security_privilege: false };
        token.security_privilege = has_backup_privilege(&token);
        token
    }
}

/// Whether a caller has the backup privilege: administrators and backup operators have it.
fn has_backup_privilege(token: &Token) -> bool {
    token.has(&Sid::administrators()) || token.has(&Sid::backup_operators())
}

fn is(caller: &Caller, entry: &str) -> bool {
    caller.sids.iter().any(|sid| sid.eq_ignore_ascii_case(entry)) || is_account(caller, entry)
}

/// The highest level of access that a caller has.
///
/// # Errors
///
/// `ERROR_ACCESS_DENIED` if it has none.
pub(super) fn granted(cluster: &Cluster, token: &Token) -> Result<Access, Win32Error> {
    let may = |right: u32| {
        let descriptor = cluster_security(cluster);
        descriptor.is_some_and(|descriptor| {
            descriptor.check(token, AccessMask::from_bits_retain(right), &CLUSTER_MAPPING).is_some()
        })
    };
    if may(CLUSAPI_READ_ACCESS | CLUSAPI_CHANGE_ACCESS) {
        Ok(Access::All)
    } else if has_backup_privilege(token) {
        Ok(Access::Backup)
    } else if may(CLUSAPI_READ_ACCESS) {
        Ok(Access::Read)
    } else {
        Err(Win32Error::ERROR_ACCESS_DENIED)
    }
}

fn cluster_security(cluster: &Cluster) -> Option<SecurityDescriptor> {
    let root = cluster.registry().key(KeyId::ROOT).ok()?;
    let value = root.value(&layout::name(layout::SECURITY_DESCRIPTOR))?;
    SecurityDescriptor::from_octets(&value.data).ok()
}

/// The level that a client asks for explicitly (\[MS-CMRP\] 3.1.4.2.116), of what it may have.
///
/// # Errors
///
/// `ERROR_INVALID_PARAMETER` for a mask that is none, `ERROR_ACCESS_DENIED` for more than it may
/// have.
pub(super) fn explicit(desired: u32, granted: Access) -> Result<Access, Win32Error> {
    const GENERIC_READ: u32 = 0x8000_0000;
    const GENERIC_OTHERS: u32 = 0x7000_0000;
    const MAXIMUM_ALLOWED: u32 = 0x0200_0000;
    let all = desired & (CLUSAPI_CHANGE_ACCESS | GENERIC_OTHERS) != 0;
    let read = desired & (CLUSAPI_READ_ACCESS | GENERIC_READ | GENERIC_OTHERS) != 0;
    let level = if all {
        if !read {
            return Err(Win32Error::ERROR_INVALID_PARAMETER);
        }
        Access::All
    } else if read {
        granted.min(Access::Backup)
    } else if desired & MAXIMUM_ALLOWED != 0 {
        granted
    } else {
        return Err(Win32Error::ERROR_INVALID_PARAMETER);
    };
    if level <= granted { Ok(level) } else { Err(Win32Error::ERROR_ACCESS_DENIED) }
}

/// What a client is told that it was granted.
pub(super) fn told(access: Access) -> u32 {
    match access {
        Access::All => 0x1000_0000,
        Access::Read | Access::Backup => 0x8000_0000,
    }
}

/// The security descriptor of a key: its own, or that of the nearest key around it that has one.
pub(super) fn key_security(registry: &Registry, key: KeyId) -> Option<SecurityDescriptor> {
    let lineage = registry.lineage(key);
    let mut around = lineage.iter().rev().filter_map(|id| registry.key(*id).ok()?.security.clone());
    SecurityDescriptor::from_octets(&around.next()?).ok()
}

/// Whether a token may open a key with the rights that it asks for, and which these are.
///
/// # Errors
///
/// `ERROR_ACCESS_DENIED` if it may not.
pub(super) fn open_key(registry: &Registry, key: KeyId, token: &Token, desired: u32) -> Result<AccessMask, Win32Error> {
    let descriptor = key_security(registry, key).ok_or(Win32Error::ERROR_ACCESS_DENIED)?;
    let desired = AccessMask::from_bits_retain(desired);
    descriptor.check(token, desired, &GenericMapping::KEY).ok_or(Win32Error::ERROR_ACCESS_DENIED)
}
