//! What an administrator can choose.

use std::time::Duration;

/// How the state machine behaves. The default is what the document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `OwnerMachineName` of IsPathSupported: under which name clients are to reach this server.
    /// `None` (the default) answers with the host part of the name that the client sent, which
    /// works without name resolution of ours.
    pub machine_name: Option<String>,
    /// How often one client may repeat SetContext while its sequence is open before it is refused
    /// once (3.1.4.2, note <5>): 5.
    pub context_retries: u32,
    /// The message sequence timer after most messages: 180 seconds.
    pub short_timer: Duration,
    /// The message sequence timer after AddToShadowCopySet, PrepareShadowCopySet and
    /// GetShareMapping: 1,800 seconds.
    pub long_timer: Duration,
    /// How long after a failure the server tries again to delete what no one uses any more: 30
    /// seconds.
    pub retry_after: Duration,
    /// What tells this run of the machine from others (`/proc/sys/kernel/random/boot_id`). Sets
    /// without ATTR_PERSISTENT that were made in another are deleted at the start; empty (the
    /// default) keeps them.
    pub boot: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            machine_name: None,
            context_retries: 5,
            short_timer: Duration::from_secs(180),
            long_timer: Duration::from_secs(1800),
            retry_after: Duration::from_secs(30),
            boot: String::new(),
        }
    }
}

impl Config {
    /// The same with a clock that runs faster: for tests that would wait for the timer.
    #[must_use]
    pub fn faster_by(mut self, factor: u32) -> Self {
        let factor = factor.max(1);
        self.short_timer /= factor;
        self.long_timer /= factor;
        self.retry_after /= factor;
        self
    }
}
