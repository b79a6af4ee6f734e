//! Our FSRVP client against Samba's own FSRVP server, with real btrfs snapshots. About 15 s.

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use msrpc::client::{BoundChannel, ConnectError};
use msrpc_cluster::fsrvp::{
    Context, ShareUnc,
    client::{
        Agent, Cause, Connector, CreateRequest, Fate, MethodError, Progress, SetStatus, ShadowCopySet, SnapshotClient,
        SnapshotError, Step, Target, TimeOuts,
    },
    code,
};
use msrpc_ndr::{AuthLevel, HResult};
use msrpc_protocols::fsrvp::file_server_vss_agent::INTERFACE;
use msrpc_tests::rpc::{
    client::{self, Provider},
    file_server::{FileServer, NAME},
    node::{PASSWORD, USER},
};
use tokio::sync::Notify;
use uuid::Uuid;

/// Connects to Samba, whatever the machine is called, and notes that.
struct ToSamba<'a> {
    samba: &'a FileServer,
    level: AuthLevel,
    asked: Mutex<Vec<String>>,
}

impl<'a> ToSamba<'a> {
    fn new(samba: &'a FileServer) -> Self {
        Self { samba, level: AuthLevel::Privacy, asked: Mutex::default() }
    }
}

impl Connector for ToSamba<'_> {
    type Channel = BoundChannel;
    type Error = ConnectError;

    async fn connect(&self, target: Target<'_>, call_timeout: Duration) -> Result<BoundChannel, ConnectError> {
        self.asked.lock().unwrap().push(target.name().to_owned());
        let binding = format!("ncacn_np:127.0.0.1[\\pipe\\FssagentRpc,smb_port={}]", self.samba.port);
        let security = Some((Provider::Spnego, self.level));
        let builder = client::to(binding.parse().unwrap(), security, USER, PASSWORD);
        builder.call_timeout(call_timeout).connect(&INTERFACE).await
    }
}

fn share(name: &str) -> ShareUnc {
    ShareUnc::new("127.0.0.1", name).unwrap()
}

fn request(shares: &[&str]) -> CreateRequest {
    CreateRequest::new(shares.iter().map(|name| share(name)), Context::FILE_SHARE_BACKUP)
}

