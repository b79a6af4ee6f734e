//! Which sets and shadow copies a command means: those in the record, or those of identifiers.

use msrpc_cluster::fsrvp::{
    Context, FileTime, ShareUnc,
    client::{SetStatus, ShadowCopy, ShadowCopySet, ShadowCopySetTable},
};
use uuid::Uuid;

use super::Session;
use crate::{
    arguments::Selection,
    failure::{Failure, Kind},
    names::Target,
};

/// A set, and those of its shadow copies that are meant.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Selected {
    pub(super) set: ShadowCopySet,
    /// `None` for all.
    pub(super) copy: Option<Uuid>,
}

/// What is known of what is meant.
#[derive(Clone, Debug, Default, PartialEq)]
struct Wanted {
    share: Option<ShareUnc>,
    set: Option<Uuid>,
    copy: Option<Uuid>,
    /// The identifier of either.
    id: Option<Uuid>,
}

impl From<&Selection> for Wanted {
    fn from(selection: &Selection) -> Self {
        let Selection { target, set, copy } = selection.clone();
        let wanted = Self { set, copy, ..Self::default() };
        match target {
            None => wanted,
            Some(Target::Share(share)) => Self { share: Some(share), ..wanted },
            Some(Target::Exposed(share, id)) => Self { share: Some(share), copy: copy.or(Some(id)), ..wanted },
            Some(Target::Id(id)) => Self { id: Some(id), ..wanted },
        }
    }
}

impl Wanted {
    /// What of a set is meant; `None` if nothing is.
    fn of(&self, set: &ShadowCopySet) -> Option<Selected> {
        let is_set = |id| set.id == id || set.server_id == id;
        if self.set.is_some_and(|id| !is_set(id)) {
            return None;
        }
        let by_id = self.id.filter(|id| !is_set(*id));
        let is_meant = |copy: &&ShadowCopy| {
            let is_copy = |id| copy.id == id || copy.server_id == id;
            self.share.as_ref().is_none_or(|share| share.is_same_share(&copy.share) && is_host(share, set))
                && self.copy.is_none_or(is_copy)
                && by_id.is_none_or(is_copy)
        };
        let mut meant = set.copies.iter().filter(is_meant);
        let (first, second) = (meant.next(), meant.next());
        let is_all = self.share.is_none() && self.copy.is_none() && by_id.is_none();
        match (first, second) {
            _ if is_all => Some(Selected { set: set.clone(), copy: None }),
            (Some(copy), None) => Some(Selected { set: set.clone(), copy: Some(copy.server_id) }),
            (Some(_), Some(_)) => Some(Selected { set: set.clone(), copy: None }),
            (None, _) => None,
        }
    }
}

/// Whether a share's host is the server of a set, or its owner.
fn is_host(share: &ShareUnc, set: &ShadowCopySet) -> bool {
    share.host().eq_ignore_ascii_case(&set.server) || share.host().eq_ignore_ascii_case(&set.owner)
}

/// What of the record is meant; exactly one thing has to be.
fn recorded(wanted: &Wanted, table: &ShadowCopySetTable) -> Result<Option<Selected>, Failure> {
    let found: Vec<_> = table.sets().filter_map(|set| wanted.of(set)).collect();
    match &found[..] {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        several => {
            let sets: Vec<_> = several.iter().map(|selected| selected.set.server_id.to_string()).collect();
            let sets = sets.join(", ");
            Err(Failure::new(
                Kind::Usage,
                format_args!("{} sets are meant ({sets}): say which with --set", several.len()),
            ))
        }
    }
}

