//! JSON as the reference reads it, written as the reference writes it before hashing.
//!
//! ```text
//! { "b": 1E2, "a": "\u00E9" }   --parse-->   {"a": "\u00e9", "b": 100.0}
//! ```
//!
//! The text is read once and written at the same time; no tree of values is built. Keys ascend by
//! code point at every level, of a key that stands twice the last value counts (and the fact is
//! told), integers keep every digit, floats are printed anew.

use super::python::{float_repr, push_quoted};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{AGT_INT_DIGITS_MAX, AGT_JSON_DEPTH_MAX};
use std::borrow::Cow;
use std::ops::Range;

/// JSON text in the one layout that the reference hashes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Canonical(String);

impl Default for Canonical {
    fn default() -> Self {
        Self("{}".to_owned())
    }
}

impl Canonical {
    /// Reads any JSON text, and `NaN`, `Infinity` and `-Infinity` with it.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] with the byte, for what the reference could not read either.
    ///
    /// ```
    /// use witnessmark::interop::Canonical;
    /// let text = Canonical::parse("{\"b\":1E2,\"a\":12345678901234567890123}")?;
    /// assert_eq!(text.as_str(), "{\"a\": 12345678901234567890123, \"b\": 100.0}");
    /// # Ok::<(), witnessmark::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self> {
        let mut reader = Reader::new(text);
        reader.value(0)?;
        reader.end()?;
        Ok(Self(reader.out))
    }

    /// An object with one text member: what stands in for what is no JSON object.
    pub(super) fn wrapping(key: &str, value: &str) -> Self {
        let mut out = String::from("{");
        push_quoted(&mut out, key);
        out.push_str(": ");
        out.push_str(value);
        out.push('}');
        Self(out)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value of a member; `None` when there is none, or this is no object.
    #[must_use]
    pub fn member(&self, key: &str) -> Option<Self> {
        let members = Members::parse(&self.0).ok()?;
        members.get(key).map(|value| Self(value.to_owned()))
    }

    /// The texts of an array's elements; `None` when this is no array.
    #[must_use]
    pub fn elements(&self) -> Option<Vec<String>> {
        let mut reader = Reader::new(&self.0);
        if !reader.take(b'[') {
            return None;
        }
        let mut elements = Vec::new();
        while !reader.take(b']') {
            reader.take(b',');
            reader.out.clear();
            reader.value(1).ok()?;
            elements.push(reader.out.clone());
            reader.space();
        }
        Some(elements)
    }

    /// The text of a string; `None` when this is none.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        text_of(&self.0)
    }

    /// Whether it is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.0.starts_with('{')
    }
}

/// The members of one object, ascending by key.
#[derive(Debug)]
pub(super) struct Members<'a> {
    canonical: String,
    found: Vec<Member<'a>>,
    /// Whether a key stood twice in any object of the text.
    pub(super) has_duplicates: bool,
}

#[derive(Debug)]
struct Member<'a> {
    key: Cow<'a, str>,
    /// Key and value in the canonical text.
    range: Range<usize>,
    value: usize,
}

impl<'a> Members<'a> {
    /// Reads the text of one object.
    pub(super) fn parse(text: &'a str) -> Result<Self> {
        let mut reader = Reader::new(text);
        reader.space();
        if reader.peek() != Some(b'{') {
            return Err(reader.fault("an object is expected"));
        }
        let mut found = reader.members(0)?;
        reader.end()?;
        found.sort_by(|one, other| one.key.cmp(&other.key));
        let Reader { out: canonical, has_duplicates, .. } = reader;
        Ok(Self { canonical, found, has_duplicates })
    }

    /// The canonical text of a member's value; of several the last.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let end = self.found.partition_point(|member| *member.key <= *key);
        let member = self.found.get(end.checked_sub(1)?).filter(|member| member.key == key)?;
        self.canonical.get(member.value..member.range.end)
    }

    /// Every key, ascending.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.found.iter().map(|member| &*member.key)
    }
}

