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

#[test]
fn options_are_checked_before_anything_is_made() {
    let open = |change: fn(Options) -> Options| {
        let storage: Arc<dyn Storage> = Arc::new(crate::storage::MemoryStorage::new());
        let opened = change(Options::on_storage(Arc::clone(&storage))).open();
        let kind = opened.as_ref().err().map(crate::Error::kind);
        assert_eq!(kind.is_some(), storage.list().unwrap().is_empty(), "{kind:?}");
        kind
    };
    use crate::limits::{ORIGIN_BYTES_MAX, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
    for refused in [
        (|options| options.origin("")) as fn(Options) -> Options,
        |options| options.origin("o".repeat(ORIGIN_BYTES_MAX + 1)),
        |options| options.origin("o".repeat(ORIGIN_BYTES_MAX + 2)),
        |options| options.origin("a\nb"),
        |options| options.sector_pad(0),
        |options| options.sector_pad(1024),
        |options| options.segment_bytes(SEGMENT_BYTES_MIN - 1),
        |options| options.segment_bytes(SEGMENT_BYTES_MAX + 1),
    ] {
        assert_eq!(open(refused), Some(ErrorKind::Invalid));
    }
    for taken in [
        (|options| options.origin("o")) as fn(Options) -> Options,
        |options| options.origin("o".repeat(ORIGIN_BYTES_MAX)),
        |options| options.sector_pad(512),
        |options| options.segment_bytes(SEGMENT_BYTES_MIN),
    ] {
        assert_eq!(open(taken), None);
    }
}

/// Segments are as large as the log so far: what was there when it was opened counts too.
#[test]
fn a_log_that_was_opened_again_goes_on_with_large_segments() {
    let storage: Arc<dyn Storage> = Arc::new(crate::storage::MemoryStorage::new());
    let data = format!("{{\"fill\":\"{}\"}}", "x".repeat(64 << 10));
    let append = |megabytes: usize| {
        let log = Options::on_storage(Arc::clone(&storage)).open().unwrap();
        for _ in 0..16 * megabytes {
            let _ = log.append(Entry::new("t", "did:a", "allow").data_text(&data)).unwrap();
        }
        let segments = log.view().segments().len();
        log.close().unwrap();
        segments
    };
    let before = append(8);
    assert!(before >= 4, "it begins with small ones: {before}");
    assert!(append(8) <= before + 1);
}

/// A group goes into the next segment when it does not fit, and not a byte earlier.
#[test]
fn a_segment_is_filled_as_far_as_its_groups_fit() {
    use crate::format::group::GroupHeader;
    use crate::format::segment::SEGMENT_HEADER_LEN;
    use crate::view::part::Part;
    const LEN: u64 = 64 << 10;
    let storage: Arc<dyn Storage> = Arc::new(crate::storage::MemoryStorage::new());
    let options = Options::on_storage(Arc::clone(&storage)).segment_bytes(LEN).sector_pad(1);
    let log = options.open().unwrap();
    for n in 0..4000usize {
        let data = format!("{{\"fill\":\"{}\"}}", "x".repeat(n * 7 % 131));
        let _ = log.append(Entry::new("t", "did:a", "allow").data_text(&data)).unwrap();
    }
    let view = log.view();
    let mut full = 0;
    for pair in view.parts().windows(2) {
        let [before, next] = pair else { continue };
        let end = before.final_end().unwrap();
        let nonce = match &**next {
            Part::Sealed(sealed) => sealed.header.nonce,
            Part::Growing(growing) => growing.header.nonce,
        };
        let file = storage.open(&next.name(), crate::storage::Access::Read).unwrap();
        let mut bytes = vec![0; 4096];
        file.read_exact_at(&mut bytes, SEGMENT_HEADER_LEN as u64).unwrap();
        let (group, _) = GroupHeader::decode(&bytes, nonce).unwrap();
        assert!(end <= LEN, "{end}");
        assert!(end + group.group_len() > LEN, "{end} and {} more", group.group_len());
        full += 1;
    }
    assert!(full > 10, "{full} segments were full");
    log.close().unwrap();
}
