//! Other people's programs: called without a shell, each in a process group of its own that ends
//! as a whole, in a bounded time and with bounded output.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use msrpc_cluster::fsrvp::ports::PortError;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
    time::{Instant, sleep_until, timeout},
};

use crate::jobs::Cancel;

/// Most octets of standard output that are read.
const MAX_OUTPUT: u64 = 16 << 20;
/// Most octets of standard error that are kept.
const MAX_ERRORS: u64 = 64 << 10;
/// How long a program may take to end once it was asked to.
const GRACE: Duration = Duration::from_secs(2);
/// How long output is waited for that a descendant of an ended program holds open.
const LEFTOVERS: Duration = Duration::from_secs(1);
/// `PATH` for programs that start others.
pub(crate) const SEARCH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Starts programs.
///
/// Each gets the daemon's lock file as standard input (it is empty, so it reads as `/dev/null`
/// does): while a program runs that a killed daemon has left, the next daemon cannot take the lock,
/// and does not clean up behind something that still works.
#[derive(Clone, Debug, Default)]
pub struct Runner {
    lock: Option<Arc<File>>,
}

/// A call of a program.
#[derive(Clone, Debug)]
pub struct Invocation {
    program: PathBuf,
    arguments: Vec<OsString>,
    limit: Duration,
}

/// What a program left behind.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub output: Vec<u8>,
    /// What it wrote to standard error, or the beginning of it.
    pub errors: String,
}

/// Why a program did not come to an end.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started; the administrator's to solve.
    #[error("cannot run {}: {error}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It took too long, and was killed with all that it had started.
    #[error("{} was killed since it took longer than {limit:?}", program.display())]
    Timeout {
        /// The program.
        program: PathBuf,
        /// How long it may take.
        limit: Duration,
    },
    /// Nobody wants its result any more; it was killed with all that it had started.
    #[error("{} was cancelled", .0.display())]
    Cancelled(PathBuf),
    /// It wrote too much.
    #[error("{} wrote more than {MAX_OUTPUT} octets", .0.display())]
    TooMuch(PathBuf),
}

impl From<ProcessError> for PortError {
    fn from(error: ProcessError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Invocation {
    /// A call without arguments, which may take 30 seconds.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), arguments: Vec::new(), limit: Duration::from_secs(30) }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Sets how long the program may take.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }
}

impl Finished {
    /// What it wrote to standard output, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }

    /// How it ended and what it complained of, in one line for the log.
    pub fn complaint(&self) -> String {
        let complaint: Vec<_> = self.errors.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let complaint = if complaint.is_empty() { "no message".to_owned() } else { complaint.join("; ") };
        format!("{}: {complaint}", self.status)
    }
}

impl Runner {
    /// Starts programs under a daemon's lock.
    pub fn under(lock: Arc<File>) -> Self {
        Self { lock: Some(lock) }
    }

    /// Runs a program to its end.
    ///
    /// # Errors
    ///
    /// If it cannot be started, takes too long, writes too much or is cancelled. That it fails is
    /// no error here.
    pub async fn run(&self, call: &Invocation, cancel: &Cancel) -> Result<Finished, ProcessError> {
        let start = |error| ProcessError::Start { program: call.program.clone(), error };
        let stdin = match &self.lock {
            Some(lock) => Stdio::from(lock.try_clone().map_err(start)?),
            None => Stdio::null(),
        };
        let mut command = Command::new(&call.program);
        command.args(&call.arguments).env_clear().env("PATH", SEARCH).env("LC_ALL", "C.UTF-8");
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).current_dir("/").process_group(0);
        let mut child = command.spawn().map_err(start)?;
        let mut group = Group::of(&child);
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let pipes = (child.stdout.take(), child.stderr.take());
        let ended = {
            let reading = async {
                tokio::join!(read(pipes.0, &mut output, MAX_OUTPUT + 1), read(pipes.1, &mut errors, MAX_ERRORS))
            };
            tokio::pin!(reading);
            let (mut status, mut read) = (None, false);
            let mut deadline = Instant::now() + call.limit;
            loop {
                tokio::select! {
                    ended = child.wait(), if status.is_none() => {
                        status = Some(ended.map_err(start)?);
                        deadline = Instant::now() + LEFTOVERS;
                    }
                    _ = &mut reading, if !read => read = true,
                    () = sleep_until(deadline) => match status {
                        Some(status) => break Ok(status),
                        None => break Err(ProcessError::Timeout { program: call.program.clone(), limit: call.limit }),
                    },
                    () = cancel.wait(), if status.is_none() => {
                        break Err(ProcessError::Cancelled(call.program.clone()));
                    }
                }
                if let (Some(status), true) = (status, read) {
                    group.disarm();
                    break Ok(status);
                }
            }
        };
        match ended {
            Err(error) => {
                group.signal(Signal::TERM);
                // Whether it has ended or not, what is left of its group is killed.
                let _ = timeout(GRACE, child.wait()).await;
                group.signal(Signal::KILL);
                let _ = child.wait().await;
                group.disarm();
                Err(error)
            }
            Ok(_) if output.len() as u64 > MAX_OUTPUT => Err(ProcessError::TooMuch(call.program.clone())),
            Ok(status) => Ok(Finished { status, output, errors: String::from_utf8_lossy(&errors).trim().to_owned() }),
        }
    }
}

/// Reads at most `limit` octets, and drops the rest.
async fn read(pipe: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>, limit: u64) -> io::Result<()> {
    let Some(pipe) = pipe else { return Ok(()) };
    let mut pipe = pipe.take(limit);
    pipe.read_to_end(into).await?;
    tokio::io::copy(&mut pipe.into_inner(), &mut tokio::io::sink()).await?;
    Ok(())
}

/// A process group, killed unless it has ended by itself.
#[derive(Debug)]
pub(crate) struct Group(Option<Pid>);

impl Group {
    /// That of a child that leads one.
    pub(crate) fn of(child: &tokio::process::Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// Sends all of it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // An error says that nobody is left.
            let _ = kill_process_group(group, signal);
        }
    }

