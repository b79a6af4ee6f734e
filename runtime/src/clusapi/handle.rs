//! What context handles stand for.

use msrpc_ndr::Win32Error;

use super::Access;
use crate::{
    cluster::{
        node::Node,
        notify::{BatchPortId, PortId, PortVersion},
        objects::Kind,
        registry::{KeyId, Name},
    },
    security::AccessMask,
};

/// The cluster (`HCLUSTER_RPC`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenCluster {
    pub(super) access: Access,
}

/// A node, group, group set, resource, network or network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenObject {
    pub(super) kind: Kind,
    pub(super) id: Name,
    pub(super) access: Access,
}

/// A key of the cluster registry (`HKEY_RPC`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenKey {
    pub(super) key: KeyId,
    /// What the key's security descriptor granted when it was opened.
    pub(super) granted: AccessMask,
    /// Whether the client has "All" access to the cluster.
    pub(super) access: Access,
}

/// A notification port (`HNOTIFY_RPC`). It is closed when this is dropped.
#[derive(Debug)]
pub struct OpenPort<N: Node> {
    pub(super) node: N,
    pub(super) port: PortId,
    pub(super) version: PortVersion,
}

impl<N: Node> Drop for OpenPort<N> {
    fn drop(&mut self) {
        self.node.close_port(self.port);
    }
}

/// A batch update port (`HBATCH_PORT_RPC`). It is closed when this is dropped.
#[derive(Debug)]
pub struct OpenBatchPort<N: Node> {
    pub(super) node: N,
    pub(super) port: BatchPortId,
}

impl<N: Node> Drop for OpenBatchPort<N> {
    fn drop(&mut self) {
        self.node.close_batch_port(self.port);
    }
}

/// Refuses a handle that was opened with less access than is needed.
fn need(access: Access, needed: Access) -> Result<(), Win32Error> {
    if access >= needed { Ok(()) } else { Err(Win32Error::ERROR_ACCESS_DENIED) }
}

impl OpenCluster {
    pub(super) fn need(&self, needed: Access) -> Result<(), Win32Error> {
        need(self.access, needed)
    }
}

impl OpenObject {
    pub(super) fn need(&self, needed: Access) -> Result<Name, Win32Error> {
        need(self.access, needed).map(|()| self.id.clone())
    }
}

impl OpenKey {
    /// Refuses unless the key was opened with a right ([MS-RRP] 2.2.3).
    pub(super) fn need(&self, right: u32) -> Result<KeyId, Win32Error> {
        if self.granted.contains(AccessMask::from_bits_retain(right)) {
            Ok(self.key)
        } else {
            Err(Win32Error::ERROR_ACCESS_DENIED)
        }
    }

    /// Refuses a client that may not change the cluster.
    pub(super) fn need_all(&self, right: u32) -> Result<KeyId, Win32Error> {
        need(self.access, Access::All)?;
        self.need(right)
    }
}
