//! Bytes to values and back: the executable twin of `docs/FORMAT.md`.
//!
//! ```text
//! log.id                      identity: whose log this is
//! log.lock                    one writer
//! log.checkpoints             what was signed, record after record
//! 00000000000000000000.seg    segment header | group | group | ... | footer (once sealed)
//! 00000000000000000000.nodes  interior tree nodes of that segment        (derived)
//! 00000000000000000000.index  offsets, postings, ids of that segment     (derived)
//! group = group header | frame | frame | ... | padding
//! ```
//!
//! All integers are little-endian. Nothing here opens a file, reads a clock or draws a random
//! number; everything here treats its input as hostile and answers with a [`Flaw`].

mod cursor;
pub mod dictionary;
pub mod footer;
pub mod frame;
pub mod group;
pub mod history;
pub mod identity;
pub mod index_file;
pub(crate) mod locals;
pub mod meta;
pub mod postings;
pub mod segment;
pub mod side;
pub mod stored;
pub mod terms;

use crate::error::{Error, ErrorKind};
use std::fmt;

/// The format version this build writes and reads.
pub const VERSION: u16 = 1;

/// What is wrong with some bytes: where (relative to their start), what was wanted, what is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flaw {
    /// Offset relative to the decoded slice.
    pub offset: u64,
    /// What does not hold, lower case.
    pub what: &'static str,
    /// What was wanted.
    pub wanted: String,
    /// What was found.
    pub found: String,
}

impl Flaw {
    pub(crate) fn new(
        offset: usize,
        what: &'static str,
        wanted: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        let offset = offset as u64;
        Self { offset, what, wanted: wanted.to_string(), found: found.to_string() }
    }

    /// This flaw, seen from a slice that begins `base` bytes earlier.
    #[must_use]
    pub fn shifted(mut self, base: u64) -> Self {
        self.offset = self.offset.saturating_add(base);
        self
    }

    /// The flaw as an error in `file`, whose decoded bytes began at `base`.
    #[must_use]
    pub fn into_error(self, file: impl Into<String>, base: u64) -> Error {
        let kind = match self.what {
            UNKNOWN_VERSION => ErrorKind::UnknownVersion,
            _ => ErrorKind::Corrupt,
        };
        Error::new(kind, self.what)
            .at_file(file)
            .at_offset(base.saturating_add(self.offset))
            .expected(self.wanted, self.found)
    }
}

/// The flaw of a version field that holds a number from the future.
pub const UNKNOWN_VERSION: &str = "unknown format version";

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, what, wanted, found } = self;
        write!(f, "byte {offset}: {what} (wanted {wanted}, found {found})")
    }
}

/// CRC-32 (IEEE) of a nonce and bytes. It finds accidents, not attackers.
#[must_use]
pub fn crc(nonce: u64, parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&nonce.to_le_bytes());
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

/// The name of a segment: its first index in 20 digits.
#[must_use]
pub fn segment_name(first_index: u64) -> String {
    format!("{first_index:020}.seg")
}

/// The name of a segment's file of interior tree nodes.
#[must_use]
pub fn nodes_name(first_index: u64) -> String {
    format!("{first_index:020}.nodes")
}

/// The name of a segment's index file.
#[must_use]
pub fn index_name(first_index: u64) -> String {
    format!("{first_index:020}.index")
}

/// The first index in a segment's name; `None` for any other file.
#[must_use]
pub fn parse_segment_name(name: &str) -> Option<u64> {
    parse_name(name, ".seg")
}

/// The first index in a name of 20 digits and this extension; `None` for any other file.
#[must_use]
pub fn parse_name(name: &str, extension: &str) -> Option<u64> {
    let digits = name.strip_suffix(extension)?;
    if digits.len() != 20 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// Name of the identity file.
pub const IDENTITY_NAME: &str = "log.id";
/// Name of the prepared next segment.
pub const SPARE_NAME: &str = "spare.tmp";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_twenty_digits_and_the_ending_are_a_segments_name() {
        assert_eq!(parse_segment_name(&segment_name(812)), Some(812));
        for name in [
            "1.seg",
            "0000000000000000001.seg",
            "000000000000000000001.seg",
            "+0000000000000000001.seg",
            "0000000000000000000x.seg",
            "00000000000000000001.SEG",
            "00000000000000000001",
            "99999999999999999999.seg",
        ] {
            assert_eq!(parse_segment_name(name), None, "{name}");
        }
    }

    #[test]
    fn a_flaw_in_words_has_place_and_both_values() {
        let flaw = Flaw::new(3, "length of a frame", 7, 9).shifted(4);
        assert_eq!(flaw.to_string(), "byte 7: length of a frame (wanted 7, found 9)");
    }
}
