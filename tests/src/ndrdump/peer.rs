//! Running `ndrd`, or `ndrdump`.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use thiserror::Error;

use super::parse::{Malformed, parse_ndrd, parse_ndrdump};
use super::tree::Decoded;
use crate::fixtures::hex;
use crate::peers::{self, Helper};

/// The encodings that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// NDR, little-endian.
    Ndr,
    /// NDR, big-endian.
    NdrBigEndian,
    /// NDR64, little-endian as always.
    Ndr64,
}

impl Encoding {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ndr, Self::NdrBigEndian, Self::Ndr64];
}

/// Which side of an operation a stub is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// What the client sends.
    Request,
    /// What the server answers.
    Response,
}

/// A stub to decode.
#[derive(Clone, Debug)]
pub struct Stub<'a> {
    /// Samba's name of the interface, such as `clusapi` or `FileServerVssAgent`.
    pub interface: &'a str,
    /// The operation.
    pub opnum: u16,
    /// The side.
    pub direction: Direction,
    /// The encoding.
    pub encoding: Encoding,
    /// The bytes.
    pub bytes: &'a [u8],
    /// For a response: the request, in the same encoding. Samba needs it wherever an `[in]`
    /// parameter gives the size of an `[out]` array.
    pub request: Option<&'a [u8]>,
}

impl<'a> Stub<'a> {
    /// A stub without its request.
    #[must_use]
    pub fn new(interface: &'a str, opnum: u16, direction: Direction, encoding: Encoding, bytes: &'a [u8]) -> Self {
        Self { interface, opnum, direction, encoding, bytes, request: None }
    }

    /// The same as the response to `request`.
    #[must_use]
    pub fn answering(self, request: &'a [u8]) -> Self {
        Self { request: Some(request), ..self }
    }
}

/// No decoder could be started.
#[derive(Debug, Error)]
#[error(
    "Samba's decoder is not here ({0}): run `cargo xtask test`, which installs samba-common-bin, samba-dev, gcc and \
     pkgconf where it may, or set MSRPC_PEERS=skip to pass without it"
)]
pub struct Unavailable(String);

