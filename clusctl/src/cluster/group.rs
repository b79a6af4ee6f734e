//! `clusctl group`.

use clap::Subcommand;
use msrpc_cluster::clusapi_client::{Goal, Resource};
use msrpc_protocols::clusapi3::HgroupRpc;
use serde_json::json;

use super::{
    Desk,
    confirm::Confirm,
    property::{self, Assignments, PropertyCommand},
    state, tree, view,
    wait::{Wait, pursue},
};
use crate::{failure::Failure, output};

/// What to do with groups.
#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// List the groups, their states and the nodes that own them
    #[command(after_help = "Example:\n  clusctl group list --server node1")]
    List,
    /// Show a group and its resources
    #[command(after_help = "Examples:\n  clusctl group show 'Web Shop'\n  clusctl group show 'Web Shop' --tree")]
    Show {
        /// The group's name or ID.
        group: String,
        /// Show what its resources depend on
        #[arg(long)]
        tree: bool,
    },
    /// Create an empty group
    #[command(after_help = "Example:\n  clusctl group create 'Web Shop'")]
    Create {
        /// The group's name.
        group: String,
        /// The group's type, a number of CLUSGROUP_TYPE
        #[arg(long = "type", value_name = "NUMBER")]
        group_type: Option<u32>,
    },
    /// Delete a group
    #[command(after_help = "Example:\n  clusctl group delete 'Web Shop' --force --yes")]
    Delete {
        /// The group's name or ID.
        group: String,
        /// Take its resources offline and delete them too
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        confirm: Confirm,
    },
    /// Give a group another name
    #[command(after_help = "Example:\n  clusctl group rename 'Web Shop' Shop")]
    Rename {
        /// The group's name or ID.
        group: String,
        /// The new name.
        name: String,
    },
    /// Bring a group's resources online, and wait for that
    #[command(after_help = "Example:\n  clusctl group online 'Web Shop' --timeout 60")]
    Online {
        /// The group's name or ID.
        group: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Take a group's resources offline, and wait for that
    #[command(after_help = "Example:\n  clusctl group offline 'Web Shop'")]
    Offline {
        /// The group's name or ID.
        group: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Move a group to another node, and wait for that
    #[command(after_help = "Examples:\n  clusctl group move 'Web Shop'\n  clusctl group move 'Web Shop' --to node2")]
    Move {
        /// The group's name or ID.
        group: String,
        /// The node to move it to [default: the best other]
        #[arg(long, value_name = "NODE")]
        to: Option<String>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Set properties of a group
    #[command(after_help = "Examples:
  clusctl group set 'Web Shop' Priority=3000
  clusctl group set 'Web Shop' AntiAffinityClassNames=web AntiAffinityClassNames=shop")]
    Set {
        /// The group's name or ID.
        group: String,
        #[command(flatten)]
        assignments: Assignments,
    },
    /// Properties of a group
    #[command(subcommand, after_help = "Example:\n  clusctl group property list 'Web Shop'")]
    Property(PropertyCommand),
    /// Show or set the nodes that a group prefers
    #[command(after_help = "Examples:
  clusctl group owners 'Web Shop'
  clusctl group owners 'Web Shop' node2 node1     best first
  clusctl group owners 'Web Shop' --clear")]
    Owners {
        /// The group's name or ID.
        group: String,
        /// The nodes that it is to prefer, best first.
        nodes: Vec<String>,
        /// It prefers none
        #[arg(long, conflicts_with = "nodes")]
        clear: bool,
    },
}

pub(super) async fn run(command: &GroupCommand, desk: &mut Desk<'_>) -> Result<String, Failure> {
    match command {
        GroupCommand::List => list(desk).await,
        GroupCommand::Show { group, tree } => show(desk, group, *tree).await,
        GroupCommand::Create { group, group_type } => {
            let id = desk.run(async |session| session.create_group(group, *group_type).await).await?;
            Ok(desk.done(format!("the group {group:?} is created"), &json!({ "name": group, "id": id })))
        }
        GroupCommand::Delete { group, force, confirm } => {
            let more = if *force { " with all its resources" } else { "" };
            confirm.ask(&format!("Delete the group {group}{more}?"))?;
            desk.run(async |session| session.delete_group(group, *force).await).await?;
            Ok(desk.done(format!("the group {group:?} is deleted"), &json!({ "deleted": group })))
        }
        GroupCommand::Rename { group, name } => {
            desk.run(async |session| session.rename_group(group, name).await).await?;
            Ok(desk.done(format!("the group {group:?} is called {name:?}"), &json!({ "name": name })))
        }
        GroupCommand::Online { group, wait } => pursue(desk, &Goal::GroupOnline(group.clone()), *wait).await,
        GroupCommand::Offline { group, wait } => pursue(desk, &Goal::GroupOffline(group.clone()), *wait).await,
        GroupCommand::Move { group, to, wait } => {
            pursue(desk, &Goal::GroupMoved { group: group.clone(), to: to.clone() }, *wait).await
        }
        GroupCommand::Set { group, assignments } => {
            let read = async |session: &super::Session, set| session.properties::<HgroupRpc>(group, set).await;
            property::set(desk, &format!("the group {group:?}"), assignments, read, async |session, set, list| {
                session.set_properties::<HgroupRpc>(group, set, list).await
            })
            .await
        }
        GroupCommand::Property(PropertyCommand::List { name }) => {
            let listed = desk.run(async |session| property::of_object::<HgroupRpc>(session, name).await).await?;
            Ok(property::show(&listed, desk.common.json))
        }
        GroupCommand::Owners { group, nodes, clear } => owners(desk, group, nodes, *clear).await,
    }
}

async fn list(desk: &mut Desk<'_>) -> Result<String, Failure> {
    let groups = desk.run(async |session| session.groups().await).await?;
    if desk.common.json {
        let groups: Vec<_> = groups
            .iter()
            .map(|it| json!({ "name": it.name, "id": it.id, "state": state::group(it.state), "owner": it.owner }))
            .collect();
        return Ok(output::json(&groups));
    }
    let rows = groups.into_iter().map(|it| [it.name, state::group(it.state), it.owner, it.id]);
    Ok(output::table(["GROUP", "STATE", "OWNER", "ID"], rows))
}

async fn show(desk: &mut Desk<'_>, name: &str, with_tree: bool) -> Result<String, Failure> {
    let group = desk.run(async |session| session.group(name).await).await?;
    let names = desk.run(async |session| session.group_resources(&group.name).await).await?;
    let owners = desk.run(async |session| session.preferred_owners(&group.name).await).await?;
    if with_tree {
        let found = desk.run(async |session| session.tree(&names).await).await?;
        let tops = found.tops();
        if desk.common.json {
            let resources: Vec<_> = tops.iter().map(|name| tree::json(&found, name)).collect();
            return Ok(output::json(&json!({
                "name": group.name,
                "state": state::group(group.state),
                "owner": group.owner,
                "resources": resources,
            })));
        }
        let head = view::plain(&format!("{}: {} on {}", group.name, state::group(group.state), group.owner));
        return Ok(format!("{head}\n{}", tree::text(&found, &tops)));
    }
    let resources = desk.run(async |session| session.resources_named(&names).await).await?;
    if desk.common.json {
        return Ok(output::json(&json!({
            "name": group.name,
            "id": group.id,
            "state": state::group(group.state),
            "owner": group.owner,
            "preferred_owners": owners,
            "resources": resources.iter().map(super::resource::json).collect::<Vec<_>>(),
        })));
    }
    let fields = view::fields(&[
        ("Name", group.name),
        ("ID", group.id),
        ("State", state::group(group.state)),
        ("Owner", group.owner),
        ("Preferred owners", owners.join(", ")),
    ]);
    let rows =
        resources.into_iter().map(|Resource { name, type_name, state, .. }| [name, type_name, state::resource(state)]);
    Ok(format!("{fields}\n\n{}", output::table(["RESOURCE", "TYPE", "STATE"], rows)))
}

async fn owners(desk: &mut Desk<'_>, group: &str, nodes: &[String], clear: bool) -> Result<String, Failure> {
    if clear || !nodes.is_empty() {
        desk.run(async |session| session.set_preferred_owners(group, nodes).await).await?;
    }
    let owners = desk.run(async |session| session.preferred_owners(group).await).await?;
    let sentence = if owners.is_empty() {
        "no node is preferred".to_owned()
    } else {
        owners.iter().map(|owner| view::plain(owner)).collect::<Vec<_>>().join("\n")
    };
    Ok(desk.done(sentence, &json!({ "group": group, "preferred_owners": owners })))
}
