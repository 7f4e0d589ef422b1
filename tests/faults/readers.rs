//! Readers beside a writer: in other threads, in other processes, and at the worst moment.

use crate::gate::{Gate, Gated};
use crate::sim::{Faults, Sim};
use crate::story::{entry, options};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use witnessmark::storage::FsStorage;
use witnessmark::{AuditLog, Entry, ErrorKind, Options, Query, QueueFull, Reader};

fn gated(path: &Path) -> (Options, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let storage = Gated::new(FsStorage::create_dir(path).unwrap(), Arc::clone(&gate));
    (Options::on_storage(storage).segment_bytes(64 << 10), gate)
}

/// While a sync waits, an id comes three times for one group: in a ticket, in a batch that is refused,
/// and in tickets behind that. The first is known to the later ones, and of the batch nothing is left.
#[test]
fn within_a_group_an_id_is_known_to_those_behind_it_unless_its_batch_was_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (options, gate) = gated(&dir.path().join("log"));
    let log = options.open().unwrap();
    let named = |id: &str, n: u32| {
        let entry = Entry::new("tool_invocation", "did:a", "allow").entry_id(id.to_owned());
        entry.data_text(format!("{{\"n\":{n}}}"))
    };
    for round in 0..10 {
        let size = log.head().size.get();
        let shut = gate.shut();
        let before = log.submit(entry("did:a", "{}")).unwrap();
        gate.await_written(size + 1);
        let (kept, lost) = (format!("kept-{round}"), format!("lost-{round}"));
        let first = log.submit(named(&kept, 1)).unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        let (refused, again, free) = std::thread::scope(|scope| {
            let batch = scope.spawn(|| {
                let entries = [named(&lost, 1), named(&lost, 2)].into_iter();
                log.append_batch(entries.inspect(|_| tell.send(()).unwrap()))
            });
            assert_eq!(told.iter().take(2).count(), 2);
            // The batch joins the queue right after its last entry was taken.
            (0..1000).for_each(|_| std::thread::yield_now());
            let again = log.submit(named(&kept, 1)).unwrap();
            let free = log.submit(named(&lost, 1)).unwrap();
            drop(shut);
            (batch.join().unwrap(), again.wait(), free.wait())
        });
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::AlreadyExists);
        let (first, again, free) = (first.wait().unwrap(), again.unwrap(), free.unwrap());
        assert_eq!((again.is_duplicate(), again.index()), (true, first.index()));
        assert!(!free.is_duplicate() && before.wait().is_ok());
        assert_eq!(log.head().size.get(), size + 3);
    }
}

#[test]
fn nobody_is_shown_a_group_whose_sync_has_not_returned() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let (options, gate) = gated(&path);
    let log = options.open().unwrap();
    for _ in 0..3 {
        let _ = log.append(entry("did:a", "{}")).unwrap();
    }
    let reader = Reader::open(&path).unwrap();
    let early = reader.view().unwrap();
    assert!(early.size().get() <= 3 && early.unvouched() == 0);
    let _shut = gate.shut();
    let ticket = log.submit(entry("did:a", "{\"is\":\"on its way\"}")).unwrap();
    gate.await_written(4);
    // The whole group is in the file, and in the page cache of everybody.
    for _ in 0..20 {
        let view = reader.view().unwrap();
        assert!(view.size().get() <= 3, "the group was shown before its sync returned");
        assert_eq!(log.head().size.get(), 3);
        assert!(view.entry(3.into()).is_err() && log.entry(3.into()).is_err());
        assert!(!ticket.is_done());
    }
    gate.open();
    assert_eq!(ticket.wait().unwrap().index().get(), 3);
    assert_eq!(log.head().size.get(), 4);
    log.close().unwrap();
    let view = reader.view().unwrap();
    assert_eq!((view.size().get(), view.unvouched()), (4, 0), "the heartbeat vouches");
}

/// The reader looks whether somebody writes; then a writer comes; then the reader reads.
#[test]
fn a_writer_that_comes_while_a_reader_looks_gives_nothing_unsynced_away() {
    let sim = Sim::new();
    let log = options(&sim, 1).open().unwrap();
    let _ = log.append(entry("did:a", "{}")).unwrap();
    log.close().unwrap();
    let reader = Reader::on_storage(sim.storage()).unwrap();
    assert_eq!(reader.view().unwrap().size().get(), 1);
    let (sender, writer) = std::sync::mpsc::channel();
    let disk = sim.clone();
    sim.after_next_look(move || {
        let log = options(&disk, 1).open().unwrap();
        let _ = log.append_buffered(entry("did:a", "{}")).unwrap();
        // It is written, and whatever is synced from here on fails.
        let kind = std::io::ErrorKind::Other;
        disk.set_faults(Faults {
            fail_always: vec![("sync_data", "", kind), ("sync_all", "", kind)],
            ..Faults::default()
        });
        sender.send(log).unwrap();
    });
    assert_eq!(reader.view().unwrap().size().get(), 1, "the second entry was never synced");
    drop(writer.recv().unwrap());
}

