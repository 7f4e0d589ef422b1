//! Matching inside one part: the entries that the index says a query wants.
//!
//! ```text
//! driver   rarest list  3 . . 9 . . . 14 . . 20        proposes
//! others   each list    . . . 9 . 12 .  . . . 20        agrees, or names its own next id
//! zones    time         |  outside  |  inside | partly  steps over 128 entries at once
//! ```
//!
//! Lists leapfrog: whichever is ahead names the next candidate, so the cost is that of the rarest.
//! A zone says of its entries that all, some or none happened in time; only for *some* has an
//! entry's own time to be read, and that is left to the caller ([`Candidate::is_timed`]).

use super::Query;
use super::parts::PartView;
use super::plan::Plan;
use crate::error::Result;
use crate::format::Flaw;
use crate::format::index_file::Zone;
use crate::format::terms::Key;
use crate::index::{PartIndex, Postings, Walker};
use crate::limits::ZONE_ENTRIES;
use std::ops::Range;

/// A set of local ids, one bit each.
#[derive(Debug)]
pub(super) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    pub(super) fn new(len: u32) -> Self {
        Self { words: vec![0; (len as usize).div_ceil(64)] }
    }

    pub(super) fn insert(&mut self, local: u32) {
        if let Some(word) = self.words.get_mut(local as usize / 64) {
            *word |= 1 << (local % 64);
        }
    }

    pub(super) fn contains(&self, local: u32) -> bool {
        self.words.get(local as usize / 64).is_some_and(|word| word >> (local % 64) & 1 == 1)
    }

    fn ascending(&self) -> Vec<u32> {
        let count: u32 = self.words.iter().map(|word| word.count_ones()).sum();
        let mut ids = Vec::with_capacity(count as usize);
        for (base, word) in (0u32..).step_by(64).zip(&self.words) {
            let mut rest = *word;
            while rest != 0 {
                ids.push(base + rest.trailing_zeros());
                rest &= rest - 1;
            }
        }
        ids
    }
}

/// The entries of a part whose resource begins with `prefix`, ascending.
pub(super) fn union_of_prefix(
    index: &dyn PartIndex,
    prefix: &str,
    bound: u32,
) -> Result<Vec<u32>, Flaw> {
    let mut bits = Bits::new(bound);
    let mut damage = None;
    index.for_each_term(Key::Resource, prefix.as_bytes(), &mut |_, list| {
        if let Err(flaw) = list.for_each(bound, |local| bits.insert(local)) {
            damage.get_or_insert(flaw);
        }
    })?;
    damage.map_or_else(|| Ok(bits.ascending()), Err)
}

/// What a zone says about a time filter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Timing {
    /// None of its entries.
    Outside,
    /// All of its entries, erased ones excepted.
    Inside,
    /// Some: each has to be looked at.
    Partly,
}

impl Timing {
    /// What a zone says about the times from the first to the second.
    fn of((since, until): ((i64, u32), (i64, u32)), zone: &Zone) -> Self {
        let (first, last) = zone.event;
        if last < since || first > until || first > last {
            Self::Outside
        } else if since <= first && last <= until {
            Self::Inside
        } else {
            Self::Partly
        }
    }
}

/// An entry that may be a match.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Candidate {
    pub(super) local: u32,
    /// Whether its time is known to be inside; otherwise it must be read.
    pub(super) is_timed: bool,
}

/// The conjunction of a query over one part.
pub(super) struct Matcher<'a> {
    index: &'a dyn PartIndex,
    /// All lists that must agree, rarest first; none when every entry is a candidate.
    lists: Vec<Walker<'a>>,
    /// Entries left out.
    without: Vec<Walker<'a>>,
    times: Option<((i64, u32), (i64, u32))>,
    range: Range<u32>,
    is_backward: bool,
}

