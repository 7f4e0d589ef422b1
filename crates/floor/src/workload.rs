//! The load: what a fleet of agents would log, the same for the floor and for the engine.
//!
//! Skew as in a fleet: of 1,000 agents, or as many as asked for, few are busy; eight kinds of act,
//! 4,096 resources, a trace of four entries, a session of 32. Repeatable from a seed, and cheap to make, so that what is
//! measured is the log: texts come from a pool, only trace and session change. The pool is small
//! enough for a core's second cache: a program has what it is about to log at hand, too.

use std::fmt::Write as _;
use std::sync::Arc;

/// Agents of the usual fleet.
pub const AGENTS: u64 = 1000;
/// Fewest acts of a pool.
const POOL: u64 = 1024;
/// Acts of a pool for each agent beyond [`AGENTS`]: so that most of a larger fleet is seen.
const ACTS_PER_AGENT: u64 = 4;
const RESOURCES: u64 = 4096;
const TRACE_ENTRIES: u64 = 4;
const SESSION_ENTRIES: u64 = 32;

/// Event type, action, outcome, policy decision, in proportion.
const KINDS: [(&str, &str, &str, &str); 8] = [
    ("tool_invocation", "allow", "success", "allowed"),
    ("tool_invocation", "allow", "success", "allowed"),
    ("tool_invocation", "allow", "failure", "allowed"),
    ("policy_evaluation", "allow", "success", "allowed"),
    ("tool_blocked", "deny", "denied", "blocked: rule-18"),
    ("agent_handshake", "allow", "success", "trusted"),
    ("delegation", "audit", "success", "allowed"),
    ("approval_request", "quarantine", "denied", "held: rule-7"),
];

#[derive(Debug)]
struct Template {
    kind: usize,
    agent_did: String,
    resource: String,
    data: String,
    json: String,
}

/// One act of an agent, as texts.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    /// Event type.
    pub event_type: &'a str,
    /// The acting agent.
    pub agent_did: &'a str,
    /// Policy action.
    pub action: &'a str,
    /// What was accessed.
    pub resource: &'a str,
    /// JSON text.
    pub data: &'a str,
    /// Outcome.
    pub outcome: &'a str,
    /// The policy's result in words.
    pub policy_decision: &'a str,
    /// Correlation id.
    pub trace_id: &'a str,
    /// Session id.
    pub session_id: &'a str,
}

/// What acts are made from; producers share one, so that their caches hold the log's data and not
/// as many copies of the load's.
#[derive(Clone, Debug)]
pub struct Pool(Arc<[Template]>);

impl Pool {
    /// Texts of acts of `agents` agents that take about `size` bytes as JSON (never less than some
    /// 400).
    #[must_use]
    pub fn new(seed: u64, size: usize, agents: u64) -> Self {
        let mut state = seed;
        let acts = POOL.max(ACTS_PER_AGENT.saturating_mul(agents.saturating_sub(AGENTS)));
        Self((0..acts).map(|_| Template::new(&mut state, size, agents)).collect())
    }
}

/// An endless, repeatable stream of acts.
#[derive(Debug)]
pub struct Workload {
    templates: Arc<[Template]>,
    state: u64,
    count: u64,
    trace_id: String,
    session_id: String,
    /// Acts that were taken together, for a batch.
    held: Vec<Held>,
}

#[derive(Debug, Default)]
struct Held {
    template: usize,
    trace_id: String,
    session_id: String,
}

