//! Derived: what the side files and footers of a segment must say, from its frames alone.
//!
//! The same pass that checks the hashes collects terms, ids, zones and tree nodes. Index files are
//! a function of the frames, so the expected file is built and compared byte by byte. The postings
//! of agents and event types also carry the recount of the sequence numbers.
//!
//! Invariant: nothing here comes from a side file, and nothing from the room that writes them.

use super::names::Names;
use crate::format::frame::{FLAG_SYSTEM, Frame};
use crate::format::index_file::{IndexBuilder, Instant, Zone};
use crate::format::side::Subject;
use crate::format::terms::{self, Key};
use crate::hash;
use crate::limits::ZONE_ENTRIES;

/// Ids that are hashed together.
const IDS_TOGETHER: usize = 64;

/// Entries between two looks at how much memory all of it takes.
const LOOK_EVERY: u32 = 16;

/// The half of an id key that an index stores, and the local id below it.
fn id_place(id_key: u64, local: u32) -> u64 {
    id_key & 0xffff_ffff_0000_0000 | u64::from(local)
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
    /// Whether the nodes of more than one group are kept.
    with_nodes: bool,
    /// Bytes that all of it may take, with the side files that are made of it.
    room: usize,
    /// Whether side files, and whether names, turned out not to fit.
    pub(super) has_no_room: bool,
    pub(super) has_no_names: bool,
    count: u32,
    offsets: Vec<u32>,
    zones: Vec<Zone>,
    system: Vec<u32>,
    erased: Vec<u32>,
    /// Id keys with the local id of their entry, as one number: what they are sorted by.
    ids: Vec<u64>,
    uuids: Vec<([u8; 16], u32)>,
    names: [Names; Key::COUNT],
    /// Interior nodes in the order in which leaves complete them.
    pub(super) nodes: Vec<[u8; 32]>,
    /// Smallest and largest event time of the bodies that are left.
    pub(super) event: Option<(Instant, Instant)>,
    /// Smallest and largest `recorded_at`.
    pub(super) recorded: Option<(u64, u64)>,
    /// Entries of this segment whose names are not known: erased, or damaged.
    pub(super) lost: u64,
}

impl Derived {
    /// Collects what an index must say, or nodes, if asked; names in any case.
    pub(super) fn new(with_index: bool, with_nodes: bool, room: usize) -> Self {
        Self { with_index, with_nodes, room, ..Self::default() }
    }

    /// Lets go of what does not fit: of what only side files need, then of names.
    fn fit(&mut self) {
        let names = |derived: &Self| derived.names.iter().map(Names::bytes).sum::<usize>();
        // An entry has a node; an offset and an id, here once, and twice while the sections of the
        // index that must be there are made. So have names, which are sorted for it.
        let per_entry = size_of::<[u8; 32]>() + 3 * 3 * size_of::<u32>();
        let flat = if self.with_nodes { self.count as usize * per_entry } else { 0 };
        if (self.with_index || self.with_nodes) && 3 * names(self) + flat > self.room {
            (self.with_index, self.with_nodes, self.has_no_room) = (false, false, true);
            let (agents, types) = self.take_counted();
            self.drop_index();
            self.put_counted(agents, types);
        }
        // A footer that is missing is made of them.
        if !self.with_index && 2 * names(self) > self.room {
            self.has_no_names = true;
            self.names = Default::default();
        }
    }

    fn put_counted(&mut self, agents: Names, types: Names) {
        for (key, names) in [(Key::Agent, agents), (Key::Type, types)] {
            if let Some(slot) = self.names.get_mut(key.slot()) {
                *slot = names;
            }
        }
    }

