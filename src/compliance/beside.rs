//! What is known besides the log's entries: an audit of its bytes, a check of the installed files,
//! how far its copies are, and what time it is.

use crate::integrity;
use crate::types::{EventTime, TreeSize, UnixNanos};
use crate::verify::Report;
use std::collections::BTreeMap;

/// What is known besides the entries. What is not given is not evaluated.
#[derive(Clone, Debug, Default)]
#[must_use = "it does nothing until a log is assessed with it"]
pub struct Beside<'a> {
    pub(super) now: UnixNanos,
    pub(super) origin: String,
    pub(super) audit: Option<&'a Report>,
    pub(super) integrity: Option<&'a integrity::Report>,
    pub(super) checkpoint: Option<(bool, TreeSize)>,
    pub(super) lags: BTreeMap<String, u64>,
    pub(super) since: Option<EventTime>,
    pub(super) until: Option<EventTime>,
}

impl<'a> Beside<'a> {
    /// Nothing but the time, against which declared limits in hours are held.
    pub fn new(now: UnixNanos) -> Self {
        Self { now, ..Self::default() }
    }

    /// What the verifier said of the log's bytes, held against the size and root of the view
    /// ([`crate::VerifyOptions::against`]): then what is verified is what is assessed, also while
    /// somebody writes.
    pub fn audit(mut self, report: &'a Report) -> Self {
        self.audit = Some(report);
        self
    }

    /// What became of the declared integrity manifest.
    pub fn integrity(mut self, report: &'a integrity::Report) -> Self {
        self.integrity = Some(report);
        self
    }

    /// Whether a checkpoint by the declared key, of this size, holds for this log.
    pub fn checkpoint(mut self, holds: bool, size: TreeSize) -> Self {
        self.checkpoint = Some((holds, size));
        self
    }

    /// How many entries a copy is behind.
    pub fn lag(mut self, sink: impl Into<String>, entries: u64) -> Self {
        self.lags.insert(sink.into(), entries);
        self
    }

    /// The log's name.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = origin.into();
        self
    }

    /// Only entries that happened then or later are judged.
    pub fn since(mut self, time: impl Into<EventTime>) -> Self {
        self.since = Some(time.into());
        self
    }

    /// Only entries that happened then or earlier are judged.
    pub fn until(mut self, time: impl Into<EventTime>) -> Self {
        self.until = Some(time.into());
        self
    }

    pub(super) fn lag_of(&self, sink: &str) -> Option<u64> {
        self.lags.get(sink).copied()
    }
}