fn nothing(_: Progress<'_>) {}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_exposed_shares_hold_what_was_written_before_and_nothing_after() {
    let Some(samba) = FileServer::for_test() else { return };
    let client = SnapshotClient::new(ToSamba::new(&samba));
    for name in ["data", "logs"] {
        samba.write(name, "before", format!("{name} as it was").as_bytes()).await.unwrap();
    }
    let sets = client.create(&request(&["data", "logs"]), nothing, pending()).await.unwrap();
    let [set] = &sets[..] else { panic!("{sets:?}") };
    assert_eq!((set.status, &*set.owner), (SetStatus::Recovered, NAME));
    assert_eq!(client.connector().asked.lock().unwrap()[..], ["127.0.0.1", NAME], "[MS-FSRVP] 3.2.4.2.1");
    for (name, copy) in ["data", "logs"].into_iter().zip(&set.copies) {
        samba.write(name, "before", b"changed").await.unwrap();
        samba.write(name, "after", b"new").await.unwrap();
        let exposed = copy.exposed_unc().unwrap();
        let exposed = ShareUnc::parse(&exposed).unwrap();
        assert!(exposed.share().starts_with(&format!("{name}@{{")), "{exposed}");
        assert_eq!(samba.read(exposed.share(), "before").await.unwrap(), format!("{name} as it was").as_bytes());
        assert!(samba.read(exposed.share(), "after").await.is_err(), "it was written later");
        assert!(samba.write(exposed.share(), "late", b"x").await.is_err(), "it is read-only");
        let mapping = client.mapping(&copy.share, set.server_id, copy.server_id).await.unwrap();
        assert_eq!((mapping.exposed, mapping.created), (copy.exposed.clone(), copy.created));
    }
    let mut set = set.clone();
    let first = set.copies[0].clone();
    client.delete(&mut set, Some(first.server_id)).await.unwrap();
    let gone = first.exposed_unc().map(|unc| ShareUnc::parse(&unc).unwrap()).unwrap();
    assert!(samba.read(gone.share(), "before").await.is_err());
    client.delete(&mut set, None).await.unwrap();
    assert!(set.copies.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writable_copies_can_be_written_to_until_they_are_complete() {
    let Some(samba) = FileServer::for_test() else { return };
    let client = SnapshotClient::new(ToSamba::new(&samba));
    samba.write("data", "file", b"as it was").await.unwrap();
    let context = Context::NAS_ROLLBACK.with_auto_recovery();
    let request = CreateRequest { context, ..request(&["data"]) };
    let mut sets = client.expose(&request, nothing, pending()).await.unwrap().leave();
    let set = &mut sets[0];
    let exposed = ShareUnc::parse(&set.copies[0].exposed_unc().unwrap()).unwrap();
    samba.write(exposed.share(), "recovered", b"by its application").await.unwrap();
    client.complete(set).await.unwrap();
    assert_eq!(set.status, SetStatus::Recovered);
    // Samba leaves it writable, against 3.1.4.7.
    assert_eq!(samba.read(exposed.share(), "recovered").await.unwrap(), b"by its application");
    client.delete(set, None).await.unwrap();
}

/// Creates, and cancels a moment after `step` has begun.
async fn cancelled_at<'a>(
    client: &SnapshotClient<ToSamba<'a>>,
    name: &str,
    step: Step,
) -> Result<Vec<ShadowCopySet>, SnapshotError<ConnectError>> {
    let cancel = Arc::new(Notify::new());
    let observer = cancel.clone();
    let observe = move |progress: Progress<'_>| {
        if progress.step == step && !progress.done {
            observer.notify_one();
        }
    };
    let cancelled = async move {
        cancel.notified().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    };
    client.create(&request(&[name]), observe, cancelled).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_leaves_no_set_in_progress() {
    let Some(samba) = FileServer::for_test() else { return };
    let client = SnapshotClient::new(ToSamba::new(&samba));
    // While the server thinks about the share, twice.
    let error = cancelled_at(&client, "pensive", Step::QuerySupport).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Cancelled) && error.leftovers.is_empty(), "{error}");
    let error = cancelled_at(&client, "pensive", Step::Add).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Cancelled), "{error}");
    assert!(matches!(error.leftovers[0].fate, Fate::Aborted), "{error}");
    let mut sets = client.create(&request(&["data"]), nothing, pending()).await.unwrap();
    client.delete(&mut sets[0], None).await.unwrap();
    // In the middle of the commit.
    let error = cancelled_at(&client, "slow", Step::Commit).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Cancelled), "{error}");
    assert!(matches!(error.leftovers[0].fate, Fate::Aborted), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_refuses_is_handed_on_and_aborted() {
    let Some(samba) = FileServer::for_test() else { return };
    let client = SnapshotClient::new(ToSamba::new(&samba));
    let create = async |shares: &[&str]| client.create(&request(shares), nothing, pending()).await.unwrap_err();
    let error = create(&["plain"]).await;
    assert_eq!((error.step, error.status()), (Step::QuerySupport, Some(code::FSRVP_E_NOT_SUPPORTED)));
    // The document has FSRVP_E_OBJECT_NOT_FOUND for this (3.1.4.9); what the server says is handed on.
    let error = create(&["nosuchshare"]).await;
    assert_eq!((error.step, error.status()), (Step::QuerySupport, Some(HResult::E_INVALIDARG)));
    // Two shares on one file store.
    let error = create(&["data", "logs", "same"]).await;
    assert_eq!((error.step, error.status()), (Step::Add, Some(code::FSRVP_E_OBJECT_ALREADY_EXISTS)));
    assert!(matches!(error.leftovers[0].fate, Fate::Aborted), "{error}");
    // Samba has not implemented this.
    let error = client.present_copies(&share("data")).await.unwrap_err();
    assert_eq!((error.step, error.status()), (Step::QueryCopies, Some(code::FSRVP_E_NOT_SUPPORTED)));
    // The answer to a call takes too long: the connection is closed (3.2.5).
    let timeouts = TimeOuts { call: Duration::from_millis(500), ..TimeOuts::default() };
    let hasty = SnapshotClient::new(ToSamba::new(&samba)).with_timeouts(timeouts);
    let error = hasty.create(&request(&["slow"]), nothing, pending()).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Method(MethodError::Connection(_))), "{error}");
    assert_eq!(error.step, Step::Commit);
    assert!(matches!(error.leftovers[0].fate, Fate::Aborted), "over a new connection: {error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_clients_set_is_in_the_way_until_it_is_gone() {
    let Some(samba) = FileServer::for_test() else { return };
    let network = ToSamba::new(&samba);
    let channel = network.connect(Target::Server("127.0.0.1"), Duration::from_secs(20)).await.unwrap();
    let other = Agent::new(channel);
    other.set_context(Context::BACKUP).await.unwrap();
    let set = other.start(Uuid::new_v4()).await.unwrap();
    let client = SnapshotClient::new(network);
    let error = client.create(&request(&["data"]), nothing, pending()).await.unwrap_err();
    assert_eq!(error.status(), Some(code::FSRVP_E_SHADOW_COPY_SET_IN_PROGRESS), "{error}");
    assert!(error.leftovers.is_empty(), "nothing of ours was begun");
    other.abort(set).await.unwrap();
    let mut sets = client.create(&request(&["data"]), nothing, pending()).await.unwrap();
    client.delete(&mut sets[0], None).await.unwrap();
}

