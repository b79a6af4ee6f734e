//! Making shadow copies: the sequence of \[MS-FSRVP\] 3.2.4.2 to 3.2.4.6, and what is done when it breaks.

use std::{pin::Pin, sync::Arc};

use uuid::Uuid;

use super::{
    Agent, Cause, Connector, CreateRequest, Fate, Leftover, MethodError, Progress, SetStatus, ShadowCopy,
    ShadowCopySet, SnapshotClient, SnapshotError, Step, Target,
    cancel::{despite, is_ready, unless},
    snapshots::{Failed, failed},
    values::normalized,
};
use crate::fsrvp::{FileTime, ShareUnc, code};

/// Exposed shadow copies that wait to be completed: see [`SnapshotClient::expose`].
///
/// Dropping it sends nothing; the server removes the copies within 30 minutes unless they are
/// [completed](SnapshotClient::complete) by then.
#[must_use = "shadow copies that nobody completes are removed by the server"]
pub struct ExposedSets<'a, N: Connector, O, X> {
    operation: Operation<'a, N, O, X>,
}

impl<N: Connector, O, X> ExposedSets<'_, N, O, X>
where
    O: FnMut(Progress<'_>) + Send,
    X: Future<Output = ()> + Send,
{
    /// The sets, with the shares through which the copies are seen.
    pub fn sets(&self) -> impl ExactSizeIterator<Item = &ShadowCopySet> {
        self.operation.begun.iter().map(|begun| &begun.set)
    }

    /// Says that the applications have recovered their data: the copies become read-only for good.
    ///
    /// # Errors
    ///
    /// Says where and why. Sets that were not completed are aborted.
    pub async fn complete(mut self) -> Result<Vec<ShadowCopySet>, Failed<N>> {
        match self.operation.recover().await {
            Ok(()) => Ok(self.leave()),
            Err(error) => Err(self.operation.give_up(error).await),
        }
    }

    /// Aborts the sets, and says what has become of each.
    pub async fn abort(mut self) -> Vec<Leftover<N::Error>> {
        self.operation.abort_all().await
    }

    /// Leaves the sets exposed, for a later [`SnapshotClient::complete`].
    pub fn leave(self) -> Vec<ShadowCopySet> {
        self.operation.begun.into_iter().map(|begun| begun.set).collect()
    }
}

/// Shares that one machine owns.
struct Group {
    owner: String,
    server: String,
    shares: Vec<ShareUnc>,
}

/// A set that the server has given an identifier, and the connection that it was begun on.
struct Begun<C> {
    set: ShadowCopySet,
    agent: Agent<Arc<C>>,
    /// Whether the connection has failed, or a call on it took too long: it is closed (3.2.5).
    abandoned: bool,
    /// Whether the answer to RecoveryCompleteShadowCopySet was lost.
    unknown: bool,
}

/// Where an operation is.
#[derive(Clone, Copy)]
struct Place<'p> {
    step: Step,
    server: &'p str,
    share: Option<&'p ShareUnc>,
    /// The set, as an index.
    set: Option<usize>,
}

/// An operation under way.
pub(super) struct Operation<'a, N: Connector, O, X> {
    client: &'a SnapshotClient<N>,
    observe: O,
    /// `None` once it was ready.
    cancel: Option<Pin<Box<X>>>,
    begun: Vec<Begun<N::Channel>>,
    completed: usize,
    total: usize,
}

