//! Resource hosts with real processes. Takes about 3 s.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use clusterd::hosts::{GenericApplication, GenericScript, Hosts, Limits, Mark, memory};
use msrpc_cluster::cluster::{
    host::{HostError, Instance, ResourceSpec, ResourceType},
    machine::{CallId, Command, HostAction, HostCall},
    registry::{Name, Value},
    status,
};
use msrpc_ndr::{Bytes, Win32Error};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

const PATIENCE: Duration = Duration::from_secs(20);

fn name(text: &str) -> Name {
    Name::of_value(&text.into()).unwrap()
}

/// Hosts, what they tell, and a folder for what programs leave.
struct Rig {
    hosts: Hosts,
    commands: mpsc::UnboundedReceiver<Command>,
    data: TempDir,
    mark: Mark,
    next: u64,
}

impl Rig {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mark = Mark::of_folder(data.path()).unwrap();
        let mut types = memory::builtin();
        types.push(Arc::new(GenericApplication::new(mark.clone()).grace(Duration::from_millis(300))));
        types.push(Arc::new(GenericScript::new(mark.clone()).terminate_limit(Duration::from_millis(300))));
        types.push(Arc::new(Panics));
        let (events, commands) = mpsc::unbounded_channel();
        let limits = Limits { check: Duration::from_millis(300), terminate: Duration::from_secs(2) };
        Self { hosts: Hosts::with_limits(types, events, limits), commands, data, mark, next: 1 }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.data.path().join(file)
    }

    /// Asks for something.
    fn call(&mut self, spec: &ResourceSpec, action: HostAction) -> CallId {
        let call = CallId(self.next);
        self.next += 1;
        self.hosts.call(HostCall { resource: spec.id.clone(), call, action }, spec.clone());
        call
    }

    async fn heard(&mut self) -> Command {
        timeout(PATIENCE, self.commands.recv()).await.expect("something is heard").unwrap()
    }

    /// Asks for something, and waits for the answer.
    async fn done(&mut self, spec: &ResourceSpec, action: HostAction) -> Result<(), u32> {
        let expected = self.call(spec, action);
        match self.heard().await {
            Command::HostDone { call, result } if call == expected => result,
            other => panic!("{other:?} instead of the answer to {expected:?}"),
        }
    }

    /// Waits until an instance has failed, and gives the code.
    async fn failed(&mut self, expected: CallId) -> u32 {
        match self.heard().await {
            Command::HostFailed { call, error } if call == expected => error,
            other => panic!("{other:?} instead of the failure of {expected:?}"),
        }
    }

    fn script(&self, text: &str) -> PathBuf {
        let path = self.path("script");
        let text = format!("#!/bin/sh\ncd {}\n{text}\n", self.data.path().display());
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    }
}

/// A resource of a type with private properties.
fn resource(id: &str, resource_type: &str, properties: &[(&str, Value)]) -> ResourceSpec {
    ResourceSpec {
        id: name(id),
        name: format!("resource {id}"),
        resource_type: name(resource_type),
        parameters: properties.iter().map(|(property, value)| (name(property), value.clone())).collect(),
        network_name: None,
        looks_alive: None,
        is_alive: None,
        pending_timeout: PATIENCE,
    }
}

fn memory_resource(id: &str, numbers: &[(&str, u32)]) -> ResourceSpec {
    let numbers: Vec<_> = numbers.iter().map(|&(property, number)| (property, Value::dword(number))).collect();
    resource(id, "Generic Service", &numbers)
}

/// A program of a shell's, in the folder.
fn application(rig: &Rig, script: &str) -> ResourceSpec {
    let line = format!("sh -c '{script}'");
    let folder = rig.data.path().display().to_string();
    let properties = [("CommandLine", Value::string(&line)), ("CurrentDirectory", Value::string(&folder))];
    resource("app", "Generic Application", &properties)
}

/// The number that a process wrote into a file, once it has.
async fn pid(path: &Path) -> Pid {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        if let (true, Some(pid)) = (text.ends_with('\n'), text.trim().parse().ok().and_then(Pid::from_raw)) {
            return pid;
        }
        assert!(Instant::now() < deadline, "{} was not written", path.display());
        sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a process runs; one that only waits to be collected does not.
fn runs(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Killed processes are gone in a moment.
async fn ended(pid: Pid) -> bool {
    let deadline = Instant::now() + Duration::from_secs(2);
    while runs(pid) && Instant::now() < deadline {
        sleep(Duration::from_millis(5)).await;
    }
    !runs(pid)
}

/// A child and a grandchild that do not listen, one of which has left the group.
const FAMILY: &str = r#"trap "" TERM; echo $$ > leader
    sh -c "echo \$\$ > child; sleep 100" &
    setsid sh -c "echo \$\$ > away; sleep 100" &
    while :; do sleep 0.05; done"#;

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

#[test]
fn what_a_killed_daemon_has_left_is_found_and_ended() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
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
    // The hosts know nothing of it, as little as if they were gone.
    assert!(rig.mark.end_leftovers() >= 3);
    assert!(pids.iter().all(|&pid| !runs(pid)));
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
struct Panics;

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
