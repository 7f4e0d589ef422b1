//! Signing a log: what is checked before, and what is durable when it is done.
//!
//! ```text
//! lock the history -> last checkpoint -> view -> read back new entries -> consistent with the last
//!                                                 -> sign -> record, sync -> hand out
//! ```
//!
//! The lock is taken before the log is looked at, so that the log seen is never older than the
//! checkpoint recorded last. Nothing is signed that is not vouched for in the files.

use crate::error::{Error, ErrorKind, Result};
use crate::format::history::HISTORY_NAME;
use crate::format::identity::Identity;
use crate::history::Appender;
use crate::sign::{Checkpoint, SignedCheckpoint, SigningKey};
use crate::storage::Storage;
use crate::types::{EntryIndex, Hash, TreeSize};
use crate::view::{Reader, View};

/// Signs what `look` shows and something durable vouches for, and records it.
pub(crate) fn issue(
    storage: &dyn Storage,
    identity: &Identity,
    keys: &[&SigningKey],
    look: impl FnOnce() -> Result<View>,
) -> Result<SignedCheckpoint> {
    // Before anything is done, since a wrong key is the likeliest mistake.
    Checkpoint::new(&identity.origin, TreeSize::new(0), crate::hash::empty_root())?.sign(keys)?;
    let history = Appender::open(storage)?;
    let view = look()?;
    let size = TreeSize::new(view.size().get().saturating_sub(view.unvouched()));
    let root = view.root_at(size)?;
    if size == view.size() && root != view.root() {
        return Err(contradiction("the tree of the entries is not the one the log claims")
            .expected(view.root(), root));
    }
    let before = history.last().map(SignedCheckpoint::checkpoint);
    let begun = match before {
        Some(last) => check_last(&view, identity, last, (size, root))?,
        None => 0,
    };
    for index in begun..size.get() {
        // Reading hashes it; a signature over bytes that have rotted would be one for ever.
        view.entry(EntryIndex::new(index))?;
    }
    let checkpoint = Checkpoint::new(&identity.origin, size, root)?.sign(keys)?;
    if let Some(last) = history.last().filter(|last| **last == checkpoint) {
        // Signing is deterministic: the same log and keys give the same note.
        return Ok(last.clone());
    }
    history.append(&checkpoint)?;
    Ok(checkpoint)
}

fn contradiction(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, what)
        .hint("nothing was signed; `wmark verify` says what is wrong with the log")
}

/// Holds what is to be signed against the checkpoint before. Returns where its entries end.
fn check_last(
    view: &View,
    identity: &Identity,
    last: &Checkpoint,
    (size, root): (TreeSize, Hash),
) -> Result<u64> {
    let wrong = |what: &str| contradiction(what).at_file(HISTORY_NAME);
    if last.origin() != identity.origin {
        return Err(wrong("the last recorded checkpoint is of another log")
            .expected(&identity.origin, last.origin()));
    }
    if last.size() > size {
        return Err(wrong("the log is shorter than the checkpoint that was signed last")
            .expected(last.size(), size));
    }
    let proof = view.prove_consistency(last.size(), size)?;
    proof.verify(&last.root(), &root).map_err(|_| {
        let found = view.root_at(last.size()).map(|root| root.to_hex()).unwrap_or_default();
        wrong("the log does not continue the checkpoint that was signed last")
            .expected(format_args!("{} at size {}", last.root(), last.size()), found)
    })?;
    Ok(last.size().get())
}

impl Reader {
    /// Signs the log, beside a writer or without one: of its entries those that something durable
    /// vouches for, which is all of them but the last moment's. Otherwise as
    /// [`crate::AuditLog::checkpoint`].
    ///
    /// # Errors
    /// As [`crate::AuditLog::checkpoint`] and [`Reader::view`]; [`ErrorKind::Untrusted`] in a
    /// directory that others can write to.
    ///
    /// # Durability
    /// On return the checkpoint survives power loss.
    pub fn checkpoint(&self, keys: &[&SigningKey]) -> Result<SignedCheckpoint> {
        issue(self.storage(), self.identity(), keys, || self.view())
    }

    /// The checkpoint that was recorded last, if any; its signatures are not verified here.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] when it cannot be read as one; [`ErrorKind::Io`].
    pub fn last_checkpoint(&self) -> Result<Option<SignedCheckpoint>> {
        crate::history::last(self.storage()).map(|(last, _)| last)
    }
}
