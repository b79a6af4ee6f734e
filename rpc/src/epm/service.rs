//! The interface `ept` over an [`EndpointMap`].

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use msrpc_ndr::{Bytes, Call, Caller, Fault, Handle, HandleChange, NString, Outcome, Win32Error};
use msrpc_protocols::epm::{
    EptEntryT, RpcIfId, TwrT,
    ept::{self, EptLookup, EptMap},
};
use uuid::Uuid;

use super::{
    CANT_PERFORM_OP, Endpoint, EndpointMap, INVALID_ENTRY, Inquiry, NO_MORE_ENTRIES, Tower,
    endpoint_map::{Owner, Position, Query, RegisterError},
};
use crate::{binding::Protocol, pdu::SyntaxId};

/// Who may add and take out entries.
type MayInsert = Arc<dyn Fn(&Caller) -> bool + Send + Sync>;

/// Serves an [`EndpointMap`].
///
/// Everybody may ask. `ept_insert` and `ept_delete` are for users of this host (`ncalrpc`) alone, and
/// nobody takes out what another user or this process put in. `ept_inq_object` and
/// `ept_mgmt_delete` are answered as Windows does, with the fault
/// [`EPT_S_CANT_PERFORM_OP`](CANT_PERFORM_OP).
#[derive(Clone)]
pub struct EndpointMapper {
    map: Arc<EndpointMap>,
    may_insert: MayInsert,
}

impl fmt::Debug for EndpointMapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointMapper").field("map", &self.map).finish_non_exhaustive()
    }
}

impl EndpointMapper {
    /// A mapper that local users may register with.
    pub fn new(map: Arc<EndpointMap>) -> Self {
        Self { map, may_insert: Arc::new(|_| true) }
    }

    /// Restricts which local users may register. Remote ones never may.
    pub fn insert_only_by(mut self, allowed: impl Fn(&Caller) -> bool + Send + Sync + 'static) -> Self {
        self.may_insert = Arc::new(allowed);
        self
    }

    /// The mapper as a service.
    pub fn service(self) -> ept::Service<Self> {
        ept::Service::new(self)
    }

    /// The local user who calls, if it may change the map.
    fn writer(&self, call: &Call) -> Result<Owner, Fault> {
        let caller = call.caller();
        match &caller.user {
            Some(user) if caller.transport == Protocol::Local.name() && (self.may_insert)(caller) => {
                Ok(Owner::User(user.clone()))
            }
            _ => {
                tracing::info!(?caller, operation = call.operation_name(), "refused");
                Err(CANT_PERFORM_OP)
            }
        }
    }

    /// A page of a search that begins, or goes on. `start` says what a new one looks for.
    fn search(
        &self,
        running: Option<&Handle<Search>>,
        start: impl FnOnce() -> Result<Query, Win32Error>,
        max: u32,
    ) -> Result<Page, Win32Error> {
        // The interface allows no more than 500.
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let (found, change) = match running {
            Some(search) => {
                let mut position = search.position.lock().unwrap_or_else(PoisonError::into_inner);
                let (found, next) = self.map.page(&search.query, *position, max);
                *position = next.unwrap_or(*position);
                (found, if next.is_some() { HandleChange::Keep } else { HandleChange::Close })
            }
            None => {
                let query = start()?;
                let (found, next) = self.map.page(&query, Position::default(), max);
                let change = next.map_or(HandleChange::Close, |next| {
                    HandleChange::Replace(Search { query, position: Mutex::new(next) })
                });
                (found, change)
            }
        };
        Ok(Page { found, change })
    }
}

/// Answers to a search, and what becomes of its handle: it is closed with a page that is not full.
struct Page {
    found: Vec<Arc<Endpoint>>,
    change: HandleChange<Search>,
}

impl Page {
    /// The answer to the client. The status says that there is nothing more only where there is
    /// nothing at all ([MS-RPCE] 2.2.1.2.4); Samba says so with the last entries already.
    fn conclude<R>(self, results: impl FnOnce(HandleChange<Search>, Vec<Arc<Endpoint>>, Win32Error) -> R) -> R {
        let Self { found, change } = self;
        let status = if found.is_empty() { NO_MORE_ENTRIES } else { Win32Error(0) };
        results(change, found, status)
    }
}

/// A search that a client has not brought to its end: what the context handles of a mapper stand
/// for.
#[derive(Debug)]
pub struct Search {
    query: Query,
    position: Mutex<Position>,
}

impl ept::Server for EndpointMapper {
    type EptLookupHandleT = Search;

    async fn ept_insert(&self, call: &Call, entries: Vec<EptEntryT>, replace: u32) -> Outcome<(), Win32Error> {
        let owner = self.writer(call)?;
        let endpoints = entries.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if replace != 0 {
            self.map.remove(&owner, |found| endpoints.iter().any(|new| replaces(new, found)));
        }
        self.map.add(endpoints, &owner).map_err(|error: RegisterError| {
            tracing::warn!(%error, "ept_insert");
            Win32Error::from(&error)
        })?;
        Ok(())
    }

