//! The survey: which files there are, whose log they say they are, and who is writing.

use super::live;
use super::report::{Cause, Finding};
use super::rooms::Rooms;
use super::segment::Task;
use super::words::Words;
use crate::error::{Error, ErrorKind, Result};
use crate::format::footer::Footer;
use crate::format::history::HISTORY_NAME;
use crate::format::identity::{IDENTITY_LEN_MAX, Identity};
use crate::format::{
    IDENTITY_NAME, SPARE_NAME, UNKNOWN_VERSION, parse_name, parse_segment_name, segment_name,
};
use crate::limits::{SEGMENTS_MAX, TREE_SIZE_MAX};
use crate::storage::{Access, DirEntry, FileKind, Storage};
use crate::types::TreeSize;
use std::collections::{BTreeMap, BTreeSet};

const LOCK_NAME: &str = "log.lock";
const SINKS_NAME: &str = "sinks";
/// Times the directory is listed again because the last segment was sealed meanwhile.
const LISTINGS_MAX: usize = 5;

/// What is there.
pub(super) struct Survey {
    /// Its values and its bytes.
    pub(super) identity: Option<(Identity, Vec<u8>)>,
    pub(super) tasks: Vec<Task>,
    /// Bytes to read.
    pub(super) bytes: u64,
    pub(super) is_live: bool,
    pub(super) findings: Vec<Finding>,
    pub(super) notes: Words,
}

impl Survey {
    pub(super) fn of(storage: &dyn Storage, anchor: TreeSize, rooms: &Rooms) -> Result<Self> {
        let mut findings = Vec::new();
        let mut notes = Words::default();
        notes.extend(storage.trust_notes());
        let identity = read_identity(storage, &mut findings);
        // Whether somebody writes is asked first: a writer that comes later only adds.
        let is_live = storage.writer_present();
        let list = || storage.list_at_most(rooms.files_max());
        let mut files = list()?;
        let mut tasks = tasks(&files)?;
        if is_live {
            notes.push("a writer is at work: only what it has synced was judged".to_owned());
            for _ in 0..LISTINGS_MAX {
                let Some(last) = tasks.last_mut() else { break };
                last.live_end = live_end(storage, last.first_index, anchor).unwrap_or(None);
                if last.live_end.is_some() {
                    break;
                }
                files = list()?;
                tasks = self::tasks(&files)?;
            }
        }
        if tasks.is_empty() && identity.is_some() {
            notes
                .push("there is no segment: an empty log, or one that lost all of them".to_owned());
        }
        note_files(&files, &tasks, &mut notes);
        let is_read = |name: &str| {
            let stem = parse_segment_name(name)
                .or_else(|| parse_name(name, ".nodes"))
                .or_else(|| parse_name(name, ".index"));
            stem.is_some_and(|first| tasks.binary_search_by_key(&first, |t| t.first_index).is_ok())
        };
        let bytes = files.iter().filter(|file| is_read(&file.name)).map(|file| file.len).sum();
        Ok(Self { identity, tasks, bytes, is_live, findings, notes })
    }
}

/// The origin in the identity file, when that can be read.
pub(super) fn origin(storage: &dyn Storage) -> Option<String> {
    read_identity(storage, &mut Vec::new()).map(|(identity, _)| identity.origin)
}

fn read_identity(
    storage: &dyn Storage,
    findings: &mut Vec<Finding>,
) -> Option<(Identity, Vec<u8>)> {
    let read = || -> Result<Option<Vec<u8>>> {
        let file = storage.open(IDENTITY_NAME, Access::Read)?;
        let mut bytes = vec![0u8; IDENTITY_LEN_MAX + 1];
        let len = file.read_at(&mut bytes, 0)?;
        bytes.truncate(len);
        Ok((len <= IDENTITY_LEN_MAX).then_some(bytes))
    };
    let bytes = match read() {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            let finding = Finding::new(Cause::BadIdentity, IDENTITY_NAME, "length of the identity");
            let most = format!("at most {IDENTITY_LEN_MAX} bytes");
            findings.push(finding.expected(most, "more"));
            return None;
        }
        Err(error) => {
            let finding = Finding::new(Cause::Unreadable, IDENTITY_NAME, error.message());
            findings.push(finding);
            return None;
        }
    };
    match Identity::decode(&bytes) {
        Ok(identity) => Some((identity, bytes)),
        Err(flaw) => {
            let is_new = flaw.what == UNKNOWN_VERSION;
            let cause = if is_new { Cause::UnknownVersion } else { Cause::BadIdentity };
            findings.push(Finding::of(cause, IDENTITY_NAME, flaw, 0));
            None
        }
    }
}

fn tasks(files: &[DirEntry]) -> Result<Vec<Task>> {
    let first_of = |file: &DirEntry| {
        let first_index = parse_segment_name(&file.name);
        first_index.filter(|first_index| *first_index <= TREE_SIZE_MAX).zip(Some(file.len))
    };
    let firsts: BTreeMap<u64, u64> = files.iter().filter_map(first_of).collect();
    if firsts.len() > SEGMENTS_MAX {
        return Err(Error::new(ErrorKind::TooLarge, "too many segments")
            .expected(format_args!("at most {SEGMENTS_MAX}"), firsts.len()));
    }
    let with = |extension: &str| -> BTreeSet<u64> {
        files.iter().filter_map(|file| parse_name(&file.name, extension)).collect()
    };
    let (nodes, indexes) = (with(".nodes"), with(".index"));
    let mut next = firsts.keys().skip(1).copied();
    let count = firsts.len();
    let task = |(at, (first_index, len)): (usize, (&u64, &u64))| Task {
        first_index: *first_index,
        len: *len,
        next: next.next(),
        is_before_last: at + 2 == count,
        live_end: None,
        has_nodes: nodes.contains(first_index),
        has_index: indexes.contains(first_index),
    };
    Ok(firsts.iter().enumerate().map(task).collect())
}

