//! How smbd hands pipes over: `named_pipe_auth`, its parser against Samba's decoder, and a listener
//! against octets of every kind.
//!
//! The saved handovers are those of smbd 4.17 for root, for another user over an encrypted connection,
//! and for nobody. Samba's decoder needs the package `samba-testsuite`.
#![cfg(unix)]

mod pipe_support;

use std::{
    collections::VecDeque, io, net::SocketAddr, os::unix::fs::PermissionsExt as _, path::Path, process::Command,
    time::Duration,
};

use bytes::Bytes;
use msrpc::{
    client::ClientBuilder,
    server::Server,
    transport::{
        np::{Handover, HandoverError, PipeError, PipeListener, PipeTrust},
        pipe::{Pipe, PipeStream},
    },
};
use msrpc_ndr::AuthLevel;
use pipe_support::{
    call,
    service::{Callers, ECHO, Echo},
    smbd::missing,
};
use proptest::{prelude::*, strategy::ValueTree as _};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Mutex,
};

const ROOT: &[u8] = include_bytes!("pipe_fixtures/root.bin");
const GAMES: &[u8] = include_bytes!("pipe_fixtures/games_encrypted.bin");
const NOBODY: &[u8] = include_bytes!("pipe_fixtures/anonymous.bin");

#[test]
fn what_smbd_says() {
    let root = Handover::parse(ROOT).unwrap();
    assert_eq!(root.client_name.as_deref(), Some("vm"));
    assert_eq!(root.client_address.map(|address| address.ip().to_string()).as_deref(), Some("127.0.0.1"));
    assert_eq!((root.account.as_deref(), root.domain.as_deref()), (Some("root"), Some("PEERSMB")));
    assert_eq!((root.uid, root.gid, root.groups.as_slice()), (0, 0, &[0][..]));
    assert!(root.authenticated && !root.is_encrypted());
    assert_eq!(root.session_key.as_ref().unwrap().as_bytes().len(), 16);
    assert_eq!(root.sids.len(), 8);
    assert_eq!(root.sids.first().unwrap(), "S-1-5-21-4029029012-888733123-1870527597-1000");
    assert!(!format!("{root:?}").contains("session_key: Some(SessionKey([") && root.identity().user.is_some());

    let games = Handover::parse(GAMES).unwrap();
    assert_eq!((games.uid, games.gid), (5, 60));
    assert!(games.authenticated && games.is_encrypted());
    assert!(games.identity().sids.contains(&"S-1-22-1-5".to_owned()));

    let nobody = Handover::parse(NOBODY).unwrap();
    assert!(!nobody.authenticated);
    assert_eq!(nobody.account.as_deref(), Some("ANONYMOUS LOGON"));
    assert_eq!((nobody.identity().user, nobody.identity().domain), (None, None));
}

#[test]
fn what_smbd_does_not_say() {
    for saved in [ROOT, GAMES, NOBODY] {
        for len in 0..saved.len() {
            assert!(Handover::parse(saved.get(..len).unwrap()).is_err(), "{len}");
            // With the length made to fit.
            let mut cut = saved.get(..len.max(4)).unwrap().to_vec();
            let length = u32::try_from(cut.len() - 4).unwrap().to_be_bytes();
            cut.get_mut(..4).unwrap().copy_from_slice(&length);
            // Names that nobody needs stand last, and what is cut off there is missed all the same.
            assert!(Handover::parse(&cut).is_err(), "{len}");
        }
        let changed = |at: usize, octet| {
            let mut changed = saved.to_vec();
            *changed.get_mut(at).unwrap() = octet;
            Handover::parse(&changed)
        };
        assert_eq!(changed(4, b'X'), Err(HandoverError::Magic));
        assert_eq!(changed(8, 8), Err(HandoverError::Level(8)));
        assert_eq!(changed(12, 8), Err(HandoverError::Level(8)));
        assert!(changed(3, 0).is_err());
    }
}

