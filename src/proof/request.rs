//! Asking a view for evidence.

use super::{Bundle, ConsistencyBundle, ConsistencyEvidence, Evidence};
use crate::error::{Error, ErrorKind, Result};
use crate::sign::SignedCheckpoint;
use crate::types::{EntryIndex, TreeSize};
use crate::view::View;

/// Names an entry: by its index or by its id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryRef<'a> {
    /// Its position in the log.
    Index(EntryIndex),
    /// Its id, as the caller gave it or the engine made it.
    Id(&'a str),
}

impl From<EntryIndex> for EntryRef<'_> {
    fn from(index: EntryIndex) -> Self {
        Self::Index(index)
    }
}

impl From<u64> for EntryRef<'_> {
    fn from(index: u64) -> Self {
        Self::Index(EntryIndex::new(index))
    }
}

impl<'a> From<&'a str> for EntryRef<'a> {
    fn from(id: &'a str) -> Self {
        Self::Id(id)
    }
}

impl<'a> From<&'a String> for EntryRef<'a> {
    fn from(id: &'a String) -> Self {
        Self::Id(id)
    }
}

impl View {
    /// Evidence that an entry is in the tree of this view, to be checked without the log.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when no entry has this id; otherwise as [`View::entry`] and
    /// [`View::prove_inclusion`].
    pub fn prove<'a>(&self, entry: impl Into<EntryRef<'a>>) -> Result<Evidence> {
        self.prove_at(entry, self.size())
    }

    /// As [`View::prove`], in the tree of an earlier size.
    ///
    /// # Errors
    /// As [`View::prove`]; [`ErrorKind::OutOfRange`] when the tree of `size` does not hold the
    /// entry or is beyond this view.
    pub fn prove_at<'a>(&self, entry: impl Into<EntryRef<'a>>, size: TreeSize) -> Result<Evidence> {
        let entry = match entry.into() {
            EntryRef::Index(index) => self.entry(index)?,
            EntryRef::Id(id) => self.get_entry(id)?.ok_or_else(|| {
                Error::new(ErrorKind::NotFound, format!("no entry has the id {id:?}"))
            })?,
        };
        let proof = self.prove_inclusion(entry.index(), size)?;
        let root = self.root_at(size)?;
        Ok(Evidence { entry, proof, root })
    }

    /// Evidence for whoever has the log's public key and not the log: an entry, its proof, and the
    /// signed checkpoint the proof leads to.
    ///
    /// # Errors
    /// As [`View::prove_at`]; [`ErrorKind::ProofInvalid`] when the checkpoint is not one of this
    /// log.
    pub fn bundle<'a>(
        &self,
        entry: impl Into<EntryRef<'a>>,
        checkpoint: &SignedCheckpoint,
    ) -> Result<Bundle> {
        let evidence = self.prove_at(entry, checkpoint.checkpoint().size())?;
        Bundle::new(&evidence, checkpoint.clone())
    }

    /// A proof that the log of `old` entries is a prefix of what the checkpoint signs.
    ///
    /// # Errors
    /// As [`View::prove_consistency`]; [`ErrorKind::ProofInvalid`] when the checkpoint is not one
    /// of this log.
    pub fn consistency_bundle(
        &self,
        old: TreeSize,
        checkpoint: &SignedCheckpoint,
    ) -> Result<ConsistencyBundle> {
        let evidence = self.prove_prefix(old, checkpoint.checkpoint().size())?;
        ConsistencyBundle::new(evidence.proof, evidence.old_root, checkpoint.clone())
    }

    /// Evidence that the log of `old` entries is a prefix of the log of `new` entries.
    ///
    /// # Errors
    /// As [`View::prove_consistency`].
    pub fn prove_prefix(&self, old: TreeSize, new: TreeSize) -> Result<ConsistencyEvidence> {
        let proof = self.prove_consistency(old, new)?;
        let (old_root, new_root) = (self.root_at(old)?, self.root_at(new)?);
        Ok(ConsistencyEvidence { proof, old_root, new_root })
    }
}
