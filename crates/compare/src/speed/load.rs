//! The load: acts of a fleet, the same for every engine, repeatable from a seed.
//!
//! The acts are those of `witnessmark-floor`, which `wmark bench` and the benches use as well: six
//! types of event, 1,024 templates, a trace of four acts, a session of 32. Two things are added,
//! since a database has to index them: 10,000 agents by Zipf's law, and the rule that matched. With
//! the id and the time that an engine gives it, an act has twelve fields and takes about 450 bytes
//! as JSON. It only borrows, so that making one costs little beside storing it.

use crate::random::Random;
use std::io::Write as _;
use witnessmark_floor::{AGENTS as POOL_AGENTS, Pool, Workload};

const AGENTS: u64 = 10_000;
/// Agents drawn ahead: a table of them is quicker than a search.
const DRAWS: usize = 1 << 16;
const TEMPLATES: usize = 1024;
const RULES: usize = 32;
const TRACE_ACTS: u64 = 4;
const SESSION_ACTS: u64 = 32;
/// Bytes as JSON that the floor's acts are asked for: 450 less the field that is added here.
const SIZE: usize = 450 - 26;

/// A short text that lies in the act itself: `trace-52e6b438`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Id {
    bytes: [u8; 16],
    len: usize,
}

impl Id {
    fn new(prefix: &str, number: u64) -> Self {
        let mut id = Self::default();
        let mut rest = id.bytes.as_mut_slice();
        // Both prefixes fit.
        let _ = write!(rest, "{prefix}-{:08x}", number & 0xffff_ffff);
        id.len = 16 - rest.len();
        id
    }

    pub(crate) fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default()
    }
}

/// One act; an engine adds an id and a time.
#[derive(Clone, Copy)]
pub(crate) struct Act<'a> {
    pub(crate) event_type: &'a str,
    pub(crate) agent_did: &'a str,
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
    /// JSON text.
    pub(crate) data: &'a str,
    pub(crate) outcome: &'a str,
    pub(crate) policy_decision: &'a str,
    pub(crate) matched_rule: &'a str,
    pub(crate) trace_id: Id,
    pub(crate) session_id: Id,
    /// An act like this one as JSON, made ahead, for engines that take bytes and do not look at them.
    pub(crate) json: &'a str,
}

/// Fields of an act that are texts.
pub(crate) const TEXTS: usize = 10;

impl Act<'_> {
    /// The texts, in the order of the fields above.
    pub(crate) fn texts(&self) -> [&str; TEXTS] {
        [
            self.event_type,
            self.agent_did,
            self.action,
            self.resource,
            self.data,
            self.outcome,
            self.policy_decision,
            self.matched_rule,
            self.trace_id.as_str(),
            self.session_id.as_str(),
        ]
    }
}

struct Template {
    /// Without agent, rule, trace and session.
    texts: [String; 6],
    rule: String,
    json: String,
}

/// What acts are made from.
pub(crate) struct Fleet {
    templates: Vec<Template>,
    agents: Vec<String>,
    draws: Vec<u16>,
}

impl Fleet {
    pub(crate) fn new(seed: u64) -> Self {
        let mut workload = Workload::of(&Pool::new(seed, SIZE, POOL_AGENTS), seed);
        let agents: Vec<String> = (0..AGENTS).map(Workload::agent).collect();
        let draws = zipf(seed);
        let templates = (0..TEMPLATES).map(|n| Template::new(&mut workload, n % RULES)).collect();
        Self { templates, agents, draws }
    }

    /// The name of an agent; 0 is the busiest.
    pub(crate) fn agent(&self, number: usize) -> &str {
        self.agents.get(number % self.agents.len().max(1)).map_or("", String::as_str)
    }

    /// Average bytes of an act as JSON.
    pub(crate) fn json_len(&self) -> f64 {
        let bytes: usize = self.templates.iter().map(|template| template.json.len()).sum();
        bytes as f64 / self.templates.len().max(1) as f64
    }

    /// The endless stream of one producer.
    pub(crate) fn acts(&self, producer: u64) -> Acts<'_> {
        let random = Random::new(!producer);
        Acts { fleet: self, random, count: 0, trace_id: Id::default(), session_id: Id::default() }
    }
}

/// Numbers of agents, the k-th busiest with a share of 1/k.
fn zipf(seed: u64) -> Vec<u16> {
    let mut sums = Vec::new();
    let mut sum = 0.0;
    for rank in 1..=AGENTS {
        sum += 1.0 / rank as f64;
        sums.push(sum);
    }
    let mut random = Random::new(seed);
    let mut draw = || {
        let at = (random.next() >> 11) as f64 / (1u64 << 53) as f64 * sum;
        u16::try_from(sums.partition_point(|end| *end <= at)).unwrap_or(0)
    };
    (0..DRAWS).map(|_| draw()).collect()
}

impl Template {
    fn new(workload: &mut Workload, rule: usize) -> Self {
        let act = workload.next_act();
        let rule = format!("rule-{rule:02}");
        let texts =
            [act.event_type, act.action, act.resource, act.data, act.outcome, act.policy_decision];
        let last = format!(",\"matched_rule\":\"{rule}\"}}");
        let json = act.to_json();
        let json = json.strip_suffix('}').map_or_else(String::new, |most| format!("{most}{last}"));
        Self { texts: texts.map(str::to_owned), rule, json }
    }
}

/// A stream of acts.
pub(crate) struct Acts<'a> {
    fleet: &'a Fleet,
    random: Random,
    count: u64,
    trace_id: Id,
    session_id: Id,
}

impl<'a> Iterator for Acts<'a> {
    type Item = Act<'a>;

    fn next(&mut self) -> Option<Act<'a>> {
        let random = self.random.next();
        if self.count.is_multiple_of(TRACE_ACTS) {
            self.trace_id = Id::new("trace", random >> 32);
        }
        if self.count.is_multiple_of(SESSION_ACTS) {
            self.session_id = Id::new("s", random);
        }
        self.count += 1;
        let at = |shift: u32, len: usize| usize::try_from(random >> shift).unwrap_or(0) % len;
        let template = self.fleet.templates.get(at(0, TEMPLATES))?;
        let agent = self.fleet.draws.get(at(20, DRAWS))?;
        let [event_type, action, resource, data, outcome, policy_decision] = &template.texts;
        Some(Act {
            event_type,
            agent_did: self.fleet.agents.get(usize::from(*agent))?,
            action,
            resource,
            data,
            outcome,
            policy_decision,
            matched_rule: &template.rule,
            trace_id: self.trace_id,
            session_id: self.session_id,
            json: &template.json,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_repeat_from_a_seed_and_few_agents_are_busy() {
        let fleet = Fleet::new(7);
        assert!((fleet.json_len() - 450.0).abs() < 5.0, "{}", fleet.json_len());
        let texts =
            |producer| fleet.acts(producer).take(1000).map(|a| a.texts().map(str::to_owned));
        assert!(texts(1).eq(texts(1)) && !texts(1).eq(texts(2)));
        let busiest = fleet.acts(1).take(10_000).filter(|a| a.agent_did == fleet.agent(0)).count();
        // One in 1 + 1/2 + .. + 1/10000 = 9.8.
        assert!((900..1150).contains(&busiest), "{busiest}");
        let types: std::collections::BTreeSet<_> =
            fleet.acts(1).take(1000).map(|a| a.event_type).collect();
        assert_eq!(types.len(), 6);
    }
}