proptest! {
    #[test]
    fn octets_of_any_kind_are_refused_or_read(octets in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _ = Handover::parse(&octets);
    }

    #[test]
    fn changes_are_refused_or_read(
        which in 0usize..3,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut octets = [ROOT, GAMES, NOBODY][which].to_vec();
        for (at, octet) in changes {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        let _ = Handover::parse(&octets);
        octets.truncate(cut.index(octets.len()).max(4));
        let length = u32::try_from(octets.len() - 4).unwrap().to_be_bytes();
        octets[..4].copy_from_slice(&length);
        // Past the first checks.
        octets.iter_mut().zip(ROOT).take(16).skip(4).for_each(|(octet, right)| *octet = *right);
        let _ = Handover::parse(&octets);
    }
}

/// Writes handovers as smbd does.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    fn u16(&mut self, value: u16) {
        self.align(2);
        self.0.extend(value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.align(4);
        self.0.extend(value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.align(8);
        self.0.extend(value.to_le_bytes());
    }

    fn len(&mut self, len: usize) {
        self.u32(u32::try_from(len).unwrap());
    }

    fn string(&mut self, text: &str) {
        [text.len() + 1, 0, text.len() + 1].into_iter().for_each(|count| self.len(count));
        self.0.extend(text.as_bytes());
        self.0.push(0);
    }

    fn pointer(&mut self, there: bool) {
        self.u32(if there { 0x20000 } else { 0 });
    }
}

#[derive(Clone, Debug)]
struct User {
    client: String,
    address: String,
    account: Option<String>,
    domain: Option<String>,
    full_name: String,
    key: Vec<u8>,
    sids: Vec<(u64, Vec<u32>)>,
    uid: u64,
    groups: Vec<u64>,
    authenticated: bool,
}

fn write(user: &User) -> Vec<u8> {
    let mut w = Writer(b"\0\0\0\0NPAM".to_vec());
    w.u32(7);
    w.u32(7);
    w.0.push(1);
    w.pointer(true);
    w.pointer(true);
    w.u16(4711);
    w.pointer(true);
    w.pointer(true);
    w.u16(445);
    w.pointer(true);
    [&user.client, &user.address, "server", "127.0.0.1"].into_iter().for_each(|text| {
        w.align(4);
        w.string(text);
    });
    w.pointer(true);
    w.u32(0);
    (0..4).for_each(|_| w.pointer(true));
    w.pointer(false);
    w.len(user.key.len());
    w.0.extend(&user.key);
    w.pointer(false);
    w.0.extend([0xaa; 16]);
    w.u16(0);
    w.align(8);
    w.len(user.sids.len());
    w.len(user.sids.len());
    for (authority, rest) in &user.sids {
        w.0.extend([1, u8::try_from(rest.len()).unwrap()]);
        w.0.extend(authority.to_be_bytes().get(2..).unwrap());
        rest.iter().for_each(|&part| w.u32(part));
    }
    w.u64(0x1122);
    w.u32(0x33);
    w.len(user.groups.len());
    w.u64(user.uid);
    w.u64(60);
    w.len(user.groups.len());
    user.groups.iter().for_each(|&group| w.u64(group));
    w.pointer(user.account.is_some());
    w.pointer(false);
    w.0.push(0);
    w.pointer(user.domain.is_some());
    w.pointer(false);
    w.pointer(true);
    (0..5).for_each(|_| w.pointer(false));
    (0..12).for_each(|_| w.u32(0));
    w.u32(0);
    w.u32(0x10);
    w.0.push(u8::from(user.authenticated));
    for text in [&user.account, &user.domain, &Some(user.full_name.clone())].into_iter().flatten() {
        w.align(4);
        w.string(text);
    }
    w.align(4);
    w.pointer(true);
    w.pointer(true);
    (0..2).for_each(|_| {
        w.align(4);
        w.string("unix");
    });
    let length = u32::try_from(w.0.len() - 4).unwrap().to_be_bytes();
    w.0.get_mut(..4).unwrap().copy_from_slice(&length);
    w.0
}

fn users() -> impl Strategy<Value = User> {
    let name = "[a-zA-Zäß -]{0,12}";
    let sid = (0u64..1 << 40, proptest::collection::vec(any::<u32>(), 0..6));
    (
        ("[a-z.]{0,9}", prop_oneof![Just("127.0.0.1"), Just("::1"), Just("2001:db8::12")]),
        (proptest::option::of(name), proptest::option::of(name), name),
        proptest::collection::vec(any::<u8>(), 0..33),
        (
            proptest::collection::vec(sid, 0..9),
            any::<u64>(),
            proptest::collection::vec(any::<u64>(), 0..5),
            any::<bool>(),
        ),
    )
        .prop_map(|((client, address), (account, domain, full_name), key, (sids, uid, groups, authenticated))| {
            User {
                client,
                address: address.to_owned(),
                account,
                domain,
                full_name,
                key,
                sids,
                uid,
                groups,
                authenticated,
            }
        })
}

fn sid_text((authority, rest): &(u64, Vec<u32>)) -> String {
    let parts: String = rest.iter().map(|part| format!("-{part}")).collect();
    format!("S-1-{authority}{parts}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn what_is_written_is_read(user in users()) {
        let handover = Handover::parse(&write(&user)).unwrap();
        prop_assert_eq!(handover.client_name.as_deref(), Some(user.client.as_str()));
        prop_assert_eq!(handover.client_address, Some(SocketAddr::new(user.address.parse().unwrap(), 4711)));
        prop_assert_eq!((&handover.account, &handover.domain), (&user.account, &user.domain));
        prop_assert_eq!(handover.sids, user.sids.iter().map(sid_text).collect::<Vec<_>>());
        prop_assert_eq!((handover.uid, handover.gid, handover.groups), (user.uid, 60, user.groups));
        prop_assert_eq!(handover.authenticated, user.authenticated);
        let key = handover.session_key.map(|key| key.as_bytes().to_vec()).unwrap_or_default();
        prop_assert_eq!(key, user.key);
    }
}

/// What Samba's decoder makes of a handover: the values of a field.
fn ndrdump(octets: &[u8]) -> Option<impl Fn(&str) -> Vec<String>> {
    if !Path::new("/usr/bin/ndrdump").exists() {
        missing("no /usr/bin/ndrdump (Debian package samba-testsuite)");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("handover");
    std::fs::write(&file, octets).unwrap();
    let arguments = ["named_pipe_auth", "named_pipe_auth_req", "struct"];
    let output = Command::new("/usr/bin/ndrdump").args(arguments).arg(&file).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("pull returned Success"), "{text}");
    Some(move |field: &str| {
        let of_field = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            (name.trim() == field && value.trim() != "*").then(|| value.trim().trim_matches('\'').to_owned())
        };
        text.lines().filter_map(of_field).filter(|value| !value.starts_with("ARRAY")).collect()
    })
}

