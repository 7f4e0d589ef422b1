//! Hash tables of numbers: 8 bytes a slot, no allocation per entry. And terms found by them.
//!
//! ```text
//! slot | tag u32: upper half of a hash | value u32 + 1; 0: free |      linear probing, 5/8 full
//! ```
//!
//! The table keeps tags and numbers; what a number stands for, and whether it is the wanted one, the
//! caller knows. Positions come from the tag times a random odd number, so that whoever chooses
//! ids or agent names cannot choose where they fall. Nothing is ever removed.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

const SLOTS_MIN: usize = 64;
/// Slots up to which a table that is full becomes four times as long.
const SLOTS_SMALL: usize = 32 << 10;

/// A random number for seeding, different in every process and table.
pub(crate) fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A multimap from 32-bit tags to numbers.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    slots: Vec<(u32, u32)>,
    used: usize,
    seed: u64,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self::with_capacity(0)
    }

    /// A table that takes so many numbers before it grows.
    fn with_capacity(numbers: usize) -> Self {
        let slots = (numbers.saturating_mul(8) / 5 + 1).next_power_of_two().max(SLOTS_MIN);
        Self { slots: vec![(0, 0); slots], used: 0, seed: random_seed() | 1 }
    }

    fn start(&self, tag: u32) -> usize {
        let mixed = u64::from(tag).wrapping_mul(self.seed) >> 32;
        mixed as usize & (self.slots.len() - 1)
    }

    /// The numbers with this tag that `is` accepts, until it returns true.
    #[inline]
    pub(crate) fn find(&self, tag: u32, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut at = self.start(tag);
        // Ends: the table is never full.
        while let Some(&(slot_tag, slot)) = self.slots.get(at) {
            let value = slot.checked_sub(1)?;
            if slot_tag == tag && is(value) {
                return Some(value);
            }
            at = (at + 1) & mask;
        }
        None
    }

    /// Adds a number; several may have the same tag.
    pub(crate) fn insert(&mut self, tag: u32, value: u32) {
        if (self.used + 1) * 8 > self.slots.len() * 5 {
            // Small tables grow faster: there is one for every key of every segment.
            let factor = if self.slots.len() < SLOTS_SMALL { 4 } else { 2 };
            let bigger = vec![(0, 0); self.slots.len() * factor];
            let old = std::mem::replace(&mut self.slots, bigger);
            for (tag, slot) in old {
                if slot != 0 {
                    self.put(tag, slot);
                }
            }
        }
        self.put(tag, value + 1);
        self.used += 1;
    }

    /// The number in the slot where looking for a tag begins, if there is one.
    #[inline]
    fn first(&self, tag: u32) -> Option<u32> {
        self.slots.get(self.start(tag)).and_then(|(_, slot)| slot.checked_sub(1))
    }

    fn put(&mut self, tag: u32, slot: u32) {
        let mask = self.slots.len() - 1;
        let mut at = self.start(tag);
        while let Some(place) = self.slots.get_mut(at) {
            if place.1 == 0 {
                *place = (tag, slot);
                return;
            }
            at = (at + 1) & mask;
        }
    }
}

#[derive(Clone, Debug)]
struct Slot<V> {
    start: usize,
    len: usize,
    value: V,
}

/// Byte strings, numbered in the order they came, each with a value.
#[derive(Clone, Debug)]
pub(crate) struct TermTable<V> {
    table: Table,
    bytes: Vec<u8>,
    terms: Vec<Slot<V>>,
    seed: u64,
}

impl<V> Default for TermTable<V> {
    fn default() -> Self {
        Self::with_capacity(0, 0)
    }
}

impl<V> TermTable<V> {
    /// A table that takes so many terms, of so many bytes together, before it grows.
    pub(crate) fn with_capacity(terms: usize, bytes: usize) -> Self {
        let (table, seed) = (Table::with_capacity(terms), random_seed());
        let (bytes, terms) = (Vec::with_capacity(bytes), Vec::with_capacity(terms));
        Self { table, bytes, terms, seed }
    }

