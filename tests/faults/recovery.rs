//! Opening what a crash, a disk or a hand left behind: what is set aside, what is refused, what is
//! made again, and how little is read.

use crate::sim::{Faults, Sim};
use crate::story::{entry, options};
use std::os::unix::fs::PermissionsExt;
use witnessmark::format::segment::SegmentHeader;
use witnessmark::segment::scan::{Scan, scan};
use witnessmark::{AuditLog, ErrorKind, Query, Reader};

pub(crate) const SEGMENT: &str = "00000000000000000000.seg";

fn records(log: &AuditLog) -> Vec<serde_json::Value> {
    let query = Query::new().event_type("witnessmark.recovery").system(true).limit(0);
    let page = log.query(&query).unwrap();
    let data = |entry: &witnessmark::StoredEntry| {
        assert!(entry.is_system());
        serde_json::from_str(entry.data_text().unwrap()).unwrap()
    };
    page.entries.iter().map(data).collect()
}

/// What a scan sees in the log's first segment.
pub(crate) fn scanned(sim: &Sim) -> Scan {
    let bytes = sim.bytes(SEGMENT);
    let header = SegmentHeader::decode(&bytes[..4096]).unwrap();
    scan(&bytes, &header, |_| {}).unwrap()
}

/// A log whose process died with so many groups, before the heartbeat that comes when nothing else
/// does. On a busy machine it may come too early: then once more.
pub(crate) fn killed(groups: usize, write: impl Fn(&AuditLog)) -> Sim {
    for _ in 0..100 {
        let sim = Sim::new();
        let log = options(&sim, 1).open().unwrap();
        write(&log);
        sim.stop();
        drop(log);
        sim.kill();
        if scanned(&sim).groups.len() == groups {
            return sim.fork();
        }
    }
    panic!("there was a group more each time");
}

/// A log of three entries whose process died, and where its last group begins and ends.
pub(crate) fn three_entries() -> (Sim, usize, usize) {
    let sim = killed(3, |log| {
        for n in 0..3 {
            let _ = log.append(entry("did:a", &format!("{{\"n\":{n}}}"))).unwrap();
        }
    });
    let seen = scanned(&sim);
    let at = |offset: u64| usize::try_from(offset).unwrap();
    (sim, at(seen.groups[2].offset), at(seen.used))
}

#[test]
fn a_last_group_cut_at_any_byte_is_set_aside_and_put_on_record() {
    let (sim, begin, end) = three_entries();
    let whole = sim.bytes(SEGMENT);
    for len in begin..=end {
        for is_cut in [true, false] {
            let disk = sim.fork();
            let mut bytes = whole.clone();
            bytes[len..].fill(0);
            bytes.truncate(if is_cut { len } else { whole.len() });
            disk.put(SEGMENT, &bytes);
            let log = options(&disk, 1).open().unwrap();
            let kept = if len == end { 3 } else { 2 };
            for n in 0..kept {
                let found = log.entry(n.into()).unwrap();
                assert_eq!(found.data_text(), Some(&*format!("{{\"n\":{n}}}")));
            }
            let torn = bytes[begin..].iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
            if torn == 0 || len == end {
                assert!(log.recovery().is_none() && log.head().size.get() == kept, "{len}");
                continue;
            }
            let report = log.recovery().unwrap().clone();
            assert_eq!((report.offset, report.bytes), (begin as u64, torn as u64), "{len}");
            let said = report.to_string();
            assert!(
                said.starts_with(&format!("{SEGMENT} ended in {torn} bytes of a write ")),
                "{said}"
            );
            assert!(said.contains(&report.quarantine) && said.contains(&report.reason), "{said}");
            assert_eq!(disk.bytes(&report.quarantine), &bytes[begin..begin + torn]);
            let found = records(&log);
            assert_eq!(found.len(), 1);
            assert_eq!(found[0]["quarantine"], report.quarantine);
            assert_eq!(found[0]["blake3"], report.digest.to_hex());
            log.close().unwrap();
            let log = options(&disk, 1).open().unwrap();
            assert!(log.recovery().is_none() && records(&log).len() == 1, "told once");
        }
    }
}

