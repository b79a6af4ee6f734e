//! The management interface of every server.
#![allow(missing_docs)]

use std::{sync::Arc, time::Duration};

use msrpc::{
    binding::StringBinding,
    client::ClientBuilder,
    mgmt::{Policy, UNKNOWN_AUTHN_SERVICE},
    server::{Server, ServerBuilder},
};
use msrpc_ndr::{
    AuthLevel, Body, BoxFuture, Call, CallError, Fault, HandleStrictness, Interface, Level, Service, Uuid, Win32Error,
};
use msrpc_protocols::{
    epm::{RpcIfId, ept},
    mgmt::mgmt,
};

static ECHO: Interface = Interface {
    name: "echo",
    uuid: Uuid::from_u128(0x6bffd098_a112_3610_9833_46c3f87e3450),
    version: (1, 2),
    operations: &[],
    minimum_auth_level: AuthLevel::None,
    level: Level::V6,
    handles: HandleStrictness::Strict,
    wrong_handle: None,
    null_handle: None,
    endpoints: &[],
};

struct Echo;

impl Service for Echo {
    fn interface(&self) -> &'static Interface {
        &ECHO
    }

    fn call(&self, _: Call, request: Body) -> BoxFuture<'static, Result<Body, Fault>> {
        Box::pin(async move { Ok(request) })
    }
}

async fn start(change: impl FnOnce(ServerBuilder) -> ServerBuilder) -> (Server, mgmt::Client<impl msrpc_ndr::Channel>) {
    let builder = change(Server::builder().service(Echo)).listen_tcp("127.0.0.1:0").await.unwrap();
    let server = builder.start().unwrap();
    let binding = StringBinding::tcp("127.0.0.1", server.tcp_addresses()[0].port());
    let channel = ClientBuilder::new(binding).connect(&mgmt::INTERFACE).await.unwrap();
    (server, mgmt::Client::new(channel))
}

fn id(interface: &Interface) -> Option<Arc<RpcIfId>> {
    let (vers_major, vers_minor) = interface.version;
    Some(Arc::new(RpcIfId { uuid: interface.uuid, vers_major, vers_minor }))
}

#[tokio::test]
async fn what_a_server_says_of_itself() {
    let (server, client) = start(|builder| builder).await;
    assert_eq!(client.rpc_mgmt_is_server_listening().await.unwrap(), 1);
    assert_eq!(client.rpc_mgmt_inq_if_ids().await.unwrap().unwrap().if_id, [id(&ECHO)]);
    // Bind and two calls before this one; its own response is still to be counted.
    let [calls_in, calls_out, packets_in, packets_out] =
        <[u32; 4]>::try_from(client.rpc_mgmt_inq_stats(50).await.unwrap()).unwrap();
    assert_eq!([calls_in, calls_out, packets_in, packets_out], [3, 0, 4, 3]);
    assert_eq!(client.rpc_mgmt_inq_stats(2).await.unwrap(), [4, 0]);
    assert!(client.rpc_mgmt_inq_stats(51).await.is_err());
    let unnamed = client.rpc_mgmt_inq_princ_name(10, 100).await.unwrap_err();
    assert_eq!(unnamed.status(), Some(&UNKNOWN_AUTHN_SERVICE));
    let refused = client.rpc_mgmt_stop_server_listening().await.unwrap_err();
    assert_eq!(refused.status(), Some(&Win32Error::ERROR_ACCESS_DENIED));
    assert_eq!(client.rpc_mgmt_is_server_listening().await.unwrap(), 1);
    server.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn names_and_their_room() {
    let (_server, client) = start(|builder| builder.management(Policy::new().principal(16, "host/node1"))).await;
    assert_eq!(client.rpc_mgmt_inq_princ_name(16, 4096).await.unwrap().to_string_lossy(), "host/node1");
    assert_eq!(client.rpc_mgmt_inq_princ_name(16, 11).await.unwrap().to_string_lossy(), "host/node1");
    for size in [10, 1] {
        let short = client.rpc_mgmt_inq_princ_name(16, size).await.unwrap_err();
        assert_eq!(short.status(), Some(&Win32Error::ERROR_INSUFFICIENT_BUFFER));
    }
    assert!(client.rpc_mgmt_inq_princ_name(16, 4097).await.is_err());
}

#[tokio::test]
async fn stopping_where_it_is_allowed() {
    let allowed = Policy::new().stop_by(|call| call.caller().address.is_some_and(|address| address.ip().is_loopback()));
    let (server, client) = start(|builder| builder.management(allowed)).await;
    client.rpc_mgmt_stop_server_listening().await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), server.stopping()).await.unwrap();
    server.shutdown(Duration::from_secs(5)).await;
    assert!(matches!(client.rpc_mgmt_is_server_listening().await, Err(CallError::Transport(_))));
}

#[tokio::test]
async fn asking_can_be_restricted() {
    let nobody = Policy::new().ask_only_by(|call| call.caller().user.is_some());
    let (_server, client) = start(|builder| builder.management(nobody)).await;
    let refused = client.rpc_mgmt_inq_if_ids().await;
    assert!(matches!(refused, Err(CallError::Fault(Fault::ACCESS_DENIED))), "{refused:?}");
}

#[tokio::test]
async fn the_mapper_is_managed_too() {
    let builder = Server::builder().service(Echo).listen_tcp("127.0.0.1:0").await.unwrap();
    let server = builder.listen_mapper("127.0.0.1:0").await.unwrap().start().unwrap();
    let binding = StringBinding::tcp("127.0.0.1", server.mapper_addresses()[0].port());
    let client = mgmt::Client::new(ClientBuilder::new(binding).connect(&mgmt::INTERFACE).await.unwrap());
    assert_eq!(client.rpc_mgmt_inq_if_ids().await.unwrap().unwrap().if_id, [id(&ept::INTERFACE)]);
}
