//! Samba's RPC server as a server for our client: `samba-dcerpcd` with srvsvc, winreg and an
//! endpoint mapper, on a loopback address of its own.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::{self, Command, Stdio},
    sync::atomic::{AtomicU8, Ordering},
    time::{Duration, Instant},
};

use msrpc::binding::{Protocol, StringBinding};

use super::{
    kerberos::Realm,
    node::{PASSWORD, USER},
    programs::{Daemon, Program, missing, skipped},
};

/// The server.
pub const DCERPCD: Program = Program { name: "samba-dcerpcd", package: "samba", folders: &["/usr/libexec/samba"] };
/// What makes accounts for it.
pub const SMBPASSWD: Program = Program::new("smbpasswd", "samba-common-bin");

/// Where the endpoint mapper listens; it cannot be told another port.
const MAPPER: u16 = 135;

/// A Samba that runs, with the account [`USER`].
#[derive(Debug)]
pub struct Samba {
    address: Ipv4Addr,
    _daemon: Daemon,
}

impl Samba {
    /// Samba for a test; `None` if the test is to be skipped.
    ///
    /// # Panics
    /// If it is missing or does not start. Port 135, even of an address of its own, takes root.
    #[must_use]
    pub fn for_test() -> Option<Self> {
        if skipped("samba-dcerpcd") {
            return None;
        }
        match Self::start() {
            Ok(samba) => Some(samba),
            Err(error) => panic!("samba-dcerpcd does not start: {error}"),
        }
    }

    /// Starts Samba.
    ///
    /// # Errors
    /// If it is missing or does not start.
    pub fn start() -> io::Result<Self> {
        Self::start_in(None)
    }

    /// Starts Samba as a service of the host `node1` of a realm, if there is one. Its users are the
    /// system's of the same names.
    ///
    /// # Errors
    /// If it is missing or does not start.
    pub fn start_in(realm: Option<&Realm>) -> io::Result<Self> {
        let find = |program: Program| {
            program
                .find()
                .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, missing(program.name, program.package)))
        };
        let (dcerpcd, smbpasswd) = (find(DCERPCD)?, find(SMBPASSWD)?);
        let address = free_address()?;
        let folder = tempfile::Builder::new().prefix("dcerpcd").tempdir()?;
        let configuration = folder.path().join("smb.conf");
        fs::write(&configuration, configure(folder.path(), address, realm)?)?;
        add_user(Command::new(smbpasswd).arg("-c").arg(&configuration).args(["-s", "-a", USER]))?;
        let mut command = Command::new(dcerpcd);
        command.args(["-F", "--libexec-rpcds", "--no-process-group", "--debug-stdout", "-s"]).arg(&configuration);
        // The daemon's keeper removes it from here on.
        let folder = folder.keep();
        let daemon = Daemon::start(&folder, &command)?;
        wait_for(address).map_err(|error| {
            let log = fs::read_to_string(folder.join("daemon.log")).unwrap_or_default();
            io::Error::new(error.kind(), format!("{error}\n{log}"))
        })?;
        Ok(Self { address, _daemon: daemon })
    }

    /// The host, for bindings whose endpoint the mapper is to say.
    #[must_use]
    pub fn host(&self) -> StringBinding {
        StringBinding {
            object: None,
            protocol: Protocol::Tcp,
            host: self.address.to_string(),
            endpoint: None,
            options: Vec::new(),
        }
    }
}

/// An address of the loopback network that nobody else uses: the process's number and a counter are
/// in it, and the mapper's port is free there.
///
/// # Errors
/// If the port cannot be had: mostly, only root may listen there.
pub fn free_address() -> io::Result<Ipv4Addr> {
    free_address_for(MAPPER)
}

/// An address of the loopback network where a port is free, and that nobody else uses.
///
/// # Errors
/// If the port cannot be had.
pub(super) fn free_address_for(port: u16) -> io::Result<Ipv4Addr> {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    let [.., third, fourth] = process::id().to_be_bytes();
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..64 {
        // 127.64.0.0/10 is far from what people use.
        let second = 64 + NEXT.fetch_add(1, Ordering::Relaxed) % 64;
        let address = Ipv4Addr::new(127, second, third, fourth);
        match TcpListener::bind((address, port)) {
            Ok(_) => return Ok(address),
            Err(error) => last = error,
        }
    }
    Err(io::Error::new(last.kind(), format!("port {port} cannot be had, even of an address of its own: {last}")))
}

fn configure(folder: &Path, address: Ipv4Addr, realm: Option<&Realm>) -> io::Result<String> {
    let mut text = format!(
        "[global]\n\
         workgroup = PEERS\n\
         netbios name = PEERSMB\n\
         server role = standalone server\n\
         interfaces = {address}/8\n\
         bind interfaces only = yes\n\
         disable netbios = yes\n\
         map to guest = never\n\
         allow dcerpc auth level connect = yes\n\
         rpc start on demand helpers = no\n\
         load printers = no\n\
         printcap name = /dev/null\n\
         disable spoolss = yes\n\
         passdb backend = tdbsam:{0}/private/passdb.tdb\n\
         log file = {0}/log/%m.log\n",
        folder.display()
    );
    if let Some(realm) = realm {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "realm = {}\nkerberos method = dedicated keytab\ndedicated keytab file = {}",
            realm.name,
            realm.keytab("node1").display()
        );
    }
    fs::create_dir(folder.join("log"))?;
    for (option, name) in [
        ("private dir", "private"),
        ("lock directory", "lock"),
        ("state directory", "state"),
        ("cache directory", "cache"),
        ("pid directory", "pid"),
        ("ncalrpc dir", "ncalrpc"),
    ] {
        fs::create_dir(folder.join(name))?;
        // Writing to a string does not fail.
        let _ = writeln!(text, "{option} = {}/{name}", folder.display());
    }
    Ok(text)
}

/// `smbpasswd` asks for the password twice.
pub(super) fn add_user(command: &mut Command) -> io::Result<()> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut input) = child.stdin.take() {
        write!(input, "{PASSWORD}\n{PASSWORD}\n")?;
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("smbpasswd: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

/// Waits until somebody listens at the mapper's port.
fn wait_for(address: Ipv4Addr) -> io::Result<()> {
    let start = Instant::now();
    loop {
        match TcpStream::connect_timeout(&(address, MAPPER).into(), Duration::from_secs(1)) {
            Ok(_) => return Ok(()),
            Err(error) if start.elapsed() > Duration::from_secs(20) => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
