//! All groups or resources with some of their properties (\[MS-CMRP\] 3.1.4.2.139 and 3.1.4.2.140).

use msrpc_ndr::{Bytes, Call, Handle, Outcome, WString, Win32Error};
use msrpc_protocols::clusapi3::{GroupEnumEntry, GroupEnumList, ResourceEnumEntry, ResourceEnumList};

use super::{Access, ClusApi, OpenCluster};
use crate::cluster::{
    control::{self, Function, Subject},
    machine::{self, Cluster},
    node::Node,
    objects::{Kind, Object, layout},
    property_list,
    registry::{Value, ValueType},
};

/// Which properties a client wants: none, all (`*`), or those of these names.
enum Wanted {
    Nothing,
    All,
    Named(Vec<WString>),
}

fn wanted(names: Option<Bytes>) -> Result<Wanted, Win32Error> {
    let Some(data) = names.filter(|data| !data.is_empty()) else { return Ok(Wanted::Nothing) };
    if !data.len().is_multiple_of(2) {
        return Err(Win32Error::ERROR_INVALID_PARAMETER);
    }
    let names = Value { kind: ValueType::REG_MULTI_SZ, data }.as_strings().unwrap_or_default();
    Ok(match names.as_slice() {
        [] => Wanted::Nothing,
        [all] if all == "*" => Wanted::All,
        names => Wanted::Named(names.iter().map(|name| name.as_str().into()).collect()),
    })
}

/// The property list of an object with what is wanted of its common properties.
///
/// # Errors
///
/// `ERROR_INVALID_PARAMETER` for a name that is none of them.
fn properties(cluster: &Cluster, subject: &Subject, function: Function, wanted: &Wanted) -> machine::Outcome<Bytes> {
    let names = match wanted {
        Wanted::Nothing => return Ok(Bytes::new()),
        Wanted::All => None,
        Wanted::Named(names) => Some(names),
    };
    let octets = control::common_properties(cluster, subject, function);
    let Some(names) = names else { return Ok(octets) };
    let all = property_list::decode(&octets).unwrap_or_default();
    let chosen = names.iter().map(|name| {
        let found =
            all.iter().find(|property| property.name.to_string_lossy().eq_ignore_ascii_case(&name.to_string_lossy()));
        found.cloned().ok_or(Win32Error::ERROR_INVALID_PARAMETER)
    });
    Ok(property_list::encode(&chosen.collect::<Result<Vec<_>, _>>()?))
}

struct Lists {
    writable: Wanted,
    read_only: Wanted,
}

impl Lists {
    fn new(writable: Option<Bytes>, read_only: Option<Bytes>) -> Result<Self, Win32Error> {
        Ok(Self { writable: wanted(writable)?, read_only: wanted(read_only)? })
    }

    fn of(&self, cluster: &Cluster, kind: Kind, object: &Object) -> machine::Outcome<(Option<Bytes>, Option<Bytes>)> {
        let subject = Subject::Object(kind, object.clone());
        let writable = properties(cluster, &subject, Function::GetCommonProperties, &self.writable)?;
        let read_only = properties(cluster, &subject, Function::GetRoCommonProperties, &self.read_only)?;
        let some = |list: Bytes| (!list.is_empty()).then_some(list);
        Ok((some(writable), some(read_only)))
    }
}

pub(super) async fn groups<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    cluster: &Handle<OpenCluster>,
    writable: Option<Bytes>,
    read_only: Option<Bytes>,
) -> Outcome<Option<GroupEnumList>, Win32Error> {
    cluster.need(Access::Read)?;
    let lists = Lists::new(writable, read_only)?;
    let list = api.look(|cluster| {
        let groups = cluster.objects().all(Kind::Group).map(|group| {
            let (properties, ro_properties) = lists.of(cluster, Kind::Group, group)?;
            let owner = cluster.volatile().groups.get(&group.id);
            let owner = owner.and_then(|volatile| cluster.objects().by_id(Kind::Node, &volatile.owner));
            Ok(GroupEnumEntry {
                name: Some(group.name.to_wstring()),
                id: Some(group.id.to_wstring()),
                state: cluster.group_state(group) as u32,
                owner: Some(owner.map(|node| node.name.to_wstring()).unwrap_or_default()),
                flags: layout::dword(cluster.registry(), group.key, layout::FLAGS).unwrap_or(0),
                properties,
                ro_properties,
            })
        });
        groups.collect::<machine::Outcome<Vec<_>>>()
    });
    Ok(Some(GroupEnumList { entry: list.await? }))
}

pub(super) async fn resources<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    cluster: &Handle<OpenCluster>,
    writable: Option<Bytes>,
    read_only: Option<Bytes>,
) -> Outcome<Option<ResourceEnumList>, Win32Error> {
    cluster.need(Access::Read)?;
    let lists = Lists::new(writable, read_only)?;
    let list = api.look(|cluster| {
        let resources = cluster.objects().all(Kind::Resource).map(|resource| {
            let (properties, ro_properties) = lists.of(cluster, Kind::Resource, resource)?;
            let group = cluster.relations().container(Kind::Resource, &resource.id);
            let group = group.and_then(|id| cluster.objects().by_id(Kind::Group, id));
            Ok(ResourceEnumEntry {
                name: Some(resource.name.to_wstring()),
                id: Some(resource.id.to_wstring()),
                owner_name: Some(group.map(|group| group.name.to_wstring()).unwrap_or_default()),
                owner_id: Some(group.map(|group| group.id.to_wstring()).unwrap_or_default()),
                properties,
                ro_properties,
            })
        });
        resources.collect::<machine::Outcome<Vec<_>>>()
    });
    Ok(Some(ResourceEnumList { entry: list.await? }))
}
