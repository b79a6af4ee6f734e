//! The demo's shadow copy: `clusterd demo` on copies of a directory, and `clusctl`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::workspace::{Result, cargo, run_quietly, target_dir};

const USER: &str = "root";
const PASSWORD: &str = "Passw0rd";
/// How long the daemon may take to start and to end.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn run() -> Result {
    println!("   Building clusterd and clusctl ...\n");
    run_quietly(cargo().args(["build", "--quiet", "--package", "clusterd", "--package", "clusctl"]))?;
    let programs = target_dir()?.join("debug");
    let data = std::env::temp_dir().join(format!("clusterd-demo-{}", std::process::id()));
    let shown = show(&programs, &data);
    // Only a demo's own folder, and nobody else's.
    let removed = fs::remove_dir_all(&data);
    shown?;
    Ok(removed?)
}

fn show(programs: &Path, data: &Path) -> Result {
    let daemon = Daemon::start(programs, data)?;
    let file = data.join("share/readme.txt");
    println!("   clusterd listens at {}", daemon.binding);
    println!("   The share data has a file:\n\n      {}", fs::read_to_string(&file)?.trim());
    let clusctl = |arguments: &[&str]| {
        println!("\n   $ clusctl {}\n", arguments.join(" "));
        let mut command = Command::new(programs.join("clusctl"));
        command.args(arguments).args(["--user", USER, "--binding", &daemon.binding]);
        command.env("CLUSCTL_PASSWORD", PASSWORD).env("CLUSCTL_RECORD", data.join("record.json"));
        run_quietly(&mut command)
    };
    clusctl(&["snapshot", "support", "//127.0.0.1/data"])?;
    clusctl(&["snapshot", "create", "//127.0.0.1/data"])?;
    fs::write(&file, "All is different now.\n")?;
    println!("\n   The file is changed:\n\n      {}", fs::read_to_string(&file)?.trim());
    let exposed = exposed(data)?;
    println!("\n   In the share that exposes the shadow copy it is what it was:\n");
    println!("      {}", fs::read_to_string(exposed.join("readme.txt"))?.trim());
    clusctl(&["snapshot", "delete", "//127.0.0.1/data"])?;
    daemon.stop()
}

/// The one exposed share.
fn exposed(data: &Path) -> Result<PathBuf> {
    let entry = fs::read_dir(data.join("exposed"))?.next().ok_or("nothing is exposed")?;
    Ok(entry?.path())
}

/// A running `clusterd demo`.
struct Daemon {
    child: Child,
    binding: String,
}

impl Daemon {
    fn start(programs: &Path, data: &Path) -> Result<Self> {
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
        let binding = endpoints.pointer("/fsrvp/0").and_then(Value::as_str);
        daemon.binding = binding.ok_or("clusterd demo told no endpoint")?.to_owned();
        Ok(daemon)
    }

    /// Ends it as Ctrl-C does.
    fn stop(mut self) -> Result {
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
