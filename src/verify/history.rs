//! The log's own checkpoints: whether what it signed is what it holds.
//!
//! ```text
//! log.checkpoints --> origin, sizes ascending, roots = those the entries give, signatures
//! ```
//!
//! A checkpoint in the directory is a promise that the log made. A log that does not keep it was
//! changed after it was signed, or signed something else than it holds. Without a key the promises
//! are compared all the same; with one it is known who made them.

use super::VerifyOptions;
use super::join::Joined;
use super::report::{Cause, Finding};
use super::rooms;
use crate::error::{Error, ErrorKind, Result};
use crate::format::history::HISTORY_NAME;
use crate::history::{self, Rest, scan};
use crate::limits::FINDINGS_MAX;
use crate::sign::{SignedCheckpoint, VerifierKey};
use crate::storage::{Access, Storage};
use crate::types::{Hash, TreeSize};

/// Who signed a recorded checkpoint, as far as the keys given say.
enum Standing {
    Signed,
    /// Somebody else, or nobody was asked for.
    Others,
    Wrong(Error),
}

/// A recorded checkpoint, and where. The note itself is not kept: there may be many.
struct Recorded {
    at: u64,
    size: TreeSize,
    root: Hash,
    standing: Standing,
}

/// Bytes that a recorded checkpoint takes, with its size among the anchors and the root found there.
const RECORDED_BYTES: usize = 2 * size_of::<Recorded>() + 96;

/// What was recorded.
#[derive(Default)]
pub(super) struct Past {
    recorded: Vec<Recorded>,
    /// The first one of another log, and its origin.
    foreign: Option<(u64, String)>,
    /// Notes that are no checkpoints.
    strange: Vec<(u64, Error)>,
    rest: Vec<Rest>,
    /// Checkpoints that did not fit.
    left_out: u64,
    unreadable: Option<Error>,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) count: u64,
    pub(super) newest: Option<SignedCheckpoint>,
}

impl Past {
    /// Reads the history; a missing one is an empty one.
    /// Keeps no more than fit in so many bytes.
    pub(super) fn read(
        storage: &dyn Storage,
        keys: &[VerifierKey],
        origin: Option<&str>,
        room: usize,
    ) -> Self {
        let mut past = Self::default();
        if let Err(error) = past.fill(storage, keys, origin, room / RECORDED_BYTES)
            && error.kind() != ErrorKind::NotFound
        {
            past.unreadable = Some(error);
        }
        past
    }

    fn fill(
        &mut self,
        storage: &dyn Storage,
        keys: &[VerifierKey],
        origin: Option<&str>,
        most: usize,
    ) -> Result<()> {
        let file = storage.open(HISTORY_NAME, Access::Read)?;
        let scanned = scan(&*file, |at, note| match SignedCheckpoint::parse(note.as_bytes()) {
            Ok(signed) => {
                let checkpoint = signed.checkpoint();
                let is_foreign = origin.is_some_and(|origin| origin != checkpoint.origin());
                if is_foreign && self.foreign.is_none() {
                    self.foreign = Some((at, checkpoint.origin().to_owned()));
                }
                if self.recorded.len() >= most {
                    self.left_out += 1;
                    return;
                }
                let (size, root) = (checkpoint.size(), checkpoint.root());
                self.recorded.push(Recorded { at, size, root, standing: standing(&signed, keys) });
            }
            Err(error) if self.strange.len() < FINDINGS_MAX => self.strange.push((at, error)),
            Err(_) => {}
        })?;
        self.rest = scanned.rest;
        Ok(())
    }

    /// The sizes at which the log's root must be known.
    pub(super) fn sizes(&self) -> impl Iterator<Item = u64> {
        self.recorded.iter().map(|recorded| recorded.size.get())
    }

    /// Holds every checkpoint against the log and, where keys are given, against the keys.
    pub(super) fn judge(
        self,
        storage: &dyn Storage,
        options: &VerifyOptions,
        joined: &mut Joined,
    ) -> Judged {
        let finding =
            |cause: Cause, at: u64, what: &str| Finding::new(cause, HISTORY_NAME, what).at(at);
        if let Some(error) = &self.unreadable {
            joined.report(finding(Cause::Unreadable, 0, error.message()));
        }
        for rest in &self.rest {
            match rest {
                Rest::Torn(flaw) => joined.notes.push(format!(
                    "{HISTORY_NAME} ends in a checkpoint that was never published (byte {})",
                    flaw.offset
                )),
                Rest::Damaged(flaw) => {
                    joined.report(Finding::of(Cause::BitRot, HISTORY_NAME, flaw.clone(), 0));
                }
            }
        }
        for (at, error) in &self.strange {
            joined.report(finding(Cause::Edited, *at, error.message()));
        }
        if let Some((at, origin)) = &self.foreign {
            let what = "a recorded checkpoint is of another log";
            joined.report(finding(Cause::Edited, *at, what).expected("this log's origin", origin));
        }
        if self.left_out > 0 {
            let what = format!("the last {} checkpoints", self.left_out);
            joined.report(rooms::left_out(HISTORY_NAME, &what));
        }
        self.judge_roots(joined);
        let newest = match options.keys.is_empty() {
            true => None,
            false => self.judge_signatures(joined),
        };
        let newest = newest.and_then(|one| match history::read_one(storage, one.at) {
            Ok(signed) => Some(signed),
            Err(error) => {
                joined.report(finding(Cause::Unreadable, one.at, error.message()));
                None
            }
        });
        say_what_is_open(options, newest.as_ref(), joined);
        Judged { count: self.recorded.len() as u64 + self.left_out, newest }
    }

