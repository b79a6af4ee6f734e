//! Distributions of latencies.

use std::time::Duration;

use super::{counter::Counter, snapshot::Latency};

/// Upper bounds of the buckets, in nanoseconds; another bucket has what is longer. From 10
/// microseconds, which a call over a local socket takes, to a minute.
pub const BOUNDS: [u64; 20] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    60_000_000_000,
];

/// How long calls of an operation took.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    buckets: [Counter; BOUNDS.len()],
    longer: Counter,
    nanoseconds: Counter,
}

impl Histogram {
    pub(super) fn record(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|&bound| bound < took);
        self.buckets.get(bucket).unwrap_or(&self.longer).one();
        self.nanoseconds.add(took);
    }

    pub(super) fn snapshot(&self) -> Latency {
        let mut buckets = Vec::with_capacity(BOUNDS.len());
        let mut count = 0;
        for (&bound, bucket) in BOUNDS.iter().zip(&self.buckets) {
            count += bucket.get();
            buckets.push((Duration::from_nanos(bound), count));
        }
        Latency { buckets, count: count + self.longer.get(), sum: Duration::from_nanos(self.nanoseconds.get()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_what_took_as_long_as_its_bound_and_all_that_was_faster() {
        let histogram = Histogram::default();
        for nanoseconds in [0, 10_000, 10_001, 60_000_000_000, 60_000_000_001, u64::MAX / 2] {
            histogram.record(Duration::from_nanos(nanoseconds));
        }
        let Latency { buckets, count, sum } = histogram.snapshot();
        let counts: Vec<u64> = buckets.iter().map(|&(_, count)| count).collect();
        assert_eq!(counts.first_chunk(), Some(&[2, 3, 3]));
        assert_eq!(counts.last(), Some(&4));
        assert_eq!(count, 6);
        assert!(sum > Duration::from_nanos(u64::MAX / 2));
        assert!(BOUNDS.is_sorted());
    }
}
