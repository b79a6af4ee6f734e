//! Groups (\[MS-CMRP\] 3.1.4.2.42 to 3.1.4.2.55, 3.1.4.2.118, 3.1.4.2.128 to 3.1.4.2.133).

use msrpc_ndr::{Bytes, Call, Handle, Outcome, WString, Win32Error};
use msrpc_protocols::clusapi3::{
    ClusterCreateGroupInfoRpc,
    clusapi::{ApiGetGroupState, ApiOpenGroupEx},
};

use super::{Access, ClusApi, OpenObject, access, check_flags, object, object_name};
use crate::cluster::{
    form::UNKNOWN_GROUP_TYPE,
    machine::{Cluster, Command, Manner},
    node::Node,
    objects::Kind,
    registry::Name,
    state::ResourceState,
    status,
};

type Answer<T = ()> = Outcome<T, Win32Error>;

pub(super) async fn open<N: Node>(api: &ClusApi<N>, call: &Call, name: WString) -> Answer<OpenObject> {
    let access = api.caller(call, Access::All).await?;
    Ok(api.open(Kind::Group, &name, access).await?)
}

pub(super) async fn open_ex<N: Node>(
    api: &ClusApi<N>,
    call: &Call,
    name: WString,
    desired: u32,
) -> Answer<ApiOpenGroupEx<OpenObject>> {
    let handle = api.open_ex(call, Kind::Group, &name, desired).await?;
    Ok(ApiOpenGroupEx { granted_access: access::told(handle.access), handle })
}

pub(super) async fn create<N: Node>(api: &ClusApi<N>, call: &Call, name: WString) -> Answer<OpenObject> {
    create_of_type(api, call, name, UNKNOWN_GROUP_TYPE).await
}

pub(super) async fn create_ex<N: Node>(
    api: &ClusApi<N>,
    call: &Call,
    name: WString,
    info: Option<ClusterCreateGroupInfoRpc>,
) -> Answer<OpenObject> {
    let group_type = match info {
        None => UNKNOWN_GROUP_TYPE,
        Some(info) if info.version == 1 => info.group_type,
        Some(_) => return Err(Win32Error::ERROR_INVALID_PARAMETER.into()),
    };
    create_of_type(api, call, name, group_type).await
}

async fn create_of_type<N: Node>(api: &ClusApi<N>, call: &Call, name: WString, group_type: u32) -> Answer<OpenObject> {
    let access = api.caller(call, Access::All).await?;
    let (id, name) = (api.node.new_id(), object_name(&name)?);
    api.apply(Command::CreateGroup { id: id.clone(), name, group_type }).await?;
    Ok(OpenObject { kind: Kind::Group, id, access })
}

pub(super) async fn delete<N: Node>(api: &ClusApi<N>, _call: &Call, group: &Handle<OpenObject>, force: i32) -> Answer {
    Ok(api.apply(Command::DeleteGroup(group.need(Access::All)?, force != 0)).await?)
}

pub(super) async fn state<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    group: &Handle<OpenObject>,
) -> Answer<ApiGetGroupState> {
    let id = group.need(Access::Read)?;
    let state = api.look(|cluster| {
        let group = object(cluster, Kind::Group, &id)?;
        let owner = cluster.volatile().groups.get(&id).ok_or(status::ERROR_GROUP_NOT_AVAILABLE)?.owner.clone();
        let node = cluster.objects().by_id(Kind::Node, &owner);
        let node_name = node.map(|node| node.name.to_wstring()).unwrap_or_default();
        Ok(ApiGetGroupState { state: cluster.group_state(&group) as u32, node_name: Some(node_name) })
    });
    Ok(state.await?)
}

pub(super) async fn set_name<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    group: &Handle<OpenObject>,
    name: WString,
) -> Answer {
    Ok(api.apply(Command::RenameGroup(group.need(Access::All)?, object_name(&name)?)).await?)
}

/// Whether nothing of a group is between two states any more, and it goes nowhere.
fn is_settled(cluster: &Cluster, id: &Name) -> bool {
    let Some(group) = cluster.objects().by_id(Kind::Group, id) else { return true };
    let moving = cluster.volatile().groups.get(id).is_some_and(|group| group.moving_to.is_some());
    let members = cluster.relations().members(group.key);
    let states = members.iter().filter_map(|id| cluster.volatile().resources.get(id));
    !moving && states.into_iter().all(|resource| !resource.state.is_pending())
}

/// Whether all of a group is in a state, or has failed.
fn is_all(cluster: &Cluster, id: &Name, state: ResourceState) -> bool {
    let Some(group) = cluster.objects().by_id(Kind::Group, id) else { return true };
    let members = cluster.relations().members(group.key).iter();
    let mut states = members.filter_map(|id| cluster.volatile().resources.get(id)).map(|resource| resource.state);
    states.all(|other| other == state || other == ResourceState::Failed)
}

