//! A cluster with one resource.

use std::{collections::HashMap, convert::Infallible, sync::Arc};

use msrpc_ndr::{Call, Handle, HandleChange, Outcome, WString, Win32Error};
use msrpc_protocols::clusapi3::clusapi::{ApiGetResourceState, ApiOpenClusterEx, Server};

pub(crate) const GENERIC_READ: u32 = 0x8000_0000;

const CLUSTER_RESOURCE_ONLINE: u32 = 2;
const ERROR_RESOURCE_NOT_FOUND: Win32Error = Win32Error(5007);

pub(crate) struct Cluster {
    resources: HashMap<String, Arc<Resource>>,
}

/// What a resource handle stands for.
pub(crate) struct Resource {
    node: &'static str,
    group: &'static str,
}

/// What a cluster handle stands for.
pub(crate) struct Connection;

impl Cluster {
    pub(crate) fn example() -> Self {
        let disk = Resource { node: "node-a", group: "File Server" };
        Self { resources: HashMap::from([("Disk 1".to_owned(), Arc::new(disk))]) }
    }
}

impl Server for Cluster {
    type HclusterRpc = Connection;
    type HresRpc = Arc<Resource>;
    // This server never opens handles of the other types.
    type HbatchPortRpc = Infallible;
    type HgroupRpc = Infallible;
    type HgroupsetRpc = Infallible;
    type HkeyRpc = Infallible;
    type HnetinterfaceRpc = Infallible;
    type HnetworkRpc = Infallible;
    type HnodeRpc = Infallible;
    type HnotifyRpc = Infallible;

    async fn api_open_cluster_ex(
        &self,
        _call: &Call,
        desired_access: u32,
    ) -> Outcome<ApiOpenClusterEx<Connection>, Win32Error> {
        Ok(ApiOpenClusterEx { granted_access: desired_access, handle: Connection })
    }

    async fn api_open_resource(&self, _call: &Call, resource_name: WString) -> Outcome<Arc<Resource>, Win32Error> {
        let resource = self.resources.get(&resource_name.to_string_lossy());
        Ok(resource.cloned().ok_or(ERROR_RESOURCE_NOT_FOUND)?)
    }

    async fn api_get_resource_state(
        &self,
        _call: &Call,
        resource: &Handle<Arc<Resource>>,
    ) -> Outcome<ApiGetResourceState, Win32Error> {
        Ok(ApiGetResourceState {
            state: CLUSTER_RESOURCE_ONLINE,
            node_name: Some(resource.node.into()),
            group_name: Some(resource.group.into()),
        })
    }

    async fn api_close_resource(
        &self,
        _call: &Call,
        _resource: Option<&Handle<Arc<Resource>>>,
    ) -> Outcome<HandleChange<Arc<Resource>>, Win32Error> {
        Ok(HandleChange::Close)
    }
}
