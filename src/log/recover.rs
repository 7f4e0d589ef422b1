//! Recovery, carried out: sets torn bytes aside, clears the tail, and makes sure that what is kept
//! is on the disk and not only in the page cache. The decision is [`crate::segment::recovery`]'s.

use crate::error::{Error, ErrorKind, Result};
use crate::format::group::{GROUP_HEADER_LEN, GroupHeader};
use crate::format::history::HISTORY_NAME;
use crate::format::parse_segment_name;
use crate::hash;
use crate::limits::{FOOTER_BYTES_MAX, UNSEALED_SEGMENTS_MAX};
use crate::query::Query;
use crate::segment::recovery::{Decision, Place, decide};
use crate::segment::scan::Scan;
use crate::segment::set::Found;
use crate::storage::{Access, DirEntry, FileKind, Storage, StorageFile};
use crate::types::Hash;
use crate::view::View;
use std::fmt;

/// Longest name of a quarantine file that is looked at.
const NAME_LEN_MAX: usize = 64;
/// Most quarantine files that one open puts on record; the next one goes on.
const QUARANTINE_FILES_MAX: usize = 1000;

/// What opening a log had to set aside.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RecoveryReport {
    /// The segment that ended in a torn write.
    pub segment: String,
    /// Where its last valid group ends.
    pub offset: u64,
    /// Bytes set aside. Nothing that is left says that they were acknowledged: what a crash leaves of
    /// a write, or, if the disk damaged it before the next group vouched for it, the last group.
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
            "{segment} ended in {bytes} bytes of a write that nothing vouches for (from byte {offset}: \
             {reason}); they were set aside in {quarantine}"
        )
    }
}

/// The data of the recovery entries that the log does not hold yet: of `report`, and of every
/// quarantine file that no entry names, because a crash came between the two.
///
/// Without quarantine files, the usual case, nothing is read.
pub(crate) fn missing_records(
    storage: &dyn Storage,
    view: &View,
    report: Option<&RecoveryReport>,
) -> Result<Vec<String>> {
    let files = storage.list()?;
    let set_aside = |name: &str| {
        name.starts_with("quarantine-") && name.ends_with(".bin") && name.len() <= NAME_LEN_MAX
    };
    let mut names: Vec<String> =
        files.into_iter().map(|file| file.name).filter(|name| set_aside(name)).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let query = Query::new().event_type("witnessmark.recovery").system(true).limit(0);
    for entry in view.query(&query)?.entries {
        let data = entry.data_text().and_then(|text| serde_json::from_str(text).ok());
        let data: serde_json::Value = data.unwrap_or_default();
        let named = data.get("quarantine").and_then(|name| name.as_str()).unwrap_or_default();
        names.retain(|name| name != named);
    }
    names.truncate(QUARANTINE_FILES_MAX);
    let mut records = Vec::with_capacity(names.len());
    for name in names {
        match report.filter(|report| report.quarantine == name) {
            Some(report) => records.push(report.to_json()),
            None => records.push(late_record(storage, name)?.to_json()),
        }
    }
    Ok(records)
}

/// What can still be said about bytes that an earlier recovery set aside.
fn late_record(storage: &dyn Storage, quarantine: String) -> Result<RecoveryReport> {
    let stem = quarantine.trim_start_matches("quarantine-");
    let (segment, rest) = stem.split_once('-').unwrap_or((stem, ""));
    let offset = rest.split('.').next().and_then(|digits| digits.parse().ok());
    let file = storage.open(&quarantine, Access::Read)?;
    let bytes = file.len()?;
    Ok(RecoveryReport {
        segment: format!("{segment}.seg"),
        offset: offset.unwrap_or(0),
        bytes,
        digest: digest(&*file, bytes).map_err(|error| error.at_file(&*quarantine))?,
        quarantine,
        reason: "set aside by a recovery that was interrupted before it was on record".to_owned(),
    })
}

fn digest(file: &dyn StorageFile, len: u64) -> Result<Hash> {
    let mut hasher = hash::SealHasher::new();
    let mut buffer = vec![0u8; 1 << 20];
    let mut at = 0;
    while at < len {
        let got = file.read_at(&mut buffer, at)?;
        if got == 0 {
            break;
        }
        hasher.update(buffer.get(..got).unwrap_or_default());
        at += got as u64;
    }
    Ok(hasher.finish())
}

/// Refuses a log that is shorter than the checkpoint it signed last: entries that somebody may hold
/// proofs of are gone, and appending in their place would make another history.
pub(crate) fn check_promised(storage: &dyn Storage, size: u64) -> Result<()> {
    let last = match crate::history::last(storage) {
        Ok((last, _)) => last,
        // What is wrong with the history itself stops signing, not appending.
        Err(error) if error.kind() == ErrorKind::Corrupt => None,
        Err(error) => return Err(error),
    };
    match last.map(|last| last.checkpoint().size().get()) {
        Some(promised) if promised > size => {
            Err(Error::new(ErrorKind::Corrupt, "the log is shorter than its last checkpoint")
                .at_file(HISTORY_NAME)
                .expected(format_args!("at least {promised} entries"), size)
                .hint(
                    "nothing is written: restore the missing segments, or begin a new log that \
                       continues this one (`wmark init --continues`)",
                ))
        }
        _ => Ok(()),
    }
}

