//! `msrpc`: asks RPC servers what they offer.

mod arguments;
mod connect;
mod endpoints;
mod failure;
mod known;
mod negotiate;
mod ping;
mod probe;

use std::{io::Write as _, process::ExitCode};

use clap::Parser as _;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.verbose > 0 {
        let level = if arguments.verbose > 1 { tracing::Level::TRACE } else { tracing::Level::DEBUG };
        tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).init();
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("msrpc: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match &arguments.command {
            Command::Endpoints(wanted) => endpoints::run(wanted, arguments.timeout()).await,
            Command::Ping(wanted) => ping::run(wanted, arguments.timeout()).await,
            Command::Negotiate(wanted) => negotiate::run(wanted, arguments.timeout()).await,
        }
    });
    // A KDC that was given up may keep its thread waiting much longer.
    runtime.shutdown_background();
    match outcome {
        Ok(text) => {
            // Who reads may have seen enough (`msrpc … | head`).
            let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("msrpc: {failure}");
            failure.exit_code()
        }
    }
}
