//! Samba's torture suite as a client of ours.

use std::{fs, io, net::SocketAddr, path::PathBuf, process::Command, time::Duration};

use tempfile::TempDir;

use super::programs::{Finished, Program, run};

/// The program.
pub const SMBTORTURE: Program = Program::new("smbtorture", "samba-testsuite");

/// smbtorture with a configuration of its own.
#[derive(Debug)]
pub struct Smbtorture {
    program: PathBuf,
    folder: TempDir,
}

impl Smbtorture {
    /// smbtorture for a test; `None` if the test is to be skipped.
    ///
    /// # Panics
    /// If it is missing, or there is no temporary folder.
    #[must_use]
    pub fn for_test() -> Option<Self> {
        let program = SMBTORTURE.for_test()?;
        Some(Self { program, folder: configured().expect("a temporary folder") })
    }

    /// Runs a test; `flags` go into the brackets of the binding, `login` is `USER%PASSWORD` or
    /// nothing for anonymous.
    ///
    /// # Errors
    /// If smbtorture cannot be run, or does not come to an end.
    pub async fn run(&self, server: SocketAddr, flags: &str, login: Option<&str>, test: &str) -> io::Result<Finished> {
        self.run_with(&[], server, flags, login, test).await
    }

    /// Runs a test with more options: `-X` lets it do what it calls dangerous.
    ///
    /// # Errors
    /// If smbtorture cannot be run, or does not come to an end.
    pub async fn run_with(
        &self,
        options: &[&str],
        server: SocketAddr,
        flags: &str,
        login: Option<&str>,
        test: &str,
    ) -> io::Result<Finished> {
        let mut command = Command::new(&self.program);
        command.args(options).arg("-s").arg(self.folder.path().join("smb.conf"));
        match login {
            Some(login) => command.args(["-U", login]),
            None => command.args(["-N", "-U%"]),
        };
        let comma = if flags.is_empty() { "" } else { "," };
        let binding = format!("ncacn_ip_tcp:{}[{}{comma}{flags}]", server.ip(), server.port());
        command.args([binding.as_str(), test]);
        run(command, Duration::from_secs(30)).await
    }
}

/// A folder with `smb.conf` and the folders that it names.
pub(super) fn configured() -> io::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("smbtorture").tempdir()?;
    let mut text = String::from("[global]\n");
    for (option, name) in [
        ("private dir", "private"),
        ("lock directory", "lock"),
        ("state directory", "state"),
        ("cache directory", "cache"),
        ("pid directory", "pid"),
        ("ncalrpc dir", "ncalrpc"),
    ] {
        let path = folder.path().join(name);
        fs::create_dir(&path)?;
        text.push_str(&format!("{option} = {}\n", path.display()));
    }
    fs::write(folder.path().join("smb.conf"), text)?;
    Ok(folder)
}
