//! Words: the small values every other room speaks in.
//!
//! An *index* is a position counted from zero, a *size* is how many entries a tree holds, a *len*
//! is bytes. They are different types, so that `prove(size, index)` does not compile.
//!
//! Nothing here reads a clock, a file or a random number.

use std::fmt;

/// Position of an entry in the log, counted from zero without gaps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct EntryIndex(u64);

impl EntryIndex {
    /// The index with this value.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The plain number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl From<u64> for EntryIndex {
    fn from(value: u64) -> Self {
        Self(value)
    }
}

impl fmt::Display for EntryIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Number of entries in a tree: it holds the indices `0..size`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct TreeSize(u64);

impl TreeSize {
    /// The size with this value.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The plain number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether the tree holds this index.
    #[must_use]
    pub const fn contains(self, index: EntryIndex) -> bool {
        index.0 < self.0
    }
}

impl From<u64> for TreeSize {
    fn from(value: u64) -> Self {
        Self(value)
    }
}

impl fmt::Display for TreeSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A 32-byte digest: an entry hash, an interior tree node, a root. Prints as lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Thirty-two zero bytes: the data hash of an entry without data.
    pub const ZERO: Self = Self([0; 32]);

    /// The digest's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Lower-case hex, 64 characters.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// Reads exactly 64 hex characters; `None` for anything else.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = unhex(text)?;
        bytes.try_into().ok().map(Self)
    }
}

/// Lower-case hex of any bytes.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let digit =
        |nibble: u8| char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes of an even number of hex characters; `None` for anything else.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits?;
    if digits.len() % 2 != 0 {
        return None;
    }
    Some(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |acc, d| acc << 4 | d)).collect())
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Nanoseconds since 1970-01-01T00:00:00Z, as a host's clock told them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct UnixNanos(pub u64);

/// When something happened, as the caller said it: any instant of the years 1 to 9999, with the
/// offset from UTC it was written with, or none.
///
/// Ordered and compared by instant alone; a time without an offset counts as UTC.
#[derive(Clone, Copy, Debug)]
pub struct EventTime {
    /// Seconds since 1970-01-01T00:00:00Z; negative before.
    pub seconds: i64,
    /// Nanoseconds within the second, below 1,000,000,000.
    pub nanos: u32,
    /// Minutes east of UTC; `None` when the caller gave no offset.
    pub offset_minutes: Option<i16>,
}

impl EventTime {
    /// A UTC instant.
    #[must_use]
    pub const fn utc(seconds: i64, nanos: u32) -> Self {
        Self { seconds, nanos, offset_minutes: Some(0) }
    }

    /// The instant, for comparing: (seconds, nanoseconds).
    #[must_use]
    pub const fn instant(&self) -> (i64, u32) {
        (self.seconds, self.nanos)
    }
}

/// RFC 3339 in UTC, with no more fractional digits than needed, in groups of three. Instants
/// beyond the years that have such a text print as `@seconds.nanoseconds`.
impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.nanos.min(999_999_999);
        let Ok(whole) = jiff::Timestamp::from_second(self.seconds) else {
            return write!(f, "@{}.{nanos:09}", self.seconds);
        };
        let text = whole.to_string();
        f.write_str(text.strip_suffix('Z').unwrap_or(&text))?;
        match nanos {
            0 => {}
            _ if nanos.is_multiple_of(1_000_000) => write!(f, ".{:03}", nanos / 1_000_000)?,
            _ if nanos.is_multiple_of(1_000) => write!(f, ".{:06}", nanos / 1_000)?,
            _ => write!(f, ".{nanos:09}")?,
        }
        f.write_str("Z")
    }
}

/// RFC 3339 in UTC, as [`EventTime`] prints.
impl fmt::Display for UnixNanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        EventTime::from(*self).fmt(f)
    }
}

impl From<UnixNanos> for EventTime {
    fn from(time: UnixNanos) -> Self {
        let seconds = i64::try_from(time.0 / 1_000_000_000).unwrap_or(i64::MAX);
        let nanos = u32::try_from(time.0 % 1_000_000_000).unwrap_or(0);
        Self::utc(seconds, nanos)
    }
}

impl PartialEq for EventTime {
    fn eq(&self, other: &Self) -> bool {
        self.instant() == other.instant()
    }
}

impl Eq for EventTime {}

impl PartialOrd for EventTime {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for EventTime {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.instant().cmp(&other.instant())
    }
}

/// When an append may be answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Durability {
    /// After the sync that covers the entry returned: survives power loss.
    #[default]
    Durable,
    /// After the entry was written to the file: survives the process, not the machine.
    Buffered,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_holds_the_indices_below_it() {
        assert!(TreeSize::new(3).contains(EntryIndex::new(2)));
        assert!(!TreeSize::new(3).contains(EntryIndex::new(3)));
        assert!(!TreeSize::new(0).contains(EntryIndex::new(0)));
    }

    #[test]
    fn hex_round_trips_and_refuses_everything_else() {
        let hash = Hash([0xab; 32]);
        assert_eq!(Hash::from_hex(&hash.to_hex()), Some(hash));
        assert_eq!(Hash::from_hex(&hash.to_hex()[1..]), None);
        assert_eq!(Hash::from_hex(&"zz".repeat(32)), None);
    }

    #[test]
    fn times_print_as_utc_with_the_digits_they_need() {
        let text = |seconds, nanos| EventTime::utc(seconds, nanos).to_string();
        assert_eq!(text(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(text(1_763_990_000, 120_000_000), "2025-11-24T13:13:20.120Z");
        assert_eq!(text(-1, 1_000), "1969-12-31T23:59:59.000001Z");
        assert_eq!(text(1, 7), "1970-01-01T00:00:01.000000007Z");
        assert_eq!(text(i64::MIN, 5), "@-9223372036854775808.000000005");
    }

    #[test]
    fn times_compare_by_instant_alone() {
        let a = EventTime { seconds: 5, nanos: 1, offset_minutes: None };
        let b = EventTime { seconds: 5, nanos: 1, offset_minutes: Some(120) };
        assert_eq!(a, b);
        assert!(a < EventTime::utc(5, 2));
    }
}
