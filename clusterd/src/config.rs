//! The daemon's configuration: a TOML file. `packaging/clusterd.toml` explains it.

mod cluster;
mod kerberos;
mod limits;

use std::{
    fmt, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use msrpc_cluster::fsrvp::server::AccessPolicy;
use serde::{Deserialize, Deserializer, de};

pub use cluster::Cluster;
pub use kerberos::Kerberos;
pub use limits::Limits;

/// Where the file is unless somebody says otherwise.
pub const DEFAULT_PATH: &str = "/etc/clusterd/clusterd.toml";

/// A configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The folder for what the daemon keeps.
    pub data: DataFolder,
    /// Accounts that may log on within RPC (NTLM): over TCP, and in pipes if they like. See
    /// `msrpc::auth::CredentialsFile`.
    pub credentials: Option<PathBuf>,
    /// Kerberos, if those who have a ticket may log on within RPC.
    pub kerberos: Option<Kerberos>,
    /// What it logs.
    pub log: Log,
    /// Samba on this host, whose shares are served and whose pipes carry the calls.
    pub samba: Option<Samba>,
    /// RPC over TCP.
    pub tcp: Tcp,
    /// What clients may use of it.
    pub limits: Limits,
    /// Its counters.
    pub metrics: Metrics,
    /// FSRVP. It is served where there is a provider.
    pub fsrvp: Fsrvp,
    /// ClusAPI, if this host is a node of a cluster.
    pub cluster: Option<Cluster>,
}

/// The folder for what the daemon keeps: `/var/lib/clusterd`.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct DataFolder(pub PathBuf);

impl Default for DataFolder {
    fn default() -> Self {
        Self(PathBuf::from("/var/lib/clusterd"))
    }
}

/// What is logged.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// How much: a level, or directives as `info,msrpc=debug`.
    pub level: String,
    /// As what.
    pub format: LogFormat,
}

impl Default for Log {
    /// `info`, as text.
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text }
    }
}

/// The log's format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// An object on each line.
    Json,
}

/// Samba on this host.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Samba {
    /// Its configuration file.
    pub configuration: PathBuf,
    /// Its `ncalrpc dir`; asked from Samba where it is left out.
    pub ncalrpc_dir: Option<PathBuf>,
    /// Whether to serve the pipe; without it only TCP is left.
    pub pipe: bool,
    /// Whether calls over its pipes count as protected by SMB.
    pub pipe_trust: PipeTrust,
    /// The folder with its programs.
    pub programs: PathBuf,
}

impl Default for Samba {
    /// Debian's paths.
    fn default() -> Self {
        Self {
            configuration: PathBuf::from("/etc/samba/smb.conf"),
            ncalrpc_dir: None,
            pipe: true,
            pipe_trust: PipeTrust::default(),
            programs: PathBuf::from("/usr/bin"),
        }
    }
}

/// Whether calls over Samba's pipes count as protected by SMB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PipeTrust {
    /// At integrity, at privacy where SMB is encrypted.
    #[default]
    Smb,
    /// Only those over encrypted SMB.
    Encrypted,
    /// None: callers have to authenticate within the pipe.
    None,
}

/// RPC over TCP; off unless it has an address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tcp {
    /// Addresses to listen on; port 0 lets the system choose.
    pub listen: Vec<SocketAddr>,
    /// Where the endpoint mapper listens.
    pub endpoint_mapper: Vec<SocketAddr>,
}

/// Counters for Prometheus; off unless there is an address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// The address to answer `GET /metrics` on, over plain HTTP; port 0 lets the system choose.
    pub listen: Option<SocketAddr>,
}

/// FSRVP.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fsrvp {
    /// Administrators and backup operators.
    pub access: Vec<Principal>,
    /// The name that clients are told to reach this server by.
    pub machine_name: Option<String>,
    /// Divides the protocol's timers; for tests that would wait for them.
    pub faster_by: u32,
    /// What makes snapshots; the first that can is taken.
    pub provider: Vec<Provider>,
    /// Shares, where there is no Samba.
    pub share: Vec<Share>,
}

impl Default for Fsrvp {
    fn default() -> Self {
        let access = AccessPolicy::default().sids.into_iter().map(Principal::Sid).collect();
        Self { access, machine_name: None, faster_by: 1, provider: Vec::new(), share: Vec::new() }
    }
}

/// Somebody who may call: a SID, `user:NAME`, `user:DOMAIN\NAME`, `user:NAME@REALM`, `uid:N`,
/// `group:NAME` or `gid:N`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// An account or group.
    Sid(String),
    /// An account's name, as authentication says it.
    User(String),
    /// A group of this host.
    Group(String),
}

