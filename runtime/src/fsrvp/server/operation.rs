//! Operations that a caller waits for, for as long as it says: PrepareShadowCopySet (3.1.4.13),
//! CommitShadowCopySet (3.1.4.5), ExposeShadowCopySet (3.1.4.6).
//!
//! One that takes longer than its caller waits goes on. Who calls again waits for the same one, or
//! is told how it ended. Until then it is not part of the set's status.

use std::time::Duration;

use uuid::Uuid;

use super::{
    Agent, Failure, Now, Reply, SetRecord, Status,
    effect::Action,
    set::{Kind, Parked, Wait, Waiter},
};
use crate::fsrvp::code;

impl Agent {
    pub(super) fn wait_for(&mut self, it: Parked, id: Uuid, wait: Wait, timeout: u32, now: &Now) {
        if !self.sets.contains_key(&id) {
            let code = self.no_such_set(id);
            return self.reply(it.call, Err(code));
        }
        let Some(it) = self.park(it, id) else { return };
        let Some(set) = self.sets.get_mut(&id) else { return };
        let fits = match wait {
            Wait::Prepare => set.record.status == Status::Added,
            Wait::Commit => matches!(set.record.status, Status::Added | Status::CreationInProgress),
            Wait::Expose => set.record.status == Status::Committed,
        };
        if !fits || set.aborting {
            return self.reply(it.call, Err(code::FSRVP_E_BAD_STATE));
        }
        self.timer = None;
        if wait == Wait::Commit {
            set.record.status = Status::CreationInProgress;
        }
        let until = now.monotonic.saturating_add(Duration::from_millis(timeout.into()));
        set.waiters.push(Waiter { call: it.call, wait, until });
        match (set.waits_for(), set.finished.take()) {
            (Some(running), _) if running == wait => {}
            // Only a commit can come while something else runs: a preparation.
            (Some(_), _) => set.commit_next = true,
            (None, Some((finished, result))) if finished == wait => self.wait_done(id, wait, result, now),
            (None, _) => self.begin(id, wait),
        }
    }

    fn begin(&mut self, id: Uuid, wait: Wait) {
        let Some(set) = self.sets.get_mut(&id) else { return };
        let action = match wait {
            Wait::Prepare => Action::Prepare(set.record.snapshots()),
            Wait::Commit => {
                let again = std::mem::replace(&mut set.tried, true);
                Action::Commit { snapshots: set.record.snapshots(), again }
            }
            Wait::Expose => Action::Expose(Box::new(set.record.clone())),
        };
        self.run_for(id, Kind::Wait(wait), action, None);
    }

    /// An operation is over.
    pub(super) fn wait_done(&mut self, id: Uuid, wait: Wait, result: Result<(), Failure>, now: &Now) {
        let Some(set) = self.sets.get_mut(&id) else { return };
        let next = std::mem::take(&mut set.commit_next);
        let has_waiters = set.waiters.iter().any(|waiter| waiter.wait == wait);
        let mut record = set.record.clone();
        match (result, wait) {
            _ if !has_waiters => set.finished = Some((wait, result)),
            (Ok(()), Wait::Commit) => {
                record.status = Status::Committed;
                return self.put(id, Kind::PutWaited(wait, Box::new(record.clone())), Some(record));
            }
            (Ok(()), Wait::Expose) => {
                record.status = Status::Exposed;
                record.copies.iter_mut().flat_map(|copy| &mut copy.mappings).for_each(|it| it.is_exposed = true);
                return self.put(id, Kind::PutWaited(wait, Box::new(record.clone())), Some(record));
            }
            _ => self.conclude(id, wait, result, now),
        }
        if next {
            if let Some(set) = self.sets.get_mut(&id) {
                set.finished = None;
            }
            self.begin(id, Wait::Commit);
        }
    }

    /// The record after an operation is on the disk, or is not.
    pub(super) fn wait_put(&mut self, id: Uuid, wait: Wait, record: SetRecord, result: Result<(), Failure>, now: &Now) {
        let Some(set) = self.sets.get_mut(&id) else { return };
        if set.waiters.is_empty() || result.is_err() {
            // The operation itself worked: the next call will find it done.
            set.finished = Some((wait, Ok(())));
        } else {
            set.record = record;
        }
        // The wait is over in any case; of a store that hangs no one says that the snapshots do.
        let result = result.map_err(|failure| Failure::Error(failure.code()));
        self.conclude(id, wait, result, now);
    }

    /// Tells those who wait how it ended.
    fn conclude(&mut self, id: Uuid, wait: Wait, result: Result<(), Failure>, now: &Now) {
        let Some(set) = self.sets.get_mut(&id) else { return };
        let waiters = std::mem::take(&mut set.waiters);
        let (done, rest): (Vec<_>, Vec<_>) = waiters.into_iter().partition(|waiter| waiter.wait == wait);
        set.waiters = rest;
        if done.is_empty() {
            return;
        }
        if (wait, result) == (Wait::Commit, Err(Failure::WaitFailed)) {
            set.record.status = Status::Added;
        }
        match (wait, result) {
            (Wait::Prepare, Ok(())) => self.start_long_timer(now),
            _ => self.start_short_timer(now),
        }
        for waiter in done {
            self.reply(waiter.call, result.map(|()| Reply::Done).map_err(Failure::code));
        }
    }
}
