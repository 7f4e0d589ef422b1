//! Walking a root: every file and link beneath it, no link followed, and their digests.

use super::manifest::FileDigest;
use super::paths::open;
use crate::error::{Error, ErrorKind, Result};
use crate::hash::FileHasher;
use crate::limits::{INTEGRITY_DEPTH_MAX, INTEGRITY_FILES_MAX};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Bytes of a file that are hashed at once.
const PIECE: usize = 256 << 10;

/// What lies beneath a root, by path from it.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) files: BTreeMap<String, PathBuf>,
    /// Links, and the text they hold.
    pub(super) links: BTreeMap<String, String>,
    /// Pipes, sockets, devices, and names that are not UTF-8.
    pub(super) others: BTreeSet<String>,
}

/// Device and number of a file, whatever its name.
pub(super) type FileId = (u64, u64);

/// Which file this is; `None` when there is none.
pub(super) fn file_id(path: &Path) -> Option<FileId> {
    path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Everything beneath a root but one file, the manifest itself.
pub(super) fn walk(root: &Path, without: Option<FileId>) -> Result<Walked> {
    let mut walked = Walked::default();
    let mut open = vec![(root.to_owned(), String::new(), 0)];
    let mut count = 0;
    while let Some((dir, prefix, depth)) = open.pop() {
        let shown = || if prefix.is_empty() { "the root".to_owned() } else { prefix.clone() };
        let failed = |error| Error::io(error, "list", shown());
        if depth > INTEGRITY_DEPTH_MAX {
            let error = Error::new(ErrorKind::TooLarge, "directories are nested too deeply");
            return Err(error.at_file(shown()));
        }
        for found in std::fs::read_dir(&dir).map_err(failed)? {
            let found = found.map_err(failed)?;
            count += 1;
            if count > INTEGRITY_FILES_MAX {
                return Err(Error::new(ErrorKind::TooLarge, "the root holds too many files")
                    .expected(format_args!("at most {INTEGRITY_FILES_MAX}"), "more"));
            }
            let name = found.file_name();
            let is_text = name.to_str().is_some();
            let relative = format!("{prefix}{}", name.to_string_lossy());
            let kind = found.file_type().map_err(failed)?;
            if !is_text {
                walked.others.insert(relative);
            } else if kind.is_dir() {
                open.push((found.path(), format!("{relative}/"), depth + 1));
            } else if kind.is_symlink() {
                let target = std::fs::read_link(found.path()).map_err(failed)?;
                walked.links.insert(relative, target.to_string_lossy().into_owned());
            } else if !kind.is_file() {
                walked.others.insert(relative);
            } else if without.is_none() || file_id(&found.path()) != without {
                walked.files.insert(relative, found.path());
            }
        }
    }
    Ok(walked)
}

/// Both digests of a file.
pub(super) fn digest(path: &Path, shown: &str) -> Result<FileDigest> {
    let (mut file, _) = open(path, shown)?;
    let mut hasher = FileHasher::new();
    let mut piece = vec![0; PIECE];
    loop {
        let read = match file.read(&mut piece) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            read => read.map_err(|error| Error::io(error, "read", shown))?,
        };
        if read == 0 {
            let (sha256, blake3, bytes) = hasher.finish();
            return Ok(FileDigest { sha256: sha256.to_hex(), blake3: blake3.to_hex(), bytes });
        }
        hasher.update(piece.get(..read).unwrap_or_default());
    }
}
