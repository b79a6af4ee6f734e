//! Changing the registry: all or nothing.

use msrpc_ndr::Bytes;

use super::{Key, KeyId, Name, Path, Registry, RegistryError, Value, name::MAX_DEPTH};

/// A change of the registry, as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A key is new, or its security or time of change is.
    PutKey {
        /// The key.
        id: KeyId,
        /// The key that it is in.
        parent: Option<KeyId>,
        /// Its name.
        name: Option<Name>,
        /// Its security descriptor.
        security: Option<Bytes>,
        /// When it was last changed.
        last_write: u64,
    },
    /// A key is gone, with its values; it had no keys in it.
    RemoveKey {
        /// The key.
        id: KeyId,
    },
    /// A value is new or different.
    PutValue {
        /// The key.
        key: KeyId,
        /// The value's name.
        name: Name,
        /// The value.
        value: Value,
    },
    /// A value is gone.
    RemoveValue {
        /// The key.
        key: KeyId,
        /// The value's name.
        name: Name,
    },
}

/// What is told to those who watch the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The keys on the way from the root to the one that is meant, and itself last.
    pub lineage: Vec<KeyId>,
    /// Its path from the root.
    pub path: String,
    /// What is different.
    pub what: Difference,
}

/// What is different about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It was created or deleted.
    Name,
    /// Its security descriptor.
    Attributes,
    /// A value of it.
    Value(Name),
}

/// Whether a key was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It was created.
    Created = 1,
    /// It existed.
    Opened = 2,
}

/// Changes that are made together. Dropping it without [`commit`](Self::commit) undoes them.
#[derive(Debug)]
pub struct Edit<'a> {
    registry: &'a mut Registry,
    now: u64,
    changes: Vec<Change>,
    undo: Vec<Change>,
    notices: Vec<Notice>,
    first: u64,
}

impl Registry {
    /// Begins to change the registry at a time, in 100-nanosecond intervals since 1601-01-01 UTC.
    pub fn edit(&mut self, now: u64) -> Edit<'_> {
        let first = self.next;
        Edit { registry: self, now, changes: Vec::new(), undo: Vec::new(), notices: Vec::new(), first }
    }
}

