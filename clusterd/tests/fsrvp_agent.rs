//! The FSRVP server's task, over ports that fail, hang and panic. Takes about 2 s.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use clusterd::fsrvp::{Agent, AgentHandle, Config, Limits, Ports, StartError};
use msrpc_cluster::fsrvp::{
    Context, ShareUnc,
    code::*,
    ports::{Mounts, PortError, SetStore, Share, Shares, Snapshot, SnapshotProvider},
    server::{self, ClientAddress, Reply, Request, SetRecord, Status},
    service::Submit,
};
use msrpc_ndr::HResult;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// How an operation goes wrong.
#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    Panics,
    Hangs,
    Fails,
}

/// Everything outside.
#[derive(Default)]
struct Outside {
    snapshots: BTreeMap<Uuid, Snapshot>,
    /// Exposed shares: base share, and whether they can be written to.
    exposed: BTreeMap<String, (String, bool)>,
    records: BTreeMap<Uuid, SetRecord>,
    troubles: BTreeMap<&'static str, Trouble>,
    /// How long a commit takes.
    slow: Duration,
}

#[derive(Clone, Default)]
struct Fake(Arc<Mutex<Outside>>);

impl Fake {
    fn outside(&self) -> MutexGuard<'_, Outside> {
        self.0.lock().unwrap()
    }

    fn trouble(&self, what: &'static str, trouble: Trouble) {
        self.outside().troubles.insert(what, trouble);
    }

    async fn enter(&self, what: &'static str) -> Result<(), PortError> {
        let trouble = self.outside().troubles.get(what).copied();
        match trouble {
            None => Ok(()),
            Some(Trouble::Panics) => panic!("{what} panics, as it should in this test"),
            Some(Trouble::Hangs) => std::future::pending().await,
            Some(Trouble::Fails) => Err(PortError::Full(what.to_owned())),
        }
    }

    fn ports(&self) -> Ports {
        let fake = || Arc::new(self.clone());
        Ports { providers: vec![("fake".to_owned(), fake())], shares: fake(), mounts: fake(), store: fake() }
    }

    async fn start(&self, limits: Limits) -> Result<AgentHandle, StartError> {
        Agent::start(Config { limits, ..Config::default() }, self.ports()).await
    }
}

#[async_trait]
impl SnapshotProvider for Fake {
    async fn supported(&self, path: &Path) -> Result<Option<String>, PortError> {
        self.enter("supported").await?;
        Ok(Some(path.display().to_string()))
    }

    async fn prepare(&self, _snapshot: &Snapshot) -> Result<(), PortError> {
        self.enter("prepare").await
    }

    async fn commit(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        self.outside().snapshots.insert(snapshot.id, snapshot.clone());
        let slow = self.outside().slow;
        sleep(slow).await;
        self.enter("commit").await
    }

    async fn expose(&self, snapshot: &Snapshot, _path: &Path) -> Result<PathBuf, PortError> {
        self.enter("expose").await?;
        Ok(Path::new("/snapshots").join(snapshot.id.to_string()))
    }

    async fn make_read_only(&self, _snapshot: &Snapshot) -> Result<(), PortError> {
        self.enter("make_read_only").await
    }

    async fn delete(&self, snapshot: &Snapshot) -> Result<(), PortError> {
        self.enter("delete").await?;
        self.outside().snapshots.remove(&snapshot.id);
        Ok(())
    }

    async fn list(&self) -> Result<Vec<Snapshot>, PortError> {
        self.enter("list").await?;
        Ok(self.outside().snapshots.values().cloned().collect())
    }
}

#[async_trait]
impl Shares for Fake {
    async fn find(&self, name: &str) -> Result<Option<Share>, PortError> {
        let shared = name != "nothing";
        Ok(shared.then(|| Share { name: name.to_owned(), path: Path::new("/srv").join(name) }))
    }

    async fn expose(&self, name: &str, _path: &Path, base: &str, writable: bool) -> Result<(), PortError> {
        self.enter("share").await?;
        self.outside().exposed.insert(name.to_owned(), (base.to_owned(), writable));
        Ok(())
    }

    async fn make_read_only(&self, name: &str) -> Result<(), PortError> {
        self.outside().exposed.entry(name.to_owned()).and_modify(|share| share.1 = false);
        Ok(())
    }

    async fn remove(&self, name: &str) -> Result<(), PortError> {
        self.outside().exposed.remove(name);
        Ok(())
    }

    async fn exposed(&self) -> Result<Vec<String>, PortError> {
        Ok(self.outside().exposed.keys().cloned().collect())
    }
}

#[async_trait]
impl Mounts for Fake {
    async fn below(&self, path: &Path) -> Result<Vec<PathBuf>, PortError> {
        Ok(if path.ends_with("mounted") { vec![path.join("disk")] } else { Vec::new() })
    }
}

