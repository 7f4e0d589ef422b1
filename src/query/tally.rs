//! Counting: how many entries match, and how many per value of a field, without reading them.
//!
//! ```text
//! one list or none    length or rank of the list, less the engine's own
//! more lists          leapfrog, as for results
//! time                zones: none -> 0 | all -> as above | some -> read those times
//! per value           a bit per match, then each term's list against the bits
//! ```
//!
//! Limit, order and cursor play no part in a count; ranges do.

use super::matcher::{Bits, Matcher, Timing, zone_range};
use super::parts::{PartView, Parts};
use super::plan::Plan;
use super::run::{parts_in, walk, with_matcher};
use super::{Order, Query};
use crate::error::Result;
use crate::format::Flaw;
use crate::format::terms::Key;
use crate::types::EventTime;
use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::time::Instant;

impl Query {
    /// Whether this time is within both bounds.
    pub(super) fn is_in_time(&self, time: &EventTime) -> bool {
        self.times().is_none_or(|(since, until)| {
            let instant = time.instant();
            since <= instant && instant <= until
        })
    }

    /// The query as counting sees it: upwards over its whole range.
    fn whole(&self) -> Self {
        Self { order: Order::Oldest, cursor: None, limit: 0, ..self.clone() }
    }

    /// Whether everything visible counts, the engine's own entries perhaps excepted.
    fn is_bare(&self) -> bool {
        self.terms().next().is_none() && self.resource_prefix.is_none() && self.times().is_none()
    }
}

/// How many entries match. Limit, order and cursor are ignored.
///
/// # Errors
/// [`crate::error::ErrorKind::Corrupt`] when an index is damaged; whatever reading answers.
pub(super) fn count(parts: &dyn Parts, query: &Query) -> Result<(u64, Plan)> {
    let start = Instant::now();
    let query = query.whole();
    if query.verified {
        let (plan, _) = walk(parts, &query, &mut |_| Ok(ControlFlow::Continue(())))?;
        return Ok((plan.matches, plan));
    }
    let (span, mut plan, mut total) = (query.from..query.to, Plan::default(), 0);
    for part in parts_in(parts, &query, &span) {
        parts.with_part(part, &mut |view| {
            with_matcher(&view, &query, &span, &mut plan, &mut |matcher, plan| {
                let range = view.locals(&span);
                total += tally(&view, &query, matcher, range, plan, &mut None)?;
                Ok(())
            })
        })?;
    }
    plan.matches = total;
    plan.elapsed = start.elapsed();
    Ok((total, plan))
}

