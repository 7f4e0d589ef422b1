//! Question: what does each kind of question cost in a log of a million entries?
//!
//! Prediction: an id is hashed, looked up in each segment's table and read: under 10 us. A hundred
//! entries of a busy agent are a hundred reads and checks at 1 us: 100 us. A conjunction walks the
//! rarer list: as much. Counting an agent walks postings only: under 50 us. Counting by type adds
//! up list lengths: under 20 us.
//!
//! Of a type and an outcome in 4,000 entries, all 500 or so are read and hashed: 1 ms. A trace is
//! four entries and a lookup: 12 us. Counting by agent adds up lengths for a thousand agents in each
//! of six segments: 400 us. These three were predicted later. Measured on 2026-11-28 on the other, slower
//! machine of docs/PERFORMANCE.md: 570 us, 19 us, and 65 us, for totals are kept.
//!
//! Measured by `cargo bench --bench query` (2026-11-28, machine in docs/PERFORMANCE.md): id 1.9 us, agent
//! 194 us (1.9 times the prediction: two hashes an entry), conjunction 208 us, counting an agent
//! 10 us, by type 16 us; a time window 175 us.

#[path = "fleet.rs"]
mod fleet;

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use witnessmark::{AuditLog, EntryIndex, Key, Query};
use witnessmark_floor::Workload;

const ENTRIES: u64 = 1_000_000;

fn queries(c: &mut Criterion) {
    let dir = tempfile::tempdir_in(".").expect("a directory on a disk");
    let path = dir.path().join("log");
    fleet::filled(&path, ENTRIES);
    let log = AuditLog::open(&path).expect("a log");
    let view = log.view();
    let time_of = |index: u64| view.entry(EntryIndex::new(index)).expect("an entry").timestamp();
    let ids: Vec<String> = (0..1000u64)
        .map(|i| view.entry(EntryIndex::new(i * 997 % ENTRIES)).expect("an entry").entry_id())
        .map(|id| id.to_string())
        .collect();
    let busy = Workload::agent(0);
    let window = Query::new().since(time_of(ENTRIES / 2)).until(time_of(ENTRIES / 2 + 1000));
    let kind = Query::new().since(time_of(ENTRIES / 2)).until(time_of(ENTRIES / 2 + 4000)).limit(0);
    let middle = view.entry(EntryIndex::new(ENTRIES / 2)).expect("an entry");
    let trace = middle.trace_id().unwrap_or_default().to_owned();
    let cases = [
        ("agent, 100", Query::new().agent(&*busy)),
        ("type, 100", Query::new().event_type("delegation")),
        ("time window, 100", window),
        ("agent and type, 100", Query::new().agent(&*busy).event_type("delegation")),
        ("type and outcome, all of 4,000", kind.event_type("delegation").outcome("success")),
        ("trace", Query::new().trace(trace)),
    ];
    let mut group = c.benchmark_group("query");
    for (name, query) in cases {
        group.bench_function(name, |b| b.iter(|| black_box(view.query(&query)).is_ok()));
    }
    let mut at = 0;
    group.bench_function("id", |b| {
        b.iter(|| {
            at = (at + 1) % ids.len();
            let id = ids.get(at).map_or("", String::as_str);
            assert!(view.get_entry(id).is_ok_and(|found| found.is_some()));
        });
    });
    let agent = Query::new().agent(&*busy);
    group.bench_function("count, agent", |b| b.iter(|| black_box(view.count(&agent)).is_ok()));
    group.bench_function("count by type", |b| {
        b.iter(|| black_box(view.count_by(&Query::new(), Key::Type)).is_ok());
    });
    group.bench_function("count by agent", |b| {
        b.iter(|| black_box(view.count_by(&Query::new(), Key::Agent)).is_ok());
    });
    group.finish();
}

criterion_group!(benches, queries);
criterion_main!(benches);
