//! `Generic Script`.

use std::{fs, time::Duration};

use msrpc_cluster::cluster::{
    machine::{Command, HostAction},
    registry::Value,
    status,
};
use tokio::time::sleep;

use super::rig::{Rig, ended, pid, resource, runs};

#[tokio::test]
async fn a_script_is_told_what_to_do_and_its_exit_code_is_heard() {
    let mut rig = Rig::new();
    let path = rig.script(
        r#"echo "$1 $CLUSTERD_RESOURCE_NAME" >> told
        case $1 in
            online) test ! -e broken ;;
            isalive|looksalive) test ! -e dead ;;
            offline) test ! -e stubborn ;;
        esac"#,
    );
    let mut spec = resource("s", "Generic Script", &[("ScriptFilepath", Value::string(path.to_str().unwrap()))]);
    let told = |rig: &Rig| {
        let told = fs::read_to_string(rig.path("told")).unwrap_or_default();
        let _ = fs::remove_file(rig.path("told"));
        told.lines().map(|line| line.strip_suffix(" resource s").unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    fs::write(rig.path("broken"), "").unwrap();
    assert_eq!(rig.done(&spec, HostAction::Online).await, Err(status::ERROR_RESMON_ONLINE_FAILED.0));
    assert_eq!(rig.done(&spec, HostAction::Terminate).await, Ok(()));
    assert_eq!(told(&rig), "online terminate", "the host ends it without being asked, and once");
    fs::remove_file(rig.path("broken")).unwrap();
    assert_eq!(rig.done(&spec, HostAction::Online).await, Ok(()));
    assert_eq!(rig.done(&spec, HostAction::Offline).await, Ok(()));
    assert_eq!(told(&rig), "online offline");
    fs::write(rig.path("stubborn"), "").unwrap();
    assert_eq!(rig.done(&spec, HostAction::Online).await, Ok(()));
    assert_eq!(rig.done(&spec, HostAction::Offline).await, Err(status::ERROR_RESOURCE_FAILED.0));
    assert_eq!(rig.done(&spec, HostAction::Terminate).await, Ok(()));
    assert_eq!(told(&rig), "online offline terminate");
    for (looks_alive, is_alive, argument) in [(Some(20), None, "looksalive"), (None, Some(20), "isalive")] {
        let _ = fs::remove_file(rig.path("dead"));
        (spec.looks_alive, spec.is_alive) =
            (looks_alive.map(Duration::from_millis), is_alive.map(Duration::from_millis));
        let online = rig.call(&spec, HostAction::Online);
        assert_eq!(rig.heard().await, Command::HostDone { call: online, result: Ok(()) });
        sleep(Duration::from_millis(100)).await;
        fs::write(rig.path("dead"), "").unwrap();
        assert_eq!(rig.failed(online).await, status::ERROR_RESOURCE_FAILED.0);
        assert_eq!(rig.done(&spec, HostAction::Terminate).await, Ok(()));
        assert!(told(&rig).starts_with(&format!("online {argument} {argument}")));
    }
}

#[tokio::test]
async fn what_a_script_leaves_running_belongs_to_its_resource() {
    let mut rig = Rig::new();
    let path = rig.script(
        r#"case $1 in
            online) setsid sh -c 'echo $$ > daemon; exec sleep 100' & ;;
            terminate) echo $$ > terminating; sleep 100 ;;
        esac"#,
    );
    let spec = resource("s", "Generic Script", &[("ScriptFilepath", Value::string(path.to_str().unwrap()))]);
    for action in [HostAction::Offline, HostAction::Terminate] {
        assert_eq!(rig.done(&spec, HostAction::Online).await, Ok(()));
        let daemon = pid(&rig.path("daemon")).await;
        fs::remove_file(rig.path("daemon")).unwrap();
        sleep(Duration::from_millis(50)).await;
        assert!(runs(daemon), "it is left alone");
        assert_eq!(rig.done(&spec, action).await, Ok(()));
        assert!(!runs(daemon), "{action:?}");
    }
    assert!(!runs(pid(&rig.path("terminating")).await), "a script that hangs is killed, too");
}

#[tokio::test]
async fn a_script_that_hangs_is_killed_with_what_it_has_started() {
    let mut rig = Rig::new();
    let path = rig.script(r#"test $1 = online || exit 0; sh -c 'echo $$ > child; sleep 100' & echo $$ > leader; wait"#);
    let mut spec = resource("s", "Generic Script", &[("ScriptFilepath", Value::string(path.to_str().unwrap()))]);
    spec.pending_timeout = Duration::from_millis(300);
    assert_eq!(rig.done(&spec, HostAction::Online).await, Err(status::WAIT_TIMEOUT.0));
    assert!(ended(pid(&rig.path("leader")).await).await && ended(pid(&rig.path("child")).await).await);
}
