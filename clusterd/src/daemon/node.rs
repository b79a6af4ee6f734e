//! The cluster node, as the configuration says.

use std::{path::Path, sync::Arc};

use msrpc_cluster::{
    clusapi::ClusApi,
    cluster::{
        node::About,
        objects::{Kind, Objects},
        registry::Name,
        store::ClusterStore,
    },
};
use msrpc_ndr::Service;
use msrpc_protocols::clusapi3::clusapi;
use tokio::sync::mpsc;

use super::DaemonError;
use crate::{
    cluster::{
        hosting::AtOnce,
        node::ClusterNode,
        store::{self, EmbeddedStore},
    },
    config::Cluster,
};

/// What the server tells of itself: as Windows Server 2016 does, whose ClusAPI this is.
const VERSION: (u16, u16, u16) = (10, 0, 14393);

/// A node that runs, and its ClusAPI.
pub(super) struct Node {
    node: ClusterNode,
    pub(super) service: Arc<dyn Service>,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").finish_non_exhaustive()
    }
}

impl Node {
    pub(super) async fn start(config: &Cluster, data: &Path) -> Result<Self, DaemonError> {
        let accounts = config.accounts().map_err(DaemonError::Configuration)?;
        let store: Arc<dyn ClusterStore> = Arc::new(EmbeddedStore::open(&data.join(store::FILE))?);
        let unreadable = |error| DaemonError::Configuration(format!("the cluster's store: {error}"));
        let registry = store.load().await.map_err(unreadable)?.registry;
        let name = config.node.clone().unwrap_or_else(crate::host_name);
        let objects = Objects::of(&registry);
        let found =
            Name::of_value(&name.as_str().into()).ok().and_then(|name| objects.find(Kind::Node, &name).cloned());
        let local = found.ok_or_else(|| {
            let nodes: Vec<String> = objects.all(Kind::Node).map(|node| node.name.to_string()).collect();
            DaemonError::Configuration(format!(
                "cluster.node: the cluster has no node {name}; its nodes are {}",
                nodes.join(", ")
            ))
        })?;
        let (events, inbox) = mpsc::unbounded_channel();
        let about = About { version: VERSION, vendor: "clusterd".to_owned(), domain: config.domain.clone() };
        let hosts = Box::new(AtOnce(events));
        let node = ClusterNode::start(store, local.id, hosts, inbox, about).await.map_err(unreadable)?;
        let service = Arc::new(clusapi::Service::new(ClusApi::new(node.clone(), accounts)));
        Ok(Self { node, service })
    }

    /// Answers calls that would wait for ever.
    pub(super) fn dismiss(&self) {
        self.node.dismiss();
    }

    /// Takes no more requests, and ends what runs.
    pub(super) async fn stop(self) {
        self.node.stop().await;
    }
}
