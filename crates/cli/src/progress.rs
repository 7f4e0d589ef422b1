//! Progress: a bar on stderr for what takes longer than half a second.
//!
//! Nothing at all is written when stderr is not a terminal, with `--no-progress`, `--quiet` or
//! `--json`.

use crate::args::Global;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How long a command may take before it has to show that it is alive.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often it is redrawn; indicatif's own throttle lets bursts through.
const REDRAW: Duration = Duration::from_millis(100);

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Entries,
    Bytes,
}

/// A bar that shows itself when it is worth it.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    next_draw: Instant,
    is_wanted: bool,
    is_shown: bool,
}

impl Progress {
    /// A bar over `total` units, or a spinner when the total is not known.
    pub(crate) fn new(global: &Global, what: &'static str, total: Option<u64>, unit: Unit) -> Self {
        let is_wanted = is_wanted(global, std::io::stderr().is_terminal());
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        let template = match (total, unit) {
            (Some(_), Unit::Entries) => {
                "{prefix} {wide_bar} {percent:>3} %  {human_pos}/{human_len}  {rate}"
            }
            (Some(_), Unit::Bytes) => {
                "{prefix} {wide_bar} {percent:>3} %  {bytes}/{total_bytes}  {bytes_per_sec}"
            }
            (None, Unit::Entries) => "{prefix} {spinner} {human_pos}  {rate}",
            (None, Unit::Bytes) => "{prefix} {spinner} {bytes}  {bytes_per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.with_key("rate", rate));
        }
        bar.set_prefix(what);
        Self { bar, next_draw: Instant::now() + PATIENCE, is_wanted, is_shown: false }
    }

    /// Says how far it has come.
    pub(crate) fn set(&mut self, position: u64) {
        if self.is_due() {
            self.bar.set_position(position);
        }
    }

    /// Says how far it has come, and how far there is to go.
    pub(crate) fn set_of(&mut self, position: u64, total: u64) {
        if self.is_due() {
            self.bar.set_length(total);
            self.bar.set_position(position);
        }
    }

    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        if !self.is_wanted || now < self.next_draw {
            return false;
        }
        self.next_draw = now + REDRAW;
        if !std::mem::replace(&mut self.is_shown, true) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        true
    }

    /// Takes the bar away again.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn is_wanted(global: &Global, is_terminal: bool) -> bool {
    is_terminal && !global.no_progress && !global.quiet && !global.json
}

fn rate(state: &ProgressState, out: &mut dyn std::fmt::Write) {
    // A rate that cannot be shown leaves its place empty.
    let _ = write!(out, "{:.0}/s", state.per_sec());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::When;

    #[test]
    fn bars_are_for_terminals_that_want_them() {
        let (log, color) = ("x".into(), When::Auto);
        let plain = Global { log, json: false, color, no_progress: false, quiet: false };
        assert!(is_wanted(&plain, true));
        assert!(!is_wanted(&plain, false));
        assert!(!is_wanted(&Global { json: true, ..plain.clone() }, true));
        assert!(!is_wanted(&Global { quiet: true, ..plain.clone() }, true));
        assert!(!is_wanted(&Global { no_progress: true, ..plain }, true));
    }
}
