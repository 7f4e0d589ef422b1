//! Groups: the entries of one group held against everything before them.
//!
//! ```text
//! frame i-1 --entry hash--> frame i --entry hash--> frame i+1        group: root, chain, lengths
//! ```
//!
//! An entry is checked with the *stored* hash of the entry before, so that damage stays where it
//! is; where the stored hash is itself what was damaged, the next entry, or the root, says so.
//! Stored hashes that agree with their entries but not with the next one are told apart by the
//! root: if it is the root of the stored hashes, the next entry was changed, else this one.
//!
//! Invariant: a hash counts only when it was recomputed. Bodies come in whole and are not kept.

use super::anchors::Anchors;
use super::derived::Derived;
use super::erasure::{Erased, Erasures};
use super::report::{Cause, Finding};
use super::stray::{self, Effort};
use crate::entry::Field;
use crate::format::Flaw;
use crate::format::frame::{FLAG_SYSTEM, FRAME_HASH_OFFSET, Form, Frame, hash_all};
use crate::format::group::{GROUP_HEADER_LEN, GroupHeader, padding};
use crate::format::meta;
use crate::format::terms::Key;
use crate::hash;
use crate::limits::{FINDINGS_MAX, TREE_SIZE_MAX};
use crate::merkle::Frontier;
use crate::types::Hash;

/// Offsets of fields in a group header that findings point at (FORMAT.md, section 5).
const FIRST_INDEX_OFFSET: u64 = 24;
const PAD_LEN_OFFSET: u64 = 36;
const CHAIN_OFFSET: u64 = 44;

/// An entry that does not hash to its stored hash.
pub(super) struct Suspect {
    pub(super) index: u64,
    pub(super) offset: u64,
    pub(super) before: Option<u64>,
    pub(super) computed: Hash,
    pub(super) stored: Hash,
    /// The entry is right after all and its stored hash is not.
    pub(super) is_hash_wrong: bool,
    /// The one before cannot be decoded, so that its stored hash may be as wrong as the rest of it.
    pub(super) is_behind_broken: bool,
}

/// Where a segment begins, from its header or from the segment before.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub(super) first_index: u64,
    pub(super) previous: Option<Hash>,
    pub(super) frontier: Option<Frontier>,
    pub(super) last_recorded_at: u64,
    pub(super) nonce: u64,
    pub(super) align: u16,
}

/// What is known of a segment after the groups so far.
pub(super) struct State {
    pub(super) name: String,
    pub(super) first_index: u64,
    pub(super) nonce: u64,
    pub(super) align: u16,
    /// Index of the next entry.
    pub(super) index: u64,
    /// Entry hash of the entry before; `None` when it cannot be known.
    pub(super) previous: Option<Hash>,
    /// What the entry before hashes to, when that is not its stored hash.
    pub(super) alternative: Option<Hash>,
    /// The tree; `None` when a leaf is not known.
    pub(super) frontier: Option<Frontier>,
    pub(super) last_recorded_at: u64,
    /// `header_crc` of the group before; `None` when it is not known.
    pub(super) chain: Option<u32>,
    pub(super) groups: u64,
    pub(super) synced_size: u64,
    /// Entries whose recomputed hash led to the tree.
    pub(super) entries: u64,
    pub(super) derived: Derived,
    pub(super) erasures: Erasures,
    pub(super) findings: Vec<Finding>,
    pub(super) left_out: u64,
    /// Entries that could not be checked because the one before is not known.
    pub(super) unchecked: Vec<u64>,
    /// No group of the segment may end beyond this index.
    pub(super) index_max: u64,
    /// Sizes at which the root is asked for, and the roots there.
    pub(super) anchors: Anchors,
    /// The last root was not that of the leaves, and nothing since was.
    pub(super) has_doubtful_root: bool,
    /// From here on leaves may be others: no root has settled it since.
    pub(super) doubtful_from: Option<u64>,
    /// The entry that was stepped over last.
    broken: Option<u64>,
    last_frame: Option<u64>,
    pub(super) leaves: Vec<Hash>,
    pub(super) suspects: Vec<Suspect>,
    effort: Effort,
}

