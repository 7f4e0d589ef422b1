//! Conduct (ASI-10): somebody watches, and agents that were set apart stay so.

use super::log::is_older;
use super::{Judge, Known, undeclared};
use crate::compliance::act::{Act, Remembered};
use crate::compliance::check::{AllOf, Check, Tally};
use crate::entry::event_type;
use crate::types::UnixNanos;

/// Event types that end a quarantine when somebody approved them.
const RELEASES: [&str; 2] = ["agent_verified", "agent_released"];

/// ASI-10.
#[derive(Debug, Default)]
pub(super) struct Conduct {
    watched: Tally,
    newest: Option<UnixNanos>,
    set_apart: Tally,
    escaped: Tally,
    apart: Remembered,
}

impl Judge for Conduct {
    fn see(&mut self, act: &Act<'_>, known: &Known<'_>) {
        let monitoring = known.declared.monitoring.as_ref();
        let is_detector = monitoring.is_some_and(|m| m.detectors.contains(act.agent));
        if is_detector || act.kind == event_type::ROGUE_DETECTION {
            self.watched.add(act.entry);
            self.newest = self.newest.max(Some(act.entry.recorded_at()));
        }
        // Whom the entry is about: the target where a detector writes, else the agent itself.
        let subject = act.target().unwrap_or(act.agent);
        if act.is_done() && self.apart.has(&[act.agent]) {
            self.escaped.add(act.entry);
        }
        if act.entry.action() == "quarantine" {
            self.set_apart.add(act.entry);
            self.apart.add(&[subject]);
        } else if RELEASES.contains(&act.kind) && act.approver().is_some_and(|did| did != subject) {
            self.apart.remove(&[subject]);
        }
    }

    fn checks(&self, known: &Known<'_>) -> Vec<Check> {
        let Some(monitoring) =
            known.declared.monitoring.as_ref().filter(|m| !m.detectors.is_empty())
        else {
            return vec![undeclared("ASI-10", "detectors")];
        };
        let watched = AllOf {
            id: "ASI-10.watched",
            title: "Detectors are heard",
            seen: &self.watched,
            wrong: &Tally::default(),
            right_words: "entries of detection",
            wrong_words: "",
            none_words: "no detector ever wrote, so nothing shows that anybody watches",
        };
        let mut checks = vec![watched.judge()];
        if let (Some(hours), Some(newest)) = (monitoring.max_silence_hours, self.newest) {
            let (id, title) = ("ASI-10.recent", "Detectors are heard often enough");
            checks.push(if is_older(newest, known.beside.now, hours) {
                Check::not_met(id, title, format!("silent for over {hours} h, since {newest}"))
            } else {
                Check::met(id, title, format!("last heard {newest}, within {hours} h"))
            });
        }
        let (id, title) = ("ASI-10.contained", "Agents that were set apart stay so");
        let numbers = [("set_apart", self.set_apart.count), ("acts", self.escaped.count)];
        let check = match (self.escaped.count, self.apart.is_full()) {
            (1.., _) => {
                let message = format!("{} acts of agents that were set apart", self.escaped.count);
                Check::not_met(id, title, message).shown(&self.escaped)
            }
            (0, true) => Check::unknown(id, title, "more agents set apart than can be remembered"),
            (0, false) => {
                let message = format!("{} set apart, none acted afterwards", self.set_apart.count);
                Check::met(id, title, message).shown(&self.set_apart)
            }
        };
        checks.push(numbers.into_iter().fold(check, |check, (name, n)| check.number(name, n)));
        checks
    }
}
