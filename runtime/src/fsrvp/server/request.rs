//! Requests and replies of the protocol, parsed.

use std::net::IpAddr;

use uuid::Uuid;

use super::SetRecord;
use crate::fsrvp::{Context, FileTime, ShareUnc};

/// Who calls, as far as 3.1.4.2 wants to know it: the address (ports differ from call to call).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ClientAddress {
    /// An address of the network.
    Ip(IpAddr),
    /// A caller without one, on this machine.
    Local,
}

/// A request whose caller may make it and whose arguments are well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// GetSupportedVersion (3.1.4.1).
    GetSupportedVersion,
    /// SetContext (3.1.4.2).
    SetContext {
        /// `Context`.
        context: Context,
    },
    /// StartShadowCopySet (3.1.4.3).
    StartShadowCopySet,
    /// AddToShadowCopySet (3.1.4.4).
    AddToShadowCopySet {
        /// `ShadowCopySetId`.
        set: Uuid,
        /// `ShareName`.
        share: ShareUnc,
    },
    /// CommitShadowCopySet (3.1.4.5).
    CommitShadowCopySet {
        /// `ShadowCopySetId`.
        set: Uuid,
        /// `TimeOutInMilliseconds`.
        timeout: u32,
    },
    /// ExposeShadowCopySet (3.1.4.6).
    ExposeShadowCopySet {
        /// `ShadowCopySetId`.
        set: Uuid,
        /// `TimeOutInMilliseconds`.
        timeout: u32,
    },
    /// RecoveryCompleteShadowCopySet (3.1.4.7).
    RecoveryCompleteShadowCopySet {
        /// `ShadowCopySetId`.
        set: Uuid,
    },
    /// AbortShadowCopySet (3.1.4.8).
    AbortShadowCopySet {
        /// `ShadowCopySetId`.
        set: Uuid,
    },
    /// IsPathSupported (3.1.4.9).
    IsPathSupported {
        /// `ShareName`.
        share: ShareUnc,
    },
    /// IsPathShadowCopied (3.1.4.10).
    IsPathShadowCopied {
        /// `ShareName`.
        share: ShareUnc,
    },
    /// GetShareMapping (3.1.4.11), level 1.
    GetShareMapping {
        /// `ShadowCopyId`.
        copy: Uuid,
        /// `ShadowCopySetId`.
        set: Uuid,
        /// `ShareName`.
        share: ShareUnc,
    },
    /// DeleteShareMapping (3.1.4.12).
    DeleteShareMapping {
        /// `ShadowCopySetId`.
        set: Uuid,
        /// `ShadowCopyId`.
        copy: Uuid,
        /// `ShareName`.
        share: ShareUnc,
    },
    /// PrepareShadowCopySet (3.1.4.13).
    PrepareShadowCopySet {
        /// `ShadowCopySetId`.
        set: Uuid,
        /// `TimeOutInMilliseconds`.
        timeout: u32,
    },
    /// The whole table, for an administrator's view. No method of the protocol.
    List,
}

/// What a method that succeeded answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// ZERO and nothing else.
    Done,
    /// GetSupportedVersion.
    Version {
        /// `MinVersion`.
        min: u32,
        /// `MaxVersion`.
        max: u32,
    },
    /// StartShadowCopySet: `pShadowCopySetId`.
    Set(Uuid),
    /// AddToShadowCopySet: `pShadowCopyId`.
    Copy(Uuid),
    /// IsPathSupported: `OwnerMachineName`. `SupportedByThisProvider` is TRUE whenever the method
    /// succeeds.
    Owner(String),
    /// IsPathShadowCopied: `ShadowCopyCompatibility` where `ShadowCopyPresent` is TRUE.
    ShadowCopied(Option<i32>),
    /// GetShareMapping: FSSAGENT_SHARE_MAPPING_1.
    Mapping {
        /// `ShadowCopySetId`.
        set: Uuid,
        /// `ShadowCopyId`.
        copy: Uuid,
        /// `ShareNameUNC`.
        share: String,
        /// `ShadowCopyShareName`.
        exposed_as: Option<String>,
        /// `CreationTimestamp`.
        created: FileTime,
    },
    /// The table.
    Sets(Vec<SetRecord>),
}
