//! Index files: the sections of a segment's index, and how to read one without decoding it all.
//!
//! ```text
//! section 0     offsets   frame offset in the segment file, u32 per entry
//!         1     zones     per 128 entries, 40 bytes:
//!                         | event_min: s i64, ns u32 | event_max: s i64, ns u32 |
//!                         | recorded_min u64 | recorded_max u64 |
//!         2     system    posting list of the engine's own entries
//!         3     erased    posting list of entries whose body was erased
//!         4     ids       (upper 32 bits of the id key u32, local id u32), ascending
//!         5..13 terms     one dictionary per key, in the order of their ids
//! ```
//!
//! Invariants: the bytes are a function of the segment's frames, so a verifier can build them again
//! and compare; entries in `erased` have no term, no id and no event time. Sizes of the flat
//! sections are checked on opening; dictionaries and postings are read lazily, and damage in them
//! is a [`Flaw`] when it is met. Nothing here says whether the index tells the truth.

use super::Flaw;
use super::cursor::Cursor;
use super::dictionary::{Dictionary, DictionaryBuilder};
use super::postings::{Packed, put_list};
use super::side::{self, Sections, SideKind, Subject};
use super::terms::Key;
use crate::limits::ZONE_ENTRIES;

const OFFSETS: usize = 0;
const ZONES: usize = 1;
const SYSTEM: usize = 2;
const ERASED: usize = 3;
const IDS: usize = 4;
const TERMS: usize = 5;
const SECTION_COUNT: usize = TERMS + Key::COUNT;
/// Bytes of one zone.
pub const ZONE_LEN: usize = 40;
/// Bytes of one entry of the id table.
pub const ID_LEN: usize = 8;

const _: () = assert!(SECTION_COUNT <= side::SECTIONS);

/// An instant as (seconds, nanoseconds).
pub type Instant = (i64, u32);

/// Smallest and largest times of consecutive entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Zone {
    /// Event times; minimum above maximum when every body is erased.
    pub event: (Instant, Instant),
    /// `recorded_at`, nanoseconds.
    pub recorded: (u64, u64),
}

impl Zone {
    /// The zone of no entry at all.
    pub const EMPTY: Self =
        Self { event: ((i64::MAX, u32::MAX), (i64::MIN, 0)), recorded: (u64::MAX, 0) };

    /// Widens the zone by one entry; `event` is `None` when the entry's body was erased.
    pub fn include(&mut self, event: Option<Instant>, recorded: u64) {
        if let Some(event) = event {
            self.event = (self.event.0.min(event), self.event.1.max(event));
        }
        self.recorded = (self.recorded.0.min(recorded), self.recorded.1.max(recorded));
    }

    /// The smallest zone that both are in.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            event: (self.event.0.min(other.event.0), self.event.1.max(other.event.1)),
            recorded: (
                self.recorded.0.min(other.recorded.0),
                self.recorded.1.max(other.recorded.1),
            ),
        }
    }

    /// The 40 bytes.
    fn put(&self, out: &mut Vec<u8>) {
        for (seconds, nanos) in [self.event.0, self.event.1] {
            out.extend_from_slice(&seconds.to_le_bytes());
            out.extend_from_slice(&nanos.to_le_bytes());
        }
        out.extend_from_slice(&self.recorded.0.to_le_bytes());
        out.extend_from_slice(&self.recorded.1.to_le_bytes());
    }

    fn read(bytes: &[u8]) -> Result<Self, Flaw> {
        let mut c = Cursor::new(bytes);
        Ok(Self {
            event: ((c.i64()?, c.u32()?), (c.i64()?, c.u32()?)),
            recorded: (c.u64()?, c.u64()?),
        })
    }
}

/// Puts the sections of an index file together. Same input, same bytes.
#[derive(Clone, Debug, Default)]
pub struct IndexBuilder {
    flat: [Vec<u8>; TERMS],
    terms: [DictionaryBuilder; Key::COUNT],
}

