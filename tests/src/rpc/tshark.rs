//! Wireshark's dissectors as readers of what we send.

use std::{io, path::PathBuf, process::Command, time::Duration};

use tempfile::TempDir;

use super::{
    node::PASSWORD,
    pcap,
    programs::{Program, run},
    proxy::Pdu,
};

/// The program.
pub const TSHARK: Program = Program::new("tshark", "tshark");

/// tshark, and a folder for captures.
#[derive(Debug)]
pub struct Tshark {
    program: PathBuf,
    folder: TempDir,
}

/// What tshark sees in a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The protocols, `ip:tcp:dcerpc:clusapi`.
    pub protocols: String,
    /// The column `Info`.
    pub info: String,
    /// What it complains about.
    pub complaint: String,
}

impl Frame {
    /// Whether tshark calls it malformed.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        self.complaint.contains("_ws.malformed") || self.info.contains("Malformed")
    }
}

impl Tshark {
    /// tshark for a test; `None` if the test is to be skipped.
    ///
    /// # Panics
    /// If it is missing, or there is no temporary folder.
    #[must_use]
    pub fn for_test() -> Option<Self> {
        let program = TSHARK.for_test()?;
        let folder = tempfile::Builder::new().prefix("tshark").tempdir().expect("a temporary folder");
        Some(Self { program, folder })
    }

    /// What tshark sees in these PDUs. With the password it unseals what is sealed.
    ///
    /// # Errors
    /// If it cannot be run.
    pub async fn frames(&self, pdus: &[Pdu], unseals: bool) -> io::Result<Vec<Frame>> {
        let capture = self.folder.path().join("capture.pcap");
        let packets = pcap::write(&capture, pdus)?;
        let mut command = Command::new(&self.program);
        command.arg("-r").arg(&capture);
        command.args(["-d", &format!("tcp.port=={},dcerpc", pcap::SERVER_PORT)]);
        if unseals {
            command.args(["-o", &format!("ntlmssp.nt_password:{PASSWORD}")]);
        }
        command.args(["-T", "fields", "-E", "separator=/t"]);
        for field in ["frame.protocols", "_ws.col.Info", "_ws.malformed", "_ws.expert.message"] {
            command.args(["-e", field]);
        }
        // It keeps its settings elsewhere than the user's.
        command.env("HOME", self.folder.path()).env("XDG_CONFIG_HOME", self.folder.path());
        let finished = run(command, Duration::from_secs(60)).await?;
        if !finished.success {
            return Err(io::Error::other(format!("tshark {finished}")));
        }
        let frames: Vec<Frame> = finished.output.lines().map(frame).collect();
        if frames.len() == packets { Ok(frames) } else { Err(io::Error::other("tshark has lost frames")) }
    }
}

fn frame(line: &str) -> Frame {
    let mut fields = line.split('\t').map(str::to_owned);
    let mut field = || fields.next().unwrap_or_default();
    let (protocols, info) = (field(), field());
    let complaint = [field(), field()].join(" ").trim().to_owned();
    Frame { protocols, info, complaint }
}
