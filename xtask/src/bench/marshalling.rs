//! The criterion benches of `tests/benches`, beside `memcpy` and Samba's libndr.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::Stdio,
};

use serde_json::Value;

use super::table;
use crate::workspace::{Result, cargo, run_quietly, target_dir};

/// How many times as fast as libndr marshalling aims to be. Big-endian stubs are rare, and have no
/// aim.
const AIMS: [(&str, f64); 4] = [
    ("enum_list/1000/ndr", 10.0),
    ("enum_list/1000/ndr64", 10.0),
    ("enum_list/5/ndr", 3.0),
    ("enum_list/5/ndr64", 3.0),
];

/// A benchmark as criterion left it.
struct Figure {
    group: String,
    function: String,
    octets: Option<u64>,
    ns: f64,
}

/// libndr's time by group and function.
type Libndr = BTreeMap<(String, String), f64>;

pub(super) fn run() -> Result {
    let home = target_dir()?.join("xtask-bench");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    println!("measuring marshalling, for a minute or two ...");
    let libndr = bench(&home)?;
    let figures = figures(&home)?;
    let rows: Vec<Vec<String>> = figures
        .iter()
        .filter(|figure| figure.function != "memcpy")
        .map(|figure| row(figure, &figures, &libndr))
        .collect();
    let head = ["message, direction", "octets", "memcpy", "ours", "of memcpy", "libndr", "faster", "aim", ""];
    table::print("Marshalling (median; memcpy of the same octets is the limit)", &head, &rows);
    if libndr.is_empty() {
        println!("\n  libndr was not measured: cargo xtask peers --install");
    }
    Ok(())
}

/// Runs the benches; they print libndr's figures.
fn bench(home: &Path) -> Result<Libndr> {
    let benches = ["bench", "--quiet", "--package", "msrpc-tests", "--bench", "enum_list"];
    run_quietly(cargo().args(benches).arg("--no-run"))?;
    let mut command = cargo();
    command.args(benches).args(["--", "--noplot", "--quiet", "--warm-up-time", "0.5", "--measurement-time", "2"]);
    // Criterion tells its progress on standard error.
    command.env("CRITERION_HOME", home).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let mut libndr = Libndr::new();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            libndr.extend(libndr_figure(&line?));
        }
    }
    if !child.wait()?.success() {
        return Err("the benches failed".into());
    }
    Ok(libndr)
}

/// Reads `libndr pull 1000 entries ndr little: 182000 ns`.
fn libndr_figure(line: &str) -> Option<((String, String), f64)> {
    let (words, time) = line.strip_prefix("libndr ")?.split_once(": ")?;
    let [what, entries, "entries", syntax, endian] = words.split(' ').collect::<Vec<_>>()[..] else { return None };
    let function = if what == "pull" { "decode" } else { "encode" };
    let encoding = if endian == "big" { "ndr-big" } else { syntax };
    let ns = time.strip_suffix(" ns")?.parse().ok()?;
    Some(((format!("enum_list/{entries}/{encoding}"), function.to_owned()), ns))
}

fn figures(home: &Path) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    collect(home, &mut figures)?;
    figures.sort_by(|a, b| (&a.group, &a.function).cmp(&(&b.group, &b.function)));
    Ok(figures)
}

/// Criterion has a folder `new` for each benchmark, at some depth.
fn collect(folder: &Path, figures: &mut Vec<Figure>) -> Result {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.ends_with("new") {
            let id = json(&path.join("benchmark.json"))?;
            let estimates = json(&path.join("estimates.json"))?;
            let text = |name: &str| id[name].as_str().unwrap_or_default().to_owned();
            figures.push(Figure {
                group: text("group_id"),
                function: text("function_id"),
                octets: id["throughput"]["Bytes"].as_u64(),
                ns: estimates["median"]["point_estimate"].as_f64().unwrap_or_default(),
            });
        } else if path.is_dir() {
            collect(&path, figures)?;
        }
    }
    Ok(())
}

fn json(path: &Path) -> Result<Value> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

fn row(figure: &Figure, figures: &[Figure], libndr: &Libndr) -> Vec<String> {
    let Figure { group, function, octets, ns } = figure;
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let memcpy = figures.iter().find(|other| other.group == *group && other.function == "memcpy").map(|limit| limit.ns);
    let libndr = libndr.get(&(group.clone(), function.clone())).copied();
    let faster = libndr.map(|libndr| libndr / ns);
    let aim = AIMS.iter().find(|(aimed, _)| group == aimed).map(|&(_, aim)| aim);
    vec![
        format!("{group} {function}"),
        or_dash(octets.map(|octets| octets.to_string())),
        or_dash(memcpy.map(table::nanoseconds)),
        table::nanoseconds(*ns),
        or_dash(memcpy.map(|memcpy| format!("{:.2} x", ns / memcpy))),
        or_dash(libndr.map(table::nanoseconds)),
        or_dash(faster.map(|faster| format!("{faster:.1} x"))),
        faster.and(aim).map_or(String::new(), |aim| format!("{aim:.0} x")),
        faster.zip(aim).map_or(String::new(), |(faster, aim)| table::verdict(faster >= aim)),
    ]
}

#[cfg(test)]
mod tests {
    use super::libndr_figure;

    #[test]
    fn lines_about_libndr_are_read() {
        let figure = libndr_figure("libndr pull 1000 entries ndr big: 182000 ns");
        assert_eq!(figure, Some((("enum_list/1000/ndr-big".into(), "decode".into()), 182_000.0)));
        assert_eq!(libndr_figure("libndr is not measured: no compiler"), None);
    }
}
