//! Resources go where they are wanted.
//!
//! Nothing here is a procedure with steps to remember. Whether a resource is wanted online follows
//! from what was commanded (its persistent state), from its group, its node and what it depends on;
//! [`Cluster::drive`] compares that with what is, asks hosts for what is missing, and is run again
//! after every command. So a crash, a failure or a change of mind in between needs no code of its
//! own.

use std::collections::HashMap;

use super::{CallId, Cluster, HostAction, HostCall, Timer, runs};
use crate::cluster::{
    dependency::Expression,
    objects::{Kind, Object, layout},
    registry::Name,
    state::{NodeState, ResourceState, ServerState},
    status,
};

/// 100-nanosecond intervals in a millisecond.
const MILLISECOND: u64 = 10_000;

impl Cluster {
    /// Does what happens by itself up to now.
    pub(super) fn run_timers(&mut self) {
        while let Some((time, _)) = self.volatile.timers.first()
            && *time <= self.now
        {
            let Some((time, timer)) = self.volatile.timers.pop_first() else { return };
            match timer {
                Timer::Retry(id) => {
                    if let Some(resource) = self.volatile.resources.get_mut(&id)
                        && resource.given_up == Some(Some(time))
                    {
                        resource.given_up = None;
                    }
                    self.touch_resource(&id);
                }
                Timer::Pending(id, call) => self.pending_too_long(&id, call),
            }
        }
    }

    /// Asks hosts for what is missing, until nothing more can be asked for.
    pub(super) fn drive(&mut self) {
        while let Some(id) = self.dirty.pop_first() {
            let Some(group) = self.objects.by_id(Kind::Group, &id).cloned() else { continue };
            // Each pass changes a state towards what is wanted, so this ends.
            while self.drive_group(&group) {}
            self.dirty.remove(&id);
            self.publish(&group);
        }
    }

    fn drive_group(&mut self, group: &Object) -> bool {
        let members = self.relations.members(group.key).to_vec();
        let mut known = HashMap::new();
        for id in &members {
            self.wanted(id, &mut known);
        }
        let mut asked = false;
        for id in &members {
            let Some(state) = self.state(id) else { continue };
            let wanted = known.get(id).copied().flatten().unwrap_or(false);
            if state == ResourceState::Online && !wanted && !self.is_needed(id) {
                let resource = self.volatile.resources.get_mut(id);
                match resource.is_some_and(|resource| std::mem::take(&mut resource.terminate)) {
                    true => self.ask(id, HostAction::Terminate, ResourceState::Offline),
                    false => self.ask(id, HostAction::Offline, ResourceState::OfflinePending),
                }
                asked = true;
            } else if state.is_down() && wanted && self.may_start(group, id) {
                self.ask(id, HostAction::Online, ResourceState::OnlinePending);
                asked = true;
            }
        }
        asked |= self.settle_group(group, &members);
        asked
    }

    pub(super) fn state(&self, id: &Name) -> Option<ResourceState> {
        self.volatile.resources.get(id).map(|resource| resource.state)
    }

    /// Whether a resource is to be online: it was commanded so, nothing speaks against it, and of
    /// each set that it depends on one resource is to be online, too. What is known is not looked
    /// at again; `None` stands for what is being looked at, which only what a client wrote into the
    /// registry by hand, a circle, comes back to.
    fn wanted(&self, id: &Name, known: &mut HashMap<Name, Option<bool>>) -> bool {
        if let Some(known) = known.get(id) {
            return known.unwrap_or(false);
        }
        known.insert(id.clone(), None);
        let wanted = self.commanded(id).is_some_and(|object| {
            let mut online = |provider: &Name| self.wanted(provider, known);
            self.expression(&object).is_none_or(|depends| depends.holds(&mut online))
        });
        known.insert(id.clone(), Some(wanted));
        wanted
    }

    /// A resource that was commanded online, if nothing but its providers can speak against it.
    fn commanded(&self, id: &Name) -> Option<Object> {
        let object = self.objects.by_id(Kind::Resource, id)?;
        let resource = self.volatile.resources.get(id)?;
        let group = self.volatile.groups.get(self.relations.container(Kind::Resource, id)?)?;
        let free = !resource.restarting && resource.given_up.is_none() && group.moving_to.is_none() && !group.deleting;
        let persistent = || self.dword(object.key, layout::PERSISTENT_STATE, 0) == 1;
        let commanded = resource.commanded.unwrap_or_else(persistent);
        (self.server_state == ServerState::ReadWrite && free && commanded).then(|| object.clone())
    }