impl Session<'_> {
    /// What a command means. Without a record of it, identifiers and a share have to be given; with
    /// `needs_copy` that of the shadow copy too.
    pub(super) async fn select(&self, selection: &Selection, needs_copy: bool) -> Result<Selected, Failure> {
        let wanted = Wanted::from(selection);
        if let Some(selected) = recorded(&wanted, &self.record.read()?)? {
            return Ok(selected);
        }
        let Wanted { share: Some(share), set: Some(set), copy, .. } = wanted else {
            let message = "this is not in the record of what was made from here: give the share, --set and --copy. \
                           'clusctl snapshot list' shows the record";
            return Err(Failure::new(Kind::NotFound, message));
        };
        if needs_copy && copy.is_none() {
            return Err(Failure::new(Kind::Usage, "this set was not made from here: give --copy"));
        }
        let support = self.client.support(&share).await?;
        let owner = support.owner.unwrap_or_else(|| share.host().to_owned());
        let copies = copy.map(|id| ShadowCopy {
            id,
            server_id: id,
            share: share.clone(),
            exposed: None,
            created: FileTime::default(),
        });
        let set = ShadowCopySet {
            id: set,
            server_id: set,
            server: share.host().to_owned(),
            owner,
            // What it is has to be left to the server.
            status: SetStatus::Exposed,
            context: Context::BACKUP,
            copies: copies.into_iter().collect(),
        };
        Ok(Selected { set, copy })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::share;

    fn copy(id: u128, name: &str) -> ShadowCopy {
        ShadowCopy {
            id: Uuid::from_u128(id + 100),
            server_id: Uuid::from_u128(id),
            share: share(name).unwrap(),
            exposed: None,
            created: FileTime(0),
        }
    }

    fn table() -> ShadowCopySetTable {
        let set = |id, copies| ShadowCopySet {
            id: Uuid::from_u128(id + 100),
            server_id: Uuid::from_u128(id),
            server: "fs1".to_owned(),
            owner: "NODE1".to_owned(),
            status: SetStatus::Recovered,
            context: Context::BACKUP,
            copies,
        };
        let mut table = ShadowCopySetTable::default();
        table.put(&set(1, vec![copy(2, "//fs1/data"), copy(3, "//fs1/logs")]));
        table.put(&set(4, vec![copy(5, "//fs1/data")]));
        table
    }

    fn found(target: &str, set: Option<u128>) -> Result<Option<(u128, Option<u128>)>, String> {
        let target = (!target.is_empty()).then(|| target.parse().unwrap());
        let selection = Selection { target, set: set.map(Uuid::from_u128), copy: None };
        let selected = recorded(&Wanted::from(&selection), &table()).map_err(|error| error.to_string())?;
        Ok(selected.map(|it| (it.set.server_id.as_u128(), it.copy.map(|copy| copy.as_u128()))))
    }

    fn id(id: u128) -> String {
        Uuid::from_u128(id).to_string()
    }

    #[test]
    fn sets_and_copies_are_found_by_any_of_their_identifiers() {
        assert_eq!(found(&id(1), None), Ok(Some((1, None))));
        assert_eq!(found(&id(101), None), Ok(Some((1, None))));
        assert_eq!(found(&id(3), None), Ok(Some((1, Some(3)))));
        assert_eq!(found(&id(103), None), Ok(Some((1, Some(3)))));
        assert_eq!(found("", Some(4)), Ok(Some((4, None))));
        assert_eq!(found(&format!("//FS1/data@{{{}}}", id(5)), None), Ok(Some((4, Some(5)))));
        assert_eq!(found(&id(9), None), Ok(None));
    }

    #[test]
    fn a_share_means_a_copy_only_if_there_is_one() {
        assert_eq!(found("//fs1/logs", None), Ok(Some((1, Some(3)))));
        assert_eq!(found("//node1/LOGS", None), Ok(Some((1, Some(3)))));
        assert_eq!(found("//fs2/logs", None), Ok(None));
        assert_eq!(found("//fs1/data", Some(4)), Ok(Some((4, Some(5)))));
        let error = found("//fs1/data", None).unwrap_err();
        assert!(error.contains("2 sets") && error.contains("--set") && error.contains(&id(4)), "{error}");
    }
}
