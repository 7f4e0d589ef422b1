//! What checkpoints, bundles and fork proofs must withstand.

use crate::format::history::HISTORY_NAME;
use crate::limits::PROOF_HASHES_MAX;
use crate::proof::bundle::BUNDLE_BYTES_MAX;
use crate::proof::*;
use crate::sign::{Checkpoint, SignedCheckpoint, SigningKey};
use crate::storage::{MemoryStorage, Storage};
use crate::types::{Hash, TreeSize};
use crate::{AuditLog, Entry, ErrorKind, Reader, VerifyOptions, verify_storage};
use std::sync::Arc;

fn entry(n: usize) -> Entry<'static> {
    Entry::new("tool_invocation", "did:web:a", "allow").resource(format!("/{n}"))
}

fn log_of(count: usize) -> (AuditLog, SigningKey) {
    let log = AuditLog::in_memory().unwrap();
    (0..count).for_each(|n| drop(log.append(entry(n)).unwrap()));
    let key = SigningKey::from_seed(&log.identity().origin, &[7; 32]).unwrap();
    (log, key)
}

#[test]
fn every_entry_under_every_checkpoint_has_a_bundle_that_holds() {
    let (log, key) = log_of(0);
    let keys = [key.verifier()];
    for size in 1..=33u64 {
        let _ = log.append(entry(0)).unwrap();
        let signed = log.checkpoint(&[&key]).unwrap();
        let view = log.view();
        for index in 0..size {
            let text = view.bundle(index, &signed).unwrap().to_string();
            let bundle: Bundle = text.parse().unwrap();
            assert_eq!(bundle.to_string(), text);
            assert_eq!(bundle.verify(&keys, None).unwrap().index().get(), index);
        }
        for old in 0..=size {
            let text = view.consistency_bundle(TreeSize::new(old), &signed).unwrap().to_string();
            let bundle: ConsistencyBundle = text.parse().unwrap();
            assert_eq!(bundle.to_string(), text);
            bundle.verify(&keys).unwrap();
            let root = view.root_at(TreeSize::new(old)).unwrap();
            assert_eq!((bundle.old_size().get(), bundle.old_root()), (old, root));
        }
        assert!(view.bundle(size, &signed).is_err());
    }
}

#[test]
fn every_changed_byte_of_a_bundle_is_noticed() {
    let (log, key) = log_of(11);
    let signed = log.checkpoint(&[&key]).unwrap();
    let bundle = log.view().bundle(6, &signed).unwrap();
    let entry = bundle.entry().unwrap();
    let bare = bundle.without_entry().to_string();
    for at in 0..bare.len() {
        for change in [1u8, 2, 32] {
            let mut bytes = bare.clone().into_bytes();
            bytes[at] ^= change;
            let Ok(text) = String::from_utf8(bytes) else { continue };
            let verified =
                text.parse::<Bundle>().and_then(|b| b.verify(&[key.verifier()], entry.clone()));
            assert!(verified.is_err(), "byte {at}: {text}");
        }
    }
    for end in 0..bare.len() {
        let cut = bare.get(..end).map(|text| text.parse::<Bundle>().is_err());
        assert_ne!(cut, Some(false), "{end} bytes");
    }
}

#[test]
fn every_changed_byte_of_a_consistency_bundle_is_noticed() {
    let (log, key) = log_of(11);
    let signed = log.checkpoint(&[&key]).unwrap();
    let text = log.view().consistency_bundle(TreeSize::new(6), &signed).unwrap().to_string();
    for at in 0..text.len() {
        for change in [1u8, 2, 32] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= change;
            let Ok(text) = String::from_utf8(bytes) else { continue };
            let verified =
                text.parse::<ConsistencyBundle>().and_then(|b| b.verify(&[key.verifier()]));
            assert!(verified.is_err(), "byte {at}: {text}");
        }
    }
    let stranger = SigningKey::from_seed(&log.identity().origin, &[8; 32]).unwrap();
    let bundle: ConsistencyBundle = text.parse().unwrap();
    assert!(bundle.verify(&[stranger.verifier()]).is_err());
}