impl<'a> Matcher<'a> {
    /// Plans a query over the locals `range` of a part. `prefixed` is the result of
    /// [`union_of_prefix`], when the query has a prefix. `None` when some list is empty.
    pub(super) fn new(
        query: &Query,
        view: &PartView<'a>,
        range: Range<u32>,
        prefixed: Option<&'a [u32]>,
        plan: &mut Plan,
    ) -> Result<Option<Self>, Flaw> {
        let times = query.times();
        let is_outside = |times| Timing::of(times, &view.index.times()) == Timing::Outside;
        if range.is_empty() || times.is_some_and(is_outside) {
            plan.empty_parts += 1;
            return Ok(None);
        }
        let mut lists: Vec<(&'static str, Postings<'a>)> = Vec::new();
        for (key, term) in query.terms() {
            lists.push((key.short_name(), view.index.postings(key, term.as_bytes())?));
        }
        if let Some(ids) = prefixed {
            lists.push((PREFIX, Postings::Slice(ids)));
        }
        if lists.iter().any(|(_, list)| list.is_empty()) {
            plan.empty_parts += 1;
            return Ok(None);
        }
        lists.sort_by_key(|(_, list)| list.len());
        match lists.split_first() {
            None => plan.drive("all entries", u64::from(range.end - range.start)),
            Some(((PREFIX, list), _)) => plan.drive(PREFIX, list.len().into()),
            Some(((name, list), _)) => plan.drive(&format!("{name} postings"), list.len().into()),
        }
        lists.iter().skip(1).for_each(|(name, _)| plan.check(name));
        let mut without = Vec::new();
        if !query.wants_system() {
            without.push(view.index.system()?.walk());
        }
        if times.is_some() {
            plan.check("time");
            without.push(view.index.erased()?.walk());
        }
        without.retain(|list| !list.is_empty());
        let lists = lists.into_iter().map(|(_, list)| list.walk()).collect();
        let is_backward = query.is_backward();
        Ok(Some(Self { index: view.index, lists, without, times, range, is_backward }))
    }

    /// Where the walk begins.
    pub(super) fn start(&self) -> Option<u32> {
        match self.is_backward {
            true => self.range.end.checked_sub(1),
            false => Some(self.range.start),
        }
    }

    /// The bound after this id in the direction of the walk.
    pub(super) fn after(&self, local: u32) -> Option<u32> {
        if self.is_backward { local.checked_sub(1) } else { local.checked_add(1) }
    }

    /// The first candidate from `at` on, in the direction of the walk.
    pub(super) fn next(&mut self, at: Option<u32>) -> Option<Candidate> {
        let mut at = at?;
        while self.range.contains(&at) {
            let is_timed = match self.timing(at) {
                Timing::Outside => {
                    let zone = zone_range(at);
                    at = self.after(if self.is_backward { zone.start } else { zone.end - 1 })?;
                    continue;
                }
                timing => timing == Timing::Inside,
            };
            let agreed = self.agree(at)?;
            if agreed != at {
                // Another place, perhaps another zone.
                at = agreed;
                continue;
            }
            if self.without.iter_mut().any(|list| list.contains(at)) {
                at = self.after(at)?;
                continue;
            }
            return Some(Candidate { local: at, is_timed });
        }
        None
    }

    /// `at` when every list has it; otherwise the next id that could be in all.
    fn agree(&mut self, at: u32) -> Option<u32> {
        for list in &mut self.lists {
            let next = match self.is_backward {
                true => list.previous_from(at)?,
                false => list.next_from(at)?,
            };
            if next != at {
                return Some(next);
            }
        }
        Some(at)
    }

    /// What the zone of `at` says about the time filter; inside when there is none.
    pub(super) fn timing(&self, at: u32) -> Timing {
        let Some(times) = self.times else { return Timing::Inside };
        self.index.zone(zone_number(at)).map_or(Timing::Partly, |zone| Timing::of(times, &zone))
    }

    /// How many entries of `range` match, from lengths and ranks alone; `None` when more than one
    /// list has to agree. Says nothing about time.
    pub(super) fn count_by_rank(&mut self, range: &Range<u32>) -> Option<u64> {
        let Self { lists, without, .. } = self;
        let ranks = |list: &mut Walker<'_>| list.rank(range.end) - list.rank(range.start);
        let found = match lists.as_mut_slice() {
            [] => range.end - range.start,
            [only] => ranks(only),
            _ => return None,
        };
        let mut left_out = 0;
        for i in 0..without.len() {
            let (before, rest) = without.split_at_mut(i);
            let list = rest.first_mut()?;
            let mut at = range.start;
            while let Some(local) = list.next_from(at).filter(|local| *local < range.end) {
                let is_candidate = lists.iter_mut().all(|list| list.contains(local));
                let is_counted = before.iter_mut().any(|list| list.contains(local));
                left_out += u32::from(is_candidate && !is_counted);
                at = local + 1;
            }
        }
        Some(found.saturating_sub(left_out).into())
    }

    /// What was damaged among the lists that were walked.
    pub(super) fn flaw(&self) -> Option<Flaw> {
        self.lists.iter().chain(&self.without).find_map(|list| list.flaw().cloned())
    }
}

const PREFIX: &str = "resource prefix";

fn zone_number(local: u32) -> u32 {
    u32::try_from(local as usize / ZONE_ENTRIES).unwrap_or(u32::MAX)
}

/// The locals of the zone that holds `local`.
pub(super) fn zone_range(local: u32) -> Range<u32> {
    let len = u32::try_from(ZONE_ENTRIES).unwrap_or(u32::MAX);
    let start = local - local % len;
    start..start.saturating_add(len)
}
