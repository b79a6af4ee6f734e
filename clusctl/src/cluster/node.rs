//! `clusctl node`.

use clap::{Subcommand, ValueEnum};
use msrpc_cluster::clusapi_client::{Drain, Goal};
use msrpc_protocols::clusapi3::HnodeRpc;
use serde_json::json;

use super::{
    Desk,
    confirm::Confirm,
    property::{self, Assignments, PropertyCommand},
    state, view,
    wait::{Wait, pursue},
};
use crate::{failure::Failure, output};

/// What to do with nodes.
#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// List the nodes and their states
    #[command(after_help = "Example:\n  clusctl node list --server node1")]
    List,
    /// Show a node: its groups, its network interfaces
    #[command(after_help = "Example:\n  clusctl node show node1")]
    Show {
        /// The node's name or ID.
        node: String,
    },
    /// Pause a node: it takes no groups
    #[command(after_help = "Examples:
  clusctl node pause node1
  clusctl node pause node1 --drain           its groups go elsewhere
  clusctl node pause node1 --drain --to node2

Draining ends when the node has no groups any more; exits with 1 if some have nowhere to go.")]
    Pause {
        /// The node's name or ID.
        node: String,
        /// Move its groups to other nodes
        #[arg(long)]
        drain: bool,
        /// Move them to this node
        #[arg(long, value_name = "NODE", requires = "drain")]
        to: Option<String>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Resume a node that is paused
    #[command(after_help = "Example:\n  clusctl node resume node1")]
    Resume {
        /// The node's name or ID.
        node: String,
        /// Whether groups that were drained come back
        #[arg(long, value_enum, value_name = "WHEN")]
        failback: Option<Failback>,
    },
    /// Take a node out of the cluster
    #[command(after_help = "Example:\n  clusctl node evict node3 --yes")]
    Evict {
        /// The node's name or ID.
        node: String,
        #[command(flatten)]
        confirm: Confirm,
    },
    /// Set properties of a node
    #[command(after_help = "Example:\n  clusctl node set node1 NodeWeight=0")]
    Set {
        /// The node's name or ID.
        node: String,
        #[command(flatten)]
        assignments: Assignments,
    },
    /// Properties of a node
    #[command(subcommand, after_help = "Example:\n  clusctl node property list node1")]
    Property(PropertyCommand),
}

/// When groups come back.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Failback {
    /// They stay where they are
    Never = 0,
    /// At once
    Immediate = 1,
    /// As each group's failback window says
    Policy = 2,
}

pub(super) async fn run(command: &NodeCommand, desk: &mut Desk<'_>) -> Result<String, Failure> {
    match command {
        NodeCommand::List => {
            let nodes = desk.run(async |session| session.nodes().await).await?;
            if desk.common.json {
                let nodes: Vec<_> = nodes
                    .iter()
                    .map(|it| json!({ "name": it.name, "id": it.id, "state": state::node(it.state) }))
                    .collect();
                return Ok(output::json(&nodes));
            }
            let rows = nodes.into_iter().map(|it| [it.name, state::node(it.state), it.id]);
            Ok(output::table(["NODE", "STATE", "ID"], rows))
        }
        NodeCommand::Show { node } => show(desk, node).await,
        NodeCommand::Pause { node, drain: true, to, wait } => {
            pursue(desk, &Goal::NodeDrained { node: node.clone(), to: to.clone() }, *wait).await
        }
        NodeCommand::Pause { node, .. } => {
            desk.run(async |session| session.pause_node(node, Drain::No).await).await?;
            Ok(desk.done(format!("the node {node:?} is paused"), &json!({ "node": node, "state": "paused" })))
        }
        NodeCommand::Resume { node, failback } => {
            let failback = failback.map(|failback| failback as u32);
            desk.run(async |session| session.resume_node(node, failback).await).await?;
            Ok(desk.done(format!("the node {node:?} is resumed"), &json!({ "node": node, "state": "up" })))
        }
        NodeCommand::Evict { node, confirm } => {
            confirm.ask(&format!("Take the node {node} out of the cluster {}?", desk.client.info().name))?;
            desk.run(async |session| session.evict_node(node).await).await?;
            Ok(desk.done(format!("the node {node:?} is evicted"), &json!({ "evicted": node })))
        }
        NodeCommand::Set { node, assignments } => {
            let read = async |session: &super::Session, set| session.properties::<HnodeRpc>(node, set).await;
            property::set(desk, &format!("the node {node:?}"), assignments, read, async |session, set, list| {
                session.set_properties::<HnodeRpc>(node, set, list).await
            })
            .await
        }
        NodeCommand::Property(PropertyCommand::List { name }) => {
            let listed = desk.run(async |session| property::of_object::<HnodeRpc>(session, name).await).await?;
            Ok(property::show(&listed, desk.common.json))
        }
    }
}

async fn show(desk: &mut Desk<'_>, name: &str) -> Result<String, Failure> {
    let node = desk.run(async |session| session.node(name).await).await?;
    let groups = desk.run(async |session| session.node_groups(&node.name).await).await?;
    let interfaces = desk.run(async |session| session.node_interfaces(&node.name).await).await?;
    if desk.common.json {
        return Ok(output::json(&json!({
            "name": node.name,
            "id": node.id,
            "state": state::node(node.state),
            "groups": groups,
            "network_interfaces": interfaces,
        })));
    }
    Ok(view::fields(&[
        ("Name", node.name),
        ("ID", node.id),
        ("State", state::node(node.state)),
        ("Groups", groups.join(", ")),
        ("Network interfaces", interfaces.join(", ")),
    ]))
}
