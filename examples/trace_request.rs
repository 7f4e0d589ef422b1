//! One request across agents: every entry of a trace, from the trace index, however old.
//!
//! `cargo run --example trace_request`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use witnessmark::{Action, AuditLog, Entry, Order, Query};

fn main() -> witnessmark::Result<()> {
    let log = AuditLog::in_memory()?;
    let steps = [
        ("agent_invocation", "did:web:front.example.com", "did:web:planner.example.com"),
        ("policy_evaluation", "did:web:policy.example.com", "-"),
        ("tool_invocation", "did:web:planner.example.com", "crm_lookup"),
    ];
    for request in 0..500 {
        let act = |(kind, agent, to): (&'static str, &'static str, &'static str)| {
            Entry::new(kind, agent, Action::Allow)
                .target_did(to)
                .trace_id(format!("trace-{request:04}"))
        };
        log.append_batch(steps.into_iter().map(act))?;
    }

    let trace = Query::new().trace("trace-0007").order(Order::Oldest).limit(0);
    let page = log.query(&trace)?;
    for entry in &page.entries {
        println!("{} {} {}", entry.index(), entry.event_type(), entry.agent_did());
    }
    // Each step can be proved to somebody who has only the log's size and root.
    let head = log.head();
    for entry in &page.entries {
        log.prove(entry.index())?.verify(head.size, &head.root)?;
    }
    println!("{} steps, each proved against root {}", page.entries.len(), head.root);
    assert_eq!(page.entries.len(), steps.len());
    Ok(())
}
