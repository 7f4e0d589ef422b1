//! Times as logs write them.
//!
//! ```text
//! 2026-03-01T10:59:34.901929+01:00      date, "T" or blank, time, fraction, offset
//! ```
//!
//! The fraction has up to nine digits behind "." or ","; the offset is `Z`, `+01:00`, `+0100` or
//! `+01`, or missing. A time without an offset is kept as such and counts as UTC. `+00:00Z`, which
//! the reference implementation writes, is read as `Z`. Nothing is rounded: a tenth digit that is
//! not zero, a second 60 and a 30th of February are no times. Calendar arithmetic after Howard
//! Hinnant, "chrono-compatible low-level date algorithms".

use crate::types::EventTime;

/// What a time looks like, for hints.
pub(crate) const EXAMPLE: &str = "a time looks like 2026-03-01T10:59:34.901929Z";

/// Reads a time; `None` for anything that is not one. Years are 1 to 9999.
#[must_use]
pub fn parse_time(text: &str) -> Option<EventTime> {
    let mut reader = Reader(text.as_bytes());
    let year = reader.number(4)?;
    reader.expect(b"-")?;
    let month = reader.number(2)?;
    reader.expect(b"-")?;
    let day = reader.number(2)?;
    reader.expect(b"Tt ")?;
    let hour = reader.number(2)?;
    reader.expect(b":")?;
    let minute = reader.number(2)?;
    reader.expect(b":")?;
    let second = reader.number(2)?;
    let nanos = reader.fraction()?;
    let offset_minutes = reader.offset()?;
    let is_date =
        year >= 1 && (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    if !is_date || hour > 23 || minute > 59 || second > 59 || !reader.0.is_empty() {
        return None;
    }
    let days = days_from_epoch(i64::from(year), i64::from(month), i64::from(day));
    let local = days * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    let seconds = local - i64::from(offset_minutes.unwrap_or(0)) * 60;
    Some(EventTime { seconds, nanos, offset_minutes })
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn take(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn digit(&mut self) -> Option<u32> {
        let digit = self.peek().filter(u8::is_ascii_digit)?;
        self.take();
        Some(u32::from(digit - b'0'))
    }

    /// Exactly so many digits.
    fn number(&mut self, digits: usize) -> Option<u32> {
        (0..digits).try_fold(0, |value, _| Some(value * 10 + self.digit()?))
    }

    fn expect(&mut self, one_of: &[u8]) -> Option<u8> {
        self.take().filter(|byte| one_of.contains(byte))
    }

    /// Nanoseconds; zero when there is no fraction.
    fn fraction(&mut self) -> Option<u32> {
        if !matches!(self.peek(), Some(b'.' | b',')) {
            return Some(0);
        }
        self.take();
        let mut nanos = self.digit()? * 100_000_000;
        let mut unit = 10_000_000;
        while let Some(digit) = self.digit() {
            if unit == 0 && digit != 0 {
                return None;
            }
            nanos += digit * unit;
            unit /= 10;
        }
        Some(nanos)
    }

    /// Minutes east of UTC; the outer `None` when what stands here is no offset.
    #[expect(clippy::option_option, reason = "no time, a time without offset, a time with one")]
    fn offset(&mut self) -> Option<Option<i16>> {
        let Some(sign) = self.take() else { return Some(None) };
        if matches!(sign, b'Z' | b'z') {
            return Some(Some(0));
        }
        let sign = match sign {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let hours = self.number(2)?;
        if self.peek() == Some(b':') {
            self.take();
        }
        let minutes = if self.0.is_empty() { 0 } else { self.number(2)? };
        if hours > 23 || minutes > 59 {
            return None;
        }
        let offset = sign * i16::try_from(hours * 60 + minutes).ok()?;
        if offset == 0 && matches!(self.peek(), Some(b'Z')) {
            self.take();
        }
        Some(Some(offset))
    }
}

fn days_in(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar: years begin in March, so that the
/// leap day is the last of its year.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(text: &str) -> (i64, u32, Option<i16>) {
        let time = parse_time(text).unwrap_or_else(|| panic!("{text}"));
        (time.seconds, time.nanos, time.offset_minutes)
    }

    #[test]
    fn times_are_read_as_logs_write_them() {
        assert_eq!(parts("1970-01-01T00:00:00Z"), (0, 0, Some(0)));
        assert_eq!(parts("2026-03-01T10:59:34.901929"), (1_772_362_774, 901_929_000, None));
        assert_eq!(parts("2026-03-01 10:59:34,9"), (1_772_362_774, 900_000_000, None));
        assert_eq!(parts("2026-03-01T11:59:34+01:00"), (1_772_362_774, 0, Some(60)));
        assert_eq!(parts("2026-03-01T05:29:34-0530"), (1_772_362_774, 0, Some(-330)));
        assert_eq!(parts("2026-03-01T10:59:34+00:00Z"), (1_772_362_774, 0, Some(0)));
        assert_eq!(
            parts("2026-03-01t10:59:34.123456789000z"),
            (1_772_362_774, 123_456_789, Some(0))
        );
        assert_eq!(parts("0001-01-01T00:00:00Z").0, -62_135_596_800);
        assert_eq!(parts("9999-12-31T23:59:59Z").0, 253_402_300_799);
        assert_eq!(parts("2024-02-29T00:00:00+23").2, Some(23 * 60));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in [
            "",
            "now",
            "2026-03-01",
            "2026-3-1T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "2026-03-01T24:00:00Z",
            "2026-03-01T00:60:00Z",
            "2026-03-01T00:00:60Z",
            "2026-03-01T00:00:00.Z",
            "2026-03-01T00:00:00.1234567891Z",
            "2026-03-01T00:00:00+24:00",
            "2026-03-01T00:00:00+01:00Z",
            "2026-03-01T00:00:00Zz",
            "2026-03-01T00:00:00 Z",
            "2026-03-01T00:00:00+1",
            "1772362774",
            "2026-03-01T00:00:0\u{661}Z",
        ] {
            assert!(parse_time(bad).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,40}|[0-9TZ:.+ -]{0,40}") {
            // What is a time has a year, a month and a day, all digits.
            let digits = text.chars().filter(char::is_ascii_digit).count();
            prop_assert!(parse_time(&text).is_none() || digits >= 8, "{}", text);
        }

        #[test]
        fn instants_agree_with_an_independent_calendar(
            seconds in -62_135_596_800i64..=253_402_207_200, nanos in 0u32..1_000_000_000,
        ) {
            let text = jiff::Timestamp::new(seconds, 0).unwrap().to_string();
            let text = format!("{}.{nanos:09}Z", text.trim_end_matches('Z'));
            prop_assert_eq!(parse_time(&text).unwrap().instant(), (seconds, nanos));
        }
    }
}
