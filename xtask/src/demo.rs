//! `cargo xtask demo`: the first thing to run. `demo/` is the program that makes the calls.

use std::{
    io::{Write as _, stdout},
    time::Instant,
};

use crate::{
    regenerate, shadow_copies,
    workspace::{Result, cargo, run_quietly},
};

const NEXT: &str = "\
6. What to try next

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
    say("\n5. clusterd serves shadow copies of a share, and clusctl makes one\n");
    shadow_copies::run()?;
    say(&format!("\n{NEXT}"));
    Ok(())
}

/// A line. That nobody reads on (`| head`) is no reason to fail.
fn say(line: &str) {
    let _ = writeln!(stdout(), "{line}");
}