/// A bundle is refused for its length when it is a byte or a hash too long, and not before.
#[test]
fn the_bounds_of_a_bundle_are_exact() {
    let (log, key) = log_of(11);
    let signed = log.checkpoint(&[&key]).unwrap();
    let text = log.view().consistency_bundle(TreeSize::new(6), &signed).unwrap().to_string();
    let (head, note) = text.split_once("\n\n").unwrap();
    let start: Vec<&str> = head.split('\n').take(3).collect();
    let with = |hashes: usize| {
        let more = format!("\n{}", start[2]).repeat(hashes);
        format!("{}{more}\n\n{note}", start.join("\n")).parse::<ConsistencyBundle>()
    };
    assert_eq!(with(PROOF_HASHES_MAX + 1).unwrap().proof().hashes.len(), PROOF_HASHES_MAX + 1);
    assert!(with(PROOF_HASHES_MAX + 2).unwrap_err().to_string().contains("too many hashes"));

    let refused = |len: usize| "x".repeat(len).parse::<Bundle>().unwrap_err().to_string();
    assert!(refused(BUNDLE_BYTES_MAX).contains("no empty line"));
    assert!(refused(BUNDLE_BYTES_MAX + 1).contains("too long"));
}

#[test]
fn an_entry_of_another_log_does_not_pass_for_one_of_this() {
    let ((log, key), (other, _)) = (log_of(5), log_of(5));
    let signed = log.checkpoint(&[&key]).unwrap();
    let bundle = log.view().bundle(2, &signed).unwrap();
    let error = bundle.verify(&[key.verifier()], Some(other.entry(2.into()).unwrap())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ProofInvalid);
    let error = bundle.verify(&[key.verifier()], Some(log.entry(3.into()).unwrap())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ProofInvalid);
    assert!(other.view().bundle(2, &signed).is_err());
    // Nobody else's checkpoint may be signed by this log's key, nor this log by another's.
    assert_eq!(other.checkpoint(&[&key]).unwrap_err().kind(), ErrorKind::Key);
}

#[test]
fn hostile_bundles_are_refused_within_bounds() {
    let (log, key) = log_of(3);
    let signed = log.checkpoint(&[&key]).unwrap();
    let text = log.view().bundle(1, &signed).unwrap().without_entry().to_string();
    let (head, note) = text.split_once("\n\n").unwrap();
    let hash = head.lines().last().unwrap();
    let many = format!("{head}\n{}\n\n{note}", vec![hash; 100_000].join("\n"));
    assert!(many.parse::<Bundle>().unwrap_err().message().contains("too many hashes"));
    let long = "a".repeat(BUNDLE_BYTES_MAX + 1);
    assert!(long.parse::<Bundle>().unwrap_err().message().contains("too long"));
    let twice = text.replacen("index 1\n", "extra AAAA\nextra AAAA\nindex 1\n", 1);
    let after = text.replacen("index 1\n", "index 1\nextra AAAA\n", 1);
    for wrong in [&twice, &after, "c2sp.org/tlog-proof@v1\n\n", "c2sp.org/tlog-proof@v1"] {
        assert_eq!(wrong.parse::<Bundle>().unwrap_err().kind(), ErrorKind::Invalid, "{wrong}");
    }
    // An extra that is no entry is nothing to believe, and nothing to fall over.
    let strange: Bundle = text.replacen("index", "extra AAAA\nindex", 1).parse().unwrap();
    assert!(strange.verify(&[key.verifier()], None).is_err());
    assert!(strange.verify(&[key.verifier()], Some(log.entry(1.into()).unwrap())).is_ok());
}

