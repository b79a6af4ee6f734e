//! Medians and percentiles.

use std::time::Duration;

/// How long calls took, in nanoseconds.
pub(super) type Latencies = Vec<u64>;

pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The latency that so many of a hundred calls do not exceed, in microseconds.
pub(super) fn percentile(latencies: &[u64], percent: usize) -> f64 {
    let mut sorted = latencies.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(f64::NAN, |&nanoseconds| nanoseconds as f64 / 1e3)
}
