//! The demo's fleet: what eight agents did during one day.
//!
//! A day is a row of *stories*; a story is a trace that passes through several agents, and some end
//! in a call that policy denies. Made from a counter and a small generator, so that every run tells
//! the same day, up to the clock.

use serde_json::json;
use std::ops::Range;
use witnessmark::{Entry, UnixNanos};

/// How long the day is.
pub(super) const DAY_NS: u64 = 24 * 3600 * 1_000_000_000;
/// What a story's steps are apart, at most.
const STEP_NS: u64 = 4_000_000_000;
const ORCHESTRATOR: &str = "did:web:orchestrator.acme.example";

/// One kind of story.
struct Plot {
    agent: &'static str,
    helper: &'static str,
    tools: &'static [(&'static str, &'static str)],
    /// The tool that policy looks at, its resource, the rule, and how often of 100 it denies.
    guarded: (&'static str, &'static str, &'static str, u64),
}

const PLOTS: [Plot; 4] = [
    Plot {
        agent: "did:web:support.acme.example",
        helper: "did:web:crm.acme.example",
        tools: &[("ticket_read", "/tickets/open"), ("crm_lookup", "/crm/contacts")],
        guarded: ("send_email", "/mail/outbound", "no-bulk-mail", 4),
    },
    Plot {
        agent: "did:web:sales.acme.example",
        helper: "did:web:research.acme.example",
        tools: &[("crm_lookup", "/crm/contacts"), ("web_search", "/web/search")],
        guarded: ("crm_export", "/crm/export", "pii-export", 15),
    },
    Plot {
        agent: "did:web:coder.acme.example",
        helper: "did:web:reviewer.acme.example",
        tools: &[("run_tests", "/ci/tests"), ("open_pull_request", "/git/pulls")],
        guarded: ("deploy", "/deploy/prod", "needs-approval", 10),
    },
    Plot {
        agent: "did:web:billing.acme.example",
        helper: "did:web:crm.acme.example",
        tools: &[("invoice_list", "/billing/invoices"), ("ledger_read", "/billing/ledger")],
        guarded: ("refund", "/payroll/refunds", "four-eyes", 6),
    },
];

/// A generator that is good enough to vary a story (xorshift64*); nothing secret hangs on it.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound.max(1)
    }
}

/// The day's entries in the order of their times.
pub(super) struct Day {
    dice: Dice,
    span: Range<u64>,
    story: u64,
    stories: u64,
    steps: std::vec::IntoIter<Entry<'static>>,
}

/// Steps of one story.
const STEPS: u64 = 6;

impl Day {
    /// About `entries` entries of the day that ends at `now`.
    pub(super) fn new(entries: u64, now: UnixNanos) -> Self {
        let span = now.0.saturating_sub(DAY_NS)..now.0.saturating_sub(STEPS * STEP_NS);
        let stories = entries.div_ceil(STEPS).max(1);
        let dice = Dice(0x9e37_79b9_7f4a_7c15);
        Self { dice, span, story: 0, stories, steps: Vec::new().into_iter() }
    }

    fn tell(&mut self) -> Vec<Entry<'static>> {
        let plot = PLOTS.get(usize::try_from(self.dice.below(4)).unwrap_or(0)).unwrap_or(&PLOTS[0]);
        let length = (self.span.end - self.span.start) / self.stories;
        let mut at = self.span.start + length * self.story + self.dice.below(length);
        let trace = format!("trace-{:05}", self.story);
        let case = self.dice.below(9000) + 1000;
        let mut steps = Vec::with_capacity(8);
        let mut step = |dice: &mut Dice, entry: Entry<'static>| {
            at += dice.below(STEP_NS);
            steps.push(entry.trace_id(trace.clone()).timestamp(UnixNanos(at)));
        };
        let dice = &mut self.dice;
        let task = json!({"task": format!("case {case}"), "priority": dice.below(3)});
        let asked = Entry::new("agent_invocation", ORCHESTRATOR, "allow").target_did(plot.agent);
        step(dice, asked.data(&task));
        for (tool, resource) in plot.tools {
            let call = json!({"tool": tool, "case": case, "latency_ms": dice.below(900)});
            let failed = dice.below(50) == 0;
            let outcome = if failed { "failure" } else { "success" };
            let done = Entry::new("tool_invocation", plot.agent, "allow").resource(*resource);
            step(dice, done.outcome(outcome).data(&call));
        }
        let delegated = Entry::new("agent_invocation", plot.agent, "allow").target_did(plot.helper);
        step(dice, delegated.data(&json!({"task": "second opinion", "case": case})));
        let (tool, resource, rule, odds) = plot.guarded;
        let is_denied = dice.below(100) < odds;
        let (action, decision) = if is_denied { ("deny", "blocked") } else { ("allow", "allowed") };
        let judged = Entry::new("policy_evaluation", plot.helper, action).resource(resource);
        let decision = format!("{decision}: {rule}");
        step(dice, judged.matched_rule(rule).policy_decision(decision.clone()));
        let call = json!({"tool": tool, "case": case, "amount": dice.below(100_000)});
        let (event, outcome) =
            if is_denied { ("tool_blocked", "denied") } else { ("tool_invocation", "success") };
        let ended = Entry::new(event, plot.agent, action).resource(resource).outcome(outcome);
        step(dice, ended.matched_rule(rule).policy_decision(decision).data(&call));
        steps
    }
}

impl Iterator for Day {
    type Item = Entry<'static>;

    fn next(&mut self) -> Option<Entry<'static>> {
        if let Some(entry) = self.steps.next() {
            return Some(entry);
        }
        if self.story == self.stories {
            return None;
        }
        self.steps = self.tell().into_iter();
        self.story += 1;
        self.steps.next()
    }
}
