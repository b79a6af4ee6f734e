//! Generated services and generated clients, the same code over every transport: TCP, a local
//! socket, a pipe behind Samba's smbd, and memory.

#[path = "../../rpc/tests/pipe_support/smbd.rs"]
#[allow(dead_code, unreachable_pub, missing_docs)]
mod smbd;

use std::{sync::Arc, time::Duration};

use msrpc::{
    client::{BoundChannel, ClientBuilder},
    server::{ConnectionOptions, Server, serve_stream},
    transport::memory,
};
use msrpc_ndr::{AuthLevel, Call, HResult, Outcome};
use msrpc_protocols::{
    clusapi3::clusapi,
    fsrvp::file_server_vss_agent::{self, GetSupportedVersion},
};
use msrpc_tests::rpc::{
    interfaces::trial::trial,
    node::{Demands, Node, PASSWORD, USER},
    trial::{Trial, level_number, pattern},
};
use smbd::Smbd;

struct Agent;

impl file_server_vss_agent::Server for Agent {
    async fn get_supported_version(&self, _call: &Call) -> Outcome<GetSupportedVersion, HResult> {
        Ok(GetSupportedVersion { min_version: 1, max_version: 1 })
    }
}

/// What a client does, whatever carries it: handles, strings, lists, fragments both ways, several
/// interfaces on one connection. Says at which level it counts.
async fn works(channel: BoundChannel, trial: &Trial) -> u32 {
    let cluster = clusapi::Client::new(channel.clone());
    let handle = cluster.api_open_cluster().await.unwrap();
    let name = cluster.api_get_cluster_name().await.unwrap();
    assert_eq!(name.cluster_name.unwrap(), "ALPHA");
    let list = cluster.api_create_enum(u32::MAX).await.unwrap().unwrap();
    assert_eq!(list.entry.len(), 4);
    let node = cluster.api_open_node("node1").await.unwrap();
    assert_eq!(cluster.api_get_node_state(&node).await.unwrap(), 0);
    assert!(cluster.api_close_node(Some(node)).await.unwrap().is_none());
    assert!(cluster.api_close_cluster(Some(handle)).await.unwrap().is_none());
    let client = trial::Client::new(channel.bind(&trial::INTERFACE).await.unwrap());
    let data = pattern(100_000, 5);
    assert!(client.trial_echo(data.clone()).await.unwrap().reply == Some(data));
    let counter = client.trial_open(40).await.unwrap();
    assert_eq!(client.trial_add(&counter, 2).await.unwrap(), 42);
    let level = client.trial_who_am_i().await.unwrap().auth_level;
    // The handle goes with the connection.
    drop((client, cluster, channel));
    let start = std::time::Instant::now();
    while trial.counters() > 0 {
        assert!(start.elapsed() < Duration::from_secs(10), "the handle is not run down");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    level
}

async fn connect(binding: &str, credentials: bool) -> BoundChannel {
    let builder = ClientBuilder::to(binding).unwrap();
    let builder = if credentials { builder.credentials(USER, PASSWORD) } else { builder };
    builder.connect(&clusapi::INTERFACE).await.unwrap_or_else(|error| panic!("{binding}: {error}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_client_over_tcp_a_socket_and_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (builder, _log, trial) = Node::builder(Demands::Nothing).unwrap();
    let local = format!("ncalrpc:[{}]", folder.path().join("cluster").display());
    let server = builder.listen("ncacn_ip_tcp:127.0.0.1").await.unwrap().listen(&local).await.unwrap().start().unwrap();
    let tcp = format!("ncacn_ip_tcp:127.0.0.1[{}]", server.tcp_addresses()[0].port());
    assert_eq!(works(connect(&tcp, true).await, &trial).await, level_number(AuthLevel::Privacy));
    assert_eq!(works(connect(&tcp, false).await, &trial).await, level_number(AuthLevel::None));
    assert_eq!(works(connect(&local, false).await, &trial).await, level_number(AuthLevel::Privacy));
    let (ours, theirs) = memory::pair(1 << 16);
    let config = Arc::clone(server.config());
    let serving = serve_stream(config, ConnectionOptions::default(), theirs, memory::info(), std::future::pending());
    let serving = tokio::spawn(serving);
    let builder = ClientBuilder::to("ncalrpc:").unwrap();
    let channel = builder.bind(ours, &clusapi::INTERFACE).await.unwrap();
    works(channel, &trial).await;
    serving.await.unwrap().unwrap();
    server.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_client_over_a_pipe_behind_smbd() {
    let Some(smbd) = Smbd::start("", "") else { return };
    let (builder, log, trial) = Node::builder(Demands::Nothing).unwrap();
    let folder = smbd.ncalrpc().display().to_string();
    let server = builder
        .service(file_server_vss_agent::Service::new(Agent))
        .listen(&format!("ncacn_np:[\\pipe\\clusapi,ncalrpc_dir={folder}]"))
        .await
        .unwrap()
        .listen(&format!("ncacn_np:[\\pipe\\FssagentRpc,ncalrpc_dir={folder}]"))
        .await
        .unwrap()
        .start()
        .unwrap();
    // SMB alone authenticates, and RPC on top of it.
    for (flags, level) in [
        ("connect", AuthLevel::Connect),
        ("sign", AuthLevel::Integrity),
        ("seal", AuthLevel::Privacy),
        ("ntlm,seal", AuthLevel::Privacy),
    ] {
        let binding = format!("ncacn_np:127.0.0.1[\\pipe\\clusapi,{flags},smb_port={}]", smbd.port);
        assert_eq!(works(connect(&binding, true).await, &trial).await, level_number(level), "{flags}");
        assert!(log.take().iter().all(|call| call.user.as_deref() == Some(USER)), "{flags}");
    }
    let smbd = Arc::new(smbd);
    let ran = Arc::clone(&smbd);
    let output = tokio::task::spawn_blocking(move || {
        ran.client("rpcclient", &["-U", "root%Passw0rd", "127.0.0.1", "-c", "fss_get_sup_version"])
    });
    let output = output.await.unwrap();
    assert!(output.contains("supports FSRVP versions from 1 to 1"), "{output}\n{}", smbd.log());
    server.shutdown(Duration::from_secs(5)).await;
}

/// A server that nobody can find says so when it starts.
#[tokio::test]
async fn bindings_that_cannot_be_listened_on() {
    for (binding, says) in [
        ("ncacn_ip_tcp:127.0.0.1[http]", "no TCP port"),
        ("ncacn_ip_tcp:192.0.2.1[0]", "cannot listen at ncacn_ip_tcp:192.0.2.1[0]"),
        ("ncalrpc:", "names no endpoint"),
        ("ncacn_np:", "names no endpoint"),
        ("ncadg_ip_udp:127.0.0.1", "no server for ncadg_ip_udp"),
        ("127.0.0.1", "names no protocol"),
    ] {
        let error = Server::builder().listen(binding).await.unwrap_err().to_string();
        assert!(error.contains(says), "{binding}: {error}");
    }
    let error = Server::builder().start().unwrap_err().to_string();
    assert!(error.contains("nothing to listen on"), "{error}");
    let error = Server::builder().credentials_file("/nonesuch").unwrap_err().to_string();
    assert!(error.contains("/nonesuch"), "{error}");
}
