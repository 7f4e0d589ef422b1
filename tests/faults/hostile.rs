//! Callers, directories and clocks that mean no good.

use crate::sim::Sim;
use crate::story::{entry, options};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use witnessmark::limits::{AGENT_BYTES_MAX, JSON_DEPTH_MAX, PAYLOAD_BYTES_MAX};
use witnessmark::storage::ManualClock;
use witnessmark::{AuditLog, Entry, ErrorKind, Query, Reader, UnixNanos};

fn kind_of(log: &AuditLog, entry: Entry<'_>) -> ErrorKind {
    let size = log.head().size;
    let kind = log.append(entry).unwrap_err().kind();
    assert_eq!(log.head().size, size, "what is refused is not there");
    kind
}

#[test]
fn the_largest_payload_fits_and_one_byte_more_does_not() {
    let log = AuditLog::in_memory().unwrap();
    let largest = format!("\"{}\"", "x".repeat(PAYLOAD_BYTES_MAX - 2));
    let receipt = log.append(entry("did:a", &largest)).unwrap();
    assert_eq!(log.entry(receipt.index()).unwrap().data_text(), Some(&*largest));
    let over = format!("\"{}\"", "x".repeat(PAYLOAD_BYTES_MAX - 1));
    assert_eq!(kind_of(&log, entry("did:a", &over)), ErrorKind::TooLarge);
    let three = [0; 3].map(|_| entry("did:a", &largest));
    assert_eq!(log.append_batch(three).unwrap_err().kind(), ErrorKind::TooLarge);
    let small = options(&Sim::new(), 1).open().unwrap();
    let too_long_here = format!("\"{}\"", "x".repeat(64 << 10));
    assert_eq!(kind_of(&small, entry("did:a", &too_long_here)), ErrorKind::TooLarge);
}

#[test]
fn the_largest_payload_survives_on_files_and_across_segments() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path().join("log")).unwrap();
    let largest = format!("\"{}\"", "y".repeat(PAYLOAD_BYTES_MAX - 2));
    for _ in 0..2 {
        let _ = log.append(entry("did:small", "{}")).unwrap();
        let _ = log.append(entry("did:large", &largest)).unwrap();
    }
    let head = log.close().unwrap();
    let log = AuditLog::open(dir.path().join("log")).unwrap();
    assert_eq!(log.head(), head);
    for index in [1u64, 3] {
        assert_eq!(log.entry(index.into()).unwrap().data_text(), Some(&*largest));
    }
}

#[test]
fn agent_ids_may_be_long_and_odd_but_not_empty() {
    let log = AuditLog::in_memory().unwrap();
    assert_eq!(kind_of(&log, entry("", "{}")), ErrorKind::Invalid);
    assert_eq!(kind_of(&log, entry(&"a".repeat(AGENT_BYTES_MAX + 1), "{}")), ErrorKind::TooLarge);
    let odd = [
        "a".repeat(300),
        "a".repeat(AGENT_BYTES_MAX),
        "line\nbreak\r\ttab\u{0}nul\u{7f}\u{1b}[31m".to_owned(),
        "\u{202e}right to left\u{feff}".to_owned(),
        "did:\u{1f980}".to_owned(),
        " ".to_owned(),
        "../../etc/passwd".to_owned(),
    ];
    for agent in &odd {
        let receipt = log.append(entry(agent, "{}")).unwrap();
        let found = log.get_entries_for_agent(agent, 0).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].agent_did(), found[0].index()), (agent.as_str(), receipt.index()));
    }
}

#[test]
fn payloads_that_parsers_disagree_about_are_refused() {
    let log = AuditLog::in_memory().unwrap();
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let refused = [
        "",
        " ",
        "{",
        "nul",
        "NaN",
        "Infinity",
        "-Infinity",
        "[1,]",
        "{\"a\":1}{}",
        "'a'",
        "01",
        "1e400",
        "{\"a\":NaN}",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "{\"\\ud800\":1}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"\\u0061\":2}",
        "\"tab\there\"",
        "\"new\nline\"",
        "\u{feff}{}",
        "[\u{a0}1]",
        "{\"a\":{\"b\":1,\"b\":1}}",
    ];
    for text in refused {
        assert_eq!(kind_of(&log, entry("did:a", text)), ErrorKind::Invalid, "{text:?}");
    }
    for depth in [JSON_DEPTH_MAX + 1, 10_000, 1_000_000] {
        assert_eq!(kind_of(&log, entry("did:a", &nested(depth))), ErrorKind::Invalid, "{depth}");
    }
    let accepted = [
        nested(JSON_DEPTH_MAX),
        "12345678901234567890123456789".to_owned(),
        "0.1000000000000000000000000001".to_owned(),
        "\"\\ud83e\\udd80\\u0000\"".to_owned(),
        "null".to_owned(),
    ];
    for text in accepted {
        let receipt = log.append(entry("did:a", &text)).unwrap();
        assert_eq!(log.entry(receipt.index()).unwrap().data_text(), Some(&*text));
    }
}

