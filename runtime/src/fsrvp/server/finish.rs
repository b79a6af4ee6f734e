//! Methods that end a set or tell of it: RecoveryCompleteShadowCopySet (3.1.4.7),
//! AbortShadowCopySet (3.1.4.8), GetShareMapping (3.1.4.11), DeleteShareMapping (3.1.4.12).

use msrpc_ndr::HResult;
use uuid::Uuid;

use super::{
    Agent, CallId, CopyRecord, Effect, Failure, Now, Reply, Request, SetRecord, Status,
    effect::Action,
    set::{Kind, Mapping, Parked},
};
use crate::fsrvp::{Attributes, code};

impl Agent {
    pub(super) fn recovery_complete(&mut self, it: Parked, id: Uuid) {
        if !self.sets.contains_key(&id) {
            let code = self.no_such_set(id);
            return self.reply(it.call, Err(code));
        }
        let Some(it) = self.park(it, id) else { return };
        let Some(set) = self.sets.get(&id) else { return };
        if set.record.status != Status::Exposed || set.aborting {
            return self.reply(it.call, Err(code::FSRVP_E_BAD_STATE));
        }
        self.timer = None;
        let record = set.record.clone();
        let read_only = record.context.attributes().contains(Attributes::NO_AUTO_RECOVERY);
        match record.without_deleted().filter(|_| !read_only) {
            Some(left) => self.run_for(id, Kind::Recover(it.call), Action::MakeReadOnly(Box::new(left)), None),
            None => self.put_recovered(id, it.call, record),
        }
    }

    pub(super) fn recovered(&mut self, id: Uuid, call: CallId, result: Result<(), Failure>, now: &Now) {
        let Some(set) = self.sets.get(&id) else { return };
        match result {
            Ok(()) => self.put_recovered(id, call, set.record.clone()),
            Err(failure) => self.recovery_failed(call, failure, now),
        }
    }

    fn put_recovered(&mut self, id: Uuid, call: CallId, mut record: SetRecord) {
        record.status = Status::Recovered;
        self.put(id, Kind::PutRecovered(call, Box::new(record.clone())), Some(record));
    }

    pub(super) fn recovery_put(
        &mut self,
        id: Uuid,
        call: CallId,
        record: SetRecord,
        result: Result<(), Failure>,
        now: &Now,
    ) {
        match result {
            Ok(()) => {
                if let Some(set) = self.sets.get_mut(&id) {
                    set.record = record;
                }
                self.end_sequence();
                self.reply(call, Ok(Reply::Done));
            }
            Err(failure) => self.recovery_failed(call, failure, now),
        }
    }

    /// The set stays "Exposed". The document does not say that the timer starts again; without it
    /// the set of a client that gives up would stay for ever.
    fn recovery_failed(&mut self, call: CallId, failure: Failure, now: &Now) {
        self.start_short_timer(now);
        self.reply(call, Err(failure.code()));
    }

    pub(super) fn abort(&mut self, it: Parked, id: Uuid) {
        let Some(set) = self.sets.get_mut(&id) else {
            let code = self.no_such_set(id);
            return self.reply(it.call, Err(code));
        };
        if let Some(Kind::Abort(calls) | Kind::PutAborted(calls)) =
            set.running.as_mut().map(|running| &mut running.kind)
        {
            return calls.push(it.call);
        }
        let Some(it) = self.park(it, id) else { return };
        let Some(set) = self.sets.get_mut(&id) else { return };
        if set.record.status == Status::Recovered {
            // Nothing is under way that could be aborted, and whatever sequence is belongs to
            // another set. DeleteShareMapping deletes such a set.
            return self.reply(it.call, Err(code::FSRVP_E_BAD_STATE));
        }
        let running = set.running.take().map(|running| running.op);
        (set.commit_next, set.finished) = (false, None);
        let waiters = std::mem::take(&mut set.waiters);
        let (shares, snapshots) = (set.record.share_names(), set.record.snapshots());
        set.aborting |= !snapshots.is_empty();
        self.out.effects.extend(running.map(Effect::Cancel));
        for waiter in waiters {
            self.reply(waiter.call, Err(code::FSRVP_E_WAIT_FAILED));
        }
        let calls = vec![it.call];
        if snapshots.is_empty() {
            self.put(id, Kind::PutAborted(calls), None);
        } else {
            self.run_for(id, Kind::Abort(calls), Action::Delete { shares, snapshots }, running);
        }
    }

    pub(super) fn abort_deleted(&mut self, id: Uuid, calls: Vec<CallId>, result: Result<(), Failure>, now: &Now) {
        match result {
            Ok(()) => self.put(id, Kind::PutAborted(calls), None),
            Err(failure) => self.abort_failed(&calls, failure, now),
        }
    }

    pub(super) fn abort_put(&mut self, id: Uuid, calls: Vec<CallId>, result: Result<(), Failure>, now: &Now) {
        match result {
            Ok(()) => {
                self.end_sequence();
                calls.iter().for_each(|&call| self.reply(call, Ok(Reply::Done)));
                self.forget(id, now);
            }
            Err(failure) => self.abort_failed(&calls, failure, now),
        }
    }

    /// The set stays, for another attempt or the timer.
    fn abort_failed(&mut self, calls: &[CallId], failure: Failure, now: &Now) {
        if self.timer.is_none() {
            self.start_short_timer(now);
        }
        calls.iter().for_each(|&call| self.reply(call, Err(failure.code())));
    }

