//! Progress: a bar on stderr for what takes longer than half a second.
//!
//! Nothing at all is written when stderr is not a terminal, with `--no-progress`, `--quiet` or
//! `--json`.

use crate::args::Global;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How long a command may take before it has to show that it is alive.
const PATIENCE: Duration = Duration::from_millis(500);
/// Redraws per second.
const REDRAWS: u8 = 10;

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
    started: Instant,
    is_wanted: bool,
    is_shown: bool,
}

impl Progress {
    /// A bar over `total` units, or a spinner when the total is not known.
    pub(crate) fn new(global: &Global, what: &'static str, total: Option<u64>, unit: Unit) -> Self {
        let is_talkative = !global.no_progress && !global.quiet && !global.json;
        let is_wanted = is_talkative && std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        let template = match (total, unit) {
            (Some(_), Unit::Entries) => {
                "{prefix} {wide_bar} {percent:>3} %  {human_pos}/{human_len}  {per_sec}"
            }
            (Some(_), Unit::Bytes) => {
                "{prefix} {wide_bar} {percent:>3} %  {bytes}/{total_bytes}  {bytes_per_sec}"
            }
            (None, Unit::Entries) => "{prefix} {spinner} {human_pos}  {per_sec}",
            (None, Unit::Bytes) => "{prefix} {spinner} {bytes}  {bytes_per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(what);
        Self { bar, started: Instant::now(), is_wanted, is_shown: false }
    }

    /// Says how far it has come.
    pub(crate) fn set(&mut self, position: u64) {
        if !self.is_wanted {
            return;
        }
        if !self.is_shown && self.started.elapsed() > PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(REDRAWS));
            self.is_shown = true;
        }
        self.bar.set_position(position);
    }

    /// Says how far it has come, and how far there is to go.
    pub(crate) fn set_of(&mut self, position: u64, total: u64) {
        if self.is_wanted {
            self.bar.set_length(total);
            self.set(position);
        }
    }

    /// Takes the bar away again.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
