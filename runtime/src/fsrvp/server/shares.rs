//! Methods that need to know a share: AddToShadowCopySet (3.1.4.4), IsPathSupported (3.1.4.9),
//! IsPathShadowCopied (3.1.4.10).

use uuid::Uuid;

use super::{
    Agent, CallId, CopyRecord, Failure, Found, MappingRecord, Now, OpId, Reply, Request, SetRecord, Status,
    effect::Action,
    exposed_name,
    set::{Kind, Parked},
};
use crate::fsrvp::{
    ShareUnc, code,
    ports::{Compatibility, FileStore},
};

/// DISABLE_DEFRAG (2.2.2.3).
const DISABLE_DEFRAG: i32 = 1;
/// DISABLE_CONTENTINDEX (2.2.2.3).
const DISABLE_CONTENTINDEX: i32 = 2;

/// A request that waits for what its share is on.
#[derive(Debug)]
pub(super) struct LookUp(pub(super) Parked);

impl Agent {
    pub(super) fn look_up(&mut self, share: String, look_up: LookUp) {
        let op = self.run(Action::LookUp { share }, None);
        self.look_ups.insert(op, look_up);
    }

    pub(super) fn found(&mut self, op: OpId, found: Result<Option<Found>, Failure>, now: &Now) {
        let Some(LookUp(mut it)) = self.look_ups.remove(&op) else { return };
        let found = match found {
            Ok(Some(found)) => found,
            Ok(None) => return self.reply(it.call, Err(code::FSRVP_E_OBJECT_NOT_FOUND)),
            Err(failure) => return self.reply(it.call, Err(failure.code())),
        };
        let usable = found.store.is_some() && !found.has_mounts;
        match &it.request {
            Request::IsPathShadowCopied { .. } => {
                let compatibility = found.store.as_ref().filter(|store| self.has_shadow_copy(store));
                let compatibility = compatibility.map(|_| bits(found.compatibility));
                self.reply(it.call, Ok(Reply::ShadowCopied(compatibility)));
            }
            _ if !usable => self.reply(it.call, Err(code::FSRVP_E_NOT_SUPPORTED)),
            Request::IsPathSupported { share } => {
                let owner = self.config.machine_name.clone().unwrap_or_else(|| share.host().to_owned());
                self.reply(it.call, Ok(Reply::Owner(owner)));
            }
            _ => {
                it.found = Some(found);
                self.add(it, now);
            }
        }
    }

    fn has_shadow_copy(&self, store: &FileStore) -> bool {
        let visible = [Status::Committed, Status::Exposed, Status::Recovered];
        self.sets()
            .filter(|record| visible.contains(&record.status))
            .any(|record| record.copies.iter().any(|copy| copy.store == *store))
    }

    /// AddToShadowCopySet from where the file store is known.
    pub(super) fn add(&mut self, it: Parked, now: &Now) {
        let Request::AddToShadowCopySet { set: id, .. } = it.request else { return };
        if !self.sets.contains_key(&id) {
            let code = self.no_such_set(id);
            return self.reply(it.call, Err(code));
        }
        let Some(it) = self.park(it, id) else { return };
        let Some(set) = self.sets.get_mut(&id) else { return };
        if !matches!(set.record.status, Status::Started | Status::Added) || set.aborting {
            return self.reply(it.call, Err(code::FSRVP_E_BAD_STATE));
        }
        if set.running.is_some() {
            // It is being prepared: what is added now would not be.
            return set.parked.push_back(it);
        }
        let Parked { call, request: Request::AddToShadowCopySet { share, .. }, fresh, found: Some(found), .. } = it
        else {
            return;
        };
        let Some(store) = found.store.clone() else { return };
        if set.record.copies.iter().any(|copy| copy.store == store) {
            self.start_short_timer(now);
            return self.reply(call, Err(code::FSRVP_E_OBJECT_ALREADY_EXISTS));
        }
        let before = set.record.clone();
        set.finished = None;
        set.record.copies.push(new_copy(fresh, store, share, found, now));
        set.record.status = Status::Added;
        let record = set.record.clone();
        self.timer = None;
        self.put(id, Kind::PutAdded(call, fresh, Box::new(before)), Some(record));
    }

    pub(super) fn add_put(
        &mut self,
        id: Uuid,
        call: CallId,
        copy: Uuid,
        before: SetRecord,
        result: Result<(), Failure>,
        now: &Now,
    ) {
        match result {
            Ok(()) => {
                self.start_long_timer(now);
                self.reply(call, Ok(Reply::Copy(copy)));
            }
            Err(failure) => {
                if let Some(set) = self.sets.get_mut(&id) {
                    set.record = before;
                }
                self.start_short_timer(now);
                self.reply(call, Err(failure.code()));
            }
        }
    }
}

fn new_copy(id: Uuid, store: FileStore, unc: ShareUnc, found: Found, now: &Now) -> CopyRecord {
    let mapping = MappingRecord {
        unc,
        exposed_as: exposed_name(&found.share.name, id),
        share: found.share.name,
        path: found.share.path,
        is_exposed: false,
        deleting: false,
    };
    CopyRecord { id, store, created: now.wall, mappings: vec![mapping] }
}

/// SHADOW_COPY_COMPATIBILITY_VALUES.
fn bits(compatibility: Compatibility) -> i32 {
    let defrag = if compatibility.disable_defrag { DISABLE_DEFRAG } else { 0 };
    let index = if compatibility.disable_content_index { DISABLE_CONTENTINDEX } else { 0 };
    defrag | index
}
