//! Repair: what can be mended without touching a single acknowledged byte.
//!
//! Side files are made again; leftovers of an interrupted writer are removed; a torn tail is set
//! aside, as opening does. Damage to acknowledged data is not repaired, it is named: restore the
//! file from a backup, or begin a new log that continues this one.

use super::Options;
use crate::error::{ErrorKind, Result};
use crate::format::{index_name, nodes_name, parse_name, parse_segment_name};
use crate::storage::{FsStorage, Storage};
use std::path::Path;

/// How to repair.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RepairOptions {
    /// Only say what would be done; the default.
    pub dry_run: bool,
}

impl Default for RepairOptions {
    fn default() -> Self {
        Self { dry_run: true }
    }
}

impl RepairOptions {
    /// Really do it.
    #[must_use]
    pub fn for_real() -> Self {
        Self { dry_run: false }
    }
}

/// What was found, and done or to be done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct RepairReport {
    /// What was (or would be) mended, in words, one step each.
    pub actions: Vec<String>,
    /// What cannot be mended, in words.
    pub refused: Vec<String>,
}

/// Looks at a log directory and mends what can be mended.
///
/// # Errors
/// [`ErrorKind::Locked`] when another process writes; as [`Options::open`] otherwise. Damage to
/// acknowledged data is not an error but [`RepairReport::refused`].
pub fn repair(dir: impl AsRef<Path>, options: RepairOptions) -> Result<RepairReport> {
    let storage = FsStorage::open_writer(dir.as_ref())?;
    let mut report = RepairReport::default();
    plan_files(&storage, &mut report)?;
    if options.dry_run {
        plan_tail(&storage, &mut report)?;
        return Ok(report);
    }
    for name in side_files_to_remove(&storage)? {
        storage.remove(&name)?;
    }
    match Options::directory(dir.as_ref()).create(false).open() {
        Ok(log) => {
            if let Some(recovery) = log.recovery() {
                report.actions.push(recovery.to_string());
            }
            log.close()?;
        }
        Err(error) if error.kind() == ErrorKind::Corrupt => report.refused.push(error.to_string()),
        Err(error) => return Err(error),
    }
    Ok(report)
}

fn plan_files(storage: &FsStorage, report: &mut RepairReport) -> Result<()> {
    let names: Vec<String> = storage.list()?.into_iter().map(|file| file.name).collect();
    let last = names.iter().filter_map(|name| parse_segment_name(name)).max();
    for first_index in names.iter().filter_map(|name| parse_segment_name(name)) {
        if Some(first_index) == last {
            continue; // the last segment has no side files
        }
        for name in [nodes_name(first_index), index_name(first_index)] {
            if !names.contains(&name) {
                report.actions.push(format!("make {name} again from its segment"));
            }
        }
    }
    for name in side_files_to_remove(storage)? {
        report.actions.push(format!("remove {name}, it is damaged or belongs to no segment"));
    }
    for name in super::open::leftovers(storage)? {
        report.actions.push(format!("remove {name}, left behind by an interrupted writer"));
    }
    Ok(())
}

/// Side files whose digest is wrong or whose segment is not there.
fn side_files_to_remove(storage: &FsStorage) -> Result<Vec<String>> {
    let files = storage.list()?;
    let has = |name: &str| files.iter().any(|file| file.name == name);
    let mut names = Vec::new();
    for file in &files {
        let first = parse_name(&file.name, ".nodes").or_else(|| parse_name(&file.name, ".index"));
        let Some(first_index) = first else { continue };
        let is_orphan = !has(&crate::format::segment_name(first_index));
        let digest_ok = || -> Result<bool> {
            let region = storage.map(&file.name)?;
            let Some(split) = region.len().checked_sub(32) else { return Ok(false) };
            let (covered, digest) = region.split_at(split);
            Ok(crate::hash::seal(covered).0 == digest)
        };
        if is_orphan || !digest_ok()? {
            names.push(file.name.clone());
        }
    }
    Ok(names)
}

fn plan_tail(storage: &FsStorage, report: &mut RepairReport) -> Result<()> {
    use crate::segment::recovery::{Decision, Place, decide};
    let identity = super::open::read_identity(storage)?;
    let segments = match crate::segment::set::load(storage, &identity.log_id) {
        Ok(segments) => segments,
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            report.refused.push(error.to_string());
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    for (position, found) in segments.iter().enumerate().filter(|(_, s)| s.footer.is_none()) {
        let name = found.name();
        let file = storage.open(&name, crate::storage::Access::Read)?;
        let mut bytes = vec![0u8; found.len_to_scan()?];
        file.read_exact_at(&mut bytes, 0)?;
        let scan = crate::segment::scan::scan(&bytes, &found.header, |_| {});
        let scan = scan.map_err(|flaw| flaw.into_error(&*name, 0))?;
        let next = segments.get(position + 1).map(|next| next.header.first_index);
        match decide(&scan, next.map_or(Place::Last, Place::Followed)) {
            Decision::Keep => {}
            Decision::Quarantine { from, to, flaw } => report.actions.push(format!(
                "set {} bytes of a torn write aside ({name} from byte {from}: {flaw})",
                to - from
            )),
            Decision::Refuse(flaw) => report.refused.push(flaw.into_error(name, 0).to_string()),
        }
    }
    Ok(())
}
