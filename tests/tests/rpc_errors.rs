//! Wrong host, port, interface, password: what a client says, and what to try.

use std::{net::TcpListener, time::Duration};

use msrpc::client::{ClientBuilder, ConnectError};
use msrpc_ndr::{AuthLevel, CallError, Fault, Interface, Uuid};
use msrpc_tests::rpc::{
    client::{self, Provider},
    interfaces::trial::trial,
    node::{DISABLED, Demands, Node, PASSWORD, USER},
};
use tokio::io::AsyncWriteExt as _;

static NONESUCH: Interface = Interface::new("nonesuch", Uuid::from_u128(0x1111), (1, 0));

const LEVELS: [AuthLevel; 4] = [AuthLevel::Connect, AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy];

async fn refused(binding: &str) -> ConnectError {
    let builder = ClientBuilder::to(binding).unwrap().connect_timeout(Duration::from_secs(2));
    match builder.connect(&trial::INTERFACE).await {
        Ok(_) => panic!("{binding} connects"),
        Err(error) => error,
    }
}

/// What has to be said, and what to try.
#[track_caller]
fn says(error: impl std::fmt::Display, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

#[tokio::test]
async fn a_wrong_host() {
    let error = refused("ncacn_ip_tcp:nonesuch.invalid[5999]").await;
    says(error, &["\"nonesuch.invalid\"", "cannot be found", "check its name"]);
    let error = refused("ncalrpc:[/nonesuch/socket]").await;
    says(error, &["/nonesuch/socket", "cannot be reached"]);
    let error = refused("ncalrpc:").await;
    says(error, &["names no endpoint", "ncalrpc:[/PATH]"]);
}

#[tokio::test]
async fn a_wrong_port() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = refused(&format!("ncacn_ip_tcp:127.0.0.1[{port}]")).await;
    says(error, &[&format!("port {port}"), "does not accept connections", "check the port"]);
    let error = refused("ncacn_ip_tcp:127.0.0.1[rpc]").await;
    says(error, &["\"rpc\" is no TCP port", "endpoint mapper"]);
}

/// Another protocol at the port: one that speaks first, one that answers, one that says nothing, one
/// that hangs up.
#[tokio::test]
async fn a_port_of_something_else() {
    for (banner, parts) in [
        (&b"220 mail.example ESMTP ready for whoever comes here\r\n"[..], &["does not speak RPC", "right port"][..]),
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", &["does not speak RPC", "right port"]),
        (b"", &["does not answer the bind", "right port"]),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(banner).await.unwrap();
            tokio::time::sleep(Duration::from_secs(20)).await;
        });
        let error = refused(&format!("ncacn_ip_tcp:127.0.0.1[{}]", address.port())).await;
        says(error, parts);
        serving.abort();
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { drop(listener.accept().await) });
    let error = refused(&format!("ncacn_ip_tcp:127.0.0.1[{port}]")).await;
    says(error, &["ended before the bind was answered", "right port"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_interface() {
    let node = Node::start_mapped(Demands::Nothing).await.unwrap();
    let host = node.address().ip();
    // At a port that is known, and at one that the mapper has to know.
    let builder = ClientBuilder::to(&format!("ncacn_ip_tcp:{host}[{}]", node.address().port())).unwrap();
    let error = builder.connect(&NONESUCH).await.unwrap_err();
    assert!(matches!(error, ConnectError::UnknownInterface { .. }), "{error}");
    says(error, &["does not offer nonesuch", "check the port", "endpoint mapper"]);
    let builder = ClientBuilder::to(&format!("ncacn_ip_tcp:{host}")).unwrap();
    let error = builder.connect(&NONESUCH).await.unwrap_err();
    says(error, &["nonesuch", "port 135", "no ncacn_ip_tcp endpoint", "is the service running"]);
    // The mapper leads there.
    builder.connect(&trial::INTERFACE).await.unwrap();
    node.stop().await;
    // And where there is none, it says so.
    let error = builder.connect(&trial::INTERFACE).await.unwrap_err();
    says(error, &["port 135", "endpoint mapper cannot be asked", "check the port"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password() {
    let node = Node::start(Demands::Nothing).await.unwrap();
    for provider in Provider::ALL {
        for level in LEVELS {
            for (user, password) in [(USER, "wrong"), ("nobody", PASSWORD), (DISABLED, PASSWORD), (USER, "")] {
                let binding = msrpc::binding::StringBinding::tcp("127.0.0.1", node.address().port());
                let builder = client::to(binding, Some((provider, level)), user, password);
                match builder.connect(&trial::INTERFACE).await {
                    Err(error) => {
                        assert!(matches!(error, ConnectError::Authentication(_)), "{provider:?} {level:?}: {error:?}");
                        says(error, &["check user, password and domain"]);
                    }
                    // NTLM by itself has no answer to its last leg: the first call shows.
                    Ok(channel) => {
                        assert_eq!(provider, Provider::Ntlm);
                        let error = trial::Client::new(channel).trial_who_am_i().await.unwrap_err();
                        assert!(matches!(error, CallError::LoginRefused(Fault::ACCESS_DENIED)), "{level:?}: {error:?}");
                        says(error, &["access denied", "check user, password and domain"]);
                    }
                }
            }
        }
    }
    assert_eq!(node.log.take(), []);
    // Protection needs somebody to protect.
    let binding = format!("ncacn_ip_tcp:127.0.0.1[{},seal]", node.address().port());
    says(refused(&binding).await, &["no credentials"]);
    node.stop().await;
}

/// The faults of a caller who is let in stay what they are.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_behind_the_first_answer_is_no_wrong_password() {
    let node = Node::start(Demands::Nothing).await.unwrap();
    let channel = client::at(node.address(), Some((Provider::Ntlm, AuthLevel::Privacy)));
    let client = trial::Client::new(channel.connect(&trial::INTERFACE).await.unwrap());
    client.trial_fail(0).await.unwrap();
    let error = client.trial_fault(5).await.unwrap_err();
    assert!(matches!(error, CallError::Fault(Fault { status: 5, .. })), "{error:?}");
    node.stop().await;
}
