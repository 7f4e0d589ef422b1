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

/// Entries of each name so far, and how many were lost when it was last seen.
#[derive(Default)]
struct Counts {
    names: HashMap<Box<[u8]>, (u64, u64)>,
    /// About how many bytes all of it takes.
    bytes: usize,
}

/// What a name takes beside its bytes: its place, in a table that grows by doubling, and the heap's.
const COUNT_BYTES: usize = 3 * size_of::<(Box<[u8]>, (u64, u64))>() + 32;
/// Bytes of a name that a finding shows.
const NAME_SHOWN: usize = 256;

impl Counts {
    fn get(&self, name: &[u8]) -> (u64, u64) {
        self.names.get(name).copied().unwrap_or_default()
    }

    fn set(&mut self, name: &[u8], count: (u64, u64)) {
        match self.names.get_mut(name) {
            Some(known) => *known = count,
            None => {
                self.bytes += name.len() + COUNT_BYTES;
                self.names.insert(name.into(), count);
            }
        }
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
    /// Bytes that names may take, and whether they turned out to need more.
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

    /// Goes on behind entries whose names are not known.
    pub(super) fn lose(&mut self, entries: u64) {
        self.lost = self.lost.saturating_add(entries);
    }

    /// Counts the next segment, and says what is wrong in it and in the counters of its footer.
    pub(super) fn take(&mut self, task: &Task, outcome: &Outcome) -> Vec<Finding> {
        let mut findings = Vec::new();
        let Some(state) = outcome.state.as_ref().filter(|_| !outcome.is_displaced) else {
            // Whatever it holds cannot be attributed.
            self.lost = u64::MAX;
            return findings;
        };
        if state.derived.has_no_names {
            findings.extend(self.give_up(task));
        }
        if self.is_over {
            return findings;
        }
        let lost = state.derived.lost;
        let name = task.name();
        let mut at = outcome.data_end + FOOTER_FIXED_LEN as u64;
        let footer = outcome.footer.as_ref();
        let both = [
            ("agent", &mut self.agents, &outcome.agents, footer.map(|f| &f.agents)),
            ("event type", &mut self.types, &outcome.types, footer.map(|f| &f.types)),
        ];
        for (kind, counts, names, counters) in both {
            for (who, seen) in names.iter() {
                if let Some(wanted) = misses(counts.get(who), seen, self.lost) {
                    let index = task.first_index.saturating_add(seen.first_local.into());
                    if findings.len() < FINDINGS_MAX {
                        let what = format!("sequence number of {kind} {}", shown(who));
                        let finding = Finding::new(Cause::OutOfSequence, &name, what).entry(index);
                        findings.push(finding.expected(wanted, seen.first_seq));
                    } else {
                        self.left_out += 1;
                    }
                }
                let lost_at = self.lost.saturating_add(seen.lost_at);
                counts.set(who, (seen.next_seq, lost_at));
            }
            let lost = self.lost.saturating_add(lost);
            let Some(counters) = counters else { continue };
            let wrong = check_counters(counters, names, counts, lost, &mut at);
            findings.extend(wrong.into_iter().map(|(at, what, wanted, found)| {
                let what = format!("counter of {kind} {what}");
                Finding::new(Cause::BadSeal, &name, what).at(at).expected(wanted, found)
            }));
        }
        self.lost = self.lost.saturating_add(lost);
        findings.sort_by_key(|finding| (finding.index, finding.offset));
        if self.agents.bytes.saturating_add(self.types.bytes) > self.room {
            findings.extend(self.give_up(task));
        }
        findings
    }

    /// Ends the recount, because there are more names than fit.
    fn give_up(&mut self, task: &Task) -> Option<Finding> {
        (self.agents, self.types) = (Counts::default(), Counts::default());
        let what = "the numbers of agents and event types from here to the end";
        (!std::mem::replace(&mut self.is_over, true)).then(|| task.left_out(what))
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

/// Counters that are wrong: where, whose, wanted and found. What they count is taken over where
/// names were lost, since no sequence number may be given twice.
fn check_counters(
    counters: &[Counter],
    names: &Names,
    counts: &mut Counts,
    lost: u64,
    at: &mut u64,
) -> Vec<(u64, String, String, String)> {
    let mut wrong = Vec::new();
    let mut seen = 0usize;
    for counter in counters {
        let (here, name) = (*at, counter.name.as_bytes());
        *at += (size_of::<u16>() + name.len() + size_of::<u64>()) as u64;
        seen += usize::from(names.has(name));
        let (wanted, lost_at) = counts.get(name);
        let slack = lost.saturating_sub(lost_at);
        let may_be_there = names.has(name) || lost > 0;
        let fits = counter.entries >= wanted && counter.entries - wanted <= slack;
        if !may_be_there || !fits {
            let wanted = if may_be_there { wanted.to_string() } else { "no counter".to_owned() };
            wrong.push((here, shown(name), wanted, counter.entries.to_string()));
        } else if slack > 0 {
            counts.set(name, (counter.entries, lost));
        }
    }
    if seen < names.len() {
        let is_counted =
            |name: &[u8]| counters.binary_search_by(|c| c.name.as_bytes().cmp(name)).is_ok();
        let missing = names.iter().map(|(name, _)| name).find(|name| !is_counted(name));
        let who = missing.map_or_else(String::new, shown);
        wrong.push((*at, who, "a counter".to_owned(), "none".to_owned()));
    }
    wrong
}
