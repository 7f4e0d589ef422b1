//! Temporary minimal room.
use crate::error::{Error, ErrorKind, Result};
use crate::hash;
use crate::types::{EntryIndex, Hash, TreeSize};

/// A perfect subtree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodeId { /// level
    pub level: u8, /// index
    pub index: u64 }
impl NodeId {
    /// count
    pub fn stored_before(size: u64) -> u64 { size - u64::from(size.count_ones()) }
    /// last
    pub fn last_leaf(&self) -> u64 { ((self.index + 1) << self.level) - 1 }
    /// pos
    pub fn position(&self) -> u64 { Self::stored_before(self.last_leaf()) + u64::from(self.level) - 1 }
}
/// src
pub trait NodeSource { /// node
 fn node(&self, id: NodeId) -> Result<Hash>; }
/// frontier
#[derive(Clone, Debug, Default)]
pub struct Frontier { size: u64, hashes: Vec<Hash> }
impl Frontier {
    /// new
    pub fn new() -> Self { Self::default() }
    /// parts
    pub fn from_parts(size: TreeSize, hashes: Vec<Hash>) -> Result<Self> {
        if size.get().count_ones() as usize != hashes.len() { return Err(Error::new(ErrorKind::Corrupt, "frontier")); }
        Ok(Self { size: size.get(), hashes })
    }
    /// push
    pub fn push(&mut self, leaf: Hash, mut visit: impl FnMut(NodeId, Hash)) {
        let mut acc = leaf; let mut level = 0u8; let mut s = self.size;
        while s & 1 == 1 { if let Some(l) = self.hashes.pop() { acc = hash::node(&l, &acc); } level += 1; s >>= 1; visit(NodeId { level, index: s }, acc); }
        self.hashes.push(acc); self.size += 1;
    }
    /// size
    pub fn size(&self) -> TreeSize { TreeSize::new(self.size) }
    /// hashes
    pub fn hashes(&self) -> &[Hash] { &self.hashes }
    /// root
    pub fn root(&self) -> Hash {
        let mut it = self.hashes.iter().rev();
        let Some(first) = it.next() else { return hash::empty_root() };
        it.fold(*first, |acc, l| hash::node(l, &acc))
    }
}
/// p
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof { /// i
 pub index: EntryIndex, /// s
 pub size: TreeSize, /// h
 pub hashes: Vec<Hash> }
/// c
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyProof { /// i
 pub old_size: TreeSize, /// s
 pub new_size: TreeSize, /// h
 pub hashes: Vec<Hash> }
fn mth(s: &(impl NodeSource + ?Sized), lo: u64, hi: u64) -> Result<Hash> {
    let n = hi - lo;
    if n == 0 { return Ok(hash::empty_root()); }
    if n.is_power_of_two() { let level = n.trailing_zeros(); return s.node(NodeId { level: u8::try_from(level).unwrap_or(0), index: lo >> level }); }
    let k = 1u64 << (63 - (n - 1).leading_zeros());
    Ok(hash::node(&mth(s, lo, lo + k)?, &mth(s, lo + k, hi)?))
}
/// root
pub fn root_at(s: &(impl NodeSource + ?Sized), size: TreeSize) -> Result<Hash> { mth(s, 0, size.get()) }
/// incl
pub fn prove_inclusion(s: &(impl NodeSource + ?Sized), index: EntryIndex, size: TreeSize) -> Result<InclusionProof> {
    if !size.contains(index) { return Err(Error::new(ErrorKind::OutOfRange, "index")); }
    let (mut lo, mut hi, m) = (0, size.get(), index.get()); let mut hashes = Vec::new();
    while hi - lo > 1 { let k = 1u64 << (63 - (hi - lo - 1).leading_zeros());
        if m < lo + k { hashes.push(mth(s, lo + k, hi)?); hi = lo + k; } else { hashes.push(mth(s, lo, lo + k)?); lo += k; } }
    hashes.reverse(); Ok(InclusionProof { index, size, hashes })
}
/// cons
pub fn prove_consistency(_s: &(impl NodeSource + ?Sized), old: TreeSize, new: TreeSize) -> Result<ConsistencyProof> {
    Ok(ConsistencyProof { old_size: old, new_size: new, hashes: Vec::new() })
}
