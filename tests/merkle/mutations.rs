//! What was altered is refused, and nothing that comes in makes the verifier panic.
//!
//! Where a claim is altered (index, sizes) rather than a hash, the recursive twin says whether it
//! still follows: index 0 has the same path in trees of three and of four leaves, so a proof alone
//! does not tell those sizes apart, and only a root that is known together with its size does.

use crate::entry;
use crate::reference::{self, Sparse, mth, path, proof, root_of_path, roots_of_proof};
use proptest::prelude::*;
use witnessmark::limits::TREE_SIZE_MAX;
use witnessmark::merkle::{
    Frontier, NodeId, NodeSource, prove_consistency, prove_inclusion, root_at,
};
use witnessmark::{
    ConsistencyProof, EntryIndex, ErrorKind, Hash, InclusionProof, Result, TreeSize,
};

/// Sizes of every magnitude, half of them beside a power of two.
fn sizes() -> impl Strategy<Value = u64> {
    let any_magnitude = (0..63u32, any::<u64>())
        .prop_map(|(bits, noise)| (1 << bits) | (noise & ((1 << bits) - 1)));
    let beside = (1..63u32, -2i64..=2)
        .prop_map(|(bits, offset)| (1u64 << bits).saturating_add_signed(offset).max(1));
    prop_oneof![any_magnitude, beside, Just(TREE_SIZE_MAX)]
}

/// A size and an index below it, often at an edge.
fn places() -> impl Strategy<Value = (u64, u64)> {
    (sizes(), any::<u64>(), 0..4u8).prop_map(|(n, noise, edge)| {
        let m = match edge {
            0 => n - 1,
            1 => (noise % 3).min(n - 1),
            _ => noise % n,
        };
        (m, n)
    })
}

/// A tree in which this leaf and its surroundings are like no others.
fn tree_around(m: u64, n: u64) -> Sparse {
    let near = [m, m ^ 1, m ^ 2, m.saturating_sub(1), m + 1, n - 1, n / 2, 0];
    Sparse::new(near.into_iter().filter(|i| *i < n))
}

fn inclusion(tree: &Sparse, m: u64, n: u64) -> (InclusionProof, Hash, Hash) {
    let made = prove_inclusion(tree, EntryIndex::new(m), TreeSize::new(n)).unwrap();
    (made, tree.leaf(m), mth(tree, 0..n))
}

fn consistency(tree: &Sparse, m: u64, n: u64) -> (ConsistencyProof, Hash, Hash) {
    let made = prove_consistency(tree, TreeSize::new(m), TreeSize::new(n)).unwrap();
    (made, mth(tree, 0..m), mth(tree, 0..n))
}

fn flipped(hash: Hash, bit: usize) -> Hash {
    let mut bytes = hash.0;
    bytes[bit / 8 % 32] ^= 1 << (bit % 8);
    Hash(bytes)
}

/// Every list that differs from this one in one hash: altered, removed, repeated, added, swapped.
fn altered(hashes: &[Hash], bit: usize, foreign: Hash) -> Vec<Vec<Hash>> {
    let mut lists = Vec::new();
    for at in 0..=hashes.len() {
        let (before, after) = hashes.split_at(at);
        lists.push([before, &[foreign], after].concat());
        let Some((here, behind)) = after.split_first() else { continue };
        lists.push([before, &[flipped(*here, bit)], behind].concat());
        lists.push([before, behind].concat());
        lists.push([before, &[*here, *here], behind].concat());
        if let Some((next, rest)) = behind.split_first().filter(|(next, _)| *next != here) {
            lists.push([before, &[*next, *here], rest].concat());
        }
    }
    lists
}

/// Numbers that a claim might be bent to.
fn bent(n: u64) -> [u64; 12] {
    let twice = n.wrapping_mul(2);
    [
        n ^ 1,
        n ^ 2,
        n.wrapping_add(1),
        n.wrapping_sub(1),
        twice,
        n / 2,
        0,
        1,
        n.rotate_left(32),
        TREE_SIZE_MAX,
        TREE_SIZE_MAX + 1,
        u64::MAX,
    ]
}

fn assert_refused(result: &Result<()>, what: &str) {
    let kind = result.as_ref().map_err(|error| error.kind());
    assert_eq!(kind, Err(ErrorKind::ProofInvalid), "{what}");
}

