//! Time as it travels.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use msrpc_ndr::FILETIME_TO_UNIX;
use serde::{Deserialize, Serialize};

/// A point in time: intervals of 100 nanoseconds since 1601-01-01 UTC (FILETIME, \[MS-DTYP\] 2.3.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileTime(pub i64);

impl From<SystemTime> for FileTime {
    /// The nearest one that exists, for times before 1601 or after the year 30,000.
    fn from(time: SystemTime) -> Self {
        let since = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => FILETIME_TO_UNIX.saturating_add(after),
            Err(before) => FILETIME_TO_UNIX.saturating_sub(before.duration()),
        };
        Self(i64::try_from(since.as_nanos() / 100).unwrap_or(i64::MAX))
    }
}

impl From<FileTime> for SystemTime {
    /// Times before 1601 become 1601.
    fn from(time: FileTime) -> Self {
        let ticks = u64::try_from(time.0).unwrap_or(0);
        let since = Duration::from_micros(ticks / 10) + Duration::from_nanos(ticks % 10 * 100);
        match since.checked_sub(FILETIME_TO_UNIX) {
            Some(after) => Self::UNIX_EPOCH + after,
            None => Self::UNIX_EPOCH - (FILETIME_TO_UNIX - since),
        }
    }
}

impl fmt::Display for FileTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FILETIME {}", self.0)
    }
}
