//! File servers to a script: they keep the states of \[MS-FSRVP\] 3.1, fail where they are told to,
//! and note what is asked of them.

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use msrpc_ndr::{
    AssociationId, Body, Bytes, Call, Channel, ChannelError, Encoding, Fault, HResult, MemoryChannel, Outcome, Reply,
    TransportError, WString,
};
use msrpc_protocols::fsrvp::{
    FssagentShareMapping, FssagentShareMapping1,
    file_server_vss_agent::{GetSupportedVersion, IsPathShadowCopied, IsPathSupported, Server, Service},
};
use uuid::Uuid;

use super::super::{Connector, SetStatus, Target};
use crate::fsrvp::code;

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Trouble {
    /// The server answers so.
    Status(u32),
    /// The server cannot run it.
    Refused,
    /// The server ends it in the middle, or after it.
    Broken,
    /// The connection breaks before the server sees it.
    LostBefore,
    /// The connection breaks after the server has done it.
    LostAfter,
    /// No answer comes, though the server does it.
    Hangs,
}

/// What the file servers know and noted.
#[derive(Default)]
pub(super) struct World {
    /// What was asked, in order.
    pub(super) log: Vec<String>,
    /// Machines by share: the owner.
    pub(super) owners: BTreeMap<String, &'static str>,
    /// What fails: opnum or "connect NAME", and how; each once.
    pub(super) script: Vec<(Trigger, Trouble)>,
    /// The sets that there are, by machine.
    pub(super) sets: BTreeMap<(String, Uuid), SetStatus>,
    /// `SupportedByThisProvider`, and the owner's name if it is to be left out.
    pub(super) unsupported: bool,
    pub(super) nameless: bool,
    pub(super) min_version: u32,
    pub(super) open: usize,
    ids: u128,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Trigger {
    Call(u16),
    /// The call on this machine.
    On(&'static str, u16),
    Connect(&'static str),
}

impl World {
    fn fails(&mut self, machine: &str, opnum: u16) -> Option<Trouble> {
        let at = self.script.iter().position(|(trigger, _)| match trigger {
            Trigger::Call(number) => *number == opnum,
            Trigger::On(name, number) => *name == machine && *number == opnum,
            Trigger::Connect(_) => false,
        })?;
        Some(self.script.remove(at).1)
    }
}

/// The network of the file servers.
#[derive(Clone)]
pub(super) struct Net(Arc<Mutex<World>>);

impl Net {
    /// `\\fs1\data` and `\\fs1\logs` belong to NODE1, `\\fs2\mail` to NODE2.
    pub(super) fn new() -> Self {
        let owners = [(r"\\fs1\data", "NODE1"), (r"\\fs1\logs", "NODE1"), (r"\\fs2\mail", "NODE2")];
        let owners = owners.map(|(share, owner)| (share.to_owned(), owner)).into();
        Self(Arc::new(Mutex::new(World { owners, min_version: 1, ..World::default() })))
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    pub(super) fn failing(trigger: Trigger, trouble: Trouble) -> Self {
        let net = Self::new();
        net.world().script.push((trigger, trouble));
        net
    }

    /// How often a method was called.
    pub(super) fn count(&self, method: &str) -> usize {
        self.world().log.iter().filter(|line| line.contains(method)).count()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0} cannot be reached")]
pub(super) struct Unreachable(pub(super) String);

impl Connector for Net {
    type Channel = FakeChannel;
    type Error = Unreachable;

    async fn connect(&self, target: Target<'_>, call_timeout: Duration) -> Result<FakeChannel, Unreachable> {
        assert_eq!(call_timeout, Duration::from_secs(180), "[MS-FSRVP] 3.2.2");
        let machine = target.name().to_owned();
        let hangs = {
            let mut world = self.world();
            world.log.push(format!("connect {machine}"));
            let at = world
                .script
                .iter()
                .position(|(trigger, _)| matches!(trigger, Trigger::Connect(name) if *name == machine));
            at.map(|at| world.script.remove(at).1)
        };
        match hangs {
            Some(Trouble::Hangs) => pending().await,
            Some(_) => return Err(Unreachable(machine)),
            None => {}
        }
        self.world().open += 1;
        let agent = FakeAgent { machine: machine.clone(), net: self.clone() };
        let inner = MemoryChannel::new(Service::new(agent), Encoding::NDR64);
        Ok(FakeChannel { machine, net: self.clone(), inner })
    }
}

/// A connection to a file server.
pub(super) struct FakeChannel {
    machine: String,
    net: Net,
    inner: MemoryChannel,
}

impl Drop for FakeChannel {
    fn drop(&mut self) {
        let mut world = self.net.world();
        world.open -= 1;
        let line = format!("close {}", self.machine);
        world.log.push(line);
    }
}

impl Channel for FakeChannel {
    fn encoding(&self) -> Encoding {
        self.inner.encoding()
    }

    fn association(&self) -> AssociationId {
        self.inner.association()
    }

    async fn call(&self, opnum: u16, request: Body) -> Result<Reply, ChannelError> {
        let trouble = self.net.world().fails(&self.machine, opnum);
        let lost = || TransportError::new("the connection is lost").into();
        match trouble {
            None => self.inner.call(opnum, request).await,
            Some(Trouble::Status(status)) => {
                // The server's own answer, at the end of which the status stands.
                self.net.world().log.push(format!("{} opnum {opnum} answers {status:#x}", self.machine));
                let encoding = self.inner.encoding();
                let mut stub = empty_response(opnum);
                stub.extend(status.to_le_bytes());
                Ok(Reply { body: Bytes::from(stub).into(), encoding })
            }
            Some(Trouble::Refused) => Err(Fault::ACCESS_DENIED.into()),
            Some(Trouble::Broken) => {
                self.inner.call(opnum, request).await?;
                Err(Fault::UNSPECIFIED.into())
            }
            Some(Trouble::LostBefore) => Err(lost()),
            Some(Trouble::LostAfter) => {
                self.inner.call(opnum, request).await?;
                Err(lost())
            }
            Some(Trouble::Hangs) => {
                self.inner.call(opnum, request).await?;
                pending().await
            }
        }
    }
}

/// What stands in front of the status in a response that is otherwise zero (NDR64).
fn empty_response(opnum: u16) -> Vec<u8> {
    match opnum {
        0 | 9 => vec![0; 8],
        2 | 3 | 8 => vec![0; 16],
        // The union: its tag, padding, a NULL.
        10 => [&[1][..], &[0; 15]].concat(),
        _ => Vec::new(),
    }
}

/// The agent on one machine.
struct FakeAgent {
    machine: String,
    net: Net,
}

impl FakeAgent {
    fn note(&self, line: String) -> MutexGuard<'_, World> {
        let mut world = self.net.world();
        world.log.push(line);
        world
    }

    /// A set that must be in one state, and comes into another.
    fn advance(&self, line: String, set: Uuid, from: SetStatus, to: SetStatus) -> Result<(), HResult> {
        let mut world = self.note(line);
        let status = world.sets.get_mut(&(self.machine.clone(), set)).ok_or(code::FSRVP_E_SHADOWCOPYSET_ID_MISMATCH)?;
        if *status != from {
            return Err(code::FSRVP_E_BAD_STATE);
        }
        *status = to;
        Ok(())
    }
}

impl Server for FakeAgent {
    async fn get_supported_version(&self, _: &Call) -> Outcome<GetSupportedVersion, HResult> {
        let min_version = self.note("GetSupportedVersion".to_owned()).min_version;
        Ok(GetSupportedVersion { min_version, max_version: min_version + 1 })
    }

    async fn set_context(&self, _: &Call, context: u32) -> Outcome<(), HResult> {
        drop(self.note(format!("SetContext {context:#x}")));
        Ok(())
    }

    async fn start_shadow_copy_set(&self, _: &Call, id: Uuid) -> Outcome<Uuid, HResult> {
        let mut world = self.note(format!("StartShadowCopySet {}", id.as_u128()));
        world.ids += 1;
        let set = Uuid::from_u128(world.ids);
        world.sets.insert((self.machine.clone(), set), SetStatus::Started);
        Ok(set)
    }

    async fn add_to_shadow_copy_set(&self, _: &Call, _: Uuid, set: Uuid, share: WString) -> Outcome<Uuid, HResult> {
        let mut world = self.note(format!("AddToShadowCopySet {} {share}", set.as_u128()));
        let status = world.sets.get_mut(&(self.machine.clone(), set)).ok_or(code::FSRVP_E_SHADOWCOPYSET_ID_MISMATCH)?;
        *status = SetStatus::Added;
        world.ids += 1;
        Ok(Uuid::from_u128(world.ids))
    }

    async fn prepare_shadow_copy_set(&self, _: &Call, set: Uuid, wait: u32) -> Outcome<(), HResult> {
        let line = format!("PrepareShadowCopySet {} {wait}", set.as_u128());
        Ok(self.advance(line, set, SetStatus::Added, SetStatus::Added)?)
    }

    async fn commit_shadow_copy_set(&self, _: &Call, set: Uuid, wait: u32) -> Outcome<(), HResult> {
        let line = format!("CommitShadowCopySet {} {wait}", set.as_u128());
        Ok(self.advance(line, set, SetStatus::Added, SetStatus::Committed)?)
    }

    async fn expose_shadow_copy_set(&self, _: &Call, set: Uuid, wait: u32) -> Outcome<(), HResult> {
        let line = format!("ExposeShadowCopySet {} {wait}", set.as_u128());
        Ok(self.advance(line, set, SetStatus::Committed, SetStatus::Exposed)?)
    }

    async fn recovery_complete_shadow_copy_set(&self, _: &Call, set: Uuid) -> Outcome<(), HResult> {
        let line = format!("RecoveryCompleteShadowCopySet {}", set.as_u128());
        Ok(self.advance(line, set, SetStatus::Exposed, SetStatus::Recovered)?)
    }

    async fn abort_shadow_copy_set(&self, _: &Call, set: Uuid) -> Outcome<(), HResult> {
        let mut world = self.note(format!("AbortShadowCopySet {}", set.as_u128()));
        world.sets.remove(&(self.machine.clone(), set)).ok_or(code::FSRVP_E_SHADOWCOPYSET_ID_MISMATCH)?;
        Ok(())
    }

    async fn is_path_supported(&self, _: &Call, share: WString) -> Outcome<IsPathSupported, HResult> {
        let world = self.note(format!("IsPathSupported {share}"));
        let owner = world.owners.get(&share.to_string()).ok_or(code::FSRVP_E_OBJECT_NOT_FOUND)?;
        Ok(IsPathSupported {
            supported_by_this_provider: i32::from(!world.unsupported),
            owner_machine_name: (!world.nameless).then(|| (*owner).into()),
        })
    }

    async fn is_path_shadow_copied(&self, _: &Call, share: WString) -> Outcome<IsPathShadowCopied, HResult> {
        let world = self.note(format!("IsPathShadowCopied {share}"));
        Ok(IsPathShadowCopied { shadow_copy_present: i32::from(!world.sets.is_empty()), shadow_copy_compatibility: 1 })
    }

    async fn get_share_mapping(
        &self,
        _: &Call,
        copy: Uuid,
        set: Uuid,
        share: WString,
        level: u32,
    ) -> Outcome<FssagentShareMapping, HResult> {
        let line = format!("GetShareMapping {} {} {share} {level}", copy.as_u128(), set.as_u128());
        self.advance(line, set, SetStatus::Exposed, SetStatus::Exposed)?;
        Ok(FssagentShareMapping::ShareMapping1(Some(FssagentShareMapping1 {
            shadow_copy_set_id: set,
            shadow_copy_id: copy,
            shadow_copy_share_name: Some(format!("{share}@{{{copy}}}").into()),
            share_name_unc: Some(share),
            creation_timestamp: 133_000_000_000_000_000,
        })))
    }

    async fn delete_share_mapping(&self, _: &Call, set: Uuid, copy: Uuid, share: WString) -> Outcome<(), HResult> {
        drop(self.note(format!("DeleteShareMapping {} {} {share}", set.as_u128(), copy.as_u128())));
        Ok(())
    }
}
