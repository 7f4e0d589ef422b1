//! Indexes: which entries of a part have a term, a time or an id.
//!
//! ```text
//! log      | segment, sealed       | segment, sealed       | segment, growing |
//! part     | SealedIndex over a map| SealedIndex over a map| MemIndex         |
//!            \________________________ PartIndex ________________________/
//! ```
//!
//! A *part* is one segment's entries. Inside a part an entry has a *local* id: its index less the
//! part's first. Queries see both kinds of part through [`PartIndex`] and walk postings with a
//! [`Walker`].
//!
//! Invariants: every entry has an offset and belongs to one zone; an entry whose body was erased is
//! in `erased` and has no term, no id and no event time. A growing index may hold more entries than
//! a reader may see: the reader passes its own bound. Indexes are caches: what they say is checked
//! against the entries that are read, and they are rebuilt when they are gone.

mod memory;
mod sealed;
mod seeded;
mod table;
mod totals;
mod walker;

pub(crate) use memory::MemIndex;
pub(crate) use sealed::SealedIndex;
pub(crate) use seeded::Seeded;
pub(crate) use table::TermTable;
pub(crate) use totals::{Adding, Total, Totals, for_each_total};
pub(crate) use walker::{Postings, Walker};

use crate::format::Flaw;
use crate::format::index_file::Zone;
use crate::format::terms::Key;

/// What a query asks of a part's index.
pub(crate) trait PartIndex: Send + Sync {
    /// Entries in the index.
    fn len(&self) -> u32;

    /// Offset of an entry's frame in its segment file.
    fn offset(&self, local: u32) -> Option<u32>;

    /// The entries with this term.
    ///
    /// # Errors
    /// A [`Flaw`] when the index file is malformed.
    fn postings(&self, key: Key, term: &[u8]) -> Result<Postings<'_>, Flaw>;

    /// Calls `f` with each term of `key` that begins with `prefix`, in no particular order.
    ///
    /// # Errors
    /// A [`Flaw`] when the index file is malformed; some terms may have been passed already.
    fn for_each_term<'a>(
        &'a self,
        key: Key,
        prefix: &[u8],
        f: &mut dyn FnMut(&[u8], Postings<'a>),
    ) -> Result<(), Flaw>;

    /// Times of the entries `zone * ZONE_ENTRIES..`; `None` beyond the last zone.
    fn zone(&self, zone: u32) -> Option<Zone>;

    /// Times of all entries: what the zones say together.
    fn times(&self) -> Zone;

    /// The engine's own entries.
    ///
    /// # Errors
    /// A [`Flaw`] when the index file is malformed.
    fn system(&self) -> Result<Postings<'_>, Flaw>;

    /// Entries whose body was erased.
    ///
    /// # Errors
    /// A [`Flaw`] when the index file is malformed.
    fn erased(&self) -> Result<Postings<'_>, Flaw>;

    /// Entries whose id may have this key ([`crate::hash::id_key`] of the id as it is stored): the
    /// caller reads them and compares.
    fn id_candidates(&self, id_key: u64) -> Vec<u32>;
}

/// The key under which an entry id is found: a UUID in canonical text is stored as 16 bytes.
#[must_use]
pub(crate) fn id_key_of_text(id: &str) -> u64 {
    match crate::format::meta::canonical_uuid(id) {
        Some(uuid) => crate::hash::id_key(&uuid),
        None => crate::hash::id_key(id.as_bytes()),
    }
}

/// The half of an id key that is stored.
const fn upper_half(id_key: u64) -> u32 {
    (id_key >> 32) as u32
}