    /// Whether anybody is in it, if only to be collected by their parent.
    pub(crate) fn is_there(&self) -> bool {
        self.0.is_some_and(|group| test_kill_process_group(group).is_ok())
    }

    /// Leaves it alone from now on.
    pub(crate) fn disarm(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Invocation {
        Invocation::new("/bin/sh").args(["-c", script])
    }

    #[tokio::test]
    async fn output_errors_and_status_are_told() {
        let finished = Runner::default().run(&sh("echo out; echo bad >&2; exit 3"), &Cancel::never()).await.unwrap();
        assert_eq!((finished.text().as_str(), finished.status.code()), ("out\n", Some(3)));
        assert!(finished.complaint().contains("3: bad"), "{}", finished.complaint());
    }

    #[tokio::test]
    async fn a_program_that_takes_too_long_is_killed_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        // The grandchild ignores what it is asked.
        let script = format!("(trap '' TERM; echo $$ > {}; while :; do sleep 0.05; done) & wait", pid.display());
        let started = Instant::now();
        let error =
            Runner::default().run(&sh(&script).limit(Duration::from_millis(300)), &Cancel::never()).await.unwrap_err();
        assert!(matches!(error, ProcessError::Timeout { .. }), "{error}");
        assert!(started.elapsed() < Duration::from_secs(5));
        let is_alive = || {
            std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
                let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                String::from_utf8_lossy(&line).contains(&pid.display().to_string())
                    && !std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default().contains(") Z ")
            })
        };
        // Who is killed is gone soon, but not at once.
        while is_alive() && started.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(!is_alive(), "somebody of the group lives on");
    }

    #[tokio::test]
    async fn a_daemon_that_holds_the_output_open_does_not_hold_us_up() {
        let started = Instant::now();
        let finished = Runner::default().run(&sh("echo done; sleep 60 &"), &Cancel::never()).await.unwrap();
        assert_eq!(finished.text(), "done\n");
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let error = Runner::default().run(&Invocation::new("/nowhere/x"), &Cancel::never()).await.unwrap_err();
        assert!(error.to_string().starts_with("cannot run /nowhere/x"), "{error}");
    }
}
