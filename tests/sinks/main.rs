//! Sinks against real counterparts: a PostgreSQL server, an HTTP collector, one behind TLS. Built
//! with the features `postgres` and `https` only, which `.ci/run` turns on for this.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says so")]

mod collector;
mod database;
mod http;
mod postgres;
#[cfg(feature = "https")]
mod tls;

use std::time::Duration;
use witnessmark::sink::RunnerOptions;
use witnessmark::{Action, AuditLog, Entry};

const LONG: Duration = Duration::from_secs(60);

fn fill(log: &AuditLog, count: u64) {
    for n in 0..count {
        let entry = Entry::new("tool_invocation", "did:web:größe\u{0}", Action::Allow);
        let entry = entry.resource(format!("/r/{n}")).trace_id("trace-1");
        let _ = log.append(entry.data_text("{\"n\":1.50,\"z\":\"\\u0000\"}")).unwrap();
    }
}

fn quick() -> RunnerOptions {
    RunnerOptions::new()
        .poll(Duration::from_millis(5))
        .backoff(Duration::from_millis(20), Duration::from_millis(100))
}
