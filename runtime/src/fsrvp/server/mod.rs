//! The server of \[MS-FSRVP\] 3.1 without I/O: requests, completions and the time go in, replies and
//! effects come out.
//!
//! [`Agent`] holds the abstract data model (3.1.1). [`Agent::handle`] takes one [`Input`] and gives
//! an [`Output`]; [`Agent::deadline`] says when it wants to hear of the time next. The same inputs
//! give the same outputs.

mod access;
mod config;
mod effect;
mod finish;
mod operation;
mod record;
mod request;
mod restore;
mod sequence;
mod set;
mod shares;
mod trash;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use msrpc_ndr::HResult;
use uuid::Uuid;

pub use access::AccessPolicy;
pub use config::Config;
pub use effect::{Action, CallId, Effect, Failure, Found, Input, Now, OpId, Outcome, Output};
pub use record::{CopyRecord, MappingRecord, SetRecord, Status, exposed_name};
pub use request::{ClientAddress, Reply, Request};

use self::{
    set::{Kind, Parked, Running, Set, Wait},
    shares::LookUp,
    trash::Trash,
};
use super::{Context, code};

/// FSRVP_RPC_VERSION_1: `MinServerVersion` and `MaxServerVersion` (3.1.3, notes <2> and <3>).
pub const VERSION_1: u32 = 1;
/// How many sets that the timer ended are remembered.
const LAPSED: usize = 64;

/// The server's state.
#[derive(Debug, Default)]
pub struct Agent {
    config: Config,
    /// `ContextSet` and `ShadowCopyClientAddress`: the client whose sequence is under way.
    client: Option<ClientAddress>,
    /// `CurrentContext`.
    context: Option<Context>,
    /// `ShadowCopyClientRetryCount`.
    retries: u32,
    /// `GlobalShadowCopySetTable`.
    sets: BTreeMap<Uuid, Set>,
    /// The message sequence timer, if it runs: when it elapses.
    timer: Option<Duration>,
    /// Sets that the timer ended, the latest last: see [`Agent::no_such_set`].
    lapsed: VecDeque<Uuid>,
    /// Shares that are being looked up.
    look_ups: BTreeMap<OpId, LookUp>,
    trash: Vec<Trash>,
    next_op: u64,
    /// What the input under way gave so far.
    out: Output,
}

impl Agent {
    /// A server that has no sets. [`restore`](Self::restore) makes one from records.
    pub fn new(config: Config) -> Self {
        Self { config, ..Self::default() }
    }

    /// Takes an input.
    pub fn handle(&mut self, input: Input, now: Now) -> Output {
        match input {
            Input::Request { call, from, request, fresh } => {
                self.tick(&now);
                self.dispatch(Parked { call, from, request, fresh, found: None }, &now);
            }
            Input::Completed { op, outcome } => self.completed(op, outcome, &now),
            Input::Tick => {}
        }
        self.tick(&now);
        std::mem::take(&mut self.out)
    }

    /// When [`Input::Tick`] is due at the latest.
    pub fn deadline(&self) -> Option<Duration> {
        let waiters = self.sets.values().flat_map(|set| &set.waiters).map(|waiter| waiter.until);
        waiters.chain(self.timer).chain(self.trash_deadline()).min()
    }

    /// `GlobalShadowCopySetTable`.
    pub fn sets(&self) -> impl Iterator<Item = &SetRecord> {
        self.sets.values().map(|set| &set.record)
    }

    /// Whether nothing is left to delete but what has to stay for a while.
    pub fn is_clean(&self, now: Now) -> bool {
        self.trash_deadline().is_none_or(|due| due > now.monotonic) && self.trash.iter().all(Trash::is_idle)
    }

    fn dispatch(&mut self, it: Parked, now: &Now) {
        match &it.request {
            Request::GetSupportedVersion => {
                self.reply(it.call, Ok(Reply::Version { min: VERSION_1, max: VERSION_1 }));
            }
            Request::SetContext { context } => {
                let context = *context;
                self.set_context(it, context, now);
            }
            Request::StartShadowCopySet => self.start(it.call, it.fresh),
            Request::AddToShadowCopySet { share, .. } => match &it.found {
                Some(_) => self.add(it, now),
                None => self.look_up(share.share().to_owned(), LookUp(it)),
            },
            Request::IsPathSupported { share } | Request::IsPathShadowCopied { share } => {
                self.look_up(share.share().to_owned(), LookUp(it));
            }
            &Request::PrepareShadowCopySet { set, timeout } => self.wait_for(it, set, Wait::Prepare, timeout, now),
            &Request::CommitShadowCopySet { set, timeout } => self.wait_for(it, set, Wait::Commit, timeout, now),
            &Request::ExposeShadowCopySet { set, timeout } => self.wait_for(it, set, Wait::Expose, timeout, now),
            &Request::RecoveryCompleteShadowCopySet { set } => self.recovery_complete(it, set),
            &Request::AbortShadowCopySet { set } => self.abort(it, set),
            &Request::GetShareMapping { set, .. } => self.get_mapping(it, set, now),
            &Request::DeleteShareMapping { set, .. } => self.delete_mapping(it, set),
            Request::List => {
                let sets = self.sets().cloned().collect();
                self.reply(it.call, Ok(Reply::Sets(sets)));
            }
        }
    }

