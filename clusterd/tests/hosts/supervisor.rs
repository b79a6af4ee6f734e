//! What holds for resources of every type.

use std::time::Duration;

use async_trait::async_trait;
use msrpc_cluster::cluster::{
    host::{HostError, Instance, ResourceSpec, ResourceType},
    machine::{Command, HostAction},
    status,
};
use msrpc_ndr::{Bytes, Win32Error};
use tokio::time::{sleep, timeout};

use super::rig::{FAMILY, PATIENCE, Rig, application, memory_resource, name, pid, resource, runs};

#[tokio::test]
async fn looking_finds_what_does_not_work_and_gives_up_on_what_does_not_answer() {
    for (property, number, code) in [("IsAliveError", 4711, 4711), ("IsAliveHang", 1, status::WAIT_TIMEOUT.0)] {
        let mut rig = Rig::new();
        let mut spec = memory_resource("a", &[(property, number)]);
        spec.looks_alive = Some(Duration::from_millis(20));
        let online = rig.call(&spec, HostAction::Online);
        assert_eq!(rig.heard().await, Command::HostDone { call: online, result: Ok(()) });
        assert_eq!(rig.failed(online).await, code);
        // It is told once.
        assert_eq!(rig.done(&spec, HostAction::Terminate).await, Ok(()));
    }
    let mut rig = Rig::new();
    let spec = memory_resource("a", &[("FailAfter", 30)]);
    let online = rig.call(&spec, HostAction::Online);
    assert_eq!(rig.heard().await, Command::HostDone { call: online, result: Ok(()) });
    assert_eq!(rig.failed(online).await, status::ERROR_RESOURCE_FAILED.0);
}

#[tokio::test]
async fn a_resource_that_hangs_is_given_up_and_holds_up_no_other() {
    let mut rig = Rig::new();
    let mut hangs = memory_resource("hangs", &[("OnlineHang", 1)]);
    hangs.pending_timeout = Duration::from_millis(200);
    let online = rig.call(&hangs, HostAction::Online);
    let other = memory_resource("other", &[]);
    assert_eq!(rig.done(&other, HostAction::Online).await, Ok(()));
    assert_eq!(rig.done(&other, HostAction::Offline).await, Ok(()));
    let late = Command::HostDone { call: online, result: Err(status::WAIT_TIMEOUT.0) };
    assert_eq!(rig.heard().await, late);
    // One that is not to be ended is not begun a second time.
    let stuck = memory_resource("stuck", &[("TerminateError", 31)]);
    assert_eq!(rig.done(&stuck, HostAction::Online).await, Ok(()));
    assert_eq!(rig.done(&stuck, HostAction::Terminate).await, Err(31));
    assert_eq!(rig.done(&stuck, HostAction::Online).await, Err(31));
}

#[tokio::test]
async fn a_newer_call_takes_the_place_of_an_older_one_and_each_is_answered_once() {
    let mut rig = Rig::new();
    let hangs = memory_resource("a", &[("OnlineHang", 1)]);
    let well = memory_resource("a", &[]);
    let aborted = |call| Command::HostDone { call, result: Err(status::ERROR_OPERATION_ABORTED.0) };
    let first = rig.call(&hangs, HostAction::Online);
    sleep(Duration::from_millis(20)).await;
    let second = rig.call(&hangs, HostAction::Terminate);
    assert_eq!(rig.heard().await, aborted(first));
    assert_eq!(rig.heard().await, Command::HostDone { call: second, result: Ok(()) });
    // All at once: only the last is carried out.
    let calls: Vec<_> = [HostAction::Online, HostAction::Terminate, HostAction::Online, HostAction::Offline]
        .map(|action| rig.call(&hangs, action))
        .into();
    let last = rig.call(&well, HostAction::Online);
    for call in calls {
        assert_eq!(rig.heard().await, aborted(call));
    }
    assert_eq!(rig.heard().await, Command::HostDone { call: last, result: Ok(()) });
    assert_eq!(rig.done(&well, HostAction::Offline).await, Ok(()));
    sleep(Duration::from_millis(20)).await;
    assert!(rig.commands.try_recv().is_err());
}

