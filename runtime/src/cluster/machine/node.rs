//! Nodes and networks (\[MS-CMRP\] 3.1.4.2.67 to 3.1.4.2.72, 3.1.4.2.84).

use msrpc_ndr::Bytes;

use super::{Cluster, HostAction, Outcome, Reply};
use crate::cluster::{
    notify::ClusterChange,
    objects::{
        Kind, Object,
        layout::{self, PERSISTENT_STATE, POSSIBLE_OWNERS, PREFERRED_OWNERS},
    },
    registry::{Name, Value},
    state::{NodeState, ResourceState},
    status::{
        ERROR_CLUSTER_NODE_DOWN, ERROR_CLUSTER_NODE_EVACUATION_IN_PROGRESS, ERROR_CLUSTER_NODE_NOT_PAUSED,
        ERROR_HOST_NODE_NOT_AVAILABLE, ERROR_INVALID_TARGET_HANDLE, ERROR_NETWORK_NOT_AVAILABLE,
        ERROR_NODE_NOT_AVAILABLE,
    },
};

impl Cluster {
    pub(super) fn pause_node(&mut self, id: &Name, drain: Option<Option<Name>>) -> Outcome {
        let node = self.node(id)?;
        let state = self.node_state(id);
        if let Some(target) = &drain {
            let up = |id: &Name| self.node_state(id) == NodeState::Up;
            match target {
                Some(target) if target == id => return Err(ERROR_INVALID_TARGET_HANDLE),
                Some(target) if !up(target) => return Err(ERROR_HOST_NODE_NOT_AVAILABLE),
                None if !self.objects.all(Kind::Node).any(|other| other.id != *id && up(&other.id)) => {
                    return Err(ERROR_CLUSTER_NODE_DOWN);
                }
                _ => {}
            }
            let leaving = |group: &super::Group| group.owner == *id && group.moving_to.is_some();
            if state == NodeState::Paused && self.volatile.groups.values().any(leaving) {
                return Err(ERROR_CLUSTER_NODE_EVACUATION_IN_PROGRESS);
            }
        }
        match state {
            NodeState::Paused => {}
            NodeState::Up => {
                self.edit(|edit| edit.set(node.key, PERSISTENT_STATE, Value::dword(1)))?;
                self.set_node_state(id, NodeState::Paused);
            }
            _ => return Err(ERROR_CLUSTER_NODE_DOWN),
        }
        let Some(target) = drain else { return Ok(Reply::Done) };
        let owned = self.volatile.groups.iter().filter(|(_, group)| group.owner == *id);
        let owned: Vec<Name> = owned.map(|(id, _)| id.clone()).collect();
        for group in owned {
            // What cannot go stays: the groups are asked for one by one, as by ApiMoveGroup.
            if let Err(error) = self.move_group(&group, target.clone()) {
                tracing::warn!(%group, %error, "not moved away from the paused node");
            }
        }
        Ok(Reply::Pending)
    }

    pub(super) fn resume_node(&mut self, id: &Name) -> Outcome<()> {
        let node = self.node(id)?;
        match self.node_state(id) {
            NodeState::Paused => {}
            NodeState::Up => return Err(ERROR_CLUSTER_NODE_NOT_PAUSED),
            _ => return Err(ERROR_CLUSTER_NODE_DOWN),
        }
        self.edit(|edit| edit.set(node.key, PERSISTENT_STATE, Value::dword(0)))?;
        self.set_node_state(id, NodeState::Up);
        Ok(())
    }