fn status<T: std::fmt::Debug>(outcome: Result<T, MethodError>) -> Option<HResult> {
    outcome.unwrap_err().status()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn methods_out_of_order_get_the_servers_error() {
    let Some(samba) = FileServer::for_test() else { return };
    let network = ToSamba::new(&samba);
    let channel = network.connect(Target::Server("127.0.0.1"), Duration::from_secs(20)).await.unwrap();
    let agent = Agent::new(channel);
    let (wait, data, nobody) = (Duration::from_secs(10), share("data"), Uuid::new_v4());
    assert_eq!(agent.versions().await.unwrap().choose(1), Some(1));
    assert_eq!(status(agent.start(nobody).await), Some(code::FSRVP_E_BAD_STATE));
    assert_eq!(status(agent.commit(nobody, wait).await), Some(HResult::E_INVALIDARG));
    agent.set_context(Context::BACKUP).await.unwrap();
    let set = agent.start(Uuid::new_v4()).await.unwrap();
    assert_eq!(status(agent.commit(set, wait).await), Some(code::FSRVP_E_BAD_STATE));
    let copy = agent.add(Uuid::new_v4(), set, &data).await.unwrap();
    assert_eq!(status(agent.expose(set, wait).await), Some(code::FSRVP_E_BAD_STATE));
    agent.prepare(set, wait).await.unwrap();
    agent.commit(set, wait).await.unwrap();
    assert_eq!(status(agent.recovery_complete(set).await), Some(code::FSRVP_E_BAD_STATE));
    agent.expose(set, wait).await.unwrap();
    assert!(agent.mapping(nobody, set, &data).await.is_err());
    let mapping = agent.mapping(copy, set, &data).await.unwrap();
    assert_eq!((mapping.set, mapping.copy), (set, copy));
    agent.recovery_complete(set).await.unwrap();
    agent.delete_mapping(set, copy, &data).await.unwrap();
    assert!(agent.delete_mapping(set, copy, &data).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn samba_serves_every_level_that_the_document_allows() {
    let Some(samba) = FileServer::for_test() else { return };
    for level in [AuthLevel::Integrity, AuthLevel::Privacy] {
        let client = SnapshotClient::new(ToSamba { level, ..ToSamba::new(&samba) });
        let support = client.support(&share("data")).await.unwrap();
        assert_eq!((support.supported, support.owner.as_deref()), (true, Some(NAME)), "{level:?}");
    }
}