/// How many matching entries have each value of a field, most frequent first, then by value.
/// Entries without the field are not counted; limit, order and cursor are ignored.
///
/// # Errors
/// As [`count`].
pub(super) fn count_by(
    parts: &dyn Parts,
    query: &Query,
    key: Key,
) -> Result<(Vec<(String, u64)>, Plan)> {
    let start = Instant::now();
    let query = query.whole();
    let (span, mut plan) = (query.from..query.to, Plan::default());
    let mut counts: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    if query.verified {
        let (walked, _) = walk(parts, &query, &mut |entry| {
            if let Some(text) = entry.text(key.field()) {
                *counts.entry(text.as_bytes().to_vec()).or_default() += 1;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        return Ok((by_frequency(counts), walked));
    }
    for part in parts_in(parts, &query, &span) {
        parts.with_part(part, &mut |view| {
            with_matcher(&view, &query, &span, &mut plan, &mut |matcher, plan| {
                let range = view.locals(&span);
                if query.is_bare() {
                    let without = (!query.wants_system()).then_some(());
                    return tally_terms(&view, key, &range, without, &mut counts);
                }
                let mut bits = Some(Bits::new(view.visible));
                tally(&view, &query, matcher, range, plan, &mut bits)?;
                let bits = bits.unwrap_or_else(|| Bits::new(0));
                tally_bits(&view, key, &bits, &mut counts)
            })
        })?;
    }
    plan.matches = counts.values().sum();
    plan.elapsed = start.elapsed();
    Ok((by_frequency(counts), plan))
}

/// Most frequent first, then by value.
fn by_frequency(counts: BTreeMap<Vec<u8>, u64>) -> Vec<(String, u64)> {
    let text = |term: Vec<u8>| String::from_utf8_lossy(&term).into_owned();
    let mut counts: Vec<(String, u64)> =
        counts.into_iter().map(|(term, count)| (text(term), count)).collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts
}

/// Counts the matches in `range`, zone by zone where time is asked for. With `bits` each match is
/// entered there, so none is counted by rank.
fn tally(
    view: &PartView<'_>,
    query: &Query,
    matcher: &mut Matcher<'_>,
    range: Range<u32>,
    plan: &mut Plan,
    bits: &mut Option<Bits>,
) -> Result<u64> {
    let mut total = 0;
    let mut at = range.start;
    while at < range.end {
        let zone = match query.times() {
            None => range.clone(),
            Some(_) => at..zone_range(at).end.min(range.end),
        };
        at = zone.end;
        let timing = matcher.timing(zone.start);
        if timing == Timing::Outside {
            continue;
        }
        if timing == Timing::Inside
            && bits.is_none()
            && let Some(count) = matcher.count_by_rank(&zone)
        {
            total += count;
            continue;
        }
        let mut next = Some(zone.start);
        while let Some(candidate) = matcher.next(next).filter(|c| c.local < zone.end) {
            next = matcher.after(candidate.local);
            if !candidate.is_timed {
                plan.time_reads += 1;
                let time = (view.read_time)(candidate.local)?;
                if !time.is_some_and(|time| query.is_in_time(&time)) {
                    continue;
                }
            }
            total += 1;
            if let Some(bits) = bits {
                bits.insert(candidate.local);
            }
        }
    }
    Ok(total)
}

/// Adds up posting lengths, or ranks where the range cuts a part, less the engine's own entries.
fn tally_terms(
    view: &PartView<'_>,
    key: Key,
    range: &Range<u32>,
    without_system: Option<()>,
    counts: &mut BTreeMap<Vec<u8>, u64>,
) -> Result<()> {
    let damaged = |flaw: Flaw| view.damaged(flaw);
    let mut system = Vec::new();
    if without_system.is_some() {
        let list = view.index.system().map_err(damaged)?;
        list.for_each(range.end, |local| system.push(local)).map_err(damaged)?;
        system.retain(|local| range.contains(local));
    }
    let is_whole = range.start == 0 && range.end == view.index.len();
    let mut damage = None;
    let walked = view.index.for_each_term(key, b"", &mut |term, list| {
        let mut count = list.len();
        if !is_whole || !system.is_empty() {
            let mut walker = list.walk();
            if !is_whole {
                count = walker.rank(range.end).saturating_sub(walker.rank(range.start));
            }
            let own = system.iter().filter(|local| walker.contains(**local)).count();
            count = count.saturating_sub(u32::try_from(own).unwrap_or(u32::MAX));
            damage = damage.take().or_else(|| walker.flaw().cloned());
        }
        add(counts, term, count.into());
    });
    walked.map_err(damaged)?;
    damage.map_or(Ok(()), |flaw| Err(damaged(flaw)))
}

/// Holds each term's list against the matches.
fn tally_bits(
    view: &PartView<'_>,
    key: Key,
    bits: &Bits,
    counts: &mut BTreeMap<Vec<u8>, u64>,
) -> Result<()> {
    let damaged = |flaw: Flaw| view.damaged(flaw);
    let mut damage = None;
    let walked = view.index.for_each_term(key, b"", &mut |term, list| {
        let mut count = 0;
        let walked = list.for_each(view.visible, |local| count += u64::from(bits.contains(local)));
        if let Err(flaw) = walked {
            damage.get_or_insert(flaw);
        }
        add(counts, term, count);
    });
    walked.map_err(damaged)?;
    damage.map_or(Ok(()), |flaw| Err(damaged(flaw)))
}

fn add(counts: &mut BTreeMap<Vec<u8>, u64>, term: &[u8], count: u64) {
    if count == 0 {
        return;
    }
    match counts.get_mut(term) {
        Some(sum) => *sum += count,
        None => {
            counts.insert(term.to_vec(), count);
        }
    }
}