#[test]
fn a_log_signs_beside_its_writer_and_only_what_is_vouched_for() {
    let storage = Arc::new(MemoryStorage::new());
    let log = crate::Options::on_storage(Arc::clone(&storage) as Arc<dyn Storage>).open().unwrap();
    let key = SigningKey::from_seed(&log.identity().origin, &[7; 32]).unwrap();
    let reader = Reader::on_storage(Arc::clone(&storage) as Arc<dyn Storage>).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..300).for_each(|n| drop(log.append(entry(n)).unwrap())));
        for turn in 0..30 {
            let signed = match turn % 2 {
                0 => reader.checkpoint(&[&key]).unwrap(),
                _ => log.checkpoint(&[&key]).unwrap(),
            };
            assert!(signed.checkpoint().size() <= log.head().size);
        }
    });
    assert_eq!(log.checkpoint(&[&key]).unwrap().checkpoint().size().get(), 300);
    let last = log.last_checkpoint().unwrap().unwrap();
    assert_eq!(last, reader.last_checkpoint().unwrap().unwrap());
    let report = verify_storage(&*storage, &VerifyOptions::new().key(key.verifier())).unwrap();
    assert!(report.is_intact() && report.checkpoints > 1, "{report:?}");
    assert_eq!(report.checkpoint, Some(last));
}

#[test]
fn a_key_never_signs_two_histories_of_a_log() {
    let storage = MemoryStorage::new();
    let on = || crate::Options::on_storage(Arc::new(storage.clone()) as Arc<dyn Storage>);
    let log = on().open().unwrap();
    let key = SigningKey::from_seed(&log.identity().origin, &[7; 32]).unwrap();
    log.append_batch((0..5).map(entry)).unwrap();
    let signed = log.checkpoint(&[&key]).unwrap();
    // A history that promises another root at the same size, by the same key.
    let origin = log.identity().origin.clone();
    let other = Checkpoint::new(&origin, TreeSize::new(5), Hash([1; 32])).unwrap();
    let other = other.sign(&[&key]).unwrap();
    let record = crate::format::history::encode(&other.to_string());
    let file = storage.open(HISTORY_NAME, crate::storage::Access::Write).unwrap();
    file.write_all_at(&record, file.len().unwrap()).unwrap();
    let error = log.checkpoint(&[&key]).unwrap_err();
    assert_eq!(
        (error.kind(), error.location().file.as_deref()),
        (ErrorKind::Corrupt, Some(HISTORY_NAME))
    );
    let report = verify_storage(&storage, &VerifyOptions::new()).unwrap();
    assert_eq!(report.findings.len(), 1, "{report:?}");
    assert_eq!(report.findings[0].cause, crate::Cause::Forked);
    // And the two are a proof that anybody can check.
    let fork = ForkProof::new(signed.clone(), other, None);
    let read = ForkProof::from_json(&fork.to_json()).unwrap();
    assert_eq!(read.verify(&[key.verifier()]).unwrap().len(), 1);
    assert!(ForkProof::new(signed.clone(), signed, None).verify(&[key.verifier()]).is_err());
    log.close().unwrap();
}

#[test]
fn rotten_entries_are_not_signed_for() {
    let storage = MemoryStorage::new();
    let on = || crate::Options::on_storage(Arc::new(storage.clone()) as Arc<dyn Storage>);
    let log = on().open().unwrap();
    let key = SigningKey::from_seed(&log.identity().origin, &[7; 32]).unwrap();
    log.append_batch((0..20).map(entry)).unwrap();
    let name = crate::format::segment_name(0);
    let bytes = storage.map(&name).unwrap().to_vec();
    let at = bytes.windows(3).position(|window| window == b"/17").unwrap();
    let file = storage.open(&name, crate::storage::Access::Write).unwrap();
    file.write_all_at(b"/77", at as u64).unwrap();
    let error = log.checkpoint(&[&key]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(log.last_checkpoint().unwrap().is_none());
    file.write_all_at(b"/17", at as u64).unwrap();
    let signed: SignedCheckpoint = log.checkpoint(&[&key]).unwrap();
    assert_eq!(signed.checkpoint().size().get(), 20);
}
