//! An edited log, read, searched, proved from, and opened for writing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::Arc;
use witnessmark::format::segment::SegmentHeader;
use witnessmark::segment::recovery::{Place, decide};
use witnessmark::segment::scan::scan;
use witnessmark::{EntryIndex, Query, Reader, TreeSize, View};
use witnessmark_fuzz::{edits, entry, honest, options, storage};

fuzz_target!(|input: &[u8]| {
    let edited = edits::apply(input);
    for bytes in edited.files.iter().filter(|(name, _)| name.ends_with(".seg")).map(|(_, b)| b) {
        let Ok(header) = SegmentHeader::decode(bytes) else { continue };
        let mut frames = 0;
        if let Ok(scan) = scan(bytes, &header, |_| frames += 1) {
            assert!(scan.size - header.first_index <= frames, "no entry without a frame");
            assert!(scan.end <= bytes.len() as u64);
            assert!(scan.unvouched_from() <= scan.end);
            let _ = (decide(&scan, Place::Last), decide(&scan, Place::Followed(scan.size)));
        }
    }
    let storage = storage(&edited.files);
    if let Ok(reader) = Reader::on_storage(Arc::new(storage.clone())) {
        if let Ok(view) = reader.view() {
            read(&view);
            assert!(edited.is_changed || view.head() == honest().head);
        }
    }
    if edited.flags & 1 == 1 {
        write(&storage);
    }
});

fn read(view: &View) {
    let size = view.size().get();
    for index in (0..4).chain(size.saturating_sub(4)..size).filter(|index| *index < size) {
        if let Ok(entry) = view.entry(EntryIndex::new(index)) {
            assert!(entry.verify_hash(), "entry {index} is given out unchecked");
            let _ = view.get_entry(&entry.entry_id());
        }
        if let Ok(evidence) = view.prove(index) {
            let head = view.head();
            let _ = evidence.verify(head.size, &head.root);
        }
    }
    let _ = view.prove_consistency(TreeSize::new(size / 2), view.size());
    for query in [
        Query::new().limit(5),
        Query::new().agent("did:web:agent-1.example"),
        Query::new().event_type("tool_invocation").trace("trace"),
        Query::new().resource_prefix("/files/1"),
    ] {
        if let Ok(page) = view.query(&query) {
            assert!(page.entries.iter().all(|entry| query.matches(entry)));
        }
    }
}

/// Whatever could be opened for writing keeps what it acknowledges from then on.
fn write(storage: &witnessmark::storage::MemoryStorage) {
    let Ok(log) = options(storage).open() else { return };
    let before = log.head();
    let Ok(receipt) = log.append(entry(1_000_000)) else { return };
    assert!(receipt.index().get() >= before.size.get() || receipt.is_duplicate());
    let Ok(head) = log.close() else { return };
    let log = options(storage).open().expect("a log that was closed opens again");
    assert!(log.head().size >= head.size, "an acknowledged entry is gone");
    assert!(log.recovery().is_none(), "a clean close leaves nothing to recover");
}
