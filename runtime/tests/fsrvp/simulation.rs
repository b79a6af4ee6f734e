//! Several clients, failing and hanging providers, the timer and crashes, in random order.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use msrpc_cluster::fsrvp::{
    Context, ShareUnc,
    code::*,
    server::{Action, CallId, ClientAddress, Config, Failure, Input, Reply, Request, SetRecord, Status},
};
use msrpc_ndr::HResult;
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use uuid::Uuid;

use crate::world::World;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Event {
    /// A client does what comes next in its sequence, or something else.
    Call { client: u8, method: Method, timeout: u32, share: u8, pick: u8 },
    /// A client does what comes next in its sequence, and all goes well.
    Step { client: u8, share: u8, pick: u8 },
    /// The effect that has waited `pick` places comes to its end.
    Complete { pick: u8, fault: Option<Failure> },
    /// Everything that runs comes to its end.
    Settle,
    /// Time passes.
    Wait { seconds: u16 },
    /// The machine is switched off and on.
    Crash,
}

#[derive(Clone, Copy, Debug)]
enum Method {
    /// What a well-behaved client would do now.
    Next,
    SetContext,
    Start,
    Add,
    Prepare,
    Commit,
    Expose,
    Complete,
    Abort,
    Supported,
    Copied,
    Mapping,
    Delete,
}

fn methods() -> impl Strategy<Value = Method> {
    use Method::*;
    let any = prop::sample::select(vec![
        SetContext, Start, Add, Prepare, Commit, Expose, Complete, Abort, Supported, Copied, Mapping, Delete,
    ]);
    prop_oneof![3 => Just(Next), 1 => any]
}

fn failures() -> impl Strategy<Value = Option<Failure>> {
    prop_oneof![
        6 => Just(None),
        1 => Just(Some(Failure::WaitFailed)),
        1 => Just(Some(Failure::Error(E_DISK_FULL))),
    ]
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0..2u8, methods(), prop_oneof![Just(0u32), Just(60_000), Just(1_000_000)], 0..4u8, any::<u8>())
            .prop_map(|(client, method, timeout, share, pick)| Event::Call { client, method, timeout, share, pick }),
        24 => (0..2u8, 0..4u8, any::<u8>()).prop_map(|(client, share, pick)| Event::Step { client, share, pick }),
        6 => (any::<u8>(), failures()).prop_map(|(pick, fault)| Event::Complete { pick, fault }),
        5 => Just(Event::Settle),
        2 => prop_oneof![Just(1u16), Just(61), Just(179), Just(181), Just(1801)]
            .prop_map(|seconds| Event::Wait { seconds }),
        1 => Just(Event::Crash),
    ]
}

/// What was asked, to judge the answer.
struct Asked {
    client: u8,
    request: Request,
}

struct Run {
    world: World,
    asked: BTreeMap<CallId, Asked>,
    /// Shadow copies that clients were told of, with their set and share.
    copies: Vec<(Uuid, Uuid, ShareUnc)>,
    /// Per client: the set it works on.
    current: BTreeMap<u8, Uuid>,
    /// Clients that have set a context and not begun a set.
    ready: BTreeSet<u8>,
    /// Copies of sets whose RecoveryComplete succeeded and whose deletion nobody asked for.
    promised: BTreeSet<Uuid>,
}

impl Run {
    fn new() -> Self {
        Self {
            world: World::with(Config::default()),
            asked: BTreeMap::new(),
            copies: Vec::new(),
            current: BTreeMap::new(),
            ready: BTreeSet::new(),
            promised: BTreeSet::new(),
        }
    }

