//! Recent ids: which entry ids the last entries had, so that a caller's retry is not logged twice.
//!
//! Callers who let the log choose ids never pay for this: the table is filled when the first
//! caller-given id arrives. It is a filter: a hit is confirmed by reading the entry.

use crate::index::Seeded;
use crate::limits::RECENT_IDS;
use std::collections::HashMap;

/// A table by id keys. They are hashes already, of which a part could be chosen: a seed keeps
/// whoever chooses ids from choosing where they fall.
pub(crate) type ByIdKey<T> = HashMap<u64, T, Seeded>;

/// Key of an id to the latest index that had it; holds the last million entries, at most two.
#[derive(Debug, Default)]
pub(crate) struct RecentIds {
    is_on: bool,
    current: ByIdKey<u64>,
    previous: ByIdKey<u64>,
}

impl RecentIds {
    /// Whether ids are tracked.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Starts tracking.
    pub(crate) fn turn_on(&mut self) {
        self.is_on = true;
    }

    /// Remembers an entry, if ids are tracked.
    pub(crate) fn insert(&mut self, id_key: u64, index: u64) {
        if !self.is_on {
            return;
        }
        if self.current.len() >= RECENT_IDS {
            self.previous = std::mem::take(&mut self.current);
        }
        self.current.insert(id_key, index);
    }

    /// The latest entry whose id may be this one.
    pub(crate) fn find(&self, id_key: u64) -> Option<u64> {
        self.current.get(&id_key).or_else(|| self.previous.get(&id_key)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_least_the_last_million_is_remembered_and_memory_is_bounded() {
        let mut recent = RecentIds::default();
        recent.insert(1, 1);
        assert_eq!(recent.find(1), None, "off until turned on");
        recent.turn_on();
        let last = 2 * RECENT_IDS as u64 + 5;
        for i in 0..last {
            recent.insert(i, i);
        }
        assert_eq!(recent.find(last - RECENT_IDS as u64), Some(last - RECENT_IDS as u64));
        assert_eq!(recent.find(0), None);
        assert!(recent.current.len() + recent.previous.len() <= 2 * RECENT_IDS);
    }
}
