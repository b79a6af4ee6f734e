//! impacket as a client of ours: a Python library that speaks RPC, NDR and NTLM by itself.

use std::{io, net::SocketAddr, path::PathBuf, process::Command, time::Duration};

use serde_json::Value;

use super::{programs::run, python};

/// The package, from PyPI.
pub const PACKAGE: &str = "impacket==0.13.0";

const SCRIPT: &str = include_str!("../../peers/impacket_client.py");

/// A Python that has impacket.
#[derive(Debug)]
pub struct Impacket {
    python: PathBuf,
}

impl Impacket {
    /// impacket for a test; `None` if the test is to be skipped.
    ///
    /// # Panics
    /// If it cannot be installed.
    pub async fn for_test() -> Option<Self> {
        python::with_package(PACKAGE).await.map(|python| Self { python })
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
