//! Options: how a runner works.

use crate::limits::SINK_BATCH_ENTRIES_MAX;
use std::time::Duration;

/// Which entries may become dead letters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum DeadLetters {
    /// Those whose own fault it is: the sink calls them invalid or too large, or panics on them. A
    /// sink that cannot be reached is waited for.
    #[default]
    Faulty,
    /// Whatever fails often enough. A sink that is down for long turns everything into dead
    /// letters.
    Any,
}

/// How a runner works.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use]
pub struct RunnerOptions {
    pub(super) batch_entries: usize,
    pub(super) tries: u32,
    pub(super) backoff: (Duration, Duration),
    pub(super) poll: Duration,
    pub(super) flush_every: Duration,
    pub(super) dead_letters: DeadLetters,
    pub(super) system_entries: bool,
    pub(super) once: bool,
    pub(super) give_up: bool,
}

impl Default for RunnerOptions {
    fn default() -> Self {
        Self {
            batch_entries: SINK_BATCH_ENTRIES_MAX,
            tries: 5,
            backoff: (Duration::from_millis(100), Duration::from_secs(30)),
            poll: Duration::from_millis(50),
            flush_every: Duration::ZERO,
            dead_letters: DeadLetters::Faulty,
            system_entries: false,
            once: false,
            give_up: false,
        }
    }
}

impl RunnerOptions {
    /// The defaults: batches of up to 512 entries, five tries, pauses of 100 ms doubling up to 30 s.
    pub fn new() -> Self {
        Self::default()
    }

    /// Most entries in a batch, 1 to 512.
    pub fn batch_entries(mut self, count: usize) -> Self {
        self.batch_entries = count.clamp(1, SINK_BATCH_ENTRIES_MAX);
        self
    }

    /// How often an entry is tried before it becomes a dead letter, at least once.
    pub fn tries(mut self, tries: u32) -> Self {
        self.tries = tries.max(1);
        self
    }

    /// The pause after a failed try: the first one, doubled each time up to the second one. No
    /// jitter: one runner per sink has nobody to collide with.
    pub fn backoff(mut self, first: Duration, most: Duration) -> Self {
        self.backoff = (first, most.max(first));
        self
    }

    /// How often a log without news is looked at.
    pub fn poll(mut self, every: Duration) -> Self {
        self.poll = every.max(Duration::from_millis(1));
        self
    }

    /// How often the sink is flushed and the position stored; zero, the default, means after every
    /// batch. What was not flushed comes again after a crash.
    pub fn flush_every(mut self, every: Duration) -> Self {
        self.flush_every = every;
        self
    }

    /// Which entries may become dead letters.
    pub fn dead_letters(mut self, which: DeadLetters) -> Self {
        self.dead_letters = which;
        self
    }

    /// Whether the engine's own entries are handed on as well; they are not, by default.
    pub fn system_entries(mut self, wanted: bool) -> Self {
        self.system_entries = wanted;
        self
    }

    /// Ends when everything that is in the log was handed on, or a sink failed `tries` times in a
    /// row.
    pub fn once(mut self, once: bool) -> Self {
        self.once = once;
        self.give_up = once;
        self
    }
}
