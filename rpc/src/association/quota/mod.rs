//! What the connections of a server share: how much of everything there is, in all and for each
//! client.

mod limits;
mod refused;

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use msrpc_ndr::HandleQuota;
use tokio::sync::{Semaphore, watch};

pub use limits::{Allowance, SharedLimits};
pub use refused::{Deadline, Refused, Resource, Scope};

use super::{Principal, TransportInfo};

/// What a fragment of a request costs beside its stub's octets: what is kept for it.
pub const FRAGMENT_COST: usize = 128;

/// Lines that clients may cause in the log each second.
const LINES: u64 = 20;

/// Who shares a client's allowance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ClientKey {
    /// An address; of IPv6 the network of 64 bits that it is in.
    Address(IpAddr),
    /// A user of this host.
    User(u32),
    /// An account, where the transport knows nothing else.
    Account(Principal),
    /// Nobody knows. There is no limit per client then.
    Unknown,
}

impl ClientKey {
    /// The client at an address.
    pub fn address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) if !address.is_loopback() => {
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
            }
            address => address,
        })
    }

    /// The client of a connection.
    pub fn of(transport: &TransportInfo) -> Self {
        match (transport.address, transport.uid, &transport.identity) {
            (Some(address), ..) => Self::address(address.ip()),
            (None, Some(uid), _) => Self::User(uid),
            (None, None, Some(identity)) => Self::Account(Principal::of(Some(identity))),
            (None, None, None) => Self::Unknown,
        }
    }
}

/// How much of everything a server has, and how much of it is in use.
#[derive(Debug)]
pub struct Quotas {
    limits: SharedLimits,
    used: Counters,
    steps: Arc<Semaphore>,
    clients: Mutex<HashMap<ClientKey, Weak<ClientQuota>>>,
    refusals: refused::Throttle,
    log: refused::Throttle,
    counts: refused::Counts,
    running: watch::Sender<bool>,
}

/// A client's part of it. It is kept as long as the client uses anything.
#[derive(Debug)]
pub struct ClientQuota {
    key: ClientKey,
    quotas: Arc<Quotas>,
    used: Counters,
    steps: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Counters {
    connections: AtomicUsize,
    groups: AtomicUsize,
    contexts: AtomicUsize,
    security_contexts: AtomicUsize,
    handles: AtomicUsize,
    calls: AtomicUsize,
    request_octets: AtomicUsize,
    response_octets: AtomicUsize,
    /// What is only limited for each connection.
    others: AtomicUsize,
}

impl Counters {
    fn of(&self, resource: Resource) -> &AtomicUsize {
        match resource {
            Resource::Connections => &self.connections,
            Resource::Groups => &self.groups,
            Resource::Contexts => &self.contexts,
            Resource::SecurityContexts => &self.security_contexts,
            Resource::Handles => &self.handles,
            Resource::Calls => &self.calls,
            Resource::RequestOctets => &self.request_octets,
            Resource::ResponseOctets => &self.response_octets,
            Resource::Fragments => &self.others,
        }
    }

    /// Adds to a counter, unless that takes it beyond `limit`.
    fn add(&self, resource: Resource, amount: usize, limit: usize) -> bool {
        let counter = self.of(resource);
        let before = counter.fetch_add(amount, Ordering::Relaxed);
        let fits = before.checked_add(amount).is_some_and(|after| after <= limit);
        if !fits {
            counter.fetch_sub(amount, Ordering::Relaxed);
        }
        fits
    }

    fn subtract(&self, resource: Resource, amount: usize) {
        self.of(resource).fetch_sub(amount, Ordering::Relaxed);
    }
}

impl SharedLimits {
    pub(crate) fn of(&self, resource: Resource) -> Allowance {
        match resource {
            Resource::Connections => self.connections,
            Resource::Groups => self.groups,
            Resource::Contexts => self.contexts,
            Resource::SecurityContexts => self.security_contexts,
            Resource::Handles => self.handles,
            Resource::Calls => self.calls,
            Resource::RequestOctets => self.request_octets,
            Resource::ResponseOctets => self.response_octets,
            Resource::Fragments => Allowance::UNLIMITED,
        }
    }
}

impl Default for Quotas {
    fn default() -> Self {
        Self::with(SharedLimits::default())
    }
}

fn semaphore(permits: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(permits.clamp(1, Semaphore::MAX_PERMITS)))
}

impl Quotas {
    fn with(limits: SharedLimits) -> Self {
        Self {
            limits,
            used: Counters::default(),
            steps: semaphore(limits.provider_steps.total),
            clients: Mutex::default(),
            refusals: refused::Throttle::new(1),
            log: refused::Throttle::new(LINES),
            counts: refused::Counts::default(),
            running: watch::Sender::new(false),
        }
    }

    /// Nothing is in use.
    pub fn new(limits: SharedLimits) -> Arc<Self> {
        Arc::new(Self::with(limits))
    }

    /// The limits.
    pub fn limits(&self) -> &SharedLimits {
        &self.limits
    }

    /// How much of something is in use.
    pub fn used(&self, resource: Resource) -> usize {
        self.used.of(resource).load(Ordering::Relaxed)
    }

    /// What connections and calls hold as long as they run: true cuts calls off.
    pub(crate) fn running(&self) -> &watch::Sender<bool> {
        &self.running
    }

    /// The number of clients that use anything.
    pub fn clients(&self) -> usize {
        self.lock().values().filter(|client| client.strong_count() > 0).count()
    }

