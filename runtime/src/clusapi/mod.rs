//! The ClusAPI server, protocol version 3 (\[MS-CMRP\] 3.1.4.2), over the cluster's state machine.
//!
//! An adapter and no more: it checks who calls and what the node accepts, finds what handles and
//! names stand for, asks the [`Node`], and writes answers. `methods.rs` is the table of all
//! methods; the other files are the methods of a kind of object each.

mod access;
mod any_handle;
mod batch;
mod cluster;
mod controls;
mod enumerate;
mod group;
mod group_set;
mod handle;
mod lists;
mod methods;
mod network;
mod node;
mod notify;
mod registry;
mod resource;
mod resource_type;

use std::time::Duration;

use msrpc_ndr::{Call, WString, Win32Error};

pub use access::{Access, Accounts, CLUSTER_MAPPING};
pub use handle::{OpenBatchPort, OpenCluster, OpenKey, OpenObject, OpenPort};

use crate::{
    cluster::{
        machine::{Cluster, Command, Outcome, Reply},
        node::Node,
        objects::{Kind, Object},
        registry::Name,
        status,
    },
    security::Token,
};

/// How long a method that brings something online or takes it offline waits for that to be done,
/// before it answers that it is under way (ERROR_IO_PENDING).
const PATIENCE: Duration = Duration::from_millis(400);

/// The server: `clusapi::Service::new(ClusApi::new(…))`.
#[derive(Clone, Debug)]
pub struct ClusApi<N> {
    node: N,
    accounts: Accounts,
}

impl<N: Node> ClusApi<N> {
    /// A server on a node.
    pub fn new(node: N, accounts: Accounts) -> Self {
        Self { node, accounts }
    }

    fn token(&self, call: &Call) -> Token {
        self.accounts.token(call.caller())
    }

    /// The caller's level of access, if it is high enough.
    async fn caller(&self, call: &Call, needed: Access) -> Outcome<Access> {
        let token = self.token(call);
        let granted = self.node.look(|cluster| access::granted(cluster, &token)).await;
        match granted {
            Ok(granted) if granted >= needed => Ok(granted),
            Ok(_) | Err(Win32Error::ERROR_ACCESS_DENIED) => {
                let caller = call.caller();
                tracing::warn!(
                    method = call.operation_name(),
                    user = caller.user.as_deref().unwrap_or("(anonymous)"),
                    domain = caller.domain.as_deref().unwrap_or_default(),
                    address = ?caller.address,
                    ?needed,
                    "access denied: the cluster security descriptor does not allow it"
                );
                Err(Win32Error::ERROR_ACCESS_DENIED)
            }
            Err(other) => Err(other),
        }
    }

    /// Looks at the cluster.
    async fn look<T: Send>(&self, look: impl FnOnce(&Cluster) -> Outcome<T> + Send) -> Outcome<T> {
        self.node.look(look).await
    }

    /// Carries out a command whose reply says nothing.
    async fn apply(&self, command: Command) -> Outcome<()> {
        self.node.apply(command).await.map(drop)
    }

    /// Carries out a command that takes its time, and waits a little for it to be done:
    /// 0 when it is, else ERROR_IO_PENDING.
    async fn pursue(&self, command: Command, done: impl Fn(&Cluster) -> bool + Send + Sync) -> Outcome<Win32Error> {
        match self.node.apply(command).await? {
            Reply::Pending if !self.node.settle(PATIENCE, done).await => Ok(Win32Error::ERROR_IO_PENDING),
            _ => Ok(Win32Error(0)),
        }
    }

    /// The object of a kind that a client names by name or ID, as a handle.
    async fn open(&self, kind: Kind, name: &WString, access: Access) -> Outcome<OpenObject> {
        let name = object_name(name)?;
        let id = self
            .look(|cluster| cluster.objects().find(kind, &name).map(|object| object.id.clone()).ok_or(not_found(kind)));
        Ok(OpenObject { kind, id: id.await?, access })
    }

    /// Opens an object as the caller explicitly asks for (\[MS-CMRP\] 3.1.4.2.117 and after).
    async fn open_ex(&self, call: &Call, kind: Kind, name: &WString, desired: u32) -> Outcome<OpenObject> {
        let granted = self.caller(call, Access::Read).await?;
        let access = access::explicit(desired, granted)?;
        self.open(kind, name, access).await
    }
}

/// The name of an object. It is no more than blanks, and has no null in it.
fn object_name(name: &WString) -> Outcome<Name> {
    Name::of_value(name).map_err(|_| Win32Error::ERROR_INVALID_NAME)
}

/// Refuses flags that a method with `Ex` does not know. Nothing here is ever locked, moves are never
/// held back, and a resource is brought online where its group is, so nothing follows from most that
/// it does know.
fn check_flags(flags: u32, known: u32) -> Outcome<()> {
    if flags & !known == 0 { Ok(()) } else { Err(Win32Error::ERROR_INVALID_PARAMETER) }
}

/// The object of a handle, if it is still there.
fn object(cluster: &Cluster, kind: Kind, id: &Name) -> Outcome<Object> {
    cluster.objects().by_id(kind, id).cloned().ok_or(gone(kind))
}

/// The code for a name that no object of a kind has.
fn not_found(kind: Kind) -> Win32Error {
    match kind {
        Kind::Node => status::ERROR_CLUSTER_NODE_NOT_FOUND,
        Kind::Group => status::ERROR_GROUP_NOT_FOUND,
        Kind::GroupSet => status::ERROR_GROUPSET_NOT_FOUND,
        Kind::Resource => status::ERROR_RESOURCE_NOT_FOUND,
        Kind::ResourceType => status::ERROR_CLUSTER_RESOURCE_TYPE_NOT_FOUND,
        Kind::Network => status::ERROR_CLUSTER_NETWORK_NOT_FOUND,
        Kind::Interface => status::ERROR_CLUSTER_NETINTERFACE_NOT_FOUND,
    }
}

/// The code for a handle whose object was deleted.
fn gone(kind: Kind) -> Win32Error {
    match kind {
        Kind::Node => status::ERROR_NODE_NOT_AVAILABLE,
        Kind::Group => status::ERROR_GROUP_NOT_AVAILABLE,
        Kind::GroupSet => status::ERROR_GROUPSET_NOT_AVAILABLE,
        Kind::Resource => status::ERROR_RESOURCE_NOT_AVAILABLE,
        Kind::Network => status::ERROR_NETWORK_NOT_AVAILABLE,
        Kind::ResourceType | Kind::Interface => not_found(kind),
    }
}
