//! Clients and servers over real sockets.
#![allow(missing_docs)]

mod assoc;

use std::{sync::Arc, time::Duration};

use assoc::{
    provider::{AUTH_TYPE, TestContext},
    service::{
        BIG, DRAIN, ECHO, OPEN, OPEN_INTERFACE, PIPE, SIGNED_INTERFACE, Shared, Tester, USE, WAIT, WHO, pattern,
    },
};
use bytes::Bytes;
use msrpc::{
    association::AcceptorFn,
    binding::StringBinding,
    client::{ClientBuilder, ConnectError},
    server::Server,
};
use msrpc_ndr::{AuthLevel, Body, Channel, ChannelError, Fault, Reply, TransportError};

async fn serve() -> (Server, Arc<Tester>, StringBinding) {
    let open = Tester::new(&OPEN_INTERFACE);
    let server = Server::builder()
        .service(Shared(Arc::clone(&open)))
        .service(Shared(Tester::new(&SIGNED_INTERFACE)))
        .acceptor(AcceptorFn::new(AUTH_TYPE, |_| Box::new(TestContext::acceptor(7, 3, Some("tester"))) as Box<_>))
        .listen_tcp("127.0.0.1:0")
        .await
        .unwrap()
        .start()
        .unwrap();
    let port = server.tcp_addresses()[0].port();
    (server, open, StringBinding::tcp("127.0.0.1", port))
}

fn sealed(binding: &StringBinding) -> ClientBuilder {
    ClientBuilder::new(binding.clone()).authenticate(|_| Box::new(TestContext::initiator(7, 3)))
}

async fn collect(reply: Result<Reply, ChannelError>) -> Vec<u8> {
    reply.unwrap().body.collect(usize::MAX).await.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_every_size_at_once() {
    let (server, _, binding) = serve().await;
    let channel = sealed(&binding).connect(&OPEN_INTERFACE).await.unwrap();
    let signed = channel.bind(&SIGNED_INTERFACE).await.unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..200usize {
        let channel = if n % 2 == 0 { channel.clone() } else { signed.clone() };
        calls.spawn(async move {
            let stub = pattern(n * 997);
            assert!(collect(channel.call(ECHO, Bytes::from(stub.clone()).into()).await).await.starts_with(&stub));
            let big = collect(channel.call(BIG, Bytes::from((n * 31).to_string()).into()).await).await;
            assert_eq!(big, pattern(n * 31));
        });
    }
    while let Some(result) = calls.join_next().await {
        result.unwrap();
    }
    assert_eq!(collect(signed.call(WHO, Body::empty()).await).await, b"Some(\"tester\") Privacy None");
    server.shutdown(Duration::from_secs(5)).await;
    let ended = channel.call(ECHO, Body::empty()).await;
    assert!(matches!(ended, Err(ChannelError::Transport(_))), "{ended:?}");
}

struct Slow(Vec<Bytes>);

impl futures_core::Stream for Slow {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.pop().map(Ok))
    }
}

#[tokio::test]
async fn streams_both_ways() {
    let (_server, _, binding) = serve().await;
    let channel = sealed(&binding).connect(&OPEN_INTERFACE).await.unwrap();
    let chunk = Bytes::from(pattern(100_000));
    let request = || Body::from_stream(Slow(vec![chunk.clone(); 200]));
    assert_eq!(collect(channel.call(DRAIN, request()).await).await, b"20000000");
    let mut body = channel.call(PIPE, request()).await.unwrap().body;
    let mut total = 0;
    while let Some(chunk) = body.next().await {
        total += chunk.unwrap().len();
    }
    assert_eq!(total, 20_000_000);
}

