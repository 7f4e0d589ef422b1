//! Sources of nodes: one as the files hold them, in storage order, and one without bounds.

use crate::reference::{Sparse, mth, node};
use std::cell::Cell;
use witnessmark::merkle::{Frontier, NodeId, NodeSource};
use witnessmark::{Hash, Result};

/// Leaves, and the nodes that are stored in the order in which they were completed.
#[derive(Default)]
pub(crate) struct Shelf {
    pub(crate) frontier: Frontier,
    pub(crate) leaves: Vec<Hash>,
    pub(crate) stored: Vec<Hash>,
}

impl Shelf {
    pub(crate) fn push(&mut self, leaf: Hash) {
        self.leaves.push(leaf);
        let stored = &mut self.stored;
        self.frontier.push(leaf, |id, hash| {
            assert_eq!(id.position(), stored.len() as u64, "{id:?} completes in storage order");
            stored.push(hash);
        });
    }

    pub(crate) fn of(leaves: impl IntoIterator<Item = Hash>) -> Self {
        let mut shelf = Self::default();
        leaves.into_iter().for_each(|leaf| shelf.push(leaf));
        shelf
    }
}

impl NodeSource for Shelf {
    fn node(&self, id: NodeId) -> Result<Hash> {
        let at = |index: u64| usize::try_from(index).unwrap();
        Ok(match id.level {
            0 => self.leaves[at(id.index)],
            1 => node(self.leaves[at(2 * id.index)], self.leaves[at(2 * id.index + 1)]),
            _ => self.stored[at(id.position())],
        })
    }
}

impl NodeSource for Sparse {
    fn node(&self, id: NodeId) -> Result<Hash> {
        let first = id.index << id.level;
        Ok(mth(self, first..first + (1 << id.level)))
    }
}

/// Counts what is asked of a source.
pub(crate) struct Counted<'a, S> {
    pub(crate) source: &'a S,
    pub(crate) reads: Cell<u32>,
}

impl<S: NodeSource> NodeSource for Counted<'_, S> {
    fn node(&self, id: NodeId) -> Result<Hash> {
        self.reads.set(self.reads.get() + 1);
        self.source.node(id)
    }
}
