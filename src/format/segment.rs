//! Segment headers: everything needed to go on from here without reading what came before.
//!
//! ```text
//! | magic[8] | version | align | generation | log_id[32] | nonce | first_index |
//! | last_recorded_at | created_at | previous_hash[32] | frontier_count | 0.. |     128 bytes
//! | frontier: 64 x 32 bytes, the unused ones zero | 0.. | crc |                  to 4096 bytes
//! ```
//!
//! The frontier of the tree at `first_index`, the entry hash before it and the last time mean that
//! opening a log scans only its last segment.

use super::cursor::{Cursor, Filler};
use super::{Flaw, VERSION};
use crate::types::Hash;

/// First bytes of a segment.
pub const SEGMENT_MAGIC: [u8; 8] = *b"WMARKSEG";
/// Length of a segment header in bytes; the first group begins here.
pub const SEGMENT_HEADER_LEN: usize = 4096;
/// Offset of the frontier hashes.
pub const FRONTIER_OFFSET: usize = 128;
/// Hashes there is room for.
pub const FRONTIER_HASHES: usize = 64;
/// Offset of the CRC, which covers every byte before it.
pub const SEGMENT_CRC_OFFSET: usize = SEGMENT_HEADER_LEN - 4;

const FIXED_LEN: usize = 114;
const _: () = assert!(FRONTIER_OFFSET + FRONTIER_HASHES * 32 <= SEGMENT_CRC_OFFSET);
const _: () = assert!(FIXED_LEN <= FRONTIER_OFFSET, "docs/FORMAT.md, section 4");

/// A segment header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SegmentHeader {
    /// Groups begin at multiples of this: 1, 512 or 4096.
    pub align: u16,
    /// 0 as written; each rewrite of a sealed segment (an erasure) adds one.
    pub generation: u32,
    /// The log this segment belongs to.
    pub log_id: [u8; 32],
    /// Random; inside every CRC of the segment, so that stale blocks cannot pass.
    pub nonce: u64,
    /// Index of the first entry.
    pub first_index: u64,
    /// `recorded_at` of the entry before; 0 for the first segment.
    pub last_recorded_at: u64,
    /// The host's clock when the header was written.
    pub created_at: u64,
    /// Entry hash of the entry before; for index 0 the hash of the identity file.
    pub previous_hash: Hash,
    /// The tree's frontier at `first_index`: one root per set bit, largest subtree first.
    pub frontier: Vec<Hash>,
}

