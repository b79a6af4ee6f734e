//! A cluster from memory: as much of ClusAPI as `rpc.clusapi.cluster` and the commands of `rpcclient`
//! want.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Mutex, MutexGuard, PoisonError},
};

use msrpc_ndr::{AuthLevel, Call, Handle, HandleChange, Interface, Outcome, WString, Win32Error};
use msrpc_protocols::clusapi3::{
    ClusterOperationalVersionInfo, EnumEntry, EnumList,
    clusapi::{
        self, ApiCreateEnumEx, ApiGetClusterName, ApiGetClusterVersion, ApiGetClusterVersion2, ApiGetQuorumResource,
        ApiGetResourceState, ApiOpenClusterEx, Server,
    },
};

const ERROR_CALL_NOT_IMPLEMENTED: Win32Error = Win32Error(120);
const ERROR_RESOURCE_NOT_FOUND: Win32Error = Win32Error(5007);
const ERROR_CLUSTER_NODE_NOT_FOUND: Win32Error = Win32Error(5042);
const ERROR_CLUSTER_NODE_PAUSED: Win32Error = Win32Error(5070);
const ERROR_CLUSTER_NODE_NOT_PAUSED: Win32Error = Win32Error(5058);

const CLUSTER_ENUM_NODE: u32 = 1;
const CLUSTER_ENUM_RESOURCE: u32 = 4;
const CLUSTER_NODE_UP: u32 = 0;
const CLUSTER_NODE_PAUSED: u32 = 2;
const CLUSTER_RESOURCE_ONLINE: u32 = 2;
const CLUSTER_RESOURCE_OFFLINE: u32 = 3;

/// ClusAPI for callers of any level, as no real server offers it: what transports do at lower
/// levels is tested with it.
pub static ANY_LEVEL: Interface = clusapi::INTERFACE.minimum_auth_level(AuthLevel::None);

/// The cluster.
#[derive(Debug)]
pub struct Cluster {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    name: WString,
    /// Whether each resource is online.
    resources: BTreeMap<String, bool>,
    /// Whether each node is paused.
    nodes: BTreeMap<String, bool>,
}

/// What a cluster handle stands for.
#[derive(Debug)]
pub struct Opened;

/// What a resource handle stands for.
#[derive(Debug)]
pub struct Resource {
    name: String,
}

/// What a node handle stands for.
#[derive(Debug)]
pub struct Node {
    name: String,
}

impl Default for Cluster {
    /// The cluster ALPHA with two nodes and two resources, of which one is online.
    fn default() -> Self {
        let resources = [("Cluster Name".to_owned(), true), ("Disk 1".to_owned(), false)];
        let nodes = [("node1".to_owned(), false), ("node2".to_owned(), false)];
        let state = State { name: "ALPHA".into(), resources: resources.into(), nodes: nodes.into() };
        Self { state: Mutex::new(state) }
    }
}

