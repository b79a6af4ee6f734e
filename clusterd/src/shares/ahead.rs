//! Programs that are started before they are needed.
//!
//! To be linked and started takes `net` longer than its work does. So `net conf import` begins when
//! a share is asked for, and waits for its input at a pipe until the shadow copy is exposed. If the
//! input never comes (the set was given up, the daemon was killed), the pipe ends empty: it then
//! finds no share there and ends without having changed anything.

use std::{
    collections::HashMap,
    io::{self, PipeReader, PipeWriter, Write as _},
    os::fd::AsRawFd as _,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::task::JoinHandle;

use crate::{
    jobs::Cancel,
    process::{Finished, Invocation, ProcessError, Runner},
};

/// Most programs that wait at once. Further shares do without.
const MOST: usize = 8;
/// How long one waits for its input.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long it may work after that.
const WORK: Duration = Duration::from_secs(30);
/// PIPE_BUF of Linux: so much is written as a whole or not at all, and without waiting.
const WHOLE: usize = 4096;

/// Programs that wait for their input, by the name of the share that they are for.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    programs: Mutex<HashMap<String, Program>>,
}

#[derive(Debug)]
struct Program {
    input: PipeWriter,
    /// What the program opens: it has to stay until the program has ended.
    pipe: PipeReader,
    run: JoinHandle<Result<Finished, ProcessError>>,
    since: Instant,
}

impl Waiting {
    /// Starts a program for a share; `call` is given the path of its input. One that is there
    /// already stays.
    pub(super) fn start(&self, share: &str, runner: &Runner, call: impl FnOnce(PathBuf) -> Invocation) {
        let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        programs.retain(|_, program| program.is_good());
        if programs.contains_key(share) || programs.len() >= MOST {
            return;
        }
        match Program::start(runner.clone(), call) {
            Ok(program) => drop(programs.insert(share.to_owned(), program)),
            Err(error) => tracing::debug!(share, %error, "nothing is started ahead"),
        }
    }

    /// Lets the program for a share end without effect.
    pub(super) fn dismiss(&self, share: &str) {
        drop(self.take(share));
    }

    /// Gives the program for a share its input and waits for its end; `None` if none waits, or
    /// if it did not do its work.
    pub(super) async fn finish(&self, share: &str, input: &str) -> Option<Finished> {
        let program = self.take(share).filter(Program::is_good)?;
        if input.len() > WHOLE {
            return None;
        }
        let Program { input: mut pipe, pipe: opened, run, .. } = program;
        let written = pipe.write_all(input.as_bytes());
        drop(pipe);
        let ended = run.await;
        drop(opened);
        match (written, ended) {
            (Ok(()), Ok(Ok(finished))) if finished.status.success() => Some(finished),
            (_, ended) => {
                tracing::debug!(share, ?ended, "what was started ahead did not do its work");
                None
            }
        }
    }

    fn take(&self, share: &str) -> Option<Program> {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner).remove(share)
    }
}

impl Program {
    fn start(runner: Runner, call: impl FnOnce(PathBuf) -> Invocation) -> io::Result<Self> {
        let (pipe, input) = io::pipe()?;
        // No file system has to hold it, and it ends with this process however that ends.
        let path = PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), pipe.as_raw_fd()));
        let call = call(path).limit(PATIENCE + WORK);
        let run = tokio::spawn(async move { runner.run(&call, &Cancel::never()).await });
        Ok(Self { input, pipe, run, since: Instant::now() })
    }

    fn is_good(&self) -> bool {
        !self.run.is_finished() && self.since.elapsed() < PATIENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Copies its input to a file, but nothing of an empty one.
    fn copying(to: &std::path::Path) -> impl FnOnce(PathBuf) -> Invocation {
        let script = "text=$(cat \"$0\"); [ -n \"$text\" ] || exit 1; echo \"$text\" > \"$1\"";
        move |input| Invocation::new("/bin/sh").args(["-c", script]).arg(input).arg(to)
    }

    #[tokio::test]
    async fn a_program_that_waits_does_its_work_once_it_has_its_input() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("out");
        let waiting = Waiting::default();
        waiting.start("a", &Runner::default(), copying(&file));
        assert!(waiting.finish("b", "other").await.is_none());
        assert!(waiting.finish("a", "text").await.is_some());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "text\n");
        assert!(waiting.finish("a", "text").await.is_none(), "it works once");
    }

    #[tokio::test]
    async fn a_program_that_is_not_needed_ends_without_effect() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("out");
        let waiting = Waiting::default();
        waiting.start("a", &Runner::default(), copying(&file));
        let program = waiting.take("a").unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(program.input);
        let ended = program.run.await.unwrap().unwrap();
        assert_eq!(ended.status.code(), Some(1));
        assert!(!file.exists());
    }

    #[tokio::test]
    async fn input_that_might_be_cut_off_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("out");
        let waiting = Waiting::default();
        waiting.start("a", &Runner::default(), copying(&file));
        assert!(waiting.finish("a", &"x".repeat(WHOLE + 1)).await.is_none());
        assert!(!file.exists());
    }
}
