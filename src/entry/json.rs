//! Payloads: the JSON text of `data`, checked once on the way in.
//!
//! Accepted is what every parser agrees on: UTF-8, nesting up to a limit, no duplicate keys, no
//! lone surrogates, no number that a parser would have to give up on. What is stored is the
//! caller's own text without insignificant white space, so big integers and exact decimals
//! survive; nothing is ever parsed and written again.

use super::quick;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{JSON_DEPTH_MAX, PAYLOAD_BYTES_MAX};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

/// Checks JSON text and strips insignificant white space.
///
/// # Errors
/// [`ErrorKind::TooLarge`] beyond 16 MiB; [`ErrorKind::Invalid`] for anything that is not JSON in
/// the sense above, with line and column.
pub fn accept(text: &str) -> Result<Cow<'_, str>> {
    if text.len() > PAYLOAD_BYTES_MAX {
        return Err(Error::new(ErrorKind::TooLarge, "data is too long")
            .expected(format_args!("at most {PAYLOAD_BYTES_MAX} bytes"), text.len()));
    }
    if let Some(accepted) = quick::accept(text) {
        return Ok(accepted);
    }
    check(text)?;
    Ok(strip(text))
}

/// Checks JSON text of any length: see [`accept`].
///
/// # Errors
/// [`ErrorKind::Invalid`], with line and column.
pub fn check(text: &str) -> Result<()> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // Depth is bounded by our own count below, which names the limit in its message.
    deserializer.disable_recursion_limit();
    let result =
        Strict { depth: 0 }.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    result.map_err(|error| {
        Error::new(ErrorKind::Invalid, format!("data is not acceptable JSON: {error}"))
    })
}

/// Leaves out white space between tokens. The text must be valid JSON.
#[must_use]
pub fn strip(text: &str) -> Cow<'_, str> {
    let mut in_string = false;
    let mut escaped = false;
    let is_space = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let mut significant = |byte: u8| {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            return true;
        }
        in_string = byte == b'"';
        !is_space(byte)
    };
    let first_space = text.bytes().position(|byte| !significant(byte));
    let Some(first) = first_space else { return Cow::Borrowed(text) };
    let (before, after) = text.split_at(first);
    let mut out = Vec::with_capacity(text.len());
    out.extend_from_slice(before.as_bytes());
    out.extend(after.bytes().skip(1).filter(|byte| significant(*byte)));
    // Only single-byte white space was left out, so what remains is still UTF-8.
    String::from_utf8(out).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// Visits every value and keeps none.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(self) -> std::result::Result<Self, E> {
        if self.depth == JSON_DEPTH_MAX {
            return Err(E::custom(format_args!("nested deeper than {JSON_DEPTH_MAX}")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Keys seen in one object: a scan for the usual few, a set for the many.
#[derive(Default)]
pub(crate) struct Keys<'de> {
    few: Vec<Cow<'de, str>>,
    many: HashSet<Cow<'de, str>>,
}

const FEW_KEYS: usize = 16;

impl<'de> Keys<'de> {
    pub(crate) fn is_new(&mut self, key: Cow<'de, str>) -> bool {
        if self.few.contains(&key) {
            return false;
        }
        if self.few.len() < FEW_KEYS {
            self.few.push(key);
            return true;
        }
        self.many.insert(key)
    }
}

struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> std::result::Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> std::result::Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<(), A::Error> {
        let deeper = self.deeper()?;
        while seq.next_element_seed(deeper)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        let deeper = self.deeper()?;
        let mut keys = Keys::default();
        while let Some(key) = map.next_key_seed(Key)? {
            let name = key.clone();
            if !keys.is_new(key) {
                return Err(A::Error::custom(format_args!("key {name:?} appears twice")));
            }
            map.next_value_seed(deeper)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_but_for_white_space() {
        let text =
            " { \"a\" : [ 1 , 2.50 , 123456789012345678901234567890 ] , \"b c\" : \" \\\" x \" } ";
        let kept = accept(text).unwrap();
        assert_eq!(kept, "{\"a\":[1,2.50,123456789012345678901234567890],\"b c\":\" \\\" x \"}");
        assert!(matches!(accept("{\"a\":1}").unwrap(), Cow::Borrowed(_)));
    }

    #[test]
    fn what_parsers_disagree_about_is_refused() {
        for bad in [
            "{\"a\":1,\"a\":2}",
            "{\"a\":1,\"\\u0061\":2}",
            "NaN",
            "[1e400]",
            "\"\\ud800\"",
            "{",
            "",
            "{} {}",
            "[1,]",
            "nul",
            "[Infinity]",
        ] {
            assert_eq!(accept(bad).unwrap_err().kind(), ErrorKind::Invalid, "{bad}");
        }
    }

    #[test]
    fn twice_the_same_key_is_found_among_many() {
        let mut text = String::from("{");
        for i in 0..100 {
            text += &format!("\"k{i}\":0,");
        }
        assert!(accept(&format!("{text}\"last\":1}}")).is_ok());
        assert!(accept(&format!("{text}\"k77\":1}}")).is_err());
    }

    #[test]
    fn depth_is_limited_and_ten_thousand_levels_do_not_overflow_the_stack() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(accept(&nested(JSON_DEPTH_MAX)).is_ok());
        assert!(accept(&nested(JSON_DEPTH_MAX + 1)).is_err());
        assert!(accept(&nested(10_000)).is_err());
    }

    #[test]
    fn length_is_limited_to_the_byte() {
        let exactly = format!("\"{}\"", "x".repeat(PAYLOAD_BYTES_MAX - 2));
        assert!(accept(&exactly).is_ok());
        let over = format!("\"{}\"", "x".repeat(PAYLOAD_BYTES_MAX - 1));
        assert_eq!(accept(&over).unwrap_err().kind(), ErrorKind::TooLarge);
    }
}
