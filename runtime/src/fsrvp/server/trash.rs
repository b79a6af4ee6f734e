//! What no one uses any more and still exists outside: deleted until it is gone.

use std::time::Duration;

use uuid::Uuid;

use super::{
    Agent, SetRecord,
    effect::{Action, Failure, Now, OpId},
};
use crate::fsrvp::ports::Snapshot;

#[derive(Debug)]
pub(super) struct Trash {
    /// The set whose record goes last, if there is one.
    set: Option<Uuid>,
    shares: Vec<String>,
    snapshots: Vec<Snapshot>,
    /// Snapshots stay until then.
    keep_until: Duration,
    /// When to try next.
    due: Duration,
    running: Option<(OpId, Step)>,
    /// The effect that was cancelled when this became trash.
    after: Option<OpId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Shares,
    All,
    Record,
}

impl Trash {
    /// All of a set, its record included.
    pub(super) fn of_set(record: &SetRecord, keep_until: Duration, after: Option<OpId>) -> Self {
        Self { set: Some(record.id), after, keep_until, ..Self::of(record.share_names(), record.snapshots()) }
    }

    /// Things without a record.
    pub(super) fn of(shares: Vec<String>, snapshots: Vec<Snapshot>) -> Self {
        Self {
            set: None,
            shares,
            snapshots,
            keep_until: Duration::ZERO,
            due: Duration::ZERO,
            running: None,
            after: None,
        }
    }

    /// Whether no effect runs for it.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_none()
    }

    fn knows(&self, snapshot: Uuid, share: Option<&str>) -> bool {
        match share {
            None => self.snapshots.iter().any(|ours| ours.id == snapshot),
            Some(name) => self.shares.iter().any(|ours| ours == name),
        }
    }
}

impl Agent {
    /// Whether something is to be deleted, or is waiting for it, already.
    pub(super) fn is_trash_snapshot(&self, id: Uuid) -> bool {
        self.trash.iter().any(|trash| trash.knows(id, None))
    }

    pub(super) fn is_trash_share(&self, name: &str) -> bool {
        self.trash.iter().any(|trash| trash.knows(Uuid::nil(), Some(name)))
    }

    /// When trash is due next.
    pub(super) fn trash_deadline(&self) -> Option<Duration> {
        self.trash.iter().filter(|trash| trash.running.is_none()).map(|trash| trash.due).min()
    }

    /// Begins to delete what is due.
    pub(super) fn take_out(&mut self, now: &Now) {
        for index in 0..self.trash.len() {
            let op = OpId(self.next_op);
            let Some(trash) = self.trash.get_mut(index) else { continue };
            if trash.running.is_some() || trash.due > now.monotonic {
                continue;
            }
            let may_all = trash.keep_until <= now.monotonic;
            let (step, action) = if trash.shares.is_empty() && trash.snapshots.is_empty() {
                let Some(set) = trash.set else { continue };
                (Step::Record, Action::Put { set, record: None })
            } else {
                let snapshots = if may_all { trash.snapshots.clone() } else { Vec::new() };
                let step = if may_all { Step::All } else { Step::Shares };
                (step, Action::Delete { shares: trash.shares.clone(), snapshots })
            };
            trash.running = Some((op, step));
            let after = trash.after.take();
            self.run(action, after);
        }
        self.trash.retain(|trash| {
            trash.running.is_some() || trash.set.is_some() || !trash.shares.is_empty() || !trash.snapshots.is_empty()
        });
    }

    /// Whether the effect was about trash.
    pub(super) fn trash_done(&mut self, op: OpId, result: Result<(), Failure>, now: &Now) -> bool {
        let is_this = |trash: &Trash| trash.running.is_some_and(|(running, _)| running == op);
        let Some(index) = self.trash.iter().position(is_this) else { return false };
        let retry = now.monotonic.saturating_add(self.config.retry_after);
        let Some(trash) = self.trash.get_mut(index) else { return false };
        let Some((_, step)) = trash.running.take() else { return false };
        match (result, step) {
            (Err(_), _) => trash.due = retry,
            (Ok(()), Step::Shares) => {
                trash.shares.clear();
                trash.due = trash.keep_until;
            }
            (Ok(()), Step::All) => {
                trash.shares.clear();
                trash.snapshots.clear();
                trash.due = now.monotonic;
            }
            (Ok(()), Step::Record) => trash.set = None,
        }
        self.take_out(now);
        true
    }
}
