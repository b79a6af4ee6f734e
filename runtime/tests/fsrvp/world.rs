//! The world outside of the state machine, in simulated time: shares, snapshots, a store, and what
//! can go wrong with them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use msrpc_cluster::fsrvp::{
    FileTime,
    ports::{Compatibility, FileStore, Share, Snapshot},
    server::{
        Action, Agent, CallId, ClientAddress, Config, Effect, Failure, Found, Input, Now, OpId, Outcome, Output, Reply,
        Request, SetRecord, Status,
    },
};
use msrpc_ndr::HResult;
use uuid::Uuid;

/// What an action is, without its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    LookUp,
    Put,
    Prepare,
    Commit,
    Expose,
    MakeReadOnly,
    Delete,
}

pub(crate) fn kind(action: &Action) -> Kind {
    match action {
        Action::LookUp { .. } => Kind::LookUp,
        Action::Put { .. } => Kind::Put,
        Action::Prepare(_) => Kind::Prepare,
        Action::Commit { .. } => Kind::Commit,
        Action::Expose(_) => Kind::Expose,
        Action::MakeReadOnly(_) => Kind::MakeReadOnly,
        Action::Delete { .. } => Kind::Delete,
    }
}

/// A share of the file server.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    pub(crate) name: &'static str,
    pub(crate) volume: Option<&'static str>,
    pub(crate) has_mounts: bool,
}

/// A snapshot outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) snapshot: Snapshot,
    pub(crate) complete: bool,
    pub(crate) writable: bool,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) agent: Agent,
    pub(crate) config: Config,
    pub(crate) now: Now,
    pub(crate) bases: Vec<Base>,
    pub(crate) compatibility: Compatibility,
    pub(crate) snapshots: BTreeMap<Uuid, Made>,
    /// Exposed shares and whether they can be written to.
    pub(crate) exposed: BTreeMap<String, bool>,
    /// The store.
    pub(crate) disk: BTreeMap<Uuid, SetRecord>,
    /// Actions that fail, until further notice.
    pub(crate) faults: BTreeMap<Kind, Failure>,
    /// Actions that do not come to an end by themselves.
    pub(crate) held: BTreeSet<Kind>,
    pub(crate) pending: Vec<(OpId, Action)>,
    pub(crate) replies: BTreeMap<CallId, Result<Reply, HResult>>,
    /// What the store held when each reply was given.
    pub(crate) stored: BTreeMap<CallId, BTreeMap<Uuid, SetRecord>>,
    /// All outputs, to be compared between runs.
    pub(crate) log: Vec<Output>,
    next_call: u64,
    next_id: u128,
}

impl World {
    pub(crate) fn with(config: Config) -> Self {
        let base = |name, volume| Base { name, volume, has_mounts: false };
        Self {
            agent: Agent::new(config.clone()),
            config,
            now: Now { monotonic: Duration::from_secs(1), wall: FileTime(133_000_000_000_000_000) },
            bases: vec![
                base("data", Some("vol1")),
                base("more", Some("vol1")),
                base("other", Some("vol2")),
                base("hidden$", Some("vol3")),
                base("tmp", None),
                Base { has_mounts: true, ..base("mounted", Some("vol4")) },
            ],
            compatibility: Compatibility::default(),
            snapshots: BTreeMap::new(),
            exposed: BTreeMap::new(),
            disk: BTreeMap::new(),
            faults: BTreeMap::new(),
            held: BTreeSet::new(),
            pending: Vec::new(),
            replies: BTreeMap::new(),
            stored: BTreeMap::new(),
            log: Vec::new(),
            next_call: 0,
            next_id: 0,
        }
    }

    /// A GUID that nobody else has.
    pub(crate) fn fresh(&mut self) -> Uuid {
        self.next_id += 1;
        Uuid::from_u128(0xf5f5_0000_0000_4000_8000_0000_0000_0000 + self.next_id)
    }

    pub(crate) fn request(&mut self, from: ClientAddress, request: Request) -> CallId {
        let call = CallId(self.next_call);
        self.next_call += 1;
        let fresh = self.fresh();
        self.input(Input::Request { call, from, request, fresh });
        call
    }

    pub(crate) fn input(&mut self, input: Input) {
        let output = self.agent.handle(input, self.now);
        self.take(output);
    }

    fn take(&mut self, output: Output) {
        self.log.push(output.clone());
        for (call, reply) in output.replies {
            self.stored.insert(call, self.disk.clone());
            assert!(self.replies.insert(call, reply).is_none(), "{call:?} is answered twice");
        }
        for effect in output.effects {
            match effect {
                Effect::Run { op, action, .. } => self.pending.push((op, action)),
                Effect::Cancel(op) => {
                    if let Some(index) = self.pending.iter().position(|(pending, _)| *pending == op) {
                        let (_, action) = self.pending.remove(index);
                        self.half(&action);
                    }
                }
            }
        }
    }

    /// Lets everything come to its end that is not held.
    pub(crate) fn settle(&mut self) {
        for _ in 0..10_000 {
            let Some(index) = self.pending.iter().position(|(_, action)| !self.held.contains(&kind(action))) else {
                return;
            };
            let fault = self.pending.get(index).and_then(|(_, action)| self.faults.get(&kind(action)).copied());
            self.complete(index, fault);
        }
        panic!("no end: {:?}", self.pending);
    }

    /// Lets an action come to its end, well or badly.
    pub(crate) fn complete(&mut self, index: usize, fault: Option<Failure>) {
        let (op, action) = self.pending.remove(index);
        let outcome = match fault {
            None => self.whole(action),
            Some(failure) => {
                self.half(&action);
                match action {
                    Action::LookUp { .. } => Outcome::Found(Err(failure)),
                    _ => Outcome::Done(Err(failure)),
                }
            }
        };
        self.input(Input::Completed { op, outcome });
    }

