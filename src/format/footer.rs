//! Footers: the seal at the end of a finished segment.
//!
//! ```text
//! | magic[8] | version | 0 0 | footer_crc | nonce | first_index | count | data_end |
//! | root[32] | last_entry_hash[32] | recorded_min | recorded_max |
//! | event_min: s, ns | event_max: s, ns | group_count | last_header_crc |
//! | agent_count | type_count | 0[4] | counters_digest[32] |                      208 bytes
//! | counters: agents, then types; each sorted: len u16, bytes, entries so far u64 |
//! | BLAKE3 of the file before it[32] | footer_len | end magic[8] |                 48 bytes
//! ```
//!
//! A footer vouches for every byte before it. The counters say how many entries each agent and
//! each type touched in this segment has had in the whole log so far, so that open need not count.

use super::cursor::Cursor;
use super::{Flaw, VERSION};
use crate::hash;
use crate::limits::{AGENT_BYTES_MAX, EVENT_TYPE_BYTES_MAX, FOOTER_BYTES_MAX};
use crate::types::Hash;

/// First bytes of a footer.
pub const FOOTER_MAGIC: [u8; 8] = [0xff, b'W', b'M', b'S', b'E', b'A', b'L', 0x01];
/// Last bytes of a sealed segment.
pub const FOOTER_END_MAGIC: [u8; 8] = *b"WMARKEND";
/// Bytes before the counters.
pub const FOOTER_FIXED_LEN: usize = 208;
/// Bytes after the counters: BLAKE3, footer length, end magic.
pub const FOOTER_TAIL_LEN: usize = 48;
/// Offset of the fields `footer_crc` covers, up to the end of the counters.
pub const FOOTER_COVERED_OFFSET: usize = 16;

const AGENT_COUNT_OFFSET: usize = FOOTER_FIXED_LEN - 32 - 4 - 2 * size_of::<u32>();
/// Length, a name of one byte, and entries.
const COUNTER_LEN_MIN: usize = size_of::<u16>() + 1 + size_of::<u64>();

const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// One agent or event type and how many entries it has had in the log so far.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Counter {
    /// The agent's or type's name.
    pub name: String,
    /// Entries up to and including this segment.
    pub entries: u64,
}

/// The values of a footer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Footer {
    /// The segment's nonce.
    pub nonce: u64,
    /// Index of the segment's first entry.
    pub first_index: u64,
    /// Entries in the segment, at least 1.
    pub count: u64,
    /// Offset of this footer: where the groups end.
    pub data_end: u64,
    /// Root of the tree after the last entry.
    pub root: Hash,
    /// Entry hash of the last entry.
    pub last_entry_hash: Hash,
    /// Smallest and largest `recorded_at`, nanoseconds.
    pub recorded: (u64, u64),
    /// Smallest and largest event time as (seconds, nanoseconds); zeros when every body is erased.
    pub event: ((i64, u32), (i64, u32)),
    /// Groups in the segment, heartbeats included.
    pub group_count: u64,
    /// `header_crc` of the last group.
    pub last_header_crc: u32,
    /// Agents touched, sorted by bytes.
    pub agents: Vec<Counter>,
    /// Types touched, sorted by bytes.
    pub types: Vec<Counter>,
}

