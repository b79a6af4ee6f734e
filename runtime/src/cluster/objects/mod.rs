//! The objects of the cluster, found by ID and by name.
//!
//! What an object is configured to be is in the registry, under the key that \[MS-CMRP\] 3.1.3.3
//! gives it. This is only an index of these keys: it follows every change of the registry, whoever
//! made it, and can be made anew from the registry at any time.

pub mod layout;
mod relations;

use std::collections::{BTreeMap, HashMap};

use super::registry::{Change, KeyId, Name, Path, Registry};
pub use relations::Relations;

/// Kinds of object that have a key of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Nodes.
    Node,
    /// Groups.
    Group,
    /// Group sets.
    GroupSet,
    /// Resources.
    Resource,
    /// Resource types, whose name is their ID.
    ResourceType,
    /// Networks.
    Network,
    /// Network interfaces.
    Interface,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Node, Self::Group, Self::GroupSet, Self::Resource, Self::ResourceType, Self::Network, Self::Interface];

    /// The key under the root that the keys of these objects are in.
    pub fn key(self) -> &'static str {
        match self {
            Self::Node => "Nodes",
            Self::Group => "Groups",
            Self::GroupSet => "GroupSets",
            Self::Resource => "Resources",
            Self::ResourceType => "ResourceTypes",
            Self::Network => "Networks",
            Self::Interface => "NetworkInterfaces",
        }
    }

    /// The value that holds an object's name, if its ID is another.
    fn name_value(self) -> Option<&'static str> {
        match self {
            Self::ResourceType => None,
            Self::Node => Some("NodeName"),
            _ => Some("Name"),
        }
    }
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its ID.
    pub id: Name,
    /// Its name; its ID while it has none.
    pub name: Name,
    /// Its key.
    pub key: KeyId,
}

/// The index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Objects {
    roots: HashMap<KeyId, Kind>,
    by_key: HashMap<KeyId, (Kind, Name)>,
    by_id: HashMap<Kind, BTreeMap<Name, Object>>,
    by_name: HashMap<Kind, BTreeMap<Name, Name>>,
}

impl Objects {
    /// The index of a registry.
    pub fn of(registry: &Registry) -> Self {
        let mut objects = Self::default();
        for kind in Kind::ALL {
            let Ok(root) =
                Path::new(kind.key()).map_err(drop).and_then(|path| registry.find(KeyId::ROOT, &path).map_err(drop))
            else {
                continue;
            };
            objects.add_root(registry, root, kind);
        }
        objects
    }

    /// Follows changes that were made to the registry.
    pub fn follow(&mut self, registry: &Registry, changes: &[Change]) {
        for change in changes {
            match change {
                Change::PutKey { id, parent, name: Some(name), .. } => self.put_key(registry, *id, *parent, name),
                Change::PutKey { .. } => {}
                Change::RemoveKey { id } => {
                    self.roots.remove(id);
                    self.remove(*id);
                }
                Change::PutValue { key, .. } | Change::RemoveValue { key, .. } => self.rename(registry, *key),
            }
        }
    }

    /// The object of an ID.
    pub fn by_id(&self, kind: Kind, id: &Name) -> Option<&Object> {
        self.by_id.get(&kind)?.get(id)
    }

    /// The object of a name.
    pub fn by_name(&self, kind: Kind, name: &Name) -> Option<&Object> {
        self.by_id(kind, self.by_name.get(&kind)?.get(name)?)
    }

    /// The object of a name or an ID.
    pub fn find(&self, kind: Kind, name_or_id: &Name) -> Option<&Object> {
        self.by_name(kind, name_or_id).or_else(|| self.by_id(kind, name_or_id))
    }

    /// All objects of a kind, ordered by ID.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = &Object> {
        self.by_id.get(&kind).into_iter().flat_map(BTreeMap::values)
    }

    /// The object whose key this is.
    pub fn of_key(&self, key: KeyId) -> Option<(Kind, &Object)> {
        let (kind, id) = self.by_key.get(&key)?;
        Some((*kind, self.by_id(*kind, id)?))
    }

    fn add_root(&mut self, registry: &Registry, root: KeyId, kind: Kind) {
        self.roots.insert(root, kind);
        let subkeys = registry.key(root).map(|key| key.subkeys().to_vec()).unwrap_or_default();
        for (name, id) in subkeys {
            self.put_key(registry, id, Some(root), &name);
        }
    }

    fn put_key(&mut self, registry: &Registry, id: KeyId, parent: Option<KeyId>, name: &Name) {
        if parent == Some(KeyId::ROOT) {
            let kind = Kind::ALL.into_iter().find(|kind| name.matches(kind.key()));
            if let Some(kind) = kind.filter(|_| !self.roots.contains_key(&id)) {
                self.add_root(registry, id, kind);
            }
        } else if let Some(&kind) = parent.and_then(|parent| self.roots.get(&parent))
            && !self.by_key.contains_key(&id)
        {
            self.by_key.insert(id, (kind, name.clone()));
            let object = Object { id: name.clone(), name: name.clone(), key: id };
            self.by_id.entry(kind).or_default().insert(name.clone(), object);
            self.by_name.entry(kind).or_default().insert(name.clone(), name.clone());
            self.rename(registry, id);
        }
    }

    fn remove(&mut self, key: KeyId) {
        let Some((kind, id)) = self.by_key.remove(&key) else { return };
        let object = self.by_id.get_mut(&kind).and_then(|objects| objects.remove(&id));
        if let (Some(object), Some(names)) = (object, self.by_name.get_mut(&kind)) {
            forget(names, &object);
        }
    }

    fn rename(&mut self, registry: &Registry, key: KeyId) {
        let Some((kind, id)) = self.by_key.get(&key) else { return };
        let Some(value) = kind.name_value() else { return };
        let name = layout::string(registry, key, value).and_then(|name| Name::of_value(&name.as_str().into()).ok());
        let name = name.filter(|name| !name.units().is_empty()).unwrap_or_else(|| id.clone());
        let object = self.by_id.get_mut(kind).and_then(|objects| objects.get_mut(id));
        if let (Some(object), Some(names)) = (object, self.by_name.get_mut(kind)) {
            forget(names, object);
            object.name = name.clone();
            names.insert(name, id.clone());
        }
    }
}

/// Takes away a name that an object has, unless another has it by now.
fn forget(names: &mut BTreeMap<Name, Name>, object: &Object) {
    if names.get(&object.name) == Some(&object.id) {
        names.remove(&object.name);
    }
}
