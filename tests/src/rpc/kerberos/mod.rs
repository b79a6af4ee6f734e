//! Kerberos realms for tests: [`kdc`] is MIT's KDC, [`domain`] is Samba as a domain controller.
//!
//! MIT's library takes its configuration from the environment, which a process must not change once
//! it has threads. So a test of a realm runs twice: the first time it starts the realm and itself
//! as a process of its own, with the realm in its environment; there it does its work.
//!
//! ```no_run
//! # use msrpc_tests::rpc::kerberos::{self, kdc::Kdc};
//! #[test]
//! fn a_test() {
//!     kerberos::test("a_test", Kdc::for_test, |realm| async move {
//!         let tickets = realm.tickets_of("user", "secret").unwrap();
//!     });
//! }
//! ```

pub mod domain;
pub mod kdc;

use std::{
    env,
    ffi::OsString,
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    time::{Duration, Instant},
};

use super::programs::{Finished, Program};

/// What gets tickets.
pub const KINIT: Program = Program::new("kinit", "krb5-user");

/// The variable that tells a test that it runs within a realm: the realm's folder.
const FOLDER: &str = "MSRPC_TEST_REALM";
/// The variable with the realm's name.
const NAME: &str = "MSRPC_TEST_REALM_NAME";

/// How long a test may take within its realm.
const LIMIT: Duration = Duration::from_secs(240);

/// A realm as its clients and services see it.
#[derive(Clone, Debug)]
pub struct Realm {
    /// Its name, as `MIT.TEST`.
    pub name: String,
    /// Where its files are: `krb5.conf`, keytabs, tickets.
    pub folder: PathBuf,
}

impl Realm {
    /// The DNS domain of its hosts.
    #[must_use]
    pub fn domain(&self) -> String {
        self.name.to_lowercase()
    }

    /// The full name of one of its hosts.
    #[must_use]
    pub fn host(&self, name: &str) -> String {
        format!("{name}.{}", self.domain())
    }

    /// The file that [`kdc::Kdc`] or [`domain::Domain`] puts a service account's keys into.
    #[must_use]
    pub fn keytab(&self, account: &str) -> PathBuf {
        self.folder.join(format!("{account}.keytab"))
    }

    /// The variables that put a process into the realm.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        vec![
            ("KRB5_CONFIG", self.folder.join("krb5.conf").into()),
            // Nobody's tickets, so that none are taken by mistake.
            ("KRB5CCNAME", self.folder.join("no_tickets").into()),
            ("KRB5_KTNAME", self.folder.join("no_keys").into()),
            ("KRB5RCACHEDIR", self.folder.clone().into()),
            (FOLDER, self.folder.clone().into()),
            (NAME, self.name.clone().into()),
        ]
    }

    /// The realm that this process runs in.
    #[must_use]
    pub fn inherited() -> Option<Self> {
        let folder = PathBuf::from(env::var_os(FOLDER)?);
        Some(Self { name: env::var(NAME).ok()?, folder })
    }

    /// Gets tickets for a user, by password; gives the file that they are in.
    ///
    /// # Errors
    /// If there is no `kinit`, or the KDC refuses; with what it says.
    pub fn tickets_of(&self, user: &str, password: &str) -> io::Result<PathBuf> {
        let file = self.folder.join(format!("tickets_of_{}_{}", user.replace('/', "_"), process::id()));
        self.kinit(&["-c", &file.to_string_lossy(), &format!("{user}@{}", self.name)], password)?;
        Ok(file)
    }

    /// Runs `kinit`, which asks for a password.
    ///
    /// # Errors
    /// If there is none, or it fails; with what it says.
    pub fn kinit(&self, arguments: &[&str], password: &str) -> io::Result<()> {
        let program = find(KINIT)?;
        let mut command = Command::new(program);
        command.args(arguments).envs(self.environment());
        fed(command, password)
    }

    /// Writes `krb5.conf` for a KDC at an address.
    fn configure(&self, kdc: &str) -> io::Result<()> {
        let Self { name, folder } = self;
        let domain = self.domain();
        let text = format!(
            "[libdefaults]\n default_realm = {name}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n \
             dns_canonicalize_hostname = false\n rdns = false\n\
             [realms]\n {name} = {{\n  kdc = {kdc}\n }}\n\
             [domain_realm]\n .{domain} = {name}\n localhost = {name}\n"
        );
        fs::write(folder.join("krb5.conf"), text)
    }
}

/// What keeps a realm going.
pub trait Running {
    /// The realm.
    fn realm(&self) -> &Realm;
}

impl<R: Running> Running for &R {
    fn realm(&self) -> &Realm {
        (**self).realm()
    }
}

/// Runs a test within a realm: `name` is the path of the test function, `start` starts the realm
/// and gives nothing if the test is to be skipped.
///
/// # Panics
/// If the test fails.
pub fn test<R: Running, F: Future<Output = ()>>(
    name: &str,
    start: impl FnOnce() -> Option<R>,
    body: impl FnOnce(Realm) -> F,
) {
    if let Some(realm) = Realm::inherited() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        return runtime.expect("a runtime").block_on(body(realm));
    }
    let Some(running) = start() else { return };
    let finished = again(name, running.realm()).expect("this test can be started once more");
    assert!(finished.success, "{name}: {finished}");
    // A name that is misspelt would run nothing.
    assert!(finished.output.contains("1 passed"), "there is no test {name:?}: {finished}");
    eprintln!("{}", finished.errors);
}

/// This program once more, for one test, within a realm.
fn again(name: &str, realm: &Realm) -> io::Result<Finished> {
    let log = realm.folder.join(format!("{}.log", name.replace(':', "_")));
    let errors = fs::File::create(&log)?;
    let mut command = Command::new(env::current_exe()?);
    command.args(["--exact", name, "--nocapture", "--include-ignored"]).envs(realm.environment());
    let mut child = command.stdin(Stdio::null()).stdout(errors.try_clone()?).stderr(errors).spawn()?;
    let start = Instant::now();
    let success = loop {
        if let Some(status) = child.try_wait()? {
            break status.success();
        }
        if start.elapsed() > LIMIT {
            child.kill()?;
            child.wait()?;
            break false;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    Ok(Finished { success, output: String::from_utf8_lossy(&fs::read(&log)?).into_owned(), errors: String::new() })
}

/// Where a program is.
fn find(program: Program) -> io::Result<PathBuf> {
    let missing = || io::Error::new(io::ErrorKind::NotFound, super::programs::missing(program.name, program.package));
    program.find().ok_or_else(missing)
}

/// Runs a command that reads what it needs.
fn fed(mut command: Command, input: &str) -> io::Result<()> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        writeln!(stdin, "{input}")?;
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    let program = Path::new(command.get_program()).display().to_string();
    Err(io::Error::other(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim())))
}
