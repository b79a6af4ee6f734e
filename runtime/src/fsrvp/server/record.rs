//! What is kept of a shadow copy set over restarts, \[MS-FSRVP\] 3.1.1.2 to 3.1.1.4.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::fsrvp::{
    Attributes, Context, FileTime, ShareUnc,
    ports::{FileStore, Snapshot},
};

/// `ShadowCopySet.Status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Status {
    /// The set was started and is empty.
    Started,
    /// A share was added.
    Added,
    /// CommitShadowCopySet was called and has not succeeded.
    CreationInProgress,
    /// The snapshots exist.
    Committed,
    /// They are exposed as shares.
    Exposed,
    /// The client is done: the set stays until its mappings are deleted.
    Recovered,
}

/// A shadow copy set (3.1.1.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetRecord {
    /// `ShadowCopySetId`.
    pub id: Uuid,
    /// `Status`.
    pub status: Status,
    /// `Context`.
    pub context: Context,
    /// The run of the machine that the set was made in: a set without ATTR_PERSISTENT does not
    /// survive it.
    pub boot: String,
    /// `ShadowCopyList`.
    pub copies: Vec<CopyRecord>,
}

/// A shadow copy (3.1.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyRecord {
    /// `ShadowCopyId`.
    pub id: Uuid,
    /// `VolumeName`.
    pub store: FileStore,
    /// `CreationTimeStamp`.
    pub created: FileTime,
    /// `ShareMappingList`.
    pub mappings: Vec<MappingRecord>,
}

/// A share and its shadow copy (`MappedShare`, 3.1.1.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingRecord {
    /// `ShareName`, as the client wrote it.
    pub unc: ShareUnc,
    /// The share's name, as the file server spells it.
    pub share: String,
    /// The directory that the share shows.
    pub path: PathBuf,
    /// `ShadowCopyShareName`: the name that the exposed share has or will have.
    pub exposed_as: String,
    /// `IsExposed`.
    pub is_exposed: bool,
    /// The client asked to delete the mapping: that is finished after a crash.
    pub deleting: bool,
}

impl SetRecord {
    /// Whether clients may write to the exposed shares until RecoveryCompleteShadowCopySet.
    pub fn is_writable(&self) -> bool {
        self.context.attributes().contains(Attributes::AUTO_RECOVERY)
    }

    /// The snapshots, as providers want them.
    pub fn snapshots(&self) -> Vec<Snapshot> {
        self.copies.iter().map(|copy| self.snapshot(copy)).collect()
    }

    /// A snapshot, as its provider wants it.
    pub fn snapshot(&self, copy: &CopyRecord) -> Snapshot {
        Snapshot { id: copy.id, store: copy.store.clone(), created: copy.created, writable: self.is_writable() }
    }

    /// The set without a mapping, without a copy that has none, `None` if nothing is left.
    pub(super) fn without(&self, exposed_as: &str) -> Option<Self> {
        let mut left = self.clone();
        left.copies.iter_mut().for_each(|copy| copy.mappings.retain(|it| it.exposed_as != exposed_as));
        left.copies.retain(|copy| !copy.mappings.is_empty());
        (!left.copies.is_empty()).then_some(left)
    }

    /// The set without mappings that are being deleted, `None` if nothing is left.
    pub(super) fn without_deleted(&self) -> Option<Self> {
        let mappings = self.copies.iter().flat_map(|copy| &copy.mappings);
        let mut deleted = mappings.filter(|mapping| mapping.deleting);
        deleted.try_fold(self.clone(), |left, mapping| left.without(&mapping.exposed_as))
    }

    /// The names of the exposed shares, those that are to be included.
    pub fn share_names(&self) -> Vec<String> {
        self.copies.iter().flat_map(|copy| &copy.mappings).map(|mapping| mapping.exposed_as.clone()).collect()
    }
}

/// The name of the share that exposes the shadow copy of a share (3.1.4.6, note <9>): a share that
/// is hidden by a `$` gives a hidden share.
pub fn exposed_name(share: &str, copy: Uuid) -> String {
    let hidden = if share.ends_with('$') { "$" } else { "" };
    format!("{share}@{{{}}}{hidden}", copy.hyphenated().to_string().to_uppercase())
}