    fn completed(&mut self, op: OpId, outcome: Outcome, now: &Now) {
        let result = match outcome {
            Outcome::Found(found) => return self.found(op, found, now),
            Outcome::Done(result) => result,
        };
        if self.trash_done(op, result, now) {
            return;
        }
        let is_this = |set: &Set| set.running.as_ref().is_some_and(|running| running.op == op);
        let Some((&id, set)) = self.sets.iter_mut().find(|(_, set)| is_this(set)) else { return };
        let Some(Running { kind, .. }) = set.running.take() else { return };
        match kind {
            Kind::Wait(wait) => self.wait_done(id, wait, result, now),
            Kind::PutStarted(call) => self.start_put(id, call, result, now),
            Kind::PutAdded(call, copy, before) => self.add_put(id, call, copy, *before, result, now),
            Kind::PutWaited(wait, record) => self.wait_put(id, wait, *record, result, now),
            Kind::Recover(call) => self.recovered(id, call, result, now),
            Kind::PutRecovered(call, record) => self.recovery_put(id, call, *record, result, now),
            Kind::Abort(calls) => self.abort_deleted(id, calls, result, now),
            Kind::PutAborted(calls) => self.abort_put(id, calls, result, now),
            Kind::PutDeleting(call, mapping) => self.delete_marked(id, call, mapping, result),
            Kind::Delete(call, mapping) => self.delete_done(id, call, mapping, result),
            Kind::PutDeleted(call, mapping) => self.delete_put(id, call, &mapping, result, now),
            Kind::Restore => {}
        }
        self.unpark(id, now);
    }

    /// Looks again at requests that waited for the end of a change.
    fn unpark(&mut self, id: Uuid, now: &Now) {
        let Some(set) = self.sets.get_mut(&id) else { return };
        if !set.is_changing() {
            for parked in std::mem::take(&mut set.parked) {
                self.dispatch(parked, now);
            }
        }
    }

    /// Lets a request wait for the end of a change of a set; gives it back if there is none.
    fn park(&mut self, it: Parked, id: Uuid) -> Option<Parked> {
        match self.sets.get_mut(&id) {
            Some(set) if set.is_changing() => {
                set.parked.push_back(it);
                None
            }
            _ => Some(it),
        }
    }

    /// Takes a set out of the table; its parked requests are answered as if it had never been.
    fn forget(&mut self, id: Uuid, now: &Now) -> Option<Set> {
        let mut set = self.sets.remove(&id)?;
        for waiter in std::mem::take(&mut set.waiters) {
            self.reply(waiter.call, Err(code::FSRVP_E_WAIT_FAILED));
        }
        for parked in std::mem::take(&mut set.parked) {
            self.dispatch(parked, now);
        }
        Some(set)
    }

    /// The answer to the id of a set that there is not: FSRVP_E_SHADOWCOPYSET_ID_MISMATCH, but
    /// E_INVALIDARG for one that the message sequence timer ended.
    ///
    /// The document says the former for all. Samba's `rpc.fsrvp.fsrvp.seq_timeout`, the only public
    /// conformance test, insists on the latter after a time-out, and E_INVALIDARG is in the list of
    /// every method concerned.
    fn no_such_set(&self, id: Uuid) -> HResult {
        match self.lapsed.contains(&id) {
            true => HResult::E_INVALIDARG,
            false => code::FSRVP_E_SHADOWCOPYSET_ID_MISMATCH,
        }
    }

    fn reply(&mut self, call: CallId, reply: Result<Reply, HResult>) {
        self.out.replies.push((call, reply));
    }

    /// Has something done.
    fn run(&mut self, action: Action, after: Option<OpId>) -> OpId {
        let op = OpId(self.next_op);
        self.next_op += 1;
        self.out.effects.push(Effect::Run { op, action, after });
        op
    }

    /// Has something done for a set.
    fn run_for(&mut self, id: Uuid, kind: Kind, action: Action, after: Option<OpId>) {
        let op = self.run(action, after);
        if let Some(set) = self.sets.get_mut(&id) {
            set.running = Some(Running { op, kind });
        }
    }

    /// Puts the record of a set, as it is or as it would be.
    fn put(&mut self, id: Uuid, kind: Kind, record: Option<SetRecord>) {
        self.run_for(id, kind, Action::Put { set: id, record: record.map(Box::new) }, None);
    }

    /// The set that is being made, if there is one: never more than one (3.1.4.3).
    fn in_creation(&self) -> Option<Uuid> {
        self.sets.iter().find(|(_, set)| set.record.status != Status::Recovered).map(|(id, _)| *id)
    }
}
