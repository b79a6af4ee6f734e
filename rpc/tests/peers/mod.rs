//! Real programs for tests: Samba's daemons and clients.
//!
//! A test that needs one fails when it is missing, and says what to install. With
//! `MSRPC_PEERS=skip` such tests pass without testing anything, and say so.
#![allow(dead_code, missing_docs, unreachable_pub)]

mod missing;
pub mod port135;
pub mod samba;

pub use missing::missing;

use std::{
    env,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The path of a program, or what [`missing`] makes of its absence.
pub fn program(name: &str, package: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/libexec/samba"), PathBuf::from("/usr/sbin")]);
    let found = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        missing(&format!("{name} is missing: apt-get install --no-install-recommends {package}"));
    }
    found
}

/// What a program did.
#[derive(Debug)]
pub struct Ran {
    pub success: bool,
    /// Both outputs.
    pub text: String,
}

/// Runs a program to its end, at most for a minute.
pub fn run(program: &Path, arguments: &[&str]) -> Ran {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    finish(child)
}

/// Waits for a program that has been started.
pub fn finish(mut child: Child) -> Ran {
    let readers: Vec<_> = [
        child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
        child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
    ]
    .into_iter()
    .flatten()
    .map(|mut pipe| {
        thread::spawn(move || {
            let mut octets = Vec::new();
            let _ = pipe.read_to_end(&mut octets);
            String::from_utf8_lossy(&octets).into_owned()
        })
    })
    .collect();
    let deadline = Instant::now() + Duration::from_secs(60);
    let success = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status.success(),
            None if Instant::now() > deadline => {
                let _ = child.kill();
                let _ = child.wait();
                break false;
            }
            None => thread::sleep(Duration::from_millis(10)),
        }
    };
    let text = readers.into_iter().map(|reader| reader.join().unwrap_or_default()).collect();
    Ran { success, text }
}
