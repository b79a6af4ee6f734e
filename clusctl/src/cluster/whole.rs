//! `clusctl cluster` and `clusctl quorum`.

use clap::Subcommand;
use serde_json::json;

use super::{
    Desk,
    property::{self, Assignments},
    state, view,
};
use crate::{failure::Failure, output};

/// What to do with the cluster.
#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Show the cluster: its name, versions, quorum, nodes and groups
    #[command(after_help = "Example:\n  clusctl cluster show --server node1")]
    Show,
    /// Give the cluster another name
    #[command(after_help = "Example:\n  clusctl cluster rename PAYROLL")]
    Rename {
        /// The new name.
        name: String,
    },
    /// Show the version of the node that answers, and of the cluster
    #[command(after_help = "Example:\n  clusctl cluster version --json")]
    Version,
    /// Properties of the cluster
    #[command(subcommand, after_help = "Example:\n  clusctl cluster property list")]
    Property(ClusterPropertyCommand),
    /// Set properties of the cluster
    #[command(after_help = "Example:\n  clusctl cluster set SameSubnetDelay=2000")]
    Set(Assignments),
}

/// What to do with the cluster's properties.
#[derive(Debug, Subcommand)]
pub(crate) enum ClusterPropertyCommand {
    /// List the cluster's properties, common and private
    List,
}

/// What to do with the quorum.
#[derive(Debug, Subcommand)]
pub(crate) enum QuorumCommand {
    /// Show what decides whether the cluster may run
    #[command(after_help = "Example:\n  clusctl quorum show")]
    Show,
}

pub(super) async fn run(command: &ClusterCommand, desk: &mut Desk<'_>) -> Result<String, Failure> {
    match command {
        ClusterCommand::Show => show(desk).await,
        ClusterCommand::Version => version(desk).await,
        ClusterCommand::Rename { name } => {
            let later = desk.run(async |session| session.rename_cluster(name).await).await?;
            let when = if later { "; its name resource takes the name when it next comes online" } else { "" };
            let json = json!({ "name": name, "counts_when_next_online": later });
            Ok(desk.done(format!("the cluster is called {name:?}{when}"), &json))
        }
        ClusterCommand::Property(ClusterPropertyCommand::List) => {
            let listed = desk
                .run(async |session| property::all(async |set| session.cluster_properties(set).await).await)
                .await?;
            Ok(property::show(&listed, desk.common.json))
        }
        ClusterCommand::Set(wanted) => {
            property::set(
                desk,
                "the cluster",
                wanted,
                async |session, set| session.cluster_properties(set).await,
                async |session, set, list| session.set_cluster_properties(set, list).await,
            )
            .await
        }
    }
}

async fn show(desk: &mut Desk<'_>) -> Result<String, Failure> {
    let info = desk.run(async |session| session.info().await).await?;
    let version = desk.run(async |session| session.version().await).await?;
    let quorum = desk.run(async |session| session.quorum().await).await?;
    let nodes = desk.run(async |session| session.nodes().await).await?;
    let groups = desk.run(async |session| session.groups().await).await?;
    if desk.common.json {
        let nodes: Vec<_> = nodes.iter().map(|it| json!({ "name": it.name, "state": state::node(it.state) })).collect();
        let groups: Vec<_> = groups
            .iter()
            .map(|it| json!({ "name": it.name, "state": state::group(it.state), "owner": it.owner }))
            .collect();
        return Ok(output::json(&json!({
            "name": info.name,
            "answered_by": info.node,
            "version": number(&version),
            "vendor": version.vendor,
            "quorum_resource": quorum.resource,
            "nodes": nodes,
            "groups": groups,
        })));
    }
    let count = |states: Vec<String>| {
        let mut words: Vec<(String, usize)> = Vec::new();
        for state in states {
            match words.iter_mut().find(|(word, _)| *word == state) {
                Some((_, count)) => *count += 1,
                None => words.push((state, 1)),
            }
        }
        let words: Vec<_> = words.iter().map(|(word, count)| format!("{count} {word}")).collect();
        words.join(", ")
    };
    Ok(view::fields(&[
        ("Name", info.name),
        ("Answered by", info.node),
        ("Version", format!("{} {}", number(&version), version.vendor)),
        ("Quorum", quorum_word(&quorum.resource).to_owned()),
        ("Nodes", count(nodes.iter().map(|it| state::node(it.state)).collect())),
        ("Groups", count(groups.iter().map(|it| state::group(it.state)).collect())),
    ]))
}

fn number(version: &msrpc_cluster::clusapi_client::Version) -> String {
    format!("{}.{}.{}", version.major, version.minor, version.build)
}

fn quorum_word(resource: &str) -> &str {
    if resource.is_empty() { "majority of nodes" } else { resource }
}

async fn version(desk: &mut Desk<'_>) -> Result<String, Failure> {
    let version = desk.run(async |session| session.version().await).await?;
    let pair = |(major, minor): (u16, u16)| format!("{major}.{minor}");
    if desk.common.json {
        return Ok(output::json(&json!({
            "major": version.major,
            "minor": version.minor,
            "build": version.build,
            "vendor": version.vendor,
            "csd": version.csd,
            "cluster_highest": pair(version.highest),
            "cluster_lowest": pair(version.lowest),
            "mixed": version.is_mixed,
        })));
    }
    Ok(view::fields(&[
        ("Version", number(&version)),
        ("Vendor", version.vendor),
        ("Service pack", version.csd),
        ("Cluster functions", pair(version.highest)),
        ("Nodes may join from", pair(version.lowest)),
        ("Mixed versions", if version.is_mixed { "yes" } else { "no" }.to_owned()),
    ]))
}

pub(super) async fn quorum(command: &QuorumCommand, desk: &mut Desk<'_>) -> Result<String, Failure> {
    let QuorumCommand::Show = command;
    let quorum = desk.run(async |session| session.quorum().await).await?;
    if desk.common.json {
        return Ok(output::json(&json!({
            "resource": quorum.resource,
            "device": quorum.device,
            "max_log_size": quorum.max_log_size,
        })));
    }
    Ok(view::fields(&[
        ("Decided by", quorum_word(&quorum.resource).to_owned()),
        ("Device", quorum.device),
        ("Type or log size", quorum.max_log_size.to_string()),
    ]))
}
