//! How Python prints what stands in the reference's JSON: texts, floats, times.
//!
//! Texts are escaped to ASCII with lower-case `\uXXXX` and surrogate pairs; floats have the fewest
//! digits that lead back to them, and an exponent below 1e-4 and from 1e16 on; times are
//! `isoformat()`, with six digits of microseconds or none.

use crate::types::EventTime;
use std::fmt::Write;

/// Appends `text` as a JSON string in ASCII.
pub(super) fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// `text` as `json.dumps` prints it.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    push_quoted(&mut out, text);
    out
}

/// A float as `json.dumps` prints it: `repr`, and `NaN`, `Infinity`, `-Infinity`.
#[must_use]
pub fn float_repr(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    // Both print the fewest digits that lead back, and of those the closest; of two equally close ones
    // Python takes the even one, as Rust does when it is told the number of digits.
    let shortest = format!("{value:e}");
    let digits = shortest.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit);
    let even = format!("{value:.*e}", digits.count().saturating_sub(1));
    let leads_back = even.parse::<f64>().is_ok_and(|found| found.to_bits() == value.to_bits());
    let scientific = if leads_back { even } else { shortest };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if mantissa.starts_with('-') { "-" } else { "" };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if !(-4..16).contains(&exponent) {
        let mark = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{mark}{:02}", exponent.unsigned_abs());
    }
    let places = exponent.unsigned_abs() as usize;
    if exponent < 0 {
        return format!("{sign}0.{}{digits}", "0".repeat(places - 1));
    }
    let whole_len = places + 1;
    match digits.split_at_checked(whole_len) {
        Some((whole, fraction)) if !fraction.is_empty() => format!("{sign}{whole}.{fraction}"),
        _ => format!("{sign}{digits:0<whole_len$}.0"),
    }
}

/// A time as `datetime.isoformat()` prints it: the offset it was given with, none when it had none,
/// microseconds in six digits unless they are zero. Nanoseconds are cut, as Python has none.
#[must_use]
pub fn isoformat(time: &EventTime) -> String {
    let given = i64::from(time.offset_minutes.unwrap_or(0));
    let local = |offset: i64| time.seconds.checked_add(offset * 60).and_then(date_time);
    // Outside of the years 1 to 9999 there is no Python time: UTC, or the first one there is.
    let (mut text, offset) = match local(given) {
        Some(text) => (text, given),
        None => (local(0).unwrap_or_else(|| "0001-01-01T00:00:00".to_owned()), 0),
    };
    let micros = time.nanos / 1000;
    if micros > 0 {
        let _ = write!(text, ".{micros:06}");
    }
    if time.offset_minutes.is_some() {
        let mark = if offset < 0 { '-' } else { '+' };
        let offset = offset.unsigned_abs();
        let _ = write!(text, "{mark}{:02}:{:02}", offset / 60, offset % 60);
    }
    text
}

/// Date and time of day; `None` outside of the years 1 to 9999. Calendar arithmetic after Howard
/// Hinnant, "chrono-compatible low-level date algorithms".
fn date_time(seconds: i64) -> Option<String> {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days.checked_add(719_468)?;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Years begin in March here.
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    (1..=9999)
        .contains(&year)
        .then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"))
}

/// A text as `repr()` prints it, exactly so for ASCII; other characters stay as they are.
pub(super) fn repr(text: &str) -> String {
    let mark = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(mark);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' | '\u{7f}' => {
                let _ = write!(out, "\\x{:02x}", u32::from(character));
            }
            _ if character == mark => out.extend(['\\', character]),
            _ => out.push(character),
        }
    }
    out.push(mark);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_laid_out_as_python_does() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.000_012_5, "1.25e-05"),
            (1e-7, "1e-07"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (123_456.789, "123456.789"),
            (5e-324, "5e-324"),
            // 1960406295673916.25: halfway between two short texts, the even digit wins.
            (f64::from_bits(0x431b_dbea_a379_f0f1), "1960406295673916.2"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(float_repr(value), text);
        }
    }

    #[test]
    fn texts_are_ascii_with_pairs_for_what_is_beyond_the_first_plane() {
        assert_eq!(quoted("a/\"\\\u{7f}\u{1}\n"), "\"a/\\\"\\\\\\u007f\\u0001\\n\"");
        assert_eq!(quoted("\u{e9}\u{2028}\u{1f600}"), "\"\\u00e9\\u2028\\ud83d\\ude00\"");
        assert_eq!(repr("it's \u{1}"), "\"it's \\x01\"");
        assert_eq!(repr("'\""), "'\\'\"'");
    }

    #[test]
    fn times_keep_their_offset_and_have_six_digits_or_none() {
        let at = |seconds, nanos, offset_minutes| {
            isoformat(&EventTime { seconds, nanos, offset_minutes })
        };
        assert_eq!(at(1_772_366_400, 0, Some(0)), "2026-03-01T12:00:00+00:00");
        assert_eq!(at(1_772_366_400, 1_999, None), "2026-03-01T12:00:00.000001");
        assert_eq!(at(1_772_366_400, 0, Some(-330)), "2026-03-01T06:30:00-05:30");
        assert_eq!(at(-62_135_596_800, 0, Some(0)), "0001-01-01T00:00:00+00:00");
        assert_eq!(at(253_402_300_799, 999_999_999, Some(0)), "9999-12-31T23:59:59.999999+00:00");
        assert_eq!(at(951_782_400, 0, None), "2000-02-29T00:00:00");
        assert_eq!(at(-1, 0, Some(0)), "1969-12-31T23:59:59+00:00");
        assert_eq!(at(i64::MAX, 0, None), "0001-01-01T00:00:00");
        // The local time would be in the year 10000.
        assert_eq!(at(253_402_300_799, 0, Some(60)), "9999-12-31T23:59:59+00:00");
    }
}
