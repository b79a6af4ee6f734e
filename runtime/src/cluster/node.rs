//! The node that a cluster's state machine runs on, as the protocols' adapters see it.

use std::{future::Future, time::Duration};

use msrpc_ndr::Bytes;

use super::{
    machine::{Cluster, Command, Outcome, Reply},
    notify::{BatchHub, BatchPortId, Hub, Indication, PortError, PortId, PortVersion},
    registry::Name,
};

/// What the server tells of itself (\[MS-CMRP\] 3.1.4.2.4 and 3.1.4.2.102).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Major, minor and build number of the server's software.
    pub version: (u16, u16, u16),
    /// Who made it.
    pub vendor: String,
    /// What comes after the cluster's name in its full name; empty if it has none.
    pub domain: String,
}

/// Drives a [`Cluster`]: keeps its changes, asks its hosts, answers who waits.
///
/// Whatever is answered by it is kept first: neither a reply nor what somebody was shown is lost
/// when the node fails right after it. Cloning is cheap.
pub trait Node: Clone + Send + Sync + 'static {
    /// Looks at the cluster.
    ///
    /// # Errors
    ///
    /// What `look` fails with, or that what was seen could not be kept.
    fn look<T: Send>(
        &self,
        look: impl FnOnce(&Cluster) -> Outcome<T> + Send,
    ) -> impl Future<Output = Outcome<T>> + Send;

    /// Carries out a command.
    ///
    /// # Errors
    ///
    /// What the command fails with, or that it could not be kept: then nothing is changed.
    fn apply(&self, command: Command) -> impl Future<Output = Outcome<Reply>> + Send;

    /// Waits until the cluster is as wanted, but not for longer than a limit; tells whether it is.
    fn settle(
        &self,
        limit: Duration,
        wanted: impl Fn(&Cluster) -> bool + Send + Sync,
    ) -> impl Future<Output = bool> + Send;

    /// Whether the node accepts a request, which may change the cluster's state or only look.
    ///
    /// # Errors
    ///
    /// The code for why it does not.
    fn accepts(&self, changes: bool) -> Outcome<()>;

    /// Works on the notification ports.
    fn ports<T>(&self, work: impl FnOnce(&mut Hub) -> T) -> T;

    /// Works on the batch ports.
    fn batch_ports<T>(&self, work: impl FnOnce(&mut BatchHub) -> T) -> T;

    /// Waits for the next indications of a port, at most so many.
    ///
    /// # Errors
    ///
    /// Says why the port gives none.
    fn indications(
        &self,
        port: PortId,
        version: PortVersion,
        most: usize,
    ) -> impl Future<Output = Result<Vec<Indication>, PortError>> + Send;

    /// Puts an indication into a port, whatever its filters say.
    ///
    /// # Errors
    ///
    /// Fails if there is no such port.
    fn push_indication(&self, port: PortId, indication: Indication) -> Result<(), PortError>;

    /// Closes a port: who waits at it is answered [`PortError::Closed`].
    fn close_port(&self, port: PortId);

    /// Ends all waits at a port with [`PortError::Unblocked`].
    ///
    /// # Errors
    ///
    /// Fails if there is no such port.
    fn unblock_port(&self, port: PortId) -> Result<(), PortError>;

    /// Waits for the next batch of a batch port; `None` once it is closed.
    fn batch(&self, port: BatchPortId) -> impl Future<Output = Option<Bytes>> + Send;

    /// Closes a batch port.
    fn close_batch_port(&self, port: BatchPortId);

    /// An ID that no object ever had: a GUID.
    fn new_id(&self) -> Name;

    /// What the server tells of itself.
    fn about(&self) -> &About;
}
