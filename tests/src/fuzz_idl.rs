//! Hostile IDL: no panic, no hang, and what the compiler makes of it is Rust.
//!
//! `cargo run -p msrpc-tests --release --bin fuzz -- --target compiler --seconds 60` mutates without
//! end, `fuzz/` does it under libFuzzer, and `cargo test` does a little of it with a fixed seed.

use std::{
    fs, panic,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use midlc::{
    Compiler,
    parser::{MemoryLoader, Session, diag},
};
use msrpc_ndr::reflect::Random;

/// How long one input may take. Real files of this size take a hundredth of it.
const SLOWEST: Duration = Duration::from_secs(10);
/// Octets beyond which inputs do not grow.
const LONGEST: usize = 1 << 16;

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The preprocessor and the parser.
    Parser,
    /// All of the compiler.
    Compiler,
}

impl Target {
    /// The target of a name on the command line.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "parser" => Some(Self::Parser),
            "compiler" => Some(Self::Compiler),
            _ => None,
        }
    }

    /// Whether something came out of a file, or why what it did breaks a rule.
    ///
    /// # Errors
    /// Says which rule does not hold.
    pub fn check(self, octets: &[u8]) -> Result<bool, String> {
        let start = Instant::now();
        let octets = octets.get(..LONGEST).unwrap_or(octets);
        let result = panic::catch_unwind(|| match self {
            Self::Parser => Ok(parse(octets)),
            Self::Compiler => compile(octets),
        });
        let took = start.elapsed();
        if took > SLOWEST {
            return Err(format!("it took {took:?}"));
        }
        result.unwrap_or_else(|_| Err("a panic".to_owned()))
    }
}

/// A file, and one that it can import and include.
fn loader(octets: &[u8]) -> MemoryLoader {
    let types = "typedef unsigned long DWORD; typedef struct POINT { long x, y; } POINT;\n#define FOUR 4\n";
    // What follows a line of its own is the ACF file.
    const MARK: &[u8] = b"\n//// acf\n";
    let at = octets.windows(MARK.len()).position(|window| window == MARK);
    let (idl, acf) = at.and_then(|at| octets.split_at_checked(at)).unwrap_or((octets, b""));
    let loader = MemoryLoader::new().with("fuzz.idl", idl).with("types.idl", types).with("types.h", types);
    if acf.is_empty() { loader } else { loader.with("fuzz.acf", acf) }
}

fn parse(octets: &[u8]) -> bool {
    let mut session = Session::new(Box::new(loader(octets)));
    session.parse(Path::new("fuzz.idl"));
    let _ = session.diagnostics.render_all(&session.sources, false);
    for diagnostic in session.diagnostics.sorted() {
        let _ = diag::to_json(&session.sources, diagnostic);
    }
    !session.diagnostics.has_errors()
}

fn compile(octets: &[u8]) -> Result<bool, String> {
    let compilation = Compiler::with_loader(loader(octets)).compile(["fuzz.idl"]);
    let _ = compilation.render(false);
    let _ = midlc::inspect::inspect(&compilation.model);
    if !compilation.is_ok() {
        return Ok(false);
    }
    let options = midlc::emit::EmitOptions { reflect: midlc::emit::Reflect::Always, ..Default::default() };
    for module in compilation.emit(&options).map_err(|error| error.to_string())? {
        syn::parse_file(&module.text).map_err(|error| format!("{error} in\n{}", module.text))?;
    }
    Ok(true)
}

/// Files to begin with: those of this workspace, small ones of each construct among them.
#[must_use]
pub fn corpus() -> Vec<Vec<u8>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in ["fuzz/seeds/idl", "codegen/tests/golden", "idl"] {
        let entries = fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
        files.extend(entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "idl")));
    }
    files.sort();
    let read = |path: &PathBuf| {
        let mut octets = fs::read(path).ok()?;
        if let Ok(acf) = fs::read(path.with_extension("acf")) {
            octets.extend_from_slice(b"\n//// acf\n");
            octets.extend(acf);
        }
        Some(octets)
    };
    files.iter().filter_map(read).collect()
}

/// A few mutations of one of the files.
#[must_use]
pub fn mutate(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut text = pick(corpus, random).cloned().unwrap_or_default();
    // Large files are cut, or nothing else would be tried.
    if text.len() > 4096 {
        let start = below(text.len(), random);
        text = text.get(start..).unwrap_or_default().iter().take(4096).copied().collect();
    }
    for _ in 0..=random.below(6) {
        mutate_once(&mut text, corpus, random);
    }
    text.truncate(LONGEST);
    text
}

