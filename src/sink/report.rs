//! Reports: what a sink says of what it holds.

use crate::limits::FINDINGS_MAX;

/// What judging a sink found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct SinkReport {
    /// Whether the sink can be judged at all: stdout and syslog cannot, what they were given is
    /// elsewhere.
    pub is_supported: bool,
    /// How many entries were looked at.
    pub checked: u64,
    /// What is wrong, in words; at most [`FINDINGS_MAX`] are named.
    pub findings: Vec<String>,
    /// How many more findings there are.
    pub findings_left_out: u64,
    /// What is not wrong but should be known.
    pub notes: Vec<String>,
}

impl SinkReport {
    /// A report without findings yet.
    #[must_use]
    pub fn new() -> Self {
        Self { is_supported: true, ..Self::default() }
    }

    /// The report of a sink that keeps nothing to be judged.
    #[must_use]
    pub fn not_supported(why: impl Into<String>) -> Self {
        Self { notes: vec![why.into()], ..Self::default() }
    }

    /// Adds a finding.
    pub fn find(&mut self, finding: impl Into<String>) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding.into());
        } else {
            self.findings_left_out += 1;
        }
    }

    /// Adds a note.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Whether it was judged and nothing is wrong.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.is_supported && self.findings.is_empty()
    }
}
