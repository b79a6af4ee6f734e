//! Stubs that other programs made, from `tests/fixtures`. The README there says how.

pub mod hex;
mod value;

use std::fs;
use std::path::{Path, PathBuf};

use msrpc_ndr::reflect::Value;
use serde::Deserialize;

use crate::ndrdump::{Direction, Encoding};

/// A stub that a real client or server sent (`tests/fixtures/smbtorture`).
#[derive(Clone, Debug)]
pub struct Capture {
    /// The operation.
    pub opnum: u16,
    /// Its name in the IDL.
    pub name: String,
    /// The side.
    pub direction: Direction,
    /// The encoding.
    pub encoding: Encoding,
    /// The bytes.
    pub stub: Vec<u8>,
    /// For a response: the request that it answers, and its encoding.
    pub request: Option<(Encoding, Vec<u8>)>,
}

/// A stub made by the independent encoder in `tests/capture` (`tests/fixtures/reference`),
/// with the values that it was made from.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The operation.
    pub opnum: u16,
    /// Its name in the IDL.
    pub name: String,
    /// The side.
    pub direction: Direction,
    /// The encoding.
    pub encoding: Encoding,
    /// The bytes.
    pub stub: Vec<u8>,
    /// For a response: the request that it answers, in the same encoding.
    pub request: Option<Vec<u8>>,
    /// The parameters.
    pub value: Value,
}

/// The captures in `smbtorture/<name>.jsonl`.
///
/// # Panics
/// If the file is missing or malformed.
#[must_use]
pub fn captures(name: &str) -> Vec<Capture> {
    lines(&format!("smbtorture/{name}.jsonl"))
        .map(|row| Capture {
            opnum: row.opnum,
            direction: row.direction(),
            encoding: row.encoding(),
            stub: row.bytes(),
            request: row
                .request()
                .zip(row.request_endian.clone())
                .map(|(request, endian)| (encoding(&row.syntax, &endian), request)),
            name: row.name,
        })
        .collect()
}

/// The references in `reference/<name>.jsonl`.
///
/// # Panics
/// If the file is missing or malformed.
#[must_use]
pub fn references(name: &str) -> Vec<Reference> {
    lines(&format!("reference/{name}.jsonl"))
        .map(|row| Reference {
            opnum: row.opnum,
            direction: row.direction(),
            encoding: row.encoding(),
            stub: row.bytes(),
            request: row.request(),
            value: value::from_json(&row.value),
            name: row.name,
        })
        .collect()
}

/// A file under `tests/fixtures`.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

#[derive(Deserialize)]
struct Row {
    opnum: u16,
    name: String,
    direction: String,
    syntax: String,
    endian: String,
    stub: String,
    request: Option<String>,
    request_endian: Option<String>,
    #[serde(default)]
    value: serde_json::Value,
}

impl Row {
    fn direction(&self) -> Direction {
        match self.direction.as_str() {
            "request" => Direction::Request,
            _ => Direction::Response,
        }
    }

    fn encoding(&self) -> Encoding {
        encoding(&self.syntax, &self.endian)
    }

    fn bytes(&self) -> Vec<u8> {
        hex::decode(&self.stub).unwrap_or_else(|| panic!("not hexadecimal: {}", self.stub))
    }

    fn request(&self) -> Option<Vec<u8>> {
        hex::decode(self.request.as_deref()?)
    }
}

fn encoding(syntax: &str, endian: &str) -> Encoding {
    match (syntax, endian) {
        ("ndr64", _) => Encoding::Ndr64,
        (_, "big") => Encoding::NdrBigEndian,
        _ => Encoding::Ndr,
    }
}

fn lines(name: &str) -> impl Iterator<Item = Row> {
    let path = path(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let rows: Vec<Row> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: {error}: {line}", path.display())))
        .collect();
    rows.into_iter()
}