/// A recovery that died half way has set some of it aside already, or other bytes have the name.
#[test]
fn torn_bytes_are_set_aside_once_and_never_over_others() {
    let (sim, begin, end) = three_entries();
    let mut bytes = sim.bytes(SEGMENT);
    bytes[end - 10..].fill(0);
    let kept = bytes[begin..].iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let torn = bytes[begin..begin + kept].to_vec();
    let name = |attempt: &str| format!("quarantine-00000000000000000000-{begin}{attempt}.bin");
    let mut other = torn.clone();
    other[0] ^= 1;
    let cases: [(&[&[u8]], &str); 5] = [
        (&[], ""),
        (&[&torn], ""),
        (&[&other], ".2"),
        (&[&torn[1..]], ".2"),
        (&[&other, &torn[1..]], ".3"),
    ];
    for (there, wanted) in cases {
        let disk = sim.fork();
        disk.put(SEGMENT, &bytes);
        for (bytes, attempt) in there.iter().zip(["", ".2"]) {
            disk.put(&name(attempt), bytes);
        }
        let log = options(&disk, 1).open().unwrap();
        assert_eq!(log.recovery().unwrap().quarantine, name(wanted));
        assert_eq!(disk.bytes(&name(wanted)), torn);
        for (bytes, attempt) in there.iter().zip(["", ".2"]) {
            assert_eq!(disk.bytes(&name(attempt)), *bytes);
        }
        let files = disk.names().iter().filter(|name| name.ends_with(".bin")).count();
        assert_eq!(
            files,
            there.len().max(1 + usize::from(wanted == ".2") + 2 * usize::from(wanted == ".3"))
        );
        log.close().unwrap();
    }
}

/// The process died after the bytes were set aside and before an entry said so.
#[test]
fn what_an_interrupted_recovery_set_aside_is_put_on_record_by_the_next() {
    let sim = Sim::new();
    options(&sim, 1).open().unwrap().close().unwrap();
    // Longer than what is read at once, and different throughout.
    let torn: Vec<u8> = (0..(1 << 20) + 777u32).flat_map(|n| n.to_le_bytes()).collect();
    let name = "quarantine-00000000000000000000-4224.bin";
    sim.put(name, &torn);
    // Names of other people.
    let others = [
        "quarantine-notes.txt",
        "bin.quarantine-0-0",
        &format!("quarantine-{}.bin", "0".repeat(300)),
    ];
    others.iter().for_each(|name| sim.put(name, b"?"));
    let log = options(&sim, 1).open().unwrap();
    let found = records(&log);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["segment"], SEGMENT);
    assert_eq!(found[0]["quarantine"], name);
    assert_eq!((&found[0]["offset"], &found[0]["bytes"]), (&4224.into(), &torn.len().into()));
    assert_eq!(found[0]["blake3"], blake3::hash(&torn).to_hex().as_str());
    log.close().unwrap();
    let log = options(&sim, 1).open().unwrap();
    assert_eq!(records(&log).len(), 1, "told once");
}

/// The first entry's hash is built on all of `log.id`.
#[test]
fn a_log_does_not_take_another_name() {
    let sim = Sim::new();
    let log = options(&sim, 1).origin("example.com/one").open().unwrap();
    let _ = log.append(entry("did:a", "{}")).unwrap();
    log.close().unwrap();
    let mut identity = sim.bytes("log.id");
    let at = identity.windows(3).position(|bytes| bytes == b"one").unwrap();
    identity[at..at + 3].copy_from_slice(b"two");
    let crc_at = identity.len() - 4;
    let crc = crc32(&identity[..crc_at]);
    identity[crc_at..].copy_from_slice(&crc.to_le_bytes());
    sim.put("log.id", &identity);
    let error = options(&sim, 1).open().unwrap_err();
    assert_eq!(
        (error.kind(), error.location().file.as_deref()),
        (ErrorKind::Corrupt, Some("log.id"))
    );
}

