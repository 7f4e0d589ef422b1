//! Splitting: where one record ends and the next begins, in JSON Lines or in one JSON array.
//!
//! ```text
//! first byte that is not blank:   [ --> array       anything else --> lines
//! lines   {..}\n{..}\n            a record is a line; blank lines are none
//! array   [ {..} , {..} ]         a record is an element, on however many lines
//! ```
//!
//! A splitter sees a window of the input and says which bytes are the next record, or that it must
//! see more. It looks at every byte once and understands quotes and brackets only: whether a record
//! is JSON is for `decode` to say, so a bad record never takes its neighbours with it.
//! Invariant: all state is in [`Splitter`], which is a small value. A window can be given up after
//! any record and begun again there.

use memchr::{memchr, memchr3};
use std::ops::Range;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What is wrong with a record as a stretch of the input, whatever its text says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// So many bytes, more than a record may have; they were not kept.
    TooLong(u64),
    /// The input ends before the array is closed.
    NeverClosed,
    /// Nothing stands between two commas, or behind the last one.
    NoElement,
    /// No comma stands before this element.
    NoComma,
    /// Text behind the end of the array.
    BehindArray,
}

/// Where a record lies in the window.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Found {
    /// The line it begins on, counted from 1.
    pub(crate) line: u64,
    /// Its text.
    pub(crate) range: Range<usize>,
    /// Where reading goes on.
    pub(crate) next: usize,
    /// What is wrong with it already.
    pub(crate) fault: Option<Fault>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    /// Nothing but blanks so far.
    Unknown,
    Lines,
    Array,
    /// The array was closed.
    Behind,
}

/// What stands before the next element of an array.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Before {
    Bracket,
    Comma,
    Element,
}

/// An element whose end has not been seen.
#[derive(Clone, Copy, Debug)]
struct Open {
    start: usize,
    line: u64,
    depth: u64,
    in_string: bool,
    fault: Option<Fault>,
}

/// The splitter's state between two records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Splitter {
    mode: Mode,
    is_at_beginning: bool,
    line: u64,
    at: usize,
    before: Before,
    open: Option<Open>,
    /// Bytes of the open record that were dropped from the window because it is too long.
    dropped: u64,
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn trim(bytes: &[u8], mut range: Range<usize>) -> Range<usize> {
    let blank = |at: usize| bytes.get(at).copied().is_some_and(is_blank);
    while !range.is_empty() && blank(range.start) {
        range.start += 1;
    }
    while !range.is_empty() && blank(range.end - 1) {
        range.end -= 1;
    }
    range
}

impl Splitter {
    /// At the beginning of the input.
    pub(crate) fn new() -> Self {
        Self {
            mode: Mode::Unknown,
            is_at_beginning: true,
            line: 1,
            at: 0,
            before: Before::Bracket,
            open: None,
            dropped: 0,
        }
    }

    /// The first byte of the window that is still needed.
    pub(crate) fn needed_from(&self) -> usize {
        self.open.map_or(self.at, |open| open.start)
    }

    /// Follows a window that begins `by` bytes later.
    ///
    /// # Panics
    /// When bytes are taken away that are still needed.
    pub(crate) fn shift(&mut self, by: usize) {
        assert!(by <= self.needed_from(), "bytes of an open record stay in the window");
        self.at -= by;
        if let Some(open) = &mut self.open {
            open.start -= by;
        }
    }

    /// Gives up the text of the open record: the window up to here will be dropped, and the record
    /// is reported as too long when it ends.
    pub(crate) fn drop_text(&mut self) {
        if let Some(open) = &mut self.open {
            self.dropped += (self.at - open.start) as u64;
            open.start = self.at;
        }
    }

    /// The next record in the window; `None` when more must be seen, or at the end of the input.
    pub(crate) fn next(&mut self, bytes: &[u8], is_end: bool) -> Option<Found> {
        loop {
            let found = match self.mode {
                Mode::Unknown => {
                    if !self.decide(bytes, is_end) {
                        return None;
                    }
                    continue;
                }
                Mode::Lines => self.next_line(bytes, is_end, None),
                Mode::Array => {
                    let found = self.next_element(bytes, is_end);
                    if found.is_none() && self.mode == Mode::Behind {
                        continue;
                    }
                    found
                }
                Mode::Behind => {
                    if self.next_array(bytes) {
                        continue;
                    }
                    self.next_line(bytes, is_end, Some(Fault::BehindArray))
                }
            };
            return found;
        }
    }

