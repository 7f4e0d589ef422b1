//! Inclusion proofs: this entry is at this index of a tree of this size.

use super::plan::{split, subtree};
use super::{NodeSource, check_size};
use crate::error::{Error, ErrorKind, Result};
use crate::hash;
use crate::types::{EntryIndex, Hash, TreeSize};

/// Proves that a leaf is at `index` of a tree of `size` leaves.
///
/// # Source
/// RFC 6962, section 2.1.1; verification as RFC 9162, section 2.1.3.2.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InclusionProof {
    /// The leaf's position.
    pub index: EntryIndex,
    /// The tree's size.
    pub size: TreeSize,
    /// Siblings, the leaf's own first; at most 63.
    pub hashes: Vec<Hash>,
}

/// Builds an inclusion proof from O(log n) nodes.
///
/// # Errors
/// [`ErrorKind::OutOfRange`] when `index` is not below `size`; whatever the source answers.
pub fn prove_inclusion(
    source: &(impl NodeSource + ?Sized),
    index: EntryIndex,
    size: TreeSize,
) -> Result<InclusionProof> {
    check_size(size)?;
    if !size.contains(index) {
        return Err(Error::new(ErrorKind::OutOfRange, "no such entry in a tree of this size")
            .at_index(index)
            .expected(format_args!("below {size}"), index));
    }
    let (leaf, mut range) = (index.get(), 0..size.get());
    let mut hashes = Vec::with_capacity(64);
    while range.end - range.start > 1 {
        let middle = range.start + split(range.end - range.start);
        let sibling = if leaf < middle {
            let right = middle..range.end;
            range.end = middle;
            right
        } else {
            let left = range.start..middle;
            range.start = middle;
            left
        };
        hashes.push(subtree(source, sibling)?);
    }
    hashes.reverse();
    Ok(InclusionProof { index, size, hashes })
}

impl InclusionProof {
    /// The root that follows if `leaf` (an entry hash) is where the proof says.
    ///
    /// # Errors
    /// [`ErrorKind::ProofInvalid`] when index, size and number of hashes do not fit each other.
    /// The number is checked before anything is hashed: that is the defence against other shapes.
    pub fn root_from(&self, leaf: &Hash) -> Result<Hash> {
        let (index, size) = (self.index.get(), self.size.get());
        let invalid = |what: &str| Error::new(ErrorKind::ProofInvalid, what);
        check_size(self.size).map_err(|_| invalid("tree size is beyond 2^63 - 1"))?;
        if index >= size {
            return Err(invalid("index is not below the tree size")
                .expected(format_args!("below {size}"), index));
        }
        // Up to `inner` levels the path has siblings on both sides; above, only on the left.
        let inner = u64::BITS - (index ^ (size - 1)).leading_zeros();
        let border = index.checked_shr(inner).unwrap_or(0).count_ones();
        let wanted = (inner + border) as usize;
        if self.hashes.len() != wanted {
            return Err(invalid("number of hashes").expected(wanted, self.hashes.len()));
        }
        let mut root = *leaf;
        for (level, sibling) in (0..).zip(&self.hashes) {
            let is_right = level >= inner || index.checked_shr(level).unwrap_or(0) & 1 == 1;
            root = match is_right {
                true => hash::node(sibling, &root),
                false => hash::node(&root, sibling),
            };
        }
        Ok(root)
    }

    /// Checks the proof against a root that is known from elsewhere.
    ///
    /// # Errors
    /// [`ErrorKind::ProofInvalid`], with the root that follows from the proof.
    pub fn verify(&self, leaf: &Hash, root: &Hash) -> Result<()> {
        let found = self.root_from(leaf)?;
        if found == *root {
            return Ok(());
        }
        Err(Error::new(ErrorKind::ProofInvalid, "the proof leads to another root")
            .expected(root, found))
    }
}
