//! Enumerations by name and ID: `ENUM_LIST` (\[MS-CMRP\] 2.2.3.4 and 2.2.3.5).

use msrpc_ndr::{Call, Handle, Outcome, WString, Win32Error};
use msrpc_protocols::clusapi3::{
    EnumEntry, EnumList,
    clusapi::{ApiCreateEnumEx, ApiCreateNodeEnumEx},
};

use super::{Access, ClusApi, OpenCluster, OpenObject, not_found, object, object_name};
use crate::cluster::{
    machine::Cluster,
    node::Node,
    objects::{Kind, Object, layout},
    registry::Name,
};

type Listed<T = Option<EnumList>> = Outcome<T, Win32Error>;

const CLUSTER_ENUM_INTERNAL_NETWORK: u32 = 0x8000_0000;
const CLUSTER_ENUM_SHARED_VOLUME_RESOURCE: u32 = 0x4000_0000;
/// The kinds that `dwType` of ApiCreateEnum names by a bit each.
const CLUSTER_ENUM: [(u32, Kind); 6] = [
    (0x01, Kind::Node),
    (0x02, Kind::ResourceType),
    (0x04, Kind::Resource),
    (0x08, Kind::Group),
    (0x10, Kind::Network),
    (0x20, Kind::Interface),
];

/// The objects of a list, with the bit that says why each is in it.
type Entries = Vec<(u32, Object)>;

fn names(entries: &Entries) -> EnumList {
    list(entries.iter().map(|(bit, object)| (*bit, object.name.to_wstring())))
}

/// Resource types have no IDs (3.1.4.2.124).
fn ids(entries: &Entries) -> EnumList {
    list(
        entries.iter().map(|(bit, object)| {
            (*bit, if *bit == CLUSTER_ENUM[1].0 { WString::new() } else { object.id.to_wstring() })
        }),
    )
}

fn list(entries: impl Iterator<Item = (u32, WString)>) -> EnumList {
    EnumList { entry: entries.map(|(r#type, name)| EnumEntry { r#type, name: Some(name) }).collect() }
}

/// The objects of those kinds that bits name.
fn of_cluster(cluster: &Cluster, types: u32) -> Result<Entries, Win32Error> {
    let all = |bit: u32, kind: Kind| cluster.objects().all(kind).map(move |object| (bit, object.clone()));
    match types {
        CLUSTER_ENUM_INTERNAL_NETWORK => {
            // Role 1 is what the cluster uses, alone or beside clients (2.2.1.13).
            let internal = all(types, Kind::Network).filter(|(_, network)| {
                layout::dword(cluster.registry(), network.key, layout::ROLE).unwrap_or(0) & 1 != 0
            });
            Ok(internal.collect())
        }
        CLUSTER_ENUM_SHARED_VOLUME_RESOURCE => Ok(Vec::new()),
        0 => Err(Win32Error::ERROR_INVALID_PARAMETER),
        types if types & !0x3f != 0 => Err(Win32Error::ERROR_INVALID_PARAMETER),
        types => Ok(CLUSTER_ENUM
            .iter()
            .filter(|(bit, _)| types & bit != 0)
            .flat_map(|&(bit, kind)| all(bit, kind))
            .collect()),
    }
}

/// Only nodes are told by a server that takes no changes (3.1.4.2.8).
fn admit<N: Node>(api: &ClusApi<N>, types: u32) -> Result<(), Win32Error> {
    api.node.accepts(types != CLUSTER_ENUM[0].0)
}

pub(super) async fn create_enum<N: Node>(api: &ClusApi<N>, call: &Call, types: u32) -> Listed {
    admit(api, types)?;
    api.caller(call, Access::Read).await?;
    Ok(Some(api.look(|cluster| of_cluster(cluster, types).map(|entries| names(&entries))).await?))
}

pub(super) async fn create_enum_ex<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    cluster: &Handle<OpenCluster>,
    types: u32,
    options: u32,
) -> Listed<ApiCreateEnumEx> {
    admit(api, types)?;
    cluster.need(Access::Read)?;
    if options != 0 {
        return Err(Win32Error::ERROR_INVALID_PARAMETER.into());
    }
    let entries = api.look(|cluster| of_cluster(cluster, types)).await?;
    Ok(ApiCreateEnumEx { return_id_enum: Some(ids(&entries)), return_name_enum: Some(names(&entries)) })
}

/// Network interfaces in a node (bit 1), and groups on it (bit 2).
fn of_node(cluster: &Cluster, node: &Name, types: u32) -> Result<Entries, Win32Error> {
    object(cluster, Kind::Node, node)?;
    let mut entries = Vec::new();
    if types & 1 != 0 {
        entries.extend(interfaces(cluster, layout::NODE, node));
    }
    if types & 2 != 0 {
        let groups = cluster.objects().all(Kind::Group);
        let owned =
            groups.filter(|group| cluster.volatile().groups.get(&group.id).is_some_and(|group| group.owner == *node));
        entries.extend(owned.map(|group| (2, group.clone())));
    }
    Ok(entries)
}

/// The interfaces whose value names the ID of their node or network.
fn interfaces(cluster: &Cluster, value: &str, id: &Name) -> Entries {
    let all = cluster.objects().all(Kind::Interface);
    let matching = all.filter(|interface| {
        layout::string(cluster.registry(), interface.key, value).is_some_and(|other| id.matches(&other))
    });
    matching.map(|interface| (1, interface.clone())).collect()
}

pub(super) async fn node_enum<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    node: &Handle<OpenObject>,
    types: u32,
) -> Listed {
    let id = node.need(Access::Read)?;
    Ok(Some(api.look(|cluster| of_node(cluster, &id, types).map(|entries| names(&entries))).await?))
}

pub(super) async fn node_enum_ex<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    node: &Handle<OpenObject>,
    types: u32,
    options: u32,
) -> Listed<ApiCreateNodeEnumEx> {
    let id = node.need(Access::Read)?;
    if options != 0 || types == 0 || types & !3 != 0 {
        return Err(Win32Error::ERROR_INVALID_PARAMETER.into());
    }
    let entries = api.look(|cluster| of_node(cluster, &id, types)).await?;
    Ok(ApiCreateNodeEnumEx { return_id_enum: Some(ids_of_node(&entries)), return_name_enum: Some(names(&entries)) })
}

