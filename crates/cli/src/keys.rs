//! Keys: read from files, and checked for where and how they lie.
//!
//! ```text
//! --key-file FILE   the secret: mode 0600, not inside a log, wiped from memory after use
//! --key KEY|FILE    the verifier key: name+hash+base64, or a file with that
//! ```
//!
//! Invariant: a secret stands in no argument, no message and no environment variable; those name a
//! file.

use crate::errors::{Answer, Failure, KEY};
use crate::places;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use witnessmark::sink::Secret;
use witnessmark::{ErrorKind, SigningKey, VerifierKey};

/// Longest key file that is read.
const KEY_BYTES_MAX: u64 = 4096;

fn refused(path: &Path, what: impl std::fmt::Display) -> Failure {
    let message = format!("key file {}: {what}", path.display());
    Failure::new(KEY, ErrorKind::Key.as_str(), message)
}

/// A small text file, which is no secret.
fn read(file: File, path: &Path) -> Answer<String> {
    let mut text = String::new();
    let read = file.take(KEY_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|error| refused(path, error))?;
    Ok(text)
}

/// Opens a regular file; anything else could make us wait.
fn open(path: &Path) -> Answer<File> {
    let is_file = std::fs::metadata(path).map_err(|error| refused(path, error))?.is_file();
    if !is_file {
        return Err(refused(path, "not a regular file"));
    }
    File::open(path).map_err(|error| refused(path, error))
}

/// Reads a signing key, and refuses one that others can read or that lies inside a log.
pub(crate) fn signing(path: &Path) -> Answer<SigningKey> {
    let secret = Secret::from_file(path)?;
    let real = path.canonicalize().map_err(|error| refused(path, error))?;
    if let Some(log) = places::log_around(&real) {
        let what = format!("it lies inside the log {}", log.display());
        return Err(refused(path, what)
            .hint("whoever can rewrite the log would find it: move it elsewhere"));
    }
    let text = std::str::from_utf8(secret.bytes()).map_err(|error| refused(path, error))?;
    SigningKey::parse(text).map_err(|error| refused(path, error.message()))
}

/// Why a command that needs an HMAC key has none.
pub(crate) fn no_hmac(why: &str) -> Failure {
    Failure::new(KEY, ErrorKind::Key.as_str(), format!("{why}: pass --hmac-key-file FILE"))
}

/// Reads the signing keys of these files: at least one.
pub(crate) fn all_signing(paths: &[std::path::PathBuf]) -> Answer<Vec<SigningKey>> {
    if paths.is_empty() {
        let message = "no signing key: pass --key-file FILE, or set WMARK_KEY_FILE";
        return Err(Failure::new(KEY, ErrorKind::Key.as_str(), message)
            .hint("`wmark keygen` makes one and says where it lies"));
    }
    paths.iter().map(|path| signing(path)).collect()
}

/// Reads a verifier key: the text itself, or a file that holds it.
pub(crate) fn verifier(given: &str) -> Answer<VerifierKey> {
    let path = Path::new(given);
    if !path.exists() {
        return Ok(given.parse()?);
    }
    let text = read(open(path)?, path)?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.parse().map_err(|error: witnessmark::Error| refused(path, error.message()))
}

/// Reads verifier keys, in the order given.
pub(crate) fn all_verifier(given: &[String]) -> Answer<Vec<VerifierKey>> {
    given.iter().map(|key| verifier(key)).collect()
}
