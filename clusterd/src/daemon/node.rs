//! The cluster node, as the configuration says.

use std::{path::Path, sync::Arc, time::Duration};

use msrpc_cluster::{
    clusapi::ClusApi,
    cluster::{
        node::About,
        objects::{Kind, Objects, layout},
        registry::{KeyId, Name},
        store::{ClusterStore, StoreError},
    },
};
use msrpc_ndr::Service;
use msrpc_protocols::clusapi3::clusapi;
use tokio::sync::mpsc;

use super::DaemonError;
use crate::{
    cluster::{
        hosting::{self, Hosting},
        node::ClusterNode,
        store::{self, EmbeddedStore},
    },
    config::Cluster,
    database::FileError,
    hosts::{Hosts, Mark},
};

/// How long resources may take to go offline in order when the daemon stops.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long those that have not get then.
const GRACE: Duration = Duration::from_secs(1);

/// What the server tells of itself: as Windows Server 2016 does, whose ClusAPI this is.
const VERSION: (u16, u16, u16) = (10, 0, 14393);

/// A node that runs, and its ClusAPI.
pub(super) struct Node {
    node: ClusterNode,
    hosts: Arc<Hosts>,
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
        let store: Arc<dyn ClusterStore> = Arc::new(open(&data.join(store::FILE))?);
        let loaded = store.load().await.map_err(unreadable)?;
        let local = local_node(config, &Objects::of(&loaded.registry))?;
        let (events, inbox) = mpsc::unbounded_channel();
        let about = About { version: VERSION, vendor: "clusterd".to_owned(), domain: config.domain.clone() };
        let mark = Mark::of_folder(data).map_err(|error| DaemonError::Data { path: data.to_owned(), error })?;
        let left = mark.end_leftovers();
        if left > 0 {
            tracing::warn!(processes = left, "ended what a killed daemon's resources had left running");
        }
        let hosts = Arc::new(Hosts::new(hosting::types(&mark), events));
        let port = Box::new(Hosting(Arc::clone(&hosts)));
        let node = ClusterNode::start(store, loaded, local, port, inbox, about).await;
        let service = Arc::new(clusapi::Service::new(ClusApi::new(node.clone(), accounts)));
        Ok(Self { node, hosts, service })
    }

    /// Takes no more requests.
    pub(super) fn refuse(&self) {
        self.node.refuse();
    }

    /// Takes no more requests, and ends what runs.
    pub(super) async fn stop(self) {
        self.node.stop(PATIENCE).await;
        self.hosts.stop(GRACE).await;
    }
}

fn open(path: &Path) -> Result<EmbeddedStore, DaemonError> {
    EmbeddedStore::open(path).map_err(|error| match error {
        FileError::Missing(path) => DaemonError::Configuration(format!(
            "there is no cluster in {}: form one with `clusterd init DESCRIPTION`, or take [cluster] out",
            path.display()
        )),
        other => other.into(),
    })
}

/// The ID of the node that this host is.
fn local_node(config: &Cluster, objects: &Objects) -> Result<Name, DaemonError> {
    let name = config.node.clone().unwrap_or_else(crate::host_name);
    let found = Name::of_value(&name.as_str().into()).ok().and_then(|name| objects.find(Kind::Node, &name));
    found.map(|node| node.id.clone()).ok_or_else(|| {
        let nodes: Vec<String> = objects.all(Kind::Node).map(|node| node.name.to_string()).collect();
        let nodes = nodes.join(", ");
        DaemonError::Configuration(format!("cluster.node: the cluster has no node {name}; its nodes are {nodes}"))
    })
}

/// Looks whether there is a cluster, and whether this host is a node of it; says what it found.
pub(super) async fn check(config: &Cluster, data: &Path) -> Result<String, DaemonError> {
    config.accounts().map_err(DaemonError::Configuration)?;
    let path = data.join(store::FILE);
    let store = match open(&path) {
        Ok(store) => store,
        Err(DaemonError::Store(FileError::InUse(_))) => {
            return Ok(format!("{} is in use, by a clusterd that runs", path.display()));
        }
        Err(error) => return Err(error),
    };
    let loaded = store.load().await.map_err(unreadable)?;
    let objects = Objects::of(&loaded.registry);
    local_node(config, &objects)?;
    let name = layout::string(&loaded.registry, KeyId::ROOT, layout::CLUSTER_NAME).unwrap_or_default();
    let resources = objects.all(Kind::Resource).count();
    Ok(format!("the cluster {name} has {} nodes and {resources} resources", objects.all(Kind::Node).count()))
}

fn unreadable(error: StoreError) -> DaemonError {
    DaemonError::Configuration(format!("the cluster's store: {error}"))
}
