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

    /// Appends a leaf. `visit` gets each interior node that it completes, lowest first.
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
            visit(NodeId { level, index }, hash);
        }
        self.hashes.push(hash);
        self.size += 1;
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
