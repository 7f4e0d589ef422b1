//! Identity: who hands tasks to whom (ASI-05), and whether everybody who acts is known (ASI-07).

use super::{Judge, Known, undeclared};
use crate::compliance::act::Act;
use crate::compliance::check::{AllOf, Check, Tally};
use crate::compliance::deployment::is_did;
use crate::entry::event_type;

/// ASI-05: tasks are handed on between declared identities only.
#[derive(Debug, Default)]
pub(super) struct Boundaries {
    handed_on: Tally,
    across: Tally,
    refused: u64,
}

impl Judge for Boundaries {
    fn see(&mut self, act: &Act<'_>, known: &Known<'_>) {
        if act.kind != event_type::AGENT_INVOCATION {
            return;
        }
        if act.is_refused() {
            self.refused += 1;
            return;
        }
        self.handed_on.add(act.entry);
        let is_known = |did: &str| known.declared.identity(did).is_some();
        if !is_known(act.agent) || !act.target().is_some_and(is_known) {
            self.across.add(act.entry);
        }
    }

    fn checks(&self, known: &Known<'_>) -> Vec<Check> {
        if known.declared.identities.is_empty() {
            return vec![undeclared("ASI-05", "identities")];
        }
        let ends = AllOf {
            id: "ASI-05.ends",
            title: "Tasks are handed on between declared identities",
            seen: &self.handed_on,
            wrong: &self.across,
            right_words: "tasks handed on, each between declared identities",
            wrong_words: "tasks handed on from or to somebody who is not declared",
            none_words: "the log has no task that was handed on",
        };
        vec![ends.judge().number("refused", self.refused)]
    }
}

/// ASI-07: every agent that acts is a declared identity that is not revoked.
#[derive(Debug, Default)]
pub(super) struct Identities {
    acts: Tally,
    nameless: Tally,
    unknown: Tally,
    revoked: Tally,
}

impl Judge for Identities {
    fn see(&mut self, act: &Act<'_>, known: &Known<'_>) {
        self.acts.add(act.entry);
        if !is_did(act.agent) {
            self.nameless.add(act.entry);
            return;
        }
        let Some(identity) = known.declared.identity(act.agent) else {
            self.unknown.add(act.entry);
            return;
        };
        // A revoked identity may still be refused.
        let is_late = |revoked| act.entry.timestamp() >= revoked;
        if identity.revoked.is_some_and(is_late) && !act.is_refused() {
            self.revoked.add(act.entry);
        }
    }

    fn checks(&self, known: &Known<'_>) -> Vec<Check> {
        if known.declared.identities.is_empty() {
            return vec![undeclared("ASI-07", "identities")];
        }
        let ask = |id, title, wrong, right_words, wrong_words| {
            let none_words = "the log has no entry";
            AllOf { id, title, seen: &self.acts, wrong, right_words, wrong_words, none_words }
                .judge()
        };
        vec![
            ask(
                "ASI-07.declared",
                "Every agent is a declared identity",
                &self.unknown,
                "entries, each of a declared identity",
                "entries of identities that are not declared",
            ),
            ask(
                "ASI-07.dids",
                "Every agent has a DID",
                &self.nameless,
                "entries, each with a well-formed DID",
                "entries whose agent is not a DID",
            ),
            ask(
                "ASI-07.revoked",
                "Nobody acts who was revoked",
                &self.revoked,
                "entries, none of a revoked identity",
                "entries of identities after they were revoked",
            ),
        ]
    }
}
