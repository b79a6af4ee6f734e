//! Resources (\[MS-CMRP\] 3.1.4.2.9 to 3.1.4.2.26, 3.1.4.2.109 to 3.1.4.2.111, 3.1.4.2.119,
//! 3.1.4.2.134, 3.1.4.2.135, 3.1.4.2.142, 3.1.4.2.166).

use std::collections::{BTreeSet, VecDeque};

use msrpc_ndr::{Bytes, Call, Handle, Outcome, WString, Win32Error};
use msrpc_protocols::clusapi3::clusapi::{ApiGetResourceState, ApiOpenResourceEx};

use super::{Access, ClusApi, OpenObject, access, check_flags, object, object_name};
use crate::cluster::{
    machine::{self, Cluster, Command, Manner},
    node::Node,
    objects::{Kind, layout},
    registry::Name,
    state::ResourceState,
    status,
};

type Answer<T = ()> = Outcome<T, Win32Error>;

/// `CLUSTER_RESOURCE_SEPARATE_MONITOR` of ApiCreateResource; without it, the default monitor.
const SEPARATE_MONITOR: u32 = 1;

pub(super) async fn open<N: Node>(api: &ClusApi<N>, call: &Call, name: WString) -> Answer<OpenObject> {
    let access = api.caller(call, Access::All).await?;
    Ok(api.open(Kind::Resource, &name, access).await?)
}

pub(super) async fn open_ex<N: Node>(
    api: &ClusApi<N>,
    call: &Call,
    name: WString,
    desired: u32,
) -> Answer<ApiOpenResourceEx<OpenObject>> {
    let handle = api.open_ex(call, Kind::Resource, &name, desired).await?;
    Ok(ApiOpenResourceEx { granted_access: access::told(handle.access), handle })
}

pub(super) async fn create<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    group: &Handle<OpenObject>,
    name: WString,
    resource_type: WString,
    flags: u32,
) -> Answer<OpenObject> {
    let group = group.need(Access::All)?;
    let (name, resource_type) = (object_name(&name)?, object_name(&resource_type)?);
    if flags & !SEPARATE_MONITOR != 0 {
        return Err(Win32Error::ERROR_INVALID_PARAMETER.into());
    }
    let id = api.node.new_id();
    let separate_monitor = flags & SEPARATE_MONITOR != 0;
    api.apply(Command::CreateResource { id: id.clone(), group, name, resource_type, separate_monitor }).await?;
    Ok(OpenObject { kind: Kind::Resource, id, access: Access::All })
}

pub(super) async fn delete<N: Node>(api: &ClusApi<N>, _call: &Call, resource: &Handle<OpenObject>) -> Answer {
    Ok(api.apply(Command::DeleteResource(resource.need(Access::All)?)).await?)
}

pub(super) async fn state<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    resource: &Handle<OpenObject>,
) -> Answer<ApiGetResourceState> {
    let id = resource.need(Access::Read)?;
    let state = api.look(|cluster| {
        object(cluster, Kind::Resource, &id)?;
        let state = state_of(cluster, &id).ok_or(status::ERROR_RESOURCE_NOT_AVAILABLE)?;
        let group = cluster.relations().container(Kind::Resource, &id);
        let group = group.and_then(|id| cluster.objects().by_id(Kind::Group, id));
        let owner = group.and_then(|group| cluster.volatile().groups.get(&group.id));
        let owner = owner.and_then(|group| cluster.objects().by_id(Kind::Node, &group.owner));
        Ok(ApiGetResourceState {
            state: state as u32,
            node_name: Some(owner.map(|node| node.name.to_wstring()).unwrap_or_default()),
            group_name: Some(group.map(|group| group.name.to_wstring()).unwrap_or_default()),
        })
    });
    Ok(state.await?)
}

fn state_of(cluster: &Cluster, id: &Name) -> Option<ResourceState> {
    cluster.volatile().resources.get(id).map(|resource| resource.state)
}

pub(super) async fn set_name<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    resource: &Handle<OpenObject>,
    name: WString,
) -> Answer {
    let id = resource.need(Access::All)?;
    Ok(api.apply(Command::RenameResource(id, object_name(&name)?)).await?)
}

pub(super) async fn resource_type<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    resource: &Handle<OpenObject>,
) -> Answer<Option<WString>> {
    let id = resource.need(Access::Read)?;
    let name = api.look(|cluster| {
        let resource = object(cluster, Kind::Resource, &id)?;
        Ok(layout::string(cluster.registry(), resource.key, layout::TYPE).unwrap_or_default())
    });
    Ok(Some(name.await?.as_str().into()))
}