fn agrees_with_samba(octets: &[u8]) -> Option<()> {
    let samba = ndrdump(octets)?;
    let ours = Handover::parse(octets).unwrap();
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".to_owned());
    let number = |value: u64| format!("{value:#018x} ({value})");
    assert_eq!(samba("sids"), ours.sids);
    assert_eq!(samba("account_name"), [text(&ours.account)]);
    assert_eq!(samba("domain_name"), [text(&ours.domain)]);
    assert_eq!(samba("remote_client_name"), [text(&ours.client_name)]);
    assert_eq!(samba("uid"), [number(ours.uid)]);
    assert_eq!(samba("gid"), [number(ours.gid)]);
    assert_eq!(samba("groups"), ours.groups.iter().copied().map(number).collect::<Vec<_>>());
    assert_eq!(samba("authenticated"), [format!("0x{0:02x} ({0})", u8::from(ours.authenticated))]);
    Some(())
}

#[test]
fn samba_reads_the_same() {
    for saved in [ROOT, GAMES, NOBODY] {
        if agrees_with_samba(saved).is_none() {
            return;
        }
    }
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..60 {
        let mut user = users().new_tree(&mut runner).unwrap().current();
        // Its numbers of users have 32 bits, and it writes large authorities in another way.
        user.groups.iter_mut().chain([&mut user.uid]).for_each(|id| *id %= 1 << 32);
        user.sids.iter_mut().for_each(|(authority, _)| *authority %= 1 << 32);
        for text in
            [&mut user.account, &mut user.domain].into_iter().flatten().chain([&mut user.full_name, &mut user.client])
        {
            *text = format!("x{text}");
        }
        agrees_with_samba(&write(&user)).unwrap();
    }
}

/// A pipe as smbd carries it, without smbd.
struct Carried(Mutex<OwnedReadHalf>, Mutex<OwnedWriteHalf>);

impl Carried {
    async fn open(path: &Path, handover: &[u8]) -> io::Result<Self> {
        let mut stream = UnixStream::connect(path).await?;
        stream.write_all(handover).await?;
        let mut reply = [0; 36];
        stream.read_exact(&mut reply).await?;
        assert_eq!(reply.get(..16).unwrap(), b"\0\0\0\x20NPAM\x07\0\0\0\x07\0\0\0");
        let (read, write) = stream.into_split();
        Ok(Self(Mutex::new(read), Mutex::new(write)))
    }
}

