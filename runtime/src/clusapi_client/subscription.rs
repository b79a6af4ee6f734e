//! A notification port that outlives its node (\[MS-CMRP\] 3.2.1.1, 3.2.4.5, 3.2.4.6).

use msrpc_ndr::{Channel, ClientHandle, Win32Error};
use msrpc_protocols::clusapi3::{
    HclusterRpc, HgenericRpc, HgroupRpc, HkeyRpc, HnetworkRpc, HnodeRpc, HnotifyRpc, HresRpc, NotifyFilterAndTypeRpc,
};

use super::{
    error::{Cause, ClusterError, Outcome, While as _},
    events::ChangeEvent,
    kind::{Access, sealed::Methods as _},
    registry::KEY_READ,
    session::Session,
};
use crate::cluster::notify::{ClusterChange, ObjectType};

pub use crate::cluster::notify::PortVersion;

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// All objects of a type.
    All(ObjectType),
    /// A group.
    Group(String),
    /// A resource.
    Resource(String),
    /// A node.
    Node(String),
    /// A network.
    Network(String),
    /// A key of the registry by its path, and all below it.
    Key(String),
}

/// A handle that a filter is about. It stays open as long as the filter is to hold.
#[derive(Debug)]
enum Watched {
    Cluster(ClientHandle<HclusterRpc>),
    Group(ClientHandle<HgroupRpc>),
    Resource(ClientHandle<HresRpc>),
    Node(ClientHandle<HnodeRpc>),
    Network(ClientHandle<HnetworkRpc>),
    Key(ClientHandle<HkeyRpc>),
}

impl Watched {
    fn generic(&self) -> ClientHandle<HgenericRpc> {
        match self {
            Self::Cluster(handle) => handle.cast(),
            Self::Group(handle) => handle.cast(),
            Self::Resource(handle) => handle.cast(),
            Self::Node(handle) => handle.cast(),
            Self::Network(handle) => handle.cast(),
            Self::Key(handle) => handle.cast(),
        }
    }
}

/// A port on a node, and what it needs to be made again on another.
#[derive(Debug)]
pub struct Subscription {
    subjects: Vec<Subject>,
    version: PortVersion,
    port: ClientHandle<HnotifyRpc>,
    watched: Vec<Watched>,
    /// For each subject the state sequence number that was last seen, on version 1 ports (3.2.1.1.1).
    sequences: Vec<Option<u32>>,
}

/// What filters of version 1 ask for, by type of object.
fn changes(object_type: ObjectType) -> ClusterChange {
    use ClusterChange as C;
    match object_type {
        ObjectType::Cluster => C::CLUSTER_PROPERTY,
        ObjectType::Group | ObjectType::GroupSet => {
            C::GROUP_STATE | C::GROUP_DELETED | C::GROUP_ADDED | C::GROUP_PROPERTY
        }
        ObjectType::Resource => C::RESOURCE_STATE | C::RESOURCE_DELETED | C::RESOURCE_ADDED | C::RESOURCE_PROPERTY,
        ObjectType::ResourceType => C::RESOURCE_TYPE_DELETED | C::RESOURCE_TYPE_ADDED | C::RESOURCE_TYPE_PROPERTY,
        ObjectType::NetworkInterface => {
            C::NETINTERFACE_STATE | C::NETINTERFACE_DELETED | C::NETINTERFACE_ADDED | C::NETINTERFACE_PROPERTY
        }
        ObjectType::Network => C::NETWORK_STATE | C::NETWORK_DELETED | C::NETWORK_ADDED | C::NETWORK_PROPERTY,
        ObjectType::Node => C::NODE_STATE | C::NODE_DELETED | C::NODE_ADDED | C::NODE_PROPERTY,
        ObjectType::Registry => C::REGISTRY_NAME | C::REGISTRY_ATTRIBUTES | C::REGISTRY_VALUE,
        ObjectType::Quorum => C::QUORUM_STATE,
        ObjectType::SharedVolume | ObjectType::Spaceport | ObjectType::Upgrade => C::empty(),
    }
}

/// What a filter of version 2 asks for at first, and of servers that know less.
fn flags(object_type: ObjectType) -> [u64; 2] {
    let all = object_type.allowed();
    let older = match object_type {
        ObjectType::Cluster => 0x3f4,
        ObjectType::Resource => 0xff,
        ObjectType::ResourceType => 0x0f,
        _ => all,
    };
    [all, older]
}

/// Whether a server may not know a type at all.
fn is_recent(object_type: ObjectType) -> bool {
    matches!(object_type, ObjectType::SharedVolume | ObjectType::Spaceport | ObjectType::Upgrade | ObjectType::GroupSet)
}