impl Footer {
    /// The footer up to and including the counters; [`Footer::finish`] adds the rest.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut counters = Vec::new();
        for counter in self.agents.iter().chain(&self.types) {
            let len = u16::try_from(counter.name.len()).unwrap_or(u16::MAX);
            counters.extend_from_slice(&len.to_le_bytes());
            counters.extend_from_slice(counter.name.as_bytes());
            counters.extend_from_slice(&counter.entries.to_le_bytes());
        }
        let mut out = Vec::with_capacity(FOOTER_FIXED_LEN + counters.len() + FOOTER_TAIL_LEN);
        out.extend_from_slice(&FOOTER_MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 6]);
        for value in [self.nonce, self.first_index, self.count, self.data_end] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out.extend_from_slice(&self.root.0);
        out.extend_from_slice(&self.last_entry_hash.0);
        out.extend_from_slice(&self.recorded.0.to_le_bytes());
        out.extend_from_slice(&self.recorded.1.to_le_bytes());
        for (seconds, nanos) in [self.event.0, self.event.1] {
            out.extend_from_slice(&seconds.to_le_bytes());
            out.extend_from_slice(&nanos.to_le_bytes());
        }
        out.extend_from_slice(&self.group_count.to_le_bytes());
        out.extend_from_slice(&self.last_header_crc.to_le_bytes());
        for len in [self.agents.len(), self.types.len()] {
            out.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
        }
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&hash::seal(&counters).0);
        debug_assert_eq!(out.len(), FOOTER_FIXED_LEN);
        out.extend_from_slice(&counters);
        let crc = crc32fast::hash(out.get(FOOTER_COVERED_OFFSET..).unwrap_or_default());
        if let Some(slot) = out.get_mut(12..16) {
            slot.copy_from_slice(&crc.to_le_bytes());
        }
        out
    }

    /// Appends digest, length and end magic to what [`Footer::encode`] gave. `digest` is the
    /// BLAKE3 of the file from its first byte to the end of `encoded`.
    pub fn finish(encoded: &mut Vec<u8>, digest: &Hash) {
        let len = (encoded.len() + FOOTER_TAIL_LEN) as u64;
        encoded.extend_from_slice(&digest.0);
        encoded.extend_from_slice(&len.to_le_bytes());
        encoded.extend_from_slice(&FOOTER_END_MAGIC);
    }

    /// The length of the footer, read from the last 16 bytes of a file of `file_len` bytes;
    /// `None` when the file does not end in a footer.
    #[must_use]
    pub fn len_from_tail(last16: &[u8; 16], file_len: u64) -> Option<u64> {
        let (len, magic) = last16.split_at(8);
        let len = u64::from_le_bytes(len.try_into().ok()?);
        let fits = len >= (FOOTER_FIXED_LEN + FOOTER_TAIL_LEN) as u64
            && len <= FOOTER_BYTES_MAX
            && len < file_len;
        (magic == FOOTER_END_MAGIC && fits).then_some(len)
    }

    /// How many counters these bytes can hold, and claim to hold when they are a footer.
    #[must_use]
    pub fn counters_in(bytes: &[u8]) -> usize {
        let claimed = |at: usize| bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
        let counts = [AGENT_COUNT_OFFSET, AGENT_COUNT_OFFSET + size_of::<u32>()].map(claimed);
        let claimed: u64 =
            counts.into_iter().flatten().map(|n| u64::from(u32::from_le_bytes(*n))).sum();
        let most = bytes.len() / COUNTER_LEN_MIN;
        usize::try_from(claimed).unwrap_or(usize::MAX).min(most)
    }

    /// Decodes a whole footer, tail included, and returns it with the claimed BLAKE3.
    ///
    /// # Errors
    /// A [`Flaw`] for a wrong magic, version, CRC, length, counter order or counter digest.
    pub fn decode(bytes: &[u8]) -> Result<(Self, Hash), Flaw> {
        let mut c = Cursor::new(bytes);
        c.magic(&FOOTER_MAGIC, "footer magic")?;
        let version = c.u16()?;
        c.zeros(2, "reserved bytes of a footer")?;
        let footer_crc = c.u32()?;
        let covered_end = bytes.len().saturating_sub(FOOTER_TAIL_LEN);
        let covered = bytes.get(FOOTER_COVERED_OFFSET..covered_end).unwrap_or_default();
        let wanted = crc32fast::hash(covered);
        if footer_crc != wanted {
            let (wanted, found) = (format!("{wanted:08x}"), format!("{footer_crc:08x}"));
            return Err(Flaw::new(12, "footer crc", wanted, found));
        }
        if version != VERSION {
            return Err(Flaw::new(8, super::UNKNOWN_VERSION, VERSION, version));
        }
        let (nonce, first_index) = (c.u64()?, c.u64()?);
        let (count, data_end) = (c.u64()?, c.u64()?);
        let (root, last_entry_hash) = (c.hash()?, c.hash()?);
        let recorded = (c.u64()?, c.u64()?);
        let event = ((c.i64()?, c.u32()?), (c.i64()?, c.u32()?));
        let group_count = c.u64()?;
        let last_header_crc = c.u32()?;
        let (agent_count, type_count) = (c.u32()?, c.u32()?);
        c.zeros(4, "reserved bytes of a footer")?;
        let counters_digest = c.hash()?;
        let counters = bytes.get(FOOTER_FIXED_LEN..covered_end).unwrap_or_default();
        if hash::seal(counters) != counters_digest {
            let found = hash::seal(counters);
            return Err(Flaw::new(176, "digest of the counters", counters_digest, found));
        }
        let agents = decode_counters(&mut c, agent_count, AGENT_BYTES_MAX)?;
        let types = decode_counters(&mut c, type_count, EVENT_TYPE_BYTES_MAX)?;
        let digest = decode_tail(&mut c, bytes.len())?;
        let is_sane = count >= 1 && recorded.0 <= recorded.1 && event.0 <= event.1;
        if !is_sane || event.0.1 >= NANOS_PER_SECOND || event.1.1 >= NANOS_PER_SECOND {
            return Err(Flaw::new(32, "count or times of a footer", "sane values", "others"));
        }
        let footer = Self {
            nonce,
            first_index,
            count,
            data_end,
            root,
            last_entry_hash,
            recorded,
            event,
            group_count,
            last_header_crc,
            agents,
            types,
        };
        Ok((footer, digest))
    }
}

