//! Status: how far sinks are, for whoever asks.

use crate::types::EntryIndex;

/// What a runner is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Phase {
    /// Entries are with the sink right now: a sink that hangs stays here.
    #[default]
    Delivering,
    /// Everything was handed on.
    Waiting,
    /// The last try failed; another one comes.
    Retrying,
    /// The runner came to its end.
    Ended,
}

/// How far a runner is.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RunnerStatus {
    /// What it is doing.
    pub phase: Phase,
    /// The first entry not handed on yet.
    pub next: EntryIndex,
    /// Entries in the log when it last looked, those left out that nothing vouches for.
    pub size: u64,
    /// Entries handed on by this runner.
    pub delivered: u64,
    /// Entries that became dead letters, in this run.
    pub dead_letters: u64,
    /// Failed tries in a row.
    pub failures: u32,
    /// The last failure, also after it was overcome.
    pub last_error: Option<String>,
    /// What the sink had to tell.
    pub notes: Vec<String>,
    /// Why the runner gave up, when it did.
    pub gave_up: Option<crate::error::Error>,
}

impl RunnerStatus {
    /// Entries in the log that the sink was not given yet.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.size.saturating_sub(self.next.get())
    }
}

/// What the files say of a sink, whether it runs or not.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SinkStatus {
    /// Its name.
    pub name: String,
    /// What it is, as in its configuration; `None` for sinks that a program attached.
    pub kind: Option<String>,
    /// The first entry not handed on yet.
    pub next: EntryIndex,
    /// Entries in the log that the sink was not given yet.
    pub lag: u64,
    /// Entries handed on so far.
    pub delivered: u64,
    /// Entries that became dead letters.
    pub dead_letters: u64,
    /// Whether somebody runs it right now.
    pub is_running: bool,
    /// Why its position does not fit the log, if it does not.
    pub problem: Option<String>,
}
