//! A backup program that calls the server through the generated client and the generated service,
//! in memory.

use std::{
    future::Future,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use msrpc_cluster::fsrvp::{
    server::{AccessPolicy, ClientAddress, Config, Reply, Request, Status},
    service::{FsrvpService, Submit},
};
use msrpc_ndr::{
    Association, AuthLevel, CallError, CallLimits, CallResult, Caller, Encoding, HResult, MemoryChannel, WString,
};
use msrpc_protocols::fsrvp::{
    FssagentShareMapping, FssagentShareMapping1,
    file_server_vss_agent::{Client, IsPathShadowCopied, IsPathSupported, Service},
};
use uuid::Uuid;

use crate::world::World;

/// A world that several clients share.
#[derive(Clone, Debug)]
pub(crate) struct Server(Arc<Mutex<World>>);

pub(crate) const BACKUP: u32 = 0;
pub(crate) const FILE_SHARE_BACKUP: u32 = 0x10;
pub(crate) const AUTO_RECOVERY: u32 = 0x0040_0000;
pub(crate) const NO_AUTO_RECOVERY: u32 = 2;
pub(crate) const DATA: &str = r"\\server\data";
pub(crate) const OTHER: &str = r"\\server\other";
/// A time-out long enough for everything.
pub(crate) const LONG: u32 = 600_000;

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        Self(Arc::new(Mutex::new(World::with(config))))
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    /// A backup operator at 10.0.0.`host`.
    pub(crate) fn client(&self, host: u8) -> Backup {
        self.caller(Caller {
            user: Some("backup".to_owned()),
            sids: vec!["S-1-5-32-551".to_owned()],
            auth_service: 9,
            auth_level: AuthLevel::Integrity,
            transport: "ncacn_np".to_owned(),
            address: Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, host)), 40000 + u16::from(host))),
            ..Caller::default()
        })
    }

    pub(crate) fn caller(&self, caller: Caller) -> Backup {
        let service = Service::new(FsrvpService::new(self.clone(), AccessPolicy::default()));
        let association = Association::new(caller, Arc::default(), CallLimits::default());
        Backup(Client::new(MemoryChannel::shared(Arc::new(service), Encoding::NDR, association)))
    }

    pub(crate) fn status(&self, set: Uuid) -> Option<Status> {
        self.world().status(set)
    }

    /// How many snapshots and exposed shares there are.
    pub(crate) fn outside(&self) -> (usize, usize) {
        let world = self.world();
        (world.snapshots.len(), world.exposed.len())
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.world().advance(std::time::Duration::from_secs(seconds));
    }

    /// Proves that the message sequence timer runs and elapses after this many seconds.
    pub(crate) fn assert_timer(&self, set: Uuid, seconds: u64) {
        self.advance(seconds - 1);
        assert!(self.status(set).is_some(), "the timer elapsed before {seconds} s");
        self.advance(2);
        assert_eq!(self.status(set), None, "the timer did not elapse after {seconds} s");
    }
}

impl Submit for Server {
    /// Answers at once; where the reply takes a while, time passes.
    async fn submit(&self, from: ClientAddress, request: Request) -> Result<Reply, HResult> {
        let mut world = self.world();
        let call = world.request(from, request);
        for _ in 0..100 {
            world.settle();
            if let Some(reply) = world.replies.remove(&call) {
                return reply;
            }
            let due = world.agent.deadline().expect("an answer or a deadline");
            let by = due - world.now.monotonic;
            world.advance(by);
        }
        panic!("no answer");
    }
}

pub(crate) struct Backup(Client<MemoryChannel>);

/// Runs what never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the call waits"),
    }
}

fn code<R: std::fmt::Debug>(result: CallResult<R, HResult>) -> Result<R, HResult> {
    result.map_err(|error| match error {
        CallError::Status { status, .. } => status,
        other => panic!("{other}"),
    })
}

