//! What the connections of a server have in common, and what each brings along.

use std::{fmt, net::SocketAddr, sync::Arc};

use msrpc_ndr::{AuthLevel, CallLimits, HandleTable, Service, SessionKey, Syntax};

use crate::{
    association::{Acceptor, AssociationGroups, Quotas},
    auth::PeerIdentity,
    metrics::ServerMetrics,
    pdu::{BindFeatures, MUST_RECV_FRAG_SIZE, SyntaxId},
};

/// What a server offers, on all of its connections.
pub struct ServerConfig {
    /// The interfaces.
    pub services: Vec<Arc<dyn Service>>,
    /// The security providers.
    pub acceptors: Vec<Arc<dyn Acceptor>>,
    /// The association groups.
    pub groups: Arc<AssociationGroups>,
    /// The transfer syntaxes, the preferred one first.
    pub syntaxes: Vec<Syntax>,
    /// Features that clients may negotiate.
    pub features: BindFeatures,
    /// Limits of each connection.
    pub limits: ServerLimits,
    /// What there is in all and for each client, and how much of it is in use.
    pub quotas: Arc<Quotas>,
    /// Counters.
    pub metrics: Arc<ServerMetrics>,
}

impl ServerConfig {
    /// A server of these interfaces, without authentication.
    pub fn new(services: Vec<Arc<dyn Service>>) -> Self {
        Self {
            services,
            acceptors: Vec::new(),
            groups: Arc::default(),
            syntaxes: vec![Syntax::Ndr64, Syntax::Ndr],
            features: BindFeatures::SECURITY_CONTEXT_MULTIPLEXING | BindFeatures::KEEP_CONNECTION_ON_ORPHAN,
            limits: ServerLimits::default(),
            quotas: Arc::default(),
            metrics: Arc::default(),
        }
    }

    /// The implementation of the interface that a client names.
    pub(crate) fn service(&self, named: &SyntaxId) -> Option<&Arc<dyn Service>> {
        self.services.iter().find(|service| {
            let interface = service.interface();
            interface.uuid == named.uuid && interface.serves(named.version.0, named.version.1)
        })
    }

    pub(crate) fn acceptor(&self, auth_type: u8) -> Option<&Arc<dyn Acceptor>> {
        self.acceptors.iter().find(|acceptor| acceptor.auth_type() == auth_type)
    }
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services: Vec<_> = self.services.iter().map(|service| service.interface().name).collect();
        f.debug_struct("ServerConfig")
            .field("services", &services)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Limits of each connection of a server. Those of a client with all its connections, and of the
/// whole server, are in [`SharedLimits`](crate::association::SharedLimits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Largest fragment sent, and offered to receive; at least
    /// [`MUST_RECV_FRAG_SIZE`](crate::pdu::MUST_RECV_FRAG_SIZE). Larger ones that arrive are
    /// accepted.
    pub max_frag: u16,
    /// Presentation contexts; further ones are rejected (`local_limit_exceeded`).
    pub max_contexts: usize,
    /// Security contexts; an alter_context that would begin another is answered a fault, and the
    /// connection ends.
    pub max_security_contexts: usize,
    /// Context handles of one caller in an association group; a call that would open more ends in
    /// `nca_s_fault_remote_no_memory`.
    pub max_handles: usize,
    /// Calls at a time; further ones are answered `nca_server_too_busy`. Calls that nobody waits for
    /// any more count as long as they run.
    pub max_calls: usize,
    /// Fragments of a request that is not a pipe; one of more is answered
    /// `nca_s_fault_remote_no_memory`.
    pub max_fragments: usize,
    /// Octets of the requests of all calls in progress, the one that is arriving included: a request
    /// that goes beyond is answered `nca_s_fault_remote_no_memory`. Requests of one fragment are always
    /// let through. Of pipes only what waits for the implementation counts.
    pub max_pending_octets: usize,
    /// Octets of responses that wait to be sent before no further call is begun, and no longer
    /// response is asked for more.
    pub max_queued_octets: usize,
    /// Octets of a fragmented PDU of the bind phase.
    pub max_bind: usize,
    /// Octets of a request that are held back until it is complete; what is larger is streamed.
    pub stream_from: usize,
    /// Octets of a streamed request that wait for the implementation; then the connection is not
    /// read any further.
    pub stream_bound: usize,
    /// Limits of each call.
    pub call: CallLimits,
}

impl Default for ServerLimits {
    /// Fragments of 5840 octets as Windows has them; 1024 presentation and 64 security contexts;
    /// 65,536 handles; 1024 calls; 65,536 fragments; 128 MiB of requests in progress; 1 MiB of
    /// responses that wait; 128 KiB of bind; streams from 1 MiB on, with 1 MiB waiting.
    fn default() -> Self {
        Self {
            max_frag: 5840,
            max_contexts: 1024,
            max_security_contexts: 64,
            max_handles: HandleTable::DEFAULT_LIMIT,
            max_calls: 1024,
            max_fragments: 65_536,
            max_pending_octets: 128 << 20,
            max_queued_octets: 1 << 20,
            max_bind: 128 << 10,
            stream_from: 1 << 20,
            stream_bound: 1 << 20,
            call: CallLimits::default(),
        }
    }
}

impl ServerLimits {
    pub(crate) fn frag(&self) -> u16 {
        self.max_frag.max(MUST_RECV_FRAG_SIZE)
    }
}

/// What a transport knows of a connection.
#[derive(Clone, Debug, Default)]
pub struct TransportInfo {
    /// The protocol sequence (`ncacn_ip_tcp`).
    pub protocol: String,
    /// The client's address.
    pub address: Option<SocketAddr>,
    /// The endpoint that the client connected to: a port, a pipe. It goes into bind_ack.
    pub endpoint: String,
    /// Who the transport says the client is: an SMB session, the peer of a local socket.
    pub identity: Option<PeerIdentity>,
    /// The number of the user at the other end of a local socket.
    pub uid: Option<u32>,
    /// The level that calls without security context count at, because the transport protects them.
    pub level: AuthLevel,
    /// The transport's session key.
    pub session_key: Option<SessionKey>,
}
