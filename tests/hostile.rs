//! Logs that a fuzzer wrote: each test is a file that once made the engine stop, or might have.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use witnessmark::format::footer::Footer;
use witnessmark::format::segment_name;
use witnessmark::hash::SealHasher;
use witnessmark::segment::set;
use witnessmark::storage::{Access, MemoryStorage, Storage};
use witnessmark::{Entry, ErrorKind, Options, Reader};

/// A closed log in memory with a sealed segment and one behind it.
fn two_segments() -> MemoryStorage {
    let storage = MemoryStorage::new();
    let options = Options::on_storage(Arc::new(storage.clone())).segment_bytes(64 << 10);
    let log = options.open().unwrap();
    let text = format!("\"{}\"", "x".repeat(3000));
    for _ in 0..30 {
        let _ = log.append(Entry::new("t", "did:a", "allow").data_text(&*text)).unwrap();
    }
    log.close().unwrap();
    storage
}

/// Rewrites the first segment's footer, with every checksum right.
fn edit_footer(storage: &MemoryStorage, edit: impl FnOnce(&mut Footer)) {
    let name = segment_name(0);
    let file = storage.open(&name, Access::Write).unwrap();
    let len = file.len().unwrap();
    let mut footer = set::read_footer(&*file, &name, len).unwrap().expect("a sealed segment");
    let at = footer.data_end;
    edit(&mut footer);
    let mut before = vec![0; usize::try_from(at).unwrap()];
    file.read_exact_at(&mut before, 0).unwrap();
    let mut encoded = footer.encode();
    let mut hasher = SealHasher::new();
    hasher.update(&before);
    hasher.update(&encoded);
    Footer::finish(&mut encoded, &hasher.finish());
    file.set_len(at).unwrap();
    file.write_all_at(&encoded, at).unwrap();
}

/// The sum of first index and count, behind a right checksum, used to overflow.
#[test]
fn a_footer_that_counts_beyond_every_index_is_corrupt() {
    for count in [u64::MAX, 1 << 63, u64::from(u32::MAX) + 1] {
        let storage = two_segments();
        edit_footer(&storage, |footer| footer.count = count);
        let reader = Reader::on_storage(Arc::new(storage.clone())).unwrap();
        let view = reader.view().unwrap();
        assert!(reader.notes().join(" ").contains("a segment is missing"), "{count}");
        let _ = view.entry(0.into());
        let options = Options::on_storage(Arc::new(storage)).segment_bytes(64 << 10);
        assert_eq!(options.open().unwrap_err().kind(), ErrorKind::Corrupt, "{count}");
    }
}
