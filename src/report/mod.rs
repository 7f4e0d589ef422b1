//! Reports: what a log shows about a period, as a value, and that value on a page.
//!
//! ```text
//! View, audit, checkpoint, attestation, integrity --> Request::gather --> ComplianceReport
//!                                                                           |     |     |
//!                                        evidence --> clauses             JSON    md   HTML
//! ```
//!
//! First the values, then the renderers: a renderer computes nothing about the log, and what it
//! shows is in the JSON too. Every entry of the period is counted, by the indexes; only lists of
//! entries are cut, and say so.
//!
//! Invariants: nothing is claimed that was not examined. What was not given is `null` and named
//! among [`ComplianceReport::not_proven`]; a clause is *supported* only as far as the facts named
//! beside it hold, and its caveat is always shown. Texts of agents never act on a page: active
//! characters are made visible before a renderer sees them.
//!
//! Deliberately absent: reading files, clocks and command lines (the caller's), the judgement of
//! controls and files (`compliance`, `integrity`), and legal advice.

mod clauses;
mod days;
mod document;
mod evidence;
mod figures;
mod gather;
#[cfg(feature = "html")]
mod html;
mod limits_of_proof;
mod markdown;
mod sources;
mod value;
mod visible;

pub use clauses::{Clause, Framework, Support};
pub use document::ComplianceReport;
pub use evidence::{Fact, Shown};
pub use gather::Request;
pub use value::{
    Agent, AuditTrail, Cited, Control, Counts, Coverage, Day, Finding, LogInfo, Refused, Step,
    SupplyChain, VerifiedCheckpoint,
};

#[cfg(test)]
mod tests;
