//! Groups (\[MS-CMRP\] 3.1.4.2.42 to 3.1.4.2.55).

use super::{Cluster, Manner, Outcome, Reply};
use crate::cluster::{
    notify::ClusterChange,
    objects::{
        Kind, Object,
        layout::{self, ANTI_AFFINITY, CONTAINS, FLAGS, GROUP_TYPE, NAME, PERSISTENT_STATE, PREFERRED_OWNERS},
    },
    registry::{Name, Value},
    state::{GroupState, NodeState, ResourceState},
    status::{
        ERROR_ASSERTION_FAILURE, ERROR_CLUSTER_NODE_NOT_FOUND, ERROR_CLUSTER_RESOURCE_LOCKED_STATUS,
        ERROR_CORE_RESOURCE, ERROR_DIR_NOT_EMPTY, ERROR_GROUP_NOT_AVAILABLE, ERROR_HOST_NODE_NOT_AVAILABLE,
        ERROR_INVALID_STATE, ERROR_NODE_CANT_HOST_RESOURCE, ERROR_OBJECT_ALREADY_EXISTS,
    },
};
use msrpc_ndr::{Bytes, Win32Error};

/// The flag of what the cluster cannot do without (`CLUS_FLAG_CORE`).
const CORE: u32 = 1;

impl Cluster {
    pub(super) fn create_group(&mut self, id: &Name, name: &Name, group_type: u32) -> Outcome<()> {
        check_name(name)?;
        if self.objects.find(Kind::Group, name).is_some() || self.objects.find(Kind::Group, id).is_some() {
            return Err(ERROR_OBJECT_ALREADY_EXISTS);
        }
        let path = layout::path(&format!("{}\\{id}", Kind::Group.key()));
        let name = name.to_string();
        self.edit(|edit| {
            let (key, _) = edit.create(super::KeyId::ROOT, &path, None)?;
            edit.set(key, NAME, Value::string(&name))?;
            edit.set(key, GROUP_TYPE, Value::dword(group_type))?;
            edit.set(key, PERSISTENT_STATE, Value::dword(0))?;
            edit.set_ids(key, PREFERRED_OWNERS, &[])?;
            edit.set_ids(key, CONTAINS, &[])
        })?;
        self.tell_of_new(Kind::Group, id, ClusterChange::GROUP_ADDED);
        Ok(())
    }

    pub(super) fn delete_group(&mut self, id: &Name, force: bool) -> Outcome {
        let group = self.group(id)?;
        let members = self.relations.members(group.key).to_vec();
        if members.iter().any(|id| self.is_core(id)) {
            return Err(ERROR_CORE_RESOURCE);
        }
        if members.is_empty() {
            return self.remove_group(&group).map(|()| Reply::Done);
        }
        if !force {
            return Err(ERROR_DIR_NOT_EMPTY);
        }
        if let Some(volatile) = self.volatile.groups.get_mut(id) {
            volatile.deleting = true;
        }
        self.dirty.insert(id.clone());
        Ok(Reply::Done)
    }

    /// Takes a group whose resources are all down out of the configuration, with them.
    pub(super) fn remove_group(&mut self, group: &Object) -> Outcome<()> {
        let members = self.relations.members(group.key).to_vec();
        for id in members {
            if let Some(resource) = self.objects.by_id(Kind::Resource, &id).cloned() {
                self.edit(|edit| edit.delete_tree(resource.key))?;
                let buffer = super::events::text(&group.id);
                self.tell(Kind::Resource, &resource, ClusterChange::RESOURCE_DELETED, 0x80, buffer);
            }
        }
        if self.relations.container(Kind::Group, &group.id).is_some() {
            self.remove_group_from_set(&group.id)?;
        }
        self.forget_group(&group.id)?;
        self.edit(|edit| edit.delete_tree(group.key))?;
        self.tell(Kind::Group, group, ClusterChange::GROUP_DELETED, 0x1, Bytes::new());
        Ok(())
    }

