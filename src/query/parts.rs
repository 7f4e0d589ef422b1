//! Parts, as a query sees them: lent one at a time, with their index and a way to read.

use crate::error::{Error, ErrorKind, Result};
use crate::format::stored::StoredEntry;
use crate::format::terms::Key;
use crate::format::{Flaw, index_name};
use crate::index::PartIndex;
use crate::types::EventTime;
use crate::view::list::Kept;
use std::ops::Range;

/// One part, lent to a query.
#[derive(Clone, Copy)]
pub(super) struct PartView<'a> {
    /// Index of the part's first entry.
    pub first_index: u64,
    /// Entries the reader may see; the index has at least so many.
    pub visible: u32,
    /// The part's index.
    pub index: &'a dyn PartIndex,
    /// Reads the first of these entries: one at least, and none behind one that cannot be read.
    pub read: &'a dyn Fn(&[u32]) -> Vec<Result<StoredEntry>>,
    /// Reads an entry's event time alone; `None` when its body was erased.
    pub read_time: &'a dyn Fn(u32) -> Result<Option<EventTime>>,
}

impl PartView<'_> {
    /// The visible locals whose indices lie in `span`.
    pub(super) fn locals(&self, span: &Range<u64>) -> Range<u32> {
        let local = |index: u64| {
            let behind = index.saturating_sub(self.first_index);
            u32::try_from(behind).unwrap_or(u32::MAX).min(self.visible)
        };
        local(span.start)..local(span.end)
    }

    /// Reads an entry.
    pub(super) fn read_one(&self, local: u32) -> Result<StoredEntry> {
        let missing = || {
            Error::new(ErrorKind::OutOfRange, "no such entry")
                .at_index(self.first_index + u64::from(local))
        };
        (self.read)(&[local]).pop().unwrap_or_else(|| Err(missing()))
    }

    pub(super) fn damaged(&self, flaw: Flaw) -> Error {
        flaw.into_error(index_name(self.first_index), 0)
    }

    pub(super) fn check_len(&self) -> Result<()> {
        if self.index.len() >= self.visible {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Corrupt, "the index ends before its part")
            .at_file(index_name(self.first_index))
            .expected(self.visible, self.index.len()))
    }
}

/// The parts of a log, by ascending index.
pub(super) trait Parts {
    /// How many parts.
    fn count(&self) -> usize;

    /// The visible indices of a part, without loading its index.
    fn range(&self, part: usize) -> Range<u64>;

    /// Lends a part.
    ///
    /// # Errors
    /// Whatever `f` answers, or why the part cannot be read.
    fn with_part(&self, part: usize, f: &mut dyn FnMut(PartView<'_>) -> Result<()>) -> Result<()>;

    /// How many of the first parts are sealed, and visible from their first entry to their last.
    fn sealed(&self) -> usize;

    /// What is known of the totals of a key over the first parts.
    fn kept(&self, key: Key) -> Kept;

    /// Takes note of the totals of a key.
    fn keep(&self, key: Key, kept: Kept);
}
