//! The catalog: which parts there are, and how far the log is published.

use super::View;
use super::growing::Growing;
use super::list::PartList;
use super::part::Part;
use crate::error::Result;
use crate::format::segment::{SEGMENT_HEADER_LEN, SegmentHeader};
use crate::storage::StorageFile;
use crate::sync::{Arc, RwLock};
use crate::types::{Hash, TreeSize};

/// How far the log is durable and may be shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Published {
    pub(crate) size: TreeSize,
    pub(crate) root: Hash,
    /// Where the published groups of the last part end.
    pub(crate) end_offset: u64,
}

#[derive(Debug)]
struct State {
    list: Arc<PartList>,
    published: Published,
}

/// What every view of an open log is taken from. The lock is held for a few stores only, never
/// across reading or writing.
#[derive(Debug)]
pub(crate) struct Catalog {
    state: RwLock<State>,
}

impl Catalog {
    pub(crate) fn new(parts: Vec<Arc<Part>>, published: Published) -> Self {
        let list = Arc::new(PartList::new(parts));
        Self { state: RwLock::new(State { list, published }) }
    }

    /// Moves the watermark; what was published stays published.
    pub(crate) fn publish(&self, published: Published) {
        let mut state = self.state.write();
        assert!(state.published.size <= published.size, "published entries never disappear");
        state.published = published;
    }

    /// Begins a new part; the one before ends at `old_end`.
    pub(crate) fn push_growing(
        &self,
        header: &SegmentHeader,
        file: Arc<dyn StorageFile>,
        old_end: u64,
    ) -> Result<()> {
        let part = Arc::new(Part::growing(Growing::new(header.clone(), file)?));
        let mut state = self.state.write();
        if let Some(last) = state.list.parts().last() {
            last.finish_growing(old_end);
        }
        let mut parts = state.list.parts().to_vec();
        parts.push(part);
        state.list = Arc::new(state.list.next(parts));
        state.published.end_offset = SEGMENT_HEADER_LEN as u64;
        Ok(())
    }

    /// Puts a sealed part in the place of the growing one it came from.
    pub(crate) fn replace(&self, part: Part) {
        let mut state = self.state.write();
        let first_index = part.first_index();
        let mut parts = state.list.parts().to_vec();
        if let Some(slot) = parts.iter_mut().find(|old| old.first_index() == first_index) {
            *slot = Arc::new(part);
        }
        state.list = Arc::new(state.list.next(parts));
    }

    /// The part that begins at this index.
    pub(crate) fn part(&self, first_index: u64) -> Option<Arc<Part>> {
        self.state
            .read()
            .list
            .parts()
            .iter()
            .find(|part| part.first_index() == first_index)
            .cloned()
    }

    /// The last part.
    pub(crate) fn last_part(&self) -> Option<Arc<Part>> {
        self.state.read().list.parts().last().cloned()
    }

    /// The log as it is published now.
    pub(crate) fn view(&self) -> View {
        let state = self.state.read();
        View::new(Arc::clone(&state.list), state.published, 0)
    }
}
