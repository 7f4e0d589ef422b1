//! Counters: how many entries each agent and each event type has, in the whole log.
//!
//! Invariant: a counter equals the sequence number of the name's next entry. The table is hashed
//! with a seed of its own, so that whoever chooses names cannot choose where they fall.

use crate::format::footer::{Counter, Footer};
use crate::index::Seeded;
use std::collections::HashMap;

/// Entries so far, per name.
#[derive(Debug, Default)]
pub(crate) struct Counts(HashMap<Box<[u8]>, u64, Seeded>);

impl Counts {
    /// How many earlier entries this name has; counts the one at hand.
    pub(crate) fn count_one(&mut self, name: &[u8]) -> u64 {
        match self.0.get_mut(name) {
            Some(count) => {
                *count += 1;
                *count - 1
            }
            None => {
                self.0.insert(name.into(), 1);
                0
            }
        }
    }

    /// Takes over how many entries a name has by now.
    pub(crate) fn set(&mut self, name: &[u8], entries: u64) {
        match self.0.get_mut(name) {
            Some(count) => *count = entries,
            None => {
                self.0.insert(name.into(), entries);
            }
        }
    }

    fn take(&mut self, counters: &[Counter]) {
        counters.iter().for_each(|counter| self.set(counter.name.as_bytes(), counter.entries));
    }
}

/// Entries so far, per agent and per event type.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) agents: Counts,
    pub(crate) types: Counts,
}

impl Counters {
    /// Takes over what a segment's footer says; later segments are taken later.
    pub(crate) fn take(&mut self, footer: &Footer) {
        self.agents.take(&footer.agents);
        self.types.take(&footer.types);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_counted_apart_and_taken_over() {
        let mut counts = Counts::default();
        for round in 0..3 {
            for name in 0..500u32 {
                assert_eq!(counts.count_one(format!("agent {name}").as_bytes()), round);
            }
        }
        counts.set(b"agent 7", 100);
        counts.set(b"new", 5);
        assert_eq!((counts.count_one(b"agent 7"), counts.count_one(b"new")), (100, 5));
    }

    #[test]
    fn what_a_footer_says_is_taken_over_and_counted_on() {
        let mut counters = Counters::default();
        counters.agents.set(b"did:a", 9);
        counters.take(&crate::format::footer::tests::sample());
        let agents = [b"did:a", b"did:b", b"did:c"].map(|name| counters.agents.count_one(name));
        assert_eq!((agents, counters.types.count_one(b"tool_invocation")), ([1, 2, 0], 3));
    }
}
