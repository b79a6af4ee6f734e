//! `Generic Application`.

use std::fs;

use clusterd::hosts::Mark;
use msrpc_cluster::cluster::{
    machine::{Command, HostAction},
    registry::Value,
    status,
};
use msrpc_ndr::Win32Error;
use rustix::process::{Signal, kill_process};

use super::rig::{FAMILY, Rig, application, ended, name, pid, resource, runs};
use std::time::Duration;

#[tokio::test]
async fn a_program_is_ended_with_all_that_it_has_started() {
    let mut rig = Rig::new();
    for action in [HostAction::Offline, HostAction::Terminate] {
        let spec = application(&rig, FAMILY);
        assert_eq!(rig.done(&spec, HostAction::Online).await, Ok(()));
        let mut pids = Vec::new();
        for file in ["leader", "child", "away"] {
            pids.push(pid(&rig.path(file)).await);
            fs::remove_file(rig.path(file)).unwrap();
        }
        assert!(pids.iter().all(|&pid| runs(pid)));
        assert_eq!(rig.done(&spec, action).await, Ok(()));
        for pid in pids {
            assert!(!runs(pid), "{pid} lives on after {action:?}");
        }
    }
}

#[tokio::test]
async fn a_program_that_goes_offline_has_time_to_end_and_one_that_is_terminated_has_not() {
    let mut rig = Rig::new();
    // Its child has the last word, after it has ended itself.
    let spec = application(
        &rig,
        r#"sh -c "trap \"sleep 0.1; echo bye > bye; exit 0\" TERM; echo \$\$ > child; while :; do sleep 0.02; done" &
           trap "exit 0" TERM; while :; do sleep 0.02; done"#,
    );
    assert_eq!(rig.done(&spec, HostAction::Online).await, Ok(()));
    pid(&rig.path("child")).await;
    assert_eq!(rig.done(&spec, HostAction::Offline).await, Ok(()));
    assert_eq!(fs::read_to_string(rig.path("bye")).unwrap(), "bye\n");
    fs::remove_file(rig.path("bye")).unwrap();
    fs::remove_file(rig.path("child")).unwrap();
    assert_eq!(rig.done(&spec, HostAction::Online).await, Ok(()));
    let child = pid(&rig.path("child")).await;
    assert_eq!(rig.done(&spec, HostAction::Terminate).await, Ok(()));
    assert!(!runs(child));
    assert!(!rig.path("bye").exists());
}

