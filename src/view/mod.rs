//! Views: one frozen tree size over segments, nodes and indexes.
//!
//! ```text
//! Catalog = [Sealed part][Sealed part]...[Growing part]  +  published (size, root, end of file)
//! ```
//!
//! Readers *follow the files*. A [`part::Part`] that still grows reads its segment from where it
//! left off to the published end, and keeps offsets, postings and interior nodes in memory; a
//! sealed one maps what sealing wrote. So the committer never takes a lock that readers hold, and
//! the same code reads for this process and for another one.
//!
//! Invariant: a view shows exactly the entries below its size, all of them synced.

mod catalog;
pub(crate) mod growing;
pub(crate) mod list;
pub(crate) mod part;
mod reader;
pub(crate) mod sealed;

pub(crate) use catalog::{Catalog, Published};
pub use reader::Reader;
pub(crate) use reader::read_identity;

use crate::error::{Error, ErrorKind, Result};
use crate::format::stored::StoredEntry;
use crate::hash;
use crate::limits::RECENT_IDS;
use crate::merkle::{
    self, ConsistencyProof, InclusionProof, NodeId, NodeSource, prove_consistency, prove_inclusion,
};
use crate::sync::Arc;
use crate::types::{EntryIndex, Hash, TreeSize};
use list::PartList;
use part::Part;

/// A tree's size and root: what a log commits to at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TreeHead {
    /// Number of entries.
    pub size: TreeSize,
    /// Root of the tree over them.
    pub root: Hash,
}

/// What is known of one segment.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SegmentInfo {
    /// File name.
    pub file: String,
    /// Index of its first entry.
    pub first_index: u64,
    /// Entries in it, as far as this view sees.
    pub count: u64,
    /// Bytes of groups, header included.
    pub bytes: u64,
    /// Whether it has a footer and is read-only.
    pub is_sealed: bool,
}

/// The log at one tree size: cheap to clone, never changes, never blocks the writer.
#[derive(Clone, Debug)]
pub struct View {
    list: Arc<PartList>,
    published: Published,
    unvouched: u64,
}

impl View {
    pub(crate) fn new(list: Arc<PartList>, published: Published, unvouched: u64) -> Self {
        Self { list, published, unvouched }
    }

