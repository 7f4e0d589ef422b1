//! Posting lists on disk: ascending local ids, small and walkable from either end.
//!
//! ```text
//! list    | count LEB128 |                              0: nothing follows
//!         | count = 1    | local id LEB128 |
//!         | count > 1    | byte_len LEB128 | bytes |
//! bytes   up to 128 ids: | first id LEB128 | gap LEB128 ... |
//!         more:          | skip table: (first id u32, offset u32) per block | blocks |
//! block   | gap LEB128 ... |      at most 127 gaps after the first id of the skip table
//! gap     next id - id - 1
//! ```
//!
//! Gaps make ids strictly ascending by construction. Nothing is decoded before it is needed: a
//! block of at most 128 ids at a time. Bytes are hostile; ids at or beyond the part's entries and
//! gaps that end early are a [`Flaw`].

use super::Flaw;
use super::cursor::{Cursor, put_leb128};
use crate::limits::POSTING_BLOCK;

/// Bytes of one skip table entry.
const SKIP_LEN: usize = 8;

/// Decoded ids of one block.
pub type Block = [u32; POSTING_BLOCK];

/// A posting list as it lies in a file; not decoded yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packed<'a> {
    count: u32,
    /// The only id, when `count` is 1.
    single: u32,
    /// Every id is below this.
    entries: u32,
    bytes: &'a [u8],
}

/// Appends a list of strictly ascending ids.
pub(crate) fn put_list(out: &mut Vec<u8>, locals: &[u32]) {
    put_leb128(out, u32::try_from(locals.len()).unwrap_or(u32::MAX));
    match locals {
        [] => {}
        [single] => put_leb128(out, *single),
        many => {
            let bytes = encode_many(many);
            put_leb128(out, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
            out.extend_from_slice(&bytes);
        }
    }
}

fn encode_many(locals: &[u32]) -> Vec<u8> {
    let mut blocks = Vec::with_capacity(locals.len() + locals.len() / 4);
    let mut skips = Vec::new();
    let has_skips = locals.len() > POSTING_BLOCK;
    for block in locals.chunks(POSTING_BLOCK) {
        let Some((&first, rest)) = block.split_first() else { continue };
        if has_skips {
            let offset = u32::try_from(blocks.len()).unwrap_or(u32::MAX);
            skips.extend_from_slice(&first.to_le_bytes());
            skips.extend_from_slice(&offset.to_le_bytes());
        } else {
            put_leb128(&mut blocks, first);
        }
        let mut last = first;
        for &local in rest {
            assert!(last < local, "postings ascend");
            put_leb128(&mut blocks, local - last - 1);
            last = local;
        }
    }
    skips.extend_from_slice(&blocks);
    skips
}

impl<'a> Packed<'a> {
    /// The list without ids.
    pub const EMPTY: Self = Self { count: 0, single: 0, entries: 0, bytes: &[] };

    /// Reads the list at the cursor, of a part with so many entries.
    pub(crate) fn read(c: &mut Cursor<'a>, entries: u32) -> Result<Self, Flaw> {
        let at = c.position();
        let count = c.leb128()?;
        if count > entries {
            return Err(Flaw::new(at, "postings of a list", format_args!("<= {entries}"), count));
        }
        match count {
            0 => Ok(Self::EMPTY),
            1 => {
                let single = c.leb128()?;
                if single >= entries {
                    return Err(Flaw::new(at, "posting", format_args!("< {entries}"), single));
                }
                Ok(Self { count, single, entries, bytes: &[] })
            }
            _ => {
                let len = c.leb128()? as usize;
                let list = Self { count, single: 0, entries, bytes: c.take(len)? };
                // Each id but a block's first takes a byte at least: no count without bytes.
                let skips = if list.has_skips() { list.blocks() * SKIP_LEN } else { 0 };
                let least = skips + count as usize - list.blocks();
                if len < least {
                    return Err(Flaw::new(at, "length of a posting list", least, len));
                }
                Ok(list)
            }
        }
    }

    /// How many ids.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many blocks.
    #[must_use]
    pub fn blocks(&self) -> usize {
        (self.count as usize).div_ceil(POSTING_BLOCK)
    }

    fn has_skips(&self) -> bool {
        self.count as usize > POSTING_BLOCK
    }

    fn skip(&self, block: usize) -> Option<(u32, usize)> {
        let at = block.checked_mul(SKIP_LEN)?;
        let mut c = Cursor::new(self.bytes.get(at..at.checked_add(SKIP_LEN)?)?);
        Some((c.u32().ok()?, c.u32().ok()? as usize))
    }

    /// The block that holds `local` if any does: the last that begins at or before it, else 0.
    #[must_use]
    pub fn find_block(&self, local: u32) -> usize {
        if !self.has_skips() {
            return 0;
        }
        let (mut low, mut high) = (0, self.blocks());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.skip(middle) {
                Some((first, _)) if first <= local => low = middle + 1,
                _ => high = middle,
            }
        }
        low.saturating_sub(1)
    }

    /// Decodes a block and returns how many ids it has.
    ///
    /// # Errors
    /// A [`Flaw`], relative to the list's bytes, when the block is malformed.
    pub fn decode_block(&self, block: usize, out: &mut Block) -> Result<usize, Flaw> {
        let before = block.saturating_mul(POSTING_BLOCK);
        let wanted = (self.count as usize).saturating_sub(before).min(POSTING_BLOCK);
        let Some((slot, rest)) = out.get_mut(..wanted).and_then(<[u32]>::split_first_mut) else {
            return Ok(0);
        };
        let (first, gaps) = self.open_block(block)?;
        *slot = first;
        let mut c = Gaps { bytes: gaps, at: 0 };
        let mut last = first;
        for slot in rest {
            let gap = c.next()?;
            last = last
                .checked_add(gap)
                .and_then(|sum| sum.checked_add(1))
                .filter(|local| *local < self.entries)
                .ok_or_else(|| {
                    Flaw::new(c.at, "posting", format_args!("< {}", self.entries), gap)
                })?;
            *slot = last;
        }
        match c.bytes.len() - c.at {
            0 => Ok(wanted),
            more => Err(Flaw::new(c.at, "bytes after a block of postings", 0, more)),
        }
    }

    fn open_block(&self, block: usize) -> Result<(u32, &'a [u8]), Flaw> {
        let (first, gaps) = if self.count == 1 {
            (self.single, &[][..])
        } else if self.has_skips() {
            self.open_skipped(block)
                .ok_or_else(|| Flaw::new(block, "skip table of postings", "offsets", "others"))?
        } else {
            let mut c = Cursor::new(self.bytes);
            let first = c.leb128()?;
            (first, c.take(c.remaining())?)
        };
        if first >= self.entries {
            return Err(Flaw::new(0, "posting", format_args!("< {}", self.entries), first));
        }
        Ok((first, gaps))
    }

    fn open_skipped(&self, block: usize) -> Option<(u32, &'a [u8])> {
        let body = self.bytes.get(self.blocks() * SKIP_LEN..)?;
        let (first, begin) = self.skip(block)?;
        let end = match block + 1 < self.blocks() {
            true => self.skip(block + 1)?.1,
            false => body.len(),
        };
        Some((first, body.get(begin..end)?))
    }
}

