//! Waiting and being woken: signals, cells, tickets as futures, and the queue's room.

use super::super::encode::{self, EntryId, Given};
use super::super::queue::{Queue, QueueFull};
use super::super::ticket::{GroupCell, GroupOutcome, Placements, Run, Ticket};
use super::{Environment, Options, entry, explore};
use crate::error::{Error, ErrorKind, Result};
use crate::redact::Redaction;
use crate::storage::MemoryStorage;
use crate::sync::{Arc, AtomicU64, Ordering, Signal, thread};
use crate::types::{Hash, UnixNanos};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Wake};

/// A group of one entry whose disk is a number.
#[derive(Default)]
struct Group {
    cell: GroupCell,
    kept: AtomicU64,
}

impl Group {
    /// Keeps the entry and answers for it.
    fn commit(&self) {
        self.kept.store(1, Ordering::Relaxed);
        let run = Run { first_index: 0, recorded_at: 0, hashes: vec![Hash::ZERO] };
        self.cell.finish(Ok(GroupOutcome { placed: Placements::Run(run), is_durable: true }));
    }

    /// The answer is there, and what it tells of.
    fn check(&self) {
        assert!(self.cell.answer(0).is_some_and(|answer| answer.is_ok()));
        assert_eq!(self.kept.load(Ordering::Relaxed), 1, "answered before it was kept");
    }
}

fn ticket(cell: &Arc<GroupCell>) -> Ticket {
    let given = Given { entry_id: EntryId::Text("x".into()), redacted: 0 };
    Ticket::new(Arc::clone(cell), 0, given, std::process::id())
}

fn done() -> Result<GroupOutcome> {
    let run = Run { first_index: 0, recorded_at: 0, hashes: vec![Hash::ZERO] };
    Ok(GroupOutcome { placed: Placements::Run(run), is_durable: true })
}

#[test]
fn whoever_waits_for_a_group_wakes_and_sees_what_it_left() {
    explore("whoever_waits", || {
        let group = Arc::new(Group::default());
        let sleepers = [
            |group: &Group| group.cell.wait(None),
            |group: &Group| assert!(group.cell.wait_or_lead(), "nobody was asked to lead"),
        ];
        let sleepers = sleepers.map(|sleep| {
            let group = Arc::clone(&group);
            thread::spawn(move || {
                sleep(&group);
                group.check();
            })
        });
        group.commit();
        sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
    });
}

#[test]
fn a_baton_that_was_passed_is_taken_by_exactly_one() {
    explore("a_baton", || {
        let group = Arc::new(Group::default());
        let sleepers = [(); 2].map(|()| {
            let group = Arc::clone(&group);
            thread::spawn(move || {
                // Finishing twice would panic.
                if !group.cell.wait_or_lead() {
                    group.commit();
                }
                group.check();
            })
        });
        // What the driver does when nobody sleeps yet: somebody else commits the group.
        if !group.cell.pass_baton() {
            group.commit();
        }
        sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
    });
}

#[derive(Default)]
struct Woken(Signal);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.set_for_all(1);
    }
}

#[test]
fn a_polled_ticket_is_ready_or_its_waker_is_called() {
    explore("a_polled_ticket", || {
        let cell = Arc::new(GroupCell::default());
        let (polled, dropped) = (ticket(&cell), ticket(&cell));
        let finisher = thread::spawn(move || cell.finish(done()));
        drop(dropped);
        let woken = Arc::new(Woken::default());
        let waker = Arc::clone(&woken).into();
        let mut context = Context::from_waker(&waker);
        let mut polled = pin!(polled);
        let mut answer = polled.as_mut().poll(&mut context);
        if answer.is_pending() {
            while woken.0.get() == 0 {
                woken.0.sleep(0, None);
            }
            answer = polled.as_mut().poll(&mut context);
        }
        assert!(matches!(answer, Poll::Ready(Ok(_))), "woken, and nothing there");
        finisher.join().unwrap();
    });
}

/// A queue for one entry at a time, and what to push into it.
struct Narrow {
    queue: Queue,
    frame: Vec<u8>,
    record: encode::Record,
}

impl Narrow {
    fn new() -> Self {
        let options = Options::on_storage(Arc::new(MemoryStorage::new()))
            .redaction(Redaction::off())
            .environment(Environment::none());
        let (mut frame, pid) = (Vec::new(), std::process::id());
        let admission = options.admission().unwrap();
        let (now, hashed) = (UnixNanos(1), encode::BodyHash::Now);
        let encoded = encode::encode(&entry(), &admission, pid, now, hashed, &mut frame).unwrap();
        Self { queue: Queue::new(frame.len(), pid), frame, record: encoded.record }
    }

    fn push(&self) -> Result<(Arc<GroupCell>, usize)> {
        let record = std::iter::once(self.record.clone());
        self.queue.push(&self.frame, record, true, QueueFull::Wait)
    }
}

#[test]
fn whoever_waits_for_room_gets_it_when_the_group_is_taken() {
    explore("room", || {
        let narrow = Arc::new(Narrow::new());
        let (first, _) = narrow.push().unwrap();
        let pushers = [(); 2].map(|()| {
            let narrow = Arc::clone(&narrow);
            thread::spawn(move || narrow.push().unwrap().0)
        });
        let mut cells = vec![first];
        while cells.len() < 4 {
            match narrow.queue.take() {
                Some(batch) if cells.len() == 1 => {
                    assert!(Arc::ptr_eq(&batch.cell, &cells[0]));
                    cells.push(Arc::clone(&batch.cell));
                    narrow.queue.recycle(batch);
                }
                Some(batch) => cells.push(batch.cell),
                None => thread::yield_now(),
            }
        }
        let told = pushers.map(|pusher| pusher.join().unwrap());
        // Each was told of the group that its entry is in: no two of the same, none of one before.
        assert!(!Arc::ptr_eq(&told[0], &told[1]));
        for cell in &told {
            assert!(!Arc::ptr_eq(cell, &cells[0]), "a group was answered before it gathered");
            assert!(cells[2..].iter().any(|taken| Arc::ptr_eq(taken, cell)));
        }
    });
}

#[test]
fn closing_ends_the_wait_for_room() {
    explore("closing", || {
        let narrow = Arc::new(Narrow::new());
        narrow.push().unwrap();
        let pusher = Arc::clone(&narrow);
        let pusher = thread::spawn(move || pusher.push().map(|_| ()));
        narrow.queue.close(Error::new(ErrorKind::Closed, "the log was closed"));
        let refused = pusher.join().unwrap();
        assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::Closed));
        // What had gathered before is still there to be committed.
        assert!(narrow.queue.take().is_some());
    });
}
