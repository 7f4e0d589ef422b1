//! Question: how fast are JSON Lines made durable, beside reading the same lines as JSON on as many
//! threads and doing nothing with them?
//!
//! Prediction: the parser makes a value of a line of 450 bytes, some 25 allocations, in 1.2 us on each
//! of two cores: 1.6 M/s. Ingesting reads fields without making values, 0.5 us, encodes and hashes,
//! 0.7 us, both on each core; placing and writing, 0.6 us, is done by one at a time while the other
//! decodes: 1.8 us of two cores for an entry, 1.1 M/s, and 0.7 of the parser.
//!
//! Measured by `cargo bench --bench ingest` (2026-11-28, the other machine of docs/PERFORMANCE.md): 0.19 M/s,
//! 0.32 of the parser's 0.59 M/s. Every part takes two to three times what was
//! predicted; which one most was not taken apart.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use witnessmark::import::{End, Ingest, Listener, Mapping, Reject, Rejected, Summary};
use witnessmark::{AuditLog, Environment, Receipt, Result};
use witnessmark_floor::{AGENTS, Pool, Workload, on_lines};

const THREADS: usize = 2;

struct Silent;

impl Listener for Silent {
    fn keep(&mut self, _: &[Rejected<'_>]) -> Result<()> {
        Ok(())
    }

    fn accepted(&mut self, _: u64, _: &Receipt) -> Result<()> {
        Ok(())
    }

    fn rejected(&mut self, _: &Reject) -> Result<()> {
        Ok(())
    }

    fn progress(&mut self, _: &Summary) -> Result<()> {
        Ok(())
    }
}

fn lines(workload: &mut Workload, count: u64) -> Vec<u8> {
    let mut lines = Vec::new();
    workload.next_lines(count, &mut lines);
    lines
}

fn ingest(c: &mut Criterion) {
    let dir = tempfile::tempdir_in(".").expect("a directory on a disk");
    let options = AuditLog::options(dir.path().join("log")).environment(Environment::none());
    let log = options.open().expect("a log");
    // One stream: an id that came before would be a duplicate.
    let mut workload = Workload::of(&Pool::new(1, 450, AGENTS), 1);
    let mut group = c.benchmark_group("ingest");
    group.throughput(Throughput::Elements(1)).sample_size(10);
    group.measurement_time(Duration::from_secs(4));
    group.bench_function("parser", |b| {
        b.iter_custom(|entries| {
            on_lines(&lines(&mut workload, entries), THREADS, |line| {
                assert!(serde_json::from_slice::<serde_json::Value>(line).is_ok());
            })
        });
    });
    group.bench_function("engine", |b| {
        b.iter_custom(|entries| {
            let lines = lines(&mut workload, entries);
            let (mapping, stop) = (Mapping::new(), AtomicBool::new(false));
            let begin = Instant::now();
            let ingest = Ingest::new(&mapping).threads(THREADS);
            let done = ingest.run(&log, &*lines, &stop, &mut Silent);
            let elapsed = begin.elapsed();
            assert!(matches!(done.end, End::Complete) && done.summary.accepted == entries);
            elapsed
        });
    });
    group.finish();
}

criterion_group!(benches, ingest);
criterion_main!(benches);