    pub(super) fn rename_group(&mut self, id: &Name, name: &Name) -> Outcome<()> {
        let group = self.group(id)?;
        self.rename(Kind::Group, &group, name)?;
        let group = self.group(id)?;
        self.tell(Kind::Group, &group, ClusterChange::GROUP_PROPERTY, 0x2, super::events::named(&group.name));
        Ok(())
    }

    /// Gives an object of a kind another name, which no other may have as its name or ID.
    pub(super) fn rename(&mut self, kind: Kind, object: &Object, name: &Name) -> Outcome<()> {
        check_name(name)?;
        if self.objects.find(kind, name).is_some_and(|other| other.id != object.id) {
            return Err(Win32Error::ERROR_ALREADY_EXISTS);
        }
        let name = name.to_string();
        self.edit(|edit| edit.set(object.key, NAME, Value::string(&name)))
    }

    pub(super) fn set_preferred_owners(&mut self, id: &Name, mut nodes: Vec<Name>) -> Outcome<()> {
        let group = self.group(id)?;
        if nodes.iter().any(|node| self.objects.by_id(Kind::Node, node).is_none()) {
            return Err(ERROR_ASSERTION_FAILURE);
        }
        if !nodes.is_empty() {
            let others = self.objects.all(Kind::Node).map(|node| node.id.clone());
            let others: Vec<Name> = others.filter(|id| !nodes.contains(id)).collect();
            nodes.extend(others);
        }
        self.edit(|edit| edit.set_ids(group.key, PREFERRED_OWNERS, &nodes))?;
        self.tell(Kind::Group, &group, ClusterChange::GROUP_PROPERTY, 0x20, super::events::ids(&nodes));
        Ok(())
    }

    pub(super) fn online_group(&mut self, id: &Name, manner: Manner) -> Outcome {
        let group = self.group(id)?;
        self.check_group(&group)?;
        let owner = self.volatile.groups.get(id).and_then(|group| self.volatile.nodes.get(&group.owner));
        if owner.is_some_and(|node| node.state == NodeState::Paused) {
            return Err(Win32Error::ERROR_SHARING_PAUSED);
        }
        if !manner.ignore_affinity && self.is_kept_apart(&group) {
            return Err(ERROR_NODE_CANT_HOST_RESOURCE);
        }
        self.set_group_persistent(&group, true)?;
        self.drive();
        Ok(self.group_reply(&group, ResourceState::Online))
    }

    /// Whether another group on the node, one that is to keep apart from this, has something online.
    fn is_kept_apart(&self, group: &Object) -> bool {
        let classes = |group: &Object| layout::ids(&self.registry, group.key, ANTI_AFFINITY);
        let owner = |group: &Object| self.volatile.groups.get(&group.id).map(|group| &group.owner);
        let mine = classes(group);
        self.objects.all(Kind::Group).filter(|other| other.id != group.id && owner(other) == owner(group)).any(
            |other| {
                let mut members = self.relations.members(other.key).iter();
                members.any(|id| self.state(id) == Some(ResourceState::Online))
                    && classes(other).iter().any(|class| mine.contains(class))
            },
        )
    }

    pub(super) fn offline_group(&mut self, id: &Name) -> Outcome {
        let group = self.group(id)?;
        self.check_group(&group)?;
        self.set_group_persistent(&group, false)?;
        self.drive();
        Ok(self.group_reply(&group, ResourceState::Offline))
    }

    pub(super) fn move_group(&mut self, id: &Name, to: Option<Name>) -> Outcome {
        let group = self.group(id)?;
        let owner = self.volatile.groups.get(id).map(|group| group.owner.clone()).ok_or(ERROR_GROUP_NOT_AVAILABLE)?;
        let to = match to {
            Some(to) if to == owner => return Ok(Reply::Done),
            Some(to) => self.check_destination(to)?,
            None => self.best_node(&group, &owner).ok_or(ERROR_HOST_NODE_NOT_AVAILABLE)?,
        };
        self.check_group(&group)?;
        if let Some(volatile) = self.volatile.groups.get_mut(id) {
            volatile.moving_to = Some(to);
        }
        self.dirty.insert(id.clone());
        self.drive();
        Ok(self.group_reply(&group, ResourceState::Online))
    }

