//! Forming a cluster: the registry that one begins with.

use uuid::Uuid;

use super::{
    objects::{
        Kind,
        layout::{
            self, ADDRESS, CLUSTER_INSTANCE_ID, CLUSTER_NAME, CONTAINS, DEPENDENCY_EXPRESSION, DESCRIPTION, DLL_NAME,
            FLAGS, GROUP_TYPE, IS_ALIVE, LOOKS_ALIVE, NAME, NETWORK, NODE, NODE_NAME, PARAMETERS, PERSISTENT_STATE,
            POSSIBLE_OWNERS, PREFERRED_OWNERS, ROLE, SECURITY_DESCRIPTOR, TYPE,
        },
    },
    registry::{Change, Edit, KeyId, Name, Registry, RegistryError, Value},
};
use crate::security::SecurityDescriptor;

/// `ClusGroupTypeCoreCluster`, the type of the group that has the cluster's own resources.
pub const CORE_GROUP_TYPE: u32 = 1;
/// `ClusGroupTypeUnknown`
pub const UNKNOWN_GROUP_TYPE: u32 = 9999;

/// A resource type to begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceTypeForm {
    /// Its name.
    pub name: String,
    /// The object that has its code.
    pub dll_name: String,
}

/// A network to begin with, and this node's interface on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkForm {
    /// The network's name.
    pub name: String,
    /// The interface's name.
    pub interface: String,
    /// The interface's address.
    pub address: String,
}

/// What a cluster begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The cluster's name.
    pub cluster_name: String,
    /// The first node's name. Its ID is 1.
    pub node_name: String,
    /// The address of the resource "Cluster IP Address"; without one, there is no such resource.
    pub address: Option<String>,
    /// Who may do what.
    pub security: SecurityDescriptor,
    /// Networks.
    pub networks: Vec<NetworkForm>,
    /// Resource types. `Network Name` and `IP Address` are always there.
    pub resource_types: Vec<ResourceTypeForm>,
}

/// The ID of the first node.
pub fn first_node() -> Name {
    layout::name("1")
}

impl Form {
    /// The registry, and the changes that make it. `new_id` gives a GUID that was never used.
    ///
    /// # Errors
    ///
    /// Fails if a name is no name of an object.
    pub fn registry(
        &self,
        now: u64,
        mut new_id: impl FnMut() -> Uuid,
    ) -> Result<(Registry, Vec<Change>), RegistryError> {
        let mut registry = Registry::new();
        let mut edit = registry.edit(now);
        let security = self.security.to_octets();
        edit.set_security(KeyId::ROOT, Some(security.clone()))?;
        edit.set(KeyId::ROOT, CLUSTER_NAME, Value::string(&self.cluster_name))?;
        edit.set(KeyId::ROOT, CLUSTER_INSTANCE_ID, Value::string(&new_id().to_string()))?;
        edit.set(KeyId::ROOT, SECURITY_DESCRIPTOR, Value::binary(security))?;
        for kind in Kind::ALL {
            edit.create(KeyId::ROOT, &layout::path(kind.key()), None)?;
        }
        let quorum = edit.create(KeyId::ROOT, &layout::path("Quorum"), None)?.0;
        edit.set(quorum, "Resource", Value::string(""))?;
        edit.set(quorum, "Path", Value::string(""))?;

        let node = object(&mut edit, Kind::Node, "1")?;
        edit.set(node, NODE_NAME, Value::string(&self.node_name))?;
        edit.set(node, PERSISTENT_STATE, Value::dword(0))?;

        let builtin = ["Network Name", "IP Address"]
            .map(|name| ResourceTypeForm { name: name.to_owned(), dll_name: "builtin".to_owned() });
        for resource_type in builtin.iter().chain(&self.resource_types) {
            let key = object(&mut edit, Kind::ResourceType, &resource_type.name)?;
            edit.create(key, &layout::path(PARAMETERS), None)?;
            edit.set(key, NAME, Value::string(&resource_type.name))?;
            edit.set(key, DLL_NAME, Value::string(&resource_type.dll_name))?;
            edit.set(key, LOOKS_ALIVE, Value::dword(5_000))?;
            edit.set(key, IS_ALIVE, Value::dword(60_000))?;
        }
        for network in &self.networks {
            let id = new_id().to_string();
            let key = object(&mut edit, Kind::Network, &id)?;
            edit.set(key, NAME, Value::string(&network.name))?;
            edit.set(key, DESCRIPTION, Value::string(""))?;
            edit.set(key, ADDRESS, Value::string(&network.address))?;
            edit.set(key, ROLE, Value::dword(3))?;
            let key = object(&mut edit, Kind::Interface, &new_id().to_string())?;
            edit.set(key, NAME, Value::string(&network.interface))?;
            edit.set(key, NETWORK, Value::string(&id))?;
            edit.set(key, NODE, Value::string("1"))?;
            edit.set(key, ADDRESS, Value::string(&network.address))?;
        }
        self.core_group(&mut edit, &mut new_id)?;
        let changes = edit.commit();
        Ok((registry, changes))
    }

    /// The group of the cluster's own name.
    fn core_group(&self, edit: &mut Edit<'_>, new_id: &mut impl FnMut() -> Uuid) -> Result<(), RegistryError> {
        let mut resources = Vec::new();
        if let Some(address) = &self.address {
            let id = new_id().to_string();
            resources.push((id, "Cluster IP Address", "IP Address", String::new(), (ADDRESS, address)));
        }
        let depends = resources.first().map(|(id, ..)| format!("([{id}])")).unwrap_or_default();
        resources.push((new_id().to_string(), "Cluster Name", "Network Name", depends, (NAME, &self.cluster_name)));
        for (id, name, resource_type, depends, (parameter, value)) in &resources {
            let key = object(edit, Kind::Resource, id)?;
            let parameters = edit.create(key, &layout::path(PARAMETERS), None)?.0;
            edit.set(key, NAME, Value::string(name))?;
            edit.set(key, TYPE, Value::string(resource_type))?;
            edit.set(key, FLAGS, Value::dword(1))?;
            edit.set(key, PERSISTENT_STATE, Value::dword(1))?;
            edit.set(key, LOOKS_ALIVE, Value::dword(5_000))?;
            edit.set(key, IS_ALIVE, Value::dword(60_000))?;
            edit.set(key, DEPENDENCY_EXPRESSION, Value::string(depends))?;
            edit.set_ids(key, POSSIBLE_OWNERS, &[first_node()])?;
            edit.set(parameters, parameter, Value::string(value))?;
        }
        let group = object(edit, Kind::Group, &new_id().to_string())?;
        edit.set(group, NAME, Value::string("Cluster Group"))?;
        edit.set(group, GROUP_TYPE, Value::dword(CORE_GROUP_TYPE))?;
        edit.set(group, PERSISTENT_STATE, Value::dword(1))?;
        edit.set_ids(group, PREFERRED_OWNERS, &[])?;
        let ids: Vec<Name> = resources.iter().map(|(id, ..)| layout::name(id)).collect();
        edit.set_ids(group, CONTAINS, &ids)
    }
}

fn object(edit: &mut Edit<'_>, kind: Kind, id: &str) -> Result<KeyId, RegistryError> {
    let path = super::registry::Path::new(&format!("{}\\{id}", kind.key()))?;
    Ok(edit.create(KeyId::ROOT, &path, None)?.0)
}
