//! The questions of an audit, each asked many times of a log that is warm.

use super::load::Fleet;
use super::store::{Questions, Seen, TypeAsked};
use super::turn::{filled, histogram, quantile, record, say};
use crate::engine::Result;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const LIMIT: usize = 100;
/// Entries of an hour, at four a second: the window of the question about a type.
const HOUR_ENTRIES: u64 = 14_400;
const WINDOWS: u64 = 16;
/// Entries that are asked for, spread over the log.
const SPREAD: u64 = 1000;
/// A stride that visits entries far from each other.
const STRIDE: u64 = 382_019;
/// The busiest agents; each has a hundred entries in a log of a million.
const AGENTS: usize = 64;
const KINDS: [(&str, &str); 3] =
    [("tool_blocked", "denied"), ("delegation", "success"), ("tool_invocation", "failure")];
/// Most times a question is asked, and how long at most.
const ASKED_MAX: usize = 2000;
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks everything the store can answer.
///
/// # Errors
/// What the engine says, and an answer that the load contradicts.
pub(super) fn everything(questions: &dyn Questions, fleet: &Fleet, entries: u64) -> Result<()> {
    let mut agents: BTreeMap<&str, u64> = BTreeMap::new();
    for act in filled(fleet, entries) {
        *agents.entry(act.agent_did).or_default() += 1;
    }
    let busy: Vec<&str> = (0..AGENTS).map(|agent| fleet.agent(agent)).collect();
    let held = |agent: &str| agents.get(agent).copied().unwrap_or(0).min(LIMIT as u64);
    ask("ask/agent", &busy, |agent| {
        checked(questions.by_agent(agent, LIMIT)?, |found| found == held(agent))
    })?;
    ask("ask/agents", &[()], |()| match questions.count_by_agent()? {
        None => Ok(false),
        Some(counts) => {
            let is_right = |(agent, count): &(String, u64)| agents.get(&**agent) == Some(count);
            let is_whole = counts.len() == agents.len() && counts.iter().all(is_right);
            if is_whole { Ok(true) } else { Err("a wrong count by agent".into()) }
        }
    })?;
    let numbers: Vec<u64> = (0..SPREAD).map(|n| n * STRIDE % entries).collect();
    ask("ask/number", &numbers, |number| {
        checked(questions.by_number(*number)?, |found| found == 1)
    })?;
    let spread = numbers.iter().filter_map(|number| questions.seen(*number).transpose());
    let spread: Vec<Seen> = spread.collect::<Result<_>>()?;
    ask("ask/id", &spread, |seen| checked(questions.by_id(&seen.id)?, |found| found == 1))?;
    let traces: Vec<&Seen> = spread.iter().filter(|seen| !seen.trace_id.is_empty()).collect();
    ask("ask/trace", &traces, |seen| {
        // Four acts, fewer at the end; two traces may have drawn the same number.
        checked(questions.by_trace(&seen.trace_id)?, |found| (1..=8).contains(&found))
    })?;
    let hours = hours(questions, entries)?;
    ask("ask/type", &hours, |asked| {
        checked(questions.by_type(asked, LIMIT)?, |found| (1..=LIMIT as u64).contains(&found))
    })
}

/// Types and outcomes in windows spread over the log.
fn hours(questions: &dyn Questions, entries: u64) -> Result<Vec<TypeAsked<'static>>> {
    let len = HOUR_ENTRIES.min(entries / 4);
    let mut hours = Vec::new();
    for window in 0..WINDOWS {
        let begin = (entries - len) / WINDOWS * window;
        let ends = (questions.seen(begin)?, questions.seen(begin + len - 1)?);
        if let (Some(first), Some(last)) = ends {
            let (since, until) = (first.time, last.time);
            let asked = |(event_type, outcome)| TypeAsked { event_type, outcome, since, until };
            hours.extend(KINDS.map(asked));
        }
    }
    Ok(hours)
}

/// Whether there was an answer; a wrong one is an error.
fn checked(found: Option<u64>, is_right: impl Fn(u64) -> bool) -> Result<bool> {
    match found {
        None => Ok(false),
        Some(found) if is_right(found) => Ok(true),
        Some(found) => Err(format!("an answer of {found} entries, which is wrong").into()),
    }
}

/// Asks each once to warm up, then in turn, and says the median in microseconds; nothing where the
/// engine has no answer.
fn ask<T>(measure: &str, asked: &[T], mut once: impl FnMut(&T) -> Result<bool>) -> Result<()> {
    let begin = Instant::now();
    for one in asked {
        if !once(one).map_err(|error| format!("{measure}: {error}"))? {
            return Ok(());
        }
        if begin.elapsed() > PATIENCE {
            break;
        }
    }
    let mut latencies = histogram()?;
    let begin = Instant::now();
    for one in asked.iter().cycle().take(ASKED_MAX) {
        let start = Instant::now();
        once(one).map_err(|error| format!("{measure}: {error}"))?;
        record(&mut latencies, start.elapsed());
        if begin.elapsed() > PATIENCE {
            break;
        }
    }
    if !latencies.is_empty() {
        say(measure, quantile(&latencies, 0.5));
    }
    Ok(())
}
