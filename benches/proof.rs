//! Question: what does it cost to prove that an entry is in a log of a million, that the log only
//! grew, and to check either?
//!
//! Prediction: an inclusion proof reads 20 hashes from maps: under 2 us. A consistency proof reads
//! as many: under 5 us. Checking hashes 20 pairs at 80 ns: 2 us.
//!
//! Beside it in the same run stands `tlog_tiles` over the same leaves, its tree whole in memory.
//! Prediction: it gathers indices in vectors and reads them from one: 2 to 3 us a proof, as long as
//! ours takes to make (ratio 0.7 to 1.2), and longer to check (ratio 0.7), for it hashes one node at
//! a time in portable code. Measured on
//! 2026-11-28 on the other machine of docs/PERFORMANCE.md: inclusion 5.3 us (1.31 of `tlog_tiles`), its check
//! 2.6 us (0.71), consistency 3.8 us (0.93), its check 3.2 us (0.70).
//!
//! Measured by `cargo bench --bench proof` (2026-11-28, machine in docs/PERFORMANCE.md): inclusion
//! 2.9 us, 1.4 times the prediction; consistency 3.2 us; checks 1.6 and 2.0 us.

#[path = "fleet.rs"]
mod fleet;

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::ops::ControlFlow;
use tlog_tiles::tlog;
use witnessmark::{AuditLog, EntryIndex, Hash, Order, Query, TreeSize, View};

const ENTRIES: u64 = 1_000_000;

/// All leaves and nodes in one sequence, as `tlog_tiles` reads them.
#[derive(Default)]
struct Stored(Vec<tlog::Hash>);

impl tlog::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        let at = |index: &u64| self.0.get(usize::try_from(*index).ok()?).copied();
        Ok(indexes.iter().filter_map(at).collect())
    }
}

impl Stored {
    /// The tree over the same entries.
    fn of(view: &View) -> Self {
        let mut stored = Self::default();
        let mut count = 0;
        let everything = Query::new().order(Order::Oldest).system(true).limit(0);
        view.for_each(&everything, |entry| {
            let leaf = tlog::Hash(entry.entry_hash().0);
            let more = tlog::stored_hashes_for_record_hash(count, leaf, &stored);
            stored.0.extend(more.expect("hashes"));
            count += 1;
            Ok(ControlFlow::Continue(()))
        })
        .expect("entries");
        stored
    }
}

fn theirs(hash: &Hash) -> tlog::Hash {
    tlog::Hash(hash.0)
}

fn proofs(c: &mut Criterion) {
    let dir = tempfile::tempdir_in(".").expect("a directory on a disk");
    let path = dir.path().join("log");
    let head = fleet::filled(&path, ENTRIES);
    let log = AuditLog::open(&path).expect("a log");
    let view = log.view();
    let mut at = 0u64;
    let mut next = move || {
        // A stride that is prime to the size visits every index before it repeats.
        at = (at + 382_019) % ENTRIES;
        at
    };
    let mut group = c.benchmark_group("proof");
    group.bench_function("inclusion", |b| {
        b.iter(|| black_box(view.prove_inclusion(EntryIndex::new(next()), head.size)).is_ok());
    });
    let middle = EntryIndex::new(ENTRIES / 3);
    let leaf = view.entry(middle).expect("an entry").entry_hash();
    let proof = view.prove_inclusion(middle, head.size).expect("a proof");
    group.bench_function("inclusion check", |b| {
        b.iter(|| assert!(proof.verify(black_box(&leaf), &head.root).is_ok()));
    });
    group.bench_function("consistency", |b| {
        b.iter(|| black_box(view.prove_consistency(TreeSize::new(next() + 1), head.size)).is_ok());
    });
    let old = TreeSize::new(ENTRIES / 3);
    let old_root = view.root_at(old).expect("a root");
    let proof = view.prove_consistency(old, head.size).expect("a proof");
    group.bench_function("consistency check", |b| {
        b.iter(|| assert!(proof.verify(black_box(&old_root), &head.root).is_ok()));
    });
    tiles(&mut group, &view, middle, old);
    group.finish();
}

/// The same four, by `tlog_tiles`.
fn tiles(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    view: &View,
    middle: EntryIndex,
    old: TreeSize,
) {
    let stored = Stored::of(view);
    let (root, middle, old_size) = (theirs(&view.root()), middle.get(), old.get());
    assert_eq!(tlog::tree_hash(ENTRIES, &stored).expect("a root").0, root.0);
    let mut at = 0u64;
    let mut next = move || {
        at = (at + 382_019) % ENTRIES;
        at
    };
    group.bench_function("inclusion, tlog_tiles", |b| {
        b.iter(|| black_box(tlog::prove_record(ENTRIES, next(), &stored)).is_ok());
    });
    let leaf = theirs(&view.entry(EntryIndex::new(middle)).expect("an entry").entry_hash());
    let proof = tlog::prove_record(ENTRIES, middle, &stored).expect("a proof");
    group.bench_function("inclusion check, tlog_tiles", |b| {
        b.iter(|| {
            let leaf = black_box(leaf);
            assert!(tlog::check_record(&proof, ENTRIES, root, middle, leaf).is_ok());
        });
    });
    group.bench_function("consistency, tlog_tiles", |b| {
        b.iter(|| black_box(tlog::prove_tree(ENTRIES, next() + 1, &stored)).is_ok());
    });
    let old_root = theirs(&view.root_at(old).expect("a root"));
    let proof = tlog::prove_tree(ENTRIES, old_size, &stored).expect("a proof");
    group.bench_function("consistency check, tlog_tiles", |b| {
        b.iter(|| {
            let old_root = black_box(old_root);
            assert!(tlog::check_tree(&proof, ENTRIES, root, old_size, old_root).is_ok());
        });
    });
}

criterion_group!(benches, proofs);
criterion_main!(benches);
