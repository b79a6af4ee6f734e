//! What applications ask for (\[MS-FSRVP\] 3.2.4), over connections that somebody else opens.

use std::{error::Error, time::Duration};

use msrpc_ndr::Channel;
use uuid::Uuid;

use super::{
    Agent, Cause, Mapping, PresentCopies, Progress, SetStatus, ShadowCopy, ShadowCopySet, SnapshotError, Step, Support,
    VERSION_1, Versions,
    operation::{ExposedSets, Operation},
};
use crate::fsrvp::{Context, ShareUnc};

/// Opens connections to agents on file servers.
///
/// # Time-outs
///
/// A call that is not answered within `call_timeout` has to end in a transport error; calls cannot be
/// counted on to end otherwise. The client then drops the channel, which has to close the connection
/// (\[MS-FSRVP\] 3.2.2, 3.2.5). Dropping the future of a call has to be harmless too.
pub trait Connector: Send + Sync {
    /// A bound channel.
    type Channel: Channel;
    /// How connecting fails.
    type Error: Error + Send + Sync + 'static;

    /// Connects to a file server and binds FileServerVssAgent.
    fn connect(
        &self,
        target: Target<'_>,
        call_timeout: Duration,
    ) -> impl Future<Output = Result<Self::Channel, Self::Error>> + Send;
}

/// A machine to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// The server in a share's name.
    Server(&'a str),
    /// The machine that the server has named as the share's owner.
    Owner {
        /// Its name (OwnerMachineName).
        machine: &'a str,
        /// The server in the share's name, as another way to a machine whose name means nothing here.
        server: &'a str,
    },
}

impl<'a> Target<'a> {
    /// The machine's name.
    pub fn name(self) -> &'a str {
        match self {
            Self::Server(name) | Self::Owner { machine: name, .. } => name,
        }
    }
}

/// How long things may take (\[MS-FSRVP\] 3.2.2 and 3.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOuts {
    /// How long any method may take until its answer is here: 180 s, as 3.2.2 says. What is below
    /// counts only as far as it is shorter.
    pub call: Duration,
    /// How long the server may take to prepare a set (PrepareTimeout): 1800 s, as Windows does.
    pub prepare: Duration,
    /// How long the server may take to commit a set (CommitTimeout): 60 s, as Windows does.
    pub commit: Duration,
    /// How long the server may take to expose a set (ExposeTimeout): 1800 s, as Windows does.
    pub expose: Duration,
}

impl Default for TimeOuts {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(180),
            prepare: Duration::from_secs(1800),
            commit: Duration::from_secs(60),
            expose: Duration::from_secs(1800),
        }
    }
}

/// The shadow copies to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRequest {
    /// The shares. A server refuses two on one file store (`FSRVP_E_OBJECT_ALREADY_EXISTS`): they take
    /// a set each.
    pub shares: Vec<ShareUnc>,
    /// The kind of shadow copy.
    pub context: Context,
    /// The application's identifier of the set.
    pub id: Uuid,
}

impl CreateRequest {
    /// Shadow copies of these shares at one time, of a kind, in a set with a random identifier.
    pub fn new(shares: impl IntoIterator<Item = ShareUnc>, context: Context) -> Self {
        Self { shares: shares.into_iter().collect(), context, id: Uuid::new_v4() }
    }
}

/// How an operation of the connector `N` fails.
pub(super) type Failed<N> = SnapshotError<<N as Connector>::Error>;

/// The client (\[MS-FSRVP\] 3.2).
///
/// # Cancelling
///
/// [`create`](Self::create) and [`expose`](Self::expose) take a future, and are cancelled when it is
/// ready: what was begun is aborted, and the error says how that went. Calls whose answer has to be
/// known for that are waited for; preparing, committing and exposing are not. Once
/// RecoveryCompleteShadowCopySet is sent, cancelling comes too late.
///
/// Dropping the future of an operation sends nothing: nobody is left to send it. A server keeps what
/// was begun until its own time-out, up to 30 minutes, and makes no other set until then.
#[derive(Clone, Debug)]
pub struct SnapshotClient<N> {
    connector: N,
    timeouts: TimeOuts,
    version: u32,
}