#[test]
fn a_full_queue_refuses_or_waits_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let gate = Arc::new(Gate::default());
    let storage = FsStorage::create_dir(&dir.path().join("log")).unwrap();
    let log = Options::on_storage(Gated::new(storage, Arc::clone(&gate)))
        .queue_full(QueueFull::Error)
        .open()
        .unwrap();
    let big = format!("{{\"fill\":\"{}\"}}", "x".repeat(1 << 20));
    let _shut = gate.shut();
    let mut tickets = vec![log.submit(entry("did:a", "{}")).unwrap()];
    gate.await_written(1);
    let error = loop {
        match log.submit(entry("did:a", &big)) {
            Ok(ticket) => tickets.push(ticket),
            Err(error) => break error,
        }
        assert!(tickets.len() < 50, "the queue is bounded");
    };
    assert_eq!(error.kind(), ErrorKind::Full);
    assert_eq!(log.append(entry("did:a", &big)).unwrap_err().kind(), ErrorKind::Full);
    gate.open();
    let accepted = tickets.len() as u64;
    for (index, ticket) in (0u64..).zip(tickets) {
        assert_eq!(ticket.wait().unwrap().index().get(), index);
    }
    assert_eq!(log.head().size.get(), accepted, "what was refused is not there");
    assert_eq!(log.append(entry("did:a", "{}")).unwrap().index().get(), accepted);
}

/// While a heartbeat or a call of `sync` is at the disk, appends find the committer taken. They
/// must be asked to go on when it is free again: nobody else would come.
#[test]
fn an_append_that_comes_during_a_heartbeat_or_a_sync_is_not_forgotten() {
    for during in ["heartbeat", "sync"] {
        let is_sync = during == "sync";
        let dir = tempfile::tempdir().unwrap();
        let (options, gate) = gated(&dir.path().join("log"));
        let log = options.open().unwrap();
        let _ = log.append(entry("did:a", "{}")).unwrap();
        let arrived = gate.arrived();
        let _shut = if !is_sync {
            gate.shut_for_all()
        } else {
            gate.await_arrival(arrived); // the heartbeat, out of the way
            let _ = log.append_buffered(entry("did:a", "{}")).unwrap();
            gate.shut_for_all()
        };
        std::thread::scope(|scope| {
            if is_sync {
                scope.spawn(|| log.sync().map(|_| ()).unwrap());
            }
            let arrived = arrived + u64::from(is_sync);
            gate.await_arrival(arrived);
            let late = scope.spawn(|| log.append(entry("did:late", "{}")).unwrap());
            for _ in 0..20_000 {
                std::thread::yield_now();
            }
            gate.open();
            let begun = std::time::Instant::now();
            while !late.is_finished() {
                if begun.elapsed().as_secs() > 20 {
                    // It hangs: let another round wake it, and say so.
                    let _ = log.submit(entry("did:rescue", "{}")).unwrap().wait();
                    panic!("the append was forgotten, during: {during}");
                }
                std::thread::yield_now();
            }
        });
    }
}

#[test]
fn reader_threads_follow_a_fast_writer_through_rotations() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let log = AuditLog::options(&path).segment_bytes(64 << 10).open().unwrap();
    let is_done = AtomicBool::new(false);
    let data = format!("{{\"fill\":\"{}\"}}", "x".repeat(700));
    std::thread::scope(|scope| {
        for n in 0..3 {
            let (log, path, is_done) = (&log, &path, &is_done);
            scope.spawn(move || follow(log, path, is_done, n == 0));
        }
        for _ in 0..600 {
            let batch = ["did:a", "did:b"].map(|agent| entry(agent, &data));
            let receipts = log.append_batch(batch).unwrap();
            // Read your own writes.
            assert!(log.head().size.contains(receipts[1].index()));
        }
        is_done.store(true, Ordering::SeqCst);
    });
    assert!(log.view().segments().len() > 10);
    log.close().unwrap();
}

/// Sizes only grow, roots of earlier sizes stay, and what a view shows is whole.
fn follow(log: &AuditLog, path: &Path, is_done: &AtomicBool, is_outside: bool) {
    let reader = Reader::open(path).unwrap();
    let mut last: Option<(u64, witnessmark::Hash)> = None;
    let mut rounds = 0;
    while !is_done.load(Ordering::SeqCst) || rounds < 3 {
        rounds += 1;
        let view = if is_outside { reader.view().unwrap() } else { log.view() };
        if is_outside {
            assert_eq!(reader.notes(), Vec::<String>::new(), "a healthy log");
        }
        let size = view.size().get();
        if let Some((before, root)) = last {
            assert!(before <= size, "from {before} back to {size}");
            assert_eq!(view.root_at(before.into()).unwrap(), root);
        }
        last = Some((size, view.root()));
        let count = view.count(&Query::new().agent("did:a")).unwrap().0;
        assert_eq!(count, size / 2, "of {size} entries every other is this agent's");
        if let Some(index) = size.checked_sub(1) {
            assert!(view.entry(index.into()).unwrap().verify_hash());
        }
    }
}

// ---- other processes --------------------------------------------------------------------------

