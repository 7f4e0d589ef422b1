//! Compliance: which control does this evidence support?
//!
//! ```text
//! view, entry by entry --\
//! deployment.toml --------> ten judges --> checks --> controls --> Attestation --> text, JSON, badge
//! audit, integrity, ... --/
//! ```
//!
//! The controls are the tutorial's ten; OWASP's published list stands beside it ([`controls`],
//! [`published_risks`]). A control is *met* when every check of it is, *not met* when one entry or
//! one file shows the opposite, and *not evaluated* when nothing answers the question. Only *met*
//! counts. docs/COMPLIANCE.md has the test of each.
//!
//! Deliberately absent: belief in what is only declared, the clock, and printing.

mod act;
mod attestation;
mod beside;
mod check;
mod deployment;
mod document;
mod judge;
mod supply;
mod vocabulary;

pub use attestation::{Attestation, ControlResult, LogState, Period};
pub use beside::Beside;
pub use check::{Check, Shown, State};
pub use deployment::{
    Deployment, Escalation, Identity, Integrity, Logging, Monitoring, Policy, PolicyFile, Rule,
    Sink, Tool, is_did,
};
pub use vocabulary::{
    Control, Correspondence, Degree, PublishedRisk, controls, published_risks, uncovered_risks,
};

use crate::error::Result;
use crate::query::{Order, Query};
use crate::verify::Verdict;
use crate::view::View;
use act::Act;
use judge::Known;
use std::ops::ControlFlow;

/// Judges the ten controls on what the log shows at this view, held against what is declared.
///
/// Reads every entry of the period once. What is *not* given in `beside` is not evaluated. A log that
/// was altered, or cannot be read to its end, shows nothing: ASI-06 is not met, and no other control
/// is.
///
/// # Errors
/// As [`View::query`], but for damage: [`crate::ErrorKind::Io`].
///
/// # Example
/// ```
/// use witnessmark::compliance::{Beside, Deployment, State, assess};
/// use witnessmark::{AuditLog, Entry, UnixNanos};
/// # let dir = tempfile::tempdir().unwrap();
/// let log = AuditLog::open(dir.path().join("log"))?;
/// log.append(Entry::new("tool_invocation", "did:web:a.example", "allow"))?;
/// let declared = Deployment::parse("schema = \"wmark.deployment/1\"\n[[tools]]\nname = \"crm\"")?;
/// let attestation = assess(&log.view(), &declared, &Beside::new(UnixNanos(0)))?;
/// // The call named no tool, and that shows in the log; about the rest nothing is known.
/// assert_eq!(attestation.controls[1].state, State::NotMet);
/// assert_eq!(attestation.controls[1].checks[0].entries[0].index, 0);
/// assert!(!attestation.passed());
/// # Ok::<(), witnessmark::Error>(())
/// ```
pub fn assess(view: &View, declared: &Deployment, beside: &Beside<'_>) -> Result<Attestation> {
    let head = view.head();
    let known = Known { declared, beside, head };
    let mut judges = judge::all();
    let (mut entries, mut erased) = (0, 0);
    let mut query = Query::new().order(Order::Oldest).limit(0);
    if let Some(since) = beside.since {
        query = query.since(since);
    }
    if let Some(until) = beside.until {
        query = query.until(until);
    }
    let read = view.for_each(&query, |entry| {
        if entry.meta().is_empty() {
            // An erased entry says nothing about anybody.
            erased += 1;
            return Ok(ControlFlow::Continue(()));
        }
        entries += 1;
        let act = Act::new(&entry);
        judges.iter_mut().for_each(|judge| judge.see(&act, &known));
        Ok(ControlFlow::Continue(()))
    });
    let mut checks: Vec<Vec<Check>> = judges.iter().map(|judge| judge.checks(&known)).collect();
    if let Err(error) = read {
        if !error.is_corruption() {
            return Err(error);
        }
        mistrust(&mut checks, &format!("it cannot be read to its end: {}", error.message()));
    }
    if beside.audit.is_some_and(|report| report.verdict == Verdict::Tampered) {
        mistrust(&mut checks, "it was altered, so its entries show nothing");
    }
    Ok(Attestation::new(&known, checks, entries, erased))
}

/// Says of every control that the log cannot be relied on, and of ASI-06 that it should.
fn mistrust(checks: &mut [Vec<Check>], why: &str) {
    for (control, checks) in controls().iter().zip(checks) {
        let id = format!("{}.log", control.id);
        let state = if control.id == "ASI-06" { State::NotMet } else { State::NotEvaluated };
        checks.insert(0, Check::new(&id, "The log can be relied on", state, why));
    }
}

#[cfg(test)]
mod tests;
