//! Notification ports (\[MS-CMRP\] 3.1.4.2.56 to 3.1.4.2.66, 3.1.4.2.90, 3.1.4.2.91, 3.1.4.2.99,
//! 3.1.4.2.100, 3.1.4.2.107, 3.1.4.2.136 to 3.1.4.2.138, 3.1.4.2.143, 3.1.4.2.144).

use std::sync::Arc;

use msrpc_ndr::{Call, Handle, Outcome, WString, Win32Error};
use msrpc_protocols::clusapi3::{
    NotificationDataAsyncRpc, NotificationDataRpc, NotificationRpc, NotifyFilterAndTypeRpc,
    clusapi::{ApiGetNotify, HgenericRpc},
};

use super::{
    Access, ClusApi, OpenCluster, OpenKey, OpenObject, OpenPort, batch::or_closed, object, object_name,
    registry::KEY_NOTIFY,
};
use crate::cluster::{
    node::Node,
    notify::{ClusterChange, Event, Filter, Indication, ObjectType, PortError, PortVersion, Scope, Subject},
    objects::Kind,
    registry::KeyId,
    status,
};

type Answer<T = ()> = Outcome<T, Win32Error>;
type Port<N> = Handle<OpenPort<N>>;

/// How many indications an answer of version 2 has at most.
const MOST: usize = 64;

impl From<PortError> for Win32Error {
    fn from(error: PortError) -> Self {
        match error {
            PortError::Closed => Self::ERROR_NO_MORE_ITEMS,
            PortError::Unblocked => Self::ERROR_INVALID_FUNCTION,
            PortError::ShuttingDown => status::ERROR_CLUSTER_NODE_SHUTTING_DOWN,
            PortError::Version => Self::ERROR_INVALID_HANDLE,
            PortError::Filter => Self::ERROR_INVALID_PARAMETER,
            PortError::TooMany => Self::ERROR_NOT_ENOUGH_MEMORY,
        }
    }
}

async fn open<N: Node>(api: &ClusApi<N>, call: &Call, version: PortVersion) -> Answer<OpenPort<N>> {
    api.caller(call, Access::Read).await?;
    let port = api.node.ports(|ports| ports.open(version));
    Ok(OpenPort { node: api.node.clone(), port, version })
}

pub(super) async fn create<N: Node>(api: &ClusApi<N>, call: &Call) -> Answer<OpenPort<N>> {
    open(api, call, PortVersion::V1).await
}

pub(super) async fn create_v2<N: Node>(api: &ClusApi<N>, call: &Call) -> Answer<OpenPort<N>> {
    open(api, call, PortVersion::V2).await
}

fn add<N: Node>(api: &ClusApi<N>, port: &Port<N>, version: PortVersion, filter: Filter) -> Result<(), Win32Error> {
    Ok(api.node.ports(|ports| ports.add(port.port, version, filter))?)
}

pub(super) async fn add_cluster<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    port: &Port<N>,
    cluster: &Handle<OpenCluster>,
    filter: u32,
    notify_key: u32,
) -> Answer {
    cluster.need(Access::Read)?;
    Ok(add(api, port, PortVersion::V1, Filter { scope: Scope::Everything, flags: filter.into(), notify_key })?)
}

/// Which events of version 1 a filter on one object may ask for, and which tells its state.
fn changes(kind: Kind) -> (ObjectType, ClusterChange, ClusterChange) {
    use ClusterChange as C;
    match kind {
        Kind::Node => {
            (ObjectType::Node, C::NODE_ADDED | C::NODE_DELETED | C::NODE_STATE | C::NODE_PROPERTY, C::NODE_STATE)
        }
        Kind::Resource => (
            ObjectType::Resource,
            C::RESOURCE_ADDED | C::RESOURCE_DELETED | C::RESOURCE_STATE | C::RESOURCE_PROPERTY,
            C::RESOURCE_STATE,
        ),
        Kind::Network => (
            ObjectType::Network,
            C::NETWORK_ADDED | C::NETWORK_DELETED | C::NETWORK_STATE | C::NETWORK_PROPERTY,
            C::NETWORK_STATE,
        ),
        Kind::Interface => (
            ObjectType::NetworkInterface,
            C::NETINTERFACE_ADDED | C::NETINTERFACE_DELETED | C::NETINTERFACE_STATE | C::NETINTERFACE_PROPERTY,
            C::NETINTERFACE_STATE,
        ),
        Kind::Group | Kind::GroupSet | Kind::ResourceType => {
            (ObjectType::Group, C::GROUP_ADDED | C::GROUP_DELETED | C::GROUP_STATE | C::GROUP_PROPERTY, C::GROUP_STATE)
        }
    }
}

