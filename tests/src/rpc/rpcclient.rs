//! Samba's `rpcclient` as a client of ours. Over TCP it asks the endpoint mapper on port 135 first,
//! whatever the binding says.

use std::{io, net::IpAddr, path::PathBuf, process::Command, time::Duration};

use tempfile::TempDir;

use super::{
    programs::{Finished, Program, run},
    smbtorture::configured,
};

/// The program.
pub const RPCCLIENT: Program = Program::new("rpcclient", "smbclient");

/// rpcclient with a configuration of its own.
#[derive(Debug)]
pub struct Rpcclient {
    program: PathBuf,
    folder: TempDir,
}

impl Rpcclient {
    /// rpcclient for a test; `None` if the test is to be skipped.
    ///
    /// # Panics
    /// If it is missing, or there is no temporary folder.
    #[must_use]
    pub fn for_test() -> Option<Self> {
        let program = RPCCLIENT.for_test()?;
        Some(Self { program, folder: configured().expect("a temporary folder") })
    }

    /// Runs commands, separated by semicolons; `flags` go into the brackets of the binding.
    ///
    /// # Errors
    /// If rpcclient cannot be run, or does not come to an end.
    pub async fn run(&self, host: IpAddr, flags: &str, login: &str, commands: &str) -> io::Result<Finished> {
        let mut command = Command::new(&self.program);
        command.arg("-s").arg(self.folder.path().join("smb.conf")).args(["-U", login]);
        command.args([&format!("ncacn_ip_tcp:{host}[{flags}]"), "-c", commands]);
        run(command, Duration::from_secs(30)).await
    }
}
