//! MIT's KDC, with a database of its own on a loopback address of its own.

use std::{
    fmt::Write as _,
    fs, io,
    net::TcpStream,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use super::{Realm, Running, fed, find};
use crate::rpc::{
    programs::{Daemon, Program, skipped},
    samba::free_address_for,
};

/// The daemon.
pub const KRB5KDC: Program = Program::new("krb5kdc", "krb5-kdc");
const KDB5_UTIL: Program = Program::new("kdb5_util", "krb5-kdc");
const KADMIN: Program = Program::new("kadmin.local", "krb5-admin-server");

/// A user of every such realm.
pub const USER: &str = "user";
/// The user's password.
pub const PASSWORD: &str = "secret of user";

const PORT: u16 = 8888;

/// A KDC that runs, for the realm `MIT.TEST`.
#[derive(Debug)]
pub struct Kdc {
    realm: Realm,
    _daemon: Daemon,
}

impl Running for Kdc {
    fn realm(&self) -> &Realm {
        &self.realm
    }
}

impl Kdc {
    /// A KDC with the [`USER`] and the services `host` and `MSServerClusterMgmtAPI` of the host `node1`,
    /// whose keys are in [`Realm::keytab`]`("node1")`; `None` if the test is to be skipped.
    ///
    /// # Panics
    /// If it is missing or does not start.
    #[must_use]
    pub fn for_test() -> Option<Self> {
        if skipped("krb5kdc") {
            return None;
        }
        match Self::start() {
            Ok(kdc) => Some(kdc),
            Err(error) => panic!("krb5kdc does not start: {error}"),
        }
    }

    /// Starts one.
    ///
    /// # Errors
    /// If it is missing or does not start.
    pub fn start() -> io::Result<Self> {
        Self::start_with("")
    }

    /// Starts one whose tickets have no PAC: Samba takes the PACs of MIT's KDC, which say nothing of
    /// groups, for damaged ones.
    ///
    /// # Errors
    /// If it is missing or does not start.
    pub fn start_without_pacs() -> io::Result<Self> {
        Self::start_with("  disable_pac = true\n")
    }

    fn start_with(options: &str) -> io::Result<Self> {
        let programs = (find(KDB5_UTIL)?, find(KRB5KDC)?);
        let address = free_address_for(PORT)?;
        let folder = tempfile::Builder::new().prefix("kdc").tempdir()?;
        let realm = Realm { name: "MIT.TEST".to_owned(), folder: folder.path().to_owned() };
        let endpoint = format!("{address}:{PORT}");
        realm.configure(&endpoint)?;
        let text = format!(
            "[kdcdefaults]\n kdc_listen = {endpoint}\n kdc_tcp_listen = {endpoint}\n\
             [realms]\n {} = {{\n  database_name = {1}/principal\n  key_stash_file = {1}/stash\n  \
             acl_file = {1}/acl\n  max_life = 10h\n{options}  \
             supported_enctypes = aes256-cts:normal aes128-cts:normal\n }}\n",
            realm.name,
            realm.folder.display(),
        );
        fs::write(realm.folder.join("kdc.conf"), text)?;
        let (util, daemon) = programs;
        let mut create = Command::new(util);
        create.args(["create", "-s", "-r", &realm.name, "-P", "master"]).envs(environment(&realm));
        fed(create, "")?;
        // The daemon's keeper removes it from here on.
        let _folder = folder.keep();
        let mut command = Command::new(daemon);
        command.args(["-n", "-P"]).arg(realm.folder.join("pid")).envs(environment(&realm));
        let kdc = Self { _daemon: Daemon::start(&realm.folder, &command)?, realm };
        let node = kdc.realm.host("node1");
        kdc.administer(&format!("addprinc -pw \"{PASSWORD}\" {USER}\n"))?;
        // smbtorture writes the host in upper case, which is another name to this KDC.
        let services = ["host", "MSServerClusterMgmtAPI"]
            .map(|service| [format!("{service}/{node}"), format!("{service}/{}", node.to_uppercase())]);
        kdc.add_service("node1", services.as_flattened(), None)?;
        let start = Instant::now();
        while let Err(error) = TcpStream::connect((address, PORT)) {
            if start.elapsed() > Duration::from_secs(10) {
                let log = fs::read_to_string(kdc.realm.folder.join("daemon.log")).unwrap_or_default();
                return Err(io::Error::new(error.kind(), format!("{error}\n{log}")));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(kdc)
    }

    /// Adds principals with keys of one type (`aes128-cts`), or of all that the KDC has, and puts the
    /// keys into the keytab of `account`.
    ///
    /// # Errors
    /// If that fails.
    pub fn add_service(
        &self,
        account: &str,
        principals: &[impl AsRef<str>],
        key_type: Option<&str>,
    ) -> io::Result<PathBuf> {
        let keytab = self.realm.keytab(account);
        let types = key_type.map(|key_type| format!("-e {key_type}:normal ")).unwrap_or_default();
        let mut commands = String::new();
        for principal in principals {
            let principal = principal.as_ref();
            // Writing to a string does not fail.
            let _ = writeln!(commands, "addprinc {types}-randkey {principal}");
            let _ = writeln!(commands, "ktadd {types}-k {} {principal}", keytab.display());
        }
        self.administer(&commands)?;
        if keytab.exists() { Ok(keytab) } else { Err(io::Error::other("kadmin.local has made no keytab")) }
    }

    /// Gives commands to `kadmin.local`.
    ///
    /// # Errors
    /// If it cannot be run.
    pub fn administer(&self, commands: &str) -> io::Result<()> {
        let mut kadmin = Command::new(find(KADMIN)?);
        kadmin.envs(environment(&self.realm));
        fed(kadmin, commands)
    }
}

/// The environment of the KDC and its administrator.
fn environment(realm: &Realm) -> Vec<(&'static str, std::ffi::OsString)> {
    let mut environment = realm.environment();
    environment.push(("KRB5_KDC_PROFILE", realm.folder.join("kdc.conf").into()));
    environment
}
