//! The frontier: one perfect root per set bit of the size, largest first. All that is needed to
//! append.

use super::{NodeId, check_size};
use crate::error::{Error, ErrorKind, Result};
use crate::hash;
use crate::limits::TREE_SIZE_MAX;
use crate::types::{Hash, TreeSize};

/// The right edge of a growing tree: at most 64 hashes.
///
/// # Source
/// "Compact range" `[0, n)` of the transparency-log literature.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Frontier {
    size: u64,
    hashes: Vec<Hash>,
}

impl Frontier {
    /// The frontier of the empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self { size: 0, hashes: Vec::with_capacity(64) }
    }

    /// A frontier that was stored.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] when there is not one hash per set bit of `size`, or when `size` is
    /// beyond 2^63 - 1.
    pub fn from_parts(size: TreeSize, hashes: Vec<Hash>) -> Result<Self> {
        if check_size(size).is_err() {
            return Err(Error::new(ErrorKind::Corrupt, "size of a frontier")
                .expected(format_args!("at most {TREE_SIZE_MAX}"), size));
        }
        let wanted = size.get().count_ones() as usize;
        if hashes.len() != wanted {
            return Err(Error::new(ErrorKind::Corrupt, "hashes of a frontier")
                .expected(wanted, hashes.len()));
        }
        Ok(Self { size: size.get(), hashes })
    }

    /// Appends a leaf. `visit` gets each node that it completes and that is stored, lowest first.
    pub fn push(&mut self, leaf: Hash, mut visit: impl FnMut(NodeId, Hash)) {
        let mut hash = leaf;
        let mut level = 0;
        let mut index = self.size;
        while index & 1 == 1 {
            // One hash per set bit: there is a left sibling.
            let Some(left) = self.hashes.pop() else { break };
            hash = hash::node(&left, &hash);
            level += 1;
            index >>= 1;
            if level >= NodeId::STORED_LEVEL_MIN {
                visit(NodeId { level, index }, hash);
            }
        }
        self.hashes.push(hash);
        self.size += 1;
    }

    /// Appends leaves, level by level, many nodes at a time. `visit` gets each node that they complete
    /// and that is stored, once; [`NodeId::position`] says where in the stream of nodes it belongs.
    pub fn extend(&mut self, leaves: &[Hash], mut visit: impl FnMut(NodeId, Hash)) {
        let (mut level, mut first) = (0, self.size);
        let mut nodes = Vec::with_capacity(leaves.len() + 1);
        nodes.extend_from_slice(leaves);
        // What is left alone on each level, lowest level first.
        let mut alone: Vec<Hash> = Vec::with_capacity(64);
        while !nodes.is_empty() {
            // One hash per set bit: a first node of odd number has its left sibling here.
            if first & 1 == 1
                && let Some(left) = self.hashes.pop()
            {
                nodes.insert(0, left);
                first -= 1;
            }
            if !nodes.len().is_multiple_of(2) {
                alone.extend(nodes.pop());
            }
            level += 1;
            first >>= 1;
            nodes = parents(&nodes);
            if level >= NodeId::STORED_LEVEL_MIN {
                for (index, hash) in (first..).zip(&nodes) {
                    visit(NodeId { level, index }, *hash);
                }
            }
        }
        self.hashes.extend(alone.into_iter().rev());
        self.size += leaves.len() as u64;
    }

    /// Appends a perfect subtree of `2^level` leaves of which only the root is known.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] when no perfect subtree of that level begins here, or the tree would
    /// grow beyond 2^63 - 1.
    pub fn push_perfect(&mut self, level: u8, root: Hash) -> Result<()> {
        let len = 1u64.checked_shl(u32::from(level)).unwrap_or(0);
        let size = self.size.checked_add(len).filter(|size| *size <= TREE_SIZE_MAX);
        let (Some(size), true) = (size, len > 0 && self.size.is_multiple_of(len.max(1))) else {
            return Err(Error::new(ErrorKind::OutOfRange, "no subtree of this level begins here")
                .expected(format_args!("one that fits behind {} leaves", self.size), level));
        };
        let mut hash = root;
        let mut index = self.size >> level;
        while index & 1 == 1 {
            let Some(left) = self.hashes.pop() else { break };
            hash = hash::node(&left, &hash);
            index >>= 1;
        }
        self.hashes.push(hash);
        self.size = size;
        Ok(())
    }

    /// Leaves so far.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        TreeSize::new(self.size)
    }

    /// One root per set bit of the size, largest subtree first.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// The root; of the empty tree SHA-256 of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut right_to_left = self.hashes.iter().rev();
        match right_to_left.next() {
            None => hash::empty_root(),
            Some(last) => right_to_left.fold(*last, |right, left| hash::node(left, &right)),
        }
    }
}

