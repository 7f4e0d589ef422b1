//! The quick look at a payload: one pass over its bytes that accepts the usual JSON.
//!
//! ```text
//! text --look--> Usual: as it is, or without its white space
//!         \----> Unsure: the careful parser decides, and says what is wrong
//! ```
//!
//! Invariant: what is accepted here the careful parser of [`super::json`] accepts as well, and strips
//! to the same text. Everything that needs thought is unsure: errors, escapes in keys, surrogates,
//! exponents, numbers of hundreds of digits, deep nesting, objects of many keys.

use std::borrow::Cow;

/// Deepest nesting that is looked at.
const DEPTH_MAX: usize = 16;
/// Most keys of all open objects together.
const KEYS_MAX: usize = 24;
/// Digits up to which a number without an exponent is far from the end of a double's range.
const DIGITS_MAX: usize = 200;

/// The text without white space between tokens, when it is plainly acceptable JSON.
pub(super) fn accept(text: &str) -> Option<Cow<'_, str>> {
    let mut look = Look::new(text.as_bytes());
    look.document()?;
    let Some(mut kept) = look.kept else { return Some(Cow::Borrowed(text)) };
    kept.extend_from_slice(look.bytes.get(look.kept_to..)?);
    // Only single-byte white space was left out, so what remains is still UTF-8.
    String::from_utf8(kept).ok().map(Cow::Owned)
}

/// A member of an object: its key with the quotes, and its value as it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Member<'t> {
    pub(crate) raw_key: &'t str,
    pub(crate) raw: &'t str,
}

/// The members of an object.
#[derive(Debug)]
pub(crate) struct Members<'t> {
    pub(crate) all: Vec<Member<'t>>,
    /// Whether no white space stands between tokens anywhere in it.
    pub(crate) is_bare: bool,
}

/// The members of a text that is plainly one acceptable JSON object. Their keys hold no escapes
/// and each value is acceptable by itself.
pub(crate) fn members(text: &str) -> Option<Members<'_>> {
    let mut look = Look::new(text.as_bytes());
    look.keeps = false;
    let mut all = Vec::with_capacity(KEYS_MAX);
    if look.peek()? != b'{' {
        return None;
    }
    let mut next = look.open(true)?;
    while let Next::Key = next {
        look.peek()?;
        let key_at = look.at;
        let key_len = look.key()?.len();
        let raw_key = text.get(key_at..key_at + key_len + 2)?;
        look.peek()?;
        let value_at = look.at;
        look.value_at_depth(1)?;
        all.push(Member { raw_key, raw: text.get(value_at..look.at)? });
        next = look.behind_value()?;
    }
    look.end()?;
    Some(Members { all, is_bare: !look.has_space })
}

struct Look<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether there was white space between tokens.
    has_space: bool,
    /// Whether the text without it is wanted.
    keeps: bool,
    /// The text without white space up to `kept_to`, once there was any.
    kept: Option<Vec<u8>>,
    kept_to: usize,
    /// Keys of the objects that are open.
    keys: [&'a [u8]; KEYS_MAX],
    keys_len: usize,
    /// For each open container where its keys begin; `None` for arrays.
    open: [Option<usize>; DEPTH_MAX],
    depth: usize,
}

/// What comes behind a value or a bracket.
enum Next {
    Value,
    Key,
    End,
}

