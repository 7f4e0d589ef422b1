//! Memory: the last checkpoint of a log that this machine saw and found kept.
//!
//! ```text
//! $XDG_STATE_HOME/witnessmark/checkpoints/<SHA-256 of the log's name>.json
//! load --> what the log must still answer for           remember --> replaced whole, never backwards
//! ```
//!
//! The first time there is nothing to compare with, and the log is believed: trust on first use.
//! From then on a rollback, a cut or another history is noticed, whatever the directory says. The
//! name comes from the key the auditor trusts and not from the log.

use crate::atomic::AtomicFile;
use crate::errors::{Answer, Failure, UNDECIDED};
use crate::places;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use witnessmark::{Hash, SignedCheckpoint, VerifierKey, hash, limits};

const SCHEMA: &str = "wmark.memory/1";

/// What was seen.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Memory {
    schema: String,
    origin: String,
    /// When, in UTC.
    pub(crate) seen_at: String,
    checkpoint: String,
}

impl Memory {
    /// The checkpoint; from our own file, but parsed as carefully as any.
    pub(crate) fn checkpoint(&self) -> Answer<SignedCheckpoint> {
        Ok(SignedCheckpoint::parse(self.checkpoint.as_bytes())?)
    }
}

fn place(key: &VerifierKey) -> Option<PathBuf> {
    let name = hash::sha256(key.name().as_bytes());
    places::memories().map(|place| place.join(format!("{name}.json")))
}

fn read(path: &Path) -> Answer<Option<Memory>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::io(&error, format_args!("read {}", path.display()))),
    };
    let mut text = String::new();
    let most = 2 * limits::CHECKPOINT_BYTES_MAX as u64;
    let damaged = |why: &dyn std::fmt::Display| {
        let message =
            format!("what this machine remembers cannot be read: {}: {why}", path.display());
        Failure::new(UNDECIDED, "corrupt", message)
            .hint("remove the file to begin afresh, or pass --no-memory")
    };
    file.take(most).read_to_string(&mut text).map_err(|error| damaged(&error))?;
    let memory: Memory = serde_json::from_str(&text).map_err(|error| damaged(&error))?;
    if memory.schema != SCHEMA || SignedCheckpoint::parse(memory.checkpoint.as_bytes()).is_err() {
        return Err(damaged(&"it holds no checkpoint"));
    }
    Ok(Some(memory))
}

/// What was seen of the log that this key speaks for; `None` the first time.
pub(crate) fn load(key: &VerifierKey) -> Answer<Option<Memory>> {
    match place(key) {
        Some(path) => read(&path),
        None => Ok(None),
    }
}

/// Remembers a checkpoint that was verified, unless a later one is known. Returns whether there is
/// a place to remember it.
pub(crate) fn remember(key: &VerifierKey, signed: &SignedCheckpoint, now: &str) -> Answer<bool> {
    let Some(path) = place(key) else { return Ok(false) };
    let directory = path.parent().unwrap_or(Path::new("."));
    places::create(directory)?;
    let lock_path = path.with_extension("lock");
    let failed =
        |error: &std::io::Error| Failure::io(error, format_args!("lock {}", lock_path.display()));
    let lock = File::options().create(true).truncate(false).write(true).open(&lock_path);
    let lock = lock.map_err(|error| failed(&error))?;
    lock.lock().map_err(|error| failed(&error))?;
    let known = read(&path)?.map(|memory| memory.checkpoint()).transpose()?;
    let size = signed.checkpoint().size();
    if known.is_some_and(|known| known.checkpoint().size() > size) {
        return Ok(true);
    }
    let memory = Memory {
        schema: SCHEMA.to_owned(),
        origin: signed.checkpoint().origin().to_owned(),
        seen_at: now.to_owned(),
        checkpoint: signed.to_string(),
    };
    let text = serde_json::to_string_pretty(&memory).map_err(std::io::Error::from)?;
    let mut file = AtomicFile::create(&path, true)?;
    writeln!(file, "{text}")?;
    file.finish()?;
    Ok(true)
}

/// Size and root, as anchors are told.
pub(crate) fn head(signed: &SignedCheckpoint) -> (Hash, u64) {
    (signed.checkpoint().root(), signed.checkpoint().size().get())
}
