//! Files across rotations, crashes, thefts and other people's hands.

use super::*;
use crate::sink::{RunnerOptions, SinkRunner};
use crate::{Action, AuditLog, Entry};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(30);

struct Rig {
    dir: tempfile::TempDir,
    log: AuditLog,
}

impl Rig {
    fn new(count: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = AuditLog::open(dir.path().join("log")).unwrap();
        let rig = Self { dir, log };
        rig.fill(count);
        rig
    }

    fn fill(&self, count: u64) {
        for n in 0..count {
            let entry = Entry::new("tool_invocation", "did:web:größe", Action::Allow);
            let entry = entry.resource(format!("/r/{n}")).data_text("{\"n\":1.50,\"t\":\"例え\"}");
            let _ = self.log.append(entry.environment("prod")).unwrap();
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("out/audit.jsonl")
    }

    fn options(&self) -> FileSinkOptions {
        FileSinkOptions::new(self.path())
    }

    fn open(&self, options: FileSinkOptions) -> Result<FileAuditSink> {
        FileAuditSink::open(options, key())
    }

    /// Attaches a sink at `next` and gives it everything up to `end`, in batches.
    fn feed(&self, sink: &mut FileAuditSink, next: u64, end: u64, batch: u64) -> u64 {
        let next = self.attach(sink, next).unwrap();
        let mut at = next;
        while at < end {
            let upto = (at + batch).min(end);
            let entries: Vec<_> = (at..upto).map(|i| self.log.entry(i.into()).unwrap()).collect();
            sink.write_batch(&entries).unwrap();
            sink.flush().unwrap();
            at = upto;
        }
        next
    }

    fn attach(&self, sink: &mut FileAuditSink, next: u64) -> Result<u64> {
        let view = self.log.view();
        let identity = self.log.identity();
        let log = Attachment { identity, view: &view, next: next.into(), set_aside: &[] };
        sink.attach(&log).map(EntryIndex::get)
    }

    fn verify(&self, next: u64) -> SinkReport {
        let view = self.log.view();
        let identity = self.log.identity();
        let log = Attachment { identity, view: &view, next: next.into(), set_aside: &[] };
        verify_files(&self.path(), &key(), Some(&log)).unwrap()
    }

    /// Every line of every file, oldest first.
    fn ids(&self) -> Vec<String> {
        let mut files = self.files("audit.0");
        files.push(self.path());
        let mut ids = Vec::new();
        for file in files.iter().filter(|file| file.exists()) {
            for line in std::fs::read_to_string(file).unwrap().lines() {
                ids.push(AgtEntry::parse_line(line.as_bytes()).unwrap().entry_id);
            }
        }
        ids
    }

    fn files(&self, prefix: &str) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.path().parent().unwrap())
            .unwrap()
            .map(|file| file.unwrap().path())
            .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix))
            .collect();
        files.sort();
        files
    }

    fn logged_ids(&self) -> Vec<String> {
        let size = self.log.head().size.get();
        (0..size).map(|i| self.log.entry(i.into()).unwrap().entry_id()).collect()
    }
}

fn key() -> Secret {
    Secret::new(*b"golden-hmac-key-v1").unwrap()
}

fn is_valid_alone(path: &Path) -> bool {
    let bytes = std::fs::read(path).unwrap();
    crate::interop::verify_file(&bytes[..], key().bytes(), |_, _| Ok(())).unwrap().valid
}

#[test]
fn every_file_is_valid_by_itself_and_all_of_them_hold_every_entry_once() {
    let rig = Rig::new(60);
    let mut sink = rig.open(rig.options().rotate_bytes(4000)).unwrap();
    rig.feed(&mut sink, 0, 60, 7);
    let full = rig.files("audit.0");
    assert!(full.len() > 5, "{full:?}");
    assert!(full[0].ends_with("audit.000001.jsonl"));
    for file in full.iter().chain([&rig.path()]) {
        assert!(is_valid_alone(file), "{file:?}");
        let mode = std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file:?}");
    }
    assert_eq!(rig.ids(), rig.logged_ids());
    let report = rig.verify(60);
    assert!(report.is_intact() && report.notes.is_empty(), "{report:?}");
    assert_eq!(report.checked, 60);
    let last = sink.read_entries().unwrap().pop().unwrap();
    assert_eq!(last.environment.as_deref(), Some("prod"));
}

#[test]
fn two_rotations_in_one_second_lose_nothing() {
    let rig = Rig::new(40);
    // Every line fills a file: forty files at once, where a name by the second would be reused.
    let mut sink = rig.open(rig.options().rotate_bytes(1)).unwrap();
    rig.feed(&mut sink, 0, 40, 40);
    assert_eq!(rig.files("audit.0").len(), 39);
    assert_eq!(rig.ids(), rig.logged_ids());
    assert!(rig.verify(40).is_intact());
    // A name that somebody else has is passed over.
    rig.fill(1);
    std::fs::write(rig.path().with_file_name("audit.000040.jsonl"), "mine").unwrap();
    rig.feed(&mut sink, 40, 41, 1);
    assert!(rig.path().with_file_name("audit.000040-1.jsonl").exists());
    let report = rig.verify(41);
    assert!(report.is_intact() && report.notes[0].contains("audit.000040.jsonl"), "{report:?}");
}