/// The text of a canonical JSON string; `None` when it is none.
pub(super) fn text_of(canonical: &str) -> Option<String> {
    let mut reader = Reader::new(canonical);
    let text = reader.string().ok()?.into_owned();
    reader.end().ok().map(|()| text)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    out: String,
    has_duplicates: bool,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, out: String::with_capacity(text.len() + 16), has_duplicates: false }
    }

    fn fault(&self, what: &str) -> Error {
        let message = format!("not JSON: {what} at byte {}", self.at);
        Error::new(ErrorKind::Invalid, message)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn end(&mut self) -> Result<()> {
        self.space();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.fault("something stands behind the value")),
        }
    }

    /// Reads a value and writes it.
    fn value(&mut self, depth: usize) -> Result<()> {
        self.space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => {
                let text = self.string()?;
                push_quoted(&mut self.out, &text);
                Ok(())
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => self.word(),
            None => Err(self.fault("the text ends where a value is expected")),
        }
    }

    fn word(&mut self) -> Result<()> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let words = ["null", "true", "false", "NaN", "Infinity"];
        let Some(word) = words.into_iter().find(|word| rest.starts_with(word)) else {
            return Err(self.fault("no value begins so"));
        };
        self.at += word.len();
        self.out.push_str(word);
        Ok(())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<()> {
        let start = self.at;
        let is_negative = self.take(b'-');
        if is_negative && self.peek() == Some(b'I') {
            self.out.push('-');
            return self.word();
        }
        let has_leading_zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || (has_leading_zero && whole > 1) {
            return Err(self.fault("a malformed number"));
        }
        let mut is_float = false;
        if self.take(b'.') {
            is_float = true;
            if self.digits() == 0 {
                return Err(self.fault("a malformed number"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            is_float = true;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(self.fault("a malformed number"));
            }
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        if is_float {
            let value: f64 = text.parse().map_err(|_| self.fault("a malformed number"))?;
            self.out.push_str(&float_repr(value));
        } else if whole > AGT_INT_DIGITS_MAX {
            return Err(self.fault("an integer of too many digits"));
        } else {
            // Integers have no negative zero.
            self.out.push_str(if text == "-0" { "0" } else { text });
        }
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<()> {
        let depth = self.deeper(depth)?;
        self.at += 1;
        self.out.push('[');
        self.space();
        if !self.take(b']') {
            loop {
                self.value(depth)?;
                self.space();
                if self.take(b']') {
                    break;
                }
                if !self.take(b',') {
                    return Err(self.fault("a comma or ] is expected"));
                }
                self.out.push_str(", ");
            }
        }
        self.out.push(']');
        Ok(())
    }

    fn deeper(&self, depth: usize) -> Result<usize> {
        match depth < AGT_JSON_DEPTH_MAX {
            true => Ok(depth + 1),
            false => Err(self.fault("nested too deep")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<()> {
        let start = self.out.len();
        self.out.push('{');
        let members = self.members(depth)?;
        let is_sorted = members.is_sorted_by(|one, other| one.key < other.key);
        if !is_sorted {
            self.sort(start + 1, members);
        }
        self.out.push('}');
        Ok(())
    }

    /// Reads an object and writes its members as they come, with `, ` between them.
    fn members(&mut self, depth: usize) -> Result<Vec<Member<'a>>> {
        let depth = self.deeper(depth)?;
        self.at += 1;
        let mut members = Vec::new();
        self.space();
        if self.take(b'}') {
            return Ok(members);
        }
        loop {
            self.space();
            let key = self.string()?;
            self.space();
            if !self.take(b':') {
                return Err(self.fault("a colon is expected"));
            }
            let begin = self.out.len();
            push_quoted(&mut self.out, &key);
            self.out.push_str(": ");
            let value = self.out.len();
            self.value(depth)?;
            members.push(Member { key, range: begin..self.out.len(), value });
            self.space();
            if self.take(b'}') {
                break;
            }
            if !self.take(b',') {
                return Err(self.fault("a comma or } is expected"));
            }
            self.out.push_str(", ");
        }
        self.note_duplicates(&members);
        Ok(members)
    }

    fn note_duplicates(&mut self, members: &[Member<'a>]) {
        if self.has_duplicates || members.is_sorted_by(|one, other| one.key < other.key) {
            return;
        }
        let mut keys: Vec<&str> = members.iter().map(|member| &*member.key).collect();
        keys.sort_unstable();
        self.has_duplicates = keys.windows(2).any(|pair| matches!(pair, [a, b] if a == b));
    }

    /// Writes the members that stand from `start` on again, in order, of each key the last.
    fn sort(&mut self, start: usize, mut members: Vec<Member<'a>>) {
        let written = self.out.split_off(start);
        // Stable: of equal keys the last one stays the last.
        members.sort_by(|one, other| one.key.cmp(&other.key));
        let mut rest = members.iter().peekable();
        while let Some(member) = rest.next() {
            if rest.peek().is_some_and(|next| next.key == member.key) {
                continue;
            }
            let range = member.range.start - start..member.range.end - start;
            if self.out.len() > start {
                self.out.push_str(", ");
            }
            self.out.push_str(written.get(range).unwrap_or_default());
        }
    }

    /// Reads a string, borrowed when nothing in it is escaped.
    fn string(&mut self) -> Result<Cow<'a, str>> {
        if !self.take(b'"') {
            return Err(self.fault("a string is expected"));
        }
        let mut unescaped: Option<String> = None;
        let mut from = self.at;
        loop {
            let Some(byte) = self.peek() else {
                return Err(self.fault("the text ends within a string"));
            };
            match byte {
                b'"' => {
                    let piece = self.text.get(from..self.at).unwrap_or_default();
                    self.at += 1;
                    return Ok(match unescaped {
                        None => Cow::Borrowed(piece),
                        Some(text) => Cow::Owned(text + piece),
                    });
                }
                b'\\' => {
                    let piece = self.text.get(from..self.at).unwrap_or_default();
                    let text = unescaped.get_or_insert_default();
                    text.push_str(piece);
                    self.at += 1;
                    let character = self.escape()?;
                    unescaped.get_or_insert_default().push(character);
                    from = self.at;
                }
                0..=0x1f => return Err(self.fault("a control character in a string")),
                _ => self.at += 1,
            }
        }
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Result<char> {
        let byte = self.peek();
        self.at += 1;
        Ok(match byte {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let unit = self.hex()?;
                let pair = match unit {
                    0xd800..=0xdbff if self.take(b'\\') && self.take(b'u') => {
                        let low = self.hex()?.wrapping_sub(0xdc00);
                        (low < 0x400).then(|| 0x10000 + ((unit - 0xd800) << 10) + low)
                    }
                    _ => Some(unit),
                };
                let character = pair.and_then(char::from_u32);
                character.ok_or_else(|| self.fault("half of a surrogate pair"))?
            }
            _ => return Err(self.fault("no escape begins so")),
        })
    }

    fn hex(&mut self) -> Result<u32> {
        let digits = self.text.get(self.at..self.at + 4);
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let unit = unit.ok_or_else(|| self.fault("four hex digits are expected"))?;
        self.at += 4;
        Ok(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(text: &str) -> String {
        Canonical::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).0
    }

    #[test]
    fn layout_order_and_numbers_are_those_that_are_hashed() {
        for (given, wanted) in [
            (" { } ", "{}"),
            ("[1,[ ],{\"a\":null}]", "[1, [], {\"a\": null}]"),
            ("{\"b\":1,\"a\":{\"z\":[],\"\":true}}", "{\"a\": {\"\": true, \"z\": []}, \"b\": 1}"),
            ("[1E2,1.50,-0,-0.0,0.1e-6,1e400]", "[100.0, 1.5, 0, -0.0, 1e-07, Infinity]"),
            ("[NaN,-Infinity,Infinity]", "[NaN, -Infinity, Infinity]"),
            ("[123456789012345678901234567890]", "[123456789012345678901234567890]"),
            ("\"\\u00E9\\ud83d\\uDE00\\/\u{e9}\"", "\"\\u00e9\\ud83d\\ude00/\\u00e9\""),
            ("{\"\u{ffff}\":1,\"\u{1f600}\":2}", "{\"\\uffff\": 1, \"\\ud83d\\ude00\": 2}"),
        ] {
            assert_eq!(canonical(given), wanted);
        }
    }

    #[test]
    fn of_a_key_that_stands_twice_the_last_value_counts_and_it_is_told() {
        assert_eq!(
            canonical("{\"a\":1,\"b\":2,\"\\u0061\":{\"x\":3}}"),
            "{\"a\": {\"x\": 3}, \"b\": 2}"
        );
        let twice = Members::parse("{\"a\":{\"k\":1,\"k\":2},\"a\":3}").unwrap();
        assert_eq!((twice.get("a"), twice.has_duplicates), (Some("3"), true));
        let once = Members::parse("{\"b\":{\"k\":1},\"a\":3}").unwrap();
        assert_eq!((once.get("b"), once.has_duplicates), (Some("{\"k\": 1}"), false));
        assert_eq!((once.get("c"), once.get("")), (None, None));
    }

    #[test]
    fn what_the_reference_cannot_read_is_refused_here() {
        for bad in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "{\"a\":1,}",
            "{a:1}",
            "01",
            "1.",
            ".5",
            "-",
            "1e",
            "+1",
            "nul",
            "nan",
            "-NaN",
            "\"\\ud800\"",
            "\"\\ud800x\"",
            "\"\\udc00\"",
            "\"\\x\"",
            "\"\u{1}\"",
            "\"\\u12g4\"",
            "\"",
            "1 2",
            "[1 2]",
            "\"\\ud800\\u0041\"",
            "\"\\u+123\"",
            "\u{feff}{}",
        ] {
            assert!(Canonical::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Members::parse("[1]").is_err());
    }

    #[test]
    fn depth_and_digits_have_limits() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Canonical::parse(&nested(AGT_JSON_DEPTH_MAX)).is_ok());
        assert!(Canonical::parse(&nested(AGT_JSON_DEPTH_MAX + 1)).is_err());
        assert!(Canonical::parse(&nested(100_000)).is_err());
        assert!(Canonical::parse(&"9".repeat(AGT_INT_DIGITS_MAX)).is_ok());
        assert!(Canonical::parse(&"9".repeat(AGT_INT_DIGITS_MAX + 1)).is_err());
    }

    proptest! {
        #[test]
        fn canonical_text_is_its_own_canonical_text(text in "[\\[\\]{}\",:0-9a-e.\\\\u -]{0,60}") {
            if let Ok(once) = Canonical::parse(&text) {
                prop_assert_eq!(&Canonical::parse(once.as_str()).unwrap(), &once);
            }
        }

        #[test]
        fn texts_lead_back(text in "\\PC{0,30}") {
            let quoted = super::super::python::quoted(&text);
            prop_assert!(quoted.is_ascii());
            prop_assert_eq!(text_of(&quoted), Some(text.clone()));
            prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
        }
    }
}
