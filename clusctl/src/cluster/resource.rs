//! `clusctl resource`.

use clap::Subcommand;
use msrpc_cluster::{
    clusapi_client::{Goal, Resource},
    cluster::dependency::Expression,
};
use msrpc_protocols::clusapi3::HresRpc;
use serde_json::json;

use super::{
    Desk,
    confirm::Confirm,
    property::{self, Assignments, PropertyCommand},
    state, tree, view,
    wait::{Wait, pursue},
};
use crate::{
    failure::{Failure, Kind},
    output,
};

/// What to do with resources.
#[derive(Debug, Subcommand)]
pub(crate) enum ResourceCommand {
    /// List the resources, their types, states and groups
    #[command(
        after_help = "Examples:\n  clusctl resource list --server node1\n  clusctl resource list --group 'Web Shop'"
    )]
    List {
        /// Those of this group only
        #[arg(long, value_name = "GROUP")]
        group: Option<String>,
    },
    /// Show a resource and what it depends on
    #[command(
        after_help = "Examples:\n  clusctl resource show 'Web Server'\n  clusctl resource show 'Web Server' --tree"
    )]
    Show {
        /// The resource's name or ID.
        resource: String,
        /// Show what it depends on, and what that depends on
        #[arg(long)]
        tree: bool,
    },
    /// Create a resource in a group
    #[command(
        after_help = "Example:\n  clusctl resource create 'Web Server' --group 'Web Shop' --type 'Generic Application'"
    )]
    Create {
        /// The resource's name.
        resource: String,
        /// The group that it is to be in
        #[arg(long, value_name = "GROUP")]
        group: String,
        /// The resource's type; 'clusctl resourcetype list' lists them
        #[arg(long = "type", value_name = "TYPE")]
        type_name: String,
        /// Give it a monitor of its own
        #[arg(long)]
        separate_monitor: bool,
    },
    /// Delete a resource
    #[command(after_help = "Example:\n  clusctl resource delete 'Web Server' --yes")]
    Delete {
        /// The resource's name or ID.
        resource: String,
        #[command(flatten)]
        confirm: Confirm,
    },
    /// Give a resource another name
    #[command(after_help = "Example:\n  clusctl resource rename 'Web Server' nginx")]
    Rename {
        /// The resource's name or ID.
        resource: String,
        /// The new name.
        name: String,
    },
    /// Bring a resource online with all that it depends on, and wait for that
    #[command(after_help = "Example:\n  clusctl resource online 'Web Server'")]
    Online {
        /// The resource's name or ID.
        resource: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Take a resource offline with all that depend on it, and wait for that
    #[command(after_help = "Example:\n  clusctl resource offline 'Network Name' --no-wait")]
    Offline {
        /// The resource's name or ID.
        resource: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Let a resource fail, as if it had been found not to work
    #[command(after_help = "Example:\n  clusctl resource fail 'Web Server'")]
    Fail {
        /// The resource's name or ID.
        resource: String,
    },
    /// Take a resource offline and bring it online again, and wait for that
    #[command(after_help = "Example:\n  clusctl resource restart 'Web Server'")]
    Restart {
        /// The resource's name or ID.
        resource: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Put a resource into another group
    #[command(after_help = "Example:\n  clusctl resource move-to 'Nightly Report' 'Web Shop'")]
    MoveTo {
        /// The resource's name or ID.
        resource: String,
        /// The group's name or ID.
        group: String,
    },
    /// What a resource depends on
    #[command(subcommand)]
    Dependency(DependencyCommand),
    /// Set properties of a resource, common or private
    #[command(after_help = "Examples:
  clusctl resource set 'Web Server' RestartDelay=1000 Description='The shop'
  clusctl resource set 'Web Server' CommandLine='/usr/sbin/nginx' --private")]
    Set {
        /// The resource's name or ID.
        resource: String,
        #[command(flatten)]
        assignments: Assignments,
    },
    /// Properties of a resource
    #[command(subcommand, after_help = "Example:\n  clusctl resource property list 'Web Server'")]
    Property(PropertyCommand),
}

/// What to do with dependencies.
#[derive(Debug, Subcommand)]
pub(crate) enum DependencyCommand {
    /// Show what a resource depends on
    #[command(after_help = "Example:\n  clusctl resource dependency show 'Web Server'")]
    Show {
        /// The resource's name or ID.
        resource: String,
    },
    /// Set all that a resource depends on
    #[command(after_help = "Examples:
  clusctl resource dependency set 'Web Server' '([Network Name]) and ([IP 1] or [IP 2])'
  clusctl resource dependency set 'Web Server' ''           it depends on nothing")]
    Set {
        /// The resource's name or ID.
        resource: String,
        /// Names or IDs in brackets, sets in parentheses with "or", "and" between them.
        expression: String,
    },
    /// Let a resource depend on another
    #[command(after_help = "Example:\n  clusctl resource dependency add 'Web Server' 'Network Name'")]
    Add {
        /// The resource's name or ID.
        resource: String,
        /// What it is to depend on.
        provider: String,
    },
    /// Let a resource no longer depend on another
    #[command(after_help = "Example:\n  clusctl resource dependency remove 'Web Server' 'Network Name'")]
    Remove {
        /// The resource's name or ID.
        resource: String,
        /// What it is no longer to depend on.
        provider: String,
    },
}

pub(super) async fn run(command: &ResourceCommand, desk: &mut Desk<'_>) -> Result<String, Failure> {
    match command {
        ResourceCommand::List { group } => list(desk, group.as_deref()).await,
        ResourceCommand::Show { resource, tree } => show(desk, resource, *tree).await,
        ResourceCommand::Create { resource, group, type_name, separate_monitor } => {
            let id = desk
                .run(async |session| session.create_resource(group, resource, type_name, *separate_monitor).await)
                .await?;
            let json = json!({ "name": resource, "id": id, "group": group, "type": type_name });
            Ok(desk.done(format!("the resource {resource:?} is created in the group {group:?}"), &json))
        }
        ResourceCommand::Delete { resource, confirm } => {
            confirm.ask(&format!("Delete the resource {resource}?"))?;
            desk.run(async |session| session.delete_resource(resource).await).await?;
            Ok(desk.done(format!("the resource {resource:?} is deleted"), &json!({ "deleted": resource })))
        }
        ResourceCommand::Rename { resource, name } => {
            desk.run(async |session| session.rename_resource(resource, name).await).await?;
            Ok(desk.done(format!("the resource {resource:?} is called {name:?}"), &json!({ "name": name })))
        }
        ResourceCommand::Online { resource, wait } => {
            pursue(desk, &Goal::ResourceOnline(resource.clone()), *wait).await
        }
        ResourceCommand::Offline { resource, wait } => {
            pursue(desk, &Goal::ResourceOffline(resource.clone()), *wait).await
        }
        ResourceCommand::Fail { resource } => {
            desk.run(async |session| session.fail_resource(resource).await).await?;
            let sentence = format!("the resource {resource:?} has failed; its restart policy says what comes now");
            Ok(desk.done(sentence, &json!({ "failed": resource })))
        }
        ResourceCommand::Restart { resource, wait } => {
            pursue(desk, &Goal::ResourceRestarted(resource.clone()), *wait).await
        }
        ResourceCommand::MoveTo { resource, group } => {
            desk.run(async |session| session.change_resource_group(resource, group).await).await?;
            let json = json!({ "name": resource, "group": group });
            Ok(desk.done(format!("the resource {resource:?} is in the group {group:?}"), &json))
        }
        ResourceCommand::Dependency(command) => dependency(command, desk).await,
        ResourceCommand::Set { resource, assignments } => {
            let read = async |session: &super::Session, set| session.properties::<HresRpc>(resource, set).await;
            let what = format!("the resource {resource:?}");
            property::set(desk, &what, assignments, read, async |session, set, list| {
                session.set_properties::<HresRpc>(resource, set, list).await
            })
            .await
        }
        ResourceCommand::Property(PropertyCommand::List { name }) => {
            let listed = desk.run(async |session| property::of_object::<HresRpc>(session, name).await).await?;
            Ok(property::show(&listed, desk.common.json))
        }
    }
}

/// A resource as lists show it.
pub(super) fn json(resource: &Resource) -> serde_json::Value {
    json!({
        "name": resource.name,
        "id": resource.id,
        "type": resource.type_name,
        "state": state::resource(resource.state),
        "group": resource.group,
        "owner": resource.owner,
    })
}

async fn list(desk: &mut Desk<'_>, group: Option<&str>) -> Result<String, Failure> {
    let resources = match group {
        Some(group) => {
            let names = desk.run(async |session| session.group_resources(group).await).await?;
            desk.run(async |session| session.resources_named(&names).await).await?
        }
        None => desk.run(async |session| session.resources().await).await?,
    };
    if desk.common.json {
        return Ok(output::json(&resources.iter().map(json).collect::<Vec<_>>()));
    }
    let rows =
        resources.into_iter().map(|it| [it.name, it.type_name, state::resource(it.state), it.group, it.owner, it.id]);
    Ok(output::table(["RESOURCE", "TYPE", "STATE", "GROUP", "OWNER", "ID"], rows))
}

async fn show(desk: &mut Desk<'_>, name: &str, with_tree: bool) -> Result<String, Failure> {
    let resource = desk.run(async |session| session.resource(name).await).await?;
    if with_tree {
        // By its name as others depend on it: what was given may be its ID.
        let found = desk.run(async |session| session.tree(std::slice::from_ref(&resource.name)).await).await?;
        return Ok(if desk.common.json {
            output::json(&tree::json(&found, &resource.name))
        } else {
            tree::text(&found, &[&resource.name])
        });
    }
    let name = &resource.name;
    let depends = desk.run(async |session| session.dependency_expression(name).await).await?;
    let dependents = desk.run(async |session| session.dependents(name).await).await?;
    let owners = desk.run(async |session| session.possible_owners(name).await).await?;
    if desk.common.json {
        let mut value = json(&resource);
        if let Some(object) = value.as_object_mut() {
            object.insert("depends_on".to_owned(), json!(depends));
            object.insert("dependents".to_owned(), json!(dependents));
            object.insert("possible_owners".to_owned(), json!(owners));
        }
        return Ok(output::json(&value));
    }
    Ok(view::fields(&[
        ("Name", resource.name),
        ("ID", resource.id),
        ("Type", resource.type_name),
        ("State", state::resource(resource.state)),
        ("Group", resource.group),
        ("Owner", resource.owner),
        ("Depends on", depends),
        ("Dependents", dependents.join(", ")),
        ("Possible owners", owners.join(", ")),
    ]))
}

async fn dependency(command: &DependencyCommand, desk: &mut Desk<'_>) -> Result<String, Failure> {
    let resource = match command {
        DependencyCommand::Show { resource } => resource,
        DependencyCommand::Set { resource, expression } => {
            Expression::parse(expression)
                .map_err(|error| Failure::new(Kind::Usage, format_args!("{error}: write '([A]) and ([B] or [C])'")))?;
            desk.run(async |session| session.set_dependency_expression(resource, expression).await).await?;
            resource
        }
        DependencyCommand::Add { resource, provider } => {
            desk.run(async |session| session.add_dependency(resource, provider).await).await?;
            resource
        }
        DependencyCommand::Remove { resource, provider } => {
            desk.run(async |session| session.remove_dependency(resource, provider).await).await?;
            resource
        }
    };
    let expression = desk.run(async |session| session.dependency_expression(resource).await).await?;
    let sentence = if expression.is_empty() {
        format!("the resource {resource:?} depends on nothing")
    } else {
        view::plain(&expression)
    };
    Ok(desk.done(sentence, &json!({ "resource": resource, "depends_on": expression })))
}
