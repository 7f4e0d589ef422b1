//! Whole logs: appending, submitting, syncing, failing and closing at once.

use super::{Stage, entry, explore, stage};
use crate::error::{ErrorKind, Result};
use crate::sync::thread;
use crate::{Receipt, Ticket};

/// Room for every group of a model.
const ROOMY: u64 = 100;

/// Nobody was lost: a close finds as many entries as were answered for.
fn close(stage: Stage, entries: u64) {
    let Stage { log, disk } = stage;
    let head = log.close().unwrap();
    assert_eq!((head.size.get(), disk.kept()), (entries, entries));
}

fn append(stage: &Stage) {
    let receipt = stage.log.append(entry()).unwrap();
    stage.check(&receipt);
}

#[test]
fn two_who_append_are_both_answered_when_theirs_is_kept() {
    explore("two_who_append", || {
        let stage = stage(0, ROOMY);
        let other = stage.share();
        let other = thread::spawn(move || append(&other));
        append(&stage);
        other.join().unwrap();
        close(stage, 2);
    });
}

#[test]
fn three_who_append_are_all_answered() {
    explore("three_who_append", || {
        let stage = stage(0, ROOMY);
        let others =
            [stage.share(), stage.share()].map(|other| thread::spawn(move || append(&other)));
        append(&stage);
        others.into_iter().for_each(|other| other.join().unwrap());
        close(stage, 3);
    });
}

#[test]
fn a_ticket_is_answered_though_another_was_dropped() {
    explore("a_ticket", || {
        let stage = stage(0, ROOMY);
        let other = stage.share();
        let other = thread::spawn(move || drop(other.log.submit(entry()).unwrap()));
        let receipt = stage.log.submit(entry()).and_then(Ticket::wait).unwrap();
        stage.check(&receipt);
        other.join().unwrap();
        close(stage, 2);
    });
}

/// One call of the log's besides an append, an entry that is written but not synced before it.
fn beside_an_append(name: &str, call: fn(&Stage)) {
    explore(name, move || {
        let stage = stage(0, ROOMY);
        let _ = stage.log.append_buffered(entry()).unwrap();
        let other = stage.share();
        let other = thread::spawn(move || append(&other));
        call(&stage);
        assert!(stage.disk.kept() > 0, "what was written before is kept");
        other.join().unwrap();
        close(stage, 2);
    });
}

#[test]
fn an_append_during_a_sync_is_not_forgotten() {
    beside_an_append("sync", |stage| {
        let _ = stage.log.sync().unwrap();
    });
}

#[test]
fn an_append_during_a_heartbeat_is_not_forgotten() {
    beside_an_append("heartbeat", |stage| stage.log.inner.driver.vouch().unwrap());
}

/// Two appends and a sync that fails: who is answered with a receipt, and who with the failure.
fn poisoned(fails_at: u64) {
    explore("poisoned", move || {
        let stage = stage(fails_at, ROOMY);
        let append = |stage: &Stage| -> Result<Receipt> {
            let answer = stage.log.append(entry());
            match &answer {
                // Not a view: it may have been taken before, and must not show more than is kept.
                Ok(receipt) => assert!(stage.disk.kept() > receipt.index().get()),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Poisoned),
            }
            answer
        };
        let other = stage.share();
        let other = thread::spawn(move || append(&other));
        let answers = [append(&stage), other.join().unwrap()];
        let receipts = answers.iter().flatten().count() as u64;
        assert!(receipts < fails_at || !stage.disk.has_failed());
        assert_eq!(stage.log.poisoned().is_some(), stage.disk.has_failed());
        assert!(stage.log.head().size.get() <= stage.disk.kept());
        // Where both were in one group, the second sync is the close's.
        assert!(stage.log.close().is_err(), "closing syncs nothing after a failure");
    });
}

#[test]
fn after_a_first_sync_that_fails_nobody_gets_a_receipt() {
    poisoned(1);
}

#[test]
fn after_a_second_sync_that_fails_nobody_else_gets_a_receipt() {
    poisoned(2);
}

#[test]
fn a_failing_sync_and_an_append_leave_nobody_waiting() {
    explore("failing_sync", || {
        let stage = stage(1, ROOMY);
        let _ = stage.log.append_buffered(entry()).unwrap();
        let other = stage.share();
        let other = thread::spawn(move || other.log.append(entry()).is_ok());
        // One of the two syncs first, and fails; the other must not try again.
        assert!(stage.log.sync().is_err());
        assert!(!other.join().unwrap());
        assert_eq!((stage.log.head().size.get(), stage.disk.kept()), (0, 0));
        assert!(stage.log.close().is_err());
    });
}

#[test]
fn a_heartbeat_after_a_sync_that_failed_touches_nothing() {
    explore("failed_heartbeat", || {
        let stage = stage(1, ROOMY);
        let other = stage.share();
        let other = thread::spawn(move || other.log.append(entry()).is_ok());
        // It may come first, with nothing to vouch for; else the disk would tell.
        let vouched = stage.log.inner.driver.vouch().map_err(|error| error.kind());
        assert!(matches!(vouched, Ok(()) | Err(ErrorKind::Poisoned)), "{vouched:?}");
        assert!(!other.join().unwrap());
        assert!(stage.log.close().is_err());
    });
}

#[test]
fn an_append_during_a_close_is_kept_or_refused() {
    explore("close", || {
        let stage = stage(0, ROOMY);
        let other = stage.share();
        let other = thread::spawn(move || match other.log.append(entry()) {
            Ok(receipt) => {
                other.check(&receipt);
                1
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Closed);
                0
            }
        });
        let closed = stage.log.clone().close();
        let appended: u64 = other.join().unwrap();
        assert!(closed.unwrap().size.get() <= appended);
        assert_eq!((stage.log.head().size.get(), stage.disk.kept()), (appended, appended));
    });
}
