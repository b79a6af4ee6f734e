//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use msrpc::binding::{Protocol, StringBinding};
use msrpc_cluster::fsrvp::{Context, ShareUnc, client::TimeOuts};
use msrpc_ndr::AuthLevel;
use uuid::Uuid;

use crate::{
    cluster::{
        ClusterCommand, GroupCommand, Managed, NetworkCommand, NodeCommand, QuorumCommand, RegistryCommand,
        ResourceCommand, ResourceTypeCommand, Watch,
    },
    names::{Target, share},
};

const AFTER: &str = "\
Exit codes:
    0  done
    1  the server refuses, or something else went wrong
    2  the command line is wrong
    3  the server cannot be reached
    4  access denied: user, password or permission
    5  not found: a share, a shadow copy or a set; a node, a group, a resource, a key
    6  not supported by the server
    7  busy: the server is making another shadow copy set; the node is paused or starting
    8  timed out
  130  interrupted

Passwords come from --password-file, from the environment variable CLUSCTL_PASSWORD, or from the
terminal; never from the command line, where others could read them.";

/// Manages failover clusters, and shadow copies of shares on file servers.
#[derive(Debug, Parser)]
#[command(name = "clusctl", version, after_help = AFTER, max_term_width = 100)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make, find and delete shadow copies of shares (File Server Remote VSS, MS-FSRVP)
    #[command(subcommand, visible_alias = "snap")]
    Snapshot(Snapshot),
    /// Show, rename and set up the cluster itself (failover clusters: ClusAPI, MS-CMRP)
    Cluster(Managed<ClusterCommand>),
    /// Show, pause, resume and evict nodes
    Node(Managed<NodeCommand>),
    /// Show, create, move groups, bring them online and offline
    Group(Managed<GroupCommand>),
    /// Show, create resources, bring them online and offline, say what they depend on
    Resource(Managed<ResourceCommand>),
    /// Show, register and remove resource types
    Resourcetype(Managed<ResourceTypeCommand>),
    /// Show and rename networks
    Network(Managed<NetworkCommand>),
    /// Read and write the cluster's registry
    Registry(Managed<RegistryCommand>),
    /// Show what decides whether the cluster may run
    Quorum(Managed<QuorumCommand>),
    Watch(Watch),
    /// Print a script that completes command lines in a shell
    #[command(after_help = "Example:\n  clusctl completions bash > /etc/bash_completion.d/clusctl")]
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// Options that every command has.
#[derive(Debug, Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Common {
    /// Authenticate as this user; without it as the one who is logged in, or whose tickets there are
    #[arg(short, long, value_name = r"[DOMAIN\]USER|USER@REALM", env = "CLUSCTL_USER", global = true)]
    pub(crate) user: Option<String>,
    /// Authenticate by Kerberos: with the tickets of kinit, or as --user with a password or a keytab.
    /// Never by NTLM instead, unless --or-ntlm says so
    #[arg(short, long, global = true)]
    pub(crate) kerberos: bool,
    /// Authenticate by Kerberos with the tickets in this cache
    #[arg(long, value_name = "CACHE", conflicts_with = "keytab", global = true)]
    pub(crate) ccache: Option<String>,
    /// Authenticate by Kerberos with the key that --user has in this keytab
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "password_file", global = true)]
    pub(crate) keytab: Option<PathBuf>,
    /// Where Kerberos cannot be used, authenticate by NTLM, with a password
    #[arg(long, conflicts_with = "keytab", global = true)]
    pub(crate) or_ntlm: bool,
    /// A file whose first line is the password; - for standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, global = true)]
    pub(crate) password_file: Option<PathBuf>,
    /// How calls are protected, on top of what SMB does. Servers ask for integrity at the least
    #[arg(long, value_enum, value_name = "LEVEL", global = true)]
    pub(crate) level: Option<Level>,
    /// Where to connect, whatever the names say.
    #[arg(
        long,
        value_name = "BINDING",
        value_parser = binding,
        global = true,
        help = "Connect here, whatever the names say: a string binding, ncacn_np:HOST[port=4450] or \
                ncacn_ip_tcp:HOST[PORT]"
    )]
    pub(crate) binding: Option<StringBinding>,
    /// Seconds to wait for a connection
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600), global = true)]
    pub(crate) connect_timeout: u64,
    /// Seconds to wait for the answer to any one call
    #[arg(long, value_name = "SECONDS", default_value_t = 180, value_parser = clap::value_parser!(u64).range(1..=86400), global = true)]
    pub(crate) call_timeout: u64,
    /// The file that remembers the sets made here [default: clusctl/snapshots.json in
    /// $XDG_STATE_HOME or ~/.local/state]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, env = "CLUSCTL_RECORD", global = true)]
    pub(crate) record: Option<PathBuf>,
    /// Print JSON: results on standard output, an error on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say on standard error what goes on; twice for every PDU
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
}

