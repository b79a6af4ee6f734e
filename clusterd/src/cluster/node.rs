//! The node: drives the cluster's state machine on a store, on resource hosts and on the clock.
//!
//! One lock guards the state machine, which never waits. What a command puts out goes, in the order
//! of the commands, to the keeper: it waits until the changes are kept, and only then
//! are hosts asked, waiting clients answered, and the command's caller told.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use msrpc_cluster::cluster::{
    machine::{Cluster, Command, HostCall, Outcome, Output, Reply},
    node::{About, Node},
    notify::{BatchHub, BatchPortId, Hub, Indication, PortError, PortId, PortVersion, Ticket, Waiting},
    registry::Name,
    state::ServerState,
    store::{ClusterStore, Loaded, Revision},
};
use msrpc_ndr::{Bytes, FILETIME_TO_UNIX, Win32Error};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout_at},
};
use uuid::Uuid;

use super::keeper::{Item, Keeper};

/// Where host calls go. The cluster is passed for what its registry says of the resource.
pub trait HostPort: Send + Sync + 'static {
    /// Asks a resource's host for something. The answer comes as [`Command::HostDone`].
    fn call(&self, call: HostCall, cluster: &Cluster);

    /// Lets a resource go that is no more.
    fn close(&self, resource: &Name);
}

/// A node that runs. Cloning is cheap; all clones are the same node.
#[derive(Clone)]
pub struct ClusterNode {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    state: Mutex<State>,
    /// Goes up whenever something may have changed.
    changed: watch::Sender<u64>,
    /// Up to which item everything is kept, and which items were lost last.
    kept: watch::Sender<Kept>,
    store: Arc<dyn ClusterStore>,
    hosts: Box<dyn HostPort>,
    about: About,
    began: (Instant, u64),
}

/// How far the keeper has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kept {
    /// The last item that is settled, kept or lost.
    pub(super) up_to: u64,
    /// The items that were lost when a store last refused, and the code for it.
    pub(super) lost: Option<(u64, u64, Win32Error)>,
}

/// What follows from a command once its changes are kept.
#[derive(Debug, Default)]
pub(super) struct Follows {
    pub(super) hosts: Vec<HostCall>,
    pub(super) closed: Vec<Name>,
    pub(super) answers: Vec<(Ticket, Vec<Indication>)>,
    pub(super) batches: Vec<(Ticket, Bytes)>,
}

/// What the lock guards.
pub(super) struct State {
    pub(super) cluster: Cluster,
    /// The revision that the store is at when everything so far is kept.
    pub(super) base: Revision,
    /// The number of the last item.
    pub(super) last: u64,
    /// Why nothing is taken at the moment: the store refused something, and is being read again.
    pub(super) refusing: Option<Win32Error>,
    items: mpsc::UnboundedSender<Item>,
    waiting: HashMap<Ticket, oneshot::Sender<Result<Vec<Indication>, PortError>>>,
    waiting_batches: HashMap<Ticket, oneshot::Sender<Bytes>>,
    next_ticket: u64,
}

