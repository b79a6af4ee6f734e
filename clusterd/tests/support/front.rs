//! Samba in front of a clusterd: smbd, without FSRVP of its own, in a mount namespace in which a
//! btrfs is mounted.

use std::{
    fmt::Write as _,
    fs, io,
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use msrpc_tests::rpc::{
    node::{PASSWORD, USER},
    programs::{self, Daemon, Finished, Program, missing, skipped},
    samba::{DCERPCD, SMBPASSWD},
};

const SMBD: Program = Program::new("smbd", "samba");
const MKFS: Program = Program::new("mkfs.btrfs", "btrfs-progs");
const PATIENCE: Duration = Duration::from_secs(30);

/// Samba's helpers are limited: on demand it would start its own FSRVP and take our pipe away.
const SCRIPT: &str = r#"
set -e
folder=$1; smbd=$2; dcerpcd=$3; helpers=$(dirname "$dcerpcd")
mount -o loop "$folder/b.img" "$folder/b"
btrfs -q subvolume create "$folder/b/v"
mkdir "$folder/b/v/deep" "$folder/b/plain"
chmod 777 "$folder/b/v" "$folder/b/v/deep" "$folder/b/plain"
"$dcerpcd" -F --no-process-group --np-helper --debug-stdout -s "$folder/smb.conf" \
    "$helpers/rpcd_classic" "$helpers/rpcd_lsad" "$helpers/rpcd_winreg" "$helpers/rpcd_epmapper" &
echo $$ > "$folder/pid"
exec "$smbd" -F --no-process-group --debug-stdout -s "$folder/smb.conf"
"#;

/// A Samba that runs, with the account [`USER`] and these shares:
///
/// - `fsrvp_share`, a directory of the host's file system, set up for previous versions: what
///   Samba's suite uses;
/// - `bt`, a btrfs subvolume, and `deep`, a directory in it;
/// - `plain`, a directory on the btrfs that is no subvolume.
pub struct Front {
    pub port: u16,
    folder: PathBuf,
    pid: u32,
    _daemon: Daemon,
}

impl Front {
    /// Samba for a test; `None` if the test is to be skipped.
    pub fn for_test() -> Option<Self> {
        if skipped("smbd") {
            return None;
        }
        match Self::start() {
            Ok(front) => Some(front),
            Err(error) => {
                panic!("smbd as front end does not start (it takes root, and loop devices for btrfs): {error}")
            }
        }
    }

    pub fn start() -> io::Result<Self> {
        let find = |program: Program| {
            let found = program.find();
            found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, missing(program.name, program.package)))
        };
        let (smbd, dcerpcd, smbpasswd, mkfs) = (find(SMBD)?, find(DCERPCD)?, find(SMBPASSWD)?, find(MKFS)?);
        let folder = tempfile::Builder::new().prefix("clusterd-front").tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        configure(folder.path(), port)?;
        let image = folder.path().join("b.img");
        fs::File::create(&image)?.set_len(256 << 20)?;
        succeed(Command::new(mkfs).arg("-q").arg(&image))?;
        let mut adding = Command::new(smbpasswd)
            .arg("-c")
            .arg(folder.path().join("smb.conf"))
            .args(["-s", "-a", USER])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        io::Write::write_all(&mut adding.stdin.take().unwrap(), format!("{PASSWORD}\n{PASSWORD}\n").as_bytes())?;
        assert!(adding.wait()?.success(), "smbpasswd");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", SCRIPT, "sh"]);
        command.arg(folder.path()).arg(smbd).arg(dcerpcd);
        let folder = folder.keep();
        let daemon = Daemon::start(&folder, &command)?;
        let begun = Instant::now();
        let srvsvc = folder.join("ncalrpc/np/srvsvc");
        while !(srvsvc.exists() && TcpStream::connect(("127.0.0.1", port)).is_ok()) {
            if begun.elapsed() > PATIENCE {
                return Err(io::Error::other(fs::read_to_string(folder.join("daemon.log")).unwrap_or_default()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let pid = fs::read_to_string(folder.join("pid"))?.trim().parse().map_err(io::Error::other)?;
        Ok(Self { port, folder, pid, _daemon: daemon })
    }

    /// A program that sees what smbd sees.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--target", &self.pid.to_string(), program]);
        command
    }

    /// Where something is, for programs that see what smbd sees.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The same for this process.
    pub fn outside(&self, path: impl AsRef<Path>) -> PathBuf {
        let inside = self.folder.join(path);
        Path::new("/proc").join(self.pid.to_string()).join("root").join(inside.strip_prefix("/").unwrap())
    }

    pub fn conf(&self) -> PathBuf {
        self.path("smb.conf")
    }

    /// The binding of our pipe.
    pub fn binding(&self) -> String {
        format!("ncacn_np:127.0.0.1[\\pipe\\FssagentRpc,smb_port={}]", self.port)
    }

    /// Runs a program of Samba's, as root unless the arguments say otherwise.
    pub async fn samba(&self, program: &str, arguments: &[&str]) -> Finished {
        let mut command = self.command(program);
        command.arg("-s").arg(self.conf()).args(arguments);
        programs::run(command, Duration::from_secs(120)).await.unwrap()
    }

    /// A client of Samba's: it takes the port and the login too.
    pub async fn client(&self, program: &str, arguments: &[&str]) -> Finished {
        let (port, login) = (self.port.to_string(), format!("{USER}%{PASSWORD}"));
        self.samba(program, &[&["-p", &port, "-U", &login], arguments].concat()).await
    }

    /// The shares in the registry: the exposed ones.
    pub async fn exposed(&self) -> Vec<String> {
        let listed = self.samba("net", &["conf", "listshares"]).await;
        assert!(listed.success, "{listed}");
        listed.output.lines().filter(|name| name.contains("@{")).map(str::to_owned).collect()
    }

    /// What a share's file holds, over SMB.
    pub async fn read(&self, share: &str, name: &str) -> Result<Vec<u8>, String> {
        let scratch = tempfile::NamedTempFile::new().unwrap();
        let get = format!("get {name} {}", scratch.path().display());
        let done = self.client("smbclient", &[&format!("//127.0.0.1/{share}"), "-c", &get]).await;
        if done.success { Ok(fs::read(scratch.path()).unwrap()) } else { Err(done.to_string()) }
    }

    /// Writes a share's file, over SMB.
    pub async fn write(&self, share: &str, name: &str, content: &[u8]) -> Result<(), String> {
        let scratch = tempfile::NamedTempFile::new().unwrap();
        fs::write(scratch.path(), content).unwrap();
        let put = format!("put {} {name}", scratch.path().display());
        let done = self.client("smbclient", &[&format!("//127.0.0.1/{share}"), "-c", &put]).await;
        if done.success { Ok(()) } else { Err(done.to_string()) }
    }
}

fn succeed(command: &mut Command) -> io::Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

fn configure(folder: &Path, port: u16) -> io::Result<()> {
    let root = folder.display();
    let mut text = format!(
        "[global]\nworkgroup = PEERS\nnetbios name = FRONT\nserver role = standalone server\n\
         interfaces = 127.0.0.1/8\nbind interfaces only = yes\nsmb ports = {port}\ndisable netbios = yes\n\
         map to guest = never\nregistry shares = yes\nserver signing = mandatory\n\
         rpc start on demand helpers = no\nload printers = no\nprinting = bsd\nprintcap name = /dev/null\n\
         disable spoolss = yes\npassdb backend = tdbsam:{root}/private/passdb.tdb\nlog file = {root}/log.%m\n"
    );
    let folders = [
        ("private dir", "private"),
        ("lock directory", "lock"),
        ("state directory", "state"),
        ("cache directory", "cache"),
        ("pid directory", "run"),
        ("ncalrpc dir", "ncalrpc"),
    ];
    for (option, name) in folders {
        fs::create_dir(folder.join(name))?;
        writeln!(text, "{option} = {root}/{name}").unwrap();
    }
    for name in ["b", "share", "share/.snapshots"] {
        fs::create_dir(folder.join(name))?;
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o777))?;
    }
    write!(
        text,
        // Here, where it is known which registry: not that of the host.
        "include = registry\n[fsrvp_share]\npath = {root}/share\nread only = no\nvfs objects = shadow_copy2\n\
         shadow:snapdir = {root}/share/.snapshots\nshadow:mountpoint = {root}/share\n\
         [bt]\npath = {root}/b/v\nread only = no\nvfs objects = btrfs\n\
         [deep]\npath = {root}/b/v/deep\nread only = no\n[plain]\npath = {root}/b/plain\nread only = no\n"
    )
    .unwrap();
    fs::write(folder.join("smb.conf"), text)
}