    fn event(&mut self, event: &Event) {
        match *event {
            Event::Call { client, method, timeout, share, pick } => self.call(client, method, timeout, share, pick),
            Event::Step { client, share, pick } => {
                self.call(client, Method::Next, 1_000_000, share, pick);
                self.world.settle();
            }
            Event::Complete { pick, fault } => {
                let pending = self.world.pending.len();
                if pending > 0 {
                    self.world.complete(usize::from(pick) % pending, fault);
                }
            }
            Event::Settle => self.world.settle(),
            Event::Wait { seconds } => self.wait(Duration::from_secs(seconds.into())),
            Event::Crash => {
                self.world.crash();
                self.asked.clear();
                self.current.clear();
                self.ready.clear();
            }
        }
        self.judge();
    }

    fn call(&mut self, client: u8, method: Method, timeout: u32, share: u8, pick: u8) {
        let request = self.request(client, method, timeout, share, pick);
        if let Request::DeleteShareMapping { copy, .. } = &request {
            self.promised.remove(copy);
        }
        let from = ClientAddress::Ip([10, 0, 0, client].into());
        let call = self.world.request(from, request.clone());
        self.asked.insert(call, Asked { client, request });
    }

    /// Time passes, and nothing that runs comes to its end.
    fn wait(&mut self, by: Duration) {
        let until = self.world.now.monotonic + by;
        while let Some(due) = self.world.agent.deadline().filter(|due| *due <= until) {
            self.world.set_clock(due.max(self.world.now.monotonic));
            self.world.input(Input::Tick);
            assert!(self.world.agent.deadline().is_none_or(|next| next > due), "the same deadline again");
        }
        self.world.set_clock(until);
    }

    fn request(&mut self, client: u8, method: Method, timeout: u32, share: u8, pick: u8) -> Request {
        let names = [r"\\a\data", r"\\a\other", r"\\a\more", r"\\a\nothing"];
        let name = names.get(usize::from(share)).copied().unwrap_or_default();
        let share = ShareUnc::parse(name).unwrap();
        let set = self.current.get(&client).copied().unwrap_or(Uuid::from_u128(9));
        let some = self.copies.get(usize::from(pick) % self.copies.len().max(1)).cloned();
        let (old_set, copy, mapped) = some.unwrap_or((set, Uuid::from_u128(8), share.clone()));
        let context = if pick.is_multiple_of(2) { Context::BACKUP } else { Context::NAS_ROLLBACK.with_auto_recovery() };
        let method = match method {
            Method::Next => match self.current.get(&client).and_then(|set| self.world.status(*set)) {
                None if self.ready.contains(&client) => Method::Start,
                None => Method::SetContext,
                Some(Status::Started) => Method::Add,
                Some(Status::Added) if pick.is_multiple_of(4) => Method::Prepare,
                Some(Status::Added | Status::CreationInProgress) => Method::Commit,
                Some(Status::Committed) => Method::Expose,
                Some(Status::Exposed) => Method::Complete,
                Some(Status::Recovered) => Method::SetContext,
            },
            other => other,
        };
        match method {
            Method::Next | Method::SetContext => {
                self.current.remove(&client);
                self.ready.remove(&client);
                Request::SetContext { context }
            }
            Method::Start => Request::StartShadowCopySet,
            Method::Add => Request::AddToShadowCopySet { set, share },
            Method::Prepare => Request::PrepareShadowCopySet { set, timeout },
            Method::Commit => Request::CommitShadowCopySet { set, timeout },
            Method::Expose => Request::ExposeShadowCopySet { set, timeout },
            Method::Complete => Request::RecoveryCompleteShadowCopySet { set },
            Method::Abort => Request::AbortShadowCopySet { set },
            Method::Supported => Request::IsPathSupported { share },
            Method::Copied => Request::IsPathShadowCopied { share },
            Method::Mapping => Request::GetShareMapping { set: old_set, copy, share: mapped },
            Method::Delete => Request::DeleteShareMapping { set: old_set, copy, share: mapped },
        }
    }