impl<'a> Look<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            has_space: false,
            keeps: true,
            kept: None,
            kept_to: 0,
            keys: [&[]; KEYS_MAX],
            keys_len: 0,
            open: [None; DEPTH_MAX],
            depth: 0,
        }
    }

    /// The next byte that is not white space, left where it is.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        if byte > b' ' { Some(byte) } else { self.skip_space() }
    }

    #[cold]
    fn skip_space(&mut self) -> Option<u8> {
        let from = self.at;
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        let rest = self.bytes.get(from..)?;
        let len = rest.iter().position(|byte| !is_space(byte)).unwrap_or(rest.len());
        // Nothing is skipped at the end of the text, and at a control character.
        self.has_space |= len > 0;
        if self.keeps {
            let before = self.bytes.get(self.kept_to..from)?;
            let kept = self.kept.get_or_insert_with(|| Vec::with_capacity(self.bytes.len()));
            kept.extend_from_slice(before);
            self.kept_to = from + len;
        }
        self.at = from + len;
        self.bytes.get(self.at).copied()
    }

    fn document(&mut self) -> Option<()> {
        self.value_at_depth(0)?;
        self.end()
    }

    /// Takes a whole value that stands in so many containers.
    fn value_at_depth(&mut self, depth: usize) -> Option<()> {
        let mut next = self.value()?;
        loop {
            next = match next {
                Next::Value => self.value()?,
                Next::Key => {
                    self.key()?;
                    Next::Value
                }
                Next::End if self.depth > depth => self.behind_value()?,
                Next::End => return Some(()),
            };
        }
    }

    /// Nothing but white space may be left.
    fn end(&mut self) -> Option<()> {
        match self.peek() {
            None => (self.at == self.bytes.len()).then_some(()),
            Some(_) => None,
        }
    }

    /// Takes a value, or the bracket that opens one.
    fn value(&mut self) -> Option<Next> {
        match self.peek()? {
            b'"' => self.string(false)?,
            b'{' => return self.open(true),
            b'[' => return self.open(false),
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => self.number()?,
        };
        Some(Next::End)
    }

    fn open(&mut self, is_object: bool) -> Option<Next> {
        self.at += 1;
        *self.open.get_mut(self.depth)? = is_object.then_some(self.keys_len);
        self.depth += 1;
        match (is_object, self.peek()?) {
            (true, b'}') | (false, b']') => self.close(),
            (true, _) => Some(Next::Key),
            (false, _) => Some(Next::Value),
        }
    }

    fn close(&mut self) -> Option<Next> {
        self.at += 1;
        self.depth -= 1;
        if let Some(keys_from) = *self.open.get(self.depth)? {
            self.keys_len = keys_from;
        }
        Some(Next::End)
    }

    /// A comma, or the bracket that closes what is open.
    fn behind_value(&mut self) -> Option<Next> {
        let is_object = self.open.get(self.depth - 1)?.is_some();
        match (self.peek()?, is_object) {
            (b',', true) => {
                self.at += 1;
                Some(Next::Key)
            }
            (b',', false) => {
                self.at += 1;
                Some(Next::Value)
            }
            (b'}', true) | (b']', false) => self.close(),
            _ => None,
        }
    }

    /// Takes a key with its colon, and gives what stands between its quotes.
    fn key(&mut self) -> Option<&'a [u8]> {
        if self.peek()? != b'"' {
            return None;
        }
        let key = self.string(true)?;
        let keys_from = (*self.open.get(self.depth - 1)?)?;
        if self.keys.get(keys_from..self.keys_len)?.contains(&key) {
            return None;
        }
        *self.keys.get_mut(self.keys_len)? = key;
        self.keys_len += 1;
        if self.peek()? != b':' {
            return None;
        }
        self.at += 1;
        Some(key)
    }

    /// A string, and what stands between its quotes. Keys must not hold escapes, so that equal keys
    /// are equal bytes.
    fn string(&mut self, is_key: bool) -> Option<&'a [u8]> {
        let from = self.at + 1;
        let mut at = from;
        loop {
            at += plain_len(self.bytes.get(at..)?);
            match *self.bytes.get(at)? {
                b'"' => break,
                b'\\' if !is_key => at += escape_len(self.bytes.get(at + 1..)?)?,
                _ => return None,
            }
        }
        self.at = at + 1;
        self.bytes.get(from..at)
    }

    fn word(&mut self, word: &[u8]) -> Option<&'a [u8]> {
        self.bytes.get(self.at..)?.starts_with(word).then(|| self.at += word.len())?;
        Some(&[])
    }

    /// A number without an exponent and of not too many digits.
    fn number(&mut self) -> Option<&'a [u8]> {
        let rest = self.bytes.get(self.at..)?;
        let digits = |from: usize| {
            let rest = rest.get(from..).unwrap_or_default();
            rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len())
        };
        let sign = usize::from(rest.first() == Some(&b'-'));
        let whole = digits(sign);
        let has_leading_zero = whole > 1 && rest.get(sign) == Some(&b'0');
        let mut len = sign + whole;
        if rest.get(len) == Some(&b'.') {
            let fraction = digits(len + 1);
            if fraction == 0 {
                return None;
            }
            len += 1 + fraction;
        }
        let has_exponent = matches!(rest.get(len), Some(b'e' | b'E'));
        if whole == 0 || has_leading_zero || has_exponent || len > DIGITS_MAX {
            return None;
        }
        self.at += len;
        Some(&[])
    }
}