impl Cluster {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, resource: &Resource, online: bool) {
        self.state().resources.insert(resource.name.clone(), online);
    }

    fn is_online(&self, name: &str) -> Option<bool> {
        self.state().resources.get(name).copied()
    }

    /// Pauses a node, or lets it go on; `already` if there is nothing to do.
    fn pause(&self, node: &Node, paused: bool, already: Win32Error) -> Outcome<(), Win32Error> {
        let mut state = self.state();
        let known = state.nodes.get_mut(&node.name).ok_or(ERROR_CLUSTER_NODE_NOT_FOUND)?;
        if std::mem::replace(known, paused) == paused { Err(already.into()) } else { Ok(()) }
    }

    /// What there is of some types, by name.
    fn enumerate(&self, types: u32) -> EnumList {
        let state = self.state();
        let (nodes, resources) = (state.nodes.keys(), state.resources.keys());
        let all =
            nodes.map(|name| (CLUSTER_ENUM_NODE, name)).chain(resources.map(|name| (CLUSTER_ENUM_RESOURCE, name)));
        let wanted = all.filter(|(of, _)| types & of != 0);
        EnumList {
            entry: wanted.map(|(of, name)| EnumEntry { r#type: of, name: Some(name.as_str().into()) }).collect(),
        }
    }
}

impl Server for Cluster {
    type HclusterRpc = Opened;
    type HresRpc = Resource;
    type HnodeRpc = Node;
    // Handles of the other types are never opened.
    type HbatchPortRpc = Infallible;
    type HgroupRpc = Infallible;
    type HgroupsetRpc = Infallible;
    type HkeyRpc = Infallible;
    type HnetinterfaceRpc = Infallible;
    type HnetworkRpc = Infallible;
    type HnotifyRpc = Infallible;

    async fn api_open_cluster(&self, _call: &Call) -> Outcome<Opened, Win32Error> {
        Ok(Opened)
    }

    async fn api_open_cluster_ex(&self, _call: &Call, access: u32) -> Outcome<ApiOpenClusterEx<Opened>, Win32Error> {
        Ok(ApiOpenClusterEx { granted_access: access, handle: Opened })
    }

    async fn api_close_cluster(
        &self,
        _call: &Call,
        _cluster: Option<&Handle<Opened>>,
    ) -> Outcome<HandleChange<Opened>, Win32Error> {
        Ok(HandleChange::Close)
    }

    async fn api_set_cluster_name(&self, _call: &Call, name: WString) -> Outcome<(), Win32Error> {
        self.state().name = name.detach();
        Ok(())
    }

    async fn api_get_cluster_name(&self, _call: &Call) -> Outcome<ApiGetClusterName, Win32Error> {
        let name = self.state().name.clone();
        Ok(ApiGetClusterName { cluster_name: Some(name), node_name: Some("node1".into()) })
    }

    /// [MS-CMRP] 3.1.4.2.5: servers of version 3 fail it with just this.
    async fn api_get_cluster_version(&self, _call: &Call) -> Outcome<ApiGetClusterVersion, Win32Error> {
        Err(ERROR_CALL_NOT_IMPLEMENTED.into())
    }

    async fn api_get_cluster_version2(&self, _call: &Call) -> Outcome<ApiGetClusterVersion2, Win32Error> {
        let operational = ClusterOperationalVersionInfo {
            size: 20,
            cluster_highest_version: 0x0008_2580,
            cluster_lowest_version: 0x0008_2580,
            flags: 0,
            reserved: 0,
        };
        Ok(ApiGetClusterVersion2 {
            major_version: 6,
            minor_version: 3,
            build_number: 9600,
            vendor_id: Some("msrpc tests".into()),
            csd_version: None,
            cluster_op_ver_info: Some(operational),
        })
    }

    async fn api_get_quorum_resource(&self, _call: &Call) -> Outcome<ApiGetQuorumResource, Win32Error> {
        Ok(ApiGetQuorumResource {
            resource_name: Some("Disk 1".into()),
            device_name: Some("\\\\.\\PhysicalDrive1\\Cluster".into()),
            max_quorum_log_size: 4096,
        })
    }

    async fn api_create_enum(&self, _call: &Call, types: u32) -> Outcome<Option<EnumList>, Win32Error> {
        Ok(Some(self.enumerate(types)))
    }

    async fn api_create_enum_ex(
        &self,
        _call: &Call,
        _cluster: &Handle<Opened>,
        types: u32,
        _options: u32,
    ) -> Outcome<ApiCreateEnumEx, Win32Error> {
        // The identifiers of this cluster are its names.
        let list = self.enumerate(types);
        Ok(ApiCreateEnumEx { return_id_enum: Some(list.clone()), return_name_enum: Some(list) })
    }

    async fn api_open_node(&self, _call: &Call, name: WString) -> Outcome<Node, Win32Error> {
        let name = name.to_string_lossy().to_lowercase();
        if self.state().nodes.contains_key(&name) {
            Ok(Node { name })
        } else {
            Err(ERROR_CLUSTER_NODE_NOT_FOUND.into())
        }
    }

    async fn api_close_node(
        &self,
        _call: &Call,
        _node: Option<&Handle<Node>>,
    ) -> Outcome<HandleChange<Node>, Win32Error> {
        Ok(HandleChange::Close)
    }

    async fn api_get_node_state(&self, _call: &Call, node: &Handle<Node>) -> Outcome<u32, Win32Error> {
        let paused = self.state().nodes.get(&node.name).copied().ok_or(ERROR_CLUSTER_NODE_NOT_FOUND)?;
        Ok(if paused { CLUSTER_NODE_PAUSED } else { CLUSTER_NODE_UP })
    }

    async fn api_pause_node(&self, _call: &Call, node: &Handle<Node>) -> Outcome<(), Win32Error> {
        self.pause(node, true, ERROR_CLUSTER_NODE_PAUSED)
    }

    async fn api_resume_node(&self, _call: &Call, node: &Handle<Node>) -> Outcome<(), Win32Error> {
        self.pause(node, false, ERROR_CLUSTER_NODE_NOT_PAUSED)
    }

    async fn api_open_resource(&self, _call: &Call, name: WString) -> Outcome<Resource, Win32Error> {
        let name = name.to_string_lossy();
        if self.is_online(&name).is_some() { Ok(Resource { name }) } else { Err(ERROR_RESOURCE_NOT_FOUND.into()) }
    }

    async fn api_close_resource(
        &self,
        _call: &Call,
        _resource: Option<&Handle<Resource>>,
    ) -> Outcome<HandleChange<Resource>, Win32Error> {
        Ok(HandleChange::Close)
    }

    async fn api_get_resource_state(
        &self,
        _call: &Call,
        resource: &Handle<Resource>,
    ) -> Outcome<ApiGetResourceState, Win32Error> {
        let online = self.is_online(&resource.name).ok_or(ERROR_RESOURCE_NOT_FOUND)?;
        Ok(ApiGetResourceState {
            state: if online { CLUSTER_RESOURCE_ONLINE } else { CLUSTER_RESOURCE_OFFLINE },
            node_name: Some("node1".into()),
            group_name: Some("Cluster Group".into()),
        })
    }

    async fn api_online_resource(&self, _call: &Call, resource: &Handle<Resource>) -> Outcome<Win32Error, Win32Error> {
        self.set(resource, true);
        Ok(Win32Error(0))
    }

    async fn api_offline_resource(&self, _call: &Call, resource: &Handle<Resource>) -> Outcome<Win32Error, Win32Error> {
        self.set(resource, false);
        Ok(Win32Error(0))
    }
}