/// Bit 2 is a group here, which has an ID.
fn ids_of_node(entries: &Entries) -> EnumList {
    list(entries.iter().map(|(bit, object)| (*bit, object.id.to_wstring())))
}

pub(super) async fn resource_enum<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    resource: &Handle<OpenObject>,
    types: u32,
) -> Listed {
    let id = resource.need(Access::Read)?;
    if types == 0 || types & !7 != 0 {
        return Err(Win32Error::ERROR_INVALID_PARAMETER.into());
    }
    let entries = api.look(|cluster| {
        let resource = object(cluster, Kind::Resource, &id)?;
        let find = |kind, id: &Name| cluster.objects().by_id(kind, id).cloned();
        let mut entries: Entries = Vec::new();
        if types & 1 != 0 {
            let depends = cluster.relations().depends(resource.key);
            let providers = depends.into_iter().flat_map(|depends| depends.resources());
            entries.extend(providers.filter_map(|id| Some((1, find(Kind::Resource, id)?))));
        }
        if types & 2 != 0 {
            let dependents = cluster.relations().dependents(Kind::Resource, &id);
            entries.extend(dependents.filter_map(|id| Some((2, find(Kind::Resource, id)?))));
        }
        if types & 4 != 0 {
            let owners = layout::ids(cluster.registry(), resource.key, layout::POSSIBLE_OWNERS);
            if owners.is_empty() {
                entries.extend(cluster.objects().all(Kind::Node).map(|node| (4, node.clone())));
            }
            entries.extend(owners.iter().filter_map(|id| Some((4, find(Kind::Node, id)?))));
        }
        Ok(entries)
    });
    Ok(Some(names(&entries.await?)))
}

pub(super) async fn group_enum<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    group: &Handle<OpenObject>,
    types: u32,
) -> Listed {
    let id = group.need(Access::Read)?;
    let entries = api.look(|cluster| {
        let group = object(cluster, Kind::Group, &id)?;
        let mut entries: Entries = Vec::new();
        if types & 1 != 0 {
            let members = cluster.relations().members(group.key).iter();
            entries.extend(members.filter_map(|id| Some((1, cluster.objects().by_id(Kind::Resource, id).cloned()?))));
        }
        if types & 2 != 0 {
            let preferred = layout::ids(cluster.registry(), group.key, layout::PREFERRED_OWNERS);
            entries
                .extend(preferred.iter().filter_map(|id| Some((2, cluster.objects().by_id(Kind::Node, id).cloned()?))));
        }
        Ok(entries)
    });
    Ok(Some(names(&entries.await?)))
}

pub(super) async fn network_enum<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    network: &Handle<OpenObject>,
    types: u32,
) -> Listed {
    let id = network.need(Access::Read)?;
    let entries = api.look(|cluster| {
        object(cluster, Kind::Network, &id)?;
        Ok(if types & 1 != 0 { interfaces(cluster, layout::NETWORK, &id) } else { Vec::new() })
    });
    Ok(Some(names(&entries.await?)))
}

pub(super) async fn resource_type_enum<N: Node>(
    api: &ClusApi<N>,
    call: &Call,
    type_name: WString,
    types: u32,
) -> Listed {
    api.caller(call, Access::Read).await?;
    let name = object_name(&type_name)?;
    let entries = api.look(|cluster| {
        let found = cluster.objects().find(Kind::ResourceType, &name);
        found.ok_or(not_found(Kind::ResourceType))?;
        let mut entries: Entries = Vec::new();
        if types & 1 != 0 {
            entries.extend(cluster.objects().all(Kind::Node).map(|node| (1, node.clone())));
        }
        if types & 2 != 0 {
            let resources = cluster.objects().all(Kind::Resource).filter(|resource| {
                layout::string(cluster.registry(), resource.key, layout::TYPE).is_some_and(|it| name.matches(&it))
            });
            entries.extend(resources.map(|resource| (2, resource.clone())));
        }
        Ok(entries)
    });
    Ok(Some(names(&entries.await?)))
}

pub(super) async fn group_set_enum<N: Node>(api: &ClusApi<N>, _call: &Call, cluster: &Handle<OpenCluster>) -> Listed {
    cluster.need(Access::Read)?;
    let entries = api.look(|cluster| Ok(cluster.objects().all(Kind::GroupSet).map(|set| (0x8, set.clone())).collect()));
    Ok(Some(names(&entries.await?)))
}

pub(super) async fn interface_enum<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    cluster: &Handle<OpenCluster>,
    node: WString,
    network: WString,
) -> Listed {
    cluster.need(Access::Read)?;
    let (node, network) = (object_name(&node)?, object_name(&network)?);
    let entries = api.look(|cluster| {
        let find = |kind, name: &Name| cluster.objects().find(kind, name).cloned().ok_or(not_found(kind));
        let (node, network) = (find(Kind::Node, &node)?, find(Kind::Network, &network)?);
        let on_network = interfaces(cluster, layout::NETWORK, &network.id);
        let in_node = interfaces(cluster, layout::NODE, &node.id);
        Ok(on_network.into_iter().filter(|entry| in_node.contains(entry)).collect())
    });
    Ok(Some(names(&entries.await?)))
}