pub(super) async fn fail<N: Node>(api: &ClusApi<N>, _call: &Call, resource: &Handle<OpenObject>) -> Answer {
    Ok(api.apply(Command::FailResource(resource.need(Access::All)?)).await?)
}

pub(super) async fn online<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    resource: &Handle<OpenObject>,
) -> Answer<Win32Error> {
    let id = resource.need(Access::All)?;
    Ok(bring(api, &id, Command::OnlineResource(id.clone()), ResourceState::Online).await?)
}

/// Brings a resource into a state, and waits a little for that: it is there, it is under way, or it
/// has failed (3.1.4.2.18 and 3.1.4.2.19).
async fn bring<N: Node>(
    api: &ClusApi<N>,
    id: &Name,
    command: Command,
    goal: ResourceState,
) -> machine::Outcome<Win32Error> {
    let done = api.pursue(command, |cluster| arrived(cluster, id, goal).is_some()).await?;
    if done != Win32Error::ERROR_IO_PENDING {
        api.look(|cluster| arrived(cluster, id, goal).unwrap_or(Ok(()))).await?;
    }
    Ok(done)
}

/// Whether a resource has come into a state, or why it will not by itself.
fn arrived(cluster: &Cluster, id: &Name, goal: ResourceState) -> Option<machine::Outcome<()>> {
    match state_of(cluster, id)? {
        state if state == goal => Some(Ok(())),
        ResourceState::Failed => Some(Err(status::ERROR_RESOURCE_FAILED)),
        ResourceState::Offline => {
            let providers: Vec<_> = cluster.providers(id).iter().filter_map(|id| state_of(cluster, id)).collect();
            let failed =
                providers.contains(&ResourceState::Failed) && !providers.iter().any(|state| state.is_pending());
            failed.then_some(Err(status::ERROR_CLUSTER_RESOURCE_PROVIDER_FAILED))
        }
        _ => None,
    }
}

pub(super) async fn offline<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    resource: &Handle<OpenObject>,
) -> Answer<Win32Error> {
    let id = resource.need(Access::All)?;
    Ok(bring(api, &id, Command::OfflineResource(id.clone()), ResourceState::Offline).await?)
}

pub(super) async fn online_ex<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    resource: &Handle<OpenObject>,
    flags: u32,
    _buffer: Bytes,
) -> Answer<Win32Error> {
    const DO_NOT_UPDATE_PERSISTENT_STATE: u32 = 0x02;
    let id = resource.need(Access::All)?;
    check_flags(flags, 0x2f)?;
    let manner = Manner { transient: flags & DO_NOT_UPDATE_PERSISTENT_STATE != 0, ..Manner::default() };
    Ok(bring(api, &id, Command::OnlineResourceEx(id.clone(), manner), ResourceState::Online).await?)
}

pub(super) async fn offline_ex<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    resource: &Handle<OpenObject>,
    flags: u32,
    _buffer: Bytes,
) -> Answer<Win32Error> {
    const FORCE_WITH_TERMINATION: u32 = 0x02;
    const DO_NOT_UPDATE_PERSISTENT_STATE: u32 = 0x04;
    let id = resource.need(Access::All)?;
    check_flags(flags, 0x07)?;
    let manner = Manner {
        transient: flags & DO_NOT_UPDATE_PERSISTENT_STATE != 0,
        terminate: flags & FORCE_WITH_TERMINATION != 0,
        ..Manner::default()
    };
    Ok(bring(api, &id, Command::OfflineResourceEx(id.clone(), manner), ResourceState::Offline).await?)
}

pub(super) async fn restart<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    resource: &Handle<OpenObject>,
    _flags: u32,
) -> Answer {
    Ok(api.apply(Command::RestartResource(resource.need(Access::All)?)).await?)
}

pub(super) async fn add_dependency<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    resource: &Handle<OpenObject>,
    provider: &Handle<OpenObject>,
) -> Answer {
    Ok(api.apply(Command::AddDependency(resource.need(Access::All)?, provider.need(Access::All)?)).await?)
}

pub(super) async fn remove_dependency<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    resource: &Handle<OpenObject>,
    provider: &Handle<OpenObject>,
) -> Answer {
    Ok(api.apply(Command::RemoveDependency(resource.need(Access::All)?, provider.need(Access::All)?)).await?)
}

pub(super) async fn can_be_dependent<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    resource: &Handle<OpenObject>,
    dependent: &Handle<OpenObject>,
) -> Answer {
    let (resource, dependent) = (resource.need(Access::Read)?, dependent.need(Access::Read)?);
    Ok(api.look(|cluster| cluster.can_depend(&resource, &dependent)).await?)
}

pub(super) async fn add_node<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    resource: &Handle<OpenObject>,
    node: &Handle<OpenObject>,
) -> Answer {
    Ok(api.apply(Command::AddPossibleOwner(resource.need(Access::All)?, node.need(Access::All)?)).await?)
}

