//! Dependencies of groups and group sets (\[MS-CMRP\] 3.1.4.2.153, 3.1.4.2.154, 3.1.4.2.157 to
//! 3.1.4.2.161): kept, and kept free of circles.

use std::collections::BTreeSet;

use msrpc_ndr::{Bytes, Win32Error};

use super::{Cluster, Outcome};
use crate::cluster::{
    dependency::Expression,
    notify::ClusterChange,
    objects::{
        Kind, Object,
        layout::{self, DEPENDENCY_EXPRESSION, PROVIDER_GROUP_SET},
    },
    registry::{Name, Value},
    status::{ERROR_DEPENDENCY_ALREADY_EXISTS, ERROR_DEPENDENCY_NOT_FOUND},
};

/// A group or a group set.
type Party = (Kind, Name);

impl Cluster {
    pub(super) fn add_set_dependency(&mut self, id: &Name, provider: &Name) -> Outcome<()> {
        let set = self.group_set(id)?;
        let provides = self.group_set(provider)?;
        let empty = |set: &Object| self.relations.members(set.key).is_empty();
        let circular = self.leads_to((Kind::GroupSet, provider.clone()), &(Kind::GroupSet, id.clone()));
        if empty(&set) || empty(&provides) || circular || self.is_global(&set) && !self.is_global(&provides) {
            return Err(Win32Error::ERROR_INVALID_PARAMETER);
        }
        let mut depends = self.relations.depends(set.key).cloned().unwrap_or_default();
        if depends.resources().any(|other| other == provider) {
            return Err(ERROR_DEPENDENCY_ALREADY_EXISTS);
        }
        depends.sets.push(vec![provider.clone()]);
        self.put_dependencies(Kind::GroupSet, &set, &depends)
    }

    pub(super) fn set_set_dependencies(&mut self, id: &Name, text: &str) -> Outcome<()> {
        let set = self.group_set(id)?;
        let depends = self.conjunction(Kind::GroupSet, id, text)?;
        let global = |id: &Name| self.objects.by_id(Kind::GroupSet, id).is_some_and(|set| self.is_global(set));
        if self.is_global(&set) && !depends.resources().all(global) {
            return Err(Win32Error::ERROR_INVALID_PARAMETER);
        }
        self.put_dependencies(Kind::GroupSet, &set, &depends)
    }

    pub(super) fn remove_set_dependency(&mut self, id: &Name, provider: &Name) -> Outcome<()> {
        let set = self.group_set(id)?;
        self.remove_provider(Kind::GroupSet, &set, provider)
    }

    pub(super) fn set_group_dependencies(&mut self, id: &Name, text: &str) -> Outcome<()> {
        let group = self.group(id)?;
        let depends = self.conjunction(Kind::Group, id, text)?;
        self.put_dependencies(Kind::Group, &group, &depends)
    }

    pub(super) fn remove_group_dependency(&mut self, id: &Name, provider: &Name) -> Outcome<()> {
        let group = self.group(id)?;
        self.group(provider)?;
        self.remove_provider(Kind::Group, &group, provider)
    }

    pub(super) fn add_group_to_set_dependency(&mut self, id: &Name, set: &Name) -> Outcome<()> {
        let group = self.group(id)?;
        self.group_set(set)?;
        // A group depends on one set at most (3.1.4.2.154).
        if self.provider_set(&group).is_some()
            || self.leads_to((Kind::GroupSet, set.clone()), &(Kind::Group, id.clone()))
        {
            return Err(Win32Error::ERROR_INVALID_PARAMETER);
        }
        let text = set.to_string();
        self.edit(|edit| edit.set(group.key, PROVIDER_GROUP_SET, Value::string(&text)))?;
        self.tell(Kind::Group, &group, ClusterChange::GROUP_PROPERTY, 0, Bytes::new());
        Ok(())
    }

    pub(super) fn remove_group_to_set_dependency(&mut self, id: &Name, set: &Name) -> Outcome<()> {
        let group = self.group(id)?;
        self.group_set(set)?;
        if self.provider_set(&group).as_ref() != Some(set) {
            return Err(ERROR_DEPENDENCY_NOT_FOUND);
        }
        self.forget_provider_set(&group)
    }

    /// Whether a group depends on a set.
    pub(super) fn has_dependent_group(&self, set: &Name) -> bool {
        self.objects.all(Kind::Group).any(|group| self.provider_set(group).as_ref() == Some(set))
    }

    /// Takes a group that goes away out of what others depend on.
    pub(super) fn forget_group(&mut self, id: &Name) -> Outcome<()> {
        let dependents: Vec<Name> = self.relations.dependents(Kind::Group, id).cloned().collect();
        for dependent in dependents {
            let Some(group) = self.objects.by_id(Kind::Group, &dependent).cloned() else { continue };
            self.remove_provider(Kind::Group, &group, id)?;
        }
        Ok(())
    }

