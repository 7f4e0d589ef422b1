//! Judging: files and sidecar, and the log when it is at hand.
//!
//! Each file is judged line by line as the reference judges it, then by what the sidecar says of it,
//! then, line by entry, against the log.

use super::links::{Link, Links};
use super::open::{digest, lines, links_name, place, stem};
use crate::error::{ErrorKind, Result};
use crate::interop::{AgtEntry, FileVerifier, Judged};
use crate::sink::key::Secret;
use crate::sink::{Attachment, SinkReport};
use crate::storage::{FileKind, FsStorage, Storage};
use crate::types::Hash;
use crate::view::View;
use std::path::Path;

/// Judges the files of a sink without opening it for writing.
///
/// # Errors
/// [`ErrorKind::Key`] when the sidecar was signed with another key; [`ErrorKind::NotFound`] when
/// there is no such directory; [`ErrorKind::Io`].
pub fn verify_files(path: &Path, key: &Secret, log: Option<&Attachment<'_>>) -> Result<SinkReport> {
    let (parent, name) = place(path)?;
    judge(&FsStorage::open_reader(&parent)?, &name, key, log)
}

/// Walks along the log beside the lines.
struct Beside<'a> {
    log: Option<&'a Attachment<'a>>,
    next: u64,
    strangers: u32,
}

/// Lines that are not found in the log before comparing is given up: each costs a search.
const STRANGERS_MAX: u32 = 20;

impl Beside<'_> {
    fn compare(&mut self, place: &str, line: &AgtEntry, report: &mut SinkReport) -> Result<()> {
        let Some(log) = self.log.filter(|_| self.strangers < STRANGERS_MAX) else { return Ok(()) };
        let size = log.view.size().get();
        for index in self.next..size {
            let entry = log.view.entry(index.into())?;
            let wanted = AgtEntry::from(&entry);
            if wanted.entry_id != line.entry_id {
                continue;
            }
            self.skipped(index, log.view, report)?;
            self.next = index + 1;
            let found = AgtEntry {
                previous_hash: String::new(),
                content_hash: String::new(),
                signature: String::new(),
                ..line.clone()
            };
            if wanted != found {
                report.find(format!("{place}: the line differs from entry {index} of the log"));
            }
            return Ok(());
        }
        self.strangers += 1;
        report.find(format!("{place}: the log has no entry {:?} here", line.entry_id));
        if self.strangers == STRANGERS_MAX {
            report.note("the rest was not compared with the log".to_owned());
        }
        Ok(())
    }

    /// Tells the entries between the last line and this index.
    fn skipped(&self, index: u64, view: &View, report: &mut SinkReport) -> Result<()> {
        for missing in self.next..index {
            if view.entry(missing.into())?.is_system() {
                continue;
            }
            let dead = self.log.is_some_and(|log| log.set_aside.binary_search(&missing).is_ok());
            match dead {
                true => report.note(format!("entry {missing} is a dead letter")),
                false => report.find(format!("entry {missing} of the log has no line")),
            }
        }
        Ok(())
    }
}

pub(super) fn judge(
    storage: &FsStorage,
    name: &str,
    key: &Secret,
    log: Option<&Attachment<'_>>,
) -> Result<SinkReport> {
    let mut report = SinkReport::new();
    let links = match Links::read(storage, &links_name(name), key.bytes()) {
        Ok(links) => links,
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            report.find(error.to_string());
            None
        }
        Err(error) => return Err(error),
    };
    let is_known = links.is_some();
    let links = links.unwrap_or_default();
    let first = links.closed.first().map(|(link, ..)| link).or(links.open.as_ref());
    if let Some((log, link)) = log.zip(first) {
        let wanted = Hash(log.identity.log_id).to_hex();
        if link.log_id != wanted {
            report.find("the files hold entries of another log");
            return Ok(report);
        }
    }
    let mut beside = Beside { log, next: 0, strangers: 0 };
    let mut previous = String::new();
    for (link, ..) in &links.closed {
        judge_file(storage, &link.file, Some(link), &previous, key, &mut beside, &mut report)?;
        previous.clone_from(&link.last_content_hash);
    }
    let is_there = exists(storage, name)?;
    match (&links.open, is_there) {
        (Some(link), false) => {
            report.find(format!("{name} is missing: {} lines were in it", link.entries));
        }
        (link, true) => {
            let link = link.as_ref();
            judge_file(storage, name, link, &previous, key, &mut beside, &mut report)?;
        }
        (None, false) if is_known => {}
        (None, false) => report.note(format!("{name} is not there yet")),
    }
    if !is_known && is_there {
        let links = links_name(name);
        report.note(format!("there is no {links}: files that were lost or cut do not show"));
    }
    note_strangers(storage, name, &links, &mut report)?;
    if let Some(log) = log.filter(|_| is_known) {
        let end = log.next.get().min(log.view.size().get());
        if beside.strangers < STRANGERS_MAX {
            beside.skipped(end, log.view, &mut report)?;
        }
    }
    Ok(report)
}

