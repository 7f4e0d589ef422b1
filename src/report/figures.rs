//! Figures: everything that is counted, by the log's indexes.
//!
//! ```text
//! denial     outcome denied, or action deny, or type tool_blocked      counted once each:
//! violation  type policy_violation, or type rogue_detection            |A or B or C| =
//!                                                                      |A| + .. - |A and B| - .. + |A and B and C|
//! ```
//!
//! No entry is read to be counted, and there is no limit to how many are. Entries are read only to
//! be cited, and then checked against their hashes.

use super::days::Slice;
use super::value::{Agent, Cited, Counts, Day, Refused};
use crate::entry::{Field, event_type};
use crate::error::Result;
use crate::format::stored::StoredEntry;
use crate::format::terms::Key;
use crate::query::Query;
use crate::types::EventTime;
use crate::view::View;
use std::collections::BTreeMap;

/// What makes an entry a denial.
const DENIAL: [(Key, &str); 3] =
    [(Key::Outcome, "denied"), (Key::Action, "deny"), (Key::Type, event_type::TOOL_BLOCKED)];
/// What makes an entry a violation. An entry has one type: the two exclude each other.
const VIOLATION: [(Key, &str); 2] =
    [(Key::Type, event_type::POLICY_VIOLATION), (Key::Type, event_type::ROGUE_DETECTION)];

/// Everything that is counted about a period.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) total: u64,
    pub(super) by_type: Counts,
    pub(super) by_outcome: Counts,
    pub(super) by_action: Counts,
    pub(super) by_day: Vec<Day>,
    pub(super) without_outcome: u64,
    pub(super) without_agent: u64,
    pub(super) system_entries: u64,
    pub(super) distinct_agents: u64,
    pub(super) top_agents: Vec<Agent>,
    pub(super) denials: u64,
    pub(super) violations: u64,
}

fn in_slice(slice: &Slice) -> Query {
    Query::new().since(slice.since).until(slice.until)
}

fn count(view: &View, query: &Query) -> Result<u64> {
    Ok(view.count(query)?.0)
}

/// How many entries of `base` have at least one of these terms, each counted once.
fn count_any(view: &View, base: &Query, terms: &[(Key, &str)]) -> Result<u64> {
    let mut total: i128 = 0;
    for chosen in 1u32..1 << terms.len() {
        let mut query = base.clone();
        let mut values: BTreeMap<Key, &str> = BTreeMap::new();
        let mut is_possible = true;
        for (at, (key, value)) in terms.iter().enumerate() {
            if chosen & (1 << at) != 0 {
                is_possible &= values.insert(*key, value).is_none();
                query = query.term(*key, *value);
            }
        }
        // Nothing has two values in one field.
        if is_possible {
            let found = i128::from(count(view, &query)?);
            total += if chosen.count_ones() % 2 == 1 { found } else { -found };
        }
    }
    Ok(u64::try_from(total).unwrap_or(0))
}

fn count_by(view: &View, query: &Query, key: Key) -> Result<Counts> {
    Ok(Counts(view.count_by(query, key)?.0))
}

