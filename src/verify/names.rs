//! Names: the values of one field in one segment, which entries have them, and the recount.
//!
//! ```text
//! slots: tag, number + 1      list: where its bytes end, the recount      numbers: entry by entry
//! ```
//!
//! Entries are noted one after another with the number of their name, which costs nothing per name;
//! that they are wanted name by name is seen to once, at the end. Names are put in slots by a seeded
//! hash, so that whoever chooses names cannot choose where they fall.

use std::hash::{BuildHasher, Hasher, RandomState};

/// The recount of one name in one segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occurrences {
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
            first_seq: seq,
            first_local: local,
            lost_before: lost,
            next_seq: seq.saturating_add(1),
            lost_at: lost,
        }
    }

    /// Takes the next entry; returns the number wanted and found when it has another one.
    fn next(&mut self, seq: u64, lost: u64) -> Option<(u64, u64)> {
        let (wanted, slack) = (self.next_seq, lost - self.lost_at);
        (self.next_seq, self.lost_at) = (seq.saturating_add(1), lost);
        let is_right = seq >= wanted && seq - wanted <= slack;
        (!is_right).then_some((wanted, seq))
    }
}

const SLOTS_MIN: usize = 64;

/// The names of one field.
#[derive(Debug)]
pub(super) struct Names {
    bytes: Vec<u8>,
    /// Where the bytes of each name end.
    ends: Vec<usize>,
    /// One for each name of a field that is recounted, else none.
    seen: Vec<Occurrences>,
    /// The name's number plus one, of each entry up to the last that has one; 0 is none.
    numbers: Vec<u32>,
    /// Upper half of the name's hash and its number plus one; 0 is free.
    slots: Vec<(u32, u32)>,
    seeds: [u64; 2],
}

impl Default for Names {
    fn default() -> Self {
        let seed = || RandomState::new().build_hasher().finish();
        Self {
            bytes: Vec::new(),
            ends: Vec::new(),
            seen: Vec::new(),
            numbers: Vec::new(),
            slots: Vec::new(),
            seeds: [seed(), seed()],
        }
    }
}

impl Names {
    /// Takes the next entry with the name of this number, its sequence number and how many entries
    /// of the segment were lost before it. Returns the number that was wanted when it has another
    /// one. A field is recounted for all of its names or for none.
    pub(super) fn recount(
        &mut self,
        number: usize,
        local: u32,
        (seq, lost): (u64, u64),
    ) -> Option<(u64, u64)> {
        match self.seen.get_mut(number) {
            Some(seen) => seen.next(seq, lost),
            None => {
                self.seen.push(Occurrences::first(local, seq, lost));
                None
            }
        }
    }

    /// Notes that the entry, later than all noted before, has the name with this number. Takes room
    /// for every entry up to it.
    pub(super) fn note(&mut self, number: usize, local: u32) {
        self.numbers.resize(local as usize, 0);
        self.numbers.push(u32::try_from(number + 1).unwrap_or(u32::MAX));
    }

    /// The number of a name, counted from 0 in the order in which they come.
    pub(super) fn number(&mut self, name: &[u8]) -> usize {
        let hash = hash_name(self.seeds, name);
        match self.find(hash, name) {
            Some(number) => number,
            None => self.add(hash, name),
        }
    }

    #[inline]
    fn name(&self, number: usize) -> Option<&[u8]> {
        let end = *self.ends.get(number)?;
        let start = number.checked_sub(1).and_then(|before| self.ends.get(before)).unwrap_or(&0);
        self.bytes.get(*start..end)
    }

    /// Where looking for a name begins.
    #[inline]
    fn start(hash: u64) -> usize {
        usize::try_from(hash & 0xffff_ffff).unwrap_or(0)
    }

