//! `cargo xtask fuzz`: cargo-fuzz where it works, a deterministic mutator everywhere else.

use std::{fs, path::Path};

use clap::Args;

use crate::workspace::{self, Result, cargo, succeeds};

const MANIFEST: &str = "fuzz/Cargo.toml";

/// Options of `fuzz`.
#[derive(Args)]
pub(crate) struct Options {
    /// How long, over all targets.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

pub(crate) fn run(options: &Options) -> Result {
    let targets = targets()?;
    if targets.is_empty() || !cargo_fuzz_works() {
        println!("cargo-fuzz and a nightly toolchain are not here: mutating without coverage feedback");
        let seconds = options.seconds.to_string();
        let mut command = cargo();
        command.args(["run", "--quiet", "--release", "--package", "msrpc-tests", "--bin", "fuzz", "--"]);
        return workspace::run(command.args(["--seconds", &seconds]));
    }
    let each = (options.seconds / targets.len() as u64).max(1);
    for target in &targets {
        let mut command = std::process::Command::new("cargo");
        command.args(["+nightly", "fuzz", "run", target]);
        // The first folder is where libFuzzer puts what it finds; the second is committed.
        let (found, seeds) = (format!("fuzz/corpus/{target}"), format!("fuzz/seeds/{target}"));
        if Path::new(&seeds).exists() {
            fs::create_dir_all(&found)?;
            command.args([&found, &seeds]);
        }
        command.args(["--", &format!("-max_total_time={each}")]);
        // The toolchain of this program is not the one that is asked for.
        workspace::run(command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO"))?;
    }
    Ok(())
}

/// The fuzz targets: the programs of the crate `fuzz/`, which is no member of the workspace.
fn targets() -> Result<Vec<String>> {
    if !Path::new(MANIFEST).exists() {
        return Ok(Vec::new());
    }
    let manifest: toml::Table = fs::read_to_string(MANIFEST)?.parse()?;
    let programs = manifest.get("bin").and_then(toml::Value::as_array).into_iter().flatten();
    Ok(programs.filter_map(|program| program.get("name")?.as_str()).map(str::to_owned).collect())
}

fn cargo_fuzz_works() -> bool {
    succeeds("cargo", &["fuzz", "--version"]) && succeeds("rustup", &["run", "nightly", "cargo", "--version"])
}
