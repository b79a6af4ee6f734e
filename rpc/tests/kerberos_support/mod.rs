//! A realm of MIT's for tests, and tests that run inside it.
//!
//! The Kerberos library takes its configuration from the environment, which a process must not change
//! once it has threads. So each test runs again in a process of its own ([`Realm::enter`]).
//!
//! Needs the packages `krb5-kdc`, `krb5-admin-server` and `krb5-user`.
#![allow(dead_code, reason = "not every test uses everything")]

use std::{
    fs,
    io::Write as _,
    net::{TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use tempfile::TempDir;

#[path = "../peers/missing.rs"]
mod missing;

pub(crate) const REALM: &str = "MIT.TEST";
pub(crate) const PASSWORD: &str = "userpw";

/// Says in the environment where the realm's files are.
const FOLDER: &str = "MSRPC_TEST_REALM";
/// Says in the environment where a test's own files go.
const OWN: &str = "MSRPC_TEST_FOLDER";

/// The KDC of this process's tests. It ends with the process: its keeper's input is a pipe of ours.
struct Kdc {
    folder: PathBuf,
}

/// What a test in a realm can use.
pub(crate) struct Realm {
    folder: PathBuf,
    own: PathBuf,
}

impl Realm {
    /// The realm, in the process that has its environment. In the test's first process, `None` after the
    /// test has run in another one.
    ///
    /// `lines` go into the section `[libdefaults]` of its `krb5.conf`.
    pub(crate) fn enter(test: &str, lines: &str) -> Option<Self> {
        Self::enter_with(test, lines, &[])
    }

    /// The same for a measurement, which is ignored otherwise; shows what it prints.
    pub(crate) fn enter_ignored(test: &str, lines: &str) -> Option<Self> {
        Self::enter_as(&[test, "--ignored"], lines, &[])
    }

    /// The same with more environment; `{own}` in a value stands for the test's own folder.
    pub(crate) fn enter_with(test: &str, lines: &str, environment: &[(&str, &str)]) -> Option<Self> {
        Self::enter_as(&[test], lines, environment)
    }

    fn enter_as(test: &[&str], lines: &str, environment: &[(&str, &str)]) -> Option<Self> {
        if let (Some(folder), Some(own)) = (std::env::var_os(FOLDER), std::env::var_os(OWN)) {
            return Some(Self { folder: folder.into(), own: own.into() });
        }
        let kdc = kdc()?;
        let own = tempfile::tempdir().unwrap();
        let configuration = fs::read_to_string(kdc.folder.join("krb5.conf")).unwrap();
        let configuration = configuration.replace("[libdefaults]", &format!("[libdefaults]\n{lines}"));
        fs::write(own.path().join("krb5.conf"), configuration).unwrap();
        let place = own.path().to_str().unwrap();
        // Found first by those who look for libraries here.
        fs::write(own.path().join("libgssapi_krb5.so.2"), "no library").unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(test)
            .args(["--exact", "--nocapture", "--test-threads=1"])
            .env(FOLDER, &kdc.folder)
            .env(OWN, own.path())
            .env("KRB5_CONFIG", own.path().join("krb5.conf"))
            .env("KRB5CCNAME", format!("FILE:{place}/cc"))
            .env("KRB5RCACHEDIR", own.path())
            .env("KRB5_KTNAME", "/nonexistent/keytab")
            .env("KRB5_CLIENT_KTNAME", "/nonexistent/client-keytab");
        for (name, value) in environment {
            command.env(name, value.replace("{own}", place));
        }
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        println!("{text}");
        None
    }

    /// A file of the realm: keytabs `node1`, `other`, `user`, and `aes128`, `sha2` and `rc4`, whose
    /// services have keys of nothing else.
    pub(crate) fn keytab(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.keytab"))
    }

    /// A file of this test's own.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.own.join(name)
    }

    /// Logs `user` on, into the default cache.
    pub(crate) fn kinit(&self, options: &[&str]) {
        self.run(Command::new("kinit").args(options).arg("user"), PASSWORD);
    }

    /// Gets a ticket for a service into the default cache.
    pub(crate) fn kvno(&self, service: &str) {
        self.run(Command::new("kvno").arg(service), "");
    }

    /// Says where a realm's KDC is; before the library is used.
    pub(crate) fn point(&self, realm: &str, address: std::net::SocketAddr) {
        let path = self.file("krb5.conf");
        let configuration = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{configuration}\n[realms]\n {realm} = {{\n  kdc = {address}\n }}\n")).unwrap();
    }

    /// A keytab of the test's own with a key made of a password.
    pub(crate) fn forge_keytab(&self, name: &str, principal: &str, kvno: u32) -> PathBuf {
        let path = self.file(name);
        let script = format!(
            "addent -password -p {principal} -k {kvno} -e aes256-cts-hmac-sha1-96\nforged\nwkt {}\nquit\n",
            path.display()
        );
        self.run(&mut Command::new("ktutil"), &script);
        path
    }

    fn run(&self, command: &mut Command, input: &str) {
        let output = run(command, input);
        assert!(output.0, "{command:?}: {}", output.1);
    }
}

/// Runs a command with some input; says whether it succeeded, and what it printed.
fn run(command: &mut Command, input: &str) -> (bool, String) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that reads nothing may have ended.
    let _ = writeln!(child.stdin.take().unwrap(), "{input}");
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

/// The KDC of this process's tests; `None` if they are to be skipped.
fn kdc() -> Option<&'static Kdc> {
    static KDC: OnceLock<Option<Kdc>> = OnceLock::new();
    KDC.get_or_init(|| {
        for (program, package) in [
            ("/usr/sbin/krb5kdc", "krb5-kdc"),
            ("/usr/sbin/kadmin.local", "krb5-admin-server"),
            ("/usr/bin/kinit", "krb5-user"),
        ] {
            if !Path::new(program).exists() {
                missing::missing(&format!("no {program} (Debian package {package})"));
                return None;
            }
        }
        Some(start())
    })
    .as_ref()
}