impl Edit<'_> {
    /// The registry as it is with the changes so far.
    pub fn registry(&self) -> &Registry {
        self.registry
    }

    /// Creates a key, and those on the way to it, or finds it. The security descriptor is that of
    /// the last one, whether it is new or not.
    ///
    /// # Errors
    ///
    /// Fails if the key to start from was deleted, or the new one would be too deep.
    pub fn create(
        &mut self,
        from: KeyId,
        path: &Path,
        security: Option<Bytes>,
    ) -> Result<(KeyId, Disposition), RegistryError> {
        self.registry.key(from)?;
        if self.registry.depth(from) + path.names().len() > MAX_DEPTH {
            return Err(RegistryError::TooDeep);
        }
        let (mut id, mut disposition) = (from, Disposition::Opened);
        for name in path.names() {
            if let Some(found) = self.registry.key(id)?.subkey(name) {
                id = found;
                continue;
            }
            let parent = id;
            id = KeyId(self.registry.next);
            disposition = Disposition::Created;
            self.undo.push(Change::RemoveKey { id });
            self.put(Change::PutKey {
                id,
                parent: Some(parent),
                name: Some(name.clone()),
                security: None,
                last_write: self.now,
            });
            self.notice(id, Difference::Name);
            self.touch(parent)?;
        }
        if security.is_some() {
            self.set_security(id, security)?;
        }
        Ok((id, disposition))
    }

    /// Deletes a key that has no keys in it.
    ///
    /// # Errors
    ///
    /// Fails if it has, if it is the root, or if it is not there.
    pub fn delete(&mut self, id: KeyId) -> Result<(), RegistryError> {
        let key = self.registry.key(id)?;
        if !key.subkeys.is_empty() {
            return Err(RegistryError::HasSubkeys);
        }
        let parent = key.parent.ok_or(RegistryError::Root)?;
        // Undone backwards: the key first, then its values.
        let restored = key.values.iter().rev();
        let values =
            restored.map(|(name, value)| Change::PutValue { key: id, name: name.clone(), value: value.clone() });
        let values: Vec<_> = values.collect();
        let put = put_key(id, key);
        self.undo.extend(values);
        self.undo.push(put);
        self.notice(id, Difference::Name);
        self.put(Change::RemoveKey { id });
        self.touch(parent)
    }

    /// Deletes a key with all that is in it.
    ///
    /// # Errors
    ///
    /// Fails if it is the root or not there.
    pub fn delete_tree(&mut self, id: KeyId) -> Result<(), RegistryError> {
        if id == KeyId::ROOT {
            return Err(RegistryError::Root);
        }
        // Nesting is bounded, but not so small that recursion were wise.
        let mut pending = vec![id];
        let mut order = Vec::new();
        while let Some(id) = pending.pop() {
            order.push(id);
            pending.extend(self.registry.key(id)?.subkeys.iter().map(|&(_, id)| id));
        }
        order.into_iter().rev().try_for_each(|id| self.delete(id))
    }

    /// Sets a value.
    ///
    /// # Errors
    ///
    /// Fails if the key is not there.
    pub fn set_value(&mut self, key: KeyId, name: Name, value: Value) -> Result<(), RegistryError> {
        let undo = match self.registry.key(key)?.value(&name) {
            Some(old) => Change::PutValue { key, name: name.clone(), value: old.clone() },
            None => Change::RemoveValue { key, name: name.clone() },
        };
        self.undo.push(undo);
        self.notice(key, Difference::Value(name.clone()));
        self.put(Change::PutValue { key, name, value });
        self.touch(key)
    }

    /// Deletes a value.
    ///
    /// # Errors
    ///
    /// Fails if the key or the value is not there.
    pub fn delete_value(&mut self, key: KeyId, name: &Name) -> Result<(), RegistryError> {
        let old = self.registry.value(key, name)?.clone();
        self.undo.push(Change::PutValue { key, name: name.clone(), value: old });
        self.notice(key, Difference::Value(name.clone()));
        self.put(Change::RemoveValue { key, name: name.clone() });
        self.touch(key)
    }

    /// Sets the security descriptor of a key.
    ///
    /// # Errors
    ///
    /// Fails if the key is not there.
    pub fn set_security(&mut self, id: KeyId, security: Option<Bytes>) -> Result<(), RegistryError> {
        let key = self.registry.key(id)?;
        let (old, new) = (
            put_key(id, key),
            Key { security, last_write: self.now, ..Key::new(key.parent, key.name.clone(), None, 0) },
        );
        self.undo.push(old);
        self.put(put_key(id, &new));
        self.notice(id, Difference::Attributes);
        Ok(())
    }

    /// Takes what those who watch the registry are to be told, once the changes stay.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Makes the changes stay, and gives them for a store.
    pub fn commit(mut self) -> Vec<Change> {
        self.undo.clear();
        std::mem::take(&mut self.changes)
    }

    fn notice(&mut self, id: KeyId, what: Difference) {
        let lineage = self.registry.lineage(id);
        let path = self.registry.path(id).unwrap_or_default();
        self.notices.push(Notice { lineage, path, what });
    }

    /// Notes that a key was changed now.
    fn touch(&mut self, id: KeyId) -> Result<(), RegistryError> {
        let key = self.registry.key(id)?;
        if key.last_write == self.now {
            return Ok(());
        }
        let (old, mut new) = (put_key(id, key), put_key(id, key));
        if let Change::PutKey { last_write, .. } = &mut new {
            *last_write = self.now;
        }
        self.undo.push(old);
        self.put(new);
        Ok(())
    }

    fn put(&mut self, change: Change) {
        self.registry.apply(&change);
        self.changes.push(change);
    }
}

impl Drop for Edit<'_> {
    fn drop(&mut self) {
        if !self.undo.is_empty() {
            while let Some(change) = self.undo.pop() {
                self.registry.apply(&change);
            }
            self.registry.next = self.first;
        }
    }
}

fn put_key(id: KeyId, key: &Key) -> Change {
    let Key { parent, name, security, last_write, .. } = key;
    Change::PutKey { id, parent: *parent, name: name.clone(), security: security.clone(), last_write: *last_write }
}
