//! Gathering: what a caller brings, and how it becomes a report.
//!
//! ```text
//! audit first, view at the same size or later?   no: take the view, then audit against its head,
//!                                                so that figures and verdict are about one tree
//! ```
//!
//! Whatever is not brought is `null` in the report. Damage does not keep a report from being made:
//! what cannot be counted is `null` and named under `unreadable`.

use super::days::{Slice, days, whole_days};
use super::document::ComplianceReport;
use super::evidence::{Examined, examine};
use super::figures::{Figures, count_period, list_refused, recorded_in};
use super::limits_of_proof::{not_proven, steps};
use super::value::{AuditTrail, Coverage, Finding, LogInfo, SupplyChain, VerifiedCheckpoint};
use super::{clauses, value};
use crate::error::Result;
use crate::limits::{REPORT_AGENTS_DEFAULT, REPORT_LISTED_DEFAULT, REPORT_LISTED_MAX};
use crate::types::{EventTime, Hash};
use crate::verify::Report;
use crate::view::View;

/// What a report is made from.
///
/// ```
/// use witnessmark::report::Request;
/// use witnessmark::{AuditLog, Entry, EventTime};
/// let log = AuditLog::in_memory()?;
/// log.append(Entry::new("tool_blocked", "did:web:a.example", "deny").outcome("denied"))?;
/// let (view, audit) = (log.view(), log.verify_integrity()?);
/// let now = EventTime::from(log.entry(0.into())?.recorded_at());
/// let report = Request::new(&view, &audit, now).days(30).gather()?;
/// assert_eq!(report.audit_trail.total_entries, Some(1));
/// assert_eq!(report.audit_trail.denials.total, 1);
/// assert_eq!(report.supply_chain_integrity.passed, None); // no manifest was brought
/// # Ok::<(), witnessmark::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is gathered"]
pub struct Request<'a> {
    view: &'a View,
    audit: &'a Report,
    now: EventTime,
    period: Slice,
    agents_max: usize,
    listed_max: usize,
    checkpoint: Option<VerifiedCheckpoint>,
    coverage: Coverage,
    supply_chain: SupplyChain,
    unreadable: Vec<String>,
}

impl<'a> Request<'a> {
    /// A report about the 30 days before `now`. The audit must be of the same log, and best be
    /// taken after the view, against its head.
    pub fn new(view: &'a View, audit: &'a Report, now: impl Into<EventTime>) -> Self {
        let now = now.into();
        let request = Self {
            view,
            audit,
            now,
            period: Slice { since: now, until: now },
            agents_max: REPORT_AGENTS_DEFAULT,
            listed_max: REPORT_LISTED_DEFAULT,
            checkpoint: None,
            coverage: Coverage::default(),
            supply_chain: SupplyChain::default(),
            unreadable: Vec::new(),
        };
        request.days(30)
    }

    /// The period: so many days of 24 hours that end now.
    pub fn days(self, days: u32) -> Self {
        let seconds = self.now.seconds.saturating_sub(i64::from(days) * 86_400);
        let (since, until) = (EventTime::utc(seconds, self.now.nanos), self.now);
        self.period(since, until)
    }

    /// The period by its first and last instant, both of them in it.
    pub fn period(mut self, since: impl Into<EventTime>, until: impl Into<EventTime>) -> Self {
        self.period = Slice { since: since.into(), until: until.into() };
        self
    }

    /// How many agents are named; 10 when not said.
    pub fn agents(mut self, agents_max: usize) -> Self {
        self.agents_max = agents_max;
        self
    }

    /// How many denials and how many violations are cited, the most recent ones; 50 when not said,
    /// at most 1000. All are counted.
    pub fn listed(mut self, listed_max: usize) -> Self {
        self.listed_max = listed_max.min(REPORT_LISTED_MAX);
        self
    }

    /// A checkpoint that was held against this log.
    pub fn checkpoint(mut self, checkpoint: VerifiedCheckpoint) -> Self {
        self.checkpoint = Some(checkpoint);
        self
    }

    /// How the ten controls were judged.
    pub fn coverage(mut self, coverage: Coverage) -> Self {
        self.coverage = coverage;
        self
    }

    /// How the deployment's files compare with their manifest.
    pub fn supply_chain(mut self, supply_chain: SupplyChain) -> Self {
        self.supply_chain = supply_chain;
        self
    }

