//! Forming a cluster: `clusterd init`, and the one that the demo shows.

use std::{
    fs,
    path::{Path, PathBuf},
};

use msrpc_cluster::{
    cluster::{
        form::{Form, NetworkForm, ResourceTypeForm, UNKNOWN_GROUP_TYPE, first_node},
        machine::{Cluster, Command},
        objects::{Kind, layout},
        registry::{KeyId, Name, Path as KeyPath, Registry, Value},
        state::ServerState,
    },
    security::SecurityDescriptor,
};
use serde::Deserialize;
use uuid::Uuid;

use super::store::{self, EmbeddedStore};
use crate::database::FileError;

/// All rights for administrators and the system, to look for users.
const SECURITY: &str = "O:BAG:BAD:(A;;GA;;;BA)(A;;GA;;;SY)(A;;GR;;;BU)";

/// What a cluster begins with, as an administrator writes it down (TOML).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The cluster's name: a DNS label, at most 63 characters.
    pub name: String,
    /// The first node's name; the host's where it is left out.
    #[serde(default)]
    pub node: Option<String>,
    /// The cluster's own address, for a resource "Cluster IP Address".
    #[serde(default)]
    pub address: Option<String>,
    /// The cluster security descriptor, as SDDL.
    #[serde(default = "default_security")]
    pub security: String,
    /// Networks. One on the loopback address if there is none.
    #[serde(default)]
    pub network: Vec<Network>,
    /// Groups.
    #[serde(default)]
    pub group: Vec<Group>,
    /// Group sets.
    #[serde(default)]
    pub group_set: Vec<GroupSet>,
}

fn default_security() -> String {
    SECURITY.to_owned()
}

/// A network.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// This node's address on it.
    pub address: String,
}

/// A group.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Whether it is brought online.
    #[serde(default)]
    pub online: bool,
    /// Its resources.
    #[serde(default)]
    pub resource: Vec<Resource>,
}

/// A group set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSet {
    /// Its name.
    pub name: String,
    /// Names of groups that are in it.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// A resource.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// The name of its type.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// Names of resources of the group, before it, that it depends on.
    #[serde(default)]
    pub depends: Vec<String>,
    /// Private properties: strings and numbers.
    #[serde(default)]
    pub parameters: toml::Table,
}

/// Why a cluster is not formed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormError {
    /// The description cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The description is not one.
    #[error("{}: {error}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: Box<toml::de::Error>,
    },
    /// Something in it cannot be.
    #[error("{0}")]
    Unfit(String),
    /// The store cannot be made.
    #[error(transparent)]
    Store(#[from] FileError),
}

impl Description {
    /// Reads a description.
    ///
    /// # Errors
    ///
    /// Says what is wrong where.
    pub fn load(path: &Path) -> Result<Self, FormError> {
        let text = fs::read_to_string(path).map_err(|error| FormError::Unreadable { path: path.to_owned(), error })?;
        toml::from_str(&text).map_err(|error| FormError::Syntax { path: path.to_owned(), error: Box::new(error) })
    }

    /// Forms the cluster in a data folder.
    ///
    /// # Errors
    ///
    /// Fails if something of it cannot be, or there is a cluster already.
    pub fn form(&self, data: &Path) -> Result<(), FormError> {
        let registry = self.registry()?;
        Ok(EmbeddedStore::create(&data.join(store::FILE), &registry)?)
    }

    /// The registry of the new cluster.
    fn registry(&self) -> Result<Registry, FormError> {
        let unfit = |what: String| FormError::Unfit(what);
        let security: SecurityDescriptor =
            self.security.parse().map_err(|error| unfit(format!("security {:?}: {error}", self.security)))?;
        let node_name = self.node.clone().unwrap_or_else(crate::host_name);
        let loopback = [Network { name: "Cluster Network 1".to_owned(), address: "127.0.0.1".to_owned() }];
        let networks = if self.network.is_empty() { &loopback[..] } else { &self.network };
        let networks = networks.iter().enumerate().map(|(index, network)| NetworkForm {
            name: network.name.clone(),
            interface: match index {
                0 => format!("{node_name} - Ethernet"),
                _ => format!("{node_name} - Ethernet {}", index + 1),
            },
            address: network.address.clone(),
        });
        let resource_types = crate::cluster::hosting::TYPES
            .iter()
            .map(|name| ResourceTypeForm { name: (*name).to_owned(), dll_name: "clusterd".to_owned() });
        // Known so that tools find them, though no node here can host one.
        let elsewhere = ["Physical Disk", "Storage Pool"]
            .map(|name| ResourceTypeForm { name: name.to_owned(), dll_name: "clusres.dll".to_owned() });
        let form = Form {
            cluster_name: self.name.clone(),
            node_name: node_name.clone(),
            address: self.address.clone(),
            security,
            networks: networks.collect(),
            resource_types: resource_types.chain(elsewhere).collect(),
        };
        let now = 0;
        let (registry, _changes) =
            form.registry(now, Uuid::new_v4).map_err(|error| unfit(format!("cluster {}: {error}", self.name)))?;
        let mut cluster = Cluster::new(registry, first_node());
        self.group.iter().try_for_each(|group| group.form(&mut cluster, now))?;
        self.group_set.iter().try_for_each(|set| set.form(&mut cluster, now))?;
        Ok(cluster.registry().clone())
    }
}

