//! `clusctl cluster`, `node`, `group`, `resource`, `resourcetype`, `network`, `registry`, `quorum` and
//! `watch`: managing a failover cluster through ClusAPI (\[MS-CMRP\]).

mod confirm;
mod connect;
mod data;
pub(crate) mod failure;
mod group;
mod network;
mod node;
mod property;
mod registry;
mod resource;
mod resource_type;
mod state;
mod tree;
mod view;
mod wait;
mod watch;
mod whole;

use clap::{Args, Subcommand};
use msrpc::client::BoundChannel;
use msrpc_cluster::clusapi_client::{ClusterClient, ClusterError};

use self::connect::Nodes;
pub(crate) use self::{
    connect::Reach, group::GroupCommand, network::NetworkCommand, node::NodeCommand, registry::RegistryCommand,
    resource::ResourceCommand, resource_type::ResourceTypeCommand, watch::Watch, whole::ClusterCommand,
    whole::QuorumCommand,
};
use crate::{
    arguments::{Command, Common},
    failure::Failure,
};

/// A command for a cluster.
#[derive(Debug, Args)]
pub(crate) struct Managed<C: Subcommand> {
    #[command(flatten)]
    reach: Reach,
    /// What to do.
    #[command(subcommand)]
    command: C,
}

type Session = msrpc_cluster::clusapi_client::Session<BoundChannel>;

/// What every command works with.
struct Desk<'a> {
    common: &'a Common,
    client: ClusterClient<Nodes>,
}

impl<'a> Desk<'a> {
    async fn open(reach: &Reach, common: &'a Common) -> Result<Self, Failure> {
        Self::with(Nodes::new(reach, common)?, common).await
    }

    async fn with(nodes: Nodes, common: &'a Common) -> Result<Self, Failure> {
        let place = nodes.place();
        let client = ClusterClient::connect(nodes).await.map_err(|error| failure::of_connect(&error, &place))?;
        Ok(Self { common, client })
    }

    /// Asks the cluster for something.
    async fn run<T>(&mut self, operation: impl AsyncFn(&Session) -> Result<T, ClusterError>) -> Result<T, Failure> {
        let outcome = self.client.run(operation).await;
        outcome.map_err(|error| self.failure(&error))
    }

    fn failure(&self, error: &ClusterError) -> Failure {
        failure::of(error, &self.client.connector().place())
    }

    /// What a command prints that changed something: a sentence for people, an object for scripts.
    fn done(&self, sentence: String, json: &serde_json::Value) -> String {
        if self.common.json { crate::output::json(json) } else { sentence }
    }
}

/// Runs a command; gives what it prints.
pub(crate) async fn run(command: &Command, common: &Common) -> Result<String, Failure> {
    match command {
        Command::Cluster(it) => whole::run(&it.command, &mut Desk::open(&it.reach, common).await?).await,
        Command::Node(it) => node::run(&it.command, &mut Desk::open(&it.reach, common).await?).await,
        Command::Group(it) => group::run(&it.command, &mut Desk::open(&it.reach, common).await?).await,
        Command::Resource(it) => resource::run(&it.command, &mut Desk::open(&it.reach, common).await?).await,
        Command::Resourcetype(it) => resource_type::run(&it.command, &mut Desk::open(&it.reach, common).await?).await,
        Command::Network(it) => network::run(&it.command, &mut Desk::open(&it.reach, common).await?).await,
        Command::Registry(it) => registry::run(&it.command, &mut Desk::open(&it.reach, common).await?).await,
        Command::Quorum(it) => whole::quorum(&it.command, &mut Desk::open(&it.reach, common).await?).await,
        Command::Watch(it) => watch::run(it, common).await,
        Command::Snapshot(_) | Command::Completions { .. } => Ok(String::new()),
    }
}
