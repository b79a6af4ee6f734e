//! The sequence as a whole: SetContext (3.1.4.2), StartShadowCopySet (3.1.4.3), and the message
//! sequence timer (3.1.2, 3.1.5).

use std::time::Duration;

use uuid::Uuid;

use super::{
    Agent, CallId, Effect, Failure, LAPSED, Now, Reply, SetRecord, Status,
    set::{Kind, Parked, Set, Wait},
    trash::Trash,
};
use crate::fsrvp::{Context, code};

impl Agent {
    pub(super) fn set_context(&mut self, it: Parked, context: Context, now: &Now) {
        if self.client.as_ref().is_some_and(|client| *client != it.from) {
            return self.reply(it.call, Err(code::FSRVP_E_SHADOW_COPY_SET_IN_PROGRESS));
        }
        let mut it = it;
        if self.client.is_some() {
            if let Some(id) = self.in_creation() {
                match self.park(it, id) {
                    None => return,
                    Some(back) => it = back,
                }
                self.remove(id, now);
            }
            self.end_sequence();
            self.retries = self.retries.saturating_add(1);
            if self.retries > self.config.context_retries {
                return self.reply(it.call, Err(code::FSRVP_E_SHADOW_COPY_SET_IN_PROGRESS));
            }
        } else {
            self.retries = 0;
        }
        self.client = Some(it.from);
        self.context = Some(context);
        self.start_short_timer(now);
        // Nothing to persist: a restart ends the sequence (3.1.3 sets ContextSet to FALSE).
        self.reply(it.call, Ok(Reply::Done));
    }

    pub(super) fn start(&mut self, call: CallId, fresh: Uuid) {
        let Some(context) = self.context.filter(|_| self.client.is_some()) else {
            return self.reply(call, Err(code::FSRVP_E_BAD_STATE));
        };
        if self.in_creation().is_some() {
            return self.reply(call, Err(code::FSRVP_E_SHADOW_COPY_SET_IN_PROGRESS));
        }
        self.timer = None;
        let boot = self.config.boot.clone();
        let record = SetRecord { id: fresh, status: Status::Started, context, boot, copies: Vec::new() };
        self.sets.insert(fresh, Set::new(record.clone()));
        self.put(fresh, Kind::PutStarted(call), Some(record));
    }

    pub(super) fn start_put(&mut self, id: Uuid, call: CallId, result: Result<(), Failure>, now: &Now) {
        self.start_short_timer(now);
        match result {
            Ok(()) => self.reply(call, Ok(Reply::Set(id))),
            Err(failure) => {
                self.reply(call, Err(failure.code()));
                // Whether the record is there is not known.
                self.discard(id, Duration::ZERO, now);
            }
        }
    }

    /// SetContext removes an unfinished set. Clients see neither it nor its shares any more. The
    /// snapshots of one that was exposed stay for as long as its client had been granted: Samba's
    /// `rpc.fsrvp.fsrvp.enum_created` counts those of two sequences without an end.
    fn remove(&mut self, id: Uuid, now: &Now) {
        let exposed = self.sets.get(&id).is_some_and(|set| set.record.status == Status::Exposed);
        let keep_until = self.timer.filter(|_| exposed).unwrap_or(Duration::ZERO);
        self.discard(id, keep_until, now);
    }

    /// Takes a set out of the table, stops what runs for it, and has all deleted that it left.
    fn discard(&mut self, id: Uuid, keep_until: Duration, now: &Now) {
        let Some(mut set) = self.forget(id, now) else { return };
        let running = set.running.take().map(|running| running.op);
        self.out.effects.extend(running.map(Effect::Cancel));
        self.trash.push(Trash::of_set(&set.record, keep_until, running));
    }

    /// `ContextSet` is FALSE, `ShadowCopyClientAddress` NULL: nobody's sequence is under way.
    pub(super) fn end_sequence(&mut self) {
        self.client = None;
        self.context = None;
        self.timer = None;
    }

    pub(super) fn start_short_timer(&mut self, now: &Now) {
        self.timer = Some(now.monotonic.saturating_add(self.config.short_timer));
    }

    pub(super) fn start_long_timer(&mut self, now: &Now) {
        self.timer = Some(now.monotonic.saturating_add(self.config.long_timer));
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: &Now) {
        let ids: Vec<Uuid> = self.sets.keys().copied().collect();
        ids.into_iter().for_each(|id| self.waited_long_enough(id, now));
        if self.timer.is_some_and(|timer| timer <= now.monotonic) {
            self.elapsed(now);
        }
        self.take_out(now);
    }

    /// The message sequence timer elapses.
    fn elapsed(&mut self, now: &Now) {
        let id = self.in_creation();
        if id.and_then(|id| self.sets.get(&id)).is_some_and(Set::is_attended) {
            // The client waits for us, and not we for it.
            return self.start_short_timer(now);
        }
        self.end_sequence();
        if let Some(id) = id {
            tracing::warn!(set = %id, "the client fell silent: the shadow copy set is deleted");
            self.lapsed.push_back(id);
            if self.lapsed.len() > LAPSED {
                self.lapsed.pop_front();
            }
            self.discard(id, Duration::ZERO, now);
        }
    }

    /// Answers those whose time is up.
    fn waited_long_enough(&mut self, id: Uuid, now: &Now) {
        let Some(set) = self.sets.get_mut(&id) else { return };
        let waiters = std::mem::take(&mut set.waiters);
        let (late, rest): (Vec<_>, Vec<_>) = waiters.into_iter().partition(|waiter| waiter.until <= now.monotonic);
        set.waiters = rest;
        for waiter in late {
            self.start_short_timer(now);
            self.reply(
                waiter.call,
                Err(match waiter.wait {
                    Wait::Prepare | Wait::Expose => code::FSRVP_E_WAIT_TIMEOUT,
                    Wait::Commit => code::FSSAGENT_E_TIMEOUT,
                }),
            );
        }
    }
}