impl Pipe for Carried {
    async fn write(&self, message: Bytes) -> io::Result<()> {
        let mut stream = self.1.lock().await;
        stream.write_u16_le(u16::try_from(message.len()).unwrap()).await?;
        stream.write_all(&message).await
    }

    async fn read(&self) -> io::Result<Bytes> {
        let mut stream = self.0.lock().await;
        let Ok(len) = stream.read_u16_le().await else { return Ok(Bytes::new()) };
        let mut message = vec![0; usize::from(len)];
        stream.read_exact(&mut message).await?;
        Ok(message.into())
    }
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipe_is_taken_over() {
    let (folder, callers) = (folder(), Callers::default());
    let listener = PipeListener::bind(folder.path(), "\\PIPE\\Echo", PipeTrust::default()).unwrap();
    let path = listener.path().to_owned();
    assert_eq!(path, folder.path().join("np/echo"));
    assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    let server = Server::builder().service(Echo(callers.clone())).listen_pipe(listener).start().unwrap();
    for (handover, user, level) in [
        (ROOT, Some("root"), AuthLevel::Integrity),
        (GAMES, Some("games"), AuthLevel::Privacy),
        (NOBODY, None, AuthLevel::None),
    ] {
        let pipe = PipeStream::new(Carried::open(&path, handover).await.unwrap());
        let channel = ClientBuilder::new("ncacn_np:x".parse().unwrap()).bind(pipe, &ECHO).await.unwrap();
        let stub: Bytes = (0..100_000u32).flat_map(u32::to_be_bytes).collect();
        assert!(call(&channel, 0, stub.clone()).await.starts_with(&stub));
        let caller = callers.take().pop().unwrap();
        assert_eq!((caller.user.as_deref(), caller.auth_level), (user, level));
    }
    server.shutdown(Duration::from_secs(5)).await;
    assert!(!path.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_handovers_end_the_connection_and_nothing_else() {
    let (folder, callers) = (folder(), Callers::default());
    let listener = PipeListener::bind(folder.path(), "echo", PipeTrust::default()).unwrap();
    let path = listener.path().to_owned();
    let server = Server::builder().service(Echo(callers.clone())).listen_pipe(listener).start().unwrap();
    let mut wrong: VecDeque<Vec<u8>> = [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0xff; 64],
        vec![0; 64],
        [&ROOT[..8], &[8, 0, 0, 0, 8, 0, 0, 0], &ROOT[16..]].concat(),
    ]
    .into();
    for len in (4..ROOT.len()).step_by(37) {
        let length = u32::try_from(len - 4).unwrap().to_be_bytes();
        wrong.push_back([&length[..], &ROOT[4..len]].concat());
    }
    for octets in wrong {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        stream.write_all(&octets).await.unwrap();
        let mut rest = Vec::new();
        // What it did not read may come back as a reset.
        let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await.unwrap();
        assert_eq!(rest, []);
    }
    // Half a handover, and then nothing: others do not wait for it.
    let mut stalled = UnixStream::connect(&path).await.unwrap();
    stalled.write_all(&ROOT[..100]).await.unwrap();
    let pipe = PipeStream::new(Carried::open(&path, ROOT).await.unwrap());
    let channel = ClientBuilder::new("ncacn_np:x".parse().unwrap()).bind(pipe, &ECHO).await.unwrap();
    assert_eq!(call(&channel, 0, Bytes::from_static(b"12345678")).await, b"12345678");
    drop(server);
}

#[tokio::test]
async fn where_a_pipe_cannot_be() {
    let folder = folder();
    for name in ["", "\\pipe\\", ".", "..", "a/..", "x\0y"] {
        let error = PipeListener::bind(folder.path(), name, PipeTrust::default()).unwrap_err();
        assert!(matches!(error, PipeError::Name(_)), "{name:?}: {error}");
    }
    let np = folder.path().join("np");
    std::fs::create_dir(&np).unwrap();
    std::fs::set_permissions(&np, std::fs::Permissions::from_mode(0o755)).unwrap();
    let error = PipeListener::bind(folder.path(), "x", PipeTrust::default()).unwrap_err();
    assert!(matches!(error, PipeError::Open(_)) && error.to_string().contains("0700"), "{error}");
    assert!(!np.join("x").exists());
    let missing = PipeListener::bind(folder.path().join("missing"), "x", PipeTrust::default()).unwrap_err();
    assert!(matches!(missing, PipeError::Io { .. }), "{missing}");
}
