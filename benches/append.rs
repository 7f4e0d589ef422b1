//! Question: how much of the floor's rate (frames, one SHA-256 chain, CRC, the same syncs) is left
//! once an append also checks its JSON, salts, keeps a tree and indexes?
//!
//! Prediction: 1, 8, 64 blocking producers wait for the disk on both sides: 0.8, 1.0, 0.9. Pipelined
//! (8 producers, 4,096 outstanding each) the processor decides: some 900 ns an entry against
//! 450 ns, two cores: 0.5.
//! The floor beside it commits batches of 256 on as many threads.
//!
//! Batches of 256 on one thread: the floor copies and hashes 256 times 450 ns, writes and syncs in
//! 150 us: 1.0 M/s. The engine needs twice that for an entry: 0.65 M/s, ratio 0.65. Bulk, one sync at
//! the end: the floor hashes at 2.2 M/s and its sync writes half a gigabyte in 0.3 s: 1.3 M/s; the
//! engine encodes and places at 1.0 M/s, and its segments were partly written back meanwhile:
//! 0.75 M/s, ratio 0.58. These two, and the pipelined ratio to this floor, were predicted later.
//! Measured on 2026-11-28 on the other machine of docs/PERFORMANCE.md: 0.40 (0.35 M/s), 0.28 (0.38 M/s),
//! pipelined 0.47 (0.60 M/s). The engine takes three times the predicted 900 ns there, the floor 1.5 times.
//!
//! Measured by `cargo bench --bench append` (2026-11-28, machine in docs/PERFORMANCE.md): 1.02, 0.99,
//! 0.80, and pipelined 0.23 of a floor that was pipelined, too: half a million entries a second, half of what was predicted. The engine
//! needs 2.2 us of two cores for an entry, and the disk gets every byte twice, zeros first.

#[path = "fleet.rs"]
mod fleet;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::time::Duration;
use witnessmark::{AuditLog, Error};
use witnessmark_floor::{AGENTS, Floor, Load, Workload, batched, blocking, bulk, pipelined};

/// Entries of a durable batch.
const BATCH: usize = 256;
/// Entries of a write in bulk, and bytes of what one round of it writes at most.
const BULK_BATCH: usize = 1024;
const BULK_BYTES: u64 = 2 << 30;

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

fn load(threads: usize, entries: u64) -> Load {
    Load { threads, entries, size: fleet::SIZE, window: 4096, seed: 1, agents: AGENTS }
}

fn appends(c: &mut Criterion) {
    let dir = tempfile::tempdir_in(".").expect("a directory on a disk");
    let floor = Floor::create(&dir.path().join("floor")).expect("a file");
    let path = dir.path().join("log");
    fleet::filled(&path, 100_000);
    let log = AuditLog::open(&path).expect("a log");
    let mut group = c.benchmark_group("blocking");
    group.throughput(Throughput::Elements(1)).sample_size(10);
    group.measurement_time(Duration::from_secs(4));
    for threads in [1, 8, 64] {
        group.bench_function(BenchmarkId::new("floor", threads), |b| {
            b.iter_custom(|entries| {
                let append = |workload: &mut Workload| floor.append(workload.next_json());
                blocking(&load(threads, entries), append).expect("appended").elapsed
            });
        });
        group.bench_function(BenchmarkId::new("engine", threads), |b| {
            b.iter_custom(|entries| {
                let append = |workload: &mut Workload| {
                    log.append(fleet::entry(&workload.next_act())).map(drop)
                };
                blocking::<Error>(&load(threads, entries), append).expect("appended").elapsed
            });
        });
    }
    group.finish();
    let mut group = c.benchmark_group("pipelined");
    group.throughput(Throughput::Elements(1)).sample_size(10);
    group.measurement_time(Duration::from_secs(4));
    group.bench_function(BenchmarkId::new("floor", 8), |b| {
        b.iter_custom(|entries| {
            let append =
                |workload: &mut Workload, count| floor.append_batch(workload.next_jsons(count));
            batched(&load(8, entries), BATCH, append).expect("appended").elapsed
        });
    });
    group.bench_function(BenchmarkId::new("engine", 8), |b| {
        b.iter_custom(|entries| {
            let submit = |workload: &mut Workload| log.submit(fleet::entry(&workload.next_act()));
            let wait = |ticket: witnessmark::Ticket| ticket.wait().map(drop);
            pipelined::<_, Error>(&load(8, entries), submit, wait).expect("appended").elapsed
        });
    });
    group.finish();
    let mut group = c.benchmark_group("one thread");
    group.throughput(Throughput::Elements(1)).sample_size(10);
    group.measurement_time(Duration::from_secs(4));
    batches(&mut group, &floor, &log);
    drop(floor);
    let floor = Floor::with_room(&dir.path().join("floor"), BULK_BYTES).expect("a file");
    in_bulk(&mut group, &floor, &log);
    group.finish();
}

fn batches(group: &mut Group<'_>, floor: &Floor, log: &AuditLog) {
    group.bench_function(BenchmarkId::new("floor, batches", BATCH), |b| {
        b.iter_custom(|entries| {
            let append =
                |workload: &mut Workload, count| floor.append_batch(workload.next_jsons(count));
            batched(&load(1, entries), BATCH, append).expect("appended").elapsed
        });
    });
    group.bench_function(BenchmarkId::new("engine, batches", BATCH), |b| {
        b.iter_custom(|entries| {
            let append = |workload: &mut Workload, count| {
                log.append_batch(workload.next_acts(count).map(|act| fleet::entry(&act))).map(drop)
            };
            batched::<Error>(&load(1, entries), BATCH, append).expect("appended").elapsed
        });
    });
}

fn in_bulk(group: &mut Group<'_>, floor: &Floor, log: &AuditLog) {
    group.bench_function("floor, bulk", |b| {
        b.iter_custom(|entries| {
            let write =
                |workload: &mut Workload, count| floor.write_batch(workload.next_jsons(count));
            let sync = || floor.sync();
            bulk(&load(1, entries), BULK_BATCH, write, sync).expect("appended").elapsed
        });
    });
    group.bench_function("engine, bulk", |b| {
        b.iter_custom(|entries| {
            let write = |workload: &mut Workload, count| {
                let entries = workload.next_acts(count).map(|act| fleet::entry(&act));
                log.append_batch_buffered(entries).map(drop)
            };
            let sync = || log.sync().map(drop);
            bulk::<Error>(&load(1, entries), BULK_BATCH, write, sync).expect("appended").elapsed
        });
    });
}

criterion_group!(benches, appends);
criterion_main!(benches);
