//! Nodes, networks and network interfaces.

use msrpc_ndr::{Channel, ClientHandle};
use msrpc_protocols::clusapi3::{HnetinterfaceRpc, HnetworkRpc, HnodeRpc};

use super::{
    error::{Cause, Outcome, While as _},
    groups::{find, is_done},
    kind::{Access, PropertySet, sealed::Methods as _},
    session::{Entry, List, Session, names, names_with, text, text_of},
};

/// A node and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its ID.
    pub id: String,
    /// Its state (`NodeState` as a number).
    pub state: u32,
}

/// A network and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its ID.
    pub id: String,
    /// Its state (`NetworkState` as a number).
    pub state: u32,
}

/// A network interface and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its state (`InterfaceState` as a number).
    pub state: u32,
    /// The name of its node, where the server tells.
    pub node: String,
    /// The name of its network, where the server tells.
    pub network: String,
    /// Its address, where the server tells.
    pub address: String,
}

/// Whether a node's groups go elsewhere when it is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drain<'a> {
    /// They stay.
    No,
    /// To the best nodes.
    Yes,
    /// To this one.
    To(&'a str),
}

const NODE_INTERFACES: u32 = 1;
const NODE_GROUPS: u32 = 2;
const CLUSCTL_NETINTERFACE_GET_NODE: u32 = 0x0600_0031;
const CLUSCTL_NETINTERFACE_GET_NETWORK: u32 = 0x0600_0035;

