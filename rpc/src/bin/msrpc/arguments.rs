//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use msrpc::{binding::StringBinding, epm::PORT};

use crate::known::Named;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the server answers no: interface not registered or not offered, call refused
  2  the command line is wrong
  3  the server cannot be reached
  4  authentication failed
  5  the other end does not speak RPC as it should

BINDING is a string binding: ncacn_ip_tcp:HOST[PORT,OPTION,…]. Without a port, the host's endpoint
mapper is asked. Options: sign, seal, packet, connect; ntlm or krb5 (instead of SPNEGO);
target_hostname=NAME, target_principal=CLASS/NAME (whom Kerberos expects); ndr32, ndr64; bigendian. HOST alone stands for ncacn_ip_tcp:HOST, and HOST:PORT for ncacn_ip_tcp:HOST[PORT].";

/// Asks RPC servers what they offer.
#[derive(Debug, Parser)]
#[command(name = "msrpc", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say on standard error what goes on; twice for every PDU.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
    /// Seconds to wait for connections and answers.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600), global = true)]
    timeout: u64,
}

impl Arguments {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List what a host's endpoint mapper knows.
    Endpoints(Endpoints),
    /// Find out whether a server answers for an interface, and how fast.
    Ping(Ping),
    /// Show what a server negotiates: transfer syntaxes, fragment sizes, features, authentication.
    Negotiate(Negotiate),
}

/// Arguments of `endpoints`.
#[derive(Debug, Args)]
pub(crate) struct Endpoints {
    /// The host, and the port of its endpoint mapper unless that is 135.
    #[arg(value_name = "HOST[:PORT]", value_parser = host_and_port)]
    pub(crate) host: (String, u16),
    /// Only this interface: a name, or UUID[,VERSION].
    #[arg(long, value_name = "NAME|UUID,VERSION")]
    pub(crate) interface: Option<Named>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `ping`.
#[derive(Debug, Args)]
pub(crate) struct Ping {
    /// The server.
    #[arg(value_name = "BINDING", value_parser = binding)]
    pub(crate) binding: StringBinding,
    /// The interface: a name, or UUID,VERSION. Without it, the management interface, which every
    /// server has.
    #[arg(long, value_name = "NAME|UUID,VERSION")]
    pub(crate) interface: Option<Named>,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// Arguments of `negotiate`.
#[derive(Debug, Args)]
pub(crate) struct Negotiate {
    /// The server.
    #[arg(value_name = "BINDING", value_parser = binding)]
    pub(crate) binding: StringBinding,
    /// The interface: a name, or UUID,VERSION. Without it, the management interface, which every
    /// server has.
    #[arg(long, value_name = "NAME|UUID,VERSION")]
    pub(crate) interface: Option<Named>,
    #[command(flatten)]
    pub(crate) access: Access,
}

/// How to get in.
#[derive(Debug, Args)]
pub(crate) struct Access {
    /// Authenticate as this user: by NTLM, or with --kerberos as this principal. The password is that
    /// of --password-file, or in the environment variable MSRPC_PASSWORD.
    #[arg(long, value_name = r"[DOMAIN\]USER|USER@REALM")]
    pub(crate) user: Option<String>,
    /// A file whose first line is the password.
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(crate) password_file: Option<PathBuf>,
    /// Authenticate by Kerberos: with the tickets of kinit, or as --user. The option krb5 in the
    /// binding does the same, without SPNEGO.
    #[arg(long, short)]
    pub(crate) kerberos: bool,
    /// Authenticate by Kerberos with the tickets in this cache.
    #[arg(long, value_name = "CACHE", conflicts_with = "user")]
    pub(crate) ccache: Option<String>,
    /// Authenticate by Kerberos with the key that --user has in this keytab.
    #[arg(long, value_name = "FILE", requires = "user", conflicts_with = "password_file")]
    pub(crate) keytab: Option<PathBuf>,
    /// Where Kerberos cannot be used, authenticate by NTLM with the same user and password.
    #[arg(long, requires = "user", conflicts_with = "keytab")]
    pub(crate) or_ntlm: bool,
    /// The TCP port of the host's endpoint mapper.
    #[arg(long, value_name = "PORT", default_value_t = PORT)]
    pub(crate) mapper: u16,
}

fn binding(text: &str) -> Result<StringBinding, String> {
    let text = match text.split_once(':') {
        _ if text.starts_with("nca") || text.contains('@') => text.to_owned(),
        // HOST:PORT, and no IPv6 address.
        Some((host, port)) if port.parse::<u16>().is_ok() => format!("ncacn_ip_tcp:{host}[{port}]"),
        _ => format!("ncacn_ip_tcp:{text}"),
    };
    text.parse().map_err(|error: msrpc::binding::BindingError| error.to_string())
}

fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let port = |port: &str| port.parse().map_err(|_| format!("{port:?} is no port"));
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        // [IPv6]:PORT
        return match rest.strip_prefix(':') {
            Some(number) => Ok((host.to_owned(), port(number)?)),
            None if rest.is_empty() => Ok((host.to_owned(), PORT)),
            None => Err("what follows the ] is no :PORT".to_owned()),
        };
    }
    match text.split_once(':') {
        Some((host, number)) if !number.contains(':') => Ok((host.to_owned(), port(number)?)),
        _ if text.is_empty() => Err("the host is empty".to_owned()),
        _ => Ok((text.to_owned(), PORT)),
    }
}