/// The methods ApiAddNotifyNode, …Group, …Resource, …Network and …NetInterface: the handle says
/// which. The result is the object's state sequence number.
pub(super) async fn add_object<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    port: &Port<N>,
    target: &Handle<OpenObject>,
    filter: u32,
    notify_key: u32,
) -> Answer<u32> {
    Ok(add_one(api, port, target, filter, notify_key).await?)
}

async fn add_one<N: Node>(
    api: &ClusApi<N>,
    port: &Port<N>,
    target: &OpenObject,
    filter: u32,
    notify_key: u32,
) -> Result<u32, Win32Error> {
    let (kind, id) = (target.kind, target.need(Access::Read)?);
    let (object_type, allowed, _) = changes(kind);
    if filter & !allowed.bits() != 0 {
        return Err(Win32Error::ERROR_INVALID_PARAMETER);
    }
    api.look(|cluster| object(cluster, kind, &id)).await?;
    let scope = Scope::One(object_type, id.clone());
    add(api, port, PortVersion::V1, Filter { scope, flags: filter.into(), notify_key })?;
    api.look(|cluster| Ok(cluster.sequence_of(kind, &id))).await
}

/// The methods ApiReAddNotify…: as the former, and a client whose sequence number is old is told
/// of the state at once.
pub(super) async fn re_add_object<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    port: &Port<N>,
    target: &Handle<OpenObject>,
    filter: u32,
    notify_key: u32,
    known: u32,
) -> Answer {
    let sequence = add_one(api, port, target, filter, notify_key).await?;
    if sequence == known {
        return Ok(());
    }
    let (object_type, _, state) = changes(target.kind);
    let name = api.look(|cluster| object(cluster, target.kind, &target.id)).await?.name;
    let subject = Subject::Object(object_type, Some(target.id.clone()));
    let event = Event { name: name.to_wstring(), sequence, ..Event::new(subject, state, None) };
    let indication = Indication { notify_key, event: Arc::new(event) };
    Ok(api.node.push_indication(port.port, indication).map_err(Win32Error::from)?)
}

pub(super) async fn add_key<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    port: &Port<N>,
    key: &Handle<OpenKey>,
    notify_key: u32,
    filter: u32,
    watch_sub_tree: i32,
) -> Answer {
    let id = watched(api, key).await?;
    let scope = Scope::Key(id, watch_sub_tree != 0);
    Ok(add(api, port, PortVersion::V1, Filter { scope, flags: filter.into(), notify_key })?)
}

async fn watched<N: Node>(api: &ClusApi<N>, key: &Handle<OpenKey>) -> Result<KeyId, Win32Error> {
    let id = key.need(KEY_NOTIFY)?;
    api.look(|cluster| cluster.registry().key(id).map(|_| id).map_err(|error| error.status())).await
}

async fn take<N: Node>(
    api: &ClusApi<N>,
    port: &Port<N>,
    version: PortVersion,
    most: usize,
) -> Result<Vec<Indication>, Win32Error> {
    if port.version != version {
        return Err(Win32Error::ERROR_INVALID_HANDLE);
    }
    let taken = or_closed(api.node.indications(port.port, version, most), port.closed()).await;
    Ok(taken.unwrap_or(Err(PortError::Closed))?)
}

pub(super) async fn get<N: Node>(api: &ClusApi<N>, _call: &Call, port: &Port<N>) -> Answer<ApiGetNotify> {
    let taken = take(api, port, PortVersion::V1, 1).await?;
    let Indication { notify_key, event } = taken.into_iter().next().ok_or(Win32Error::ERROR_NO_MORE_ITEMS)?;
    Ok(ApiGetNotify {
        notify_key,
        filter: event.v1.bits(),
        state_sequence: event.sequence,
        name: Some(event.name.clone()),
    })
}

pub(super) async fn get_async<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    port: &Port<N>,
) -> Answer<Option<Vec<NotificationDataAsyncRpc>>> {
    let taken = take(api, port, PortVersion::V1, MOST).await?;
    let notifications = taken.into_iter().map(|Indication { notify_key, event }| NotificationDataAsyncRpc {
        notify_key,
        filter: event.v1.bits(),
        name: Some(event.name.clone()),
    });
    Ok(Some(notifications.collect()))
}

