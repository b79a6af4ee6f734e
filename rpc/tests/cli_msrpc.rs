//! The command `msrpc`, against servers of our own.
#![cfg(feature = "cli")]
#![allow(missing_docs)]

use std::process::{Command, Output};

use msrpc::server::Server;
use msrpc_ndr::{AuthLevel, Body, BoxFuture, Call, Fault, HandleStrictness, Interface, Level, Service, Uuid};

static CLUSAPI: Interface = Interface {
    name: "clusapi",
    uuid: Uuid::from_u128(0xb97db8b2_4c63_11cf_bff6_08002be23f2f),
    version: (3, 0),
    operations: &[],
    minimum_auth_level: AuthLevel::None,
    level: Level::V6,
    handles: HandleStrictness::Strict,
    wrong_handle: None,
    null_handle: None,
    endpoints: &[],
};

struct Cluster;

impl Service for Cluster {
    fn interface(&self) -> &'static Interface {
        &CLUSAPI
    }

    fn call(&self, _: Call, _: Body) -> BoxFuture<'static, Result<Body, Fault>> {
        Box::pin(async { Err(Fault::OP_RANGE) })
    }
}

/// A server, its port and that of its mapper.
async fn server() -> (Server, String, String) {
    let builder = Server::builder().service(Cluster).annotation("Cluster \u{1b}[31mservice");
    let builder = builder.listen_tcp("127.0.0.1:0").await.unwrap().listen_mapper("127.0.0.1:0").await.unwrap();
    let server = builder.start().unwrap();
    let (port, mapper) = (server.tcp_addresses()[0].port(), server.mapper_addresses()[0].port());
    (server, port.to_string(), mapper.to_string())
}

async fn msrpc(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_msrpc"));
    command.args(arguments).env_remove("MSRPC_PASSWORD");
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listing() {
    let (_server, port, mapper) = server().await;
    let host = format!("127.0.0.1:{mapper}");
    let (code, out, err) = msrpc(&["endpoints", &host]).await;
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("INTERFACE") && out.contains("b97db8b2-4c63-11cf-bff6-08002be23f2f"), "{out}");
    assert!(out.contains(&format!("ncacn_ip_tcp:127.0.0.1[{port}]")), "{out}");
    assert!(out.contains("\\u{1b}[31mservice") && !out.contains('\u{1b}'), "{out:?}");
    let (code, out, _) = msrpc(&["endpoints", &host, "--json", "--interface", "clusapi"]).await;
    let rows: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 0);
    assert_eq!((&rows[0]["name"], &rows[0]["endpoint"]), (&"clusapi".into(), &port.as_str().into()));
    let (code, out, err) = msrpc(&["endpoints", &host, "--interface", "srvsvc"]).await;
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("no endpoint of srvsvc 3.0"), "{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pinging() {
    let (_server, port, mapper) = server().await;
    let (code, out, err) = msrpc(&["ping", "127.0.0.1", "--mapper", &mapper, "--interface", "clusapi"]).await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains(&format!("clusapi 3.0 is at ncacn_ip_tcp:127.0.0.1[{port}]")), "{out}");
    assert!(out.contains("NDR64") && out.contains("5 calls"), "{out}");
    let (code, out, _) = msrpc(&["ping", &format!("127.0.0.1:{port}")]).await;
    assert!(code == 0 && out.starts_with("mgmt 1.0 is at"), "{out}");
    let (code, out, _) = msrpc(&["ping", &format!("ncacn_ip_tcp:127.0.0.1[{port},ndr32]")]).await;
    assert!(code == 0 && out.contains(", NDR\n"), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn negotiating() {
    let (_server, port, _) = server().await;
    let (code, out, err) = msrpc(&["negotiate", &format!("127.0.0.1:{port}")]).await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    for (title, value) in [
        ("fragments up to", "5840 octets"),
        ("concurrent calls", "yes"),
        ("bind-time features", "several security contexts, connection outlives orphaned calls"),
        ("NDR", "yes"),
        ("NDR64", "yes"),
        ("big-endian NDR", "yes"),
        ("SPNEGO", "not offered"),
        ("NTLM", "not offered"),
        ("Kerberos", "not offered"),
    ] {
        let line = out.lines().find(|line| line.strip_prefix(title).is_some_and(|rest| rest.starts_with("  ")));
        assert!(line.is_some_and(|line| line.ends_with(&format!("  {value}"))), "{title}: {out}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_say_what_happened_and_where() {
    let (_server, port, mapper) = server().await;
    let here = format!("127.0.0.1:{port}");
    let sign = format!("ncacn_ip_tcp:127.0.0.1[{port},sign]");
    // Somebody who accepts and says something else.
    let web = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = format!("127.0.0.1:{}", web.local_addr().unwrap().port());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = web.accept().await.unwrap();
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    for (arguments, code, parts) in [
        (&["endpoints", "127.0.0.1:1"][..], 3, &["127.0.0.1", "port 1", "does not accept"][..]),
        (&["endpoints", "no.such.host.invalid"], 3, &["no.such.host.invalid", "cannot be found"]),
        (&["ping", &here, "--interface", "winreg"], 1, &["does not offer winreg"]),
        (
            &["ping", "127.0.0.1", "--mapper", &mapper, "--interface", "winreg"],
            1,
            &["no TCP endpoint of winreg 1.0", "is the service running"],
        ),
        (&["ping", &sign], 2, &["add --user"]),
        (&["ping", &sign, "--user", "a"], 2, &["MSRPC_PASSWORD"]),
        (&["ping", &here, "--interface", "nonsense"], 2, &["nonsense", "srvsvc"]),
        (&["ping", &here, "--interface", "6bffd098-a112-3610-9833-46c3f87e3450"], 2, &["which version"]),
        (&["ping", &other], 5, &["127.0.0.1", "does not speak RPC"]),
        (&["negotiate", "ncacn_ip_tcp:127.0.0.1[x]"], 2, &["is no TCP port"]),
    ] {
        let (found, out, err) = msrpc(arguments).await;
        assert_eq!((found, out.as_str()), (code, ""), "{arguments:?}: {err}");
        for part in parts {
            assert!(err.contains(part), "{arguments:?}: {err}");
        }
    }
    let password = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(password.path(), "secret\n").unwrap();
    let (code, _, err) =
        msrpc(&["ping", &here, "--user", "DOM\\a", "--password-file", password.path().to_str().unwrap()]).await;
    assert_eq!(code, 4, "{err}");
}
