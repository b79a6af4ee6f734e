//! The demo's shadow copy: of a directory, by copying, with `clusctl`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    daemon::{self, Daemon},
    workspace::{Result, run_quietly},
};

pub(crate) fn show(programs: &Path, data: &Path, daemon: &Daemon) -> Result {
    let file = data.join("share/readme.txt");
    println!("   clusterd listens at {}", daemon.binding);
    println!("   The share data has a file:\n\n      {}", fs::read_to_string(&file)?.trim());
    let clusctl = |arguments: &[&str]| {
        println!("\n   $ clusctl {}\n", arguments.join(" "));
        let mut command = Command::new(programs.join("clusctl"));
        command.args(arguments).args(["--binding", &daemon.binding]);
        daemon::log_on(&mut command, data);
        run_quietly(&mut command)
    };
    clusctl(&["snapshot", "support", "//127.0.0.1/data"])?;
    clusctl(&["snapshot", "create", "//127.0.0.1/data"])?;
    fs::write(&file, "All is different now.\n")?;
    println!("\n   The file is changed:\n\n      {}", fs::read_to_string(&file)?.trim());
    let exposed = exposed(data)?;
    println!("\n   In the share that exposes the shadow copy it is what it was:\n");
    println!("      {}", fs::read_to_string(exposed.join("readme.txt"))?.trim());
    clusctl(&["snapshot", "delete", "//127.0.0.1/data"])
}

/// The one exposed share.
fn exposed(data: &Path) -> Result<PathBuf> {
    let entry = fs::read_dir(data.join("exposed"))?.next().ok_or("nothing is exposed")?;
    Ok(entry?.path())
}
