//! Runners against sinks that fail, hang and panic, and positions across runs.

use super::*;
use crate::error::{Error, ErrorKind};
use crate::sync::{Mutex, thread};
use crate::{Action, AuditLog, Entry};
use std::sync::Arc;
use std::sync::mpsc;

const LONG: Duration = Duration::from_secs(30);

fn quick() -> RunnerOptions {
    let (first, most) = (Duration::from_millis(1), Duration::from_millis(4));
    RunnerOptions::new().poll(Duration::from_millis(2)).backoff(first, most)
}

fn fill(log: &AuditLog, count: u64) {
    for n in 0..count {
        let entry = Entry::new("tool_invocation", "did:a", Action::Allow);
        let _ = log.append(entry.resource(n.to_string())).unwrap();
    }
}

fn indices(entries: &[StoredEntry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.index().get()).collect()
}

/// A sink that does what a closure says before it takes an entry.
struct Scripted<F> {
    before: F,
    taken: Arc<Mutex<Vec<u64>>>,
}

impl<F: FnMut(&StoredEntry) -> Result<()> + Send> AuditSink for Scripted<F> {
    fn write(&mut self, entry: &StoredEntry) -> Result<()> {
        (self.before)(entry)?;
        self.taken.lock().push(entry.index().get());
        Ok(())
    }

    fn verify_integrity(&mut self, _log: Option<&Attachment<'_>>) -> Result<SinkReport> {
        Ok(SinkReport::not_supported("a script"))
    }
}

type Taken = Arc<Mutex<Vec<u64>>>;

fn scripted<F>(before: F) -> (Scripted<F>, Taken) {
    let taken = Taken::default();
    (Scripted { before, taken: Arc::clone(&taken) }, taken)
}

#[test]
fn everything_comes_once_and_in_order_across_runs() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path().join("log")).unwrap();
    fill(&log, 30);
    let sink = MemorySink::new(100);
    for round in 0..3u64 {
        let options = quick().batch_entries(7);
        let runner = SinkRunner::start(&log, "memory", sink.clone(), options).unwrap();
        fill(&log, 5);
        let ended = runner.close(LONG);
        assert_eq!((ended.undelivered, ended.is_stuck), (0, false));
        assert_eq!(ended.next.get(), 35 + 5 * round);
    }
    assert_eq!(indices(&sink.entries()), (0..45).collect::<Vec<_>>());
    let home = SinkHome::of(dir.path().join("log"));
    let status = home.status("memory", log.identity(), &log.view()).unwrap();
    assert_eq!((status.lag, status.delivered, status.is_running), (0, 45, false));
}

#[test]
fn a_hanging_sink_delays_no_append_and_closing_says_what_is_missing() {
    let log = AuditLog::in_memory().unwrap();
    let (hold, held) = mpsc::channel::<()>();
    let (sink, taken) = scripted(move |entry: &StoredEntry| {
        if entry.index().get() == 3 {
            // Until the test lets go of its end.
            let _ = held.recv();
        }
        Ok(())
    });
    let runner = SinkRunner::start(&log, "hang", sink, quick().batch_entries(1)).unwrap();
    fill(&log, 50);
    assert!(runner.wait_for(3, LONG));
    fill(&log, 50);
    let status = runner.status();
    assert_eq!((status.size, status.phase), (100, Phase::Delivering));
    let ended = runner.close(Duration::from_millis(20));
    assert!(ended.is_stuck);
    assert_eq!((ended.next.get(), ended.undelivered), (3, 97));
    assert_eq!((log.head().size.get(), taken.lock().len()), (100, 3));
    drop(hold);
}

#[test]
fn a_panic_is_a_failed_try_and_the_entry_becomes_a_dead_letter() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path().join("log")).unwrap();
    let (sink, taken) = scripted(|entry: &StoredEntry| {
        assert!(entry.index().get() != 4, "entry four is too much for me");
        Ok(())
    });
    let runner = SinkRunner::start(&log, "panic", sink, quick().tries(2)).unwrap();
    fill(&log, 10);
    let ended = runner.close(LONG);
    assert_eq!((ended.undelivered, ended.status.dead_letters), (0, 1));
    // At least once, and the entries before the bad one came with every try.
    let mut seen = taken.lock().clone();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, [0, 1, 2, 3, 5, 6, 7, 8, 9]);
    let dead = std::fs::read_to_string(dir.path().join("log/sinks/panic/dead.jsonl")).unwrap();
    let letter: serde_json::Value = serde_json::from_str(dead.trim()).unwrap();
    assert_eq!((&letter["index"], &letter["tries"]), (&4.into(), &2.into()));
    assert!(letter["message"].as_str().unwrap().contains("too much for me"), "{letter}");
    let home = SinkHome::of(dir.path().join("log"));
    assert_eq!(home.status("panic", log.identity(), &log.view()).unwrap().dead_letters, 1);
}

