//! Reports: what an audit found, in values that print and that programs can read.
//!
//! A *finding* is something wrong and where; a *note* is something a careful reader should know
//! that takes nothing away from the log; *not covered* is what nobody can say from these files
//! alone. The verdict follows from the findings and the erasures, by one table in
//! [`Report::judge`]. Nothing here reads a file.

use crate::format::Flaw;
use crate::format::identity::Identity;
use crate::sign::SignedCheckpoint;
use crate::types::{EntryIndex, Hash, TreeSize};
use std::fmt;

/// What kind of thing is wrong. Kinds are only ever added.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// Checksum and contents are both wrong: the bytes changed by accident, or by somebody careless.
    BitRot,
    /// The checksum holds and the contents contradict the rest: changed on purpose.
    Edited,
    /// The root stored after a group is not the root of the entries before it.
    BadRoot,
    /// Sequence numbers of an agent or event type leave something out, or give a number twice.
    OutOfSequence,
    /// `recorded_at` goes back.
    ClockBackwards,
    /// Bytes after the last valid group that nothing vouches for: a write cut off by a crash.
    TornTail,
    /// The log is shorter than one that was seen before.
    Truncated,
    /// The log has another root than the one that was seen at that size.
    Forked,
    /// A trusted key is said to have signed a checkpoint, and did not.
    BadSignature,
    /// No checkpoint of the log bears a signature of a key that is trusted.
    Unsigned,
    /// A segment that must be there is not.
    MissingSegment,
    /// A segment header that contradicts its name or the segment before.
    BadSegment,
    /// A footer that is damaged, missing or contradicts its segment.
    BadSeal,
    /// The identity file is damaged, or not the one the log began with.
    BadIdentity,
    /// A side file with a right digest says something the log does not.
    IndexMismatch,
    /// An erased entry that no later entry declares.
    UndeclaredErasure,
    /// A file of the log that cannot be read.
    Unreadable,
    /// A file of the log has a format version that this build does not know.
    UnknownVersion,
    /// Not checked, since it does not fit in the memory that the audit may take
    /// ([`crate::VerifyOptions::memory`]); listed under [`Report::not_covered`] too.
    MemoryLimit,
}

