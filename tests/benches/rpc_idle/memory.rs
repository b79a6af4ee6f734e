//! The memory of this process.

use std::{
    fs,
    ops::{Div, Sub},
};

use super::ALLOCATOR;

/// Octets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    /// Handed out by the allocator.
    pub(super) heap: f64,
    /// Backed by pages.
    pub(super) resident: f64,
}

impl Memory {
    pub(super) fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = resident.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
        Self { heap: ALLOCATOR.current_usage() as f64, resident: kilobytes.unwrap_or(f64::NAN) * 1024.0 }
    }
}

impl Sub for Memory {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { heap: self.heap - earlier.heap, resident: self.resident - earlier.resident }
    }
}

impl Div<usize> for Memory {
    type Output = Self;

    fn div(self, by: usize) -> Self {
        Self { heap: self.heap / by as f64, resident: self.resident / by as f64 }
    }
}