    /// Something that the caller could not find out, and why: named among what is not proven.
    pub fn unreadable(mut self, what: impl Into<String>) -> Self {
        self.unreadable.push(what.into());
        self
    }

    /// Counts, lists, and puts it together.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for a period that ends before it begins,
    /// [`crate::ErrorKind::TooLarge`] for one of more than 3,660 days. Damage of the log is in the
    /// report and not an error.
    pub fn gather(self) -> Result<ComplianceReport> {
        let days = days(self.period.since, self.period.until)?;
        let log = self.log_info();
        let trail = self.audit_trail(&days);
        let examined = Examined {
            log: &log,
            trail: &trail,
            checkpoint: self.checkpoint.as_ref(),
            coverage: &self.coverage,
            supply_chain: &self.supply_chain,
        };
        let evidence = examine(&examined);
        let clauses = clauses::judge(&evidence)?;
        let not_proven = not_proven(&examined, self.audit);
        let check_it_yourself = steps(&examined, &self.period);
        Ok(ComplianceReport {
            schema: "wmark.report/1",
            report_generated: self.now.to_string(),
            period_start: self.period.since.to_string(),
            period_end: self.period.until.to_string(),
            log,
            audit_trail: trail,
            checkpoint: self.checkpoint,
            owasp_asi_2026: self.coverage,
            supply_chain_integrity: self.supply_chain,
            evidence,
            clauses,
            not_proven,
            check_it_yourself,
        })
    }

    fn log_info(&self) -> LogInfo {
        let size = self.view.size().get();
        // An entry that cannot be read is the audit's to name.
        let recorded = |index: u64| self.view.entry(index.into()).ok().map(|e| e.recorded_at());
        let first = (size > 0).then(|| recorded(0)).flatten();
        let last = size.checked_sub(1).and_then(recorded);
        let identity = self.audit.identity.as_ref();
        LogInfo {
            origin: identity.map(|identity| identity.origin.clone()),
            log_id: identity.map(|identity| Hash(identity.log_id).to_hex()),
            tree_size: size,
            first_recorded_at: first.map(|time| time.to_string()),
            last_recorded_at: last.map(|time| time.to_string()),
            history_days: first.map(|time| whole_days(time.into(), self.period.until)),
        }
    }

    fn audit_trail(&self, days: &[Slice]) -> AuditTrail {
        let mut unreadable = self.unreadable.clone();
        let counted = count_period(self.view, &self.period, days, self.agents_max);
        let (figures, total_entries) = match counted {
            Ok(figures) => {
                let total = figures.total;
                (figures, Some(total))
            }
            Err(error) => {
                unreadable.push(format!("entries could not be counted: {error}"));
                (Figures::default(), None)
            }
        };
        let (denials, violations) =
            list_refused(self.view, &self.period, &figures, self.listed_max, &mut unreadable);
        let recorded = recorded_in(self.view, &self.period);
        if let Err(error) = &recorded {
            unreadable.push(format!("what was recorded could not be counted: {error}"));
        }
        let report = self.audit;
        let first_finding = report.findings.first().map(|finding| {
            let others = report.findings.len() as u64 + report.findings_left_out - 1;
            match others {
                0 => finding.to_string(),
                others => format!("{finding}; and {others} more"),
            }
        });
        AuditTrail {
            total_entries,
            events_by_type: figures.by_type,
            events_by_outcome: figures.by_outcome,
            events_by_action: figures.by_action,
            events_by_day: figures.by_day,
            entries_without_outcome: figures.without_outcome,
            entries_without_agent: figures.without_agent,
            recorded_in_period: recorded.ok(),
            system_entries: figures.system_entries,
            distinct_agents: figures.distinct_agents,
            top_agents: figures.top_agents,
            denials,
            violations,
            chain_integrity_valid: report.is_intact(),
            chain_integrity_error: first_finding,
            verdict: report.verdict.as_str(),
            findings: report.findings.iter().map(value::Finding::from).collect(),
            findings_left_out: report.findings_left_out,
            merkle_root: self.view.root().to_hex(),
            entries_verified: report.entries,
            erased: report.erased,
            unreadable,
        }
    }
}

impl From<&crate::verify::Finding> for Finding {
    fn from(finding: &crate::verify::Finding) -> Self {
        Self {
            cause: finding.cause.as_str(),
            index: finding.index.map(|index| index.get()),
            message: finding.to_string(),
        }
    }
}