/// Any bit of the last group, which nothing vouches for.
#[test]
fn a_flipped_bit_nobody_vouches_for_is_kept_aside_and_never_silent() {
    let (sim, begin, end) = three_entries();
    let whole = sim.bytes(SEGMENT);
    for at in (begin..end).step_by(3) {
        let disk = sim.fork();
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        disk.put(SEGMENT, &bytes);
        match options(&disk, 1).open() {
            Ok(log) => {
                assert!(log.recovery().is_some(), "byte {at}");
                assert_eq!(records(&log).len(), 1, "byte {at}");
            }
            // CRCs that hold over contents that do not: no single bit does that.
            Err(error) => panic!("byte {at}: {error}"),
        }
    }
}

#[test]
fn damage_below_what_is_vouched_for_stops_writing_and_names_the_place() {
    let sim = Sim::new();
    let log = options(&sim, 1).open().unwrap();
    for n in 0..3 {
        let _ = log.append(entry("did:a", &format!("{{\"n\":{n}}}"))).unwrap();
    }
    log.close().unwrap();
    let whole = sim.bytes(SEGMENT);
    let magic = &whole[4096..4104];
    let groups: Vec<usize> =
        (4096..whole.len() - 8).filter(|at| &whole[*at..*at + 8] == magic).collect();
    assert_eq!(groups.len(), 4, "three entries and a heartbeat");
    for at in (4096..groups[3]).step_by(7) {
        let disk = sim.fork();
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        disk.put(SEGMENT, &bytes);
        let before: Vec<_> = disk.names().iter().map(|name| disk.bytes(name)).collect();
        let error = options(&disk, 1).open().unwrap_err();
        let hurt = groups.iter().rposition(|group| *group <= at).unwrap();
        let place = error.location();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "byte {at}: {error}");
        assert_eq!(place.file.as_deref(), Some(SEGMENT));
        assert_eq!(place.index.map(witnessmark::EntryIndex::get), Some(hurt as u64), "byte {at}");
        let offset = usize::try_from(place.offset.unwrap()).unwrap();
        assert!((groups[hurt]..=at + 96).contains(&offset), "byte {at}: {error}");
        assert!(error.wanted().is_some() && error.found().is_some(), "{error}");
        let after: Vec<_> = disk.names().iter().map(|name| disk.bytes(name)).collect();
        assert_eq!(before, after, "nothing may be written");
        let reader = Reader::on_storage(disk.storage()).unwrap();
        let view = reader.view().unwrap();
        assert_eq!(view.size().get(), hurt as u64, "what lies before is shown");
        for n in 0..hurt as u64 {
            assert!(view.entry(n.into()).unwrap().verify_hash());
        }
        let notes = reader.notes();
        assert!(notes.iter().any(|note| note.contains(SEGMENT)), "byte {at}: {notes:?}");
    }
}

/// A log of many sealed segments.
pub(crate) fn many_segments() -> Sim {
    let sim = Sim::new();
    let log = options(&sim, 1).open().unwrap();
    let data = format!("{{\"fill\":\"{}\"}}", "x".repeat(5000));
    for n in 0..200 {
        let _ = log.append(entry(["did:a", "did:b"][n % 2], &data)).unwrap();
    }
    log.close().unwrap();
    sim
}

#[test]
fn opening_scans_the_last_segment_only() {
    let sim = many_segments();
    let segments: Vec<String> =
        sim.names().into_iter().filter(|name| name.ends_with(".seg")).collect();
    assert!(segments.len() > 10);
    sim.take_reads();
    let log = options(&sim, 1).open().unwrap();
    let reads = sim.take_reads();
    for (position, name) in segments.iter().enumerate() {
        let read = reads.get(name).copied().unwrap_or(0);
        if position + 1 < segments.len() {
            // Header and footer, the youngest footer twice.
            assert!(read <= 4096 + 3 * 600, "{read} bytes of {name} were read");
        } else {
            assert!(read <= 2 * sim.bytes(name).len() as u64 + 4096, "{read} bytes of {name}");
        }
    }
    log.close().unwrap();
}

