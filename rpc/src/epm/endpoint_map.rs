//! The endpoints of a host.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use msrpc_ndr::{Syntax, Win32Error};
use uuid::Uuid;

use super::{CANT_CREATE, Endpoint, INVALID_ENTRY, Inquiry, MAX_ANNOTATION, Tower, TowerError, VersionOption};

/// Endpoints of servers, of this process and of others on this host.
///
/// ```
/// use std::sync::Arc;
/// use msrpc::epm::{Address, Endpoint, EndpointMap, Inquiry, Tower};
/// # use msrpc::pdu::SyntaxId;
/// # use msrpc_ndr::{Syntax, Uuid};
/// # let interface = SyntaxId { uuid: Uuid::from_u128(1), version: (1, 0) };
///
/// let map = Arc::new(EndpointMap::default());
/// let address = Address::from_binding(&"ncacn_ip_tcp:10.0.0.1[5999]".parse()?)?;
/// let tower = Tower { interface, transfer: Syntax::Ndr.into(), address };
/// let registration = map.register([Endpoint { object: Uuid::nil(), tower, annotation: "mine".into() }])?;
/// assert_eq!(map.find(&Inquiry::default()).len(), 1);
/// drop(registration);
/// assert!(map.find(&Inquiry::default()).is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct EndpointMap {
    entries: RwLock<Entries>,
    limit: usize,
}

#[derive(Debug, Default)]
struct Entries {
    last: u64,
    /// In the order of registration.
    by_number: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    endpoint: Arc<Endpoint>,
    owner: Owner,
}

/// Who may take an entry out again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Only the [`Registration`].
    Process,
    /// A user of this host, through `ept_delete`.
    User(String),
}

/// Why endpoints cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The map has no room.
    #[error("the endpoint map holds {0} entries already")]
    Full(usize),
    /// An endpoint has no tower.
    #[error("{0}")]
    Tower(#[from] TowerError),
    /// An annotation is too long, or contains a null.
    #[error("the annotation {0:?} is longer than 63 octets or contains a null")]
    Annotation(String),
}

impl From<&RegisterError> for Win32Error {
    fn from(error: &RegisterError) -> Self {
        match error {
            RegisterError::Full(_) => CANT_CREATE,
            RegisterError::Tower(_) | RegisterError::Annotation(_) => INVALID_ENTRY,
        }
    }
}

/// Where a search goes on: behind a rank and a number. It holds no entries, however many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    rank: u8,
    behind: u64,
}

/// What a search looks for.
#[derive(Clone, Debug)]
pub(super) enum Query {
    Lookup(Inquiry),
    Map { tower: Tower, object: Uuid },
}

impl Query {
    /// How well an entry answers: entries of rank 0 come first. `None` if it does not.
    fn rank(&self, endpoint: &Endpoint) -> Option<u8> {
        match self {
            Self::Lookup(inquiry) => inquiry.matches(endpoint).then_some(0),
            Self::Map { tower, object } => {
                let rank = match endpoint.object {
                    found if found == *object => 0,
                    found if found.is_nil() => 1,
                    _ => return None,
                };
                let (wanted, found) = (tower.interface, endpoint.tower.interface);
                let answers = wanted.uuid == found.uuid
                    && VersionOption::Compatible.accepts(wanted.version, found.version)
                    && transfers(&endpoint.tower, tower)
                    && endpoint.tower.address.same_protocol(&tower.address);
                answers.then_some(rank)
            }
        }
    }
}

/// Whether an entry is good for a client's transfer syntax. Whoever marshals NDR64 is found under NDR
/// as well, because the bind decides.
fn transfers(found: &Tower, wanted: &Tower) -> bool {
    let ours = |tower: &Tower| tower.transfer == Syntax::Ndr.into() || tower.transfer == Syntax::Ndr64.into();
    found.transfer == wanted.transfer || ours(found) && ours(wanted)
}

impl Default for EndpointMap {
    /// A map for 4096 entries.
    fn default() -> Self {
        Self::new(4096)
    }
}