/// Has the segments that recovery builds on read from the medium: the active one, the one before it,
/// and the one sealed last, whose footer may not have been synced.
///
/// Where a sync failed in this boot, the page cache may show what the disk does not have. Writing
/// that again, which is done below, is not enough on ext4 in blocks that were reserved and never
/// written: the cache takes them for written, and after the next crash they are zeros again. A log
/// that was closed had every sync succeed, and keeps its cache.
pub(crate) fn read_from_medium(storage: &dyn Storage) -> Result<()> {
    let is_segment = |file: &DirEntry| {
        file.kind == FileKind::Regular && parse_segment_name(&file.name).is_some()
    };
    let segments: Vec<DirEntry> = storage.list()?.into_iter().filter(is_segment).collect();
    for DirEntry { name, .. } in segments.iter().rev().take(UNSEALED_SEGMENTS_MAX + 1) {
        match storage.open(name, Access::Write) {
            Ok(file) if was_closed(&*file)? => {}
            Ok(file) => file.drop_cache().map_err(|error| error.at_file(&**name))?,
            // It was made read-only, which comes after the sync.
            Err(error) if is_denied(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether a segment ends in the empty group that closing leaves, without room behind it: cutting
/// that off comes after all of it was synced.
fn was_closed(file: &dyn StorageFile) -> Result<bool> {
    let mut last = [0u8; GROUP_HEADER_LEN];
    let Some(at) = file.len()?.checked_sub(GROUP_HEADER_LEN as u64) else { return Ok(false) };
    file.read_exact_at(&mut last, at)?;
    let Some(nonce) = GroupHeader::nonce_of(&last) else { return Ok(false) };
    Ok(GroupHeader::decode(&last, nonce).is_ok_and(|(header, _)| header.count == 0))
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

/// Copies torn bytes into a quarantine file, which has its name once it is whole and durable.
fn set_aside(storage: &dyn Storage, name: &str, offset: u64, torn: &[u8]) -> Result<String> {
    let stem = name.trim_end_matches(".seg");
    let taken: Vec<String> = storage.list()?.into_iter().map(|file| file.name).collect();
    let mut target = format!("quarantine-{stem}-{offset}.bin");
    let mut attempt = 1;
    while taken.contains(&target) {
        // A recovery that crashed before it cleared the tail has set the same bytes aside already.
        let held = storage.open(&target, Access::Read)?;
        if held.len()? == torn.len() as u64
            && digest(&*held, torn.len() as u64)?.0 == hash::seal(torn).0
        {
            return Ok(target);
        }
        attempt += 1;
        target = format!("quarantine-{stem}-{offset}.{attempt}.bin");
    }
    let temporary = format!("{target}.tmp");
    if taken.contains(&temporary) {
        storage.remove(&temporary)?;
    }
    let file = storage.create(&temporary)?;
    file.write_all_at(torn, 0)?;
    file.sync_all()?;
    storage.rename(&temporary, &target, false)?;
    storage.sync_dir()?;
    Ok(target)
}

/// Writes the footer of the youngest sealed segment again: the process that sealed it may have
/// died, or failed, in its sync, and then only the page cache has it.
pub(crate) fn write_footer_again(
    storage: &dyn Storage,
    segment: &Found,
    data_end: u64,
) -> Result<()> {
    let name = segment.name();
    let file = match storage.open(&name, Access::Write) {
        Ok(file) => file,
        // It was made read-only, which comes after the sync.
        Err(error) if is_denied(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    let at_name = |error: Error| error.at_file(&*name);
    let len = segment.len.saturating_sub(data_end).min(FOOTER_BYTES_MAX);
    let mut footer = vec![0u8; usize::try_from(len).unwrap_or(0)];
    file.read_exact_at(&mut footer, data_end).map_err(at_name)?;
    file.write_all_at(&footer, data_end).map_err(at_name)?;
    file.set_len(segment.len).map_err(at_name)?;
    file.sync_all().map_err(at_name)?;
    file.set_read_only().map_err(at_name)
}

/// Refuses a segment that was sealed, since it is read-only, and has no whole footer any more.
pub(crate) fn check_can_be_sealed_again(name: &str, scan: &Scan, place: Place) -> Result<()> {
    if matches!(decide(scan, place), Decision::Refuse(_)) {
        return Ok(()); // which names the entries that are missing or damaged
    }
    let message = "the segment is read-only, so it was sealed, but its footer is damaged";
    let hint = "all its entries are there: allow yourself to write it (chmod 0600), and opening \
                writes the footer again";
    Err(Error::new(ErrorKind::Corrupt, message).at_file(name).at_offset(scan.end).hint(hint))
}

/// Whether the operating system does not let this process write.
pub(crate) fn is_denied(error: &Error) -> bool {
    let source = std::error::Error::source(error);
    let source = source.and_then(|source| source.downcast_ref::<std::io::Error>());
    source.is_some_and(|source| source.kind() == std::io::ErrorKind::PermissionDenied)
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
