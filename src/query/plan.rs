//! Plans: what a query did, as a value that can be printed.
//!
//! ```text
//! plan: agent postings (4 parts, 12043) ∩ time -> 0 entry reads, 0.4 ms
//!       driver                              checks  work
//! ```
//!
//! A plan is written down while the query runs, so it says what happened, not what was hoped for.

use std::fmt;
use std::time::Duration;

/// What candidates were drawn from in some of the parts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Driver {
    /// `agent postings`, `resource prefix`, `all entries`, `totals` of sealed parts, ...
    pub name: String,
    /// Parts it was chosen in.
    pub parts: usize,
    /// Candidates it offered there.
    pub candidates: u64,
}

/// How a query was answered.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Plan {
    /// What candidates were drawn from: the rarest list of each part.
    pub drivers: Vec<Driver>,
    /// What candidates were held against: other filters, by their short names.
    pub checks: Vec<&'static str>,
    /// Parts the index said hold no match.
    pub empty_parts: usize,
    /// Entries read whole.
    pub entry_reads: u64,
    /// Entries of which only the time was read.
    pub time_reads: u64,
    /// Matches found.
    pub matches: u64,
    /// Time taken.
    pub elapsed: Duration,
}

impl Plan {
    pub(super) fn drive(&mut self, name: &str, candidates: u64) {
        match self.drivers.iter_mut().find(|driver| driver.name == name) {
            Some(driver) => {
                driver.parts += 1;
                driver.candidates += candidates;
            }
            None => self.drivers.push(Driver { name: name.to_owned(), parts: 1, candidates }),
        }
    }

    pub(super) fn check(&mut self, name: &'static str) {
        if !self.checks.contains(&name) {
            self.checks.push(name);
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("plan: ")?;
        for (position, driver) in self.drivers.iter().enumerate() {
            let parts = if driver.parts == 1 { "part" } else { "parts" };
            let separator = if position > 0 { " + " } else { "" };
            write!(
                f,
                "{separator}{} ({} {parts}, {})",
                driver.name, driver.parts, driver.candidates
            )?;
        }
        if self.drivers.is_empty() {
            f.write_str("nothing to look at")?;
        }
        for check in &self.checks {
            write!(f, " ∩ {check}")?;
        }
        let reads = if self.entry_reads == 1 { "read" } else { "reads" };
        write!(f, " -> {} entry {reads}", self.entry_reads)?;
        if self.time_reads > 0 {
            write!(f, ", {} time reads", self.time_reads)?;
        }
        write!(f, ", {:.1} ms", self.elapsed.as_secs_f64() * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_reads_like_a_sentence() {
        let mut plan = Plan { elapsed: Duration::from_micros(400), ..Plan::default() };
        for _ in 0..4 {
            plan.drive("agent postings", 3010);
            plan.check("time");
        }
        plan.drive("all entries", 3);
        assert_eq!(
            plan.to_string(),
            "plan: agent postings (4 parts, 12040) + all entries (1 part, 3) ∩ time \
             -> 0 entry reads, 0.4 ms"
        );
    }
}