impl IndexBuilder {
    /// A builder that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn flat(&mut self, section: usize) -> &mut Vec<u8> {
        self.flat.get_mut(section).expect("sections are constants of the format")
    }

    /// The frame offsets of all entries.
    pub fn offsets(&mut self, offsets: &[u32]) {
        let section = self.flat(OFFSETS);
        section.extend(offsets.iter().flat_map(|offset| offset.to_le_bytes()));
    }

    /// All zones.
    pub fn zones(&mut self, zones: &[Zone]) {
        let section = self.flat(ZONES);
        zones.iter().for_each(|zone| zone.put(section));
    }

    /// The engine's own entries and those with erased bodies, each ascending.
    pub fn lists(&mut self, system: &[u32], erased: &[u32]) {
        put_list(self.flat(SYSTEM), system);
        put_list(self.flat(ERASED), erased);
    }

    /// The id table: upper half of the id key and local id, ascending.
    pub fn ids(&mut self, ids: impl IntoIterator<Item = (u32, u32)>) {
        let section = self.flat(IDS);
        for (key, local) in ids {
            section.extend_from_slice(&key.to_le_bytes());
            section.extend_from_slice(&local.to_le_bytes());
        }
    }

    /// A term of a key, greater than the key's last, with its ascending postings.
    ///
    /// # Panics
    /// When terms or postings do not ascend: the caller sorts.
    pub fn term(&mut self, key: Key, term: &[u8], locals: &[u32]) {
        if let Some(dictionary) = self.terms.get_mut(key.slot()) {
            dictionary.add(term, locals);
        }
    }

    /// The sections of the file.
    #[must_use]
    pub fn sections(self) -> Vec<Vec<u8>> {
        self.flat.into_iter().chain(self.terms.map(DictionaryBuilder::finish)).collect()
    }

    /// The whole file.
    #[must_use]
    pub fn finish(self, subject: &Subject) -> Vec<u8> {
        let sections = self.sections();
        let sections: Vec<&[u8]> = sections.iter().map(Vec::as_slice).collect();
        side::encode(SideKind::Index, subject, &sections)
    }
}

/// Where everything lies in a checked index file. Holds no bytes, so that whoever owns them can
/// keep it beside them; [`IndexLayout::over`] joins the two.
#[derive(Clone, Debug)]
pub struct IndexLayout {
    sections: Sections,
    count: u32,
}

impl IndexLayout {
    /// Checks digest, subject and the sizes of all sections.
    ///
    /// # Errors
    /// A [`Flaw`], relative to the file.
    pub fn parse(file: &[u8], subject: &Subject) -> Result<Self, Flaw> {
        let layout =
            Self { sections: side::decode(file, SideKind::Index, subject)?, count: subject.count };
        let index = layout.over(file);
        let count = subject.count as usize;
        layout.check_len(file, OFFSETS, "length of the offsets", Some(count * 4))?;
        let zones = count.div_ceil(ZONE_ENTRIES) * ZONE_LEN;
        layout.check_len(file, ZONES, "length of the zones", Some(zones))?;
        let ids = layout.sections.get(file, IDS).len();
        let ids_fit = ids.is_multiple_of(ID_LEN) && ids <= count * ID_LEN;
        layout.check_len(file, IDS, "length of the ids", (!ids_fit).then_some(count * ID_LEN))?;
        for section in SECTION_COUNT..side::SECTIONS {
            layout.check_len(file, section, "length of an unused section", Some(0))?;
        }
        index.list(SYSTEM)?;
        index.list(ERASED)?;
        for key in Key::ALL {
            index.dictionary(key)?;
        }
        Ok(layout)
    }

    fn check_len(
        &self,
        file: &[u8],
        section: usize,
        what: &'static str,
        wanted: Option<usize>,
    ) -> Result<(), Flaw> {
        let found = self.sections.get(file, section).len();
        match wanted {
            Some(wanted) if wanted != found => {
                Err(Flaw::new(0, what, wanted, found).shifted(self.sections.offset(section)))
            }
            _ => Ok(()),
        }
    }

    /// The index over the bytes it was parsed from.
    #[must_use]
    pub fn over<'a>(&'a self, file: &'a [u8]) -> IndexFile<'a> {
        IndexFile { layout: self, file }
    }
}

/// An index file: a layout and the bytes it was parsed from. Copies freely.
#[derive(Clone, Copy, Debug)]
pub struct IndexFile<'a> {
    layout: &'a IndexLayout,
    file: &'a [u8],
}

