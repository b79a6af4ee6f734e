//! Resource types (\[MS-CMRP\] 3.1.4.2.27 and 3.1.4.2.28).

use msrpc_ndr::{Bytes, Win32Error};

use super::{Cluster, Outcome, group::check_name};
use crate::cluster::{
    notify::ClusterChange,
    objects::{
        Kind,
        layout::{self, DLL_NAME, IS_ALIVE, LOOKS_ALIVE, NAME, PARAMETERS, TYPE},
    },
    registry::{Name, Value},
    status::{ERROR_CLUSTER_RESOURCE_TYPE_NOT_FOUND, ERROR_DIR_NOT_EMPTY},
};

/// Longest name in octets, its null included (\[MS-CMRP\] 3.1.1.1.3).
const MAX_NAME: usize = 514;

impl Cluster {
    pub(super) fn create_resource_type(
        &mut self,
        name: &Name,
        display_name: &str,
        dll_name: &str,
        looks_alive: u32,
        is_alive: u32,
    ) -> Outcome<()> {
        check_name(name)?;
        if (name.units().len() + 1) * 2 > MAX_NAME || name.units().contains(&u16::from(b'\\')) {
            return Err(Win32Error::ERROR_INVALID_NAME);
        }
        if self.objects.by_id(Kind::ResourceType, name).is_some() {
            return Err(Win32Error::ERROR_ALREADY_EXISTS);
        }
        let path = layout::path(&format!("{}\\{name}", Kind::ResourceType.key()));
        self.edit(|edit| {
            let (key, _) = edit.create(super::KeyId::ROOT, &path, None)?;
            edit.create(key, &layout::path(PARAMETERS), None)?;
            edit.set(key, NAME, Value::string(display_name))?;
            edit.set(key, DLL_NAME, Value::string(dll_name))?;
            edit.set(key, LOOKS_ALIVE, Value::dword(looks_alive))?;
            edit.set(key, IS_ALIVE, Value::dword(is_alive))
        })?;
        self.tell_of_new(Kind::ResourceType, name, ClusterChange::RESOURCE_TYPE_ADDED);
        Ok(())
    }

    pub(super) fn delete_resource_type(&mut self, name: &Name) -> Outcome<()> {
        let resource_type = self.object(Kind::ResourceType, name, ERROR_CLUSTER_RESOURCE_TYPE_NOT_FOUND)?;
        let used = self
            .objects
            .all(Kind::Resource)
            .any(|resource| layout::string(&self.registry, resource.key, TYPE).is_some_and(|used| name.matches(&used)));
        if used {
            return Err(ERROR_DIR_NOT_EMPTY);
        }
        self.edit(|edit| edit.delete_tree(resource_type.key))?;
        self.tell(Kind::ResourceType, &resource_type, ClusterChange::RESOURCE_TYPE_DELETED, 0x1, Bytes::new());
        Ok(())
    }
}