#[tokio::test]
async fn a_crash_is_told_at_once_and_what_is_left_of_the_program_is_ended() {
    let mut rig = Rig::new();
    let spec = application(&rig, FAMILY);
    let online = rig.call(&spec, HostAction::Online);
    assert_eq!(rig.heard().await, Command::HostDone { call: online, result: Ok(()) });
    let (leader, child, away) =
        (pid(&rig.path("leader")).await, pid(&rig.path("child")).await, pid(&rig.path("away")).await);
    kill_process(leader, Signal::KILL).unwrap();
    // Nobody looks at it: neither interval is set.
    assert_eq!(rig.failed(online).await, status::ERROR_PROCESS_ABORTED.0);
    assert!(ended(child).await && ended(away).await);
    assert_eq!(rig.done(&spec, HostAction::Terminate).await, Ok(()));
    assert_eq!(rig.done(&spec, HostAction::Online).await, Ok(()), "it can be brought back");
    rig.hosts.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn what_keeps_a_program_from_being_started_has_its_code() {
    let mut rig = Rig::new();
    let line = |line: &str| resource("app", "Generic Application", &[("commandline", Value::string(line))]);
    let mut elsewhere = line("true");
    elsewhere.parameters = [("CommandLine", "true"), ("CurrentDirectory", "/nowhere")]
        .map(|(n, v)| (name(n), Value::string(v)))
        .into_iter()
        .collect();
    for (spec, code) in [
        (resource("app", "Generic Application", &[]), Win32Error::ERROR_INVALID_PARAMETER),
        (line("  "), Win32Error::ERROR_INVALID_PARAMETER),
        (line("sh -c 'x"), Win32Error::ERROR_INVALID_PARAMETER),
        (line("/nowhere/x"), Win32Error::ERROR_FILE_NOT_FOUND),
        (line("/etc/passwd"), Win32Error::ERROR_ACCESS_DENIED),
        (elsewhere, status::ERROR_PATH_NOT_FOUND),
        (resource("new", "Unknown Type", &[]), status::ERROR_RESMON_CREATE_FAILED),
        (
            resource("script", "Generic Script", &[("ScriptFilepath", Value::string("x"))]),
            Win32Error::ERROR_INVALID_PARAMETER,
        ),
    ] {
        assert_eq!(rig.done(&spec, HostAction::Online).await, Err(code.0), "{spec:?}");
        assert_eq!(rig.done(&spec, HostAction::Terminate).await, Ok(()));
    }
}

#[tokio::test]
async fn a_program_knows_the_network_name_that_it_depends_on_and_nothing_of_ours() {
    let mut rig = Rig::new();
    let mut spec = application(&rig, "env > environment; echo $$ > pid; sleep 100");
    let mut properties: Vec<_> = ["CommandLine", "CurrentDirectory"]
        .map(|property| (name(property), spec.parameters.get(property).unwrap().clone()))
        .into();
    properties.push((name("UseNetworkName"), Value::dword(1)));
    spec.parameters = properties.into_iter().collect();
    assert_eq!(rig.done(&spec, HostAction::Online).await, Err(status::ERROR_DEPENDENCY_NOT_FOUND.0));
    spec.network_name = Some("files".to_owned());
    assert_eq!(rig.done(&spec, HostAction::Online).await, Ok(()));
    pid(&rig.path("pid")).await;
    let environment = fs::read_to_string(rig.path("environment")).unwrap();
    assert!(environment.lines().any(|line| line == "_CLUSTER_NETWORK_NAME_=files"), "{environment}");
    assert!(!environment.contains("CARGO"), "{environment}");
    rig.hosts.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn programs_that_are_superseded_never_run_side_by_side() {
    let mut rig = Rig::new();
    let spec = application(&rig, "mkdir only || echo twice > twice; echo $$ > pid; sleep 100");
    for _ in 0..20 {
        let last = rig.call(&spec, HostAction::Online);
        rig.call(&spec, HostAction::Terminate);
        let _ = last;
        let online = rig.call(&spec, HostAction::Online);
        while rig.heard().await != (Command::HostDone { call: online, result: Ok(()) }) {}
        let running = pid(&rig.path("pid")).await;
        assert_eq!(rig.done(&spec, HostAction::Terminate).await, Ok(()));
        assert!(!runs(running));
        fs::remove_file(rig.path("pid")).unwrap();
        fs::remove_dir(rig.path("only")).unwrap();
    }
    assert!(!rig.path("twice").exists());
}

#[test]
fn what_a_killed_daemon_has_left_is_found_and_ended() {
    // Of one thread: nothing of the hosts goes on outside of `block_on`, as if they were killed.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (rig, pids) = runtime.block_on(async {
        let mut rig = Rig::new();
        let spec = application(&rig, FAMILY);
        assert_eq!(rig.done(&spec, HostAction::Online).await, Ok(()));
        let mut pids = Vec::new();
        for file in ["leader", "child", "away"] {
            pids.push(pid(&rig.path(file)).await);
        }
        (rig, pids)
    });
    let other = tempfile::tempdir().unwrap();
    assert_eq!(Mark::of_folder(other.path()).unwrap().end_leftovers(), 0, "another daemon's are left alone");
    assert!(pids.iter().all(|&pid| runs(pid)));
    assert!(rig.mark.end_leftovers() >= 3);
    assert!(pids.iter().all(|&pid| !runs(pid)));
}
