//! Clauses of regulations and standards, and how far a log supports them.
//!
//! ```text
//! clauses.json: clause --names--> facts            all hold: supported   some: partly
//!                  \--> ceiling (most a log can show), caveat          none: not shown
//! ```
//!
//! *Supported* means that the facts named beside the clause hold in this log. It never means that
//! the clause is fulfilled: the ceiling keeps clauses about people and processes at *partly*, and
//! clauses that no log can show have no facts at all. The texts are ours, not the laws'.

use super::evidence::{Fact, Shown};
use crate::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// The data file, part of the program.
const CLAUSES: &str = include_str!("clauses.json");

/// How far the facts support a clause.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Support {
    /// No fact that was tested shows it.
    NotShown,
    /// Some of the facts hold, or a log can show no more than a part of it.
    Partly,
    /// Every fact named beside it holds.
    Supported,
}

impl Support {
    /// As people read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotShown => "not shown",
            Self::Partly => "partly",
            Self::Supported => "supported",
        }
    }
}

/// A regulation or standard.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct Framework {
    /// Short id, such as `eu_ai_act`.
    pub id: String,
    /// Its name and edition.
    pub title: String,
    /// Its clauses that a log can say something about.
    pub clauses: Vec<Clause>,
}

/// A clause, judged.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct Clause {
    /// Its number in the text.
    pub clause: String,
    /// What it asks, in our words.
    pub asks: String,
    /// How far the facts support it.
    pub support: Support,
    /// Facts that hold and support it.
    pub shown_by: Vec<Fact>,
    /// Facts that would support it and do not hold.
    pub missing: Vec<Fact>,
    /// What it asks beyond anything a log can show.
    pub caveat: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrameworkData {
    id: String,
    title: String,
    clauses: Vec<ClauseData>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClauseData {
    clause: String,
    asks: String,
    facts: Vec<Fact>,
    ceiling: Support,
    caveat: String,
}

/// Judges every clause by these facts.
///
/// # Errors
/// [`ErrorKind::Invalid`] when the data file is not as this program wants it.
pub(super) fn judge(evidence: &[Shown]) -> Result<Vec<Framework>> {
    let data: Vec<FrameworkData> = serde_json::from_str(CLAUSES).map_err(|error| {
        Error::new(ErrorKind::Invalid, error.to_string()).at_file("clauses.json")
    })?;
    let holds = |fact: &Fact| evidence.iter().any(|shown| shown.fact == *fact && shown.holds);
    let clause = |data: ClauseData| {
        let (shown_by, missing): (Vec<Fact>, Vec<Fact>) = data.facts.iter().partition(|f| holds(f));
        let support = match (shown_by.is_empty(), missing.is_empty()) {
            (true, _) => Support::NotShown,
            (false, false) => Support::Partly,
            (false, true) => Support::Supported,
        };
        let support = support.min(data.ceiling);
        let ClauseData { clause, asks, caveat, .. } = data;
        Clause { clause, asks, support, shown_by, missing, caveat }
    };
    let framework = |data: FrameworkData| Framework {
        id: data.id,
        title: data.title,
        clauses: data.clauses.into_iter().map(clause).collect(),
    };
    Ok(data.into_iter().map(framework).collect())
}