    /// Everything that always has to hold.
    fn judge(&mut self) {
        for (call, reply) in std::mem::take(&mut self.world.replies) {
            let stored = self.world.stored.remove(&call).unwrap_or_default();
            let Some(Asked { client, request }) = self.asked.remove(&call) else { continue };
            match reply {
                Ok(reply) => self.succeeded(client, &request, &reply, &stored),
                Err(code) => assert!(codes(&request).contains(&code), "{request:?} answered {code:?}"),
            }
        }
        let unfinished = self.world.agent.sets().filter(|record| record.status != Status::Recovered).count();
        assert!(unfinished <= 1, "{unfinished} sets are being made");
        for copy in &self.promised {
            let kept =
                self.world.disk.values().any(|record| {
                    record.status == Status::Recovered && record.copies.iter().any(|ours| ours.id == *copy)
                });
            assert!(kept, "the record of a set that was completed is gone");
            let made = self.world.snapshots.get(copy);
            assert!(made.is_some_and(|made| made.complete && !made.writable), "its snapshot is gone: {made:?}");
        }
        // What a snapshot is made of is in the store before it is made.
        for made in self.world.snapshots.keys() {
            let known = self.world.disk.values().any(|record| record.copies.iter().any(|copy| copy.id == *made));
            let deleting = self.world.pending.iter().any(|(_, action)| matches!(action, Action::Put { .. }));
            let orphan = self.world.agent.deadline().is_some() || deleting || !self.world.pending.is_empty();
            assert!(known || orphan, "nobody knows of snapshot {made}");
        }
    }

    /// What a client was told is in the store.
    fn succeeded(&mut self, client: u8, request: &Request, reply: &Reply, stored: &BTreeMap<Uuid, SetRecord>) {
        let at_least = |set: &Uuid, status| {
            let stored = stored.get(set).map(|record| record.status);
            assert!(stored >= Some(status), "{request:?} succeeded, and the store says {stored:?}");
        };
        match (request, reply) {
            (Request::SetContext { .. }, Reply::Done) => self.ready.extend([client]),
            (_, &Reply::Set(set)) => {
                self.ready.remove(&client);
                at_least(&set, Status::Started);
                self.current.insert(client, set);
            }
            (Request::AddToShadowCopySet { set, share }, &Reply::Copy(copy)) => {
                at_least(set, Status::Added);
                self.copies.push((*set, copy, share.clone()));
            }
            (Request::CommitShadowCopySet { set, .. }, Reply::Done) => at_least(set, Status::Committed),
            (Request::ExposeShadowCopySet { set, .. }, Reply::Done) => at_least(set, Status::Exposed),
            (Request::RecoveryCompleteShadowCopySet { set }, Reply::Done) => {
                at_least(set, Status::Recovered);
                let record = stored.get(set).unwrap();
                let untouched = record.copies.iter().filter(|copy| copy.mappings.iter().all(|it| !it.deleting));
                let asked = &self.asked;
                let promised: Vec<Uuid> = untouched
                    .map(|copy| copy.id)
                    .filter(|id| {
                        !asked
                            .values()
                            .any(|it| matches!(&it.request, Request::DeleteShareMapping { copy, .. } if copy == id))
                    })
                    .collect();
                self.promised.extend(promised);
            }
            (Request::AbortShadowCopySet { set }, Reply::Done) => assert!(!stored.contains_key(set)),
            _ => {}
        }
    }

    /// Lets everything come to its end without failures, and time pass.
    fn end(&mut self) {
        self.world.settle();
        self.judge();
        self.world.advance(Duration::from_secs(4000));
        self.judge();
        assert!(self.asked.is_empty(), "calls without an answer");
        assert_eq!(self.world.agent.deadline(), None);
        assert!(self.world.agent.sets().all(|record| record.status == Status::Recovered));
        self.world.assert_no_orphans();
    }
}