impl<'a> IndexFile<'a> {
    fn section(&self, section: usize) -> &'a [u8] {
        self.layout.sections.get(self.file, section)
    }

    fn list(&self, section: usize) -> Result<Packed<'a>, Flaw> {
        let base = self.layout.sections.offset(section);
        let mut c = Cursor::new(self.section(section));
        let list = Packed::read(&mut c, self.layout.count).map_err(|flaw| flaw.shifted(base))?;
        match c.remaining() {
            0 => Ok(list),
            more => {
                let at = c.position();
                Err(Flaw::new(at, "bytes after a posting list", 0, more).shifted(base))
            }
        }
    }

    /// Entries in the segment.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.layout.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.layout.count == 0
    }

    /// The frame offset of an entry.
    #[must_use]
    pub fn offset(&self, local: u32) -> Option<u32> {
        let at = (local as usize).checked_mul(4)?;
        let bytes = self.section(OFFSETS).get(at..)?.first_chunk::<4>()?;
        Some(u32::from_le_bytes(*bytes))
    }

    /// The zone with this number: entries `zone * 128..`.
    #[must_use]
    pub fn zone(&self, zone: u32) -> Option<Zone> {
        let at = (zone as usize).checked_mul(ZONE_LEN)?;
        Zone::read(self.section(ZONES).get(at..at.checked_add(ZONE_LEN)?)?).ok()
    }

    /// The engine's own entries.
    ///
    /// # Errors
    /// A [`Flaw`] when the bytes changed since they were parsed.
    pub fn system(&self) -> Result<Packed<'a>, Flaw> {
        self.list(SYSTEM)
    }

    /// Entries whose body was erased.
    ///
    /// # Errors
    /// A [`Flaw`] when the bytes changed since they were parsed.
    pub fn erased(&self) -> Result<Packed<'a>, Flaw> {
        self.list(ERASED)
    }

    /// The terms of a key.
    ///
    /// # Errors
    /// A [`Flaw`] when the directory does not fit; on an opened file, when its bytes changed.
    pub fn dictionary(&self, key: Key) -> Result<Dictionary<'a>, Flaw> {
        let base = self.terms_offset(key);
        Dictionary::open(self.section(TERMS + key.slot()), self.layout.count)
            .map_err(|flaw| flaw.shifted(base))
    }

    /// Offset in the file of a key's dictionary, to which its flaws are relative.
    #[must_use]
    pub fn terms_offset(&self, key: Key) -> u64 {
        self.layout.sections.offset(TERMS + key.slot())
    }

    fn id(&self, row: usize) -> Option<(u32, u32)> {
        let at = row.checked_mul(ID_LEN)?;
        let mut c = Cursor::new(self.section(IDS).get(at..at.checked_add(ID_LEN)?)?);
        Some((c.u32().ok()?, c.u32().ok()?))
    }

    /// Appends the entries whose id key has these upper 32 bits.
    pub fn ids(&self, upper: u32, out: &mut Vec<u32>) {
        let (mut low, mut high) = (0, self.section(IDS).len() / ID_LEN);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.id(middle) {
                Some((key, _)) if key < upper => low = middle + 1,
                _ => high = middle,
            }
        }
        while let Some((key, local)) = self.id(low) {
            if key != upper {
                break;
            }
            if local < self.layout.count {
                out.push(local);
            }
            low += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Hash;

    fn subject(count: u32) -> Subject {
        Subject { log_id: [1; 32], generation: 2, first_index: 3, count, root: Hash([4; 32]) }
    }

    /// An index of nine entries that says nothing of them, but for what `change` adds.
    fn build(change: impl FnOnce(&mut IndexBuilder)) -> Vec<u8> {
        let mut builder = IndexBuilder::new();
        builder.offsets(&[4192; 9]);
        builder.zones(&[Zone::EMPTY]);
        builder.lists(&[], &[]);
        change(&mut builder);
        builder.finish(&subject(9))
    }

    #[test]
    fn all_ids_of_one_upper_half_are_found_and_no_entry_that_is_not_there() {
        let file = build(|b| b.ids([(5, 0), (5, 4), (5, 8), (7, 1), (9, 9)]));
        let layout = IndexLayout::parse(&file, &subject(9)).unwrap();
        for (upper, wanted) in
            [(4, vec![]), (5, vec![0, 4, 8]), (6, vec![]), (7, vec![1]), (9, vec![])]
        {
            let mut found = Vec::new();
            layout.over(&file).ids(upper, &mut found);
            assert_eq!(found, wanted, "{upper}");
        }
    }

    #[test]
    fn sections_of_another_length_are_refused() {
        let flaw = |change: fn(&mut IndexBuilder)| {
            IndexLayout::parse(&build(change), &subject(9)).err().map(|flaw| flaw.what)
        };
        assert_eq!(flaw(|b| b.ids([(0, 0); 9])), None);
        assert_eq!(flaw(|b| b.ids([(0, 0); 10])), Some("length of the ids"));
        assert_eq!(flaw(|b| b.flat(IDS).push(0)), Some("length of the ids"));
        assert_eq!(flaw(|b| b.flat(IDS).extend([0; 2 * ID_LEN + 1])), Some("length of the ids"));
        assert_eq!(flaw(|b| b.offsets(&[4192])), Some("length of the offsets"));
        assert_eq!(flaw(|b| b.zones(&[Zone::EMPTY])), Some("length of the zones"));
        assert_eq!(flaw(|b| b.flat(SYSTEM).push(0)), Some("bytes after a posting list"));
    }

    #[test]
    fn a_dictionarys_place_in_the_file_is_known() {
        let file = build(|b| {
            b.term(Key::Agent, b"did:a", &[0]);
            b.term(Key::Type, b"tool", &[0, 8]);
        });
        let layout = IndexLayout::parse(&file, &subject(9)).unwrap();
        for (key, term) in [(Key::Agent, &b"did:a"[..]), (Key::Type, b"tool")] {
            let at = usize::try_from(layout.over(&file).terms_offset(key)).unwrap();
            assert_eq!(file[at..at + 4], [1, 0, 0, 0], "one term");
            let begin = at + 4 + 4 + 2;
            assert_eq!(&file[begin..begin + term.len()], term);
        }
    }
}