/// A group as it was read.
pub(super) struct Group<'a> {
    /// Where its header begins in the file.
    pub(super) offset: u64,
    pub(super) first_index: u64,
    pub(super) count: u64,
    pub(super) frames: &'a [u8],
    /// Whether the body's checksum held.
    pub(super) is_sound: bool,
    /// The root it claims; `None` when its header cannot be believed.
    pub(super) root: Option<Hash>,
}

impl State {
    pub(super) fn new(name: &str, start: &Start, derived: Derived) -> Self {
        Self {
            name: name.to_owned(),
            first_index: start.first_index,
            nonce: start.nonce,
            align: start.align,
            index: start.first_index,
            previous: start.previous,
            alternative: None,
            frontier: start.frontier.clone(),
            last_recorded_at: start.last_recorded_at,
            chain: Some(0),
            groups: 0,
            synced_size: start.first_index,
            entries: 0,
            derived,
            erasures: Erasures::within(usize::MAX),
            findings: Vec::new(),
            left_out: 0,
            unchecked: Vec::new(),
            index_max: TREE_SIZE_MAX,
            anchors: Anchors::default(),
            has_doubtful_root: false,
            doubtful_from: None,
            broken: None,
            last_frame: None,
            leaves: Vec::new(),
            suspects: Vec::new(),
            effort: Effort::default(),
        }
    }

