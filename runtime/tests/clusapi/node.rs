//! A node for tests: the cluster's state machine in memory, with hosts that answer on command, time
//! that passes on command, and a store that can be told to fail.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard},
    task::Poll,
    time::Duration,
};

use msrpc_cluster::cluster::{
    machine::{CallId, Cluster, Command, HostAction, HostCall, Outcome, Output, Reply},
    node::{About, Node},
    notify::{BatchHub, BatchPortId, Hub, Indication, PortError, PortId, PortVersion, Ticket, Waiting},
    objects::Kind,
    registry::{Name, Registry},
    state::ServerState,
};
use msrpc_ndr::{Bytes, Win32Error};
use uuid::Uuid;

use crate::world::formed;

/// What a resource's host does when it is asked for something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Host {
    /// What it is asked, at once.
    #[default]
    Obeys,
    /// Nothing, until [`TestNode::answer`].
    Hangs,
    /// It cannot, at once.
    Fails(u32),
}

#[derive(Clone, Debug)]
pub(crate) struct TestNode(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    about: About,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    cluster: Cluster,
    now: u64,
    next: u64,
    /// What the store answers instead of keeping a change.
    store_fails: Option<Win32Error>,
    /// By resource name.
    hosts: BTreeMap<String, Host>,
    hanging: Vec<HostCall>,
    /// Waits that are over.
    answers: BTreeMap<Ticket, Result<Vec<Indication>, PortError>>,
    batches: BTreeMap<Ticket, Option<Bytes>>,
}

const SECOND: u64 = 10_000_000;

impl TestNode {
    /// A node that accepts everything.
    pub(crate) fn new() -> Self {
        let about = About { version: (10, 0, 1), vendor: "test".into(), domain: "example.com".into() };
        let cluster = Cluster::new(formed(), "1".parse_name());
        let state = State {
            cluster,
            now: SECOND,
            next: 1000,
            store_fails: None,
            hosts: BTreeMap::new(),
            hanging: Vec::new(),
            answers: BTreeMap::new(),
            batches: BTreeMap::new(),
        };
        let node = Self(Arc::new(Inner { about, state: Mutex::new(state) }));
        node.command(Command::SetServerState(ServerState::ReadWrite)).unwrap();
        node.command(Command::NodeSeen("2".parse_name(), msrpc_cluster::cluster::state::NodeState::Up)).unwrap();
        node
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    pub(crate) fn see<T>(&self, see: impl FnOnce(&Cluster) -> T) -> T {
        see(&self.state().cluster)
    }

    pub(crate) fn registry(&self) -> Registry {
        self.see(|cluster| cluster.registry().clone())
    }

    pub(crate) fn command(&self, command: Command) -> Outcome {
        self.state().command(command)
    }

    pub(crate) fn set_state(&self, state: ServerState) {
        self.command(Command::SetServerState(state)).unwrap();
    }

    /// What the store does with changes from now on.
    pub(crate) fn store_fails(&self, code: Option<Win32Error>) {
        self.state().store_fails = code;
    }

    pub(crate) fn host(&self, resource: &str, host: Host) {
        self.state().hosts.insert(resource.to_owned(), host);
    }

    /// Lets the host of a resource answer what it was asked last.
    pub(crate) fn answer(&self, resource: &str, result: Result<(), u32>) {
        let call = {
            let mut state = self.state();
            let id = state.id(resource);
            let at = state.hanging.iter().rposition(|call| call.resource == id);
            let at = at.unwrap_or_else(|| panic!("the host of {resource} was asked nothing"));
            state.hanging.remove(at).call
        };
        self.command(Command::HostDone { call, result }).unwrap();
    }

    /// The running instance of a resource does not work any more.
    pub(crate) fn break_down(&self, resource: &str) {
        let call: CallId = {
            let state = self.state();
            let id = state.id(resource);
            state.cluster.volatile().resources[&id].call.expect("it runs")
        };
        self.command(Command::HostFailed { call, error: 1 }).unwrap();
    }

    /// Time passes.
    pub(crate) fn advance(&self, seconds: u64) {
        self.state().now += seconds * SECOND;
        self.command(Command::Tick).unwrap();
    }
}

impl State {
    fn id(&self, resource: &str) -> Name {
        let object = self.cluster.objects().by_name(Kind::Resource, &resource.parse_name());
        object.unwrap_or_else(|| panic!("no resource {resource}")).id.clone()
    }

    fn command(&mut self, command: Command) -> Outcome {
        let before = self.store_fails.is_some().then(|| self.cluster.registry().clone());
        let reply = self.cluster.apply(command, self.now);
        let mut output = self.cluster.take_output();
        if let (Some(code), Some(before), false) = (self.store_fails, before, output.changes.is_empty()) {
            self.cluster.restore(before);
            return Err(code);
        }
        loop {
            let Output { hosts, answers, batches, .. } = output;
            self.answers.extend(answers.into_iter().map(|(ticket, told)| (ticket, Ok(told))));
            self.batches.extend(batches.into_iter().map(|(ticket, batch)| (ticket, Some(batch))));
            if hosts.is_empty() {
                return reply;
            }
            for call in hosts {
                self.ask(call);
            }
            output = self.cluster.take_output();
        }
    }

