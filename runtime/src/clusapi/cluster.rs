//! The cluster as a whole (\[MS-CMRP\] 3.1.4.2.1 to 3.1.4.2.7, 3.1.4.2.102, 3.1.4.2.116).

use msrpc_ndr::{Call, Failure, Handle, Outcome, WString, Win32Error};
use msrpc_protocols::clusapi3::{
    ClusterOperationalVersionInfo,
    clusapi::{
        ApiGetClusterName, ApiGetClusterVersion, ApiGetClusterVersion2, ApiGetQuorumResource, ApiOpenClusterEx,
        ApiSetServiceAccountPassword,
    },
};

use super::{Access, ClusApi, OpenCluster, OpenObject, access, object_name};
use crate::cluster::{
    machine::Command,
    node::Node,
    objects::{Kind, layout},
    registry::{KeyId, Registry},
    state::ResourceState,
    status,
};

/// Longest name of a cluster or node in UTF-16 code units, its null included.
const MAX_NAME: usize = 64;
/// The version of the cluster's functions that all nodes have: major 10, minor 1 (2.2.3.3).
const OPERATIONAL_VERSION: u32 = 10 << 16 | 1;
/// Majority of nodes (3.1.4.2.6).
const QUORUM_MAJORITY: u32 = 0;

pub(super) async fn open<N: Node>(api: &ClusApi<N>, call: &Call) -> Outcome<OpenCluster, Win32Error> {
    let access = api.caller(call, Access::All).await?;
    Ok(OpenCluster { access })
}

pub(super) async fn open_ex<N: Node>(
    api: &ClusApi<N>,
    call: &Call,
    desired: u32,
) -> Outcome<ApiOpenClusterEx<OpenCluster>, Win32Error> {
    let granted = api.caller(call, Access::Read).await?;
    let access = access::explicit(desired, granted)?;
    Ok(ApiOpenClusterEx { granted_access: access::told(access), handle: OpenCluster { access } })
}

pub(super) async fn set_name<N: Node>(api: &ClusApi<N>, call: &Call, name: WString) -> Outcome<(), Win32Error> {
    api.caller(call, Access::All).await?;
    if name.units().count() >= MAX_NAME {
        return Err(status::RPC_S_STRING_TOO_LONG.into());
    }
    let name = object_name(&name)?;
    let text = name.to_string();
    let label = !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.chars().all(|it| it.is_alphanumeric() || it == '-' || it == '_');
    if !label {
        return Err(Win32Error::ERROR_INVALID_NAME.into());
    }
    // The name in use stays as it is while its resource is up.
    let same = api.look(|cluster| {
        if cluster.objects().by_name(Kind::Node, &name).is_some() {
            return Err(Win32Error::ERROR_INVALID_NAME);
        }
        let old = layout::string(cluster.registry(), KeyId::ROOT, layout::CLUSTER_NAME).unwrap_or_default();
        let resource = cluster.objects().by_name(Kind::Resource, &layout::name("Cluster Name"));
        let resource = resource.and_then(|object| cluster.volatile().resources.get(&object.id));
        match resource.map(|resource| resource.state) {
            Some(ResourceState::Online | ResourceState::OnlinePending) if name.matches(&old) => Ok(true),
            Some(ResourceState::Online | ResourceState::OnlinePending) => Err(status::ERROR_RESOURCE_ONLINE),
            _ => Ok(false),
        }
    });
    let stored = same.await?;
    api.apply(Command::SetClusterName(name)).await?;
    if stored { Err(status::ERROR_RESOURCE_PROPERTIES_STORED.into()) } else { Ok(()) }
}

pub(super) async fn name<N: Node>(api: &ClusApi<N>, call: &Call) -> Outcome<ApiGetClusterName, Win32Error> {
    api.caller(call, Access::Read).await?;
    let names = api.look(|cluster| {
        let name = layout::string(cluster.registry(), KeyId::ROOT, layout::CLUSTER_NAME).unwrap_or_default();
        let node = cluster.objects().by_id(Kind::Node, cluster.local_node());
        Ok((WString::from(name.as_str()), node.map(|node| node.name.to_wstring()).unwrap_or_default()))
    });
    let (cluster_name, node_name) = names.await?;
    Ok(ApiGetClusterName { cluster_name: Some(cluster_name), node_name: Some(node_name) })
}