#[test]
fn a_sink_that_is_down_is_waited_for_and_nothing_becomes_a_dead_letter() {
    let log = AuditLog::in_memory().unwrap();
    let mut down = 20;
    let (sink, taken) = scripted(move |_: &StoredEntry| {
        down -= i32::from(down > 0);
        match down {
            0 => Ok(()),
            _ => Err(Error::new(ErrorKind::Io, "connection refused")),
        }
    });
    let runner = SinkRunner::start(&log, "down", sink, quick().tries(3)).unwrap();
    fill(&log, 5);
    assert!(runner.wait_for(5, LONG));
    assert_eq!(*taken.lock(), [0, 1, 2, 3, 4]);
    let status = runner.close(LONG).status;
    assert_eq!((status.dead_letters, status.failures), (0, 0));
    assert_eq!(status.last_error.as_deref(), Some("connection refused"));
}

#[test]
fn a_run_that_is_to_end_gives_up_after_its_tries_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path().join("log")).unwrap();
    fill(&log, 5);
    let (sink, _) =
        scripted(|_: &StoredEntry| Err(Error::new(ErrorKind::Io, "connection refused")));
    let runner = SinkRunner::start(&log, "s", sink, quick().tries(3).once(true)).unwrap();
    assert!(runner.wait_ended(LONG));
    let status = runner.status();
    assert_eq!((status.lag(), status.failures), (5, 3));
    assert!(status.gave_up.unwrap().to_string().contains("connection refused"));
    drop(runner);
    let sink = MemorySink::new(10);
    let runner = SinkRunner::start(&log, "s", sink.clone(), quick().once(true)).unwrap();
    assert!(runner.wait_ended(LONG));
    assert_eq!(indices(&sink.entries()), [0, 1, 2, 3, 4]);
}

#[test]
fn dead_letters_of_any_kind_are_for_those_who_ask() {
    let log = AuditLog::in_memory().unwrap();
    fill(&log, 3);
    let (sink, taken) = scripted(|entry: &StoredEntry| match entry.index().get() {
        1 => Err(Error::new(ErrorKind::Io, "no")),
        _ => Ok(()),
    });
    let options = quick().tries(2).dead_letters(DeadLetters::Any);
    let ended = SinkRunner::start(&log, "any", sink, options).unwrap().close(LONG);
    assert_eq!((ended.undelivered, ended.status.dead_letters), (0, 1));
    assert_eq!(taken.lock().last(), Some(&2));
}

/// A sink that forgets what was not flushed, and cannot flush every other time.
#[derive(Default)]
struct Forgetful {
    unsafe_yet: Vec<u64>,
    safe: Arc<Mutex<Vec<u64>>>,
    flushes: u32,
}

impl AuditSink for Forgetful {
    fn write(&mut self, entry: &StoredEntry) -> Result<()> {
        self.unsafe_yet.push(entry.index().get());
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.flushes += 1;
        if self.flushes % 2 == 1 {
            self.unsafe_yet.clear();
            return Err(Error::new(ErrorKind::Io, "no room"));
        }
        self.safe.lock().append(&mut self.unsafe_yet);
        Ok(())
    }

    fn verify_integrity(&mut self, _log: Option<&Attachment<'_>>) -> Result<SinkReport> {
        Ok(SinkReport::not_supported("a test"))
    }
}

#[test]
fn what_was_not_flushed_comes_again() {
    for flush_every in [Duration::ZERO, Duration::from_millis(3)] {
        let log = AuditLog::in_memory().unwrap();
        let sink = Forgetful::default();
        let safe = Arc::clone(&sink.safe);
        let options = quick().batch_entries(3).flush_every(flush_every);
        let runner = SinkRunner::start(&log, "forgetful", sink, options).unwrap();
        fill(&log, 40);
        assert!(runner.wait_for(40, LONG));
        assert_eq!(*safe.lock(), (0..40).collect::<Vec<_>>());
    }
}

