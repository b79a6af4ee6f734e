//! Setting properties by a control code (\[MS-CMRP\] 3.1.4.3), and telling of it.

use msrpc_ndr::{Bytes, Win32Error};

use super::{Cluster, KeyId, Outcome};
use crate::cluster::{
    notify::ClusterChange,
    objects::{Kind, layout},
    registry::{Name, Value},
};

/// Properties to set.
#[derive(Clone, Debug, PartialEq)]
pub struct Properties {
    /// Whether they are private properties: values of the object's key of parameters.
    pub private: bool,
    /// What is stored.
    pub values: Vec<(Name, Value)>,
    /// The property list, for those who asked to be told.
    pub list: Bytes,
}

/// What is told of an object whose properties change: version 1, and version 2 for common and for
/// private ones (\[MS-CMRP\] 2.2.2.13 to 2.2.2.18, 2.2.2.24).
fn changes(kind: Kind) -> (ClusterChange, u64, u64) {
    use ClusterChange as C;
    match kind {
        Kind::Node => (C::NODE_PROPERTY, 0x4, 0x8),
        Kind::Group => (C::GROUP_PROPERTY, 0x2, 0x4),
        Kind::GroupSet => (C::empty(), 0x2, 0x4),
        Kind::Resource => (C::RESOURCE_PROPERTY, 0x1, 0x2),
        Kind::ResourceType => (C::RESOURCE_TYPE_PROPERTY, 0x2, 0x4),
        Kind::Network => (C::NETWORK_PROPERTY, 0x2, 0x4),
        Kind::Interface => (C::NETINTERFACE_PROPERTY, 0x2, 0x4),
    }
}

impl Cluster {
    /// Sets properties of an object, or of the cluster: all or none.
    pub(super) fn set_properties(&mut self, subject: Option<(Kind, Name)>, properties: Properties) -> Outcome<()> {
        let Properties { private, values, list } = properties;
        let key = match &subject {
            None => KeyId::ROOT,
            // Whoever asks has looked at the object before: here it can have gone in between only.
            Some((kind, id)) => self.object(*kind, id, Win32Error::ERROR_FILE_NOT_FOUND)?.key,
        };
        self.edit(|edit| {
            let key = if private { edit.create(key, &layout::path(layout::PARAMETERS), None)?.0 } else { key };
            values.into_iter().try_for_each(|(name, value)| edit.set_value(key, name, value))
        })?;
        let Some((kind, id)) = subject else {
            let flag = if private { 0x100 } else { 0x80 };
            self.tell_of_cluster(ClusterChange::CLUSTER_PROPERTY, flag, &Name::default(), list);
            return Ok(());
        };
        let Some(object) = self.objects.by_id(kind, &id).cloned() else { return Ok(()) };
        let (v1, common, own) = changes(kind);
        // Private properties of these may be secrets: only that they changed is told (3.1.4.2.138).
        let secret = private && matches!(kind, Kind::Resource | Kind::ResourceType);
        let buffer = if secret { Bytes::new() } else { list };
        self.tell(kind, &object, v1, if private { own } else { common }, buffer);
        Ok(())
    }
}
