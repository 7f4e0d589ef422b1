//! What was denied in the last 24 hours, to whom, and by which rule.
//!
//! `cargo run --example find_denied`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]
#![expect(clippy::disallowed_methods, reason = "an example asks the clock itself")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use witnessmark::entry::event_type;
use witnessmark::{Action, AuditLog, Entry, Outcome, Query, UnixNanos};

fn main() -> witnessmark::Result<()> {
    let log = AuditLog::in_memory()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let at = |ago: Duration| UnixNanos(u64::try_from((now - ago).as_nanos()).unwrap_or(u64::MAX));
    let hour = Duration::from_secs(3600);
    for hours in 0..40 {
        let agent = format!("did:web:worker-{}.example.com", hours % 3);
        let is_denied = hours % 4 == 0;
        let entry = match is_denied {
            true => Entry::new(event_type::TOOL_BLOCKED, agent, Action::Deny)
                .outcome(Outcome::Denied)
                .matched_rule("no-exports"),
            false => Entry::new(event_type::TOOL_INVOCATION, agent, Action::Allow),
        };
        let entry = entry.resource(format!("/exports/{hours}")).timestamp(at(hour * hours));
        let _ = log.append(entry)?;
    }

    // Both bounds are inclusive; limit 0 means all, so nothing is cut off silently.
    let denied = Query::new()
        .event_type(event_type::TOOL_BLOCKED)
        .outcome(Outcome::Denied)
        .since(at(hour * 24))
        .limit(0);
    let page = log.query(&denied)?;
    for entry in &page.entries {
        let resource = entry.resource().unwrap_or("-");
        println!("{} {} {resource}: {}", entry.timestamp(), entry.agent_did(), entry.action());
    }
    println!("{} denied in 24 hours", page.entries.len());
    assert_eq!(page.entries.len(), 7);
    Ok(())
}
