//! Sums: entries per value, put together from totals that are kept and from what is added to them.
//!
//! ```text
//! totals   | a 40 | c 7 | d 12 |      numbered by value, shared, never copied
//! added    |    2 |   0 |    5 |      a number for each of them
//! fresh    b 3                        values the totals do not have
//! ```

use crate::index::{TermTable, Totals};
use crate::sync::Arc;

/// How many entries have each value.
#[derive(Debug, Default)]
pub(super) struct Sums {
    totals: Arc<Totals>,
    /// The count of each term of the totals, what was added included.
    counts: Vec<u64>,
    fresh: TermTable<u64>,
}

/// Set in the place of a value that the totals have; behind a fresh one of the same rank.
const IS_KEPT: u128 = 1 << 32;

impl Sums {
    /// Begins with totals.
    pub(super) fn of(totals: Arc<Totals>, wants_system: bool) -> Self {
        let counts = totals.iter().map(|total| total.of(wants_system)).collect();
        Self { totals, counts, fresh: TermTable::default() }
    }

    /// Adds to the count of a value.
    #[inline]
    pub(super) fn add(&mut self, term: &[u8], count: u64) {
        if count == 0 {
            return; // a value that nothing has takes no room
        }
        let kept = self.totals.find(term).and_then(|number| self.counts.get_mut(number));
        match kept {
            Some(sum) => *sum += count,
            None => self.fresh.put(term, || count, |sum| *sum += count),
        }
    }

    /// All values that were counted, most frequent first, then by value.
    pub(super) fn by_frequency(&self) -> Vec<(String, u64)> {
        // Counts from the largest down, then where the value stands among all: one number to sort.
        let key = |count: u64, place: u128| u128::from(!count) << 64 | place;
        let fresh = self.fresh.sorted();
        let mut keys = Vec::with_capacity(self.counts.len() + fresh.len());
        let kept = (0u128..).zip(&self.counts);
        keys.extend(kept.map(|(rank, count)| key(*count, rank << 33 | IS_KEPT)));
        keys.extend((0u128..).zip(&fresh).map(|(number, (term, count))| {
            key(**count, (self.totals.rank(term) as u128) << 33 | number)
        }));
        keys.sort_unstable();
        let text = |term: &[u8]| match std::str::from_utf8(term) {
            Ok(text) => text.to_owned(),
            Err(_) => String::from_utf8_lossy(term).into_owned(),
        };
        let named = |key: u128| {
            let number = (key & (IS_KEPT - 1)) as usize;
            let (term, count) = match key & IS_KEPT {
                0 => fresh.get(number).map(|(term, count)| (*term, **count))?,
                _ => {
                    let rank = ((key & 0xffff_ffff_ffff_ffff) >> 33) as usize;
                    (self.totals.at(rank)?.0, *self.counts.get(rank)?)
                }
            };
            (count > 0).then(|| (text(term), count))
        };
        let mut counts = Vec::with_capacity(keys.len());
        counts.extend(keys.into_iter().filter_map(named));
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_nothing_has_take_no_room() {
        let mut sums = Sums::default();
        for number in 0..100u64 {
            sums.add(format!("agent {}", number % 50).as_bytes(), u64::from(number == 7) * 3);
        }
        assert_eq!(sums.fresh.len(), 1);
        assert_eq!(sums.by_frequency(), [("agent 7".to_owned(), 3)]);
    }
}
