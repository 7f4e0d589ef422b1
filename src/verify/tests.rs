//! What an audit does that may not take all the memory it could use.

use super::*;
use crate::entry::Entry;
use crate::error::ErrorKind;
use crate::format::group::GROUP_HEADER_LEN;
use crate::format::segment::{SEGMENT_HEADER_LEN, SegmentHeader};
use crate::format::{
    footer::{FOOTER_TAIL_LEN, Footer},
    history::HISTORY_NAME,
    side::SIDE_DIGEST_LEN,
};
use crate::limits::{FINDINGS_MAX, TREE_SIZE_MAX};
use crate::log::Options;
use crate::merkle::Frontier;
use crate::sign::SigningKey;
use crate::storage::{Access, MemoryStorage, StorageFile};
use crate::sync::Arc;

const SEGMENTS_LEAST: usize = 3;

/// A log of some small segments, sealed but for the last, that signed a few checkpoints.
pub(super) fn log() -> MemoryStorage {
    let files = MemoryStorage::new();
    let options = Options::on_storage(Arc::new(files.clone())).segment_bytes(64 << 10);
    let log = options.open().unwrap();
    let key = SigningKey::from_seed(&log.identity().origin, &[7; 32]).unwrap();
    for group in 0..16 {
        let entry = |n: usize| {
            let entry = Entry::new("tool_invocation", format!("did:web:{n}.example"), "allow");
            entry.resource(format!("/orders/{group}/{n}")).trace_id(format!("trace-{}", n / 4))
        };
        drop(log.append_batch((0..60).map(entry)).unwrap());
        let _ = log.checkpoint(&[&key]).unwrap();
    }
    log.close().unwrap();
    files
}

fn audit(files: &MemoryStorage, rooms: Rooms) -> Report {
    verify_within(files, &VerifyOptions::new(), rooms).unwrap()
}

/// A cap under which nothing has a bound but what a test sets.
fn rooms(threads: usize) -> Rooms {
    Rooms { cap: Some(0), ..Rooms::without_end(threads) }
}

fn names(files: &MemoryStorage, ending: &str) -> Vec<String> {
    let names = files.list().unwrap().into_iter().map(|file| file.name);
    names.filter(|name| name.ends_with(ending)).collect()
}

/// Changes a byte of a side file and makes its digest right.
fn forge(files: &MemoryStorage, name: &str) {
    let file = files.open(name, Access::Write).unwrap();
    let mut bytes = read(&*file);
    let end = bytes.len() - SIDE_DIGEST_LEN;
    bytes[end - 1] ^= 1;
    let digest = hash::seal(&bytes[..end]);
    bytes[end..].copy_from_slice(&digest.0);
    file.write_all_at(&bytes, 0).unwrap();
}

/// What comes of the first segment alone.
pub(super) fn first_segment(storage: &MemoryStorage) -> (Task, segment::Outcome) {
    let survey = survey::Survey::of(storage, TreeSize::default(), &rooms(1)).unwrap();
    let (anchors, meter) = (Anchors::new(Vec::new()), Meter::new(0, None));
    let (anchors, meter, rooms) = (&anchors, &meter, rooms(1));
    let audit = Audit { storage, anchors, is_live: false, meter, rooms };
    let task = survey.tasks[0].clone();
    let outcome = segment::check(&audit, &task, None);
    (task, outcome)
}

/// The header of a log's first segment, and its bytes from the first frame on.
pub(super) fn first_frames() -> (SegmentHeader, Vec<u8>) {
    let files = log();
    let file = files.open(&names(&files, ".seg")[0], Access::Read).unwrap();
    let mut bytes = read(&*file);
    let header = SegmentHeader::decode(&bytes[..SEGMENT_HEADER_LEN]).unwrap();
    bytes.drain(..SEGMENT_HEADER_LEN + GROUP_HEADER_LEN);
    (header, bytes)
}

