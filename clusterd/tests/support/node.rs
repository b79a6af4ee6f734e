//! The daemon as a process of its own.

use std::{
    fs,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use super::front::Front;

/// The program; another build of it where `CLUSTERD_PROGRAM` says so.
pub fn program() -> String {
    std::env::var("CLUSTERD_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_clusterd").to_owned())
}

/// A clusterd that runs behind a Samba.
pub struct Node {
    child: Child,
    log: PathBuf,
}

/// The configuration of a node behind a Samba: btrfs, then copies.
pub fn configuration(front: &Front, more: &str) -> String {
    format!(
        "data = \"{data}\"\n{more}\n[samba]\nconfiguration = \"{conf}\"\n\
         [[fsrvp.provider]]\nname = \"btrfs\"\ntype = \"btrfs\"\nsnapshots = \"{btrfs}\"\n\
         [[fsrvp.provider]]\nname = \"copy\"\ntype = \"copy\"\nsnapshots = \"{copies}\"\n",
        data = front.path("data").display(),
        conf = front.conf().display(),
        btrfs = front.path("b/snapshots").display(),
        copies = front.path("copies").display(),
    )
}

impl Node {
    /// Starts a node, and waits until it tells systemd that it is ready.
    pub fn start(front: &Front, configuration: &str) -> Self {
        Self::try_start(front, configuration).unwrap_or_else(|log| panic!("clusterd is not ready:\n{log}"))
    }

    /// The same; fails with its log if it ends.
    pub fn try_start(front: &Front, configuration: &str) -> Result<Self, String> {
        let (file, log, socket) = (front.path("clusterd.toml"), front.path("clusterd.log"), front.path("notify"));
        fs::write(&file, configuration).unwrap();
        let _ = fs::remove_file(&socket);
        let notified = UnixDatagram::bind(&socket).unwrap();
        notified.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let output = fs::File::options().create(true).append(true).open(&log).unwrap();
        let before = fs::metadata(&log).unwrap().len();
        let child = front
            .command(&program())
            .arg("--config")
            .arg(&file)
            .env("NOTIFY_SOCKET", &socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .unwrap();
        let mut node = Self { child, log };
        let begun = Instant::now();
        let mut message = [0; 64];
        loop {
            if notified.recv(&mut message).is_ok() && message.starts_with(b"READY=1") {
                return Ok(node);
            }
            let ended = node.child.try_wait().unwrap().is_some();
            if ended || begun.elapsed() > Duration::from_secs(40) {
                let log = fs::read(&node.log).unwrap();
                let since = log.get(usize::try_from(before).unwrap()..).unwrap_or_default();
                return Err(String::from_utf8_lossy(since).into_owned());
            }
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Kills it where it stands.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, as systemd does.
    pub fn terminate(mut self) -> ExitStatus {
        signal("TERM", self.child.id());
        self.child.wait().unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process of ours.
pub fn signal(name: &str, process: u32) {
    assert!(Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap().success());
}

/// The names of snapshots in a folder.
pub fn snapshots(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