fn exists(storage: &FsStorage, name: &str) -> Result<bool> {
    match storage.open(name, crate::storage::Access::Read) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Judges one file by itself, by its link, and beside the log.
fn judge_file(
    storage: &FsStorage,
    name: &str,
    link: Option<&Link>,
    previous: &str,
    key: &Secret,
    beside: &mut Beside<'_>,
    report: &mut SinkReport,
) -> Result<()> {
    if !exists(storage, name)? {
        let entries = link.map_or(0, |link| link.entries);
        report.find(format!("{name} is missing: {entries} lines were in it"));
        // What was in it is not told once more for each entry.
        beside.next = beside.next.max(link.map_or(0, |link| link.next));
        return Ok(());
    }
    let is_continuous = link.is_some_and(|link| link.is_continuous && link.sequence > 1);
    let adopted = link.map_or(0, |link| link.adopted);
    let mut verifier = FileVerifier::new(key.bytes());
    let mut entries = 0u64;
    lines(storage, name, 0, |line, is_whole| {
        let number = verifier.line_number() + 1;
        match verifier.judge(line) {
            Judged::Blank => {}
            // What no link covers may be a line that is being written right now.
            Judged::Unreadable(_) if !is_whole && link.is_some() => {}
            Judged::Unreadable(why) => {
                report.find(format!("{name}, line {number}: parse error: {why}"));
            }
            Judged::Entry(entry, errors) => {
                entries += 1;
                let goes_on = is_continuous && entries == 1 && entry.previous_hash == previous;
                let is_break = |error: &String| error.contains("chain break");
                for error in errors.iter().filter(|error| !(goes_on && is_break(error))) {
                    report.find(format!("{name}: {error}"));
                }
                if entries > adopted && link.is_some() {
                    beside.compare(&format!("{name}, line {number}"), &entry, report)?;
                }
            }
        }
        if !is_whole {
            report.note(format!(
                "{name}, line {number} has no line feed: a write is going on, or was cut short"
            ));
        }
        Ok(true)
    })?;
    report.checked += entries;
    match link {
        Some(link) => judge_by_link(storage, name, link, entries, report),
        None => Ok(()),
    }
}

/// Compares a file with what the sidecar says of it.
fn judge_by_link(
    storage: &FsStorage,
    name: &str,
    link: &Link,
    entries: u64,
    report: &mut SinkReport,
) -> Result<()> {
    match digest(storage, name, link.bytes)? {
        Some((_, found)) if found == link.sha256 => {}
        Some(_) => {
            report.find(format!("{name} is not what the sidecar says: its bytes were altered"))
        }
        None => report.find(format!(
            "{name} was cut: wanted {} lines in {} bytes, found {entries} lines",
            link.entries, link.bytes
        )),
    }
    if entries > link.entries {
        let more = entries - link.entries;
        match link.kind {
            super::LinkKind::Closed => report.find(format!("{name} has {more} lines too many")),
            super::LinkKind::Open => {
                report.note(format!("{name}: no link covers the last {more} lines yet"))
            }
        }
    }
    Ok(())
}

/// Files that look like ours and are in no link.
fn note_strangers(
    storage: &FsStorage,
    name: &str,
    links: &Links,
    report: &mut SinkReport,
) -> Result<()> {
    let prefix = format!("{}.", stem(name));
    for file in storage.list()? {
        let is_rotated = file.kind == FileKind::Regular
            && file.name != name
            && file.name.strip_prefix(&prefix).is_some_and(|rest| {
                let digits = rest.strip_suffix(".jsonl").unwrap_or_default();
                digits.starts_with(|c: char| c.is_ascii_digit())
            });
        if is_rotated && !links.closed.iter().any(|(link, ..)| link.file == file.name) {
            report.note(format!("{} is in no link: not a file of this sink", file.name));
        }
    }
    Ok(())
}