#[test]
fn one_sink_has_one_runner() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path().join("log")).unwrap();
    let first = SinkRunner::start(&log, "one", MemorySink::new(1), quick()).unwrap();
    let second = SinkRunner::start(&log, "one", MemorySink::new(1), quick()).unwrap_err();
    assert_eq!(second.kind(), ErrorKind::Locked);
    assert!(second.to_string().contains("runs the sink one already"), "{second}");
    assert_eq!(
        SinkHome::of(dir.path().join("log")).remove("one").unwrap_err().kind(),
        ErrorKind::Locked
    );
    assert!(!first.close(LONG).is_stuck);
    assert!(SinkRunner::start(&log, "one", MemorySink::new(1), quick()).is_ok());
}

#[test]
fn a_log_that_was_rolled_back_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copy) = (dir.path().join("log"), dir.path().join("copy"));
    let log = AuditLog::open(&path).unwrap();
    fill(&log, 3);
    log.close().unwrap();
    std::fs::create_dir(&copy).unwrap();
    let mut files: Vec<_> = std::fs::read_dir(&path).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    for file in &files {
        std::fs::copy(file, copy.join(file.file_name().unwrap())).unwrap();
    }
    let log = AuditLog::open(&path).unwrap();
    fill(&log, 3);
    let ended = SinkRunner::start(&log, "s", MemorySink::new(9), quick()).unwrap().close(LONG);
    assert_eq!(ended.next.get(), 6);
    log.close().unwrap();
    for file in &files {
        std::fs::copy(copy.join(file.file_name().unwrap()), file).unwrap();
    }
    let log = AuditLog::open(&path).unwrap();
    let refused = SinkRunner::start(&log, "s", MemorySink::new(9), quick()).unwrap_err();
    assert!(refused.is_corruption() && refused.message().contains("rolled back"), "{refused}");
    let status = SinkHome::of(&path).status("s", log.identity(), &log.view()).unwrap();
    assert!(status.problem.unwrap().contains("rolled back"));
}

#[test]
fn sinks_beside_the_log_leave_it_intact() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let log = AuditLog::open(&path).unwrap();
    let runner = SinkRunner::start(&log, "s", MemorySink::new(9), quick()).unwrap();
    fill(&log, 20);
    assert!(runner.wait_for(20, LONG));
    let report = log.verify_integrity().unwrap();
    assert_eq!(report.verdict, crate::Verdict::Intact);
    assert!(!report.notes.iter().any(|note| note.contains("sinks")), "{:?}", report.notes);
    drop(runner);
    log.close().unwrap();
    assert_eq!(crate::verify(&path, &Default::default()).unwrap().verdict, crate::Verdict::Intact);
    // A plain file of that name is a stranger as before.
    let log = dir.path().join("other");
    AuditLog::open(&log).unwrap().close().unwrap();
    std::fs::write(log.join("sinks"), "x").unwrap();
    let report = crate::verify(&log, &Default::default()).unwrap();
    assert!(report.notes.iter().any(|note| note.contains("sinks")), "{:?}", report.notes);
}

#[test]
fn a_reader_of_another_process_is_followed_and_the_engine_s_entries_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let log = AuditLog::open(&path).unwrap();
    let sink = MemorySink::new(1000);
    let state = SinkHome::of(&path).open("reader").unwrap();
    let reader = crate::Reader::open(&path).unwrap();
    let runner = SinkRunner::follow(reader, state, sink.clone(), quick()).unwrap();
    let writer = thread::spawn(move || {
        fill(&log, 200);
        log.close().unwrap().size.get()
    });
    let size = writer.join().unwrap();
    assert!(runner.wait_for(size, LONG), "{:?}", runner.status());
    assert_eq!(indices(&sink.entries()), (0..size).collect::<Vec<_>>());
}

#[test]
fn names_that_would_leave_the_directory_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let home = SinkHome::of(dir.path());
    for name in ["", ".", "..", "a/b", "../x", ".hidden", "a\n", &"n".repeat(65)] {
        assert_eq!(home.open(name).unwrap_err().kind(), ErrorKind::Invalid, "{name:?}");
        assert_eq!(home.add(name, "{}").unwrap_err().kind(), ErrorKind::Invalid, "{name:?}");
    }
    assert!(home.names().unwrap().is_empty());
    home.add("a-1", "{\"kind\":\"stdout\"}").unwrap();
    assert_eq!(home.add("a-1", "{}").unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(home.names().unwrap(), ["a-1"]);
    assert_eq!(home.config("a-1").unwrap().as_deref(), Some("{\"kind\":\"stdout\"}"));
    home.remove("a-1").unwrap();
    assert_eq!(home.config("a-1").unwrap_err().kind(), ErrorKind::NotFound);
}
