//! A shadow copy set and what goes on with it.

use std::{collections::VecDeque, time::Duration};

use uuid::Uuid;

use super::{
    ClientAddress, Request, SetRecord,
    effect::{CallId, Failure, Found, OpId},
};

/// A set of `GlobalShadowCopySetTable`.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) record: SetRecord,
    /// What runs. There is never more than one effect for a set.
    pub(super) running: Option<Running>,
    /// CommitShadowCopySet was called while PrepareShadowCopySet still ran.
    pub(super) commit_next: bool,
    /// An operation that came to its end when nobody waited for it any more.
    pub(super) finished: Option<(Wait, Result<(), Failure>)>,
    /// A commit was tried already.
    pub(super) tried: bool,
    /// An abort has begun to delete its snapshots: it can only be aborted, even if that failed.
    pub(super) aborting: bool,
    /// Who waits for an operation.
    pub(super) waiters: Vec<Waiter>,
    /// Requests that came while the set was changing.
    pub(super) parked: VecDeque<Parked>,
}

/// An operation that callers wait for, for as long as they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    Prepare,
    Commit,
    Expose,
}

#[derive(Debug)]
pub(super) struct Running {
    pub(super) op: OpId,
    pub(super) kind: Kind,
}

/// What an effect is for.
#[derive(Debug)]
pub(super) enum Kind {
    Wait(Wait),
    /// The record of a set that was started.
    PutStarted(CallId),
    /// The record after a share was added: who asked, the copy, and the record as it was before.
    PutAdded(CallId, Uuid, Box<SetRecord>),
    /// The record after an operation that callers wait for, to be the set's.
    PutWaited(Wait, Box<SetRecord>),
    /// Snapshots become read-only for RecoveryCompleteShadowCopySet.
    Recover(CallId),
    PutRecovered(CallId, Box<SetRecord>),
    /// A set is aborted for these callers.
    Abort(Vec<CallId>),
    PutAborted(Vec<CallId>),
    /// A mapping is deleted: first it is marked, then deleted, then forgotten.
    PutDeleting(CallId, Mapping),
    Delete(CallId, Mapping),
    PutDeleted(CallId, Mapping),
    /// The record as a start found it and changed it; or shares that a start found missing.
    Restore,
}

/// Which mapping is deleted.
#[derive(Clone, Debug)]
pub(super) struct Mapping {
    pub(super) copy: Uuid,
    pub(super) exposed_as: String,
}

#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) call: CallId,
    pub(super) wait: Wait,
    pub(super) until: Duration,
}

/// A request to be looked at again.
#[derive(Debug)]
pub(super) struct Parked {
    pub(super) call: CallId,
    pub(super) from: ClientAddress,
    pub(super) request: Request,
    pub(super) fresh: Uuid,
    /// What was found out for it already.
    pub(super) found: Option<Found>,
}

impl Set {
    pub(super) fn new(record: SetRecord) -> Self {
        Self {
            record,
            running: None,
            commit_next: false,
            finished: None,
            tried: false,
            aborting: false,
            waiters: Vec::new(),
            parked: VecDeque::new(),
        }
    }

    /// Whether an effect runs after which the set is not what it was: requests wait for its end.
    pub(super) fn is_changing(&self) -> bool {
        self.running.as_ref().is_some_and(|running| !matches!(running.kind, Kind::Wait(_)))
    }

    /// The operation under way.
    pub(super) fn waits_for(&self) -> Option<Wait> {
        match self.running.as_ref()?.kind {
            Kind::Wait(wait) => Some(wait),
            _ => None,
        }
    }

    /// Whether a client is being served: the message sequence timer measures the time between
    /// messages only.
    pub(super) fn is_attended(&self) -> bool {
        self.is_changing() || !self.waiters.is_empty() || !self.parked.is_empty()
    }
}
