//! A demo as a process of its own, over TCP.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use msrpc::client::{BoundChannel, ConnectError};
use msrpc_ndr::{AuthLevel, CallError, HResult, Uuid};
use msrpc_protocols::{clusapi3::clusapi, fsrvp::file_server_vss_agent as agent};
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
    metrics: String,
}

impl Demo {
    pub fn start() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let (program, data) = (env!("CARGO_BIN_EXE_clusterd"), folder.path().join("d"));
        Self::run(folder, Command::new(program), &data).unwrap_or_else(|log| panic!("{log}"))
    }

    /// With these arguments as well.
    pub fn with(arguments: &[&str]) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let data = folder.path().join("d");
        let mut command = Command::new("sh");
        command.args(["-ec", "clusterd=$1; demo=$2; shift 2; exec \"$clusterd\" \"$demo\" $MORE \"$@\"", "sh"]);
        command.arg(env!("CARGO_BIN_EXE_clusterd")).env("MORE", arguments.join(" "));
        Self::run(folder, command, &data).unwrap_or_else(|log| panic!("{log}"))
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

    /// In a network namespace of its own, with the endpoint mapper at port 135. Takes root.
    pub fn in_a_network_of_its_own() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let data = folder.path().join("d");
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-ec", &format!("ip link set lo up; {SCRIPT}"), "sh"]);
        command.arg(env!("CARGO_BIN_EXE_clusterd"));
        Self::run_with(folder, command, &data, 135).unwrap_or_else(|log| panic!("{log}"))
    }

    /// Where so many files may be open at once, until somebody raises that.
    pub fn with_open_files(limit: u32) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let data = folder.path().join("d");
        let mut command = Command::new("sh");
        command.args(["-ec", &format!("ulimit -S -n {limit}; {SCRIPT}"), "sh", env!("CARGO_BIN_EXE_clusterd")]);
        Self::run(folder, command, &data).unwrap_or_else(|log| panic!("{log}"))
    }

    /// The address that counters are told at.
    pub fn metrics(&self) -> &str {
        self.metrics.trim_start_matches("http://").trim_end_matches("/metrics")
    }

    /// The kernel's table of the demo's limits.
    pub fn limits(&self) -> String {
        read(Path::new(&format!("/proc/{}/limits", self.child.id())))
    }

    /// A program in the demo's network.
    pub fn inside(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--net", "--target", &self.child.id().to_string()]).arg(program);
        command
    }

    fn run(folder: Arc<TempDir>, command: Command, data: &Path) -> Result<Self, String> {
        Self::run_with(folder, command, data, 0)
    }

    fn run_with(folder: Arc<TempDir>, mut command: Command, data: &Path, mapper: u16) -> Result<Self, String> {
        let (ready, log) = (folder.path().join("ready"), fs::File::create(folder.path().join("log")).unwrap());
        let child = command
            .args(["demo", "--epm-port", &mapper.to_string(), "--user", USER, "--password", PASSWORD, "--data"])
            .arg(data)
            .arg("--ready-file")
            .arg(&ready)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let mut demo = Self { folder, child, binding: String::new(), metrics: String::new() };
        while !ready.exists() {
            if demo.child.try_wait().unwrap().is_some() || begun.elapsed() > Duration::from_secs(30) {
                return Err(demo.log());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let endpoints: serde_json::Value = serde_json::from_str(&read(&ready)).unwrap();
        endpoints["fsrvp"][0].as_str().unwrap().clone_into(&mut demo.binding);
        endpoints["metrics"][0].as_str().unwrap().clone_into(&mut demo.metrics);
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

    /// Ends it as a crash does; gives its folder back.
    pub fn kill(mut self) -> Arc<TempDir> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let _stale = fs::remove_file(self.folder.path().join("ready"));
        Arc::clone(&self.folder)
    }

    /// Starts again on a folder that a former one left.
    pub fn again(folder: Arc<TempDir>) -> Self {
        let data = folder.path().join("d");
        Self::run(folder, Command::new(env!("CARGO_BIN_EXE_clusterd")), &data).unwrap_or_else(|log| panic!("{log}"))
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        let (host, port) = self.binding.trim_end_matches(']').rsplit_once('[').unwrap();
        let host = host.rsplit_once(':').unwrap().1;
        SocketAddr::new(host.parse().unwrap(), port.parse().unwrap())
    }

    /// A client of its cluster.
    pub async fn cluster(&self) -> Result<clusapi::Client<BoundChannel>, ConnectError> {
        let security = Some((Provider::Spnego, AuthLevel::Privacy));
        let builder = client::to(self.binding.parse().unwrap(), security, USER, PASSWORD);
        Ok(clusapi::Client::new(builder.connect(&clusapi::INTERFACE).await?))
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
