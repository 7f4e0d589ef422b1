//! Times: what people write for `--since` and `--until`, and how times are shown.
//!
//! ```text
//! 24h   7d   2 days ago   now   2026-11-22   2026-11-22T10:00   2026-11-22T10:00:00.5+01:00
//! ```
//!
//! Without an offset a time is UTC; everything is shown in UTC. A date alone means its first
//! instant as a beginning and its last one as an end, because bounds are inclusive. Parsing is
//! jiff's; the clock is the library's.

use crate::errors::{Answer, Failure};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use witnessmark::storage::{Clock as _, SystemClock};
use witnessmark::{EventTime, UnixNanos};

/// Which end of a range a time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    Since,
    Until,
}

/// The host's time.
pub(crate) fn now() -> UnixNanos {
    SystemClock.now()
}

/// Reads a bound relative to now.
pub(crate) fn parse(text: &str, bound: Bound) -> Answer<EventTime> {
    parse_at(text, bound, timestamp(now().into()))
}

fn parse_at(text: &str, bound: Bound, now: Option<Timestamp>) -> Answer<EventTime> {
    let text = text.trim();
    let found = match text {
        "now" => now,
        _ => None
            .or_else(|| instant(text, bound))
            .or_else(|| text.parse::<Span>().ok().and_then(|span| before(now?, span))),
    };
    let found = found.ok_or_else(|| {
        Failure::usage(format!("{text:?} is not a time"))
            .hint("write 15m, 24h, 7d, 2026-11-22, or 2026-11-22T10:00:00Z")
    })?;
    let nanos = found.as_nanosecond();
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
    Ok(EventTime::utc(seconds, u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or(0)))
}

fn instant(text: &str, bound: Bound) -> Option<Timestamp> {
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp);
    }
    let is_date = text.len() == "2026-11-22".len();
    if is_date && let Ok(date) = text.parse::<Date>() {
        let day = match bound {
            Bound::Since => date.at(0, 0, 0, 0),
            Bound::Until => date.at(23, 59, 59, 999_999_999),
        };
        return day.to_zoned_datetime(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    }
    let time = text.parse::<DateTime>().ok()?;
    time.to_zoned_datetime(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// `24h` and `24h ago` both mean a time in the past.
fn before(now: Timestamp, span: Span) -> Option<Timestamp> {
    let now = now.to_zoned_datetime(TimeZone::UTC);
    now.checked_sub(span.abs()).ok().map(|zoned| zoned.timestamp())
}

fn timestamp(time: EventTime) -> Option<Timestamp> {
    Timestamp::new(time.seconds, i32::try_from(time.nanos).ok()?).ok()
}

/// A time as people read it: UTC, milliseconds.
pub(crate) fn show(time: EventTime) -> String {
    match timestamp(time) {
        Some(timestamp) => format!("{timestamp:.3}"),
        None => format!("{}.{:09}s", time.seconds, time.nanos),
    }
}

/// A recorded time as people read it.
pub(crate) fn show_nanos(time: u64) -> String {
    show(UnixNanos(time).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, bound: Bound) -> String {
        let now = "2026-11-24T12:00:00Z".parse().ok();
        parse_at(text, bound, now).map_or("refused".into(), show)
    }

    #[test]
    fn durations_dates_and_instants_are_understood() {
        for text in ["24h", "1d", "24 hours ago", "1d ago", "2026-11-23T12:00", "23h 60m"] {
            assert_eq!(at(text, Bound::Since), "2026-11-23T12:00:00.000Z", "{text}");
        }
        assert_eq!(at("now", Bound::Since), "2026-11-24T12:00:00.000Z");
        assert_eq!(at("2026-11-23", Bound::Since), "2026-11-23T00:00:00.000Z");
        assert_eq!(at("2026-11-23", Bound::Until), "2026-11-23T23:59:59.999Z");
        assert_eq!(at("2026-11-23T12:00:00+02:00", Bound::Until), "2026-11-23T10:00:00.000Z");
        for text in ["", "yesterday-ish", "24", "2026-13-01", "P99999999Y"] {
            assert_eq!(at(text, Bound::Since), "refused", "{text}");
        }
    }
}
