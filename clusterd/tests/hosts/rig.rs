//! Hosts and resources to try them with.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clusterd::hosts::{GenericApplication, GenericScript, Hosts, Limits, Mark, memory};
use msrpc_cluster::cluster::{
    host::ResourceSpec,
    machine::{CallId, Command, HostAction, HostCall},
    registry::{Name, Value},
};
use rustix::process::Pid;
use tempfile::TempDir;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

use super::supervisor::Panics;

pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn name(text: &str) -> Name {
    Name::of_value(&text.into()).unwrap()
}

/// Hosts, what they tell, and a folder for what programs leave.
pub(super) struct Rig {
    pub(super) hosts: Hosts,
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    pub(super) data: TempDir,
    pub(super) mark: Mark,
    next: u64,
}

impl Rig {
    pub(super) fn new() -> Self {
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

    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.data.path().join(file)
    }

    /// Asks for something.
    pub(super) fn call(&mut self, spec: &ResourceSpec, action: HostAction) -> CallId {
        let call = CallId(self.next);
        self.next += 1;
        self.hosts.call(HostCall { resource: spec.id.clone(), call, action }, spec.clone());
        call
    }

    pub(super) async fn heard(&mut self) -> Command {
        timeout(PATIENCE, self.commands.recv()).await.expect("something is heard").unwrap()
    }

    /// Asks for something, and waits for the answer.
    pub(super) async fn done(&mut self, spec: &ResourceSpec, action: HostAction) -> Result<(), u32> {
        let expected = self.call(spec, action);
        match self.heard().await {
            Command::HostDone { call, result } if call == expected => result,
            other => panic!("{other:?} instead of the answer to {expected:?}"),
        }
    }

    /// Waits until an instance has failed, and gives the code.
    pub(super) async fn failed(&mut self, expected: CallId) -> u32 {
        match self.heard().await {
            Command::HostFailed { call, error } if call == expected => error,
            other => panic!("{other:?} instead of the failure of {expected:?}"),
        }
    }

    pub(super) fn script(&self, text: &str) -> PathBuf {
        let path = self.path("script");
        let text = format!("#!/bin/sh\ncd {}\n{text}\n", self.data.path().display());
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    }
}

/// A resource of a type with private properties.
pub(super) fn resource(id: &str, resource_type: &str, properties: &[(&str, Value)]) -> ResourceSpec {
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

pub(super) fn memory_resource(id: &str, numbers: &[(&str, u32)]) -> ResourceSpec {
    let numbers: Vec<_> = numbers.iter().map(|&(property, number)| (property, Value::dword(number))).collect();
    resource(id, "Generic Service", &numbers)
}

/// A program of a shell's, in the folder.
pub(super) fn application(rig: &Rig, script: &str) -> ResourceSpec {
    let line = format!("sh -c '{script}'");
    let folder = rig.data.path().display().to_string();
    let properties = [("CommandLine", Value::string(&line)), ("CurrentDirectory", Value::string(&folder))];
    resource("app", "Generic Application", &properties)
}

/// The number that a process wrote into a file, once it has.
pub(super) async fn pid(path: &Path) -> Pid {
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
pub(super) fn runs(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Killed processes are gone in a moment.
pub(super) async fn ended(pid: Pid) -> bool {
    let deadline = Instant::now() + Duration::from_secs(2);
    while runs(pid) && Instant::now() < deadline {
        sleep(Duration::from_millis(5)).await;
    }
    !runs(pid)
}

/// A child and a grandchild that do not listen, one of which has left the group.
pub(super) const FAMILY: &str = r#"trap "" TERM; echo $$ > leader
    sh -c "echo \$\$ > child; sleep 100" &
    setsid sh -c "echo \$\$ > away; sleep 100" &
    while :; do sleep 0.05; done"#;
