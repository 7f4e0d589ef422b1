//! What a crash, rot and a second signer may do to the history.

use super::*;
use crate::error::ErrorKind;
use crate::format::history::HISTORY_NAME;
use crate::sign::{Checkpoint, SignedCheckpoint, SigningKey};
use crate::storage::{Access, MemoryStorage, Storage};
use crate::types::{Hash, TreeSize};

fn checkpoint(size: u64) -> SignedCheckpoint {
    let key = SigningKey::from_seed("a.example", &[1; 32]).unwrap();
    let root = Hash([u8::try_from(size).unwrap(); 32]);
    Checkpoint::new("a.example", TreeSize::new(size), root).unwrap().sign(&[&key]).unwrap()
}

fn of(sizes: impl IntoIterator<Item = u64>) -> MemoryStorage {
    let storage = MemoryStorage::new();
    for size in sizes {
        Appender::open(&storage).unwrap().append(&checkpoint(size)).unwrap();
    }
    storage
}

fn bytes(storage: &MemoryStorage) -> Vec<u8> {
    storage.map(HISTORY_NAME).unwrap().to_vec()
}

fn with(bytes: &[u8]) -> MemoryStorage {
    let storage = MemoryStorage::new();
    storage.create(HISTORY_NAME).unwrap().write_all_at(bytes, 0).unwrap();
    storage
}

fn last_size(storage: &MemoryStorage) -> Option<u64> {
    last(storage).unwrap().0.map(|last| last.checkpoint().size().get())
}

#[test]
fn records_come_back_in_order_and_the_last_one_is_known() {
    assert_eq!(last_size(&MemoryStorage::new()), None);
    let storage = of(1..=40);
    let mut sizes = Vec::new();
    let file = storage.open(HISTORY_NAME, Access::Read).unwrap();
    let scanned = scan(&*file, |_, note| {
        sizes.push(SignedCheckpoint::parse(note.as_bytes()).unwrap().checkpoint().size().get());
    });
    let scanned = scanned.unwrap();
    assert_eq!((scanned.count, scanned.rest.len(), scanned.end), (40, 0, scanned.len));
    assert_eq!(sizes, (1..=40).collect::<Vec<_>>());
    assert_eq!(last_size(&storage), Some(40));
}

#[test]
fn what_a_crash_cut_off_at_any_byte_is_set_aside_and_written_again() {
    let whole = bytes(&of([1, 2, 3]));
    let two = bytes(&of([1, 2])).len();
    for end in two + 1..whole.len() {
        let storage = with(&whole[..end]);
        let (_, scanned) = last(&storage).unwrap();
        assert!(matches!(scanned.rest[..], [Rest::Torn(_)]), "{end} bytes");
        assert_eq!(last_size(&storage), Some(2));
        Appender::open(&storage).unwrap().append(&checkpoint(3)).unwrap();
        assert_eq!(bytes(&storage), whole);
        let aside = format!("quarantine-{HISTORY_NAME}-{two}.bin");
        assert_eq!(&*storage.map(&aside).unwrap(), &whole[two..end]);
    }
    // Room that was made longer, and never written.
    let storage = with(&[&whole[..], &[0; 100]].concat());
    Appender::open(&storage).unwrap().append(&checkpoint(4)).unwrap();
    assert_eq!(last_size(&storage), Some(4));
}

#[test]
fn damage_before_the_end_stops_signing_and_hides_no_later_record() {
    let whole = bytes(&of([1, 2, 3]));
    let one = bytes(&of([1])).len();
    for at in 0..one {
        let mut changed = whole.clone();
        changed[at] ^= 4;
        let storage = with(&changed);
        assert_eq!(last_size(&storage), Some(3), "byte {at}");
        let refused = Appender::open(&storage).err().map(|error| error.kind());
        assert_eq!(refused, Some(ErrorKind::Corrupt), "byte {at}");
        assert_eq!(bytes(&storage), changed, "nothing is cut away");
    }
    // The last record too, when all of it is there.
    let mut changed = whole.clone();
    let at = whole.len() - 20;
    changed[at] ^= 1;
    assert!(Appender::open(&with(&changed)).is_err());
}

#[test]
fn a_file_made_to_waste_time_is_read_in_bounded_time() {
    let line = b"checkpoint 00131072 00000000\n";
    let hostile: Vec<u8> = line.iter().copied().cycle().take(8 << 20).collect();
    let (found, scanned) = last(&with(&hostile)).unwrap();
    assert!(found.is_none() && !scanned.rest.is_empty());
}
