//! Question: how many entries a second does the auditor derive again from bytes?
//!
//! Prediction: four SHA-256 passes an entry, about 450 ns, on each of two cores: 2 M/s when they are
//! free.
//!
//! Measured by `cargo bench --bench verify` (2026-11-28, machine in docs/PERFORMANCE.md): 1.06 M/s on one
//! thread, 1.98 M/s on two: 0.99 of the prediction.

#[path = "fleet.rs"]
mod fleet;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use witnessmark::{Verdict, VerifyOptions, verify};

const ENTRIES: u64 = 1_000_000;

fn audits(c: &mut Criterion) {
    let dir = tempfile::tempdir_in(".").expect("a directory on a disk");
    let path = dir.path().join("log");
    let head = fleet::filled(&path, ENTRIES);
    let mut group = c.benchmark_group("verify");
    group.sample_size(10).throughput(Throughput::Elements(ENTRIES));
    for threads in [1, 2] {
        group.bench_function(BenchmarkId::from_parameter(threads), |b| {
            b.iter(|| {
                let options = VerifyOptions::new().threads(threads).against(head.size, head.root);
                let report = verify(&path, &options).expect("a report");
                assert_eq!(report.verdict, Verdict::Intact);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, audits);
criterion_main!(benches);
