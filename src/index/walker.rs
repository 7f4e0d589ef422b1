//! Postings and how they are walked: upwards or downwards from any bound, or asked for one id.
//!
//! ```text
//! list     | block | block | block |          packed, 128 ids each; in memory one slice
//! window           [3 5 9 12 ...]             the one block that is decoded
//! place                   ^                   where the last answer was found
//! ```
//!
//! A walker remembers its block and its place, so a walk costs a few nanoseconds a step in both
//! directions and a far seek costs one block. Damage in a packed list ends the walk and is kept:
//! whoever walks asks [`Walker::flaw`] at the end, so that a damaged list never looks like a short
//! one.

use crate::format::Flaw;
use crate::format::postings::{Block, Packed};
use crate::limits::POSTING_BLOCK;

/// The ascending local ids of the entries that have something in common.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Postings<'a> {
    /// In memory.
    Slice(&'a [u32]),
    /// In a file.
    Packed(Packed<'a>),
}

impl<'a> Postings<'a> {
    /// How many ids.
    #[must_use]
    pub(crate) fn len(&self) -> u32 {
        match self {
            Self::Slice(ids) => u32::try_from(ids.len()).unwrap_or(u32::MAX),
            Self::Packed(list) => list.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A walker that has not moved yet.
    #[must_use]
    pub(crate) fn walk(self) -> Walker<'a> {
        Walker { list: self, block: [0; POSTING_BLOCK], loaded: None, len: 0, at: 0, flaw: None }
    }

    /// Calls `f` with every id below `bound`, ascending.
    ///
    /// # Errors
    /// A [`Flaw`] when a block is malformed; earlier ids have been passed already.
    pub(crate) fn for_each(&self, bound: u32, mut f: impl FnMut(u32)) -> Result<(), Flaw> {
        match self {
            Self::Slice(ids) => ids.iter().take_while(|id| **id < bound).for_each(|id| f(*id)),
            Self::Packed(list) => {
                let mut block = [0; POSTING_BLOCK];
                for i in 0..list.blocks() {
                    let len = list.decode_block(i, &mut block)?;
                    let ids = block.get(..len).unwrap_or_default();
                    ids.iter().take_while(|id| **id < bound).for_each(|id| f(*id));
                    if ids.last().is_some_and(|id| *id >= bound) {
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}

/// A place in a posting list.
#[derive(Clone, Debug)]
pub(crate) struct Walker<'a> {
    list: Postings<'a>,
    block: Block,
    loaded: Option<usize>,
    len: usize,
    at: usize,
    flaw: Option<Flaw>,
}

impl Walker<'_> {
    /// Whether the list is empty.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What was wrong with the list, if a step met damage. Steps after that find nothing.
    #[must_use]
    pub(crate) fn flaw(&self) -> Option<&Flaw> {
        self.flaw.as_ref()
    }

    /// The smallest id that is at least `bound`.
    pub(crate) fn next_from(&mut self, bound: u32) -> Option<u32> {
        self.load_for(bound)?;
        let place = self.lower_bound(bound);
        if let Some(id) = self.window().get(place) {
            return Some(*id);
        }
        // The block ends below the bound: the next one, if any, begins above it.
        let next = self.loaded? + 1;
        self.load(next)?;
        self.at = 0;
        self.window().first().copied()
    }

    /// The largest id that is at most `bound`.
    pub(crate) fn previous_from(&mut self, bound: u32) -> Option<u32> {
        self.load_for(bound)?;
        let above = match bound.checked_add(1) {
            Some(next) => self.lower_bound(next),
            None => self.window().len(),
        };
        self.window().get(above.checked_sub(1)?).copied()
    }

    /// Whether the list has this id.
    pub(crate) fn contains(&mut self, local: u32) -> bool {
        self.next_from(local) == Some(local)
    }

    /// How many ids are below `bound`.
    pub(crate) fn rank(&mut self, bound: u32) -> u32 {
        if self.load_for(bound).is_none() {
            return 0;
        }
        let before = self.loaded.unwrap_or(0) * POSTING_BLOCK;
        u32::try_from(before + self.lower_bound(bound)).unwrap_or(u32::MAX)
    }

    fn window(&self) -> &[u32] {
        match self.list {
            Postings::Slice(ids) => ids,
            Postings::Packed(_) => self.block.get(..self.len).unwrap_or_default(),
        }
    }

    /// Decodes the block in which `bound` would be; `None` when there is none or it is damaged.
    fn load_for(&mut self, bound: u32) -> Option<()> {
        let list = match self.list {
            Postings::Slice([]) => return None,
            Postings::Slice(_) => {
                self.loaded = Some(0);
                return Some(());
            }
            Postings::Packed(list) => list,
        };
        if let (Some(_), [first, .., last]) = (self.loaded, self.window())
            && *first <= bound
            && bound <= *last
        {
            return Some(());
        }
        self.load(list.find_block(bound))
    }

    fn load(&mut self, block: usize) -> Option<()> {
        let Postings::Packed(list) = self.list else { return None };
        if self.flaw.is_some() || block >= list.blocks() {
            return None;
        }
        if self.loaded == Some(block) {
            return Some(());
        }
        match list.decode_block(block, &mut self.block) {
            Ok(len) => {
                (self.loaded, self.len, self.at) = (Some(block), len, 0);
                Some(())
            }
            Err(flaw) => {
                (self.loaded, self.len, self.flaw) = (None, 0, Some(flaw));
                None
            }
        }
    }

    /// Position in the window of the first id that is at least `bound`; looks near the last place
    /// first, in steps that double.
    fn lower_bound(&mut self, bound: u32) -> usize {
        let window = self.window();
        let at = self.at.min(window.len());
        let is_below = |i: usize| window.get(i).is_some_and(|id| *id < bound);
        let (mut low, mut high) = (at, at);
        let mut step = 1;
        if is_below(at) {
            while is_below(high) {
                low = high + 1;
                high += step;
                step *= 2;
            }
            high = high.min(window.len());
        } else {
            while low > 0 && !is_below(low - 1) {
                high = low - 1;
                low = low.saturating_sub(step);
                step *= 2;
            }
            // Either the id before `low` is below the bound, or `low` itself may be.
        }
        let found =
            low + window.get(low..high).unwrap_or_default().partition_point(|id| *id < bound);
        self.at = found;
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::dictionary::{Dictionary, DictionaryBuilder};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        /// Steps, tests and ranks in any order agree with a sorted set, in memory and packed.
        #[test]
        fn a_walker_answers_like_a_sorted_set(
            ids in proptest::collection::btree_set(0u32..3000, 1..900),
            asks in proptest::collection::vec((0u32..3100, 0u8..4), 1..60),
        ) {
            let list: Vec<u32> = ids.iter().copied().collect();
            let mut builder = DictionaryBuilder::default();
            builder.add(b"x", &list);
            let bytes = builder.finish();
            let packed = Dictionary::open(&bytes, 3000).unwrap().find(b"x").unwrap();
            let mut all = Vec::new();
            Postings::Packed(packed).for_each(1000, |id| all.push(id)).unwrap();
            prop_assert!(all.iter().eq(ids.range(..1000)));
            for postings in [Postings::Slice(&list), Postings::Packed(packed)] {
                let mut walker = postings.walk();
                for (bound, what) in &asks {
                    check(&mut walker, &ids, *bound, *what)?;
                }
                prop_assert!(walker.flaw().is_none());
            }
        }
    }

    fn check(
        walker: &mut Walker<'_>,
        ids: &BTreeSet<u32>,
        bound: u32,
        what: u8,
    ) -> Result<(), TestCaseError> {
        match what {
            0 => prop_assert_eq!(walker.next_from(bound), ids.range(bound..).next().copied()),
            1 => {
                let wanted = ids.range(..=bound).next_back().copied();
                prop_assert_eq!(walker.previous_from(bound), wanted);
            }
            2 => prop_assert_eq!(walker.contains(bound), ids.contains(&bound)),
            _ => prop_assert_eq!(walker.rank(bound) as usize, ids.range(..bound).count()),
        }
        Ok(())
    }
}