#[test]
fn a_file_that_is_missing_cut_or_altered_is_found() {
    let rig = Rig::new(30);
    let mut sink = rig.open(rig.options().rotate_bytes(5000)).unwrap();
    rig.feed(&mut sink, 0, 30, 5);
    drop(sink);
    let full = rig.files("audit.0");
    let found = |what: &str| {
        let report = rig.verify(30);
        assert!(report.findings.iter().any(|f| f.contains(what)), "{what}: {report:?}");
    };
    let with = |path: &Path, change: &dyn Fn(&str) -> String, what: &str| {
        let whole = std::fs::read_to_string(path).unwrap();
        std::fs::write(path, change(&whole)).unwrap();
        found(what);
        std::fs::write(path, whole).unwrap();
    };
    let cut = |text: &str| text.split_inclusive('\n').take(2).collect::<String>();
    with(&full[1], &cut, "audit.000002.jsonl was cut");
    with(&rig.path(), &|text| text.split_inclusive('\n').take(1).collect(), "audit.jsonl was cut");
    with(&rig.path(), &|_| String::new(), "audit.jsonl was cut");
    // The reference hashes neither of these: the digest of the file shows it.
    with(&full[0], &|text| text.replace("\"prod\"", "\"test\""), "its bytes were altered");
    with(&full[0], &|text| text.replace("/r/1\"", "/r/9\""), "content hash mismatch");
    for path in [&full[1], &rig.path()] {
        let aside = rig.dir.path().join("aside");
        std::fs::rename(path, &aside).unwrap();
        found("is missing: ");
        std::fs::rename(&aside, path).unwrap();
    }
    let links = rig.path().with_file_name("audit.jsonl.links");
    with(&links, &|text| text.split_inclusive('\n').skip(1).collect(), "link is missing before");
    let last = |text: &str| {
        let (before, last) = text.trim_end().rsplit_once('\n').unwrap();
        format!("{before}\n{}\n", last.replace("\"entries\":", "\"entries\":1"))
    };
    with(&links, &last, "MAC does not hold");
    assert!(rig.verify(30).is_intact());
}

#[test]
fn lines_that_differ_from_the_log_are_found_even_with_the_right_key() {
    let rig = Rig::new(5);
    let mut sink = rig.open(rig.options()).unwrap();
    rig.feed(&mut sink, 0, 5, 5);
    drop(sink);
    // Whoever has the key can sign other lines and another sidecar; the log has the entries.
    std::fs::remove_file(rig.path()).unwrap();
    std::fs::remove_file(rig.path().with_file_name("audit.jsonl.links")).unwrap();
    let other = AuditLog::open(rig.dir.path().join("other")).unwrap();
    for id in rig.logged_ids() {
        let entry = Entry::new("tool_invocation", "did:web:größe", Action::Deny).entry_id(id);
        let _ = other.append(entry).unwrap();
    }
    let mut forged = rig.open(rig.options()).unwrap();
    rig.attach(&mut forged, 0).unwrap();
    let view = other.view();
    for i in 0..5 {
        forged.write(&view.entry(EntryIndex::new(i)).unwrap()).unwrap();
    }
    forged.close().unwrap();
    let report = rig.verify(5);
    assert_eq!(report.findings.len(), 5, "{report:?}");
    assert!(report.findings[0].contains("differs from entry 0 of the log"), "{report:?}");
    assert!(verify_files(&rig.path(), &key(), None).unwrap().is_intact());
}

#[test]
fn a_torn_line_is_set_aside_and_nothing_is_written_twice() {
    let rig = Rig::new(20);
    for tail in [&b"{\"action\": \"al"[..], b"\0\0\0\0", b"{}\nx"] {
        let _ = std::fs::remove_dir_all(rig.path().parent().unwrap());
        let mut sink = rig.open(rig.options()).unwrap();
        rig.feed(&mut sink, 0, 10, 4);
        // Written, but the crash came before the flush.
        sink.write_batch(&[rig.log.entry(10.into()).unwrap()]).unwrap();
        drop(sink);
        let mut bytes = std::fs::read(rig.path()).unwrap();
        bytes.extend_from_slice(tail);
        std::fs::write(rig.path(), bytes).unwrap();
        let mut sink = rig.open(rig.options()).unwrap();
        let notes = sink.notes();
        assert!(notes.len() == 1 && notes[0].contains("audit.jsonl.torn-01"), "{notes:?}");
        let torn = std::fs::read(rig.path().with_file_name("audit.jsonl.torn-01")).unwrap();
        assert_eq!(torn, tail);
        // The stored position is older than what the files hold.
        assert_eq!(rig.feed(&mut sink, 8, 20, 4), 11);
        assert_eq!(rig.ids(), rig.logged_ids());
        assert!(rig.verify(20).is_intact());
    }
}

