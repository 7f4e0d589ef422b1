//! Question: how long does a writer wait before it may append to a log of a million entries?
//!
//! Prediction: footers of six segments, and a scan of at most 64 MiB: under 100 ms; most of it
//! reading and hashing the tree of the last segment again.
//!
//! Measured: see docs/PERFORMANCE.md.

#[path = "fleet.rs"]
mod fleet;

use criterion::{Criterion, criterion_group, criterion_main};
use witnessmark::AuditLog;

fn opens(c: &mut Criterion) {
    let dir = tempfile::tempdir_in(".").expect("a directory on a disk");
    let path = dir.path().join("log");
    let head = fleet::filled(&path, 1_000_000);
    let mut group = c.benchmark_group("open");
    group.sample_size(10);
    group.bench_function("for writing, and close", |b| {
        b.iter(|| {
            let log = AuditLog::open(&path).expect("a log");
            assert_eq!(log.head(), head);
            log.close().expect("closed")
        });
    });
    group.bench_function("for reading", |b| {
        b.iter(|| {
            let view = AuditLog::open_read_only(&path).and_then(|reader| reader.view());
            assert_eq!(view.expect("a view").head(), head);
        });
    });
    group.finish();
}

criterion_group!(benches, opens);
criterion_main!(benches);
