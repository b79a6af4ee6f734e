//! Which resource is in which group, and which depends on which: an index like [`Objects`](super::Objects).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Kind, Objects,
    layout::{self, CONTAINS, DEPENDENCY_EXPRESSION},
};
use crate::cluster::{
    dependency::Expression,
    registry::{Change, KeyId, Name, Registry},
};

/// The relations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Relations {
    /// What groups and group sets contain.
    contained: HashMap<KeyId, Vec<Name>>,
    /// The groups of resources, and the group sets of groups.
    container: HashMap<(Kind, Name), Name>,
    /// What objects depend on: resources, groups and group sets.
    depends: HashMap<KeyId, Expression<Name>>,
    /// Whose keys those are, for when they are gone.
    known: HashMap<KeyId, (Kind, Name)>,
    /// Who depends on an object.
    dependents: BTreeMap<(Kind, Name), BTreeSet<Name>>,
}

impl Relations {
    /// The relations in a registry.
    pub fn of(registry: &Registry, objects: &Objects) -> Self {
        let mut relations = Self::default();
        for kind in [Kind::Group, Kind::GroupSet, Kind::Resource] {
            for object in objects.all(kind) {
                relations.contain(registry, objects, object.key);
                relations.depend(registry, objects, object.key);
            }
        }
        relations
    }

    /// Follows changes that were made to the registry, and that the objects follow already.
    pub fn follow(&mut self, registry: &Registry, objects: &Objects, changes: &[Change]) {
        for change in changes {
            match change {
                Change::PutValue { key, name, .. } | Change::RemoveValue { key, name } => {
                    if name.matches(CONTAINS) {
                        self.contain(registry, objects, *key);
                    } else if name.matches(DEPENDENCY_EXPRESSION) {
                        self.depend(registry, objects, *key);
                    }
                }
                Change::RemoveKey { id } => {
                    if let Some((kind, name)) = self.known.remove(id) {
                        self.uncontain(kind, &name, *id);
                        self.undepend(kind, &name, *id);
                    }
                }
                Change::PutKey { .. } => {}
            }
        }
    }

    /// What a group or a group set contains, by its key.
    pub fn members(&self, key: KeyId) -> &[Name] {
        self.contained.get(&key).map_or(&[], Vec::as_slice)
    }

    /// The group of a resource, or the group set of a group.
    pub fn container(&self, kind: Kind, id: &Name) -> Option<&Name> {
        self.container.get(&(kind, id.clone()))
    }

    /// What an object depends on, by its key.
    pub fn depends(&self, key: KeyId) -> Option<&Expression<Name>> {
        self.depends.get(&key)
    }

    /// The objects of the same kind that depend on one, directly.
    pub fn dependents(&self, kind: Kind, id: &Name) -> impl Iterator<Item = &Name> {
        self.dependents.get(&(kind, id.clone())).into_iter().flatten()
    }

    fn contain(&mut self, registry: &Registry, objects: &Objects, key: KeyId) {
        let Some((kind, object)) = objects.of_key(key) else { return };
        let Some(inner) = inner(kind) else { return };
        self.uncontain(kind, &object.id, key);
        let members = layout::ids(registry, key, CONTAINS);
        for member in &members {
            self.container.insert((inner, member.clone()), object.id.clone());
        }
        self.contained.insert(key, members);
        self.known.insert(key, (kind, object.id.clone()));
    }

    fn uncontain(&mut self, kind: Kind, id: &Name, key: KeyId) {
        let Some(inner) = inner(kind) else { return };
        for member in self.contained.remove(&key).unwrap_or_default() {
            let entry = (inner, member);
            if self.container.get(&entry) == Some(id) {
                self.container.remove(&entry);
            }
        }
    }

    fn depend(&mut self, registry: &Registry, objects: &Objects, key: KeyId) {
        let Some((kind, object)) = objects.of_key(key) else { return };
        self.undepend(kind, &object.id, key);
        let text = layout::string(registry, key, DEPENDENCY_EXPRESSION).unwrap_or_default();
        // A client may have written anything there: what is no expression depends on nothing.
        let parsed = Expression::parse(&text).unwrap_or_default();
        let Ok(expression) = parsed.try_map(|id| Ok::<_, std::convert::Infallible>(layout::name(id)));
        for provider in expression.resources() {
            self.dependents.entry((kind, provider.clone())).or_default().insert(object.id.clone());
        }
        self.depends.insert(key, expression);
        self.known.insert(key, (kind, object.id.clone()));
    }

    fn undepend(&mut self, kind: Kind, id: &Name, key: KeyId) {
        for provider in self.depends.remove(&key).iter().flat_map(Expression::resources) {
            if let Some(dependents) = self.dependents.get_mut(&(kind, provider.clone())) {
                dependents.remove(id);
            }
        }
    }
}

/// What the objects of a kind contain.
fn inner(kind: Kind) -> Option<Kind> {
    match kind {
        Kind::Group => Some(Kind::Resource),
        Kind::GroupSet => Some(Kind::Group),
        _ => None,
    }
}