fn name(text: &str) -> Result<Name, FormError> {
    Name::of_value(&text.into()).map_err(|error| FormError::Unfit(format!("name {text:?}: {error}")))
}

fn new_id() -> Name {
    layout::name(&Uuid::new_v4().to_string())
}

impl GroupSet {
    fn form(&self, cluster: &mut Cluster, now: u64) -> Result<(), FormError> {
        let unfit = |error| FormError::Unfit(format!("group set {}: {error}", self.name));
        let id = new_id();
        cluster
            .apply(Command::CreateGroupSet { id: id.clone(), name: name(&self.name)? }, now)
            .map_err(|error| unfit(error.to_string()))?;
        for group in &self.groups {
            let found = cluster.objects().find(Kind::Group, &name(group)?).map(|group| group.id.clone());
            let found = found.ok_or_else(|| unfit(format!("there is no group {group}")))?;
            let command = Command::AddGroupToSet(id.clone(), found, false);
            cluster.apply(command, now).map_err(|error| unfit(error.to_string()))?;
        }
        Ok(())
    }
}

impl Group {
    fn form(&self, cluster: &mut Cluster, now: u64) -> Result<(), FormError> {
        let apply = |cluster: &mut Cluster, what: &str, command| {
            cluster
                .apply(command, now)
                .map_err(|error| FormError::Unfit(format!("{what} of group {}: {error}", self.name)))
        };
        let group = match cluster.objects().find(Kind::Group, &name(&self.name)?) {
            Some(group) => group.id.clone(),
            None => {
                let id = new_id();
                let command =
                    Command::CreateGroup { id: id.clone(), name: name(&self.name)?, group_type: UNKNOWN_GROUP_TYPE };
                apply(cluster, "name", command)?;
                id
            }
        };
        for resource in &self.resource {
            let what = format!("resource {}", resource.name);
            let id = new_id();
            let command = Command::CreateResource {
                id: id.clone(),
                group: group.clone(),
                name: name(&resource.name)?,
                resource_type: name(&resource.resource_type)?,
                separate_monitor: false,
            };
            apply(cluster, &what, command)?;
            let missing = |other: &str| FormError::Unfit(format!("{what}: there is no resource {other} before it"));
            for provider in &resource.depends {
                let found = cluster.objects().by_name(Kind::Resource, &name(provider)?);
                let found = found.ok_or_else(|| missing(provider))?.id.clone();
                apply(cluster, &what, Command::AddDependency(id.clone(), found))?;
            }
            let key = cluster.objects().by_id(Kind::Resource, &id).map_or(KeyId::ROOT, |object| object.key);
            let parameters = KeyPath::new(layout::PARAMETERS).unwrap_or_default();
            let parameters = cluster.registry().find(key, &parameters).map_err(|_| missing(layout::PARAMETERS))?;
            for (parameter, given) in &resource.parameters {
                let value = match given {
                    toml::Value::String(text) => Some(Value::string(text)),
                    toml::Value::Integer(number) => u32::try_from(*number).ok().map(Value::dword),
                    toml::Value::Boolean(yes) => Some(Value::dword(u32::from(*yes))),
                    _ => None,
                };
                let value = value.ok_or_else(|| {
                    FormError::Unfit(format!("{what}: parameter {parameter}: expected a string or a number of 32 bits"))
                })?;
                apply(cluster, &what, Command::SetValue(parameters, name(parameter)?, value))?;
            }
        }
        if self.online {
            // It is brought online when the node starts: so far nothing runs.
            apply(cluster, "state", Command::SetServerState(ServerState::None))?;
            apply(cluster, "state", Command::OnlineGroup(group))?;
        }
        Ok(())
    }
}
