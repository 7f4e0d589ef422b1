//! Appending: receipts, batches, tickets, duplicates, reopening.

use crate::{entry, fresh};
use witnessmark::entry::Field;
use witnessmark::{AuditLog, Entry, ErrorKind, Query};

#[test]
fn what_was_appended_is_there_after_reopening() {
    let (dir, log) = fresh();
    let first = log.append(entry("did:a", "{\"n\":1}")).unwrap();
    assert!(first.is_durable() && first.index().get() == 0);
    let batch = log.append_batch((0..10).map(|_| entry("did:b", "{}"))).unwrap();
    assert_eq!(batch.last().unwrap().index().get(), 10);
    let head = log.close().unwrap();
    let log = AuditLog::open(dir.path().join("log")).unwrap();
    assert_eq!(log.head(), head);
    assert!(log.recovery().is_none());
    let found = log.entry(first.index()).unwrap();
    assert_eq!((found.data_text(), found.entry_hash()), (Some("{\"n\":1}"), first.entry_hash()));
    assert_eq!(log.get_entry(first.entry_id()).unwrap().unwrap().index(), first.index());
    assert_eq!(log.query(&Query::new().agent("did:b")).unwrap().entries.len(), 10);
    assert!(log.get_entry("nothing").unwrap().is_none());
}

#[test]
fn many_threads_and_small_segments_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let log = AuditLog::options(&path).segment_bytes(64 << 10).open().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let log = &log;
            scope.spawn(move || {
                let agent = format!("did:{thread}");
                for _ in 0..200 {
                    let _ = log.append(entry(&agent, "{\"x\":\"some data to fill it\"}")).unwrap();
                }
            });
        }
    });
    let view = log.view();
    assert_eq!(view.size().get(), 1600);
    assert!(view.segments().len() > 3);
    for thread in 0..8 {
        let query = Query::new().agent(format!("did:{thread}"));
        assert_eq!(view.count(&query).unwrap().0, 200);
    }
    let head = log.close().unwrap();
    let reader = AuditLog::open_read_only(&path).unwrap();
    let view = reader.view().unwrap();
    assert_eq!((view.head(), view.unvouched()), (head, 0));
    for index in 0..1600u64 {
        assert!(view.entry(index.into()).unwrap().verify_hash());
    }
    assert_eq!(view.root_at(1600.into()).unwrap(), head.root);
    let log = AuditLog::open(&path).unwrap();
    assert_eq!(log.head(), head);
    let receipt = log.append(entry("did:3", "{}")).unwrap();
    assert_eq!(log.entry(receipt.index()).unwrap().agent_seq(), 200);
}