/// The iterator is the caller's code: it may use the log while the batch is being encoded.
#[test]
fn an_iterator_may_append_while_its_batch_is_taken() {
    let log = AuditLog::in_memory().unwrap();
    let inner = log.clone();
    let entries = (0..3).map(move |_| {
        let _ = inner.append(entry("did:inner", "{\"who\":\"inner\"}")).unwrap();
        entry("did:outer", "{\"who\":\"outer\"}")
    });
    let receipts = log.append_batch(entries).unwrap();
    assert_eq!(receipts.iter().map(|r| r.index().get()).collect::<Vec<_>>(), [3, 4, 5]);
    let found = log.get_entries_for_agent("did:outer", 0).unwrap();
    assert!(found.len() == 3 && found.iter().all(|e| e.data_text() == Some("{\"who\":\"outer\"}")));
}

#[test]
fn a_retry_in_memory_is_not_called_durable() {
    let log = AuditLog::in_memory().unwrap();
    let one = || entry("did:a", "{}").entry_id("retry-1");
    assert!(!log.append(one()).unwrap().is_durable());
    let again = log.append(one()).unwrap();
    assert!(again.is_duplicate() && !again.is_durable());
}

// ---- clocks -----------------------------------------------------------------------------------

const SECOND: u64 = 1_000_000_000;

fn clock_events(log: &AuditLog) -> Vec<String> {
    let query = Query::new().event_type("witnessmark.clock").system(true).limit(0);
    let event = |entry: &witnessmark::StoredEntry| {
        let data: serde_json::Value = serde_json::from_str(entry.data_text().unwrap()).unwrap();
        assert!(data["clock_ns"].is_u64() && data["last_recorded_ns"].is_u64());
        data["event"].as_str().unwrap().to_owned()
    };
    log.query(&query).unwrap().entries.iter().map(event).collect()
}

#[test]
fn a_clock_that_goes_back_is_clamped_flagged_and_on_record() {
    let clock = Arc::new(ManualClock::at(UnixNanos(1000 * SECOND)));
    let sim = Sim::new();
    let log = options(&sim, 1).clock(clock.clone()).open().unwrap();
    let append = |log: &AuditLog| {
        let receipt = log.append(entry("did:a", "{}")).unwrap();
        log.entry(receipt.index()).unwrap()
    };
    assert!(!append(&log).is_clock_clamped());
    assert!(!append(&log).is_clock_clamped(), "it stands, which is not going back");
    clock.set(UnixNanos(10 * SECOND));
    let back = append(&log);
    assert!(back.is_clock_clamped() && back.recorded_at() == UnixNanos(1000 * SECOND));
    assert!(append(&log).is_clock_clamped());
    assert_eq!(clock_events(&log), ["clock_regression_began"], "once");
    // A log that is opened by a clock that stands before its last entry is no exception.
    log.close().unwrap();
    let log = options(&sim, 1).clock(clock.clone()).open().unwrap();
    assert!(append(&log).is_clock_clamped());
    clock.set(UnixNanos(1001 * SECOND));
    let after = append(&log);
    assert!(!after.is_clock_clamped() && after.recorded_at() == UnixNanos(1001 * SECOND));
    let wanted = ["clock_regression_began", "clock_regression_began", "clock_regression_ended"];
    assert_eq!(clock_events(&log), wanted);
    clock.set(UnixNanos(1001 * SECOND - 1000));
    assert!(append(&log).is_clock_clamped(), "flagged, but too little to report");
    assert_eq!(clock_events(&log).len(), 3);
    for time in [0, 1, u64::MAX, 5] {
        clock.set(UnixNanos(time));
        let _ = append(&log);
    }
    let all = log.query(&Query::new().system(true).limit(0)).unwrap().entries;
    assert!(all.windows(2).all(|pair| pair[0].recorded_at() <= pair[1].recorded_at()));
    log.close().unwrap();
    assert!(options(&sim, 1).clock(clock).open().is_ok());
}

/// When there is no room for the group, the record of the clock is not lost with it.
#[test]
fn the_record_of_a_clock_is_written_with_the_next_group_that_fits() {
    let clock = Arc::new(ManualClock::at(UnixNanos(1000 * SECOND)));
    let sim = Sim::new();
    let log = options(&sim, 1).clock(clock.clone()).open().unwrap();
    let data = format!("{{\"fill\":\"{}\"}}", "x".repeat(40_000));
    let _ = log.append(entry("did:a", &data)).unwrap();
    let _ = log.append(entry("did:a", &data)).unwrap();
    clock.set(UnixNanos(SECOND));
    sim.set_faults(crate::sim::Faults {
        fail_always: vec![
            ("create", "spare", std::io::ErrorKind::StorageFull),
            ("write", "spare", std::io::ErrorKind::StorageFull),
            ("allocate", "", std::io::ErrorKind::StorageFull),
        ],
        ..Default::default()
    });
    assert_eq!(log.append(entry("did:a", &data)).unwrap_err().kind(), ErrorKind::NoSpace);
    sim.set_faults(crate::sim::Faults::default());
    let _ = log.append(entry("did:a", &data)).unwrap();
    assert_eq!(clock_events(&log), ["clock_regression_began"]);
}

// ---- directories ------------------------------------------------------------------------------