impl<'a, N: Connector, O, X> Operation<'a, N, O, X>
where
    O: FnMut(Progress<'_>) + Send,
    X: Future<Output = ()> + Send,
{
    pub(super) fn new(client: &'a SnapshotClient<N>, observe: O, cancel: X) -> Self {
        let cancel = Some(Box::pin(cancel));
        Self { client, observe, cancel, begun: Vec::new(), completed: 0, total: 0 }
    }

    pub(super) async fn expose(mut self, request: &CreateRequest) -> Result<ExposedSets<'a, N, O, X>, Failed<N>> {
        match self.run(request).await {
            Ok(()) => Ok(ExposedSets { operation: self }),
            Err(error) => Err(self.give_up(error).await),
        }
    }

    async fn run(&mut self, request: &CreateRequest) -> Result<(), Failed<N>> {
        if request.shares.is_empty() {
            return Err(failed(Step::Add, "", None, Cause::NoShares));
        }
        self.expect(&request.shares, 1);
        let groups = self.owners(&request.shares).await?;
        self.expect(&request.shares, groups.len());
        for group in &groups {
            self.start(group, request).await?;
        }
        self.each(Step::Prepare).await?;
        self.each(Step::Commit).await?;
        self.each(Step::Expose).await?;
        self.map().await
    }

    /// Counts the steps to come.
    fn expect(&mut self, shares: &[ShareUnc], groups: usize) {
        // Each share is queried, added and mapped. Each set takes version, context, start, prepare,
        // commit, expose, recovery.
        self.total = 3 * shares.len() + 7 * groups;
    }

    /// Asks each share's server for its owner (3.2.4.1, 3.2.4.2.1).
    async fn owners(&mut self, shares: &[ShareUnc]) -> Result<Vec<Group>, Failed<N>> {
        let mut owners = Vec::with_capacity(shares.len());
        let mut connection: Option<(&str, Agent<Arc<N::Channel>>)> = None;
        for share in shares {
            let server = share.host();
            let agent = match &connection {
                Some((connected, agent)) if connected.eq_ignore_ascii_case(server) => agent.clone(),
                _ => {
                    drop(connection.take());
                    let agent = self.connect(Target::Server(server), Some(share)).await?;
                    connection = Some((server, agent.clone()));
                    agent
                }
            };
            let place = Place { step: Step::QuerySupport, server, share: Some(share), set: None };
            let support = self.interruptible(place, async move { agent.support(share).await }).await?;
            let fail = |cause| failed(Step::QuerySupport, server, Some(share), cause);
            if !support.supported {
                return Err(fail(Cause::NotSupported));
            }
            owners.push(support.owner.ok_or_else(|| fail(Cause::NoOwner))?);
            self.done(place);
        }
        group(shares, owners)
    }

    /// Begins a set and adds its shares (3.2.4.2.1, 3.2.4.2.2).
    async fn start(&mut self, group: &Group, request: &CreateRequest) -> Result<(), Failed<N>> {
        let Group { owner, server, shares } = group;
        let target = Target::Owner { machine: owner, server };
        let connected = self.connect(target, shares.first()).await?;
        let place = Place { step: Step::QueryVersion, server: owner, share: None, set: None };
        let agent = connected.clone();
        let versions = self.interruptible(place, async move { agent.versions().await }).await?;
        self.client.choose(versions).map_err(|cause| failed(Step::QueryVersion, owner, None, cause))?;
        self.done(place);
        let (agent, context) = (connected.clone(), request.context);
        let place = Place { step: Step::SetContext, ..place };
        self.finished(place, async move { agent.set_context(context).await }).await?;
        self.done(place);
        let (agent, id) = (connected.clone(), request.id);
        let place = Place { step: Step::Start, ..place };
        let server_id = self.finished(place, async move { agent.start(id).await }).await?;
        let set = ShadowCopySet {
            id,
            server_id,
            server: server.clone(),
            owner: owner.clone(),
            status: SetStatus::Started,
            context,
            copies: Vec::new(),
        };
        let at = self.begun.len();
        self.begun.push(Begun { set, agent: connected.clone(), abandoned: false, unknown: false });
        self.done(Place { set: Some(at), ..place });
        for share in shares {
            let place = Place { step: Step::Add, server: owner, share: Some(share), set: Some(at) };
            let (agent, id) = (connected.clone(), Uuid::new_v4());
            let copy = self.finished(place, async move { agent.add(id, server_id, share).await }).await?;
            self.change(at, |set| {
                set.status = SetStatus::Added;
                set.copies.push(ShadowCopy {
                    id,
                    server_id: copy,
                    share: share.clone(),
                    exposed: None,
                    created: FileTime(0),
                });
            });
            self.done(place);
        }
        Ok(())
    }

    /// Prepares, commits or exposes every set (3.2.4.2.2, 3.2.4.3, 3.2.4.4).
    async fn each(&mut self, step: Step) -> Result<(), Failed<N>> {
        for at in 0..self.begun.len() {
            let Some((agent, set)) = self.live(at) else { continue };
            let place = Place { step, server: &set.owner, share: None, set: Some(at) };
            let (id, timeouts) = (set.server_id, *self.client.timeouts());
            let status = match step {
                Step::Commit => {
                    self.interruptible(place, async move { agent.commit(id, timeouts.commit).await }).await?;
                    SetStatus::Committed
                }
                Step::Expose => {
                    self.interruptible(place, async move { agent.expose(id, timeouts.expose).await }).await?;
                    SetStatus::Exposed
                }
                _ => {
                    self.interruptible(place, async move { agent.prepare(id, timeouts.prepare).await }).await?;
                    SetStatus::Added
                }
            };
            self.change(at, |set| set.status = status);
            self.done(place);
        }
        Ok(())
    }

    /// Asks for the share of each shadow copy (3.2.4.4).
    async fn map(&mut self) -> Result<(), Failed<N>> {
        for at in 0..self.begun.len() {
            let Some((agent, set)) = self.live(at) else { continue };
            for (index, copy) in set.copies.iter().enumerate() {
                let place = Place { step: Step::Map, server: &set.owner, share: Some(&copy.share), set: Some(at) };
                let agent = agent.clone();
                let asking = async { agent.mapping(copy.server_id, set.server_id, &copy.share).await };
                let mapping = self.interruptible(place, asking).await?;
                self.change(at, |set| {
                    if let Some(copy) = set.copies.get_mut(index) {
                        copy.exposed = mapping.exposed;
                        copy.created = mapping.created;
                    }
                });
                self.done(place);
            }
        }
        Ok(())
    }

    /// Completes every set (3.2.4.5).
    async fn recover(&mut self) -> Result<(), Failed<N>> {
        for at in 0..self.begun.len() {
            let Some((agent, set)) = self.live(at) else { continue };
            let place = Place { step: Step::Recover, server: &set.owner, share: None, set: Some(at) };
            self.begin(place)?;
            let mut outcome = agent.recovery_complete(set.server_id).await;
            if outcome.as_ref().is_err_and(|error| !error.is_refusal()) {
                // Perhaps it was done and perhaps not: the connection may have died while applications
                // worked on the copies. Asking again on a new one tells.
                outcome = match self.ask_again(at, &set, outcome).await {
                    // It was exposed, and is not any more: the first call has come through.
                    Err(MethodError::Status(code::FSRVP_E_BAD_STATE)) => Ok(()),
                    other => other,
                };
            }
            outcome.map_err(|error| failed(place.step, place.server, None, error))?;
            self.change(at, |set| set.status = SetStatus::Recovered);
            self.done(place);
        }
        Ok(())
    }

    async fn ask_again(
        &mut self,
        at: usize,
        set: &ShadowCopySet,
        lost: Result<(), MethodError>,
    ) -> Result<(), MethodError> {
        let target = Target::Owner { machine: &set.owner, server: &set.server };
        let connected = self.client.connector().connect(target, self.client.timeouts().call).await;
        let outcome = match connected {
            Ok(channel) => Agent::new(channel).recovery_complete(set.server_id).await,
            Err(_) => lost,
        };
        if let Some(begun) = self.begun.get_mut(at) {
            begun.abandoned = true;
            begun.unknown = outcome.as_ref().is_err_and(|error| !error.is_refusal());
        }
        outcome
    }

    /// Aborts what was begun, and adds to the error what has become of it.
    pub(super) async fn give_up(&mut self, mut error: Failed<N>) -> Failed<N> {
        error.leftovers = self.abort_all().await;
        error
    }

    /// Aborts every set that is not complete (3.2.4.6, 3.2.4.9), the latest first.
    async fn abort_all(&mut self) -> Vec<Leftover<N::Error>> {
        let mut leftovers = Vec::new();
        while let Some(Begun { set, agent, abandoned, unknown }) = self.begun.pop() {
            let agent = (!abandoned).then_some(agent);
            let fate = if set.status == SetStatus::Recovered {
                Fate::Recovered
            } else if unknown {
                Fate::Unknown
            } else {
                let progress = |done| Progress {
                    step: Step::Abort,
                    done,
                    server: &set.owner,
                    share: None,
                    set: Some(&set),
                    completed: self.completed,
                    total: self.total,
                };
                (self.observe)(progress(false));
                match self.client.abort_on(&set, agent).await {
                    Ok(()) => {
                        (self.observe)(progress(true));
                        Fate::Aborted
                    }
                    Err(cause) => Fate::AbortFailed(cause),
                }
            };
            leftovers.push(Leftover { set, fate });
        }
        leftovers.reverse();
        leftovers
    }

    async fn connect(
        &mut self,
        target: Target<'_>,
        share: Option<&ShareUnc>,
    ) -> Result<Agent<Arc<N::Channel>>, Failed<N>> {
        let step = if matches!(target, Target::Server(_)) { Step::Connect } else { Step::ConnectOwner };
        let place = Place { step, server: target.name(), share, set: None };
        self.begin(place)?;
        let client = self.client;
        let connecting = client.connector().connect(target, client.timeouts().call);
        match unless(&mut self.cancel, connecting).await {
            None => Err(failed(step, target.name(), share, Cause::Cancelled)),
            Some(Err(error)) => Err(failed(step, target.name(), share, Cause::Connect(error))),
            Some(Ok(channel)) => Ok(Agent::new(Arc::new(channel))),
        }
    }

    /// A call that may be given up when the operation is cancelled.
    async fn interruptible<T>(
        &mut self,
        place: Place<'_>,
        call: impl Future<Output = Result<T, MethodError>>,
    ) -> Result<T, Failed<N>> {
        self.begin(place)?;
        match unless(&mut self.cancel, call).await {
            // The connection holds. Where a server does one call after the other, aborting waits for this
            // one; on another connection, Samba might not know the set.
            None => Err(failed(place.step, place.server, place.share, Cause::Cancelled)),
            Some(outcome) => self.settle(place, outcome),
        }
    }

    /// A call whose answer is needed to abort what it does.
    async fn finished<T>(
        &mut self,
        place: Place<'_>,
        call: impl Future<Output = Result<T, MethodError>>,
    ) -> Result<T, Failed<N>> {
        self.begin(place)?;
        let outcome = despite(&mut self.cancel, call).await;
        self.settle(place, outcome)
    }

    fn settle<T>(&mut self, place: Place<'_>, outcome: Result<T, MethodError>) -> Result<T, Failed<N>> {
        if matches!(outcome, Err(MethodError::Connection(_))) {
            self.abandon(place);
        }
        outcome.map_err(|error| failed(place.step, place.server, place.share, error))
    }

    /// Says that a step begins, unless the operation is cancelled.
    fn begin(&mut self, place: Place<'_>) -> Result<(), Failed<N>> {
        if is_ready(&mut self.cancel) {
            return Err(failed(place.step, place.server, place.share, Cause::Cancelled));
        }
        self.report(place, false);
        Ok(())
    }

    fn done(&mut self, place: Place<'_>) {
        self.completed += 1;
        self.report(place, true);
    }

    fn report(&mut self, place: Place<'_>, done: bool) {
        let Place { step, server, share, set } = place;
        let set = set.and_then(|at| self.begun.get(at)).map(|begun| &begun.set);
        let (completed, total) = (self.completed, self.total);
        (self.observe)(Progress { step, done, server, share, set, completed, total });
    }

    fn live(&self, at: usize) -> Option<(Agent<Arc<N::Channel>>, ShadowCopySet)> {
        let begun = self.begun.get(at)?;
        Some((begun.agent.clone(), begun.set.clone()))
    }

    fn change(&mut self, at: usize, change: impl FnOnce(&mut ShadowCopySet)) {
        if let Some(begun) = self.begun.get_mut(at) {
            change(&mut begun.set);
        }
    }

    fn abandon(&mut self, place: Place<'_>) {
        if let Some(begun) = place.set.and_then(|at| self.begun.get_mut(at)) {
            begun.abandoned = true;
        }
    }
}