    fn forget_provider_set(&mut self, group: &Object) -> Outcome<()> {
        self.edit(|edit| edit.delete_value(group.key, &layout::name(PROVIDER_GROUP_SET)))?;
        self.tell(Kind::Group, group, ClusterChange::GROUP_PROPERTY, 0, Bytes::new());
        Ok(())
    }

    /// What an expression says, by IDs; none of the providers leads back to who depends.
    fn conjunction(&self, kind: Kind, id: &Name, text: &str) -> Outcome<Expression<Name>> {
        let parsed = Expression::parse_conjunction(text).map_err(|_| Win32Error::ERROR_INVALID_PARAMETER)?;
        let depends = parsed.try_map(|name| {
            let provider = self.objects.find(kind, &layout::name(name));
            provider.map(|provider| provider.id.clone()).ok_or(Win32Error::ERROR_INVALID_PARAMETER)
        })?;
        let mut seen = BTreeSet::new();
        let dependent = (kind, id.clone());
        let wrong =
            |provider: &Name| !seen.insert(provider.clone()) || self.leads_to((kind, provider.clone()), &dependent);
        if depends.resources().any(wrong) { Err(Win32Error::ERROR_INVALID_PARAMETER) } else { Ok(depends) }
    }

    fn remove_provider(&mut self, kind: Kind, object: &Object, provider: &Name) -> Outcome<()> {
        let mut depends = self.relations.depends(object.key).cloned().unwrap_or_default();
        if !depends.resources().any(|other| other == provider) {
            return Err(ERROR_DEPENDENCY_NOT_FOUND);
        }
        depends.sets.iter_mut().for_each(|set| set.retain(|other| other != provider));
        depends.sets.retain(|set| !set.is_empty());
        self.put_dependencies(kind, object, &depends)
    }

    fn put_dependencies(&mut self, kind: Kind, object: &Object, depends: &Expression<Name>) -> Outcome<()> {
        let before = self.relations.depends(object.key).cloned().unwrap_or_default();
        let text = depends.to_string();
        self.edit(|edit| edit.set(object.key, DEPENDENCY_EXPRESSION, Value::string(&text)))?;
        if kind != Kind::GroupSet {
            // Version 2 has no flag for the dependencies of groups.
            self.tell(kind, object, ClusterChange::GROUP_PROPERTY, 0, Bytes::new());
            return Ok(());
        }
        self.tell(kind, object, ClusterChange::empty(), 0x40, Bytes::new());
        let (old, new): (BTreeSet<_>, BTreeSet<_>) = (before.resources().collect(), depends.resources().collect());
        for provider in old.symmetric_difference(&new) {
            if let Some(provider) = self.objects.by_id(kind, provider).cloned() {
                self.tell(kind, &provider, ClusterChange::empty(), 0x80, Bytes::new());
            }
        }
        Ok(())
    }

    fn provider_set(&self, group: &Object) -> Option<Name> {
        let id = layout::string(&self.registry, group.key, PROVIDER_GROUP_SET)?;
        self.objects.by_id(Kind::GroupSet, &layout::name(&id)).map(|set| set.id.clone())
    }

    fn is_global(&self, set: &Object) -> bool {
        self.dword(set.key, layout::IS_GLOBAL, 0) != 0
    }

    /// Whether a party is, needs, or contains another, directly or not.
    fn leads_to(&self, from: Party, to: &Party) -> bool {
        let mut seen = BTreeSet::new();
        let mut pending = vec![from];
        while let Some(party) = pending.pop() {
            if party == *to {
                return true;
            }
            if seen.insert(party.clone()) {
                pending.extend(self.needs(&party));
            }
        }
        false
    }

    /// What a party needs directly: what it depends on, what a set contains, and for a group what
    /// its set depends on.
    fn needs(&self, (kind, id): &Party) -> Vec<Party> {
        let Some(object) = self.objects.by_id(*kind, id) else { return Vec::new() };
        let depends = |kind: Kind, object: &Object| -> Vec<Party> {
            let depends = self.relations.depends(object.key).into_iter().flat_map(Expression::resources);
            depends.map(|id| (kind, id.clone())).collect()
        };
        let mut needs = depends(*kind, object);
        if *kind == Kind::GroupSet {
            needs.extend(self.relations.members(object.key).iter().map(|id| (Kind::Group, id.clone())));
        } else {
            needs.extend(self.provider_set(object).map(|set| (Kind::GroupSet, set)));
            let container = self.relations.container(Kind::Group, id);
            let set = container.and_then(|id| self.objects.by_id(Kind::GroupSet, id));
            needs.extend(set.into_iter().flat_map(|set| depends(Kind::GroupSet, set)));
        }
        needs
    }
}
