//! Does the promise in the README hold? One module per verb.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod append;
mod counts;
mod parity;

use witnessmark::{AuditLog, Entry};

/// A log in a directory of its own.
fn fresh() -> (tempfile::TempDir, AuditLog) {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path().join("log")).unwrap();
    (dir, log)
}

fn entry<'a>(agent: &'a str, text: &'a str) -> Entry<'a> {
    Entry::new("tool_invocation", agent, "allow").data_text(text)
}