    /// Finds out what kind of input it is; `false` when more must be seen.
    fn decide(&mut self, bytes: &[u8], is_end: bool) -> bool {
        if self.is_at_beginning {
            let start = bytes.get(..BYTE_ORDER_MARK.len().min(bytes.len())).unwrap_or_default();
            if start.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(start) && !is_end
            {
                return false;
            }
            self.is_at_beginning = false;
            if start == BYTE_ORDER_MARK {
                self.at = start.len();
            }
        }
        self.skip_blanks(bytes);
        self.mode = match bytes.get(self.at) {
            None => return false,
            Some(b'[') => {
                self.at += 1;
                Mode::Array
            }
            Some(_) => Mode::Lines,
        };
        true
    }

    fn skip_blanks(&mut self, bytes: &[u8]) {
        for byte in bytes.get(self.at..).unwrap_or_default() {
            if !is_blank(*byte) {
                break;
            }
            self.line += u64::from(*byte == b'\n');
            self.at += 1;
        }
    }

    /// Behind one array another may begin.
    fn next_array(&mut self, bytes: &[u8]) -> bool {
        if self.open.is_some() {
            return false;
        }
        self.skip_blanks(bytes);
        if bytes.get(self.at) != Some(&b'[') {
            return false;
        }
        self.at += 1;
        (self.mode, self.before) = (Mode::Array, Before::Bracket);
        true
    }

    fn next_line(&mut self, bytes: &[u8], is_end: bool, fault: Option<Fault>) -> Option<Found> {
        loop {
            let rest = bytes.get(self.at..).unwrap_or_default();
            if rest.is_empty() && self.open.is_none() {
                return None;
            }
            let (start, line) = (self.at, self.line);
            let open =
                *self.open.get_or_insert(Open { start, line, depth: 0, in_string: false, fault });
            let (end, next) = match memchr(b'\n', rest) {
                Some(len) => (self.at + len, self.at + len + 1),
                None if is_end => (bytes.len(), bytes.len()),
                None => {
                    self.at = bytes.len();
                    return None;
                }
            };
            self.line += u64::from(next > end);
            self.at = next;
            let found = self.close(bytes, open, end);
            if !found.range.is_empty() || matches!(found.fault, Some(Fault::TooLong(_))) {
                return Some(found);
            }
        }
    }

    /// The open record ends here.
    fn close(&mut self, bytes: &[u8], open: Open, end: usize) -> Found {
        self.open = None;
        let mut found = Found {
            line: open.line,
            range: trim(bytes, open.start..end),
            next: self.at,
            fault: open.fault,
        };
        if self.dropped > 0 {
            let len = std::mem::take(&mut self.dropped) + (end - open.start) as u64;
            (found.range, found.fault) = (end..end, Some(Fault::TooLong(len)));
        }
        found
    }

    fn next_element(&mut self, bytes: &[u8], is_end: bool) -> Option<Found> {
        if self.open.is_none()
            && let Some(found) = self.between(bytes)
        {
            return Some(found);
        }
        let end = match self.open {
            Some(mut open) => {
                let end = self.walk(bytes, &mut open);
                self.open = Some(open);
                end
            }
            None => None,
        };
        if let (Some(end), Some(open)) = (end, self.open) {
            self.at = end;
            self.before = Before::Element;
            return Some(self.close(bytes, open, end));
        }
        if !is_end || self.mode == Mode::Behind {
            return None;
        }
        self.at = bytes.len();
        let (at, line) = (self.at, self.line);
        let nothing = Open { start: at, line, depth: 0, in_string: false, fault: None };
        let mut found = self.close(bytes, self.open.unwrap_or(nothing), bytes.len());
        self.mode = Mode::Behind;
        found.fault = found.fault.or(Some(Fault::NeverClosed));
        Some(found)
    }

