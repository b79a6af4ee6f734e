//! The node on a store that refuses: who is told what, and what is left.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use clusterd::cluster::node::{ClusterNode, HostPort};
use msrpc_cluster::cluster::{
    form::{Form, first_node},
    machine::{Cluster, Command, HostAction, HostCall},
    node::{About, Node},
    notify::{ClusterChange, Filter, PortVersion, Scope},
    objects::{Kind, layout},
    registry::{Change, KeyId, Name, Registry, Value},
    state::ResourceState,
    store::{ClusterStore, Committing, Loaded, Revision, StoreError, Watch},
};
use msrpc_ndr::Win32Error;
use tokio::sync::mpsc;
use uuid::Uuid;

/// A store in memory that can be full.
#[derive(Default)]
struct Store {
    kept: Mutex<(Revision, Registry)>,
    full: AtomicBool,
    /// Said once, until somebody loads.
    unsettled: AtomicBool,
}

impl Store {
    fn commit_now(&self, base: Revision, changes: &[Change]) -> Result<Revision, StoreError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if self.unsettled.load(Ordering::SeqCst) {
            return Err(StoreError::Unsettled("it was full".to_owned()));
        }
        if self.full.load(Ordering::SeqCst) {
            self.unsettled.store(true, Ordering::SeqCst);
            return Err(StoreError::Full("no room".to_owned()));
        }
        if base != kept.0 {
            return Err(StoreError::Stale { base, current: kept.0 });
        }
        changes.iter().for_each(|change| kept.1.apply(change));
        kept.0 = base.next();
        Ok(kept.0)
    }
}

#[async_trait]
impl ClusterStore for Store {
    async fn load(&self) -> Result<Loaded, StoreError> {
        self.unsettled.store(false, Ordering::SeqCst);
        let (revision, registry) = self.kept.lock().unwrap().clone();
        Ok(Loaded { revision, registry })
    }

    fn commit(&self, base: Revision, changes: Vec<Change>) -> Committing {
        let outcome = self.commit_now(base, &changes);
        // What is kept takes its time.
        Box::pin(async move {
            tokio::task::yield_now().await;
            outcome
        })
    }

    async fn watch(&self, _after: Revision) -> Result<Watch, StoreError> {
        Err(StoreError::Failed("nobody else is here".to_owned()))
    }
}

/// Hosts that note what they are asked and do it at once.
#[derive(Clone)]
struct Hosts {
    asked: Arc<Mutex<Vec<HostAction>>>,
    events: mpsc::UnboundedSender<Command>,
}

impl HostPort for Hosts {
    fn call(&self, call: HostCall, _cluster: &Cluster) {
        self.asked.lock().unwrap().push(call.action);
        self.events.send(Command::HostDone { call: call.call, result: Ok(()) }).unwrap();
    }

    fn close(&self, _resource: &Name) {}
}

async fn node() -> (ClusterNode, Arc<Store>, Hosts) {
    let form = Form {
        cluster_name: "CLUSTER1".into(),
        node_name: "node1".into(),
        address: None,
        security: "O:BAG:BAD:(A;;GA;;;BA)".parse().unwrap(),
        networks: Vec::new(),
        resource_types: Vec::new(),
    };
    let (registry, _) = form.registry(1, Uuid::new_v4).unwrap();
    let store = Arc::new(Store { kept: Mutex::new((Revision(1), registry)), ..Store::default() });
    let (events, inbox) = mpsc::unbounded_channel();
    let hosts = Hosts { asked: Arc::default(), events };
    let about = About { version: (1, 0, 0), vendor: String::new(), domain: String::new() };
    let loaded = store.load().await.unwrap();
    let node = ClusterNode::start(
        Arc::clone(&store) as Arc<dyn ClusterStore>,
        loaded,
        first_node(),
        Box::new(hosts.clone()),
        inbox,
        about,
    );
    (node.await, store, hosts)
}

fn set(number: u32) -> Command {
    Command::SetValue(KeyId::ROOT, layout::name("Number"), Value::dword(number))
}

async fn number(node: &ClusterNode) -> Option<u32> {
    node.look(|cluster| Ok(layout::dword(cluster.registry(), KeyId::ROOT, "Number"))).await.unwrap()
}

const ERROR_DISK_FULL: Win32Error = Win32Error(112);

#[tokio::test]
async fn a_change_that_a_full_store_refuses_is_undone_and_the_node_goes_on() {
    let (node, store, _) = node().await;
    node.apply(set(1)).await.unwrap();
    store.full.store(true, Ordering::SeqCst);
    assert_eq!(node.apply(set(2)).await, Err(ERROR_DISK_FULL));
    assert_eq!(number(&node).await, Some(1));
    store.full.store(false, Ordering::SeqCst);
    node.apply(set(3)).await.unwrap();
    assert_eq!(number(&node).await, Some(3));
    assert_eq!(layout::dword(&store.kept.lock().unwrap().1, KeyId::ROOT, "Number"), Some(3));
}