impl<C: Channel> Session<C> {
    /// All nodes, by name.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn nodes(&self) -> Outcome<Vec<Node>> {
        let entries = self.list(List::Node).await?;
        self.each(&entries, |entry| self.node_of(entry)).await
    }

    /// The names of all nodes.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn node_names(&self) -> Outcome<Vec<String>> {
        Ok(names(self.client.api_create_enum(List::Node as u32).await.during("listing the nodes")?))
    }

    /// A node by its name or ID.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn node(&self, name: &str) -> Outcome<Node> {
        let entries = self.list(List::Node).await?;
        self.node_of(&find(entries, name)).await
    }

    async fn node_of(&self, entry: &Entry) -> Outcome<Node> {
        self.with::<HnodeRpc, _>(&entry.name, Access::Read, async |node| {
            let action = format!("asking for the state of the node {:?}", entry.name);
            let state = self.client.api_get_node_state(node).await.during(&action)?;
            let id = text(HnodeRpc::id(&self.client, node).await.during(&action)?);
            Ok(Node { name: entry.name.clone(), id, state })
        })
        .await
    }

    pub(super) async fn node_id(&self, name: &str) -> Outcome<String> {
        self.with::<HnodeRpc, _>(name, Access::Read, async |node| {
            let id = HnodeRpc::id(&self.client, node).await;
            Ok(text(id.during(format_args!("asking for the ID of the node {name:?}"))?))
        })
        .await
    }

    pub(super) async fn open_node(&self, name: &str) -> Outcome<ClientHandle<HnodeRpc>> {
        HnodeRpc::open(&self.client, name, Access::All).await.during(format_args!("opening the node {name:?}"))
    }

    /// The names of the groups that a node owns.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn node_groups(&self, name: &str) -> Outcome<Vec<String>> {
        self.with::<HnodeRpc, _>(name, Access::Read, async |node| {
            let list = self.client.api_create_node_enum_ex(node, NODE_GROUPS, 0).await;
            let list = list.during(format_args!("listing the groups of the node {name:?}"))?;
            Ok(names_with(list.return_name_enum, NODE_GROUPS))
        })
        .await
    }

    /// The names of a node's network interfaces.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn node_interfaces(&self, name: &str) -> Outcome<Vec<String>> {
        self.with::<HnodeRpc, _>(name, Access::Read, async |node| {
            let list = self.client.api_create_node_enum(node, NODE_INTERFACES).await;
            Ok(names_with(list.during(format_args!("listing the interfaces of the node {name:?}"))?, NODE_INTERFACES))
        })
        .await
    }

    /// Pauses a node; `true` if that is done, `false` if groups are still leaving it.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn pause_node(&self, name: &str, drain: Drain<'_>) -> Outcome<bool> {
        let target = match drain {
            Drain::To(target) => Some(self.open_node(target).await?),
            _ => None,
        };
        let paused = self.with::<HnodeRpc, _>(name, Access::All, async |node| {
            let paused = match (&target, drain) {
                (Some(target), _) => {
                    self.client.api_pause_node_with_drain_target(node, 0, target).await.map_err(Cause::from)
                }
                (None, Drain::Yes) => self.client.api_pause_node_ex(node, 1, 0).await.map_err(Cause::from),
                (None, _) => {
                    return self
                        .client
                        .api_pause_node(node)
                        .await
                        .map(|()| true)
                        .during(format_args!("pausing the node {name:?}"));
                }
            };
            is_done(paused).during(format_args!("pausing the node {name:?}"))
        });
        let paused = paused.await;
        if let Some(target) = target {
            let _closed = self.client.api_close_node(Some(target)).await;
        }
        paused
    }

    /// Resumes a node. With `failback`, groups that were drained come back: 1 at once, 2 as their
    /// failback windows say (`CLUSTER_NODE_RESUME_FAILBACK_TYPE`).
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn resume_node(&self, name: &str, failback: Option<u32>) -> Outcome<()> {
        self.with::<HnodeRpc, _>(name, Access::All, async |node| {
            let done = match failback {
                None => self.client.api_resume_node(node).await,
                Some(failback) => self.client.api_resume_node_ex(node, failback, 0).await,
            };
            done.during(format_args!("resuming the node {name:?}"))
        })
        .await
    }

    /// Takes a node out of the cluster.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn evict_node(&self, name: &str) -> Outcome<()> {
        self.with::<HnodeRpc, _>(name, Access::All, async |node| {
            self.client.api_evict_node(node).await.during(format_args!("evicting the node {name:?}"))
        })
        .await
    }

    /// All networks, by name.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn networks(&self) -> Outcome<Vec<Network>> {
        let entries = self.list(List::Network).await?;
        self.each(&entries, |entry| self.network_of(entry)).await
    }

    /// A network by its name or ID.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn network(&self, name: &str) -> Outcome<Network> {
        let entries = self.list(List::Network).await?;
        self.network_of(&find(entries, name)).await
    }

    async fn network_of(&self, entry: &Entry) -> Outcome<Network> {
        self.with::<HnetworkRpc, _>(&entry.name, Access::Read, async |network| {
            let action = format!("asking for the state of the network {:?}", entry.name);
            let state = self.client.api_get_network_state(network).await.during(&action)?;
            let id = text(HnetworkRpc::id(&self.client, network).await.during(&action)?);
            Ok(Network { name: entry.name.clone(), id, state })
        })
        .await
    }

    /// Gives a network another name.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn rename_network(&self, name: &str, new_name: &str) -> Outcome<()> {
        self.with::<HnetworkRpc, _>(name, Access::All, async |network| {
            let done = self.client.api_set_network_name(network, new_name).await;
            done.during(format_args!("renaming the network {name:?} to {new_name:?}"))
        })
        .await
    }

    /// The interfaces on a network.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn network_interfaces(&self, name: &str) -> Outcome<Vec<Interface>> {
        let list = self.with::<HnetworkRpc, _>(name, Access::Read, async |network| {
            let list = self.client.api_create_network_enum(network, 1).await;
            Ok(names(list.during(format_args!("listing the interfaces of the network {name:?}"))?))
        });
        let list = list.await?;
        self.each(&list, |name| self.interface(name)).await
    }

    /// A network interface by its name.
    ///
    /// # Errors
    ///
    /// As all methods.
    pub async fn interface(&self, name: &str) -> Outcome<Interface> {
        let state = self.with::<HnetinterfaceRpc, _>(name, Access::Read, async |interface| {
            let state = self.client.api_get_net_interface_state(interface).await;
            state.during(format_args!("asking for the state of the network interface {name:?}"))
        });
        let state = state.await?;
        // Not all servers tell where it is.
        let action = format!("asking where the network interface {name:?} is");
        let told = async |code| {
            let told = self.control::<HnetinterfaceRpc>(name, Access::Read, code, None, &action).await;
            told.map(|octets| text_of(&octets)).unwrap_or_default()
        };
        let properties = self.properties::<HnetinterfaceRpc>(name, PropertySet::CommonReadOnly).await;
        let address = properties.unwrap_or_default();
        let address = address.iter().find(|it| it.name.to_string_lossy().eq_ignore_ascii_case("Address"));
        let address = address.and_then(|it| it.values.first()).map(|value| text_of(&value.data)).unwrap_or_default();
        Ok(Interface {
            name: name.to_owned(),
            state,
            node: told(CLUSCTL_NETINTERFACE_GET_NODE).await,
            network: told(CLUSCTL_NETINTERFACE_GET_NETWORK).await,
            address,
        })
    }
}
