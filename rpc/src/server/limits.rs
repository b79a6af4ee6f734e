//! Limits, as a builder has them.

use std::time::Duration;

use super::{ConnectionOptions, ServerBuilder};
use crate::{
    association::{Allowance, ServerLimits, SharedLimits},
    transport::KeepAlive,
};

impl ServerBuilder {
    /// Sets the limits of each connection and of its calls.
    pub fn limits(mut self, limits: ServerLimits) -> Self {
        self.config.limits = limits;
        self
    }

    /// Sets the limits of each client with all its connections, and of the whole server, its mapper
    /// included.
    ///
    /// Where the process may have fewer files open than there may be connections, three quarters of
    /// the files are the limit of connections, and half of these that of each client.
    pub fn shared_limits(mut self, limits: SharedLimits) -> Self {
        self.shared = limits;
        self
    }

    /// Sets how long clients may take for what.
    pub fn connection_options(mut self, options: ConnectionOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets how many connections there may be at a time, in all and of each client (16,384 and
    /// 1,024). Further ones are refused.
    pub fn max_connections(mut self, total: usize, per_client: usize) -> Self {
        self.shared.connections = Allowance::new(total, per_client);
        self
    }

    /// Sets how long a client may take to bind (30 seconds).
    pub fn bind_timeout(mut self, timeout: Duration) -> Self {
        self.options.bind_timeout = timeout;
        self
    }

    /// Sets how connections over TCP are found whose client is gone ([`KeepAlive::default`]); `None` for
    /// not at all.
    pub fn keep_alive(mut self, alive: Option<KeepAlive>) -> Self {
        self.options.keep_alive = alive;
        self
    }

    /// Sets after how long connections are closed that have neither calls nor handles (never).
    pub fn idle_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.options.idle_timeout = timeout;
        self
    }
}

/// No more connections than there may be files, with some left for the rest of the program: a
/// process without files cannot even refuse.
pub(super) fn within_files(limits: SharedLimits) -> SharedLimits {
    match open_files() {
        Some(files) => reduced(limits, files),
        None => limits,
    }
}

fn reduced(mut limits: SharedLimits, files: usize) -> SharedLimits {
    let most = (files - files / 4).max(1);
    let Allowance { total, per_client } = limits.connections;
    if total > most {
        limits.connections = Allowance::new(most, per_client.min((most / 2).max(1)));
        tracing::info!(files, connections = most, "the limit of open files limits connections");
    }
    limits
}

/// How many files the process may have open; `None` for any number.
#[cfg(unix)]
fn open_files() -> Option<usize> {
    use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    if soft == RLIM_INFINITY { None } else { usize::try_from(soft).ok() }
}

#[cfg(not(unix))]
fn open_files() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_to_the_rest_of_the_program() {
        let connections = |total, per_client, files| {
            let limits = SharedLimits { connections: Allowance::new(total, per_client), ..SharedLimits::default() };
            let Allowance { total, per_client } = reduced(limits, files).connections;
            (total, per_client)
        };
        assert_eq!(connections(16_384, 1_024, 1_024), (768, 384));
        assert_eq!(connections(16_384, 1_024, 4_096), (3_072, 1_024));
        assert_eq!(connections(16_384, 1_024, 1 << 20), (16_384, 1_024));
        assert_eq!(connections(16_384, usize::MAX, 1 << 20), (16_384, usize::MAX));
        assert_eq!(connections(16_384, 1_024, 0), (1, 1));
    }
}
