//! Networks and network interfaces (\[MS-CMRP\] 3.1.4.2.81 to 3.1.4.2.87, 3.1.4.2.92 to 3.1.4.2.96,
//! 3.1.4.2.120, 3.1.4.2.121).

use msrpc_ndr::{Call, Handle, Outcome, WString, Win32Error};
use msrpc_protocols::clusapi3::clusapi::{ApiOpenNetInterfaceEx, ApiOpenNetworkEx};

use super::{Access, ClusApi, OpenObject, access, gone, object_name};
use crate::cluster::{
    machine::Command,
    node::Node,
    objects::{Kind, layout},
    status,
};

type Answer<T = ()> = Outcome<T, Win32Error>;

pub(super) async fn open<N: Node>(api: &ClusApi<N>, call: &Call, name: WString) -> Answer<OpenObject> {
    let access = api.caller(call, Access::All).await?;
    Ok(api.open(Kind::Network, &name, access).await?)
}

pub(super) async fn open_ex<N: Node>(
    api: &ClusApi<N>,
    call: &Call,
    name: WString,
    desired: u32,
) -> Answer<ApiOpenNetworkEx<OpenObject>> {
    let handle = api.open_ex(call, Kind::Network, &name, desired).await?;
    Ok(ApiOpenNetworkEx { granted_access: access::told(handle.access), handle })
}

pub(super) async fn state<N: Node>(api: &ClusApi<N>, _call: &Call, network: &Handle<OpenObject>) -> Answer<u32> {
    let id = network.need(Access::Read)?;
    let state = api.look(|cluster| {
        let state = cluster.volatile().networks.get(&id).ok_or(gone(Kind::Network))?;
        Ok(state.0 as u32)
    });
    Ok(state.await?)
}

pub(super) async fn set_name<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    network: &Handle<OpenObject>,
    name: WString,
) -> Answer {
    Ok(api.apply(Command::RenameNetwork(network.need(Access::All)?, object_name(&name)?)).await?)
}

/// "Servers MUST fail this method" (3.1.4.2.87).
pub(super) async fn set_priority_order<N: Node>(_api: &ClusApi<N>, _call: &Call, _ids: Vec<Option<WString>>) -> Answer {
    Err(Win32Error::ERROR_CALL_NOT_IMPLEMENTED.into())
}

pub(super) async fn open_interface<N: Node>(api: &ClusApi<N>, call: &Call, name: WString) -> Answer<OpenObject> {
    let access = api.caller(call, Access::All).await?;
    Ok(api.open(Kind::Interface, &name, access).await?)
}

pub(super) async fn open_interface_ex<N: Node>(
    api: &ClusApi<N>,
    call: &Call,
    name: WString,
    desired: u32,
) -> Answer<ApiOpenNetInterfaceEx<OpenObject>> {
    let handle = api.open_ex(call, Kind::Interface, &name, desired).await?;
    Ok(ApiOpenNetInterfaceEx { granted_access: access::told(handle.access), handle })
}

pub(super) async fn interface_state<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    interface: &Handle<OpenObject>,
) -> Answer<u32> {
    let id = interface.need(Access::Read)?;
    let state = api.look(|cluster| {
        let state = cluster.volatile().interfaces.get(&id).ok_or(gone(Kind::Interface))?;
        Ok(state.0 as u32)
    });
    Ok(state.await?)
}

/// The interface of a node on a network, by the names of both.
pub(super) async fn interface<N: Node>(
    api: &ClusApi<N>,
    call: &Call,
    node: WString,
    network: WString,
) -> Answer<Option<WString>> {
    api.caller(call, Access::Read).await?;
    let (node, network) = (object_name(&node)?, object_name(&network)?);
    let name = api.look(|cluster| {
        let objects = cluster.objects();
        let node = objects.find(Kind::Node, &node).ok_or(status::ERROR_CLUSTER_NODE_NOT_FOUND)?;
        let missing = status::ERROR_CLUSTER_NETINTERFACE_NOT_FOUND;
        let network = objects.find(Kind::Network, &network).ok_or(missing)?;
        let registry = cluster.registry();
        let mut all = objects.all(Kind::Interface);
        let found = all.find(|interface| {
            let is = |value, object: &crate::cluster::objects::Object| {
                layout::string(registry, interface.key, value).is_some_and(|id| object.id.matches(&id))
            };
            is(layout::NODE, node) && is(layout::NETWORK, network)
        });
        found.map(|interface| interface.name.to_wstring()).ok_or(missing)
    });
    Ok(Some(name.await?))
}
