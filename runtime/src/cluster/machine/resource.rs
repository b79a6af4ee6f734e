//! Resources (\[MS-CMRP\] 3.1.4.2.9 to 3.1.4.2.26, 3.1.4.2.109, 3.1.4.2.142).

use std::collections::BTreeSet;

use msrpc_ndr::{Bytes, Win32Error};

use super::{Cluster, HostAction, Manner, Outcome, Reply, group::check_name, runs};
use crate::cluster::{
    dependency::Expression,
    notify::ClusterChange,
    objects::{
        Kind, Object,
        layout::{
            self, CONTAINS, DEPENDENCY_EXPRESSION, FLAGS, IS_ALIVE, LOOKS_ALIVE, NAME, PERSISTENT_STATE,
            POSSIBLE_OWNERS, SEPARATE_MONITOR, TYPE,
        },
    },
    registry::{Name, Value},
    state::{NodeState, ResourceState},
    status::{
        ERROR_CIRCULAR_DEPENDENCY, ERROR_CLUSTER_NODE_NOT_FOUND, ERROR_CLUSTER_RESOURCE_LOCKED_STATUS,
        ERROR_CLUSTER_RESOURCE_PROVIDER_FAILED, ERROR_CLUSTER_RESOURCE_TYPE_NOT_FOUND, ERROR_CORE_RESOURCE,
        ERROR_DEPENDENCY_ALREADY_EXISTS, ERROR_DEPENDENCY_NOT_FOUND, ERROR_DEPENDENCY_TREE_TOO_COMPLEX,
        ERROR_DEPENDENT_RESOURCE_EXISTS, ERROR_GROUP_NOT_AVAILABLE, ERROR_GROUP_NOT_FOUND,
        ERROR_HOST_NODE_NOT_RESOURCE_OWNER, ERROR_INVALID_STATE, ERROR_OBJECT_ALREADY_EXISTS, ERROR_RESOURCE_FAILED,
        ERROR_RESOURCE_NOT_AVAILABLE, ERROR_RESOURCE_ONLINE,
    },
};

/// How deep a dependency tree may be (\[MS-CMRP\] 3.1.1.1.2).
const MAX_DEPTH: usize = 100;

impl Cluster {
    pub(super) fn create_resource(
        &mut self,
        id: &Name,
        group: &Name,
        name: &Name,
        resource_type: &Name,
        separate_monitor: bool,
    ) -> Outcome<()> {
        check_name(name)?;
        let group = self.object(Kind::Group, group, ERROR_GROUP_NOT_FOUND)?;
        if self.volatile.groups.get(&group.id).is_some_and(|group| group.deleting) {
            return Err(ERROR_GROUP_NOT_AVAILABLE);
        }
        if self.objects.find(Kind::Resource, name).is_some() || self.objects.find(Kind::Resource, id).is_some() {
            return Err(ERROR_OBJECT_ALREADY_EXISTS);
        }
        let resource_type = self.object(Kind::ResourceType, resource_type, ERROR_CLUSTER_RESOURCE_TYPE_NOT_FOUND)?;
        let poll = |value| self.dword(resource_type.key, value, 0);
        let (looks_alive, is_alive) = (poll(LOOKS_ALIVE), poll(IS_ALIVE));
        let nodes: Vec<Name> = self.objects.all(Kind::Node).map(|node| node.id.clone()).collect();
        let mut members = self.relations.members(group.key).to_vec();
        members.push(id.clone());
        let path = layout::path(&format!("{}\\{id}", Kind::Resource.key()));
        let (name, type_name) = (name.to_string(), resource_type.name.to_string());
        self.edit(|edit| {
            let (key, _) = edit.create(super::KeyId::ROOT, &path, None)?;
            edit.create(key, &layout::path(layout::PARAMETERS), None)?;
            edit.set(key, NAME, Value::string(&name))?;
            edit.set(key, TYPE, Value::string(&type_name))?;
            edit.set(key, PERSISTENT_STATE, Value::dword(0))?;
            edit.set(key, FLAGS, Value::dword(0))?;
            edit.set(key, SEPARATE_MONITOR, Value::dword(separate_monitor.into()))?;
            edit.set(key, LOOKS_ALIVE, Value::dword(looks_alive))?;
            edit.set(key, IS_ALIVE, Value::dword(is_alive))?;
            edit.set(key, DEPENDENCY_EXPRESSION, Value::string(""))?;
            edit.set_ids(key, POSSIBLE_OWNERS, &nodes)?;
            edit.set_ids(group.key, CONTAINS, &members)
        })?;
        self.tell_of_new(Kind::Resource, id, ClusterChange::RESOURCE_ADDED);
        Ok(())
    }

