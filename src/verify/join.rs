//! Joining: segments, each right in itself, held against each other and against the identity.
//!
//! Takes what came of each segment in the order of the log. Chain, tree and clock must go on where
//! the segment before ended; sequence numbers are recounted over the whole log; erased entries must
//! be declared by later ones.
//!
//! Entries whose names are not known, erased or damaged ones, may have been anybody's: a later
//! number may be higher by as many. A gap beyond that is a finding.

use super::erasure::{Declaration, Erased};
use super::group::Start;
use super::names::{Names, Occurrences};
use super::report::{Cause, Finding};
use super::seal::{self, Unsealed};
use super::segment::{self, Audit, Outcome, Task};
use super::walk::Tail;
use crate::format::footer::{Counter, FOOTER_FIXED_LEN};
use crate::format::segment::SegmentHeader;
use crate::format::{IDENTITY_NAME, segment_name};
use crate::limits::FINDINGS_MAX;
use crate::merkle::Frontier;
use crate::types::{Hash, TreeSize};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Entries of a name so far, and how many were lost when it was last seen.
type Counts = HashMap<Box<[u8]>, (u64, u64)>;

/// Where the segment before ended.
struct End {
    index: u64,
    previous: Option<Hash>,
    frontier: Option<Frontier>,
    last_recorded_at: u64,
    /// Whether nothing was wrong there: else the last time may be that of an earlier entry.
    is_clean: bool,
}

/// The log so far.
pub(super) struct Joined {
    log_start: Option<Hash>,
    log_id: Option<[u8; 32]>,
    end: Option<End>,
    agents: Counts,
    types: Counts,
    lost: u64,
    erased: Vec<(String, Erased)>,
    declarations: Vec<Declaration>,
    /// Roots at the sizes that were asked for.
    pub(super) roots: BTreeMap<u64, Hash>,
    pub(super) entries: u64,
    pub(super) size: u64,
    pub(super) root: Option<Hash>,
    pub(super) unvouched: u64,
    pub(super) findings: Vec<Finding>,
    pub(super) left_out: u64,
    pub(super) notes: Vec<String>,
    pub(super) not_covered: Vec<String>,
}

impl Joined {
    /// The empty log of an identity; both `None` when that cannot be used.
    pub(super) fn new(log_start: Option<Hash>, log_id: Option<[u8; 32]>) -> Self {
        let end = End {
            index: 0,
            previous: log_start,
            frontier: Some(Frontier::new()),
            last_recorded_at: 0,
            is_clean: true,
        };
        Self {
            log_start,
            log_id,
            end: Some(end),
            agents: Counts::new(),
            types: Counts::new(),
            lost: 0,
            erased: Vec::new(),
            declarations: Vec::new(),
            roots: BTreeMap::new(),
            entries: 0,
            size: 0,
            root: Some(crate::hash::empty_root()),
            unvouched: 0,
            findings: Vec::new(),
            left_out: 0,
            notes: Vec::new(),
            not_covered: Vec::new(),
        }
    }

