//! What must be gone when all clients are.

use std::time::{Duration, Instant};

use msrpc::{association::quota::Resource, server::Server};
use tokio::runtime::Handle;

use crate::rpc::trial::Trial;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Octets that may be left: buffers of the runtime and of the tests, and tables that have grown.
const SLACK: usize = 1 << 20;

/// What was there before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Baseline {
    pub(super) tasks: usize,
    pub(super) memory: Option<usize>,
}

/// Waits until nothing is left.
pub(super) async fn wait(
    server: &Server,
    trial: &Trial,
    before: Baseline,
    memory: impl Fn() -> usize,
) -> Result<(), String> {
    let start = Instant::now();
    loop {
        let mut left: Vec<String> = Resource::ALL
            .iter()
            .filter_map(|&resource| match server.quotas().used(resource) {
                0 => None,
                used => Some(format!("{resource:?} {used}")),
            })
            .collect();
        let mut count = |what, now: usize, before: usize| {
            if now > before {
                left.push(format!("{what} {now} instead of {before}"));
            }
        };
        count("handles of the implementation", trial.counters() as usize, 0);
        count("calls of the implementation", trial.waiting() as usize, 0);
        if trial.waiting() == 0 {
            trial.forget_tickets();
        }
        count("clients", server.quotas().clients(), 0);
        count("tasks", Handle::current().metrics().num_alive_tasks(), before.tasks);
        if let Some(before) = before.memory {
            count("octets", memory(), before + SLACK);
        }
        if left.is_empty() {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            return Err(format!("after {PATIENCE:?} there are left: {}", left.join(", ")));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