    /// Keeps no more nodes than those of one group, unless all are wanted.
    pub(super) fn begin_group(&mut self) {
        if !self.with_nodes {
            self.nodes.clear();
        }
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
        // An index has its entries without a gap; behind one, there is none to be compared.
        self.with_index &= local.checked_add(1) == Some(self.count);
        if self.room != usize::MAX && self.count.is_multiple_of(LOOK_EVERY) {
            self.fit();
        }
        let (mut event, mut has_system_type) = (None, None);
        match frame.meta() {
            None => {
                self.lost += 1;
                if self.with_index {
                    self.erased.push(local);
                }
            }
            Some(meta) => {
                let (with_index, lost) = (self.with_index, self.lost);
                let has_no_names = self.has_no_names;
                let names = &mut self.names;
                let facts = terms::scan(meta, |key, term| {
                    let seq = match key {
                        Key::Agent => Some(frame.agent_seq),
                        Key::Type => {
                            has_system_type = Some(term.starts_with(b"witnessmark."));
                            Some(frame.type_seq)
                        }
                        _ if with_index => None,
                        _ => return,
                    };
                    let Some(names) = names.get_mut(key.slot()).filter(|_| !has_no_names) else {
                        return;
                    };
                    let number = names.number(term);
                    if with_index {
                        names.note(number, local);
                    }
                    let missed = seq.and_then(|seq| names.recount(number, local, (seq, lost)));
                    if let Some((wanted, found)) = missed {
                        gap(Gap { key, wanted, found });
                    }
                });
                event = facts.time.map(|time| time.instant());
                if let Some(id) = facts.id.filter(|_| with_index) {
                    self.take_id(id, local);
                }
            }
        }
        self.widen(event, frame.recorded_at);
        if self.with_index {
            self.index(frame, local, offset, event);
        }
        has_system_type
    }

    /// Takes an id; those of sixteen bytes, as nearly all are, wait for each other to be hashed
    /// together.
    fn take_id(&mut self, id: &[u8], local: u32) {
        match <[u8; 16]>::try_from(id) {
            Ok(id) => {
                self.uuids.push((id, local));
                if self.uuids.len() == IDS_TOGETHER {
                    self.hash_ids();
                }
            }
            Err(_) => self.ids.push(id_place(hash::id_key(id), local)),
        }
    }