impl<N: Connector> SnapshotClient<N> {
    /// A client with the time-outs of Windows.
    pub fn new(connector: N) -> Self {
        Self { connector, timeouts: TimeOuts::default(), version: VERSION_1 }
    }

    /// Changes the time-outs.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: TimeOuts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// The connector.
    pub fn connector(&self) -> &N {
        &self.connector
    }

    /// The time-outs.
    pub fn timeouts(&self) -> &TimeOuts {
        &self.timeouts
    }

    /// Asks the share's server whether it can be shadow copied, and which machine to ask for that
    /// (3.2.4.1).
    ///
    /// # Errors
    ///
    /// Says where and why. Servers answer `FSRVP_E_NOT_SUPPORTED` rather than `supported: false`.
    pub async fn support(&self, share: &ShareUnc) -> Result<Support, Failed<N>> {
        let server = share.host();
        let agent = self.open(Target::Server(server), Some(share)).await?;
        agent.support(share).await.map_err(|error| failed(Step::QuerySupport, server, Some(share), error))
    }

    /// Asks the owner of a share whether it has shadow copies.
    ///
    /// # Errors
    ///
    /// Says where and why.
    pub async fn present_copies(&self, share: &ShareUnc) -> Result<PresentCopies, Failed<N>> {
        let (agent, owner) = self.open_owner(share).await?;
        agent.present_copies(share).await.map_err(|error| failed(Step::QueryCopies, &owner, Some(share), error))
    }

    /// Asks the owner of a share through which share a shadow copy of it is seen. Identifiers are the
    /// server's.
    ///
    /// # Errors
    ///
    /// Says where and why.
    pub async fn mapping(&self, share: &ShareUnc, set: Uuid, copy: Uuid) -> Result<Mapping, Failed<N>> {
        let (agent, owner) = self.open_owner(share).await?;
        agent.mapping(copy, set, share).await.map_err(|error| failed(Step::Map, &owner, Some(share), error))
    }