    pub(crate) fn len(&self) -> usize {
        self.terms.len()
    }

    /// Bytes of the terms themselves.
    pub(crate) fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of memory in use.
    pub(crate) fn memory(&self) -> usize {
        self.table.slots.len() * size_of::<(u32, u32)>()
            + self.bytes.len()
            + self.terms.len() * size_of::<Slot<V>>()
    }

    #[inline]
    fn bytes_of(&self, term: &Slot<V>) -> &[u8] {
        self.bytes.get(term.start..term.start + term.len).unwrap_or_default()
    }

    #[inline]
    fn number(&self, tag: u32, wanted: &[u8]) -> Option<u32> {
        self.table.find(tag, |number| {
            self.terms.get(number as usize).is_some_and(|term| self.bytes_of(term) == wanted)
        })
    }

    /// The number of a term.
    #[inline]
    pub(crate) fn find(&self, term: &[u8]) -> Option<usize> {
        self.number(hash_bytes(self.seed, term), term).map(|number| number as usize)
    }

    /// The value of a term.
    pub(crate) fn get(&self, term: &[u8]) -> Option<&V> {
        self.terms.get(self.find(term)?).map(|slot| &slot.value)
    }

    /// The term with this number, and its value.
    pub(crate) fn at(&self, number: usize) -> Option<(&[u8], &V)> {
        self.terms.get(number).map(|slot| (self.bytes_of(slot), &slot.value))
    }

    /// All terms by number, with their values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &V)> {
        self.terms.iter().map(|slot| (self.bytes_of(slot), &slot.value))
    }

    /// All terms with their values, by ascending bytes. Compared are the sixteen bytes behind what
    /// all begin with, and the whole terms, which lie far apart, only where those are alike.
    pub(crate) fn sorted(&self) -> Vec<(&[u8], &V)> {
        let first = self.terms.first().map_or(&[][..], |term| self.bytes_of(term));
        let alike = |term: &Slot<V>| {
            first.iter().zip(self.bytes_of(term)).take_while(|(one, other)| one == other).count()
        };
        let begin = self.terms.iter().map(alike).min().unwrap_or(0);
        let key = |term: &[u8]| {
            let mut key = [0; 16];
            let rest = term.get(begin..).unwrap_or_default();
            key.iter_mut().zip(rest).for_each(|(to, byte)| *to = *byte);
            u128::from_le_bytes(key).swap_bytes()
        };
        let keyed = self.iter().map(|(term, value)| (key(term), term, value));
        let mut terms: Vec<(u128, &[u8], &V)> = keyed.collect();
        terms.sort_unstable_by(|(key, term, _), (other_key, other, _)| {
            key.cmp(other_key).then_with(|| term.cmp(other))
        });
        terms.into_iter().map(|(_, term, value)| (term, value)).collect()
    }

    /// Changes the value of a term, or gives it its first one.
    #[inline]
    pub(crate) fn put(
        &mut self,
        term: &[u8],
        first: impl FnOnce() -> V,
        change: impl FnOnce(&mut V),
    ) {
        self.put_tagged(hash_bytes(self.seed, term), term, first, change);
    }

    /// [`TermTable::put`] of each term with what goes with it. The table is larger than a cache: the
    /// slots of all are asked for before the first is looked at, then the terms these lead to.
    pub(crate) fn put_all<T: Copy>(
        &mut self,
        terms: &[(&[u8], T)],
        first: impl Fn(T) -> V,
        change: impl Fn(&mut V, T),
    ) {
        let tags: Vec<u32> = terms.iter().map(|(term, _)| hash_bytes(self.seed, term)).collect();
        let numbers: Vec<Option<u32>> = tags.iter().map(|tag| self.table.first(*tag)).collect();
        let lens = numbers.iter().flatten().map(|number| {
            let slot = self.terms.get(*number as usize);
            slot.and_then(|slot| self.bytes.get(slot.start)).map_or(0, |byte| usize::from(*byte))
        });
        std::hint::black_box(lens.fold(0, |all, len| all ^ len));
        for ((term, with), tag) in terms.iter().zip(tags) {
            self.put_tagged(tag, term, || first(*with), |value| change(value, *with));
        }
    }

    #[inline]
    fn put_tagged(
        &mut self,
        tag: u32,
        term: &[u8],
        first: impl FnOnce() -> V,
        change: impl FnOnce(&mut V),
    ) {
        let known = self.number(tag, term);
        if let Some(known) = known.and_then(|number| self.terms.get_mut(number as usize)) {
            change(&mut known.value);
            return;
        }
        let number = u32::try_from(self.terms.len()).unwrap_or(u32::MAX);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(term);
        self.terms.push(Slot { start, len: term.len(), value: first() });
        self.table.insert(tag, number);
    }
}

