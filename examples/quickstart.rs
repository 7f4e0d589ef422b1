//! The shortest way from an empty directory to an answer: open, append, query, close.
//!
//! `cargo run --example quickstart`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use witnessmark::{Action, AuditLog, Entry, Outcome, Query};

fn main() -> witnessmark::Result<()> {
    let dir = std::env::temp_dir().join(format!("wmark-quickstart-{}", std::process::id()));
    let log = AuditLog::open(&dir)?;

    for (tool, action, outcome) in [
        ("crm_lookup", Action::Allow, Outcome::Success),
        ("crm_export", Action::Deny, Outcome::Denied),
        ("send_email", Action::Allow, Outcome::Success),
    ] {
        let data = serde_json::json!({ "tool": tool, "rows": 12 });
        let entry = Entry::new("tool_invocation", "did:web:sales.example.com", action)
            .outcome(outcome)
            .resource(format!("/tools/{tool}"))
            .trace_id("trace-7f3a")
            .data(&data);
        let receipt = log.append(entry)?; // durable from here on
        println!("{} {} {}", receipt.index(), receipt.entry_id(), receipt.entry_hash());
    }

    let page = log.query(&Query::new().trace("trace-7f3a").outcome(Outcome::Denied))?;
    for entry in &page.entries {
        println!("denied: {} {:?} {:?}", entry.agent_did(), entry.resource(), entry.data_text());
    }
    assert_eq!(page.entries.len(), 1);

    let head = log.close()?;
    println!("size {} root {}", head.size, head.root);
    std::fs::remove_dir_all(&dir).ok();
    Ok(())
}
