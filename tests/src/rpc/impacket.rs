//! impacket as a client of ours: a Python library that speaks RPC, NDR and NTLM by itself.

use std::{
    env,
    fs::{self, File},
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;

use super::programs::{Program, missing, run, skipped};

/// What runs it.
pub const PYTHON: Program = Program::new("python3", "python3-venv");

/// The package, from PyPI.
pub const PACKAGE: &str = "impacket==0.13.0";

const SCRIPT: &str = include_str!("../../peers/impacket_client.py");

/// A Python that has impacket.
#[derive(Debug)]
pub struct Impacket {
    python: PathBuf,
}

impl Impacket {
    /// impacket for a test; `None` if the test is to be skipped. The first time it is installed
    /// beside the program of the test, from PyPI.
    ///
    /// # Panics
    /// If it cannot be installed.
    pub async fn for_test() -> Option<Self> {
        if skipped("impacket") {
            return None;
        }
        match Self::installed().await {
            Ok(impacket) => Some(impacket),
            Err(error) => panic!("{}\n{error}", missing(PACKAGE, "python3-venv, and PyPI must be in reach")),
        }
    }

    async fn installed() -> io::Result<Self> {
        let home = env::current_exe()?.parent().map_or_else(env::temp_dir, Path::to_owned);
        let folder = home.join(PACKAGE.replace("==", "-"));
        let impacket = Self { python: folder.join("bin").join("python") };
        let done = folder.join("installed");
        // Tests run beside each other.
        let lock = File::create(folder.with_extension("lock"))?;
        lock.lock()?;
        if done.exists() {
            return Ok(impacket);
        }
        let python = PYTHON.find().ok_or(io::ErrorKind::NotFound)?;
        let mut environment = Command::new(python);
        environment.args(["-m", "venv", "--clear"]).arg(&folder);
        let mut install = Command::new(&impacket.python);
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE]);
        for command in [environment, install] {
            let finished = run(command, Duration::from_secs(300)).await?;
            if !finished.success {
                return Err(io::Error::other(finished.to_string()));
            }
        }
        fs::write(done, PACKAGE)?;
        Ok(impacket)
    }

    /// Runs `tests/peers/impacket_client.py`: a line of JSON for each step.
    ///
    /// # Errors
    /// If it cannot be run, or breaks off.
    pub async fn run(&self, server: SocketAddr, login: &str, level: u32, ndr64: bool) -> io::Result<Vec<Value>> {
        let mut command = Command::new(&self.python);
        command.args(["-c", SCRIPT, &server.ip().to_string(), &server.port().to_string(), login, &level.to_string()]);
        command.arg(if ndr64 { "ndr64" } else { "ndr" });
        let finished = run(command, Duration::from_secs(60)).await?;
        if !finished.success {
            return Err(io::Error::other(finished.to_string()));
        }
        finished.output.lines().map(|line| serde_json::from_str(line).map_err(io::Error::other)).collect()
    }
}