impl<'de> Deserialize<'de> for Principal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl FromStr for Principal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| {
            format!(
                "expected S-1-…, user:NAME, user:DOMAIN\\NAME, user:NAME@REALM, uid:NUMBER, group:NAME or \
                 gid:NUMBER, found {text:?}"
            )
        })
    }
}

impl Principal {
    /// A SID, or an account's name. `what` is where it stands.
    fn resolve(&self, what: &str) -> Result<String, String> {
        match self {
            Self::Sid(text) | Self::User(text) => Ok(text.clone()),
            Self::Group(name) => match nix::unistd::Group::from_name(name) {
                Ok(Some(group)) => Ok(format!("S-1-22-2-{}", group.gid)),
                Ok(None) => Err(format!("{what}: this host has no group {name}")),
                Err(error) => Err(format!("{what}: group {name} cannot be looked up: {error}")),
            },
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let is_sid = |text: &str| {
            text.strip_prefix("S-1-").is_some_and(|rest| rest.split('-').all(|part| part.parse::<u64>().is_ok()))
        };
        match text.split_once(':') {
            None => is_sid(text).then(|| Self::Sid(text.to_owned())),
            Some((_, "")) => None,
            Some(("user", name)) => Some(Self::User(match name.rsplit_once('@') {
                Some((name, realm)) if !name.is_empty() && !realm.is_empty() => format!("{realm}\\{name}"),
                _ => name.to_owned(),
            })),
            Some(("group", name)) => Some(Self::Group(name.to_owned())),
            // As Samba writes users and groups of the host.
            Some(("uid", id)) => id.parse::<u32>().ok().map(|id| Self::Sid(format!("S-1-22-1-{id}"))),
            Some(("gid", id)) => id.parse::<u32>().ok().map(|id| Self::Sid(format!("S-1-22-2-{id}"))),
            Some(_) => None,
        }
    }
}

/// What makes snapshots. Sets in the store refer to its name, which must not change while there
/// are any.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum Provider {
    /// Snapshots of btrfs subvolumes.
    Btrfs {
        /// Its name.
        name: String,
        /// A folder on the same btrfs as the shares.
        snapshots: PathBuf,
        /// The program `btrfs`.
        #[serde(default = "btrfs")]
        program: PathBuf,
    },
    /// Clones of directories, file by file, on XFS or btrfs.
    Reflink {
        /// Its name.
        name: String,
        /// A folder on the same file system as the shares.
        snapshots: PathBuf,
    },
    /// Copies of directories.
    Copy {
        /// Its name.
        name: String,
        /// A folder anywhere but in a share.
        snapshots: PathBuf,
    },
    /// An administrator's program.
    Command {
        /// Its name.
        name: String,
        /// Its path.
        program: PathBuf,
        /// Arguments in front of those of the operation.
        #[serde(default)]
        arguments: Vec<String>,
        /// How long a call may take, in seconds (600).
        #[serde(default = "ten_minutes")]
        timeout: u64,
    },
}

impl Provider {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Btrfs { name, .. }
            | Self::Reflink { name, .. }
            | Self::Copy { name, .. }
            | Self::Command { name, .. } => name,
        }
    }

    /// The folder that it keeps its snapshots in, if it has one.
    pub fn snapshots(&self) -> Option<&Path> {
        match self {
            Self::Btrfs { snapshots, .. } | Self::Reflink { snapshots, .. } | Self::Copy { snapshots, .. } => {
                Some(snapshots)
            }
            Self::Command { .. } => None,
        }
    }

    /// The program that it calls, if any.
    pub fn program(&self) -> Option<&Path> {
        match self {
            Self::Btrfs { program, .. } | Self::Command { program, .. } => Some(program),
            Self::Reflink { .. } | Self::Copy { .. } => None,
        }
    }
}

fn btrfs() -> PathBuf {
    PathBuf::from("/usr/bin/btrfs")
}

fn ten_minutes() -> u64 {
    600
}

/// A share, where there is no Samba.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Its name.
    pub name: String,
    /// The directory that it shows.
    pub path: PathBuf,
}

