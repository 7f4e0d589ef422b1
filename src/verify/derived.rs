//! Derived: what the side files and footers of a segment must say, from its frames alone.
//!
//! The same pass that checks the hashes collects terms, ids, zones and tree nodes. Index files are
//! a function of the frames, so the expected file is built and compared byte by byte. The postings
//! of agents and event types also carry the recount of the sequence numbers.
//!
//! Invariant: nothing here comes from a side file, and nothing from the room that writes them.

use crate::format::frame::{FLAG_SYSTEM, Frame};
use crate::format::index_file::{IndexBuilder, Instant, Zone};
use crate::format::side::Subject;
use crate::format::terms::{self, Key};
use crate::hash;
use crate::limits::ZONE_ENTRIES;
use crate::types::Hash;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// One name in one segment.
#[derive(Clone, Debug)]
pub(super) struct Occurrences {
    locals: Vec<u32>,
    /// Sequence number of the first entry here, where it is, and how many entries of the segment
    /// could not be attributed before it.
    pub(super) first_seq: u64,
    pub(super) first_local: u32,
    pub(super) lost_before: u64,
    /// The number the next entry must have, and what could not be attributed up to the last one.
    pub(super) next_seq: u64,
    pub(super) lost_at: u64,
}

/// Names of one key and their entries.
pub(super) type Names = HashMap<Box<[u8]>, Occurrences, Seeded>;

/// A hash for names of a few bytes: quick, and seeded, so that whoever chooses names cannot choose
/// where they fall.
#[derive(Clone, Debug)]
pub(super) struct Seeded(u64);

impl Default for Seeded {
    fn default() -> Self {
        Self(RandomState::new().build_hasher().finish() | 1)
    }
}

impl BuildHasher for Seeded {
    type Hasher = Folded;

    fn build_hasher(&self) -> Folded {
        Folded { state: self.0, factor: self.0 }
    }
}

/// Multiplies eight bytes at a time into twice the width and folds that back.
#[derive(Debug)]
pub(super) struct Folded {
    state: u64,
    factor: u64,
}

impl Folded {
    #[inline]
    fn fold(&mut self, word: u64) {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let product = u128::from(self.state ^ word) * u128::from(self.factor ^ ODD);
        let low = u64::try_from(product & u128::from(u64::MAX)).unwrap_or(0);
        self.state = low ^ u64::try_from(product >> 64).unwrap_or(0);
    }
}

impl Hasher for Folded {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.fold(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0u8; 8];
            last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            self.fold(u64::from_le_bytes(last));
        }
    }

    /// The length, which slices give before their bytes.
    #[inline]
    fn write_usize(&mut self, len: usize) {
        self.fold(len as u64);
    }

    fn finish(&self) -> u64 {
        self.state
    }
}

/// A sequence number that is not the count of the entries before.
pub(super) struct Gap {
    pub(super) key: Key,
    pub(super) wanted: u64,
    pub(super) found: u64,
}

/// What was collected from the frames of one segment so far.
#[derive(Debug, Default)]
pub(super) struct Derived {
    /// Whether an index file is to be compared: otherwise only names are counted.
    with_index: bool,
    count: u32,
    offsets: Vec<u32>,
    zones: Vec<Zone>,
    system: Vec<u32>,
    erased: Vec<u32>,
    ids: Vec<(u32, u32)>,
    names: [Names; Key::COUNT],
    /// Interior nodes in the order in which leaves complete them.
    pub(super) nodes: Vec<Hash>,
    /// Smallest and largest event time of the bodies that are left.
    pub(super) event: Option<(Instant, Instant)>,
    /// Smallest and largest `recorded_at`.
    pub(super) recorded: Option<(u64, u64)>,
    /// Entries of this segment whose names are not known: erased, or damaged.
    pub(super) lost: u64,
}

fn take(names: &mut Names, term: &[u8], local: u32, seq: Option<(u64, u64)>) -> Option<(u64, u64)> {
    let (seq, lost) = seq.unwrap_or_default();
    let Some(known) = names.get_mut(term) else {
        let first = Occurrences {
            locals: vec![local],
            first_seq: seq,
            first_local: local,
            lost_before: lost,
            next_seq: seq.saturating_add(1),
            lost_at: lost,
        };
        names.insert(term.into(), first);
        return None;
    };
    known.locals.push(local);
    let (wanted, slack) = (known.next_seq, lost - known.lost_at);
    (known.next_seq, known.lost_at) = (seq.saturating_add(1), lost);
    let is_right = seq >= wanted && seq - wanted <= slack;
    (!is_right).then_some((wanted, seq))
}

