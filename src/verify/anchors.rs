//! Anchors: sizes whose root is asked for, and what the log answers.
//!
//! Sizes come from outside (`against`, what this machine saw last) and from the log's own checkpoint
//! history. Each segment notes the roots at those sizes that lie in it, while it grows the tree.

use crate::merkle::Frontier;
use crate::sync::Arc;
use crate::types::Hash;

/// The sizes asked for, ascending, and the roots found so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Anchors {
    wanted: Arc<[u64]>,
    next: usize,
    pub(super) roots: Vec<(u64, Hash)>,
}

impl Anchors {
    pub(super) fn new(mut sizes: Vec<u64>) -> Self {
        sizes.sort_unstable();
        sizes.dedup();
        Self { wanted: sizes.into(), next: 0, roots: Vec::new() }
    }

    /// The same sizes, for a segment that begins at this index.
    pub(super) fn from(&self, first_index: u64) -> Self {
        let next = self.wanted.partition_point(|size| *size <= first_index);
        Self { wanted: Arc::clone(&self.wanted), next, roots: Vec::new() }
    }

    /// How many leaves lead from this size to the next one asked for; at least one.
    pub(super) fn count_to_next(&self, size: u64) -> Option<usize> {
        let next = self.wanted.get(self.next..)?.iter().find(|wanted| **wanted > size)?;
        usize::try_from(next - size).ok()
    }

    /// Takes the root, when its size is asked for. Called at every size that is.
    pub(super) fn look(&mut self, frontier: &Frontier) {
        let size = frontier.size().get();
        while let Some(wanted) = self.wanted.get(self.next).filter(|wanted| **wanted <= size) {
            if *wanted == size {
                self.roots.push((size, frontier.root()));
            }
            self.next += 1;
        }
    }

    /// Forgets the roots beyond this size, because leaves behind it turned out to be others.
    pub(super) fn forget_beyond(&mut self, size: u64) {
        self.roots.retain(|(known, _)| *known <= size);
        self.next = self.wanted.partition_point(|wanted| *wanted <= size);
    }
}
