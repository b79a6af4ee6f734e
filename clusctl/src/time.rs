//! Times as people and scripts read them.

use std::time::SystemTime;

use jiff::Timestamp;
use msrpc_cluster::fsrvp::FileTime;

/// A time in 100-nanosecond intervals since 1601-01-01 UTC, to the second, as RFC 3339 writes it; it
/// has no times after the year 9999.
pub(crate) fn rfc3339(filetime: i64) -> Option<String> {
    let time = Timestamp::try_from(SystemTime::from(FileTime(filetime))).ok().filter(|_| filetime > 0)?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_what_date_says() {
        // date -u -d @SECONDS +%FT%TZ
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_772_323_200, "2026-03-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
        ] {
            let time = FileTime::from(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(rfc3339(time.0 + 9_999_999).unwrap(), text);
        }
        assert_eq!(rfc3339(10_000_000).unwrap(), "1601-01-01T00:00:01Z");
        assert_eq!((rfc3339(0), rfc3339(-5), rfc3339(i64::MAX)), (None, None, None));
    }
}
