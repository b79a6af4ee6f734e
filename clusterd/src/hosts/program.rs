//! Programs that work for a resource: started without a shell, each in a process group of its own,
//! marked, and ended with all that they have started.

use std::{
    io::{self, ErrorKind},
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use msrpc_cluster::cluster::{
    host::{HostError, ResourceSpec},
    registry::Name,
    status,
};
use msrpc_ndr::Win32Error;
use rustix::process::Signal;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use super::Mark;
use crate::process::{Group, SEARCH};

/// Most octets in one message of the log.
const MAX_LINE: usize = 4096;
/// How often is looked whether those that were asked to end have ended.
const PAUSE: Duration = Duration::from_millis(20);

/// A program that was started. Dropping it kills its process group.
#[derive(Debug)]
pub(super) struct Program {
    child: Child,
    group: Group,
    mark: Mark,
    resource: Name,
}

/// How to start one.
pub(super) struct Start<'a> {
    pub(super) program: &'a str,
    pub(super) arguments: &'a [String],
    pub(super) folder: Option<&'a str>,
    pub(super) variables: Vec<(&'static str, String)>,
}

impl Program {
    /// Starts a program. What it writes goes to the log.
    pub(super) fn start(resource: &ResourceSpec, mark: &Mark, start: Start<'_>) -> Result<Self, HostError> {
        let folder = start.folder.unwrap_or("/");
        if !Path::new(folder).is_dir() {
            return Err(HostError::new(status::ERROR_PATH_NOT_FOUND, format!("there is no folder {folder}")));
        }
        let (name, value) = mark.variable(&resource.id);
        let mut command = Command::new(start.program);
        command.args(start.arguments).current_dir(folder).process_group(0);
        command.env_clear().env("PATH", SEARCH).env("LANG", "C.UTF-8").envs(start.variables).env(name, value);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| unstarted(start.program, &error))?;
        let group = Group::of(&child);
        log(&resource.name, child.stdout.take());
        log(&resource.name, child.stderr.take());
        Ok(Self { child, group, mark: mark.clone(), resource: resource.id.clone() })
    }

    /// Waits until it has ended, which may have been long ago. What it has started may go on.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// How it has ended, if it has.
    pub(super) fn has_ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Leaves what it has started to itself; it is still marked.
    pub(super) fn leave(mut self) {
        self.group.disarm();
    }

    /// Asks the whole group to end, and waits until nobody works for the resource any more, but not
    /// longer than `grace`. Says whether that is so.
    pub(super) async fn ask_to_end(&mut self, grace: Duration) -> bool {
        let deadline = Instant::now() + grace;
        self.group.signal(Signal::TERM);
        if timeout(grace, self.child.wait()).await.is_err() {
            return false;
        }
        // The group may be there because nobody collects its dead; the mark tells that apart.
        while self.group.is_there() && self.mark.is_there(&self.resource).await {
            if Instant::now() >= deadline {
                return false;
            }
            sleep(PAUSE).await;
        }
        if !self.group.is_there() {
            // Its number may become another's.
            self.group.disarm();
        }
        true
    }

    /// Kills the group, and whoever left it.
    pub(super) async fn kill(&mut self) -> Result<(), HostError> {
        self.group.signal(Signal::KILL);
        self.mark.end(&self.resource).await;
        let ended = self.child.wait().await;
        self.group.disarm();
        let failed = |error| HostError::new(status::ERROR_RESOURCE_FAILED, format!("it does not end: {error}"));
        ended.map(drop).map_err(failed)
    }
}

fn unstarted(program: &str, error: &io::Error) -> HostError {
    let status = match error.kind() {
        ErrorKind::NotFound => Win32Error::ERROR_FILE_NOT_FOUND,
        ErrorKind::PermissionDenied => Win32Error::ERROR_ACCESS_DENIED,
        _ => status::ERROR_RESMON_ONLINE_FAILED,
    };
    HostError::new(status, format!("cannot run {program}: {error}"))
}

/// Logs what comes, line by line, until nobody has the other end any more.
fn log(resource: &str, stream: Option<impl AsyncRead + Send + Unpin + 'static>) {
    let Some(mut stream) = stream else { return };
    let resource = resource.to_owned();
    tokio::spawn(async move {
        let mut pending = Vec::new();
        // An error is an end, too.
        while stream.read_buf(&mut pending).await.unwrap_or(0) > 0 {
            let whole = match pending.iter().rposition(|&octet| octet == b'\n') {
                Some(end) => end + 1,
                None if pending.len() >= MAX_LINE => pending.len(),
                None => continue,
            };
            let rest = pending.split_off(whole);
            for line in String::from_utf8_lossy(&pending).lines() {
                tracing::info!(%resource, "{line}");
            }
            pending = rest;
        }
        if !pending.is_empty() {
            tracing::info!(%resource, "{}", String::from_utf8_lossy(&pending));
        }
    });
}