fn wide(text: &str) -> WString {
    WString::from_units(text.encode_utf16())
}

impl Backup {
    pub(crate) fn version(&self) -> Result<(u32, u32), HResult> {
        code(now(self.0.get_supported_version())).map(|it| (it.min_version, it.max_version))
    }

    pub(crate) fn set_context(&self, context: u32) -> Result<(), HResult> {
        code(now(self.0.set_context(context)))
    }

    pub(crate) fn start_as(&self, id: Uuid) -> Result<Uuid, HResult> {
        code(now(self.0.start_shadow_copy_set(id)))
    }

    pub(crate) fn start(&self) -> Result<Uuid, HResult> {
        self.start_as(Uuid::from_u128(1))
    }

    pub(crate) fn add_as(&self, id: Uuid, set: Uuid, share: WString) -> Result<Uuid, HResult> {
        code(now(self.0.add_to_shadow_copy_set(id, set, share)))
    }

    pub(crate) fn add(&self, set: Uuid, share: &str) -> Result<Uuid, HResult> {
        self.add_as(Uuid::from_u128(2), set, wide(share))
    }

    pub(crate) fn prepare(&self, set: Uuid, timeout: u32) -> Result<(), HResult> {
        code(now(self.0.prepare_shadow_copy_set(set, timeout)))
    }

    pub(crate) fn commit(&self, set: Uuid, timeout: u32) -> Result<(), HResult> {
        code(now(self.0.commit_shadow_copy_set(set, timeout)))
    }

    pub(crate) fn expose(&self, set: Uuid, timeout: u32) -> Result<(), HResult> {
        code(now(self.0.expose_shadow_copy_set(set, timeout)))
    }

    pub(crate) fn complete(&self, set: Uuid) -> Result<(), HResult> {
        code(now(self.0.recovery_complete_shadow_copy_set(set)))
    }

    pub(crate) fn abort(&self, set: Uuid) -> Result<(), HResult> {
        code(now(self.0.abort_shadow_copy_set(set)))
    }

    pub(crate) fn supported(&self, share: &str) -> Result<IsPathSupported, HResult> {
        code(now(self.0.is_path_supported(wide(share))))
    }

    pub(crate) fn copied(&self, share: &str) -> Result<IsPathShadowCopied, HResult> {
        code(now(self.0.is_path_shadow_copied(wide(share))))
    }

    pub(crate) fn mapping_at(
        &self,
        set: Uuid,
        copy: Uuid,
        share: &str,
        level: u32,
    ) -> Result<FssagentShareMapping, HResult> {
        code(now(self.0.get_share_mapping(copy, set, wide(share), level)))
    }

    pub(crate) fn mapping(&self, set: Uuid, copy: Uuid, share: &str) -> Result<FssagentShareMapping1, HResult> {
        self.mapping_at(set, copy, share, 1).map(|mapping| match mapping {
            FssagentShareMapping::ShareMapping1(Some(mapping)) => mapping,
            other => panic!("{other:?}"),
        })
    }

    pub(crate) fn delete(&self, set: Uuid, copy: Uuid, share: &str) -> Result<(), HResult> {
        code(now(self.0.delete_share_mapping(set, copy, wide(share))))
    }

    /// A set of `\\server\data` that has come this far, and its shadow copy.
    pub(crate) fn until(&self, status: Status, context: u32) -> (Uuid, Uuid) {
        self.set_context(context).unwrap();
        let set = self.start().unwrap();
        if status == Status::Started {
            return (set, Uuid::nil());
        }
        let copy = self.add(set, DATA).unwrap();
        if status >= Status::Committed {
            self.prepare(set, LONG).unwrap();
            self.commit(set, LONG).unwrap();
        }
        if status >= Status::Exposed {
            self.expose(set, LONG).unwrap();
        }
        if status >= Status::Recovered {
            self.complete(set).unwrap();
        }
        (set, copy)
    }
}
