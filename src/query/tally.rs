//! Counting: how many entries match, and how many per value of a field, without reading them.
//!
//! ```text
//! one list or none    length or rank of the list, less the engine's own
//! more lists          leapfrog, as for results
//! time                zones: none -> 0 | all -> as above | some -> read those times
//! per value           a bit per match, then each term's list against the bits
//! per value, of all   totals of the sealed parts, and each term's length in the others
//! ```
//!
//! Limit, order and cursor play no part in a count; ranges do.

use super::matcher::{Bits, Matcher, Timing, zone_range};
use super::parts::{PartView, Parts};
use super::plan::Plan;
use super::run::{parts_in, walk, with_matcher};
use super::sums::Sums;
use super::{Order, Query};
use crate::error::Result;
use crate::format::Flaw;
use crate::format::terms::Key;
use crate::index::{Adding, Total, Totals, for_each_total};
use crate::sync::Arc;
use crate::types::EventTime;
use crate::view::list::Kept;
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
    if query.verified {
        let mut sums = Sums::default();
        let (walked, _) = walk(parts, &query, &mut |entry| {
            if let Some(text) = entry.text(key.field()) {
                sums.add(text.as_bytes(), 1);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        return Ok((sums.by_frequency(), walked));
    }
    let (mut sums, counted) = begin(parts, &query, key, &mut plan)?;
    for part in parts_in(parts, &query, &span).into_iter().filter(|part| *part >= counted) {
        parts.with_part(part, &mut |view| {
            with_matcher(&view, &query, &span, &mut plan, &mut |matcher, plan| {
                let range = view.locals(&span);
                if query.is_bare() {
                    return tally_terms(&view, key, &range, query.wants_system(), &mut sums);
                }
                let mut bits = Some(Bits::new(view.visible));
                tally(&view, &query, matcher, range, plan, &mut bits)?;
                let bits = bits.unwrap_or_else(|| Bits::new(0));
                tally_bits(&view, key, &bits, &mut sums)
            })
        })?;
    }
    let counts = sums.by_frequency();
    plan.matches = counts.iter().map(|(_, count)| count).sum();
    plan.elapsed = start.elapsed();
    Ok((counts, plan))
}

/// Where a count begins: with the totals of the sealed parts, and how many these are, when all of
/// their entries are counted; otherwise with nothing.
fn begin(parts: &dyn Parts, query: &Query, key: Key, plan: &mut Plan) -> Result<(Sums, usize)> {
    let sealed = parts.sealed();
    let end = sealed.checked_sub(1).map_or(0, |last| parts.range(last).end);
    if !query.is_bare() || query.from > 0 || query.to < end {
        return Ok((Sums::default(), 0));
    }
    let Some(totals) = totals(parts, key, sealed)? else { return Ok((Sums::default(), 0)) };
    for range in (0..sealed).map(|part| parts.range(part)) {
        plan.drive("totals", range.end - range.start);
    }
    Ok((Sums::of(totals, query.wants_system()), sealed))
}

/// The totals of the sealed parts: those that are kept, and those of parts that have been sealed
/// since. `None` when there are more terms than are kept.
fn totals(parts: &dyn Parts, key: Key, sealed: usize) -> Result<Option<Arc<Totals>>> {
    let (counted, known) = match parts.kept(key) {
        Kept::TooMany => return Ok(None),
        Kept::Of(counted, totals) if counted <= sealed => (counted, totals),
        Kept::Of(..) | Kept::Nothing => (0, Arc::default()),
    };
    if counted == sealed {
        return Ok(Some(known));
    }
    let mut adding = Adding::from(&known, key);
    for part in counted..sealed {
        let mut fits = true;
        parts.with_part(part, &mut |view| {
            view.check_len()?;
            fits = adding.part(view.index).map_err(|flaw| view.damaged(flaw))?;
            Ok(())
        })?;
        if !fits {
            parts.keep(key, Kept::TooMany);
            return Ok(None);
        }
    }
    let totals = Arc::new(adding.finish());
    parts.keep(key, Kept::Of(sealed, Arc::clone(&totals)));
    Ok(Some(totals))
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

/// Adds up posting lengths, or ranks where the range cuts a part.
fn tally_terms(
    view: &PartView<'_>,
    key: Key,
    range: &Range<u32>,
    wants_system: bool,
    sums: &mut Sums,
) -> Result<()> {
    let add = &mut |term: &[u8], total: Total| sums.add(term, total.of(wants_system));
    for_each_total(view.index, key, range, add).map_err(|flaw| view.damaged(flaw))
}

/// Holds each term's list against the matches.
fn tally_bits(view: &PartView<'_>, key: Key, bits: &Bits, sums: &mut Sums) -> Result<()> {
    let damaged = |flaw: Flaw| view.damaged(flaw);
    let mut damage = None;
    let walked = view.index.for_each_term(key, b"", &mut |term, list| {
        let mut count = 0;
        let walked = list.for_each(view.visible, |local| count += u64::from(bits.contains(local)));
        if let Err(flaw) = walked {
            damage.get_or_insert(flaw);
        }
        sums.add(term, count);
    });
    walked.map_err(damaged)?;
    damage.map_or(Ok(()), |flaw| Err(damaged(flaw)))
}
