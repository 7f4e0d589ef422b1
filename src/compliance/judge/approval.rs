//! Escalation (ASI-04): what needs approval was approved, by somebody who may, and not by the actor.

use super::{Judge, Known, undeclared};
use crate::compliance::act::Act;
use crate::compliance::check::{AllOf, Check, Tally};

/// ASI-04.
#[derive(Debug, Default)]
pub(super) struct Escalations {
    attempts: Tally,
    unapproved: Tally,
    approvals: Tally,
    strangers: Tally,
}

impl Judge for Escalations {
    fn see(&mut self, act: &Act<'_>, known: &Known<'_>) {
        let Some(escalation) = &known.declared.escalation else { return };
        let may_approve = |did: &str| escalation.approvers.contains(did) && did != act.agent;
        if let Some(approver) = act.approver() {
            self.approvals.add(act.entry);
            if !may_approve(approver) {
                self.strangers.add(act.entry);
            }
        }
        let is_attempt = act.is_call() || act.is_refused();
        if is_attempt && act.is_beneath(&escalation.required_for) {
            self.attempts.add(act.entry);
            if act.is_let_through() && !act.approver().is_some_and(may_approve) {
                self.unapproved.add(act.entry);
            }
        }
    }

    fn checks(&self, known: &Known<'_>) -> Vec<Check> {
        let is_whole = known
            .declared
            .escalation
            .as_ref()
            .is_some_and(|e| !e.required_for.is_empty() && !e.approvers.is_empty());
        if !is_whole {
            return vec![undeclared("ASI-04", "resources that need approval, and approvers")];
        }
        let approved = AllOf {
            id: "ASI-04.approved",
            title: "What needs approval was approved or refused",
            seen: &self.attempts,
            wrong: &self.unapproved,
            right_words: "acts that need approval, each approved or refused",
            wrong_words: "acts that need approval and have none that counts",
            none_words: "nobody tried what needs approval",
        };
        let mut checks = vec![approved.judge()];
        if self.approvals.count > 0 {
            let approvers = AllOf {
                id: "ASI-04.approvers",
                title: "Approvers are declared, and are not the actor",
                seen: &self.approvals,
                wrong: &self.strangers,
                right_words: "approvals, each by a declared approver",
                wrong_words: "approvals by the actor or by somebody who may not approve",
                none_words: "",
            };
            checks.push(approvers.judge());
        }
        checks
    }
}
