//! Recovery, carried out: sets torn bytes aside, clears the tail, and makes sure that what is kept
//! is on the disk and not only in the page cache. The decision is [`crate::segment::recovery`]'s.

use crate::error::{Error, ErrorKind, Result};
use crate::hash;
use crate::segment::recovery::{Decision, Place, decide};
use crate::segment::scan::Scan;
use crate::segment::set::Found;
use crate::storage::{Storage, StorageFile};
use crate::types::Hash;
use std::fmt;

/// What opening a log had to set aside.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RecoveryReport {
    /// The segment that ended in a torn write.
    pub segment: String,
    /// Where its last valid group ends.
    pub offset: u64,
    /// Bytes set aside; none of them was ever acknowledged.
    pub bytes: u64,
    /// BLAKE3 of these bytes.
    pub digest: Hash,
    /// The file they were set aside in.
    pub quarantine: String,
    /// Why they are not a group.
    pub reason: String,
}

impl RecoveryReport {
    /// The report as the data of a system entry.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::json!({
            "segment": self.segment,
            "offset": self.offset,
            "bytes": self.bytes,
            "blake3": self.digest.to_hex(),
            "quarantine": self.quarantine,
            "reason": self.reason,
        })
        .to_string()
    }
}

impl fmt::Display for RecoveryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segment, offset, bytes, quarantine, reason, .. } = self;
        write!(
            f,
            "{segment} ended in {bytes} bytes of a write that was never acknowledged (from byte \
             {offset}: {reason}); they were set aside in {quarantine}"
        )
    }
}

/// Decides and does what was decided, but for the system entry.
pub(crate) fn carry_out(
    storage: &dyn Storage,
    file: &dyn StorageFile,
    name: &str,
    bytes: &[u8],
    scan: &Scan,
    place: Place,
) -> Result<Option<RecoveryReport>> {
    match decide(scan, place) {
        Decision::Keep => {
            write_again(file, name, bytes, scan)?;
            Ok(None)
        }
        Decision::Quarantine { from, to, flaw } => {
            let torn = slice(bytes, from, to);
            let report = RecoveryReport {
                segment: name.to_owned(),
                offset: from,
                bytes: torn.len() as u64,
                digest: hash::seal(torn),
                quarantine: set_aside(storage, name, from, torn)?,
                reason: flaw.to_string(),
            };
            // The torn bytes are safe elsewhere; now they may go from here.
            file.write_all_at(&vec![0u8; torn.len()], from).map_err(|e| e.at_file(name))?;
            write_again(file, name, bytes, scan)?;
            Ok(Some(report))
        }
        Decision::Refuse(flaw) => {
            let hint = "acknowledged entries are damaged, so nothing is written or deleted: \
                        `wmark verify` says what is affected, reading the rest still works";
            Err(flaw.into_error(name, 0).at_index(scan.size).hint(hint))
        }
    }
}

fn slice(bytes: &[u8], from: u64, to: u64) -> &[u8] {
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    let to = usize::try_from(to).unwrap_or(usize::MAX);
    bytes.get(from..to).unwrap_or_default()
}

/// Writes the bytes that no group vouches for back where they came from and syncs: after a failed
/// sync in the same boot the page cache may show what the disk does not have.
fn write_again(file: &dyn StorageFile, name: &str, bytes: &[u8], scan: &Scan) -> Result<()> {
    let from = scan.unvouched_from();
    file.write_all_at(slice(bytes, from, scan.end), from).map_err(|e| e.at_file(name))?;
    file.sync_all().map_err(|error| error.at_file(name))
}

fn set_aside(storage: &dyn Storage, name: &str, offset: u64, torn: &[u8]) -> Result<String> {
    let stem = name.trim_end_matches(".seg");
    let taken: Vec<String> = storage.list()?.into_iter().map(|file| file.name).collect();
    let mut target = format!("quarantine-{stem}-{offset}.bin");
    let mut attempt = 1;
    while taken.contains(&target) {
        attempt += 1;
        target = format!("quarantine-{stem}-{offset}.{attempt}.bin");
    }
    let file = storage.create(&target)?;
    file.write_all_at(torn, 0)?;
    file.sync_all()?;
    storage.sync_dir()?;
    Ok(target)
}

/// Refuses a log whose last segment is sealed: a sealed segment always has a successor.
pub(crate) fn check_has_successor(segment: &Found, is_last: bool) -> Result<()> {
    if !is_last {
        return Ok(());
    }
    let message = "the last segment is sealed, so one that followed is missing";
    Err(Error::new(ErrorKind::Corrupt, message)
        .at_file(segment.name())
        .hint("restore the missing segment from a backup"))
}
