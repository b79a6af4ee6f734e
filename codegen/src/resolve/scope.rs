//! Which names a file sees: its own and those of the files that it imports.

use std::collections::HashMap;

/// Names of one kind, each with the file that declares it.
#[derive(Debug)]
pub(super) struct Names<'a, T> {
    entries: HashMap<&'a str, Vec<(usize, T)>>,
}

impl<T> Default for Names<'_, T> {
    fn default() -> Self {
        Self { entries: HashMap::new() }
    }
}

impl<'a, T> Names<'a, T> {
    /// Adds a name of a file, unless that file has it already.
    pub(super) fn insert(&mut self, file: usize, name: &'a str, value: T) {
        let entries = self.entries.entry(name).or_default();
        if !entries.iter().any(|(other, _)| *other == file) {
            entries.push((file, value));
        }
    }

    /// Sets a name of a file, whether it has it already or not.
    pub(super) fn set(&mut self, file: usize, name: &'a str, value: T) {
        let entries = self.entries.entry(name).or_default();
        match entries.iter_mut().find(|(other, _)| *other == file) {
            Some((_, old)) => *old = value,
            None => entries.push((file, value)),
        }
    }

    /// What a name means in a file that imports others: its own meaning first.
    pub(super) fn get(&self, file: usize, imports: &[usize], name: &str) -> Option<(usize, &T)> {
        let entries = self.entries.get(name)?;
        let own = entries.iter().find(|(owner, _)| *owner == file);
        let found = own.or_else(|| entries.iter().find(|(owner, _)| imports.binary_search(owner).is_ok()))?;
        Some((found.0, &found.1))
    }

    /// The same spelling as the table keeps it.
    pub(super) fn key(&self, name: &str) -> Option<&'a str> {
        self.entries.get_key_value(name).map(|(key, _)| *key)
    }

    /// The names that a file sees, in no order.
    pub(super) fn visible(&self, file: usize, imports: &[usize]) -> impl Iterator<Item = &'a str> {
        let sees = move |owner: usize| owner == file || imports.binary_search(&owner).is_ok();
        self.entries
            .iter()
            .filter(move |(_, entries)| entries.iter().any(|(owner, _)| sees(*owner)))
            .map(|(name, _)| *name)
    }
}
