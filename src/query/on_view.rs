//! Queries on views: lends a view's parts to the query, one at a time.

use super::parts::{PartView, Parts};
use super::{Page, Plan, Query, count, count_by, find_id, for_each, run};
use crate::entry::Field;
use crate::error::Result;
use crate::format::frame::Frame;
use crate::format::meta;
use crate::format::stored::StoredEntry;
use crate::format::terms::Key;
use crate::limits::QUERY_BATCH_BYTES;
use crate::sync::Arc;
use crate::types::EventTime;
use crate::view::View;
use crate::view::list::Kept;
use crate::view::part::Part;
use std::ops::{ControlFlow, Range};

impl View {
    /// The entries a query asks for.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for a cursor of another query's order;
    /// [`crate::ErrorKind::Corrupt`] when an index is damaged, names a wrong entry or hides one;
    /// [`crate::ErrorKind::Io`].
    pub fn query(&self, query: &Query) -> Result<Page> {
        run(self, query)
    }

    /// Hands each match to `each`, which may stop; keeps none, so there may be any number.
    ///
    /// # Errors
    /// As [`View::query`], and whatever `each` answers.
    pub fn for_each(
        &self,
        query: &Query,
        mut each: impl FnMut(StoredEntry) -> Result<ControlFlow<()>>,
    ) -> Result<Plan> {
        for_each(self, query, &mut each)
    }

    /// How many entries match, whatever the limit.
    ///
    /// # Errors
    /// As [`View::query`].
    pub fn count(&self, query: &Query) -> Result<(u64, Plan)> {
        count(self, query)
    }

    /// How many entries match per value of a field, most frequent first.
    ///
    /// # Errors
    /// As [`View::query`].
    pub fn count_by(&self, query: &Query, key: Key) -> Result<(Vec<(String, u64)>, Plan)> {
        count_by(self, query, key)
    }

    /// The entry with this id; `None` when there is none.
    ///
    /// # Errors
    /// As [`View::query`].
    pub fn get_entry(&self, entry_id: &str) -> Result<Option<StoredEntry>> {
        find_id(self, entry_id)
    }
}

impl Parts for View {
    fn count(&self) -> usize {
        self.parts().len()
    }

    fn range(&self, part: usize) -> Range<u64> {
        let Some(part) = self.parts().get(part) else { return 0..0 };
        part.first_index()..part.first_index() + u64::from(self.visible(part))
    }

    fn with_part(&self, part: usize, f: &mut dyn FnMut(PartView<'_>) -> Result<()>) -> Result<()> {
        let Some(part) = self.parts().get(part) else { return Ok(()) };
        let first_index = part.first_index();
        part.with_index(self.end_offset(part), |index| {
            // Offsets come from the index at hand: it may be locked while it is lent.
            let offset = |local| part.offset_in(index, local);
            let read = |locals: &[u32]| {
                let (mut bytes, mut failed, mut room) = (0, None, Vec::new());
                let mut entries = Vec::with_capacity(locals.len());
                part.fetch(index, locals);
                for local in locals {
                    match part.entry_in(index, *local, &mut room) {
                        Ok(entry) => {
                            bytes += entry.stored_len();
                            entries.push(entry);
                        }
                        Err(error) => failed = Some(Err(error)),
                    }
                    if failed.is_some() || bytes >= QUERY_BATCH_BYTES {
                        break;
                    }
                }
                let mut read = self.check_hashes(entries);
                read.extend(failed);
                read
            };
            let read_time = |local: u32| {
                let at = offset(local)?;
                part.with_frame_bytes(at, |bytes| {
                    let frame = Frame::decode(bytes)
                        .map_err(|flaw| flaw.into_error(part.name(), u64::from(at)))?;
                    let time = frame.meta().and_then(|m| meta::find(m, Field::Timestamp));
                    Ok::<Option<EventTime>, _>(time.and_then(meta::decode_time))
                })
            };
            let visible = self.visible(part);
            f(PartView { first_index, visible, index, read: &read, read_time: &read_time })
        })
    }

    fn sealed(&self) -> usize {
        let is_whole = |part: &&Arc<Part>| match &***part {
            Part::Sealed(sealed) => sealed.count == u64::from(self.visible(part)),
            Part::Growing(_) => false,
        };
        self.parts().iter().take_while(is_whole).count()
    }

    fn kept(&self, key: Key) -> Kept {
        self.list().kept(key)
    }

    fn keep(&self, key: Key, kept: Kept) {
        self.list().keep(key, kept);
    }
}