    pub(super) fn get_mapping(&mut self, it: Parked, id: Uuid, now: &Now) {
        if !self.sets.contains_key(&id) {
            let code = self.no_such_set(id);
            return self.reply(it.call, Err(code));
        }
        let Some(it) = self.park(it, id) else { return };
        let (Some(set), Request::GetShareMapping { copy, share, .. }) = (self.sets.get(&id), &it.request) else {
            return;
        };
        if set.record.status != Status::Exposed || set.aborting {
            return self.reply(it.call, Err(code::FSRVP_E_BAD_STATE));
        }
        // The document stops the timer here. If the request turns out to be wrong it would never
        // run again, so that it stops only below.
        let copy = set.record.copies.iter().find(|ours| ours.id == *copy);
        let mapping = copy.and_then(|copy| copy.mappings.iter().find(|ours| ours.unc.is_same_share(share)));
        let (Some(copy), Some(mapping)) = (copy, mapping) else {
            return self.reply(it.call, Err(HResult::E_INVALIDARG));
        };
        let reply = Reply::Mapping {
            set: id,
            copy: copy.id,
            share: mapping.unc.as_str().to_owned(),
            exposed_as: mapping.is_exposed.then(|| mapping.exposed_as.clone()),
            created: copy.created,
        };
        self.start_long_timer(now);
        self.reply(it.call, Ok(reply));
    }

    pub(super) fn delete_mapping(&mut self, it: Parked, id: Uuid) {
        let Some(it) = self.park(it, id) else { return };
        match self.find_mapping(&it.request, id) {
            Err(code) => self.reply(it.call, Err(code)),
            Ok(mapping) => {
                // A crash from here on ends in the mapping deleted.
                let record = self.sets.get_mut(&id).map(|set| {
                    mark(&mut set.record, &mapping, true);
                    set.record.clone()
                });
                self.put(id, Kind::PutDeleting(it.call, mapping), record);
            }
        }
    }

    fn find_mapping(&self, request: &Request, id: Uuid) -> Result<Mapping, HResult> {
        let Request::DeleteShareMapping { copy, share, .. } = request else { return Err(HResult::E_FAIL) };
        let set = self.sets.get(&id).ok_or(code::FSRVP_E_OBJECT_NOT_FOUND)?;
        if !matches!(set.record.status, Status::Exposed | Status::Recovered) {
            return Err(code::FSRVP_E_BAD_STATE);
        }
        let Some(found) = set.record.copies.iter().find(|ours| ours.id == *copy) else {
            // The document: FSRVP_E_OBJECT_NOT_FOUND. Samba's `rpc.fsrvp.fsrvp.bad_id` insists on
            // E_INVALIDARG for an id that was never given to anyone while the sequence runs.
            let known = self.sets().flat_map(|record| &record.copies).any(|ours| ours.id == *copy);
            let made_up = set.record.status == Status::Exposed && !known;
            return Err(if made_up { HResult::E_INVALIDARG } else { code::FSRVP_E_OBJECT_NOT_FOUND });
        };
        let mapping = found.mappings.iter().find(|ours| ours.unc.is_same_share(share));
        let mapping = mapping.ok_or(code::FSRVP_E_OBJECT_NOT_FOUND)?;
        Ok(Mapping { copy: *copy, exposed_as: mapping.exposed_as.clone() })
    }

    pub(super) fn delete_marked(&mut self, id: Uuid, call: CallId, mapping: Mapping, result: Result<(), Failure>) {
        let Some(set) = self.sets.get_mut(&id) else { return };
        if let Err(failure) = result {
            mark(&mut set.record, &mapping, false);
            return self.reply(call, Err(failure.code()));
        }
        let is_last = |copy: &&CopyRecord| copy.id == mapping.copy && copy.mappings.len() == 1;
        let snapshots = set.record.copies.iter().filter(is_last).map(|copy| set.record.snapshot(copy)).collect();
        let action = Action::Delete { shares: vec![mapping.exposed_as.clone()], snapshots };
        self.run_for(id, Kind::Delete(call, mapping), action, None);
    }

    pub(super) fn delete_done(&mut self, id: Uuid, call: CallId, mapping: Mapping, result: Result<(), Failure>) {
        let Some(set) = self.sets.get(&id) else { return };
        if let Err(failure) = result {
            // Part of it may be gone: it stays marked, for another call or the next start.
            return self.reply(call, Err(failure.code()));
        }
        let left = set.record.without(&mapping.exposed_as);
        self.put(id, Kind::PutDeleted(call, mapping), left);
    }

    pub(super) fn delete_put(
        &mut self,
        id: Uuid,
        call: CallId,
        mapping: &Mapping,
        result: Result<(), Failure>,
        now: &Now,
    ) {
        let Some(set) = self.sets.get_mut(&id) else { return };
        if let Err(failure) = result {
            // It is gone, but the client has to ask again: only then will the store know.
            return self.reply(call, Err(failure.code()));
        }
        match set.record.without(&mapping.exposed_as) {
            Some(left) => set.record = left,
            None => {
                if set.record.status != Status::Recovered {
                    // ContextSet means that an operation is in progress (3.1.1.1): none is.
                    self.end_sequence();
                }
                self.reply(call, Ok(Reply::Done));
                self.forget(id, now);
                return;
            }
        }
        self.reply(call, Ok(Reply::Done));
    }
}

fn mark(record: &mut SetRecord, mapping: &Mapping, deleting: bool) {
    let mappings = record.copies.iter_mut().flat_map(|copy| &mut copy.mappings);
    mappings.filter(|ours| ours.exposed_as == mapping.exposed_as).for_each(|ours| ours.deleting = deleting);
}
