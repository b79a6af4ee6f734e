//! `clusctl`: failover clusters and shadow copies of shares from the command line.

mod arguments;
mod cluster;
mod connect;
mod credentials;
mod failure;
mod interrupt;
mod names;
mod output;
mod progress;
mod record;
mod shares;
mod snapshot;
mod time;

use std::{io::Write as _, process::ExitCode};

use clap::{CommandFactory as _, Parser as _};

use arguments::{Arguments, Command, Common};
use failure::{Failure, Kind};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let common = &arguments.common;
    let outcome = match &arguments.command {
        Command::Completions { shell } => Ok(completions(*shell)),
        Command::Snapshot(snapshot) => run(common, snapshot::run(snapshot, common)),
        command => run(common, cluster::run(command, common)),
    };
    match outcome {
        Ok(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            if let Some(text) = failure.output() {
                print(text);
            }
            if common.json {
                eprintln!("{}", failure.to_json());
            } else {
                eprintln!("clusctl: {failure}");
            }
            failure.exit_code()
        }
    }
}

fn run(common: &Common, command: impl Future<Output = Result<String, Failure>>) -> Result<String, Failure> {
    trace(common.verbose);
    let runtime = runtime()?;
    let outcome = runtime.block_on(command);
    // What blocks in the background, a name's look-up say, is not waited for.
    runtime.shutdown_background();
    outcome
}

/// Who reads may have seen enough (`clusctl … | head`).
fn print(text: &str) {
    if !text.is_empty() {
        let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
    }
}

fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "clusctl", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

fn trace(verbose: u8) {
    if verbose > 0 {
        let level = if verbose > 1 { tracing::Level::TRACE } else { tracing::Level::DEBUG };
        tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).init();
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Kind::Failed, format_args!("the system gives no resources: {error}")))
}
