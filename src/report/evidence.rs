//! Evidence: facts that are tested on a log, each with the figure that decides it.
//!
//! A fact is about the log and nothing else: *refusals were recorded*, not *access is controlled*.
//! Clauses name the facts that support them; a fact that does not hold supports nothing.

use super::value::{AuditTrail, Coverage, LogInfo, SupplyChain, VerifiedCheckpoint};
use super::visible::grouped;
use crate::entry::event_type;
use serde::{Deserialize, Serialize};

/// Something that can be tested on a log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fact {
    /// Entries of the period exist.
    EventsRecorded,
    /// The audit found nothing wrong.
    ChainIntact,
    /// Every entry of the period names who acted.
    AgentsNamed,
    /// Every entry was given a time by the log, and these times never decrease.
    TimesRecorded,
    /// Every entry of the period says how it ended.
    OutcomesRecorded,
    /// Every entry of the period says what was decided about it.
    DecisionsRecorded,
    /// Refusals are among the entries.
    RefusalsRecorded,
    /// Violations or alarms are among the entries.
    ViolationsRecorded,
    /// The log reaches back 183 days.
    HistorySixMonths,
    /// The log reaches back 365 days.
    HistoryTwelveMonths,
    /// The log reaches back six years.
    HistorySixYears,
    /// A signed checkpoint fits the log.
    CheckpointVerified,
    /// Every control is met.
    ControlsMet,
    /// The deployment's files are as their manifest lists them.
    SoftwareVerified,
}

/// A fact, whether it holds, and the figure behind it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct Shown {
    /// Which.
    pub fact: Fact,
    /// What was tested, as a sentence.
    pub statement: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// The figure that decides it.
    pub detail: String,
}

/// Everything a fact may look at.
pub(super) struct Examined<'a> {
    pub(super) log: &'a LogInfo,
    pub(super) trail: &'a AuditTrail,
    pub(super) checkpoint: Option<&'a VerifiedCheckpoint>,
    pub(super) coverage: &'a Coverage,
    pub(super) supply_chain: &'a SupplyChain,
}

const ALL: [Fact; 14] = [
    Fact::EventsRecorded,
    Fact::ChainIntact,
    Fact::CheckpointVerified,
    Fact::AgentsNamed,
    Fact::TimesRecorded,
    Fact::OutcomesRecorded,
    Fact::DecisionsRecorded,
    Fact::RefusalsRecorded,
    Fact::ViolationsRecorded,
    Fact::HistorySixMonths,
    Fact::HistoryTwelveMonths,
    Fact::HistorySixYears,
    Fact::ControlsMet,
    Fact::SoftwareVerified,
];

/// Tests every fact.
pub(super) fn examine(examined: &Examined<'_>) -> Vec<Shown> {
    let shown = |fact| {
        let (holds, detail) = test(fact, examined);
        Shown { fact, statement: statement(fact), holds, detail }
    };
    ALL.into_iter().map(shown).collect()
}

const fn statement(fact: Fact) -> &'static str {
    match fact {
        Fact::EventsRecorded => "Acts of agents were recorded in the period.",
        Fact::ChainIntact => {
            "Every byte of the log agrees with its hashes, its chain and its tree."
        }
        Fact::CheckpointVerified => {
            "A checkpoint, signed by the given key, has the log's root at its size."
        }
        Fact::AgentsNamed => "Every entry of the period names the acting agent.",
        Fact::TimesRecorded => {
            "The log gave every entry the time of its recording, and these times never decrease."
        }
        Fact::OutcomesRecorded => "Every entry of the period says how the act ended.",
        Fact::DecisionsRecorded => "Every entry of the period says what policy did about the act.",
        Fact::RefusalsRecorded => "Refused acts are among the entries.",
        Fact::ViolationsRecorded => "Violations or alarms are among the entries.",
        Fact::HistorySixMonths => "The log reaches back at least six months (183 days).",
        Fact::HistoryTwelveMonths => "The log reaches back at least twelve months (365 days).",
        Fact::HistorySixYears => "The log reaches back at least six years (2,192 days).",
        Fact::ControlsMet => "All ten controls are met by evidence.",
        Fact::SoftwareVerified => "The deployment's files are as their manifest lists them.",
    }
}