/// Sets the realm up and starts its KDC.
fn start() -> Kdc {
    let folder = TempDir::with_prefix("msrpc-realm").unwrap().keep();
    let place = folder.display();
    let port = free_port();
    let krb5 = format!(
        "[libdefaults]\n allow_rc4 = true\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n \
         dns_canonicalize_hostname = false\n rdns = false\n\
         [realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n \
         DOWN.TEST = {{\n  kdc = 127.0.0.1:1\n }}\n\
         [domain_realm]\n .mit.test = {REALM}\n",
    );
    let kdc = format!(
        "[realms]\n {REALM} = {{\n  database_name = {place}/principal\n  key_stash_file = {place}/stash\n  \
         acl_file = {place}/acl\n  kdc_listen = 127.0.0.1:{port}\n  kdc_tcp_listen = 127.0.0.1:{port}\n  \
         max_life = 10h\n  supported_enctypes = aes256-cts:normal aes128-cts:normal\n }}\n"
    );
    fs::write(folder.join("krb5.conf"), krb5).unwrap();
    fs::write(folder.join("kdc.conf"), kdc).unwrap();
    let environment = |command: &mut Command| {
        command.env("KRB5_CONFIG", folder.join("krb5.conf")).env("KRB5_KDC_PROFILE", folder.join("kdc.conf"));
    };
    let mut create = Command::new("/usr/sbin/kdb5_util");
    create.args(["create", "-s", "-r", REALM, "-P", "master"]);
    environment(&mut create);
    let (created, text) = run(&mut create, "");
    assert!(created, "{text}");
    let script = format!(
        "addprinc -pw {PASSWORD} user\nktadd -norandkey -k {place}/user.keytab user\n\
         addprinc -randkey host/node1.mit.test\nktadd -k {place}/node1.keytab host/node1.mit.test\n\
         addprinc -randkey host/other.mit.test\nktadd -k {place}/other.keytab host/other.mit.test\n\
         addprinc -randkey -e aes128-cts:normal host/aes128.mit.test\n\
         ktadd -e aes128-cts:normal -k {place}/aes128.keytab host/aes128.mit.test\n\
         addprinc -randkey -e aes256-sha2:normal host/sha2.mit.test\n\
         ktadd -e aes256-sha2:normal -k {place}/sha2.keytab host/sha2.mit.test\n\
         addprinc -randkey -e rc4-hmac:normal host/rc4.mit.test\n\
         ktadd -e rc4-hmac:normal -k {place}/rc4.keytab host/rc4.mit.test\nquit\n"
    );
    let mut admin = Command::new("/usr/sbin/kadmin.local");
    environment(&mut admin);
    let (administered, text) = run(&mut admin, &script);
    assert!(administered && folder.join("rc4.keytab").exists(), "{text}");
    // The keeper ends the KDC when our end of its input closes, however this process ends.
    let mut keeper = Command::new("sh");
    keeper.args([
        "-c",
        "/usr/sbin/krb5kdc -n > \"$0/kdc.log\" 2>&1 & kdc=$!; read end; kill $kdc; wait $kdc; rm -rf \"$0\"",
    ]);
    keeper.arg(&folder).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    environment(&mut keeper);
    // Never waited for, and its input never closed: that is when this process ends.
    std::mem::forget(keeper.spawn().unwrap());
    let log = folder.join("kdc.log");
    let deadline = Instant::now() + Duration::from_secs(10);
    while !fs::read_to_string(&log).is_ok_and(|text| text.contains("starting")) {
        assert!(Instant::now() < deadline, "{}", fs::read_to_string(&log).unwrap_or_default());
        std::thread::sleep(Duration::from_millis(10));
    }
    Kdc { folder }
}

/// A port that is free for TCP and UDP.
fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        if UdpSocket::bind(address).is_ok() {
            return address.port();
        }
    }
}