    fn expression(&self, object: &Object) -> Option<&Expression<Name>> {
        self.relations.depends(object.key)
    }

    /// Whether another resource that runs would have to stop without this one.
    fn is_needed(&self, id: &Name) -> bool {
        self.relations.dependents(Kind::Resource, id).any(|dependent| {
            self.state(dependent).is_some_and(runs)
                && self.objects.by_id(Kind::Resource, dependent).is_some_and(|object| {
                    let without =
                        |provider: &Name| provider != id && self.state(provider) == Some(ResourceState::Online);
                    self.expression(object).is_some_and(|depends| !depends.holds(without))
                })
        })
    }

    /// Whether a resource that is wanted can be started now.
    fn may_start(&self, group: &Object, id: &Name) -> bool {
        let Some(owner) = self.volatile.groups.get(&group.id).map(|group| &group.owner) else { return false };
        if *owner != self.local || self.volatile.nodes.get(owner).is_none_or(|node| node.state != NodeState::Up) {
            return false;
        }
        let (Some(object), Some(resource)) = (self.objects.by_id(Kind::Resource, id), self.volatile.resources.get(id))
        else {
            return false;
        };
        let owners = layout::ids(&self.registry, object.key, layout::POSSIBLE_OWNERS);
        let possible = owners.is_empty() || owners.contains(owner);
        let online = |provider: &Name| self.state(provider) == Some(ResourceState::Online);
        possible && !resource.locked && self.expression(object).is_none_or(|depends| depends.holds(online))
    }

    /// Asks a resource's host for something.
    pub(super) fn ask(&mut self, id: &Name, action: HostAction, state: ResourceState) {
        self.stop_waiting(id);
        let call = CallId(self.volatile.next_call);
        self.volatile.next_call += 1;
        let timeout = self
            .objects
            .by_id(Kind::Resource, id)
            .map_or(0, |object| u64::from(self.dword(object.key, layout::PENDING_TIMEOUT, 180_000)) * MILLISECOND);
        if let Some(resource) = self.volatile.resources.get_mut(id) {
            if let Some(old) = resource.call.replace(call) {
                self.calls.remove(&old);
            }
            self.calls.insert(call, id.clone());
        }
        if action != HostAction::Terminate {
            let until = self.now.saturating_add(timeout);
            self.volatile.timers.insert((until, Timer::Pending(id.clone(), call)));
            if let Some(resource) = self.volatile.resources.get_mut(id) {
                resource.pending_until = Some(until);
            }
        }
        self.output.hosts.push(HostCall { resource: id.clone(), call, action });
        self.set_state(id, state);
    }

    /// Forgets the time by which a host has to have answered.
    pub(super) fn stop_waiting(&mut self, id: &Name) {
        let Some(resource) = self.volatile.resources.get_mut(id) else { return };
        if let (Some(until), Some(call)) = (resource.pending_until.take(), resource.call) {
            self.volatile.timers.remove(&(until, Timer::Pending(id.clone(), call)));
        }
    }

    /// Forgets that a resource has failed, and when it was to be tried again.
    pub(super) fn forget_retry(&mut self, id: &Name) {
        let Some(resource) = self.volatile.resources.get_mut(id) else { return };
        if let Some(Some(time)) = resource.given_up.take() {
            self.volatile.timers.remove(&(time, Timer::Retry(id.clone())));
        }
    }

    /// A resource's instance is gone, and nobody is asked about it any more.
    pub(super) fn forget_instance(&mut self, id: &Name) {
        self.stop_waiting(id);
        if let Some(call) = self.volatile.resources.get_mut(id).and_then(|resource| resource.call.take()) {
            self.calls.remove(&call);
        }
        self.set_state(id, ResourceState::Offline);
    }

