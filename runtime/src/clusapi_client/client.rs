//! A cluster whose nodes come and go: reconnecting (\[MS-CMRP\] 3.2.3 and 3.2.4.6).

use std::{error::Error, fmt, time::Duration};

use msrpc_ndr::Channel;

use super::{
    error::{ClusterError, Outcome},
    session::{ClusterInfo, Session},
};

/// Opens connections to nodes.
///
/// A call that is not answered in time has to end in a transport error, and dropping the future of a
/// call has to be harmless.
pub trait Connector {
    /// A channel that is bound to `clusapi` 3.0.
    type Channel: Channel;
    /// How connecting fails.
    type Error: Error + 'static;

    /// Connects to a node.
    fn connect(&self, target: Target<'_>) -> impl Future<Output = Result<Self::Channel, Self::Error>>;

    /// Waits for some time.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()>;
}

/// Where to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// Where the user says.
    Given,
    /// To the machine of this name: a node, or whichever node has the cluster's name now.
    Named(&'a str),
}

/// Why there is no connection.
#[derive(Debug)]
pub enum ConnectFailure<E> {
    /// It cannot be made.
    Connect(E),
    /// What is there does not answer as a node does.
    Cluster(ClusterError),
}

impl<E: fmt::Display> fmt::Display for ConnectFailure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => error.fmt(f),
            Self::Cluster(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for ConnectFailure<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Connect(error) => Some(error),
            Self::Cluster(error) => Some(error),
        }
    }
}

/// A cluster, through whichever of its nodes answers.
///
/// Handles do not outlive an operation, which opens what it needs by name: so there are none to be
/// opened again after a reconnection but those of a [`Subscription`](super::Subscription).
#[derive(Debug)]
pub struct ClusterClient<N: Connector> {
    connector: N,
    session: Session<N::Channel>,
    info: ClusterInfo,
    /// The cluster's name and those of its nodes (3.2.3.3).
    candidates: Vec<String>,
}

impl<N: Connector> ClusterClient<N> {
    /// Connects, and learns which other ways there are to the cluster.
    ///
    /// # Errors
    ///
    /// Fails if there is no connection, or no node at its other end.
    pub async fn connect(connector: N) -> Result<Self, ConnectFailure<N::Error>> {
        let channel = connector.connect(Target::Given).await.map_err(ConnectFailure::Connect)?;
        let session = Session::new(channel);
        let info = session.info().await.map_err(ConnectFailure::Cluster)?;
        let nodes = session.node_names().await.map_err(ConnectFailure::Cluster)?;
        let mut candidates = vec![info.name.clone()];
        candidates.extend(nodes);
        Ok(Self { connector, session, info, candidates })
    }

    /// The connection that there is now.
    pub fn session(&self) -> &Session<N::Channel> {
        &self.session
    }

    /// The cluster and the node that answers.
    pub fn info(&self) -> &ClusterInfo {
        &self.info
    }

    /// What connects.
    pub fn connector(&self) -> &N {
        &self.connector
    }

    /// Does something, and does it again on another node if this one fails meanwhile.
    ///
    /// # Errors
    ///
    /// Those of the operation.
    pub async fn run<T>(&mut self, operation: impl AsyncFn(&Session<N::Channel>) -> Outcome<T>) -> Outcome<T> {
        match operation(&self.session).await {
            Err(error) if error.is_reconnect() => {
                // If nobody answers, the first error is the one that says what happened.
                if self.reconnect(async |_| Ok(())).await { operation(&self.session).await } else { Err(error) }
            }
            outcome => outcome,
        }
    }

    /// Connects again: to the other nodes first, in the end to the one that was connected, and where
    /// the user said. One counts that answers, and that `restore` succeeds with: it brings back what
    /// outlives a connection. Without any, the old connection stays; `false` says so.
    pub async fn reconnect(&mut self, mut restore: impl AsyncFnMut(&Session<N::Channel>) -> Outcome<()>) -> bool {
        let is_same = |name: &&String| name.to_lowercase() == self.info.node.to_lowercase();
        let (same, others): (Vec<_>, Vec<_>) = self.candidates.iter().partition(is_same);
        let named = others.into_iter().chain(same).map(|name| Target::Named(name));
        let targets: Vec<_> = named.chain([Target::Given]).collect();
        for target in targets {
            tracing::debug!(?target, "reconnecting");
            let session = match self.connector.connect(target).await {
                Ok(channel) => Session::new(channel),
                Err(error) => {
                    tracing::debug!(?target, %error, "no connection");
                    continue;
                }
            };
            let restored = async {
                let info = session.info().await?;
                restore(&session).await.map(|()| info)
            };
            match restored.await {
                Ok(info) => {
                    (self.session, self.info) = (session, info);
                    return true;
                }
                Err(error) => tracing::debug!(?target, %error, "the node does not serve"),
            }
        }
        false
    }
}
