//! Local sockets and connections within the process.
#![cfg(unix)]

mod pipe_support;

use std::{os::unix::process::CommandExt as _, process::Command, sync::Arc, time::Duration};

use bytes::Bytes;
use msrpc::{
    client::ClientBuilder,
    server::{ConnectionOptions, Server, serve_stream},
    transport::memory,
};
use msrpc_ndr::{AuthLevel, Channel, ChannelError};
use pipe_support::{
    call,
    service::{Callers, ECHO, Echo},
    smbd::missing,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_system_says_who_calls() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("echo");
    let callers = Callers::default();
    let server = Server::builder().service(Echo(callers.clone())).listen_local(&path).unwrap().start().unwrap();
    let binding = format!("ncalrpc:[{}]", path.display());
    let builder = ClientBuilder::new(binding.parse().unwrap());
    let channel = builder.connect(&ECHO).await.unwrap();
    let stub: Bytes = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
    assert!(call(&channel, 0, stub.clone()).await.starts_with(&stub));
    let caller = callers.take().pop().unwrap();
    let id = |flag: &str| {
        let output = Command::new("id").arg(flag).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(caller.user, Some(id("-un")));
    assert_eq!(caller.domain.as_deref(), Some("Unix User"));
    assert_eq!((caller.auth_service, caller.auth_level), (0, AuthLevel::Privacy));
    assert_eq!(caller.transport, "ncalrpc");
    assert!(caller.sids.contains(&format!("S-1-22-1-{}", id("-u"))));
    for group in id("-G").split(' ') {
        assert!(caller.sids.contains(&format!("S-1-22-2-{group}")), "{group}: {:?}", caller.sids);
    }
    server.shutdown(Duration::from_secs(5)).await;
    assert!(!path.exists());
    let error = builder.connect(&ECHO).await.unwrap_err();
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
}

/// Another user's process says a bind and a request that were said before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_user() {
    let id = Command::new("id").arg("-u").output().unwrap();
    if id.stdout != b"0\n" || !std::path::Path::new("/usr/bin/perl").exists() {
        missing("another user needs root, and /usr/bin/perl");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("echo");
    let callers = Callers::default();
    let server = Server::builder().service(Echo(callers.clone())).listen_local(&path).unwrap().start().unwrap();
    for (file, mode) in [(folder.path(), "755"), (path.as_path(), "666")] {
        assert!(Command::new("chmod").arg(mode).arg(file).status().unwrap().success());
    }
    let uuid = ECHO.uuid.to_bytes_le();
    let ndr = uuid::uuid!("8a885d04-1ceb-11c9-9fe8-08002b104860").to_bytes_le();
    let bind = [
        &[5, 0, 11, 3, 0x10, 0, 0, 0, 72, 0, 0, 0, 1, 0, 0, 0, 0xd0, 0x16, 0xd0, 0x16, 0, 0, 0, 0, 1, 0, 0, 0][..],
        &[0, 0, 1, 0],
        &uuid,
        &[1, 0, 0, 0],
        &ndr,
        &[2, 0, 0, 0],
    ]
    .concat();
    let request = [5, 0, 0, 3, 0x10, 0, 0, 0, 24, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    let script = format!(
        "use IO::Socket::UNIX; $s = IO::Socket::UNIX->new(Peer => '{}') or die $!; \
         print $s pack('H*', '{}'); $s->flush; sysread($s, $b, 9999); \
         print $s pack('H*', '{}'); $s->flush; sysread($s, $b, 9999); print ord(substr($b, 2, 1));",
        path.display(),
        hex(&bind),
        hex(&request),
    );
    let output = tokio::task::spawn_blocking(move || {
        Command::new("/usr/bin/perl").args(["-e", &script]).uid(5).gid(60).output().unwrap()
    });
    let output = output.await.unwrap();
    assert_eq!(output.stdout, b"2", "a response: {}", String::from_utf8_lossy(&output.stderr));
    let caller = callers.take().pop().unwrap();
    assert_eq!(caller.user.as_deref(), Some("games"));
    assert_eq!(caller.sids.get(..2).unwrap(), ["S-1-22-1-5", "S-1-22-2-60"]);
    drop(server);
}

#[tokio::test]
async fn within_the_process() {
    let callers = Callers::default();
    let mut config = msrpc::association::ServerConfig::new(vec![Arc::new(Echo(callers.clone()))]);
    config.limits.max_frag = 2000;
    for room in [1, 100, 1 << 20] {
        let (ours, theirs) = memory::pair(room);
        let config = msrpc::association::ServerConfig { services: config.services.clone(), ..default(&config) };
        let options = ConnectionOptions::default();
        let serving =
            tokio::spawn(serve_stream(Arc::new(config), options, theirs, memory::info(), std::future::pending()));
        let channel = ClientBuilder::new("ncalrpc:".parse().unwrap()).bind(ours, &ECHO).await.unwrap();
        let stub = Bytes::from(vec![7; 20_000]);
        assert!(call(&channel, 0, stub.clone()).await.starts_with(&stub));
        let caller = callers.take().pop().unwrap();
        assert_eq!((caller.user, caller.auth_level, caller.transport.as_str()), (None, AuthLevel::None, "memory"));
        drop(channel);
        serving.await.unwrap().unwrap();
    }
    let (ours, theirs) = memory::pair(100);
    drop(theirs);
    let error = ClientBuilder::new("ncalrpc:".parse().unwrap()).bind(ours, &ECHO).await;
    assert!(error.is_err());
}

fn default(config: &msrpc::association::ServerConfig) -> msrpc::association::ServerConfig {
    let mut other = msrpc::association::ServerConfig::new(Vec::new());
    other.limits = config.limits;
    other
}

#[tokio::test]
async fn a_local_call_that_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("echo");
    let _server = Server::builder().service(Echo(Callers::default())).listen_local(&path).unwrap().start().unwrap();
    let builder = ClientBuilder::new(format!("ncalrpc:[{}]", path.display()).parse().unwrap());
    let channel = builder.call_timeout(Duration::from_millis(50)).connect(&ECHO).await.unwrap();
    assert!(matches!(channel.call(1, Bytes::new().into()).await, Err(ChannelError::Transport(_))));
    assert_eq!(call(&channel, 0, Bytes::from_static(b"abcdefgh")).await, b"abcdefgh");
}