    pub(super) fn report(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.left_out += 1;
        }
    }

    pub(super) fn finding(&self, cause: Cause, message: &str, offset: u64, index: u64) -> Finding {
        Finding::new(cause, &self.name, message).at(offset).entry(index)
    }

    /// Goes on behind entries that are not there to be read.
    pub(super) fn skip_to(&mut self, index: u64) {
        if index > self.index {
            self.derived.lose(index - self.index);
            self.index = index;
            (self.previous, self.alternative, self.frontier) = (None, None, None);
        }
    }

    /// Takes a group whose header passed its checks, with its frames and padding. `is_sound` says
    /// whether their checksum held.
    pub(super) fn take(
        &mut self,
        offset: u64,
        header: &GroupHeader,
        header_crc: u32,
        body: &[u8],
        is_sound: bool,
    ) {
        let cause = if is_sound { Cause::Edited } else { Cause::BitRot };
        let before = self.findings.len();
        self.check_place(offset, header);
        self.chain = Some(header_crc);
        self.groups += 1;
        self.synced_size = self.synced_size.max(header.synced_size);
        let end_index = header.first_index.saturating_add(header.count.into());
        if header.first_index < self.index || end_index > self.index_max {
            return; // said above: its entries were read already, or there is no room for them
        }
        self.skip_to(header.first_index);
        let (frames, pad) = body.split_at(body.len().min(header.body_len as usize));
        if let Some(at) = pad.iter().position(|byte| *byte != 0) {
            let found = pad.get(at).copied().unwrap_or(0);
            let at = offset + (GROUP_HEADER_LEN + frames.len() + at) as u64;
            let finding = self.finding(cause, "padding of a group", at, header.first_index);
            self.report(finding.expected(0, found));
        }
        let group = Group {
            offset,
            first_index: header.first_index,
            count: header.count.into(),
            frames,
            is_sound,
            root: Some(header.root),
        };
        self.take_frames(&group);
        if !is_sound && self.findings.len() == before && self.left_out == 0 {
            let finding =
                self.finding(cause, "checksum of a group's body", offset + 12, self.index);
            self.report(finding.expected("the frames' own", format!("{:08x}", header.body_crc)));
        }
    }

    /// Index, chain and length of a group whose checksum held: no accident writes these wrong.
    fn check_place(&mut self, offset: u64, header: &GroupHeader) {
        let frames_len = GROUP_HEADER_LEN as u64 + u64::from(header.body_len);
        let pad_len = padding(offset, frames_len, self.align);
        let chain = self.chain.unwrap_or(header.previous_header_crc);
        let (at, what, wanted, found) = if header.first_index != self.index {
            let what = "first index of a group: entries are missing or given twice";
            (FIRST_INDEX_OFFSET, what, self.index, header.first_index)
        } else if header.previous_header_crc != chain {
            let what = "a group does not continue the one before";
            (CHAIN_OFFSET, what, chain.into(), header.previous_header_crc.into())
        } else if header.pad_len != pad_len {
            (PAD_LEN_OFFSET, "padding of a group", pad_len.into(), header.pad_len.into())
        } else if header.first_index.saturating_add(header.count.into()) > self.index_max {
            let what = "a group holds more entries than the segment";
            (FIRST_INDEX_OFFSET + 8, what, self.index_max, header.count.into())
        } else {
            return;
        };
        let finding = self.finding(Cause::Edited, what, offset + at, self.index);
        self.report(finding.expected(wanted, found));
    }

    /// Checks frames and pushes their hashes into the tree. Returns how many bytes they take.
    pub(super) fn take_frames(&mut self, group: &Group<'_>) -> usize {
        self.leaves.clear();
        self.suspects.clear();
        let end_index = group.first_index.saturating_add(group.count);
        let mut at = 0usize;
        let (mut knows_leaves, mut is_guess) = (true, false);
        while self.index < end_index {
            let rest = group.frames.get(at..).unwrap_or_default();
            match decode_some(rest, end_index - self.index) {
                Ok(frames) => {
                    let mut hashes = Vec::with_capacity(frames.len());
                    let previous = self.previous.unwrap_or_default();
                    hash_all(&frames, self.index, previous, |hash| hashes.push(hash));
                    for (frame, computed) in frames.iter().zip(hashes) {
                        self.take_frame(frame, computed, group, at);
                        at += frame.stored_len as usize;
                    }
                }
                Err(flaw) => match self.step_over(flaw, group, at, end_index) {
                    Some((next, is_known)) => {
                        at = next;
                        knows_leaves &= is_known;
                        is_guess = is_known && self.index == end_index;
                    }
                    None => {
                        self.skip_to(end_index);
                        knows_leaves = false;
                        at = group.frames.len();
                    }
                },
            }
        }
        if at != group.frames.len() && group.root.is_some() {
            let here = group.offset + (GROUP_HEADER_LEN + at) as u64;
            let finding =
                self.finding(group.cause(), "bytes after a group's frames", here, end_index);
            self.report(finding.expected(0, group.frames.len() - at));
        }
        if !knows_leaves {
            self.frontier = None;
        }
        let is_rooted = self.grow_tree(group);
        if is_guess && is_rooted != Some(true) {
            // What stood where the last hash was is no hash: the next entry is not to blame for it.
            (self.previous, self.alternative, self.frontier) = (None, None, None);
            self.anchors.forget_beyond(end_index.saturating_sub(1));
        }
        self.blame(group, is_rooted);
        at
    }

    /// Takes one frame and what it hashes to with the stored hash of the one before.
    fn take_frame(&mut self, frame: &Frame<'_>, computed: Hash, group: &Group<'_>, at: usize) {
        let (index, stored) = (self.index, frame.entry_hash);
        let offset = group.offset + (GROUP_HEADER_LEN + at) as u64;
        let before = self.last_frame.replace(offset);
        self.index += 1;
        self.leaves.push(stored);
        if self.previous.replace(stored).is_none() {
            self.derived.lose(1);
            self.unchecked.push(index);
            return;
        }
        if computed != stored && !self.follows_alternative(frame, index) {
            self.alternative = Some(computed);
            self.derived.lose(1);
            let is_hash_wrong = false;
            let is_behind_broken = self.broken.is_some_and(|broken| broken + 1 == index);
            let suspect = Suspect {
                index,
                offset,
                before,
                computed,
                stored,
                is_hash_wrong,
                is_behind_broken,
            };
            if self.suspects.len() < FINDINGS_MAX {
                self.suspects.push(suspect);
            } else {
                self.left_out += 1;
            }
            return;
        }
        self.alternative = None;
        self.entries += 1;
        self.check_entry(frame, index, offset);
        if frame.recorded_at < self.last_recorded_at {
            let finding =
                self.finding(Cause::ClockBackwards, "recorded_at goes back", offset + 16, index);
            self.report(finding.expected(self.last_recorded_at, frame.recorded_at));
        }
        self.last_recorded_at = frame.recorded_at;
    }

    /// Whether the entry was built on what the one before hashes to, and not on its stored hash:
    /// then the stored hash is what was damaged.
    fn follows_alternative(&mut self, frame: &Frame<'_>, index: u64) -> bool {
        let Some(alternative) = self.alternative.take() else { return false };
        if hash::entry(&frame.header(index, &alternative)) != frame.entry_hash {
            return false;
        }
        if let Some(suspect) = self.suspects.last_mut() {
            // Beyond the most that are kept, the last one is another entry's.
            suspect.is_hash_wrong |= suspect.index + 1 == index;
            let before_this = self.leaves.len().saturating_sub(2);
            if let Some(leaf) = self.leaves.get_mut(before_this) {
                *leaf = alternative;
            }
        }
        true
    }

    /// What a right hash does not say.
    fn check_entry(&mut self, frame: &Frame<'_>, index: u64, offset: u64) {
        let is_system = frame.flags & FLAG_SYSTEM != 0;
        if let Some(Err(flaw)) = frame.meta().map(meta::check) {
            let finding = Finding::of(Cause::Edited, &self.name, flaw, offset).at(offset);
            self.report(finding.entry(index));
        }
        if is_system {
            self.check_system_entry(frame, index, offset);
        }
        if frame.form() != Form::Whole {
            self.erasures.take(Erased { index, form: frame.form(), offset });
        }
        let local = u32::try_from(index - self.first_index).unwrap_or(u32::MAX);
        let mut gaps = Vec::new();
        let has_system_type = self.derived.push(frame, local, offset, |gap| gaps.push(gap));
        if has_system_type.is_some_and(|has_it| has_it != is_system) {
            let what = "flag and event type of a system entry";
            let finding = self.finding(Cause::Edited, what, offset + 1, index);
            self.report(finding.expected("both or neither", "one of them"));
        }
        for gap in gaps {
            let (what, at) = sequence_words(gap.key);
            let finding = self.finding(Cause::OutOfSequence, what, offset + at, index);
            self.report(finding.expected(gap.wanted, gap.found));
        }
    }

    /// System entries are whole for ever, and some of them declare erasures.
    fn check_system_entry(&mut self, frame: &Frame<'_>, index: u64, offset: u64) {
        if frame.form() != Form::Whole {
            let what = "a system entry must be whole";
            let finding = self.finding(Cause::UndeclaredErasure, what, offset, index);
            self.report(finding);
        }
        let encoded = frame.meta().unwrap_or_default();
        let kind = meta::find(encoded, Field::EventType).unwrap_or_default();
        if [&b"witnessmark.erasure"[..], b"witnessmark.repair"].contains(&kind) {
            let payload = frame.payload().unwrap_or_default();
            self.erasures.take_declaration(index, payload);
        }
    }

    /// Finds the frame behind one that cannot be decoded. Returns where it begins, and whether the
    /// hash of the one stepped over is known.
    fn step_over(
        &mut self,
        flaw: Flaw,
        group: &Group<'_>,
        at: usize,
        end_index: u64,
    ) -> Option<(usize, bool)> {
        let base = group.offset + (GROUP_HEADER_LEN + at) as u64;
        let finding = Finding::of(group.cause(), &self.name, flaw, base).entry(self.index);
        let broken = group.frames.get(at..).unwrap_or_default();
        let stored = broken.get(FRAME_HASH_OFFSET..).and_then(|rest| rest.first_chunk::<32>());
        let stored = stored.map(|bytes| Hash(*bytes));
        let next_index = self.index + 1;
        let next = stray::next_frame(broken, next_index, end_index, stored, &mut self.effort);
        let is_last = next_index == end_index;
        let next = next.or(is_last.then_some((broken.len(), end_index)));
        let Some((skipped, index)) = next else {
            let words = format!("{}; entries up to {end_index} cannot be read", finding.message);
            self.report(Finding { message: words, ..finding });
            return None;
        };
        let is_known = index == next_index && stored.is_some();
        let message = match index - self.index {
            1 => finding.message,
            more => format!("{}; {more} entries cannot be read", finding.message),
        };
        self.report(Finding { message, ..finding });
        self.derived.lose(index - self.index);
        self.index = index;
        self.broken = index.checked_sub(1);
        self.last_frame = Some(base);
        self.alternative = None;
        self.previous = stored.filter(|_| is_known);
        if let Some(leaf) = self.previous {
            self.leaves.push(leaf);
        }
        Some((at + skipped, is_known))
    }
}

