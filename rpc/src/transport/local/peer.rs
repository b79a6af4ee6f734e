//! Users of this system as callers.

use std::ffi::CString;

use nix::unistd::{Gid, Uid, User, getgrouplist};

use crate::auth::PeerIdentity;

/// The domain of users who have no Windows account, as Samba calls it.
const DOMAIN: &str = "Unix User";

/// The SID of a user of this system, as Samba writes it.
pub(crate) fn user_sid(uid: impl std::fmt::Display) -> String {
    format!("S-1-22-1-{uid}")
}

/// The SID of a group of this system, as Samba writes it.
pub(crate) fn group_sid(gid: impl std::fmt::Display) -> String {
    format!("S-1-22-2-{gid}")
}

/// Who a process runs as: the user by name, or by number where it has none, and its groups. May wait
/// for a directory service.
pub(super) fn identity(uid: u32, gid: u32) -> PeerIdentity {
    let user = User::from_uid(Uid::from_raw(uid)).unwrap_or_else(|error| {
        tracing::debug!(uid, %error, "the user's name cannot be looked up");
        None
    });
    let mut sids = vec![user_sid(uid), group_sid(gid)];
    if let Some(groups) = user.as_ref().and_then(|user| CString::new(user.name.as_str()).ok()) {
        let groups = getgrouplist(&groups, Gid::from_raw(gid)).unwrap_or_default();
        sids.extend(groups.into_iter().map(|group| group.as_raw()).filter(|&group| group != gid).map(group_sid));
    }
    let name = user.map_or_else(|| uid.to_string(), |user| user.name);
    PeerIdentity { user: Some(name), domain: Some(DOMAIN.to_owned()), sids, mechanism: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_by_name_and_by_number() {
        let root = identity(0, 0);
        assert_eq!(root.user.as_deref(), Some("root"));
        assert_eq!(root.sids.first().map(String::as_str), Some("S-1-22-1-0"));
        let nobody_knows = identity(4_000_123, 7);
        assert_eq!(nobody_knows.user.as_deref(), Some("4000123"));
        assert_eq!(nobody_knows.sids, ["S-1-22-1-4000123", "S-1-22-2-7"]);
    }
}
