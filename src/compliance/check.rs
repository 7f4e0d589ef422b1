//! Checks: one question each, with an answer, a reason, numbers, and the entries that show it.
//!
//! ```text
//! any check not met -> control not met | else any not evaluated -> not evaluated | else met
//! ```
//!
//! *Not evaluated* means that nothing in the log or the deployment answers the question. It counts
//! as missing everywhere; it is never a pass.

use crate::format::stored::StoredEntry;
use crate::limits::SHOWN_ENTRIES_MAX;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What the evidence says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// The evidence shows it.
    Met,
    /// Nothing answers the question.
    NotEvaluated,
    /// The evidence shows the opposite.
    NotMet,
}

impl State {
    /// The state as one lower-case word, stable for scripts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotEvaluated => "not_evaluated",
            Self::NotMet => "not_met",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Met => "met",
            Self::NotEvaluated => "not evaluated",
            Self::NotMet => "not met",
        })
    }
}

/// An entry that shows something.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Shown {
    /// Its position in the log.
    pub index: u64,
    /// Its id.
    pub entry_id: String,
}

/// Entries of one kind: all are counted, the first few are named.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) first: Vec<Shown>,
}

impl Tally {
    pub(super) fn add(&mut self, entry: &StoredEntry) {
        self.count += 1;
        if self.first.len() < SHOWN_ENTRIES_MAX {
            self.first.push(Shown { index: entry.index().get(), entry_id: entry.entry_id() });
        }
    }
}

/// One question about the evidence, answered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Check {
    /// The control and a word, such as `ASI-01.decided`.
    pub id: String,
    /// What is asked.
    pub title: String,
    /// What the evidence says.
    pub state: State,
    /// Why.
    pub message: String,
    /// The numbers behind it.
    pub observed: BTreeMap<String, u64>,
    /// Entries that show it: at most ten, the oldest.
    pub entries: Vec<Shown>,
}

impl Check {
    pub(super) fn new(id: &str, title: &str, state: State, message: impl Into<String>) -> Self {
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            state,
            message: message.into(),
            observed: BTreeMap::new(),
            entries: Vec::new(),
        }
    }

    pub(super) fn met(id: &str, title: &str, message: impl Into<String>) -> Self {
        Self::new(id, title, State::Met, message)
    }

    pub(super) fn not_met(id: &str, title: &str, message: impl Into<String>) -> Self {
        Self::new(id, title, State::NotMet, message)
    }

    pub(super) fn unknown(id: &str, title: &str, message: impl Into<String>) -> Self {
        Self::new(id, title, State::NotEvaluated, message)
    }

    #[must_use]
    pub(super) fn number(mut self, name: &str, value: u64) -> Self {
        self.observed.insert(name.to_owned(), value);
        self
    }

    #[must_use]
    pub(super) fn shown(mut self, tally: &Tally) -> Self {
        self.entries.clone_from(&tally.first);
        self
    }
}

/// The question "are all of these right?", asked of what one pass over the log counted.
#[derive(Debug)]
pub(super) struct AllOf<'a> {
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    /// Those that were looked at.
    pub(super) seen: &'a Tally,
    /// Those of them that are wrong.
    pub(super) wrong: &'a Tally,
    /// Says of a count that they are right.
    pub(super) right_words: &'a str,
    /// Says of a count that they are wrong.
    pub(super) wrong_words: &'a str,
    /// Says that there are none.
    pub(super) none_words: &'a str,
}

impl AllOf<'_> {
    /// One that is wrong decides; without any to look at, nothing is decided.
    pub(super) fn judge(&self) -> Check {
        let (seen, wrong) = (self.seen.count, self.wrong.count);
        let check = match (seen, wrong) {
            (_, 1..) => {
                let message = format!("{wrong} {}", self.wrong_words);
                Check::not_met(self.id, self.title, message).shown(self.wrong)
            }
            (0, 0) => Check::unknown(self.id, self.title, self.none_words),
            (1.., 0) => {
                let message = format!("{seen} {}", self.right_words);
                Check::met(self.id, self.title, message).shown(self.seen)
            }
        };
        check.number("seen", seen).number("wrong", wrong)
    }
}

/// What follows for a control from its checks.
pub(super) fn state_of(checks: &[Check]) -> State {
    let worst = checks.iter().map(|check| check.state).max();
    // Without a single check nothing was asked, so nothing was answered.
    worst.unwrap_or(State::NotEvaluated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_entry_decides_and_nothing_seen_is_never_a_pass() {
        let judge = |seen: u64, wrong: u64| {
            let (seen, wrong) = (
                Tally { count: seen, first: Vec::new() },
                Tally { count: wrong, first: Vec::new() },
            );
            AllOf {
                id: "X.y",
                title: "t",
                seen: &seen,
                wrong: &wrong,
                right_words: "right",
                wrong_words: "wrong",
                none_words: "none",
            }
            .judge()
            .state
        };
        assert_eq!(judge(0, 0), State::NotEvaluated);
        assert_eq!(judge(9, 0), State::Met);
        assert_eq!(judge(9, 1), State::NotMet);
    }

    #[test]
    fn the_worst_check_decides_for_the_control() {
        let check = |state| Check::new("X.y", "t", state, "m");
        use State::{Met, NotEvaluated, NotMet};
        assert_eq!(state_of(&[]), NotEvaluated);
        assert_eq!(state_of(&[check(Met), check(Met)]), Met);
        assert_eq!(state_of(&[check(Met), check(NotEvaluated)]), NotEvaluated);
        assert_eq!(state_of(&[check(NotEvaluated), check(NotMet), check(Met)]), NotMet);
    }
}