pub(super) async fn version<N: Node>(_api: &ClusApi<N>, _call: &Call) -> Outcome<ApiGetClusterVersion, Win32Error> {
    Err(Win32Error::ERROR_CALL_NOT_IMPLEMENTED.into())
}

pub(super) async fn version2<N: Node>(api: &ClusApi<N>, call: &Call) -> Outcome<ApiGetClusterVersion2, Win32Error> {
    api.caller(call, Access::Read).await?;
    let about = api.node.about();
    let operational = ClusterOperationalVersionInfo {
        size: 20,
        cluster_highest_version: OPERATIONAL_VERSION,
        cluster_lowest_version: OPERATIONAL_VERSION,
        flags: 0,
        reserved: 0,
    };
    Ok(ApiGetClusterVersion2 {
        major_version: about.version.0,
        minor_version: about.version.1,
        build_number: about.version.2,
        vendor_id: Some(about.vendor.as_str().into()),
        csd_version: Some(WString::new()),
        cluster_op_ver_info: Some(operational),
    })
}

fn quorum(registry: &Registry) -> Option<KeyId> {
    registry.find(KeyId::ROOT, &layout::path("Quorum")).ok()
}

pub(super) async fn quorum_resource<N: Node>(
    api: &ClusApi<N>,
    call: &Call,
) -> Outcome<ApiGetQuorumResource, Win32Error> {
    api.caller(call, Access::Read).await?;
    let quorum = api.look(|cluster| {
        let registry = cluster.registry();
        let Some(key) = quorum(registry) else { return Ok(None) };
        let id = layout::string(registry, key, "Resource").unwrap_or_default();
        let resource = cluster.objects().by_id(Kind::Resource, &layout::name(&id));
        let path = layout::string(registry, key, "Path").unwrap_or_default();
        let kind = layout::dword(registry, key, "MaxQuorumLogSize").unwrap_or(QUORUM_MAJORITY);
        Ok(resource.map(|resource| (resource.name.to_wstring(), path, kind)))
    });
    let (name, path, max_quorum_log_size) =
        quorum.await?.unwrap_or_else(|| (WString::new(), String::new(), QUORUM_MAJORITY));
    Ok(ApiGetQuorumResource { resource_name: Some(name), device_name: Some(path.as_str().into()), max_quorum_log_size })
}

/// No resource here has a disk that could hold the quorum's data: only the majority of nodes can be
/// chosen, which is what is.
pub(super) async fn set_quorum_resource<N: Node>(
    api: &ClusApi<N>,
    call: &Call,
    resource: &Handle<OpenObject>,
    _device: WString,
    max_quorum_log_size: u32,
) -> Outcome<(), Win32Error> {
    if max_quorum_log_size == QUORUM_MAJORITY {
        api.caller(call, Access::All).await?;
        return Ok(());
    }
    let id = resource.need(Access::All)?;
    let state = api.look(|cluster| {
        super::object(cluster, Kind::Resource, &id)?;
        let depended = cluster.relations().dependents(Kind::Resource, &id).next().is_some();
        Ok((cluster.volatile().resources.get(&id).map(|resource| resource.state), depended))
    });
    Err(match state.await? {
        (Some(ResourceState::Online), true) => status::ERROR_DEPENDENCY_NOT_ALLOWED.into(),
        (Some(ResourceState::Online), false) => Failure::from(status::ERROR_NOT_QUORUM_CAPABLE),
        _ => status::ERROR_RESOURCE_NOT_ONLINE.into(),
    })
}

pub(super) async fn backup_database<N: Node>(
    _api: &ClusApi<N>,
    _call: &Call,
    _path: WString,
) -> Outcome<(), Win32Error> {
    Err(Win32Error::ERROR_CALL_NOT_IMPLEMENTED.into())
}

pub(super) async fn set_service_account_password<N: Node>(
    _api: &ClusApi<N>,
    _call: &Call,
    _password: WString,
    _flags: msrpc_protocols::clusapi3::IdlClusterSetPasswordFlags,
    _size: u32,
) -> Outcome<ApiSetServiceAccountPassword, Win32Error> {
    Err(Win32Error::ERROR_CALL_NOT_IMPLEMENTED.into())
}