    fn whole(&mut self, action: Action) -> Outcome {
        let missing = Err(Failure::Error(msrpc_cluster::fsrvp::code::FSRVP_E_OBJECT_NOT_FOUND));
        Outcome::Done(match action {
            Action::LookUp { share } => return Outcome::Found(Ok(self.find(&share))),
            Action::Put { set, record } => {
                match record {
                    Some(record) => drop(self.disk.insert(set, *record)),
                    None => drop(self.disk.remove(&set)),
                }
                Ok(())
            }
            Action::Prepare(_) => Ok(()),
            Action::Commit { snapshots, again } => {
                for snapshot in snapshots {
                    let writable = snapshot.writable;
                    let made = Made { snapshot, complete: true, writable };
                    let before = self.snapshots.insert(made.snapshot.id, made);
                    assert!(before.is_none() || again, "made over the rest of another attempt: {before:?}");
                }
                Ok(())
            }
            Action::Expose(record) => {
                let writable = record.is_writable() && record.status != Status::Recovered;
                if !record.copies.iter().all(|copy| self.snapshots.get(&copy.id).is_some_and(|made| made.complete)) {
                    missing
                } else {
                    self.exposed.extend(record.share_names().into_iter().map(|name| (name, writable)));
                    Ok(())
                }
            }
            Action::MakeReadOnly(record) => {
                for name in record.share_names() {
                    self.exposed.entry(name).and_modify(|writable| *writable = false);
                }
                for copy in &record.copies {
                    self.snapshots.entry(copy.id).and_modify(|made| made.writable = false);
                }
                Ok(())
            }
            Action::Delete { shares, snapshots } => {
                self.exposed.retain(|name, _| !shares.contains(name));
                self.snapshots.retain(|id, _| snapshots.iter().all(|snapshot| snapshot.id != *id));
                Ok(())
            }
        })
    }

    /// What an action does that stops half-way.
    pub(crate) fn half(&mut self, action: &Action) {
        match action {
            Action::LookUp { .. } | Action::Prepare(_) | Action::Put { .. } => {}
            Action::Commit { snapshots, .. } => {
                if let Some(snapshot) = snapshots.first() {
                    let made = Made { snapshot: snapshot.clone(), complete: false, writable: true };
                    self.snapshots.insert(snapshot.id, made);
                }
            }
            Action::Expose(record) => {
                if let Some(name) = record.share_names().first() {
                    self.exposed.insert(name.clone(), true);
                }
            }
            Action::MakeReadOnly(record) => {
                if let Some(name) = record.share_names().first() {
                    self.exposed.insert(name.clone(), false);
                }
            }
            Action::Delete { shares, .. } => {
                if let Some(name) = shares.first() {
                    self.exposed.remove(name);
                }
            }
        }
    }

    fn find(&self, name: &str) -> Option<Found> {
        let base = self.bases.iter().find(|base| base.name.eq_ignore_ascii_case(name))?;
        let path: PathBuf = Path::new("/srv").join(base.name);
        Some(Found {
            share: Share { name: base.name.to_owned(), path },
            store: base.volume.map(|volume| FileStore { provider: "sim".to_owned(), volume: volume.to_owned() }),
            compatibility: self.compatibility,
            has_mounts: base.has_mounts,
        })
    }

    /// Moves the clock, and tells the state machine whenever it wants to know.
    pub(crate) fn advance(&mut self, by: Duration) {
        let until = self.now.monotonic + by;
        for _ in 0..100_000 {
            self.settle();
            match self.agent.deadline().filter(|due| *due <= until) {
                None => break,
                Some(due) => {
                    self.set_clock(due.max(self.now.monotonic));
                    self.input(Input::Tick);
                }
            }
        }
        self.set_clock(until);
    }

    pub(crate) fn set_clock(&mut self, to: Duration) {
        let by = to - self.now.monotonic;
        self.now.monotonic = to;
        self.now.wall.0 += i64::try_from(by.as_nanos() / 100).unwrap();
    }

    /// The machine is switched off and on again: what was under way stops half-way.
    pub(crate) fn crash(&mut self) {
        for (_, action) in std::mem::take(&mut self.pending) {
            self.half(&action);
        }
        let records = self.disk.values().cloned().collect();
        let (agent, output) = Agent::restore(self.config.clone(), records, self.now);
        self.agent = agent;
        self.take(output);
        let snapshots = self.snapshots.values().map(|made| made.snapshot.clone()).collect();
        let shares = self.exposed.keys().cloned().collect();
        let output = self.agent.swept(snapshots, Some(shares), self.now);
        self.take(output);
    }

    pub(crate) fn status(&self, set: Uuid) -> Option<Status> {
        self.agent.sets().find(|record| record.id == set).map(|record| record.status)
    }

    /// Whether nothing is outside that belongs to no set, and nothing in the store.
    pub(crate) fn assert_no_orphans(&self) {
        let copies: BTreeSet<Uuid> = self.agent.sets().flat_map(|record| &record.copies).map(|copy| copy.id).collect();
        let shares: BTreeSet<String> = self.agent.sets().flat_map(SetRecord::share_names).collect();
        let sets: BTreeSet<Uuid> = self.agent.sets().map(|record| record.id).collect();
        for id in self.snapshots.keys() {
            assert!(copies.contains(id), "snapshot {id} belongs to no set");
        }
        for name in self.exposed.keys() {
            assert!(shares.contains(name), "share {name} belongs to no set");
        }
        for id in self.disk.keys() {
            assert!(sets.contains(id), "record {id} is of no set");
        }
    }
}
