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

    /// Entries that may be anybody's.
    #[cfg(test)]
    pub(super) fn lost(&self) -> u64 {
        self.lost
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

    fn seen(seq: u64, lost_before: u64) -> Occurrences {
        let (next_seq, lost_at) = (seq + 1, lost_before);
        Occurrences { first_seq: seq, first_local: 0, lost_before, next_seq, lost_at }
    }

    #[test]
    fn a_first_number_may_be_higher_by_as_many_as_were_lost_since() {
        assert_eq!(misses((5, 0), &seen(5, 0), 0), None);
        assert_eq!(misses((5, 0), &seen(6, 0), 0), Some(5));
        assert_eq!(misses((5, 0), &seen(4, 0), 9), Some(5), "never lower");
        assert_eq!(misses((5, 2), &seen(7, 1), 3), None, "three and one, but two before");
        assert_eq!(misses((5, 2), &seen(8, 1), 3), Some(5));
        assert_eq!(misses((5, 4), &seen(6, 0), 4), Some(5));
        assert_eq!(misses((5, u64::MAX), &seen(900, 0), u64::MAX), None, "nothing is known");
        assert_eq!(misses((5, 0), &seen(4, 0), u64::MAX), Some(5));
    }

    #[test]
    fn a_new_name_takes_its_bytes_and_a_place() {
        let mut counts = Counts::default();
        let mut room = COUNT_BYTES + 4;
        assert!(!counts.set(b"abcde", (1, 0), &mut room) && room == COUNT_BYTES + 4);
        assert!(counts.set(b"abcd", (1, 0), &mut room) && room == 0);
        assert!(counts.set(b"abcd", (2, 7), &mut room) && room == 0);
        assert_eq!((counts.get(b"abcd"), counts.get(b"abcde")), ((2, 7), (0, 0)));
    }

    /// Checks counters at byte 100 against two names of three and one entries, of which `lost` may
    /// have been anybody's; returns what is said and what is known of the names afterwards.
    fn checked(counters: &[(&str, u64)], lost: u64) -> (Vec<String>, Vec<(u64, u64)>) {
        let (mut names, mut counts, mut room) = (Names::default(), Counts::default(), 1 << 20);
        for (name, entries) in [("a", 3), ("bb", 1)] {
            let number = names.number(name.as_bytes());
            names.recount(number, 0, (0, 0));
            counts.set(name.as_bytes(), (entries, 0), &mut room);
        }
        let counter =
            |(name, entries): &(&str, u64)| Counter { name: (*name).to_owned(), entries: *entries };
        let counters: Vec<Counter> = counters.iter().map(counter).collect();
        let (mut at, mut said) = (100, Vec::new());
        let counted = Counted { counters: &counters, names: &names, lost };
        let has_room = counted.check(&mut counts, &mut room, &mut at, |at, who, wanted, is| {
            said.push(format!("{at} {}: {wanted}, {is}", shown(who)));
        });
        assert!(has_room);
        let len: usize = counters.iter().map(|counter| counter.name.len() + 10).sum();
        assert_eq!(at, 100 + len as u64);
        (said, ["a", "bb", "c"].map(|name| counts.get(name.as_bytes())).to_vec())
    }

    #[test]
    fn counters_are_held_against_what_was_counted() {
        let told = |counters: &[(&str, u64)], lost| checked(counters, lost).0;
        assert!(told(&[("a", 3), ("bb", 1)], 0).is_empty());
        assert_eq!(told(&[("a", 4), ("bb", 1)], 0), ["100 a: 3, 4"]);
        assert_eq!(told(&[("a", 3), ("bb", 0)], 0), ["111 bb: 1, 0"]);
        assert_eq!(told(&[("a", 3), ("bb", 1), ("c", 1)], 0), ["123 c: no counter, 1"]);
        assert_eq!(told(&[("a", 3)], 0), ["111 bb: a counter, none"]);
        assert_eq!(
            told(&[("a", 3), ("c", 1)], 0),
            ["111 c: no counter, 1", "122 bb: a counter, none"]
        );
    }

    #[test]
    fn what_was_lost_may_be_in_a_counter_and_is_known_from_then_on() {
        let (said, known) = checked(&[("a", 5), ("bb", 1), ("c", 2)], 2);
        assert!(said.is_empty(), "{said:?}");
        assert_eq!(known, [(5, 2), (1, 2), (2, 2)]);
        let (said, known) = checked(&[("a", 6), ("bb", 0), ("c", 3)], 2);
        assert_eq!(said, ["100 a: 3, 6", "111 bb: 1, 0", "123 c: 0, 3"]);
        assert_eq!(known, [(3, 0), (1, 0), (0, 0)]);
    }

    #[test]
    fn a_counter_of_a_name_that_has_no_room_ends_the_count() {
        let counters = [Counter { name: "c".to_owned(), entries: 1 }];
        let (names, mut counts, mut at) = (Names::default(), Counts::default(), 0);
        for (mut room, lost, goes_on) in
            [(COUNT_BYTES, 1, false), (COUNT_BYTES + 1, 1, true), (0, 0, true)]
        {
            let counted = Counted { counters: &counters, names: &names, lost };
            assert_eq!(counted.check(&mut counts, &mut room, &mut at, |_, _, _, _| ()), goes_on);
        }
    }

    #[test]
    fn of_a_segment_with_more_wrong_numbers_than_are_kept_the_others_are_counted() {
        let files = super::super::tests::log();
        let (task, mut outcome) = super::super::tests::first_segment(&files);
        (outcome.footer, outcome.agents) = (None, Names::default());
        for number in 0..u32::try_from(FINDINGS_MAX).unwrap() + 3 {
            let name = outcome.agents.number(&number.to_le_bytes());
            outcome.agents.recount(name, 0, (5, 0));
        }
        let mut recount = Recount::new(usize::MAX);
        for round in 1..3 {
            // In the second round its event types begin once more as well.
            let types = if round == 1 { 0 } else { outcome.types.len() };
            let before = recount.left_out;
            assert_eq!(recount.take(&task, &outcome).len(), FINDINGS_MAX);
            assert_eq!(recount.left_out, before + 3 + types as u64);
        }
    }
}