impl Subscription {
    /// Opens a port and asks to be told of some things: of version 2, or where a server does not
    /// have that, of version 1; or of the version that is wanted.
    ///
    /// # Errors
    ///
    /// As all methods of a session.
    pub async fn open<C: Channel>(
        session: &Session<C>,
        subjects: Vec<Subject>,
        wanted: Option<PortVersion>,
    ) -> Outcome<Self> {
        let first = wanted.unwrap_or(PortVersion::V2);
        match Self::open_version(session, subjects.clone(), first).await {
            Err(error) if wanted.is_none() && error.cause.is_unknown_method() => {
                Self::open_version(session, subjects, PortVersion::V1).await
            }
            outcome => outcome,
        }
    }

    async fn open_version<C: Channel>(
        session: &Session<C>,
        subjects: Vec<Subject>,
        version: PortVersion,
    ) -> Outcome<Self> {
        let sequences = vec![None; subjects.len()];
        let port = create(session, version).await?;
        let mut subscription = Self { subjects, version, port, watched: Vec::new(), sequences };
        subscription.register(session).await?;
        Ok(subscription)
    }

    /// The version of the port.
    pub fn version(&self) -> PortVersion {
        self.version
    }

    /// Makes the port again on another node, with all its filters: on version 1 ports those of single
    /// objects with the state sequence numbers that were last seen, so that the node tells of what was
    /// missed (3.2.4.6, steps 14 to 17).
    ///
    /// # Errors
    ///
    /// As all methods of a session; then another node is to be tried.
    pub async fn renew<C: Channel>(&mut self, session: &Session<C>) -> Outcome<()> {
        self.port = create(session, self.version).await?;
        self.watched.clear();
        self.register(session).await
    }

    async fn register<C: Channel>(&mut self, session: &Session<C>) -> Outcome<()> {
        let mut whole = ClusterChange::empty();
        for (index, subject) in self.subjects.iter().enumerate() {
            let key = u32::try_from(index).unwrap_or(u32::MAX);
            if let (Subject::All(object_type), PortVersion::V1) = (subject, self.version)
                && *object_type != ObjectType::Registry
            {
                whole |= changes(*object_type);
                continue;
            }
            let watched = watch(session, subject).await?;
            match self.version {
                PortVersion::V2 => add_v2(session, &self.port, subject, &watched, key).await?,
                PortVersion::V1 => {
                    let last = self.sequences.get(index).copied().flatten();
                    let sequence = add_v1(session, &self.port, &watched, key, last).await?;
                    if let Some(slot) = self.sequences.get_mut(index) {
                        *slot = sequence;
                    }
                }
            }
            self.watched.push(watched);
        }
        if !whole.is_empty() {
            let cluster = session.open_cluster(Access::Read).await.during("opening the cluster")?;
            let added = session.client.api_add_notify_cluster(&self.port, &cluster, whole.bits(), u32::MAX).await;
            added.during("asking to be told of changes")?;
            self.watched.push(Watched::Cluster(cluster));
        }
        Ok(())
    }

    /// Waits for what happens next. Dropping the future may lose what it would have told.
    ///
    /// # Errors
    ///
    /// As all methods of a session.
    pub async fn next<C: Channel>(&mut self, session: &Session<C>) -> Outcome<Vec<ChangeEvent>> {
        let action = "waiting for changes";
        match self.version {
            PortVersion::V2 => {
                let told = session.client.api_get_notify_v2(&self.port).await.during(action)?;
                Ok(told.unwrap_or_default().into_iter().map(ChangeEvent::from_v2).collect())
            }
            PortVersion::V1 => {
                let told = session.client.api_get_notify(&self.port).await.during(action)?;
                let index = usize::try_from(told.notify_key).unwrap_or(usize::MAX);
                if let Some(Some(sequence)) = self.sequences.get_mut(index) {
                    *sequence = told.state_sequence;
                }
                Ok(vec![ChangeEvent::from_v1(told)])
            }
        }
    }

    /// Ends the wait of another call on the port, and closes it and all that it is about.
    ///
    /// # Errors
    ///
    /// As all methods of a session.
    pub async fn close<C: Channel>(self, session: &Session<C>) -> Outcome<()> {
        let client = &session.client;
        client.api_unblock_get_notify_call(&self.port).await.during("ending the wait for changes")?;
        client.api_close_notify(Some(self.port)).await.during("closing the notification port")?;
        for watched in self.watched {
            let closed: Result<(), Cause> = match watched {
                Watched::Cluster(handle) => client.api_close_cluster(Some(handle)).await.map(drop).map_err(Cause::from),
                Watched::Key(handle) => client.api_close_key(Some(handle)).await.map(drop).map_err(Cause::from),
                Watched::Group(handle) => HgroupRpc::close(client, handle).await,
                Watched::Resource(handle) => HresRpc::close(client, handle).await,
                Watched::Node(handle) => HnodeRpc::close(client, handle).await,
                Watched::Network(handle) => HnetworkRpc::close(client, handle).await,
            };
            closed.during("closing what was watched")?;
        }
        Ok(())
    }
}

async fn create<C: Channel>(session: &Session<C>, version: PortVersion) -> Outcome<ClientHandle<HnotifyRpc>> {
    let created = match version {
        PortVersion::V2 => session.client.api_create_notify_v2().await,
        PortVersion::V1 => session.client.api_create_notify().await,
    };
    created.during("opening a notification port")
}

