//! What calls reached a server, and how: a test that passes for the wrong reason shows here.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use msrpc_ndr::{AuthLevel, Body, BoxFuture, Call, Encoding, Fault, Interface, Service};

/// A call as it reached the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The operation's IDL name.
    pub operation: &'static str,
    /// How the request was marshalled.
    pub encoding: Encoding,
    /// The level.
    pub level: AuthLevel,
    /// The security provider; 0 for none.
    pub provider: u8,
    /// The account.
    pub user: Option<String>,
    /// Its domain or realm.
    pub domain: Option<String>,
    /// The SIDs that the authentication told.
    pub sids: Vec<String>,
    /// Where the call came from.
    pub address: Option<SocketAddr>,
}

/// The calls that reached a server. Clones are the same list.
#[derive(Clone, Debug, Default)]
pub struct Log {
    calls: Arc<Mutex<Vec<Seen>>>,
}

impl Log {
    /// The calls since the last time.
    #[must_use]
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A service whose calls are written down, for an interface that may differ from its own in what it
/// demands of callers.
pub struct Observed<S> {
    service: S,
    interface: &'static Interface,
    log: Log,
}

impl<S: Service> Observed<S> {
    /// Writes down the calls of a service.
    pub fn new(service: S, log: &Log) -> Self {
        let interface = service.interface();
        Self { service, interface, log: log.clone() }
    }

    /// Offers the service under another description of its interface.
    #[must_use]
    pub fn offered_as(mut self, interface: &'static Interface) -> Self {
        self.interface = interface;
        self
    }
}

impl<S: Service> Service for Observed<S> {
    fn interface(&self) -> &'static Interface {
        self.interface
    }

    fn call(&self, call: Call, request: Body) -> BoxFuture<'static, Result<Body, Fault>> {
        let caller = call.caller();
        let seen = Seen {
            operation: call.operation_name(),
            encoding: call.encoding(),
            level: caller.auth_level,
            provider: caller.auth_service,
            user: caller.user.clone(),
            domain: caller.domain.clone(),
            sids: caller.sids.clone(),
            address: caller.address,
        };
        self.log.calls.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        self.service.call(call, request)
    }
}
