//! Samba: its RPC daemon with an endpoint mapper, and its clients.

use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{Ran, port135::free_address, program, run};

/// A folder with a configuration of its own.
#[derive(Debug)]
pub struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    /// For a daemon that listens at an address, or for clients.
    pub fn new(address: Ipv4Addr) -> Self {
        let folder = tempfile::Builder::new().prefix("msrpc-samba").tempdir().unwrap();
        let root = folder.path().display().to_string();
        let mut text = format!(
            "[global]\nworkgroup = PEERS\nnetbios name = PEERSMB\nserver role = standalone server\n\
                        interfaces = {address}/8\nbind interfaces only = yes\ndisable netbios = yes\n\
                        rpc start on demand helpers = no\nload printers = no\nprinting = bsd\n\
                        printcap name = /dev/null\ndisable spoolss = yes\nlog level = 1\n"
        );
        for (name, path) in [
            ("private dir", "private"),
            ("lock directory", "lock"),
            ("state directory", "state"),
            ("cache directory", "cache"),
            ("pid directory", "pid"),
            ("ncalrpc dir", "ncalrpc"),
        ] {
            text += &format!("{name} = {root}/{path}\n");
            fs::create_dir(folder.path().join(path)).unwrap();
        }
        text += &format!("log file = {root}/log\n");
        fs::write(folder.path().join("smb.conf"), text).unwrap();
        Self { folder }
    }

    fn conf(&self) -> String {
        self.path("smb.conf").display().to_string()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// `samba-dcerpcd`: an endpoint mapper on port 135 of an address of its own; srvsvc, samr, winreg and others on ports that it
/// chooses.
#[derive(Debug)]
pub struct Dcerpcd {
    child: Child,
    home: Home,
    pub address: Ipv4Addr,
}

impl Dcerpcd {
    /// Starts it. `None` if it is not installed and peers may be skipped.
    pub fn start() -> Option<Self> {
        let daemon = program("samba-dcerpcd", "samba")?;
        let address = free_address()?;
        let home = Home::new(address);
        let log = fs::File::create(home.path("out")).unwrap();
        let child = Command::new(daemon)
            .args(["-F", "--libexec-rpcds", "--no-process-group", "--debug-stdout", "-s", &home.conf()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        let mut started = Self { child, home, address };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect((address, 135)).is_err() {
            let ended = started.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "samba-dcerpcd does not start: {}", started.log());
            thread::sleep(Duration::from_millis(50));
        }
        Some(started)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.home.path("out")).unwrap_or_default()
    }
}

impl Drop for Dcerpcd {
    fn drop(&mut self) {
        // Its children are in its process group.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-TERM", "--", &group]).status();
        let deadline = Instant::now() + Duration::from_secs(5);
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
                let _ = self.child.wait();
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// One of Samba's clients, with a configuration of its own.
#[derive(Debug)]
pub struct Client {
    program: PathBuf,
    pub home: Home,
}

impl Client {
    /// `None` if it is not installed and peers may be skipped.
    pub fn new(name: &str, package: &str) -> Option<Self> {
        Some(Self { program: program(name, package)?, home: Home::new(Ipv4Addr::LOCALHOST) })
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        run(&self.program, &[&["-s", &self.home.conf()], arguments].concat())
    }
}

/// Lets `ndrdump` decode a stub, and gives what it prints.
pub fn ndrdump(interface: &str, function: &str, direction: &str, stub: &[u8]) -> Option<String> {
    let program = program("ndrdump", "samba-testsuite")?;
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), stub).unwrap();
    let ran = run(&program, &[interface, function, direction, path(file.path())]);
    assert!(ran.success, "{}", ran.text);
    Some(ran.text)
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
