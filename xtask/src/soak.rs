//! `cargo xtask soak`: every test with many random cases, and those that are too slow for a day's
//! work.

use clap::{Args, ValueEnum};

use crate::{
    peers,
    workspace::{self, Result, cargo},
};

/// Options of `soak`.
#[derive(Args)]
pub(crate) struct Options {
    /// What to try; everything where it is left out.
    what: Option<What>,
    /// Random cases of each property (the bound: a run ends when they are through).
    #[arg(long, default_value_t = 4096)]
    cases: u32,
    /// How often clusterd is killed: 200 times for FSRVP, 500 for ClusAPI.
    #[arg(long)]
    kills: Option<u32>,
    /// How many seconds of chaos between RPC clients and a server.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// What decides that chaos; another one each time where it is left out. A failure says which it was.
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum What {
    /// Kills of clusterd at random moments of running FSRVP sequences, on btrfs, and the whole of
    /// Samba's suite.
    Fsrvp,
    /// Kills of clusterd under write load of its cluster.
    Clusapi,
    /// Chaos between RPC clients and a server: what travels is delayed, cut, repeated and changed.
    Rpc,
}

pub(crate) fn run(options: &Options) -> Result {
    peers::ensure()?;
    let mut command = cargo();
    match options.what {
        None => command.args(["test", "--workspace", "--all-features", "--release", "--", "--include-ignored"]),
        Some(What::Fsrvp) => {
            command.args([
                "test",
                "--package",
                "clusterd",
                "--release",
                "--test",
                "fsrvp_soak",
                "--test",
                "fsrvp_samba",
            ]);
            command.args(["--", "--include-ignored", "--nocapture"])
        }
        Some(What::Clusapi) => {
            command.args(["test", "--package", "clusterd", "--release", "--test", "clusapi_soak"]);
            command.args(["--", "--include-ignored", "--nocapture"])
        }
        Some(What::Rpc) => {
            command.args(["test", "--package", "msrpc-tests", "--release", "--test", "rpc_chaos"]);
            command.args(["--", "--include-ignored", "--nocapture"])
        }
    };
    command.env("CHAOS_SECONDS", options.seconds.to_string());
    if let Some(seed) = options.seed {
        command.env("CHAOS_SEED", seed.to_string());
    }
    if let Some(kills) = options.kills {
        command.env("CLUSTERD_KILLS", kills.to_string());
    }
    command.env("PROPTEST_CASES", options.cases.to_string());
    workspace::run(&mut command)
}
