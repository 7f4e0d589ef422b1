//! Gaps: whether consecutive results of one agent, or of one type, follow each other.
//!
//! ```text
//! results of agent A    seq 4 | seq 5 | seq 8 | seq 9        6 and 7: hidden, or erased between?
//! index                   10  |   14  |   31  |   32
//! ```
//!
//! Each entry says, under its hash, how many earlier entries its agent and its type have. An index
//! that leaves one out between two others is found out in use. Entries whose body was erased are in
//! no list, but their frames still have the numbers: a gap they account for is none. What is missing
//! before the first result or after the last is seen here only at the very beginning of the log.

use super::parts::Parts;
use crate::error::{Error, ErrorKind, Result};
use crate::format::frame::Form;
use crate::format::stored::StoredEntry;
use crate::format::terms::Key;
use crate::format::{Flaw, index_name};
use std::collections::BTreeSet;
use std::ops::Range;

/// A hole in the numbers.
#[derive(Clone, Debug)]
struct Gap {
    /// Where the missing entries would be.
    between: Range<u64>,
    /// The numbers that are missing.
    missing: Range<u64>,
}

/// Watches the sequence numbers of results as they come, in either direction.
#[derive(Clone, Debug)]
pub(super) struct Gaps {
    key: Key,
    /// Index and number of the last result.
    last: Option<(u64, u64)>,
    /// Whether nothing lies between the next result and the beginning of the log.
    is_at_beginning: bool,
    gaps: Vec<Gap>,
}

impl Gaps {
    pub(super) fn new(key: Key) -> Self {
        Self { key, last: None, is_at_beginning: false, gaps: Vec::new() }
    }

    /// Takes note that the walk goes upwards from the beginning of the log.
    pub(super) fn begin(&mut self) {
        self.is_at_beginning = true;
    }

    fn number(&self, entry: &StoredEntry) -> u64 {
        match self.key {
            Key::Type => entry.type_seq(),
            _ => entry.agent_seq(),
        }
    }

    /// Takes the next result.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] when the numbers do not ascend with the indices.
    pub(super) fn see(&mut self, entry: &StoredEntry) -> Result<()> {
        let this = (entry.index().get(), self.number(entry));
        if let Some(last) = self.last.replace(this) {
            let (low, high) = if last.0 < this.0 { (last, this) } else { (this, last) };
            if high.1 <= low.1 {
                let message = format!("{} numbers do not ascend", self.key.short_name());
                return Err(Error::new(ErrorKind::Corrupt, message)
                    .at_index(high.0)
                    .expected(format_args!("more than {}", low.1), high.1));
            }
            if high.1 - low.1 > 1 {
                let gap = Gap { between: low.0 + 1..high.0, missing: low.1 + 1..high.1 };
                self.gaps.push(gap);
            }
        } else if self.is_at_beginning {
            self.see_beginning();
        }
        Ok(())
    }

    /// Takes note that nothing lies between the last result and the beginning of the log.
    pub(super) fn see_beginning(&mut self) {
        if let Some((index, number)) = self.last.filter(|(_, number)| *number > 0) {
            self.gaps.push(Gap { between: 0..index, missing: 0..number });
        }
    }

    /// Forgets the last result: entries in between were out of reach.
    pub(super) fn interrupt(&mut self) {
        self.last = None;
        self.is_at_beginning = false;
    }

    /// Holds the gaps that were seen against erased entries.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] when a gap is not accounted for, naming the index file.
    pub(super) fn settle(&mut self, parts: &dyn Parts) -> Result<()> {
        for gap in std::mem::take(&mut self.gaps) {
            let erased = self.erased_numbers(&gap, parts)?;
            let Some(number) = gap.missing.clone().find(|number| !erased.contains(number)) else {
                continue;
            };
            let mut error = Error::new(ErrorKind::Corrupt, "the index hides an entry");
            let place = (0..parts.count()).map(|i| parts.range(i));
            let place = place.filter(|range| overlap(range, &gap.between)).last();
            if let Some(range) = place {
                error = error.at_file(index_name(range.start));
            }
            let key = self.key.short_name();
            return Err(error
                .at_index(gap.between.end)
                .expected(format_args!("{key} entry {number}"), format_args!("none"))
                .hint("delete the index file: it is built again from the segment"));
        }
        Ok(())
    }

    fn erased_numbers(&self, gap: &Gap, parts: &dyn Parts) -> Result<BTreeSet<u64>> {
        let mut numbers = BTreeSet::new();
        for i in 0..parts.count() {
            if !overlap(&parts.range(i), &gap.between) {
                continue;
            }
            parts.with_part(i, &mut |view| {
                let damaged = |flaw: Flaw| view.damaged(flaw);
                let range = view.locals(&gap.between);
                let mut erased = view.index.erased().map_err(damaged)?.walk();
                let mut at = range.start;
                while let Some(local) = erased.next_from(at).filter(|id| range.contains(id)) {
                    let entry = view.read_one(local)?;
                    let number = self.number(&entry);
                    if entry.form() == Form::BodyErased && gap.missing.contains(&number) {
                        numbers.insert(number);
                    }
                    at = local + 1;
                }
                erased.flaw().cloned().map_or(Ok(()), |flaw| Err(damaged(flaw)))
            })?;
        }
        Ok(numbers)
    }
}

fn overlap(a: &Range<u64>, b: &Range<u64>) -> bool {
    a.start.max(b.start) < a.end.min(b.end)
}
