//! Names: the values of one field in one segment, with their entries and the recount.
//!
//! ```text
//! numbers: bytes -> number        list: bytes | local ids, sequence numbers        last: number
//! ```
//!
//! Fields repeat from entry to entry, so the name of the last one is tried before it is looked up.

use crate::sync::Arc;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// One name in one segment.
#[derive(Clone, Debug)]
pub(super) struct Occurrences {
    locals: Vec<u32>,
    /// Sequence number of the first entry here, where it is, and how many entries of the segment
    /// could not be attributed before it.
    pub(super) first_seq: u64,
    pub(super) first_local: u32,
    pub(super) lost_before: u64,
    /// The number the next entry must have, and what could not be attributed up to the last one.
    pub(super) next_seq: u64,
    pub(super) lost_at: u64,
}

impl Occurrences {
    fn first(local: u32, seq: u64, lost: u64) -> Self {
        Self {
            locals: vec![local],
            first_seq: seq,
            first_local: local,
            lost_before: lost,
            next_seq: seq.saturating_add(1),
            lost_at: lost,
        }
    }

    /// Takes the next entry; returns the number wanted and found when it has another one.
    fn next(&mut self, local: u32, seq: u64, lost: u64) -> Option<(u64, u64)> {
        self.locals.push(local);
        let (wanted, slack) = (self.next_seq, lost - self.lost_at);
        (self.next_seq, self.lost_at) = (seq.saturating_add(1), lost);
        let is_right = seq >= wanted && seq - wanted <= slack;
        (!is_right).then_some((wanted, seq))
    }
}

/// The names of one field.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<Arc<[u8]>, usize, Seeded>,
    list: Vec<(Arc<[u8]>, Occurrences)>,
    last: usize,
}

impl Names {
    /// Takes the next entry with this name, its sequence number and how many entries of the
    /// segment were lost before it. Returns the number that was wanted when it has another one.
    pub(super) fn take(
        &mut self,
        name: &[u8],
        local: u32,
        (seq, lost): (u64, u64),
    ) -> Option<(u64, u64)> {
        if let Some((last, seen)) = self.list.get_mut(self.last)
            && **last == *name
        {
            return seen.next(local, seq, lost);
        }
        if let Some(number) = self.numbers.get(name) {
            self.last = *number;
            let known = self.list.get_mut(*number);
            return known.and_then(|(_, seen)| seen.next(local, seq, lost));
        }
        let name: Arc<[u8]> = name.into();
        self.last = self.list.len();
        self.numbers.insert(Arc::clone(&name), self.last);
        self.list.push((name, Occurrences::first(local, seq, lost)));
        None
    }

    /// How many names there are.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether this is one of them.
    pub(super) fn has(&self, name: &[u8]) -> bool {
        self.numbers.contains_key(name)
    }

    /// Each name, in the order in which they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &Occurrences)> {
        self.list.iter().map(|(name, seen)| (&**name, seen))
    }

    /// Each name and its local ids, in the order of their bytes.
    pub(super) fn sorted(&self) -> Vec<(&[u8], &[u32])> {
        let mut sorted: Vec<(&[u8], &[u32])> = Vec::with_capacity(self.list.len());
        sorted.extend(self.list.iter().map(|(name, seen)| (&**name, seen.locals.as_slice())));
        sorted.sort_unstable_by_key(|(name, _)| *name);
        sorted
    }

    /// Lets go of the local ids, which only an index needs.
    pub(super) fn drop_locals(&mut self) {
        self.list.iter_mut().for_each(|(_, seen)| seen.locals = Vec::new());
    }
}

/// A hash for names of a few bytes: quick, and seeded, so that whoever chooses names cannot choose
/// where they fall.
#[derive(Clone, Debug)]
struct Seeded(u64);

impl Default for Seeded {
    fn default() -> Self {
        Self(RandomState::new().build_hasher().finish() | 1)
    }
}

impl BuildHasher for Seeded {
    type Hasher = Folded;

    fn build_hasher(&self) -> Folded {
        Folded { state: self.0, factor: self.0 }
    }
}

/// Multiplies eight bytes at a time into twice the width and folds that back.
#[derive(Debug)]
struct Folded {
    state: u64,
    factor: u64,
}

impl Folded {
    #[inline]
    fn fold(&mut self, word: u64) {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let product = u128::from(self.state ^ word) * u128::from(self.factor ^ ODD);
        let low = u64::try_from(product & u128::from(u64::MAX)).unwrap_or(0);
        self.state = low ^ u64::try_from(product >> 64).unwrap_or(0);
    }
}

impl Hasher for Folded {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.fold(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0u8; 8];
            last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            self.fold(u64::from_le_bytes(last));
        }
    }

    /// The length, which slices give before their bytes.
    #[inline]
    fn write_usize(&mut self, len: usize) {
        self.fold(len as u64);
    }

    fn finish(&self) -> u64 {
        self.state
    }
}
