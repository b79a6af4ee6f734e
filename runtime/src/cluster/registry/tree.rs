//! The tree: looking things up.

use std::collections::HashMap;

use msrpc_ndr::Bytes;

use super::{Change, Name, NameError, Path, Value, pool::Pool};

/// Identifies a key for as long as it exists, and no other key ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub u64);

impl KeyId {
    /// The root key.
    pub const ROOT: Self = Self(0);
}

/// The registry.
#[derive(Clone, Debug, PartialEq)]
pub struct Registry {
    pub(super) keys: HashMap<KeyId, Key>,
    /// The id of the next key.
    pub(super) next: u64,
    /// What many keys have in common.
    pool: Pool,
}

/// A key.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The key that it is in; `None` for the root.
    pub parent: Option<KeyId>,
    /// Its name, as it was created; empty for the root.
    pub name: Option<Name>,
    /// Its security descriptor, self-relative, where it has one of its own.
    pub security: Option<Bytes>,
    /// When it or one of its values was last changed: 100-nanosecond intervals since 1601-01-01 UTC.
    pub last_write: u64,
    /// Sorted by name: enumerated by index, looked up by bisection.
    pub(super) subkeys: Vec<(Name, KeyId)>,
    pub(super) values: Vec<(Name, Value)>,
}

impl Key {
    pub(super) fn new(parent: Option<KeyId>, name: Option<Name>, security: Option<Bytes>, last_write: u64) -> Self {
        Self { parent, name, security, last_write, subkeys: Vec::new(), values: Vec::new() }
    }

    /// The keys in it, ordered by name.
    pub fn subkeys(&self) -> &[(Name, KeyId)] {
        &self.subkeys
    }

    /// Its values, ordered by name.
    pub fn values(&self) -> &[(Name, Value)] {
        &self.values
    }

    /// The value of a name.
    pub fn value(&self, name: &Name) -> Option<&Value> {
        let index = self.values.binary_search_by(|(other, _)| other.cmp(name)).ok()?;
        self.values.get(index).map(|(_, value)| value)
    }

    pub(super) fn subkey(&self, name: &Name) -> Option<KeyId> {
        let index = self.subkeys.binary_search_by(|(other, _)| other.cmp(name)).ok()?;
        self.subkeys.get(index).map(|&(_, id)| id)
    }
}

/// What [`Registry::info`] tells of a key (\[MS-CMRP\] 3.1.4.2.39).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyInfo {
    /// Number of keys in it.
    pub subkeys: usize,
    /// Length of the longest name of these, in code units.
    pub max_subkey_name: usize,
    /// Number of its values.
    pub values: usize,
    /// Length of the longest name of these, in code units.
    pub max_value_name: usize,
    /// Length of the longest data of these, in octets.
    pub max_value_data: usize,
    /// When it was last changed.
    pub last_write: u64,
}

