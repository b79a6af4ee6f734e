//! Connections to the nodes of a cluster.

use std::time::Duration;

use clap::Args;
use msrpc::{
    binding::{Protocol, StringBinding},
    client::{BoundChannel, ConnectError},
};
use msrpc_cluster::clusapi_client::{Connector, Target};
use msrpc_ndr::AuthLevel;
use msrpc_protocols::clusapi3::clusapi;

use crate::{
    arguments::Common,
    connect::builder,
    credentials::{self, Login},
    failure::{Failure, Kind},
};

/// The class of a node's Kerberos principal (\[MS-CMRP\] 2.1).
const SERVICE_CLASS: &str = "MSServerClusterMgmtAPI";

/// Which cluster.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Cluster options")]
pub(crate) struct Reach {
    /// A node of the cluster, or the cluster's name; --binding names an endpoint instead
    #[arg(short, long, value_name = "HOST", env = "CLUSCTL_SERVER", global = true)]
    server: Option<String>,
    /// The port of the server's endpoint mapper
    #[arg(long, value_name = "PORT", default_value_t = msrpc::epm::PORT, global = true)]
    epm_port: u16,
}

/// Connects to nodes as the user wants it.
#[derive(Debug)]
pub(crate) struct Nodes {
    login: Login,
    binding: StringBinding,
    level: AuthLevel,
    timeout: Duration,
    /// `None` where answers may be long in coming.
    call_timeout: Option<Duration>,
    epm_port: u16,
}

impl Nodes {
    pub(super) fn new(reach: &Reach, common: &Common) -> Result<Self, Failure> {
        let binding = match (&common.binding, &reach.server) {
            (Some(binding), _) => binding.clone(),
            (None, Some(server)) if !server.is_empty() => of_host(server),
            (None, _) => {
                let message = "which cluster? Give --server HOST (or set CLUSCTL_SERVER), or --binding";
                return Err(Failure::new(Kind::Usage, message));
            }
        };
        let level = common.level.map(AuthLevel::from).or(binding.auth_level()).unwrap_or(AuthLevel::Privacy);
        Ok(Self {
            login: credentials::find(common)?,
            binding,
            level,
            timeout: common.connect_timeout(),
            call_timeout: Some(common.call_timeout()),
            epm_port: reach.epm_port,
        })
    }

    /// The same for calls that wait for something to happen.
    pub(super) fn patient(self) -> Self {
        Self { call_timeout: None, ..self }
    }

    /// What the user wrote, for messages.
    pub(super) fn place(&self) -> String {
        let StringBinding { host, endpoint, .. } = &self.binding;
        endpoint.as_ref().map_or_else(|| host.clone(), |endpoint| format!("{host}[{endpoint}]"))
    }

    fn binding(&self, target: Target<'_>) -> StringBinding {
        match target {
            // One endpoint is one node, whatever it is called.
            Target::Named(host) if self.binding.endpoint.is_none() => {
                StringBinding { host: host.to_owned(), ..self.binding.clone() }
            }
            _ => self.binding.clone(),
        }
    }
}

fn of_host(host: &str) -> StringBinding {
    StringBinding { object: None, protocol: Protocol::Tcp, host: host.to_owned(), endpoint: None, options: Vec::new() }
}

impl Connector for Nodes {
    type Channel = BoundChannel;
    type Error = ConnectError;

    async fn connect(&self, target: Target<'_>) -> Result<BoundChannel, ConnectError> {
        let builder = builder(self.binding(target), &self.login, self.level, self.timeout);
        let channel =
            builder.service_class(SERVICE_CLASS).mapper_port(self.epm_port).connect(&clusapi::INTERFACE).await?;
        Ok(channel.with_timeout(self.call_timeout))
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