    /// Reports the first checkpoint that the log does not keep, of each kind.
    fn judge_roots(&self, joined: &mut Joined) {
        let finding = |cause: Cause, recorded: &Recorded, what: String| {
            Finding::new(cause, HISTORY_NAME, what).at(recorded.at)
        };
        let pairs = self.recorded.iter().zip(self.recorded.iter().skip(1));
        if let Some((before, one)) = pairs.into_iter().find(|(a, b)| b.size < a.size) {
            let what = "a checkpoint is of a shorter log than the one before".to_owned();
            let finding = finding(Cause::Edited, one, what);
            joined.report(finding.expected(format_args!("at least {}", before.size), one.size));
        }
        let end = joined.size;
        let beyond = self.recorded.iter().filter(|one| one.size.get() > end);
        if let Some(one) = beyond.max_by_key(|one| one.size) {
            let what = "the log is shorter than a checkpoint it signed".to_owned();
            let finding = finding(Cause::Truncated, one, what).entry(end);
            joined.report(finding.expected(one.size, end));
        }
        let within = || self.recorded.iter().filter(|one| one.size.get() <= end);
        let is_other = |one: &&Recorded| joined.root_at(one.size).is_some_and(|r| r != one.root);
        if let Some(one) = within().find(is_other) {
            let more = within().filter(is_other).count() - 1;
            let more =
                if more == 0 { String::new() } else { format!(", nor are {more} later ones") };
            let what = format!("the checkpoint of size {} is not of these entries{more}", one.size);
            let found = joined.root_at(one.size).unwrap_or_default();
            let finding = finding(Cause::Forked, one, what);
            joined.report(finding.expected(one.root, found));
        }
        let unknown = within().filter(|one| joined.root_at(one.size).is_none()).count();
        if unknown > 0 {
            joined.not_covered.push(format!("{unknown} checkpoints, since entries are damaged"));
        }
    }

    /// The newest checkpoint that one of the keys signed and the log keeps.
    fn judge_signatures(&self, joined: &mut Joined) -> Option<&Recorded> {
        let mut newest: Option<&Recorded> = None;
        let (mut by_others, mut is_wrong) = (0u64, false);
        for one in &self.recorded {
            match &one.standing {
                Standing::Signed => {
                    let is_kept =
                        one.size.get() <= joined.size && joined.root_at(one.size) == Some(one.root);
                    if is_kept && newest.is_none_or(|known| known.size <= one.size) {
                        newest = Some(one);
                    }
                }
                Standing::Others => by_others += 1,
                Standing::Wrong(error) => {
                    is_wrong = true;
                    let finding = Finding::new(Cause::BadSignature, HISTORY_NAME, error.message());
                    joined.report(finding.at(one.at));
                }
            }
        }
        if by_others > 0 {
            let what = "recorded checkpoints are signed by other keys than those given";
            joined.notes.push(format!("{by_others} {what}"));
        }
        if newest.is_none() && !is_wrong {
            let what = "no checkpoint that this log keeps is signed by a key that was given";
            joined.report(Finding::new(Cause::Unsigned, HISTORY_NAME, what));
        }
        newest
    }
}

fn standing(signed: &SignedCheckpoint, keys: &[VerifierKey]) -> Standing {
    match signed.verify(keys) {
        Ok(_) => Standing::Signed,
        Err(_) if !keys.iter().any(|key| signed.note().names(key)) => Standing::Others,
        Err(error) => Standing::Wrong(error),
    }
}

/// What these files and keys leave open.
fn say_what_is_open(
    options: &VerifyOptions,
    newest: Option<&SignedCheckpoint>,
    joined: &mut Joined,
) {
    if let Some(newest) = newest.map(|newest| newest.checkpoint().size().get()) {
        let behind = joined.size.saturating_sub(newest);
        if behind > 0 {
            joined.not_covered.push(format!(
                "the last {behind} entries: they are newer than the last signed checkpoint"
            ));
        }
    }
    let has_anchor = options.against.is_some() || options.seen.is_some();
    joined.not_covered.extend(match (has_anchor, newest) {
        (true, _) => None,
        (false, Some(_)) => Some(
            "a rollback: a log that was put back to an older signed state looks intact to whoever \
             has not seen a newer one"
                .to_owned(),
        ),
        (false, None) => Some(
            "any outside anchor: without a root from elsewhere, a log that was rewritten as a \
             whole, or cut at its end, looks intact"
                .to_owned(),
        ),
    });
}
