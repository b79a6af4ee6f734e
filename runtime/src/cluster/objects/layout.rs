//! What the values of an object's key are called, and reading and writing them.
//!
//! The document prescribes where an object's key and its private properties are (\[MS-CMRP\]
//! 3.1.3.3); the names of the values are those that Windows uses where these are known.

use super::super::registry::{Edit, KeyId, Name, Path, Registry, RegistryError, Value};

/// The cluster's name, at the root.
pub const CLUSTER_NAME: &str = "ClusterName";
/// A GUID that no other cluster has, at the root.
pub const CLUSTER_INSTANCE_ID: &str = "ClusterInstanceID";
/// The cluster security descriptor, self-relative, at the root.
pub const SECURITY_DESCRIPTOR: &str = "Security Descriptor";
/// An object's name.
pub const NAME: &str = "Name";
/// A node's name.
pub const NODE_NAME: &str = "NodeName";
/// An object's description.
pub const DESCRIPTION: &str = "Description";
/// What an object was last commanded to be: 1 for online (a node: paused).
pub const PERSISTENT_STATE: &str = "PersistentState";
/// The IDs of what is in a group (resources) or a group set (groups).
pub const CONTAINS: &str = "Contains";
/// A group's type.
pub const GROUP_TYPE: &str = "GroupType";
/// The IDs of the nodes that a group prefers, best first.
pub const PREFERRED_OWNERS: &str = "PreferredOwners";
/// The name of a resource's type.
pub const TYPE: &str = "Type";
/// Flags of a resource (`CLUS_FLAGS`).
pub const FLAGS: &str = "Flags";
/// Whether a resource has a monitor of its own.
pub const SEPARATE_MONITOR: &str = "SeparateMonitor";
/// What a resource depends on: an expression of IDs.
pub const DEPENDENCY_EXPRESSION: &str = "DependencyExpression";
/// The ID of the group set that a group depends on.
pub const PROVIDER_GROUP_SET: &str = "ProviderGroupSet";
/// Whether all groups and group sets depend on a group set.
pub const IS_GLOBAL: &str = "IsGlobal";
/// Names of classes: groups that have one in common keep apart.
pub const ANTI_AFFINITY: &str = "AntiAffinityClassNames";
/// The IDs of the nodes that may host a resource.
pub const POSSIBLE_OWNERS: &str = "PossibleOwners";
/// How often a resource is looked at cheaply, in milliseconds.
pub const LOOKS_ALIVE: &str = "LooksAlivePollInterval";
/// How often a resource is looked at closely, in milliseconds.
pub const IS_ALIVE: &str = "IsAlivePollInterval";
/// How long a resource may be between two states, in milliseconds.
pub const PENDING_TIMEOUT: &str = "PendingTimeout";
/// What is done when a resource fails: 0 nothing, 1 restart, 2 restart and then fail over.
pub const RESTART_ACTION: &str = "RestartAction";
/// How often a resource is restarted within the period.
pub const RESTART_THRESHOLD: &str = "RestartThreshold";
/// The period, in milliseconds.
pub const RESTART_PERIOD: &str = "RestartPeriod";
/// How long to wait before a restart, in milliseconds.
pub const RESTART_DELAY: &str = "RestartDelay";
/// After how long a failed resource is tried again, in milliseconds; `u32::MAX` for never.
pub const RETRY_PERIOD_ON_FAILURE: &str = "RetryPeriodOnFailure";
/// The object that has a resource type's code.
pub const DLL_NAME: &str = "DllName";
/// The ID of the network that an interface is on.
pub const NETWORK: &str = "Network";
/// The ID of the node that an interface is in.
pub const NODE: &str = "Node";
/// What a network is for: 0 nothing, 1 the cluster, 2 clients, 3 both.
pub const ROLE: &str = "Role";
/// The address of a network or an interface.
pub const ADDRESS: &str = "Address";
/// The key of private properties.
pub const PARAMETERS: &str = "Parameters";

/// A value's name. The names here are well-formed; an empty one stands for any that is not.
pub fn name(text: &str) -> Name {
    Name::of_value(&text.into()).unwrap_or_else(|_| Name::default())
}

/// A path of keys. The paths here are well-formed; an empty one stands for any that is not.
pub fn path(text: &str) -> Path {
    Path::new(text).unwrap_or_default()
}

fn value<'a>(registry: &'a Registry, key: KeyId, value: &str) -> Option<&'a Value> {
    registry.key(key).ok()?.value(&name(value))
}

/// A value that is a string.
pub fn string(registry: &Registry, key: KeyId, name: &str) -> Option<String> {
    value(registry, key, name)?.as_string()
}

/// A value that is a number.
pub fn dword(registry: &Registry, key: KeyId, name: &str) -> Option<u32> {
    value(registry, key, name)?.as_dword()
}

/// A value that is a list of IDs.
pub fn ids(registry: &Registry, key: KeyId, value_name: &str) -> Vec<Name> {
    let texts = value(registry, key, value_name).and_then(Value::as_strings).unwrap_or_default();
    texts.iter().map(|text| name(text)).collect()
}

impl Edit<'_> {
    /// Sets a value of one of the names here.
    ///
    /// # Errors
    ///
    /// Fails if the key is not there.
    pub fn set(&mut self, key: KeyId, value_name: &str, value: Value) -> Result<(), RegistryError> {
        self.set_value(key, name(value_name), value)
    }

    /// Sets a value that is a list of IDs.
    ///
    /// # Errors
    ///
    /// Fails if the key is not there.
    pub fn set_ids(&mut self, key: KeyId, value_name: &str, ids: &[Name]) -> Result<(), RegistryError> {
        let texts: Vec<String> = ids.iter().map(Name::to_string).collect();
        self.set(key, value_name, Value::strings(texts.iter().map(String::as_str)))
    }
}