/// Why the registry refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// A name is not well-formed.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is no such key or value.
    #[error("there is no {0}")]
    Missing(String),
    /// The key that a handle stands for was deleted.
    #[error("the key was deleted")]
    KeyDeleted,
    /// A key to be deleted has keys in it.
    #[error("the key has keys in it")]
    HasSubkeys,
    /// The root cannot be deleted.
    #[error("the root key cannot be deleted")]
    Root,
    /// A key nests too deep.
    #[error("keys nest too deep")]
    TooDeep,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// A registry of a root key without values.
    pub fn new() -> Self {
        Self { keys: HashMap::from([(KeyId::ROOT, Key::new(None, None, None, 0))]), next: 1, pool: Pool::default() }
    }

    /// A key.
    ///
    /// # Errors
    ///
    /// [`RegistryError::KeyDeleted`] if it is not there any more.
    pub fn key(&self, id: KeyId) -> Result<&Key, RegistryError> {
        self.keys.get(&id).ok_or(RegistryError::KeyDeleted)
    }

    /// Finds a key by its path from another.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Missing`] if there is none.
    pub fn find(&self, from: KeyId, path: &Path) -> Result<KeyId, RegistryError> {
        self.key(from)?;
        path.names().iter().try_fold(from, |key, name| {
            self.key(key)?.subkey(name).ok_or_else(|| RegistryError::Missing(format!("key {name:?}")))
        })
    }

    /// The value of a name.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Missing`] if the key has none.
    pub fn value(&self, key: KeyId, name: &Name) -> Result<&Value, RegistryError> {
        self.key(key)?.value(name).ok_or_else(|| RegistryError::Missing(format!("value {name:?}")))
    }

    /// Numbers and sizes of what is in a key.
    ///
    /// # Errors
    ///
    /// [`RegistryError::KeyDeleted`] if it is not there any more.
    pub fn info(&self, id: KeyId) -> Result<KeyInfo, RegistryError> {
        let key = self.key(id)?;
        let longest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0);
        Ok(KeyInfo {
            subkeys: key.subkeys.len(),
            max_subkey_name: longest(&mut key.subkeys.iter().map(|(name, _)| name.units().len())),
            values: key.values.len(),
            max_value_name: longest(&mut key.values.iter().map(|(name, _)| name.units().len())),
            max_value_data: longest(&mut key.values.iter().map(|(_, value)| value.data.len())),
            last_write: key.last_write,
        })
    }

    /// The path of a key from the root, its names joined by backslashes.
    ///
    /// # Errors
    ///
    /// [`RegistryError::KeyDeleted`] if it is not there any more.
    pub fn path(&self, id: KeyId) -> Result<String, RegistryError> {
        let mut names = Vec::new();
        let mut key = self.key(id)?;
        while let (Some(name), Some(parent)) = (&key.name, key.parent) {
            names.push(name.to_string());
            key = self.key(parent)?;
        }
        names.reverse();
        Ok(names.join("\\"))
    }

    /// The keys on the way from the root to a key, and itself last; empty if it is not there.
    pub fn lineage(&self, id: KeyId) -> Vec<KeyId> {
        let mut lineage: Vec<KeyId> = std::iter::successors(self.keys.contains_key(&id).then_some(id), |id| {
            self.keys.get(id).and_then(|key| key.parent)
        })
        .collect();
        lineage.reverse();
        lineage
    }

    /// How deep a key lies under the root.
    pub(super) fn depth(&self, id: KeyId) -> usize {
        std::iter::successors(self.keys.get(&id), |key| self.keys.get(&key.parent?)).count() - 1
    }

    /// The changes that make this registry of a new one, parents first. What they do not tell is
    /// which IDs were taken and are free again: see [`reserve`](Self::reserve).
    pub fn records(&self) -> Vec<Change> {
        let mut ids: Vec<KeyId> = self.keys.keys().copied().collect();
        // A key is younger than the one that it is in.
        ids.sort_unstable();
        let mut records = Vec::new();
        for (id, key) in ids.iter().filter_map(|id| Some((*id, self.keys.get(id)?))) {
            let Key { parent, name, security, last_write, values, .. } = key;
            let (parent, name, security, last_write) = (*parent, name.clone(), security.clone(), *last_write);
            records.push(Change::PutKey { id, parent, name, security, last_write });
            let values = values.iter().map(|(name, value)| (name.clone(), value.clone()));
            records.extend(values.map(|(name, value)| Change::PutValue { key: id, name, value }));
        }
        records
    }

    /// Numbers of keys, the root among them, and of values.
    pub fn count(&self) -> (usize, usize) {
        (self.keys.len(), self.keys.values().map(|key| key.values.len()).sum())
    }

    /// The ID of the next key: no key had it yet.
    pub fn next_id(&self) -> KeyId {
        KeyId(self.next)
    }

    /// Gives no new key an ID below this one: after loading, so that no ID comes back.
    pub fn reserve(&mut self, next: KeyId) {
        self.next = self.next.max(next.0);
    }

    /// Does again what was done: how a store's records become a registry, and how a change made
    /// elsewhere becomes one here. A parent comes before what is in it.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::PutKey { id, parent, name, security, last_write } => {
                self.next = self.next.max(id.0.saturating_add(1));
                if let Some(key) = self.keys.get_mut(id) {
                    (key.security, key.last_write) = (security.clone(), *last_write);
                } else {
                    self.keys.insert(*id, Key::new(*parent, name.clone(), security.clone(), *last_write));
                    if let (Some(parent), Some(name)) = (parent.and_then(|parent| self.keys.get_mut(&parent)), name) {
                        insert(&mut parent.subkeys, name.clone(), *id);
                    }
                }
            }
            Change::RemoveKey { id } => {
                let Some(key) = self.keys.remove(id) else { return };
                if let (Some(parent), Some(name)) = (key.parent.and_then(|id| self.keys.get_mut(&id)), &key.name) {
                    remove(&mut parent.subkeys, name);
                }
            }
            Change::PutValue { key, name, value } => {
                if let Some(key) = self.keys.get_mut(key) {
                    let value = Value { kind: value.kind, data: self.pool.data(&value.data) };
                    // Most keys have few values, and there are many keys: no room is kept ready.
                    key.values.reserve_exact(1 + key.values.len() / 8);
                    insert(&mut key.values, name.shared(&mut self.pool), value);
                }
            }
            Change::RemoveValue { key, name } => {
                if let Some(key) = self.keys.get_mut(key) {
                    remove(&mut key.values, name);
                }
            }
        }
    }
}

/// Puts an entry into a sorted list, in place of one of the same name.
fn insert<T>(entries: &mut Vec<(Name, T)>, name: Name, entry: T) {
    match entries.binary_search_by(|(other, _)| other.cmp(&name)) {
        Ok(index) => entries[index].1 = entry,
        Err(index) => entries.insert(index, (name, entry)),
    }
}

/// Takes an entry out of a sorted list.
fn remove<T>(entries: &mut Vec<(Name, T)>, name: &Name) {
    if let Ok(index) = entries.binary_search_by(|(other, _)| other.cmp(name)) {
        entries.remove(index);
    }
}
