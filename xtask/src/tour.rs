//! The demo's cluster: a visitor is taken through it with `clusctl`.

use std::{path::Path, process::Command};

use crate::{
    daemon::{self, Daemon},
    workspace::{Result, run_quietly},
};

pub(crate) fn show(programs: &Path, data: &Path, daemon: &Daemon) -> Result {
    let clusctl = |arguments: &[&str]| {
        println!("\n   $ clusctl {}\n", arguments.join(" "));
        let mut command = Command::new(programs.join("clusctl"));
        command.args(arguments).args(["--binding", &daemon.binding]);
        daemon::log_on(&mut command, data);
        run_quietly(&mut command)
    };
    clusctl(&["cluster", "show"])?;
    clusctl(&["group", "list"])?;
    clusctl(&["group", "show", "Batch", "--tree"])?;
    println!("\n   Nightly Report is a program. Online, it runs:");
    clusctl(&["group", "online", "Batch"])?;
    clusctl(&["resource", "show", "Nightly Report"])?;
    clusctl(&["group", "offline", "Batch"])?;
    println!("\n   All that lasts is in the cluster registry:");
    clusctl(&["registry", "ls", "Groups"])
}
