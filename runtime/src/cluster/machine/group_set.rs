//! Group sets (\[MS-CMRP\] 3.1.4.2.146 to 3.1.4.2.161).

use msrpc_ndr::{Bytes, Win32Error};

use super::{Cluster, Outcome, group::check_name};
use crate::cluster::{
    notify::ClusterChange,
    objects::{
        Kind, Object,
        layout::{self, CONTAINS, DEPENDENCY_EXPRESSION, NAME},
    },
    registry::{Name, Value},
    status::{
        ERROR_DIR_NOT_EMPTY, ERROR_GROUP_NOT_AVAILABLE, ERROR_GROUPSET_NOT_AVAILABLE, ERROR_OBJECT_ALREADY_EXISTS,
    },
};

impl Cluster {
    pub(super) fn create_group_set(&mut self, id: &Name, name: &Name) -> Outcome<()> {
        check_name(name)?;
        if self.objects.find(Kind::GroupSet, name).is_some() {
            return Err(ERROR_OBJECT_ALREADY_EXISTS);
        }
        let path = layout::path(&format!("{}\\{id}", Kind::GroupSet.key()));
        let name = name.to_string();
        self.edit(|edit| {
            let (key, _) = edit.create(super::KeyId::ROOT, &path, None)?;
            edit.set(key, NAME, Value::string(&name))?;
            edit.set(key, DEPENDENCY_EXPRESSION, Value::string(""))?;
            edit.set_ids(key, CONTAINS, &[])
        })
    }

    pub(super) fn delete_group_set(&mut self, id: &Name) -> Outcome<()> {
        let set = self.group_set(id)?;
        if self.relations.dependents(Kind::GroupSet, id).next().is_some() || self.has_dependent_group(id) {
            return Err(ERROR_DIR_NOT_EMPTY);
        }
        self.edit(|edit| edit.delete_tree(set.key))?;
        self.tell(Kind::GroupSet, &set, ClusterChange::empty(), 0x1, Bytes::new());
        Ok(())
    }

    pub(super) fn add_group_to_set(&mut self, set: &Name, group: &Name, from_other: bool) -> Outcome<()> {
        let set = self.group_set(set)?;
        self.group(group)?;
        let old = self.relations.container(Kind::Group, group).cloned();
        if old.as_ref() == Some(&set.id) || old.is_some() && !from_other {
            return Err(Win32Error::ERROR_ALREADY_EXISTS);
        }
        if old.is_some() {
            self.remove_group_from_set(group)?;
        }
        let mut members = self.relations.members(set.key).to_vec();
        members.push(group.clone());
        self.edit(|edit| edit.set_ids(set.key, CONTAINS, &members))?;
        self.tell(Kind::GroupSet, &set, ClusterChange::empty(), 0x10, Bytes::new());
        Ok(())
    }

    pub(super) fn remove_group_from_set(&mut self, group: &Name) -> Outcome<()> {
        let set = self.relations.container(Kind::Group, group).cloned().ok_or(ERROR_GROUP_NOT_AVAILABLE)?;
        let set = self.group_set(&set)?;
        let left: Vec<Name> = self.relations.members(set.key).iter().filter(|id| *id != group).cloned().collect();
        self.edit(|edit| edit.set_ids(set.key, CONTAINS, &left))?;
        self.tell(Kind::GroupSet, &set, ClusterChange::empty(), 0x20, Bytes::new());
        Ok(())
    }

    pub(super) fn group_set(&self, id: &Name) -> Outcome<Object> {
        self.object(Kind::GroupSet, id, ERROR_GROUPSET_NOT_AVAILABLE)
    }
}
