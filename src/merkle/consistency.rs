//! Consistency proofs: the tree of one size is a prefix of the tree of another.

use super::plan::{split, subtree};
use super::{NodeSource, check_size};
use crate::error::{Error, ErrorKind, Result};
use crate::hash;
use crate::types::{Hash, TreeSize};

/// Proves that the first `old_size` leaves of a tree of `new_size` are those of an earlier tree.
///
/// # Source
/// RFC 6962, section 2.1.2; verification as RFC 9162, section 2.1.4.2. From size 0, which the RFCs
/// leave open, the proof is empty and the old root is that of the empty tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsistencyProof {
    /// Size of the earlier tree.
    pub old_size: TreeSize,
    /// Size of the later tree.
    pub new_size: TreeSize,
    /// Nodes, at most 63 up to a size of 2^62, and 64 beyond.
    pub hashes: Vec<Hash>,
}

/// Builds a consistency proof from O(log n) nodes.
///
/// # Errors
/// [`ErrorKind::OutOfRange`] when `old` is beyond `new`; whatever the source answers.
pub fn prove_consistency(
    source: &(impl NodeSource + ?Sized),
    old: TreeSize,
    new: TreeSize,
) -> Result<ConsistencyProof> {
    check_size(new)?;
    if old > new {
        return Err(Error::new(ErrorKind::OutOfRange, "the earlier tree is the larger one")
            .expected(format_args!("at most {new}"), old));
    }
    let mut hashes = Vec::with_capacity(64);
    let (leaf, mut range) = (old.get(), 0..new.get());
    // SUBPROOF of RFC 6962: walk down to the old tree's right edge, collect what lies beside it.
    let mut is_whole_old_tree = true;
    while leaf != 0 && leaf != range.end {
        let middle = range.start + split(range.end - range.start);
        if leaf <= middle {
            hashes.push(subtree(source, middle..range.end)?);
            range.end = middle;
        } else {
            hashes.push(subtree(source, range.start..middle)?);
            range.start = middle;
            is_whole_old_tree = false;
        }
    }
    if !is_whole_old_tree {
        hashes.push(subtree(source, range)?);
    }
    hashes.reverse();
    Ok(ConsistencyProof { old_size: old, new_size: new, hashes })
}

impl ConsistencyProof {
    /// Checks the proof against two roots that are known from elsewhere.
    ///
    /// # Errors
    /// [`ErrorKind::ProofInvalid`], saying what does not fit.
    pub fn verify(&self, old_root: &Hash, new_root: &Hash) -> Result<()> {
        let invalid = |what: &str| Error::new(ErrorKind::ProofInvalid, what);
        let (old, new) = (self.old_size.get(), self.new_size.get());
        check_size(self.new_size).map_err(|_| invalid("tree size is beyond 2^63 - 1"))?;
        if old > new {
            return Err(invalid("the earlier tree is the larger one").expected(new, old));
        }
        if old == 0 || old == new {
            if !self.hashes.is_empty() {
                return Err(invalid("number of hashes").expected(0, self.hashes.len()));
            }
            let wanted = if old == 0 { hash::empty_root() } else { *new_root };
            return same_root(&wanted, old_root);
        }
        // A whole old tree is itself the first node; the proof leaves it out.
        let first = old.is_power_of_two().then_some(old_root);
        let mut nodes = first.into_iter().chain(&self.hashes);
        let shift = (old - 1).trailing_ones();
        let (mut at, mut last) = ((old - 1) >> shift, (new - 1) >> shift);
        let Some(start) = nodes.next() else { return Err(invalid("number of hashes")) };
        let (mut old_found, mut new_found) = (*start, *start);
        for node in nodes {
            if last == 0 {
                return Err(invalid("number of hashes: too many"));
            }
            if at & 1 == 1 || at == last {
                old_found = hash::node(node, &old_found);
                new_found = hash::node(node, &new_found);
                while at & 1 == 0 && at != 0 {
                    at >>= 1;
                    last >>= 1;
                }
            } else {
                new_found = hash::node(&new_found, node);
            }
            at >>= 1;
            last >>= 1;
        }
        if last != 0 {
            return Err(invalid("number of hashes: too few"));
        }
        same_root(old_root, &old_found)?;
        same_root(new_root, &new_found)
    }
}

fn same_root(wanted: &Hash, found: &Hash) -> Result<()> {
    if wanted == found {
        return Ok(());
    }
    Err(Error::new(ErrorKind::ProofInvalid, "the proof leads to another root")
        .expected(wanted, found))
}