    /// Makes shadow copies from beginning to end: queries, starts, adds, prepares, commits, exposes,
    /// completes. What fails half-way is aborted. Gives a set for each machine that owns shares.
    ///
    /// Shares of one owner are in one set, whatever name their server goes by: a server drops the set
    /// that is being made when the same client begins another (\[MS-FSRVP\] 3.1.4.2).
    ///
    /// # Errors
    ///
    /// Says where and why, and what has become of the sets that were begun.
    pub async fn create(
        &self,
        request: &CreateRequest,
        observe: impl FnMut(Progress<'_>) + Send,
        cancel: impl Future<Output = ()> + Send,
    ) -> Result<Vec<ShadowCopySet>, Failed<N>> {
        self.expose(request, observe, cancel).await?.complete().await
    }

    /// Makes shadow copies up to their exposure, and leaves it to the caller to
    /// [complete](ExposedSets::complete) them. In between, those with the attribute AUTO_RECOVERY can
    /// be written to. A server waits 30 minutes.
    ///
    /// # Errors
    ///
    /// Says where and why, and what has become of the sets that were begun.
    pub async fn expose<'a, O, X>(
        &'a self,
        request: &CreateRequest,
        observe: O,
        cancel: X,
    ) -> Result<ExposedSets<'a, N, O, X>, Failed<N>>
    where
        O: FnMut(Progress<'_>) + Send,
        X: Future<Output = ()> + Send,
    {
        Operation::new(self, observe, cancel).expose(request).await
    }

    /// Completes an exposed set of an earlier operation (3.2.4.5).
    ///
    /// # Errors
    ///
    /// Says why. Nothing is aborted.
    pub async fn complete(&self, set: &mut ShadowCopySet) -> Result<(), Failed<N>> {
        if set.status != SetStatus::Exposed {
            return Err(failed(Step::Recover, &set.owner, None, Cause::State { status: set.status }));
        }
        let agent = self.open_set(set).await?;
        agent.recovery_complete(set.server_id).await.map_err(|error| failed(Step::Recover, &set.owner, None, error))?;
        set.status = SetStatus::Recovered;
        Ok(())
    }

    /// Aborts a set of an earlier operation (3.2.4.6). A complete one is not aborted but
    /// [deleted](Self::delete).
    ///
    /// # Errors
    ///
    /// Says why.
    pub async fn abort(&self, set: &ShadowCopySet) -> Result<(), Failed<N>> {
        if set.status == SetStatus::Recovered {
            return Err(failed(Step::Abort, &set.owner, None, Cause::State { status: set.status }));
        }
        let agent = self.open_set(set).await?;
        agent.abort(set.server_id).await.map_err(|error| failed(Step::Abort, &set.owner, None, error))
    }

    /// Deletes shadow copies of a set, all of them or one, by the application's identifier or the
    /// server's (3.2.4.8). Those that are deleted leave `set`; the first error ends it.
    ///
    /// # Errors
    ///
    /// Says why.
    pub async fn delete(&self, set: &mut ShadowCopySet, copy: Option<Uuid>) -> Result<(), Failed<N>> {
        let doomed = |candidate: &ShadowCopy| copy.is_none_or(|id| candidate.id == id || candidate.server_id == id);
        if copy.is_some() && !set.copies.iter().any(doomed) {
            return Err(failed(Step::Delete, &set.owner, None, Cause::NoSuchCopy));
        }
        let agent = self.open_set(set).await?;
        let versions = agent.versions().await.map_err(|error| failed(Step::QueryVersion, &set.owner, None, error))?;
        self.choose(versions).map_err(|cause| failed(Step::QueryVersion, &set.owner, None, cause))?;
        while let Some(at) = set.copies.iter().position(doomed) {
            let copy = set.copies.remove(at);
            if let Err(error) = agent.delete_mapping(set.server_id, copy.server_id, &copy.share).await {
                let error = failed(Step::Delete, &set.owner, Some(&copy.share), error);
                set.copies.insert(at, copy);
                return Err(error);
            }
        }
        Ok(())
    }

    pub(super) fn choose(&self, versions: Versions) -> Result<u32, Cause<N::Error>> {
        versions.choose(self.version).ok_or(Cause::Version { min: versions.min, ours: self.version })
    }

    /// Connects to the machine that owns a share; gives its name too.
    async fn open_owner(&self, share: &ShareUnc) -> Result<(Agent<N::Channel>, String), Failed<N>> {
        let support = self.support(share).await?;
        let fail = |cause| failed(Step::QuerySupport, share.host(), Some(share), cause);
        if !support.supported {
            return Err(fail(Cause::NotSupported));
        }
        let machine = support.owner.ok_or_else(|| fail(Cause::NoOwner))?;
        let agent = self.open(Target::Owner { machine: &machine, server: share.host() }, Some(share)).await?;
        Ok((agent, machine))
    }

    async fn open_set(&self, set: &ShadowCopySet) -> Result<Agent<N::Channel>, Failed<N>> {
        self.open(Target::Owner { machine: &set.owner, server: &set.server }, None).await
    }

    async fn open(&self, target: Target<'_>, share: Option<&ShareUnc>) -> Result<Agent<N::Channel>, Failed<N>> {
        let step = if matches!(target, Target::Server(_)) { Step::Connect } else { Step::ConnectOwner };
        match self.connector.connect(target, self.timeouts.call).await {
            Ok(channel) => Ok(Agent::new(channel)),
            Err(error) => Err(failed(step, target.name(), share, Cause::Connect(error))),
        }
    }
}

/// A failure that leaves nothing behind.
pub(super) fn failed<E>(
    step: Step,
    server: &str,
    share: Option<&ShareUnc>,
    cause: impl Into<Cause<E>>,
) -> SnapshotError<E> {
    SnapshotError { step, server: server.into(), share: share.cloned(), cause: cause.into(), leftovers: Vec::new() }
}
