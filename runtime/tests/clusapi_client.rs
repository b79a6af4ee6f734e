//! The client of ClusAPI against nodes that do as they are told, without a network and a clock.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use msrpc_cluster::{
    clusapi_client::{ClusterClient, Connector, Goal, PortVersion, Subject, Subscription, Target, is_reconnect},
    cluster::status,
};
use msrpc_ndr::{Call, Encoding, Handle, HandleChange, MemoryChannel, Outcome, WString, Win32Error};
use msrpc_protocols::clusapi3::{
    EnumEntry, EnumList,
    clusapi::{ApiGetClusterName, ApiGetGroupState, ApiGetNotify, ApiGetResourceState, Server, Service},
};

const ONLINE: u32 = 0;
const OFFLINE: u32 = 1;
const FAILED: u32 = 2;
const PENDING: u32 = 4;

/// A node. Of the methods it has those of Windows Server 2008: none with `Ex`, no version 2 ports.
struct Node {
    name: &'static str,
    is_down: AtomicBool,
    /// The states that the group is in, one after the other; the last one stays.
    states: Mutex<VecDeque<u32>>,
    /// State sequence numbers that clients came back with.
    returned: Mutex<Vec<u32>>,
    /// What is told next.
    events: Mutex<VecDeque<u32>>,
}

impl Node {
    fn new(name: &'static str, states: &[u32]) -> Arc<Self> {
        Arc::new(Self {
            name,
            is_down: AtomicBool::new(false),
            states: Mutex::new(states.iter().copied().collect()),
            returned: Mutex::default(),
            events: Mutex::default(),
        })
    }

    fn check(&self) -> Result<(), Win32Error> {
        if self.is_down.load(Ordering::Relaxed) { Err(status::ERROR_CLUSTER_NODE_SHUTTING_DOWN) } else { Ok(()) }
    }
}

type Answer<T = ()> = Outcome<T, Win32Error>;

struct Api(Arc<Node>);