/// Bytes of an escape with its backslash; `None` for what no JSON holds, and for surrogates, which
/// come in pairs or not at all.
fn escape_len(after: &[u8]) -> Option<usize> {
    match after.first()? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => {
            let hex = after.get(1..5)?;
            let is_surrogate =
                matches!(hex, [b'd' | b'D', b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F', ..]);
            (hex.iter().all(u8::is_ascii_hexdigit) && !is_surrogate).then_some(6)
        }
        _ => None,
    }
}

/// Bytes before the first quote, backslash or control character: eight are looked at together.
#[inline]
fn plain_len(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // The lowest byte for which this is set is right; those above it may be wrong.
    let is_below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGHS;
    let is_byte = |word: u64, byte: u8| is_below(word ^ (ONES * u64::from(byte)), 1);
    let (words, _) = bytes.as_chunks::<8>();
    let mut len = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let found = is_below(word, 0x20) | is_byte(word, b'"') | is_byte(word, b'\\');
        if found != 0 {
            return len + found.trailing_zeros() as usize / 8;
        }
        len += 8;
    }
    let rest = bytes.get(len..).unwrap_or_default();
    let is_special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    len + rest.iter().position(is_special).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::super::json;
    use super::*;
    use proptest::prelude::*;

    /// What is accepted here must be what the careful way accepts, and the same text.
    fn agrees(text: &str) -> bool {
        let quick = accept(text);
        let careful = json::check(text).ok().map(|()| json::strip(text));
        assert!(quick.is_none() || quick == careful, "{text:?}: {quick:?}, not {careful:?}");
        if text.trim_start().starts_with('{') {
            let found = members(text);
            assert_eq!(found.is_some(), quick.is_some(), "{text:?}");
            let is_bare = found.is_some_and(|found| found.is_bare);
            assert!(!is_bare || matches!(quick, Some(Cow::Borrowed(_))), "{text:?}");
        }
        quick.is_some()
    }

    #[test]
    fn the_usual_payload_is_accepted_as_it_is() {
        for text in [
            "{\"latency_ms\":12.345,\"query\":\"acme corp\",\"tokens\":7,\"tool\":\"refund\"}",
            "[1,-2,0,-0.5,\"\\u00e9\\n\",true,false,null,{},[],{\"a\":{\"a\":[{}]}}]",
            "\"ü€😀\"",
            "0",
        ] {
            assert!(agrees(text) && matches!(accept(text), Some(Cow::Borrowed(_))), "{text}");
        }
        assert_eq!(accept(" { \"a b\" : [ 1 , \" x \" ] }\n").unwrap(), "{\"a b\":[1,\" x \"]}");
    }

    #[test]
    fn members_are_found_with_their_texts() {
        let text = r#"{"a":1,"b c":{"d":[1,{"a":"}"}]},"é":"x\"y","e":[]}"#;
        let found = members(text).unwrap();
        let all: Vec<_> = found.all.iter().map(|one| (one.raw_key, one.raw)).collect();
        let wanted = [
            ("\"a\"", "1"),
            ("\"b c\"", r#"{"d":[1,{"a":"}"}]}"#),
            ("\"é\"", r#""x\"y""#),
            ("\"e\"", "[]"),
        ];
        assert!(all == wanted && found.is_bare);
        let spaced = members(" { \"a\" : [ 1 , 2 ] ,\n\"b\" : {} } ").unwrap();
        let all: Vec<_> = spaced.all.iter().map(|one| (one.raw_key, one.raw)).collect();
        assert_eq!(all, [("\"a\"", "[ 1 , 2 ]"), ("\"b\"", "{}")]);
        assert!(!spaced.is_bare && members("{}").unwrap().all.is_empty());
        for unsure in ["", "[]", "1", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{} 1"] {
            assert!(members(unsure).is_none(), "{unsure}");
        }
    }

    #[test]
    fn what_needs_thought_is_left_to_the_careful_way() {
        for text in [
            "",
            " ",
            "{",
            "}",
            "[1,]",
            "{\"a\":1,}",
            "{\"a\":1,\"a\":2}",
            "{\"\\u0061\":1}",
            "1e5",
            "01",
            "-",
            "1.",
            ".5",
            "nul",
            "NaN",
            "\"\\ud800\"",
            "\"\\x\"",
            "\"\t\"",
            "{} {}",
            "[}",
            "{]",
            "{\"a\"1}",
            "{a:1}",
            "[1 2]",
            "\"",
            "\"\\",
            "\"\\u12",
            "{\"a\":}",
            "\u{feff}1",
        ] {
            assert!(!agrees(text), "{text:?}");
        }
        assert!(
            !agrees(&"9".repeat(DIGITS_MAX + 1)) && !agrees(&("[".repeat(17) + &"]".repeat(17)))
        );
    }

    #[test]
    fn strings_end_where_they_end_at_every_length() {
        for len in 0..40 {
            let plain = "é".repeat(len / 2) + &"x".repeat(len % 2);
            assert!(agrees(&format!("\"{plain}\"")) && agrees(&format!("[\"{plain}\\\"\", 1]")));
            for control in ["\u{1f}", "\n", "\0"] {
                assert!(!agrees(&format!("\"{plain}{control}\"")), "{len}");
            }
            assert!(agrees(&format!("\"{plain}\u{7f}\u{80}\"")));
        }
    }

    proptest! {
        #[test]
        fn nothing_is_accepted_that_the_careful_way_refuses(text in "[\\[\\]{}:,\" \n0-9a-fu\\\\.eE+-]{0,24}") {
            agrees(&text);
        }

        #[test]
        fn edited_json_is_judged_alike(at in 0usize..90, byte in 0u8..128) {
            let text = "{\"a\": [1, 2.5, \"x\\n\\u00e9 y\"], \"b\": {\"c\": null, \"d\": \"long enough to be read by words\"}}";
            let mut bytes = text.as_bytes().to_vec();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            if let Ok(text) = String::from_utf8(bytes) {
                agrees(&text);
            }
        }
    }
}