impl Cause {
    /// The cause as one lower-case word, stable for scripts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BitRot => "bit_rot",
            Self::Edited => "edited",
            Self::BadRoot => "bad_root",
            Self::OutOfSequence => "out_of_sequence",
            Self::ClockBackwards => "clock_backwards",
            Self::TornTail => "torn_tail",
            Self::Truncated => "truncated",
            Self::Forked => "forked",
            Self::BadSignature => "bad_signature",
            Self::Unsigned => "unsigned",
            Self::MissingSegment => "missing_segment",
            Self::BadSegment => "bad_segment",
            Self::BadSeal => "bad_seal",
            Self::BadIdentity => "bad_identity",
            Self::IndexMismatch => "index_mismatch",
            Self::UndeclaredErasure => "undeclared_erasure",
            Self::Unreadable => "unreadable",
            Self::UnknownVersion => "unknown_version",
            Self::MemoryLimit => "memory_limit",
        }
    }

    /// Whether it proves that something is wrong, rather than only missing or out of reach.
    #[must_use]
    pub const fn is_proof(self) -> bool {
        !matches!(
            self,
            Self::TornTail
                | Self::Unreadable
                | Self::UnknownVersion
                | Self::Unsigned
                | Self::MemoryLimit
        )
    }

    /// What decides the verdict and the exit status when not all findings are kept.
    pub(super) fn weight(self) -> u8 {
        match self {
            cause if cause.is_proof() => 2,
            Self::Unreadable | Self::UnknownVersion => 1,
            _ => 0,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What follows from everything that was found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// Every byte of the log agrees with every other.
    Intact,
    /// The same, but for entries whose erasure a later entry declares.
    IntactWithDeclaredGaps,
    /// What could be read agrees, but not all could: a torn tail, an unreadable file, too little
    /// memory.
    Unverifiable,
    /// Something was proved wrong, by accident or on purpose; the findings say what.
    Tampered,
}

impl Verdict {
    /// The verdict as one lower-case word, stable for scripts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intact => "intact",
            Self::IntactWithDeclaredGaps => "intact_with_declared_gaps",
            Self::Unverifiable => "unverifiable",
            Self::Tampered => "tampered",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that is wrong, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// What kind of thing.
    pub cause: Cause,
    /// The file's name in the log directory; empty when it concerns the log as a whole.
    pub file: String,
    /// Byte offset in that file.
    pub offset: Option<u64>,
    /// The entry concerned; for damage outside entries the next one after it.
    pub index: Option<EntryIndex>,
    /// What was wanted there.
    pub wanted: Option<String>,
    /// What is there.
    pub found: Option<String>,
    /// What it is about, lower case, without the place.
    pub message: String,
}

impl Finding {
    pub(super) fn new(cause: Cause, file: &str, message: impl Into<String>) -> Self {
        Self {
            cause,
            file: file.to_owned(),
            offset: None,
            index: None,
            wanted: None,
            found: None,
            message: message.into(),
        }
    }

    /// A flaw of bytes that begin at `base` of `file`.
    pub(super) fn of(cause: Cause, file: &str, flaw: Flaw, base: u64) -> Self {
        let flaw = flaw.shifted(base);
        let finding = Self::new(cause, file, flaw.what).at(flaw.offset);
        Self { wanted: Some(flaw.wanted), found: Some(flaw.found), ..finding }
    }

    #[must_use]
    pub(super) fn at(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    #[must_use]
    pub(super) fn entry(mut self, index: u64) -> Self {
        self.index = Some(EntryIndex::new(index));
        self
    }

    #[must_use]
    pub(super) fn expected(mut self, wanted: impl fmt::Display, found: impl fmt::Display) -> Self {
        self.wanted = Some(wanted.to_string());
        self.found = Some(found.to_string());
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.cause)?;
        if !self.file.is_empty() {
            f.write_str(&self.file)?;
            if let Some(offset) = self.offset {
                write!(f, ", byte {offset}")?;
            }
            if self.index.is_some() {
                f.write_str(", ")?;
            }
        }
        if let Some(index) = self.index {
            write!(f, "entry {index}")?;
        }
        if !self.file.is_empty() || self.index.is_some() {
            f.write_str(": ")?;
        }
        f.write_str(&self.message)?;
        if let (Some(wanted), Some(found)) = (&self.wanted, &self.found) {
            write!(f, " (wanted {wanted}, found {found})")?;
        }
        Ok(())
    }
}

/// What an audit of a log says.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Report {
    /// What follows from all of it.
    pub verdict: Verdict,
    /// Whose log this is; `None` when `log.id` cannot be used.
    pub identity: Option<Identity>,
    /// Entries whose bytes were hashed and led to the tree, erased ones included.
    pub entries: u64,
    /// Entries the log holds, right or wrong: the tree's size.
    pub size: TreeSize,
    /// The recomputed root at that size; `None` when damage keeps it from being computed.
    pub root: Option<Hash>,
    /// Segments that were read.
    pub segments: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Entries at the end that are whole but that nothing durable vouches for yet.
    pub unvouched: u64,
    /// Entries whose data or body was erased.
    pub erased: u64,
    /// Whether a writer held the log: then only what it had synced was judged.
    pub is_live: bool,
    /// Checkpoints that the log recorded.
    pub checkpoints: u64,
    /// The newest of them that a trusted key signed and whose root the entries give; `None` without
    /// [`crate::VerifyOptions::keys`].
    pub checkpoint: Option<SignedCheckpoint>,
    /// What is wrong, in the order of the log.
    pub findings: Vec<Finding>,
    /// Further findings beyond the most a report holds (`limits::FINDINGS_MAX`).
    pub findings_left_out: u64,
    /// What a careful reader should know.
    pub notes: Vec<String>,
    /// What was not checked, and why.
    pub not_covered: Vec<String>,
}

impl Report {
    /// Exit status of a verifier: 0 intact, 1 tampered, 3 when a file could not be judged, 4 when
    /// what is there is right but not all is there.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let cannot_judge =
            |finding: &Finding| matches!(finding.cause, Cause::Unreadable | Cause::UnknownVersion);
        match self.verdict {
            Verdict::Intact => 0,
            Verdict::Tampered => 1,
            Verdict::Unverifiable if self.findings.iter().any(cannot_judge) => 3,
            Verdict::Unverifiable | Verdict::IntactWithDeclaredGaps => 4,
        }
    }

    /// Whether nothing speaks against the log: intact, with or without declared gaps.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        matches!(self.verdict, Verdict::Intact | Verdict::IntactWithDeclaredGaps)
    }

    pub(super) fn judge(findings: &[Finding], erased: u64) -> Verdict {
        let is_proved = findings.iter().any(|finding| finding.cause.is_proof());
        match (is_proved, findings.is_empty(), erased) {
            (true, _, _) => Verdict::Tampered,
            (false, false, _) => Verdict::Unverifiable,
            (false, true, 0) => Verdict::Intact,
            (false, true, _) => Verdict::IntactWithDeclaredGaps,
        }
    }
}