fn listed(path: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().file_name().into_string().unwrap()
    };
    let mut names: Vec<String> = std::fs::read_dir(path).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn a_directory_that_is_no_log_is_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::write(dir.path().join("thesis.tex"), "important").unwrap();
    assert_eq!(AuditLog::open(dir.path()).unwrap_err().kind(), ErrorKind::Untrusted);
    assert_eq!(listed(dir.path()), ["thesis.tex"], "not even a lock file");
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    std::fs::set_permissions(&empty, std::fs::Permissions::from_mode(0o700)).unwrap();
    let error = AuditLog::options(&empty).create(false).open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(listed(&empty).is_empty());
    let missing = dir.path().join("missing/deeper");
    let error = AuditLog::options(&missing).create(false).open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    AuditLog::open(&missing).unwrap().close().unwrap();
    assert_eq!(std::fs::metadata(&missing).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_directory_others_can_reach_is_refused_for_writing_and_noted_by_readers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let log = AuditLog::open(&path).unwrap();
    let _ = log.append(entry("did:a", "{}")).unwrap();
    log.close().unwrap();
    let link = dir.path().join("link");
    symlink(&path, &link).unwrap();
    assert_eq!(AuditLog::open(&link).unwrap_err().kind(), ErrorKind::Untrusted);
    for mode in [0o720, 0o702, 0o777] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let error = AuditLog::open(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Untrusted, "{mode:o}");
        assert!(error.advice().is_some());
        let reader = Reader::open(&path).unwrap();
        assert_eq!(reader.view().unwrap().size().get(), 1);
        assert_eq!(reader.notes().len(), 1);
    }
    // A link in the place of a file of the log leads nowhere.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    let segment = path.join("00000000000000000000.seg");
    std::fs::rename(&segment, dir.path().join("elsewhere")).unwrap();
    symlink(dir.path().join("elsewhere"), &segment).unwrap();
    assert!(AuditLog::open(&path).is_err());
    assert!(Reader::open(&path).unwrap().view().is_err());
}

#[test]
fn a_version_from_the_future_is_refused_by_name_and_a_broken_one_is_damage() {
    for (name, offset, end) in [("log.id", 8, 0), ("00000000000000000000.seg", 8, 4092)] {
        let sim = Sim::new();
        options(&sim, 1).open().unwrap().close().unwrap();
        let mut bytes = sim.bytes(name);
        bytes[offset] = 2;
        sim.put(name, &bytes);
        let error = options(&sim, 1).open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{name}: the CRC is wrong: {error}");
        let end = if end == 0 { bytes.len() - 4 } else { end };
        let crc = crate::recovery::crc32(&bytes[..end]);
        bytes[end..end + 4].copy_from_slice(&crc.to_le_bytes());
        sim.put(name, &bytes);
        let error = options(&sim, 1).open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownVersion, "{name}: {error}");
        assert_eq!((error.found(), error.location().file.as_deref()), (Some("2"), Some(name)));
        assert_eq!(sim.bytes(name), bytes, "left as it is");
    }
}

/// Twenty bytes that claim to be ten gigabytes, wherever a length is read.
#[test]
fn lengths_from_disk_are_bounded_before_they_are_believed() {
    let small = Sim::new();
    options(&small, 1).open().unwrap().close().unwrap();
    let header = small.bytes("00000000000000000000.seg")[..4096].to_vec();
    let nonce = &header[48..56];
    let mut group = b"\xffWMGRP\xfe\x01".to_vec();
    group.extend([0; 8]);
    group.extend(nonce);
    group.extend(0u64.to_le_bytes());
    group.extend(1u32.to_le_bytes());
    group.extend(0u32.to_le_bytes());
    group.extend(u32::MAX.to_le_bytes());
    group.extend([0; 52]);
    let crc = crate::recovery::crc32(&group[12..96]);
    group[8..12].copy_from_slice(&crc.to_le_bytes());
    let footer = |len: u64| {
        let mut bytes = vec![0u8; 4];
        bytes.extend(len.to_le_bytes());
        bytes.extend(b"WMARKEND");
        bytes
    };
    let tails = [group, footer(10 << 30), footer(u64::MAX), footer(256), footer(0)];
    for tail in tails {
        let sim = small.fork();
        let mut bytes = header.clone();
        bytes.extend(&tail);
        sim.put("00000000000000000000.seg", &bytes);
        let view = Reader::on_storage(sim.storage()).unwrap().view();
        assert!(view.is_err() || view.unwrap().size().get() == 0);
        match options(&sim, 1).open() {
            Ok(log) => {
                let last = tail.iter().rposition(|byte| *byte != 0).unwrap();
                assert_eq!(log.recovery().unwrap().bytes, last as u64 + 1);
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}"),
        }
    }
    for name in ["log.id", "00000000000000000000.seg"] {
        for bytes in [vec![], vec![0; 20], vec![0xff; 20], vec![0xff; 5000]] {
            let sim = small.fork();
            sim.put(name, &bytes);
            assert_eq!(options(&sim, 1).open().unwrap_err().kind(), ErrorKind::Corrupt, "{name}");
        }
    }
}
