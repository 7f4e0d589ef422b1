//! Policy: does it decide every call (ASI-01), and does nothing get past it (ASI-08)?

use super::{Judge, Known, undeclared};
use crate::compliance::act::{Act, Remembered};
use crate::compliance::check::{AllOf, Check, Tally};
use crate::entry::{Field, event_type};
use crate::types::Hash;

/// Whether the entry names a declared rule.
fn is_ruled(act: &Act<'_>, known: &Known<'_>) -> bool {
    act.rule().is_some_and(|id| known.declared.rules().any(|rule| rule.id == id))
}

/// ASI-01: every tool call was decided by policy, and policy refuses.
#[derive(Debug, Default)]
pub(super) struct Interceptor {
    calls: Tally,
    undecided: Tally,
    refusals: Tally,
    unruled: Tally,
    evaluated: Remembered,
}

impl Judge for Interceptor {
    fn see(&mut self, act: &Act<'_>, known: &Known<'_>) {
        let trace = act.entry.trace_id().unwrap_or_default();
        if act.kind == event_type::POLICY_EVALUATION && !trace.is_empty() {
            self.evaluated.add(&[trace, act.agent]);
        }
        if act.is_tool_use() {
            self.calls.add(act.entry);
            let says_so = act.rule().is_some() || act.text(Field::PolicyDecision).is_some();
            if !says_so && (trace.is_empty() || !self.evaluated.has(&[trace, act.agent])) {
                self.undecided.add(act.entry);
            }
        }
        if act.is_refused() {
            self.refusals.add(act.entry);
            if !is_ruled(act, known) {
                self.unruled.add(act.entry);
            }
        }
    }

    fn checks(&self, known: &Known<'_>) -> Vec<Check> {
        if known.declared.rules().next().is_none() {
            return vec![undeclared("ASI-01", "policy rules")];
        }
        let refuses = AllOf {
            id: "ASI-01.refuses",
            title: "Policy refuses, by declared rules",
            seen: &self.refusals,
            wrong: &self.unruled,
            right_words: "refused, each by a declared rule",
            wrong_words: "refused without a declared rule",
            none_words: "nothing was ever refused, so nothing shows that policy can",
        };
        let decided = AllOf {
            id: "ASI-01.decided",
            title: "Every tool call was decided",
            seen: &self.calls,
            wrong: &self.undecided,
            right_words: "tool calls, each decided by policy",
            wrong_words: "tool calls without a decision of policy",
            none_words: "the log has no tool call",
        };
        let mut decided = decided.judge();
        if self.evaluated.is_full() && self.undecided.count > 0 {
            // The decision may be one that was forgotten: this proves nothing.
            let message = "more traces than can be remembered: a decision may have been missed";
            decided = Check::unknown("ASI-01.decided", "Every tool call was decided", message);
        }
        vec![decided, refuses.judge()]
    }
}

/// ASI-08: decisions name their rule, and what was denied was not done all the same.
#[derive(Debug, Default)]
pub(super) struct Bypass {
    decisions: Tally,
    unattributed: Tally,
    unversioned: Tally,
    contradictions: Tally,
    denied: Remembered,
}

impl Judge for Bypass {
    fn see(&mut self, act: &Act<'_>, known: &Known<'_>) {
        let trace = act.entry.trace_id().unwrap_or_default();
        let key = [trace, act.agent, act.entry.resource().unwrap_or_default()];
        if act.is_decision() {
            self.decisions.add(act.entry);
            if !is_ruled(act, known) {
                self.unattributed.add(act.entry);
            }
            let versions = known.declared.policy.as_ref().map(|policy| &policy.versions);
            let has_version = |versions: &std::collections::BTreeSet<String>| {
                let version = act.text(Field::PolicyVersion);
                versions.is_empty() || version.is_some_and(|version| versions.contains(version))
            };
            if !versions.is_none_or(has_version) {
                self.unversioned.add(act.entry);
            }
        }
        // An act in the same trace, on the same resource, by the same agent, after it was denied;
        // or one that says of itself both that it was denied and that it was done.
        let was_denied = !trace.is_empty() && act.approver().is_none() && self.denied.has(&key);
        if act.is_done() && (was_denied || act.is_refused()) {
            self.contradictions.add(act.entry);
        }
        if act.is_refused() && !trace.is_empty() {
            self.denied.add(&key);
        }
    }

    fn checks(&self, known: &Known<'_>) -> Vec<Check> {
        let attributed = AllOf {
            id: "ASI-08.attributed",
            title: "Every decision names a declared rule",
            seen: &self.decisions,
            wrong: &self.unattributed,
            right_words: "decisions, each by a declared rule",
            wrong_words: "decisions without a declared rule",
            none_words: "the log has no decision of policy",
        };
        let mut checks = vec![match known.declared.rules().next() {
            Some(_) => attributed.judge(),
            None => undeclared("ASI-08", "policy rules"),
        }];
        checks.push(match (self.contradictions.count, self.denied.is_full()) {
            (1.., _) => {
                let message = format!("{} acts that were denied", self.contradictions.count);
                Check::not_met("ASI-08.held", HELD, message).shown(&self.contradictions)
            }
            (0, true) => {
                let message = "more denied acts than can be remembered";
                Check::unknown("ASI-08.held", HELD, message)
            }
            (0, false) if self.decisions.count == 0 => {
                Check::unknown("ASI-08.held", HELD, "the log has no decision of policy")
            }
            (0, false) => {
                Check::met("ASI-08.held", HELD, "nothing that was denied was done all the same")
            }
        });
        let Some(policy) = &known.declared.policy else { return checks };
        if !policy.versions.is_empty() {
            let versioned = AllOf {
                id: "ASI-08.versioned",
                title: "Decisions are of the policy in force",
                seen: &self.decisions,
                wrong: &self.unversioned,
                right_words: "decisions, each of a declared policy version",
                wrong_words: "decisions without a declared policy version",
                none_words: "the log has no decision of policy",
            };
            checks.push(versioned.judge());
        }
        for file in &policy.files {
            let wanted = file.sha256.as_deref().and_then(Hash::from_hex);
            let path = &file.path;
            let (id, title) = ("ASI-08.policy-file", "Policy files are the declared ones");
            checks.push(match (file.found, wanted) {
                (None, _) => Check::not_met(id, title, format!("{path} cannot be read")),
                (Some(found), Some(wanted)) if found != wanted => {
                    Check::not_met(id, title, format!("{path} has another digest"))
                }
                (Some(_), Some(_)) => Check::met(id, title, format!("{path} has its digest")),
                (Some(_), None) => {
                    Check::met(id, title, format!("{path} is there; no digest is declared"))
                }
            });
        }
        checks
    }
}

const HELD: &str = "What was denied was not done";
