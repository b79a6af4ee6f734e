//! Golden cases: each `golden/<name>.idl` has the Rust that it becomes beside it, `<name>.rs`, and
//! the compiler's messages, `<name>.txt`, if there are any. The package `midlc-golden` compiles all
//! of these outputs.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use midlc::{Compiler, emit::EmitOptions};

const UPDATE: &str = "MIDLC_UPDATE";
const COMMAND: &str = "MIDLC_UPDATE=1 cargo test -p midlc --test golden";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Names of the cases, in order.
fn cases() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "idl"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// The Rust and the messages of a case.
fn outcome(name: &str) -> (Option<String>, String) {
    let mut compiler = Compiler::new([folder()]);
    if name == "extern_path" {
        compiler.extern_path("extern_types.idl", "crate::extern_types");
    }
    let compilation = compiler.compile([folder().join(format!("{name}.idl"))]);
    let shown = format!("{}/", folder().display());
    let messages = compilation.render(false).replace(&shown, "").replace(shown.trim_end_matches('/'), ".");
    if !compilation.is_ok() {
        return (None, messages);
    }
    let options = EmitOptions { regenerate: Some(COMMAND.into()), ..EmitOptions::default() };
    let modules = compilation.emit(&options).unwrap_or_else(|error| panic!("{name}: {error}"));
    let module = modules.into_iter().find(|module| module.name == name).unwrap();
    (Some(module.text), messages)
}

/// The root of the package that compiles every output.
fn crate_root(names: &[String]) -> String {
    let mut text =
        "//! Every golden output of midlc, compiled.\n\n#![deny(warnings)]\n#![allow(missing_docs)]\n\n".to_owned();
    for name in names {
        let _ = writeln!(text, "pub mod {name};");
    }
    text
}

#[test]
fn outputs_are_what_is_committed() {
    let names = cases();
    assert!(names.len() >= 60, "only {} cases", names.len());
    let mut files: Vec<(String, Option<String>)> = Vec::new();
    let mut generated = Vec::new();
    for name in &names {
        let (rust, messages) = outcome(name);
        if rust.is_some() {
            generated.push(name.clone());
        }
        files.push((format!("{name}.rs"), rust));
        files.push((format!("{name}.txt"), Some(messages).filter(|text| !text.is_empty())));
    }
    files.push(("lib.rs".to_owned(), Some(crate_root(&generated))));
    let update = std::env::var_os(UPDATE).is_some();
    let mut stale = Vec::new();
    for (file, expected) in &files {
        let path = folder().join(file);
        let found = fs::read_to_string(&path).ok();
        if found == *expected {
            continue;
        }
        match (update, expected) {
            (true, Some(text)) => fs::write(&path, text).unwrap(),
            (true, None) => fs::remove_file(&path).unwrap(),
            (false, _) => stale.push(difference(file, found.as_deref(), expected.as_deref())),
        }
    }
    assert!(
        stale.is_empty(),
        "{} golden files are not what midlc yields now; if that is right, run\n\n    {COMMAND}\n\n{}",
        stale.len(),
        stale.join("\n")
    );
}

#[test]
fn every_case_compiles_the_same_way_each_time() {
    for name in cases() {
        assert_eq!(outcome(&name), outcome(&name), "{name}");
    }
}

/// The first line that differs.
fn difference(file: &str, found: Option<&str>, expected: Option<&str>) -> String {
    let (Some(found), Some(expected)) = (found, expected) else {
        return format!("{file}: {}", if found.is_none() { "is missing" } else { "should not be there" });
    };
    let pair = found.lines().zip(expected.lines()).enumerate().find(|(_, (found, expected))| found != expected);
    match pair {
        Some((line, (found, expected))) => format!("{file}:{}\n  - {found}\n  + {expected}", line + 1),
        None => format!("{file}: one of the two ends early"),
    }
}
