//! The recursive twin: sections 2.1 to 2.1.2 of RFC 6962, word for word, as slow as they are clear.
//!
//! Hashes with SHA-256 directly and sees nothing of `witnessmark::merkle`. What a whole range
//! hashes to is asked of a [`Leaves`], so that the same definitions serve lists and giants.

use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use witnessmark::Hash;

pub(crate) fn leaf(data: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0]).chain_update(data).finalize().into())
}

pub(crate) fn node(left: Hash, right: Hash) -> Hash {
    let state = Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0);
    Hash(state.finalize().into())
}

pub(crate) fn empty() -> Hash {
    Hash(Sha256::digest(b"").into())
}

/// "Let k be the largest power of two smaller than n."
pub(crate) fn split(n: u64) -> u64 {
    (0..64).map(|level| 1 << level).take_while(|k| *k < n).last().unwrap()
}

/// A list of leaves that can say what a range of it hashes to.
pub(crate) trait Leaves {
    /// `MTH(D[range])`, if it is known without splitting the range.
    fn known(&self, range: &Range<u64>) -> Option<Hash>;
    /// Is told each hash that was computed.
    fn learn(&self, _range: &Range<u64>, _hash: Hash) {}
}

/// Leaves at hand; ranges once hashed are remembered.
#[derive(Default)]
pub(crate) struct List {
    pub(crate) leaves: Vec<Hash>,
    seen: RefCell<HashMap<(u64, u64), Hash>>,
}

impl List {
    pub(crate) fn new(leaves: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let leaves = leaves.into_iter().map(|data| leaf(&data)).collect();
        Self { leaves, seen: RefCell::default() }
    }
}

impl Leaves for List {
    fn known(&self, range: &Range<u64>) -> Option<Hash> {
        if range.end - range.start == 1 {
            return Some(self.leaves[usize::try_from(range.start).unwrap()]);
        }
        self.seen.borrow().get(&(range.start, range.end)).copied()
    }

    fn learn(&self, range: &Range<u64>, hash: Hash) {
        self.seen.borrow_mut().insert((range.start, range.end), hash);
    }
}

/// A list of any size in which all leaves are one value, but for a few.
pub(crate) struct Sparse {
    pub(crate) special: BTreeMap<u64, Hash>,
    /// What `2^level` leaves of the one value hash to.
    uniform: Vec<Hash>,
}

impl Sparse {
    pub(crate) fn new(special: impl IntoIterator<Item = u64>) -> Self {
        let first = leaf(b"all the same");
        let double = |hash: &Hash| Some(node(*hash, *hash));
        let special = special.into_iter().map(|i| (i, leaf(&super::entry(i)))).collect();
        Self { special, uniform: std::iter::successors(Some(first), double).take(64).collect() }
    }

    pub(crate) fn leaf(&self, i: u64) -> Hash {
        self.special.get(&i).copied().unwrap_or(self.uniform[0])
    }
}

impl Leaves for Sparse {
    fn known(&self, range: &Range<u64>) -> Option<Hash> {
        let len = range.end - range.start;
        if len == 1 {
            return Some(self.leaf(range.start));
        }
        let is_uniform =
            len.is_power_of_two() && self.special.range(range.clone()).next().is_none();
        is_uniform.then(|| self.uniform[len.ilog2() as usize])
    }
}

/// `MTH(D[range])`.
pub(crate) fn mth(leaves: &impl Leaves, range: Range<u64>) -> Hash {
    if range.is_empty() {
        return empty();
    }
    if let Some(hash) = leaves.known(&range) {
        return hash;
    }
    let k = range.start + split(range.end - range.start);
    let hash = node(mth(leaves, range.start..k), mth(leaves, k..range.end));
    leaves.learn(&range, hash);
    hash
}

/// `PATH(m, D[range])`, m counted from the range's start.
pub(crate) fn path(leaves: &impl Leaves, m: u64, range: Range<u64>) -> Vec<Hash> {
    let n = range.end - range.start;
    if n == 1 {
        return Vec::new();
    }
    let k = split(n);
    let middle = range.start + k;
    let (mut hashes, sibling) = if m < k {
        (path(leaves, m, range.start..middle), middle..range.end)
    } else {
        (path(leaves, m - k, middle..range.end), range.start..middle)
    };
    hashes.push(mth(leaves, sibling));
    hashes
}

/// `PROOF(m, D[0..n])` for `0 < m <= n`.
pub(crate) fn proof(leaves: &impl Leaves, m: u64, n: u64) -> Vec<Hash> {
    subproof(leaves, m, 0..n, true)
}

/// `SUBPROOF(m, D[range], is_whole)`.
fn subproof(leaves: &impl Leaves, m: u64, range: Range<u64>, is_whole: bool) -> Vec<Hash> {
    let n = range.end - range.start;
    if m == n {
        return if is_whole { Vec::new() } else { vec![mth(leaves, range)] };
    }
    let k = split(n);
    let middle = range.start + k;
    let (mut hashes, sibling) = if m <= k {
        (subproof(leaves, m, range.start..middle, is_whole), middle..range.end)
    } else {
        (subproof(leaves, m - k, middle..range.end, false), range.start..middle)
    };
    hashes.push(mth(leaves, sibling));
    hashes
}

/// The root that follows from a path, or `None` when it has not the shape of `PATH(m, D[n])`.
pub(crate) fn root_of_path(m: u64, n: u64, leaf: Hash, hashes: &[Hash]) -> Option<Hash> {
    if m >= n {
        return None;
    }
    if n == 1 {
        return hashes.is_empty().then_some(leaf);
    }
    let (last, rest) = hashes.split_last()?;
    let k = split(n);
    if m < k {
        Some(node(root_of_path(m, k, leaf, rest)?, *last))
    } else {
        Some(node(*last, root_of_path(m - k, n - k, leaf, rest)?))
    }
}

/// Both roots that follow from a consistency proof for `0 < m <= n`, given the old one.
pub(crate) fn roots_of_proof(m: u64, n: u64, old: Hash, hashes: &[Hash]) -> Option<(Hash, Hash)> {
    roots_of_subproof(m, n, hashes, Some(old))
}

/// `whole` is the old root as long as the subtree begins where the tree does.
fn roots_of_subproof(m: u64, n: u64, hashes: &[Hash], whole: Option<Hash>) -> Option<(Hash, Hash)> {
    if m == 0 || m > n {
        return None;
    }
    if m == n {
        return match (whole, hashes) {
            (Some(old), []) => Some((old, old)),
            (None, [hash]) => Some((*hash, *hash)),
            _ => None,
        };
    }
    let (last, rest) = hashes.split_last()?;
    let k = split(n);
    if m <= k {
        let (old, new) = roots_of_subproof(m, k, rest, whole)?;
        Some((old, node(new, *last)))
    } else {
        let (old, new) = roots_of_subproof(m - k, n - k, rest, None)?;
        Some((node(*last, old), node(*last, new)))
    }
}
