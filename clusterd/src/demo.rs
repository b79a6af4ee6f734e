//! `clusterd demo`: all that the daemon serves, in the foreground and on a temporary folder, so
//! that anyone can point a client at it.

use std::{
    fs, io,
    net::{IpAddr, SocketAddr},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use clap::Args;
use msrpc::auth::CredentialsFile;
use tempfile::TempDir;

use crate::{
    cluster::{forming::Description, store},
    config::{Cluster, Config, DataFolder, Kerberos, Principal, Provider, Samba, Share},
    daemon::{Daemon, DaemonError, Endpoints},
};

/// The share that there is without Samba.
const SHARE: &str = "data";
/// The cluster that it shows.
const CLUSTER: &str = include_str!("demo/cluster.toml");
/// The name of its node, this one.
const NODE: &str = "node1";
/// Where Debian has the program `btrfs`.
const BTRFS: [&str; 2] = ["/usr/bin/btrfs", "/sbin/btrfs"];

/// Options of the demo.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Where to listen: an address, or an address and a port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1", value_parser = listen_address)]
    pub listen: SocketAddr,

    /// Port of the endpoint mapper; 135 needs root and no Samba that has it
    #[arg(long, value_name = "PORT")]
    pub epm_port: Option<u16>,

    /// Samba's folder for pipe sockets, `np` in its `ncalrpc dir`: serves \pipe\FssagentRpc there too
    #[arg(long, value_name = "DIR")]
    pub np_dir: Option<PathBuf>,

    /// Samba's configuration, whose shares are served [default: a share of its own]
    #[arg(long, value_name = "FILE")]
    pub smb_conf: Option<PathBuf>,

    /// File to write the endpoints to, as JSON, when all is up
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,

    /// Folder for everything, which is kept [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Account that may log on
    #[arg(long, value_name = "NAME", default_value = "root")]
    pub user: String,

    /// Its password
    #[arg(long, value_name = "WORD", default_value = "Passw0rd")]
    pub password: String,

    /// Lets Kerberos in, with the keys in this file
    #[arg(long, value_name = "FILE")]
    pub keytab: Option<PathBuf>,

    /// One more administrator: user:NAME@REALM, or a SID; may be repeated
    #[arg(long, value_name = "WHO")]
    pub administrator: Vec<Principal>,
}

fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 0));
    address.or_else(|_| text.parse::<SocketAddr>()).map_err(|_| "expected an IP address, or IP:PORT".to_owned())
}

/// A demo that runs.
#[derive(Debug)]
pub struct Demo {
    daemon: Daemon,
    options: Options,
    config: Config,
    /// Removed with the demo.
    _folder: Option<TempDir>,
}

impl Demo {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// Says what is in the way.
    pub async fn start(options: Options) -> Result<Self, DaemonError> {
        let (folder, data) = data_folder(&options).map_err(|error| DaemonError::Data {
            path: options.data.clone().unwrap_or_else(std::env::temp_dir),
            error,
        })?;
        let mut config = configuration(&options, &data)?;
        let default_port = msrpc::epm::PORT;
        let mapper = |port| SocketAddr::new(options.listen.ip(), port);
        config.tcp.endpoint_mapper = match options.epm_port {
            Some(port) => vec![mapper(port)],
            // Not worth failing for, where nobody asked for it.
            None if std::net::TcpListener::bind(mapper(default_port)).is_ok() => vec![mapper(default_port)],
            None => Vec::new(),
        };
        form_cluster(&data)?;
        let daemon = match Daemon::start(&config, Some(accounts(&options)?)).await {
            // Another took the port since it was looked at.
            Err(DaemonError::Listen { .. }) if options.epm_port.is_none() && !config.tcp.endpoint_mapper.is_empty() => {
                config.tcp.endpoint_mapper.clear();
                Daemon::start(&config, Some(accounts(&options)?)).await?
            }
            daemon => daemon?,
        };
        let demo = Self { daemon, options, config, _folder: folder };
        demo.write_ready_file().map_err(DaemonError::Configuration)?;
        Ok(demo)
    }

    /// Where it can be reached.
    pub fn endpoints(&self) -> &Endpoints {
        self.daemon.endpoints()
    }