fn list(names: &[&str]) -> Option<EnumList> {
    let entry = names.iter().map(|name| EnumEntry { r#type: 1, name: Some((*name).into()) });
    Some(EnumList { entry: entry.collect() })
}

impl Server for Api {
    type HclusterRpc = ();
    type HnodeRpc = ();
    type HgroupRpc = ();
    type HgroupsetRpc = ();
    type HresRpc = ();
    type HnetworkRpc = ();
    type HnetinterfaceRpc = ();
    type HkeyRpc = ();
    type HnotifyRpc = ();
    type HbatchPortRpc = ();

    async fn api_get_cluster_name(&self, _: &Call) -> Answer<ApiGetClusterName> {
        self.0.check()?;
        Ok(ApiGetClusterName { cluster_name: Some("ALPHA".into()), node_name: Some(self.0.name.into()) })
    }

    async fn api_create_enum(&self, _: &Call, _: u32) -> Answer<Option<EnumList>> {
        Ok(list(&["node1", "node2"]))
    }

    async fn api_open_group(&self, _: &Call, name: WString) -> Answer {
        self.0.check()?;
        if name.to_string_lossy() == "Web" { Ok(()) } else { Err(status::ERROR_GROUP_NOT_FOUND.into()) }
    }

    async fn api_close_group(&self, _: &Call, _: Option<&Handle<()>>) -> Answer<HandleChange<()>> {
        Ok(HandleChange::Close)
    }

    async fn api_get_group_state(&self, _: &Call, _: &Handle<()>) -> Answer<ApiGetGroupState> {
        let mut states = self.0.states.lock().unwrap();
        let state = if states.len() > 1 { states.pop_front().unwrap() } else { states[0] };
        Ok(ApiGetGroupState { state, node_name: Some(self.0.name.into()) })
    }

    async fn api_online_group(&self, _: &Call, _: &Handle<()>) -> Answer<Win32Error> {
        self.0.check()?;
        Ok(Win32Error::ERROR_IO_PENDING)
    }

    async fn api_create_group_resource_enum(&self, _: &Call, _: &Handle<()>, _: u32) -> Answer<Option<EnumList>> {
        Ok(list(&["Name"]))
    }

    async fn api_open_resource(&self, _: &Call, _: WString) -> Answer {
        Ok(())
    }

    async fn api_close_resource(&self, _: &Call, _: Option<&Handle<()>>) -> Answer<HandleChange<()>> {
        Ok(HandleChange::Close)
    }

    async fn api_get_resource_state(&self, _: &Call, _: &Handle<()>) -> Answer<ApiGetResourceState> {
        Ok(ApiGetResourceState { state: 2, node_name: None, group_name: None })
    }

    async fn api_create_notify(&self, _: &Call) -> Answer {
        Ok(())
    }

    async fn api_add_notify_group(&self, _: &Call, _: &Handle<()>, _: &Handle<()>, _: u32, _: u32) -> Answer<u32> {
        Ok(7)
    }

    async fn api_re_add_notify_group(
        &self,
        _: &Call,
        _: &Handle<()>,
        _: &Handle<()>,
        _: u32,
        _: u32,
        state_sequence: u32,
    ) -> Answer {
        self.0.returned.lock().unwrap().push(state_sequence);
        Ok(())
    }

    async fn api_get_notify(&self, _: &Call, _: &Handle<()>) -> Answer<ApiGetNotify> {
        let sequence = self.0.events.lock().unwrap().pop_front();
        let state_sequence = sequence.ok_or(status::ERROR_CLUSTER_NODE_SHUTTING_DOWN)?;
        Ok(ApiGetNotify { notify_key: 0, filter: 0x1000, state_sequence, name: Some("Web".into()) })
    }
}

/// Connects to nodes by their names; the first is the one that is given.
struct Nodes {
    nodes: Vec<Arc<Node>>,
    tried: Arc<Mutex<Vec<String>>>,
    slept: Arc<Mutex<Duration>>,
}

#[derive(Debug, thiserror::Error)]
#[error("nobody is called so")]
struct Unknown;

impl Connector for Nodes {
    type Channel = MemoryChannel;
    type Error = Unknown;

    async fn connect(&self, target: Target<'_>) -> Result<MemoryChannel, Unknown> {
        let node = match target {
            Target::Given => self.nodes.first(),
            Target::Named(name) => self.nodes.iter().find(|node| node.name == name),
        };
        self.tried.lock().unwrap().push(format!("{target:?}"));
        Ok(MemoryChannel::new(Service::new(Api(node.ok_or(Unknown)?.clone())), Encoding::NDR64))
    }

    async fn sleep(&self, duration: Duration) {
        *self.slept.lock().unwrap() += duration;
    }
}

async fn client(nodes: &[&Arc<Node>]) -> ClusterClient<Nodes> {
    let nodes = nodes.iter().map(|node| Arc::clone(node)).collect();
    ClusterClient::connect(Nodes { nodes, tried: Arc::default(), slept: Arc::default() }).await.unwrap()
}

#[tokio::test]
async fn another_node_is_asked_when_one_ends() {
    let (first, second) = (Node::new("node1", &[ONLINE]), Node::new("node2", &[OFFLINE]));
    let mut client = client(&[&first, &second]).await;
    assert_eq!(client.run(async |session| session.group_status("Web").await).await.unwrap().state, ONLINE);
    first.is_down.store(true, Ordering::Relaxed);
    let status = client.run(async |session| session.group_status("Web").await).await.unwrap();
    assert_eq!((status.state, status.owner.as_str()), (OFFLINE, "node2"));
    assert_eq!(client.info().node, "node2");
    // The cluster's name first, which means nothing here, and the node that failed not at all.
    let tried = client.connector().tried.lock().unwrap().clone();
    assert_eq!(tried, ["Given", r#"Named("ALPHA")"#, r#"Named("node2")"#]);
}

#[tokio::test]
async fn without_any_node_the_first_error_stays() {
    let (first, second) = (Node::new("node1", &[ONLINE]), Node::new("node2", &[ONLINE]));
    let mut client = client(&[&first, &second]).await;
    [&first, &second].iter().for_each(|node| node.is_down.store(true, Ordering::Relaxed));
    let error = client.run(async |session| session.group_status("Web").await).await.unwrap_err();
    assert_eq!(error.status(), Some(status::ERROR_CLUSTER_NODE_SHUTTING_DOWN));
    assert!(error.to_string().starts_with("opening the group \"Web\": "), "{error}");
    // The node that failed comes last.
    let tried = client.connector().tried.lock().unwrap().clone();
    assert_eq!(tried[1..], [r#"Named("ALPHA")"#, r#"Named("node2")"#, r#"Named("node1")"#, "Given"]);
    // What is not there is no failure of the node.
    first.is_down.store(false, Ordering::Relaxed);
    let error = client.run(async |session| session.group_status("Shop").await).await.unwrap_err();
    assert_eq!(error.status(), Some(status::ERROR_GROUP_NOT_FOUND));
}

#[tokio::test]
async fn waiting_goes_on_while_something_is_pending() {
    let node = Node::new("node1", &[PENDING, PENDING, PENDING, ONLINE]);
    let mut client = client(&[&node]).await;
    let mut seen = Vec::new();
    let goal = Goal::GroupOnline("Web".to_owned());
    let waited = client.pursue(&goal, |progress| seen.push(progress.state)).await.unwrap();
    assert!(waited.is_reached);
    assert_eq!(seen, [PENDING, PENDING, PENDING, ONLINE]);
    assert_eq!((waited.progress.members.len(), waited.progress.arrived), (1, 1));
}

#[tokio::test]
async fn waiting_ends_when_a_failure_lasts() {
    // A first failure is followed by a restart, the second by none.
    let node = Node::new("node1", &[PENDING, FAILED, PENDING, FAILED]);
    let mut client = client(&[&node]).await;
    let goal = Goal::GroupOnline("Web".to_owned());
    let waited = client.pursue(&goal, |_| {}).await.unwrap();
    assert_eq!((waited.is_reached, waited.progress.state), (false, FAILED));
    let slept = *client.connector().slept.lock().unwrap();
    assert!(slept >= Duration::from_secs(1) && slept < Duration::from_secs(5), "{slept:?}");
}

#[tokio::test]
async fn a_version_1_port_comes_back_with_the_last_sequence_number() {
    let (first, second) = (Node::new("node1", &[ONLINE]), Node::new("node2", &[ONLINE]));
    first.events.lock().unwrap().extend([8, 9]);
    let mut client = client(&[&first, &second]).await;
    let subjects = vec![Subject::Group("Web".to_owned())];
    // The server has no other ports.
    let mut subscription = Subscription::open(client.session(), subjects, None).await.unwrap();
    assert_eq!(subscription.version(), PortVersion::V1);
    for sequence in [8, 9] {
        let events = subscription.next(client.session()).await.unwrap();
        assert_eq!(
            (events[0].object_type, events[0].event.as_str(), events[0].sequence),
            ("group", "state", Some(sequence))
        );
    }
    let error = subscription.next(client.session()).await.unwrap_err();
    assert!(error.is_reconnect(), "{error}");
    assert!(client.reconnect(async |session| subscription.renew(session).await).await);
    assert_eq!(client.info().node, "node2");
    assert_eq!(*second.returned.lock().unwrap(), [9]);
    second.events.lock().unwrap().push_back(3);
    assert_eq!(subscription.next(client.session()).await.unwrap()[0].sequence, Some(3));
}

#[test]
fn the_codes_of_3_2_4_6_mean_another_node() {
    let codes = [1702, 1717, 1722, 1723, 1726, 1727, 1747, 1753, 1775, 1825, 5050, 5072, 5073];
    assert!(codes.iter().all(|&code| is_reconnect(Win32Error(code))));
    // Those of version 2.0 only.
    assert!([6, 1115, 1255, 5, 70, 5013].iter().all(|&code| !is_reconnect(Win32Error(code))));
}