pub(super) async fn remove_node<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    resource: &Handle<OpenObject>,
    node: &Handle<OpenObject>,
) -> Answer {
    Ok(api.apply(Command::RemovePossibleOwner(resource.need(Access::All)?, node.need(Access::All)?)).await?)
}

pub(super) async fn change_group<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    resource: &Handle<OpenObject>,
    group: &Handle<OpenObject>,
) -> Answer {
    Ok(api.apply(Command::ChangeResourceGroup(resource.need(Access::All)?, group.need(Access::All)?)).await?)
}

pub(super) async fn change_group_ex<N: Node>(
    api: &ClusApi<N>,
    call: &Call,
    resource: &Handle<OpenObject>,
    group: &Handle<OpenObject>,
    flags: u64,
) -> Answer {
    match flags {
        0 => change_group(api, call, resource, group).await,
        // There are no groups of cluster shared volumes.
        1 => {
            resource.need(Access::All)?;
            group.need(Access::All)?;
            Err(status::ERROR_CLUSTER_INVALID_REQUEST.into())
        }
        _ => Err(Win32Error::ERROR_INVALID_PARAMETER.into()),
    }
}

pub(super) async fn set_dependency_expression<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    resource: &Handle<OpenObject>,
    expression: Option<WString>,
) -> Answer {
    let id = resource.need(Access::All)?;
    let text = expression.map(|text| text.to_string_lossy()).unwrap_or_default();
    Ok(api.apply(Command::SetDependencyExpression(id, text)).await?)
}

/// The expression, with the names of resources (3.1.4.2.110).
pub(super) async fn dependency_expression<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    resource: &Handle<OpenObject>,
) -> Answer<Option<WString>> {
    let id = resource.need(Access::Read)?;
    let text = api.look(|cluster| {
        let resource = object(cluster, Kind::Resource, &id)?;
        let expression = cluster.relations().depends(resource.key).cloned().unwrap_or_default();
        let named = expression.try_map(|id| {
            let provider = cluster.objects().by_id(Kind::Resource, id);
            Ok::<_, Win32Error>(provider.map_or_else(|| id.clone(), |provider| provider.name.clone()))
        });
        Ok(named?.to_string())
    });
    Ok(Some(text.await?.as_str().into()))
}

/// The name that a resource's clients know it by: that of the nearest "Network Name" resource that
/// it depends on, or its own if it is one.
pub(super) async fn network_name<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    resource: &Handle<OpenObject>,
) -> Answer<Option<WString>> {
    let id = resource.need(Access::Read)?;
    Ok(Some(api.look(|cluster| network_name_of(cluster, &id)).await?))
}

fn network_name_of(cluster: &Cluster, id: &Name) -> machine::Outcome<WString> {
    object(cluster, Kind::Resource, id)?;
    let registry = cluster.registry();
    let mut seen = BTreeSet::from([id.clone()]);
    let mut nearest_first = VecDeque::from([id.clone()]);
    while let Some(id) = nearest_first.pop_front() {
        let Some(resource) = cluster.objects().by_id(Kind::Resource, &id) else { continue };
        let kind = layout::string(registry, resource.key, layout::TYPE).unwrap_or_default();
        if kind.eq_ignore_ascii_case("Network Name") {
            let parameters = registry.find(resource.key, &layout::path(layout::PARAMETERS));
            let name = parameters.ok().and_then(|key| layout::string(registry, key, layout::NAME));
            return Ok(name.map_or_else(|| resource.name.to_wstring(), |name| name.as_str().into()));
        }
        let depends = cluster.relations().depends(resource.key);
        let providers = depends.into_iter().flat_map(|depends| depends.resources());
        nearest_first.extend(providers.filter(|provider| seen.insert((*provider).clone())).cloned());
    }
    Err(status::ERROR_DEPENDENCY_NOT_FOUND)
}

/// Cluster shared volumes are not enabled, and no resource is a disk (3.1.4.2.122).
pub(super) async fn change_csv_state<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    resource: &Handle<OpenObject>,
    _state: u32,
) -> Answer<Win32Error> {
    let id = resource.need(Access::All)?;
    api.look(|cluster| object(cluster, Kind::Resource, &id)).await?;
    Err(status::ERROR_CLUSTER_INVALID_REQUEST.into())
}

pub(super) async fn change_csv_state_ex<N: Node>(
    api: &ClusApi<N>,
    call: &Call,
    resource: &Handle<OpenObject>,
    state: u32,
    _volume: WString,
) -> Answer<Win32Error> {
    change_csv_state(api, call, resource, state).await
}
