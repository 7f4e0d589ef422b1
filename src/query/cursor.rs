//! Cursors: where the next page of a query begins, as a text to hand around.
//!
//! ```text
//! hex of | version 1 | direction | index u64 | crc u32 |        14 bytes, 28 characters
//! ```
//!
//! The text is opaque to callers; the CRC catches what was cut or mistyped, not what was forged: a
//! cursor grants nothing, it is only a position. Positions are indices, so entries appended in the
//! meantime move nothing.

use crate::error::{Error, ErrorKind, Result};
use crate::types::{hex, unhex};
use std::fmt;
use std::str::FromStr;

const VERSION: u8 = 1;

/// Where the next page of a query begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Cursor {
    /// Goes on upwards with this index.
    From(u64),
    /// Goes on downwards below this index.
    Before(u64),
}

impl Cursor {
    pub(super) fn is_backward(self) -> bool {
        matches!(self, Self::Before(_))
    }

    fn covered(self) -> Vec<u8> {
        let (direction, index) = match self {
            Self::From(index) => (0, index),
            Self::Before(index) => (1, index),
        };
        let mut bytes = vec![VERSION, direction];
        bytes.extend_from_slice(&index.to_le_bytes());
        bytes
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.covered();
        bytes.extend_from_slice(&crate::format::crc(0, &[&bytes]).to_le_bytes());
        f.write_str(&hex(&bytes))
    }
}

impl FromStr for Cursor {
    type Err = Error;

    /// Reads a cursor from its text.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for anything that is not the text of a cursor.
    fn from_str(text: &str) -> Result<Self> {
        let bytes = unhex(text).unwrap_or_default();
        let parsed = match bytes.as_slice() {
            [VERSION, direction, rest @ ..] => rest.first_chunk::<8>().and_then(|index| {
                let index = u64::from_le_bytes(*index);
                match direction {
                    0 => Some(Self::From(index)),
                    1 => Some(Self::Before(index)),
                    _ => None,
                }
            }),
            _ => None,
        };
        parsed.filter(|cursor| cursor.to_string() == text).ok_or_else(|| {
            Error::new(ErrorKind::Invalid, "not a cursor")
                .hint("use the cursor that the page before came with, unchanged")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_lead_back_and_anything_else_is_refused() {
        for cursor in [Cursor::From(0), Cursor::Before(u64::MAX), Cursor::From(1_000_000)] {
            let text = cursor.to_string();
            assert_eq!(text.len(), 28);
            assert_eq!(text.parse::<Cursor>().unwrap(), cursor);
            for at in 0..text.len() {
                let mut bad = text.clone();
                let other = if &text[at..=at] == "0" { "1" } else { "0" };
                bad.replace_range(at..=at, other);
                assert!(bad.parse::<Cursor>().is_err());
            }
            assert!(text[..26].parse::<Cursor>().is_err());
        }
        assert!("".parse::<Cursor>().is_err());
    }
}
