//! Knowing one's own processes again, however they have moved about: a variable in the environment,
//! which descendants inherit.

use std::{ffi::OsString, fs, io, os::linux::fs::MetadataExt, path::Path, thread::sleep, time::Duration};

use msrpc_cluster::cluster::registry::Name;
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, Signal, getpid, kill_process, pidfd_open, pidfd_send_signal},
};

/// The variable: whose resource a process works for.
const VARIABLE: &str = "CLUSTERD_RESOURCE";
/// How often is looked for those that were started while others were ended.
const MAX_ROUNDS: usize = 100;
/// How long the killed may take to be gone before the next look.
const PAUSE: Duration = Duration::from_millis(5);

/// What the processes of one daemon's resources are marked with.
///
/// It is made of the data folder's device and inode, so that daemons in containers do not take each
/// other's for theirs.
#[derive(Clone, Debug)]
pub struct Mark(String);

impl Mark {
    /// The mark of the daemon whose data folder this is.
    ///
    /// # Errors
    ///
    /// If there is no such folder.
    pub fn of_folder(data: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(data)?;
        Ok(Self(format!("{:x}-{:x}", metadata.st_dev(), metadata.st_ino())))
    }

    /// Kills all processes with this mark: those of a daemon that was killed. Call it before
    /// anything is brought online. Blocks. Gives the number of those that were found.
    pub fn end_leftovers(&self) -> usize {
        end(&format!("{VARIABLE}={}/", self.0), false)
    }

    /// The variable for a resource's processes.
    pub(super) fn variable(&self, resource: &Name) -> (&'static str, OsString) {
        (VARIABLE, format!("{}/{resource}", self.0).into())
    }

    /// Kills all processes of a resource.
    pub(super) async fn end(&self, resource: &Name) {
        let variable = self.whole(resource);
        // It has no way to fail.
        let _ = tokio::task::spawn_blocking(move || end(&variable, true)).await;
    }

    /// Whether there are processes of a resource.
    pub(super) async fn is_there(&self, resource: &Name) -> bool {
        let variable = self.whole(resource);
        let found = tokio::task::spawn_blocking(move || marked(&variable, true).next().is_some());
        found.await.unwrap_or(false)
    }

    fn whole(&self, resource: &Name) -> String {
        format!("{VARIABLE}={}/{resource}", self.0)
    }
}

/// Kills processes until there are none. `whole` if the variable has to be just so.
fn end(variable: &str, whole: bool) -> usize {
    let mut killed = 0;
    for _ in 0..MAX_ROUNDS {
        let found = marked(variable, whole).filter(|pid| kill(*pid, variable, whole)).count();
        if found == 0 {
            break;
        }
        killed += found;
        sleep(PAUSE);
    }
    killed
}

/// The processes that have the variable. Those that have ended have none, though their parents may
/// not have collected them.
fn marked(variable: &str, whole: bool) -> impl Iterator<Item = Pid> {
    let own = getpid();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
    pids.filter(move |pid| *pid != own && has(*pid, variable, whole))
}

fn has(pid: Pid, variable: &str, whole: bool) -> bool {
    // Whoever is gone, or somebody else's, has none.
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let mut variables = environment.split(|&octet| octet == 0);
    let wanted = variable.as_bytes();
    variables.any(|found| if whole { found == wanted } else { found.starts_with(wanted) })
}

/// Kills a process if it is the one that was found, and not another that got its number since.
fn kill(pid: Pid, variable: &str, whole: bool) -> bool {
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(process) => has(pid, variable, whole) && pidfd_send_signal(process, Signal::KILL).is_ok(),
        Err(Errno::NOSYS) => kill_process(pid, Signal::KILL).is_ok(),
        Err(_) => false,
    }
}