/// What a method may answer (its table, what its text says, and what providers and the store say).
fn codes(request: &Request) -> Vec<HResult> {
    let outside = [E_DISK_FULL, HResult::E_FAIL, FSRVP_E_WAIT_FAILED, FSRVP_E_OBJECT_NOT_FOUND];
    let set = [FSRVP_E_BAD_STATE, FSRVP_E_SHADOWCOPYSET_ID_MISMATCH, HResult::E_INVALIDARG];
    let own: &[HResult] = match request {
        Request::SetContext { .. } => &[FSRVP_E_SHADOW_COPY_SET_IN_PROGRESS],
        Request::StartShadowCopySet => &[FSRVP_E_BAD_STATE, FSRVP_E_SHADOW_COPY_SET_IN_PROGRESS],
        Request::AddToShadowCopySet { .. } => &[FSRVP_E_NOT_SUPPORTED, FSRVP_E_OBJECT_ALREADY_EXISTS],
        Request::CommitShadowCopySet { .. } => &[FSSAGENT_E_TIMEOUT],
        Request::ExposeShadowCopySet { .. } | Request::PrepareShadowCopySet { .. } => &[FSRVP_E_WAIT_TIMEOUT],
        _ => &[],
    };
    let with_set = match request {
        Request::SetContext { .. } | Request::StartShadowCopySet => &[][..],
        Request::IsPathSupported { .. } | Request::IsPathShadowCopied { .. } => &[][..],
        _ => &set[..],
    };
    outside.iter().chain(own).chain(with_set).copied().collect()
}

fn play(events: &[Event]) -> World {
    let mut run = Run::new();
    events.iter().for_each(|event| run.event(event));
    run.end();
    run.world
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn whatever_happens_promises_are_kept_and_nothing_is_left_behind(events in prop::collection::vec(events(), 1..60)) {
        play(&events);
    }

    #[test]
    fn after_a_start_nothing_is_there_that_belongs_to_no_set(events in prop::collection::vec(events(), 1..60)) {
        let mut run = Run::new();
        events.iter().for_each(|event| run.event(event));
        run.event(&Event::Crash);
        run.event(&Event::Settle);
        prop_assert!(run.world.agent.is_clean(run.world.now));
        run.world.assert_no_orphans();
        prop_assert!(run.world.agent.sets().all(|record| record.status == Status::Recovered));
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn the_same_inputs_give_the_same_outputs(events in prop::collection::vec(events(), 1..60)) {
        prop_assert_eq!(play(&events).log, play(&events).log);
    }
}

#[test]
fn the_random_sequences_reach_what_they_are_to_try() {
    let mut runner = TestRunner::deterministic();
    let sequences = prop::collection::vec(events(), 1..60);
    let (mut completed, mut codes) = (0, BTreeSet::new());
    for _ in 0..500 {
        let mut run = Run::new();
        sequences.new_tree(&mut runner).unwrap().current().iter().for_each(|event| run.event(event));
        completed += usize::from(!run.promised.is_empty());
        run.end();
        let replies = run.world.log.iter().flat_map(|output| &output.replies);
        codes.extend(replies.filter_map(|(_, reply)| reply.as_ref().err().map(|code| code.0)));
    }
    assert!(completed > 50, "{completed} of 500 sequences complete a set");
    for code in [
        FSRVP_E_SHADOW_COPY_SET_IN_PROGRESS,
        FSRVP_E_BAD_STATE,
        FSRVP_E_OBJECT_ALREADY_EXISTS,
        FSRVP_E_OBJECT_NOT_FOUND,
        FSRVP_E_SHADOWCOPYSET_ID_MISMATCH,
        FSRVP_E_WAIT_TIMEOUT,
        FSSAGENT_E_TIMEOUT,
        FSRVP_E_WAIT_FAILED,
        E_DISK_FULL,
        HResult::E_INVALIDARG,
    ] {
        assert!(codes.contains(&code.0), "no sequence comes to {code:?}");
    }
}

/// As many cases as PROPTEST_CASES says, or these.
fn cases(default: u32) -> ProptestConfig {
    let chosen = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { cases: chosen.unwrap_or(default), ..ProptestConfig::default() }
}