#[test]
fn side_files_that_are_gone_or_damaged_are_made_again() {
    let sim = many_segments();
    let wanted = options(&sim, 1).open().unwrap();
    let all = wanted.query(&Query::new().agent("did:a").limit(0)).unwrap().entries.len();
    let head = wanted.close().unwrap();
    let side: Vec<String> = sim
        .names()
        .into_iter()
        .filter(|name| name.ends_with(".nodes") || name.ends_with(".index"))
        .collect();
    assert!(side.len() > 20);
    let whole: Vec<Vec<u8>> = side.iter().map(|name| sim.bytes(name)).collect();
    for (position, name) in side.iter().enumerate() {
        match position % 4 {
            0 => sim.take_away(name),
            1 => sim.put(name, b""),
            2 => sim.put(name, &whole[position][..whole[position].len() / 2]),
            _ => {
                let mut bytes = whole[position].clone();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                sim.put(name, &bytes);
            }
        }
    }
    let log = options(&sim, 1).open().unwrap();
    assert_eq!(log.query(&Query::new().agent("did:a").limit(0)).unwrap().entries.len(), all);
    assert_eq!(log.view().root_at(head.size).unwrap(), head.root);
    // Missing ones are made before anything else, damaged ones when there is nothing else to do.
    let is_mended = || {
        let names = sim.names();
        side.iter()
            .zip(&whole)
            .all(|(name, whole)| names.contains(name) && sim.bytes(name) == *whole)
    };
    let begun = std::time::Instant::now();
    while !is_mended() {
        assert!(begun.elapsed().as_secs() < 30, "side files are not mended");
        std::thread::yield_now();
    }
    log.close().unwrap();
}

#[test]
fn side_files_that_are_missing_are_made_before_the_log_is_closed_again() {
    let sim = many_segments();
    let is_side = |name: &String| name.ends_with(".nodes") || name.ends_with(".index");
    let side: Vec<String> = sim.names().into_iter().filter(is_side).collect();
    // All of them, those of every other kind, and one of each segment in turn.
    for step in [1, 2, 3] {
        side.iter().step_by(step).for_each(|name| sim.take_away(name));
        options(&sim, 1).open().unwrap().close().unwrap();
        assert_eq!(sim.names().into_iter().filter(is_side).collect::<Vec<_>>(), side, "{step}");
    }
}

#[test]
fn leftovers_of_a_writer_that_died_are_removed_and_other_peoples_files_are_not() {
    let sim = Sim::new();
    options(&sim, 1).open().unwrap().close().unwrap();
    let ours = [
        "spare.tmp",
        "log.id.tmp",
        "quarantine-00000000000000000000-4096.bin.tmp",
        "00000000000000000000.nodes.tmp",
        "00000000000000000000.index.tmp",
    ];
    let others = ["notes.tmp", "00000000000000000000.seg.bak", "thesis.tex"];
    ours.iter().chain(&others).for_each(|name| sim.put(name, b"half of it"));
    let log = options(&sim, 1).open().unwrap();
    let names = sim.names();
    assert!(!ours.iter().any(|name| names.contains(&(*name).to_owned())), "{names:?}");
    assert!(others.iter().all(|name| names.contains(&(*name).to_owned())), "{names:?}");
    log.close().unwrap();
}

/// Closing gives unused room back; that must not cost a segment per opening.
#[test]
fn opening_and_appending_again_and_again_fills_one_segment() {
    let sim = Sim::new();
    for n in 0..20u64 {
        let log = options(&sim, 1).open().unwrap();
        assert_eq!(log.append(entry("did:a", "{}")).unwrap().index().get(), n);
        assert_eq!(log.view().segments().len(), 1);
        log.close().unwrap();
    }
    assert!(sim.bytes(SEGMENT).len() < 20_000);
}

