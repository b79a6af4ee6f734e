//! `clusterd demo`, for the demo to show.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::workspace::{Result, run_quietly};

const USER: &str = "root";
const PASSWORD: &str = "Passw0rd";
/// How long the daemon may take to start and to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that is to log on to it.
pub(crate) fn log_on(command: &mut Command, data: &Path) {
    command.args(["--user", USER]).env("CLUSCTL_PASSWORD", PASSWORD).env("CLUSCTL_RECORD", data.join("record.json"));
}

/// A running `clusterd demo`.
pub(crate) struct Daemon {
    child: Child,
    /// Where it listens, as a string binding.
    pub(crate) binding: String,
}

impl Daemon {
    pub(crate) fn start(programs: &Path, data: &Path) -> Result<Self> {
        let ready = data.join("ready.json");
        let child = Command::new(programs.join("clusterd"))
            .args(["demo", "--user", USER, "--password", PASSWORD, "--data"])
            .arg(data)
            .arg("--ready-file")
            .arg(&ready)
            .env("RUST_LOG", "error")
            .stdout(Stdio::null())
            .spawn()?;
        let mut daemon = Self { child, binding: String::new() };
        let begun = Instant::now();
        while !ready.exists() {
            if daemon.child.try_wait()?.is_some() || begun.elapsed() > PATIENCE {
                return Err("clusterd demo did not start".into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        let endpoints: Value = serde_json::from_slice(&fs::read(&ready)?)?;
        let binding = endpoints.pointer("/clusapi/0").and_then(Value::as_str);
        daemon.binding = binding.ok_or("clusterd demo told no endpoint")?.to_owned();
        Ok(daemon)
    }

    /// Ends it as Ctrl-C does.
    pub(crate) fn stop(mut self) -> Result {
        run_quietly(Command::new("kill").args(["-s", "INT", &self.child.id().to_string()]))?;
        let begun = Instant::now();
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("clusterd ended with {status}").into()),
                None if begun.elapsed() > PATIENCE => return Err("clusterd does not end".into()),
                None => thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