    fn check_destination(&self, to: Name) -> Outcome<Name> {
        match self.volatile.nodes.get(&to).map(|node| node.state) {
            None => Err(ERROR_CLUSTER_NODE_NOT_FOUND),
            Some(NodeState::Paused) => Err(Win32Error::ERROR_SHARING_PAUSED),
            Some(NodeState::Up) => Ok(to),
            Some(_) => Err(ERROR_HOST_NODE_NOT_AVAILABLE),
        }
    }

    /// The node that a group goes to from another: the first that it prefers, or any.
    pub(super) fn best_node(&self, group: &Object, from: &Name) -> Option<Name> {
        let preferred = layout::ids(&self.registry, group.key, PREFERRED_OWNERS);
        let others = self.objects.all(Kind::Node).map(|node| node.id.clone());
        let up = |id: &Name| self.volatile.nodes.get(id).is_some_and(|node| node.state == NodeState::Up);
        preferred.into_iter().chain(others).find(|id| id != from && up(id))
    }

    pub(super) fn cancel_group_operation(&mut self, id: &Name) -> Outcome<()> {
        let group = self.group(id)?;
        let volatile = self.volatile.groups.get_mut(&group.id).ok_or(ERROR_GROUP_NOT_AVAILABLE)?;
        volatile.moving_to.take().map(drop).ok_or(ERROR_INVALID_STATE)?;
        self.dirty.insert(id.clone());
        Ok(())
    }

    pub(super) fn group(&self, id: &Name) -> Outcome<Object> {
        self.object(Kind::Group, id, ERROR_GROUP_NOT_AVAILABLE)
    }

    /// Whether a resource is one that the cluster cannot do without.
    pub(super) fn is_core(&self, id: &Name) -> bool {
        let object = self.objects.by_id(Kind::Resource, id);
        object.is_some_and(|object| self.dword(object.key, FLAGS, 0) & CORE != 0)
    }

    /// Whether a group may change its state now.
    fn check_group(&self, group: &Object) -> Outcome<()> {
        let members = self.relations.members(group.key);
        if members.iter().filter_map(|id| self.volatile.resources.get(id)).any(|resource| resource.locked) {
            return Err(ERROR_CLUSTER_RESOURCE_LOCKED_STATUS);
        }
        let deleting = self.volatile.groups.get(&group.id).is_some_and(|group| group.deleting);
        match self.group_state(group) {
            GroupState::Pending => Err(ERROR_INVALID_STATE),
            _ if deleting => Err(ERROR_INVALID_STATE),
            _ => Ok(()),
        }
    }

    fn set_group_persistent(&mut self, group: &Object, online: bool) -> Outcome<()> {
        let members = self.relations.members(group.key).to_vec();
        let all: Vec<Object> =
            members.iter().filter_map(|id| self.objects.by_id(Kind::Resource, id).cloned()).collect();
        self.edit(|edit| edit.set(group.key, PERSISTENT_STATE, Value::dword(online.into())))?;
        self.command_all(&all, online, Manner::default())?;
        members.iter().for_each(|id| self.try_again(id));
        self.dirty.insert(group.id.clone());
        Ok(())
    }

    /// What is answered once all has been asked for: that it is done, or under way.
    fn group_reply(&self, group: &Object, goal: ResourceState) -> Reply {
        let members = self.relations.members(group.key);
        let there = |state: ResourceState| state == goal || state == ResourceState::Failed;
        let moving = self.volatile.groups.get(&group.id).is_some_and(|group| group.moving_to.is_some());
        let all = members.iter().filter_map(|id| self.state(id)).all(there);
        if all && !moving { Reply::Done } else { Reply::Pending }
    }
}

/// A name is more than blanks (\[MS-CMRP\] 3.1.1.1.1).
pub(super) fn check_name(name: &Name) -> Outcome<()> {
    let blank = |unit: &u16| matches!(unit, 0x20 | 0x09 | 0x0d | 0x0a);
    if name.units().iter().all(blank) { Err(Win32Error::ERROR_INVALID_NAME) } else { Ok(()) }
}
