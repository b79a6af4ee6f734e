//! A generated client calls a generated server in memory, and shows what travels. Started by
//! `cargo xtask demo`.

mod cluster;
mod dump;
mod file_server;

use std::error::Error;

use msrpc_ndr::{ClientHandle, Encoding, MemoryChannel};
use msrpc_protocols::{
    clusapi3::{HresRpc, clusapi},
    fsrvp::file_server_vss_agent,
};

use cluster::Cluster;
use file_server::FileServer;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// Prints a call as it is written here, makes it, and prints what comes back.
macro_rules! show {
    ($client:ident.$method:ident($($argument:expr),*)) => {{
        dump::call(concat!(stringify!($method), stringify!(($($argument),*))));
        let outcome = $client.$method($($argument),*).await;
        dump::outcome(&outcome);
        outcome
    }};
}

fn main() -> Result {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        dump::title(2, "FileServerVssAgent [MS-FSRVP], a client and a server in memory");
        shadow_copies(Encoding::NDR).await?;
        dump::title(3, "The same call in NDR64: counts and referents take eight octets");
        share_mapping(Encoding::NDR64).await?;
        dump::title(4, "clusapi 3.0 [MS-CMRP]: context handles, a status, and two wrong handles");
        cluster_management().await
    })
}

async fn shadow_copies(encoding: Encoding) -> Result {
    let client = file_server(encoding);
    show!(client.is_path_supported(r"\\fs1\data"))?;
    share_mapping(encoding).await
}

async fn share_mapping(encoding: Encoding) -> Result {
    let client = file_server(encoding);
    let (copy, set) = (file_server::SHADOW_COPY, file_server::SHADOW_COPY_SET);
    show!(client.get_share_mapping(copy, set, r"\\fs1\data", 1))?;
    Ok(())
}

fn file_server(encoding: Encoding) -> file_server_vss_agent::Client<MemoryChannel> {
    let service = file_server_vss_agent::Service::new(FileServer);
    let channel = MemoryChannel::new(service, encoding);
    file_server_vss_agent::Client::new(channel.with_tap(dump::tap(&file_server_vss_agent::REFLECTION, encoding)))
}

async fn cluster_management() -> Result {
    let service = clusapi::Service::new(Cluster::example());
    let channel = MemoryChannel::new(service, Encoding::NDR);
    let client = clusapi::Client::new(channel.with_tap(dump::tap(&clusapi::REFLECTION, Encoding::NDR)));

    let cluster = show!(client.api_open_cluster_ex(cluster::GENERIC_READ))?.handle;
    let resource = show!(client.api_open_resource("Disk 1"))?;
    show!(client.api_get_resource_state(&resource))?;

    dump::note("A name that the cluster does not know: a status, 5007 (ERROR_RESOURCE_NOT_FOUND).");
    let _ = show!(client.api_open_resource("Disk 9"));

    dump::note("A cluster handle where a resource handle belongs; the types forbid it, so it is forged.");
    let forged: ClientHandle<HresRpc> = ClientHandle::new(cluster.raw(), cluster.association());
    let _ = show!(client.api_get_resource_state(&forged));

    dump::note("A handle that was closed: no status of the operation, but an RPC fault.");
    let stale = resource.clone();
    show!(client.api_close_resource(Some(resource)))?;
    let _ = show!(client.api_get_resource_state(&stale));
    Ok(())
}