#[tokio::test]
async fn what_was_built_on_a_refused_change_fails_with_it() {
    let (node, store, _) = node().await;
    node.apply(set(1)).await.unwrap();
    store.full.store(true, Ordering::SeqCst);
    let all = (2..10).map(|number| node.apply(set(number)));
    let outcomes = futures_all(all).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Err(ERROR_DISK_FULL)), "{outcomes:?}");
    assert_eq!(number(&node).await, Some(1));
}

#[tokio::test]
async fn an_object_that_could_not_be_kept_is_gone_with_its_state() {
    let (node, store, _) = node().await;
    store.full.store(true, Ordering::SeqCst);
    let create = Command::CreateGroup { id: layout::name("g1"), name: layout::name("Group"), group_type: 1 };
    assert_eq!(node.apply(create.clone()).await, Err(ERROR_DISK_FULL));
    let left = node.look(|cluster| {
        let by_id = cluster.objects().by_id(Kind::Group, &layout::name("g1")).is_some();
        Ok((by_id, cluster.volatile().groups.contains_key(&layout::name("g1"))))
    });
    assert_eq!(left.await, Ok((false, false)));
    store.full.store(false, Ordering::SeqCst);
    node.apply(create).await.unwrap();
}

#[tokio::test]
async fn hosts_are_asked_only_for_what_is_kept() {
    let (node, store, hosts) = node().await;
    let id = node.look(|cluster| {
        Ok(cluster.objects().by_name(Kind::Resource, &layout::name("Cluster Name")).unwrap().id.clone())
    });
    let id = id.await.unwrap();
    let online = |state| {
        let id = id.clone();
        move |cluster: &Cluster| cluster.volatile().resources[&id].state == state
    };
    let limit = std::time::Duration::from_secs(5);
    assert!(node.settle(limit, online(ResourceState::Online)).await);
    hosts.asked.lock().unwrap().clear();
    store.full.store(true, Ordering::SeqCst);
    assert_eq!(node.apply(Command::OfflineResource(id.clone())).await, Err(ERROR_DISK_FULL));
    assert!(!hosts.asked.lock().unwrap().contains(&HostAction::Offline));
    // It is wanted online as before, and comes to be so.
    store.full.store(false, Ordering::SeqCst);
    node.apply(Command::Tick).await.unwrap();
    assert!(node.settle(limit, |cluster| !cluster.volatile().resources[&id].state.is_pending()).await);
    let commanded = node.look(|cluster| {
        let object = cluster.objects().by_id(Kind::Resource, &id).unwrap();
        Ok(layout::dword(cluster.registry(), object.key, layout::PERSISTENT_STATE))
    });
    assert_eq!(commanded.await, Ok(Some(1)));
}

#[tokio::test]
async fn a_client_that_waits_at_a_port_is_told_when_the_change_is_kept() {
    let (node, _store, _) = node().await;
    let port = node.ports(|ports| {
        let port = ports.open(PortVersion::V1);
        let flags = ClusterChange::REGISTRY_VALUE.bits().into();
        ports.add(port, PortVersion::V1, Filter { scope: Scope::Everything, flags, notify_key: 7 }).unwrap();
        port
    });
    let waiting = tokio::spawn({
        let node = node.clone();
        async move { node.indications(port, PortVersion::V1, 1).await }
    });
    tokio::task::yield_now().await;
    node.apply(set(1)).await.unwrap();
    let told = waiting.await.unwrap().unwrap();
    assert_eq!(told.first().map(|indication| indication.notify_key), Some(7));
    // One that goes away while it waits leaves nothing behind that a later change would trip over.
    let gone = tokio::time::timeout(std::time::Duration::from_millis(10), node.indications(port, PortVersion::V1, 1));
    assert!(gone.await.is_err());
    node.apply(set(2)).await.unwrap();
    let next = node.indications(port, PortVersion::V1, 1).await.unwrap();
    assert_eq!(next.len(), 1);
}

/// All at once.
async fn futures_all<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut pinned: Vec<_> = all.map(Box::pin).collect();
    let mut outcomes: Vec<Option<F::Output>> = pinned.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, outcome) in pinned.iter_mut().zip(&mut outcomes) {
            if outcome.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *outcome = Some(value);
            }
        }
        if outcomes.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    outcomes.into_iter().flatten().collect()
}