/// A seeded hash of short byte strings: folded multiplication over 8 bytes at a time. For tables
/// in memory only, never for anything that is stored or proved.
#[inline]
pub(crate) fn hash_bytes(seed: u64, bytes: &[u8]) -> u32 {
    let mut state = seed ^ bytes.len() as u64;
    let (chunks, rest) = bytes.as_chunks::<8>();
    for chunk in chunks {
        state = fold(state ^ u64::from_le_bytes(*chunk), MULTIPLIER);
    }
    // The last eight bytes overlap what was taken already; short strings are put in one word.
    let last = match (bytes.last_chunk::<8>(), rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        (Some(last), ..) => u64::from_le_bytes(*last),
        (None, Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
        }
        _ => rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    state = fold(state ^ last, MULTIPLIER ^ seed.rotate_left(32));
    (state >> 32) as u32
}

/// The same for a number, all 64 bits of it.
#[inline]
pub(crate) fn hash_number(seed: u64, number: u64) -> u64 {
    fold(number ^ seed, MULTIPLIER ^ seed.rotate_left(32))
}

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ (product & 0xffff_ffff_ffff_ffff) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_found_even_under_one_tag() {
        let mut table = Table::new();
        for value in 0..10_000u32 {
            table.insert(value / 3, value);
        }
        for value in 0..10_000u32 {
            assert_eq!(table.find(value / 3, |found| found == value), Some(value));
        }
        assert_eq!(table.find(1, |_| false), None);
        assert_eq!(table.find(999_999, |_| true), None);
    }

    /// A term may come twice in one batch, new or known, and the empty one is a term as well.
    #[test]
    fn terms_of_a_batch_are_put_as_one_by_one() {
        let mut seeded: TermTable<Vec<u32>> = TermTable::default();
        let mut one_by_one = seeded.clone();
        let name = |number: u32| format!("agent {}", number * number % 97);
        for batch in 0..40u32 {
            let mut names: Vec<(String, u32)> =
                (batch * 16..batch * 16 + 16).map(|number| (name(number), number)).collect();
            names.push((String::new(), batch));
            let terms: Vec<(&[u8], u32)> =
                names.iter().map(|(name, number)| (name.as_bytes(), *number)).collect();
            seeded.put_all(&terms, |number| vec![number], |list, number| list.push(number));
            for (term, number) in terms {
                one_by_one.put(term, || vec![number], |list| list.push(number));
            }
        }
        assert_eq!(seeded.len(), 50, "49 squares modulo 97, and no name");
        assert!(seeded.iter().eq(one_by_one.iter()));
        seeded.put_all(&[], |number: u32| vec![number], |_, _| ());
        assert_eq!(seeded.len(), 50);
    }

    #[test]
    fn hashes_spread_and_depend_on_the_seed() {
        let hashes: std::collections::HashSet<u32> =
            (0..10_000).map(|i| hash_bytes(7, format!("did:web:agent-{i}").as_bytes())).collect();
        assert!(hashes.len() > 9_990);
        assert_ne!(hash_bytes(1, b"agent"), hash_bytes(2, b"agent"));
        assert_ne!(hash_bytes(1, b"a"), hash_bytes(1, b"a\0"));
    }
}
