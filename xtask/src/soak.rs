//! `cargo xtask soak`: every test with many random cases, and those that are too slow for a day's
//! work.

use clap::Args;

use crate::{
    peers,
    workspace::{self, Result, cargo},
};

/// Options of `soak`.
#[derive(Args)]
pub(crate) struct Options {
    /// Random cases of each property (the bound: a run ends when they are through).
    #[arg(long, default_value_t = 4096)]
    cases: u32,
}

pub(crate) fn run(options: &Options) -> Result {
    peers::ensure()?;
    let mut command = cargo();
    command.args(["test", "--workspace", "--all-features", "--release", "--", "--include-ignored"]);
    workspace::run(command.env("PROPTEST_CASES", options.cases.to_string()))
}
