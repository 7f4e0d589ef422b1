//! Totals: how many entries each term of a key has in the first parts of a log, kept in memory.
//!
//! ```text
//! parts    | sealed | sealed | sealed | growing |
//! totals   `------ added up once ----'    its own lists are added at each question
//! ```
//!
//! A sealed part never changes, so what was added up stays true; the next one is added when it is
//! asked about. Terms are numbered by ascending bytes. A key with more terms than fit has no
//! totals, and its lists are added up each time.

use super::table::TermTable;
use super::{PartIndex, Postings};
use crate::format::Flaw;
use crate::format::terms::Key;
use crate::limits::TOTALS_BYTES_MAX;
use std::ops::Range;

/// Entries that have a term.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Total {
    /// All of them.
    pub(crate) all: u64,
    /// Those among them that the engine wrote itself.
    pub(crate) system: u64,
}

impl Total {
    /// Those that somebody asks for who wants the engine's own entries, or does not.
    pub(crate) fn of(self, wants_system: bool) -> u64 {
        if wants_system { self.all } else { self.all.saturating_sub(self.system) }
    }

    pub(crate) fn add(&mut self, more: Self) {
        self.all += more.all;
        self.system += more.system;
    }
}

/// Calls `each` with every term of `key` and how many of the locals `range` have it.
///
/// # Errors
/// A [`Flaw`] when the index file is malformed; some terms may have been passed already.
pub(crate) fn for_each_total(
    index: &dyn PartIndex,
    key: Key,
    range: &Range<u32>,
    each: &mut dyn FnMut(&[u8], Total),
) -> Result<(), Flaw> {
    let mut system = Vec::new();
    index.system()?.for_each(range.end, |local| system.push(local))?;
    system.retain(|local| range.contains(local));
    let is_whole = range.start == 0 && range.end == index.len();
    let mut damage = None;
    index.for_each_term(key, b"", &mut |term, list| match list {
        Postings::Slice(locals) => each(term, total_of(locals, range, &system)),
        Postings::Packed(_) if is_whole && system.is_empty() => {
            each(term, Total { all: list.len().into(), system: 0 });
        }
        Postings::Packed(_) => {
            let mut walker = list.walk();
            let all = match is_whole {
                true => list.len(),
                false => walker.rank(range.end).saturating_sub(walker.rank(range.start)),
            };
            let own = system.iter().filter(|local| walker.contains(**local)).count();
            if damage.is_none() {
                damage = walker.flaw().cloned();
            }
            each(term, Total { all: all.into(), system: own as u64 });
        }
    })?;
    damage.map_or(Ok(()), Err)
}

fn total_of(locals: &[u32], range: &Range<u32>, system: &[u32]) -> Total {
    let begin = match range.start {
        0 => 0,
        start => locals.partition_point(|local| *local < start),
    };
    let end = match locals.last() {
        Some(last) if *last >= range.end => locals.partition_point(|local| *local < range.end),
        _ => locals.len(),
    };
    let locals = locals.get(begin..end).unwrap_or_default();
    let own = system.iter().filter(|local| locals.binary_search(local).is_ok()).count();
    Total { all: locals.len() as u64, system: own as u64 }
}

/// The totals of a key over some parts.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    terms: TermTable<Total>,
}

impl Totals {
    /// How many terms.
    pub(crate) fn len(&self) -> usize {
        self.terms.len()
    }

    /// The number of a term.
    pub(crate) fn find(&self, term: &[u8]) -> Option<usize> {
        self.terms.find(term)
    }

    /// The term with this number, and its total.
    pub(crate) fn at(&self, number: usize) -> Option<(&[u8], Total)> {
        self.terms.at(number).map(|(term, total)| (term, *total))
    }

    /// All totals by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Total> {
        self.terms.iter().map(|(_, total)| *total)
    }

    /// How many terms are below this one.
    pub(crate) fn rank(&self, term: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.at(middle) {
                Some((other, _)) if other < term => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }
}

/// Adds up the totals of a key, part by part.
#[derive(Debug)]
pub(crate) struct Adding {
    key: Key,
    terms: TermTable<Total>,
}

impl Adding {
    /// Goes on from these totals.
    pub(crate) fn from(known: &Totals, key: Key) -> Self {
        Self { key, terms: known.terms.clone() }
    }

    /// Adds all entries of a part. `false` when the terms have become more than fit.
    ///
    /// # Errors
    /// As [`for_each_total`].
    pub(crate) fn part(&mut self, index: &dyn PartIndex) -> Result<bool, Flaw> {
        let terms = &mut self.terms;
        for_each_total(index, self.key, &(0..index.len()), &mut |term, more| {
            if terms.memory() <= TOTALS_BYTES_MAX {
                terms.put(term, || more, |total| total.add(more));
            }
        })?;
        Ok(self.terms.memory() <= TOTALS_BYTES_MAX)
    }

    /// The totals of all parts that were added.
    pub(crate) fn finish(self) -> Totals {
        let mut terms = TermTable::with_capacity(self.terms.len(), self.terms.bytes_len());
        for (term, total) in self.terms.sorted() {
            terms.put(term, || *total, |_| ());
        }
        Totals { terms }
    }
}