impl ClusterNode {
    /// A node on what was loaded from a store, which accepts everything from now on. Hosts send
    /// what they have to say through `events`.
    pub async fn start(
        store: Arc<dyn ClusterStore>,
        loaded: Loaded,
        local: Name,
        hosts: Box<dyn HostPort>,
        mut events: mpsc::UnboundedReceiver<Command>,
        about: About,
    ) -> Self {
        let (items, inbox) = mpsc::unbounded_channel();
        let state = State {
            cluster: Cluster::new(loaded.registry, local),
            base: loaded.revision,
            last: 0,
            refusing: None,
            items,
            waiting: HashMap::new(),
            waiting_batches: HashMap::new(),
            next_ticket: 0,
        };
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = u64::try_from((wall + FILETIME_TO_UNIX).as_nanos() / 100).unwrap_or(u64::MAX);
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: watch::Sender::new(0),
            kept: watch::Sender::new(Kept::default()),
            store,
            hosts,
            about,
            began: (Instant::now(), wall),
        });
        tokio::spawn(Keeper::new(Arc::downgrade(&shared), inbox).run());
        let node = Self { shared };
        let (weak, mut changed) = (Arc::downgrade(&node.shared), node.shared.changed.subscribe());
        tokio::spawn(async move {
            loop {
                let Some(due) = weak.upgrade().map(|shared| shared.due()) else { return };
                let tick = async {
                    match due {
                        Some(due) => tokio::time::sleep_until(due).await,
                        None => std::future::pending().await,
                    }
                };
                let command = tokio::select! {
                    event = events.recv() => match event {
                        Some(event) => Some(event),
                        None => return,
                    },
                    () = tick => Some(Command::Tick),
                    changed = changed.changed() => match changed {
                        Ok(()) => None,
                        Err(_) => return,
                    },
                };
                if let Some(command) = command {
                    let Some(shared) = weak.upgrade() else { return };
                    // What a host says counts, whatever becomes of the store meanwhile.
                    let mut kept = shared.kept.subscribe();
                    while shared.is_refusing() && kept.changed().await.is_ok() {}
                    // Nobody waits for it to be kept: what it leads to is told when it is.
                    drop(shared.command(command));
                }
            }
        });
        let _ready = node.apply(Command::SetServerState(ServerState::ReadWrite)).await;
        node
    }

    /// Takes no more requests, and answers all who wait for notifications that the node ends, so that
    /// they ask another. Resources begin to go offline.
    pub fn refuse(&self) {
        drop(self.shared.command(Command::SetServerState(ServerState::ShuttingDown)));
        let mut state = self.shared.lock();
        let tickets = state.waiting.keys().copied().collect();
        self.shared.end_waits(&mut state, tickets, PortError::ShuttingDown);
        state.waiting_batches.clear();
    }

    /// Takes no more requests, and takes all resources offline in the order of their dependencies;
    /// what is not down within the limit is ended at once. What they were commanded to be stays.
    pub async fn stop(&self, limit: Duration) {
        self.refuse();
        let down = |cluster: &Cluster| cluster.volatile().resources.values().all(|resource| resource.state.is_down());
        if !self.settle(limit, down).await {
            tracing::warn!(?limit, "not all resources went offline in time; they are ended");
            let mut state = self.shared.lock();
            state.cluster.terminate_all();
            let output = state.cluster.take_output();
            self.shared.put_out(&mut state, output, None);
        }
        let _kept = self.look(|_| Ok(())).await;
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn store(&self) -> &Arc<dyn ClusterStore> {
        &self.store
    }

    /// The time for the state machine. It never jumps, whatever becomes of the system's clock.
    fn now(&self) -> u64 {
        let (instant, wall) = self.began;
        wall.saturating_add(u64::try_from(instant.elapsed().as_nanos() / 100).unwrap_or(u64::MAX))
    }

    /// When the state machine wants to be asked again.
    fn due(&self) -> Option<Instant> {
        let deadline = self.lock().cluster.next_deadline()?;
        let (instant, wall) = self.began;
        Some(instant + Duration::from_nanos(deadline.saturating_sub(wall).saturating_mul(100)))
    }

    fn is_refusing(&self) -> bool {
        self.lock().refusing.is_some()
    }

    /// Carries out a command, and hands on what it puts out. The receiver tells when that is kept.
    pub(super) fn command(&self, command: Command) -> Outcome<(Reply, oneshot::Receiver<Outcome<()>>)> {
        let (done, kept) = oneshot::channel();
        let reply = {
            let mut state = self.lock();
            if let Some(code) = state.refusing {
                return Err(code);
            }
            let reply = state.cluster.apply(command, self.now());
            let output = state.cluster.take_output();
            self.put_out(&mut state, output, Some(done));
            reply?
        };
        self.changed.send_modify(|count| *count += 1);
        Ok((reply, kept))
    }

    /// Hands on what a command has put out. Where nothing has to be kept or waited for, at once.
    fn put_out(&self, state: &mut State, output: Output, done: Option<oneshot::Sender<Outcome<()>>>) {
        let Output { changes, hosts, closed, answers, batches } = output;
        let follows = Follows { hosts, closed, answers, batches };
        if changes.is_empty() && self.kept.borrow().up_to == state.last {
            self.carry_out(state, follows);
            if let Some(done) = done {
                let _nobody = done.send(Ok(()));
            }
            return;
        }
        let committing = (!changes.is_empty()).then(|| {
            let committing = self.store.commit(state.base, changes);
            state.base = state.base.next();
            committing
        });
        state.last += 1;
        let item = Item { number: state.last, committing, follows, done };
        let _keeper_lives_as_long = state.items.send(item);
    }

    /// Does what may be done once everything before is kept.
    pub(super) fn carry_out(&self, state: &mut State, follows: Follows) {
        let Follows { hosts, closed, answers, batches } = follows;
        for call in hosts {
            self.hosts.call(call, &state.cluster);
        }
        for resource in &closed {
            self.hosts.close(resource);
        }
        for (ticket, indications) in answers {
            if let Some(waiting) = state.waiting.remove(&ticket) {
                let _gone = waiting.send(Ok(indications));
            }
        }
        for (ticket, batch) in batches {
            if let Some(waiting) = state.waiting_batches.remove(&ticket) {
                let _gone = waiting.send(batch);
            }
        }
    }

    /// Says how far things are settled.
    pub(super) fn settled(&self, change: impl FnOnce(&mut Kept)) {
        self.kept.send_modify(change);
        self.changed.send_modify(|count| *count += 1);
    }

    /// Answers all that wait with these tickets.
    fn end_waits(&self, state: &mut State, tickets: Vec<Ticket>, why: PortError) {
        for ticket in tickets {
            if let Some(waiting) = state.waiting.remove(&ticket) {
                let _gone = waiting.send(Err(why));
            }
        }
    }

    /// Ends waits at batch ports without an answer.
    pub(super) fn end_batch_waits(&self, tickets: impl Iterator<Item = Ticket>) {
        let mut state = self.lock();
        tickets.for_each(|ticket| drop(state.waiting_batches.remove(&ticket)));
    }

    /// Waits until all up to an item is kept.
    async fn wait_kept(&self, number: u64) -> Outcome<()> {
        let mut kept = self.kept.subscribe();
        let Ok(kept) = kept.wait_for(|kept| kept.up_to >= number).await else {
            return Err(Win32Error::ERROR_SHARING_PAUSED);
        };
        match kept.lost {
            Some((from, to, code)) if (from..=to).contains(&number) => Err(code),
            _ => Ok(()),
        }
    }
}

