//! `cargo xtask test`: everything that CI wants to know of the code.

use std::process::Command;

use crate::{
    conformance, peers,
    workspace::{self, Result, cargo},
};

/// Crates that a client links, and that must build for other systems.
const PORTABLE: [&str; 2] = ["msrpc-ndr", "msrpc-protocols"];

pub(crate) fn run() -> Result {
    conformance::run(&conformance::Options { check: true })?;
    peers::ensure()?;
    check_windows()?;
    // Last, so that its closing lines are the last ones.
    workspace::run(cargo().args(["test", "--workspace", "--all-features", "--no-fail-fast"]))
}

/// Client-only use must build for Windows. Toolchains are not fetched for it; that the sources use
/// nothing of Unix is a test of its own (`tests/portability.rs` of this package).
fn check_windows() -> Result {
    let Some(target) = windows_target() else {
        println!("Windows: not checked, for no *-pc-windows-* target is installed (rustup target add ...)");
        return Ok(());
    };
    for package in PORTABLE {
        workspace::run(cargo().args(["check", "--package", package, "--all-features", "--target", &target]))?;
    }
    Ok(())
}

fn windows_target() -> Option<String> {
    let output = Command::new("rustup").args(["target", "list", "--installed"]).output().ok()?;
    let targets = String::from_utf8(output.stdout).ok()?;
    targets.lines().find(|target| target.contains("-pc-windows-")).map(str::to_owned)
}
