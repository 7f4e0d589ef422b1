//! Dictionaries on disk: the sorted terms of one key, each with its postings.
//!
//! ```text
//! | term_count u32 | block offset u32 ... | blocks |        offsets relative to the first block
//! block  up to 16 terms, one after another
//! term   | shared LEB128 | suffix_len LEB128 | suffix | posting list |
//! ```
//!
//! A term is the first `shared` bytes of the term before it in its block, then the suffix; a
//! block's first term shares nothing, so blocks are searched by halving without decoding. Terms
//! ascend strictly. Reading is lazy: an unknown term costs one block, and damage is a [`Flaw`]
//! when it is met. Long posting lists lie between the terms and are stepped over by their length.

use super::Flaw;
use super::cursor::{Cursor, put_leb128};
use super::postings::{Packed, put_list};
use crate::limits::TERM_BLOCK;
use std::cmp::Ordering;

/// Collects sorted terms into the bytes of a dictionary.
#[derive(Clone, Debug, Default)]
pub(crate) struct DictionaryBuilder {
    count: u32,
    offsets: Vec<u8>,
    blocks: Vec<u8>,
    last: Vec<u8>,
}

impl DictionaryBuilder {
    /// Adds a term, greater than the one before, with its ascending postings.
    pub(crate) fn add(&mut self, term: &[u8], locals: &[u32]) {
        assert!(self.count == 0 || self.last.as_slice() < term, "terms ascend");
        let mut shared = 0;
        if (self.count as usize).is_multiple_of(TERM_BLOCK) {
            let offset = u32::try_from(self.blocks.len()).unwrap_or(u32::MAX);
            self.offsets.extend_from_slice(&offset.to_le_bytes());
        } else {
            shared = self.last.iter().zip(term).take_while(|(a, b)| a == b).count();
        }
        let suffix = term.get(shared..).unwrap_or_default();
        put_leb128(&mut self.blocks, u32::try_from(shared).unwrap_or(u32::MAX));
        put_leb128(&mut self.blocks, u32::try_from(suffix.len()).unwrap_or(u32::MAX));
        self.blocks.extend_from_slice(suffix);
        put_list(&mut self.blocks, locals);
        self.last.truncate(shared);
        self.last.extend_from_slice(suffix);
        self.count += 1;
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        let mut out = self.count.to_le_bytes().to_vec();
        out.extend_from_slice(&self.offsets);
        out.extend_from_slice(&self.blocks);
        out
    }
}

/// Bytes that most terms fit in; longer ones take more room when they are met.
const TERM_LEN_USUAL: usize = 64;

/// A dictionary as it lies in a file.
#[derive(Clone, Copy, Debug)]
pub struct Dictionary<'a> {
    term_count: u32,
    entries: u32,
    offsets: &'a [u8],
    blocks: &'a [u8],
}

impl<'a> Dictionary<'a> {
    /// Reads the directory of a dictionary of a part with so many entries.
    ///
    /// # Errors
    /// A [`Flaw`] when the directory does not fit its section.
    pub fn open(bytes: &'a [u8], entries: u32) -> Result<Self, Flaw> {
        let mut c = Cursor::new(bytes);
        let term_count = c.u32()?;
        // A term has at least one entry, so this bounds the directory before it is taken.
        if term_count > entries {
            return Err(Flaw::new(0, "terms of a dictionary", entries, term_count));
        }
        let offsets = c.take((term_count as usize).div_ceil(TERM_BLOCK) * 4)?;
        Ok(Self { term_count, entries, offsets, blocks: c.take(c.remaining())? })
    }