/// Segments of one log, but in the wrong places or of the wrong length.
#[test]
fn swapped_cut_and_missing_segments_are_named() {
    let whole = many_segments();
    let segments: Vec<String> =
        whole.names().into_iter().filter(|name| name.ends_with(".seg")).collect();
    let last = segments.len() - 1;
    let refused = |sim: &Sim, wanted: &[&String]| {
        let error = options(sim, 1).open().unwrap_err();
        let file = error.location().file.clone().unwrap();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(wanted.iter().any(|name| **name == file), "wanted {wanted:?}: {error}");
        error
    };
    let (a, b) = (&segments[2], &segments[3]);
    let sim = whole.fork();
    let (bytes_a, bytes_b) = (whole.bytes(a), whole.bytes(b));
    sim.put(a, &bytes_b);
    sim.put(b, &bytes_a);
    refused(&sim, &[a]);
    for (position, name) in segments.iter().enumerate() {
        let sim = whole.fork();
        sim.take_away(name);
        let next = segments.get(position + 1).unwrap_or(&segments[last - 1]);
        refused(&sim, &[next]);
        if position < last {
            let sim = whole.fork();
            let bytes = whole.bytes(name);
            sim.put(name, &bytes[..bytes.len() - 1000]);
            refused(&sim, &[name]);
        }
        let sim = whole.fork();
        sim.put(name, &whole.bytes(name)[..3000]);
        refused(&sim, &[name]);
    }
    // A header with a sound CRC that continues another tree.
    let sim = whole.fork();
    let mut bytes = whole.bytes(a);
    bytes[128] ^= 1;
    let crc = crc32(&bytes[..4092]);
    bytes[4092..4096].copy_from_slice(&crc.to_le_bytes());
    sim.put(a, &bytes);
    refused(&sim, &[a]);
    // A footer that is whole, of the first segment of another log.
    let (sim, other) = (whole.fork(), many_segments());
    let footer = |bytes: &[u8]| {
        let len = bytes[bytes.len() - 16..].first_chunk().map(|len| u64::from_le_bytes(*len));
        bytes.len() - usize::try_from(len.unwrap()).unwrap()
    };
    let (mine, theirs) = (whole.bytes(&segments[0]), other.bytes(&segments[0]));
    sim.put(&segments[0], &[&mine[..footer(&mine)], &theirs[footer(&theirs)..]].concat());
    assert!(refused(&sim, &[&segments[0]]).to_string().contains("footer of another segment"));
    // Nothing can be read of a log whose first segment has no header, and no empty log is shown.
    let sim = whole.fork();
    sim.put(&segments[0], &[0; 8192]);
    refused(&sim, &[&segments[0]]);
    let shown = Reader::on_storage(sim.storage()).and_then(|reader| reader.view());
    assert_eq!(shown.map(|view| view.size().get()).map_err(|e| e.kind()), Err(ErrorKind::Corrupt));
    // One that was sealed, for it is read-only, and whose footer is not whole any more.
    let sim = whole.fork();
    let mut bytes = whole.bytes(&segments[last - 1]);
    let at = footer(&bytes);
    bytes[at + 20] ^= 1;
    sim.put(&segments[last - 1], &bytes);
    let error = refused(&sim, &[&segments[last - 1]]);
    assert!(error.to_string().contains("its footer is damaged"), "{error}");
    assert!(error.advice().is_some_and(|advice| advice.contains("chmod")), "{error}");
    // More entries than the next segment leaves room for.
    let sim = whole.fork();
    sim.take_away(&segments[last]);
    let error = refused(&sim, &[&segments[last - 1]]);
    assert!(error.advice().is_some());
}

