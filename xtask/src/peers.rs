//! The programs and libraries that tests compare with, and how they are installed.

use std::{
    env,
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
};

use clap::Args;

use crate::workspace::{self, Result, succeeds};

/// Options of `peers`.
#[derive(Args)]
pub(crate) struct Options {
    /// Install what is missing.
    #[arg(long)]
    install: bool,
}

/// Something a test needs that cargo cannot bring.
struct Peer {
    /// What it is, and for what.
    what: &'static str,
    /// The Debian package.
    package: &'static str,
    /// A command that succeeds where it is installed.
    probe: (&'static str, &'static [&'static str]),
}

const PEERS: &[Peer] = &[
    Peer { what: "a C compiler, for tests/peers", package: "gcc", probe: ("cc", &["--version"]) },
    Peer { what: "pkg-config, to find Samba's library", package: "pkgconf", probe: ("pkg-config", &["--version"]) },
    Peer {
        what: "Samba's NDR library, which decodes our stubs",
        package: "samba-dev",
        probe: ("pkg-config", &["--exists", "ndr", "talloc"]),
    },
    Peer {
        what: "ndrdump, where the library cannot be linked",
        package: "samba-common-bin",
        probe: ("ndrdump", &["--version"]),
    },
    Peer { what: "Samba's servers, for our clients", package: "samba", probe: ("smbd", &["--version"]) },
    Peer {
        what: "smbtorture, Samba's suite, for our servers",
        package: "samba-testsuite",
        probe: ("smbtorture", &["--version"]),
    },
    Peer { what: "tshark, which reads our captures", package: "tshark", probe: ("tshark", &["--version"]) },
    Peer {
        what: "Python environments, for impacket and prometheus-client from PyPI",
        package: "python3-venv",
        probe: ("dpkg-query", &["-s", "python3-venv"]),
    },
    Peer {
        what: "Samba's snapshot modules, for our FSRVP client",
        package: "samba-vfs-modules",
        probe: ("dpkg-query", &["-s", "samba-vfs-modules"]),
    },
    Peer { what: "btrfs, whose snapshots they make", package: "btrfs-progs", probe: ("mkfs.btrfs", &["--version"]) },
    Peer { what: "getfattr, which sees what copies keep", package: "attr", probe: ("getfattr", &["--version"]) },
    Peer { what: "getfacl, which sees what copies keep", package: "acl", probe: ("getfacl", &["--version"]) },
    Peer { what: "rpcclient, for our servers", package: "smbclient", probe: ("rpcclient", &["--version"]) },
    Peer { what: "ntlm_auth, an NTLM peer without RPC", package: "winbind", probe: ("ntlm_auth", &["--version"]) },
    Peer {
        what: "GENSEC, Samba's security providers",
        package: "python3-samba",
        probe: ("/usr/bin/python3", &["-c", "import samba"]),
    },
    Peer { what: "MIT's KDC, for Kerberos", package: "krb5-kdc", probe: ("dpkg-query", &["-s", "krb5-kdc"]) },
    Peer {
        what: "kadmin.local, which fills its database",
        package: "krb5-admin-server",
        probe: ("dpkg-query", &["-s", "krb5-admin-server"]),
    },
    Peer { what: "kinit, kvno and ktutil", package: "krb5-user", probe: ("klist", &["-V"]) },
    Peer {
        what: "what GENSEC needs as a server",
        package: "samba-ad-provision",
        probe: ("dpkg-query", &["-s", "samba-ad-provision"]),
    },
    Peer {
        what: "what GENSEC needs as a server",
        package: "samba-dsdb-modules",
        probe: ("dpkg-query", &["-s", "samba-dsdb-modules"]),
    },
    Peer { what: "MIT's KDC, for Kerberos", package: "krb5-kdc", probe: ("dpkg-query", &["-s", "krb5-kdc"]) },
    Peer {
        what: "kadmin.local, which gives it accounts",
        package: "krb5-admin-server",
        probe: ("dpkg-query", &["-s", "krb5-admin-server"]),
    },
    Peer { what: "kinit, which gets tickets", package: "krb5-user", probe: ("dpkg-query", &["-s", "krb5-user"]) },
];

impl Peer {
    fn is_here(&self) -> bool {
        let (program, arguments) = self.probe;
        succeeds(program, arguments)
    }
}

pub(crate) fn run(options: &Options) -> Result {
    for peer in PEERS {
        let state = if peer.is_here() { "here" } else { "missing" };
        println!("{state:<8} {:<17} {}", peer.package, peer.what);
    }
    if options.install { ensure() } else { Ok(()) }
}

/// Installs what is missing, or fails and says what is. With `MSRPC_PEERS=skip` nothing is missed.
pub(crate) fn ensure() -> Result {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    if env::var_os("MSRPC_PEERS").as_deref() == Some(OsStr::new("skip")) {
        println!("MSRPC_PEERS=skip: tests that need {} test nothing", missing.join(", "));
        return Ok(());
    }
    if !can_install() {
        return Err(advice(&missing).into());
    }
    install(&missing)?;
    let missing = self::missing();
    if missing.is_empty() { Ok(()) } else { Err(advice(&missing).into()) }
}

fn missing() -> Vec<&'static str> {
    PEERS.iter().filter(|peer| !peer.is_here()).map(|peer| peer.package).collect()
}

/// Root on Debian or what derives from it.
fn can_install() -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    root && Path::new("/etc/debian_version").exists() && succeeds("apt-get", &["--version"])
}

fn install(packages: &[&str]) -> Result {
    workspace::run(&mut apt_get(&["update", "--quiet"]))?;
    workspace::run(apt_get(&["install", "--quiet", "--yes", "--no-install-recommends"]).args(packages))
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    command
}

fn advice(missing: &[&str]) -> String {
    let list: Vec<String> = PEERS
        .iter()
        .filter(|peer| missing.contains(&peer.package))
        .map(|peer| format!("  {:<17} {}", peer.package, peer.what))
        .collect();
    format!(
        "peers of the tests are missing\n{}\nOn Debian or Ubuntu:\n\n    sudo apt-get install {}\n\n\
         To test without them: MSRPC_PEERS=skip cargo xtask test",
        list.join("\n"),
        missing.join(" ")
    )
}
