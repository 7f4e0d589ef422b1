//! A sink of one's own: an alert for every denied call, at least once, behind the log.
//!
//! ```text
//! append --> log <-- runner --> Alerts --(pretend pager)-->
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::{Arc, Mutex};
use std::time::Duration;
use witnessmark::sink::{Attachment, AuditSink, RunnerOptions, SinkReport, SinkRunner};
use witnessmark::{Action, AuditLog, Entry, Error, ErrorKind, Outcome, Result, StoredEntry};

/// Pages somebody. The line is busy at first, as lines are.
struct Alerts {
    sent: Arc<Mutex<Vec<String>>>,
    busy: u32,
}

impl AuditSink for Alerts {
    fn write(&mut self, entry: &StoredEntry) -> Result<()> {
        if entry.outcome() != Some("denied") {
            return Ok(());
        }
        if self.busy > 0 {
            self.busy -= 1;
            // The sink's fault, not the entry's: it comes again.
            return Err(Error::new(ErrorKind::Io, "the pager is busy"));
        }
        let text = format!("entry {}: {} was denied", entry.index(), entry.agent_did());
        self.sent.lock().expect("nobody panics while sending").push(text);
        Ok(())
    }

    fn verify_integrity(&mut self, _log: Option<&Attachment<'_>>) -> Result<SinkReport> {
        Ok(SinkReport::not_supported("what was paged is gone"))
    }
}

fn main() -> Result<()> {
    let log = AuditLog::open("audit-log")?;
    let sent = Arc::new(Mutex::new(Vec::new()));
    let sink = Alerts { sent: Arc::clone(&sent), busy: 3 };
    let options = RunnerOptions::new().backoff(Duration::from_millis(1), Duration::from_secs(1));
    let runner = SinkRunner::start(&log, "alerts", sink, options)?;
    for n in 0..100 {
        let denied = n % 40 == 7;
        let (action, outcome) = if denied {
            (Action::Deny, Outcome::Denied)
        } else {
            (Action::Allow, Outcome::Success)
        };
        // Never waits for the pager.
        let _ = log.append(
            Entry::new("tool_invocation", format!("did:web:agent-{n}.example"), action)
                .outcome(outcome),
        )?;
    }
    let ended = runner.close(Duration::from_secs(30));
    println!("{} entries left to hand on", ended.undelivered);
    for text in sent.lock().expect("the runner has ended").iter() {
        println!("{text}");
    }
    log.close()?;
    Ok(())
}