fn next_random(state: &mut u64) -> u64 {
    // SplitMix64, by Sebastiano Vigna.
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

impl Workload {
    /// A stream whose acts take about `size` bytes as JSON (never less than some 400).
    #[must_use]
    pub fn new(seed: u64, size: usize) -> Self {
        Self::of(&Pool::new(seed, size, AGENTS), seed)
    }

    /// A stream of acts from this pool.
    #[must_use]
    pub fn of(pool: &Pool, seed: u64) -> Self {
        let templates = Arc::clone(&pool.0);
        let (trace_id, session_id) = (String::new(), String::new());
        let held = Vec::new();
        let mut workload = Self { templates, state: !seed, count: 0, trace_id, session_id, held };
        workload.advance();
        workload
    }

    /// The number of the current act's template, and new ids where it is time for them.
    fn advance(&mut self) -> usize {
        let random = next_random(&mut self.state);
        if self.count.is_multiple_of(TRACE_ENTRIES) {
            self.trace_id.clear();
            let _ = write!(self.trace_id, "trace-{:08x}", random >> 32);
        }
        if self.count.is_multiple_of(SESSION_ENTRIES) {
            self.session_id.clear();
            let _ = write!(self.session_id, "s-{:08x}", random & 0xffff_ffff);
        }
        self.count += 1;
        usize::try_from(random).unwrap_or(0) % self.templates.len().max(1)
    }

    /// The next act, for the engine.
    pub fn next_act(&mut self) -> Act<'_> {
        let at = self.advance();
        Template::act_at(&self.templates, at, &self.trace_id, &self.session_id)
    }

    /// The next `count` acts, for a batch of the engine.
    pub fn next_acts(&mut self, count: usize) -> impl ExactSizeIterator<Item = Act<'_>> {
        self.hold(count);
        let templates = &self.templates;
        self.held.iter().map(move |held| {
            Template::act_at(templates, held.template, &held.trace_id, &held.session_id)
        })
    }

    /// The next `count` acts as JSON texts, for a batch of the floor.
    pub fn next_jsons(&mut self, count: usize) -> impl ExactSizeIterator<Item = &[u8]> {
        self.hold(count);
        let templates = &self.templates;
        let json = |held: &Held| templates.get(held.template).map(|found| found.json.as_bytes());
        self.held.iter().map(move |held| json(held).unwrap_or(&[]))
    }

    /// Appends the next `count` acts as lines of JSON, each with an id of its own.
    pub fn next_lines(&mut self, count: u64, lines: &mut Vec<u8>) {
        for _ in 0..count {
            let at = self.advance();
            let id = next_random(&mut self.state);
            let act = Template::act_at(&self.templates, at, &self.trace_id, &self.session_id);
            lines.extend_from_slice(act.json_with(id).as_bytes());
            lines.push(b'\n');
        }
    }

    fn hold(&mut self, count: usize) {
        self.held.resize_with(count, Held::default);
        for at in 0..count {
            let template = self.advance();
            if let Some(held) = self.held.get_mut(at) {
                held.template = template;
                held.trace_id.clone_from(&self.trace_id);
                held.session_id.clone_from(&self.session_id);
            }
        }
    }

    /// The next act as JSON text, for the floor: what the engine's act would be as a line.
    pub fn next_json(&mut self) -> &[u8] {
        let at = self.advance();
        self.templates.get(at).map_or(&[], |template| template.json.as_bytes())
    }

    /// Average bytes of an act as JSON.
    #[must_use]
    pub fn json_len(&self) -> f64 {
        let bytes: usize = self.templates.iter().map(|template| template.json.len()).sum();
        bytes as f64 / self.templates.len().max(1) as f64
    }

    /// An agent of the fleet; 0 is the busiest.
    #[must_use]
    pub fn agent(number: u64) -> String {
        format!("did:web:worker-{number:03}.fleet.example.com")
    }
}

impl Template {
    fn new(state: &mut u64, size: usize, agents: u64) -> Self {
        let random = next_random(state);
        let kind = usize::try_from(random % 8).unwrap_or(0);
        // The square of a uniform number: the busiest hundredth of the agents has a tenth of all.
        let agent = Self::skewed(random >> 11, agents);
        let mut template = Self {
            kind,
            agent_did: Workload::agent(agent),
            resource: format!("/payments/refunds/{}", (random >> 40) % RESOURCES),
            data: String::new(),
            json: String::new(),
        };
        let latency = (random >> 20) % 100_000;
        template.fill(latency, "");
        let missing = size.saturating_sub(template.json.len());
        let words = "acme corp quarterly refunds over limit ".chars().cycle();
        let query: String = words.take(missing).collect();
        template.fill(latency, &query);
        template
    }

    /// An agent's number from 53 random bits.
    fn skewed(random: u64, agents: u64) -> u64 {
        let square = (u128::from(random) * u128::from(random)) >> 53;
        u64::try_from((square * u128::from(agents)) >> 53).unwrap_or(0)
    }

    fn fill(&mut self, latency: u64, query: &str) {
        self.data = format!(
            "{{\"latency_ms\":{}.{:03},\"query\":\"{query}\",\"tokens\":{},\"tool\":\"refund\"}}",
            latency / 1000,
            latency % 1000,
            latency % 1024
        );
        self.json = self.act("trace-52e6b438", "s-7d10a2ce").to_json();
    }

