//! Group sets (\[MS-CMRP\] 3.1.4.2.146 to 3.1.4.2.154, 3.1.4.2.157 to 3.1.4.2.161, 3.1.4.2.165).

use msrpc_ndr::{Call, Handle, Outcome, WString, Win32Error};

use super::{Access, ClusApi, OpenObject, not_found, object_name};
use crate::cluster::{machine::Command, node::Node, objects::Kind};

type Answer<T = ()> = Outcome<T, Win32Error>;

pub(super) async fn create<N: Node>(api: &ClusApi<N>, call: &Call, name: WString) -> Answer<OpenObject> {
    let access = api.caller(call, Access::All).await?;
    let (id, name) = (api.node.new_id(), object_name(&name)?);
    api.apply(Command::CreateGroupSet { id: id.clone(), name }).await?;
    Ok(OpenObject { kind: Kind::GroupSet, id, access })
}

pub(super) async fn open<N: Node>(api: &ClusApi<N>, call: &Call, name: WString) -> Answer<OpenObject> {
    let access = api.caller(call, Access::All).await?;
    Ok(api.open(Kind::GroupSet, &name, access).await?)
}

pub(super) async fn delete<N: Node>(api: &ClusApi<N>, _call: &Call, set: &Handle<OpenObject>) -> Answer {
    Ok(api.apply(Command::DeleteGroupSet(set.need(Access::All)?)).await?)
}

pub(super) async fn add_group<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    set: &Handle<OpenObject>,
    group: &Handle<OpenObject>,
) -> Answer {
    let (set, group) = (set.need(Access::All)?, group.need(Access::All)?);
    Ok(api.apply(Command::AddGroupToSet(set, group, false)).await?)
}

/// As [`add_group`]. There are no fault and update domains to put a group into.
#[allow(clippy::too_many_arguments, reason = "the protocol's method has them")]
pub(super) async fn add_group_ex<N: Node>(
    api: &ClusApi<N>,
    call: &Call,
    set: &Handle<OpenObject>,
    group: &Handle<OpenObject>,
    _fault_domain: u32,
    _update_domain: u32,
    use_domains: i32,
    _reserved: u32,
) -> Answer {
    if use_domains != 0 {
        set.need(Access::All)?;
        return Err(Win32Error::ERROR_NOT_SUPPORTED.into());
    }
    add_group(api, call, set, group).await
}

pub(super) async fn remove_group<N: Node>(api: &ClusApi<N>, _call: &Call, group: &Handle<OpenObject>) -> Answer {
    Ok(api.apply(Command::RemoveGroupFromSet(group.need(Access::All)?)).await?)
}

pub(super) async fn move_group<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    set: &Handle<OpenObject>,
    group: &Handle<OpenObject>,
) -> Answer {
    let (set, group) = (set.need(Access::All)?, group.need(Access::All)?);
    Ok(api.apply(Command::AddGroupToSet(set, group, true)).await?)
}

pub(super) async fn add_dependency<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    dependent: &Handle<OpenObject>,
    provider: &Handle<OpenObject>,
) -> Answer {
    Ok(api.apply(Command::AddSetDependency(dependent.need(Access::All)?, provider.need(Access::All)?)).await?)
}

pub(super) async fn remove_dependency<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    dependent: &Handle<OpenObject>,
    provider: &Handle<OpenObject>,
) -> Answer {
    Ok(api.apply(Command::RemoveSetDependency(dependent.need(Access::All)?, provider.need(Access::All)?)).await?)
}

/// An expression, in text.
fn text(expression: &WString) -> String {
    expression.to_string_lossy()
}

pub(super) async fn add_group_to_set_dependency<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    group: &Handle<OpenObject>,
    set: &Handle<OpenObject>,
) -> Answer {
    Ok(api.apply(Command::AddGroupToSetDependency(group.need(Access::All)?, set.need(Access::All)?)).await?)
}

pub(super) async fn set_group_expression<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    group: &Handle<OpenObject>,
    expression: WString,
) -> Answer {
    Ok(api.apply(Command::SetGroupDependencies(group.need(Access::All)?, text(&expression))).await?)
}

pub(super) async fn remove_group_dependency<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    group: &Handle<OpenObject>,
    depends_on: &Handle<OpenObject>,
) -> Answer {
    Ok(api.apply(Command::RemoveGroupDependency(group.need(Access::All)?, depends_on.need(Access::All)?)).await?)
}

/// A set that is gone is not found here, by the table of 3.1.4.2.159.
pub(super) async fn set_expression<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    set: &Handle<OpenObject>,
    expression: WString,
) -> Answer {
    let id = set.need(Access::All)?;
    api.look(|cluster| cluster.objects().by_id(Kind::GroupSet, &id).map(drop).ok_or(not_found(Kind::GroupSet))).await?;
    Ok(api.apply(Command::SetSetDependencies(id, text(&expression))).await?)
}

pub(super) async fn remove_group_to_set_dependency<N: Node>(
    api: &ClusApi<N>,
    _call: &Call,
    group: &Handle<OpenObject>,
    set: &Handle<OpenObject>,
) -> Answer {
    Ok(api.apply(Command::RemoveGroupToSetDependency(group.need(Access::All)?, set.need(Access::All)?)).await?)
}
