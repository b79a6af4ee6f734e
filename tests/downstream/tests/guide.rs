//! What `docs/guide.md` shows of this crate is what this crate is.

use std::{fs, path::Path};

/// The blocks of code of a language.
fn blocks<'a>(guide: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    guide.split(opening.as_str()).skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

#[test]
fn the_excerpts_of_the_guide_are_those_of_this_crate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let guide = read("../../docs/guide.md");
    let idl = read("idl/jobs.idl");
    let [head, operations] = blocks(&guide, "idl")[..] else { panic!("two excerpts of the IDL") };
    assert!(idl.contains(head) && idl.contains(operations), "jobs.idl");
    let [overlay, manifest] = blocks(&guide, "toml")[..] else { panic!("an overlay and a manifest") };
    assert!(read("idl/jobs.overlay.toml").contains(overlay), "jobs.overlay.toml");
    assert!(read("Cargo.toml").contains(manifest.split("\n\n").next().unwrap()), "Cargo.toml");
    assert!(read("Cargo.toml").contains(manifest.split("\n\n").nth(1).unwrap()), "Cargo.toml");
    let [build, include] = blocks(&guide, "rust,ignore")[..] else { panic!("a build script and an include") };
    assert!(read("build.rs").contains(build), "build.rs");
    assert!(read("src/lib.rs").contains(include), "lib.rs");
}
