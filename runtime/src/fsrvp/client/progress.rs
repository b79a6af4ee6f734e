//! What goes on, for who watches.

use std::fmt;

use super::ShadowCopySet;
use crate::fsrvp::ShareUnc;

/// A step of an operation: a connection, or a method of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Connecting to the server that the share's name says.
    Connect,
    /// Connecting to the machine that owns the share.
    ConnectOwner,
    /// `IsPathSupported`.
    QuerySupport,
    /// `GetSupportedVersion`.
    QueryVersion,
    /// `SetContext`.
    SetContext,
    /// `StartShadowCopySet`.
    Start,
    /// `AddToShadowCopySet`.
    Add,
    /// `PrepareShadowCopySet`.
    Prepare,
    /// `CommitShadowCopySet`.
    Commit,
    /// `ExposeShadowCopySet`.
    Expose,
    /// `GetShareMapping`.
    Map,
    /// `RecoveryCompleteShadowCopySet`.
    Recover,
    /// `AbortShadowCopySet`.
    Abort,
    /// `DeleteShareMapping`.
    Delete,
    /// `IsPathShadowCopied`.
    QueryCopies,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::ConnectOwner => "connecting to the owner",
            Self::QuerySupport => "asking whether the share is supported",
            Self::QueryVersion => "asking for the protocol's version",
            Self::SetContext => "setting the context",
            Self::Start => "starting the set",
            Self::Add => "adding the share",
            Self::Prepare => "preparing",
            Self::Commit => "committing",
            Self::Expose => "exposing",
            Self::Map => "asking for the exposed share",
            Self::Recover => "completing the recovery",
            Self::Abort => "aborting the set",
            Self::Delete => "deleting the shadow copy",
            Self::QueryCopies => "asking for shadow copies",
        })
    }
}

/// A step that begins or has succeeded.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The step.
    pub step: Step,
    /// Whether it has succeeded; otherwise it begins.
    pub done: bool,
    /// The machine that it happens on.
    pub server: &'a str,
    /// The share that it is about, where it is about one.
    pub share: Option<&'a ShareUnc>,
    /// The set that it belongs to, as it is now, where there is one. Who keeps a
    /// [`ShadowCopySetTable`](super::ShadowCopySetTable) puts it there.
    pub set: Option<&'a ShadowCopySet>,
    /// Steps that have succeeded.
    pub completed: usize,
    /// Steps that the whole operation takes, as far as is known.
    pub total: usize,
}