/// Levels of protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    /// Nothing but what SMB does
    None,
    /// The user is proven when connecting
    Connect,
    /// Every fragment proves where it comes from
    Packet,
    /// Signed
    #[value(alias = "sign")]
    Integrity,
    /// Signed and encrypted; the default
    #[value(alias = "seal")]
    Privacy,
}

impl From<Level> for AuthLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::None => Self::None,
            Level::Connect => Self::Connect,
            Level::Packet => Self::Packet,
            Level::Integrity => Self::Integrity,
            Level::Privacy => Self::Privacy,
        }
    }
}

/// What to do with shadow copies.
#[derive(Debug, Subcommand)]
pub(crate) enum Snapshot {
    /// Ask whether shares can be shadow copied, and which machine does it
    #[command(after_help = r"Example:
  clusctl snapshot support '\\fs1\data' //fs1/logs

Exits with 6 if one of them cannot.")]
    Support {
        /// The shares: \\SERVER\SHARE, or //SERVER/SHARE which needs no quotes.
        #[arg(value_name = "SHARE", required = true, value_parser = share)]
        shares: Vec<ShareUnc>,
    },
    /// Make shadow copies of shares, all at one time
    Create(Create),
    /// List shares, whether they have shadow copies, and where those are seen
    #[command(after_help = r"Examples:
  clusctl snapshot list //fs1           all shares of a server
  clusctl snapshot list //fs1/data      one of them
  clusctl snapshot list                 what was made from here

What can be known: the protocol has no list of shadow copies. The server says for a share whether there
are any at all. The shares that expose them are recognized by their names, SHARE@{ID}, among all shares
of the server (NetrShareEnum), and tell the shadow copy's identifier but not its set's. Sets are known
only to who made them: those made from here are in clusctl's record (--record).")]
    List {
        /// Servers, \\SERVER or //SERVER, or shares; without any, the sets in the record.
        #[arg(value_name = "SERVER|SHARE", value_parser = place)]
        places: Vec<Place>,
    },
    /// Show through which share a shadow copy is seen, and when it was made
    #[command(after_help = r"Examples:
  clusctl snapshot show //fs1/data --set SET --copy COPY
  clusctl snapshot show //fs1/data@{COPY}          for sets made from here
  clusctl snapshot show COPY                       likewise

Windows answers this only until a set is complete.")]
    Show(Selection),
    /// Complete a set that 'create --no-complete' has left exposed: it becomes read-only and stays
    #[command(after_help = r"Examples:
  clusctl snapshot complete SET                    for sets made from here
  clusctl snapshot complete //fs1/data --set SET")]
    Complete(Selection),
    /// Delete shadow copies; abort a set that is not complete
    #[command(after_help = r"Examples:
  clusctl snapshot delete //fs1/data@{COPY}        for sets made from here
  clusctl snapshot delete SET
  clusctl snapshot delete //fs1/data --set SET --copy COPY")]
    Delete(Selection),
}

/// Arguments of `create`.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  clusctl snapshot create '\\fs1\data'
  clusctl snapshot create //fs1/data //fs1/logs --separate
  clusctl snapshot create //fs1/data --writable --no-complete

A server makes one set at a time, with one share of each file store: for others give --separate.
Ctrl-C aborts what was begun; a second one leaves at once.")]
pub(crate) struct Create {
    /// The shares: \\SERVER\SHARE, or //SERVER/SHARE which needs no quotes.
    #[arg(value_name = "SHARE", required = true, value_parser = share)]
    pub(crate) shares: Vec<ShareUnc>,
    /// The kind of shadow copy
    #[arg(long, value_enum, value_name = "KIND", default_value_t = Kind::NasRollback)]
    kind: Kind,
    /// Let the exposed copies be written to until they are complete (ATTR_AUTO_RECOVERY)
    #[arg(long)]
    writable: bool,
    /// Make them read-only from the beginning (ATTR_NO_AUTO_RECOVERY)
    #[arg(long, conflicts_with = "writable")]
    read_only: bool,
    /// Leave the copies exposed, for 'complete' within 30 minutes
    #[arg(long)]
    pub(crate) no_complete: bool,
    /// Make a set for each share, one after the other: shares on one file store
    #[arg(long)]
    pub(crate) separate: bool,
    /// Seconds to try again for while the server is busy with another set
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=86400))]
    wait: u64,
    /// Seconds that the server may take to prepare
    #[arg(long, value_name = "SECONDS", default_value_t = 1800, value_parser = clap::value_parser!(u64).range(1..=86400))]
    prepare_timeout: u64,
    /// Seconds that the server may take to commit
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86400))]
    commit_timeout: u64,
    /// Seconds that the server may take to expose
    #[arg(long, value_name = "SECONDS", default_value_t = 1800, value_parser = clap::value_parser!(u64).range(1..=86400))]
    expose_timeout: u64,
}

