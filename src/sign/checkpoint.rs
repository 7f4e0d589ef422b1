//! Checkpoints: the size and root that a log signs.
//!
//! ```text
//! acme.example/agents                                 origin: the log's name
//! 184221                                              size, decimal, no leading zero
//! wP/uAAA...=                                         root, base64 of 32 bytes
//! anything                                            extension lines: kept and signed, never written
//! ```
//!
//! The name of a log's key is its origin. An origin with spaces or plus signs cannot stand in a
//! key; [`key_name_of`] says under which name its keys go.

use super::armor;
use super::key::{SigningKey, VerifierKey, is_key_name};
use super::note::Note;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{CHECKPOINT_BYTES_MAX, ORIGIN_BYTES_MAX, TREE_SIZE_MAX};
use crate::types::{Hash, TreeSize};
use std::fmt;

/// The name of the keys that sign for a log of this origin: the origin itself, or with underscores
/// where a key's name cannot have what it holds.
#[must_use]
pub fn key_name_of(origin: &str) -> String {
    if is_key_name(origin) {
        return origin.to_owned();
    }
    let is_refused = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    origin.chars().map(|c| if is_refused(c) { '_' } else { c }).collect()
}

/// Size and root of a log, under the log's name.
///
/// # Source
/// C2SP tlog-checkpoint, version 1.0.0.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    origin: String,
    size: TreeSize,
    root: Hash,
    extensions: Vec<String>,
}

fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("not a checkpoint: {what}"))
}

/// A decimal number as it is written: digits, no sign, no leading zero.
fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

impl Checkpoint {
    /// The checkpoint of this size and root.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for an origin that is empty, longer than 255 bytes or holds a control
    /// character, for a size of 2^63 and more, and for an empty log with another root than its own.
    pub fn new(origin: &str, size: TreeSize, root: Hash) -> Result<Self> {
        let is_origin = !origin.is_empty()
            && origin.len() <= ORIGIN_BYTES_MAX
            && !origin.contains(|c: char| c < ' ');
        if !is_origin {
            return Err(malformed("its origin is empty, too long or holds control characters"));
        }
        if size.get() > TREE_SIZE_MAX {
            return Err(malformed("its size is too large").expected(TREE_SIZE_MAX, size));
        }
        if size.get() == 0 && root != crate::hash::empty_root() {
            return Err(
                malformed("an empty log has one root").expected(crate::hash::empty_root(), root)
            );
        }
        Ok(Self { origin: origin.to_owned(), size, root, extensions: Vec::new() })
    }

    /// Reads the text of a checkpoint, extension lines included.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`].
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > CHECKPOINT_BYTES_MAX {
            return Err(malformed("it is too long").expected(CHECKPOINT_BYTES_MAX, text.len()));
        }
        let body = text.strip_suffix('\n');
        let body = body.ok_or_else(|| malformed("it does not end in a newline"))?;
        let mut lines = body.split('\n');
        let mut next = || lines.next().ok_or_else(|| malformed("it has fewer than three lines"));
        let (origin, size, root) = (next()?, next()?, next()?);
        let size = decimal(size).ok_or_else(|| malformed("its second line is no size"))?;
        let root = armor::decode(root).and_then(|bytes| bytes.try_into().ok());
        let root = root.ok_or_else(|| malformed("its third line is no base64 of 32 bytes"))?;
        let mut checkpoint = Self::new(origin, TreeSize::new(size), Hash(root))?;
        for line in lines {
            if line.is_empty() || line.contains(|c: char| c < ' ') {
                return Err(malformed("an extension line is empty or holds control characters"));
            }
            checkpoint.extensions.push(line.to_owned());
        }
        Ok(checkpoint)
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Number of entries.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        self.size
    }

    /// Root of the tree over them.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.root
    }

    /// Lines behind the root, which only their writer understands.
    #[must_use]
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// Signs it. Several keys of the log's name are one log in the middle of a change of keys.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] for a key of another name; as [`Note::sign`] otherwise.
    pub fn sign(self, keys: &[&SigningKey]) -> Result<SignedCheckpoint> {
        let wanted = key_name_of(&self.origin);
        if let Some(stranger) = keys.iter().find(|key| key.name() != wanted) {
            return Err(Error::new(ErrorKind::Key, "the key has another name than the log")
                .expected(&wanted, stranger.name())
                .hint(format!("wmark keygen --name {wanted} makes one for this log")));
        }
        let note = Note::sign(self.to_string(), keys)?;
        Ok(SignedCheckpoint { checkpoint: self, note })
    }
}

/// The text that is signed.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = armor::encode(self.root.as_bytes());
        writeln!(f, "{}\n{}\n{root}", self.origin, self.size)?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A checkpoint with the note that carries it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

impl SignedCheckpoint {
    /// Takes a signed checkpoint apart. Nothing is verified here.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for anything that is not a note with a checkpoint in it.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > CHECKPOINT_BYTES_MAX {
            return Err(malformed("it is too long").expected(CHECKPOINT_BYTES_MAX, bytes.len()));
        }
        let note = Note::parse(bytes)?;
        Ok(Self { checkpoint: Checkpoint::parse(note.text())?, note })
    }

    /// Which of these keys vouch for it: at least one. Only keys that bear the log's name count.
    ///
    /// # Errors
    /// As [`Note::verify`]; [`ErrorKind::Key`] when none of the keys bears the log's name.
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<&'k VerifierKey>> {
        let wanted = key_name_of(&self.checkpoint.origin);
        if !keys.iter().any(|key| key.name() == wanted) {
            let found = keys.iter().map(VerifierKey::name).collect::<Vec<_>>().join(", ");
            return Err(Error::new(ErrorKind::Key, "the checkpoint is of another log")
                .expected(found, wanted));
        }
        let signers = self.note.verify(keys)?;
        let signers: Vec<_> = signers.into_iter().filter(|key| key.name() == wanted).collect();
        if signers.is_empty() {
            let message = "none of the log's own keys signed the checkpoint";
            return Err(Error::new(ErrorKind::ProofInvalid, message));
        }
        Ok(signers)
    }

    /// What it says. Believe it after [`SignedCheckpoint::verify`] only.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note that carries it.
    #[must_use]
    pub fn note(&self) -> &Note {
        &self.note
    }
}

/// The note.
impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.note, f)
    }
}
