//! The walk: every string and number of a JSON text, with its place, and splices into the text.
//!
//! ```text
//! {"a":[1,"x\u0041"]}      string at /a/1: raw text, decoded text, and where each byte came from
//! ```
//!
//! The text itself is kept; only ranges of it are replaced, so everything outside them stays as it
//! was, byte for byte. Nothing recurses: containers stand on a stack of bounded depth. Text that is
//! no JSON is walked as well as it goes, for records that were rejected as such.

use crate::limits::{JSON_DEPTH_MAX, REDACTION_PATH_BYTES_MAX};
use std::borrow::Cow;
use std::ops::Range;

/// A string or a number where it lies in the text.
#[derive(Debug)]
pub(super) struct Leaf<'t> {
    /// All of it, the quotes of a string included.
    pub(super) range: Range<usize>,
    /// The text of a string, decoded; of a number as it stands.
    pub(super) text: Decoded<'t>,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a leaf is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Key,
    String,
    Number,
}

/// A string without its escapes.
#[derive(Debug)]
pub(super) struct Decoded<'t> {
    pub(super) text: Cow<'t, str>,
    /// Where in the whole text the string's contents begin.
    begin: usize,
    /// For each byte of the decoded text, and its end, where it came from; none when nothing was
    /// escaped.
    origins: Option<Vec<u32>>,
}

impl Decoded<'_> {
    /// The range of the whole text that a range of the decoded text came from.
    pub(super) fn origin(&self, range: &Range<usize>) -> Range<usize> {
        let origin = |at: usize| match &self.origins {
            None => at,
            Some(origins) => origins.get(at).map_or(at, |origin| *origin as usize),
        };
        self.begin + origin(range.start)..self.begin + origin(range.end)
    }
}

/// Decodes the contents of a JSON string. An escape that is none stands for itself.
pub(super) fn decode(raw: &str, begin: usize) -> Decoded<'_> {
    if !raw.contains('\\') {
        return Decoded { text: Cow::Borrowed(raw), begin, origins: None };
    }
    let mut text = String::with_capacity(raw.len());
    let mut origins: Vec<u32> = Vec::with_capacity(raw.len() + 1);
    let mut at = 0;
    while let Some(first) = raw.get(at..).and_then(|rest| rest.chars().next()) {
        let (decoded, len) = match first {
            '\\' => unescape(raw.get(at..).unwrap_or_default()),
            other => (other, other.len_utf8()),
        };
        text.push(decoded);
        origins.resize(text.len(), u32::try_from(at).unwrap_or(u32::MAX));
        at += len;
    }
    origins.push(u32::try_from(raw.len()).unwrap_or(u32::MAX));
    Decoded { text: Cow::Owned(text), begin, origins: Some(origins) }
}

