//! The shares of a server, by NetrShareEnum ([MS-SRVS] 3.1.4.8).

use std::time::Duration;

use msrpc_ndr::{CallError, Win32Error};

use self::idl::shares::{
    ShareEnumStruct, ShareEnumUnion, ShareInfo1Container,
    srvsvc::{Client, INTERFACE},
};
use crate::connect::Network;

#[allow(unused_qualifications)]
mod idl {
    include!(concat!(env!("OUT_DIR"), "/midl.rs"));
}

const PIPE: &str = r"\pipe\srvsvc";
/// Shares in one answer at the most, in octets; what a server has more is fetched with further calls.
const MAX_LENGTH: u32 = 1 << 20;
/// Calls at the most: a server that never comes to an end is not waited for.
const MAX_CALLS: usize = 1000;
/// Type of a share that is a folder (STYPE_DISKTREE, [MS-SRVS] 2.2.2.4), beside its flags.
const DISK: u32 = 0;
const TYPE: u32 = 0xff;

/// Names of a server's shares that are folders.
pub(crate) async fn of_server(network: &Network, server: &str, call_timeout: Duration) -> Result<Vec<String>, String> {
    if !network.has_pipes() {
        return Err("--binding names an endpoint, where there is no srvsvc to ask".to_owned());
    }
    let channel = network.open(server, PIPE, &INTERFACE, call_timeout).await.map_err(|error| error.to_string())?;
    let client = Client::new(channel);
    let mut names = Vec::new();
    let mut resume = Some(0);
    for _ in 0..MAX_CALLS {
        let request = ShareEnumStruct { share_info: ShareEnumUnion::Level1(Some(ShareInfo1Container::default())) };
        let server = format!(r"\\{server}");
        let (answer, is_last) = match client.netr_share_enum(Some(server.into()), request, MAX_LENGTH, resume).await {
            Ok(answer) => (answer, true),
            Err(CallError::Status { status: Win32Error::ERROR_MORE_DATA, out }) => (*out, false),
            Err(error) => return Err(error.to_string()),
        };
        let before = names.len();
        let ShareEnumUnion::Level1(container) = answer.info_struct.share_info;
        let shares = container.and_then(|container| container.buffer).unwrap_or_default();
        let folders = shares.into_iter().filter(|share| share.shi1_type & TYPE == DISK);
        names.extend(folders.filter_map(|share| share.shi1_netname).map(|name| name.to_string_lossy()));
        if is_last || names.len() == before {
            break;
        }
        resume = answer.resume_handle;
    }
    Ok(names)
}
