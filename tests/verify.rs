//! The auditor: what is right passes, and whatever was changed is found where it was changed.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use witnessmark::{AuditLog, Entry, TreeHead, Verdict, VerifyOptions, verify};

/// A closed log in a directory of its own.
struct Closed {
    dir: tempfile::TempDir,
    head: TreeHead,
}

impl Closed {
    /// `groups` commits of `batch` entries each, in segments of 64 KiB.
    fn new(groups: usize, batch: usize, align: u16) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let log =
            AuditLog::options(&path).segment_bytes(64 << 10).sector_pad(align).open().unwrap();
        for group in 0..groups {
            let agents: Vec<String> =
                (0..batch).map(|n| format!("did:web:{}.example", (group + n) % 7)).collect();
            let entries = agents.iter().enumerate().map(|(n, agent)| {
                let event = ["tool_invocation", "policy_decision"][(group * n) % 2];
                let text =
                    format!("{{\"group\":{group},\"n\":{n},\"text\":\"{}\"}}", "x".repeat(n % 90));
                let entry =
                    Entry::new(event, agent, "allow").trace_id(format!("trace-{}", group / 3));
                if n % 5 == 4 { entry } else { entry.data_text(text) }
            });
            let _ = log.append_batch(entries).unwrap();
        }
        let head = log.close().unwrap();
        Self { dir, head }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("log")
    }
}

fn names(path: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().file_name().into_string().unwrap()
    };
    let mut names: Vec<String> = std::fs::read_dir(path).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn a_healthy_log_is_intact_and_has_the_logs_own_root() {
    for (groups, batch, align) in [(0, 0, 1), (1, 1, 1), (5, 3, 512), (60, 20, 1), (40, 30, 4096)] {
        let log = Closed::new(groups, batch, align);
        for threads in [1, 3] {
            let report = verify(log.path(), &VerifyOptions::new().threads(threads)).unwrap();
            assert_eq!(report.findings, []);
            assert_eq!((report.verdict, report.exit_code()), (Verdict::Intact, 0));
            assert_eq!((report.size, report.root), (log.head.size, Some(log.head.root)));
            assert_eq!(report.entries, log.head.size.get());
            assert_eq!(report.notes, Vec::<String>::new());
            assert!(report.not_covered.iter().any(|words| words.contains("outside anchor")));
        }
        let segments = names(&log.path()).iter().filter(|name| name.ends_with(".seg")).count();
        assert!(groups < 40 || segments > 3, "{segments} segments");
    }
}

#[test]
fn an_open_log_is_judged_up_to_what_was_appended() {
    let log = AuditLog::in_memory().unwrap();
    for n in 0..300 {
        let _ = log.append(Entry::new("t", format!("did:{}", n % 3), "allow")).unwrap();
    }
    let report = log.verify_integrity().unwrap();
    assert_eq!((report.findings.as_slice(), report.verdict), (&[][..], Verdict::Intact));
    assert_eq!((report.size, report.root), (log.head().size, Some(log.head().root)));
    assert!(report.is_live && report.unvouched == 0);
}
