//! The growing index: everything about the unsealed part, in memory.
//!
//! ```text
//! key    table: hash of term -> number     terms: bytes | local ids, up to 5 without allocation
//! ids    upper half of id key, local; a table on demand   zones, offsets, system, erased: vectors
//! ```
//!
//! One writer pushes entries in order; readers see it under the owner's lock and bound themselves.
//! Terms are hashed for every key, resources too: a prefix is looked for among all terms, which
//! costs the rare query a scan of the tail's terms and saves every append an ordered map.
//! [`MemIndex::encode`] writes the same bytes for the same entries, however they came in.

use super::table::{Table, TermTable};
use super::{PartIndex, Postings, upper_half};
use crate::format::Flaw;
use crate::format::frame::{FLAG_SYSTEM, Frame};
use crate::format::index_file::{IndexBuilder, Zone};
use crate::format::locals::Locals;
use crate::format::side::Subject;
use crate::format::terms::{self, Key};
use crate::hash;
use crate::limits::ZONE_ENTRIES;
use crate::sync::Mutex;

/// The ids as a table: made up to where they are when somebody asks for one, since most segments
/// are sealed before anybody does.
#[derive(Debug)]
struct IdTable {
    table: Table,
    /// How many of the ids are in it.
    taken: usize,
}

/// The index of a part that still grows.
#[derive(Debug)]
pub(crate) struct MemIndex {
    offsets: Vec<u32>,
    zones: Vec<Zone>,
    /// What the zones say together.
    times: Zone,
    system: Vec<u32>,
    erased: Vec<u32>,
    /// Upper half of the id key and local id; entries without a body are not in it.
    ids: Vec<(u32, u32)>,
    id_table: Mutex<IdTable>,
    terms: [TermTable<Locals>; Key::COUNT],
}

impl Default for MemIndex {
    fn default() -> Self {
        Self::new()
    }
}

impl MemIndex {
    /// The index of no entry.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self {
            offsets: Vec::new(),
            zones: Vec::new(),
            times: Zone::EMPTY,
            system: Vec::new(),
            erased: Vec::new(),
            ids: Vec::new(),
            id_table: Mutex::new(IdTable { table: Table::new(), taken: 0 }),
            terms: std::array::from_fn(|_| TermTable::default()),
        }
    }

    /// Takes the next entries, each with the offset of its frame in the segment file.
    pub(crate) fn push_all(&mut self, frames: &[(Frame<'_>, u32)]) {
        let mut ids: Vec<(u32, &[u8])> = Vec::with_capacity(frames.len());
        let mut terms: [Vec<(&[u8], u32)>; Key::COUNT] =
            std::array::from_fn(|_| Vec::with_capacity(frames.len()));
        for (frame, offset) in frames {
            // Segments are at most 1 GiB, so locals are far from the end of u32.
            let local = self.len();
            let id = self.push(frame, local, *offset, |key, term| {
                if let Some(terms) = terms.get_mut(key.slot()) {
                    terms.push((term, local));
                }
            });
            ids.extend(id.map(|id| (local, id)));
        }
        for (table, terms) in self.terms.iter_mut().zip(&terms) {
            table.put_all(terms, Locals::one, Locals::push);
        }
        let taken = &mut self.ids;
        hash::id_key_all(ids.iter().map(|(_, id)| *id), |at, key| {
            if let Some((local, _)) = ids.get(at) {
                taken.push((upper_half(key), *local));
            }
        });
    }

    /// Takes one entry but for its terms, which are handed to `each`, and its id, which is returned.
    fn push<'a>(
        &mut self,
        frame: &Frame<'a>,
        local: u32,
        offset: u32,
        each: impl FnMut(Key, &'a [u8]),
    ) -> Option<&'a [u8]> {
        self.offsets.push(offset);
        if frame.flags & FLAG_SYSTEM != 0 {
            self.system.push(local);
        }
        let (mut event, mut id) = (None, None);
        match frame.meta() {
            None => self.erased.push(local),
            Some(meta) => {
                let facts = terms::scan(meta, each);
                event = facts.time.map(|time| time.instant());
                id = facts.id;
            }
        }
        if (local as usize).is_multiple_of(ZONE_ENTRIES) {
            self.zones.push(Zone::EMPTY);
        }
        if let Some(zone) = self.zones.last_mut() {
            zone.include(event, frame.recorded_at);
        }
        self.times.include(event, frame.recorded_at);
        id
    }

    /// The index file of these entries.
    ///
    /// # Panics
    /// When `subject` counts another number of entries: it is the same segment's.
    #[must_use]
    pub(crate) fn encode(&self, subject: &Subject) -> Vec<u8> {
        assert_eq!(subject.count, self.len());
        let mut builder = IndexBuilder::new();
        builder.offsets(&self.offsets);
        builder.zones(&self.zones);
        builder.lists(&self.system, &self.erased);
        let mut ids = self.ids.clone();
        ids.sort_unstable();
        builder.ids(ids.iter().copied());
        for (key, terms) in Key::ALL.into_iter().zip(&self.terms) {
            for (term, locals) in terms.sorted() {
                builder.term(key, term, locals.as_slice());
            }
        }
        builder.finish(subject)
    }
}

impl PartIndex for MemIndex {
    fn len(&self) -> u32 {
        u32::try_from(self.offsets.len()).unwrap_or(u32::MAX)
    }

    fn offset(&self, local: u32) -> Option<u32> {
        self.offsets.get(local as usize).copied()
    }

    fn postings(&self, key: Key, term: &[u8]) -> Result<Postings<'_>, Flaw> {
        let locals = self.terms.get(key.slot()).and_then(|terms| terms.get(term));
        Ok(Postings::Slice(locals.map_or(&[], Locals::as_slice)))
    }

    fn for_each_term<'a>(
        &'a self,
        key: Key,
        prefix: &[u8],
        f: &mut dyn FnMut(&[u8], Postings<'a>),
    ) -> Result<(), Flaw> {
        let Some(terms) = self.terms.get(key.slot()) else { return Ok(()) };
        // The usual prefix is empty, and comparing no bytes at all is slow on some processors.
        let is_wanted = |term: &[u8]| prefix.is_empty() || term.starts_with(prefix);
        for (term, locals) in terms.iter().filter(|(term, _)| is_wanted(term)) {
            f(term, Postings::Slice(locals.as_slice()));
        }
        Ok(())
    }

    fn zone(&self, zone: u32) -> Option<Zone> {
        self.zones.get(zone as usize).copied()
    }

    fn times(&self) -> Zone {
        self.times
    }

    fn system(&self) -> Result<Postings<'_>, Flaw> {
        Ok(Postings::Slice(&self.system))
    }

    fn erased(&self) -> Result<Postings<'_>, Flaw> {
        Ok(Postings::Slice(&self.erased))
    }

    fn id_candidates(&self, id_key: u64) -> Vec<u32> {
        let mut locals = Vec::new();
        let mut known = self.id_table.lock();
        let IdTable { table, taken } = &mut *known;
        for (tag, local) in self.ids.get(*taken..).unwrap_or_default() {
            table.insert(*tag, *local);
        }
        *taken = self.ids.len();
        table.find(upper_half(id_key), |local| {
            locals.push(local);
            false
        });
        locals.sort_unstable();
        locals
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
