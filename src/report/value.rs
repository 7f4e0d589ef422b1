//! The parts of a report: plain data, serialised with the tutorial's keys and ours beside them.
//!
//! Keys are only ever added. `null` means *not known* or *not given*, never *fine*.

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

/// How often each word occurs, most frequent first. In JSON an object in that order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts(pub Vec<(String, u64)>);

impl Counts {
    /// How often this word occurs.
    #[must_use]
    pub fn of(&self, word: &str) -> u64 {
        self.0.iter().find(|(known, _)| known == word).map_or(0, |(_, count)| *count)
    }

    /// How often any word occurs.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (word, count) in &self.0 {
            map.serialize_entry(word, count)?;
        }
        map.end()
    }
}

/// Which log a report is about.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct LogInfo {
    /// Its name; `None` when its identity cannot be read.
    pub origin: Option<String>,
    /// Its id, in hex.
    pub log_id: Option<String>,
    /// Entries in the whole log, the engine's own among them.
    pub tree_size: u64,
    /// Recording time of the first entry.
    pub first_recorded_at: Option<String>,
    /// Recording time of the last entry.
    pub last_recorded_at: Option<String>,
    /// Whole days from the first recorded entry to the end of the period.
    pub history_days: Option<u64>,
}

/// What the log holds about the period, and whether the log holds together.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct AuditTrail {
    /// Entries whose event time is in the period, without the engine's own; `None` when damage
    /// keeps them from being counted.
    pub total_entries: Option<u64>,
    /// The same by event type.
    pub events_by_type: Counts,
    /// The same by outcome.
    pub events_by_outcome: Counts,
    /// The same by policy action.
    pub events_by_action: Counts,
    /// The same by day in UTC, every day of the period.
    pub events_by_day: Vec<Day>,
    /// Entries of the period without an outcome.
    pub entries_without_outcome: u64,
    /// Entries of the period without an agent.
    pub entries_without_agent: u64,
    /// Entries that were *recorded* in the period, whatever their event time says.
    pub recorded_in_period: Option<u64>,
    /// The engine's own entries in the period, counted nowhere else.
    pub system_entries: u64,
    /// Agents that acted in the period.
    pub distinct_agents: u64,
    /// The agents with most entries.
    pub top_agents: Vec<Agent>,
    /// What was refused.
    pub denials: Refused,
    /// Violations and alarms.
    pub violations: Refused,
    /// The audit of the whole log: intact, with or without declared gaps.
    pub chain_integrity_valid: bool,
    /// The first thing that is wrong; `None` when nothing is.
    pub chain_integrity_error: Option<String>,
    /// `intact`, `intact_with_declared_gaps`, `unverifiable`, `tampered`.
    pub verdict: &'static str,
    /// Everything that is wrong, as far as a report names it.
    pub findings: Vec<Finding>,
    /// Further findings.
    pub findings_left_out: u64,
    /// Root of the tree at `log.tree_size`, in hex.
    pub merkle_root: String,
    /// Entries whose bytes were hashed and led to the tree.
    pub entries_verified: u64,
    /// Entries whose data or body was erased, as the log declares.
    pub erased: u64,
    /// What could not be counted or listed, and why.
    pub unreadable: Vec<String>,
}

/// One thing the audit found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What kind of thing.
    pub cause: &'static str,
    /// The entry concerned.
    pub index: Option<u64>,
    /// What and where.
    pub message: String,
}

/// A day in UTC.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct Day {
    /// `2026-11-25`.
    pub day: String,
    /// Entries.
    pub entries: u64,
    /// Denials among them.
    pub denials: u64,
    /// Violations and alarms among them.
    pub violations: u64,
}

/// An agent and what it did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct Agent {
    /// Who.
    pub agent_did: String,
    /// Entries.
    pub entries: u64,
    /// Denials among them.
    pub denials: u64,
    /// Violations and alarms among them.
    pub violations: u64,
}

/// Denials, or violations: how many, and the most recent ones.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Refused {
    /// How many there are in the period.
    pub total: u64,
    /// The most recent ones, oldest first.
    pub listed: Vec<Cited>,
}

/// An entry as a report cites it: without `data`, which may hold what not everybody may read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct Cited {
    /// Position in the log.
    pub index: u64,
    /// Its id.
    pub entry_id: String,
    /// Its hash, in hex: the leaf of the tree.
    pub entry_hash: String,
    /// When it happened, as the caller said.
    pub timestamp: String,
    /// When it was recorded.
    pub recorded_at: String,
    /// Event type.
    pub event_type: String,
    /// Who.
    pub agent_did: String,
    /// Policy action.
    pub action: String,
    /// Outcome.
    pub outcome: Option<String>,
    /// What was accessed.
    pub resource: Option<String>,
    /// The policy's result in words.
    pub policy_decision: Option<String>,
    /// The rule that matched.
    pub matched_rule: Option<String>,
    /// Correlation id.
    pub trace_id: Option<String>,
}

/// A signed checkpoint that was checked against the log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct VerifiedCheckpoint {
    /// Whose log it says it is.
    pub origin: String,
    /// Tree size it commits to.
    pub size: u64,
    /// Root it commits to, in hex.
    pub root: String,
    /// The verifier key its signature was checked with.
    pub signed_by: String,
    /// Whether the signature holds and the log has this root at this size.
    pub valid: bool,
    /// Why not.
    pub error: Option<String>,
    /// Entries after it, which it does not cover.
    pub entries_after: u64,
}

/// Coverage of the ten controls, with the tutorial's keys.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Coverage {
    /// Whether every control is met; `None` when they were not judged.
    pub passed: Option<bool>,
    /// How many are met.
    pub controls_passed: Option<u64>,
    /// How many there are.
    pub controls_total: Option<u64>,
    /// Met, in percent, rounded down.
    pub coverage_pct: Option<u64>,
    /// Digest of the attestation this comes from.
    pub attestation_hash: Option<String>,
    /// Each control.
    pub controls: Vec<Control>,
}

/// One control, its state and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct Control {
    /// `ASI-01`.
    pub id: String,
    /// The tutorial's name of the risk.
    pub title: String,
    /// `met`, `not_met`, `not_evaluated`.
    pub state: String,
    /// Why.
    pub reasons: Vec<String>,
    /// Indices of entries that show it.
    pub entries: Vec<u64>,
}

/// Files of the deployment against their manifest.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct SupplyChain {
    /// Whether every listed file and function is as listed; `None` without a manifest.
    pub passed: Option<bool>,
    /// Files checked.
    pub files_checked: Option<u64>,
    /// Functions checked.
    pub functions_checked: Option<u64>,
    /// Whether the manifest's signature was checked and holds; `None` when nobody asked.
    pub manifest_signed: Option<bool>,
    /// What is not as listed.
    pub problems: Vec<String>,
}

/// One step to check a report by.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct Step {
    /// What it shows.
    pub shows: String,
    /// What to type; `LOG` stands for a copy of the log's directory.
    pub command: String,
}
