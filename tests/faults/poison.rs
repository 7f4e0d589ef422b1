//! The first failed write or sync ends writing: everybody is told, nothing is retried, reading
//! goes on, and opening again recovers.

use crate::sim::{Faults, Sim};
use crate::story::{Told, entry, options};
use std::future::Future;
use std::io::ErrorKind as Io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use witnessmark::{AuditLog, ErrorKind};

fn failing(call: &'static str, name: &'static str, kind: Io) -> Faults {
    Faults { fail: vec![(call, name, kind)], ..Faults::default() }
}

/// A log with ten entries.
fn ten() -> (Sim, AuditLog, Told) {
    let sim = Sim::new();
    let log = options(&sim, 1).open().unwrap();
    let mut told = Told::default();
    for _ in 0..10 {
        told.take(&log.append(entry("did:a", "{}")).unwrap());
    }
    (sim, log, told)
}

#[test]
fn a_failed_sync_wakes_every_waiter_and_ends_writing() {
    let (sim, log, told) = ten();
    sim.set_faults(failing("sync_data", ".seg", Io::Other));
    let gate = std::sync::Barrier::new(9);
    let (failed, answered) = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let (log, gate) = (&log, &gate);
                scope.spawn(move || {
                    gate.wait();
                    let agent = format!("did:{n}");
                    match n % 3 {
                        0 => log.append(entry(&agent, "{}")).map(|_| ()),
                        1 => log.submit(entry(&agent, "{}")).and_then(|t| t.wait()).map(|_| ()),
                        _ => {
                            let both = [entry(&agent, "{}"), entry(&agent, "{}")];
                            log.append_batch(both).map(|_| ())
                        }
                    }
                })
            })
            .collect();
        gate.wait();
        let answers: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        (answers.iter().filter(|answer| answer.is_err()).count(), answers.len())
    });
    assert_eq!((failed, answered), (8, 8), "the first group fails, and all behind it");
    let error = log.append(entry("did:a", "{}")).unwrap_err();
    assert!(error.is_poisoned() && error.location().file.is_some(), "{error}");
    assert_eq!(log.submit(entry("did:a", "{}")).unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(log.sync().unwrap_err().kind(), ErrorKind::Poisoned);
    assert!(log.poisoned().unwrap().advice().is_some());
    assert_eq!(log.head().size.get(), 10, "what was published stays, nothing is added");
    assert!(log.entry(9.into()).unwrap().verify_hash());
    let changes = sim.changes();
    assert_eq!(log.close().unwrap_err().kind(), ErrorKind::Poisoned);
    // Closing removes the spare and nothing else: no write, no second sync.
    assert!(sim.changes() <= changes + 1, "{} changes after the failure", sim.changes() - changes);
    told.check(&sim, 1).unwrap();
}

struct Woken(std::sync::mpsc::Sender<()>);

impl std::task::Wake for Woken {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.send(()).unwrap();
    }
}

fn block_on<F: Future + Unpin>(mut future: F) -> F::Output {
    let (sender, woken) = std::sync::mpsc::channel();
    let waker: Waker = std::sync::Arc::new(Woken(sender)).into();
    let mut context = Context::from_waker(&waker);
    loop {
        match Pin::new(&mut future).poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => woken.recv().unwrap(),
        }
    }
}

#[test]
fn a_future_is_woken_with_the_receipt_or_the_error() {
    let (sim, log, _) = ten();
    assert_eq!(block_on(log.submit(entry("did:a", "{}")).unwrap()).unwrap().index().get(), 10);
    sim.set_faults(failing("write", ".seg", Io::Other));
    let error = block_on(log.submit(entry("did:a", "{}")).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Poisoned);
}

#[test]
fn a_write_that_fails_half_way_is_not_tried_again() {
    for written in [0, 1, 95, 96, 200, 1 << 20] {
        let (sim, log, told) = ten();
        let mut faults = failing("write", ".seg", Io::StorageFull);
        faults.written_before_failure = written;
        sim.set_faults(faults);
        assert_eq!(log.append(entry("did:b", "{}")).unwrap_err().kind(), ErrorKind::Poisoned);
        assert_eq!(log.append(entry("did:b", "{}")).unwrap_err().kind(), ErrorKind::Poisoned);
        drop(log);
        told.check(&sim, 1).unwrap();
    }
}

