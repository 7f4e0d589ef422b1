//! What the API cannot show: a log that belongs to another process.

use super::*;

/// What a child sees after a fork: the same memory under another process id.
fn opened_by_the_parent() -> (AuditLog, Arc<dyn Storage>) {
    let storage: Arc<dyn Storage> = Arc::new(crate::storage::MemoryStorage::new());
    let mut options = Options::on_storage(Arc::clone(&storage));
    options.pid = std::process::id() + 1;
    (options.open().unwrap(), storage)
}

const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(3600);

#[test]
fn in_a_forked_child_every_call_is_refused_and_nothing_is_released() {
    let (log, storage) = opened_by_the_parent();
    let entry = || Entry::new("t", "did:a", "allow").data_text("{}");
    let kinds = [
        log.append(entry()).err(),
        log.append_batch([entry()]).err(),
        log.append_buffered(entry()).err(),
        log.append_batch_buffered([entry()]).err(),
        log.submit(entry()).and_then(Ticket::wait).err(),
        log.submit(entry()).and_then(|t| t.wait_timeout(TIMEOUT).unwrap()).err(),
        log.sync().err(),
        log.entry(0.into()).err(),
        log.get_entry("x").err(),
        log.query(&Query::new()).err(),
        log.get_entries_for_agent("did:a", 1).err(),
        log.get_entries_by_type("t", 1).err(),
        log.clone().close().err(),
    ];
    for (call, error) in kinds.into_iter().enumerate() {
        assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::Forked), "call {call}");
    }
    assert_eq!(log.head().size.get(), 0);
    drop(log);
    assert!(storage.writer_present(), "the parent still writes");
}
