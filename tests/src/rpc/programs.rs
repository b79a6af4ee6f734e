//! Other people's programs: found, run for a bounded time, ended with the test.

use std::{
    env, fmt, io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A program that tests need.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// What it is called.
    pub name: &'static str,
    /// The Debian package that it comes with.
    pub package: &'static str,
    /// Where to look for it beside `PATH`.
    pub folders: &'static [&'static str],
}

impl Program {
    /// A program in `PATH`, or where only root's `PATH` leads.
    #[must_use]
    pub const fn new(name: &'static str, package: &'static str) -> Self {
        Self { name, package, folders: &["/usr/sbin", "/sbin"] }
    }

    /// Where the program is.
    #[must_use]
    pub fn find(&self) -> Option<PathBuf> {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = env::split_paths(&path).chain(self.folders.iter().map(PathBuf::from));
        folders.map(|folder| folder.join(self.name)).find(|program| program.is_file())
    }

    /// Where the program is, for a test; `None` if the test is to be skipped.
    ///
    /// # Panics
    /// If the program is missing; with what to do about it.
    #[must_use]
    pub fn for_test(&self) -> Option<PathBuf> {
        if skipped(self.name) {
            return None;
        }
        Some(self.find().unwrap_or_else(|| panic!("{}", missing(self.name, self.package))))
    }
}

/// Whether tests that need peers are to be skipped (`MSRPC_PEERS=skip`), and says so.
#[must_use]
pub fn skipped(peer: &str) -> bool {
    let skip = env::var_os("MSRPC_PEERS").is_some_and(|value| value == "skip");
    if skip {
        eprintln!("skipped, since MSRPC_PEERS=skip: nothing was tried with {peer}");
    }
    skip
}

/// What to do about a peer that is missing.
#[must_use]
pub fn missing(peer: &str, package: &str) -> String {
    format!(
        "{peer} is missing: `cargo xtask test` installs it (Debian package {package}). \
         MSRPC_PEERS=skip runs the tests without peers."
    )
}

/// What a program said before it ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Whether it ended with status 0.
    pub success: bool,
    /// Standard output.
    pub output: String,
    /// Standard error.
    pub errors: String,
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.success { "succeeded" } else { "failed" };
        write!(f, "{verdict}\n{}\n{}", self.output.trim_end(), self.errors.trim_end())
    }
}

/// Runs a program to its end, which may take so long.
///
/// # Errors
/// If it cannot be run, or takes longer; then it is killed.
pub async fn run(command: Command, limit: Duration) -> io::Result<Finished> {
    let what = format!("{command:?}");
    let mut command = tokio::process::Command::from(command);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(limit, command.output())
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, format!("{what} has not ended within {limit:?}")))??;
    Ok(Finished {
        success: output.status.success(),
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
        errors: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// A daemon and all that it has started, and its folder. They end with this value, and also when
/// the process of the test dies: a shell that holds a pipe to it sees to that.
#[derive(Debug)]
pub struct Daemon {
    shell: Child,
}

/// Ends the process group once standard input is closed. A daemon that ends first is not waited for.
const KEEPER: &str = r#"
folder=$1; shift
trap '' TERM
( trap - TERM; exec "$@" ) < /dev/null > "$folder/daemon.log" 2>&1 &
cat > /dev/null
kill -TERM 0
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    kill -0 $! 2> /dev/null || break
    sleep 0.05
done
rm -rf "$folder"
trap - TERM
kill -KILL 0
"#;

impl Daemon {
    /// Starts a daemon in the foreground. `folder` is removed when it has ended.
    ///
    /// # Errors
    /// If there is no shell.
    pub fn start(folder: &Path, command: &Command) -> io::Result<Self> {
        use std::os::unix::process::CommandExt as _;

        let mut shell = Command::new("sh");
        shell.args(["-c", KEEPER, "sh"]).arg(folder).arg(command.get_program()).args(command.get_args());
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        Ok(Self { shell: shell.spawn()? })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) && matches!(self.shell.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