#[test]
fn a_crash_between_closing_a_file_and_naming_it_is_mended() {
    let rig = Rig::new(12);
    let mut sink = rig.open(rig.options().rotate_bytes(1)).unwrap();
    rig.feed(&mut sink, 0, 6, 6);
    drop(sink);
    let last = rig.path().with_file_name("audit.000005.jsonl");
    // As if the renaming had not happened, and nothing behind it.
    std::fs::rename(&last, rig.path()).unwrap();
    let links = rig.path().with_file_name("audit.jsonl.links");
    let text = std::fs::read_to_string(&links).unwrap();
    let closed: String =
        text.split_inclusive('\n').filter(|line| line.contains("\"closed\"")).collect();
    std::fs::write(&links, closed).unwrap();
    let mut sink = rig.open(rig.options().rotate_bytes(1)).unwrap();
    assert!(last.exists() && !rig.path().exists());
    assert_eq!(rig.feed(&mut sink, 0, 12, 12), 5);
    assert_eq!(rig.ids(), rig.logged_ids());
    assert!(rig.verify(12).is_intact());
}

#[test]
fn files_of_the_reference_are_taken_over_and_files_without_end_of_line_go_on() {
    let rig = Rig::new(4);
    std::fs::create_dir(rig.path().parent().unwrap()).unwrap();
    let foreign = |id: &str, previous: &str| {
        let view = rig.log.view();
        let entry = AgtEntry::from(&view.entry(EntryIndex::new(0)).unwrap());
        AgtEntry { entry_id: id.into(), ..entry }.signed(previous, key().bytes())
    };
    let first = foreign("audit_1", "");
    let second = foreign("audit_2", &first.content_hash);
    let text = format!("{}\n{}", first.to_line(), second.to_line());
    std::fs::write(rig.path(), text).unwrap();
    let mut sink = rig.open(rig.options()).unwrap();
    assert_eq!(rig.feed(&mut sink, 0, 4, 2), 0);
    let ids = rig.ids();
    assert_eq!(
        (&ids[..2], &ids[2..]),
        (&["audit_1".into(), "audit_2".into()][..], &rig.logged_ids()[..])
    );
    assert!(is_valid_alone(&rig.path()));
    let report = rig.verify(4);
    assert!(report.is_intact() && report.checked == 6, "{report:?}");
}

#[test]
fn a_wrong_key_and_a_file_that_was_cut_are_refused() {
    let rig = Rig::new(6);
    let mut sink = rig.open(rig.options()).unwrap();
    rig.feed(&mut sink, 0, 6, 2);
    let second = rig.open(rig.options()).unwrap_err();
    assert_eq!(second.kind(), ErrorKind::Locked, "{second}");
    drop(sink);
    let wrong = || Secret::new(*b"golden-hmac-key-WRONG").unwrap();
    let error = FileAuditSink::open(rig.options(), wrong()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key, "{error}");
    let whole = std::fs::read(rig.path()).unwrap();
    std::fs::write(rig.path(), &whole[..whole.len() / 2]).unwrap();
    let error = rig.open(rig.options()).unwrap_err();
    assert!(error.is_corruption() && error.message().contains("was cut"), "{error}");
    std::fs::write(rig.path(), &whole).unwrap();
    // Without the sidecar the lines themselves tell.
    std::fs::remove_file(rig.path().with_file_name("audit.jsonl.links")).unwrap();
    let error = FileAuditSink::open(rig.options(), wrong()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key, "{error}");
    assert!(rig.open(rig.options()).is_ok());
    // Another log behind the same file is refused.
    let mut sink = rig.open(rig.options()).unwrap();
    rig.feed(&mut sink, 0, 6, 6);
    drop(sink);
    let other = Rig::new(1);
    let mut sink = rig.open(rig.options()).unwrap();
    assert!(other.attach(&mut sink, 0).unwrap_err().message().contains("another log"));
}

#[test]
fn a_continuous_chain_goes_on_from_file_to_file() {
    let rig = Rig::new(12);
    let options = || rig.options().rotate_bytes(3000).chain(FileChain::Continuous);
    for end in [5, 12] {
        let mut sink = rig.open(options()).unwrap();
        rig.feed(&mut sink, 0, end, 2);
    }
    let full = rig.files("audit.0");
    assert!(full.len() > 1 && is_valid_alone(&full[0]) && !is_valid_alone(&full[1]));
    assert!(rig.verify(12).is_intact(), "{:?}", rig.verify(12));
    assert_eq!(rig.ids(), rig.logged_ids());
}

#[test]
fn a_runner_that_is_stopped_and_started_writes_each_entry_once() {
    let rig = Rig::new(50);
    for _ in 0..3 {
        let sink = rig.open(rig.options().rotate_bytes(9000)).unwrap();
        let options = RunnerOptions::new().batch_entries(9).poll(Duration::from_millis(2));
        let runner = SinkRunner::start(&rig.log, "file", sink, options).unwrap();
        rig.fill(30);
        assert_eq!(runner.close(LONG).undelivered, 0);
    }
    assert_eq!(rig.ids(), rig.logged_ids());
    assert!(rig.verify(140).is_intact());
}