/// Why a configuration was refused.
#[derive(Debug)]
pub enum ConfigError {
    /// The file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// It is not TOML, or has what nobody knows.
    Syntax(PathBuf, Box<toml::de::Error>),
    /// Things in it do not fit; all of them are told.
    Unfit(PathBuf, Vec<String>),
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::Syntax(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Unfit(path, reasons) => {
                let lines: Vec<_> = reasons.iter().map(|reason| format!("{}: {reason}", path.display())).collect();
                f.write_str(&lines.join("\n"))
            }
        }
    }
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Says what is wrong where, and what is expected there.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|error| ConfigError::Unreadable(path.to_owned(), error))?;
        let config: Self =
            toml::from_str(&text).map_err(|error| ConfigError::Syntax(path.to_owned(), Box::new(error)))?;
        let unfit = config.unfit();
        if unfit.is_empty() { Ok(config) } else { Err(ConfigError::Unfit(path.to_owned(), unfit)) }
    }

    /// What does not fit together.
    fn unfit(&self) -> Vec<String> {
        let mut unfit = Vec::new();
        let mut absolute = |what: &str, path: &Path| {
            if !path.is_absolute() {
                unfit.push(format!("{what} is {}: expected an absolute path", path.display()));
            }
        };
        absolute("data", &self.data.0);
        if let Some(Kerberos { keytab, replay_cache, .. }) = &self.kerberos {
            keytab.iter().for_each(|path| absolute("kerberos.keytab", path));
            replay_cache.iter().for_each(|path| absolute("kerberos.replay_cache", path));
        }
        if let Some(samba) = &self.samba {
            absolute("samba.configuration", &samba.configuration);
            absolute("samba.programs", &samba.programs);
        }
        for provider in &self.fsrvp.provider {
            let what = |field: &str| format!("{field} of provider {}", provider.name());
            provider.snapshots().into_iter().for_each(|path| absolute(&what("snapshots"), path));
            provider.program().into_iter().for_each(|path| absolute(&what("program"), path));
        }
        for Share { name, path } in &self.fsrvp.share {
            absolute(&format!("path of share {name}"), path);
        }
        self.unfit_names(&mut unfit);
        unfit.extend(self.limits.unfit());
        if !self.samba.as_ref().is_some_and(|samba| samba.pipe) && self.tcp.listen.is_empty() {
            unfit.push(
                "nothing to listen on: expected a section [samba] with its pipe, or addresses in tcp.listen".to_owned(),
            );
        }
        if !self.tcp.listen.is_empty() && self.credentials.is_none() && self.kerberos.is_none() {
            unfit.push("tcp.listen without credentials and without [kerberos]: nobody could log on".to_owned());
        }
        if self.cluster.is_some() && self.tcp.listen.is_empty() {
            unfit.push("[cluster] without tcp.listen: ClusAPI is a protocol over TCP".to_owned());
        }
        if !self.tcp.endpoint_mapper.is_empty() && self.tcp.listen.is_empty() {
            unfit.push("tcp.endpoint_mapper without tcp.listen: it would have nothing to tell".to_owned());
        }
        unfit
    }

    fn unfit_names(&self, unfit: &mut Vec<String>) {
        if self.fsrvp.provider.is_empty() && self.cluster.is_none() {
            unfit.push("neither a [[fsrvp.provider]] that could make snapshots nor a [cluster] to serve".to_owned());
        }
        if self.samba.is_some() && !self.fsrvp.share.is_empty() {
            unfit.push("[samba] and [[fsrvp.share]] exclude each other: Samba knows its shares".to_owned());
        }
        let mut seen: Vec<String> = Vec::new();
        let mut once = |what: &str, name: &str| {
            let key = format!("{what} {}", name.to_lowercase());
            if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
                unfit.push(format!(
                    "{what} has the name {name:?}: expected one without slashes that begins with no dot"
                ));
            } else if seen.contains(&key) {
                unfit.push(format!("two of {what} have the name {name}"));
            }
            seen.push(key);
        };
        self.fsrvp.provider.iter().for_each(|provider| once("fsrvp.provider", provider.name()));
        self.fsrvp.share.iter().for_each(|share| once("fsrvp.share", &share.name));
    }
}

impl Fsrvp {
    /// Who may call.
    ///
    /// # Errors
    ///
    /// If a group is not known here.
    pub fn policy(&self) -> Result<AccessPolicy, String> {
        let mut policy = AccessPolicy { sids: Vec::new(), users: Vec::new() };
        for principal in &self.access {
            let resolved = principal.resolve("fsrvp.access")?;
            match principal {
                Principal::User(_) => policy.users.push(resolved),
                Principal::Sid(_) | Principal::Group(_) => policy.sids.push(resolved),
            }
        }
        Ok(policy)
    }
}
