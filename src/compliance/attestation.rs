//! Attestations: what was found about the ten controls, bound to the state of the log it was found
//! in.
//!
//! What is derived (`passed`, coverage, grade, badge) is computed from the checks each time it is
//! asked for and cannot be set.

use super::check::{Check, State, state_of};
use super::judge::Known;
use super::vocabulary::{Control, controls};
use crate::types::EventTime;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// The log an attestation speaks of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LogState {
    /// Its name.
    pub origin: String,
    /// Its tree size.
    pub size: u64,
    /// Its root at that size, hex.
    pub root: String,
    /// What the verifier said of its bytes; `None` when it was not asked.
    pub verdict: Option<String>,
    /// Entries that were judged: those of the period, without the engine's own.
    pub entries: u64,
    /// Erased entries, about which nothing can be said.
    pub erased: u64,
}

/// From when to when entries were judged; everything where nothing is said.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Period {
    /// First instant, RFC 3339.
    pub since: Option<String>,
    /// Last instant, RFC 3339.
    pub until: Option<String>,
}

/// What was found about one control.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ControlResult {
    /// The tutorial's id, such as `ASI-01`.
    pub id: String,
    /// The tutorial's title.
    pub name: String,
    /// The component the tutorial names for it.
    pub component: String,
    /// What follows from the checks.
    pub state: State,
    /// The checks, the most telling one first.
    pub checks: Vec<Check>,
}

impl ControlResult {
    pub(super) fn new(control: &Control, checks: Vec<Check>) -> Self {
        Self {
            id: control.id.clone(),
            name: control.title.clone(),
            component: control.component.clone(),
            state: state_of(&checks),
            checks,
        }
    }

    /// Whether the control counts as covered.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.state == State::Met
    }

    /// Why it is not met, or what shows that it is: one sentence per check that decides.
    pub fn reasons(&self) -> impl Iterator<Item = &str> {
        self.checks
            .iter()
            .filter(|check| check.state == self.state)
            .map(|check| check.message.as_str())
    }
}

/// What was found about the ten controls.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Attestation {
    /// Version of this program; what the checks are may change with it.
    pub toolkit_version: String,
    /// Operating system and architecture.
    pub platform: String,
    /// When it was made, RFC 3339. Not part of [`Attestation::attestation_hash`].
    pub verified_at: String,
    /// The deployment's name.
    pub evidence_source: String,
    /// The log it speaks of.
    pub log: LogState,
    /// From when to when entries were judged.
    pub period: Period,
    /// The ten controls, in order.
    pub controls: Vec<ControlResult>,
    /// A signed note over [`Attestation::statement`]; `None` while it is unsigned.
    pub signature: Option<String>,
}

impl Attestation {
    pub(super) fn new(
        known: &Known<'_>,
        checks: Vec<Vec<Check>>,
        entries: u64,
        erased: u64,
    ) -> Self {
        let beside = known.beside;
        let text = |time: Option<EventTime>| time.map(|time| time.to_string());
        Self {
            toolkit_version: env!("CARGO_PKG_VERSION").to_owned(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            verified_at: beside.now.to_string(),
            evidence_source: known.declared.name.clone(),
            log: LogState {
                origin: beside.origin.clone(),
                size: known.head.size.get(),
                root: known.head.root.to_hex(),
                verdict: beside.audit.map(|report| report.verdict.as_str().to_owned()),
                entries,
                erased,
            },
            period: Period { since: text(beside.since), until: text(beside.until) },
            controls: controls()
                .iter()
                .zip(checks)
                .map(|(control, checks)| ControlResult::new(control, checks))
                .collect(),
            signature: None,
        }
    }

    /// Controls that are met.
    #[must_use]
    pub fn controls_passed(&self) -> u64 {
        self.controls.iter().filter(|control| control.is_met()).count() as u64
    }

    /// Controls there are.
    #[must_use]
    pub fn controls_total(&self) -> u64 {
        self.controls.len() as u64
    }

    /// Whether every control is met.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.controls_total() > 0 && self.controls_passed() == self.controls_total()
    }

    /// Percent of the controls that are met, cut off and not rounded.
    #[must_use]
    pub fn coverage_pct(&self) -> u64 {
        (self.controls_passed() * 100).checked_div(self.controls_total()).unwrap_or(0)
    }

    /// The coverage as a grade: A from 90, B from 80, C from 70, D from 60, else F.
    #[must_use]
    pub fn compliance_grade(&self) -> char {
        match self.coverage_pct() {
            90.. => 'A',
            80.. => 'B',
            70.. => 'C',
            60.. => 'D',
            _ => 'F',
        }
    }

    /// Why controls are missing, each with its id.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let missing = self.controls.iter().filter(|control| !control.is_met());
        missing
            .flat_map(|control| {
                let (id, state) = (&control.id, control.state);
                control.reasons().map(move |reason| format!("{id} {state}: {reason}"))
            })
            .collect()
    }

    /// The table for people: the tutorial's, with what shows it or what is missing beside it.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut text = String::from("OWASP ASI 2026 Governance Verification\n");
        text.push_str("=======================================\n");
        for control in &self.controls {
            let mark = match control.state {
                State::Met => "✅",
                State::NotEvaluated => "⚠️",
                State::NotMet => "❌",
            };
            let (id, name, component) = (&control.id, &control.name, &control.component);
            let mut reasons = control.reasons();
            let state = match control.state {
                State::Met => String::new(),
                other => format!("{other}: "),
            };
            let first = reasons.next().unwrap_or_default();
            let _ = writeln!(text, "{mark} {id}  {name:<25} {component:<24} {state}{first}");
            if !control.is_met() {
                for reason in reasons {
                    let _ = writeln!(text, "   └─ {reason}");
                }
                let entries = control.checks.iter().filter(|check| check.state == control.state);
                let shown: Vec<String> = entries
                    .flat_map(|check| &check.entries)
                    .map(|shown| shown.index.to_string())
                    .collect();
                if !shown.is_empty() {
                    let _ = writeln!(text, "   └─ entries {}", shown.join(", "));
                }
            }
        }
        let (passed, total) = (self.controls_passed(), self.controls_total());
        let _ = write!(text, "\nCoverage: {passed}/{total} ({}%)", self.coverage_pct());
        text
    }

    /// Address of a badge with the coverage: green only when every control is met.
    #[must_use]
    pub fn badge_url(&self) -> String {
        let (passed, total) = (self.controls_passed(), self.controls_total());
        let colour = match (self.passed(), self.coverage_pct()) {
            (true, _) => "brightgreen",
            (false, 80..) => "yellow",
            (false, _) => "red",
        };
        format!("https://img.shields.io/badge/OWASP%20ASI%202026-{passed}%2F{total}-{colour}")
    }

    /// The badge in Markdown, as the tutorial has it.
    #[must_use]
    pub fn badge_markdown(&self) -> String {
        format!("[![OWASP ASI 2026]({})](https://owaspai.org/asi/)", self.badge_url())
    }
}
