//! The auditor: do these bytes say one consistent thing, and if not, which byte does not?
//!
//! ```text
//! survey --tasks--> segment | segment | segment      on all cores, each apart from the others
//!                      \        |        /
//!                       join, in order --> erasures, anchor --> report
//! ```
//!
//! Everything is derived again from the bytes of the log: checksums, hashes, chain, tree, clocks,
//! sequence numbers, footers, and the side files, which are built anew and compared.
//!
//! Invariants: nothing is written and nothing is mapped; what is hashed is what is parsed; no
//! length, count or index in a file is believed before it was checked; no room that writes the log
//! can be named from here, so none can be believed by accident. Whatever is found is reported and
//! the audit goes on behind it.
//!
//! Deliberately absent: repair, and judging payloads beyond their bytes.

mod anchors;
mod crew;
mod derived;
mod erasure;
mod group;
mod history;
mod join;
mod live;
mod names;
mod outside;
mod pieces;
mod recount;
mod report;
mod rooms;
mod seal;
mod search;
mod segment;
mod side;
mod stray;
mod survey;
mod tree;
mod walk;
mod words;

#[cfg(test)]
mod tests;

pub use report::{Cause, Finding, Report, Verdict};

use crate::error::Result;
use crate::hash;
use crate::sign::VerifierKey;
use crate::storage::{FsStorage, Storage};
use crate::sync::thread;
use crate::types::{Hash, TreeSize};
use anchors::Anchors;
use history::Past;
use join::Joined;
use pieces::Meter;
use rooms::Rooms;
use segment::{Audit, Task};
use std::path::Path;
use survey::Survey;

/// Called now and then with the bytes read so far and the bytes to read, from any thread.
pub type Progress = Box<dyn Fn(u64, u64) + Send + Sync>;

/// How to audit.
#[derive(Default)]
#[non_exhaustive]
pub struct VerifyOptions {
    /// Threads to use; 0, the default, means one per core.
    pub threads: usize,
    /// A size and the root the log had at that size, known from elsewhere: a checkpoint, a receipt,
    /// an earlier report. Without one, a log that was rewritten as a whole looks intact.
    pub against: Option<(TreeSize, Hash)>,
    /// The largest size at which this machine saw the log before, and its root then: what a log
    /// that was rolled back, cut or replaced cannot answer for.
    pub seen: Option<(TreeSize, Hash)>,
    /// Keys of the log that are trusted; during a change of keys two. With any, the checkpoints
    /// that the log recorded are verified, and one of them must bear a signature of theirs.
    pub keys: Vec<VerifierKey>,
    /// Bytes of memory that the audit may take; 0, the default, means as many as it needs. At least
    /// [`crate::limits::VERIFY_MEMORY_MIN`].
    ///
    /// Fewer threads are used, so that each has room for the largest group there may be. What grows
    /// with the log, or with what somebody hostile put into the directory, is bounded:
    ///
    /// | what | where it does not fit |
    /// |---|---|
    /// | side files of a segment | checked in a further pass, each alone; then left out |
    /// | names of agents and event types, over the log | their numbers are left out |
    /// | erased entries, over the log | whether they are declared is left out |
    /// | recorded checkpoints | the last ones are left out |
    /// | a footer | its segment is left out |
    /// | files in the directory | an error |
    ///
    /// Whatever is left out is a finding of [`Cause::MemoryLimit`] and under
    /// [`Report::not_covered`], and the verdict is no longer [`Verdict::Intact`].
    pub memory: usize,
    /// Who wants to know how far it is.
    pub progress: Option<Progress>,
}

impl VerifyOptions {
    /// The defaults: every core, no anchor, nobody told.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of threads; 0 means one per core.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Holds the log against a root it had at a size.
    #[must_use]
    pub fn against(mut self, size: TreeSize, root: Hash) -> Self {
        self.against = Some((size, root));
        self
    }

    /// Holds the log against what this machine saw of it last.
    #[must_use]
    pub fn seen(mut self, size: TreeSize, root: Hash) -> Self {
        self.seen = Some((size, root));
        self
    }

    /// Trusts a key of the log; may be called again.
    #[must_use]
    pub fn key(mut self, key: VerifierKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Bounds the memory, in bytes; 0 means no bound. See [`VerifyOptions::memory`].
    #[must_use]
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// Tells how far it is: bytes read, bytes to read.
    #[must_use]
    pub fn progress(mut self, tell: impl Fn(u64, u64) + Send + Sync + 'static) -> Self {
        self.progress = Some(Box::new(tell));
        self
    }
}

impl std::fmt::Debug for VerifyOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifyOptions")
            .field("threads", &self.threads)
            .field("against", &self.against)
            .field("seen", &self.seen)
            .field("keys", &self.keys)
            .field("memory", &self.memory)
            .finish_non_exhaustive()
    }
}

