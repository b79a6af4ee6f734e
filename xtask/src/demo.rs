//! `cargo xtask demo`: the first thing to run. `demo/` is the program that makes the calls.

use std::{
    fs,
    io::{Write as _, stdout},
    time::Instant,
};

use crate::{
    daemon::Daemon,
    regenerate, shadow_copies, tour,
    workspace::{Result, cargo, run_quietly, target_dir},
};

const NEXT: &str = "\
7. What to try next

   cargo run -p clusterd -- demo                  clusterd in the foreground, for any client
   cargo xtask test                               every test, against Samba where it is installed
   cargo run -p midlc -- inspect idl/fsrvp.idl    interfaces, opnums, sizes and alignments
   xtask/src/demo/                                the servers and the client you just saw
   docs/midlc.md                                  your own IDL: the command, and build.rs
";

pub(crate) fn run() -> Result {
    say("1. midlc compiles idl/");
    let start = Instant::now();
    let generated = regenerate::Generated::new()?;
    let seconds = start.elapsed().as_secs_f32();
    generated.check()?;
    say(&format!(
        "\n   {} IDL files, {} lines of Rust, {seconds:.1} s (unoptimised build of the compiler).\n   \
         generated/ is exactly what they yield.",
        generated.sources(),
        generated.lines(),
    ));
    say("\n   Building a client and a server of it ...");
    run_quietly(cargo().args(["run", "--quiet", "--package", "xtask", "--features", "demo", "--bin", "demo"]))?;
    say("\n5. clusterd is a node of a cluster, and clusctl manages it\n");
    with_daemon()?;
    say(&format!("\n{NEXT}"));
    Ok(())
}

/// What is shown with a daemon of its own, which ends with it.
fn with_daemon() -> Result {
    say("   Building clusterd and clusctl ...");
    run_quietly(cargo().args(["build", "--quiet", "--package", "clusterd", "--package", "clusctl"]))?;
    let programs = target_dir()?.join("debug");
    let data = std::env::temp_dir().join(format!("clusterd-demo-{}", std::process::id()));
    let show = || -> Result {
        let daemon = Daemon::start(&programs, &data)?;
        tour::show(&programs, &data, &daemon)?;
        say("\n6. It serves shadow copies of a share, too, and clusctl makes one\n");
        shadow_copies::show(&programs, &data, &daemon)?;
        daemon.stop()
    };
    let shown = show();
    // Only a demo's own folder, and nobody else's.
    let removed = fs::remove_dir_all(&data);
    shown?;
    Ok(removed?)
}

/// A line. That nobody reads on (`| head`) is no reason to fail.
fn say(line: &str) {
    let _ = writeln!(stdout(), "{line}");
}
