//! An asynchronous service: each request awaits its own entry's durability, and all of them share
//! syncs. The engine itself knows no runtime; a ticket is an ordinary future.
//!
//! `cargo run --release --example tokio_service`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::time::Instant;
use witnessmark::{Action, AuditLog, Entry, Query};

const REQUESTS: u64 = 2_000;

/// Nothing happens that is not on record: the act follows the receipt.
async fn handle(log: &AuditLog, request: u64) -> witnessmark::Result<u64> {
    let agent = format!("did:web:worker-{}.example.com", request % 7);
    let entry = Entry::new("tool_invocation", agent, Action::Allow)
        .resource(format!("/orders/{request}"))
        .trace_id(format!("request-{request}"));
    let receipt = log.submit(entry)?.await?;
    Ok(receipt.index().get())
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::temp_dir().join(format!("wmark-tokio-{}", std::process::id()));
    let log = Arc::new(AuditLog::open(&dir)?);
    let start = Instant::now();
    let tasks: Vec<_> = (0..REQUESTS)
        .map(|request| {
            let log = Arc::clone(&log);
            tokio::spawn(async move { handle(&log, request).await })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    let elapsed = start.elapsed();
    println!("{REQUESTS} requests, each durable before it was answered, in {elapsed:.1?}");

    let (count, plan) = log.view().count(&Query::new().agent("did:web:worker-3.example.com"))?;
    println!("worker 3 did {count} of them; {plan}");
    assert_eq!(count, (0..REQUESTS).filter(|request| request % 7 == 3).count() as u64);
    std::fs::remove_dir_all(&dir).ok();
    Ok(())
}
