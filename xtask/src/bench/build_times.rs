//! What generated code costs the one who builds it.

use std::{
    fs::File,
    process::Command,
    time::{Duration, Instant, SystemTime},
};

use super::table;
use crate::{
    regenerate::Generated,
    workspace::{Result, cargo, run_quietly},
};

/// A handler of the demo's server, which is a crate that implements generated traits.
const HANDLER: &str = "xtask/src/demo/cluster.rs";

pub(super) fn run() -> Result {
    let mut protocols = cargo();
    protocols.args(["build", "--quiet", "--package", "msrpc-protocols", "--all-features"]);
    let mut server = cargo();
    server.args(["build", "--quiet", "--package", "xtask", "--features", "demo", "--bin", "demo"]);

    run_quietly(&mut protocols)?;
    run_quietly(cargo().args(["clean", "--quiet", "--package", "msrpc-protocols"]))?;
    let whole = time(&mut protocols)?;

    run_quietly(&mut server)?;
    File::options().append(true).open(HANDLER)?.set_modified(SystemTime::now())?;
    let touched = time(&mut server)?;

    let rows = [
        row("msrpc-protocols, all features, dependencies built", whole, 60),
        row("a server, after touching one handler", touched, 20),
    ];
    table::print("Build times (unoptimised)", &["what", "time", "aim", ""], &rows);
    println!("\n  generated/ has {} lines", Generated::new()?.lines());
    Ok(())
}

fn time(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    run_quietly(command)?;
    Ok(start.elapsed())
}

fn row(what: &str, time: Duration, aim: u64) -> Vec<String> {
    let aim = Duration::from_secs(aim);
    vec![what.to_owned(), table::duration(time), table::duration(aim), table::verdict(time <= aim)]
}