    /// A host has answered. Answers to what nobody waits for any more change nothing.
    pub(super) fn host_done(&mut self, call: CallId, result: Result<(), u32>) {
        let Some(id) = self.calls.get(&call).cloned() else { return };
        self.stop_waiting(&id);
        match (self.state(&id), result) {
            (Some(ResourceState::OnlinePending), Ok(())) => self.set_state(&id, ResourceState::Online),
            (Some(ResourceState::OfflinePending), Ok(())) => {
                self.calls.remove(&call);
                if let Some(resource) = self.volatile.resources.get_mut(&id) {
                    (resource.call, resource.restarting) = (None, false);
                }
                self.set_state(&id, ResourceState::Offline);
            }
            (Some(state), Err(error)) if state.is_pending() => self.failed(&id, error),
            // What was terminated is gone.
            _ => drop(self.calls.remove(&call)),
        }
        self.touch_resource(&id);
    }

    /// An instance that was online does not work any more.
    pub(super) fn host_failed(&mut self, call: CallId, error: u32) {
        let Some(id) = self.calls.get(&call).cloned() else { return };
        if self.state(&id).is_some_and(runs) {
            self.failed(&id, error);
        }
    }

    fn pending_too_long(&mut self, id: &Name, call: CallId) {
        let pending = self
            .volatile
            .resources
            .get(id)
            .is_some_and(|resource| resource.call == Some(call) && resource.state.is_pending());
        if pending {
            self.failed(id, status::WAIT_TIMEOUT.0);
        }
    }

    /// A resource has failed: it is ended, and restarted as its policy says.
    pub(super) fn failed(&mut self, id: &Name, error: u32) {
        let Some(object) = self.objects.by_id(Kind::Resource, id).cloned() else { return };
        let action = self.dword(object.key, layout::RESTART_ACTION, 2);
        let threshold = self.dword(object.key, layout::RESTART_THRESHOLD, 1);
        let period = u64::from(self.dword(object.key, layout::RESTART_PERIOD, 900_000)) * MILLISECOND;
        let delay = u64::from(self.dword(object.key, layout::RESTART_DELAY, 500)) * MILLISECOND;
        let retry = self.dword(object.key, layout::RETRY_PERIOD_ON_FAILURE, 3_600_000);
        let now = self.now;
        let Some(resource) = self.volatile.resources.get_mut(id) else { return };
        (resource.error, resource.restarting) = (error, false);
        while resource.restarts.front().is_some_and(|&time| time.saturating_add(period) <= now) {
            resource.restarts.pop_front();
        }
        let again = if action == 0 {
            None
        } else if resource.restarts.len() < usize::try_from(threshold).unwrap_or(usize::MAX) {
            resource.restarts.push_back(now);
            Some(now.saturating_add(delay))
        } else {
            (retry != u32::MAX).then(|| now.saturating_add(u64::from(retry) * MILLISECOND))
        };
        self.forget_retry(id);
        if let Some(resource) = self.volatile.resources.get_mut(id) {
            resource.given_up = Some(again);
        }
        if let Some(time) = again {
            self.volatile.timers.insert((time, Timer::Retry(id.clone())));
        }
        self.ask(id, HostAction::Terminate, ResourceState::Failed);
    }

    /// Brings a resource into a state, and tells of it.
    pub(super) fn set_state(&mut self, id: &Name, state: ResourceState) {
        let Some(resource) = self.volatile.resources.get_mut(id) else { return };
        if resource.state != state {
            resource.state = state;
            resource.sequence = resource.sequence.wrapping_add(1);
            self.touch_resource(id);
            self.tell_of_resource_state(id);
        }
    }

    /// Moves or deletes a group whose resources are all down.
    fn settle_group(&mut self, group: &Object, members: &[Name]) -> bool {
        if members.iter().filter_map(|id| self.state(id)).any(|state| !state.is_down()) {
            return false;
        }
        let Some(volatile) = self.volatile.groups.get_mut(&group.id) else { return false };
        if let Some(node) = volatile.moving_to.take() {
            let from = std::mem::replace(&mut volatile.owner, node.clone());
            volatile.sequence = volatile.sequence.wrapping_add(1);
            self.tell_of_group_owner(group, &from, &node);
            return true;
        }
        volatile.deleting && self.remove_group(group).is_ok()
    }

    /// Tells of a group whose state is another than before.
    fn publish(&mut self, group: &Object) {
        let state = self.group_state(group);
        let Some(volatile) = self.volatile.groups.get_mut(&group.id) else { return };
        if volatile.state != state {
            volatile.state = state;
            volatile.sequence = volatile.sequence.wrapping_add(1);
            self.tell_of_group_state(group);
        }
    }
}
