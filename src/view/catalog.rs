//! The catalog: which parts there are, and how far the log is published.

use super::View;
use super::growing::Growing;
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
    parts: Arc<Vec<Arc<Part>>>,
    published: Published,
    unvouched: u64,
}

/// What every view of an open log is taken from. The lock is held for a few stores only, never
/// across reading or writing.
#[derive(Debug)]
pub(crate) struct Catalog {
    state: RwLock<State>,
}

impl Catalog {
    pub(crate) fn new(parts: Vec<Arc<Part>>, published: Published) -> Self {
        Self { state: RwLock::new(State { parts: Arc::new(parts), published, unvouched: 0 }) }
    }

    /// Moves the watermark; what was published stays published.
    pub(crate) fn publish(&self, published: Published) {
        let mut state = self.state.write();
        assert!(state.published.size <= published.size, "published entries never disappear");
        state.published = published;
    }

    /// Says how many of the last entries nothing vouches for.
    pub(crate) fn set_unvouched(&self, unvouched: u64) {
        self.state.write().unvouched = unvouched;
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
        if let Some(last) = state.parts.last() {
            last.finish_growing(old_end);
        }
        let mut parts = state.parts.to_vec();
        parts.push(part);
        state.parts = Arc::new(parts);
        state.published.end_offset = SEGMENT_HEADER_LEN as u64;
        Ok(())
    }

    /// Puts a sealed part in the place of the growing one it came from.
    pub(crate) fn replace(&self, part: Part) {
        let mut state = self.state.write();
        let first_index = part.first_index();
        let mut parts = state.parts.to_vec();
        if let Some(slot) = parts.iter_mut().find(|old| old.first_index() == first_index) {
            *slot = Arc::new(part);
        }
        state.parts = Arc::new(parts);
    }

    /// The part that begins at this index.
    pub(crate) fn part(&self, first_index: u64) -> Option<Arc<Part>> {
        self.state.read().parts.iter().find(|part| part.first_index() == first_index).cloned()
    }

    /// The last part.
    pub(crate) fn last_part(&self) -> Option<Arc<Part>> {
        self.state.read().parts.last().cloned()
    }

    /// The log as it is published now.
    pub(crate) fn view(&self) -> View {
        let state = self.state.read();
        View::new(Arc::clone(&state.parts), state.published, state.unvouched)
    }
}
