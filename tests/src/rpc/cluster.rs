//! A cluster from memory: as much of ClusAPI as `rpc.clusapi.cluster` and a few commands of
//! `rpcclient` want.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Mutex, PoisonError},
};

use msrpc_ndr::{AuthLevel, Call, Handle, HandleChange, Interface, Outcome, WString, Win32Error};
use msrpc_protocols::clusapi3::{
    ClusterOperationalVersionInfo, EnumEntry, EnumList,
    clusapi::{
        self, ApiGetClusterName, ApiGetClusterVersion, ApiGetClusterVersion2, ApiGetQuorumResource,
        ApiGetResourceState, ApiOpenClusterEx, Server,
    },
};

const ERROR_CALL_NOT_IMPLEMENTED: Win32Error = Win32Error(120);
const ERROR_RESOURCE_NOT_FOUND: Win32Error = Win32Error(5007);

const CLUSTER_ENUM_RESOURCE: u32 = 4;
const CLUSTER_RESOURCE_ONLINE: u32 = 2;
const CLUSTER_RESOURCE_OFFLINE: u32 = 3;

/// ClusAPI for callers of any level, as no real server offers it: what transports do at lower
/// levels is tested with it.
pub static ANY_LEVEL: Interface = Interface {
    name: clusapi::INTERFACE.name,
    uuid: clusapi::INTERFACE.uuid,
    version: clusapi::INTERFACE.version,
    operations: clusapi::INTERFACE.operations,
    minimum_auth_level: AuthLevel::None,
    level: clusapi::INTERFACE.level,
    handles: clusapi::INTERFACE.handles,
    wrong_handle: clusapi::INTERFACE.wrong_handle,
    null_handle: clusapi::INTERFACE.null_handle,
    endpoints: clusapi::INTERFACE.endpoints,
};

/// The cluster.
#[derive(Debug)]
pub struct Cluster {
    name: Mutex<WString>,
    /// Whether each resource is online.
    resources: Mutex<HashMap<String, bool>>,
}

/// What a cluster handle stands for.
#[derive(Debug)]
pub struct Opened;

/// What a resource handle stands for.
#[derive(Debug)]
pub struct Resource {
    name: String,
}

impl Default for Cluster {
    /// The cluster ALPHA with two resources, of which one is online.
    fn default() -> Self {
        let resources = [("Cluster Name".to_owned(), true), ("Disk 1".to_owned(), false)];
        Self { name: Mutex::new("ALPHA".into()), resources: Mutex::new(resources.into()) }
    }
}

impl Cluster {
    fn set(&self, resource: &Resource, online: bool) {
        let mut resources = self.resources.lock().unwrap_or_else(PoisonError::into_inner);
        resources.insert(resource.name.clone(), online);
    }

    fn is_online(&self, name: &str) -> Option<bool> {
        self.resources.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }
}

impl Server for Cluster {
    type HclusterRpc = Opened;
    type HresRpc = Resource;
    // Handles of the other types are never opened.
    type HbatchPortRpc = Infallible;
    type HgroupRpc = Infallible;
    type HgroupsetRpc = Infallible;
    type HkeyRpc = Infallible;
    type HnetinterfaceRpc = Infallible;
    type HnetworkRpc = Infallible;
    type HnodeRpc = Infallible;
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
        *self.name.lock().unwrap_or_else(PoisonError::into_inner) = name.detach();
        Ok(())
    }

    async fn api_get_cluster_name(&self, _call: &Call) -> Outcome<ApiGetClusterName, Win32Error> {
        let name = self.name.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(ApiGetClusterName { cluster_name: Some(name), node_name: Some("node1".into()) })
    }

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
        let mut names: Vec<String> = Vec::new();
        if types & CLUSTER_ENUM_RESOURCE != 0 {
            names.extend(self.resources.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned());
        }
        names.sort_unstable();
        let entry = |name: String| EnumEntry { r#type: CLUSTER_ENUM_RESOURCE, name: Some(name.into()) };
        Ok(Some(EnumList { entry: names.into_iter().map(entry).collect() }))
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
