//! A sink in memory: for tests, and for programs that want the last entries at hand.

use super::{Attachment, AuditSink, SinkReport};
use crate::error::Result;
use crate::format::stored::StoredEntry;
use crate::sync::{Arc, Mutex};
use std::collections::VecDeque;

/// Keeps the last entries it was given. Clones share them.
#[derive(Clone, Debug)]
pub struct MemorySink {
    entries: Arc<Mutex<VecDeque<StoredEntry>>>,
    count_max: usize,
}

impl MemorySink {
    /// Keeps at most this many entries, the latest.
    #[must_use]
    pub fn new(count_max: usize) -> Self {
        Self { entries: Arc::default(), count_max }
    }

    /// The entries, oldest first.
    #[must_use]
    pub fn entries(&self) -> Vec<StoredEntry> {
        self.entries.lock().iter().cloned().collect()
    }
}

impl AuditSink for MemorySink {
    fn write(&mut self, entry: &StoredEntry) -> Result<()> {
        let mut entries = self.entries.lock();
        // What comes again replaces what it was.
        while entries.back().is_some_and(|last| last.index() >= entry.index()) {
            entries.pop_back();
        }
        entries.push_back(entry.clone());
        while entries.len() > self.count_max {
            entries.pop_front();
        }
        Ok(())
    }

    fn verify_integrity(&mut self, log: Option<&Attachment<'_>>) -> Result<SinkReport> {
        let mut report = SinkReport::new();
        for held in self.entries.lock().iter() {
            report.checked += 1;
            if !held.verify_hash() {
                report.find(format!("entry {} does not hash to its entry hash", held.index()));
            }
            let Some(log) = log else { continue };
            if log.view.entry(held.index())?.entry_hash() != held.entry_hash() {
                report.find(format!("entry {} is not the log's", held.index()));
            }
        }
        Ok(report)
    }
}
