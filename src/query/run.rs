//! Running a query over parts: reads what the index proposes and judges it by the entry itself.
//!
//! ```text
//! parts    | sealed | sealed | growing |       upwards or downwards, one lent at a time
//! each       Matcher proposes a local --> read --> does it match? --> give, until the limit
//! ```
//!
//! Parts outside the wanted range are not even asked for. An entry that an index proposed and that
//! does not match, where the index alone was to decide, is an error that names the index.

use super::gaps::Gaps;
use super::matcher::{Matcher, union_of_prefix};
use super::parts::{PartView, Parts};
use super::plan::Plan;
use super::{Cursor, Order, Query};
use crate::error::{Error, ErrorKind, Result};
use crate::format::stored::StoredEntry;
use crate::format::{Flaw, index_name};
use crate::index::id_key_of_text;
use crate::limits::{QUERY_BATCH_ENTRIES, QUERY_BATCH_FIRST};
use std::ops::{ControlFlow, Range};
use std::time::Instant;

/// One page of results.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page {
    /// The matches, in the order asked for.
    pub entries: Vec<StoredEntry>,
    /// Where the next page begins; `None` when there is none. A further page may be empty.
    pub next: Option<Cursor>,
    /// How they were found.
    pub plan: Plan,
}

/// Runs a query.
///
/// # Errors
/// [`ErrorKind::Invalid`] for a cursor of the opposite order; [`ErrorKind::Corrupt`] when an index
/// is damaged, names a wrong entry or hides one; whatever reading answers.
pub(super) fn run(parts: &dyn Parts, query: &Query) -> Result<Page> {
    let mut entries = Vec::new();
    let (plan, is_cut) = walk(parts, query, &mut |entry| {
        entries.push(entry);
        Ok(ControlFlow::Continue(()))
    })?;
    let last = entries.last().map(|entry: &StoredEntry| entry.index().get());
    let next = last.filter(|_| is_cut).map(|index| match query.is_backward() {
        true => Cursor::Before(index),
        false => Cursor::From(index.saturating_add(1)),
    });
    if query.order == Order::Recent && query.is_backward() {
        entries.reverse();
    }
    Ok(Page { entries, next, plan })
}

/// Runs a query and hands each match to `f`, which may stop it. Nothing is kept but with
/// [`Order::Recent`] and a limit, where the page is turned round first.
///
/// # Errors
/// As [`run`], and whatever `f` answers.
pub(super) fn for_each(
    parts: &dyn Parts,
    query: &Query,
    f: &mut dyn FnMut(StoredEntry) -> Result<ControlFlow<()>>,
) -> Result<Plan> {
    if query.order == Order::Recent && query.is_backward() {
        let page = run(parts, query)?;
        for entry in page.entries {
            if f(entry)?.is_break() {
                break;
            }
        }
        return Ok(page.plan);
    }
    walk(parts, query, f).map(|(plan, _)| plan)
}

/// The entry with this id, the latest if there are several.
///
/// # Errors
/// As [`run`].
pub(super) fn find_id(parts: &dyn Parts, entry_id: &str) -> Result<Option<StoredEntry>> {
    let key = id_key_of_text(entry_id);
    let mut found = None;
    for part in (0..parts.count()).rev() {
        parts.with_part(part, &mut |view| {
            let locals = view.index.id_candidates(key);
            for local in locals.into_iter().rev().filter(|local| *local < view.visible) {
                let entry = view.read_one(local)?;
                if entry.entry_id() == entry_id {
                    found = Some(entry);
                    break;
                }
            }
            Ok(())
        })?;
        if found.is_some() {
            break;
        }
    }
    Ok(found)
}

/// The parts that overlap `span`, in the direction of the query.
pub(super) fn parts_in(parts: &dyn Parts, query: &Query, span: &Range<u64>) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..parts.count())
        .filter(|part| {
            let range = parts.range(*part);
            range.start.max(span.start) < range.end.min(span.end)
        })
        .collect();
    if query.is_backward() {
        numbers.reverse();
    }
    numbers
}

/// Lends each part of `span` with a matcher over it.
pub(super) fn with_matcher(
    view: &PartView<'_>,
    query: &Query,
    span: &Range<u64>,
    plan: &mut Plan,
    f: &mut dyn FnMut(&mut Matcher<'_>, &mut Plan) -> Result<()>,
) -> Result<()> {
    view.check_len()?;
    let damaged = |flaw: Flaw| view.damaged(flaw);
    let prefix = query.resource_prefix.as_deref();
    let prefixed = prefix.map(|prefix| union_of_prefix(view.index, prefix, view.visible));
    let prefixed = prefixed.transpose().map_err(damaged)?;
    let range = view.locals(span);
    let matcher = Matcher::new(query, view, range, prefixed.as_deref(), plan).map_err(damaged)?;
    let Some(mut matcher) = matcher else { return Ok(()) };
    f(&mut matcher, plan)?;
    matcher.flaw().map_or(Ok(()), |flaw| Err(damaged(flaw)))
}

/// What a walk knows between two parts.
struct Walk<'q> {
    query: &'q Query,
    /// What the index is asked: where sequence numbers are counted also for the engine's own
    /// entries, which would look like gaps otherwise.
    asked: &'q Query,
    plan: Plan,
    gaps: Option<Gaps>,
    left: Option<usize>,
    is_done: bool,
}