    fn act_at<'a>(
        templates: &'a [Self],
        at: usize,
        trace_id: &'a str,
        session_id: &'a str,
    ) -> Act<'a> {
        let empty = Act {
            event_type: "",
            agent_did: "",
            action: "",
            resource: "",
            data: "null",
            outcome: "",
            policy_decision: "",
            trace_id,
            session_id,
        };
        templates.get(at).map_or(empty, |template| template.act(trace_id, session_id))
    }

    fn act<'a>(&'a self, trace_id: &'a str, session_id: &'a str) -> Act<'a> {
        let kind = KINDS.get(self.kind).copied().unwrap_or_default();
        let (event_type, action, outcome, policy_decision) = kind;
        Act {
            event_type,
            agent_did: &self.agent_did,
            action,
            resource: &self.resource,
            data: &self.data,
            outcome,
            policy_decision,
            trace_id,
            session_id,
        }
    }
}

impl Act<'_> {
    /// The act as a line of JSON, with an id and a time.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.json_with(0x03d4_f881_2a53_4ade)
    }

    /// The act as a line of JSON, with this id and a time of its own.
    fn json_with(&self, id: u64) -> String {
        format!(
            "{{\"entry_id\":\"audit_{id:016x}\",\
             \"timestamp\":\"2026-11-23T07:43:20.{:06}+00:00\",\
             \"event_type\":\"{}\",\"agent_did\":\"{}\",\"action\":\"{}\",\"resource\":\"{}\",\
             \"data\":{},\"outcome\":\"{}\",\"policy_decision\":\"{}\",\"trace_id\":\"{}\",\
             \"session_id\":\"{}\"}}",
            id % 1_000_000,
            self.event_type,
            self.agent_did,
            self.action,
            self.resource,
            self.data,
            self.outcome,
            self.policy_decision,
            self.trace_id,
            self.session_id
        )
    }
}

/// An act as an entry of the engine, whose type is given: this crate has never heard of it.
#[macro_export]
macro_rules! entry_of {
    ($entry:ty, $act:expr) => {{
        let act = $act;
        <$entry>::new(act.event_type, act.agent_did, act.action)
            .resource(act.resource)
            .outcome(act.outcome)
            .policy_decision(act.policy_decision)
            .trace_id(act.trace_id)
            .session_id(act.session_id)
            .data_text(act.data)
    }};
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn acts_repeat_from_a_seed_and_have_the_size_that_was_asked_for() {
        let (mut one, mut two) = (Workload::new(7, 450), Workload::new(7, 450));
        for _ in 0..1000 {
            assert_eq!(one.next_act().to_json(), two.next_act().to_json());
        }
        assert!((one.json_len() - 450.0).abs() < 1.0, "{}", one.json_len());
        let mut other = Workload::new(8, 450);
        assert_ne!(one.next_act().to_json(), other.next_act().to_json());
    }

    #[test]
    fn a_batch_holds_what_would_have_come_one_by_one() {
        let (mut one, mut two) = (Workload::new(7, 450), Workload::new(7, 450));
        for count in [1, 5, 3] {
            let singly: Vec<String> = (0..count).map(|_| one.next_act().to_json()).collect();
            let batch: Vec<String> = two.next_acts(count).map(|act| act.to_json()).collect();
            assert_eq!(batch, singly);
            let lens: Vec<usize> = (0..count).map(|_| one.next_json().len()).collect();
            assert_eq!(two.next_jsons(count).map(<[u8]>::len).collect::<Vec<_>>(), lens);
        }
    }

    #[test]
    fn lines_have_ids_of_their_own_and_a_large_fleet_is_seen() {
        let mut lines = Vec::new();
        Workload::of(&Pool::new(7, 450, 10_000), 7).next_lines(50_000, &mut lines);
        let text = String::from_utf8(lines).unwrap();
        let part = |line: &'_ str, key: &str| {
            let (_, rest) = line.split_once(key).unwrap();
            rest.split('"').next().unwrap().to_owned()
        };
        let distinct = |key: &str| {
            text.lines().map(|line| part(line, key)).collect::<BTreeSet<String>>().len()
        };
        assert_eq!(distinct("\"entry_id\":\""), 50_000);
        assert!(distinct("\"agent_did\":\"") > 7_000, "{}", distinct("\"agent_did\":\""));
    }
}