    fn ask(&mut self, call: HostCall) {
        let name = self.cluster.objects().by_id(Kind::Resource, &call.resource).map(|it| it.name.to_string());
        let host = name.and_then(|name| self.hosts.get(&name).copied()).unwrap_or_default();
        let result = match (host, call.action) {
            (Host::Hangs, HostAction::Online | HostAction::Offline) => {
                self.hanging.push(call);
                return;
            }
            (Host::Fails(code), HostAction::Online | HostAction::Offline) => Err(code),
            _ => Ok(()),
        };
        self.cluster.apply(Command::HostDone { call: call.call, result }, self.now).unwrap();
    }

    fn ticket(&mut self) -> Ticket {
        self.next += 1;
        Ticket(self.next)
    }
}

/// A client that waits at a port, and is forgotten when it goes away.
struct Wait<F: Fn(&mut State, Ticket)> {
    node: TestNode,
    ticket: Option<Ticket>,
    forget: F,
}

impl<F: Fn(&mut State, Ticket)> Drop for Wait<F> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            (self.forget)(&mut self.node.state(), ticket);
        }
    }
}

impl Node for TestNode {
    async fn look<T: Send>(&self, look: impl FnOnce(&Cluster) -> Outcome<T> + Send) -> Outcome<T> {
        self.see(look)
    }

    async fn apply(&self, command: Command) -> Outcome<Reply> {
        self.command(command)
    }

    /// Hosts that obey have answered already, and the others do not in any time that a call waits.
    async fn settle(&self, _limit: Duration, wanted: impl Fn(&Cluster) -> bool + Send + Sync) -> bool {
        self.see(wanted)
    }

    fn accepts(&self, changes: bool) -> Outcome<()> {
        self.see(|cluster| cluster.accepts(changes))
    }

    fn ports<T>(&self, work: impl FnOnce(&mut Hub) -> T) -> T {
        work(self.state().cluster.ports())
    }

    fn batch_ports<T>(&self, work: impl FnOnce(&mut BatchHub) -> T) -> T {
        work(self.state().cluster.batch_ports())
    }

    fn indications(
        &self,
        port: PortId,
        version: PortVersion,
        most: usize,
    ) -> impl Future<Output = Result<Vec<Indication>, PortError>> + Send {
        let mut wait = Wait {
            node: self.clone(),
            ticket: None,
            forget: move |state, ticket| {
                state.answers.remove(&ticket);
                state.cluster.ports().forget(port, ticket);
            },
        };
        std::future::poll_fn(move |_| {
            let mut state = wait.node.state();
            if let Some(ticket) = wait.ticket {
                return state.answers.remove(&ticket).map_or(Poll::Pending, Poll::Ready);
            }
            let new = state.ticket();
            match state.cluster.ports().take(port, version, new, most) {
                Ok(Waiting::Ready(told)) => Poll::Ready(Ok(told)),
                Ok(Waiting::Later) => {
                    drop(state);
                    wait.ticket = Some(new);
                    Poll::Pending
                }
                Err(error) => Poll::Ready(Err(error)),
            }
        })
    }

    fn push_indication(&self, port: PortId, indication: Indication) -> Result<(), PortError> {
        let mut state = self.state();
        if let Some((ticket, told)) = state.cluster.ports().push(port, indication)? {
            state.answers.insert(ticket, Ok(told));
        }
        Ok(())
    }

    fn close_port(&self, port: PortId) {
        let mut state = self.state();
        let tickets = state.cluster.ports().close(port);
        state.answers.extend(tickets.into_iter().map(|ticket| (ticket, Err(PortError::Closed))));
    }

    fn unblock_port(&self, port: PortId) -> Result<(), PortError> {
        let mut state = self.state();
        let tickets = state.cluster.ports().unblock(port)?;
        state.answers.extend(tickets.into_iter().map(|ticket| (ticket, Err(PortError::Unblocked))));
        Ok(())
    }

    fn batch(&self, port: BatchPortId) -> impl Future<Output = Option<Bytes>> + Send {
        let mut wait = Wait {
            node: self.clone(),
            ticket: None,
            forget: move |state, ticket| {
                state.batches.remove(&ticket);
                state.cluster.batch_ports().forget(port, ticket);
            },
        };
        std::future::poll_fn(move |_| {
            let mut state = wait.node.state();
            if let Some(ticket) = wait.ticket {
                return state.batches.remove(&ticket).map_or(Poll::Pending, Poll::Ready);
            }
            let new = state.ticket();
            match state.cluster.batch_ports().take(port, new) {
                Some(Some(batch)) => Poll::Ready(Some(batch)),
                Some(None) => {
                    drop(state);
                    wait.ticket = Some(new);
                    Poll::Pending
                }
                None => Poll::Ready(None),
            }
        })
    }

    fn close_batch_port(&self, port: BatchPortId) {
        let mut state = self.state();
        let tickets = state.cluster.batch_ports().close(port);
        state.batches.extend(tickets.into_iter().map(|ticket| (ticket, None)));
    }

    fn new_id(&self) -> Name {
        let mut state = self.state();
        state.next += 1;
        Uuid::from_u128(state.next.into()).to_string().as_str().parse_name()
    }

    fn about(&self) -> &About {
        &self.0.about
    }
}

/// Names from texts of the tests.
pub(crate) trait ParseName {
    fn parse_name(&self) -> Name;
}

impl ParseName for str {
    fn parse_name(&self) -> Name {
        Name::of_value(&self.into()).expect("a name")
    }
}
