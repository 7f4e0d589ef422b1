//! Places: where keys and memories lie outside of any log.
//!
//! ```text
//! keys      $XDG_DATA_HOME/witnessmark/keys      or ~/.local/share/witnessmark/keys
//! memories  $XDG_STATE_HOME/witnessmark          or ~/.local/state/witnessmark
//! ```
//!
//! Invariant: never inside a log directory, where whoever rewrites the log would find them.

use crate::errors::{Answer, Failure};
use std::ffi::OsString;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

fn below(variable: &str, home: &str) -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
    // The standard wants an absolute path and has anything else ignored.
    let place = set(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let place = place.or_else(|| set("HOME").map(|base| PathBuf::from(base).join(home)));
    place.map(|place| place.join("witnessmark"))
}

/// Where keys are kept when nobody says.
pub(crate) fn keys() -> Option<PathBuf> {
    below("XDG_DATA_HOME", ".local/share").map(|place| place.join("keys"))
}

/// Where it is remembered what this machine saw.
pub(crate) fn memories() -> Option<PathBuf> {
    below("XDG_STATE_HOME", ".local/state").map(|place| place.join("checkpoints"))
}

/// Creates a directory with what is missing above it, for this user alone.
pub(crate) fn create(directory: &Path) -> Answer<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(|error| Failure::io(&error, format_args!("create {}", directory.display())))
}

/// The log directory that this path lies in, if any.
pub(crate) fn log_around(path: &Path) -> Option<PathBuf> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new(".")).canonicalize().ok()?;
    let is_log = |place: &&Path| place.join(witnessmark::format::IDENTITY_NAME).exists();
    parent.ancestors().find(is_log).map(Path::to_owned)
}
