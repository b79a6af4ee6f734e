//! Nodes (\[MS-CMRP\] 3.1.4.2.49, 3.1.4.2.67 to 3.1.4.2.72, 3.1.4.2.117, 3.1.4.2.125 to 3.1.4.2.127).

use msrpc_ndr::{Call, Handle, Outcome, WString, Win32Error};
use msrpc_protocols::clusapi3::clusapi::ApiOpenNodeEx;

use super::{Access, ClusApi, OpenObject, access, object};
use crate::cluster::{
    machine::{Command, Reply},
    node::Node,
    objects::Kind,
    status,
};

type Answer<T = ()> = Outcome<T, Win32Error>;

pub(super) async fn open<N: Node>(api: &ClusApi<N>, call: &Call, name: WString) -> Answer<OpenObject> {
    let access = api.caller(call, Access::All).await?;
    Ok(api.open(Kind::Node, &name, access).await?)
}

pub(super) async fn open_ex<N: Node>(
    api: &ClusApi<N>,
    call: &Call,
    name: WString,
    desired: u32,
) -> Answer<ApiOpenNodeEx<OpenObject>> {
    let handle = api.open_ex(call, Kind::Node, &name, desired).await?;
    Ok(ApiOpenNodeEx { granted_access: access::told(handle.access), handle })
}

pub(super) async fn state<N: Node>(api: &ClusApi<N>, _call: &Call, node: &Handle<OpenObject>) -> Answer<u32> {
    let id = node.need(Access::Read)?;
    let state = api.look(|cluster| {
        object(cluster, Kind::Node, &id)?;
        let node = cluster.volatile().nodes.get(&id).ok_or(status::ERROR_NODE_NOT_AVAILABLE)?;
        Ok(node.state as u32)
    });
    Ok(state.await?)
}

pub(super) async fn pause<N: Node>(api: &ClusApi<N>, _call: &Call, node: &Handle<OpenObject>) -> Answer {
    Ok(api.apply(Command::PauseNode(node.need(Access::All)?, None)).await?)
}

/// `bDrainNode` says whether the node's groups go elsewhere; the flags count only then.
pub(super) async fn pause_ex<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    node: &Handle<OpenObject>,
    drain: i32,
    flags: u32,
) -> Answer<Win32Error> {
    let id = node.need(Access::All)?;
    if drain != 0 && flags & !1 != 0 {
        return Err(Win32Error::ERROR_INVALID_PARAMETER.into());
    }
    drained(api, Command::PauseNode(id, (drain != 0).then_some(None))).await
}

pub(super) async fn pause_with_target<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    node: &Handle<OpenObject>,
    flags: u32,
    target: &Handle<OpenObject>,
) -> Answer<Win32Error> {
    let (id, target) = (node.need(Access::All)?, target.need(Access::All)?);
    if flags & !1 != 0 {
        return Err(Win32Error::ERROR_INVALID_PARAMETER.into());
    }
    drained(api, Command::PauseNode(id, Some(Some(target)))).await
}

/// A node that is drained is always answered with ERROR_IO_PENDING (3.1.4.2.125).
async fn drained<N: Node>(api: &ClusApi<N>, command: Command) -> Answer<Win32Error> {
    match api.node.apply(command).await? {
        Reply::Pending => Ok(Win32Error::ERROR_IO_PENDING),
        _ => Ok(Win32Error(0)),
    }
}

pub(super) async fn resume<N: Node>(api: &ClusApi<N>, _call: &Call, node: &Handle<OpenObject>) -> Answer {
    Ok(api.apply(Command::ResumeNode(node.need(Access::All)?)).await?)
}

/// No group was noted to have gone elsewhere, so none comes back by itself.
pub(super) async fn resume_ex<N: Node>(
    api: &ClusApi<N>,
    call: &Call,
    node: &Handle<OpenObject>,
    failback: u32,
    _reserved: u32,
) -> Answer {
    node.need(Access::All)?;
    if failback > 2 {
        return Err(Win32Error::ERROR_INVALID_PARAMETER.into());
    }
    resume(api, call, node).await
}

pub(super) async fn evict<N: Node>(api: &ClusApi<N>, _call: &Call, node: &Handle<OpenObject>) -> Answer {
    Ok(api.apply(Command::EvictNode(node.need(Access::All)?)).await?)
}
