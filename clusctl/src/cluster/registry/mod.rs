//! `clusctl registry`.

mod export;

use clap::Subcommand;
use msrpc_cluster::{clusapi_client::RegistryKey, cluster::registry::Value};
use serde_json::json;

use super::{
    Desk,
    confirm::Confirm,
    data::{Data, DataType},
    view::plain,
};
use crate::{
    failure::{Failure, Kind},
    output,
};

/// What to do with the cluster registry.
#[derive(Debug, Subcommand)]
#[command(after_help = r"Keys are paths from the registry's root: 'Groups\ID', or Groups/ID which needs no quotes.")]
pub(crate) enum RegistryCommand {
    /// List what is directly in a key
    #[command(after_help = "Examples:\n  clusctl registry ls\n  clusctl registry ls Groups")]
    Ls {
        /// The key; without it, the root.
        #[arg(default_value = "", hide_default_value = true, value_parser = key)]
        key: String,
    },
    /// Print a value
    #[command(after_help = "Examples:\n  clusctl registry get Groups/ID Name\n  clusctl registry get Software/Shop")]
    Get {
        /// The key.
        #[arg(value_parser = key)]
        key: String,
        /// The value; without it, the one that has no name.
        #[arg(default_value = "", hide_default_value = true)]
        value: String,
    },
    /// Set a value; its key is created
    #[command(after_help = "Examples:
  clusctl registry set Software/Shop Currency EUR
  clusctl registry set Software/Shop Limit 0x100 --type dword
  clusctl registry set Software/Shop Cities Paris Rome --type multi-sz
  clusctl registry set Software/Shop                                    the key only")]
    Set {
        /// The key.
        #[arg(value_parser = key)]
        key: String,
        /// The value; "" for the one that has no name.
        #[arg(requires = "data")]
        value: Option<String>,
        /// Its data: a text, a number (0x… in hexadecimal), hexadecimal digits; several of a multi-sz.
        #[arg(allow_negative_numbers = true)]
        data: Vec<String>,
        /// What the data is
        #[arg(long = "type", value_enum, value_name = "TYPE", default_value_t = DataType::Sz)]
        data_type: DataType,
    },
    /// Delete a value or a key
    #[command(after_help = "Examples:
  clusctl registry delete Software/Shop Limit
  clusctl registry delete Software/Shop --recursive --yes")]
    Delete {
        /// The key.
        #[arg(value_parser = key)]
        key: String,
        /// The value; without it, the key itself.
        value: Option<String>,
        /// Delete the keys below it too
        #[arg(short, long, conflicts_with = "value")]
        recursive: bool,
        #[command(flatten)]
        confirm: Confirm,
    },
    /// Print a key with all keys below it
    #[command(after_help = "Example:\n  clusctl registry tree Groups --depth 1 --values")]
    Tree {
        /// The key; without it, the root.
        #[arg(default_value = "", hide_default_value = true, value_parser = key)]
        key: String,
        /// How many levels of keys
        #[arg(long, value_name = "LEVELS")]
        depth: Option<usize>,
        /// Print values too
        #[arg(long)]
        values: bool,
    },
    /// Print a key with all below it in the format of registry files (.reg)
    #[command(after_help = "Example:\n  clusctl registry export > cluster.reg")]
    Export {
        /// The key; without it, the root.
        #[arg(default_value = "", hide_default_value = true, value_parser = key)]
        key: String,
    },
}

/// A path with the separators of the registry. Where there are such, slashes are part of names.
fn key(text: &str) -> Result<String, String> {
    let path = if text.contains('\\') { text.to_owned() } else { text.replace('/', "\\") };
    let path = path.trim_matches('\\');
    if path.split('\\').any(str::is_empty) && !path.is_empty() {
        return Err("a key's name is empty".to_owned());
    }
    Ok(path.to_owned())
}

/// What a value without a name is called.
fn label(name: &str) -> String {
    if name.is_empty() { "(default)".to_owned() } else { name.to_owned() }
}

fn json_values(values: &[(String, Value)]) -> Vec<serde_json::Value> {
    let values = values.iter().map(|(name, value)| {
        let data = Data::from(value);
        json!({ "name": name, "type": data.kind.name(), "data": data.json() })
    });
    values.collect()
}

fn json_tree(key: &RegistryKey) -> serde_json::Value {
    json!({
        "name": key.name,
        "values": json_values(&key.values),
        "keys": key.keys.iter().map(json_tree).collect::<Vec<_>>(),
    })
}