    /// How many terms.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.term_count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.term_count == 0
    }

    fn block_count(&self) -> usize {
        self.offsets.len() / 4
    }

    fn offset(&self, block: usize) -> Option<usize> {
        let bytes = self.offsets.get(block.checked_mul(4)?..)?.first_chunk::<4>()?;
        Some(u32::from_le_bytes(*bytes) as usize)
    }

    fn block(&self, block: usize) -> Result<Terms<'a>, Flaw> {
        let end = match block + 1 < self.block_count() {
            true => self.offset(block + 1),
            false => Some(self.blocks.len()),
        };
        let bytes =
            self.offset(block).zip(end).and_then(|(begin, end)| self.blocks.get(begin..end));
        let bytes = bytes.ok_or_else(|| {
            Flaw::new(4 + block * 4, "directory of a dictionary", "ascending offsets", "others")
        })?;
        let before = block * TERM_BLOCK;
        let left = (self.term_count as usize).saturating_sub(before).min(TERM_BLOCK);
        let base = 4 + self.offsets.len() + self.offset(block).unwrap_or(0);
        let (c, entries) = (Cursor::new(bytes), self.entries);
        Ok(Terms { c, left, term: Vec::new(), has_begun: false, entries, base })
    }

    /// The last block whose first term is not above `term`; 0 when there is none.
    fn find_block(&self, term: &[u8]) -> Result<usize, Flaw> {
        let (mut low, mut high) = (0, self.block_count());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.block(middle)?.peek()? <= term {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Ok(low.saturating_sub(1))
    }

    /// The postings of a term; the empty list when it is not there.
    ///
    /// # Errors
    /// A [`Flaw`], relative to the section, when a block on the way is malformed.
    pub fn find(&self, term: &[u8]) -> Result<Packed<'a>, Flaw> {
        if self.is_empty() {
            return Ok(Packed::EMPTY);
        }
        let mut terms = self.block(self.find_block(term)?)?;
        terms.term.reserve(TERM_LEN_USUAL);
        while let Some(list) = terms.advance()? {
            match terms.term.as_slice().cmp(term) {
                Ordering::Less => {}
                Ordering::Equal => return Ok(list),
                Ordering::Greater => break,
            }
        }
        Ok(Packed::EMPTY)
    }

    /// Calls `f` with each term that begins with `prefix`, ascending.
    ///
    /// # Errors
    /// A [`Flaw`], relative to the section, when a block on the way is malformed.
    pub fn for_each(
        &self,
        prefix: &[u8],
        f: &mut dyn FnMut(&[u8], Packed<'a>),
    ) -> Result<(), Flaw> {
        let first = self.find_block(prefix)?;
        let mut before: Option<Vec<u8>> = None;
        for block in first..self.block_count() {
            if let Some(last) = before.take()
                && self.block(block)?.peek()? <= last.as_slice()
            {
                let at = 4 + block * 4;
                return Err(Flaw::new(
                    at,
                    "order of a dictionary's blocks",
                    "ascending",
                    "another",
                ));
            }
            let mut terms = self.block(block)?;
            terms.term.reserve(TERM_LEN_USUAL);
            while let Some(list) = terms.advance()? {
                // Comparing no bytes at all is slow on some processors.
                if prefix.is_empty() || terms.term.starts_with(prefix) {
                    f(&terms.term, list);
                } else if terms.term.as_slice() > prefix {
                    return Ok(());
                }
            }
            before = Some(terms.term);
        }
        Ok(())
    }
}

/// The terms of one block, one after another.
struct Terms<'a> {
    c: Cursor<'a>,
    left: usize,
    term: Vec<u8>,
    has_begun: bool,
    entries: u32,
    base: usize,
}

