//! Question: how long does a writer wait before it may append to a log of a million entries, after
//! a close and after a kill?
//!
//! Prediction: footers of six segments, and a scan of at most 64 MiB: under 100 ms; most of it
//! reading and hashing the tree of the last segment again. A kill adds the zeros that were reserved
//! and the last group, written once more.
//!
//! Measured by `cargo bench --bench open` (2026-11-28, machine in docs/PERFORMANCE.md): 44 ms, after a
//! kill 80 ms (92 since opening reads from the disk then, by `wmark bench open`), for reading 4.5 ms.

#[path = "fleet.rs"]
mod fleet;

use criterion::{Criterion, criterion_group, criterion_main};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use tempfile::TempDir;
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
    let log = AuditLog::open(&path).expect("a log");
    fleet::append(&log, 50_000);
    group.bench_function("after a kill, and close", |b| {
        // The files of a log that is open are what a process that is killed leaves.
        let killed = || as_killed(&path, tempfile::tempdir_in(&dir).expect("a directory"));
        b.iter_batched(
            killed,
            |killed| {
                let log = AuditLog::open(killed.path().join("log")).expect("a log");
                assert_eq!(log.head().size.get(), head.size.get() + 50_000);
                log.close().expect("closed");
                killed
            },
            criterion::BatchSize::PerIteration,
        );
    });
    let head = log.close().expect("closed");
    group.bench_function("for reading", |b| {
        b.iter(|| {
            let view = AuditLog::open_read_only(&path).and_then(|reader| reader.view());
            assert_eq!(view.expect("a view").head(), head);
        });
    });
    group.finish();
}

/// A copy of the log's files as they are; what is sealed never changes and gets a second name.
fn as_killed(log: &Path, room: TempDir) -> TempDir {
    let copy = room.path().join("log");
    DirBuilder::new().mode(0o700).create(&copy).expect("a directory");
    for file in std::fs::read_dir(log).expect("a log") {
        let from = file.expect("a file").path();
        let to = copy.join(from.file_name().expect("a name"));
        if from.extension().is_some_and(|end| end == "tmp" || end == "lock") {
            continue;
        }
        let is_side_file = from.extension().is_some_and(|end| end == "nodes" || end == "index");
        if is_side_file || from.metadata().expect("a file").permissions().readonly() {
            std::fs::hard_link(&from, &to).expect("linked");
        } else {
            std::fs::copy(&from, &to).expect("copied");
        }
    }
    room
}

criterion_group!(benches, opens);
criterion_main!(benches);
