//! Samba as the controller of a domain: KDC, directory and RPC server on a loopback address of its
//! own. Takes root, and about 10 seconds to start.

use std::{
    fs, io,
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use msrpc::binding::{Protocol, StringBinding};

use super::{Realm, Running, find};
use crate::rpc::{
    programs::{Daemon, Program, skipped},
    samba::free_address,
};

/// The daemon.
pub const SAMBA: Program = Program::new("samba", "samba");
const SAMBA_TOOL: Program = Program::new("samba-tool", "samba-common-bin");

/// The domain's administrator.
pub const ADMINISTRATOR: &str = "Administrator";
/// The administrator's password, and everybody's.
pub const PASSWORD: &str = "Passw0rd!x";
/// The account whose keys are in [`Realm::keytab`]: it has the names `host/node1` and
/// `MSServerClusterMgmtAPI/node1` in the domain, and AES keys.
pub const NODE: &str = "node1";
/// The same for `node2`, which says that it knows AES128 only.
pub const NODE_AES128: &str = "node2";
/// A user in no group but the domain's users.
pub const USER: &str = "ordinary";

/// Bits of msDS-SupportedEncryptionTypes ([MS-KILE] 2.2.7).
const AES128: u8 = 0x8;
const AES256: u8 = 0x10;

/// A domain controller that runs, for the domain `PEERS.TEST`.
#[derive(Debug)]
pub struct Domain {
    realm: Realm,
    address: Ipv4Addr,
    _daemon: Daemon,
}

impl Running for Domain {
    fn realm(&self) -> &Realm {
        &self.realm
    }
}

impl Domain {
    /// The domain of this process's tests, which ends with the process; `None` if they are to be
    /// skipped.
    ///
    /// # Panics
    /// If Samba is missing or does not start.
    #[must_use]
    pub fn for_test() -> Option<&'static Self> {
        static DOMAIN: OnceLock<Result<Domain, String>> = OnceLock::new();
        if skipped("samba") {
            return None;
        }
        match DOMAIN.get_or_init(|| Self::start().map_err(|error| error.to_string())) {
            Ok(domain) => Some(domain),
            Err(error) => panic!("Samba does not become a domain controller: {error}"),
        }
    }

    /// Starts one.
    ///
    /// # Errors
    /// If Samba is missing, or something fails; with what it says.
    pub fn start() -> io::Result<Self> {
        let (samba, tool) = (find(SAMBA)?, find(SAMBA_TOOL)?);
        let address = free_address()?;
        let folder = tempfile::Builder::new().prefix("domain").tempdir()?;
        let realm = Realm { name: "PEERS.TEST".to_owned(), folder: folder.path().to_owned() };
        realm.configure(&address.to_string())?;
        provision(&tool, &realm, address)?;
        let configuration = folder.path().join("etc/smb.conf");
        fs::write(&configuration, configure(folder.path(), address)?)?;
        let sid = add_accounts(&realm, &configuration)?;
        fs::write(folder.path().join("sid"), sid)?;
        for account in [NODE, NODE_AES128] {
            let mut export = Command::new(&tool);
            export.args(["domain", "exportkeytab"]).arg(realm.keytab(account)).args(["--principal", account, "-s"]);
            succeed(export.arg(&configuration))?;
            for service in ["host", "MSServerClusterMgmtAPI"] {
                let mut export = Command::new(&tool);
                export.args(["domain", "exportkeytab"]).arg(realm.keytab(account));
                export.args(["--principal", &format!("{service}/{}", realm.host(account)), "-s"]);
                succeed(export.arg(&configuration))?;
            }
        }
        let mut command = Command::new(samba);
        command.args(["-F", "-M", "single", "--no-process-group", "--debug-stdout", "-s"]).arg(&configuration);
        // The daemon's keeper removes it from here on.
        let folder = folder.keep();
        let daemon = Daemon::start(&folder, command.envs(realm.environment()))?;
        for port in [88, 135] {
            wait_for(address, port).map_err(|error| {
                let log = fs::read_to_string(folder.join("daemon.log")).unwrap_or_default();
                io::Error::new(error.kind(), format!("port {port}: {error}\n{log}"))
            })?;
        }
        // A test that runs in a process of its own has to find the controller.
        fs::write(folder.join("controller"), address.to_string())?;
        Ok(Self { realm, address, _daemon: daemon })
    }

    /// Where the controller is.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }
}