const CHILD: &str = "WMARK_TEST_CHILD_DIR";

/// Runs one test of this binary as a process of its own, in `dir`.
fn child(test: &str, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads", "1"]);
    command.env(CHILD, dir).stdout(Stdio::piped());
    command
}

/// Waits for the line that says so.
fn await_line(child: &mut Child, wanted: &str) -> BufReader<std::process::ChildStdout> {
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains(wanted) {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "the child ended before {wanted:?}");
    }
    lines
}

/// The writing child: appends until it is killed, and keeps a book beside the log of how much was
/// synced, written before anybody could have been told.
#[test]
fn child_writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os(CHILD) else {
        assert!(std::env::current_exe().is_ok(), "only of use as a child");
        return;
    };
    let dir = Path::new(&dir);
    let (options, gate) = gated(&dir.join("log"));
    let log = options.open().unwrap();
    println!("writing");
    let data = format!("{{\"fill\":\"{}\"}}", "x".repeat(900));
    for n in 0..1_000_000u64 {
        // The group is in the file, its sync is held up: a reader has time to be too curious.
        let _shut = gate.shut();
        let ticket = log.submit(entry("did:a", &data)).unwrap();
        gate.await_written(n + 1);
        if n % 8 == 0 {
            std::thread::yield_now();
        }
        assert!(gate.synced() <= n);
        std::fs::write(dir.join("book.tmp"), (n + 1).to_string()).unwrap();
        std::fs::rename(dir.join("book.tmp"), dir.join("book")).unwrap();
        gate.open();
        assert_eq!(ticket.wait().unwrap().index().get(), n);
    }
}

#[test]
fn a_reader_in_another_process_follows_and_a_second_writer_is_told_whose_log_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut writer = child("readers::child_writes_until_it_is_killed", dir.path()).spawn().unwrap();
    let _lines = await_line(&mut writer, "writing");
    let error = AuditLog::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.message().contains(&writer.id().to_string()), "{error}");
    let reader = Reader::open(&path).unwrap();
    let book = || -> u64 {
        let text = std::fs::read_to_string(dir.path().join("book")).unwrap_or_default();
        text.parse().unwrap_or(0)
    };
    let mut last = 0;
    while last < 400 {
        let view = reader.view().unwrap();
        let size = view.size().get();
        // The book is ahead of every sync; the log's own words are behind it.
        assert!(size <= book(), "{size} entries are shown, {} may be synced", book());
        assert!(last <= size && view.unvouched() == 0);
        assert_eq!(reader.notes(), Vec::<String>::new());
        if let Some(index) = size.checked_sub(1) {
            assert!(view.entry(index.into()).unwrap().verify_hash());
        }
        last = size;
    }
    writer.kill().unwrap();
    writer.wait().unwrap();
    let told = last;
    let log = AuditLog::options(&path).segment_bytes(64 << 10).open().unwrap();
    assert!(log.head().size.get() >= told, "a killed writer's lock is free, its entries are there");
    assert!(log.view().segments().len() > 3);
    log.close().unwrap();
}

/// The child under a limit: appends until no file may grow any more.
#[test]
fn child_appends_until_files_may_not_grow() {
    let Some(dir) = std::env::var_os(CHILD) else {
        assert!(std::env::current_exe().is_ok(), "only of use as a child");
        return;
    };
    let log = AuditLog::open(Path::new(&dir).join("log")).unwrap();
    let data = format!("{{\"fill\":\"{}\"}}", "x".repeat(30_000));
    let mut acknowledged = 0;
    let error = loop {
        match log.append(entry("did:a", &data)) {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
        assert!(acknowledged < 1000, "the limit must be felt");
    };
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
    assert!(error.location().file.is_some() && log.poisoned().is_none());
    assert_eq!(log.head().size.get(), acknowledged);
    for index in 0..acknowledged {
        assert!(log.entry(index.into()).unwrap().verify_hash());
    }
    log.close().unwrap();
    println!("acknowledged {acknowledged}.");
}

/// The kernel's own short writes: RLIMIT_FSIZE cuts a write short, then fails with EFBIG.
#[test]
fn files_that_may_not_grow_cost_an_error_and_no_entry() {
    let dir = tempfile::tempdir().unwrap();
    let test = child("readers::child_appends_until_files_may_not_grow", dir.path());
    let mut shell = Command::new("bash");
    shell.arg("-c").arg("trap '' XFSZ; ulimit -f 1300; exec \"$@\"").arg("bash");
    shell.arg(test.get_program()).args(test.get_args());
    shell.env(CHILD, dir.path()).stdout(Stdio::piped());
    let output = shell.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let (_, rest) = text.split_once("acknowledged ").unwrap();
    let acknowledged: u64 = rest.split_once('.').unwrap().0.parse().unwrap();
    let log = AuditLog::open(dir.path().join("log")).unwrap();
    assert!(log.recovery().is_none() && acknowledged > 10);
    assert_eq!(log.head().size.get(), acknowledged);
    let _ = log.append(entry("did:a", "{}")).unwrap();
}