/// Frames that are hashed together.
const FRAMES_TOGETHER: usize = 64;

/// The frames at the start of `bytes` up to the first that cannot be decoded, but not too many.
fn decode_some(bytes: &[u8], most: u64) -> std::result::Result<Vec<Frame<'_>>, Flaw> {
    let most = usize::try_from(most).map_or(FRAMES_TOGETHER, |most| most.min(FRAMES_TOGETHER));
    let mut frames = Vec::with_capacity(most);
    let mut at = 0usize;
    while frames.len() < most {
        match Frame::decode(bytes.get(at..).unwrap_or_default()) {
            Ok(frame) => {
                at += frame.stored_len as usize;
                frames.push(frame);
            }
            Err(flaw) if frames.is_empty() => return Err(flaw),
            Err(_) => break,
        }
    }
    Ok(frames)
}

impl Group<'_> {
    pub(super) fn cause(&self) -> Cause {
        if self.is_sound { Cause::Edited } else { Cause::BitRot }
    }
}

/// What a gap of this key is called, and where in the frame the number stands.
fn sequence_words(key: Key) -> (&'static str, u64) {
    use crate::format::frame::{FRAME_AGENT_SEQ_OFFSET, FRAME_TYPE_SEQ_OFFSET};
    match key {
        Key::Agent => {
            ("agent_seq is not the count of this agent's entries", FRAME_AGENT_SEQ_OFFSET)
        }
        _ => ("type_seq is not the count of this type's entries", FRAME_TYPE_SEQ_OFFSET),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first group of a log, sixty entries: what is before it, and its frames.
    fn first_group() -> (State, Vec<u8>) {
        let (header, mut bytes) = super::super::tests::first_frames();
        let start = Start {
            first_index: 0,
            previous: Some(header.previous_hash),
            frontier: Some(Frontier::new()),
            last_recorded_at: 0,
            nonce: header.nonce,
            align: header.align,
        };
        let mut end = 0;
        for _ in 0..60 {
            end += Frame::decode(&bytes[end..]).unwrap().stored_len as usize;
        }
        bytes.truncate(end);
        (State::new("x", &start, Derived::new(false, false, usize::MAX)), bytes)
    }

    fn group(frames: &[u8]) -> Group<'_> {
        Group { offset: 4096, first_index: 0, count: 60, frames, is_sound: true, root: None }
    }

    #[test]
    fn what_cannot_be_read_is_lost_and_no_more() {
        let (mut state, frames) = first_group();
        assert_eq!(state.take_frames(&group(&frames)), frames.len());
        assert_eq!((state.entries, state.derived.lost, state.findings.len()), (60, 0, 0));
        let (mut state, mut frames) = first_group();
        let second = Frame::decode(&frames).unwrap().stored_len as usize;
        frames[second] = 0;
        assert_eq!(state.take_frames(&group(&frames)), frames.len());
        assert_eq!((state.entries, state.derived.lost, state.findings.len()), (59, 1, 1));
        state.skip_to(67);
        assert_eq!((state.index, state.derived.lost), (67, 8));
        assert!(state.previous.is_none() && state.frontier.is_none());
        state.skip_to(67);
        state.skip_to(3);
        assert_eq!((state.index, state.derived.lost), (67, 8), "never back");
    }

    #[test]
    fn findings_and_suspects_have_a_bound_and_the_rest_is_counted() {
        let (mut state, frames) = first_group();
        for _ in 0..FINDINGS_MAX + 2 {
            state.report(Finding::new(Cause::Edited, "x", "an entry"));
        }
        assert_eq!((state.findings.len(), state.left_out), (FINDINGS_MAX, 2));
        let frame = Frame::decode(&frames).unwrap();
        for _ in 0..FINDINGS_MAX + 3 {
            state.take_frame(&frame, Hash::ZERO, &group(&frames), 0);
        }
        assert_eq!((state.suspects.len(), state.left_out), (FINDINGS_MAX, 5));
    }
}
