//! Nodes and their numbers in the stored stream.

use crate::error::Result;
use crate::types::Hash;

/// A perfect node: it covers the leaves `index << level .. (index + 1) << level`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct NodeId {
    /// 0 for entry hashes.
    pub level: u8,
    /// Position among the nodes of its level.
    pub index: u64,
}

impl NodeId {
    /// The node of this level that begins at this leaf, a multiple of `2^level`.
    #[must_use]
    pub const fn starting_at(level: u8, first_leaf: u64) -> Self {
        Self { level, index: first_leaf >> level }
    }

    /// Lowest level that is stored. Leaves are in the frames, and what two of them hash to is had
    /// sooner than it is read from a disk.
    pub const STORED_LEVEL_MIN: u8 = 2;

    /// How many stored nodes the first `size` leaves complete: the interior nodes above their pairs.
    #[must_use]
    pub const fn stored_before(size: u64) -> u64 {
        let pairs = size / 2;
        pairs - pairs.count_ones() as u64
    }

    /// The leaf that completes this node.
    #[must_use]
    pub const fn last_leaf(&self) -> u64 {
        ((self.index + 1) << self.level) - 1
    }

    /// Position of a stored node in the stream in which leaves complete nodes, lowest level first.
    #[must_use]
    pub const fn position(&self) -> u64 {
        let above = self.level.saturating_sub(Self::STORED_LEVEL_MIN);
        Self::stored_before(self.last_leaf()) + above as u64
    }
}

/// Gives perfect nodes of a tree.
pub trait NodeSource {
    /// The hash of a node that is complete; level 0 is the entry hash.
    ///
    /// # Errors
    /// Whatever keeps it from being read.
    fn node(&self, id: NodeId) -> Result<Hash>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::Frontier;

    #[test]
    fn positions_are_the_order_in_which_leaves_complete_nodes() {
        let mut frontier = Frontier::new();
        let mut next = 0;
        for leaf in 0..2000u64 {
            assert_eq!(NodeId::stored_before(leaf), next);
            frontier.push(Hash::ZERO, |id, _| {
                assert_eq!((id.position(), id.last_leaf()), (next, leaf));
                next += 1;
            });
        }
    }
}
