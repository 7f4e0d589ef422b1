//! Joining: segments, each right in itself, held against each other and against the identity.
//!
//! Takes what came of each segment in the order of the log. Chain, tree and clock must go on where
//! the segment before ended; sequence numbers are recounted over the whole log
//! ([`super::recount`]); erased entries must be declared by later ones.

use super::erasure::{Declaration, Erased, Erasures};
use super::group::Start;
use super::recount::{self, Recount};
use super::report::{Cause, Finding};
use super::rooms::Rooms;
use super::seal::{self, Unsealed};
use super::segment::{self, Audit, Outcome, Task};
use super::walk::Tail;
use super::words::Words;
use crate::format::segment::SegmentHeader;
use crate::format::{IDENTITY_NAME, segment_name};
use crate::limits::FINDINGS_MAX;
use crate::merkle::Frontier;
use crate::types::{Hash, TreeSize};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What an erased entry takes until it is known whether a later one declares it.
pub(super) const ERASED_BYTES: usize = 4 * size_of::<Erased>() + 64;

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
    pub(super) recount: Recount,
    rooms: Rooms,
    /// Whether not all erasures are known.
    has_no_erasures: bool,
    /// Segments whose side files wait for more room, and the largest piece of each.
    pub(super) again: Vec<(u64, usize)>,
    erasures: u64,
    erased: Vec<(String, Erased)>,
    declarations: Vec<Declaration>,
    /// Roots at the sizes that were asked for.
    pub(super) roots: BTreeMap<u64, Hash>,
    pub(super) entries: u64,
    pub(super) size: u64,
    pub(super) root: Option<Hash>,
    pub(super) unvouched: u64,
    pub(super) findings: Vec<Finding>,
    /// The weight of the heaviest kept.
    heaviest: u8,
    pub(super) left_out: u64,
    pub(super) notes: Words,
    pub(super) not_covered: Words,
}

impl Joined {
    /// The empty log of an identity; both `None` when that cannot be used.
    pub(super) fn new(log_start: Option<Hash>, log_id: Option<[u8; 32]>, rooms: Rooms) -> Self {
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
            recount: Recount::new(rooms.names),
            rooms,
            has_no_erasures: false,
            again: Vec::new(),
            erasures: 0,
            erased: Vec::new(),
            declarations: Vec::new(),
            roots: BTreeMap::new(),
            entries: 0,
            size: 0,
            root: Some(crate::hash::empty_root()),
            unvouched: 0,
            findings: Vec::new(),
            heaviest: 0,
            left_out: 0,
            notes: Words::default(),
            not_covered: Words::default(),
        }
    }

    pub(super) fn report(&mut self, finding: Finding) {
        let weight = finding.cause.weight();
        let is_heaviest = weight > self.heaviest || self.findings.is_empty();
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.left_out += 1;
            // Ten thousand files that say nothing must not hide the one that proves something.
            match self.findings.last_mut() {
                Some(last) if is_heaviest => *last = finding,
                _ => {}
            }
        }
        self.heaviest = weight.max(self.heaviest);
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
        let findings = self.recount.take(task, &outcome);
        findings.into_iter().for_each(|finding| self.report(finding));
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
            self.recount.lose(task.first_index - end.index);
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
                let agents = recount::counters_of(&outcome.agents);
                let types = recount::counters_of(&outcome.types);
                let may_be_unsealed = task.is_before_last;
                let has_no_names = outcome.state.as_ref().is_some_and(|s| s.derived.has_no_names);
                match seal::compare(outcome, agents, types) {
                    Ok(_) if may_be_unsealed && has_no_names => {
                        self.report(task.left_out("what must stand in its footer"));
                    }
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
            let what = "the one before is not known, so neither is its hash";
            self.not_covered.push(format!("entry {index}: {what}"));
        }
        if state.frontier.is_none() {
            let note = format!("{name}: its roots, since entries cannot be read");
            self.not_covered.push(note);
        }
        if is_clean && state.derived.has_no_room {
            self.again.push((task.first_index, outcome.piece));
        }
        self.collect_erasures(task, state.erasures);
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

    /// Keeps erasures and declarations, unless there are more than fit.
    pub(super) fn collect_erasures(&mut self, task: &Task, found: Erasures) {
        self.erasures += found.count;
        let (erased, declarations) = (found.erased, found.declarations);
        let indices: usize = declarations.iter().map(|declared| declared.indices.len()).sum();
        let bytes = erased.len() * ERASED_BYTES
            + declarations.len() * size_of::<Declaration>()
            + indices * 2 * size_of::<u64>();
        let left = self.rooms.erasures.checked_sub(bytes).filter(|_| !found.is_cut);
        self.rooms.erasures = left.unwrap_or(0);
        if left.is_none() && !self.has_no_erasures {
            self.has_no_erasures = true;
            (self.erased, self.declarations) = (Vec::new(), Vec::new());
            self.report(task.left_out("erased entries and who declared them"));
        }
        if !self.has_no_erasures {
            let name = task.name();
            self.erased.extend(erased.into_iter().map(|erased| (name.clone(), erased)));
            self.declarations.extend(declarations);
        }
    }

    /// Takes what another pass says of the side files of a segment.
    pub(super) fn take_again(&mut self, task: &Task, outcome: Outcome) {
        if outcome.footer.is_none() {
            let what = "its side files: not checked, for it has lost its footer meanwhile";
            self.report(Finding::new(Cause::Unreadable, &task.name(), what));
        }
        let findings = outcome.state.map(|state| {
            if state.derived.has_no_room {
                self.report(task.left_out("its side files"));
            }
            state.findings
        });
        // None, unless the segment changed meanwhile: else it had not come so far.
        let findings = outcome.findings.into_iter().chain(findings.into_iter().flatten());
        findings.for_each(|finding| self.report(finding));
        self.notes.extend(outcome.notes);
        self.not_covered.extend(outcome.not_covered);
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
        self.erasures
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::first_segment;
    use super::*;
    use crate::storage::MemoryStorage;

    /// What is said of the first segment of a log, as if it began at `first_index`, behind one that
    /// ended at `end`, and how many entries may be anybody's.
    fn joined(files: &MemoryStorage, end: u64, first_index: u64) -> (Vec<Finding>, u64) {
        let mut joined = Joined::new(None, None, Rooms::without_end(1));
        joined.end.as_mut().unwrap().index = end;
        let (task, outcome) = first_segment(files);
        joined.check_join(&Task { first_index, ..task }, &outcome);
        (joined.findings, joined.recount.lost())
    }

    #[test]
    fn segments_follow_each_other_without_a_gap_and_do_not_overlap() {
        let files = super::super::tests::log();
        assert_eq!(joined(&files, 0, 0), (Vec::new(), 0));
        let (gap, lost) = joined(&files, 5, 12);
        let [finding] = gap.as_slice() else { panic!("{gap:#?}") };
        assert_eq!((finding.cause, lost), (Cause::MissingSegment, 7));
        assert_eq!(finding.file, segment_name(5));
        let (overlap, lost) = joined(&files, 5, 3);
        let [finding] = overlap.as_slice() else { panic!("{overlap:#?}") };
        assert_eq!((finding.cause, finding.offset, lost), (Cause::BadSegment, Some(56), 0));
        let shown = (finding.wanted.as_deref(), finding.found.as_deref());
        assert_eq!(shown, (Some("5"), Some("3")));
    }
}
