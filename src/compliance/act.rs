//! Acts: entries as the judges look at them, and what is remembered of earlier ones.

use crate::entry::{Field, event_type};
use crate::format::stored::StoredEntry;
use crate::hash;
use crate::limits::REMEMBERED_KEYS_MAX;
use serde::Deserialize;
use std::collections::HashSet;

/// One entry, read once for all judges.
#[derive(Debug)]
pub(super) struct Act<'a> {
    pub(super) entry: &'a StoredEntry,
    pub(super) kind: &'a str,
    pub(super) agent: &'a str,
    /// The tool that `data` names.
    pub(super) tool: Option<String>,
}

/// Where `data` says which tool was used: `tool`, or `tool_name`.
#[derive(Deserialize)]
struct Named {
    tool: Option<String>,
    tool_name: Option<String>,
}

impl<'a> Act<'a> {
    pub(super) fn new(entry: &'a StoredEntry) -> Self {
        let kind = entry.event_type();
        let names_tool = matches!(kind, event_type::TOOL_INVOCATION | event_type::TOOL_BLOCKED);
        let data = entry.data_text().filter(|_| names_tool);
        let named = data.and_then(|text| serde_json::from_str::<Named>(text).ok());
        let tool = named.and_then(|named| named.tool.or(named.tool_name));
        Self { entry, kind, agent: entry.agent_did(), tool }
    }

    pub(super) fn text(&self, field: Field) -> Option<&'a str> {
        self.entry.text(field).filter(|text| !text.is_empty())
    }

    pub(super) fn rule(&self) -> Option<&'a str> {
        self.text(Field::MatchedRule)
    }

    pub(super) fn approver(&self) -> Option<&'a str> {
        self.text(Field::ApproverDid)
    }

    pub(super) fn target(&self) -> Option<&'a str> {
        self.text(Field::TargetDid)
    }

    /// Whether an agent used a tool, or tried to.
    pub(super) fn is_tool_use(&self) -> bool {
        self.kind == event_type::TOOL_INVOCATION
    }

    /// Whether a tool or another agent was called.
    pub(super) fn is_call(&self) -> bool {
        self.is_tool_use() || self.kind == event_type::AGENT_INVOCATION
    }

    /// Whether policy said no.
    pub(super) fn is_refused(&self) -> bool {
        self.kind == event_type::TOOL_BLOCKED
            || matches!(self.entry.action(), "deny" | "quarantine")
            || self.entry.outcome() == Some("denied")
    }

    /// Whether the call went through: it was not refused, whatever came of it.
    pub(super) fn is_let_through(&self) -> bool {
        self.is_call() && !self.is_refused()
    }

    /// Whether a call succeeded, whatever policy is said to have decided.
    pub(super) fn is_done(&self) -> bool {
        self.is_call() && self.entry.outcome() == Some("success")
    }

    /// Whether the entry records a decision of policy.
    pub(super) fn is_decision(&self) -> bool {
        let of_policy =
            [event_type::POLICY_EVALUATION, event_type::TOOL_BLOCKED, event_type::POLICY_VIOLATION];
        of_policy.contains(&self.kind) || self.is_refused()
    }

    pub(super) fn is_beneath(&self, prefixes: &[String]) -> bool {
        self.entry.resource().is_some_and(|resource| {
            prefixes.iter().any(|prefix| resource.starts_with(prefix.as_str()))
        })
    }
}

/// A bounded set of texts seen earlier, each known by a digest.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    keys: HashSet<u64>,
    is_full: bool,
}

fn key_of(parts: &[&str]) -> u64 {
    let mut bytes = Vec::new();
    for part in parts {
        // The length before each part: ("ab", "c") is not ("a", "bc").
        bytes.extend(part.len().to_le_bytes());
        bytes.extend(part.as_bytes());
    }
    hash::id_key(&bytes)
}

impl Remembered {
    pub(super) fn add(&mut self, parts: &[&str]) {
        if self.keys.len() < REMEMBERED_KEYS_MAX {
            self.keys.insert(key_of(parts));
        } else {
            self.is_full = true;
        }
    }

    pub(super) fn remove(&mut self, parts: &[&str]) {
        self.keys.remove(&key_of(parts));
    }

    pub(super) fn has(&self, parts: &[&str]) -> bool {
        self.keys.contains(&key_of(parts))
    }

    /// Whether something could not be remembered any more.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_does_not_run_together() {
        let mut seen = Remembered::default();
        seen.add(&["ab", "c"]);
        assert!(seen.has(&["ab", "c"]) && !seen.has(&["a", "bc"]) && !seen.is_full());
        seen.remove(&["ab", "c"]);
        assert!(!seen.has(&["ab", "c"]));
    }
}