fn test(fact: Fact, on: &Examined<'_>) -> (bool, String) {
    let trail = on.trail;
    let total = trail.total_entries.unwrap_or(0);
    let of_all = |having: u64, what: &str| {
        (
            total > 0 && having == total,
            format!("{} of {} entries {what}", grouped(having), grouped(total)),
        )
    };
    let some = |count: u64, what: &str| (count > 0, format!("{} {what}", grouped(count)));
    match fact {
        Fact::EventsRecorded => match trail.total_entries {
            Some(total) => some(total, "entries in the period"),
            None => (false, "the entries could not be counted".to_owned()),
        },
        Fact::ChainIntact => match &trail.chain_integrity_error {
            None => {
                let verified = grouped(trail.entries_verified);
                (trail.chain_integrity_valid, format!("{verified} entries hashed again"))
            }
            Some(error) => (false, error.clone()),
        },
        Fact::CheckpointVerified => checkpoint(on),
        Fact::AgentsNamed => {
            let named = total.saturating_sub(trail.entries_without_agent);
            of_all(named, "name an agent")
        }
        Fact::TimesRecorded => match (&on.log.first_recorded_at, &on.log.last_recorded_at) {
            (Some(first), Some(last)) if trail.chain_integrity_valid => {
                (true, format!("{first} to {last}"))
            }
            (Some(_), Some(_)) => (false, "the audit found damage".to_owned()),
            _ => (false, "the log is empty, or its ends cannot be read".to_owned()),
        },
        Fact::OutcomesRecorded => of_all(trail.events_by_outcome.total(), "have an outcome"),
        Fact::DecisionsRecorded => of_all(trail.events_by_action.total(), "have a policy action"),
        Fact::RefusalsRecorded => some(trail.denials.total, "refusals"),
        Fact::ViolationsRecorded => {
            let violations = trail.events_by_type.of(event_type::POLICY_VIOLATION);
            let alarms = trail.events_by_type.of(event_type::ROGUE_DETECTION);
            (
                violations + alarms > 0,
                format!("{} violations, {} alarms", grouped(violations), grouped(alarms)),
            )
        }
        Fact::HistorySixMonths => history(on, 183),
        Fact::HistoryTwelveMonths => history(on, 365),
        Fact::HistorySixYears => history(on, 2192),
        Fact::ControlsMet => match (on.coverage.controls_passed, on.coverage.controls_total) {
            (Some(met), Some(all)) => {
                (on.coverage.passed == Some(true), format!("{met} of {all} controls"))
            }
            _ => (false, "the controls were not judged".to_owned()),
        },
        Fact::SoftwareVerified => match on.supply_chain.passed {
            Some(true) => {
                let files = on.supply_chain.files_checked.unwrap_or(0);
                (true, format!("{files} files as listed"))
            }
            Some(false) => (false, format!("{} differences", on.supply_chain.problems.len())),
            None => (false, "no manifest was given".to_owned()),
        },
    }
}

fn checkpoint(on: &Examined<'_>) -> (bool, String) {
    match on.checkpoint {
        None => (false, "no checkpoint was checked".to_owned()),
        Some(checkpoint) if checkpoint.valid => {
            let (size, after) = (grouped(checkpoint.size), grouped(checkpoint.entries_after));
            (true, format!("{size} entries, and {after} after it that it does not cover"))
        }
        Some(checkpoint) => {
            let error = checkpoint.error.as_deref().unwrap_or("it does not fit the log");
            (false, error.to_owned())
        }
    }
}

fn history(on: &Examined<'_>, wanted: u64) -> (bool, String) {
    match on.log.history_days {
        Some(days) => (
            days >= wanted && on.trail.chain_integrity_valid,
            format!("the first entry is {} days older than the period's end", grouped(days)),
        ),
        None => (false, "the log is empty, or its first entry cannot be read".to_owned()),
    }
}
