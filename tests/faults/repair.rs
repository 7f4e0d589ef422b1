//! Repair: each step is named before it is done, done when asked for, and no acknowledged byte is
//! touched.

use crate::story::entry;
use std::path::Path;
use witnessmark::{AuditLog, ErrorKind, RepairOptions, RepairReport, repair};

/// A log of several sealed segments, closed, in a directory.
fn log() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::options(dir.path().join("log")).segment_bytes(64 << 10).open().unwrap();
    let data = format!("{{\"fill\":\"{}\"}}", "x".repeat(9000));
    for _ in 0..30 {
        let _ = log.append(entry("did:a", &data)).unwrap();
    }
    log.close().unwrap();
    dir
}

fn names(log: &Path, ending: &str) -> Vec<String> {
    let files = std::fs::read_dir(log).unwrap().map(|file| file.unwrap().file_name());
    let mut names: Vec<String> = files.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(ending));
    names.sort();
    names
}

fn planned(log: &Path) -> RepairReport {
    repair(log, RepairOptions::default()).unwrap()
}

/// Bytes of every segment: what repair must leave alone.
fn segments(log: &Path) -> Vec<Vec<u8>> {
    names(log, ".seg").iter().map(|name| std::fs::read(log.join(name)).unwrap()).collect()
}

/// Changes files that may be written by nobody, as sealed segments are.
fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn side_files_and_leftovers_are_named_first_and_then_mended() {
    let dir = log();
    let log = dir.path().join("log");
    assert_eq!(planned(&log), RepairReport::default(), "nothing to do");
    let (nodes, indexes) = (names(&log, ".nodes"), names(&log, ".index"));
    assert!(nodes.len() >= 3 && nodes.len() == indexes.len());
    let last = names(&log, ".seg").pop().unwrap().replace(".seg", ".nodes");
    assert!(!nodes.contains(&last), "the last segment needs none");
    let whole = std::fs::read(log.join(&nodes[2])).unwrap();
    let before = segments(&log);
    // One that is gone, one that rotted, one too short for a digest, a sound one of no segment.
    std::fs::remove_file(log.join(&nodes[0])).unwrap();
    change(&log.join(&indexes[1]), |bytes| bytes[200] ^= 1);
    change(&log.join(&nodes[1]), |bytes| bytes.truncate(31));
    let orphan = "00000000000000099999.nodes";
    std::fs::write(log.join(orphan), &whole).unwrap();
    std::fs::write(log.join("spare.tmp"), b"half of it").unwrap();
    std::fs::write(log.join("notes.txt"), b"of somebody else").unwrap();
    let damaged = "it is damaged or belongs to no segment";
    let mut wanted = vec![
        format!("make {} again from its segment", nodes[0]),
        format!("remove {}, {damaged}", indexes[1]),
        format!("remove {}, {damaged}", nodes[1]),
        format!("remove {orphan}, {damaged}"),
        "remove spare.tmp, left behind by an interrupted writer".to_owned(),
    ];
    wanted.sort();
    let said = |mut report: RepairReport| {
        assert!(report.refused.is_empty(), "{report:?}");
        report.actions.sort();
        report.actions
    };
    assert_eq!(said(planned(&log)), wanted);
    assert_eq!(said(planned(&log)), wanted, "nothing was done");
    assert!(log.join(orphan).exists() && log.join("spare.tmp").exists());
    assert_eq!(said(repair(&log, RepairOptions::for_real()).unwrap()), wanted);
    assert_eq!(planned(&log), RepairReport::default());
    assert_eq!((names(&log, ".nodes"), names(&log, ".index")), (nodes.clone(), indexes));
    assert_eq!(std::fs::read(log.join(&nodes[2])).unwrap(), whole);
    assert!(log.join("notes.txt").exists() && !log.join("spare.tmp").exists());
    assert_eq!(segments(&log), before);
}

#[test]
fn a_torn_tail_is_set_aside_and_damage_is_refused() {
    let dir = log();
    let log = dir.path().join("log");
    let last = log.join(names(&log, ".seg").pop().unwrap());
    change(&last, |bytes| bytes.extend([7; 100]));
    let plan = planned(&log);
    assert!(plan.refused.is_empty() && plan.actions.len() == 1, "{plan:?}");
    assert!(plan.actions[0].starts_with("set 100 bytes of a torn write aside"), "{plan:?}");
    assert!(names(&log, ".bin").is_empty());
    let done = repair(&log, RepairOptions::for_real()).unwrap();
    assert!(done.actions.iter().any(|action| action.contains("100 bytes")), "{done:?}");
    assert_eq!(names(&log, ".bin").len(), 1);
    assert_eq!(planned(&log), RepairReport::default());
    // Below what is vouched for, in the last segment and in a header.
    let first = log.join(&names(&log, ".seg")[0]);
    for (path, at) in [(&last, 4096 + 200), (&first, 100)] {
        change(path, |bytes| bytes[at] ^= 1);
        let before = segments(&log);
        for options in [RepairOptions::default(), RepairOptions::for_real()] {
            let report = repair(&log, options).unwrap();
            assert_eq!((report.actions.len(), report.refused.len()), (0, 1), "{report:?}");
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(report.refused[0].contains(name), "{report:?}");
        }
        assert_eq!(segments(&log), before);
        change(path, |bytes| bytes[at] ^= 1);
    }
}

#[test]
fn a_log_that_somebody_writes_is_not_repaired() {
    let dir = log();
    let path = dir.path().join("log");
    let _writer = AuditLog::open(&path).unwrap();
    let error = repair(&path, RepairOptions::for_real()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
}