    /// A client's part.
    pub fn client(self: &Arc<Self>, key: &ClientKey) -> Arc<ClientQuota> {
        let mut clients = self.lock();
        if let Some(client) = clients.get(key).and_then(Weak::upgrade) {
            return client;
        }
        let client = Arc::new(ClientQuota {
            key: key.clone(),
            quotas: Arc::clone(self),
            used: Counters::default(),
            steps: semaphore(self.limits.provider_steps.per_client),
        });
        clients.insert(key.clone(), Arc::downgrade(&client));
        client
    }

    /// Something is refused because of a limit. Everything that is goes through here.
    pub fn refused(&self, refused: Refused) {
        tracing::debug!(%refused, "refused");
        self.counts.count(refused);
        if let Some(not_logged) = self.refusals.admit() {
            tracing::warn!(%refused, not_logged, "a client was refused something");
        }
    }

    /// How often something was refused: what, whose limit it was, and how often.
    pub fn refusals(&self) -> Vec<(Refused, u64)> {
        self.counts.all()
    }

    /// Whether a line that clients cause may go into the log, and how many before it could not.
    pub(crate) fn may_log(&self) -> Option<u64> {
        self.log.admit()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ClientKey, Weak<ClientQuota>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientQuota {
    /// Who it is.
    pub fn key(&self) -> &ClientKey {
        &self.key
    }

    /// How much of something the client uses.
    pub fn used(&self, resource: Resource) -> usize {
        self.used.of(resource).load(Ordering::Relaxed)
    }

    /// Takes something, until the lease is dropped.
    ///
    /// # Errors
    ///
    /// Says whose limit does not allow it; that has been logged.
    pub fn take(self: &Arc<Self>, resource: Resource, amount: usize) -> Result<Lease, Refused> {
        self.add(resource, amount)?;
        Ok(Lease { client: Arc::clone(self), resource, amount })
    }

    /// What the calls that begin take.
    pub(crate) fn take_call(self: &Arc<Self>, octets: usize) -> Result<CallLease, Refused> {
        self.add(Resource::Calls, 1)?;
        let lease = CallLease(Arc::new(CallShare { client: Arc::clone(self), octets: AtomicUsize::new(0) }));
        lease.grow(octets)?;
        Ok(lease)
    }

    /// Notes what a connection's own limits refuse.
    pub(crate) fn refuse(&self, resource: Resource) {
        self.quotas.refused(Refused::TooMany(resource, Scope::Connection));
    }

    fn add(&self, resource: Resource, amount: usize) -> Result<(), Refused> {
        let limit = self.quotas.limits.of(resource);
        let per_client = if self.key == ClientKey::Unknown { usize::MAX } else { limit.per_client };
        let scope = if !self.used.add(resource, amount, per_client) {
            Scope::Client
        } else if !self.quotas.used.add(resource, amount, limit.total) {
            self.used.subtract(resource, amount);
            Scope::Server
        } else {
            return Ok(());
        };
        let refused = Refused::TooMany(resource, scope);
        self.quotas.refused(refused);
        Err(refused)
    }

    fn give_back(&self, resource: Resource, amount: usize) {
        self.used.subtract(resource, amount);
        self.quotas.used.subtract(resource, amount);
    }

    /// Waits for its turn to run a step of a security provider, which lasts as long as what it
    /// gives.
    pub(crate) async fn step(self: Arc<Self>) -> impl Send + use<> {
        // The client's own turn comes first: its further steps do not stand in the way of others'.
        // Nobody closes these semaphores.
        let own = Arc::clone(&self.steps).acquire_owned().await.ok();
        let shared = Arc::clone(&self.quotas.steps).acquire_owned().await.ok();
        (own, shared, self)
    }
}

impl HandleQuota for ClientQuota {
    fn open(&self) -> bool {
        self.add(Resource::Handles, 1).is_ok()
    }

    fn closed(&self, handles: usize) {
        self.give_back(Resource::Handles, handles);
    }
}

impl Drop for ClientQuota {
    fn drop(&mut self) {
        let mut clients = self.quotas.lock();
        // Another may have come in its place already.
        if clients.get(&self.key).is_some_and(|client| client.strong_count() == 0) {
            clients.remove(&self.key);
        }
    }
}

/// Something that a client has taken. Dropping it gives it back.
#[derive(Debug)]
pub struct Lease {
    client: Arc<ClientQuota>,
    resource: Resource,
    amount: usize,
}

impl Lease {
    /// Takes more.
    ///
    /// # Errors
    ///
    /// Says whose limit does not allow it; that has been logged.
    pub fn grow(&mut self, amount: usize) -> Result<(), Refused> {
        self.client.add(self.resource, amount)?;
        self.amount += amount;
        Ok(())
    }

    /// What it is of.
    pub fn resource(&self) -> Resource {
        self.resource
    }

    /// Who took it.
    pub fn client(&self) -> &Arc<ClientQuota> {
        &self.client
    }

    /// How much it is.
    pub fn amount(&self) -> usize {
        self.amount
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.client.give_back(self.resource, self.amount);
    }
}

/// What a call takes, from its first fragment until its implementation has ended and its response
/// has been handed over, whichever comes last.
#[derive(Clone, Debug)]
pub struct CallLease(Arc<CallShare>);

#[derive(Debug)]
struct CallShare {
    client: Arc<ClientQuota>,
    octets: AtomicUsize,
}

impl CallLease {
    /// More octets of the request have come.
    pub(crate) fn grow(&self, octets: usize) -> Result<(), Refused> {
        self.0.client.add(Resource::RequestOctets, octets)?;
        self.0.octets.fetch_add(octets, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for CallShare {
    fn drop(&mut self) {
        self.client.give_back(Resource::RequestOctets, *self.octets.get_mut());
        self.client.give_back(Resource::Calls, 1);
    }
}

#[cfg(test)]
mod tests;
