//! `clusctl resourcetype`.

use clap::Subcommand;
use serde_json::json;

use super::{
    Desk,
    confirm::Confirm,
    property::{self, PropertyCommand},
    view,
};
use crate::{failure::Failure, output};

/// What to do with resource types.
#[derive(Debug, Subcommand)]
pub(crate) enum ResourceTypeCommand {
    /// List the resource types
    #[command(after_help = "Example:\n  clusctl resourcetype list --server node1")]
    List,
    /// Show a resource type: the nodes that have it, its resources
    #[command(after_help = "Example:\n  clusctl resourcetype show 'Generic Application'")]
    Show {
        /// The type's name.
        resource_type: String,
    },
    /// Register a resource type
    #[command(after_help = "Example:\n  clusctl resourcetype create Mailer --dll mailer.dll")]
    Create {
        /// The type's name.
        resource_type: String,
        /// The file that has its code, on the nodes
        #[arg(long, value_name = "FILE")]
        dll: String,
        /// The name that people see [default: the type's name]
        #[arg(long, value_name = "NAME")]
        display_name: Option<String>,
        /// Milliseconds between two cheap looks at a resource
        #[arg(long, value_name = "MILLISECONDS", default_value_t = 5000)]
        looks_alive: u32,
        /// Milliseconds between two close looks at a resource
        #[arg(long, value_name = "MILLISECONDS", default_value_t = 60000)]
        is_alive: u32,
    },
    /// Remove a resource type
    #[command(after_help = "Example:\n  clusctl resourcetype delete Mailer --yes")]
    Delete {
        /// The type's name.
        resource_type: String,
        #[command(flatten)]
        confirm: Confirm,
    },
    /// Properties of a resource type
    #[command(subcommand, after_help = "Example:\n  clusctl resourcetype property list 'Generic Application'")]
    Property(PropertyCommand),
}

pub(super) async fn run(command: &ResourceTypeCommand, desk: &mut Desk<'_>) -> Result<String, Failure> {
    match command {
        ResourceTypeCommand::List => {
            let names = desk.run(async |session| session.resource_types().await).await?;
            if desk.common.json {
                return Ok(output::json(&names));
            }
            Ok(output::table(["RESOURCE TYPE"], names.into_iter().map(|name| [name])))
        }
        ResourceTypeCommand::Show { resource_type: name } => {
            let (nodes, resources) = desk.run(async |session| session.resource_type_uses(name).await).await?;
            if desk.common.json {
                let json = json!({ "name": name, "nodes": nodes, "resources": resources });
                return Ok(output::json(&json));
            }
            Ok(view::fields(&[
                ("Name", name.clone()),
                ("Nodes", nodes.join(", ")),
                ("Resources", resources.join(", ")),
            ]))
        }
        ResourceTypeCommand::Create { resource_type: name, dll, display_name, looks_alive, is_alive } => {
            let display = display_name.as_deref().unwrap_or(name);
            desk.run(async |session| session.create_resource_type(name, display, dll, *looks_alive, *is_alive).await)
                .await?;
            Ok(desk.done(format!("the resource type {name:?} is registered"), &json!({ "name": name })))
        }
        ResourceTypeCommand::Delete { resource_type: name, confirm } => {
            confirm.ask(&format!("Remove the resource type {name}?"))?;
            desk.run(async |session| session.delete_resource_type(name).await).await?;
            Ok(desk.done(format!("the resource type {name:?} is removed"), &json!({ "deleted": name })))
        }
        ResourceTypeCommand::Property(PropertyCommand::List { name }) => {
            let listed = desk
                .run(async |session| property::all(async |set| session.resource_type_properties(name, set).await).await)
                .await?;
            Ok(property::show(&listed, desk.common.json))
        }
    }
}
