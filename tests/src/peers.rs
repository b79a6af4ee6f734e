//! Small C programs on Samba's library, built on first use (`tests/peers`).

use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

/// A program that can be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Helper {
    /// Decodes stubs: see [`crate::ndrdump`].
    Ndrd,
    /// Measures libndr: see [`libndr_figures`].
    LibndrBench,
}

impl Helper {
    fn name(self) -> &'static str {
        match self {
            Self::Ndrd => "ndrd",
            Self::LibndrBench => "libndr_bench",
        }
    }

    fn source(self) -> &'static str {
        match self {
            Self::Ndrd => include_str!("../peers/ndrd.c"),
            Self::LibndrBench => include_str!("../peers/libndr_bench.c"),
        }
    }
}

/// The path of the built program. It stands beside the running one, and is built once per
/// source text, by `cc` with Samba's headers (Debian: gcc, pkgconf, samba-dev).
///
/// # Errors
/// If it cannot be built; with the compiler's first complaint.
pub fn build(helper: Helper) -> io::Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    helper.source().hash(&mut hasher);
    let name = helper.name();
    let folder = env::current_exe()?.parent().map_or_else(env::temp_dir, Path::to_owned);
    let program = folder.join(format!("{name}-{:016x}", hasher.finish()));
    if !program.exists() {
        // Built under another name first: tests run in parallel.
        let scratch = tempfile::Builder::new().prefix(name).tempdir_in(&folder)?;
        fs::write(scratch.path().join(format!("{name}.c")), helper.source())?;
        compile(scratch.path(), name)?;
        fs::rename(scratch.path().join(name), &program)?;
    }
    Ok(program)
}

fn compile(folder: &Path, name: &str) -> io::Result<()> {
    // -rdynamic: ndrd replaces two functions of the library.
    let script = format!(
        "cc -O2 -rdynamic $(pkg-config --cflags ndr talloc) {name}.c -o {name} $(pkg-config --libs ndr talloc) -ldl"
    );
    let output = Command::new("sh").arg("-c").arg(script).current_dir(folder).output()?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(message.lines().next().unwrap_or("cc failed").to_owned()))
}

/// One figure of `libndr_bench`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Figure {
    /// `pull` (decoding) or `push` (encoding).
    pub what: String,
    /// How many entries the ENUM_LIST has.
    pub entries: u32,
    /// `ndr` or `ndr64`.
    pub syntax: String,
    /// `little` or `big`.
    pub endian: String,
    /// The size of the message.
    pub bytes: usize,
    /// The median time.
    pub ns: u64,
}

/// Measures libndr, here and now: an ENUM_LIST of 1000 and of 5 entries in each encoding.
/// The message is the response of ApiCreateEnum, statuses 0, entry `i` of type `i` and with
/// the name [`bench_name`].
///
/// # Errors
/// If the program cannot be built or run.
pub fn libndr_figures() -> io::Result<Vec<Figure>> {
    let output = Command::new(build(Helper::LibndrBench)?).output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    lines.lines().map(|line| serde_json::from_str(line).map_err(io::Error::other)).collect()
}

/// The name of the entry at `index` in the benchmark's ENUM_LIST: 37 characters.
#[must_use]
pub fn bench_name(index: u32) -> String {
    format!("Resource {index:08} in a benchmark list")
}