/// The controller of a domain, for bindings whose endpoint the mapper is to say.
///
/// # Errors
/// If the realm is no domain.
pub fn controller(realm: &Realm) -> io::Result<StringBinding> {
    let host = fs::read_to_string(realm.folder.join("controller"))?;
    Ok(StringBinding { object: None, protocol: Protocol::Tcp, host, endpoint: None, options: Vec::new() })
}

fn provision(tool: &Path, realm: &Realm, address: Ipv4Addr) -> io::Result<()> {
    let mut command = Command::new(tool);
    command.args(["domain", "provision", "--domain=PEERS", "--server-role=dc", "--dns-backend=SAMBA_INTERNAL"]);
    command.arg(format!("--targetdir={}", realm.folder.display()));
    command.args([format!("--realm={}", realm.name), format!("--adminpass={PASSWORD}")]);
    command.args(["--host-name=dc1".to_owned(), format!("--host-ip={address}"), "--use-rfc2307".to_owned()]);
    command.args(["--configfile=/dev/null", "--option=vfs objects="]);
    command.args([format!("--option=interfaces={address}/8"), "--option=bind interfaces only=yes".to_owned()]);
    succeed(&mut command).map(drop)
}

fn configure(folder: &Path, address: Ipv4Addr) -> io::Result<String> {
    for name in ["pid", "ncalrpc", "winbindd", "ntp"] {
        fs::create_dir_all(folder.join(name))?;
    }
    Ok(format!(
        "[global]\n\
         workgroup = PEERS\n\
         realm = PEERS.TEST\n\
         netbios name = DC1\n\
         server role = active directory domain controller\n\
         server services = rpc, kdc, ldap, cldap\n\
         dcerpc endpoint servers = epmapper, wkssvc, samr, netlogon, lsarpc, drsuapi, dssetup, unixinfo\n\
         allow dcerpc auth level connect = yes\n\
         interfaces = {address}/8\n\
         bind interfaces only = yes\n\
         idmap_ldb:use rfc2307 = yes\n\
         private dir = {0}/private\n\
         lock directory = {0}\n\
         state directory = {0}/state\n\
         cache directory = {0}/cache\n\
         pid directory = {0}/pid\n\
         ncalrpc dir = {0}/ncalrpc\n\
         winbindd socket directory = {0}/winbindd\n\
         ntp signd socket directory = {0}/ntp\n\
         binddns dir = {0}/bind-dns\n\
         log file = {0}/log.%m\n",
        folder.display()
    ))
}

/// The SID of a group of a domain: 512 is Domain Admins ([MS-DTYP] 2.4.2.4).
///
/// # Errors
/// If the realm is no domain.
pub fn group(realm: &Realm, relative_id: u32) -> io::Result<String> {
    Ok(format!("{}-{relative_id}", fs::read_to_string(realm.folder.join("sid"))?))
}

/// Adds the accounts, with Samba's own library: its tool would take a process for each step. Gives
/// the domain's SID.
fn add_accounts(realm: &Realm, configuration: &Path) -> io::Result<String> {
    let script = realm.folder.join("accounts.py");
    fs::write(&script, include_str!("../../../peers/domain_accounts.py"))?;
    let mut command = Command::new("/usr/bin/python3");
    command.arg(&script).arg(configuration).arg(PASSWORD).arg(USER);
    for (account, types) in [(NODE, AES128 | AES256), (NODE_AES128, AES128)] {
        command.arg(format!("{account}:{types}:{}", realm.host(account)));
    }
    Ok(succeed(&mut command)?.trim().to_owned())
}

/// Runs a command; gives what it says.
fn succeed(command: &mut Command) -> io::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let program = PathBuf::from(command.get_program());
    let said = String::from_utf8_lossy(&output.stderr);
    let last: Vec<_> = said.trim().lines().rev().take(5).collect();
    Err(io::Error::other(format!("{}: {}", program.display(), last.join(" | "))))
}

fn wait_for(address: Ipv4Addr, port: u16) -> io::Result<()> {
    let start = Instant::now();
    loop {
        match TcpStream::connect_timeout(&(address, port).into(), Duration::from_secs(1)) {
            Ok(_) => return Ok(()),
            Err(error) if start.elapsed() > Duration::from_secs(60) => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}
