//! Times and peak memory of `midlc`, optimised, on the largest IDL file.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::table;
use crate::workspace::{Result, cargo, run_quietly, target_dir};

const INPUT: &str = "idl/clusapi3.idl";
const RUNS: usize = 10;
const MIB: u64 = 1 << 20;

/// A command and what it aims at.
struct Case {
    name: &'static str,
    arguments: Vec<String>,
    seconds: f64,
    octets: u64,
}

pub(super) fn run() -> Result {
    run_quietly(cargo().args(["build", "--quiet", "--release", "--package", "midlc"]))?;
    let midlc = target_dir()?.join("release").join(format!("midlc{}", std::env::consts::EXE_SUFFIX));
    let out = target_dir()?.join("xtask-bench-out");
    fs::create_dir_all(&out)?;
    let build = ["build", "-I", "idl", INPUT, "-o", &out.to_string_lossy()].map(str::to_owned).to_vec();
    let check = ["check", "-I", "idl", INPUT].map(str::to_owned).to_vec();
    let cases = [
        Case { name: "midlc check", arguments: check, seconds: 0.05, octets: 256 * MIB },
        Case { name: "midlc build", arguments: build, seconds: 0.3, octets: 256 * MIB },
    ];
    let rows = cases.iter().map(|case| row(&midlc, case)).collect::<Result<Vec<_>>>()?;
    table::print(
        &format!("The compiler on {INPUT} (best of {RUNS})"),
        &["command", "time", "aim", "", "peak memory", "aim", ""],
        &rows,
    );
    Ok(())
}

fn row(midlc: &Path, case: &Case) -> Result<Vec<String>> {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        run_quietly(&mut command(midlc, case))?;
        best = best.min(start.elapsed());
    }
    let peak = peak_memory(&mut command(midlc, case))?;
    let aim = Duration::from_secs_f64(case.seconds);
    Ok(vec![
        case.name.to_owned(),
        table::duration(best),
        table::duration(aim),
        table::verdict(best <= aim),
        peak.map_or("-".to_owned(), |peak| format!("{} MiB", peak.div_ceil(MIB))),
        format!("{} MiB", case.octets / MIB),
        peak.map_or(String::new(), |peak| table::verdict(peak <= case.octets)),
    ])
}

fn command(midlc: &Path, case: &Case) -> Command {
    let mut command = Command::new(midlc);
    command.args(&case.arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The largest resident set that was seen while a command ran, where /proc tells. Looking every
/// half millisecond can miss what was claimed in the last one.
fn peak_memory(command: &mut Command) -> Result<Option<u64>> {
    let mut child = command.spawn()?;
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = None;
    while child.try_wait()?.is_none() {
        let seen = fs::read_to_string(&status).ok().as_deref().and_then(high_water_mark);
        peak = peak.max(seen);
        thread::sleep(Duration::from_micros(500));
    }
    Ok(peak)
}

fn high_water_mark(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::high_water_mark;

    #[test]
    fn peak_memory_is_read_in_octets() {
        assert_eq!(high_water_mark("Name:\tmidlc\nVmHWM:\t   12 kB\nVmRSS:\t    8 kB\n"), Some(12_288));
        assert_eq!(high_water_mark("Name:\tmidlc\n"), None);
    }
}