/// How far a segment that is being written may be judged; `None` when it is sealed already.
fn live_end(storage: &dyn Storage, first_index: u64, anchor: TreeSize) -> Result<Option<u64>> {
    let file = storage.open(&segment_name(first_index), Access::Read)?;
    let len = file.len()?;
    let mut last16 = [0u8; 16];
    let is_sealed = match len.checked_sub(16) {
        Some(at) if file.read_at(&mut last16, at)? == last16.len() => {
            Footer::len_from_tail(&last16, len).is_some()
        }
        _ => false,
    };
    if is_sealed { Ok(None) } else { live::synced_end(&file, anchor.get()) }
}

/// Says which files are not part of the log.
fn note_files(files: &[DirEntry], tasks: &[Task], notes: &mut Words) {
    let is_segment = |first: u64| tasks.binary_search_by_key(&first, |t| t.first_index).is_ok();
    let last = tasks.last().map(|task| task.first_index);
    for file in files {
        let name = &file.name;
        let side = parse_name(name, ".nodes").or_else(|| parse_name(name, ".index"));
        if parse_segment_name(name).is_some_and(is_segment) {
            // Read as part of the log, or reported when it is not even a file.
        } else if let Some(first_index) = side {
            if !is_segment(first_index) || last == Some(first_index) {
                notes.push(format!("{name} belongs to no sealed segment"));
            }
        } else if name.starts_with("quarantine-") {
            notes.push(format!("{name} holds bytes that a recovery set aside"));
        } else if name.ends_with(".tmp") && name != SPARE_NAME {
            notes.push(format!("{name} was left behind by an interrupted writer"));
        } else if name == SINKS_NAME && file.kind == FileKind::Directory {
            // How far others were given the log; nothing in there is evidence.
        } else if ![IDENTITY_NAME, LOCK_NAME, SPARE_NAME, HISTORY_NAME].contains(&name.as_str()) {
            notes.push(format!("{name} is not part of the log"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::log;
    use super::*;
    use crate::format::{index_name, nodes_name};

    fn file(name: &str) -> DirEntry {
        DirEntry { name: name.to_owned(), len: 7, kind: FileKind::Regular }
    }

    #[test]
    fn what_is_not_part_of_the_log_is_noted_by_its_name() {
        let folder = |name| DirEntry { kind: FileKind::Directory, ..file(name) };
        let files = [
            file(IDENTITY_NAME),
            file(LOCK_NAME),
            file(SPARE_NAME),
            file(HISTORY_NAME),
            folder(SINKS_NAME),
            file(&segment_name(0)),
            file(&segment_name(5)),
            file(&nodes_name(0)),
            file(&index_name(0)),
            file(&nodes_name(5)),
            file(&index_name(3)),
            file("quarantine-5-1"),
            file("x.tmp"),
            file("x"),
        ];
        let mut notes = Words::default();
        note_files(&files, &tasks(&files).unwrap(), &mut notes);
        let said = [
            format!("{} belongs to no sealed segment", nodes_name(5)),
            format!("{} belongs to no sealed segment", index_name(3)),
            "quarantine-5-1 holds bytes that a recovery set aside".to_owned(),
            "x.tmp was left behind by an interrupted writer".to_owned(),
            "x is not part of the log".to_owned(),
        ];
        assert_eq!(notes.finish(), said);
        let mut notes = Words::default();
        note_files(&[file(SINKS_NAME)], &[], &mut notes);
        assert_eq!(notes.finish(), ["sinks is not part of the log"]);
    }

    #[test]
    fn segments_are_tasks_in_their_order() {
        let files: Vec<DirEntry> = [9, 0, 4].map(|first| file(&segment_name(first))).into();
        let files = [files, vec![file(&nodes_name(4)), file(&index_name(0))]].concat();
        let tasks = tasks(&files).unwrap();
        let told: Vec<_> = tasks
            .iter()
            .map(|t| (t.first_index, t.next, t.is_before_last, t.has_nodes, t.has_index))
            .collect();
        assert_eq!(
            told,
            [
                (0, Some(4), false, false, true),
                (4, Some(9), true, true, false),
                (9, None, false, false, false),
            ]
        );
    }

    #[test]
    fn there_are_no_more_segments_than_a_log_may_have() {
        let mut files: Vec<DirEntry> =
            (0..SEGMENTS_MAX as u64).map(|first| file(&segment_name(first))).collect();
        assert_eq!(tasks(&files).unwrap().len(), SEGMENTS_MAX);
        files.push(file(&segment_name(TREE_SIZE_MAX)));
        assert_eq!(tasks(&files).unwrap_err().kind(), ErrorKind::TooLarge);
    }

    #[test]
    fn only_a_segment_without_a_footer_ends_where_its_writer_is() {
        let files = log();
        let firsts: Vec<u64> =
            tasks(&files.list().unwrap()).unwrap().iter().map(|t| t.first_index).collect();
        for first in &firsts {
            let end = live_end(&files, *first, TreeSize::default()).unwrap();
            assert_eq!(end.is_some(), Some(first) == firsts.last(), "{first}");
        }
        let file = files.open(&segment_name(firsts[0]), Access::Write).unwrap();
        for len in [15, 0] {
            file.set_len(len).unwrap();
            assert_eq!(live_end(&files, firsts[0], TreeSize::default()).unwrap(), None);
        }
    }
}
