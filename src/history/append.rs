//! Appending to the history: the one who holds its lock reads what was promised, and adds to it.

use super::scan::{self, Scanned};
use crate::error::{Error, ErrorKind, Result};
use crate::format::history::{HISTORY_NAME, encode};
use crate::limits::HISTORY_BYTES_MAX;
use crate::sign::SignedCheckpoint;
use crate::storage::{Access, Storage, StorageFile, WriterLock};
use crate::sync::Arc;

/// The right to append. Others wait until it is dropped.
pub(crate) struct Appender<'s> {
    storage: &'s dyn Storage,
    file: Arc<dyn StorageFile>,
    last: Option<SignedCheckpoint>,
    at: u64,
    _lock: WriterLock,
}

impl<'s> Appender<'s> {
    /// Waits for the lock, and reads what was recorded. What a crash cut off is set aside first.
    ///
    /// # Errors
    /// [`ErrorKind::Untrusted`] for a directory that others can write to; [`ErrorKind::Locked`] when
    /// somebody else signs for too long; [`ErrorKind::Corrupt`] when the history is damaged.
    pub(crate) fn open(storage: &'s dyn Storage) -> Result<Self> {
        if let Some(note) = storage.trust_notes().first() {
            return Err(Error::new(ErrorKind::Untrusted, note.clone())
                .at_file(storage.path_of(""))
                .hint("nobody signs for a log that others can rewrite"));
        }
        let lock = storage.lock_history()?;
        let file = match scan::open(storage, Access::Write)? {
            Some(file) => file,
            None => storage.create(HISTORY_NAME)?,
        };
        // Whoever appended before may have failed in its sync: only what is stored counts.
        file.drop_cache().map_err(|error| error.at_file(HISTORY_NAME))?;
        let (last, scanned) = scan::last_of(&*file)?;
        if let Some(flaw) = scanned.damage() {
            return Err(flaw.clone().into_error(HISTORY_NAME, 0).hint(
                "nothing is signed after damage: keep a copy, and restore the file from a backup",
            ));
        }
        if scanned.end < scanned.len {
            set_aside(storage, &*file, &scanned)?;
        }
        Ok(Self { storage, file, last, at: scanned.end, _lock: lock })
    }

    /// The checkpoint recorded last.
    pub(crate) fn last(&self) -> Option<&SignedCheckpoint> {
        self.last.as_ref()
    }

    /// Records a checkpoint.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] when the history is full, [`ErrorKind::NoSpace`],
    /// [`ErrorKind::Io`]: the checkpoint must not be published then.
    ///
    /// # Durability
    /// On return the record survives power loss.
    pub(crate) fn append(self, checkpoint: &SignedCheckpoint) -> Result<()> {
        let record = encode(&checkpoint.to_string());
        if self.at + record.len() as u64 > HISTORY_BYTES_MAX {
            let message = "the checkpoint history is full";
            return Err(Error::new(ErrorKind::TooLarge, message)
                .at_file(HISTORY_NAME)
                .hint("begin a new log that continues this one: `wmark init --continues`"));
        }
        let written = self.file.write_all_at(&record, self.at);
        written.map_err(|error| error.at_file(HISTORY_NAME))?;
        self.file.sync_all()?;
        // From here the record is there after a crash, if its file's name is.
        self.storage.sync_dir()
    }
}

/// Copies what a crash cut off to a file of its own, then cuts it from the history.
fn set_aside(storage: &dyn Storage, file: &dyn StorageFile, scanned: &Scanned) -> Result<()> {
    let len = usize::try_from(scanned.len - scanned.end).unwrap_or(usize::MAX);
    let mut bytes = vec![0u8; len];
    file.read_exact_at(&mut bytes, scanned.end)?;
    let stem = format!("quarantine-{HISTORY_NAME}-{}", scanned.end);
    let mut number = 1u32;
    let aside = loop {
        let name = match number {
            1 => format!("{stem}.bin"),
            number => format!("{stem}.{number}.bin"),
        };
        match storage.create(&name) {
            Ok(aside) => break aside,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    };
    aside.write_all_at(&bytes, 0)?;
    aside.sync_all()?;
    storage.sync_dir()?;
    // The bytes are safe; now they may leave the history.
    file.set_len(scanned.end)?;
    file.sync_all()
}