/// Finds matches in the direction of the query; says whether the limit or `f` cut it short.
pub(super) fn walk(
    parts: &dyn Parts,
    query: &Query,
    f: &mut dyn FnMut(StoredEntry) -> Result<ControlFlow<()>>,
) -> Result<(Plan, bool)> {
    let start = Instant::now();
    let span = query.span()?;
    // Sequence numbers find what an index hides; where none is believed, there is nothing to find.
    let gaps = query.sequence().filter(|_| !query.verified).map(Gaps::new);
    let asked = match query.verified {
        true => query.unfiltered(),
        false => query.clone().system(query.system || gaps.is_some()),
    };
    let mut walk = Walk {
        query,
        asked: &asked,
        plan: Plan::default(),
        gaps,
        left: (query.limit > 0).then_some(query.limit),
        is_done: false,
    };
    let mut seen: Option<Range<u64>> = None;
    for part in parts_in(parts, query, &span) {
        let range = parts.range(part);
        if seen.is_none() && !query.is_backward() && (span.start, range.start) == (0, 0) {
            walk.gaps.iter_mut().for_each(Gaps::begin);
        }
        let is_next = |seen: &Range<u64>| seen.start == range.end || seen.end == range.start;
        if !seen.as_ref().is_none_or(is_next) {
            walk.interrupt();
        }
        parts.with_part(part, &mut |view| walk.part(&view, &span, f))?;
        if walk.is_done {
            break;
        }
        seen = Some(range);
    }
    if let Some(gaps) = &mut walk.gaps {
        let is_at_beginning = seen.is_some_and(|range| range.start == 0);
        if !walk.is_done && query.is_backward() && is_at_beginning {
            gaps.see_beginning();
        }
        gaps.settle(parts)?;
    }
    walk.plan.elapsed = start.elapsed();
    Ok((walk.plan, walk.is_done))
}

impl Walk<'_> {
    fn interrupt(&mut self) {
        if let Some(gaps) = &mut self.gaps {
            gaps.interrupt();
        }
    }

    fn part(
        &mut self,
        view: &PartView<'_>,
        span: &Range<u64>,
        f: &mut dyn FnMut(StoredEntry) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let mut plan = std::mem::take(&mut self.plan);
        let asked = self.asked;
        let result = with_matcher(view, asked, span, &mut plan, &mut |matcher, plan| {
            let (mut at, mut wanted, mut failed) = (matcher.start(), Vec::new(), None);
            // Who says how many are wanted wants them; others may stop after the first.
            let mut batch = self.left.map_or(QUERY_BATCH_FIRST, |_| QUERY_BATCH_ENTRIES);
            while !self.is_done {
                // No more at once than are wanted: all but the engine's own are results.
                let most = self.left.map_or(batch, |left| left.min(batch));
                batch = (2 * batch).min(QUERY_BATCH_ENTRIES);
                while wanted.len() < most && failed.is_none() {
                    match self.next(view, matcher, &mut at, plan) {
                        Ok(Some(local)) => wanted.push(local),
                        Ok(None) => break,
                        // Those in front of it are given first.
                        Err(error) => failed = Some(error),
                    }
                }
                if wanted.is_empty() {
                    return failed.map_or(Ok(()), Err);
                }
                let entries = (view.read)(&wanted);
                plan.entry_reads += entries.len() as u64;
                wanted.drain(..entries.len().min(wanted.len()));
                for entry in entries {
                    self.give(view, entry?, plan, f)?;
                    if self.is_done {
                        break;
                    }
                }
            }
            Ok(())
        });
        self.plan = plan;
        result
    }

    /// The next entry, from `at` on, that the index proposes and that happened in time.
    fn next(
        &self,
        view: &PartView<'_>,
        matcher: &mut Matcher<'_>,
        at: &mut Option<u32>,
        plan: &mut Plan,
    ) -> Result<Option<u32>> {
        while let Some(candidate) = matcher.next(*at) {
            *at = matcher.after(candidate.local);
            if candidate.is_timed {
                return Ok(Some(candidate.local));
            }
            plan.time_reads += 1;
            let time = (view.read_time)(candidate.local)?;
            if time.is_some_and(|time| self.query.is_in_time(&time)) {
                return Ok(Some(candidate.local));
            }
        }
        *at = None;
        Ok(None)
    }

    /// Judges an entry the index proposed and hands it out.
    fn give(
        &mut self,
        view: &PartView<'_>,
        entry: StoredEntry,
        plan: &mut Plan,
        f: &mut dyn FnMut(StoredEntry) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        if !self.asked.matches(&entry) {
            return Err(Error::new(ErrorKind::Corrupt, "the index names an entry that is another")
                .at_file(index_name(view.first_index))
                .at_index(entry.index())
                .hint("delete the index file: it is built again from the segment"));
        }
        if self.query.verified && !self.query.matches(&entry) {
            return Ok(());
        }
        if let Some(gaps) = &mut self.gaps {
            gaps.see(&entry)?;
        }
        if entry.is_system() && !self.query.wants_system() {
            return Ok(());
        }
        plan.matches += 1;
        self.left = self.left.map(|left| left.saturating_sub(1));
        self.is_done = f(entry)?.is_break() || self.left == Some(0);
        Ok(())
    }
}