/// What fails while the last entries are on their way through `close` is not tried again either.
#[test]
fn a_sync_that_fails_while_closing_is_not_repeated() {
    for _ in 0..50 {
        let (sim, log, told) = ten();
        sim.set_faults(Faults {
            fail: vec![("sync_data", ".seg", Io::Other)],
            ..Faults::default()
        });
        let buffered = log.append_buffered(entry("did:a", "{}")).unwrap();
        let tickets: Vec<_> = (0..3).map(|_| log.submit(entry("did:a", "{}"))).collect();
        let other = log.clone();
        assert!(log.close().is_err());
        for ticket in tickets {
            let answer = ticket.and_then(witnessmark::Ticket::wait);
            assert!(answer.is_err(), "the first sync failed");
        }
        assert!(!other.head().size.contains(buffered.index()), "nothing unsynced is published");
        drop(other);
        told.check(&sim, 1).unwrap();
    }
}

#[test]
fn no_room_for_another_segment_is_an_error_that_passes() {
    let calls = [
        ("create", "spare"),
        ("allocate", "spare"),
        ("write", "spare"),
        ("sync_all", "spare"),
        // Room for the footer of the segment before.
        ("allocate", ".seg"),
    ];
    for (call, name) in calls {
        let (sim, log, mut told) = ten();
        sim.set_faults(Faults {
            fail_always: vec![(call, name, Io::StorageFull)],
            ..Faults::default()
        });
        let data = format!("{{\"fill\":\"{}\"}}", "x".repeat(9000));
        let error = loop {
            match log.append(entry("did:a", &data)) {
                Ok(receipt) => told.take(&receipt),
                Err(error) => break error,
            }
            assert!(told.receipts.len() < 100, "{call} {name} must be felt");
        };
        assert_eq!(error.kind(), ErrorKind::NoSpace, "{call}: {error}");
        assert!(error.location().file.is_some(), "{error}");
        assert!(log.poisoned().is_none());
        let holds_room = sim.names().iter().any(|name| name.contains("spare"));
        // With room for spares, one may be there already, or not yet.
        assert!(!holds_room || name == ".seg", "half a spare is not kept");
        assert_eq!(log.head().size.get(), told.receipts.len() as u64);
        sim.set_faults(Faults::default());
        for _ in 0..20 {
            told.take(&log.append(entry("did:a", &data)).unwrap());
        }
        log.close().unwrap();
        told.check(&sim, 1).unwrap();
    }
}

/// Every change of a story fails once, in every way: no acknowledgement is lost, nobody hangs.
#[test]
fn whatever_fails_whenever_it_fails_reopening_finds_everything() {
    let calls = ["create", "write", "sync_data", "sync_all", "sync_dir", "rename", "set_len"];
    for call in calls {
        for kind in [Io::Other, Io::StorageFull, Io::ReadOnlyFilesystem] {
            for skip in 0..8 {
                let sim = Sim::new();
                let mut told = Told::default();
                let log = options(&sim, 512).open().unwrap();
                told.act(
                    &log,
                    &mut crate::sim::Dice::new(skip),
                    2 * usize::try_from(skip).unwrap(),
                )
                .unwrap();
                sim.set_faults(failing(call, "", kind));
                let _ = told.act(&log, &mut crate::sim::Dice::new(skip + 50), 12);
                let _ = log.close();
                sim.set_faults(Faults::default());
                let checked = told.check(&sim, 512);
                assert_eq!(checked, Ok(()), "{call} {kind:?} after {skip}");
            }
        }
    }
}

#[test]
fn a_read_only_file_system_refuses_to_open_for_writing_and_is_read() {
    let (sim, log, told) = ten();
    log.close().unwrap();
    let readonly = Io::ReadOnlyFilesystem;
    let calls = ["create", "write", "sync_all", "sync_dir", "set_len", "open_write", "lock"];
    sim.set_faults(Faults {
        fail_always: calls.map(|call| (call, "", readonly)).to_vec(),
        ..Faults::default()
    });
    assert_eq!(options(&sim, 1).open().unwrap_err().kind(), ErrorKind::Io);
    let view = witnessmark::Reader::on_storage(sim.storage()).unwrap().view().unwrap();
    assert_eq!((view.size().get(), view.unvouched()), (10, 0));
    sim.set_faults(Faults::default());
    told.check(&sim, 1).unwrap();
}

/// Opening fails at any of its changes; the lock is free and nothing goes on writing behind it.
#[test]
fn an_open_that_fails_leaves_no_lock_and_no_thread_behind() {
    let (sim, log, told) = ten();
    sim.stop();
    drop(log);
    sim.kill();
    for call in ["sync_dir", "write", "sync_all", "create", "rename", "open_write"] {
        let disk = sim.fork();
        disk.set_faults(failing(call, "", Io::Other));
        let opened = options(&disk, 1).open();
        let changes = disk.changes();
        if let Ok(log) = opened {
            log.close().unwrap();
        } else {
            assert_eq!(disk.changes(), changes);
        }
        disk.set_faults(Faults::default());
        told.check(&disk, 1).unwrap();
    }
}
