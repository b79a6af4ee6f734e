//! What a client remembers (\[MS-FSRVP\] 3.2.1): no server tells it again.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::values::normalized;
use crate::fsrvp::{Context, FileTime, ShareUnc};

/// How far a set has come, as the client knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SetStatus {
    /// The server has given it an identifier.
    Started,
    /// It has a share.
    Added,
    /// Its shadow copies are made.
    Committed,
    /// They are seen as shares.
    Exposed,
    /// They are complete, and read-only.
    Recovered,
}

/// A shadow copy set on one server (\[MS-FSRVP\] 3.2.1.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowCopySet {
    /// The identifier that the application gave it (ShadowCopySetId). Sets on several servers that
    /// one operation makes share it.
    pub id: Uuid,
    /// The server's identifier (ServerShadowCopySetId), which every call wants.
    pub server_id: Uuid,
    /// The server that the shares' names say (ServerName).
    pub server: String,
    /// The machine that owns the shares, where the set is.
    pub owner: String,
    /// How far it has come.
    pub status: SetStatus,
    /// The kind of its shadow copies.
    pub context: Context,
    /// Its shadow copies.
    pub copies: Vec<ShadowCopy>,
}

/// A shadow copy of one share (\[MS-FSRVP\] 3.2.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowCopy {
    /// The identifier that the application gave it (ShadowCopyId).
    pub id: Uuid,
    /// The server's identifier, which every call wants.
    pub server_id: Uuid,
    /// The share that it is of.
    pub share: ShareUnc,
    /// The share through which it is seen (ExposedName), as the server says it; `None` until it is.
    pub exposed: Option<String>,
    /// When it was made (CreationTimeStamp); 0 until it is known.
    pub created: FileTime,
}

impl ShadowCopy {
    /// The UNC name of the share through which it is seen. Servers say either that or the bare name.
    pub fn exposed_unc(&self) -> Option<String> {
        let exposed = self.exposed.as_deref()?;
        if exposed.starts_with(r"\\") {
            return Some(exposed.to_owned());
        }
        Some(format!(r"\\{}\{exposed}", self.share.host()))
    }
}

/// All sets that a client has on servers (GlobalShadowCopySetTable, \[MS-FSRVP\] 3.2.1.1), indexed by
/// the application's identifier and the server.
///
/// It is serialized to whatever the client keeps it in between its runs (3.2.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShadowCopySetTable {
    sets: Vec<ShadowCopySet>,
}

impl ShadowCopySetTable {
    /// All sets, oldest first.
    pub fn sets(&self) -> impl ExactSizeIterator<Item = &ShadowCopySet> {
        self.sets.iter()
    }

    /// Puts a set, in place of what was known of it.
    pub fn put(&mut self, set: &ShadowCopySet) {
        match self.sets.iter_mut().find(|known| same(known, set)) {
            Some(known) => *known = set.clone(),
            None => self.sets.push(set.clone()),
        }
    }

    /// Removes a set that is no more.
    pub fn remove(&mut self, set: &ShadowCopySet) {
        self.sets.retain(|known| !same(known, set));
    }

    /// The sets of an identifier, be it the application's or the server's: one for each server.
    pub fn find(&self, id: Uuid) -> impl Iterator<Item = &ShadowCopySet> {
        self.sets.iter().filter(move |set| set.id == id || set.server_id == id)
    }

    /// The set and the shadow copy of an identifier, be it the application's or the server's.
    pub fn find_copy(&self, id: Uuid) -> Option<(&ShadowCopySet, &ShadowCopy)> {
        self.copies().find(|(_, copy)| copy.id == id || copy.server_id == id)
    }

    /// The shadow copy of a share in a set (\[MS-FSRVP\] 3.2.4.7).
    pub fn find_share(&self, set: Uuid, share: &ShareUnc) -> Option<(&ShadowCopySet, &ShadowCopy)> {
        let share = normalized(share);
        self.copies()
            .find(|(found, copy)| (found.id == set || found.server_id == set) && normalized(&copy.share) == share)
    }

    fn copies(&self) -> impl Iterator<Item = (&ShadowCopySet, &ShadowCopy)> {
        self.sets.iter().flat_map(|set| set.copies.iter().map(move |copy| (set, copy)))
    }
}

/// The server's identifiers are unique on one server only.
fn same(a: &ShadowCopySet, b: &ShadowCopySet) -> bool {
    a.id == b.id && a.server_id == b.server_id && a.owner.eq_ignore_ascii_case(&b.owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(owner: &str, share: &str) -> ShadowCopySet {
        ShadowCopySet {
            id: Uuid::from_u128(1),
            server_id: Uuid::from_u128(2),
            server: owner.to_owned(),
            owner: owner.to_owned(),
            status: SetStatus::Exposed,
            context: Context::NAS_ROLLBACK,
            copies: vec![ShadowCopy {
                id: Uuid::from_u128(3),
                server_id: Uuid::from_u128(4),
                share: ShareUnc::parse(share).unwrap(),
                exposed: Some("data@{4}".to_owned()),
                created: FileTime(0),
            }],
        }
    }

    #[test]
    fn sets_are_indexed_by_identifier_and_server() {
        let mut table = ShadowCopySetTable::default();
        table.put(&set("FS1", r"\\fs1\data"));
        table.put(&set("fs2", r"\\fs2\data"));
        table.put(&ShadowCopySet { status: SetStatus::Recovered, ..set("fs1", r"\\fs1\data") });
        assert_eq!(table.find(Uuid::from_u128(1)).count(), 2);
        assert_eq!(table.sets().next().unwrap().status, SetStatus::Recovered);
        assert_eq!(table.find_copy(Uuid::from_u128(4)).unwrap().0.owner, "fs1");
        let found = table.find_share(Uuid::from_u128(1), &ShareUnc::parse(r"\\FS2.example.org\DATA\").unwrap());
        assert_eq!(found.unwrap().0.owner, "fs2");
        assert!(table.find_share(Uuid::from_u128(9), &ShareUnc::parse(r"\\fs2\data").unwrap()).is_none());
        table.remove(&set("fs1", r"\\fs1\data"));
        assert_eq!(table.sets().len(), 1);
    }

    #[test]
    fn the_exposed_share_has_a_unc_name_however_the_server_says_it() {
        let mut copy = set("FS1", r"\\10.0.0.1\data").copies.remove(0);
        assert_eq!(copy.exposed_unc().unwrap(), r"\\10.0.0.1\data@{4}");
        copy.exposed = Some(r"\\FS1\data@{4}".to_owned());
        assert_eq!(copy.exposed_unc().unwrap(), r"\\FS1\data@{4}");
        copy.exposed = None;
        assert_eq!(copy.exposed_unc(), None);
    }
}
