//! Methods that are the same for handles of several types: closing them, and asking for an ID.

use msrpc_ndr::{Call, Handle, HandleChange, Outcome, WString, Win32Error};

use super::{Access, ClusApi, OpenObject, object};
use crate::cluster::node::Node;

/// Closes a handle. What it stood for is let go when the last call with it ends.
pub(super) async fn close<N: Node, T>(
    _api: &ClusApi<N>,
    _call: &Call,
    handle: Option<&Handle<T>>,
) -> Outcome<HandleChange<T>, Win32Error> {
    match handle {
        Some(_) => Ok(HandleChange::Close),
        None => Err(Win32Error::ERROR_INVALID_HANDLE.into()),
    }
}

/// The ID of a handle's object, if it is still there.
pub(super) async fn id<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    handle: &Handle<OpenObject>,
) -> Outcome<Option<WString>, Win32Error> {
    let (kind, id) = (handle.kind, handle.need(Access::Read)?);
    Ok(Some(api.look(|cluster| object(cluster, kind, &id).map(|object| object.id.to_wstring())).await?))
}