/// The character of the escape that `raw` begins with, and the escape's length.
fn unescape(raw: &str) -> (char, usize) {
    let unit = |at: usize| {
        let digits = raw.get(at..at + 4)?;
        u32::from_str_radix(digits, 16)
            .ok()
            .filter(|_| digits.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let plain = |c: char| (c, 2);
    match raw.as_bytes().get(1) {
        Some(b'n') => plain('\n'),
        Some(b't') => plain('\t'),
        Some(b'r') => plain('\r'),
        Some(b'b') => plain('\u{8}'),
        Some(b'f') => plain('\u{c}'),
        Some(byte @ (b'"' | b'\\' | b'/')) => plain(char::from(*byte)),
        Some(b'u') => {
            let low = raw.get(6..8).filter(|next| *next == "\\u").and_then(|_| unit(8));
            match (unit(2), low) {
                (Some(high @ 0xd800..=0xdbff), Some(low @ 0xdc00..=0xdfff)) => {
                    let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                    (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
                }
                (Some(code), _) => (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
                (None, _) => ('\\', 1),
            }
        }
        _ => ('\\', 1),
    }
}

/// A container that is open.
#[derive(Clone, Debug)]
struct Frame<'r> {
    is_object: bool,
    /// The rule of a name around it, which holds for everything inside.
    forced: Option<&'r str>,
    takes_numbers: bool,
    /// The key that was read last, as it is told.
    key: String,
    /// The rule of that key.
    pending: Option<(&'r str, bool)>,
    index: usize,
}

/// Where the walk is: the containers around a leaf.
#[derive(Debug)]
pub(super) struct Place<'r> {
    frames: Vec<Frame<'r>>,
    /// Containers deeper than are looked at; only text that was refused has them.
    deeper: usize,
}

impl<'r> Place<'r> {
    /// The rule that the names around say, and whether it holds for numbers.
    pub(super) fn forced(&self) -> Option<(&'r str, bool)> {
        let frame = self.frames.last()?;
        frame.pending.or(frame.forced.map(|rule| (rule, frame.takes_numbers)))
    }

    /// The nearest key.
    pub(super) fn key(&self) -> Option<&str> {
        let named = self.frames.iter().rev().find(|frame| frame.is_object);
        named.map(|frame| frame.key.as_str())
    }

    /// Says what the key at hand is called and means.
    pub(super) fn name(&mut self, key: String, rule: Option<(&'r str, bool)>) {
        if self.frames.is_empty() {
            // A piece of an object, whose beginning is missing.
            self.open(true);
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.is_object = true;
            frame.key = key;
            frame.pending = rule;
        }
    }

    /// The path to the leaf (RFC 6901), cut when it is too long.
    pub(super) fn path(&self, root: &str) -> String {
        let mut path = format!("/{root}");
        for frame in &self.frames {
            path.push('/');
            match frame.is_object {
                true => path += &frame.key.replace('~', "~0").replace('/', "~1"),
                false => path += &frame.index.to_string(),
            }
            if path.len() > REDACTION_PATH_BYTES_MAX {
                path.truncate(path.floor_char_boundary(REDACTION_PATH_BYTES_MAX));
                path.push('…');
                break;
            }
        }
        path
    }

    fn open(&mut self, is_object: bool) {
        if self.frames.len() > JSON_DEPTH_MAX {
            self.deeper += 1;
            return;
        }
        let (forced, takes_numbers) = self.forced().unzip();
        let takes_numbers = takes_numbers.unwrap_or(false);
        let frame =
            Frame { is_object, forced, takes_numbers, key: String::new(), pending: None, index: 0 };
        self.frames.push(frame);
    }

    fn close(&mut self) {
        match self.deeper.checked_sub(1) {
            Some(fewer) => self.deeper = fewer,
            None => drop(self.frames.pop()),
        }
    }

    fn next(&mut self) {
        if let Some(frame) = self.frames.last_mut().filter(|_| self.deeper == 0) {
            frame.index += 1;
            frame.pending = None;
        }
    }
}

/// Visits keys, strings and numbers in their order.
pub(super) fn walk<'t, 'r>(text: &'t str, mut visit: impl FnMut(&mut Place<'r>, Leaf<'t>)) {
    let bytes = text.as_bytes();
    let mut place = Place { frames: Vec::new(), deeper: 0 };
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = string_end(bytes, at + 1);
                let contents = text.get(at + 1..end).unwrap_or_default();
                let behind = bytes.len().min(end + 1);
                let kind = if is_key(bytes, behind) { Kind::Key } else { Kind::String };
                let text = decode(contents, at + 1);
                visit(&mut place, Leaf { range: at..behind, text, kind });
                at = behind;
                continue;
            }
            b'-' | b'0'..=b'9' => {
                let is_part =
                    |b: &u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-');
                let len = bytes.iter().skip(at).position(|byte| !is_part(byte));
                let end = len.map_or(bytes.len(), |len| at + len);
                let number = text.get(at..end).unwrap_or_default();
                let text = Decoded { text: Cow::Borrowed(number), begin: at, origins: None };
                visit(&mut place, Leaf { range: at..end, text, kind: Kind::Number });
                at = end;
                continue;
            }
            b'{' | b'[' => place.open(*byte == b'{'),
            b'}' | b']' => place.close(),
            b',' => place.next(),
            _ => {}
        }
        at += 1;
    }
}

/// Where the string that begins at `at` ends: at its closing quote, or with the text.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at;
    while let Some(rest) = bytes.get(at..) {
        match memchr::memchr2(b'"', b'\\', rest) {
            Some(found) if rest.get(found) == Some(&b'\\') => at += found + 2,
            Some(found) => return at + found,
            None => break,
        }
    }
    bytes.len()
}

fn is_key(bytes: &[u8], behind: usize) -> bool {
    bytes.iter().skip(behind).find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}

/// A text of which ranges are replaced, from its beginning to its end.
#[derive(Debug)]
pub(super) struct Splicer<'t> {
    text: &'t str,
    out: String,
    copied: usize,
}

impl<'t> Splicer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, out: String::new(), copied: 0 }
    }

    /// Replaces a range, which begins behind those replaced before.
    pub(super) fn replace(&mut self, range: Range<usize>, with: &str) {
        debug_assert!(range.start >= self.copied && range.end <= self.text.len());
        if self.copied == 0 {
            self.out.reserve(self.text.len());
        }
        self.out += self.text.get(self.copied..range.start).unwrap_or_default();
        self.out += with;
        self.copied = range.end;
    }

    /// The text; `None` when nothing was replaced.
    pub(super) fn finish(mut self) -> Option<String> {
        if self.copied == 0 && self.out.is_empty() {
            return None;
        }
        self.out += self.text.get(self.copied..).unwrap_or_default();
        Some(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leaf_is_visited_with_its_path_and_origin() {
        let text = r#"{"a":[1,"x\u0041\n",{"b~/":-2.5e3}],"c":"d"}"#;
        let mut seen = Vec::new();
        walk(text, |place, leaf| {
            if leaf.kind == Kind::Key {
                place.name(leaf.text.text.to_string(), None);
            } else {
                seen.push((place.path("data"), leaf.text.text.to_string()));
            }
        });
        let seen: Vec<(&str, &str)> = seen.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("/data/a/0", "1"),
                ("/data/a/1", "xA\n"),
                ("/data/a/2/b~0~1", "-2.5e3"),
                ("/data/c", "d")
            ]
        );
        let decoded = decode(r"x\u0041\ny", 10);
        assert_eq!(decoded.origin(&(1..2)), 11..17);
        assert_eq!(decoded.origin(&(2..4)), 17..20);
    }

    #[test]
    fn text_that_is_no_json_is_walked_to_its_end() {
        for text in ["{\"a", "\"\\", "\\u12\"\\u", "]]}}{[\"a\":", "\"\\ud800\\u", "é\"é\\é"] {
            walk(text, |_, leaf| assert!(leaf.range.end <= text.len()));
        }
        walk(&"[".repeat(10_000), |_, _| {});
    }
}
