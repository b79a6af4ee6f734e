//! Counters that many threads count with.

use std::sync::atomic::{AtomicU64, Ordering};

/// Only grows. It is never compared with others, so no order is needed.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(super) fn one(&self) {
        self.add(1);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number of octets, as it is counted.
pub(super) fn octets(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
