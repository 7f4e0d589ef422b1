//! Everybody builds the same proofs and believes each other's, for every pair up to 513.

use crate::entry;
use crate::reference::{List, mth, path, proof};
use crate::shelf::Shelf;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::Sha256;
use tlog_tiles::tlog;
use witnessmark::merkle::{NodeId, prove_consistency, prove_inclusion, root_at};
use witnessmark::{ConsistencyProof, EntryIndex, Hash, InclusionProof, TreeSize};

/// Two beyond a power of two, so that every shape up to nine levels occurs.
const SIZE_MAX: u64 = 513;

type Theirs = MemoryBackedTree<Sha256, Vec<u8>>;

/// The store of hashes that the tiles crate reads: leaves and nodes in one sequence.
#[derive(Default)]
struct Stored(Vec<tlog::Hash>);

impl tlog::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        Ok(indexes.iter().map(|at| self.0[usize::try_from(*at).unwrap()]).collect())
    }
}

impl Stored {
    fn push(&mut self, n: u64, data: &[u8]) {
        let more = tlog::stored_hashes(n, data, self).unwrap();
        self.0.extend(more);
    }
}

fn bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

fn tiles(hashes: &[Hash]) -> Vec<tlog::Hash> {
    hashes.iter().map(|hash| tlog::Hash(hash.0)).collect()
}

fn ours(hashes: &[tlog::Hash]) -> Vec<Hash> {
    hashes.iter().map(|hash| Hash(hash.0)).collect()
}

/// Calls `judge` with the same tree in every hand, at each size from 1 on.
fn at_each_size(mut judge: impl FnMut(u64, &List, &Shelf, &Theirs, &Stored)) {
    let list = List::new((0..SIZE_MAX).map(entry));
    let (mut shelf, mut theirs, mut stored) = <(Shelf, Theirs, Stored)>::default();
    for i in 0..SIZE_MAX {
        shelf.push(list.leaves[usize::try_from(i).unwrap()]);
        theirs.push(entry(i));
        stored.push(i, &entry(i));
        judge(i + 1, &list, &shelf, &theirs, &stored);
    }
}

#[test]
fn roots_agree_at_every_size() {
    at_each_size(|n, list, shelf, theirs, stored| {
        let wanted = mth(list, 0..n);
        assert_eq!(shelf.frontier.root(), wanted, "frontier, size {n}");
        assert_eq!(root_at(shelf, TreeSize::new(n)).unwrap(), wanted, "stored nodes, size {n}");
        assert_eq!(theirs.root().as_bytes().as_slice(), wanted.0, "ct-merkle, size {n}");
        assert_eq!(tlog::tree_hash(n, stored).unwrap().0, wanted.0, "tlog_tiles, size {n}");
    });
}

#[test]
fn historical_roots_come_from_the_nodes_of_a_later_tree() {
    let list = List::new((0..SIZE_MAX).map(entry));
    let shelf = Shelf::of(list.leaves.iter().copied());
    for n in 0..=SIZE_MAX {
        assert_eq!(root_at(&shelf, TreeSize::new(n)).unwrap(), mth(&list, 0..n), "size {n}");
    }
}

#[test]
fn inclusion_proofs_agree_for_every_index_and_size() {
    at_each_size(|n, list, shelf, theirs, stored| {
        let root = mth(list, 0..n);
        let (their_root, tile_root) = (theirs.root(), tlog::Hash(root.0));
        for m in 0..n {
            let (index, size) = (EntryIndex::new(m), TreeSize::new(n));
            let at = format!("index {m}, size {n}");
            let leaf = list.leaves[usize::try_from(m).unwrap()];
            let made = prove_inclusion(shelf, index, size).unwrap();
            assert_eq!(made.hashes, path(list, m, 0..n), "PATH, {at}");
            made.verify(&leaf, &root).unwrap();

            let theirs_made = theirs.prove_inclusion(usize::try_from(m).unwrap());
            assert_eq!(theirs_made.as_bytes(), bytes(&made.hashes), "ct-merkle, {at}");
            let given = ct_merkle::InclusionProof::try_from_bytes(bytes(&made.hashes)).unwrap();
            their_root.verify_inclusion(&entry(m), m, &given).unwrap();

            let tiles_made = tlog::prove_record(n, m, stored).unwrap();
            let believed = InclusionProof { index, size, hashes: ours(&tiles_made) };
            believed.verify(&leaf, &root).unwrap();
            let given = tiles(&made.hashes);
            tlog::check_record(&given, n, tile_root, m, tlog::Hash(leaf.0)).unwrap();
        }
    });
}

#[test]
fn consistency_proofs_agree_for_every_pair_of_sizes() {
    at_each_size(|n, list, shelf, theirs, stored| {
        let (root, new_size) = (mth(list, 0..n), TreeSize::new(n));
        for m in 1..=n {
            let (old_root, old_size) = (mth(list, 0..m), TreeSize::new(m));
            let at = format!("from {m} to {n}");
            let made = prove_consistency(shelf, old_size, new_size).unwrap();
            assert_eq!(made.hashes, proof(list, m, n), "PROOF, {at}");
            made.verify(&old_root, &root).unwrap();

            let theirs_made = theirs.prove_consistency(usize::try_from(n - m).unwrap());
            assert_eq!(theirs_made.as_bytes(), bytes(&made.hashes), "ct-merkle, {at}");
            let given = ct_merkle::ConsistencyProof::try_from_bytes(bytes(&made.hashes)).unwrap();
            let their_old = ct_merkle::RootHash::new(old_root.0.into(), m);
            theirs.root().verify_consistency(&their_old, &given).unwrap();

            let tiles_made = tlog::prove_tree(n, m, stored).unwrap();
            let believed = ConsistencyProof { old_size, new_size, hashes: ours(&tiles_made) };
            believed.verify(&old_root, &root).unwrap();
            let (tile_root, tile_old) = (tlog::Hash(root.0), tlog::Hash(old_root.0));
            tlog::check_tree(&tiles(&made.hashes), n, tile_root, m, tile_old).unwrap();
        }
    });
}

/// The tiles crate stores leaves and nodes in one sequence, we store neither leaves nor pairs: the
/// same order, less those up to and including the ones that complete the node.
#[test]
fn positions_are_the_published_order_without_its_leaves_and_pairs() {
    for level in 2..=62u8 {
        let last = (1u64 << (62 - level)) - 1;
        for index in [0, 1, 2, 3, 5, 8, 13, 100, 1023, 65_537, last / 3, last / 2, last] {
            let id = NodeId { level, index: index.min(last) };
            let leaves = id.last_leaf() + 1;
            let wanted = tlog::stored_hash_index(level, id.index) - leaves - leaves / 2;
            assert_eq!(id.position(), wanted, "{id:?}");
        }
    }
}