/// Our verdict on an inclusion claim, after comparing it with the twin's.
fn believes_inclusion(claim: &InclusionProof, leaf: Hash, root: Hash) -> bool {
    let (m, n) = (claim.index.get(), claim.size.get());
    let follows = n <= TREE_SIZE_MAX && root_of_path(m, n, leaf, &claim.hashes) == Some(root);
    let ours = claim.verify(&leaf, &root);
    assert_eq!(ours.is_ok(), follows, "{claim:?}");
    if !follows {
        assert_refused(&ours, "an inclusion claim");
    }
    follows
}

fn believes_consistency(claim: &ConsistencyProof, old_root: Hash, new_root: Hash) -> bool {
    let (m, n) = (claim.old_size.get(), claim.new_size.get());
    let follows = match m {
        _ if n > TREE_SIZE_MAX => false,
        0 => claim.hashes.is_empty() && old_root == reference::empty(),
        _ => roots_of_proof(m, n, old_root, &claim.hashes) == Some((old_root, new_root)),
    };
    let ours = claim.verify(&old_root, &new_root);
    assert_eq!(ours.is_ok(), follows, "{claim:?}");
    if !follows {
        assert_refused(&ours, "a consistency claim");
    }
    follows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn inclusion_proofs_hold_at_any_size_and_altered_ones_do_not(
        (m, n) in places(), bit in 0..256usize, foreign: [u8; 32],
    ) {
        let tree = tree_around(m, n);
        let (made, leaf, root) = inclusion(&tree, m, n);
        prop_assert_eq!(&made.hashes, &path(&tree, m, 0..n));
        prop_assert!(believes_inclusion(&made, leaf, root));
        prop_assert!(!believes_inclusion(&made, flipped(leaf, bit), root));
        prop_assert!(!believes_inclusion(&made, leaf, flipped(root, bit)));
        prop_assert!(n == 1 || !believes_inclusion(&made, root, leaf), "swapped");
        for hashes in altered(&made.hashes, bit, Hash(foreign)) {
            let claim = InclusionProof { hashes, ..made.clone() };
            prop_assert!(!believes_inclusion(&claim, leaf, root), "{claim:?}");
        }
    }

    #[test]
    fn no_leaf_is_proved_at_another_index((m, n) in places()) {
        let (made, leaf, root) = inclusion(&tree_around(m, n), m, n);
        for index in bent(m).into_iter().filter(|index| *index != m).map(EntryIndex::new) {
            let claim = InclusionProof { index, ..made.clone() };
            prop_assert!(!believes_inclusion(&claim, leaf, root), "{claim:?}");
        }
    }

    #[test]
    fn a_bent_size_is_judged_as_the_recursion_judges_it((m, n) in places()) {
        let tree = tree_around(m, n);
        let (made, leaf, root) = inclusion(&tree, m, n);
        let steps = tree_around(m.min(n - 1), n);
        let (step, old_root, new_root) = consistency(&steps, (m + 1).min(n), n);
        for size in bent(n).map(TreeSize::new) {
            believes_inclusion(&InclusionProof { size, ..made.clone() }, leaf, root);
            let claim = ConsistencyProof { new_size: size, ..step.clone() };
            believes_consistency(&claim, old_root, new_root);
        }
        for size in bent(step.old_size.get()).map(TreeSize::new) {
            let claim = ConsistencyProof { old_size: size, ..step.clone() };
            believes_consistency(&claim, old_root, new_root);
        }
    }

    #[test]
    fn consistency_proofs_hold_at_any_size_and_altered_ones_do_not(
        (m, n) in places(), bit in 0..256usize, foreign: [u8; 32],
    ) {
        let old = m + 1;
        let tree = tree_around(m, n);
        let (made, old_root, new_root) = consistency(&tree, old, n);
        prop_assert_eq!(&made.hashes, &proof(&tree, old, n));
        prop_assert!(believes_consistency(&made, old_root, new_root));
        prop_assert!(!believes_consistency(&made, flipped(old_root, bit), new_root));
        prop_assert!(!believes_consistency(&made, old_root, flipped(new_root, bit)));
        prop_assert!(old == n || !believes_consistency(&made, new_root, old_root), "swapped");
        for hashes in altered(&made.hashes, bit, Hash(foreign)) {
            let claim = ConsistencyProof { hashes, ..made.clone() };
            prop_assert!(!believes_consistency(&claim, old_root, new_root), "{claim:?}");
        }
    }

    #[test]
    fn random_claims_are_refused_without_panic(
        m: u64, n: u64, shift in 0..64u32, seed: u64, len in 0..70usize,
    ) {
        let hashes: Vec<Hash> =
            (0..len as u64).map(|i| reference::leaf(&entry(seed ^ i))).collect();
        let (root, other) = (reference::leaf(b"root"), reference::leaf(b"other"));
        for (m, n) in [(m, n), (m >> shift, n >> shift), (n, m), (m % n.max(1), n), (n, n)] {
            let (index, size) = (EntryIndex::new(m), TreeSize::new(n));
            let claim = InclusionProof { index, size, hashes: hashes.clone() };
            prop_assert!(!believes_inclusion(&claim, other, root));
            let old_size = TreeSize::new(m);
            let claim = ConsistencyProof { old_size, new_size: size, hashes: hashes.clone() };
            prop_assert!(!believes_consistency(&claim, other, root));
        }
    }

    #[test]
    fn roots_and_frontiers_at_any_size_are_the_recursion(n in sizes(), near: u64) {
        let tree = Sparse::new([0, near % n, n - 1, n, n + 1]);
        let size = TreeSize::new(n);
        prop_assert_eq!(root_at(&tree, size).unwrap(), mth(&tree, 0..n));
        // One hash for each set bit, largest subtree first; then grow by two leaves.
        let (mut begin, mut hashes) = (0, Vec::new());
        for level in (0..64u8).rev().filter(|level| n >> level & 1 == 1) {
            hashes.push(tree.node(NodeId::starting_at(level, begin)).unwrap());
            begin += 1 << level;
        }
        let mut frontier = Frontier::from_parts(size, hashes).unwrap();
        prop_assert_eq!(frontier.root(), mth(&tree, 0..n));
        for leaf in (n..TREE_SIZE_MAX).take(2) {
            frontier.push(tree.leaf(leaf), |id, hash| {
                assert_eq!(id.last_leaf(), leaf);
                assert_eq!(hash, tree.node(id).unwrap());
            });
            prop_assert_eq!(frontier.root(), mth(&tree, 0..leaf + 1));
        }
    }
}