pub(super) async fn get_v2<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    port: &Port<N>,
) -> Answer<Option<Vec<NotificationRpc>>> {
    let taken = take(api, port, PortVersion::V2, MOST).await?;
    let notifications = taken.into_iter().map(|Indication { notify_key, event }| {
        let (object_type, flags) = event.v2.map_or((0, 0), |(object_type, flag)| (object_type as u32, flag));
        let filter_and_type =
            NotifyFilterAndTypeRpc { object_type, filter_flags: i64::try_from(flags).unwrap_or(i64::MAX) };
        let notification_data = NotificationDataRpc {
            filter_and_type,
            buffer: (!event.buffer.is_empty()).then(|| event.buffer.clone()),
            object_id: Some(event.id.clone()),
            parent_id: Some(event.parent.clone()),
            name: Some(event.name.clone()),
            r#type: Some(event.type_name.clone()),
        };
        NotificationRpc { notify_key: notify_key.into(), notification_data }
    });
    Ok(Some(notifications.collect()))
}

pub(super) async fn unblock<N: Node>(api: &ClusApi<N>, _call: &Call, port: &Port<N>) -> Answer {
    Ok(api.node.unblock_port(port.port).map_err(Win32Error::from)?)
}

/// What a filter of version 2 is about: one object, or all of a type where the handle is that of
/// the cluster (3.1.4.2.137).
async fn scope<N: Node>(
    api: &ClusApi<N>,
    target: &HgenericRpc<ClusApi<N>>,
    object_type: ObjectType,
    targeted: bool,
) -> Result<Scope, Win32Error> {
    let kind = match (target, object_type) {
        (HgenericRpc::HclusterRpc(cluster), ObjectType::Registry) => {
            cluster.need(Access::Read)?;
            return Ok(Scope::Key(KeyId::ROOT, false));
        }
        (HgenericRpc::HclusterRpc(cluster), object_type) => {
            cluster.need(Access::Read)?;
            let whole = matches!(
                object_type,
                ObjectType::Cluster
                    | ObjectType::Quorum
                    | ObjectType::ResourceType
                    | ObjectType::SharedVolume
                    | ObjectType::Spaceport
                    | ObjectType::Upgrade
            );
            let fits = whole || !targeted;
            return if fits { Ok(Scope::All(object_type)) } else { Err(Win32Error::ERROR_INVALID_HANDLE) };
        }
        (HgenericRpc::HkeyRpc(key), ObjectType::Registry) => return Ok(Scope::Key(watched(api, key).await?, false)),
        (HgenericRpc::HgroupRpc(group), ObjectType::Group) => group,
        (HgenericRpc::HresRpc(resource), ObjectType::Resource) => resource,
        (HgenericRpc::HnetworkRpc(network), ObjectType::Network) => network,
        (HgenericRpc::HnetinterfaceRpc(interface), ObjectType::NetworkInterface) => interface,
        (HgenericRpc::HnodeRpc(node), ObjectType::Node) => node,
        (HgenericRpc::HgroupsetRpc(set), ObjectType::GroupSet) => set,
        _ => return Err(Win32Error::ERROR_INVALID_HANDLE),
    };
    let id = kind.need(Access::Read)?;
    api.look(|cluster| object(cluster, kind.kind, &id)).await?;
    Ok(if targeted { Scope::One(object_type, id) } else { Scope::All(object_type) })
}

fn flags(flags: i64, version: u32) -> Result<u64, Win32Error> {
    match u64::try_from(flags) {
        Ok(flags) if version == 2 => Ok(flags),
        _ => Err(Win32Error::ERROR_INVALID_PARAMETER),
    }
}

#[allow(clippy::too_many_arguments, reason = "the protocol's method has them")]
pub(super) async fn add_v2<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    port: &Port<N>,
    target: &HgenericRpc<ClusApi<N>>,
    filter: NotifyFilterAndTypeRpc,
    notify_key: u32,
    version: u32,
    targeted: i32,
) -> Answer {
    let flags = flags(filter.filter_flags, version)?;
    let object_type = ObjectType::of(filter.object_type).ok_or(Win32Error::ERROR_INVALID_PARAMETER)?;
    let scope = scope(api, target, object_type, targeted != 0).await?;
    Ok(add(api, port, PortVersion::V2, Filter { scope, flags, notify_key })?)
}

pub(super) async fn add_resource_type<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    port: &Port<N>,
    filter: i64,
    notify_key: u32,
    type_name: WString,
    version: u32,
) -> Answer {
    let flags = flags(filter, version)?;
    let name = object_name(&type_name)?;
    let object = api.look(|cluster| object(cluster, Kind::ResourceType, &name)).await?;
    let scope = Scope::One(ObjectType::ResourceType, object.id);
    Ok(add(api, port, PortVersion::V2, Filter { scope, flags, notify_key })?)
}
