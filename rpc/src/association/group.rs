//! Association groups: connections of one client that share context handles ([MS-RPCE] 3.3.1.1.1,
//! 3.3.1.5.7, where they are called associations).

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use msrpc_ndr::HandleTable;

use super::quota::{ClientQuota, Lease, Refused, Resource};
use crate::auth::PeerIdentity;

/// Who opened a handle: handles are never seen by another principal, not even within one group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Principal {
    /// Domain and user in upper case, and the security identifiers; `None` for anonymous and
    /// unauthenticated callers.
    account: Option<(String, String, Vec<String>)>,
}

impl Principal {
    /// The principal that an identity stands for.
    pub fn of(identity: Option<&PeerIdentity>) -> Self {
        let account = identity.and_then(|identity| {
            let user = identity.user.as_ref()?.to_uppercase();
            let domain = identity.domain.as_deref().unwrap_or_default().to_uppercase();
            Some((domain, user, identity.sids.clone()))
        });
        Self { account }
    }
}

/// The association groups of a server, whatever its transports.
#[derive(Debug, Default)]
pub struct AssociationGroups {
    groups: Mutex<Groups>,
}

#[derive(Debug, Default)]
struct Groups {
    by_id: HashMap<u32, Weak<AssociationGroup>>,
    last: u32,
}

/// An association group. It ends with its last connection: then its handles are run down.
#[derive(Debug)]
pub struct AssociationGroup {
    id: u32,
    transport: String,
    address: Option<IpAddr>,
    max_handles: usize,
    tables: Mutex<HashMap<Principal, Arc<HandleTable>>>,
    registry: Weak<AssociationGroups>,
    client: Arc<ClientQuota>,
    _lease: Lease,
}

/// Tables of handles in a group from which on those that nobody uses are thrown away.
const TABLES: usize = 16;

/// Why a connection may not join, or create, an association group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// There is no such group.
    #[error("there is no association group {0:#x}")]
    Unknown(u32),
    /// It belongs to a client at another address or over another transport.
    #[error("association group {0:#x} belongs to another client")]
    OtherClient(u32),
    /// There are too many groups.
    #[error("there are too many association groups: {0}")]
    TooMany(#[from] Refused),
}

impl AssociationGroups {
    /// The number of groups.
    pub fn len(&self) -> usize {
        self.lock().by_id.values().filter(|group| group.strong_count() > 0).count()
    }

    /// Whether there is no group.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A new group for a client, with at most `max_handles` handles per principal.
    ///
    /// # Errors
    ///
    /// Fails if there are too many.
    pub fn create(
        self: &Arc<Self>,
        client: &Arc<ClientQuota>,
        max_handles: usize,
        transport: &str,
        address: Option<IpAddr>,
    ) -> Result<Arc<AssociationGroup>, GroupError> {
        let lease = client.take(Resource::Groups, 1)?;
        let mut groups = self.lock();
        let id = loop {
            groups.last = groups.last.wrapping_add(1);
            if groups.last != 0 && !groups.by_id.contains_key(&groups.last) {
                break groups.last;
            }
        };
        let group = Arc::new(AssociationGroup {
            id,
            transport: transport.to_owned(),
            address,
            max_handles,
            tables: Mutex::default(),
            registry: Arc::downgrade(self),
            client: Arc::clone(client),
            _lease: lease,
        });
        groups.by_id.insert(id, Arc::downgrade(&group));
        Ok(group)
    }

    /// The group that a client names, if it is the client's own.
    ///
    /// # Errors
    ///
    /// Says why it may not join.
    pub fn join(&self, id: u32, transport: &str, address: Option<IpAddr>) -> Result<Arc<AssociationGroup>, GroupError> {
        // The group must not be dropped under the lock that its drop takes.
        let group = self.lock().by_id.get(&id).and_then(Weak::upgrade).ok_or(GroupError::Unknown(id))?;
        if group.transport == transport && group.address == address {
            Ok(group)
        } else {
            Err(GroupError::OtherClient(id))
        }
    }

    fn lock(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AssociationGroup {
    /// The number that clients join it by.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The number of open handles.
    pub fn open_handles(&self) -> usize {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.values().map(|table| table.len()).sum()
    }

    /// The handles of a principal.
    pub fn handles(&self, principal: Principal) -> Arc<HandleTable> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = tables.get(&principal) {
            return Arc::clone(table);
        }
        if tables.len() >= TABLES {
            tables.retain(|_, table| Arc::strong_count(table) > 1 || !table.is_empty());
        }
        let table = Arc::new(HandleTable::within(self.max_handles, Arc::clone(&self.client) as _));
        tables.insert(principal, Arc::clone(&table));
        table
    }
}

impl Drop for AssociationGroup {
    fn drop(&mut self) {
        if let Some(registry) = self.registry.upgrade() {
            registry.lock().by_id.remove(&self.id);
        }
        // Calls in progress keep the tables; their handles are closed all the same.
        let tables = std::mem::take(self.tables.get_mut().unwrap_or_else(PoisonError::into_inner));
        tables.into_values().for_each(|table| table.run_down());
    }
}