    /// Ends it.
    pub async fn stop(self) {
        self.daemon.stop().await;
        if let Some(path) = &self.options.ready_file {
            // What it says is no longer so.
            let _ = fs::remove_file(path);
        }
    }

    /// What a visitor wants to know.
    pub fn greeting(&self) -> String {
        let Endpoints { fsrvp, epmapper, clusapi, metrics } = self.endpoints();
        let mut lines = vec!["clusterd demo: a cluster, ClusAPI [MS-CMRP] 3.0, is served at".to_owned()];
        lines.extend(clusapi.iter().map(|binding| format!("    {binding}")));
        lines.push("File Server Remote VSS [MS-FSRVP] at".to_owned());
        lines.extend(fsrvp.iter().map(|binding| format!("    {binding}")));
        match epmapper.first() {
            Some(mapper) => lines.push(format!("and the endpoint mapper at\n    {mapper}")),
            None => lines.push(
                "without an endpoint mapper: port 135 cannot be had here (it needs root, and no other mapper);\n\
                 --epm-port PORT takes another"
                    .to_owned(),
            ),
        }
        let (user, password) = (&self.options.user, &self.options.password);
        lines.push(format!("\nAccount: {user}, password: {password}"));
        lines.push(format!("Data: {}{}", self.config.data.0.display(), self.fate()));
        match &self.options.smb_conf {
            Some(path) => lines.push(format!("Shares: those of {}", path.display())),
            None => lines.extend(self.config.fsrvp.share.iter().map(|share| {
                let exposed = self.config.data.0.join("exposed");
                format!("Share {}: {}\nExposed: links in {}", share.name, share.path.display(), exposed.display())
            })),
        }
        lines.extend(metrics.iter().map(|url| format!("Metrics: {url}")));
        lines.push("\nTry, from another terminal:\n".to_owned());
        lines.extend(self.commands().into_iter().map(|command| format!("    {command}")));
        lines.push("\nCtrl-C ends it.".to_owned());
        lines.join("\n")
    }

    /// Commands to try.
    fn commands(&self) -> Vec<String> {
        let (user, password) = (&self.options.user, &self.options.password);
        let Some(tcp) = self.endpoints().fsrvp.iter().find(|binding| binding.starts_with("ncacn_ip_tcp")) else {
            return Vec::new();
        };
        let share = match &self.options.smb_conf {
            Some(_) => "SHARE",
            None => SHARE,
        };
        let host = self.options.listen.ip();
        let clusctl = format!(
            "CLUSCTL_PASSWORD='{password}' clusctl snapshot create //{host}/{share} --user '{user}' --binding '{tcp}'"
        );
        let sealed = tcp.replace(']', ",seal]");
        let mut commands = vec![
            clusctl,
            format!("smbtorture -U '{user}%{password}' '{sealed}' rpc.fsrvp.fsrvp.get_version"),
            format!("smbtorture -U '{user}%{password}' '{sealed}' rpc.clusapi"),
        ];
        // rpcclient asks the mapper, and always at 135.
        let mapped = format!("[{}]", msrpc::epm::PORT);
        if self.endpoints().epmapper.iter().any(|mapper| mapper.ends_with(&mapped)) {
            let ask = format!("rpcclient -U '{user}%{password}' 'ncacn_ip_tcp:{host}[seal]' -c");
            commands.push(format!("{ask} clusapi_get_cluster_name"));
            commands.push(format!("{ask} fss_get_sup_version"));
            commands.push(format!("{ask} 'fss_create_expose backup ro {share}'"));
        }
        commands
    }

    fn fate(&self) -> &'static str {
        if self.options.data.is_some() { ", kept" } else { ", removed at the end" }
    }

    /// Written elsewhere first: whoever waits for the file finds it whole.
    fn write_ready_file(&self) -> Result<(), String> {
        let Some(path) = &self.options.ready_file else { return Ok(()) };
        let write = || -> io::Result<()> {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer_pretty(&mut file, self.endpoints())?;
            file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
            file.persist(path)?;
            Ok(())
        };
        write().map_err(|error| format!("cannot write {}: {error}", path.display()))
    }
}

