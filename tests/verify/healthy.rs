//! What is right is found right: at rest, while it is written, on a real disk.

use crate::{LARGE, Recipe, SMALL, entries};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use witnessmark::limits::NOTES_MAX;
use witnessmark::storage::Storage;
use witnessmark::{AuditLog, Entry, Hash, SigningKey, Verdict, VerifyOptions, verify};

#[test]
fn a_healthy_log_is_intact_and_has_the_logs_own_root() {
    let empty = Recipe { groups: 0, ..SMALL };
    let padded = Recipe { align: 4096, groups: 40, ..LARGE };
    for recipe in [empty, SMALL, Recipe { align: 512, ..SMALL }, LARGE, padded] {
        let log = recipe.make();
        for threads in [1, 3] {
            let report = log.verify_with(&VerifyOptions::new().threads(threads));
            assert_eq!(report.findings, []);
            assert_eq!((report.verdict, report.exit_code()), (Verdict::Intact, 0));
            assert_eq!((report.size, report.root), (log.head.size, Some(log.head.root)));
            assert_eq!(report.entries, log.head.size.get());
            assert_eq!(report.notes, Vec::<String>::new());
            assert!(report.not_covered.iter().any(|words| words.contains("outside anchor")));
        }
        let segments = log.names(".seg").len();
        assert!(recipe.groups < 40 || segments > 3, "{segments} segments");
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

/// While segments are written, sealed and followed by others, nothing looks wrong.
#[test]
fn a_log_that_is_being_written_is_never_blamed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let log = AuditLog::options(&path).segment_bytes(64 << 10).open().unwrap();
    let is_done = AtomicBool::new(false);
    let mut sizes = Vec::new();
    std::thread::scope(|scope| {
        let (log, is_done) = (&log, &is_done);
        scope.spawn(move || {
            for group in 0..400 {
                let _ = log.append_batch(entries(group, 10)).unwrap();
            }
            is_done.store(true, Ordering::SeqCst);
        });
        while !is_done.load(Ordering::SeqCst) {
            let head = log.head();
            let options = VerifyOptions::new().threads(2).against(head.size, head.root);
            let report = verify(&path, &options).unwrap();
            assert_eq!(report.findings, [], "at {}", head.size);
            assert!(report.is_live && report.size >= head.size);
            sizes.push(report.size);
        }
    });
    assert!(sizes.is_sorted() && !sizes.is_empty(), "{sizes:?}");
    let head = log.close().unwrap();
    let report = verify(&path, &VerifyOptions::new()).unwrap();
    assert_eq!((report.size, report.root, report.exit_code()), (head.size, Some(head.root), 0));
}

#[test]
fn progress_ends_at_the_whole() {
    let log = LARGE.make();
    let last = Arc::new(Mutex::new((0, 0)));
    let calls = Arc::new(AtomicU64::new(0));
    let (tell, count) = (Arc::clone(&last), Arc::clone(&calls));
    let options = VerifyOptions::new().threads(1).progress(move |done, total| {
        *tell.lock().unwrap() = (done, total);
        count.fetch_add(1, Ordering::SeqCst);
    });
    let report = log.verify_with(&options);
    let (done, total) = *last.lock().unwrap();
    assert!(done == total && total > 200_000, "{done} of {total}");
    assert!(calls.load(Ordering::SeqCst) > 3);
    assert_eq!(report.bytes, total);
}

#[test]
fn strange_surroundings_are_noted_and_change_nothing() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let log = AuditLog::open(&path).unwrap();
    let _ = log.append(Entry::new("t", "did:a", "allow")).unwrap();
    log.close().unwrap();
    let strange = ["notes.txt", "quarantine-1-2.bin", "x.tmp", "00000000000000000007.index"];
    for name in strange {
        std::fs::write(path.join(name), b"?").unwrap();
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o770)).unwrap();
    let report = verify(&path, &VerifyOptions::new()).unwrap();
    assert_eq!((report.verdict, report.findings.len()), (Verdict::Intact, 0));
    for words in strange.into_iter().chain(["others may write"]) {
        assert!(report.notes.iter().any(|note| note.contains(words)), "{:?}", report.notes);
    }
    assert_eq!(report.notes.len(), strange.len() + 1);
}

/// A directory that is full of what does not belong there is told of in a report of bounded length.
#[test]
fn notes_beyond_the_most_are_counted() {
    for (strange, beyond) in [(NOTES_MAX, None), (NOTES_MAX + 3, Some("and 3 more"))] {
        let log = SMALL.make();
        (0..strange).for_each(|n| drop(log.files.create(&format!("{n}.txt")).unwrap()));
        let report = log.verify();
        assert_eq!(report.notes.len(), NOTES_MAX + usize::from(beyond.is_some()));
        let words = report.notes.last().map(String::as_str).filter(|w| w.starts_with("and"));
        assert_eq!((words, report.exit_code()), (beyond, 0));
    }
}

#[test]
fn options_keep_what_was_set_before() {
    let key = SigningKey::from_seed("a.example/log", &[1; 32]).unwrap().verifier();
    let options = VerifyOptions::new()
        .against(7.into(), Hash([7; 32]))
        .seen(9.into(), Hash([9; 32]))
        .key(key)
        .progress(|_, _| {})
        .threads(3);
    assert_eq!(options.threads, 3);
    assert_eq!(options.against, Some((7.into(), Hash([7; 32]))));
    assert_eq!(options.seen, Some((9.into(), Hash([9; 32]))));
    assert!(options.keys.len() == 1 && options.progress.is_some());
}
