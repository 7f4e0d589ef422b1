//! Payment card numbers: digits that are grouped, begin and add up as issuers make them.
//!
//! Taken for a card: 16 digits of Visa, Mastercard, Discover, JCB or UnionPay, 15 of American
//! Express, 14 of Diners Club (ISO/IEC 7812 prefixes), run together or in the groups printed on
//! cards, that pass the Luhn check and do not lie inside a longer word or number. Not taken: the
//! 13 and 19 digit forms, which in practice are times and database keys.

use std::ops::Range;

const DIGITS_MIN: usize = 14;
const DIGITS_MAX: usize = 16;

fn is_part(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b' ' || byte == b'-'
}

/// Whether a card number may lie in these bytes; wrong only in saying yes.
pub(super) fn may_hold(bytes: &[u8]) -> bool {
    const STRIDE: usize = DIGITS_MIN / 2;
    // Fourteen bytes cover two positions of this stride, wherever they begin.
    let mut was_part = false;
    let mut looked_at = 0;
    for (step, byte) in bytes.iter().step_by(STRIDE).enumerate() {
        let is_part = is_part(*byte);
        if is_part && was_part && step * STRIDE >= looked_at {
            let run = run_around(bytes, step * STRIDE);
            looked_at = run.end;
            if !find_in(bytes, run).is_empty() {
                return true;
            }
        }
        was_part = is_part;
    }
    false
}

/// The run of digits, blanks and hyphens around a position.
#[cold]
fn run_around(bytes: &[u8], at: usize) -> Range<usize> {
    let is_outside = |byte: &u8| !is_part(*byte);
    let (before, after) = bytes.split_at_checked(at).unwrap_or_default();
    let begin = before.iter().rposition(is_outside).map_or(0, |last| last + 1);
    let end = after.iter().position(is_outside).map_or(bytes.len(), |len| at + len);
    begin..end
}

/// Card numbers in a text.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(begin) = bytes.iter().skip(at).position(|byte| is_part(*byte)) {
        let begin = at + begin;
        let len = bytes.iter().skip(begin).position(|byte| !is_part(*byte));
        let end = len.map_or(bytes.len(), |len| begin + len);
        found.extend(find_in(bytes, begin..end));
        at = end;
    }
    found
}

/// Card numbers within one run of digits, blanks and hyphens.
fn find_in(bytes: &[u8], run: Range<usize>) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for at in run {
        let Some(byte) = bytes.get(at).filter(|byte| byte.is_ascii_digit()) else { continue };
        debug_assert!(byte.is_ascii_digit());
        match groups.last_mut().filter(|group| group.end == at) {
            Some(group) => group.end = at + 1,
            None => groups.push(at..at + 1),
        }
    }
    let mut found = Vec::new();
    let mut rest = &groups[..];
    while let Some((first, after)) = rest.split_first() {
        let taken = (1..=4)
            .rev()
            .find(|count| rest.get(..*count).is_some_and(|groups| is_card(bytes, groups)));
        match taken.and_then(|count| rest.split_at_checked(count)) {
            Some((card, behind)) => {
                let end = card.last().map_or(first.end, |last| last.end);
                found.push(first.start..end);
                rest = behind;
            }
            None => rest = after,
        }
    }
    found
}

fn is_card(bytes: &[u8], groups: &[Range<usize>]) -> bool {
    let lens: Vec<usize> = groups.iter().map(Range::len).collect();
    let is_grouped =
        matches!(*lens, [DIGITS_MIN..=DIGITS_MAX] | [4, 4, 4, 4] | [4, 6, 5] | [4, 6, 4]);
    let separator = |pair: &[Range<usize>]| match pair {
        [one, other] if one.end + 1 == other.start => bytes.get(one.end).copied(),
        _ => None,
    };
    let separators: Vec<Option<u8>> = groups.windows(2).map(separator).collect();
    let is_even = separators.iter().all(|one| one.is_some() && Some(one) == separators.first());
    let (Some(first), Some(last)) = (groups.first(), groups.last()) else { return false };
    if !is_grouped || !is_even || !stands_alone(bytes, first.start, last.end) {
        return false;
    }
    let digits: Vec<u8> = groups
        .iter()
        .flat_map(|group| bytes.get(group.clone()).unwrap_or_default())
        .map(|byte| byte - b'0')
        .collect();
    is_issued(&digits) && luhn(&digits)
}

/// Whether neither a word nor a longer number goes on at either end.
fn stands_alone(bytes: &[u8], begin: usize, end: usize) -> bool {
    let at = |position: Option<usize>| position.and_then(|position| bytes.get(position)).copied();
    let is_word = |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    let joins = |byte: Option<u8>| byte.is_some_and(|b| matches!(b, b'.' | b'-' | b'+' | b','));
    let (before, after) = (at(begin.checked_sub(1)), at(Some(end)));
    let is_joined_before = joins(before) && is_word(at(begin.checked_sub(2)));
    let is_joined_after = joins(after) && is_word(at(Some(end + 1)));
    // In JSON a comma between numbers separates them; only inside a number's text does it join.
    let is_list = |byte: Option<u8>| byte == Some(b',');
    let is_split = (is_list(before) || !is_joined_before) && (is_list(after) || !is_joined_after);
    !is_word(before) && !is_word(after) && before != Some(b'.') && is_split
}

fn is_issued(digits: &[u8]) -> bool {
    let prefix =
        |len: usize| digits.iter().take(len).fold(0u32, |n, digit| n * 10 + u32::from(*digit));
    match digits.len() {
        14 => matches!(prefix(3), 300..=305 | 309) || matches!(prefix(2), 36 | 38 | 39),
        15 => matches!(prefix(2), 34 | 37),
        16 => {
            prefix(1) == 4
                || matches!(prefix(2), 51..=55 | 62 | 65)
                || matches!(prefix(3), 644..=649)
                || matches!(prefix(4), 2221..=2720 | 3528..=3589 | 6011)
        }
        _ => false,
    }
}

/// ISO/IEC 7812-1, annex B.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => 2 * digit - 9,
            (_, digit) => 2 * digit,
        })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuers_test_numbers_are_cards_in_every_grouping() {
        for text in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "pay with 5555555555554444, please",
            "378282246310005",
            "3782 822463 10005",
            "30569309025904",
            "6011111111111117",
            "3530111333300000",
            "6200000000000005",
            "2223003122003222",
            "[1,4111111111111111,2]",
        ] {
            assert_eq!(find(text).len(), 1, "{text}");
            assert!(may_hold(text.as_bytes()), "{text}");
            for before in 0..16 {
                assert!(may_hold(format!("{}{text}", "x ".repeat(before)).as_bytes()));
            }
        }
    }

    #[test]
    fn other_numbers_are_not() {
        for text in [
            "4111111111111112",
            "1764072000000000",
            "0.4111111111111111",
            "4111111111111111.5",
            "41111111111111110",
            "x4111111111111111",
            "id_4111111111111111",
            "4111111111111111-ab",
            "41 11 11 11 11 11 11 11",
            "4111 11111111 1111",
            "0000000000000000",
            "2026-11-25 12:00:00",
            "+49 171 1234567",
            "DE89370400440532013000",
        ] {
            assert!(find(text).is_empty(), "{text}");
            assert!(!may_hold(text.as_bytes()), "{text}");
        }
    }
}