#[async_trait]
impl SetStore<SetRecord> for Fake {
    async fn load(&self) -> Result<Vec<SetRecord>, PortError> {
        self.enter("load").await?;
        Ok(self.outside().records.values().cloned().collect())
    }

    async fn put(&self, set: Uuid, record: Option<SetRecord>) -> Result<(), PortError> {
        self.enter("put").await?;
        match record {
            Some(record) => drop(self.outside().records.insert(set, record)),
            None => drop(self.outside().records.remove(&set)),
        }
        Ok(())
    }
}

/// Limits that a test can wait for.
fn short() -> Limits {
    let short = Duration::from_millis(200);
    Limits { look_up: short, commit: short, delete: short, start: short, ..Limits::default() }
}

async fn ask(agent: &AgentHandle, request: Request) -> Result<Reply, HResult> {
    agent.submit(ClientAddress::Local, request).await
}

fn unc(share: &str) -> ShareUnc {
    ShareUnc::new("server", share).unwrap()
}

/// A set with two shares.
async fn added(agent: &AgentHandle) -> Uuid {
    ask(agent, Request::SetContext { context: Context::BACKUP.with_auto_recovery() }).await.unwrap();
    let Reply::Set(set) = ask(agent, Request::StartShadowCopySet).await.unwrap() else { panic!("no set") };
    for share in ["one", "two"] {
        ask(agent, Request::AddToShadowCopySet { set, share: unc(share) }).await.unwrap();
    }
    set
}

async fn commit(agent: &AgentHandle, set: Uuid) -> Result<Reply, HResult> {
    ask(agent, Request::CommitShadowCopySet { set, timeout: 60_000 }).await
}

async fn recovered(agent: &AgentHandle) -> Uuid {
    let set = added(agent).await;
    ask(agent, Request::PrepareShadowCopySet { set, timeout: 60_000 }).await.unwrap();
    commit(agent, set).await.unwrap();
    ask(agent, Request::ExposeShadowCopySet { set, timeout: 60_000 }).await.unwrap();
    ask(agent, Request::RecoveryCompleteShadowCopySet { set }).await.unwrap();
    set
}

#[tokio::test]
async fn an_exposed_share_is_given_its_base_share_for_its_permissions() {
    let fake = Fake::default();
    let agent = fake.start(Limits::default()).await.unwrap();
    let set = added(&agent).await;
    commit(&agent, set).await.unwrap();
    ask(&agent, Request::ExposeShadowCopySet { set, timeout: 60_000 }).await.unwrap();
    let shares: BTreeSet<_> = fake.outside().exposed.values().cloned().collect();
    assert_eq!(shares, BTreeSet::from([("one".to_owned(), true), ("two".to_owned(), true)]));
    ask(&agent, Request::RecoveryCompleteShadowCopySet { set }).await.unwrap();
    assert!(fake.outside().exposed.values().all(|(_, writable)| !writable));
    assert_eq!(agent.sets().await.len(), 1);
}

#[tokio::test]
async fn mount_points_below_a_share_and_shares_that_are_not_there_are_told() {
    let agent = Fake::default().start(Limits::default()).await.unwrap();
    let supported = |share| Request::IsPathSupported { share: unc(share) };
    assert_eq!(ask(&agent, supported("mounted")).await, Err(FSRVP_E_NOT_SUPPORTED));
    assert_eq!(ask(&agent, supported("nothing")).await, Err(FSRVP_E_OBJECT_NOT_FOUND));
    assert_eq!(ask(&agent, supported("one")).await, Ok(Reply::Owner("server".to_owned())));
}

#[tokio::test]
async fn a_provider_that_panics_fails_the_wait_and_the_server_goes_on() {
    let fake = Fake::default();
    let agent = fake.start(Limits::default()).await.unwrap();
    let set = added(&agent).await;
    fake.trouble("commit", Trouble::Panics);
    assert_eq!(commit(&agent, set).await, Err(FSRVP_E_WAIT_FAILED));
    fake.outside().troubles.clear();
    assert_eq!(commit(&agent, set).await, Ok(Reply::Done));
}

#[tokio::test]
async fn a_provider_that_hangs_fails_the_wait_after_its_limit() {
    let fake = Fake::default();
    let agent = fake.start(short()).await.unwrap();
    let set = added(&agent).await;
    fake.trouble("commit", Trouble::Hangs);
    assert_eq!(commit(&agent, set).await, Err(FSRVP_E_WAIT_FAILED));
    fake.trouble("supported", Trouble::Hangs);
    assert_eq!(ask(&agent, Request::IsPathSupported { share: unc("one") }).await, Err(FSRVP_E_WAIT_FAILED));
}

