//! Telling notification ports what has happened.

use msrpc_ndr::{Bytes, WString};

use super::Cluster;
use crate::cluster::{
    notify::{ClusterChange, Event, ObjectType, Subject},
    objects::{Kind, Object},
    property_list::{self, Property, PropertyValue},
    registry::{Difference, Name, Notice, Value},
};

fn number(value: u32) -> Bytes {
    Bytes::copy_from_slice(&value.to_le_bytes())
}

/// A string with its null.
pub(super) fn text(name: &Name) -> Bytes {
    name.units().iter().copied().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// A property list with an object's new name.
pub(super) fn named(name: &Name) -> Bytes {
    let values = vec![PropertyValue::string(&name.to_string())];
    property_list::encode(&[Property { name: "Name".into(), values }])
}

/// A MULTI_SZ of IDs.
pub(super) fn ids(ids: &[Name]) -> Bytes {
    let texts: Vec<String> = ids.iter().map(Name::to_string).collect();
    Value::strings(texts.iter().map(String::as_str)).data
}

/// What an object's kind is to version 2 ports.
fn object_type(kind: Kind) -> ObjectType {
    match kind {
        Kind::Node => ObjectType::Node,
        Kind::Group => ObjectType::Group,
        Kind::GroupSet => ObjectType::GroupSet,
        Kind::Resource => ObjectType::Resource,
        Kind::ResourceType => ObjectType::ResourceType,
        Kind::Network => ObjectType::Network,
        Kind::Interface => ObjectType::NetworkInterface,
    }
}

impl Cluster {
    /// Tells of something about an object: one flag of its enumeration for version 2, and more in
    /// a buffer.
    pub(super) fn tell(&mut self, kind: Kind, object: &Object, v1: ClusterChange, flag: u64, buffer: Bytes) {
        let object_type = object_type(kind);
        let subject = Subject::Object(object_type, Some(object.id.clone()));
        let v2 = (flag != 0).then_some((object_type, flag));
        let event = Event {
            id: if kind == Kind::ResourceType { WString::new() } else { object.id.to_wstring() },
            name: object.name.to_wstring(),
            parent: self.parent_of(kind, &object.id),
            type_name: self.type_of(kind, object),
            buffer,
            sequence: self.sequence_of(kind, &object.id),
            ..Event::new(subject, v1, v2)
        };
        self.post(event);
    }

    /// Tells of something about the cluster.
    pub(super) fn tell_of_cluster(&mut self, v1: ClusterChange, flag: u64, name: &Name, buffer: Bytes) {
        let subject = Subject::Object(ObjectType::Cluster, None);
        let v2 = Some((ObjectType::Cluster, flag));
        self.post(Event { name: name.to_wstring(), buffer, ..Event::new(subject, v1, v2) });
    }

    /// Tells that an object is new: version 1 of the object, version 2 of what it is in.
    pub(super) fn tell_of_new(&mut self, kind: Kind, id: &Name, v1: ClusterChange) {
        let Some(object) = self.objects.by_id(kind, id).cloned() else { return };
        self.tell(kind, &object, v1, 0, Bytes::new());
        let (buffer, parent, flag) = match kind {
            Kind::Group => {
                let group_type = self.dword(object.key, super::layout::GROUP_TYPE, 9999);
                let owner = self.volatile.groups.get(id).map(|group| group.owner.to_wstring());
                (number(group_type), owner.unwrap_or_default(), 0x4)
            }
            Kind::Node => {
                let state = self.volatile.nodes.get(id).map_or(1, |node| node.state as u32);
                (number(state), WString::new(), 0x20)
            }
            Kind::Network => (Bytes::new(), WString::new(), 0x10),
            Kind::ResourceType => (Bytes::new(), WString::new(), 0x40),
            Kind::Resource => return self.tell_of_new_resource(&object),
            Kind::GroupSet | Kind::Interface => return,
        };
        let event = Event {
            id: if kind == Kind::ResourceType { WString::new() } else { object.id.to_wstring() },
            name: object.name.to_wstring(),
            parent,
            buffer,
            ..Event::new(
                Subject::Object(ObjectType::Cluster, None),
                ClusterChange::empty(),
                Some((ObjectType::Cluster, flag)),
            )
        };
        self.post(event);
    }

    fn tell_of_new_resource(&mut self, resource: &Object) {
        let group = self.relations.container(Kind::Resource, &resource.id).cloned();
        let Some(group) = group.and_then(|id| self.objects.by_id(Kind::Group, &id).cloned()) else { return };
        let subject = Subject::Object(ObjectType::Group, Some(group.id.clone()));
        let added = Event {
            id: resource.id.to_wstring(),
            name: resource.name.to_wstring(),
            parent: self.parent_of(Kind::Group, &group.id),
            buffer: text(&group.id),
            sequence: self.sequence_of(Kind::Group, &group.id),
            ..Event::new(subject, ClusterChange::empty(), Some((ObjectType::Group, 0x40)))
        };
        self.post(added);
        self.tell(Kind::Group, &group, ClusterChange::empty(), 0x80, text(&resource.id));
    }

    /// Tells of a resource's state.
    pub(super) fn tell_of_resource_state(&mut self, id: &Name) {
        let Some(object) = self.objects.by_id(Kind::Resource, id).cloned() else { return };
        let state = self.state(id).map_or(0, |state| state as u32);
        self.tell(Kind::Resource, &object, ClusterChange::RESOURCE_STATE, 0x4, number(state));
    }

    /// Tells of a group's state.
    pub(super) fn tell_of_group_state(&mut self, group: &Object) {
        let state = self.volatile.groups.get(&group.id).map_or(0, |group| group.state as u32);
        self.tell(Kind::Group, group, ClusterChange::GROUP_STATE, 0x8, number(state));
    }

    /// Tells of a group's owner: of the group, and of the nodes that it left and came to.
    pub(super) fn tell_of_group_owner(&mut self, group: &Object, from: &Name, to: &Name) {
        self.tell(Kind::Group, group, ClusterChange::GROUP_STATE, 0x10, text(to));
        for (node, flag) in [(from, 0x40), (to, 0x20)] {
            let Some(node) = self.objects.by_id(Kind::Node, node).cloned() else { continue };
            self.tell(Kind::Node, &node, ClusterChange::empty(), flag, text(&group.id));
        }
    }

    /// Tells of a node's state.
    pub(super) fn tell_of_node_state(&mut self, id: &Name) {
        let Some(object) = self.objects.by_id(Kind::Node, id).cloned() else { return };
        let state = self.volatile.nodes.get(id).map_or(1, |node| node.state as u32);
        self.tell(Kind::Node, &object, ClusterChange::NODE_STATE, 0x10, number(state));
    }

    /// Tells of changes of the registry.
    pub(super) fn tell_of_registry(&mut self, notices: Vec<Notice>) {
        for Notice { lineage, path, what } in notices {
            let (v1, flag, id) = match what {
                Difference::Attributes => (ClusterChange::REGISTRY_ATTRIBUTES, 0x1, WString::new()),
                Difference::Name => (ClusterChange::REGISTRY_NAME, 0x2, WString::new()),
                Difference::Value(name) => (ClusterChange::REGISTRY_VALUE, 0x8, name.to_wstring()),
            };
            let event = Event::new(Subject::Key(lineage), v1, Some((ObjectType::Registry, flag)));
            self.post(Event { name: path.as_str().into(), id, ..event });
        }
    }

    fn post(&mut self, event: Event) {
        let answers = self.ports.post(event);
        self.output.answers.extend(answers);
    }

    fn parent_of(&self, kind: Kind, id: &Name) -> WString {
        match kind {
            Kind::Resource => self.relations.container(kind, id).map(Name::to_wstring).unwrap_or_default(),
            Kind::Group => self.volatile.groups.get(id).map(|group| group.owner.to_wstring()).unwrap_or_default(),
            Kind::Interface => {
                let interface = self.objects.by_id(kind, id);
                let node = interface.and_then(|it| super::layout::string(&self.registry, it.key, super::layout::NODE));
                node.unwrap_or_default().as_str().into()
            }
            _ => WString::new(),
        }
    }

    fn type_of(&self, kind: Kind, object: &Object) -> WString {
        let text = match kind {
            Kind::Resource => super::layout::string(&self.registry, object.key, super::layout::TYPE),
            _ => None,
        };
        text.unwrap_or_default().as_str().into()
    }

    /// An object's state sequence number.
    pub fn sequence_of(&self, kind: Kind, id: &Name) -> u32 {
        let volatile = &self.volatile;
        let sequence = match kind {
            Kind::Resource => volatile.resources.get(id).map(|resource| resource.sequence),
            Kind::Group => volatile.groups.get(id).map(|group| group.sequence),
            Kind::Node => volatile.nodes.get(id).map(|node| node.sequence),
            Kind::Network => volatile.networks.get(id).map(|(_, sequence)| *sequence),
            Kind::Interface => volatile.interfaces.get(id).map(|(_, sequence)| *sequence),
            Kind::GroupSet | Kind::ResourceType => None,
        };
        sequence.unwrap_or(0)
    }
}
