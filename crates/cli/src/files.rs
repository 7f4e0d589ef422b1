//! Files that others give us: proofs, checkpoints, entries. Read up to a limit, and taken apart.

use crate::errors::{Answer, Failure};
use std::io::Read as _;
use std::path::Path;
use witnessmark::{SignedCheckpoint, StoredEntry, entry_from_json, limits};

/// Longest document: an entry at its limit, escaped, in hex and then in base64, and its hashes.
const DOCUMENT_BYTES_MAX: u64 = 2 * limits::EVIDENCE_BYTES_MAX as u64;

/// The text of a file, or of standard input for `-`.
pub(crate) fn text(path: &Path) -> Answer<String> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().take(DOCUMENT_BYTES_MAX).read_to_string(&mut text)
    } else {
        std::fs::File::open(path)
            .and_then(|file| file.take(DOCUMENT_BYTES_MAX).read_to_string(&mut text))
    };
    read.map_err(|error| Failure::io(&error, format_args!("read {}", path.display())))?;
    Ok(text)
}

/// A signed checkpoint, not verified.
pub(crate) fn checkpoint(path: &Path) -> Answer<SignedCheckpoint> {
    SignedCheckpoint::parse(text(path)?.as_bytes()).map_err(|error| of(path, error))
}

/// An entry with everything it was hashed from, not verified.
pub(crate) fn entry(path: &Path) -> Answer<StoredEntry> {
    entry_from_json(&text(path)?).map_err(|error| of(path, error))
}

fn of(path: &Path, error: witnessmark::Error) -> Failure {
    error.at_file(path.display().to_string()).into()
}