    pub(super) fn evict_node(&mut self, id: &Name) -> Outcome<()> {
        let node = self.node(id)?;
        self.set_node_state(id, NodeState::Down);
        // Nothing that controls where a resource or a group is may name the node any more.
        let lists: Vec<_> = [(Kind::Resource, POSSIBLE_OWNERS), (Kind::Group, PREFERRED_OWNERS)]
            .into_iter()
            .flat_map(|(kind, value)| self.objects.all(kind).map(move |object| (object.key, value)))
            .filter_map(|(key, value)| {
                let mut ids = layout::ids(&self.registry, key, value);
                let before = ids.len();
                ids.retain(|other| other != id);
                (ids.len() < before).then_some((key, value, ids))
            })
            .collect();
        let interfaces = self.objects.all(Kind::Interface);
        let interfaces = interfaces.filter(|object| {
            layout::string(&self.registry, object.key, layout::NODE).is_some_and(|node| id.matches(&node))
        });
        let interfaces: Vec<Object> = interfaces.cloned().collect();
        self.edit(|edit| {
            lists.iter().try_for_each(|(key, value, ids)| edit.set_ids(*key, value, ids))?;
            interfaces.iter().try_for_each(|interface| edit.delete_tree(interface.key))?;
            edit.delete_tree(node.key)
        })?;
        self.abandon(id);
        for interface in interfaces {
            self.tell(Kind::Interface, &interface, ClusterChange::NETINTERFACE_DELETED, 0x1, Bytes::new());
        }
        let down = Bytes::copy_from_slice(&(NodeState::Down as u32).to_le_bytes());
        self.tell(Kind::Node, &node, ClusterChange::NODE_DELETED, 0x2, down);
        Ok(())
    }

    /// Gives the groups of a node that is no more to others, where one is active.
    fn abandon(&mut self, node: &Name) {
        let owned = self.volatile.groups.iter().filter(|(_, group)| group.owner == *node);
        let owned: Vec<Name> = owned.map(|(id, _)| id.clone()).collect();
        for id in owned {
            let Some(group) = self.objects.by_id(Kind::Group, &id).cloned() else { continue };
            let Some(to) = self.best_node(&group, node) else { continue };
            for member in self.relations.members(group.key).to_vec() {
                if self.state(&member).is_some_and(ResourceState::is_down) {
                    continue;
                }
                // What ran elsewhere has gone with its node; what runs here is ended.
                if *node == self.local {
                    self.ask(&member, HostAction::Terminate, ResourceState::Offline);
                } else {
                    self.forget_instance(&member);
                }
            }
            if let Some(volatile) = self.volatile.groups.get_mut(&id) {
                (volatile.owner, volatile.moving_to) = (to.clone(), None);
                volatile.sequence = volatile.sequence.wrapping_add(1);
            }
            self.tell_of_group_owner(&group, node, &to);
            self.dirty.insert(id);
        }
    }

    /// Others say that a node is active or not.
    pub(super) fn node_seen(&mut self, id: &Name, state: NodeState) -> Outcome<()> {
        self.node(id)?;
        let paused = state == NodeState::Up && self.is_paused(id);
        self.set_node_state(id, if paused { NodeState::Paused } else { state });
        Ok(())
    }

    pub(super) fn rename_network(&mut self, id: &Name, name: &Name) -> Outcome<()> {
        let network = self.object(Kind::Network, id, ERROR_NETWORK_NOT_AVAILABLE)?;
        self.rename(Kind::Network, &network, name)?;
        let network = self.object(Kind::Network, id, ERROR_NETWORK_NOT_AVAILABLE)?;
        let buffer = super::events::named(&network.name);
        self.tell(Kind::Network, &network, ClusterChange::NETWORK_PROPERTY, 0x2, buffer);
        Ok(())
    }

    fn node(&self, id: &Name) -> Outcome<Object> {
        self.object(Kind::Node, id, ERROR_NODE_NOT_AVAILABLE)
    }

    fn node_state(&self, id: &Name) -> NodeState {
        self.volatile.nodes.get(id).map_or(NodeState::Down, |node| node.state)
    }

    fn set_node_state(&mut self, id: &Name, state: NodeState) {
        let Some(node) = self.volatile.nodes.get_mut(id) else { return };
        if node.state != state {
            node.state = state;
            node.sequence = node.sequence.wrapping_add(1);
            self.tell_of_node_state(id);
            self.touch_all();
        }
    }
}