pub(super) async fn run(command: &RegistryCommand, desk: &mut Desk<'_>) -> Result<String, Failure> {
    match command {
        RegistryCommand::Ls { key } => list(desk, key).await,
        RegistryCommand::Get { key, value } => {
            let found = desk.run(async |session| session.value(key, value).await).await?;
            let data = Data::from(&found);
            let json = json!({ "key": key, "name": value, "type": data.kind.name(), "data": data.json() });
            Ok(desk.done(data.lines(), &json))
        }
        RegistryCommand::Set { key, value: None, .. } => {
            let created = desk.run(async |session| session.make_key(key).await).await?;
            let how = if created { "created" } else { "there already" };
            Ok(desk.done(format!("the key {key:?} is {how}"), &json!({ "key": key, "created": created })))
        }
        RegistryCommand::Set { key, value: Some(value), data, data_type } => {
            let data = Data::parse(*data_type, data).map_err(|error| Failure::new(Kind::Usage, error))?;
            let json = json!({ "key": key, "name": value, "type": data.kind.name(), "data": data.json() });
            let data = data.into();
            let created = desk.run(async |session| session.set_value(key, value, &data).await).await?;
            let new = if created { " in a new key" } else { "" };
            Ok(desk.done(format!("{key}: the value {:?} is set{new}", label(value)), &json))
        }
        RegistryCommand::Delete { key, value: Some(value), confirm, .. } => {
            confirm.ask(&format!("Delete the value {} of the key {key}?", label(value)))?;
            desk.run(async |session| session.delete_value(key, value).await).await?;
            let json = json!({ "key": key, "deleted_value": value });
            Ok(desk.done(format!("{key}: the value {:?} is deleted", label(value)), &json))
        }
        RegistryCommand::Delete { key, value: None, recursive, confirm } => {
            let more = if *recursive { " with all below it" } else { "" };
            confirm.ask(&format!("Delete the key {key}{more}?"))?;
            desk.run(async |session| session.delete_key(key, *recursive).await).await?;
            Ok(desk.done(format!("the key {key:?} is deleted"), &json!({ "deleted_key": key })))
        }
        RegistryCommand::Tree { key, depth, values } => {
            let depth = depth.unwrap_or(usize::MAX);
            let tree = desk.run(async |session| session.read_tree(key, depth).await).await?;
            if desk.common.json {
                return Ok(output::json(&json_tree(&tree)));
            }
            let root = if key.is_empty() { r"\" } else { key };
            let mut lines = vec![plain(root)];
            draw(&tree, "", *values, &mut lines);
            Ok(lines.join("\n"))
        }
        RegistryCommand::Export { key } => {
            let tree = desk.run(async |session| session.read_tree(key, usize::MAX).await).await?;
            Ok(if desk.common.json { output::json(&json_tree(&tree)) } else { export::text(key, &tree) })
        }
    }
}

async fn list(desk: &mut Desk<'_>, key: &str) -> Result<String, Failure> {
    let listing = desk.run(async |session| session.list_key(key).await).await?;
    if desk.common.json {
        let json = json!({ "key": key, "keys": listing.keys, "values": json_values(&listing.values) });
        return Ok(output::json(&json));
    }
    if listing.keys.is_empty() && listing.values.is_empty() {
        return Ok(format!("the key {key:?} is empty"));
    }
    let keys = listing.keys.into_iter().map(|name| [format!("{name}\\"), "key".to_owned(), String::new()]);
    let values = listing.values.into_iter().map(|(name, value)| {
        let data = Data::from(&value);
        [label(&name), data.kind.name(), data.text()]
    });
    Ok(output::table(["NAME", "TYPE", "DATA"], keys.chain(values)))
}

fn draw(key: &RegistryKey, indent: &str, with_values: bool, lines: &mut Vec<String>) {
    let values: &[(String, Value)] = if with_values { &key.values } else { &[] };
    let count = values.len() + key.keys.len();
    let marks = |index: usize| if index + 1 == count { ("└── ", "    ") } else { ("├── ", "│   ") };
    for (index, (name, value)) in values.iter().enumerate() {
        let data = Data::from(value);
        let line = format!("{} = {}: {}", label(name), data.kind.name(), data.text());
        lines.push(format!("{indent}{}{}", marks(index).0, plain(&line)));
    }
    for (index, below) in key.keys.iter().enumerate() {
        let (mark, space) = marks(values.len() + index);
        lines.push(format!("{indent}{mark}{}", plain(&below.name)));
        draw(below, &format!("{indent}{space}"), with_values, lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_may_be_written_with_slashes() {
        assert_eq!(key("Groups/ID/").unwrap(), r"Groups\ID");
        assert_eq!(key(r"\Software\a/b").unwrap(), r"Software\a/b");
        assert_eq!(key("").unwrap(), "");
        assert!(key(r"a\\b").is_err());
    }
}