/// Forgets a client that waits at a port and has gone away.
struct Wait<'a, P: Copy> {
    shared: &'a Shared,
    port: P,
    ticket: Ticket,
    forget: fn(&mut State, P, Ticket),
}

impl<P: Copy> Drop for Wait<'_, P> {
    fn drop(&mut self) {
        (self.forget)(&mut self.shared.lock(), self.port, self.ticket);
    }
}

impl State {
    fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }
}

impl Node for ClusterNode {
    async fn look<T: Send>(&self, look: impl FnOnce(&Cluster) -> Outcome<T> + Send) -> Outcome<T> {
        let (seen, last) = {
            let state = self.shared.lock();
            if let Some(code) = state.refusing {
                return Err(code);
            }
            (look(&state.cluster), state.last)
        };
        if self.shared.kept.borrow().up_to < last {
            self.shared.wait_kept(last).await?;
        }
        seen
    }

    async fn apply(&self, command: Command) -> Outcome<Reply> {
        let (reply, kept) = self.shared.command(command)?;
        kept.await.unwrap_or(Err(Win32Error::ERROR_SHARING_PAUSED))?;
        Ok(reply)
    }

    async fn settle(&self, limit: Duration, wanted: impl Fn(&Cluster) -> bool + Send + Sync) -> bool {
        let mut changed = self.shared.changed.subscribe();
        let deadline = Instant::now() + limit;
        loop {
            if wanted(&self.shared.lock().cluster) {
                return true;
            }
            if !matches!(timeout_at(deadline, changed.changed()).await, Ok(Ok(()))) {
                return wanted(&self.shared.lock().cluster);
            }
        }
    }

