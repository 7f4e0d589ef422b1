//! Files a command writes (`-o`): all of it or nothing, and never over an existing one unasked.
//!
//! ```text
//! temporary file beside it --write, sync--> rename --> sync the directory
//! ```
//!
//! A crash leaves the old state or the new one. Refusing an existing file happens in the rename
//! itself, so that two commands at once cannot both win.

use crate::errors::{Answer, Failure, USAGE};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file that appears when it is finished.
#[derive(Debug)]
pub(crate) struct AtomicFile {
    file: BufWriter<NamedTempFile>,
    path: PathBuf,
    force: bool,
}

/// Where the proofs of an export lie that has no room for them.
pub(crate) fn proofs_beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".proof.jsonl");
    PathBuf::from(name)
}

/// The directory that a file will appear in.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn exists(path: &Path) -> Failure {
    Failure::new(USAGE, "already_exists", format!("{} exists already", path.display()))
        .hint("name another file, or replace this one with --force")
}

impl AtomicFile {
    /// Begins a file that will appear at `path`; an existing one is replaced only with `force`.
    pub(crate) fn create(path: &Path, force: bool) -> Answer<Self> {
        if !force && path.symlink_metadata().is_ok() {
            return Err(exists(path));
        }
        let file = tempfile::Builder::new().prefix(".wmark-").tempfile_in(parent(path));
        let file = file.map_err(|error| Failure::io(&error, at("create", path)))?;
        Ok(Self { file: BufWriter::new(file), path: path.to_owned(), force })
    }

    /// Makes the file durable and gives it its name.
    pub(crate) fn finish(self) -> Answer<()> {
        let path = self.path;
        let failed = |error: &std::io::Error| Failure::io(error, at("write", &path));
        let file = self.file.into_inner().map_err(|error| failed(error.error()))?;
        file.as_file().sync_all().map_err(|error| failed(&error))?;
        if self.force {
            file.persist(&path).map_err(|error| failed(&error.error))?;
        } else {
            file.persist_noclobber(&path).map_err(|error| match error.error.kind() {
                std::io::ErrorKind::AlreadyExists => exists(&path),
                _ => failed(&error.error),
            })?;
        }
        let directory = File::open(parent(&path)).and_then(|directory| directory.sync_all());
        directory.map_err(|error| failed(&error))
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

fn at(verb: &str, path: &Path) -> String {
    format!("{verb} {}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str, force: bool) -> Answer<()> {
        let mut file = AtomicFile::create(path, force)?;
        file.write_all(text.as_bytes())?;
        file.finish()
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all_and_replaces_only_when_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("proof.json");
        let mut unfinished = AtomicFile::create(&path, false).unwrap();
        unfinished.write_all(b"half").unwrap();
        drop(unfinished);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        write(&path, "one", false).unwrap();
        assert!(write(&path, "two", false).is_err());
        // Somebody else was quicker between begin and end.
        let late = AtomicFile::create(&dir.path().join("other"), false).unwrap();
        std::fs::write(dir.path().join("other"), "quick").unwrap();
        assert!(late.finish().is_err());
        assert_eq!(std::fs::read_to_string(dir.path().join("other")).unwrap(), "quick");
        write(&path, "three", true).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "three");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
