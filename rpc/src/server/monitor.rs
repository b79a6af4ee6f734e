//! What a server has counted.

use std::sync::Arc;

use super::Server;
use crate::{
    association::{Refused, ServerConfig, quota::Resource},
    metrics::{Limit, Snapshot, Tally},
};

/// Looks at a server's counters, whoever holds the server itself. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Monitor {
    config: Arc<ServerConfig>,
}

impl Monitor {
    /// All that has been counted, and what of the limits is in use.
    pub fn snapshot(&self) -> Snapshot {
        let quotas = &self.config.quotas;
        let mut snapshot = self.config.metrics.snapshot();
        let used = |resource| quotas.used(resource) as u64;
        snapshot.association_groups = used(Resource::Groups);
        snapshot.context_handles = used(Resource::Handles);
        snapshot.refused = quotas.refusals().into_iter().map(refusal).collect();
        let limits = Resource::ALL.into_iter().filter_map(|resource| {
            let limit = Some(quotas.limits().of(resource).total).filter(|&limit| limit != usize::MAX)?;
            Some(Limit { what: resource.name().into(), used: used(resource), limit: limit as u64 })
        });
        snapshot.limits = limits.collect();
        snapshot
    }
}

fn refusal((refused, count): (Refused, u64)) -> (std::borrow::Cow<'static, str>, Tally) {
    let (scope, what) = match refused {
        Refused::TooMany(resource, scope) => (scope.name(), resource.name().into()),
        Refused::TimedOut(deadline) => ("connection", format!("time_to_{}", deadline.name()).into()),
        Refused::ShuttingDown => ("server", "shutting_down".into()),
    };
    (scope.into(), Tally { what, count })
}

impl Server {
    /// All that has been counted since it was made.
    pub fn metrics(&self) -> Snapshot {
        self.monitor().snapshot()
    }

    /// What looks at its counters from elsewhere.
    pub fn monitor(&self) -> Monitor {
        Monitor { config: Arc::clone(&self.config) }
    }
}