/// LEB128 numbers one after another, with a short way for the usual single byte.
struct Gaps<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Gaps<'_> {
    fn next(&mut self) -> Result<u32, Flaw> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(byte.into())
            }
            _ => {
                let mut c = Cursor::new(self.bytes.get(self.at..).unwrap_or_default());
                let gap = c.leb128().map_err(|flaw| flaw.shifted(self.at as u64))?;
                self.at += c.position();
                Ok(gap)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode_all(list: &Packed<'_>) -> Result<Vec<u32>, Flaw> {
        let mut all = Vec::new();
        let mut block = [0; POSTING_BLOCK];
        for i in 0..list.blocks() {
            let len = list.decode_block(i, &mut block)?;
            all.extend_from_slice(&block[..len]);
        }
        Ok(all)
    }

    proptest! {
        #[test]
        fn any_list_round_trips(ids in proptest::collection::btree_set(0u32..5000, 0..700)) {
            let ids: Vec<u32> = ids.into_iter().collect();
            let mut bytes = Vec::new();
            put_list(&mut bytes, &ids);
            let mut c = Cursor::new(&bytes);
            let list = Packed::read(&mut c, 5000).unwrap();
            prop_assert_eq!(c.remaining(), 0);
            prop_assert_eq!(list.len() as usize, ids.len());
            prop_assert_eq!(decode_all(&list).unwrap(), ids);
        }

        #[test]
        fn any_bytes_are_a_list_or_a_flaw(bytes: Vec<u8>, entries in 0u32..1000) {
            if let Ok(list) = Packed::read(&mut Cursor::new(&bytes), entries) {
                if let Ok(ids) = decode_all(&list) {
                    prop_assert!(ids.iter().all(|id| *id < entries));
                }
                prop_assert!(list.find_block(7) <= list.blocks());
            }
        }
    }

    #[test]
    fn a_list_has_a_byte_at_least_for_each_id_and_its_whole_skip_table() {
        let read = |count: u32, len: u32| {
            let mut bytes = Vec::new();
            put_leb128(&mut bytes, count);
            put_leb128(&mut bytes, len);
            bytes.extend(vec![0; len as usize]);
            Packed::read(&mut Cursor::new(&bytes), 1000).err().map(|flaw| (flaw.what, flaw.wanted))
        };
        // One block has its first id outside of the table; of 300 ids, three stand in it.
        for (count, least) in [(2, 1), (128, 127), (129, 2 * 8 + 127), (300, 3 * 8 + 297)] {
            let wanted = Some(("length of a posting list", least.to_string()));
            assert_eq!(read(count, least - 1), wanted, "{count}");
            assert_eq!(read(count, least), None, "{count}");
        }
    }

    #[test]
    fn a_claimed_count_without_bytes_is_refused() {
        let mut bytes = Vec::new();
        put_leb128(&mut bytes, 1_000_000);
        put_leb128(&mut bytes, 2);
        bytes.extend([0, 0]);
        assert!(Packed::read(&mut Cursor::new(&bytes), u32::MAX).is_err());
    }
}