#[test]
fn a_proof_does_not_tell_three_leaves_from_four() {
    let tree = Sparse::new([0, 1, 2, 3]);
    let (made, leaf, root) = inclusion(&tree, 0, 3);
    let claim = InclusionProof { size: TreeSize::new(4), ..made };
    assert!(believes_inclusion(&claim, leaf, root), "the paths have one shape");
}

#[test]
fn the_empty_tree_is_a_prefix_of_every_tree() {
    let tree = Sparse::new([0]);
    for n in [0, 1, 2, 3, 64, TREE_SIZE_MAX] {
        let (made, old_root, new_root) = consistency(&tree, 0, n);
        assert_eq!(made.hashes, []);
        assert!(believes_consistency(&made, old_root, new_root), "from 0 to {n}");
        assert!(!believes_consistency(&made, new_root, old_root) || n == 0, "swapped, {n}");
        let claim = ConsistencyProof { hashes: vec![new_root], ..made };
        assert!(!believes_consistency(&claim, old_root, new_root), "with a hash, {n}");
    }
}

#[test]
fn what_is_out_of_range_is_not_proved() {
    let tree = Sparse::new([]);
    let beyond = TreeSize::new(TREE_SIZE_MAX + 1);
    let kind = |result: Result<()>| result.map_err(|error| error.kind());
    let index =
        |m, n| kind(prove_inclusion(&tree, EntryIndex::new(m), TreeSize::new(n)).map(|_| ()));
    let sizes =
        |m, n| kind(prove_consistency(&tree, TreeSize::new(m), TreeSize::new(n)).map(|_| ()));
    for n in [0, 1, 2, 64, TREE_SIZE_MAX] {
        assert_eq!(index(n, n), Err(ErrorKind::OutOfRange), "index {n} of {n}");
        assert_eq!(index(u64::MAX, n), Err(ErrorKind::OutOfRange), "index 2^64 - 1 of {n}");
        assert_eq!(sizes(n + 1, n), Err(ErrorKind::OutOfRange), "{} as prefix of {n}", n + 1);
        assert_eq!(sizes(n, beyond.get()), Err(ErrorKind::OutOfRange), "{n} to 2^63");
    }
    assert_eq!(index(0, beyond.get()), Err(ErrorKind::OutOfRange));
    assert_eq!(kind(root_at(&tree, beyond).map(|_| ())), Err(ErrorKind::OutOfRange));
}

#[test]
fn a_frontier_beyond_the_largest_tree_is_refused() {
    for size in [TREE_SIZE_MAX + 1, u64::MAX] {
        let hashes = vec![Hash::ZERO; size.count_ones() as usize];
        let refused = Frontier::from_parts(TreeSize::new(size), hashes).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt, "size {size}");
    }
    let hashes = vec![Hash::ZERO; 2];
    assert!(Frontier::from_parts(TreeSize::new(7), hashes).is_err(), "two hashes for size 7");
}
