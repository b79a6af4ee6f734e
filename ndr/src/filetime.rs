//! Time as the documents count it.

use std::time::Duration;

/// From 1601-01-01 UTC, when FILETIME and NTTIME begin (\[MS-DTYP\] 2.3.3), to 1970-01-01 UTC, when the
/// system's time does.
pub const FILETIME_TO_UNIX: Duration = Duration::from_secs(11_644_473_600);
