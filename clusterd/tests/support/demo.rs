//! A demo as a process of its own, over TCP.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use msrpc::client::BoundChannel;
use msrpc_ndr::{AuthLevel, CallError, HResult, Uuid};
use msrpc_protocols::fsrvp::file_server_vss_agent as agent;
use msrpc_tests::rpc::{
    client::{self, Provider},
    node::{PASSWORD, USER},
};
use tempfile::TempDir;

/// FSRVP_CTX_FILE_SHARE_BACKUP, [MS-FSRVP] 2.2.2.1.
pub const CONTEXT: u32 = 0x10;
pub const SHARE: &str = r"\\127.0.0.1\data";

/// How to start clusterd, and what that leaves to say: its arguments.
const SCRIPT: &str = "exec \"$@\"";

pub struct Demo {
    folder: Arc<TempDir>,
    child: Child,
    binding: String,
}

impl Demo {
    pub fn start() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let (program, data) = (env!("CARGO_BIN_EXE_clusterd"), folder.path().join("d"));
        Self::run(folder, Command::new(program), &data).unwrap_or_else(|log| panic!("{log}"))
    }

    /// In a mount namespace of its own, after a shell script that is given the data folder as `$D`.
    /// Takes root. Fails with the log if it ends.
    pub fn after(folder: Arc<TempDir>, script: &str) -> Result<Self, String> {
        let data = folder.path().join("d");
        fs::create_dir_all(&data).unwrap();
        let mut command = Command::new("unshare");
        let script = format!("set -e; {script}; {SCRIPT}");
        command.args(["--mount", "--propagation", "private", "sh", "-c", &script, "sh"]);
        command.arg(env!("CARGO_BIN_EXE_clusterd")).env("D", &data);
        Self::run(folder, command, &data)
    }

    fn run(folder: Arc<TempDir>, mut command: Command, data: &Path) -> Result<Self, String> {
        let (ready, log) = (folder.path().join("ready"), fs::File::create(folder.path().join("log")).unwrap());
        let child = command
            .args(["demo", "--epm-port", "0", "--user", USER, "--password", PASSWORD, "--data"])
            .arg(data)
            .arg("--ready-file")
            .arg(&ready)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let mut demo = Self { folder, child, binding: String::new() };
        while !ready.exists() {
            if demo.child.try_wait().unwrap().is_some() || begun.elapsed() > Duration::from_secs(30) {
                return Err(demo.log());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let endpoints: serde_json::Value = serde_json::from_str(&read(&ready)).unwrap();
        endpoints["fsrvp"][0].as_str().unwrap().clone_into(&mut demo.binding);
        Ok(demo)
    }

    /// Runs a shell script where the demo runs; `$D` is its data folder.
    pub fn shell(&self, script: &str) {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--target", &self.child.id().to_string(), "sh", "-ec", script]);
        assert!(command.env("D", self.data("")).status().unwrap().success(), "{script}");
    }

    /// Ends it as Ctrl-C does; gives its folder back.
    pub fn stop(mut self) -> Arc<TempDir> {
        super::node::signal("INT", self.child.id());
        assert!(self.child.wait().unwrap().success());
        Arc::clone(&self.folder)
    }

    pub fn data(&self, name: &str) -> PathBuf {
        self.folder.path().join("d").join(name)
    }

    pub fn log(&self) -> String {
        read(&self.folder.path().join("log"))
    }

    pub async fn connect(&self) -> agent::Client<BoundChannel> {
        self.connect_at(AuthLevel::Privacy).await
    }

    pub async fn connect_at(&self, level: AuthLevel) -> agent::Client<BoundChannel> {
        let security = Some((Provider::Spnego, level));
        let builder = client::to(self.binding.parse().unwrap(), security, USER, PASSWORD);
        agent::Client::new(builder.connect(&agent::INTERFACE).await.unwrap())
    }

    /// What is there of snapshots and exposed shares.
    pub fn left(&self) -> usize {
        let count = |name: &str| fs::read_dir(self.data(name)).map_or(0, Iterator::count);
        count("snapshots/btrfs") + count("snapshots/reflink") + count("snapshots/copy") + count("exposed")
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[track_caller]
pub fn status<M: std::fmt::Debug>(outcome: Result<M, CallError<M, HResult>>) -> HResult
where
    CallError<M, HResult>: std::fmt::Debug,
{
    match outcome {
        Err(CallError::Status { status, .. }) => status,
        other => panic!("expected a status, found {other:?}"),
    }
}

/// A set with a shadow copy of the share, committed.
pub async fn committed(client: &agent::Client<BoundChannel>) -> Uuid {
    client.set_context(CONTEXT).await.unwrap();
    let set = client.start_shadow_copy_set(Uuid::from_u128(1)).await.unwrap();
    client.add_to_shadow_copy_set(Uuid::from_u128(2), set, SHARE).await.unwrap();
    client.prepare_shadow_copy_set(set, 10_000).await.unwrap();
    client.commit_shadow_copy_set(set, 10_000).await.unwrap();
    set
}
