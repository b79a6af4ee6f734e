//! Times as people and scripts read them.

/// Seconds from 1601 to 1970.
const TO_UNIX: i64 = 11_644_473_600;

const DAY: i64 = 86_400;

/// A time in 100-nanosecond intervals since 1601-01-01 UTC, to the second, as RFC 3339 writes it.
pub(crate) fn rfc3339(filetime: i64) -> Option<String> {
    if filetime <= 0 {
        return None;
    }
    let seconds = filetime / 10_000_000 - TO_UNIX;
    let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

/// Year, month and day of a number of days since 1970-01-01, in eras of 400 years that begin in March.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
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
            assert_eq!(rfc3339((seconds + TO_UNIX) * 10_000_000).unwrap(), text);
        }
        assert_eq!(rfc3339(10_000_000).unwrap(), "1601-01-01T00:00:01Z");
        assert_eq!((rfc3339(0), rfc3339(-5)), (None, None));
        assert!(rfc3339(i64::MAX).is_some());
    }
}
