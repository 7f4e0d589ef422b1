//! Question: how much of the floor's rate (frames, one SHA-256 chain, CRC, the same syncs) is left
//! once an append also checks its JSON, salts, keeps a tree and indexes?
//!
//! Prediction: 1, 8, 64 blocking producers wait for the disk on both sides: 0.8, 1.0, 0.9. Pipelined
//! (8 producers, 4,096 outstanding each) the processor decides: some 900 ns an entry against
//! 450 ns, two cores: 0.5.
//!
//! Measured by `cargo bench --bench append` (2026-11-28, machine in docs/PERFORMANCE.md): 1.02, 0.99,
//! 0.80, and pipelined 0.23: half a million entries a second, half of what was predicted. The engine
//! needs 2.2 us of two cores for an entry, and the disk gets every byte twice, zeros first.

#[path = "fleet.rs"]
mod fleet;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::time::Duration;
use witnessmark::{AuditLog, Error};
use witnessmark_floor::{Floor, Load, Workload, blocking, pipelined};

fn load(threads: usize, entries: u64) -> Load {
    Load { threads, entries, size: fleet::SIZE, window: 4096, seed: 1 }
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
            let submit = |workload: &mut Workload| floor.submit(workload.next_json());
            let wait = |group| floor.wait(group);
            pipelined(&load(8, entries), submit, wait).expect("appended").elapsed
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
}

criterion_group!(benches, appends);
criterion_main!(benches);
