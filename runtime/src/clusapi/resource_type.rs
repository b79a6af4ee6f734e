//! Resource types (\[MS-CMRP\] 3.1.4.2.27 and 3.1.4.2.28).

use msrpc_ndr::{Call, Outcome, WString, Win32Error};

use super::{Access, ClusApi, object_name};
use crate::cluster::{machine::Command, node::Node};

pub(super) async fn create<N: Node>(
    api: &ClusApi<N>,
    call: &Call,
    type_name: WString,
    display_name: WString,
    dll_name: WString,
    looks_alive: u32,
    is_alive: u32,
) -> Outcome<(), Win32Error> {
    api.caller(call, Access::All).await?;
    let command = Command::CreateResourceType {
        name: object_name(&type_name)?,
        display_name: display_name.to_string_lossy(),
        dll_name: dll_name.to_string_lossy(),
        looks_alive,
        is_alive,
    };
    Ok(api.apply(command).await?)
}

pub(super) async fn delete<N: Node>(api: &ClusApi<N>, call: &Call, type_name: WString) -> Outcome<(), Win32Error> {
    api.caller(call, Access::All).await?;
    Ok(api.apply(Command::DeleteResourceType(object_name(&type_name)?)).await?)
}
