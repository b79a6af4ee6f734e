//! The chores of this workspace: `cargo xtask`.

mod bench;
mod conformance;
mod daemon;
mod demo;
mod fuzz;
mod peers;
mod regenerate;
mod shadow_copies;
mod soak;
mod test;
mod tour;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The chores of this workspace.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compile the IDL, then let a generated client call a generated server and show the bytes.
    Demo,
    /// Install the peers that tests need, where that is possible, and run every test.
    Test,
    /// Write which test proves which rule of a document to docs/conformance/.
    Conformance(conformance::Options),
    /// Compile idl/ to generated/.
    Regenerate(regenerate::Options),
    /// Measure marshalling, the compiler, and the build times of generated code.
    Bench(bench::Options),
    /// Run every test, the slow ones too, with many random cases.
    Soak(soak::Options),
    /// Feed decoders and the compiler damaged input for a while.
    Fuzz(fuzz::Options),
    /// Say which peers of the tests are here, and install those that are not.
    Peers(peers::Options),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = workspace::enter().map_err(Into::into).and_then(|()| match cli.command {
        Command::Demo => demo::run(),
        Command::Test => test::run(),
        Command::Conformance(options) => conformance::run(&options),
        Command::Regenerate(options) => regenerate::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Soak(options) => soak::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Peers(options) => peers::run(&options),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