impl<N: Connector> SnapshotClient<N> {
    /// Aborts a set on its connection, or on a new one if it has none or that one fails. A set that
    /// the server does not know any more is as good as aborted.
    async fn abort_on(
        &self,
        set: &ShadowCopySet,
        agent: Option<Agent<Arc<N::Channel>>>,
    ) -> Result<(), Cause<N::Error>> {
        if let Some(agent) = agent {
            match agent.abort(set.server_id).await {
                Err(MethodError::Connection(_)) => {}
                outcome => return settle_abort(outcome),
            }
        }
        let target = Target::Owner { machine: &set.owner, server: &set.server };
        let channel = self.connector().connect(target, self.timeouts().call).await.map_err(Cause::Connect)?;
        settle_abort(Agent::new(channel).abort(set.server_id).await)
    }
}

fn settle_abort<E>(outcome: Result<(), MethodError>) -> Result<(), Cause<E>> {
    match outcome {
        Ok(()) | Err(MethodError::Status(code::FSRVP_E_SHADOWCOPYSET_ID_MISMATCH)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Groups shares by the machine that owns them, and refuses one that is there twice (3.2.4.2.2).
fn group<E>(shares: &[ShareUnc], owners: Vec<String>) -> Result<Vec<Group>, SnapshotError<E>> {
    let mut groups: Vec<Group> = Vec::new();
    for (share, owner) in shares.iter().zip(owners) {
        let Some(group) = groups.iter_mut().find(|group| group.owner.eq_ignore_ascii_case(&owner)) else {
            groups.push(Group { owner, server: share.host().to_owned(), shares: vec![share.clone()] });
            continue;
        };
        let name = normalized(share);
        if group.shares.iter().any(|other| normalized(other) == name) {
            return Err(failed(Step::Add, &group.owner, Some(share), Cause::Duplicate));
        }
        group.shares.push(share.clone());
    }
    Ok(groups)
}