    #[inline]
    fn find(&self, hash: u64, name: &[u8]) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = Self::start(hash) & mask;
        // Ends: a quarter of the slots at least is free.
        loop {
            let (tag, slot) = *self.slots.get(at)?;
            let number = slot.checked_sub(1)? as usize;
            let is_same = |known: &[u8]| is_same(known, name);
            if u64::from(tag) == hash >> 32 && self.name(number).is_some_and(is_same) {
                return Some(number);
            }
            at = (at + 1) & mask;
        }
    }

    fn add(&mut self, hash: u64, name: &[u8]) -> usize {
        if (self.ends.len() + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let number = self.ends.len();
        self.bytes.extend_from_slice(name);
        self.ends.push(self.bytes.len());
        self.put(hash, number);
        number
    }

    fn grow(&mut self) {
        let len = (self.slots.len() * 4).max(SLOTS_MIN);
        self.slots = vec![(0, 0); len];
        for number in 0..self.ends.len() {
            self.put(hash_name(self.seeds, self.name(number).unwrap_or_default()), number);
        }
    }

    fn put(&mut self, hash: u64, number: usize) {
        let Some(mask) = self.slots.len().checked_sub(1) else { return };
        let tag = u32::try_from(hash >> 32).unwrap_or(0);
        let number = u32::try_from(number + 1).unwrap_or(u32::MAX);
        let mut at = Self::start(hash) & mask;
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
        self.ends.len()
    }

    /// About how many bytes all of it takes.
    pub(super) fn bytes(&self) -> usize {
        let lists = self.ends.len() * size_of::<usize>()
            + self.seen.len() * size_of::<Occurrences>()
            + self.numbers.len() * size_of::<u32>();
        self.bytes.len() + lists + self.slots.len() * size_of::<(u32, u32)>()
    }

    /// Whether this is one of them.
    pub(super) fn has(&self, name: &[u8]) -> bool {
        self.find(hash_name(self.seeds, name), name).is_some()
    }

    /// Each name that was recounted, in the order in which they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &Occurrences)> {
        let name = |number| self.name(number).unwrap_or_default();
        self.seen.iter().enumerate().map(move |(number, seen)| (name(number), seen))
    }

    /// Calls `f` with each name and the entries that were noted with it, in the order of the names'
    /// bytes.
    pub(super) fn for_each_sorted(&self, mut f: impl FnMut(&[u8], &[u32])) {
        let order = self.order();
        let mut lens = vec![0usize; self.len()];
        let numbers = || self.numbers.iter().map(|number| (*number as usize).wrapping_sub(1));
        for number in numbers() {
            if let Some(len) = lens.get_mut(number) {
                *len += 1;
            }
        }
        let (mut begin, mut places) = (0, vec![0usize; self.len()]);
        for number in &order {
            if let (Some(place), Some(len)) = (places.get_mut(*number), lens.get(*number)) {
                (*place, begin) = (begin, begin + len);
            }
        }
        let mut lists = vec![0u32; begin];
        for (local, number) in (0u32..).zip(numbers()) {
            let Some(place) = places.get_mut(number) else { continue };
            if let Some(to) = lists.get_mut(*place) {
                *to = local;
            }
            *place += 1;
        }
        let mut rest = lists.as_slice();
        for number in order {
            let len = lens.get(number).copied().unwrap_or(0);
            let (list, behind) = rest.split_at(len.min(rest.len()));
            f(self.name(number).unwrap_or_default(), list);
            rest = behind;
        }
    }

    /// The numbers of the names in the order of their bytes. Most differ in the first sixteen.
    fn order(&self) -> Vec<usize> {
        let beginning = |name: &[u8]| {
            let mut first = [0u8; 16];
            first.iter_mut().zip(name).for_each(|(to, from)| *to = *from);
            u128::from_le_bytes(first).swap_bytes()
        };
        let name = |number: usize| self.name(number).unwrap_or_default();
        let mut order: Vec<(u128, usize)> =
            (0..self.len()).map(|number| (beginning(name(number)), number)).collect();
        order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| name(a.1).cmp(name(b.1))));
        order.into_iter().map(|(_, number)| number).collect()
    }

    /// Lets go of which entries have the names, which only an index needs.
    pub(super) fn drop_noted(&mut self) {
        self.numbers = Vec::new();
    }
}

/// Whether two names are the same, without a call where they are as long as most are.
#[inline]
fn is_same(a: &[u8], b: &[u8]) -> bool {
    let wide = |name: &[u8]| {
        let ends = name.first_chunk::<16>().zip(name.last_chunk::<16>());
        ends.map(|(first, last)| [u128::from_le_bytes(*first), u128::from_le_bytes(*last)])
    };
    let narrow = |name: &[u8]| {
        let ends = name.first_chunk::<8>().zip(name.last_chunk::<8>());
        ends.map(|(first, last)| [u64::from_le_bytes(*first), u64::from_le_bytes(*last)])
    };
    a.len() == b.len()
        && match a.len() {
            8..16 => narrow(a) == narrow(b),
            16..=32 => wide(a) == wide(b),
            _ => a == b,
        }
}

