//! A Samba of our own: smbd on a free port, in a temporary folder, with the helpers that serve its
//! own pipes.

#[path = "../peers/missing.rs"]
mod missing;

pub use missing::missing;
use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

const SMBD: &str = "/usr/sbin/smbd";
const HELPERS: &str = "/usr/libexec/samba";

/// Users of this system who get an account, all with this password.
pub const USERS: [&str; 2] = ["root", "games"];
pub const PASSWORD: &str = "Passw0rd";
pub const DOMAIN: &str = "PEERSMB";

/// A running smbd, and its samba-dcerpcd. Both end with it.
pub struct Smbd {
    folder: tempfile::TempDir,
    pub port: u16,
    children: Vec<Child>,
}

impl Smbd {
    /// Starts with further lines in `[global]` and further sections; `None` where Samba is missing.
    pub fn start(global: &str, sections: &str) -> Option<Self> {
        if !Path::new(SMBD).exists() || !Path::new(HELPERS).exists() {
            missing(&format!("no {SMBD} (Debian package samba)"));
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut smbd = Self { folder, port, children: Vec::new() };
        smbd.configure(global, sections);
        for user in USERS {
            smbd.add_user(user);
        }
        let helpers =
            ["rpcd_classic", "rpcd_lsad", "rpcd_winreg", "rpcd_epmapper"].map(|name| format!("{HELPERS}/{name}"));
        // On demand it would remove sockets that are not its own, and outlive smbd.
        let dcerpcd = format!("{HELPERS}/samba-dcerpcd");
        smbd.run(&dcerpcd, &[&["-F".to_owned(), "--np-helper".to_owned()][..], &helpers].concat(), "dcerpcd.out");
        let srvsvc = smbd.ncalrpc().join("np/srvsvc");
        smbd.wait("samba-dcerpcd", || srvsvc.exists());
        smbd.run(SMBD, &["-F", "--no-process-group", "--debug-stdout"].map(str::to_owned), "smbd.out");
        smbd.wait("smbd", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(smbd)
    }

    /// What `ncalrpc dir` says.
    pub fn ncalrpc(&self) -> PathBuf {
        self.folder.path().join("ncalrpc")
    }

    pub fn conf(&self) -> PathBuf {
        self.folder.path().join("smb.conf")
    }

    /// A client of Samba's, as root unless the arguments say otherwise.
    pub fn client(&self, program: &str, arguments: &[&str]) -> String {
        let output = Command::new("timeout")
            .args(["60", program, "-s"])
            .arg(self.conf())
            .args(["-p", &self.port.to_string()])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let Output { stdout, stderr, .. } = output;
        String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned()
    }

    /// What smbd wrote.
    pub fn log(&self) -> String {
        ["smbd.out", "dcerpcd.out"]
            .map(|name| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default())
            .concat()
    }

    fn configure(&self, global: &str, sections: &str) {
        let root = self.folder.path().display();
        let mut text = format!(
            "[global]\nworkgroup = PEERS\nnetbios name = {DOMAIN}\nserver role = standalone server\n\
             interfaces = 127.0.0.1/8\nbind interfaces only = yes\nsmb ports = {}\ndisable netbios = yes\n\
             security = user\nmap to guest = never\nload printers = no\nprinting = bsd\nprintcap name = /dev/null\n\
             disable spoolss = yes\nrpc start on demand helpers = no\nlog level = 1\n\
             passdb backend = tdbsam:{root}/passdb.tdb\nncalrpc dir = {root}/ncalrpc\nlog file = {root}/log.%m\n",
            self.port,
        );
        for name in ["private dir", "lock directory", "state directory", "cache directory", "pid directory"] {
            writeln!(text, "{name} = {root}").unwrap();
        }
        fs::write(self.conf(), format!("{text}{global}\n{sections}\n")).unwrap();
    }

    fn add_user(&self, user: &str) {
        let mut smbpasswd = Command::new("smbpasswd")
            .arg("-c")
            .arg(self.conf())
            .args(["-s", "-a", user])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        write!(smbpasswd.stdin.take().unwrap(), "{PASSWORD}\n{PASSWORD}\n").unwrap();
        assert!(smbpasswd.wait().unwrap().success(), "smbpasswd {user}");
    }

    fn run(&mut self, program: &str, arguments: &[String], output: &str) {
        let output = fs::File::create(self.folder.path().join(output)).unwrap();
        let child = Command::new(program)
            .arg("-s")
            .arg(self.conf())
            .args(arguments)
            .stdin(Stdio::null())
            // samba-dcerpcd ends its whole group with it.
            .process_group(0)
            .stderr(output.try_clone().unwrap())
            .stdout(output)
            .spawn()
            .unwrap();
        self.children.push(child);
    }

    fn wait(&self, what: &str, ready: impl Fn() -> bool) {
        let start = Instant::now();
        while !ready() {
            assert!(start.elapsed() < Duration::from_secs(30), "{what} does not start:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Smbd {
    fn drop(&mut self) {
        // Asked to, each ends its own children too.
        for child in self.children.iter_mut().rev() {
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let start = Instant::now();
            while !matches!(child.try_wait(), Ok(Some(_))) && start.elapsed() < Duration::from_secs(5) {
                thread::sleep(Duration::from_millis(10));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