impl Create {
    pub(crate) fn wait(&self) -> Duration {
        Duration::from_secs(self.wait)
    }

    pub(crate) fn context(&self) -> Context {
        let kind = match self.kind {
            Kind::Backup => Context::BACKUP,
            Kind::FileShareBackup => Context::FILE_SHARE_BACKUP,
            Kind::NasRollback => Context::NAS_ROLLBACK,
            Kind::AppRollback => Context::APP_ROLLBACK,
        };
        match (self.writable, self.read_only) {
            (true, _) => kind.with_auto_recovery(),
            (_, true) => kind.with_no_auto_recovery(),
            _ => kind,
        }
    }

    pub(crate) fn timeouts(&self, common: &Common) -> TimeOuts {
        TimeOuts {
            call: common.call_timeout(),
            prepare: Duration::from_secs(self.prepare_timeout),
            commit: Duration::from_secs(self.commit_timeout),
            expose: Duration::from_secs(self.expose_timeout),
        }
    }
}

/// Kinds of shadow copies (CONTEXT_VALUES of \[MS-FSRVP\] 2.2.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Not persistent, released by itself
    Backup,
    /// Not persistent, released by itself, without writers
    FileShareBackup,
    /// Persistent, not released by itself, without writers
    NasRollback,
    /// Persistent, not released by itself
    AppRollback,
}

/// Which shadow copies.
#[derive(Clone, Debug, Args)]
pub(crate) struct Selection {
    /// A share, an exposed share SHARE@{COPY}, or the identifier of a set or a shadow copy.
    #[arg(value_name = "SHARE|ID")]
    pub(crate) target: Option<Target>,
    /// The set's identifier
    #[arg(long, value_name = "ID", required_unless_present = "target")]
    pub(crate) set: Option<Uuid>,
    /// The shadow copy's identifier
    #[arg(long, value_name = "ID")]
    pub(crate) copy: Option<Uuid>,
}

/// A server or a share of it.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Server(String),
    Share(ShareUnc),
}

impl Common {
    pub(crate) fn call_timeout(&self) -> Duration {
        Duration::from_secs(self.call_timeout)
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout)
    }
}

fn place(text: &str) -> Result<Place, String> {
    let slashes = ['\\', '/'];
    if let Some(server) = text.strip_prefix(slashes).and_then(|text| text.strip_prefix(slashes)) {
        let server = server.trim_end_matches(slashes);
        if !server.is_empty() && !server.contains(slashes) {
            return Ok(Place::Server(server.to_owned()));
        }
    }
    share(text).map(Place::Share)
}

fn binding(text: &str) -> Result<StringBinding, String> {
    let mut binding: StringBinding = text.parse().map_err(|error: msrpc::binding::BindingError| error.to_string())?;
    match binding.protocol {
        Protocol::Tcp | Protocol::Local => {}
        Protocol::NamedPipe => {
            for option in &mut binding.options {
                if option.name.eq_ignore_ascii_case("port") {
                    option.name = "smb_port".to_owned();
                }
            }
        }
        ref other => return Err(format!("{other} cannot be spoken: write ncacn_np:HOST or ncacn_ip_tcp:HOST[PORT]")),
    }
    Ok(binding)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_port_of_smb_may_be_called_port() {
        let binding = binding("ncacn_np:127.0.0.1[port=4450]").unwrap();
        assert_eq!(binding.option("smb_port"), Some("4450"));
        assert!(super::binding("ncadg_ip_udp:h").is_err());
        assert!(super::binding("host").is_err());
    }

    #[test]
    fn places_are_servers_or_shares() {
        assert!(matches!(place("//fs1"), Ok(Place::Server(server)) if server == "fs1"));
        assert!(matches!(place(r"\\fs1\"), Ok(Place::Server(server)) if server == "fs1"));
        assert!(matches!(place("//fs1/data"), Ok(Place::Share(_))));
        assert!(place("fs1").is_err() && place("//").is_err());
    }
}