impl Derived {
    pub(super) fn new(with_index: bool) -> Self {
        Self { with_index, ..Self::default() }
    }

    /// Takes the next entry, which hashed right, and its frame's offset; calls `gap` for each
    /// sequence number that is not the one it must be. Returns whether its event type is one of the
    /// engine's own, if it has any.
    pub(super) fn push(
        &mut self,
        frame: &Frame<'_>,
        local: u32,
        offset: u64,
        mut gap: impl FnMut(Gap),
    ) -> Option<bool> {
        self.count += 1;
        let (mut event, mut has_system_type) = (None, None);
        match frame.meta() {
            None => {
                self.lost += 1;
                self.erased.push(local);
            }
            Some(meta) => {
                let (with_index, lost) = (self.with_index, self.lost);
                let names = &mut self.names;
                let facts = terms::scan(meta, |key, term| {
                    let seq = match key {
                        Key::Agent => Some((frame.agent_seq, lost)),
                        Key::Type => {
                            has_system_type = Some(term.starts_with(b"witnessmark."));
                            Some((frame.type_seq, lost))
                        }
                        _ if with_index => None,
                        _ => return,
                    };
                    let Some(names) = names.get_mut(key.slot()) else { return };
                    if let Some((wanted, found)) =
                        take(names, term, local, seq).filter(|_| seq.is_some())
                    {
                        gap(Gap { key, wanted, found });
                    }
                });
                event = facts.time.map(|time| time.instant());
                if let Some(id) = facts.id.filter(|_| with_index) {
                    let upper = u32::try_from(hash::id_key(id) >> 32).unwrap_or(u32::MAX);
                    self.ids.push((upper, local));
                }
            }
        }
        self.widen(event, frame.recorded_at);
        if self.with_index {
            self.index(frame, local, offset, event);
        }
        has_system_type
    }

    fn widen(&mut self, event: Option<Instant>, recorded: u64) {
        if let Some(event) = event {
            let (least, greatest) = self.event.unwrap_or((event, event));
            self.event = Some((least.min(event), greatest.max(event)));
        }
        let (least, greatest) = self.recorded.unwrap_or((recorded, recorded));
        self.recorded = Some((least.min(recorded), greatest.max(recorded)));
    }

    fn index(&mut self, frame: &Frame<'_>, local: u32, offset: u64, event: Option<Instant>) {
        self.offsets.push(u32::try_from(offset).unwrap_or(u32::MAX));
        if frame.flags & FLAG_SYSTEM != 0 {
            self.system.push(local);
        }
        if (local as usize).is_multiple_of(ZONE_ENTRIES) {
            self.zones.push(Zone::EMPTY);
        }
        if let Some(zone) = self.zones.last_mut() {
            zone.include(event, frame.recorded_at);
        }
    }

    /// Takes an entry whose bytes cannot be trusted.
    pub(super) fn lose(&mut self, entries: u64) {
        self.lost = self.lost.saturating_add(entries);
    }

    /// Agents and event types with their recount, leaving nothing here.
    pub(super) fn take_counted(&mut self) -> (Names, Names) {
        let mut take = |key: Key| {
            let mut names = self.names.get_mut(key.slot()).map(std::mem::take).unwrap_or_default();
            names.values_mut().for_each(|seen| seen.locals = Vec::new());
            names
        };
        (take(Key::Agent), take(Key::Type))
    }

    /// Lets go of what only an index file needs.
    pub(super) fn drop_index(&mut self) {
        (self.offsets, self.zones, self.ids) = (Vec::new(), Vec::new(), Vec::new());
        self.names = Default::default();
        self.nodes = Vec::new();
    }

    /// The bytes the segment's index file must have; `None` when not every entry was taken.
    pub(super) fn index_file(&mut self, subject: &Subject) -> Option<Vec<u8>> {
        if !self.with_index || self.count != subject.count {
            return None;
        }
        let mut builder = IndexBuilder::new();
        builder.offsets(&self.offsets);
        builder.zones(&self.zones);
        builder.lists(&self.system, &self.erased);
        self.ids.sort_unstable();
        builder.ids(&self.ids);
        for (key, names) in Key::ALL.into_iter().zip(&self.names) {
            let mut sorted: Vec<(&[u8], &[u32])> =
                names.iter().map(|(name, found)| (&**name, found.locals.as_slice())).collect();
            sorted.sort_unstable();
            for (name, locals) in sorted {
                builder.term(key, name, locals);
            }
        }
        Some(builder.finish(subject))
    }
}
