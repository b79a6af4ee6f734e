//! Our server behind a real smbd: it answers clients of Samba and our own.
//!
//! Needs the packages `samba`, `samba-common-bin`, `smbclient` and `samba-testsuite`, and
//! root.
#![cfg(unix)]

mod pipe_support;

use std::{sync::Arc, time::Duration};

use msrpc::{
    server::{Server, ServerBuilder},
    transport::np::{PipeListener, PipeState, PipeTrust},
};
use msrpc_ndr::{AuthLevel, Caller};
use pipe_support::{
    service::{Callers, Echo, Fsrvp},
    smbd::{DOMAIN, Smbd},
};

/// A server that knows the same users as smbd.
fn builder(callers: &Callers) -> ServerBuilder {
    let (fsrvp, echo) = (Fsrvp(callers.clone()), Echo(callers.clone()));
    let builder = Server::builder().service(fsrvp).service(echo).computer_name("NODE1");
    builder.account("root", "Passw0rd").account("games", "Passw0rd")
}

fn listen(smbd: &Smbd, pipe: &str, trust: PipeTrust) -> PipeListener {
    PipeListener::bind(smbd.ncalrpc(), pipe, trust).unwrap()
}

/// Lets Samba's client program run beside the server.
async fn run(smbd: &Arc<Smbd>, program: &'static str, arguments: &[&str]) -> String {
    let smbd = Arc::clone(smbd);
    let arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let running = tokio::task::spawn_blocking(move || {
        smbd.client(program, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    });
    running.await.unwrap()
}

/// The caller of the last call, which is as smbd says.
#[track_caller]
fn check(callers: &Callers, user: &str, uid: u32, level: AuthLevel) -> Caller {
    let caller = callers.take().pop().expect("no call");
    assert_eq!(caller.user.as_deref(), Some(user));
    assert_eq!(caller.auth_level, level);
    assert_eq!(caller.transport, "ncacn_np");
    assert!(caller.address.unwrap().ip().is_loopback());
    if caller.auth_service == 0 {
        assert_eq!(caller.domain.as_deref(), Some(DOMAIN));
        assert!(caller.sids.contains(&format!("S-1-22-1-{uid}")), "{:?}", caller.sids);
        assert!(
            caller.sids.iter().any(|sid| sid.starts_with("S-1-5-21-") && sid.ends_with("-513")),
            "{:?}",
            caller.sids
        );
        assert_eq!(caller.session_key.as_ref().unwrap().as_bytes().len(), 16);
    }
    caller
}

const FSS: [&str; 2] = ["-c", "fss_get_sup_version"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn samba_clients_through_smbd() {
    let Some(smbd) = Smbd::start("", "").map(Arc::new) else { return };
    let callers = Callers::default();
    let listener = listen(&smbd, "FssagentRpc", PipeTrust::default());
    let path = listener.path().to_owned();
    let server = builder(&callers).listen_pipe(listener).start().unwrap();
    // The user whom smbd knows, at the level that the pipe is trusted for.
    for (user, uid) in [("root", 0), ("games", 5)] {
        let credentials = format!("{user}%Passw0rd");
        for (protection, level) in [("sign", AuthLevel::Integrity), ("encrypt", AuthLevel::Privacy)] {
            let protection = format!("--client-protection={protection}");
            let output =
                run(&smbd, "rpcclient", &[&["-U", &credentials, &protection, "127.0.0.1"], &FSS[..]].concat()).await;
            assert!(output.contains("supports FSRVP versions from 1 to 1"), "{output}\n{}", smbd.log());
            let caller = check(&callers, user, uid, level);
            assert_eq!(caller.auth_service, 0);
        }
    }
    // RPC's own authentication on top.
    for (flags, service, level) in [
        ("ntlm,connect", 10, AuthLevel::Connect),
        ("ntlm,packet", 10, AuthLevel::Packet),
        ("sign", 10, AuthLevel::Integrity),
        ("seal", 10, AuthLevel::Privacy),
        ("spnego,sign", 9, AuthLevel::Integrity),
        ("spnego,seal", 9, AuthLevel::Privacy),
    ] {
        let binding = format!("ncacn_np:127.0.0.1[{flags}]");
        let output = run(&smbd, "rpcclient", &[&["-U", "root%Passw0rd", &binding], &FSS[..]].concat()).await;
        assert!(output.contains("supports FSRVP versions from 1 to 1"), "{flags}: {output}\n{}", smbd.log());
        assert_eq!(check(&callers, "root", 0, level).auth_service, service, "{flags}");
    }
    // smbtorture binds without authentication, or by SPNEGO, and then on a second pipe by NTLM.
    for (flags, service, level) in
        [("", 0, AuthLevel::Integrity), ("[sign]", 9, AuthLevel::Integrity), ("[seal]", 9, AuthLevel::Privacy)]
    {
        let binding = format!("ncacn_np:127.0.0.1{flags}");
        let arguments = ["-U", &format!("{DOMAIN}\\root%Passw0rd"), &binding, "rpc.fsrvp.fsrvp.get_version"];
        let output = run(&smbd, "smbtorture", &arguments).await;
        assert!(output.contains("success: fsrvp.get_version"), "{flags}: {output}\n{}", smbd.log());
        let services: Vec<_> = callers.take().iter().map(|caller| (caller.auth_service, caller.auth_level)).collect();
        assert!(services.contains(&(service, level)), "{flags}: {services:?}");
    }
    // Nobody in particular: not even trusted to be nobody.
    let output = run(&smbd, "rpcclient", &[&["-N", "-U%", "127.0.0.1"], &FSS[..]].concat()).await;
    if let Some(caller) = callers.take().pop() {
        assert_eq!((caller.user, caller.auth_level, caller.sids.len()), (None, AuthLevel::None, 0), "{output}");
    }
    server.shutdown(Duration::from_secs(5)).await;
    assert!(!path.exists(), "the socket is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trust_is_a_choice() {
    let Some(smbd) = Smbd::start("", "").map(Arc::new) else { return };
    let callers = Callers::default();
    let server = builder(&callers).listen_pipe(listen(&smbd, "fssagentrpc", PipeTrust::NONE)).start().unwrap();
    run(&smbd, "rpcclient", &[&["-U", "root%Passw0rd", "127.0.0.1"], &FSS[..]].concat()).await;
    check(&callers, "root", 0, AuthLevel::None);
    drop(server);
}

/// smbd starts its own helpers on demand, which take every pipe that they know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipe_that_is_taken_away() {
    let Some(smbd) = Smbd::start("", "").map(Arc::new) else { return };
    let callers = Callers::default();
    let listener = listen(&smbd, "fssagentrpc", PipeTrust::default()).watch_every(Duration::from_millis(20));
    let (path, mut state) = (listener.path().to_owned(), listener.state());
    assert!(PipeListener::bind(smbd.ncalrpc(), "FSSAGENTRPC", PipeTrust::default()).is_err(), "it is ours already");
    assert!(
        PipeListener::bind(smbd.ncalrpc(), "srvsvc", PipeTrust::default()).unwrap_err().to_string().contains("samba")
    );
    let server = builder(&callers).listen_pipe(listener).start().unwrap();
    std::fs::remove_file(&path).unwrap();
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if path.exists() {
            break;
        }
    }
    run(&smbd, "rpcclient", &[&["-U", "root%Passw0rd", "127.0.0.1"], &FSS[..]].concat()).await;
    check(&callers, "root", 0, AuthLevel::Integrity);
    // Somebody else's socket is left alone, and reported.
    std::fs::remove_file(&path).unwrap();
    let other = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let taken = state.wait_for(|state| *state == PipeState::Taken);
    tokio::time::timeout(Duration::from_secs(5), taken).await.unwrap().unwrap();
    // When that one dies the pipe is ours again.
    drop(other);
    let back = state.wait_for(|state| *state == PipeState::Listening);
    tokio::time::timeout(Duration::from_secs(5), back).await.unwrap().unwrap();
    run(&smbd, "rpcclient", &[&["-U", "root%Passw0rd", "127.0.0.1"], &FSS[..]].concat()).await;
    check(&callers, "root", 0, AuthLevel::Integrity);
    server.shutdown(Duration::from_secs(5)).await;
    assert!(!path.exists());
}

#[cfg(feature = "smb")]
mod ours {
    use bytes::Bytes;
    use msrpc_ndr::{Channel, ChannelError};
    use pipe_support::{call, client, service::ECHO, smbd::PASSWORD};

    use super::*;

    fn pattern(len: usize) -> Bytes {
        (0..len).map(|at| u8::try_from((at * 7 + at / 251) % 256).unwrap()).collect()
    }

    /// Our client, smbd, our server: every size both ways, at once, at every level.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn our_client_through_smbd() {
        let Some(smbd) = Smbd::start("server signing = mandatory", "").map(Arc::new) else { return };
        let callers = Callers::default();
        let server =
            builder(&callers).listen_pipe(listen(&smbd, "\\pipe\\Echo", PipeTrust::default())).start().unwrap();
        for (flags, level, counts) in [
            ("", AuthLevel::None, AuthLevel::Integrity),
            (",smb_encrypt", AuthLevel::None, AuthLevel::Privacy),
            (",sign", AuthLevel::Integrity, AuthLevel::Integrity),
            (",smb_encrypt,seal", AuthLevel::Privacy, AuthLevel::Privacy),
        ] {
            let binding = format!("ncacn_np:127.0.0.1[\\pipe\\ECHO,smb_port={}{flags}]", smbd.port);
            let channel = client(&binding, "games", PASSWORD).level(level).connect(&ECHO).await.unwrap();
            for len in [0, 1, 100, 5000, 70_000, 1_000_000] {
                let answer = call(&channel, 0, pattern(len)).await;
                assert!(answer.starts_with(&pattern(len)) && answer.len() < len + 16, "{len} {flags}");
            }
            check(&callers, "games", 5, counts);
            let calls = (0..50).map(|n| {
                let channel = channel.clone();
                tokio::spawn(async move { call(&channel, 0, pattern(n * 497)).await.starts_with(&pattern(n * 497)) })
            });
            for call in calls.collect::<Vec<_>>() {
                assert!(call.await.unwrap());
            }
            // A call that waits is given up, and others go on.
            let waiting = channel.clone().with_timeout(Some(Duration::from_millis(50)));
            assert!(matches!(waiting.call(1, Bytes::new().into()).await, Err(ChannelError::Transport(_))));
            assert_eq!(call(&channel, 0, pattern(10)).await.get(..10), pattern(10).get(..));
        }
        server.shutdown(Duration::from_secs(5)).await;
    }

    /// As many as PEERS.md saw pass.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn hundreds_at_once() {
        let Some(smbd) = Smbd::start("", "").map(Arc::new) else { return };
        let callers = Callers::default();
        let server = builder(&callers).listen_pipe(listen(&smbd, "echo", PipeTrust::default())).start().unwrap();
        let binding = format!("ncacn_np:127.0.0.1[\\pipe\\echo,smb_port={}]", smbd.port);
        let mut clients = tokio::task::JoinSet::new();
        for n in 0..100 {
            let builder =
                client(&binding, "root", PASSWORD).level(AuthLevel::None).connect_timeout(Duration::from_secs(60));
            clients.spawn(async move {
                let channel = builder.connect(&ECHO).await.unwrap();
                call(&channel, 0, pattern(n * 100)).await.starts_with(&pattern(n * 100))
            });
        }
        while let Some(answered) = clients.join_next().await {
            assert!(answered.unwrap());
        }
        assert_eq!(callers.take().len(), 100);
        drop(server);
    }

    #[tokio::test]
    async fn a_server_that_goes_away() {
        let Some(smbd) = Smbd::start("", "").map(Arc::new) else { return };
        let callers = Callers::default();
        let server = builder(&callers).listen_pipe(listen(&smbd, "echo", PipeTrust::default())).start().unwrap();
        let binding = format!("ncacn_np:127.0.0.1[\\pipe\\echo,smb_port={}]", smbd.port);
        let builder = client(&binding, "root", PASSWORD).level(AuthLevel::None);
        let channel = builder.connect(&ECHO).await.unwrap();
        server.shutdown(Duration::from_secs(5)).await;
        let ended = channel.call(0, Bytes::new().into()).await;
        assert!(matches!(ended, Err(ChannelError::Transport(_))), "{ended:?}");
        let error = builder.connect(&ECHO).await.unwrap_err();
        assert!(error.to_string().contains("\\pipe\\echo"), "{error}");
    }
}