    /// Size and root.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.published.size, root: self.published.root }
    }

    /// Number of entries.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        self.published.size
    }

    /// Root of the tree at this view's size.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.published.root
    }

    /// How many of the last entries no later group vouches for: a flipped bit in them could not
    /// be told from a write torn by a crash. Always 0 in the process that writes.
    #[must_use]
    pub fn unvouched(&self) -> u64 {
        self.unvouched
    }

    pub(crate) fn list(&self) -> &PartList {
        &self.list
    }

    pub(crate) fn parts(&self) -> &[Arc<Part>] {
        self.list.parts()
    }

    /// How many of a part's entries this view shows.
    pub(crate) fn visible(&self, part: &Part) -> u32 {
        let end = match self.next_first_index(part) {
            Some(next) => next.min(self.published.size.get()),
            None => self.published.size.get(),
        };
        u32::try_from(end.saturating_sub(part.first_index())).unwrap_or(u32::MAX)
    }

    fn next_first_index(&self, part: &Part) -> Option<u64> {
        let position = self.position_of(part.first_index())?;
        self.parts().get(position + 1).map(|next| next.first_index())
    }

    /// Where the visible groups of a part end in its file.
    pub(crate) fn end_offset(&self, part: &Part) -> u64 {
        let is_last =
            self.parts().last().is_some_and(|last| last.first_index() == part.first_index());
        if is_last { self.published.end_offset } else { part.final_end().unwrap_or(0) }
    }

    fn position_of(&self, index: u64) -> Option<usize> {
        self.parts().partition_point(|part| part.first_index() <= index).checked_sub(1)
    }

    fn locate(&self, index: u64) -> Result<(&Part, u32)> {
        if index >= self.published.size.get() {
            return Err(Error::new(ErrorKind::OutOfRange, "no such entry")
                .at_index(index)
                .expected(format_args!("below {}", self.published.size), index));
        }
        let part = self.position_of(index).and_then(|at| self.parts().get(at));
        let part = part.ok_or_else(|| Error::new(ErrorKind::OutOfRange, "no such segment"))?;
        let local = u32::try_from(index - part.first_index()).unwrap_or(u32::MAX);
        Ok((part, local))
    }

    /// The entry at this index.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] at or beyond the view's size; [`ErrorKind::Io`] or
    /// [`ErrorKind::Corrupt`] when it cannot be read, or does not hash to its entry hash.
    pub fn entry(&self, index: EntryIndex) -> Result<StoredEntry> {
        let (part, local) = self.locate(index.get())?;
        let previous = match index.get().checked_sub(1) {
            Some(before) => self.entry_hash(before)?,
            None => part.previous_hash(),
        };
        self.check_hash(part.entry(local, previous, self.end_offset(part))?)
    }

    /// Gives the entry on when it hashes to its entry hash.
    fn check_hash(&self, entry: StoredEntry) -> Result<StoredEntry> {
        if entry.verify_hash() { Ok(entry) } else { Err(self.not_its_hash(&entry)) }
    }

    /// Gives each entry on that hashes to its entry hash, in the same order.
    pub(crate) fn check_hashes(&self, entries: Vec<StoredEntry>) -> Vec<Result<StoredEntry>> {
        let mut verified = StoredEntry::verify_hashes(&entries).into_iter();
        let mut judge = |entry| match verified.next() {
            Some(true) => Ok(entry),
            _ => Err(self.not_its_hash(&entry)),
        };
        entries.into_iter().map(&mut judge).collect()
    }

    fn not_its_hash(&self, entry: &StoredEntry) -> Error {
        let part = self.position_of(entry.index().get()).and_then(|at| self.parts().get(at));
        Error::new(ErrorKind::Corrupt, "the entry does not hash to its entry hash")
            .at_file(part.map(|part| part.name()).unwrap_or_default())
            .at_index(entry.index())
            .expected(entry.entry_hash(), entry.compute_hash())
            .hint("run `wmark verify` to see what was changed")
    }

    fn entry_hash(&self, index: u64) -> Result<Hash> {
        let (part, local) = self.locate(index)?;
        part.entry_hash(local, self.end_offset(part))
    }

    /// The root of the tree at an earlier size.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] beyond the view's size; [`ErrorKind::Io`] or
    /// [`ErrorKind::Corrupt`] when a stored node cannot be read.
    pub fn root_at(&self, size: TreeSize) -> Result<Hash> {
        self.check_size(size)?;
        merkle::root_at(self, size)
    }

    /// Proves that the entry at `index` is in the tree of `size`, with at most 63 hashes.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] when `index` is not below `size` or `size` is beyond the view;
    /// as [`View::root_at`] otherwise.
    ///
    /// # Source
    /// RFC 6962, section 2.1.1.
    pub fn prove_inclusion(&self, index: EntryIndex, size: TreeSize) -> Result<InclusionProof> {
        self.check_size(size)?;
        prove_inclusion(self, index, size)
    }

    /// Proves that the tree of `old` entries is a prefix of the tree of `new` entries.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] when `old` is beyond `new` or `new` beyond the view; as
    /// [`View::root_at`] otherwise.
    ///
    /// # Source
    /// RFC 6962, section 2.1.2.
    pub fn prove_consistency(&self, old: TreeSize, new: TreeSize) -> Result<ConsistencyProof> {
        self.check_size(new)?;
        prove_consistency(self, old, new)
    }

    fn check_size(&self, size: TreeSize) -> Result<()> {
        if size <= self.published.size {
            return Ok(());
        }
        Err(Error::new(ErrorKind::OutOfRange, "the log is smaller than that")
            .expected(format_args!("at most {}", self.published.size), size))
    }

    /// The segments this view shows, oldest first.
    #[must_use]
    pub fn segments(&self) -> Vec<SegmentInfo> {
        let info = |part: &Arc<Part>| SegmentInfo {
            file: part.name(),
            first_index: part.first_index(),
            count: u64::from(self.visible(part)),
            bytes: self.end_offset(part),
            is_sealed: part.is_sealed(),
        };
        self.parts().iter().map(info).collect()
    }

    /// Calls `each` with index and id key of the last million entries, oldest first.
    pub(crate) fn recent_id_keys(&self, mut each: impl FnMut(u64, u64)) -> Result<()> {
        let from = self.published.size.get().saturating_sub(RECENT_IDS as u64);
        for part in self.parts().iter() {
            let visible = self.visible(part);
            if part.first_index() + u64::from(visible) > from {
                let first_index = part.first_index();
                part.for_each_id_key(self.end_offset(part), |local, key| {
                    let index = first_index + u64::from(local);
                    if index >= from && local < visible {
                        each(index, key);
                    }
                })?;
            }
        }
        Ok(())
    }
}

impl NodeSource for View {
    fn node(&self, id: NodeId) -> Result<Hash> {
        match id.level {
            0 => return self.entry_hash(id.index),
            1 => {
                let (left, right) =
                    (self.entry_hash(2 * id.index)?, self.entry_hash(id.last_leaf())?);
                return Ok(hash::node(&left, &right));
            }
            NodeId::STORED_LEVEL_MIN.. => {}
        }
        let (part, _) = self.locate(id.last_leaf())?;
        part.node(id.position(), self.end_offset(part))
    }
}