pub(super) async fn online<N: Node>(api: &ClusApi<N>, _call: &Call, group: &Handle<OpenObject>) -> Answer<Win32Error> {
    let id = group.need(Access::All)?;
    let command = Command::OnlineGroup(id.clone());
    Ok(api.pursue(command, move |cluster| is_all(cluster, &id, ResourceState::Online)).await?)
}

pub(super) async fn offline<N: Node>(api: &ClusApi<N>, _call: &Call, group: &Handle<OpenObject>) -> Answer<Win32Error> {
    let id = group.need(Access::All)?;
    let command = Command::OfflineGroup(id.clone());
    Ok(api.pursue(command, move |cluster| is_all(cluster, &id, ResourceState::Offline)).await?)
}

pub(super) async fn move_to_best<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    group: &Handle<OpenObject>,
) -> Answer<Win32Error> {
    let id = group.need(Access::All)?;
    Ok(api.pursue(Command::MoveGroup(id.clone(), None), move |cluster| is_settled(cluster, &id)).await?)
}

pub(super) async fn move_to_node<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    group: &Handle<OpenObject>,
    node: &Handle<OpenObject>,
) -> Answer<Win32Error> {
    let (id, node) = (group.need(Access::All)?, node.need(Access::All)?);
    Ok(api.pursue(Command::MoveGroup(id.clone(), Some(node)), move |cluster| is_settled(cluster, &id)).await?)
}

/// `CLUSAPI_GROUP_MOVE_IGNORE_RESOURCE_STATUS` and `…_QUEUE_ENABLED` exclude each other.
fn check_move_flags(flags: u32) -> Result<(), Win32Error> {
    check_flags(flags, 0x3f)?;
    if flags & 5 == 5 { Err(Win32Error::ERROR_INVALID_PARAMETER) } else { Ok(()) }
}

pub(super) async fn online_ex<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    group: &Handle<OpenObject>,
    flags: u32,
    _buffer: Bytes,
) -> Answer<Win32Error> {
    const IGNORE_AFFINITY_RULE: u32 = 0x08;
    let id = group.need(Access::All)?;
    check_flags(flags, 0x0f)?;
    let manner = Manner { ignore_affinity: flags & IGNORE_AFFINITY_RULE != 0, ..Manner::default() };
    let command = Command::OnlineGroupEx(id.clone(), manner);
    Ok(api.pursue(command, move |cluster| is_all(cluster, &id, ResourceState::Online)).await?)
}

pub(super) async fn offline_ex<N: Node>(
    api: &ClusApi<N>,
    call: &Call,
    group: &Handle<OpenObject>,
    flags: u32,
    _buffer: Bytes,
) -> Answer<Win32Error> {
    group.need(Access::All)?;
    check_flags(flags, 0x01)?;
    offline(api, call, group).await
}

pub(super) async fn move_ex<N: Node>(
    api: &ClusApi<N>,
    call: &Call,
    group: &Handle<OpenObject>,
    flags: u32,
    _buffer: Bytes,
) -> Answer<Win32Error> {
    group.need(Access::All)?;
    check_move_flags(flags)?;
    move_to_best(api, call, group).await
}

pub(super) async fn move_to_node_ex<N: Node>(
    api: &ClusApi<N>,
    call: &Call,
    group: &Handle<OpenObject>,
    node: &Handle<OpenObject>,
    flags: u32,
    _buffer: Bytes,
) -> Answer<Win32Error> {
    group.need(Access::All)?;
    check_move_flags(flags)?;
    move_to_node(api, call, group, node).await
}

pub(super) async fn cancel<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    group: &Handle<OpenObject>,
    flags: u32,
) -> Answer<Win32Error> {
    let id = group.need(Access::All)?;
    if flags != 0 {
        return Err(Win32Error::ERROR_INVALID_PARAMETER.into());
    }
    api.apply(Command::CancelGroupOperation(id.clone())).await?;
    let settled = api.look(|cluster| Ok(is_settled(cluster, &id))).await?;
    Ok(if settled { Win32Error(0) } else { Win32Error::ERROR_IO_PENDING })
}

/// Sets the nodes that a group prefers, by their IDs in a MULTI_SZ (3.1.4.2.55).
pub(super) async fn set_node_list<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    group: &Handle<OpenObject>,
    list: Option<WString>,
) -> Answer {
    let id = group.need(Access::All)?;
    let units: Vec<u16> = list.iter().flat_map(WString::units).collect();
    let nodes = match units.as_slice() {
        [] | [_] => Vec::new(),
        [.., 0] => {
            let texts = units.split(|&unit| unit == 0).take_while(|text| !text.is_empty());
            let names = texts.map(|text| object_name(&WString::from_units(text.iter().copied())));
            names.collect::<Result<_, _>>()?
        }
        _ => return Err(Win32Error::ERROR_INVALID_PARAMETER.into()),
    };
    Ok(api.apply(Command::SetPreferredOwners(id, nodes)).await?)
}
