//! What clients may use of the daemon.

use std::time::Duration;

use msrpc::{
    association::{Allowance, SharedLimits},
    server::{ConnectionOptions, ServerBuilder},
};
use serde::Deserialize;

/// What clients may use of the daemon, in all and each of them. A client is an address; over a local
/// socket it is a user.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections.
    pub connections: usize,
    /// Connections of one client.
    pub connections_per_client: usize,
    /// Calls that run at a time.
    pub calls: usize,
    /// Calls of one client.
    pub calls_per_client: usize,
    /// Context handles that are open.
    pub handles: usize,
    /// Context handles of one client.
    pub handles_per_client: usize,
    /// After how many seconds a connection is closed that has neither calls nor open handles; 0 for
    /// never.
    pub idle_seconds: u64,
}

impl Default for Limits {
    /// Those of `msrpc`.
    fn default() -> Self {
        let SharedLimits { connections, calls, handles, .. } = SharedLimits::default();
        Self {
            connections: connections.total,
            connections_per_client: connections.per_client,
            calls: calls.total,
            calls_per_client: calls.per_client,
            handles: handles.total,
            handles_per_client: handles.per_client,
            idle_seconds: ConnectionOptions::default().idle_timeout.map_or(0, |time| time.as_secs()),
        }
    }
}

impl Limits {
    /// A server with these limits.
    pub fn apply(&self, builder: ServerBuilder) -> ServerBuilder {
        let limits = SharedLimits {
            connections: Allowance::new(self.connections, self.connections_per_client),
            calls: Allowance::new(self.calls, self.calls_per_client),
            handles: Allowance::new(self.handles, self.handles_per_client),
            ..SharedLimits::default()
        };
        let idle = (self.idle_seconds > 0).then(|| Duration::from_secs(self.idle_seconds));
        builder.shared_limits(limits).idle_timeout(idle)
    }

    /// What does not fit: limits that let nobody in.
    pub(super) fn unfit(&self) -> impl Iterator<Item = String> {
        let limits = [
            ("connections", self.connections),
            ("connections_per_client", self.connections_per_client),
            ("calls", self.calls),
            ("calls_per_client", self.calls_per_client),
            ("handles", self.handles),
            ("handles_per_client", self.handles_per_client),
        ];
        let none = limits.into_iter().filter(|&(_, limit)| limit == 0);
        none.map(|(name, _)| format!("limits.{name} is 0: expected at least 1"))
    }
}
