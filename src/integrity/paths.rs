//! Paths: which ones a manifest or a deployment may name, and reading what lies beneath a root.

use crate::error::{Error, ErrorKind, Result};
use crate::limits::PATH_BYTES_MAX;
use rustix::fs::OFlags;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Refuses everything but a relative path that stays beneath where it begins.
pub(crate) fn check_relative(path: &str) -> Result<()> {
    let is_plain = |part: &str| !matches!(part, "" | "." | "..");
    if path.len() <= PATH_BYTES_MAX && !path.contains('\0') && path.split('/').all(is_plain) {
        return Ok(());
    }
    let shown: String = path.chars().take(80).collect();
    let message = format!("path {shown:?} may lead out of its root");
    Err(Error::new(ErrorKind::Untrusted, message).expected("a relative path without `..`", "this"))
}

/// The path beneath a root, none of its steps a link.
pub(super) fn beneath(root: &Path, relative: &str) -> Result<PathBuf> {
    check_relative(relative)?;
    let mut path = root.to_owned();
    for part in relative.split('/') {
        path.push(part);
        let metadata = path.symlink_metadata();
        let metadata = metadata.map_err(|error| Error::io(error, "look at", relative))?;
        if metadata.is_symlink() {
            return Err(Error::new(ErrorKind::Untrusted, "a symbolic link").at_file(relative));
        }
    }
    Ok(path)
}

/// Opens a regular file without following a link, and without waiting for a pipe.
pub(super) fn open(path: &Path, shown: &str) -> Result<(File, u64)> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = File::options().read(true).custom_flags(flags).open(path);
    let file = file.map_err(|error| Error::io(error, "open", shown))?;
    let metadata = file.metadata().map_err(|error| Error::io(error, "look at", shown))?;
    if !metadata.is_file() {
        return Err(Error::new(ErrorKind::Untrusted, "not a regular file").at_file(shown));
    }
    Ok((file, metadata.len()))
}

fn read_whole(path: &Path, shown: &str, bytes_max: u64) -> Result<Vec<u8>> {
    let (file, len) = open(path, shown)?;
    let too_large = || {
        let error = Error::new(ErrorKind::TooLarge, "the file is too large").at_file(shown);
        error.expected(format_args!("at most {bytes_max} bytes"), "more")
    };
    if len > bytes_max {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let read = file.take(bytes_max + 1).read_to_end(&mut bytes);
    read.map_err(|error| Error::io(error, "read", shown))?;
    // It may have grown since its length was asked for.
    if bytes.len() as u64 > bytes_max { Err(too_large()) } else { Ok(bytes) }
}

/// A file that the operator named: links on the way are his.
pub(crate) fn read_file(path: &Path, bytes_max: u64) -> Result<Vec<u8>> {
    let shown = path.display().to_string();
    let real = path.canonicalize().map_err(|error| Error::io(error, "open", &shown))?;
    read_whole(&real, &shown, bytes_max)
}

/// A file that a document named, beneath a directory.
pub(crate) fn read_beneath(root: &Path, relative: &str, bytes_max: u64) -> Result<Vec<u8>> {
    read_whole(&beneath(root, relative)?, relative, bytes_max)
}