/// The parents of an even number of nodes.
fn parents(nodes: &[Hash]) -> Vec<Hash> {
    let mut parents = Vec::with_capacity(nodes.len() / 2 + 1);
    hash::node_all(nodes.as_chunks().0, |hash| parents.push(hash));
    parents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_together_grow_the_tree_that_they_grow_one_by_one() {
        let leaves: Vec<Hash> = (0..80u64).map(|i| hash::leaf(&i.to_le_bytes())).collect();
        for begin in 0..40 {
            for end in begin..leaves.len() {
                let (mut one, mut all) = (Frontier::new(), Frontier::new());
                leaves[..begin].iter().for_each(|leaf| one.push(*leaf, |_, _| {}));
                all.extend(&leaves[..begin], |_, _| {});
                assert_eq!(one, all);
                let (mut singly, mut together) = (Vec::new(), Vec::new());
                leaves[begin..end]
                    .iter()
                    .for_each(|leaf| one.push(*leaf, |id, hash| singly.push((id, hash))));
                all.extend(&leaves[begin..end], |id, hash| together.push((id, hash)));
                assert_eq!((one.root(), &one), (all.root(), &all), "{begin}..{end}");
                together.sort_by_key(|(id, _)| (id.last_leaf(), id.level));
                assert_eq!(singly, together);
                let first = NodeId::stored_before(begin as u64);
                let places = together.iter().map(|(id, _)| id.position());
                assert!(places.eq(first..NodeId::stored_before(end as u64)));
            }
        }
    }

    #[test]
    fn a_stored_frontier_goes_on_where_it_was() {
        let leaf = |i: u64| hash::leaf(&i.to_le_bytes());
        let mut whole = Frontier::new();
        for i in 0..300 {
            let mut stored = Frontier::from_parts(whole.size(), whole.hashes().to_vec()).unwrap();
            whole.push(leaf(i), |_, _| {});
            stored.push(leaf(i), |_, _| {});
            assert_eq!(stored.root(), whole.root());
        }
        assert!(Frontier::from_parts(TreeSize::new(3), vec![Hash::ZERO]).is_err());
    }

    #[test]
    fn subtrees_stand_in_for_their_leaves_where_they_fit() {
        let leaf = |i: u64| hash::leaf(&i.to_le_bytes());
        let grown = |range: std::ops::Range<u64>| {
            let mut frontier = Frontier::new();
            range.for_each(|i| frontier.push(leaf(i), |_, _| {}));
            frontier
        };
        let mut with = grown(0..4);
        with.push_perfect(1, grown(4..6).root()).unwrap();
        with.push(leaf(6), |_, _| {});
        assert_eq!((with.root(), with.size()), (grown(0..7).root(), TreeSize::new(7)));
        assert!(with.push_perfect(1, Hash::ZERO).is_err());
        assert!(
            with.push_perfect(63, Hash::ZERO).is_err()
                && with.push_perfect(200, Hash::ZERO).is_err()
        );
        with.push_perfect(0, leaf(7)).unwrap();
        assert_eq!(with, grown(0..8));
    }
}