/// Counts a period.
///
/// # Errors
/// As [`View::count`].
pub(super) fn count_period(
    view: &View,
    period: &Slice,
    days: &[Slice],
    agents_max: usize,
) -> Result<Figures> {
    let query = in_slice(period);
    let total = count(view, &query)?;
    let by_outcome = count_by(view, &query, Key::Outcome)?;
    let agents = count_by(view, &query, Key::Agent)?.0;
    let distinct_agents = agents.len() as u64;
    let with_agent: u64 = agents.iter().map(|(_, count)| count).sum();
    let agent = |(agent_did, entries): (String, u64)| {
        let query = query.clone().agent(agent_did.as_str());
        let denials = count_any(view, &query, &DENIAL)?;
        let violations = count_any(view, &query, &VIOLATION)?;
        Ok(Agent { agent_did, entries, denials, violations })
    };
    let day = |slice: &Slice| {
        let query = in_slice(slice);
        let entries = count(view, &query)?;
        let (denials, violations) = match entries {
            0 => (0, 0),
            _ => (count_any(view, &query, &DENIAL)?, count_any(view, &query, &VIOLATION)?),
        };
        Ok(Day { day: slice.name(), entries, denials, violations })
    };
    Ok(Figures {
        total,
        by_type: count_by(view, &query, Key::Type)?,
        without_outcome: total.saturating_sub(by_outcome.total()),
        without_agent: total.saturating_sub(with_agent),
        by_outcome,
        by_action: count_by(view, &query, Key::Action)?,
        by_day: days.iter().map(day).collect::<Result<_>>()?,
        system_entries: count(view, &query.clone().system(true))?.saturating_sub(total),
        distinct_agents,
        top_agents: agents.into_iter().take(agents_max).map(agent).collect::<Result<_>>()?,
        denials: count_any(view, &query, &DENIAL)?,
        violations: count_any(view, &query, &VIOLATION)?,
    })
}

/// The most recent entries of a period with at least one of these terms, oldest first.
fn list_any(
    view: &View,
    period: &Slice,
    terms: &[(Key, &str)],
    listed_max: usize,
) -> Result<Vec<Cited>> {
    let mut found: BTreeMap<u64, Cited> = BTreeMap::new();
    // A limit of 0 would mean all of them.
    for (key, value) in terms.iter().filter(|_| listed_max > 0) {
        let query = in_slice(period).term(*key, *value).limit(listed_max);
        for entry in view.query(&query)?.entries {
            found.insert(entry.index().get(), Cited::from(&entry));
        }
    }
    let surplus = found.len().saturating_sub(listed_max);
    Ok(found.into_values().skip(surplus).collect())
}

/// Denials and violations to cite. What cannot be read leaves a sentence in `unreadable`.
pub(super) fn list_refused(
    view: &View,
    period: &Slice,
    figures: &Figures,
    listed_max: usize,
    unreadable: &mut Vec<String>,
) -> (Refused, Refused) {
    let mut list = |what: &str, terms: &[(Key, &str)], total| {
        let listed = list_any(view, period, terms, listed_max).unwrap_or_else(|error| {
            unreadable.push(format!("{what} could not be listed: {error}"));
            Vec::new()
        });
        Refused { total, listed }
    };
    let denials = list("denials", &DENIAL, figures.denials);
    (denials, list("violations", &VIOLATION, figures.violations))
}

/// How many entries were recorded from `since` to `until`, whatever their event times say.
///
/// Recording times never decrease along the log, so both ends are searched for by halving.
///
/// # Errors
/// As [`View::entry`].
pub(super) fn recorded_in(view: &View, period: &Slice) -> Result<u64> {
    let first_after = |is_before: &dyn Fn(EventTime) -> bool| {
        let (mut low, mut high) = (0, view.size().get());
        while low < high {
            let middle = low + (high - low) / 2;
            match is_before(view.entry(middle.into())?.recorded_at().into()) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Ok::<u64, crate::error::Error>(low)
    };
    let begin = first_after(&|time| time < period.since)?;
    Ok(first_after(&|time| time <= period.until)?.saturating_sub(begin))
}

impl From<&StoredEntry> for Cited {
    fn from(entry: &StoredEntry) -> Self {
        let text = |field: Field| entry.text(field).map(str::to_owned);
        Self {
            index: entry.index().get(),
            entry_id: entry.entry_id(),
            entry_hash: entry.entry_hash().to_hex(),
            timestamp: entry.timestamp().to_string(),
            recorded_at: entry.recorded_at().to_string(),
            event_type: entry.event_type().to_owned(),
            agent_did: entry.agent_did().to_owned(),
            action: entry.action().to_owned(),
            outcome: text(Field::Outcome),
            resource: text(Field::Resource),
            policy_decision: text(Field::PolicyDecision),
            matched_rule: text(Field::MatchedRule),
            trace_id: text(Field::TraceId),
        }
    }
}