impl<'a> Terms<'a> {
    /// The block's first term, without copying it.
    fn peek(&mut self) -> Result<&'a [u8], Flaw> {
        let base = self.base as u64;
        let mut first = || {
            let (at, shared) = (self.c.position(), self.c.leb128()?);
            if shared != 0 {
                return Err(Flaw::new(at, "shared bytes of a block's first term", 0, shared));
            }
            let len = self.c.leb128()? as usize;
            self.c.take(len)
        };
        first().map_err(|flaw| flaw.shifted(base))
    }

    fn advance(&mut self) -> Result<Option<Packed<'a>>, Flaw> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let base = self.base as u64;
        self.read().map(Some).map_err(|flaw| flaw.shifted(base))
    }

    fn read(&mut self) -> Result<Packed<'a>, Flaw> {
        let at = self.c.position();
        let shared = self.c.leb128()? as usize;
        if shared > self.term.len() {
            return Err(Flaw::new(at, "shared bytes of a term", self.term.len(), shared));
        }
        let len = self.c.leb128()? as usize;
        let suffix = self.c.take(len)?;
        // What is shared is equal, so the rest decides the order; a block's first has none before.
        if self.has_begun && Some(suffix) <= self.term.get(shared..) {
            return Err(Flaw::new(at, "order of the terms", "ascending", "another"));
        }
        self.has_begun = true;
        self.term.truncate(shared);
        self.term.extend_from_slice(suffix);
        let at = self.c.position();
        let list = Packed::read(&mut self.c, self.entries)?;
        if list.is_empty() {
            return Err(Flaw::new(at, "postings of a term", "at least 1", 0));
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn build(terms: &BTreeMap<Vec<u8>, Vec<u32>>) -> Vec<u8> {
        let mut builder = DictionaryBuilder::default();
        for (term, locals) in terms {
            builder.add(term, locals);
        }
        builder.finish()
    }

    fn terms() -> impl Strategy<Value = BTreeMap<Vec<u8>, Vec<u32>>> {
        let term = proptest::collection::vec(0u8..3, 0..6);
        let locals = proptest::collection::btree_set(0u32..400, 1..200);
        proptest::collection::btree_map(term, locals.prop_map(|l| l.into_iter().collect()), 0..60)
    }

    #[test]
    fn terms_out_of_order_or_without_entries_are_refused() {
        // term count, offset of the one block, then terms: shared, suffix, postings
        let dictionary = |terms: &[&[u8]]| {
            let count = u32::try_from(terms.len()).unwrap();
            [&count.to_le_bytes()[..], &[0; 4], &terms.concat()].concat()
        };
        let walk = |bytes: &[u8]| Dictionary::open(bytes, 9).unwrap().for_each(b"", &mut |_, _| {});
        assert!(walk(&dictionary(&[b"\x00\x01b\x01\x00", b"\x01\x01c\x01\x01"])).is_ok());
        for terms in [
            [&b"\x00\x01b\x01\x00"[..], b"\x00\x01a\x01\x01"],
            [b"\x00\x01b\x01\x00", b"\x01\x00\x01\x01"],
        ] {
            assert_eq!(walk(&dictionary(&terms)).unwrap_err().what, "order of the terms");
        }
        let flaw = walk(&dictionary(&[b"\x00\x01b\x00"])).unwrap_err();
        assert_eq!(flaw.what, "postings of a term");
    }

    proptest! {
        #[test]
        fn every_term_is_found_and_no_other(terms in terms(), other in proptest::collection::vec(0u8..3, 0..6)) {
            let bytes = build(&terms);
            let dictionary = Dictionary::open(&bytes, 400).unwrap();
            for term in terms.keys().chain([&other]) {
                let wanted = terms.get(term).map_or(0, Vec::len);
                prop_assert_eq!(dictionary.find(term).unwrap().len() as usize, wanted);
            }
            let mut found = Vec::new();
            dictionary.for_each(&other, &mut |term, list| found.push((term.to_vec(), list.len() as usize))).unwrap();
            let wanted: Vec<_> = terms.iter().filter(|(t, _)| t.starts_with(&other)).map(|(t, l)| (t.clone(), l.len())).collect();
            prop_assert_eq!(found, wanted);
        }

        #[test]
        fn damaged_dictionaries_never_panic(terms in terms(), at: prop::sample::Index, to: u8, cut: prop::sample::Index) {
            let mut bytes = build(&terms);
            let i = at.index(bytes.len());
            bytes[i] = to;
            bytes.truncate(cut.index(bytes.len()) + 1);
            if let Ok(dictionary) = Dictionary::open(&bytes, 400) {
                let mut terms = 0;
                let _ = dictionary.find(b"\x01\x01");
                let _ = dictionary.for_each(b"", &mut |_, _| terms += 1);
                prop_assert!(terms <= dictionary.len());
            }
        }
    }

    /// Two blocks; what is wrong with the second is named by its place in the section.
    #[test]
    fn flaws_of_a_later_block_are_named_by_their_place() {
        let terms = (0..20u8).map(|n| (vec![b'a' + n], vec![u32::from(n)])).collect();
        let honest = build(&terms);
        let walk = |bytes: &[u8]| {
            let dictionary = Dictionary::open(bytes, 20).unwrap();
            dictionary.for_each(b"", &mut |_, _| {})
        };
        assert_eq!(walk(&honest), Ok(()));
        assert_eq!(Dictionary::open(&honest, 19).unwrap_err().what, "terms of a dictionary");
        let (directory, second) = (4 + 2 * 4, usize::from(honest[8]));
        let block = directory + second;
        assert_eq!(&honest[block..block + 3], [0, 1, b'a' + 16], "shared, length, term");

        let mut bytes = honest.clone();
        bytes[8] = 255;
        let flaw = walk(&bytes).unwrap_err();
        assert_eq!((flaw.offset, flaw.what), (8, "directory of a dictionary"));
        let mut bytes = honest.clone();
        bytes[block + 2] = b'a';
        let flaw = walk(&bytes).unwrap_err();
        assert_eq!((flaw.offset, flaw.what), (8, "order of a dictionary's blocks"));
        let mut bytes = honest;
        bytes[block] = 9;
        assert_eq!(walk(&bytes).unwrap_err().offset, block as u64);
    }
}
