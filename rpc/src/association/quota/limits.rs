//! Limits of a server as a whole and of each client.

/// How much there may be of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// On the whole server.
    pub total: usize,
    /// For one client ([`ClientKey`](super::ClientKey)).
    pub per_client: usize,
}

impl Allowance {
    /// An allowance.
    pub const fn new(total: usize, per_client: usize) -> Self {
        Self { total, per_client }
    }

    /// No limit.
    pub const UNLIMITED: Self = Self::new(usize::MAX, usize::MAX);
}

/// Limits of a server as a whole and of each client, over all its connections. Limits of each
/// connection are in [`ServerLimits`](super::super::ServerLimits), limits in time in
/// [`ConnectionOptions`](crate::server::ConnectionOptions).
///
/// A client is an address (of IPv6 a network of 64 bits, as a host has them), or a user of this
/// host where the connection is local. One client never gets all there is: that takes several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedLimits {
    /// Connections. Further ones are answered bind_nak `local_limit_exceeded` and closed, or only
    /// closed while there are many of them.
    pub connections: Allowance,
    /// Association groups. A bind that would begin another is answered bind_nak
    /// `local_limit_exceeded`.
    pub groups: Allowance,
    /// Presentation contexts. Further ones are rejected (`local_limit_exceeded`).
    pub contexts: Allowance,
    /// Security contexts, established or not. A bind beyond is answered bind_nak
    /// `local_limit_exceeded`, an alter_context a fault, and the connection ends.
    pub security_contexts: Allowance,
    /// Open context handles. Calls that would open more end in `nca_s_fault_remote_no_memory`.
    pub handles: Allowance,
    /// Calls that have begun and not ended, also those that nobody waits for any more. Further ones
    /// are answered `nca_server_too_busy`, and are not executed.
    pub calls: Allowance,
    /// Octets of the requests of these calls, with [`FRAGMENT_COST`](super::FRAGMENT_COST) for each
    /// fragment. Requests beyond are answered `nca_server_too_busy`, and are not executed.
    pub request_octets: Allowance,
    /// Octets of responses that wait to be sent. A call whose response would go beyond ends in
    /// `nca_s_fault_remote_no_memory`.
    pub response_octets: Allowance,
    /// Steps of security providers that may wait for something outside, at a time. Further ones
    /// wait for their turn, as long as the client's connection may take to bind.
    pub provider_steps: Allowance,
}

impl Default for SharedLimits {
    /// | | total | per client |
    /// |---|---|---|
    /// | connections | 16,384 | 1,024 |
    /// | association groups | 16,384 | 1,024 |
    /// | presentation contexts | 262,144 | 16,384 |
    /// | security contexts | 32,768 | 2,048 |
    /// | context handles | 262,144 | 65,536 |
    /// | calls | 65,536 | 16,384 |
    /// | octets of requests | 1 GiB | 256 MiB |
    /// | octets of responses | 1 GiB | 256 MiB |
    /// | steps of providers at a time | 64 | 16 |
    fn default() -> Self {
        Self {
            connections: Allowance::new(16_384, 1_024),
            groups: Allowance::new(16_384, 1_024),
            contexts: Allowance::new(262_144, 16_384),
            security_contexts: Allowance::new(32_768, 2_048),
            handles: Allowance::new(262_144, 65_536),
            calls: Allowance::new(65_536, 16_384),
            request_octets: Allowance::new(1 << 30, 256 << 20),
            response_octets: Allowance::new(1 << 30, 256 << 20),
            provider_steps: Allowance::new(64, 16),
        }
    }
}