    pub(super) fn delete_resource(&mut self, id: &Name) -> Outcome<()> {
        let resource = self.resource(id)?;
        if self.is_core(id) {
            return Err(ERROR_CORE_RESOURCE);
        }
        if self.relations.dependents(Kind::Resource, id).next().is_some() {
            return Err(ERROR_DEPENDENT_RESOURCE_EXISTS);
        }
        if !self.state(id).is_some_and(ResourceState::is_down) {
            return Err(ERROR_RESOURCE_ONLINE);
        }
        let group = self.relations.container(Kind::Resource, id).cloned();
        let group = group.and_then(|group| self.objects.by_id(Kind::Group, &group).cloned());
        let left = group.as_ref().map(|group| self.without(group, id));
        self.edit(|edit| {
            if let (Some(group), Some(left)) = (&group, &left) {
                edit.set_ids(group.key, CONTAINS, left)?;
            }
            edit.delete_tree(resource.key)
        })?;
        let buffer = group.as_ref().map(|group| super::events::text(&group.id)).unwrap_or_default();
        self.tell(Kind::Resource, &resource, ClusterChange::RESOURCE_DELETED, 0x80, buffer);
        if let Some(group) = group {
            self.tell(Kind::Group, &group, ClusterChange::empty(), 0x100, super::events::text(id));
        }
        Ok(())
    }

    pub(super) fn rename_resource(&mut self, id: &Name, name: &Name) -> Outcome<()> {
        let resource = self.resource(id)?;
        self.rename(Kind::Resource, &resource, name)?;
        let resource = self.resource(id)?;
        let buffer = super::events::named(&resource.name);
        self.tell(Kind::Resource, &resource, ClusterChange::RESOURCE_PROPERTY, 0x1, buffer);
        Ok(())
    }

    pub(super) fn online_resource(&mut self, id: &Name, manner: Manner) -> Outcome {
        let resource = self.resource(id)?;
        if self.state(id).is_some_and(ResourceState::is_pending) {
            return Err(ERROR_INVALID_STATE);
        }
        let tree = self.providers(id);
        if tree.iter().chain([id]).any(|id| self.volatile.resources.get(id).is_some_and(|resource| resource.locked)) {
            return Err(ERROR_CLUSTER_RESOURCE_LOCKED_STATUS);
        }
        let owner = self.owner(id).and_then(|owner| self.volatile.nodes.get(&owner));
        if owner.is_some_and(|node| node.state == NodeState::Paused) {
            return Err(Win32Error::ERROR_SHARING_PAUSED);
        }
        // What it depends on is commanded online with it; that alone makes it go first.
        let all: Vec<Object> = tree.iter().filter_map(|id| self.objects.by_id(Kind::Resource, id).cloned()).collect();
        self.command_all(all.iter().chain([&resource]), true, manner)?;
        tree.iter().chain([id]).for_each(|id| self.try_again(id));
        self.drive();
        match self.state(id) {
            Some(ResourceState::Online) => Ok(Reply::Done),
            Some(ResourceState::OnlinePending) => Ok(Reply::Pending),
            _ if tree.iter().any(|id| self.state(id) == Some(ResourceState::Failed)) => {
                Err(ERROR_CLUSTER_RESOURCE_PROVIDER_FAILED)
            }
            // Its turn comes when those that it depends on are online.
            _ => Ok(Reply::Pending),
        }
    }