#[test]
fn tickets_are_answered_and_batches_are_all_or_nothing() {
    let (_dir, log) = fresh();
    let tickets: Vec<_> = (0..500).map(|_| log.submit(entry("did:a", "{}")).unwrap()).collect();
    let indices: Vec<u64> = tickets.into_iter().map(|t| t.wait().unwrap().index().get()).collect();
    assert_eq!(indices, (0..500).collect::<Vec<_>>());
    let bad = log.append_batch([entry("did:a", "{}"), Entry::new("t", "", "allow")]);
    assert_eq!(bad.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(log.head().size.get(), 500);
}

#[test]
fn a_retry_gets_the_first_receipt_and_other_content_an_error() {
    let (dir, log) = fresh();
    let first = log.append(entry("did:a", "{\"n\":1}").entry_id("order-1")).unwrap();
    let again = log.append(entry("did:a", "{\"n\":1}").entry_id("order-1")).unwrap();
    assert!(again.is_duplicate() && again.index() == first.index());
    assert_eq!(again.entry_hash(), first.entry_hash());
    let other = log.append(entry("did:a", "{\"n\":2}").entry_id("order-1")).unwrap_err();
    assert_eq!(other.kind(), ErrorKind::AlreadyExists);
    assert_eq!(other.location().index, Some(first.index()));
    let other = log.append(entry("did:b", "{\"n\":1}").entry_id("order-1")).unwrap_err();
    assert_eq!(other.kind(), ErrorKind::AlreadyExists, "another agent, and the same data");
    let twice = [entry("x", "{}").entry_id("b"), entry("x", "{}").entry_id("b")];
    let receipts = log.append_batch(twice).unwrap();
    assert_eq!(receipts[0].index(), receipts[1].index());
    let mixed = [entry("x", "{}").entry_id("c"), entry("x", "{}").entry_id("order-1")];
    assert_eq!(log.append_batch(mixed).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(log.head().size.get(), 2);
    log.close().unwrap();
    let log = AuditLog::open(dir.path().join("log")).unwrap();
    let again = log.append(entry("did:a", "{\"n\":1}").entry_id("order-1")).unwrap();
    assert!(again.is_duplicate() && again.index() == first.index());
}

/// Where an entry came from is part of it, but for its position there.
#[test]
fn an_id_from_another_source_is_not_a_retry() {
    let (_dir, log) = fresh();
    let from = |source: &'static str| {
        log.append(entry("did:a", "{}").entry_id("one").set(Field::Source, source))
    };
    let first = from(r#"{"previous_hash":"5af7"}"#).unwrap();
    assert!(!first.is_duplicate());
    assert!(from(r#"{"previous_hash":"5af7"}"#).unwrap().is_duplicate());
    assert_eq!(from(r#"{"previous_hash":"5af8"}"#).unwrap_err().kind(), ErrorKind::AlreadyExists);
    let without = log.append(entry("did:a", "{}").entry_id("one"));
    assert_eq!(without.unwrap_err().kind(), ErrorKind::AlreadyExists);
}

/// The answer to a retry vouches for the first try, so it waits until that is durable.
#[test]
fn a_retry_of_a_buffered_entry_is_answered_once_it_is_durable() {
    let (_dir, log) = fresh();
    for n in 0..20 {
        let id = format!("late-{n}");
        let first = log.append_buffered(entry("did:a", "{}").entry_id(id.as_str())).unwrap();
        let again = log.append(entry("did:a", "{}").entry_id(id.as_str())).unwrap();
        assert!(again.is_duplicate() && again.is_durable());
        assert_eq!((again.index(), again.entry_hash()), (first.index(), first.entry_hash()));
        assert!(log.head().size.contains(first.index()));
    }
}

#[test]
fn buffered_entries_show_after_a_sync() {
    let (_dir, log) = fresh();
    let receipt = log.append_buffered(entry("did:a", "{}")).unwrap();
    let head = log.sync().unwrap();
    assert!(head.size.contains(receipt.index()));
    assert_eq!(log.entry(receipt.index()).unwrap().entry_hash(), receipt.entry_hash());
    let batch = log.append_batch_buffered([entry("did:a", "{}"), entry("did:b", "{}")]).unwrap();
    let indices: Vec<u64> = batch.iter().map(|receipt| receipt.index().get()).collect();
    assert_eq!(indices, [1, 2]);
    let bad = log.append_batch_buffered([entry("did:a", "{}"), Entry::new("t", "", "allow")]);
    assert_eq!(bad.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(log.sync().unwrap().size.get(), 3);
    let last = &batch[1];
    assert_eq!(log.entry(last.index()).unwrap().entry_hash(), last.entry_hash());
}

#[test]
fn memory_behaves_the_same_without_files() {
    let log = AuditLog::in_memory().unwrap();
    let receipt = log.append(entry("did:a", "{}")).unwrap();
    assert!(!receipt.is_durable());
    assert_eq!(log.entry(0.into()).unwrap().entry_hash(), receipt.entry_hash());
    let other = log.clone();
    log.close().unwrap();
    assert_eq!(other.append(entry("did:a", "{}")).unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn receipts_say_what_was_recorded_and_are_equal_when_they_say_the_same() {
    let (_dir, log) = fresh();
    let secret = r#"{"password":"hunter2hunter2"}"#;
    let first = log.append(entry("did:a", secret).entry_id("one")).unwrap();
    let again = log.append(entry("did:a", secret).entry_id("one")).unwrap();
    let other = log.append(entry("did:a", secret).entry_id("two")).unwrap();
    let stored = log.entry(first.index()).unwrap();
    assert_eq!(first.recorded_at(), stored.recorded_at());
    assert!(first.recorded_at().0 > 0);
    let same = first.clone();
    assert!(first == same && first != other);
    assert!(again.is_duplicate() && first != again);

    let buffered = log.append_buffered(entry("did:b", secret).entry_id("three")).unwrap();
    assert_eq!((buffered.entry_id(), buffered.redacted()), ("three", 1));
    let plain = log.append_buffered(entry("did:b", "{}").entry_id("four")).unwrap();
    assert_eq!((plain.entry_id(), plain.redacted()), ("four", 0));
}
