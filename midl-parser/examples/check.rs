//! Parses IDL files and prints what is wrong with them: `check [-I folder] [--json] file…`.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use midlc_parser::{FsLoader, Session};

#[path = "../tests/support/mod.rs"]
mod tree;

fn main() -> ExitCode {
    let mut folders = Vec::new();
    let mut files = Vec::new();
    let mut dump = false;
    let mut json = false;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-I" => folders.extend(args.next()),
            "--dump" => dump = true,
            "--json" => json = true,
            _ => files.push(arg),
        }
    }
    let mut good = 0;
    for name in &files {
        let mut session = Session::new(Box::new(FsLoader::new(folders.clone())));
        let start = Instant::now();
        let parsed = session.parse(Path::new(name));
        let time = start.elapsed();
        if json {
            for diagnostic in session.diagnostics.iter() {
                println!("{}", midlc_parser::diag::to_json(&session.sources, diagnostic));
            }
        } else {
            print!("{}", session.diagnostics.render_all(&session.sources, false));
        }
        let errors = session.diagnostics.error_count();
        println!("{name}: {errors} errors, {} files, {time:?}", parsed.order.len());
        good += usize::from(errors == 0);
        if dump && let Some(file) = parsed.root.and_then(|root| session.file(root)) {
            print!("{}", tree::file(file));
        }
    }
    println!("{good} of {} parsed", files.len());
    if good == files.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