fn decode_tail(c: &mut Cursor<'_>, footer_len: usize) -> Result<Hash, Flaw> {
    let digest = c.hash()?;
    let at = c.position();
    let len = c.u64()?;
    if len != footer_len as u64 {
        return Err(Flaw::new(at, "footer length", footer_len, len));
    }
    c.magic(&FOOTER_END_MAGIC, "footer end magic")?;
    match c.remaining() {
        0 => Ok(digest),
        more => Err(Flaw::new(c.position(), "bytes after the footer", 0, more)),
    }
}

fn decode_counters(c: &mut Cursor<'_>, count: u32, name_max: usize) -> Result<Vec<Counter>, Flaw> {
    let mut counters: Vec<Counter> = Vec::new();
    for _ in 0..count {
        let at = c.position();
        let len = usize::from(c.u16()?);
        if len == 0 || len > name_max {
            return Err(Flaw::new(at, "length of a counter's name", name_max, len));
        }
        let name = std::str::from_utf8(c.take(len)?)
            .map_err(|_| Flaw::new(at, "counter's name", "UTF-8", "other bytes"))?;
        if counters.last().is_some_and(|last| last.name.as_bytes() >= name.as_bytes()) {
            return Err(Flaw::new(at, "order of the counters", "ascending names", "another order"));
        }
        counters.push(Counter { name: name.to_owned(), entries: c.u64()? });
    }
    Ok(counters)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample() -> Footer {
        let counter = |name: &str, entries| Counter { name: name.into(), entries };
        Footer {
            nonce: 1,
            first_index: 2,
            count: 3,
            data_end: 4,
            root: Hash([5; 32]),
            last_entry_hash: Hash([6; 32]),
            recorded: (7, 8),
            event: ((-9, 10), (11, 12)),
            group_count: 13,
            last_header_crc: 14,
            agents: vec![counter("did:a", 1), counter("did:b", 2)],
            types: vec![counter("tool_invocation", 3)],
        }
    }

    #[test]
    fn a_footer_round_trips_and_flips_outside_the_digest_are_refused() {
        let mut bytes = sample().encode();
        let digest = Hash([9; 32]);
        let covered = bytes.len();
        assert_eq!(Footer::counters_in(&bytes), 3);
        let mut bold = bytes.clone();
        bold[AGENT_COUNT_OFFSET..][..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(Footer::counters_in(&bold), bold.len() / COUNTER_LEN_MIN, "no more than fit");
        Footer::finish(&mut bytes, &digest);
        assert_eq!(Footer::decode(&bytes), Ok((sample(), digest)));
        let last: [u8; 16] = bytes[bytes.len() - 16..].try_into().unwrap();
        assert_eq!(Footer::len_from_tail(&last, 10_000), Some(bytes.len() as u64));
        for bit in 0..bytes.len() * 8 {
            if (covered..covered + 32).contains(&(bit / 8)) {
                continue; // the digest is a claim about the whole file, checked by whoever reads it
            }
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Footer::decode(&bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn the_length_in_a_tail_is_believed_within_its_bounds() {
        let read = |len: u64, file_len: u64, magic: [u8; 8]| {
            let tail = [len.to_le_bytes(), magic].concat();
            Footer::len_from_tail(tail[..].try_into().unwrap(), file_len)
        };
        let least = (FOOTER_FIXED_LEN + FOOTER_TAIL_LEN) as u64;
        for len in [least, least + 1, FOOTER_BYTES_MAX] {
            assert_eq!(read(len, len + 1, FOOTER_END_MAGIC), Some(len));
            assert_eq!(read(len, len, FOOTER_END_MAGIC), None);
            assert_eq!(read(len, len + 1, *b"WMARKEN?"), None);
        }
        for len in [0, least - 1, FOOTER_BYTES_MAX + 1, u64::MAX - 1] {
            assert_eq!(read(len, u64::MAX, FOOTER_END_MAGIC), None, "{len}");
        }
    }

    /// What decoding says to a footer that was changed and then sealed again.
    fn flaw(change: impl FnOnce(&mut Footer)) -> Option<&'static str> {
        let mut footer = sample();
        change(&mut footer);
        let mut bytes = footer.encode();
        Footer::finish(&mut bytes, &Hash([9; 32]));
        Footer::decode(&bytes).err().map(|flaw| flaw.what)
    }

    #[test]
    fn times_and_counts_that_no_segment_has_are_refused_under_a_right_crc() {
        let late = NANOS_PER_SECOND - 1;
        assert_eq!(flaw(|f| (f.count, f.recorded) = (1, (8, 8))), None);
        assert_eq!(flaw(|f| f.event = ((3, late), (3, late))), None);
        let insane = Some("count or times of a footer");
        assert_eq!(flaw(|f| f.count = 0), insane);
        assert_eq!(flaw(|f| f.recorded = (9, 8)), insane);
        assert_eq!(flaw(|f| f.event = ((3, 5), (3, 4))), insane);
        assert_eq!(flaw(|f| f.event.0.1 = NANOS_PER_SECOND), insane);
        assert_eq!(flaw(|f| f.event.1.1 = NANOS_PER_SECOND), insane);
    }

    #[test]
    fn names_of_counters_have_a_length_and_an_order() {
        let named = |name: String| vec![Counter { name, entries: 1 }];
        let (agent, event) = (AGENT_BYTES_MAX, EVENT_TYPE_BYTES_MAX);
        assert_eq!(flaw(|f| f.agents = named("a".repeat(agent))), None);
        assert_eq!(flaw(|f| f.types = named("a".repeat(event))), None);
        let length = Some("length of a counter's name");
        assert_eq!(flaw(|f| f.agents = named("a".repeat(agent + 1))), length);
        assert_eq!(flaw(|f| f.agents = named("a".repeat(agent + 2))), length);
        assert_eq!(flaw(|f| f.types = named("a".repeat(event + 1))), length);
        assert_eq!(flaw(|f| f.types = named(String::new())), length);
        let order = Some("order of the counters");
        assert_eq!(flaw(|f| f.agents.reverse()), order);
        assert_eq!(flaw(|f| f.agents[1] = f.agents[0].clone()), order);
    }
}
