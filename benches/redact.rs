//! What does it cost to find nothing?
//!
//! Prediction: a payload of 250 bytes without secrets takes at most 150 ns: one look at every second
//! byte with three loads from tables in the first cache (125 steps, about 1.5 cycles each), one look
//! at every seventh byte, and one search for `@`.
//!
//! Measured by `cargo bench --bench redact` (2026-11-28, machine in docs/PERFORMANCE.md): 200 ns, 1.3 times
//! the prediction: three places of this payload look like the middle of a known literal and are
//! compared. A text that holds a secret costs 6 us.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use witnessmark::Redaction;
use witnessmark::redact::Redactor;

const CLEAN: &str = r#"{"tool":"crm_lookup","query":"acme corp","latency_ms":23.456,"tokens":2345,"resource":"https://docs.example.com/guide","caller":"did:web:sales-assistant.example.com","request":"5b0c8b0e-5d5f-4a53-9a39-0e6a2f6f2a10","result":"3 contacts, 2 open orders"}"#;
const DIRTY: &str = r#"{"tool":"crm_lookup","query":"acme corp","latency_ms":23.456,"tokens":2345,"headers":{"Authorization":"Bearer abcdefghijklmnopqrstuvwxyz0123456789abcd"},"caller":"did:web:sales-assistant.example.com"}"#;

fn redact(c: &mut Criterion) {
    let Ok(redactor) = Redactor::new(&Redaction::mask()) else { return };
    let mut group = c.benchmark_group("redact");
    group.bench_function("nothing in 250 bytes", |b| {
        b.iter(|| redactor.text(black_box(CLEAN)).len())
    });
    group.bench_function("a header in 200 bytes", |b| {
        b.iter(|| redactor.text(black_box(DIRTY)).len())
    });
    group.finish();
}

criterion_group!(benches, redact);
criterion_main!(benches);
