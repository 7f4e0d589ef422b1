//! The report as a value: what a log shows about a period, all of it in one place.
//!
//! Keys are only ever added. What was not given is `null` or empty, never *fine*.

use super::clauses::Framework;
use super::evidence::Shown;
use super::value::{AuditTrail, Coverage, LogInfo, Step, SupplyChain, VerifiedCheckpoint};
use serde::Serialize;

/// What a log shows about a period.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct ComplianceReport {
    /// Form and version of this document.
    pub schema: &'static str,
    /// When it was made: RFC 3339, UTC.
    pub report_generated: String,
    /// First instant of the period.
    pub period_start: String,
    /// Last instant of the period.
    pub period_end: String,
    /// Which log.
    pub log: LogInfo,
    /// What the log holds about the period, and whether it holds together.
    pub audit_trail: AuditTrail,
    /// The checkpoint that was checked; `None` when none was.
    pub checkpoint: Option<VerifiedCheckpoint>,
    /// Coverage of the ten controls.
    pub owasp_asi_2026: Coverage,
    /// Files of the deployment against their manifest.
    pub supply_chain_integrity: SupplyChain,
    /// Facts that were tested on the log, and what came out.
    pub evidence: Vec<Shown>,
    /// Clauses of regulations and standards, and how far those facts support them.
    pub clauses: Vec<Framework>,
    /// What this report does not prove.
    pub not_proven: Vec<String>,
    /// How to check it without believing it.
    pub check_it_yourself: Vec<Step>,
}
