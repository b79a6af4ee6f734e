//! `clusctl network`.

use clap::Subcommand;
use msrpc_protocols::clusapi3::HnetworkRpc;
use serde_json::json;

use super::{
    Desk,
    property::{self, Assignments, PropertyCommand},
    state, view,
};
use crate::{failure::Failure, output};

/// What to do with networks.
#[derive(Debug, Subcommand)]
pub(crate) enum NetworkCommand {
    /// List the networks and their states
    #[command(after_help = "Example:\n  clusctl network list --server node1")]
    List,
    /// Show a network and its interfaces
    #[command(after_help = "Example:\n  clusctl network show 'Cluster Network 1'")]
    Show {
        /// The network's name or ID.
        network: String,
    },
    /// Give a network another name
    #[command(after_help = "Example:\n  clusctl network rename 'Cluster Network 1' Heartbeat")]
    Rename {
        /// The network's name or ID.
        network: String,
        /// The new name.
        name: String,
    },
    /// Set properties of a network
    #[command(after_help = "Example:\n  clusctl network set Heartbeat Role=1")]
    Set {
        /// The network's name or ID.
        network: String,
        #[command(flatten)]
        assignments: Assignments,
    },
    /// Properties of a network
    #[command(subcommand, after_help = "Example:\n  clusctl network property list Heartbeat")]
    Property(PropertyCommand),
}

pub(super) async fn run(command: &NetworkCommand, desk: &mut Desk<'_>) -> Result<String, Failure> {
    match command {
        NetworkCommand::List => {
            let networks = desk.run(async |session| session.networks().await).await?;
            if desk.common.json {
                let networks: Vec<_> = networks
                    .iter()
                    .map(|it| json!({ "name": it.name, "id": it.id, "state": state::network(it.state) }))
                    .collect();
                return Ok(output::json(&networks));
            }
            let rows = networks.into_iter().map(|it| [it.name, state::network(it.state), it.id]);
            Ok(output::table(["NETWORK", "STATE", "ID"], rows))
        }
        NetworkCommand::Show { network } => show(desk, network).await,
        NetworkCommand::Rename { network, name } => {
            desk.run(async |session| session.rename_network(network, name).await).await?;
            Ok(desk.done(format!("the network {network:?} is called {name:?}"), &json!({ "name": name })))
        }
        NetworkCommand::Set { network, assignments } => {
            let read = async |session: &super::Session, set| session.properties::<HnetworkRpc>(network, set).await;
            let what = format!("the network {network:?}");
            property::set(desk, &what, assignments, read, async |session, set, list| {
                session.set_properties::<HnetworkRpc>(network, set, list).await
            })
            .await
        }
        NetworkCommand::Property(PropertyCommand::List { name }) => {
            let listed = desk.run(async |session| property::of_object::<HnetworkRpc>(session, name).await).await?;
            Ok(property::show(&listed, desk.common.json))
        }
    }
}

async fn show(desk: &mut Desk<'_>, name: &str) -> Result<String, Failure> {
    let network = desk.run(async |session| session.network(name).await).await?;
    let interfaces = desk.run(async |session| session.network_interfaces(&network.name).await).await?;
    if desk.common.json {
        let interfaces: Vec<_> = interfaces
            .iter()
            .map(|it| {
                json!({
                    "name": it.name,
                    "state": state::interface(it.state),
                    "node": it.node,
                    "address": it.address,
                })
            })
            .collect();
        return Ok(output::json(&json!({
            "name": network.name,
            "id": network.id,
            "state": state::network(network.state),
            "interfaces": interfaces,
        })));
    }
    let fields = view::fields(&[("Name", network.name), ("ID", network.id), ("State", state::network(network.state))]);
    let rows = interfaces.into_iter().map(|it| [it.name, state::interface(it.state), it.node, it.address]);
    Ok(format!("{fields}\n\n{}", output::table(["INTERFACE", "STATE", "NODE", "ADDRESS"], rows)))
}
