//! What clients link uses nothing of one system: no files, sockets, processes, no `std::os`.

use std::{
    fs,
    path::{Path, PathBuf},
};

const SOURCES: [&str; 2] = ["ndr/src", "generated/src"];

const FORBIDDEN: [&str; 8] =
    ["std::os", "std::fs", "std::process", "std::env", "TcpStream", "TcpListener", "UdpSocket", "libc::"];

#[test]
fn clients_build_on_every_system() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for folder in SOURCES {
        for path in rust_files(&root.join(folder)) {
            let text = fs::read_to_string(&path).unwrap();
            for (number, line) in text.lines().enumerate() {
                if FORBIDDEN.iter().any(|word| line.contains(word)) {
                    found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
                }
            }
        }
    }
    assert!(found.is_empty(), "not portable:\n{}", found.join("\n"));
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
