//! The recount: which number each entry of an agent, and of an event type, must have.
//!
//! Segments are counted one after another. Entries whose names are not known, erased or damaged ones,
//! may have been anybody's: a later number may be higher by as many. A gap beyond that is a finding,
//! and so is a footer that counts otherwise. Invariant: when there are more names than fit, nothing
//! further is said of any number but that it was not checked.

use super::names::{Names, Occurrences};
use super::report::{Cause, Finding};
use super::segment::{Outcome, Task};
use crate::format::footer::{Counter, FOOTER_FIXED_LEN};
use crate::limits::FINDINGS_MAX;
use std::collections::HashMap;
use std::fmt::Display;

/// Entries of each name so far, and how many were lost when it was last seen.
#[derive(Default)]
struct Counts {
    names: HashMap<Box<[u8]>, (u64, u64)>,
}

/// What a name takes beside its bytes: its place, in a table that grows by doubling, and the heap's.
const COUNT_BYTES: usize = 3 * size_of::<(Box<[u8]>, (u64, u64))>() + 32;
/// Bytes of a name that a finding shows.
const NAME_SHOWN: usize = 256;

impl Counts {
    fn get(&self, name: &[u8]) -> (u64, u64) {
        self.names.get(name).copied().unwrap_or_default()
    }

    /// Returns whether there was room for it, of which a new name takes some.
    fn set(&mut self, name: &[u8], count: (u64, u64), room: &mut usize) -> bool {
        if let Some(known) = self.names.get_mut(name) {
            *known = count;
            return true;
        }
        let Some(left) = room.checked_sub(name.len() + COUNT_BYTES) else { return false };
        *room = left;
        self.names.insert(name.into(), count);
        true
    }
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name.get(..NAME_SHOWN).unwrap_or(name)).into_owned()
}

/// What was counted so far.
pub(super) struct Recount {
    agents: Counts,
    types: Counts,
    /// Entries whose names are not known.
    lost: u64,
    /// Bytes that names may still take, and whether more were needed.
    room: usize,
    is_over: bool,
    /// Findings that were one too many.
    pub(super) left_out: u64,
}

impl Recount {
    pub(super) fn new(room: usize) -> Self {
        let (agents, types) = (Counts::default(), Counts::default());
        Self { agents, types, lost: 0, room, is_over: false, left_out: 0 }
    }

    /// Bytes that names may still take.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.room
    }

    /// Goes on behind entries whose names are not known.
    pub(super) fn lose(&mut self, entries: u64) {
        self.lost = self.lost.saturating_add(entries);
    }

    /// Counts the next segment, and says what is wrong in it and in the counters of its footer.
    pub(super) fn take(&mut self, task: &Task, outcome: &Outcome) -> Vec<Finding> {
        let Some(state) = outcome.state.as_ref().filter(|_| !outcome.is_displaced) else {
            // Whatever it holds cannot be attributed.
            self.lost = u64::MAX;
            return Vec::new();
        };
        let mut found = Found::default();
        if !self.is_over {
            let has_room = !state.derived.has_no_names
                && self.count(task, outcome, state.derived.lost, &mut found);
            found.findings.sort_by_key(|finding| (finding.index, finding.offset));
            if !has_room {
                (self.agents, self.types) = Default::default();
                self.is_over = true;
                let what = "the numbers of agents and event types from here to the end";
                found.findings.push(task.left_out(what));
            }
        }
        self.left_out += found.left_out;
        found.findings
    }

    /// Returns whether all names fitted.
    fn count(&mut self, task: &Task, outcome: &Outcome, lost: u64, found: &mut Found) -> bool {
        let (file, before) = (task.name(), self.lost);
        self.lost = before.saturating_add(lost);
        let mut at = outcome.data_end + FOOTER_FIXED_LEN as u64;
        let footer = outcome.footer.as_ref();
        let both = [
            ("agent", &mut self.agents, &outcome.agents, footer.map(|f| &f.agents)),
            ("event type", &mut self.types, &outcome.types, footer.map(|f| &f.types)),
        ];
        for (kind, counts, names, counters) in both {
            for (who, seen) in names.iter() {
                if let Some(wanted) = misses(counts.get(who), seen, before) {
                    found.push(|| {
                        let index = task.first_index.saturating_add(seen.first_local.into());
                        let what = format!("sequence number of {kind} {}", shown(who));
                        let finding = Finding::new(Cause::OutOfSequence, &file, what).entry(index);
                        finding.expected(wanted, seen.first_seq)
                    });
                }
                let lost_at = before.saturating_add(seen.lost_at);
                if !counts.set(who, (seen.next_seq, lost_at), &mut self.room) {
                    return false;
                }
            }
            let Some(counters) = counters else { continue };
            let wrong = |at: u64, who: &[u8], wanted: &dyn Display, is: &dyn Display| {
                found.push(|| {
                    let what = format!("counter of {kind} {}", shown(who));
                    Finding::new(Cause::BadSeal, &file, what).at(at).expected(wanted, is)
                });
            };
            let counted = Counted { counters, names, lost: self.lost };
            if !counted.check(counts, &mut self.room, &mut at, wrong) {
                return false;
            }
        }
        true
    }
}

