//! Names: the values of one field in one segment, with their entries and the recount.
//!
//! ```text
//! slots: tag, number + 1        list: where its bytes are, local ids, sequence numbers
//! ```
//!
//! Fields repeat from entry to entry, so the name of the last one is tried before it is looked up.
//! Names are put in slots by a seeded hash, so that whoever chooses names cannot choose where they
//! fall.

use crate::format::locals::Locals;
use std::hash::{BuildHasher, Hasher, RandomState};

/// One name in one segment.
#[derive(Clone, Debug)]
pub(super) struct Occurrences {
    locals: Locals,
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
            locals: Locals::one(local),
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

#[derive(Clone, Debug)]
struct Name {
    start: usize,
    len: usize,
    seen: Occurrences,
}

const SLOTS_MIN: usize = 64;

/// The names of one field.
#[derive(Debug)]
pub(super) struct Names {
    bytes: Vec<u8>,
    list: Vec<Name>,
    /// Upper half of the name's hash and its number plus one; 0 is free.
    slots: Vec<(u32, u32)>,
    seed: u64,
    last: usize,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            list: Vec::new(),
            slots: Vec::new(),
            seed: RandomState::new().build_hasher().finish() | 1,
            last: 0,
        }
    }
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
        if self.name(self.last) != Some(name) {
            let hash = hash_name(self.seed, name);
            match self.find(hash, name) {
                Some(number) => self.last = number,
                None => {
                    self.add(hash, name, Occurrences::first(local, seq, lost));
                    return None;
                }
            }
        }
        let known = self.list.get_mut(self.last);
        known.and_then(|known| known.seen.next(local, seq, lost))
    }

    fn name(&self, number: usize) -> Option<&[u8]> {
        let Name { start, len, .. } = *self.list.get(number)?;
        self.bytes.get(start..start + len)
    }

    /// Where looking for a name begins.
    fn start(&self, hash: u64) -> usize {
        usize::try_from(hash & 0xffff_ffff).unwrap_or(0)
    }

    fn find(&self, hash: u64, name: &[u8]) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = self.start(hash) & mask;
        // Ends: a quarter of the slots at least is free.
        loop {
            let (tag, slot) = *self.slots.get(at)?;
            let number = slot.checked_sub(1)? as usize;
            if u64::from(tag) == hash >> 32 && self.name(number) == Some(name) {
                return Some(number);
            }
            at = (at + 1) & mask;
        }
    }

    fn add(&mut self, hash: u64, name: &[u8], seen: Occurrences) {
        if (self.list.len() + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        self.last = self.list.len();
        self.list.push(Name { start: self.bytes.len(), len: name.len(), seen });
        self.bytes.extend_from_slice(name);
        self.put(hash, self.list.len());
    }

    fn grow(&mut self) {
        let len = (self.slots.len() * 4).max(SLOTS_MIN);
        self.slots = vec![(0, 0); len];
        for number in 0..self.list.len() {
            let hash = hash_name(self.seed, self.name(number).unwrap_or_default());
            self.put(hash, number + 1);
        }
    }

    fn put(&mut self, hash: u64, number: usize) {
        let Some(mask) = self.slots.len().checked_sub(1) else { return };
        let tag = u32::try_from(hash >> 32).unwrap_or(0);
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let mut at = self.start(hash) & mask;
        while let Some(slot) = self.slots.get_mut(at) {
            if slot.1 == 0 {
                *slot = (tag, number);
                return;
            }
            at = (at + 1) & mask;
        }
    }

    /// How many names there are.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether this is one of them.
    pub(super) fn has(&self, name: &[u8]) -> bool {
        self.find(hash_name(self.seed, name), name).is_some()
    }

    /// Each name, in the order in which they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &Occurrences)> {
        let bytes = |name: &Name| self.bytes.get(name.start..name.start + name.len);
        self.list.iter().map(move |name| (bytes(name).unwrap_or_default(), &name.seen))
    }

    /// Each name and its local ids, in the order of their bytes.
    pub(super) fn sorted(&self) -> Vec<(&[u8], &[u32])> {
        let mut sorted: Vec<(&[u8], &[u32])> = Vec::with_capacity(self.list.len());
        sorted.extend(self.iter().map(|(name, seen)| (name, seen.locals.as_slice())));
        sorted.sort_unstable_by_key(|(name, _)| *name);
        sorted
    }

    /// Lets go of the local ids, which only an index needs.
    pub(super) fn drop_locals(&mut self) {
        self.list.iter_mut().for_each(|name| name.seen.locals = Locals::default());
    }
}

/// A quick hash of a few bytes: eight at a time are multiplied into twice the width, which is
/// folded back.
fn hash_name(seed: u64, name: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let fold = |state: u64, word: u64| {
        let product = u128::from(state ^ word) * u128::from(seed ^ ODD);
        let low = u64::try_from(product & u128::from(u64::MAX)).unwrap_or(0);
        low ^ u64::try_from(product >> 64).unwrap_or(0)
    };
    let (words, rest) = name.as_chunks::<8>();
    let state = fold(seed, name.len() as u64);
    let state = words.iter().fold(state, |state, word| fold(state, u64::from_le_bytes(*word)));
    let mut last = [0u8; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    fold(state, u64::from_le_bytes(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again_with_their_entries_and_gaps_are_seen() {
        let mut names = Names::default();
        for round in 0..7u32 {
            for number in 0..1000u32 {
                let name = format!("agent {}", number * 7);
                let missed = names.take(name.as_bytes(), round * 1000 + number, (round.into(), 0));
                assert_eq!(missed, None);
            }
        }
        assert_eq!(
            (names.len(), names.has(b"agent 7"), names.has(b"agent 8")),
            (1000, true, false)
        );
        assert!(names.sorted().iter().all(|(_, locals)| locals.len() == 7 && locals.is_sorted()));
        assert_eq!(names.take(b"agent 14", 9000, (9, 0)), Some((7, 9)));
        names.drop_locals();
        assert_eq!(names.iter().next().map(|(name, _)| name), Some(&b"agent 0"[..]));
    }
}
