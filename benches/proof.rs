//! Question: what does it cost to prove that an entry is in a log of a million, that the log only
//! grew, and to check either?
//!
//! Prediction: an inclusion proof reads 20 hashes from maps: under 2 us. A consistency proof reads
//! as many: under 5 us. Checking hashes 20 pairs at 80 ns: 2 us.
//!
//! Measured by `cargo bench --bench proof` (2026-11-28, machine in docs/PERFORMANCE.md): inclusion
//! 2.9 us, 1.4 times the prediction; consistency 3.2 us; checks 1.6 and 2.0 us.

#[path = "fleet.rs"]
mod fleet;

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use witnessmark::{AuditLog, EntryIndex, TreeSize};

const ENTRIES: u64 = 1_000_000;

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
    group.finish();
}

criterion_group!(benches, proofs);
criterion_main!(benches);
