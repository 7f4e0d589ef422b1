//! A proof costs O(log n): how many nodes are read, how long proofs get.

use crate::reference::Sparse;
use crate::shelf::Counted;
use proptest::prelude::*;
use std::cell::Cell;
use witnessmark::limits::{PROOF_HASHES_MAX, TREE_SIZE_MAX};
use witnessmark::merkle::{prove_consistency, prove_inclusion, root_at};
use witnessmark::{EntryIndex, TreeSize};

/// The smallest h with `2^h >= n`.
fn height(n: u64) -> u32 {
    u64::BITS - (n - 1).leading_zeros()
}

/// Reads for a root, an inclusion proof and a consistency proof, and the hashes of the latter two.
fn cost(source: &Sparse, m: u64, n: u64) -> [u32; 5] {
    let counted = Counted { source, reads: Cell::new(0) };
    let size = TreeSize::new(n);
    root_at(&counted, size).unwrap();
    let root = counted.reads.take();
    let path = prove_inclusion(&counted, EntryIndex::new(m), size).unwrap().hashes.len();
    let inclusion = counted.reads.take();
    let proof = prove_consistency(&counted, TreeSize::new(m + 1), size).unwrap().hashes.len();
    let consistency = counted.reads.take();
    let lens = [path, proof].map(|len| u32::try_from(len).unwrap());
    [root, inclusion, consistency, lens[0], lens[1]]
}

/// The bounds of docs/MERKLE.md.
fn assert_bounds(source: &Sparse, m: u64, n: u64) {
    let [root, inclusion, consistency, path, proof] = cost(source, m, n);
    let h = height(n);
    let at = format!("index {m}, size {n}, height {h}");
    assert_eq!(root, n.count_ones(), "root: one read for each set bit; {at}");
    assert!(path <= h && path as usize <= PROOF_HASHES_MAX, "{path} hashes in a path; {at}");
    assert!(proof <= h + 1, "{proof} hashes in a proof; {at}");
    assert!(n > 1 << 62 || proof as usize <= PROOF_HASHES_MAX, "{proof} in a proof; {at}");
    // One hash of a path at most is no stored node; it is folded from at most one a level.
    assert!(inclusion <= 2 * h, "{inclusion} reads for a path; {at}");
    assert!(consistency <= 2 * h, "{consistency} reads for a proof; {at}");
}

#[test]
fn costs_stay_logarithmic_for_every_pair_up_to_130() {
    let source = Sparse::new([]);
    for n in 1..=130 {
        (0..n).for_each(|m| assert_bounds(&source, m, n));
    }
}

#[test]
fn the_largest_trees_are_proved_with_63_hashes_or_one_more() {
    let source = Sparse::new([]);
    for m in [0, 1, TREE_SIZE_MAX / 2, TREE_SIZE_MAX / 2 + 1, TREE_SIZE_MAX - 1] {
        assert_bounds(&source, m, TREE_SIZE_MAX);
    }
    assert_eq!(cost(&source, 0, TREE_SIZE_MAX)[3], 63);
    let old = (1 << 62) - 1;
    assert_eq!(cost(&source, old - 1, 1 << 62)[4], 63, "the cap of the public formats");
    assert_eq!(cost(&source, old - 1, TREE_SIZE_MAX)[4], 64, "one more beyond 2^62 leaves");
}

proptest! {
    #[test]
    fn costs_stay_logarithmic_anywhere(n in 1..=TREE_SIZE_MAX, m: u64, shift in 0..62u32) {
        let n = (n >> shift).max(1);
        assert_bounds(&Sparse::new([]), m % n, n);
    }
}