/// Audits the log in this directory: a log at rest, a copy, or one that is being written.
///
/// Reads every byte of log and side files once. What is wrong with the log is in the report and not
/// an error.
///
/// # Errors
/// [`crate::ErrorKind::NotFound`] and [`crate::ErrorKind::Io`] when the directory cannot be opened
/// or listed; [`crate::ErrorKind::TooLarge`] when it holds more than a million segments, or more
/// files than fit in [`VerifyOptions::memory`]; [`crate::ErrorKind::Invalid`] when that is too
/// little.
///
/// # Example
/// ```
/// use witnessmark::{AuditLog, Entry, Verdict, VerifyOptions, verify};
/// # let dir = tempfile::tempdir().unwrap();
/// # let dir = dir.path().join("log");
/// let log = AuditLog::open(&dir)?;
/// log.append(Entry::new("tool_invocation", "did:web:a.example", "allow"))?;
/// let head = log.close()?;
/// let report = verify(&dir, &VerifyOptions::new().against(head.size, head.root))?;
/// assert_eq!((report.verdict, report.exit_code()), (Verdict::Intact, 0));
/// assert_eq!(report.root, Some(head.root));
/// # Ok::<(), witnessmark::Error>(())
/// ```
///
/// # Source
/// FORMAT.md, sections 10 and 11.
pub fn verify(dir: impl AsRef<Path>, options: &VerifyOptions) -> Result<Report> {
    verify_storage(&FsStorage::open_reader(dir.as_ref())?, options)
}

/// As [`verify`], on any storage.
///
/// # Errors
/// As [`verify`].
pub fn verify_storage(storage: &dyn Storage, options: &VerifyOptions) -> Result<Report> {
    let threads = match options.threads {
        0 => thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads,
    };
    verify_within(storage, options, Rooms::of(options.memory, threads)?)
}

fn verify_within(storage: &dyn Storage, options: &VerifyOptions, rooms: Rooms) -> Result<Report> {
    // Read first: whoever signs meanwhile signs entries that are read below.
    let origin = survey::origin(storage);
    let past = Past::read(storage, &options.keys, origin.as_deref(), rooms.history);
    let outside: Vec<TreeSize> =
        [options.against, options.seen].into_iter().flatten().map(|(size, _)| size).collect();
    let sizes = outside.iter().map(|size| size.get()).chain(past.sizes()).collect();
    let anchors = Anchors::new(sizes);
    let survey = Survey::of(storage, outside.iter().max().copied().unwrap_or_default(), &rooms)?;
    let meter = Meter::new(survey.bytes, options.progress.as_deref());
    let is_live = survey.is_live;
    let audit = Audit { storage, anchors: &anchors, is_live, meter: &meter, rooms };
    let log_start = survey.identity.as_ref().map(|(_, bytes)| hash::log_start(bytes));
    let log_id = survey.identity.as_ref().map(|(identity, _)| identity.log_id);
    let mut joined = Joined::new(log_start, log_id, rooms);
    survey.findings.iter().cloned().for_each(|finding| joined.report(finding));
    crew::run(&audit, &survey.tasks, &mut joined);
    run_again(&audit, &survey.tasks, &mut joined);
    let erased = joined.check_erasures();
    outside::check(options, &mut joined);
    let judged = past.judge(storage, options, &mut joined);
    let mut notes = survey.notes;
    notes.append(joined.notes);
    if joined.unvouched > 0 {
        notes.push(format!(
            "the last {} entries are whole, but nothing vouches for them yet",
            joined.unvouched
        ));
    }
    for finding in joined.findings.iter().filter(|one| one.cause == Cause::MemoryLimit) {
        joined.not_covered.push(format!("{}: {}", finding.file, finding.message));
    }
    Ok(Report {
        verdict: Report::judge(&joined.findings, erased),
        identity: survey.identity.map(|(identity, _)| identity),
        entries: joined.entries,
        size: TreeSize::new(joined.size),
        root: joined.root,
        segments: survey.tasks.len() as u64,
        bytes: meter.done(),
        unvouched: joined.unvouched,
        erased,
        is_live: survey.is_live,
        checkpoints: judged.count,
        checkpoint: judged.newest,
        findings: joined.findings,
        findings_left_out: joined.left_out.saturating_add(joined.recount.left_out),
        notes: notes.finish(),
        not_covered: joined.not_covered.finish(),
    })
}

/// Checks once more, one at a time, the segments whose side files did not fit beside others.
fn run_again(audit: &Audit<'_>, tasks: &[Task], joined: &mut Joined) {
    for (first_index, piece) in std::mem::take(&mut joined.again) {
        let at = tasks.binary_search_by_key(&first_index, |task| task.first_index);
        let Some(task) = at.ok().and_then(|at| tasks.get(at)) else { continue };
        let alone = Audit { rooms: audit.rooms.alone(piece), ..*audit };
        joined.take_again(task, segment::check(&alone, task, None));
    }
}
