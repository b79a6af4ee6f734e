//! What goes into the state machine and what comes out of it.

use std::time::Duration;

use msrpc_ndr::HResult;
use uuid::Uuid;

use super::{ClientAddress, Reply, Request, SetRecord};
use crate::fsrvp::{
    FileTime, code,
    ports::{Compatibility, FileStore, PortError, Share, Snapshot},
};

/// The time, from two clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Time since some fixed moment, that never jumps: for timers.
    pub monotonic: Duration,
    /// The time of day.
    pub wall: FileTime,
}

/// A request that waits for its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// An effect under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId(pub u64);

/// What the state machine is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// A client calls.
    Request {
        /// What the reply will be for.
        call: CallId,
        /// Who calls.
        from: ClientAddress,
        /// What is asked.
        request: Request,
        /// A GUID that nobody else has, should the request need one.
        fresh: Uuid,
    },
    /// An effect came to its end. One that was cancelled may be left out.
    Completed {
        /// Which.
        op: OpId,
        /// How it ended.
        outcome: Outcome,
    },
    /// Time has passed: due at [`Agent::deadline`](super::Agent::deadline) at the latest.
    Tick,
}

/// How an effect ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// [`Action::LookUp`]: what was found, `None` if there is no such share.
    Found(Result<Option<Found>, Failure>),
    /// Every other action.
    Done(Result<(), Failure>),
}

/// What is known of a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The share.
    pub share: Share,
    /// The file store that it is on, `None` if no provider can make snapshots of it.
    pub store: Option<FileStore>,
    /// What the provider says of the store.
    pub compatibility: Compatibility,
    /// Whether something is mounted below its root directory.
    pub has_mounts: bool,
}

/// Why an effect failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It said so: the code for the client.
    Error(HResult),
    /// It crashed, or took longer than any operation may: FSRVP_E_WAIT_FAILED.
    WaitFailed,
}

impl Failure {
    /// What the client is told.
    pub fn code(self) -> HResult {
        match self {
            Self::Error(code) => code,
            Self::WaitFailed => code::FSRVP_E_WAIT_FAILED,
        }
    }
}

impl From<&PortError> for Failure {
    fn from(error: &PortError) -> Self {
        Self::Error(match error {
            PortError::Full(_) => code::E_DISK_FULL,
            PortError::Missing(_) => code::FSRVP_E_OBJECT_NOT_FOUND,
            PortError::Failed(_) => HResult::E_FAIL,
        })
    }
}

/// What the state machine wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Run an action and tell how it ended.
    Run {
        /// What its completion will be for.
        op: OpId,
        /// What to do.
        action: Action,
        /// A cancelled effect that has to be over first.
        after: Option<OpId>,
    },
    /// Stop an effect. Its completion, if one comes, is ignored.
    Cancel(OpId),
}

/// Something to be done outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Find a share by name, and what it is on.
    LookUp {
        /// The share part of a UNC name.
        share: String,
    },
    /// Put or remove a record, durably.
    Put {
        /// The set.
        set: Uuid,
        /// Its record, `None` to remove it.
        record: Option<Box<SetRecord>>,
    },
    /// Prepare snapshots.
    Prepare(Vec<Snapshot>),
    /// Make snapshots, all or none: if one fails, those that were made are deleted again.
    Commit {
        /// Which.
        snapshots: Vec<Snapshot>,
        /// An earlier attempt may have left something, to be deleted first.
        again: bool,
    },
    /// Expose all shares of a set.
    Expose(Box<SetRecord>),
    /// Make the snapshots of a set and their shares read-only.
    MakeReadOnly(Box<SetRecord>),
    /// Remove exposed shares, then delete snapshots. All are tried, even if one fails.
    Delete {
        /// Names of shares.
        shares: Vec<String>,
        /// Snapshots.
        snapshots: Vec<Snapshot>,
    },
}

/// What comes of an input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Replies to send.
    pub replies: Vec<(CallId, Result<Reply, HResult>)>,
    /// Effects to run, in this order as far as they concern each other.
    pub effects: Vec<Effect>,
}
