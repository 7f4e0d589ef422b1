//! The HMAC key of the reference's files: from a file that only its owner can read.
//!
//! Invariant: the key is no argument and in no message, and a key that others can read is refused:
//! whoever has it can sign.

use crate::errors::{Answer, Failure, KEY};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Longest key file that is read.
const KEY_BYTES_MAX: u64 = 4096;

fn refused(path: &Path, what: impl std::fmt::Display) -> Failure {
    Failure::new(KEY, "key", format!("key file {}: {what}", path.display()))
}

/// Why a command that needs a key has none.
pub(crate) fn missing(why: &str) -> Failure {
    Failure::new(KEY, "key", format!("{why}: pass --hmac-key-file FILE"))
}

/// Reads the key, without one line feed at its end.
pub(crate) fn read(path: &Path) -> Answer<Vec<u8>> {
    let is_file = std::fs::metadata(path).map_err(|error| refused(path, error))?.is_file();
    if !is_file {
        return Err(refused(path, "not a regular file"));
    }
    let file = File::open(path).map_err(|error| refused(path, error))?;
    let mode = file.metadata().map_err(|error| refused(path, error))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let failure = refused(path, format_args!("others can get at it (mode {mode:04o})"));
        return Err(failure.hint(format!("chmod 600 {}", path.display())));
    }
    let mut key = Vec::new();
    file.take(KEY_BYTES_MAX + 1).read_to_end(&mut key).map_err(|error| refused(path, error))?;
    if key.last() == Some(&b'\n') {
        key.pop();
    }
    match key.len() as u64 {
        0 => Err(refused(path, "it is empty, and an empty key is none")),
        len if len > KEY_BYTES_MAX => Err(refused(path, "it is too long for a key")),
        _ => Ok(key),
    }
}