/// Opens what a filter is about.
async fn watch<C: Channel>(session: &Session<C>, subject: &Subject) -> Outcome<Watched> {
    let client = &session.client;
    let read = Access::Read;
    Ok(match subject {
        Subject::All(ObjectType::Registry) => Watched::Key(session.open_key("", KEY_READ).await?),
        Subject::All(_) => Watched::Cluster(session.open_cluster(read).await.during("opening the cluster")?),
        Subject::Key(path) => Watched::Key(session.open_key(path, KEY_READ).await?),
        Subject::Group(name) => Watched::Group(
            HgroupRpc::open(client, name, read).await.during(format_args!("opening the group {name:?}"))?,
        ),
        Subject::Resource(name) => Watched::Resource(
            HresRpc::open(client, name, read).await.during(format_args!("opening the resource {name:?}"))?,
        ),
        Subject::Node(name) => {
            Watched::Node(HnodeRpc::open(client, name, read).await.during(format_args!("opening the node {name:?}"))?)
        }
        Subject::Network(name) => Watched::Network(
            HnetworkRpc::open(client, name, read).await.during(format_args!("opening the network {name:?}"))?,
        ),
    })
}

async fn add_v2<C: Channel>(
    session: &Session<C>,
    port: &ClientHandle<HnotifyRpc>,
    subject: &Subject,
    watched: &Watched,
    key: u32,
) -> Outcome<()> {
    let (object_type, targeted) = match subject {
        // The registry is watched through a key.
        Subject::All(ObjectType::Registry) | Subject::Key(_) => (ObjectType::Registry, true),
        Subject::All(object_type) => (*object_type, false),
        Subject::Group(_) => (ObjectType::Group, true),
        Subject::Resource(_) => (ObjectType::Resource, true),
        Subject::Node(_) => (ObjectType::Node, true),
        Subject::Network(_) => (ObjectType::Network, true),
    };
    let mut last = Cause::Status(Win32Error::ERROR_INVALID_PARAMETER);
    for filter_flags in flags(object_type) {
        let filter =
            NotifyFilterAndTypeRpc { object_type: object_type as u32, filter_flags: filter_flags.cast_signed() };
        let handle = watched.generic();
        match session.client.api_add_notify_v2(port, &handle, filter, key, 2, i32::from(targeted)).await {
            Ok(()) => return Ok(()),
            Err(error) => last = error.into(),
        }
        if last.status() != Some(Win32Error::ERROR_INVALID_PARAMETER) {
            break;
        }
    }
    if !targeted && is_recent(object_type) && last.status() == Some(Win32Error::ERROR_INVALID_PARAMETER) {
        return Ok(());
    }
    Err(ClusterError::new("asking to be told of changes", last))
}

/// Adds a filter, or with the last state sequence number adds it again; gives the number that
/// counts from now on.
async fn add_v1<C: Channel>(
    session: &Session<C>,
    port: &ClientHandle<HnotifyRpc>,
    watched: &Watched,
    key: u32,
    last: Option<u32>,
) -> Outcome<Option<u32>> {
    let client = &session.client;
    let (group, resource) = (changes(ObjectType::Group).bits(), changes(ObjectType::Resource).bits());
    let (node, network) = (changes(ObjectType::Node).bits(), changes(ObjectType::Network).bits());
    let registry = changes(ObjectType::Registry).bits();
    let added = match (watched, last) {
        (Watched::Group(handle), None) => client.api_add_notify_group(port, handle, group, key).await.map(Some),
        (Watched::Resource(handle), None) => {
            client.api_add_notify_resource(port, handle, resource, key).await.map(Some)
        }
        (Watched::Node(handle), None) => client.api_add_notify_node(port, handle, node, key).await.map(Some),
        (Watched::Network(handle), None) => client.api_add_notify_network(port, handle, network, key).await.map(Some),
        (Watched::Key(handle), _) => {
            let added = client.api_add_notify_key(port, handle, key, registry, 1).await;
            return added.map(|()| None).during("asking to be told of changes");
        }
        (Watched::Cluster(handle), _) => {
            let added = client.api_add_notify_cluster(port, handle, registry, key).await;
            return added.map(|()| None).during("asking to be told of changes");
        }
        (watched, Some(last)) => {
            let again = match watched {
                Watched::Group(handle) => client.api_re_add_notify_group(port, handle, group, key, last).await,
                Watched::Resource(handle) => client.api_re_add_notify_resource(port, handle, resource, key, last).await,
                Watched::Node(handle) => client.api_re_add_notify_node(port, handle, node, key, last).await,
                Watched::Network(handle) => client.api_re_add_notify_network(port, handle, network, key, last).await,
                Watched::Key(_) | Watched::Cluster(_) => Ok(()),
            };
            return again.map(|()| Some(last)).during("asking again to be told of changes");
        }
    };
    added.during("asking to be told of changes")
}