/// Samba did not decode a stub.
#[derive(Debug, Error)]
pub enum Refusal {
    /// Samba reports an error.
    #[error("{0}")]
    Error(String),
    /// This decoder cannot be asked such a thing.
    #[error("{0}")]
    Unsupported(&'static str),
    /// Its output could not be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It crashed or could not be spoken to; the next call starts it anew.
    #[error("the decoder broke down: {0}")]
    Broken(#[from] io::Error),
}

/// A decoder, running.
#[derive(Debug)]
pub struct Peer(Kind);

#[derive(Debug)]
enum Kind {
    Ndrd { program: PathBuf, process: Option<Process> },
    Ndrdump,
}

#[derive(Debug)]
struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts `ndrd`, building it if need be, or falls back to `ndrdump` (at once if
    /// `MSRPC_NDRDUMP` is set). `MSRPC_NDRD` may name a built `ndrd`.
    ///
    /// # Errors
    /// If neither is to be had.
    pub fn start() -> Result<Self, Unavailable> {
        let reason = match env::var_os("MSRPC_NDRDUMP") {
            Some(_) => "MSRPC_NDRDUMP is set".to_owned(),
            None => match ndrd().and_then(|program| Process::start(&program).map(|process| (program, process))) {
                Ok((program, process)) => {
                    return Ok(Self(Kind::Ndrd { program, process: Some(process) }));
                }
                Err(error) => format!("ndrd: {error}"),
            },
        };
        match Command::new("ndrdump").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status() {
            Ok(_) => Ok(Self(Kind::Ndrdump)),
            Err(error) => Err(Unavailable(format!("{reason}; ndrdump: {error}"))),
        }
    }

    /// As [`Peer::start`] for a test: `None` (said on standard error) if `MSRPC_PEERS=skip`.
    ///
    /// # Panics
    /// If there is no decoder, with a message that says what to do.
    #[must_use]
    pub fn for_test() -> Option<Self> {
        if env::var_os("MSRPC_PEERS").as_deref() == Some(OsStr::new("skip")) {
            eprintln!("skipped, since MSRPC_PEERS=skip: nothing was compared with Samba");
            return None;
        }
        match Self::start() {
            Ok(peer) => Some(peer),
            Err(unavailable) => panic!("{unavailable}"),
        }
    }

    /// Whether this is `ndrd`, which knows all encodings and encodes again.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self.0, Kind::Ndrd { .. })
    }

    /// Has a stub decoded.
    ///
    /// # Errors
    /// If Samba refuses it, or breaks down.
    pub fn decode(&mut self, stub: &Stub<'_>) -> Result<Decoded, Refusal> {
        match &mut self.0 {
            Kind::Ndrd { program, process } => decode_with_ndrd(program, process, stub),
            Kind::Ndrdump => decode_with_ndrdump(stub),
        }
    }

    /// Samba's names of the operations of an interface, in opnum order.
    ///
    /// # Errors
    /// If there is no such interface, or if this is not `ndrd`.
    pub fn functions(&mut self, interface: &str) -> Result<Vec<String>, Refusal> {
        let Kind::Ndrd { program, process } = &mut self.0 else {
            return Err(Refusal::Unsupported("ndrdump lists names for people only"));
        };
        let (_, body) = exchange(program, process, &format!("{interface} names\n"))?;
        Ok(body.lines().map(str::to_owned).collect())
    }
}

fn decode_with_ndrd(program: &Path, process: &mut Option<Process>, stub: &Stub<'_>) -> Result<Decoded, Refusal> {
    let direction = match stub.direction {
        Direction::Request => "in",
        Direction::Response => "out",
    };
    let flags = match stub.encoding {
        Encoding::Ndr => "-",
        Encoding::NdrBigEndian => "b",
        Encoding::Ndr64 => "6",
    };
    let or_dash = |bytes: &[u8]| {
        if bytes.is_empty() { "-".to_owned() } else { hex::encode(bytes) }
    };
    let context = stub.request.map_or_else(String::new, |request| format!(" {}", or_dash(request)));
    let (interface, opnum, bytes) = (stub.interface, stub.opnum, or_dash(stub.bytes));
    let (head, body) =
        exchange(program, process, &format!("{interface} {opnum} {direction} {flags} {bytes}{context}\n"))?;
    let (unread, encoded) = head.split_once(' ').ok_or_else(|| Malformed(head.clone()))?;
    let encoded = if encoded == "-" { Some(Vec::new()) } else { hex::decode(encoded) };
    let unread = unread.parse().map_err(|_| Malformed(head.clone()))?;
    Ok(parse_ndrd(&body, unread, encoded)?)
}

/// One question to `ndrd`: the head of its answer behind `ok`, and the body.
fn exchange(program: &Path, process: &mut Option<Process>, question: &str) -> Result<(String, String), Refusal> {
    let running = match process {
        Some(running) => running,
        None => process.insert(Process::start(program)?),
    };
    let answer = running.ask(question);
    if answer.is_err() {
        *process = None;
    }
    let answer = answer?;
    let (head, body) = answer.split_once('\n').unwrap_or((&answer, ""));
    match head.strip_prefix("ok ") {
        Some(rest) => Ok((rest.to_owned(), body.to_owned())),
        None => Err(Refusal::Error(head.strip_prefix("error ").unwrap_or(head).to_owned())),
    }
}

impl Process {
    fn start(program: &Path) -> io::Result<Self> {
        let mut child =
            Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("no pipes"));
        };
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    fn ask(&mut self, question: &str) -> io::Result<String> {
        self.input.write_all(question.as_bytes())?;
        let mut answer = Vec::new();
        loop {
            let start = answer.len();
            if self.output.read_until(b'\n', &mut answer)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if &answer[start..] == b".\n" {
                answer.truncate(start);
                return String::from_utf8(answer).map_err(io::Error::other);
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ndrd() -> io::Result<PathBuf> {
    match env::var_os("MSRPC_NDRD") {
        Some(program) => Ok(program.into()),
        None => peers::build(Helper::Ndrd),
    }
}

fn decode_with_ndrdump(stub: &Stub<'_>) -> Result<Decoded, Refusal> {
    if stub.encoding == Encoding::NdrBigEndian {
        return Err(Refusal::Unsupported("ndrdump has no switch for big-endian stubs"));
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("stub");
    fs::write(&file, stub.bytes)?;
    let mut command = Command::new("ndrdump");
    command.arg(stub.interface).arg(stub.opnum.to_string());
    command.arg(if stub.direction == Direction::Request { "in" } else { "out" }).arg(&file);
    if stub.encoding == Encoding::Ndr64 {
        command.arg("--ndr64");
    }
    if let (Some(request), Direction::Response) = (stub.request, stub.direction) {
        let context = folder.path().join("context");
        fs::write(&context, request)?;
        command.arg("--context-file").arg(context);
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut text = String::new();
    if let Some(output) = &mut child.stdout {
        output.read_to_string(&mut text)?;
    }
    child.wait()?;
    match text.lines().find(|line| line.starts_with("pull returned ")) {
        Some("pull returned Success") => Ok(parse_ndrdump(&text)?),
        Some(line) => Err(Refusal::Error(line.to_owned())),
        None => Err(Refusal::Error(format!("ndrdump says {text:?}"))),
    }
}