    pub(super) fn report(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.left_out += 1;
        }
    }

    /// The root that the entries give at a size that was asked for.
    pub(super) fn root_at(&self, size: TreeSize) -> Option<Hash> {
        match size.get() {
            0 => Some(crate::hash::empty_root()),
            size => self.roots.get(&size).copied(),
        }
    }

    /// Where a segment begins whose own header does not say it.
    fn start_of(&self, task: &Task) -> Start {
        let end = self.end.as_ref().filter(|end| end.index == task.first_index);
        Start {
            first_index: task.first_index,
            previous: end.and_then(|end| end.previous),
            frontier: end.and_then(|end| end.frontier.clone()),
            last_recorded_at: end.map_or(0, |end| end.last_recorded_at),
            nonce: 0,
            align: 1,
        }
    }

    /// Takes the next segment.
    pub(super) fn take(&mut self, audit: &Audit<'_>, task: &Task, mut outcome: Outcome) {
        if outcome.needs_start {
            outcome = segment::check(audit, task, Some(self.start_of(task)));
        }
        if let Some(header) = outcome.header.clone() {
            self.check_log(task, &header, &mut outcome);
        }
        self.check_join(task, &outcome);
        self.count(task, &mut outcome);
        self.check_end(audit, task, &mut outcome);
        self.collect(task, outcome);
    }

    /// Whether the segment is of this log, and the identity the one the log began with.
    fn check_log(&mut self, task: &Task, header: &SegmentHeader, outcome: &mut Outcome) {
        let name = task.name();
        if let Some(log_start) = self.log_start.filter(|_| task.first_index == 0)
            && header.previous_hash != log_start
            && header.first_index == 0
        {
            let is_other_log = self.log_id.is_some_and(|log_id| log_id != header.log_id);
            let what = "the log did not begin with this identity";
            let finding = Finding::new(Cause::BadIdentity, IDENTITY_NAME, what).entry(0);
            self.report(finding.expected(header.previous_hash, log_start));
            if is_other_log {
                self.log_id = Some(header.log_id);
            }
        }
        let log_id = *self.log_id.get_or_insert(header.log_id);
        if log_id != header.log_id {
            let finding = Finding::new(Cause::BadSegment, &name, "segment of another log").at(16);
            let finding = finding.entry(task.first_index);
            self.report(finding.expected(Hash(log_id), Hash(header.log_id)));
            outcome.is_displaced = true;
        }
    }

    fn check_join(&mut self, task: &Task, outcome: &Outcome) {
        let name = task.name();
        let Some(end) = self.end.take() else { return };
        if task.first_index > end.index {
            let missing = segment_name(end.index);
            let what = "a segment is missing before the next one";
            let finding = Finding::new(Cause::MissingSegment, &missing, what).entry(end.index);
            self.report(finding.expected(end.index, task.first_index));
            self.lost = self.lost.saturating_add(task.first_index - end.index);
            return;
        }
        let Some(header) = outcome.header.as_ref().filter(|_| !outcome.is_displaced) else {
            return;
        };
        let misfit = |what: &str, offset: u64| {
            Finding::new(Cause::BadSegment, &name, what).at(offset).entry(task.first_index)
        };
        if task.first_index < end.index {
            let finding = misfit("a segment begins before the one before it ends", 56);
            self.report(finding.expected(end.index, task.first_index));
            return;
        }
        if let Some(previous) = end.previous.filter(|p| *p != header.previous_hash)
            && task.first_index > 0
        {
            let finding = misfit("a segment does not continue the entry before", 80);
            self.report(finding.expected(previous, header.previous_hash));
        }
        if let Some(frontier) = end.frontier.filter(|f| f.hashes() != header.frontier.as_slice()) {
            let differs = frontier.hashes().iter().zip(&header.frontier).position(|(a, b)| a != b);
            let at = 128 + 32 * differs.unwrap_or(0) as u64;
            let at_begin = Frontier::from_parts(header.first_index.into(), header.frontier.clone());
            let found = segment::root_of(at_begin.ok().as_ref());
            let finding = misfit("frontier of a segment header (its root is shown)", at);
            self.report(finding.expected(frontier.root(), found));
        }
        if end.is_clean && end.last_recorded_at != header.last_recorded_at {
            let finding = misfit("time of the entry before a segment", 64);
            self.report(finding.expected(end.last_recorded_at, header.last_recorded_at));
        }
    }

    /// Recounts agents and types, and compares the counters of the footer.
    fn count(&mut self, task: &Task, outcome: &mut Outcome) {
        if outcome.is_displaced || outcome.state.is_none() {
            // Whatever it holds cannot be attributed.
            self.lost = u64::MAX;
            return;
        }
        let lost = outcome.state.as_ref().map_or(0, |state| state.derived.lost);
        let name = task.name();
        let mut findings = Vec::new();
        let mut at = outcome.data_end + FOOTER_FIXED_LEN as u64;
        let footer = outcome.footer.as_ref();
        let both = [
            ("agent", &mut self.agents, &outcome.agents, footer.map(|f| &f.agents)),
            ("event type", &mut self.types, &outcome.types, footer.map(|f| &f.types)),
        ];
        for (kind, counts, names, counters) in both {
            for (who, seen) in names.iter() {
                let known = counts.get(who).copied().unwrap_or_default();
                if let Some(wanted) = misses(known, seen, self.lost) {
                    let index = task.first_index.saturating_add(seen.first_local.into());
                    let who = String::from_utf8_lossy(who);
                    let what = format!("sequence number of {kind} {who}");
                    let finding = Finding::new(Cause::OutOfSequence, &name, what).entry(index);
                    findings.push(finding.expected(wanted, seen.first_seq));
                }
                let lost_at = self.lost.saturating_add(seen.lost_at);
                counts.insert(who.into(), (seen.next_seq, lost_at));
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
        findings.into_iter().for_each(|finding| self.report(finding));
    }

    /// Judges what follows the groups.
    fn check_end(&mut self, audit: &Audit<'_>, task: &Task, outcome: &mut Outcome) {
        let name = task.name();
        let Some(end_index) = outcome.state.as_ref().map(|state| state.index) else { return };
        let finding = |cause: Cause, what: &str, at: u64| {
            Finding::new(cause, &name, what).at(at).entry(end_index)
        };
        let at = outcome.data_end;
        let is_sealed = outcome.footer.is_some();
        match (task.next, is_sealed, &outcome.tail) {
            // A sealed segment always has a successor, and a footer is never begun before that.
            (None, true, _) | (None, false, Tail::Rest) if task.live_end.is_none() => {
                let what = "a sealed segment has no successor: one that followed is missing";
                let finding = Finding::new(Cause::MissingSegment, &segment_name(end_index), what);
                self.report(finding.entry(end_index).expected(segment_name(end_index), "no file"));
            }
            (None, false, Tail::Torn(flaw)) => {
                let finding = Finding::of(Cause::TornTail, &name, flaw.clone(), 0);
                self.report(finding.entry(end_index));
            }
            (None, ..) | (Some(_), true, _) => {}
            (Some(_), false, _) => {
                let agents = counters_of(&outcome.agents);
                let types = counters_of(&outcome.types);
                let may_be_unsealed = task.is_before_last;
                match seal::compare(outcome, agents, types) {
                    Ok(Some(Unsealed::Unfinished)) if may_be_unsealed => {
                        let note = format!("{name} has no footer yet; the next open seals it");
                        self.notes.push(note);
                    }
                    Ok(_) if may_be_unsealed && audit.is_live => {
                        self.notes.push(format!("{name} is being sealed"));
                    }
                    Ok(Some(Unsealed::Damaged { at, wanted, found })) => {
                        let finding = finding(Cause::BadSeal, "footer of a segment", at);
                        self.report(finding.expected(wanted, found));
                    }
                    Ok(_) => {
                        let finding = finding(Cause::BadSeal, "footer of a segment", at);
                        self.report(finding.expected("a footer", "none that is whole"));
                    }
                    Err(error) => {
                        self.report(Finding::new(Cause::Unreadable, &name, error.message()));
                    }
                }
            }
        }
    }

    /// Takes over findings, erasures and the end of the segment.
    fn collect(&mut self, task: &Task, outcome: Outcome) {
        let name = task.name();
        let is_clean = outcome.is_clean();
        outcome.findings.into_iter().for_each(|finding| self.report(finding));
        self.notes.extend(outcome.notes);
        self.not_covered.extend(outcome.not_covered);
        let Some(state) = outcome.state else {
            self.size = self.size.max(task.first_index);
            (self.root, self.end) = (None, None);
            return;
        };
        self.left_out += state.left_out;
        state.findings.into_iter().for_each(|finding| self.report(finding));
        self.entries += state.entries;
        for index in &state.unchecked {
            let note =
                format!("entry {index}: the one before is not known, so neither is its hash");
            self.not_covered.push(note);
        }
        if state.frontier.is_none() {
            let note = format!("{name}: its roots, since entries cannot be read");
            self.not_covered.push(note);
        }
        self.erased.extend(state.erased.into_iter().map(|erased| (name.clone(), erased)));
        self.declarations.extend(state.declarations);
        for (size, root) in state.anchors.roots {
            self.roots.entry(size).or_insert(root);
        }
        self.end = None;
        if outcome.is_displaced {
            return;
        }
        self.size = state.index;
        self.root = state.frontier.as_ref().map(Frontier::root);
        self.unvouched = state.index.saturating_sub(state.synced_size);
        self.end = Some(End {
            index: state.index,
            previous: state.previous,
            frontier: state.frontier,
            last_recorded_at: state.last_recorded_at,
            is_clean,
        });
    }

    /// Every erased entry must be declared by a later one. Returns how many were erased.
    pub(super) fn check_erasures(&mut self) -> u64 {
        let erased = std::mem::take(&mut self.erased);
        let by_index: HashMap<u64, &Erased> = erased.iter().map(|(_, e)| (e.index, e)).collect();
        let mut declared = HashSet::new();
        for declaration in std::mem::take(&mut self.declarations) {
            for index in &declaration.indices {
                if by_index.get(index).is_some_and(|erased| declaration.permits(erased)) {
                    declared.insert(*index);
                }
            }
        }
        for (name, one) in erased.iter().filter(|(_, one)| !declared.contains(&one.index)) {
            let what = "an erased entry that no later entry declares";
            let finding = Finding::new(Cause::UndeclaredErasure, name, what).at(one.offset);
            let found = format!("form {}", one.form.byte());
            self.report(finding.entry(one.index).expected("form 1", found));
        }
        erased.len() as u64
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
fn counters_of(names: &Names) -> Vec<Counter> {
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
        let (wanted, lost_at) = counts.get(name).copied().unwrap_or_default();
        let slack = lost.saturating_sub(lost_at);
        let may_be_there = names.has(name) || lost > 0;
        let fits = counter.entries >= wanted && counter.entries - wanted <= slack;
        if !may_be_there || !fits {
            let wanted = if may_be_there { wanted.to_string() } else { "no counter".to_owned() };
            wrong.push((here, counter.name.clone(), wanted, counter.entries.to_string()));
        } else if slack > 0 {
            counts.insert(name.into(), (counter.entries, lost));
        }
    }
    if seen < names.len() {
        let is_counted =
            |name: &[u8]| counters.binary_search_by(|c| c.name.as_bytes().cmp(name)).is_ok();
        let missing = names.iter().map(|(name, _)| name).find(|name| !is_counted(name));
        let who = missing.map_or_else(String::new, |name| String::from_utf8_lossy(name).into());
        wrong.push((*at, who, "a counter".to_owned(), "none".to_owned()));
    }
    wrong
}