fn read(file: &dyn StorageFile) -> Vec<u8> {
    let mut bytes = vec![0u8; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

fn limits(report: &Report) -> Vec<&Finding> {
    report.findings.iter().filter(|finding| finding.cause == Cause::MemoryLimit).collect()
}

/// Whatever was left out is named twice, and the log is not called intact.
fn check_honest(report: &Report) {
    let limits = limits(report);
    for finding in &limits {
        let is_named = |words: &&String| words.contains(&finding.message);
        assert!(report.not_covered.iter().find(is_named).is_some(), "{report:#?}");
        assert!(!report.is_intact() && report.exit_code() != 0, "{report:#?}");
    }
    // A segment that was not read at all outweighs them.
    let is_judged = report.findings.iter().all(|finding| finding.cause != Cause::Unreadable);
    assert!(!is_judged || limits.is_empty() == (report.exit_code() != 4), "{report:#?}");
    assert!(is_judged || report.exit_code() == 3 || report.exit_code() == 1, "{report:#?}");
}

#[test]
fn a_cap_that_suffices_changes_nothing() {
    let files = log();
    assert!(names(&files, ".index").len() >= SEGMENTS_LEAST);
    let free = audit(&files, Rooms::without_end(1));
    assert_eq!((free.verdict, free.checkpoints), (Verdict::Intact, 16));
    for threads in [1, 3] {
        let options = VerifyOptions::new().threads(threads).memory(256 << 20);
        assert_eq!(verify_storage(&files, &options).unwrap(), free);
    }
    let error = verify_storage(&files, &VerifyOptions::new().memory(1 << 20)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

/// Whoever listens to the progress may panic, on any thread and at any moment.
#[test]
fn a_panic_on_one_thread_ends_the_audit_and_leaves_none_waiting() {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};
    let files = log();
    for after in 0..12 {
        let calls = AtomicUsize::new(0);
        let options = VerifyOptions::new().threads(3).progress(move |_, _| {
            assert!(calls.fetch_add(1, Ordering::SeqCst) != after, "as planned");
        });
        let audited = catch_unwind(AssertUnwindSafe(|| verify_storage(&files, &options)));
        assert!(audited.is_err(), "{after}");
    }
}

#[test]
fn side_files_that_do_not_fit_beside_others_are_checked_in_another_pass() {
    let files = log();
    let free = audit(&files, Rooms::without_end(1));
    for name in names(&files, ".index").into_iter().chain(names(&files, ".nodes")) {
        let other = log();
        let honest = read(&*other.open(&name, Access::Read).unwrap());
        forge(&other, &name);
        for threads in [1, 2] {
            // Room for names, but not for what an index says of them.
            let tight = Rooms { cap: Some(96 << 20), segment: 40 << 10, ..rooms(threads) };
            let report = audit(&files, tight);
            assert!(report.bytes > free.bytes, "{report:#?}");
            assert_eq!(Report { bytes: free.bytes, ..report }, free);
            let report = audit(&other, tight);
            let [finding] = report.findings.as_slice() else { panic!("{report:#?}") };
            assert_eq!((finding.cause, finding.file.as_str()), (Cause::IndexMismatch, &*name));
            let bytes = (finding.wanted.as_deref(), finding.found.as_deref());
            assert!(bytes.0.is_some() && bytes.0 != bytes.1, "{finding:?}");
            let at = usize::try_from(finding.offset.unwrap()).unwrap();
            let end = (honest.len() - SIDE_DIGEST_LEN).min(at + 8);
            assert_eq!(bytes.0, Some(&*crate::types::hex(&honest[at..end])));
        }
    }
}

/// For every size of the room a planted lie is found, or its segment named as not covered.
#[test]
fn what_does_not_fit_is_named_and_nothing_is_missed_in_silence() {
    let files = log();
    let lies = names(&files, ".index");
    let lie = &lies[1];
    forge(&files, lie);
    let segment = lie.replace(".index", ".seg");
    let (mut found, mut named) = (0, 0);
    for segment_room in (0..13).map(|n| 512usize << n) {
        for threads in [1, 2] {
            let report = audit(&files, Rooms { segment: segment_room, ..rooms(threads) });
            let is_found = report.findings.iter().any(|one| one.cause == Cause::IndexMismatch);
            let is_limit = |one: &Finding| one.cause != Cause::IndexMismatch;
            let is_named = report.findings.iter().any(|one| one.file == segment && is_limit(one));
            assert!(is_found != is_named, "{segment_room}: {report:#?}");
            check_honest(&report);
            (found, named) = (found + u32::from(is_found), named + u32::from(is_named));
        }
    }
    assert!(found > 4 && named > 4, "{found} found, {named} named");
}

#[test]
fn a_damaged_segment_is_not_looked_at_twice() {
    let files = log();
    let name = &names(&files, ".seg")[1];
    let file = files.open(name, Access::Write).unwrap();
    let mut byte = [0u8];
    file.read_exact_at(&mut byte, 9000).unwrap();
    file.write_all_at(&[byte[0] ^ 1], 9000).unwrap();
    let free = audit(&files, Rooms::without_end(1));
    assert!(free.findings.len() == 1 && free.verdict == Verdict::Tampered, "{free:#?}");
    let tight = Rooms { cap: Some(96 << 20), segment: 40 << 10, ..rooms(1) };
    let report = audit(&files, tight);
    assert_eq!(Report { bytes: free.bytes, ..report }, free);
}

#[test]
fn a_footer_that_does_not_fit_takes_its_segment_with_it() {
    let files = log();
    let report = audit(&files, Rooms { segment: 64, ..rooms(1) });
    // A file that was not read is not judged, whatever else is right.
    assert_eq!((report.verdict, report.exit_code()), (Verdict::Unverifiable, 3));
    let is_said = |finding: &&Finding| {
        finding.cause == Cause::Unreadable && finding.message.contains("no entry was read")
    };
    let sealed = names(&files, ".seg").len() - 1;
    assert_eq!(report.findings.iter().filter(is_said).count(), sealed);
    assert_eq!(report.not_covered.iter().filter(|w| w.contains("its entries")).count(), sealed);
}

#[test]
fn a_proof_is_kept_however_many_findings_came_before_it() {
    let mut joined = join::Joined::new(None, None, Rooms::without_end(1));
    let unreadable = || Finding::new(Cause::Unreadable, "x", "cannot be read");
    let limit = || Finding::new(Cause::MemoryLimit, "x", "does not fit");
    for finding in std::iter::repeat_with(limit).take(FINDINGS_MAX + 5) {
        joined.report(finding);
    }
    joined.report(unreadable());
    assert_eq!(joined.findings.last().map(|last| last.cause), Some(Cause::Unreadable));
    joined.report(Finding::new(Cause::Forked, "x", "another root"));
    joined.report(unreadable());
    joined.report(Finding::new(Cause::Forked, "y", "another root"));
    let last = joined.findings.last().map(|last| (last.cause, last.file.as_str()));
    assert_eq!(last, Some((Cause::Forked, "x")), "the first of its kind stays");
    assert_eq!((joined.findings.len(), joined.left_out), (FINDINGS_MAX, 9));
    assert_eq!(Report::judge(&joined.findings, 0), Verdict::Tampered);
}

#[test]
fn a_length_at_the_end_of_a_file_is_no_footer() {
    let files = log();
    let sound = audit(&files, Rooms::without_end(1));
    let file = files.open(&names(&files, ".seg")[0], Access::Write).unwrap();
    // A length that reaches into the entries, and the mark of a footer's end.
    let len = file.len().unwrap();
    let tail = [&(len / 2).to_le_bytes()[..], b"WMARKEND"].concat();
    file.write_all_at(&tail, len).unwrap();
    let report = audit(&files, Rooms { segment: 1024, ..rooms(1) });
    assert_eq!(report.verdict, Verdict::Tampered, "{report:#?}");
    assert!(report.findings.iter().any(|one| one.cause == Cause::BadSeal), "{report:#?}");
    assert!(report.entries > sound.entries / 8, "{report:#?}");
}

#[test]
fn more_names_than_fit_end_the_recount_and_nothing_else() {
    let files = log();
    let free = audit(&files, Rooms::without_end(1));
    for names in [0, 1000, 5000] {
        let report = audit(&files, Rooms { names, ..rooms(2) });
        let [finding] = limits(&report)[..] else { panic!("{report:#?}") };
        assert!(finding.message.contains("the numbers of agents and event types"), "{finding}");
        assert_eq!((report.root, report.entries), (free.root, free.entries));
        assert_eq!((report.verdict, report.exit_code()), (Verdict::Unverifiable, 4));
        check_honest(&report);
    }
}

/// Names are counted one by one, and no more of them are kept than fit, however many one segment has.
#[test]
fn a_segment_with_more_names_than_fit_is_not_counted_to_its_end() {
    let files = log();
    let (task, outcome) = first_segment(&files);
    let mut counted = Vec::new();
    for room in (0..400).map(|n| n * 64) {
        let mut recount = recount::Recount::new(room);
        let findings = recount.take(&task, &outcome);
        let is_over = findings.iter().any(|finding| finding.cause == Cause::MemoryLimit);
        assert_eq!(findings.len(), usize::from(is_over), "{findings:#?}");
        assert!(recount.room() <= room);
        counted.push(is_over);
    }
    assert!(counted[0] && !counted[399] && counted.is_sorted_by(|a, b| a >= b));
}

#[test]
fn a_segment_that_lost_its_footer_before_another_look_is_named() {
    let files = log();
    let (task, outcome) = first_segment(&files);
    let (mut kept, mut lost) =
        (Joined::new(None, None, rooms(1)), Joined::new(None, None, rooms(1)));
    kept.take_again(&task, first_segment(&files).1);
    assert!(kept.findings.is_empty(), "{:#?}", kept.findings);
    let file = files.open(&task.name(), Access::Write).unwrap();
    file.set_len(outcome.data_end).unwrap();
    lost.take_again(&task, first_segment(&files).1);
    let causes: Vec<Cause> = lost.findings.iter().map(|finding| finding.cause).collect();
    assert_eq!(causes, [Cause::Unreadable], "{:#?}", lost.findings);
}

#[test]
fn more_checkpoints_than_fit_are_named() {
    let files = log();
    let report = audit(&files, Rooms { history: 1000, ..rooms(1) });
    let [finding] = limits(&report)[..] else { panic!("{report:#?}") };
    assert_eq!((finding.file.as_str(), report.checkpoints), (HISTORY_NAME, 16));
    assert!(finding.message.starts_with("the last "), "{finding}");
    check_honest(&report);
}

#[test]
fn more_erasures_than_fit_are_counted_and_named() {
    use crate::format::frame::Form;
    let task = Task {
        first_index: 0,
        len: 0,
        next: None,
        is_before_last: false,
        live_end: None,
        has_nodes: false,
        has_index: false,
    };
    let erased = |index| erasure::Erased { index, form: Form::BodyErased, offset: 0 };
    for (room, is_cut, limits) in [(1 << 20, false, 0), (1 << 20, true, 1), (500, false, 1)] {
        let mut joined = Joined::new(None, None, Rooms { erasures: room, ..rooms(1) });
        let mut found = erasure::Erasures::within(usize::MAX);
        (0..8).map(erased).for_each(|one| found.take(one));
        found.is_cut = is_cut;
        joined.collect_erasures(&task, found);
        let causes: Vec<Cause> = joined.findings.iter().map(|finding| finding.cause).collect();
        assert_eq!(causes, vec![Cause::MemoryLimit; limits]);
        assert_eq!(joined.check_erasures(), 8);
        // Those that nobody declares are found only when all of them were kept.
        assert_eq!(joined.findings.len(), if limits == 0 { 8 } else { 1 });
    }
    // To the byte, of two segments with two erased entries and a declaration of three each.
    let declaration = erasure::Declaration { index: 9, of_bodies: true, indices: vec![0, 1, 2] };
    let one = 2 * join::ERASED_BYTES + size_of::<erasure::Declaration>() + 3 * 2 * 8;
    for (room, limits) in [(2 * one, 0), (2 * one - 1, 1), (one - 1, 1)] {
        let mut joined = Joined::new(None, None, Rooms { erasures: room, ..rooms(1) });
        for _ in 0..2 {
            let mut found = erasure::Erasures::within(usize::MAX);
            (0..2).map(erased).for_each(|one| found.take(one));
            found.declarations.push(declaration.clone());
            joined.collect_erasures(&task, found);
        }
        assert_eq!((joined.findings.len(), joined.check_erasures()), (limits, 4), "{room}");
    }
}

#[test]
fn a_list_of_files_that_does_not_fit_is_an_error() {
    let files = log();
    let tight = Rooms { files: 1000, ..rooms(1) };
    let error = verify_within(&files, &VerifyOptions::new(), tight).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[test]
fn a_verdict_is_called_the_same_in_words_and_in_json() {
    for verdict in [Verdict::Intact, Verdict::Tampered, Verdict::Unverifiable] {
        assert_eq!(verdict.to_string(), verdict.as_str());
        assert!(!verdict.as_str().is_empty());
    }
}

#[test]
fn a_tree_without_a_leaf_has_the_root_of_none() {
    let mut frontier = Frontier::new();
    assert_eq!(segment::root_of(None), hash::empty_root());
    assert_eq!(segment::root_of(Some(&frontier)), hash::empty_root());
    frontier.push(Hash([3; 32]), |_, _| ());
    assert_eq!(segment::root_of(Some(&frontier)), frontier.root());
    assert_ne!(frontier.root(), hash::empty_root());
}

/// A crash leaves each sector of a footer as it was, zeros, or as it is to be.
#[test]
fn a_footer_that_a_crash_left_half_written_is_told_from_one_that_was_changed() {
    const SECTOR: usize = 512;
    let files = log();
    let segments = names(&files, ".seg");
    let name = &segments[segments.len() - 2];
    let file = files.open(name, Access::Write).unwrap();
    let whole = read(&*file);
    let (footer, _) = Footer::decode(&whole[footer_at(&whole)..]).unwrap();
    let begin = usize::try_from(footer.data_end).unwrap();
    assert!(whole.len() - begin > 3 * SECTOR);
    let put = |bytes: &[u8]| {
        file.set_len(0).unwrap();
        file.write_all_at(bytes, 0).unwrap();
        audit(&files, Rooms::without_end(1))
    };
    let check_unsealed = |report: &Report| {
        let is_named =
            |note: &String| note.starts_with(name.as_str()) && note.contains("no footer");
        assert!(report.findings.is_empty() && report.notes.iter().any(is_named), "{report:#?}");
    };
    let (first, last) = (begin / SECTOR, whole.len().div_ceil(SECTOR));
    for sector in first..last {
        let sector = (sector * SECTOR).max(begin)..((sector + 1) * SECTOR).min(whole.len());
        let mut missing = whole.clone();
        missing[sector.clone()].fill(0);
        check_unsealed(&put(&missing));
        check_unsealed(&put(&whole[..sector.end - usize::from(sector.end == whole.len())]));
        let mut alone = whole.clone();
        alone[begin..sector.start].fill(0);
        alone[sector.end..].fill(0);
        check_unsealed(&put(&alone));
    }
    check_unsealed(&put(&whole[..begin]));
    check_unsealed(&put(&[&whole[..begin], &[0; 3 * SECTOR]].concat()));
    for at in (begin..whole.len()).step_by(101).chain([begin + 1, whole.len() - 20]) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        let report = put(&bytes);
        let [finding] = report.findings.as_slice() else { panic!("{at}: {report:#?}") };
        // A digest is compared whole, and with what stands before it.
        let digest = whole.len() - FOOTER_TAIL_LEN..whole.len() - 16;
        let place = if digest.contains(&at) { digest.start } else { at };
        assert_eq!((finding.cause, finding.offset), (Cause::BadSeal, Some(place as u64)), "{at}");
        if place != at {
            continue;
        }
        let window = |bytes: &[u8]| crate::types::hex(&bytes[at..bytes.len().min(at + 8)]);
        let shown = (finding.wanted.clone(), finding.found.clone());
        let sector_end = (at / SECTOR + 1) * SECTOR;
        let seen = &bytes[..bytes.len().min(sector_end)];
        assert_eq!(shown, (Some(window(&whole)), Some(window(seen))), "{at}");
        // Somebody who writes may be about to write it.
        let lock = files.lock_writer().unwrap();
        let live = audit(&files, Rooms::without_end(1));
        drop(lock);
        let is_said = |note: &String| note.contains("is being sealed");
        assert!(live.findings.is_empty() && live.notes.iter().any(is_said), "{at}: {live:#?}");
        // Without its names nothing says what must stand there.
        let tight = audit(&files, Rooms { segment: 2000, ..rooms(1) });
        let causes: Vec<Cause> = tight.findings.iter().map(|finding| finding.cause).collect();
        assert!(causes.contains(&Cause::MemoryLimit), "{at}: {tight:#?}");
        assert!(!causes.contains(&Cause::BadSeal), "{at}: {tight:#?}");
    }
}

/// Where the footer of a sealed segment begins.
fn footer_at(segment: &[u8]) -> usize {
    let last16 = segment.last_chunk::<16>().unwrap();
    let len = Footer::len_from_tail(last16, segment.len() as u64).unwrap();
    segment.len() - usize::try_from(len).unwrap()
}

#[test]
fn a_footer_is_missed_where_two_segments_follow() {
    let files = log();
    let name = &names(&files, ".seg")[0];
    let file = files.open(name, Access::Write).unwrap();
    let end = footer_at(&read(&*file)) as u64;
    file.set_len(end).unwrap();
    let report = audit(&files, Rooms::without_end(1));
    let [finding] = report.findings.as_slice() else { panic!("{report:#?}") };
    assert_eq!((finding.cause, finding.offset), (Cause::BadSeal, Some(end)));
    let shown = (finding.wanted.as_deref(), finding.found.as_deref());
    assert_eq!(shown, (Some("a footer"), Some("none that is whole")));
}

/// A footer right behind a header is a footer, and a number of an entry that no log can have is none.
#[test]
fn the_least_segment_and_the_last_entry() {
    let files = log();
    let file = files.open(&names(&files, ".seg")[0], Access::Write).unwrap();
    let honest = read(&*file);
    let put = |parts: &[&[u8]]| {
        let bytes = parts.concat();
        file.set_len(0).unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        first_segment(&files).1
    };
    let (header, rest) = honest.split_at(SEGMENT_HEADER_LEN);
    let (mut footer, _) = Footer::decode(&honest[footer_at(&honest)..]).unwrap();
    footer.data_end = SEGMENT_HEADER_LEN as u64;
    let mut encoded = footer.encode();
    let digest = hash::seal(&[header, &encoded].concat());
    Footer::finish(&mut encoded, &digest);
    let outcome = put(&[header, &encoded]);
    assert!(outcome.footer.is_some_and(|footer| footer.data_end == outcome.data_end));
    let header = SegmentHeader::decode(header).unwrap();
    for (first_index, is_read) in [(TREE_SIZE_MAX, true), (TREE_SIZE_MAX + 1, false)] {
        let frontier = vec![Hash::ZERO; first_index.count_ones() as usize];
        let encoded = SegmentHeader { first_index, frontier, ..header.clone() }.encode();
        let outcome = put(&[&encoded[..], rest]);
        assert_eq!((outcome.state.is_some(), outcome.is_displaced), (is_read, true));
    }
}

#[test]
fn a_digest_ends_where_it_is_to_end_however_long_the_file() {
    let bytes: Vec<u8> = (0..700 << 10).map(|at| (at % 253) as u8).collect();
    let files = MemoryStorage::new();
    let file = files.create("x").unwrap();
    file.write_all_at(&bytes, 0).unwrap();
    for end in [0, 1, 256 << 10, (256 << 10) + 1, 600 << 10, bytes.len()] {
        let found = segment::digest_of(&*file, end as u64).unwrap();
        assert_eq!(found.map(|hasher| hasher.finish()), Some(hash::seal(&bytes[..end])), "{end}");
    }
    assert!(segment::digest_of(&*file, bytes.len() as u64 + 1).unwrap().is_none());
}