#[tokio::test]
async fn a_full_disk_is_told_and_half_a_set_is_deleted() {
    let fake = Fake::default();
    let agent = fake.start(Limits::default()).await.unwrap();
    let set = added(&agent).await;
    fake.trouble("commit", Trouble::Fails);
    assert_eq!(commit(&agent, set).await, Err(E_DISK_FULL));
    assert!(fake.outside().snapshots.is_empty());
}

#[tokio::test]
async fn an_abort_cancels_a_commit_and_deletes_what_it_made() {
    let fake = Fake::default();
    let agent = fake.start(Limits::default()).await.unwrap();
    let set = added(&agent).await;
    fake.trouble("commit", Trouble::Hangs);
    let waiting = tokio::spawn({
        let agent = agent.clone();
        async move { commit(&agent, set).await }
    });
    while fake.outside().snapshots.len() < 2 {
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(ask(&agent, Request::AbortShadowCopySet { set }).await, Ok(Reply::Done));
    assert_eq!(waiting.await.unwrap(), Err(FSRVP_E_WAIT_FAILED));
    let outside = fake.outside();
    assert!(outside.snapshots.is_empty() && outside.records.is_empty());
}

#[tokio::test]
async fn snapshots_of_a_set_are_made_side_by_side() {
    let fake = Fake::default();
    let agent = fake.start(Limits::default()).await.unwrap();
    let set = added(&agent).await;
    fake.outside().slow = Duration::from_millis(400);
    let began = Instant::now();
    commit(&agent, set).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(750), "{:?}", began.elapsed());
}

#[tokio::test]
async fn the_timer_ends_a_sequence_by_itself() {
    let fake = Fake::default();
    let config = Config { protocol: server::Config::default().faster_by(600), ..Config::default() };
    let agent = Agent::start(config, fake.ports()).await.unwrap();
    let set = added(&agent).await;
    commit(&agent, set).await.unwrap();
    assert_eq!(agent.sets().await.len(), 1);
    sleep(Duration::from_millis(600)).await;
    assert!(agent.sets().await.is_empty());
    let outside = fake.outside();
    assert!(outside.snapshots.is_empty() && outside.records.is_empty());
}

#[tokio::test]
async fn a_start_keeps_recovered_sets_deletes_the_rest_and_orphans_and_exposes_missing_shares() {
    let fake = Fake::default();
    let agent = fake.start(Limits::default()).await.unwrap();
    let kept = recovered(&agent).await;
    let set = added(&agent).await;
    commit(&agent, set).await.unwrap();
    agent.stop().await;
    assert_eq!(ask(&agent, Request::List).await, Err(HResult::E_FAIL), "it takes no more requests");
    {
        let mut outside = fake.outside();
        assert_eq!((outside.snapshots.len(), outside.records.len()), (4, 2));
        outside.exposed.clear();
        outside.exposed.insert("orphan@{1}".to_owned(), ("one".to_owned(), true));
        let orphan = Snapshot { id: Uuid::from_u128(7), ..outside.snapshots.values().next().unwrap().clone() };
        outside.snapshots.insert(orphan.id, orphan);
    }
    let agent = fake.start(Limits::default()).await.unwrap();
    let sets = agent.sets().await;
    assert_eq!(sets.iter().map(|set| (set.id, set.status)).collect::<Vec<_>>(), [(kept, Status::Recovered)]);
    // Shares that vanished are exposed beside.
    while fake.outside().exposed.len() < 2 {
        sleep(Duration::from_millis(5)).await;
    }
    let outside = fake.outside();
    assert_eq!((outside.snapshots.len(), outside.records.len()), (2, 1));
    assert!(outside.exposed.iter().all(|(name, share)| name.contains("@{") && !share.1 && name != "orphan@{1}"));
}

#[tokio::test]
async fn a_start_does_not_wait_for_ever_for_a_provider_that_hangs_or_panics() {
    for trouble in [Trouble::Hangs, Trouble::Panics, Trouble::Fails] {
        let fake = Fake::default();
        let agent = fake.start(Limits::default()).await.unwrap();
        let set = added(&agent).await;
        commit(&agent, set).await.unwrap();
        agent.stop().await;
        fake.trouble("list", trouble);
        fake.trouble("delete", trouble);
        let agent = fake.start(short()).await.unwrap();
        assert!(agent.sets().await.is_empty());
        added(&agent).await;
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_a_reason_not_to_start() {
    let fake = Fake::default();
    fake.trouble("load", Trouble::Fails);
    assert!(matches!(fake.start(short()).await, Err(StartError::Store(_))));
    fake.trouble("load", Trouble::Hangs);
    let limits = Limits { store: Duration::from_millis(50), ..short() };
    assert!(matches!(fake.start(limits).await, Err(StartError::StoreHangs(_))));
}