    pub(super) fn offline_resource(&mut self, id: &Name, manner: Manner) -> Outcome {
        let resource = self.resource(id)?;
        let state = self.state(id).ok_or(ERROR_RESOURCE_NOT_AVAILABLE)?;
        if state.is_pending() || state == ResourceState::Initializing {
            return Err(ERROR_INVALID_STATE);
        }
        if self.volatile.resources.get(id).is_some_and(|resource| resource.locked) {
            return Err(ERROR_CLUSTER_RESOURCE_LOCKED_STATUS);
        }
        self.command_all([&resource], false, manner)?;
        if state == ResourceState::Failed {
            return Err(ERROR_RESOURCE_FAILED);
        }
        self.drive();
        if self.state(id) == Some(ResourceState::Offline) { Ok(Reply::Done) } else { Ok(Reply::Pending) }
    }

    /// Notes what resources are commanded to be.
    pub(super) fn command_all<'a>(
        &mut self,
        resources: impl IntoIterator<Item = &'a Object> + Clone,
        online: bool,
        manner: Manner,
    ) -> Outcome<()> {
        if !manner.transient {
            let keys = resources.clone();
            self.edit(|edit| {
                let mut keys = keys.into_iter().map(|resource| resource.key);
                keys.try_for_each(|key| edit.set(key, PERSISTENT_STATE, Value::dword(online.into())))
            })?;
        }
        for object in resources {
            if let Some(resource) = self.volatile.resources.get_mut(&object.id) {
                resource.commanded = manner.transient.then_some(online);
                resource.terminate = manner.terminate;
            }
            self.touch_resource(&object.id);
        }
        Ok(())
    }

    pub(super) fn fail_resource(&mut self, id: &Name) -> Outcome<()> {
        self.resource(id)?;
        if !self.state(id).is_some_and(runs) {
            return Err(ERROR_INVALID_STATE);
        }
        self.failed(id, ERROR_RESOURCE_FAILED.0);
        Ok(())
    }

    pub(super) fn restart_resource(&mut self, id: &Name) -> Outcome {
        self.resource(id)?;
        match self.state(id) {
            Some(ResourceState::Online) => {
                if let Some(resource) = self.volatile.resources.get_mut(id) {
                    resource.restarting = true;
                }
                self.touch_resource(id);
                Ok(Reply::Pending)
            }
            Some(ResourceState::Offline | ResourceState::Failed) => {
                self.try_again(id);
                Ok(Reply::Done)
            }
            _ => Err(ERROR_INVALID_STATE),
        }
    }

    /// Forgets that a resource has failed: it is started again if it is wanted.
    pub(super) fn try_again(&mut self, id: &Name) {
        self.forget_retry(id);
        if let Some(resource) = self.volatile.resources.get_mut(id) {
            resource.restarts.clear();
        }
        self.touch_resource(id);
    }

    pub(super) fn add_dependency(&mut self, id: &Name, provider: &Name) -> Outcome<()> {
        self.can_depend(id, provider)?;
        let resource = self.resource(id)?;
        let mut depends = self.relations.depends(resource.key).cloned().unwrap_or_default();
        depends.sets.push(vec![provider.clone()]);
        self.set_depends(&resource, &depends)
    }

    /// Whether a resource may come to depend on another (\[MS-CMRP\] 3.1.4.2.22).
    ///
    /// # Errors
    ///
    /// The code for why it may not.
    pub fn can_depend(&self, id: &Name, provider: &Name) -> Outcome<()> {
        let resource = self.resource(id)?;
        self.resource(provider)?;
        if id == provider || self.container(id) != self.container(provider) {
            return Err(Win32Error::ERROR_INVALID_PARAMETER);
        }
        let depends = self.relations.depends(resource.key);
        if depends.is_some_and(|depends| depends.resources().any(|other| other == provider)) {
            return Err(ERROR_DEPENDENCY_ALREADY_EXISTS);
        }
        if self.providers(provider).contains(id) {
            return Err(ERROR_CIRCULAR_DEPENDENCY);
        }
        if self.height(id) + 1 + self.depth(provider) > MAX_DEPTH {
            return Err(ERROR_DEPENDENCY_TREE_TOO_COMPLEX);
        }
        match self.state(id) {
            Some(ResourceState::OnlinePending) => Err(ERROR_RESOURCE_ONLINE),
            Some(ResourceState::Online) if self.state(provider) != Some(ResourceState::Online) => {
                Err(ERROR_RESOURCE_ONLINE)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn remove_dependency(&mut self, id: &Name, provider: &Name) -> Outcome<()> {
        let resource = self.resource(id)?;
        self.resource(provider)?;
        let mut depends = self.relations.depends(resource.key).cloned().unwrap_or_default();
        let set = depends.sets.iter_mut().find(|set| set.contains(provider)).ok_or(ERROR_DEPENDENCY_NOT_FOUND)?;
        let provides = self.state(provider) == Some(ResourceState::Online);
        if set.len() > 1 && provides && self.state(id).is_some_and(runs) {
            return Err(ERROR_RESOURCE_ONLINE);
        }
        set.retain(|other| other != provider);
        depends.sets.retain(|set| !set.is_empty());
        self.set_depends(&resource, &depends)
    }

    pub(super) fn set_dependency_expression(&mut self, id: &Name, text: &str) -> Outcome<()> {
        let resource = self.resource(id)?;
        let parsed = Expression::parse(text).map_err(|_| Win32Error::ERROR_INVALID_PARAMETER)?;
        let group = self.container(id);
        let depends = parsed.try_map(|name| {
            let provider = self.objects.find(Kind::Resource, &layout::name(name));
            let provider = provider.filter(|provider| provider.id != *id && self.container(&provider.id) == group);
            provider.map(|provider| provider.id.clone()).ok_or(Win32Error::ERROR_INVALID_PARAMETER)
        })?;
        let mut seen = BTreeSet::new();
        if !depends.resources().all(|provider| seen.insert(provider.clone())) {
            return Err(ERROR_DEPENDENCY_ALREADY_EXISTS);
        }
        for provider in &seen {
            if self.providers(provider).contains(id) {
                return Err(ERROR_CIRCULAR_DEPENDENCY);
            }
            if self.height(id) + 1 + self.depth(provider) > MAX_DEPTH {
                return Err(ERROR_DEPENDENCY_TREE_TOO_COMPLEX);
            }
        }
        let online = |provider: &Name| self.state(provider) == Some(ResourceState::Online);
        match self.state(id) {
            Some(ResourceState::OnlinePending) => return Err(ERROR_RESOURCE_ONLINE),
            Some(ResourceState::Online) if !depends.holds(online) => return Err(ERROR_RESOURCE_ONLINE),
            _ => {}
        }
        self.set_depends(&resource, &depends)
    }

    fn set_depends(&mut self, resource: &Object, depends: &Expression<Name>) -> Outcome<()> {
        let before = self.relations.depends(resource.key).cloned().unwrap_or_default();
        let text = depends.to_string();
        self.edit(|edit| edit.set(resource.key, DEPENDENCY_EXPRESSION, Value::string(&text)))?;
        let named = depends.try_map(|id| {
            let provider = self.objects.by_id(Kind::Resource, id);
            Ok::<_, Win32Error>(provider.map_or_else(|| id.clone(), |provider| provider.name.clone()))
        })?;
        let buffer = Value::string(&named.to_string()).data;
        self.tell(Kind::Resource, resource, ClusterChange::RESOURCE_PROPERTY, 0x10, buffer);
        let (old, new): (BTreeSet<_>, BTreeSet<_>) = (before.resources().collect(), depends.resources().collect());
        for id in old.symmetric_difference(&new) {
            let Some(provider) = self.objects.by_id(Kind::Resource, id).cloned() else { continue };
            let dependents: Vec<Name> = self.relations.dependents(Kind::Resource, id).cloned().collect();
            self.tell(Kind::Resource, &provider, ClusterChange::empty(), 0x20, super::events::ids(&dependents));
        }
        Ok(())
    }

    /// All that a resource depends on, directly or not.
    pub fn providers(&self, id: &Name) -> BTreeSet<Name> {
        let mut found = BTreeSet::new();
        let mut pending = vec![id.clone()];
        while let Some(id) = pending.pop() {
            let depends = self.objects.by_id(Kind::Resource, &id).and_then(|object| self.relations.depends(object.key));
            for provider in depends.into_iter().flat_map(Expression::resources) {
                if found.insert(provider.clone()) {
                    pending.push(provider.clone());
                }
            }
        }
        found
    }

    /// The length of the longest chain of what a resource depends on.
    fn depth(&self, id: &Name) -> usize {
        self.longest(id, |cluster, id| {
            let object = cluster.objects.by_id(Kind::Resource, id);
            let depends = object.and_then(|object| cluster.relations.depends(object.key));
            depends.into_iter().flat_map(Expression::resources).cloned().collect()
        })
    }

    /// The length of the longest chain of those that depend on a resource.
    fn height(&self, id: &Name) -> usize {
        self.longest(id, |cluster, id| cluster.relations.dependents(Kind::Resource, id).cloned().collect())
    }

    /// Counts the generations from a resource on; no more than are needed to see that there are
    /// too many.
    fn longest(&self, id: &Name, next: impl Fn(&Self, &Name) -> BTreeSet<Name>) -> usize {
        let mut generation = next(self, id);
        let mut count = 0;
        while !generation.is_empty() && count <= MAX_DEPTH {
            count += 1;
            generation = generation.iter().flat_map(|id| next(self, id)).collect();
        }
        count
    }

    pub(super) fn add_possible_owner(&mut self, id: &Name, node: &Name) -> Outcome<()> {
        let resource = self.resource(id)?;
        self.object(Kind::Node, node, ERROR_CLUSTER_NODE_NOT_FOUND)?;
        let mut owners = layout::ids(&self.registry, resource.key, POSSIBLE_OWNERS);
        if owners.contains(node) {
            return Err(ERROR_OBJECT_ALREADY_EXISTS);
        }
        owners.push(node.clone());
        self.set_owners(&resource, &owners)
    }

    pub(super) fn remove_possible_owner(&mut self, id: &Name, node: &Name) -> Outcome<()> {
        let resource = self.resource(id)?;
        let mut owners = layout::ids(&self.registry, resource.key, POSSIBLE_OWNERS);
        if owners.is_empty() {
            owners = self.objects.all(Kind::Node).map(|node| node.id.clone()).collect();
        }
        if !owners.contains(node) {
            return Err(ERROR_CLUSTER_NODE_NOT_FOUND);
        }
        if self.owner(id).as_ref() == Some(node) && self.state(id).is_some_and(runs) {
            return Err(ERROR_INVALID_STATE);
        }
        owners.retain(|other| other != node);
        self.set_owners(&resource, &owners)
    }

    fn set_owners(&mut self, resource: &Object, owners: &[Name]) -> Outcome<()> {
        self.edit(|edit| edit.set_ids(resource.key, POSSIBLE_OWNERS, owners))?;
        self.tell(Kind::Resource, resource, ClusterChange::RESOURCE_PROPERTY, 0x40, super::events::ids(owners));
        Ok(())
    }

    pub(super) fn change_resource_group(&mut self, id: &Name, to: &Name) -> Outcome<()> {
        self.resource(id)?;
        let to = self.group(to)?;
        let from = self.container(id).and_then(|id| self.objects.by_id(Kind::Group, &id).cloned());
        let from = from.ok_or(ERROR_RESOURCE_NOT_AVAILABLE)?;
        if from.id == to.id {
            return Err(Win32Error::ERROR_ALREADY_EXISTS);
        }
        let tree = self.tree(id);
        if tree.iter().any(|id| self.volatile.resources.get(id).is_some_and(|resource| resource.locked)) {
            return Err(ERROR_CLUSTER_RESOURCE_LOCKED_STATUS);
        }
        let owner = |group: &Object| self.volatile.groups.get(&group.id).map(|group| group.owner.clone());
        let destination = owner(&to).ok_or(ERROR_GROUP_NOT_AVAILABLE)?;
        if owner(&from) != Some(destination.clone()) {
            if tree.iter().any(|id| !self.state(id).is_some_and(ResourceState::is_down)) {
                return Err(ERROR_RESOURCE_ONLINE);
            }
            if !tree.iter().all(|id| self.may_host(id, &destination)) {
                return Err(ERROR_HOST_NODE_NOT_RESOURCE_OWNER);
            }
        }
        let (stay, go): (Vec<_>, Vec<_>) =
            self.relations.members(from.key).iter().cloned().partition(|id| !tree.contains(id));
        let mut members = self.relations.members(to.key).to_vec();
        members.extend(go);
        self.edit(|edit| {
            edit.set_ids(from.key, CONTAINS, &stay)?;
            edit.set_ids(to.key, CONTAINS, &members)
        })?;
        for id in &tree {
            if let Some(resource) = self.volatile.resources.get_mut(id) {
                resource.sequence = resource.sequence.wrapping_add(1);
            }
            if let Some(object) = self.objects.by_id(Kind::Resource, id).cloned() {
                let buffer = super::events::text(&to.id);
                self.tell(Kind::Resource, &object, ClusterChange::RESOURCE_PROPERTY, 0x8, buffer);
            }
        }
        // Version 1 tells it once for each group, version 2 for each resource.
        for (group, flag) in [(&from, 0x100), (&to, 0x80)] {
            self.tell(Kind::Group, group, ClusterChange::GROUP_PROPERTY, 0, Bytes::new());
            for id in &tree {
                self.tell(Kind::Group, group, ClusterChange::empty(), flag, super::events::text(id));
            }
        }
        Ok(())
    }

    /// A resource with all that it depends on and all that depend on it, directly or not.
    fn tree(&self, id: &Name) -> BTreeSet<Name> {
        let mut tree = BTreeSet::from([id.clone()]);
        let mut pending = vec![id.clone()];
        while let Some(id) = pending.pop() {
            let object = self.objects.by_id(Kind::Resource, &id);
            let depends = object.and_then(|object| self.relations.depends(object.key));
            let depends = depends.into_iter().flat_map(Expression::resources);
            for other in depends.chain(self.relations.dependents(Kind::Resource, &id)) {
                if tree.insert(other.clone()) {
                    pending.push(other.clone());
                }
            }
        }
        tree
    }

    fn may_host(&self, id: &Name, node: &Name) -> bool {
        self.objects.by_id(Kind::Resource, id).is_some_and(|object| {
            let owners = layout::ids(&self.registry, object.key, POSSIBLE_OWNERS);
            owners.is_empty() || owners.contains(node)
        })
    }

    /// The node that a resource is on.
    fn owner(&self, id: &Name) -> Option<Name> {
        Some(self.volatile.groups.get(self.relations.container(Kind::Resource, id)?)?.owner.clone())
    }

    fn container(&self, id: &Name) -> Option<Name> {
        self.relations.container(Kind::Resource, id).cloned()
    }

    fn without(&self, container: &Object, id: &Name) -> Vec<Name> {
        self.relations.members(container.key).iter().filter(|other| *other != id).cloned().collect()
    }

    fn resource(&self, id: &Name) -> Outcome<Object> {
        self.object(Kind::Resource, id, ERROR_RESOURCE_NOT_AVAILABLE)
    }

    /// Ends whatever runs of all resources, without regard to order: the node is going down.
    pub fn terminate_all(&mut self) {
        let running: Vec<Name> = self
            .volatile
            .resources
            .iter()
            .filter(|(_, resource)| runs(resource.state))
            .map(|(id, _)| id.clone())
            .collect();
        running.iter().for_each(|id| self.ask(id, HostAction::Terminate, ResourceState::Offline));
    }
}