    /// Goes to the first byte of the next element, or over the end of the array.
    fn between(&mut self, bytes: &[u8]) -> Option<Found> {
        loop {
            self.skip_blanks(bytes);
            let (at, line) = (self.at, self.line);
            let byte = *bytes.get(at)?;
            let is_comma_before = self.before == Before::Comma;
            match byte {
                b',' | b']' => {
                    self.at += 1;
                    let is_missing = match byte {
                        b',' => self.before != Before::Element,
                        _ => is_comma_before,
                    };
                    self.before = Before::Comma;
                    if byte == b']' {
                        self.mode = Mode::Behind;
                    }
                    if is_missing {
                        let fault = Some(Fault::NoElement);
                        return Some(Found { line, range: at..at, next: self.at, fault });
                    }
                    if byte == b']' {
                        return None;
                    }
                }
                _ => {
                    let fault = (self.before == Before::Element).then_some(Fault::NoComma);
                    let open = Open { start: at, line, depth: 0, in_string: false, fault };
                    self.open = Some(open);
                    return None;
                }
            }
        }
    }

    /// Goes on within an element; its end, when that was seen.
    fn walk(&mut self, bytes: &[u8], open: &mut Open) -> Option<usize> {
        while let Some(byte) = bytes.get(self.at) {
            if open.in_string {
                let rest = bytes.get(self.at..).unwrap_or_default();
                let Some(len) = memchr3(b'"', b'\\', b'\n', rest) else {
                    self.at = bytes.len();
                    return None;
                };
                match bytes.get(self.at + len) {
                    Some(b'"') => open.in_string = false,
                    Some(b'\n') => self.line += 1,
                    // An escape is two bytes: wait until both are in the window.
                    _ if self.at + len + 1 >= bytes.len() => {
                        self.at += len;
                        return None;
                    }
                    _ => self.at += 1,
                }
                self.at += len + 1;
                continue;
            }
            match byte {
                b'"' => open.in_string = true,
                b'\n' => self.line += 1,
                b'{' | b'[' => open.depth += 1,
                b'}' | b']' if open.depth > 0 => {
                    open.depth -= 1;
                    if open.depth == 0 {
                        return Some(self.at + 1);
                    }
                }
                b',' | b']' if open.depth == 0 => return Some(self.at),
                _ => {}
            }
            self.at += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Records of an input that comes in pieces, none of which is kept longer than needed.
    fn split(input: &[u8], piece: usize) -> Vec<(u64, String, Option<Fault>)> {
        let (mut splitter, mut window, mut found) = (Splitter::new(), Vec::new(), Vec::new());
        let mut pieces = input.chunks(piece);
        loop {
            let piece = pieces.next();
            window.extend_from_slice(piece.unwrap_or_default());
            while let Some(record) = splitter.next(&window, piece.is_none()) {
                let text = String::from_utf8_lossy(&window[record.range.clone()]).into_owned();
                assert!(record.range.end <= record.next && record.next <= window.len());
                found.push((record.line, text, record.fault));
                assert!(found.len() <= input.len() + 1, "it ends");
            }
            let needed = splitter.needed_from();
            splitter.shift(needed);
            window.drain(..needed);
            if piece.is_none() {
                return found;
            }
        }
    }

    fn good(line: u64, text: &str) -> (u64, String, Option<Fault>) {
        (line, text.to_owned(), None)
    }

    #[test]
    fn lines_are_records_and_blank_ones_are_none() {
        for piece in [1, 2, 3, 100] {
            let input = b"\xef\xbb\xbf{\"a\":1}\r\n\n  \t\r\n {\"b\":\"\x00\"} \n[1]\n{\"c\":";
            let wanted = [
                good(1, "{\"a\":1}"),
                good(4, "{\"b\":\"\0\"}"),
                good(5, "[1]"),
                good(6, "{\"c\":"),
            ];
            assert_eq!(split(input, piece), wanted, "{piece}");
            assert_eq!(split(b"{}\n{}", piece), [good(1, "{}"), good(2, "{}")]);
            assert_eq!(split(b" \n\n", piece), []);
            assert_eq!(split(b"", piece), []);
            assert_eq!(split(b"\xef\xbb", piece), [good(1, "\u{fffd}")]);
        }
    }

    #[test]
    fn elements_are_records_wherever_their_lines_end() {
        for piece in [1, 2, 3, 100] {
            let input = b"\n[\n {\"a\": [\n1, {}]},\n{\"b\":\"]}\\\"\\\\\"} , 7 ,\"x,]\"\n]\n";
            let wanted = [
                good(3, "{\"a\": [\n1, {}]}"),
                good(5, "{\"b\":\"]}\\\"\\\\\"}"),
                good(5, "7"),
                good(5, "\"x,]\""),
            ];
            assert_eq!(split(input, piece), wanted, "{piece}");
            assert_eq!(split(b"[]", piece), []);
            assert_eq!(split(b"[{}] [{}]", piece), [good(1, "{}"), good(1, "{}")]);
        }
    }

    #[test]
    fn what_is_wrong_between_records_is_a_record_of_its_own() {
        let faults = |input: &[u8]| -> Vec<_> {
            let found: Vec<_> = split(input, 2).into_iter().map(|(_, t, f)| (t, f)).collect();
            assert_eq!(
                found,
                split(input, 9).into_iter().map(|(_, t, f)| (t, f)).collect::<Vec<_>>()
            );
            found
        };
        let ok = || (String::from("{}"), None);
        let bad = |text: &str, fault| (text.to_owned(), Some(fault));
        assert_eq!(faults(b"[{}"), [ok(), bad("", Fault::NeverClosed)]);
        assert_eq!(faults(b"["), [bad("", Fault::NeverClosed)]);
        assert_eq!(faults(b"[{}, {\"a\""), [ok(), bad("{\"a\"", Fault::NeverClosed)]);
        assert_eq!(faults(b"[{},]"), [ok(), bad("", Fault::NoElement)]);
        assert_eq!(faults(b"[,{},,{}]").len(), 4);
        assert_eq!(faults(b"[{} {} ]"), [ok(), bad("{}", Fault::NoComma)]);
        assert_eq!(faults(b"[{}]\n{}\n"), [ok(), bad("{}", Fault::BehindArray)]);
        assert_eq!(faults(b"[}}, {}]"), [("}}".into(), None), ok()]);
    }

    #[test]
    fn a_record_too_long_is_counted_and_not_kept() {
        for input in [&b"{\"long\":1234567890}\n{}\n"[..], b"[{\"long\":1234567890},{}]"] {
            let (mut splitter, mut window) = (Splitter::new(), Vec::new());
            let mut found = Vec::new();
            for piece in input.chunks(4) {
                window.extend_from_slice(piece);
                while let Some(record) = splitter.next(&window, false) {
                    found.push(record.fault);
                }
                splitter.drop_text();
                let needed = splitter.needed_from();
                splitter.shift(needed);
                window.drain(..needed);
                assert!(window.len() < 8);
            }
            assert_eq!(found.first(), Some(&Some(Fault::TooLong(19))), "{found:?}");
        }
    }

    proptest! {
        #[test]
        fn where_the_window_ends_does_not_matter(
            input in "[\\[\\]{}\",:\\\\ \n1a\r\u{feff}]{0,40}", piece in 1usize..9,
        ) {
            prop_assert_eq!(split(input.as_bytes(), piece), split(input.as_bytes(), 1000));
        }

        #[test]
        fn any_bytes_are_split(input in proptest::collection::vec(any::<u8>(), 0..60), piece in 1usize..9) {
            prop_assert_eq!(split(&input, piece), split(&input, 1000));
        }

        #[test]
        fn every_value_of_an_array_is_found_as_a_json_reader_finds_it(
            values in proptest::collection::vec("\\PC{0,5}", 0..9), is_pretty: bool,
        ) {
            let values: Vec<_> = values.iter().map(|v| serde_json::json!({"k": [v, {}]})).collect();
            let text = match is_pretty {
                true => serde_json::to_string_pretty(&values).unwrap(),
                false => serde_json::to_string(&values).unwrap(),
            };
            let found = split(text.as_bytes(), 3);
            let found: Vec<serde_json::Value> =
                found.iter().map(|(_, text, _)| serde_json::from_str(text).unwrap()).collect();
            prop_assert_eq!(found, values);
        }
    }
}