    fn accepts(&self, changes: bool) -> Outcome<()> {
        self.shared.lock().cluster.accepts(changes)
    }

    fn ports<T>(&self, work: impl FnOnce(&mut Hub) -> T) -> T {
        work(self.shared.lock().cluster.ports())
    }

    fn batch_ports<T>(&self, work: impl FnOnce(&mut BatchHub) -> T) -> T {
        work(self.shared.lock().cluster.batch_ports())
    }

    async fn indications(&self, port: PortId, version: PortVersion, most: usize) -> Result<Vec<Indication>, PortError> {
        let (answer, answered) = oneshot::channel();
        let (ready, last, ticket) = {
            let mut state = self.shared.lock();
            let ticket = state.ticket();
            let ready = match state.cluster.ports().take(port, version, ticket, most)? {
                Waiting::Ready(ready) => Some(ready),
                Waiting::Later => {
                    state.waiting.insert(ticket, answer);
                    None
                }
            };
            (ready, state.last, ticket)
        };
        if let Some(ready) = ready {
            // What is told is kept first. If it is lost the client learns of something that it will
            // not find, as if it had been undone.
            let _kept = self.shared.wait_kept(last).await;
            return Ok(ready);
        }
        let _wait = Wait {
            shared: &self.shared,
            port,
            ticket,
            forget: |state, port, ticket| {
                state.waiting.remove(&ticket);
                state.cluster.ports().forget(port, ticket);
            },
        };
        answered.await.unwrap_or(Err(PortError::Closed))
    }

    fn push_indication(&self, port: PortId, indication: Indication) -> Result<(), PortError> {
        let mut state = self.shared.lock();
        if let Some((ticket, indications)) = state.cluster.ports().push(port, indication)?
            && let Some(waiting) = state.waiting.remove(&ticket)
        {
            let _gone = waiting.send(Ok(indications));
        }
        Ok(())
    }

    fn close_port(&self, port: PortId) {
        let mut state = self.shared.lock();
        let tickets = state.cluster.ports().close(port);
        self.shared.end_waits(&mut state, tickets, PortError::Closed);
    }

    fn unblock_port(&self, port: PortId) -> Result<(), PortError> {
        let mut state = self.shared.lock();
        let tickets = state.cluster.ports().unblock(port)?;
        self.shared.end_waits(&mut state, tickets, PortError::Unblocked);
        Ok(())
    }

    async fn batch(&self, port: BatchPortId) -> Option<Bytes> {
        let (answer, answered) = oneshot::channel();
        let (ready, last, ticket) = {
            let mut state = self.shared.lock();
            let ticket = state.ticket();
            let ready = state.cluster.batch_ports().take(port, ticket)?;
            if ready.is_none() {
                state.waiting_batches.insert(ticket, answer);
            }
            (ready, state.last, ticket)
        };
        if let Some(ready) = ready {
            let _kept = self.shared.wait_kept(last).await;
            return Some(ready);
        }
        let _wait = Wait {
            shared: &self.shared,
            port,
            ticket,
            forget: |state, port, ticket| {
                state.waiting_batches.remove(&ticket);
                state.cluster.batch_ports().forget(port, ticket);
            },
        };
        answered.await.ok()
    }

    fn close_batch_port(&self, port: BatchPortId) {
        let mut state = self.shared.lock();
        for ticket in state.cluster.batch_ports().close(port) {
            state.waiting_batches.remove(&ticket);
        }
    }

    fn new_id(&self) -> Name {
        Name::of_value(&Uuid::new_v4().to_string().as_str().into()).unwrap_or_default()
    }

    fn about(&self) -> &About {
        &self.shared.about
    }
}
