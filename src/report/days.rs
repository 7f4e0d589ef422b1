//! Days: a period cut at every midnight, UTC.
//!
//! Both bounds of a period are inclusive, as those of a query are, so a day ends one nanosecond
//! before the next one begins. Nothing here knows leap seconds; neither do the times of a log.

use crate::error::{Error, ErrorKind, Result};
use crate::limits::REPORT_DAYS_MAX;
use crate::types::EventTime;

const DAY_SECONDS: i64 = 86_400;
const LAST_NANO: u32 = 999_999_999;

/// A part of a period that lies within one day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slice {
    pub(super) since: EventTime,
    pub(super) until: EventTime,
}

impl Slice {
    /// The day as `2026-11-25`.
    pub(super) fn name(&self) -> String {
        let text = EventTime::utc(self.since.seconds, 0).to_string();
        text.split('T').next().unwrap_or_default().to_owned()
    }
}

/// The days from `since` to `until`; the first and the last may be cut short.
///
/// # Errors
/// [`ErrorKind::Invalid`] when the period ends before it begins, [`ErrorKind::TooLarge`] when it
/// is longer than [`REPORT_DAYS_MAX`] days.
pub(super) fn days(since: EventTime, until: EventTime) -> Result<Vec<Slice>> {
    if until < since {
        return Err(Error::new(ErrorKind::Invalid, "the period ends before it begins")
            .expected(format_args!("an end at {since} or later"), until));
    }
    let (first, last) =
        (since.seconds.div_euclid(DAY_SECONDS), until.seconds.div_euclid(DAY_SECONDS));
    let count = last.saturating_sub(first).saturating_add(1);
    if count > REPORT_DAYS_MAX {
        let message = "the period is too long for a report by day";
        return Err(Error::new(ErrorKind::TooLarge, message)
            .expected(format_args!("at most {REPORT_DAYS_MAX} days"), count));
    }
    let slice = |day: i64| {
        let begin = EventTime::utc(day * DAY_SECONDS, 0);
        let end = EventTime::utc(day * DAY_SECONDS + (DAY_SECONDS - 1), LAST_NANO);
        Slice {
            since: if begin < since { since } else { begin },
            until: if end < until { end } else { until },
        }
    };
    Ok((first..=last).map(slice).collect())
}

/// Whole days between two instants; 0 when the second is earlier.
pub(super) fn whole_days(from: EventTime, to: EventTime) -> u64 {
    u64::try_from(to.seconds.saturating_sub(from.seconds) / DAY_SECONDS).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_its_days_without_gap_or_overlap() {
        let (since, until) = (EventTime::utc(86_000, 5), EventTime::utc(3 * 86_400 + 7, 9));
        let days = days(since, until).unwrap();
        let names: Vec<String> = days.iter().map(Slice::name).collect();
        assert_eq!(names, ["1970-01-01", "1970-01-02", "1970-01-03", "1970-01-04"]);
        assert_eq!((days[0].since, days[3].until), (since, until));
        for pair in days.windows(2) {
            assert_eq!(pair[0].until.seconds + 1, pair[1].since.seconds);
            assert_eq!((pair[0].until.nanos, pair[1].since.nanos), (LAST_NANO, 0));
        }
    }

    #[test]
    fn periods_that_are_none_are_refused() {
        let at = |seconds| EventTime::utc(seconds, 0);
        assert_eq!(days(at(5), at(4)).unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(days(at(i64::MIN), at(i64::MAX)).unwrap_err().kind(), ErrorKind::TooLarge);
        assert_eq!(days(at(-1), at(-1)).unwrap()[0].name(), "1969-12-31");
        assert_eq!(whole_days(at(10), at(86_409)), 0);
        assert_eq!(whole_days(at(10), at(86_410)), 1);
    }
}