#[tokio::test]
async fn nothing_is_left_after_the_stop_and_nothing_begins_any_more() {
    let mut rig = Rig::new();
    let spec = application(&rig, FAMILY);
    assert_eq!(rig.done(&spec, HostAction::Online).await, Ok(()));
    let polite = {
        let mut polite =
            application(&rig, r#"trap "echo bye > bye; exit 0" TERM; echo $$ > polite; while :; do sleep 0.02; done"#);
        polite.id = name("polite");
        polite
    };
    assert_eq!(rig.done(&polite, HostAction::Online).await, Ok(()));
    let hangs = rig.call(&memory_resource("hangs", &[("OnlineHang", 1)]), HostAction::Online);
    let mut pids = Vec::new();
    for file in ["leader", "child", "away", "polite"] {
        pids.push(pid(&rig.path(file)).await);
    }
    timeout(PATIENCE, rig.hosts.stop(Duration::from_millis(200))).await.expect("it stops");
    assert!(pids.iter().all(|&pid| !runs(pid)));
    assert!(rig.path("bye").exists(), "it had time to end");
    assert_eq!(rig.heard().await, Command::HostDone { call: hangs, result: Err(status::ERROR_OPERATION_ABORTED.0) });
    let refused = Err(status::ERROR_CLUSTER_NODE_SHUTTING_DOWN.0);
    assert_eq!(rig.done(&spec, HostAction::Online).await, refused);
    assert_eq!(rig.mark.end_leftovers(), 0);
}

#[tokio::test]
async fn a_type_that_panics_fails_its_resource_and_nothing_else() {
    let mut rig = Rig::new();
    let spec = resource("p", "Panics", &[]);
    assert_eq!(rig.done(&spec, HostAction::Online).await, Err(status::ERROR_RESOURCE_FAILED.0));
    assert_eq!(rig.done(&memory_resource("m", &[]), HostAction::Online).await, Ok(()));
    assert_eq!(rig.done(&spec, HostAction::Terminate).await, Ok(()));
}

#[tokio::test]
async fn control_codes_are_the_types_own_and_wait_for_nobody_for_ever() {
    let mut rig = Rig::new();
    let panics = resource("p", "Panics", &[]);
    let control = |spec: &ResourceSpec, code| rig.hosts.control(spec.clone(), code, Bytes::from_static(b"x"));
    assert_eq!(control(&panics, 7).await, Ok(Bytes::from_static(b"x")));
    assert_eq!(control(&panics, 8).await, Err(status::WAIT_TIMEOUT));
    assert_eq!(control(&memory_resource("m", &[]), 7).await, Err(Win32Error::ERROR_INVALID_FUNCTION));
    assert_eq!(control(&resource("u", "Unknown", &[]), 7).await, Err(status::ERROR_RESMON_CREATE_FAILED));
    rig.hosts.close(&panics.id);
    assert_eq!(rig.done(&panics, HostAction::Offline).await, Ok(()));
}

/// A type that is not written well.
pub(super) struct Panics;

#[async_trait]
impl ResourceType for Panics {
    fn name(&self) -> &'static str {
        "Panics"
    }

    async fn open(&self, _: &ResourceSpec) -> Result<Box<dyn Instance>, HostError> {
        Ok(Box::new(Self))
    }
}

#[async_trait]
impl Instance for Panics {
    async fn online(&mut self, _: &ResourceSpec) -> Result<(), HostError> {
        tokio::task::yield_now().await;
        panic!("as it says");
    }

    async fn offline(&mut self) -> Result<(), HostError> {
        Ok(())
    }

    async fn terminate(&mut self) -> Result<(), HostError> {
        Ok(())
    }

    async fn is_alive(&mut self) -> Result<(), HostError> {
        Ok(())
    }

    async fn control(&mut self, code: u32, input: &Bytes) -> Result<Bytes, HostError> {
        match code {
            7 => Ok(input.clone()),
            _ => std::future::pending().await,
        }
    }
}