/// A quick hash of a few bytes: sixteen at a time are multiplied into twice the width, which is
/// folded back. What is left over is read together with bytes before it.
#[inline]
fn hash_name([seed, other]: [u64; 2], name: &[u8]) -> u64 {
    let fold = |state: u64, [a, b]: [u64; 2]| {
        let product = u128::from(state ^ a) * u128::from(other ^ b);
        let low = u64::try_from(product & u128::from(u64::MAX)).unwrap_or(0);
        low ^ u64::try_from(product >> 64).unwrap_or(0)
    };
    let wide = |bytes: &[u8; 16]| {
        let words = u128::from_le_bytes(*bytes);
        let low = u64::try_from(words & u128::from(u64::MAX)).unwrap_or(0);
        [low, u64::try_from(words >> 64).unwrap_or(0)]
    };
    let state = fold(seed, [name.len() as u64, 0]);
    let state =
        name.as_chunks::<16>().0.iter().fold(state, |state, bytes| fold(state, wide(bytes)));
    let last = match (name.last_chunk::<16>(), name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (Some(bytes), ..) => wide(bytes),
        (None, Some(first), Some(last)) => [u64::from_le_bytes(*first), u64::from_le_bytes(*last)],
        _ => [name.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0],
    };
    fold(state, last)
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
                let (local, found) = (round * 1000 + number, names.number(name.as_bytes()));
                assert_eq!(names.recount(found, local, (round.into(), 0)), None);
                names.note(found, local);
            }
        }
        assert_eq!(
            (names.len(), names.has(b"agent 7"), names.has(b"agent 8")),
            (1000, true, false)
        );
        let mut sorted = Vec::new();
        names.for_each_sorted(|name, locals| {
            assert!(locals.len() == 7 && locals.is_sorted());
            let number: u32 = std::str::from_utf8(&name[6..]).unwrap().parse().unwrap();
            assert!(locals.iter().all(|local| local % 1000 == number / 7));
            sorted.push(name.to_vec());
        });
        assert!(sorted.is_sorted() && sorted.len() == 1000);
        let known = names.number(b"agent 14");
        assert_eq!(names.recount(known, 9000, (9, 0)), Some((7, 9)));
        assert_eq!(names.iter().next().map(|(name, _)| name), Some(&b"agent 0"[..]));
        names.drop_noted();
        names.for_each_sorted(|_, locals| assert!(locals.is_empty()));
    }

    /// Entries without a name leave no trace in the lists of the others, and names that begin alike
    /// are in the order of their bytes.
    #[test]
    fn gaps_between_entries_and_names_of_every_length() {
        let text = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        let (mut names, mut local) = (Names::default(), 0);
        for len in (0..=text.len()).rev() {
            let number = names.number(&text.as_bytes()[..len]);
            local += 3;
            names.note(number, local);
        }
        let mut found = Vec::new();
        names.for_each_sorted(|name, locals| found.push((name.len(), locals.to_vec())));
        let last = u32::try_from(text.len()).unwrap() + 1;
        let wanted = (0..last).map(|len| (len as usize, vec![3 * (last - len)]));
        assert!(found.into_iter().eq(wanted));
    }

    #[test]
    fn names_that_differ_in_one_byte_are_two_and_hash_apart() {
        let seeds = [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03];
        for len in 0..50 {
            let name = vec![b'n'; len];
            assert!(is_same(&name, &name.clone()), "{len}");
            let mut others = vec![[name.as_slice(), &[0]].concat()];
            for at in 0..len {
                let mut other = name.clone();
                other[at] ^= 1;
                others.push(other);
            }
            for other in others {
                assert!(!is_same(&name, &other), "{len}");
                assert_ne!(hash_name(seeds, &name), hash_name(seeds, &other), "{len}");
            }
            let swapped = [seeds[1], seeds[0]];
            assert_ne!(hash_name(seeds, &name), hash_name(swapped, &name), "{len}");
        }
    }

    #[test]
    fn a_gap_in_the_numbers_is_as_long_as_what_was_lost_may_make_it() {
        let mut seen = Occurrences::first(3, 5, 2);
        assert_eq!((seen.first_seq, seen.first_local, seen.lost_before), (5, 3, 2));
        assert_eq!(seen.next(6, 2), None);
        assert_eq!(seen.next(8, 3), None, "one was lost: it may have had 7");
        assert_eq!(seen.next(10, 3), Some((9, 10)), "none was lost since");
        assert_eq!(seen.next(13, 4), Some((11, 13)), "one was lost, two are missing");
        assert_eq!(seen.next(13, 9), Some((14, 13)), "numbers never go back");
        assert_eq!(seen.next(u64::MAX, u64::MAX), None);
        assert_eq!((seen.next_seq, seen.lost_at), (u64::MAX, u64::MAX));
    }

    #[test]
    fn what_names_take_is_counted_to_the_byte() {
        let mut names = Names::default();
        assert_eq!(names.bytes(), 0);
        for (local, name) in [(0, "ab"), (2, "cde"), (3, "ab")] {
            let number = names.number(name.as_bytes());
            names.note(number, local);
            names.recount(number, local, (0, 0));
        }
        let (two, four) = (2 * (size_of::<usize>() + size_of::<Occurrences>()), 4 * 4);
        assert_eq!(names.bytes(), 5 + two + four + SLOTS_MIN * 8);
        assert_eq!((names.has(b"cde"), names.has(b"cd"), names.has(b"")), (true, false, false));
    }

    /// Slots never fill up, or a name that is not there would be looked for without end.
    #[test]
    fn a_quarter_of_the_slots_is_always_free() {
        let mut names = Names::default();
        for number in 0..2000u32 {
            assert_eq!(names.number(&number.to_le_bytes()), number as usize);
            let taken = names.slots.iter().filter(|slot| slot.1 != 0).count();
            assert_eq!(taken, names.len());
            let slots = names.slots.len();
            assert!(slots.is_power_of_two() && taken * 4 <= slots * 3);
            // And no more of them than growing fourfold leaves.
            assert!(slots == SLOTS_MIN || slots * 3 <= taken * 16, "{slots} for {taken}");
        }
    }
}
