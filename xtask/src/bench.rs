//! `cargo xtask bench`: what is fast and what is not, in one table each, with the aims beside it.

mod build_times;
mod compiler;
mod marshalling;
mod table;

use clap::{Args, ValueEnum};

use crate::workspace::{self, Result};

/// Options of `bench`.
#[derive(Args)]
pub(crate) struct Options {
    /// What to measure; everything where it is left out.
    what: Option<What>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum What {
    /// Marshalling, the compiler, and build times of generated code.
    Spine,
    /// Marshalling alone.
    Marshalling,
    /// The compiler alone.
    Compiler,
    /// Build times alone.
    Build,
    /// Calls over TCP under load, beside bare TCP and Samba's server; idle connections.
    Rpc,
    /// Shadow copies, beside Samba's server. Takes root.
    Fsrvp,
    /// The cluster's management, beside what limits it.
    Clusapi,
}

pub(crate) fn run(options: &Options) -> Result {
    let wanted = |what| options.what.is_none_or(|chosen| chosen == What::Spine || chosen == what);
    if wanted(What::Marshalling) {
        marshalling::run()?;
    }
    if wanted(What::Compiler) {
        compiler::run()?;
    }
    if wanted(What::Build) {
        build_times::run()?;
    }
    if options.what.is_none_or(|chosen| chosen == What::Rpc) {
        let benches = ["bench", "--quiet", "--package", "msrpc-tests", "--bench", "rpc", "--bench", "rpc_idle"];
        workspace::run(workspace::cargo().args(benches))?;
    }
    if options.what.is_none_or(|chosen| chosen == What::Fsrvp) {
        workspace::run(workspace::cargo().args(["bench", "--quiet", "--package", "clusterd", "--bench", "fsrvp"]))?;
    }
    if options.what.is_none_or(|chosen| chosen == What::Clusapi) {
        workspace::run(workspace::cargo().args(["bench", "--quiet", "--package", "clusterd", "--bench", "clusapi"]))?;
    }
    Ok(())
}
