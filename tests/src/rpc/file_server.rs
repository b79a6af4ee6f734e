//! Samba as a file server that makes shadow copies of its shares: smbd and its own FSRVP server.
//!
//! All runs in a mount namespace of its own, where the file system for the snapshots is mounted: it is
//! gone with the last process.

use std::{
    fmt::Write as _,
    fs, io,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use super::{
    node::{PASSWORD, USER},
    programs::{self, Daemon, Finished, Program, missing, skipped},
    samba::{DCERPCD, SMBPASSWD, add_user},
};

const SMBD: Program = Program::new("smbd", "samba");
const SMBCLIENT: Program = Program::new("smbclient", "smbclient");
const MKFS: Program = Program::new("mkfs.btrfs", "btrfs-progs");
const UNSHARE: Program = Program::new("unshare", "util-linux");
/// The modules that make Samba's snapshots.
const MODULES: Program = Program {
    name: "btrfs.so",
    package: "samba-vfs-modules",
    folders: &["/usr/lib/x86_64-linux-gnu/samba/vfs", "/usr/lib/aarch64-linux-gnu/samba/vfs"],
};

/// How long to wait for it to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// The name that it has for itself, which nobody can look up.
pub const NAME: &str = "FSRVPSMB";

/// A Samba that runs, with the account [`USER`] and these shares:
///
/// - `data` and `logs`, on a btrfs file system of their own each: what real snapshots are made of;
/// - `same`, which shows what `data` shows;
/// - `copy`, whose snapshots are copies made by a script; `slow`, where that takes seconds; and `pensive`,
///   where each look at the share takes a second;
/// - `plain`, which cannot be copied.
#[derive(Debug)]
pub struct FileServer {
    /// Its port.
    pub port: u16,
    configuration: PathBuf,
    smbclient: PathBuf,
    _daemon: Daemon,
}

/// Starts everything within the namespace.
const SCRIPT: &str = r#"
set -e
folder=$1; configuration=$2; smbd=$3; dcerpcd=$4; helpers=$(dirname "$dcerpcd")
for name in data logs; do
    mount -o loop "$folder/$name.img" "$folder/$name"
    btrfs -q subvolume create "$folder/$name/v"
    chmod 777 "$folder/$name/v"
done
"$dcerpcd" -F --no-process-group --np-helper --debug-stdout -s "$configuration" \
    "$helpers/rpcd_classic" "$helpers/rpcd_lsad" "$helpers/rpcd_winreg" "$helpers/rpcd_epmapper" "$helpers/rpcd_fsrvp" &
exec "$smbd" -F --no-process-group --debug-stdout -s "$configuration"
"#;

/// Makes a snapshot by copying.
const COPIER: &str = r#"#!/bin/sh
case "$1" in
--check)
    case "$2" in */pensive) sleep 1 ;; esac
    echo "$2" ;;
--create)
    copy="$2/.snapshots/@GMT-$(date -u +%Y.%m.%d-%H.%M.%S)"
    case "$2" in */slow) sleep 3 ;; esac
    mkdir -p "$copy" && chmod 777 "$copy" || exit 1
    find "$2" -mindepth 1 -maxdepth 1 ! -name .snapshots -exec cp -a {} "$copy/" \;
    echo "$copy" ;;
--delete) case "$3" in */.snapshots/@GMT-*) rm -rf "$3" ;; *) exit 1 ;; esac ;;
esac
"#;

impl FileServer {
    /// A file server for a test; `None` if the test is to be skipped.
    ///
    /// # Panics
    /// If it is missing or does not start. Mounting takes root and loop devices.
    #[must_use]
    pub fn for_test() -> Option<Self> {
        if skipped("smbd") {
            return None;
        }
        match Self::start() {
            Ok(server) => Some(server),
            Err(error) => {
                panic!("Samba with FSRVP does not start (it takes root, and loop devices for btrfs): {error}")
            }
        }
    }

