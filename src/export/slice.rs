//! Slices: the roots that stand for what an export leaves out.
//!
//! ```text
//! tree of 16      0 1 2 3   4 5 6 7   8 9 . . .        exported: 5, 6, 9
//! before 5        [0..4) [4..5)
//! before 9                        [7..8) [8..9)
//! after                                       [10..12) [12..16)
//! ```
//!
//! Between two exported entries stand the fewest perfect subtrees that cover the gap, in order. With
//! them whoever holds the slice alone computes the root of the whole tree. A slice without gaps has
//! roots before its first and after its last entry only: at most 63 each.

use crate::error::{Error, ErrorKind, Result};
use crate::merkle::{NodeId, NodeSource};
use crate::types::{EntryIndex, Hash, TreeSize};

/// What a verifiable export calls itself.
pub(super) const SCHEMA: &str = "wmark.slice/1";

/// The perfect subtrees that cover `from..to`, in order.
pub(super) fn cover(from: u64, to: u64) -> impl Iterator<Item = NodeId> {
    let mut at = from;
    std::iter::from_fn(move || {
        let left = to.checked_sub(at).filter(|left| *left > 0)?;
        // As large as where it begins allows, and as what is left allows.
        let level = at.trailing_zeros().min(left.ilog2()).min(62);
        let level = u8::try_from(level).ok()?;
        let node = NodeId::starting_at(level, at);
        at += 1 << level;
        Some(node)
    })
}

/// Walks a tree of a certain size along the entries that are exported, oldest first.
#[derive(Debug)]
pub struct Slice<'s, S: ?Sized> {
    source: &'s S,
    size: TreeSize,
    next: u64,
    entries: u64,
    first: Option<u64>,
    gaps: u64,
}

impl<'s, S: NodeSource + ?Sized> Slice<'s, S> {
    /// A slice of the first `size` entries of a log.
    pub fn new(source: &'s S, size: TreeSize) -> Self {
        Self { source, size, next: 0, entries: 0, first: None, gaps: 0 }
    }

    fn roots(&self, to: u64) -> Result<Vec<Hash>> {
        cover(self.next, to).map(|id| self.source.node(id)).collect()
    }

    /// Goes on to the entry at `index`: the roots of what stands between it and the one before.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] when the index does not ascend or is not in the tree; whatever
    /// keeps a node from being read.
    pub fn before(&mut self, index: EntryIndex) -> Result<Vec<Hash>> {
        let at = index.get();
        if at < self.next || !self.size.contains(index) {
            return Err(Error::new(ErrorKind::OutOfRange, "entries of a slice ascend")
                .expected(format_args!("{} to below {}", self.next, self.size), index));
        }
        let roots = self.roots(at)?;
        self.gaps += u64::from(self.first.is_some() && at > self.next);
        self.first.get_or_insert(at);
        self.entries += 1;
        self.next = at + 1;
        Ok(roots)
    }

    /// The roots of what stands behind the last entry.
    ///
    /// # Errors
    /// Whatever keeps a node from being read.
    pub fn after(&self) -> Result<Vec<Hash>> {
        self.roots(self.size.get())
    }

    /// How many entries there are so far.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// The first and the last index.
    #[must_use]
    pub fn span(&self) -> Option<(u64, u64)> {
        self.first.map(|first| (first, self.next.saturating_sub(1)))
    }

    /// How many times something was left out between two entries.
    #[must_use]
    pub fn gaps(&self) -> u64 {
        self.gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_are_in_order_without_overlap_and_short() {
        for from in 0..40u64 {
            for to in from..40 {
                let mut at = from;
                let nodes: Vec<NodeId> = cover(from, to).collect();
                for node in &nodes {
                    assert_eq!(node.index << node.level, at);
                    at = node.last_leaf() + 1;
                }
                assert_eq!(at, to);
                assert!(nodes.len() <= 2 * 6, "{from}..{to}: {}", nodes.len());
            }
        }
        let all: Vec<NodeId> = cover(0, u64::MAX >> 1).collect();
        assert_eq!(all.len(), 63);
    }
}