/// Power that goes while a segment is sealed leaves a footer short, or with a hole. The segment is not
/// read-only yet, and is sealed again.
#[test]
fn a_footer_that_was_torn_while_it_was_written_is_written_again() {
    let whole = many_segments();
    let mut segments = whole.names();
    segments.retain(|name| name.ends_with(".seg"));
    let (first, sealed) = (&segments[0], &segments[segments.len() - 2]);
    let torn = |name: &String, tear: &dyn Fn(&mut Vec<u8>, usize)| {
        let sim = whole.fork();
        let mut bytes = whole.bytes(name);
        let len = bytes[bytes.len() - 16..].first_chunk().map(|len| u64::from_le_bytes(*len));
        let footer = bytes.len() - usize::try_from(len.unwrap()).unwrap();
        tear(&mut bytes, footer);
        sim.take_away(name);
        sim.put(name, &bytes);
        sim
    };
    let short: &dyn Fn(&mut Vec<u8>, usize) = &|bytes, footer| bytes.truncate(footer + 50);
    let hole: &dyn Fn(&mut Vec<u8>, usize) =
        &|bytes, footer| bytes[footer + 40..footer + 60].fill(0);
    for tear in [short, hole] {
        let sim = torn(sealed, tear);
        options(&sim, 1).open().unwrap().close().unwrap();
        assert!(sim.bytes(sealed) == whole.bytes(sealed), "the same footer, byte by byte");
        // Of one that was sealed long ago, nothing of the kind is left by a crash.
        let error = options(&torn(first, tear), 1).open().unwrap_err();
        assert_eq!(
            (error.kind(), error.location().file.as_deref()),
            (ErrorKind::Corrupt, Some(&**first))
        );
    }
}

/// CRC-32 (IEEE), bit by bit.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    };
    !bytes.iter().fold(u32::MAX, step)
}

/// A file that claims to be large allocates nothing of the kind.
#[test]
fn a_sparse_file_of_ten_gigabytes_is_refused_before_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    AuditLog::open(&path).unwrap().close().unwrap();
    let file = std::fs::File::options().write(true).open(path.join(SEGMENT)).unwrap();
    file.set_len(10 << 30).unwrap();
    let error = AuditLog::open(&path).unwrap_err();
    assert_eq!(
        (error.kind(), error.location().file.as_deref()),
        (ErrorKind::Corrupt, Some(SEGMENT))
    );
}

/// Side files are caches: no room for them is no reason to stop.
#[test]
fn side_files_that_cannot_be_written_stop_nobody() {
    let sim = Sim::new();
    let full = std::io::ErrorKind::StorageFull;
    sim.set_faults(Faults {
        fail_always: vec![("create", ".nodes", full), ("create", ".index", full)],
        ..Faults::default()
    });
    let log = options(&sim, 1).open().unwrap();
    let data = format!("{{\"fill\":\"{}\"}}", "x".repeat(9000));
    for _ in 0..60 {
        let _ = log.append(entry("did:a", &data)).unwrap();
    }
    assert_eq!(log.query(&Query::new().agent("did:a").limit(0)).unwrap().entries.len(), 60);
    assert!(log.view().segments().iter().filter(|segment| segment.is_sealed).count() > 4);
    log.close().unwrap();
    assert!(!sim.names().iter().any(|name| name.ends_with(".index")));
}

#[test]
fn quarantine_files_are_private() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let log = AuditLog::open(&path).unwrap();
    let _ = log.append(entry("did:a", "{}")).unwrap();
    log.close().unwrap();
    let mut bytes = std::fs::read(path.join(SEGMENT)).unwrap();
    bytes.extend_from_slice(b"torn and secret");
    std::fs::write(path.join(SEGMENT), &bytes).unwrap();
    let log = AuditLog::open(&path).unwrap();
    let quarantine = path.join(&log.recovery().unwrap().quarantine);
    assert_eq!(std::fs::read(&quarantine).unwrap(), b"torn and secret");
    assert_eq!(quarantine.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}