fn data_folder(options: &Options) -> io::Result<(Option<TempDir>, PathBuf)> {
    match &options.data {
        Some(data) => {
            fs::create_dir_all(data)?;
            Ok((None, fs::canonicalize(data)?))
        }
        None => {
            let folder = tempfile::Builder::new().prefix("clusterd-demo-").tempdir()?;
            // Samba's users have to get to the snapshots.
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))?;
            let path = fs::canonicalize(folder.path())?;
            Ok((Some(folder), path))
        }
    }
}

fn configuration(options: &Options, data: &Path) -> Result<Config, DaemonError> {
    let mut config = Config { data: DataFolder(data.to_owned()), ..Config::default() };
    config.tcp.listen = vec![options.listen];
    // It is there to be tried, by one client as hard as it likes.
    config.limits.connections_per_client = config.limits.connections;
    config.metrics.listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let mut cluster = Cluster { node: Some(NODE.to_owned()), ..Cluster::default() };
    cluster.administrators.extend_from_slice(&options.administrator);
    config.cluster = Some(cluster);
    config.fsrvp.access.extend_from_slice(&options.administrator);
    if let Some(keytab) = &options.keytab {
        let keytab = std::path::absolute(keytab).map_err(|error| DaemonError::Data { path: keytab.clone(), error })?;
        config.kerberos = Some(Kerberos { keytab: Some(keytab), ..Kerberos::default() });
    }
    let snapshots = |kind: &str| data.join("snapshots").join(kind);
    let unmade = |path: PathBuf| move |error| DaemonError::Data { path, error };
    fs::create_dir_all(data.join("snapshots")).map_err(unmade(data.join("snapshots")))?;
    if let Some(program) = BTRFS.iter().map(PathBuf::from).find(|program| program.is_file()) {
        let name = "btrfs".to_owned();
        config.fsrvp.provider.push(Provider::Btrfs { name, snapshots: snapshots("btrfs"), program });
    }
    let (reflink, copy) = ("reflink".to_owned(), "copy".to_owned());
    config.fsrvp.provider.push(Provider::Reflink { name: reflink, snapshots: snapshots("reflink") });
    config.fsrvp.provider.push(Provider::Copy { name: copy, snapshots: snapshots("copy") });
    if options.smb_conf.is_some() || options.np_dir.is_some() {
        let mut samba = Samba::default();
        if let Some(path) = &options.smb_conf {
            samba.configuration = std::path::absolute(path).map_err(unmade(path.clone()))?;
        }
        // The listener wants the folder above.
        samba.ncalrpc_dir = options.np_dir.as_ref().map(|folder| match folder.file_name() {
            Some(name) if name == "np" => folder.parent().unwrap_or(folder).to_owned(),
            _ => folder.clone(),
        });
        samba.pipe = options.np_dir.is_some();
        config.samba = Some(samba);
    } else {
        let path = data.join("share");
        example_share(&path).map_err(unmade(path.clone()))?;
        config.fsrvp.share.push(Share { name: SHARE.to_owned(), path });
    }
    Ok(config)
}

/// A cluster to look at, unless a kept folder has one.
fn form_cluster(data: &Path) -> Result<(), DaemonError> {
    if data.join(store::FILE).exists() {
        return Ok(());
    }
    let description: Description =
        toml::from_str(CLUSTER).map_err(|error| DaemonError::Configuration(error.to_string()))?;
    description.form(data).map_err(|error| DaemonError::Configuration(error.to_string()))
}

/// A directory with something in it.
fn example_share(path: &Path) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    fs::create_dir_all(path.join("letters"))?;
    fs::write(path.join("readme.txt"), "Change this file, and find what it was in the shadow copy.\n")?;
    fs::write(path.join("letters/first.txt"), "Dear Sir or Madam,\n")
}

/// The account, an administrator.
fn accounts(options: &Options) -> Result<CredentialsFile, DaemonError> {
    let (user, password) = (&options.user, &options.password);
    let line = format!("{user}:sid=S-1-5-32-544:password:{password}\n");
    CredentialsFile::parse(line.as_bytes()).map_err(|errors| {
        let problems: Vec<_> = errors.iter().map(|error| error.problem.to_string()).collect();
        DaemonError::Configuration(format!("--user, --password: {}", problems.join("; ")))
    })
}