/// Findings of one segment, no more of them than are kept of a log.
#[derive(Default)]
struct Found {
    findings: Vec<Finding>,
    left_out: u64,
}

impl Found {
    fn push(&mut self, finding: impl FnOnce() -> Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding());
        } else {
            self.left_out += 1;
        }
    }
}

/// The number that was wanted when a name's first entry in a segment has another one.
fn misses(known: (u64, u64), seen: &Occurrences, lost: u64) -> Option<u64> {
    let (wanted, lost_at) = known;
    let slack = lost.saturating_add(seen.lost_before).saturating_sub(lost_at);
    let is_right =
        seen.first_seq >= wanted && (lost == u64::MAX || seen.first_seq - wanted <= slack);
    (!is_right).then_some(wanted)
}

/// The counters a footer must have when nothing was lost.
pub(super) fn counters_of(names: &Names) -> Vec<Counter> {
    let mut counters = Vec::with_capacity(names.len());
    for (name, seen) in names.iter() {
        let name = String::from_utf8_lossy(name).into_owned();
        counters.push(Counter { name, entries: seen.next_seq });
    }
    counters.sort_unstable();
    counters
}

/// The counters of a footer, beside the names of its segment and the entries lost so far.
struct Counted<'a> {
    counters: &'a [Counter],
    names: &'a Names,
    lost: u64,
}

impl Counted<'_> {
    /// Calls `report` for each that is wrong: where, whose, wanted and found. What they count is
    /// taken over where names were lost, since no sequence number may be given twice. Returns
    /// whether there was room for it.
    fn check(
        &self,
        counts: &mut Counts,
        room: &mut usize,
        at: &mut u64,
        mut report: impl FnMut(u64, &[u8], &dyn Display, &dyn Display),
    ) -> bool {
        let mut seen = 0usize;
        for counter in self.counters {
            let (here, name) = (*at, counter.name.as_bytes());
            *at += (size_of::<u16>() + name.len() + size_of::<u64>()) as u64;
            seen += usize::from(self.names.has(name));
            let (wanted, lost_at) = counts.get(name);
            let slack = self.lost.saturating_sub(lost_at);
            let may_be_there = self.names.has(name) || self.lost > 0;
            let fits = counter.entries >= wanted && counter.entries - wanted <= slack;
            if !may_be_there {
                report(here, name, &"no counter", &counter.entries);
            } else if !fits {
                report(here, name, &wanted, &counter.entries);
            } else if slack > 0 && !counts.set(name, (counter.entries, self.lost), room) {
                return false;
            }
        }
        if seen < self.names.len() {
            let is_counted = |name: &[u8]| {
                self.counters.binary_search_by(|c| c.name.as_bytes().cmp(name)).is_ok()
            };
            let missing = self.names.iter().map(|(name, _)| name).find(|name| !is_counted(name));
            report(*at, missing.unwrap_or_default(), &"a counter", &"none");
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_of_a_segment_have_a_bound_and_the_rest_is_counted() {
        let mut found = Found::default();
        for _ in 0..FINDINGS_MAX + 3 {
            found.push(|| Finding::new(Cause::OutOfSequence, "x", "a number"));
        }
        assert_eq!((found.findings.len(), found.left_out), (FINDINGS_MAX, 3));
    }
}