    fn hash_ids(&mut self) {
        let (uuids, ids) = (std::mem::take(&mut self.uuids), &mut self.ids);
        hash::id_key_all(uuids.iter().map(|(id, _)| id.as_slice()), |at, key| {
            ids.extend(uuids.get(at).map(|(_, local)| id_place(key, *local)));
        });
        self.uuids = uuids;
        self.uuids.clear();
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
            names.drop_noted();
            names
        };
        (take(Key::Agent), take(Key::Type))
    }

    /// Lets go of what only an index file needs.
    pub(super) fn drop_index(&mut self) {
        (self.offsets, self.zones, self.ids) = (Vec::new(), Vec::new(), Vec::new());
        (self.system, self.erased, self.uuids) = (Vec::new(), Vec::new(), Vec::new());
        self.names = Default::default();
        self.nodes = Vec::new();
    }

    /// The sections the segment's index file must have; `None` when not every entry was taken.
    pub(super) fn index_sections(&mut self, subject: &Subject) -> Option<Vec<Vec<u8>>> {
        if !self.with_index || self.count != subject.count {
            return None;
        }
        let mut builder = IndexBuilder::new();
        builder.offsets(&self.offsets);
        builder.zones(&self.zones);
        builder.lists(&self.system, &self.erased);
        self.hash_ids();
        self.ids.sort_unstable();
        let halves = self.ids.iter().map(|id| ((*id >> 32) as u32, (*id & 0xffff_ffff) as u32));
        builder.ids(halves);
        for (key, names) in Key::ALL.into_iter().zip(&self.names) {
            names.for_each_sorted(|name, locals| builder.term(key, name, locals));
        }
        Some(builder.sections())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was derived of entries of one agent and one type, which was not looked at yet.
    fn derived(with_index: bool, with_nodes: bool, entries: u32) -> Derived {
        let mut derived = Derived::new(with_index, with_nodes, 0);
        derived.count = entries;
        for (key, name) in [(Key::Agent, "somebody"), (Key::Type, "tool_invocation")] {
            let names = &mut derived.names[key.slot()];
            let number = names.number(name.as_bytes());
            names.recount(number, 0, (0, 0));
            (0..entries).for_each(|local| names.note(number, local));
        }
        derived
    }

    fn bytes(derived: &Derived) -> usize {
        derived.names.iter().map(Names::bytes).sum()
    }

    #[test]
    fn side_files_are_given_up_at_the_byte_and_names_after_them() {
        for (with_index, with_nodes) in [(true, false), (false, true), (true, true)] {
            let whole = derived(with_index, with_nodes, 48);
            // A node of 32 bytes, and nine numbers of four.
            let flat = if with_nodes { 48 * (32 + 36) } else { 0 };
            let need = 3 * bytes(&whole) + flat;
            for (room, fits) in [(need, true), (need - 1, false)] {
                let mut derived = derived(with_index, with_nodes, 48);
                derived.room = room;
                derived.fit();
                let kept = (derived.with_index, derived.with_nodes);
                assert_eq!(kept, (fits && with_index, fits && with_nodes), "{room}");
                assert_eq!(derived.has_no_room, !fits);
                // Names are kept, without the entries that have them.
                let agents = &derived.names[Key::Agent.slot()];
                assert!(!derived.has_no_names && agents.has(b"somebody"));
                assert_eq!(bytes(&derived) < bytes(&whole), !fits);
            }
        }
        let need = 2 * bytes(&derived(false, false, 48));
        for (room, fits) in [(need, true), (need - 1, false)] {
            let mut derived = derived(false, false, 48);
            derived.room = room;
            derived.fit();
            assert_eq!((derived.has_no_room, derived.has_no_names), (false, !fits));
            assert_eq!(derived.names[Key::Type.slot()].has(b"tool_invocation"), fits);
        }
        // An index with names that fit once, but not twice beside what it is made of.
        let mut both = derived(true, false, 48);
        both.room = 1;
        both.fit();
        assert!(both.has_no_room && both.has_no_names && bytes(&both) == 0);
    }

    #[test]
    fn sections_are_made_of_every_entry_or_not_at_all() {
        let subject = |count| Subject {
            log_id: [1; 32],
            generation: 0,
            first_index: 0,
            count,
            root: crate::types::Hash::ZERO,
        };
        assert!(derived(true, false, 3).index_sections(&subject(3)).is_some());
        assert!(derived(true, false, 3).index_sections(&subject(4)).is_none());
        assert!(derived(false, false, 3).index_sections(&subject(3)).is_none());
    }

    /// Pushes entries of a log under these numbers.
    fn push(derived: &mut Derived, locals: impl Iterator<Item = u32>) {
        let (_, bytes) = super::super::tests::first_frames();
        let mut at = 0;
        for local in locals {
            let frame = Frame::decode(&bytes[at..]).unwrap();
            assert_eq!(derived.push(&frame, local, at as u64, |_| ()), Some(false));
            at += frame.stored_len as usize;
        }
    }

    #[test]
    fn there_is_no_index_behind_a_gap_nor_where_none_is_wanted() {
        for (locals, wants, has) in [
            ([0, 1, 2], true, true),
            ([0, 1, 3], true, false),
            ([1, 2, 3], true, false),
            ([0, 2, 2], true, false),
            ([0, 1, 2], false, false),
        ] {
            let mut derived = Derived::new(wants, false, usize::MAX);
            push(&mut derived, locals.into_iter());
            assert_eq!((derived.with_index, derived.count), (has, 3), "{locals:?}");
        }
    }

    #[test]
    fn room_is_looked_at_now_and_then() {
        for (entries, room, is_over) in [(15, 1, false), (16, 1, true), (16, usize::MAX, false)] {
            let mut derived = Derived::new(true, true, room);
            push(&mut derived, 0..entries);
            assert_eq!(derived.has_no_room, is_over, "{entries} {room}");
        }
    }
}
