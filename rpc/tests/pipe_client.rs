//! Our client on pipes of a real Samba.
//!
//! Needs the packages `samba` and `samba-common-bin`, and root.
#![cfg(feature = "smb")]

mod pipe_support;

use std::{fmt::Write as _, time::Duration};

use bytes::Bytes;
use msrpc::{client::ConnectError, transport::smb::SmbError};
use msrpc_ndr::{AuthLevel, Channel, Syntax};
use pipe_support::{
    call, client, ntlm,
    service::{SRVSVC, WINREG},
    smbd::{PASSWORD, Smbd},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// NetrShareEnum at level 1, as much as there is.
const SHARE_ENUM: u16 = 15;
const SERVER_GET_INFO: u16 = 21;

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn word(stub: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(stub.get(at..at + 4).unwrap().try_into().unwrap())
}

/// NetrServerGetInfo with the server's name in a thousand slashes.
fn long_request(len: u32) -> Bytes {
    let mut stub = words(&[0x20000, len, 0, len]);
    for at in 1..=len {
        stub.extend(if at == len { [0, 0] } else { [b'\\', 0] });
    }
    stub.resize(stub.len().next_multiple_of(4), 0);
    stub.extend(words(&[101]));
    stub.into()
}

fn shares(count: usize) -> String {
    let mut sections = String::new();
    for n in 0..count {
        write!(sections, "[share{n:04}]\npath = /tmp\ncomment = share number {n:04} of very many\n").unwrap();
    }
    sections
}

fn binding(smbd: &Smbd, pipe: &str, flags: &str) -> String {
    format!("ncacn_np:127.0.0.1[\\pipe\\{pipe},smb_port={}{flags}]", smbd.port)
}

/// Everything that a pipe has to do: fragments both ways, calls at once.
async fn use_srvsvc(smbd: &Smbd, flags: &str, level: AuthLevel, user: &'static str) {
    let channel = client(&binding(smbd, "srvsvc", flags), user, PASSWORD).level(level).connect(&SRVSVC).await;
    let channel = channel.unwrap_or_else(|error| panic!("{flags} {level:?}: {error}"));
    assert_eq!(channel.encoding().syntax(), Syntax::Ndr);
    let request = || Bytes::from(words(&[0, 1, 1, 0x20000, 0, 0, u32::MAX, 0]));
    for _ in 0..3 {
        let answer = call(&channel, SHARE_ENUM, request()).await;
        assert_eq!(word(&answer, 12), 301, "shares, IPC$ included");
        assert!(answer.len() > 4 * 5840, "{} octets", answer.len());
    }
    for len in [10, 3000, 60_000] {
        let answer = call(&channel, SERVER_GET_INFO, long_request(len)).await;
        assert_eq!(word(&answer, 0), 101);
    }
    let calls = (0..10).map(|n| {
        let channel = channel.clone();
        tokio::spawn(async move {
            let stub = if n % 2 == 0 { long_request(4000) } else { long_request(5) };
            call(&channel, SERVER_GET_INFO, stub).await.len()
        })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap() > 20);
    }
    // Another interface of the same process is bound on the same pipe only if it is there.
    assert!(channel.bind(&WINREG).await.is_err());
}

async fn use_winreg(smbd: &Smbd) {
    let channel = client(&binding(smbd, "winreg", ""), "root", PASSWORD).connect(&WINREG).await.unwrap();
    let opened = call(&channel, 2, Bytes::from(words(&[0, 0x0200_0000]))).await;
    assert_eq!((opened.len(), word(&opened, 20)), (24, 0), "OpenHKLM");
    let version = call(&channel, 26, Bytes::from(opened.get(..20).unwrap().to_vec())).await;
    assert_eq!(version, words(&[5, 0]), "GetVersion");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn samba_serves_us() {
    let Some(smbd) = Smbd::start("server signing = mandatory", &shares(300)) else { return };
    for level in [AuthLevel::None, AuthLevel::Integrity, AuthLevel::Privacy] {
        use_srvsvc(&smbd, "", level, "root").await;
    }
    use_srvsvc(&smbd, ",smb_encrypt", AuthLevel::None, "games").await;
    use_srvsvc(&smbd, ",smb_encrypt,seal", AuthLevel::Privacy, "games").await;
    all_are_closed(&smbd).await;
    use_winreg(&smbd).await;
    all_are_closed(&smbd).await;
    // By bare NTLM, in SMB and in RPC.
    let builder = msrpc::client::ClientBuilder::new(binding(&smbd, "srvsvc", ",sign").parse().unwrap())
        .authenticate(|level| Box::new(ntlm("root", PASSWORD, level)));
    let channel = builder.connect(&SRVSVC).await.unwrap();
    assert_eq!(word(&call(&channel, SERVER_GET_INFO, long_request(5)).await, 0), 101);
    drop(channel);
    all_are_closed(&smbd).await;
    what_is_wrong_is_said(&smbd).await;
    many_at_once(&smbd).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn samba_insists_on_encryption() {
    let Some(smbd) = Smbd::start("server smb encrypt = required", &shares(300)) else { return };
    use_srvsvc(&smbd, "", AuthLevel::None, "root").await;
    use_srvsvc(&smbd, "", AuthLevel::Privacy, "root").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn older_dialects() {
    for (dialect, encrypts) in [("SMB2_02", false), ("SMB2_10", false), ("SMB3_00", true), ("SMB3_02", true)] {
        let Some(smbd) = Smbd::start(&format!("server max protocol = {dialect}"), &shares(300)) else { return };
        use_srvsvc(&smbd, "", AuthLevel::None, "root").await;
        let encrypted = client(&binding(&smbd, "srvsvc", ",smb_encrypt"), "root", PASSWORD).connect(&SRVSVC).await;
        match encrypted {
            Ok(_) => assert!(encrypts, "{dialect}"),
            Err(error) => assert!(!encrypts && matches!(error, ConnectError::Smb(SmbError::NoEncryption)), "{error}"),
        }
    }
}

/// Takes the dialects behind the first `dialects` out of the client's offer, or nothing.
async fn in_between(smbd: &Smbd, dialects: Option<u16>) -> u16 {
    /// Behind the frame's length: where the count of dialects is, and where the flag of a response.
    const COUNT: usize = 4 + 64 + 2;
    let (listener, server) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), smbd.port);
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
            tokio::spawn(async move {
                let length = client.read_u32().await.unwrap();
                let mut frame = length.to_be_bytes().to_vec();
                frame.resize(4 + usize::try_from(length).unwrap(), 0);
                client.read_exact(&mut frame[4..]).await.unwrap();
                if let Some(dialects) = dialects {
                    frame[COUNT..COUNT + 2].copy_from_slice(&dialects.to_le_bytes());
                }
                server.write_all(&frame).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    port
}

/// Who talks the two sides into an older dialect is found out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_negotiation_that_is_changed_on_the_way() {
    let Some(smbd) = Smbd::start("", "") else { return };
    for (dialects, passes) in [(None, true), (Some(1), false), (Some(2), false), (Some(3), false), (Some(4), false)] {
        let port = in_between(&smbd, dialects).await;
        let binding = format!("ncacn_np:127.0.0.1[\\pipe\\srvsvc,smb_port={port}]");
        let outcome = client(&binding, "root", PASSWORD).connect(&SRVSVC).await;
        let error = outcome.as_ref().err().map(ToString::to_string).unwrap_or_default();
        assert_eq!(outcome.is_ok(), passes, "{dialects:?} {error}");
        assert!(passes || error.contains("negotiation was changed"), "{dialects:?} {error}");
    }
}

async fn what_is_wrong_is_said(smbd: &Smbd) {
    let error = |binding: String, user, password| async move {
        client(&binding, user, password).connect_timeout(Duration::from_secs(5)).connect(&SRVSVC).await.unwrap_err()
    };
    let srvsvc = || binding(smbd, "srvsvc", "");
    for (user, password) in [("root", "wrong"), ("nosuchuser", PASSWORD)] {
        let error = error(srvsvc(), user, password).await;
        assert!(matches!(error, ConnectError::Smb(SmbError::Credentials { status: 0xC000_006D })), "{error}");
        assert!(error.to_string().contains("password"), "{error}");
    }
    all_are_closed(smbd).await;
    let missing = error(binding(smbd, "nosuchpipe", ""), "root", PASSWORD).await;
    assert!(missing.to_string().contains("\\pipe\\nosuchpipe"), "{missing}");
    all_are_closed(smbd).await;
    let closed = error("ncacn_np:127.0.0.1[srvsvc,smb_port=1]".to_owned(), "root", PASSWORD).await;
    assert!(closed.to_string().contains("port 1"), "{closed}");
    let odd = error("ncacn_np:127.0.0.1[srvsvc,smb_port=x]".to_owned(), "root", PASSWORD).await;
    assert!(matches!(odd, ConnectError::BadEndpoint(_)), "{odd}");
    all_are_closed(smbd).await;
    let interface = client(&binding(smbd, "winreg", ""), "root", PASSWORD).connect(&SRVSVC).await.unwrap_err();
    assert!(matches!(interface, ConnectError::UnknownInterface { .. }), "{interface}");
    // As nobody: Samba lets nobody in, to some pipes.
    all_are_closed(smbd).await;
    let nobody = msrpc::client::ClientBuilder::new(srvsvc().parse().unwrap()).connect(&SRVSVC).await;
    assert!(nobody.is_ok(), "{:?}", nobody.err());
    drop(nobody);
    // What does not speak SMB.
    all_are_closed(smbd).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let http = error(format!("ncacn_np:127.0.0.1[srvsvc,smb_port={port}]"), "root", PASSWORD).await;
    assert!(matches!(http, ConnectError::Smb(SmbError::Smb(_))), "{http}");
}

/// Connections end when they are dropped, whatever waits in them.
async fn many_at_once(smbd: &Smbd) {
    let connected = (0..20).map(|_| {
        let builder = client(&binding(smbd, "srvsvc", ""), "root", PASSWORD);
        tokio::spawn(async move { builder.connect(&SRVSVC).await.unwrap() })
    });
    let mut channels = Vec::new();
    for channel in connected.collect::<Vec<_>>() {
        channels.push(channel.await.unwrap());
    }
    assert!(connections(smbd) >= 20);
    drop(channels);
    all_are_closed(smbd).await;
}

/// Connections of ours to smbd.
fn connections(smbd: &Smbd) -> usize {
    let remote = format!(" 0100007F:{:04X} 01 ", smbd.port);
    std::fs::read_to_string("/proc/self/net/tcp").unwrap().matches(&remote).count()
}

#[track_caller]
fn all_are_closed(smbd: &Smbd) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        for _ in 0..200 {
            if connections(smbd) == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{caller}: {} connections are left", connections(smbd));
    }
}
