//! Which nodes a proof needs: numbers in, nodes out.

use super::{NodeId, NodeSource, check_size};
use crate::error::Result;
use crate::hash;
use crate::types::{Hash, TreeSize};
use std::ops::Range;

/// Largest power of two below `n`, for `n` of 2 and more: where RFC 6962 splits a tree.
pub(super) const fn split(n: u64) -> u64 {
    1 << (u64::BITS - 1 - (n - 1).leading_zeros())
}

/// The hash of the leaves of a range as RFC 6962 builds it: `MTH(D[range])`. The range is one that
/// splitting a tree leads to, so all its parts but the last are perfect.
pub(super) fn subtree(source: &(impl NodeSource + ?Sized), range: Range<u64>) -> Result<Hash> {
    // Perfect subtrees from right to left, by the set bits of the length, smallest first.
    let (mut left, mut found) = (range.end - range.start, None);
    while left > 0 {
        let level = left.trailing_zeros();
        left &= left - 1;
        let start = range.start + left;
        let node = source.node(NodeId::starting_at(u8::try_from(level).unwrap_or(63), start))?;
        found = Some(found.map_or(node, |right| hash::node(&node, &right)));
    }
    Ok(found.unwrap_or_else(hash::empty_root))
}

/// The root of the first `size` leaves, from at most 63 nodes.
///
/// # Errors
/// [`crate::ErrorKind::OutOfRange`] beyond 2^63 - 1; whatever the source answers.
pub fn root_at(source: &(impl NodeSource + ?Sized), size: TreeSize) -> Result<Hash> {
    check_size(size)?;
    subtree(source, 0..size.get())
}