    async fn ept_delete(&self, call: &Call, entries: Vec<EptEntryT>) -> Outcome<(), Win32Error> {
        let owner = self.writer(call)?;
        let endpoints = entries.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let matches =
            |found: &Endpoint| endpoints.iter().any(|entry| entry.object == found.object && entry.tower == found.tower);
        if self.map.remove(&owner, matches) == 0 {
            return Err(NO_MORE_ENTRIES.into());
        }
        Ok(())
    }

    async fn ept_lookup(
        &self,
        _call: &Call,
        inquiry_type: u32,
        object: Option<Uuid>,
        ifid: Option<Arc<RpcIfId>>,
        vers_option: u32,
        entry_handle: Option<&Handle<Search>>,
        max_ents: u32,
    ) -> Outcome<EptLookup<HandleChange<Search>>, Win32Error> {
        if entry_handle.is_some_and(|search| !matches!(search.query, Query::Lookup(_))) {
            return Err(Fault::CONTEXT_MISMATCH.into());
        }
        let start = || {
            let interface = ifid.map(|id| SyntaxId { uuid: id.uuid, version: (id.vers_major, id.vers_minor) });
            Inquiry::from_wire(inquiry_type, object, interface, vers_option)
                .map(Query::Lookup)
                .ok_or(Win32Error::ERROR_INVALID_PARAMETER)
        };
        Ok(self.search(entry_handle, start, max_ents)?.conclude(|entry_handle, found, status| EptLookup {
            entry_handle,
            entries: found.iter().filter_map(|endpoint| write(endpoint)).collect(),
            status,
        }))
    }

    async fn ept_map(
        &self,
        call: &Call,
        obj: Option<Uuid>,
        map_tower: Option<Arc<TwrT>>,
        entry_handle: Option<&Handle<Search>>,
        max_towers: u32,
    ) -> Outcome<EptMap<HandleChange<Search>>, Win32Error> {
        if entry_handle.is_some_and(|search| !matches!(search.query, Query::Map { .. })) {
            return Err(Fault::CONTEXT_MISMATCH.into());
        }
        let start = || {
            let octets = map_tower.as_ref().map(|tower| &tower.tower_octet_string).ok_or(NO_MORE_ENTRIES)?;
            let tower = Tower::parse(octets).map_err(|error| {
                tracing::debug!(%error, caller = ?call.caller(), "ept_map");
                INVALID_ENTRY
            })?;
            Ok(Query::Map { tower, object: obj.unwrap_or_default() })
        };
        Ok(self.search(entry_handle, start, max_towers)?.conclude(|entry_handle, found, status| EptMap {
            entry_handle,
            i_towers: found.iter().filter_map(|endpoint| write_tower(&endpoint.tower)).map(Some).collect(),
            status,
        }))
    }

    async fn ept_lookup_handle_free(
        &self,
        _call: &Call,
        _entry_handle: Option<&Handle<Search>>,
    ) -> Outcome<HandleChange<Search>, Win32Error> {
        Ok(HandleChange::Close)
    }

    async fn ept_inq_object(&self, _call: &Call, _object: Uuid) -> Outcome<(), Win32Error> {
        Err(CANT_PERFORM_OP.into())
    }

    async fn ept_mgmt_delete(
        &self,
        _call: &Call,
        _object_speced: u32,
        _object: Option<Uuid>,
        _tower: Option<Arc<TwrT>>,
    ) -> Outcome<(), Win32Error> {
        Err(CANT_PERFORM_OP.into())
    }
}

/// Whether a new entry takes an old one's place: another endpoint of the same interface, object and
/// protocol (C706 appendix O).
fn replaces(new: &Endpoint, old: &Endpoint) -> bool {
    new.object == old.object
        && new.tower.interface.uuid == old.tower.interface.uuid
        && new.tower.interface.version.0 == old.tower.interface.version.0
        && new.tower.address.same_protocol(&old.tower.address)
}

fn read(entry: &EptEntryT) -> Result<Endpoint, Win32Error> {
    let octets = entry.tower.as_ref().map(|tower| &tower.tower_octet_string).ok_or(INVALID_ENTRY)?;
    let tower = Tower::parse(octets).map_err(|error| {
        tracing::warn!(%error, "an entry to be registered");
        INVALID_ENTRY
    })?;
    Ok(Endpoint { object: entry.object, tower, annotation: entry.annotation.to_string_lossy().into_owned() })
}

/// An entry as it travels. Whatever is in the map has a tower.
fn write(endpoint: &Endpoint) -> Option<EptEntryT> {
    Some(EptEntryT {
        object: endpoint.object,
        tower: Some(write_tower(&endpoint.tower)?),
        annotation: NString::from(endpoint.annotation.as_str()),
    })
}

fn write_tower(tower: &Tower) -> Option<Arc<TwrT>> {
    let tower_octet_string: Bytes = tower.to_bytes().ok()?;
    Some(Arc::new(TwrT { tower_octet_string }))
}
