//! Everything one agent did: how much, with which outcomes, its violations, and whether the log
//! that says so is intact.
//!
//! `cargo run --example investigate_agent`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use witnessmark::entry::event_type;
use witnessmark::{Action, AuditLog, Entry, Outcome, Query};

fn main() -> witnessmark::Result<()> {
    let log = AuditLog::in_memory()?;
    let rogue = "did:web:worker-7.example.com";
    for n in 0..250 {
        let agent = if n % 2 == 0 { rogue } else { "did:web:worker-8.example.com" };
        let entry = match n % 25 {
            0 => Entry::new(event_type::POLICY_VIOLATION, agent, Action::Deny)
                .outcome(Outcome::Denied),
            24 => Entry::new(event_type::ROGUE_DETECTION, agent, Action::Quarantine),
            _ => Entry::new(event_type::TOOL_INVOCATION, agent, Action::Allow),
        };
        let _ = log.append(entry.resource(format!("/crm/{n}")))?;
    }

    // A view is the log at one size: all answers below are about the same entries.
    let view = log.view();
    let of = |query: Query| query.agent(rogue);
    let (total, _) = view.count(&of(Query::new()))?;
    let (violations, _) = view.count(&of(Query::new().event_type(event_type::POLICY_VIOLATION)))?;
    let (alerts, _) = view.count(&of(Query::new().event_type(event_type::ROGUE_DETECTION)))?;
    println!("{rogue}: {total} acts, {violations} violations, {alerts} alerts");
    // The most recent ones, the oldest of them first.
    for entry in log.get_entries_for_agent(rogue, 3)? {
        println!("  {} {} {}", entry.index(), entry.event_type(), entry.resource().unwrap_or("-"));
    }
    let report = log.verify_integrity()?;
    println!("the log is {}", if report.is_intact() { "intact" } else { "not intact" });
    assert!(report.is_intact() && total == 125 && violations == 5 && alerts == 5);
    Ok(())
}