#[tokio::test]
async fn cancelling_and_timing_out() {
    let (server, open, binding) = serve().await;
    let channel = ClientBuilder::new(binding).connect(&OPEN_INTERFACE).await.unwrap();
    let impatient = channel.clone().with_timeout(Some(Duration::from_millis(20)));
    let result = impatient.call(WAIT, Body::empty()).await;
    assert!(matches!(result, Err(ChannelError::Transport(_))));
    assert_eq!(collect(channel.call(ECHO, Bytes::from_static(b"x").into()).await).await, b"x");
    // The server's call has been cancelled, and is answered into the void.
    for _ in 0..100 {
        if channel.connection().inspect(|association| association.pending_calls()) == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(channel.connection().inspect(|association| association.pending_calls()), 0);
    // Handles end with the connection.
    collect(channel.call(OPEN, Body::empty()).await).await;
    assert_eq!(Arc::strong_count(&open.alive), 2);
    drop((channel, impatient));
    for _ in 0..200 {
        if Arc::strong_count(&open.alive) == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(Arc::strong_count(&open.alive), 1);
    server.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn associations_are_joined() {
    let (_server, _, binding) = serve().await;
    let first = sealed(&binding).connect(&OPEN_INTERFACE).await.unwrap();
    let handle = collect(first.call(OPEN, Body::empty()).await).await;
    let second = sealed(&binding).group(first.connection().group()).connect(&OPEN_INTERFACE).await.unwrap();
    assert!(second.call(USE, Bytes::from(handle.clone()).into()).await.is_ok());
    let third = sealed(&binding).connect(&OPEN_INTERFACE).await.unwrap();
    let refused = third.call(USE, Bytes::from(handle).into()).await;
    assert!(matches!(refused, Err(ChannelError::Fault(Fault::CONTEXT_MISMATCH))));
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let (server, _, binding) = serve().await;
    let port = binding.endpoint.clone().unwrap();
    let error = |text: &str| {
        let builder = ClientBuilder::new(text.parse().unwrap()).connect_timeout(Duration::from_secs(2));
        async move { builder.connect(&OPEN_INTERFACE).await.unwrap_err() }
    };
    assert!(error("ncacn_ip_tcp:no.such.host.invalid[1]").await.to_string().contains("cannot be found"));
    assert!(error("ncacn_ip_tcp:127.0.0.1[1]").await.to_string().contains("port 1"));
    // Without a port the endpoint mapper is asked, which does not have the interface or is not there.
    assert!(matches!(error("ncacn_ip_tcp:127.0.0.1").await, ConnectError::Mapper { .. }));
    assert!(matches!(error("ncadg_ip_udp:h[x]").await, ConnectError::Protocol(_)));
    assert!(matches!(error(&format!("ncacn_ip_tcp:127.0.0.1[{port},seal]")).await, ConnectError::NoCredentials));
    let wrong = ClientBuilder::new(binding.clone()).authenticate(|_| Box::new(TestContext::initiator(8, 3)));
    // Three legs: the server's refusal shows in the token already.
    assert!(matches!(wrong.connect(&OPEN_INTERFACE).await, Err(ConnectError::Authentication(_))));
    static OTHER: msrpc_ndr::Interface = msrpc_ndr::Interface { uuid: uuid::Uuid::from_u128(3), ..copy() };
    let unknown = ClientBuilder::new(binding.clone()).connect(&OTHER).await;
    assert!(matches!(unknown, Err(ConnectError::UnknownInterface { .. })));
    let low = ClientBuilder::new(binding).connect(&SIGNED_INTERFACE).await.unwrap();
    assert!(matches!(low.call(ECHO, Body::empty()).await, Err(ChannelError::Fault(Fault::ACCESS_DENIED))));
    drop(server);
}

#[tokio::test]
async fn local_sockets_vouch_for_their_peers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("endpoint");
    // What a dead process has left behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let server =
        Server::builder().service(Shared(Tester::new(&SIGNED_INTERFACE))).listen_local(&path).unwrap().start().unwrap();
    assert!(Server::builder().listen_local(&path).is_err());
    let binding: StringBinding = format!("ncalrpc:[{}]", path.display()).parse().unwrap();
    let channel = ClientBuilder::new(binding).connect(&SIGNED_INTERFACE).await.unwrap();
    let who = String::from_utf8(collect(channel.call(WHO, Body::empty()).await).await).unwrap();
    assert!(who.ends_with("Privacy None"), "{who}");
    server.shutdown(Duration::from_secs(5)).await;
    assert!(!path.exists());
}

const fn copy() -> msrpc_ndr::Interface {
    msrpc_ndr::Interface {
        name: "other",
        uuid: uuid::Uuid::nil(),
        version: (1, 0),
        operations: &[],
        minimum_auth_level: AuthLevel::None,
        level: msrpc_ndr::Level::V6,
        handles: msrpc_ndr::HandleStrictness::Lax,
        wrong_handle: None,
        null_handle: None,
        endpoints: &[],
    }
}