impl EndpointMap {
    /// An empty map for at most `limit` entries.
    pub fn new(limit: usize) -> Self {
        Self { entries: RwLock::default(), limit }
    }

    /// Adds endpoints, for as long as the [`Registration`] is kept. Those that the registration has
    /// already are left out.
    ///
    /// # Errors
    ///
    /// Fails if an endpoint has no tower, or the map has no room; then none is added.
    pub fn register(
        self: &Arc<Self>,
        endpoints: impl IntoIterator<Item = Endpoint>,
    ) -> Result<Registration, RegisterError> {
        let numbers = self.add(endpoints, &Owner::Process)?;
        Ok(Registration { map: Arc::clone(self), numbers })
    }

    /// The entries that an inquiry asks for, in the order of their registration.
    pub fn find(&self, inquiry: &Inquiry) -> Vec<Arc<Endpoint>> {
        self.page(&Query::Lookup(*inquiry), Position::default(), usize::MAX).0
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.read().by_number.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn add(
        &self,
        endpoints: impl IntoIterator<Item = Endpoint>,
        owner: &Owner,
    ) -> Result<Vec<u64>, RegisterError> {
        let mut wanted: Vec<Endpoint> = Vec::new();
        for endpoint in endpoints {
            check(&endpoint)?;
            if wanted.len() >= self.limit {
                return Err(RegisterError::Full(self.limit));
            }
            if !wanted.contains(&endpoint) {
                wanted.push(endpoint);
            }
        }
        let mut entries = self.write();
        if entries.by_number.len().saturating_add(wanted.len()) > self.limit {
            return Err(RegisterError::Full(entries.by_number.len()));
        }
        let mut numbers = Vec::with_capacity(wanted.len());
        for endpoint in wanted {
            entries.last += 1;
            let number = entries.last;
            tracing::debug!(tower = %endpoint.tower, annotation = endpoint.annotation, "endpoint registered");
            entries.by_number.insert(number, Entry { endpoint: Arc::new(endpoint), owner: owner.clone() });
            numbers.push(number);
        }
        Ok(numbers)
    }

    /// Takes out the entries of an owner that `which` picks. Gives how many there were.
    pub(super) fn remove(&self, owner: &Owner, which: impl Fn(&Endpoint) -> bool) -> usize {
        let mut entries = self.write();
        let before = entries.by_number.len();
        entries.by_number.retain(|_, entry| entry.owner != *owner || !which(&entry.endpoint));
        before - entries.by_number.len()
    }

    /// Up to `max` answers behind a position, and where to go on unless there are fewer.
    pub(super) fn page(
        &self,
        query: &Query,
        mut position: Position,
        max: usize,
    ) -> (Vec<Arc<Endpoint>>, Option<Position>) {
        let mut found = Vec::new();
        if max == 0 {
            return (found, None);
        }
        let entries = self.read();
        while position.rank < 2 {
            let behind = (Bound::Excluded(position.behind), Bound::Unbounded);
            for (&number, entry) in entries.by_number.range(behind) {
                if query.rank(&entry.endpoint) != Some(position.rank) {
                    continue;
                }
                found.push(Arc::clone(&entry.endpoint));
                position.behind = number;
                if found.len() >= max {
                    return (found, Some(position));
                }
            }
            position = Position { rank: position.rank + 1, behind: 0 };
        }
        (found, None)
    }

    fn read(&self) -> RwLockReadGuard<'_, Entries> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(endpoint: &Endpoint) -> Result<(), RegisterError> {
    endpoint.tower.to_bytes()?;
    if endpoint.annotation.len() > MAX_ANNOTATION || endpoint.annotation.contains('\0') {
        return Err(RegisterError::Annotation(endpoint.annotation.clone()));
    }
    Ok(())
}

/// Endpoints in a map. Dropping it takes them out.
#[derive(Debug)]
#[must_use = "dropping it takes the endpoints out"]
pub struct Registration {
    map: Arc<EndpointMap>,
    numbers: Vec<u64>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut entries = self.map.write();
        for number in &self.numbers {
            entries.by_number.remove(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::{super::Address, *};
    use crate::pdu::SyntaxId;

    fn endpoint(interface: u128, version: (u16, u16), object: u128, port: u16) -> Endpoint {
        Endpoint {
            object: Uuid::from_u128(object),
            tower: Tower {
                interface: SyntaxId { uuid: Uuid::from_u128(interface), version },
                transfer: Syntax::Ndr.into(),
                address: Address::Tcp { port, host: Ipv4Addr::UNSPECIFIED },
            },
            annotation: String::new(),
        }
    }

    fn ports(found: &[Arc<Endpoint>]) -> Vec<String> {
        found.iter().filter_map(|endpoint| endpoint.tower.address.endpoint()).collect()
    }

    fn query(interface: u128, version: (u16, u16), object: u128) -> Query {
        let Endpoint { object, tower, .. } = endpoint(interface, version, object, 0);
        Query::Map { tower, object }
    }

    #[test]
    fn mapping_prefers_the_object() {
        let map = Arc::new(EndpointMap::default());
        let entries = [
            endpoint(1, (1, 2), 0, 10),
            endpoint(1, (1, 2), 7, 11),
            endpoint(1, (1, 2), 8, 12),
            endpoint(2, (1, 0), 0, 13),
            endpoint(1, (2, 0), 0, 14),
        ];
        let _registration = map.register(entries).unwrap();
        let all = |query: &Query| ports(&map.page(query, Position::default(), 100).0);
        assert_eq!(all(&query(1, (1, 2), 7)), ["11", "10"]);
        assert_eq!(all(&query(1, (1, 0), 9)), ["10"]);
        assert_eq!(all(&query(1, (1, 2), 0)), ["10"]);
        assert_eq!(all(&query(1, (1, 3), 0)), [""; 0]);
        let Query::Map { tower, object } = query(1, (1, 2), 0) else { unreachable!() };
        let address = Address::Udp { port: 0, host: Ipv4Addr::UNSPECIFIED };
        assert_eq!(all(&Query::Map { tower: Tower { address, ..tower.clone() }, object }), [""; 0]);
        let transfer = Syntax::Ndr64.into();
        assert_eq!(all(&Query::Map { tower: Tower { transfer, ..tower.clone() }, object }), ["10"]);
        let transfer = SyntaxId::NIL;
        assert_eq!(all(&Query::Map { tower: Tower { transfer, ..tower }, object }), [""; 0]);
    }

    #[test]
    fn pages_survive_changes() {
        let map = Arc::new(EndpointMap::default());
        let first = map.register((1..=4).map(|port| endpoint(1, (1, 0), 0, port))).unwrap();
        let query = query(1, (1, 0), 5);
        let (found, next) = map.page(&query, Position::default(), 3);
        assert_eq!(ports(&found), ["1", "2", "3"]);
        let _second = map.register([endpoint(1, (1, 0), 0, 9)]).unwrap();
        drop(first);
        let (found, next) = map.page(&query, next.unwrap(), 3);
        assert_eq!(ports(&found), ["9"]);
        assert_eq!(next, None);
        let (found, next) = map.page(&query, Position::default(), 1);
        assert_eq!(ports(&found), ["9"]);
        assert_eq!(map.page(&query, next.unwrap(), 1), (Vec::new(), None));
    }

    #[test]
    fn limits() {
        let map = Arc::new(EndpointMap::new(2));
        assert_eq!(map.register((1..=3).map(|p| endpoint(1, (1, 0), 0, p))).unwrap_err(), RegisterError::Full(2));
        let twice = map.register([endpoint(1, (1, 0), 0, 1), endpoint(1, (1, 0), 0, 1)]).unwrap();
        assert_eq!(map.len(), 1);
        let mut long = endpoint(1, (1, 0), 0, 2);
        long.annotation = "x".repeat(64);
        assert!(matches!(map.register([long]), Err(RegisterError::Annotation(_))));
        drop(twice);
        assert!(map.is_empty());
    }
}