    fn start() -> io::Result<Self> {
        let find = |program: Program| {
            program
                .find()
                .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, missing(program.name, program.package)))
        };
        find(MODULES)?;
        let [smbd, dcerpcd, smbpasswd, smbclient, mkfs, unshare] =
            [SMBD, DCERPCD, SMBPASSWD, SMBCLIENT, MKFS, UNSHARE].map(find);
        let (smbd, dcerpcd, smbclient) = (smbd?, dcerpcd?, smbclient?);
        let folder = tempfile::Builder::new().prefix("fsrvpd").tempdir()?;
        // Others than root go through it to the shares.
        fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let configuration = configure(folder.path(), port)?;
        for name in ["data", "logs"] {
            fs::create_dir(folder.path().join(name))?;
            let image = folder.path().join(format!("{name}.img"));
            fs::File::create(&image)?.set_len(128 << 20)?;
            succeed(Command::new(mkfs.as_ref().map_err(copy_error)?).arg("-q").arg(&image))?;
        }
        add_user(Command::new(smbpasswd?).arg("-c").arg(&configuration).args(["-s", "-a", USER]))?;
        let mut command = Command::new(unshare?);
        command.args(["--mount", "--propagation", "private", "sh", "-c", SCRIPT, "sh"]);
        command.arg(folder.path()).arg(&configuration).arg(smbd).arg(dcerpcd);
        // The daemon's keeper removes it from here on.
        let folder = folder.keep();
        let daemon = Daemon::start(&folder, &command)?;
        let pipe = folder.join("ncalrpc/np/fssagentrpc");
        let begun = Instant::now();
        while !(pipe.exists() && TcpStream::connect(("127.0.0.1", port)).is_ok()) {
            if begun.elapsed() > PATIENCE {
                let log = fs::read_to_string(folder.join("daemon.log")).unwrap_or_default();
                return Err(io::Error::other(format!("nobody listens:\n{log}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self { port, configuration, smbclient, _daemon: daemon })
    }

    /// The binding of its pipes.
    #[must_use]
    pub fn binding(&self) -> String {
        format!("ncacn_np:127.0.0.1[port={}]", self.port)
    }

    /// Runs commands of smbclient on a share.
    ///
    /// # Errors
    /// If it cannot be run or takes more than half a minute.
    pub async fn smbclient(&self, share: &str, commands: &str) -> io::Result<Finished> {
        let mut command = Command::new(&self.smbclient);
        command.arg("-s").arg(&self.configuration).args(["-p", &self.port.to_string(), "-U"]);
        command.arg(format!("{USER}%{PASSWORD}")).arg(format!("//127.0.0.1/{share}")).args(["-c", commands]);
        programs::run(command, Duration::from_secs(30)).await
    }

    /// Writes a file of a share.
    ///
    /// # Errors
    /// If the server does not let us.
    pub async fn write(&self, share: &str, name: &str, content: &[u8]) -> io::Result<()> {
        let scratch = tempfile::NamedTempFile::new()?;
        fs::write(scratch.path(), content)?;
        let done = self.smbclient(share, &format!("put {} {name}", scratch.path().display())).await?;
        if done.success { Ok(()) } else { Err(io::Error::other(done.to_string())) }
    }

    /// Reads a file of a share.
    ///
    /// # Errors
    /// If the server does not let us.
    pub async fn read(&self, share: &str, name: &str) -> io::Result<Vec<u8>> {
        let scratch = tempfile::NamedTempFile::new()?;
        let done = self.smbclient(share, &format!("get {name} {}", scratch.path().display())).await?;
        if done.success { fs::read(scratch.path()) } else { Err(io::Error::other(done.to_string())) }
    }
}

fn copy_error(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}

fn succeed(command: &mut Command) -> io::Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

/// One process serves FSRVP: each has its own idea of the sets, and Samba starts several.
fn configure(folder: &Path, port: u16) -> io::Result<PathBuf> {
    let root = folder.display();
    let mut text = format!(
        "[global]\n\
         workgroup = PEERS\n\
         netbios name = {NAME}\n\
         server role = standalone server\n\
         interfaces = 127.0.0.1/8\n\
         bind interfaces only = yes\n\
         smb ports = {port}\n\
         disable netbios = yes\n\
         map to guest = never\n\
         rpc_server:fssagentrpc = external\n\
         rpc_daemon:fssd = fork\n\
         rpc start on demand helpers = no\n\
         rpcd_fsrvp:num_workers = 1\n\
         fss:prune stale = yes\n\
         load printers = no\n\
         printcap name = /dev/null\n\
         disable spoolss = yes\n\
         passdb backend = tdbsam:{root}/private/passdb.tdb\n\
         log file = {root}/log.%m\n"
    );
    let folders = [
        ("private dir", "private"),
        ("lock directory", "lock"),
        ("state directory", "state"),
        ("cache directory", "cache"),
        ("pid directory", "pid"),
        ("ncalrpc dir", "ncalrpc"),
    ];
    for (option, name) in folders {
        fs::create_dir(folder.join(name))?;
        // Writing to a string does not fail.
        let _ = writeln!(text, "{option} = {root}/{name}");
    }
    // The folders have to be known by now: the registry is read where it is named.
    text.push_str("registry shares = yes\ninclude = registry\n");
    for (name, volume) in [("data", "data"), ("logs", "logs"), ("same", "data")] {
        let _ = write!(
            text,
            "[{name}]\npath = {root}/{volume}/v\nread only = no\nvfs objects = btrfs shadow_copy2\n\
             btrfs:manipulate snapshots = yes\n"
        );
    }
    let copier = folder.join("copier.sh");
    fs::write(&copier, COPIER)?;
    fs::set_permissions(&copier, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    for name in ["copy", "slow", "pensive"] {
        let _ = write!(
            text,
            "[{name}]\npath = {root}/{name}\nread only = no\nvfs objects = shell_snap shadow_copy2\n\
             shell_snap:check path command = {0} --check\nshell_snap:create command = {0} --create\n\
             shell_snap:delete command = {0} --delete\nshadow:snapdir = {root}/{name}/.snapshots\n",
            copier.display()
        );
    }
    let _ = write!(text, "[plain]\npath = {root}/plain\nread only = no\n");
    for name in ["copy", "slow", "pensive", "plain"] {
        fs::create_dir(folder.join(name))?;
        fs::set_permissions(folder.join(name), std::os::unix::fs::PermissionsExt::from_mode(0o777))?;
    }
    let path = folder.join("smb.conf");
    fs::write(&path, text)?;
    Ok(path)
}
