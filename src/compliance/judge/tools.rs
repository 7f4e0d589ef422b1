//! Tools: only declared ones (ASI-02), and each agent only those it was given (ASI-03).

use super::{Judge, Known, undeclared};
use crate::compliance::act::Act;
use crate::compliance::check::{AllOf, Check, Tally};

/// ASI-02: tool calls name declared tools, on resources those are declared for.
#[derive(Debug, Default)]
pub(super) struct Tools {
    calls: Tally,
    unknown: Tally,
    fenced: Tally,
    astray: Tally,
}

impl Judge for Tools {
    fn see(&mut self, act: &Act<'_>, known: &Known<'_>) {
        // What was refused was not used.
        if !act.is_tool_use() || act.is_refused() {
            return;
        }
        self.calls.add(act.entry);
        let Some(tool) = act.tool.as_deref().and_then(|name| known.declared.tool(name)) else {
            self.unknown.add(act.entry);
            return;
        };
        if !tool.resources.is_empty() {
            self.fenced.add(act.entry);
            if !act.is_beneath(&tool.resources) {
                self.astray.add(act.entry);
            }
        }
    }

    fn checks(&self, known: &Known<'_>) -> Vec<Check> {
        if known.declared.tools.is_empty() {
            return vec![undeclared("ASI-02", "tools")];
        }
        let known_tools = AllOf {
            id: "ASI-02.known",
            title: "Tool calls name declared tools",
            seen: &self.calls,
            wrong: &self.unknown,
            right_words: "tool calls, each of a declared tool",
            wrong_words: "tool calls of no declared tool",
            none_words: "the log has no tool call that was let through",
        };
        let mut checks = vec![known_tools.judge()];
        if known.declared.tools.iter().any(|tool| !tool.resources.is_empty()) {
            let within = AllOf {
                id: "ASI-02.within",
                title: "Tools keep to their resources",
                seen: &self.fenced,
                wrong: &self.astray,
                right_words: "calls of tools with declared resources, each on one of them",
                wrong_words: "calls of tools on resources they are not declared for",
                none_words: "no tool with declared resources was called",
            };
            checks.push(within.judge());
        }
        checks
    }
}

/// ASI-03: the default is to deny, agents keep to their tools, and the fence was touched.
#[derive(Debug, Default)]
pub(super) struct Agency {
    uses: Tally,
    beyond: Tally,
    ungranted: Tally,
    refusals: Tally,
}

impl Judge for Agency {
    fn see(&mut self, act: &Act<'_>, known: &Known<'_>) {
        if act.is_refused() {
            self.refusals.add(act.entry);
            return;
        }
        if !act.is_tool_use() {
            return;
        }
        self.uses.add(act.entry);
        let identity = known.declared.identity(act.agent);
        match identity.map(|identity| &identity.tools) {
            // Nobody said what this agent may use.
            Some(None) => self.ungranted.add(act.entry),
            Some(Some(tools)) if act.tool.as_ref().is_some_and(|tool| tools.contains(tool)) => {}
            Some(Some(_)) | None => self.beyond.add(act.entry),
        }
    }

    fn checks(&self, known: &Known<'_>) -> Vec<Check> {
        let Some(policy) = &known.declared.policy else {
            return vec![undeclared("ASI-03", "policy")];
        };
        if known.declared.identities.is_empty() {
            return vec![undeclared("ASI-03", "identities and their tools")];
        }
        let granted = AllOf {
            id: "ASI-03.granted",
            title: "Agents use the tools they were given",
            seen: &self.uses,
            wrong: &self.beyond,
            right_words: "tool calls, each by an agent that was given the tool",
            wrong_words: "tool calls by agents that were not given the tool",
            none_words: "the log has no tool call that was let through",
        };
        let mut granted = granted.judge();
        if self.beyond.count == 0 && self.ungranted.count > 0 {
            let message =
                format!("{} calls by agents without a list of tools", self.ungranted.count);
            granted =
                Check::unknown("ASI-03.granted", "Agents use the tools they were given", message)
                    .shown(&self.ungranted);
        }
        let (id, title) = ("ASI-03.default", "The default is to deny");
        let default = match policy.default_action.as_deref() {
            Some("deny") => Check::met(id, title, "what no rule allows is denied"),
            Some(other) => Check::not_met(id, title, format!("the default action is {other:?}")),
            None => Check::unknown(id, title, "the deployment declares no default action"),
        };
        let refused = AllOf {
            id: "ASI-03.refused",
            title: "The limits were reached, and held",
            seen: &self.refusals,
            wrong: &Tally::default(),
            right_words: "acts were refused",
            wrong_words: "",
            none_words: "nothing was ever refused, so nothing shows that the limits hold",
        };
        vec![granted, default, refused.judge()]
    }
}