impl SegmentHeader {
    /// The 4,096 bytes.
    ///
    /// # Panics
    /// When the frontier does not have one hash per set bit of `first_index`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        assert_eq!(self.frontier.len(), self.first_index.count_ones() as usize);
        let mut bytes = vec![0u8; SEGMENT_HEADER_LEN];
        let count = u16::try_from(self.frontier.len()).unwrap_or(u16::MAX);
        let mut filler = Filler::new(&mut bytes);
        filler
            .put(&SEGMENT_MAGIC)
            .put(&VERSION.to_le_bytes())
            .put(&self.align.to_le_bytes())
            .put(&self.generation.to_le_bytes())
            .put(&self.log_id)
            .put(&self.nonce.to_le_bytes())
            .put(&self.first_index.to_le_bytes())
            .put(&self.last_recorded_at.to_le_bytes())
            .put(&self.created_at.to_le_bytes())
            .put(&self.previous_hash.0)
            .put(&count.to_le_bytes())
            .skip(FRONTIER_OFFSET - FIXED_LEN);
        for hash in &self.frontier {
            filler.put(&hash.0);
        }
        let (covered, _) = bytes.split_at(SEGMENT_CRC_OFFSET);
        let crc = crc32fast::hash(covered);
        Filler::new(&mut bytes).skip(SEGMENT_CRC_OFFSET).put(&crc.to_le_bytes());
        bytes
    }

    /// Decodes a header from exactly the first 4,096 bytes of a segment.
    ///
    /// # Errors
    /// A [`Flaw`] for a wrong magic, version, CRC, alignment or frontier.
    pub fn decode(bytes: &[u8]) -> Result<Self, Flaw> {
        let mut c = Cursor::new(bytes);
        let whole: &[u8; SEGMENT_HEADER_LEN] = c.array()?;
        let mut c = Cursor::new(whole);
        c.magic(&SEGMENT_MAGIC, "segment magic")?;
        let version = c.u16()?;
        let (covered, _) = whole.split_at(SEGMENT_CRC_OFFSET);
        let wanted = crc32fast::hash(covered);
        let found = tail_of(whole).u32()?;
        if found != wanted {
            let (wanted, found) = (format!("{wanted:08x}"), format!("{found:08x}"));
            return Err(Flaw::new(SEGMENT_CRC_OFFSET, "segment header crc", wanted, found));
        }
        if version != VERSION {
            return Err(Flaw::new(8, super::UNKNOWN_VERSION, VERSION, version));
        }
        let align = c.u16()?;
        if ![1, 512, 4096].contains(&align) {
            return Err(Flaw::new(10, "group alignment", "1, 512 or 4096", align));
        }
        let generation = c.u32()?;
        let log_id = *c.array()?;
        let (nonce, first_index) = (c.u64()?, c.u64()?);
        let (last_recorded_at, created_at) = (c.u64()?, c.u64()?);
        let previous_hash = c.hash()?;
        let count = c.u16()?;
        if u32::from(count) != first_index.count_ones() {
            return Err(Flaw::new(112, "frontier hashes", first_index.count_ones(), count));
        }
        c.zeros(FRONTIER_OFFSET - FIXED_LEN, "reserved bytes of a segment header")?;
        let frontier: Result<Vec<Hash>, Flaw> = (0..count).map(|_| c.hash()).collect();
        let frontier = frontier?;
        c.zeros(SEGMENT_CRC_OFFSET - c.position(), "reserved bytes of a segment header")?;
        Ok(Self {
            align,
            generation,
            log_id,
            nonce,
            first_index,
            last_recorded_at,
            created_at,
            previous_hash,
            frontier,
        })
    }
}

fn tail_of(whole: &[u8; SEGMENT_HEADER_LEN]) -> Cursor<'_> {
    Cursor::new(whole.split_at(SEGMENT_CRC_OFFSET).1)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample() -> SegmentHeader {
        SegmentHeader {
            align: 512,
            generation: 0,
            log_id: [1; 32],
            nonce: 2,
            first_index: 5,
            last_recorded_at: 3,
            created_at: 4,
            previous_hash: Hash([5; 32]),
            frontier: vec![Hash([6; 32]), Hash([7; 32])],
        }
    }

    #[test]
    fn a_header_round_trips_and_every_flipped_byte_is_refused() {
        let bytes = sample().encode();
        assert_eq!(SegmentHeader::decode(&bytes), Ok(sample()));
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0x10;
            assert!(SegmentHeader::decode(&bad).is_err(), "byte {at}");
        }
    }

    /// What is said of a header with one byte changed under a right CRC.
    fn flaw(at: usize, byte: u8) -> Option<&'static str> {
        let mut bytes = sample().encode();
        bytes[at] = byte;
        let crc = crc32fast::hash(&bytes[..SEGMENT_CRC_OFFSET]);
        bytes[SEGMENT_CRC_OFFSET..].copy_from_slice(&crc.to_le_bytes());
        SegmentHeader::decode(&bytes).err().map(|flaw| flaw.what)
    }

    #[test]
    fn a_version_from_the_future_is_named() {
        assert_eq!(flaw(8, 2), Some(crate::format::UNKNOWN_VERSION));
    }

    #[test]
    fn what_is_reserved_is_zero_up_to_the_crc() {
        let reserved = Some("reserved bytes of a segment header");
        let frontier_end = FRONTIER_OFFSET + 2 * 32;
        for at in (FIXED_LEN..FRONTIER_OFFSET).chain(frontier_end..SEGMENT_CRC_OFFSET) {
            assert_eq!(flaw(at, 1), reserved, "byte {at}");
        }
        assert_eq!(flaw(FRONTIER_OFFSET, 1), None);
        assert_eq!(flaw(frontier_end - 1, 1), None);
    }
}