/// Words and marks that mean something somewhere.
const WORDS: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ";",
    ",",
    "*",
    "=",
    "#",
    "##",
    "..",
    "...",
    "\"",
    "'",
    "\\\n",
    "//",
    "/*",
    "*/",
    "\r",
    "-",
    "~",
    "?",
    ":",
    "0",
    "1",
    "-1",
    "0x7fffffff",
    "0xffffffffffffffff",
    "18446744073709551616",
    "1e9",
    "0x1p3",
    "'ab'",
    "L\"x\"",
    "#define A A(A)\n",
    "#define B(x) x x\n",
    "#if 1\n",
    "#else\n",
    "#endif\n",
    "#include \"types.h\"\n",
    "import \"types.idl\";",
    "__has_include(\"types.h\")",
    "sizeof",
    "sizeof(DWORD)",
    "typedef",
    "struct",
    "union",
    "enum",
    "switch",
    "case 1:",
    "default:",
    "pipe",
    "interface",
    "interface I;",
    "library",
    "dispinterface",
    "coclass",
    "module",
    "SAFEARRAY(long)",
    "void",
    "handle_t",
    "wchar_t",
    "unsigned",
    "hyper",
    "long",
    "byte",
    "[in]",
    "[out]",
    "[size_is(n)]",
    "[size_is(, *n)]",
    "[length_is(n)]",
    "[string]",
    "[unique]",
    "[ref]",
    "[ptr]",
    "[switch_is(n)]",
    "[switch_type(long)]",
    "[case(1)]",
    "[default]",
    "[context_handle]",
    "[range(0, 4)]",
    "[iid_is(n)]",
    "[v1_enum]",
    "[callback]",
    "[object]",
    "[local]",
    "[call_as(f)]",
    "[handle]",
    "[transmit_as(T)]",
    "[comm_status]",
    "[ms_union]",
    "[uuid(12345678-1234-abcd-ef00-0123456789ab)]",
    "[version(1.0)]",
    "const",
    "n",
    "S",
    "x",
    "POINT",
    "DWORD",
    "FOUR",
    "BSTR",
    "VARIANT",
    "IUnknown",
    "HRESULT",
    "__declspec(x)",
    "extern \"C\" {",
    "cpp_quote(\"x\")",
    "\u{201C}",
    "\u{93}",
    "\u{A9}",
    "\u{0}",
    "\n//// acf\n",
];

fn mutate_once(text: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    let at = below(text.len() + 1, random);
    match random.below(10) {
        0 => {
            if let Some(octet) = text.get_mut(at) {
                *octet ^= 1 << random.below(8);
            }
        }
        1..=4 => {
            let word = pick(WORDS, random).copied().unwrap_or_default();
            // Often in the place of a word that is there.
            let end = if random.below(2) == 0 { word_end(text, at) } else { at };
            text.splice(at..end, word.bytes());
        }
        5 => drop(text.drain(at..(at + below(64, random)).min(text.len()))),
        6 => {
            let piece: Vec<u8> = text.iter().skip(at).take(below(256, random)).copied().collect();
            let to = below(text.len() + 1, random);
            text.splice(to..to, piece);
        }
        7 => {
            let other = pick(corpus, random).cloned().unwrap_or_default();
            let from = below(other.len() + 1, random);
            text.splice(at..at, other.into_iter().skip(from).take(below(512, random)));
        }
        8 => {
            let word = pick(WORDS, random).copied().unwrap_or_default();
            let many = word.repeat(below(600, random)).into_bytes();
            text.splice(at..at, many);
        }
        _ => {
            let (a, b) = (word_at(text, at), word_at(text, below(text.len() + 1, random)));
            if a.1 <= b.0 {
                let second: Vec<u8> = text.drain(b.0..b.1).collect();
                text.splice(a.0..a.0, second);
            }
        }
    }
}

fn below(limit: usize, random: &mut Random) -> usize {
    usize::try_from(random.below(limit.max(1) as u64)).unwrap_or_default()
}

fn pick<'a, T>(of: &'a [T], random: &mut Random) -> Option<&'a T> {
    of.get(below(of.len(), random))
}

fn is_word(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet == b'_'
}

fn word_end(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|octet| is_word(**octet)).count()
}

fn word_at(text: &[u8], at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or_default();
    let start = at - before.iter().rev().take_while(|octet| is_word(**octet)).count();
    (start, word_end(text, at))
}

/// Mutates for some seconds; says how many inputs there were and how many of them were accepted.
///
/// # Errors
/// Says which rule an input breaks, and shows the input.
pub fn run(target: Target, seconds: u64, seed: u64) -> Result<(u64, u64), String> {
    let corpus = corpus();
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut random = Random::new(seed);
    let (mut total, mut accepted) = (0, 0);
    let told = |octets: &[u8], why: String| format!("{why}\n{}", String::from_utf8_lossy(octets));
    for file in &corpus {
        target.check(file).map_err(|why| told(file, why))?;
    }
    while Instant::now() < end {
        let input = mutate(&corpus, &mut random);
        accepted += u64::from(target.check(&input).map_err(|why| told(&input, why))?);
        total += 1;
    }
    Ok((total, accepted))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half a minute on one core in a debug build, at most.
    fn try_some(target: Target, inputs: usize) {
        let corpus = corpus();
        assert!(corpus.len() > 100, "only {} files to begin with", corpus.len());
        let mut random = Random::new(1);
        let mut accepted = 0;
        for _ in 0..inputs {
            let input = mutate(&corpus, &mut random);
            match target.check(&input) {
                Ok(yes) => accepted += usize::from(yes),
                Err(why) => panic!("{why}\n{}", String::from_utf8_lossy(&input)),
            }
        }
        assert!(accepted > 0, "every input was refused");
    }

    #[test]
    fn the_parser_takes_any_text() {
        try_some(Target::Parser, 400);
    }

    #[test]
    fn what_the_compiler_makes_of_any_text_is_rust() {
        try_some(Target::Compiler, 200);
    }
}
