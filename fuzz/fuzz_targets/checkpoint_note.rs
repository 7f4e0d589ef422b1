//! Signed notes, checkpoints, keys, bundles, fork proofs and checkpoint histories from strangers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use witnessmark::format::history::HISTORY_NAME;
use witnessmark::storage::{MemoryStorage, Storage};
use witnessmark::{
    Bundle, Checkpoint, ConsistencyBundle, ForkProof, Hash, Note, SignedCheckpoint, SigningKey,
    TreeSize, VerifierKey, VerifyOptions, entry_from_json, verify_storage,
};

const ORIGIN: &str = "fuzz.example/log";

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::from_seed(ORIGIN, &[7; 32]).expect("an acceptable name"));
static NOTE: LazyLock<String> = LazyLock::new(|| {
    let checkpoint = Checkpoint::new(ORIGIN, TreeSize::new(7), Hash([3; 32]));
    checkpoint.and_then(|c| c.sign(&[&*KEY])).expect("a checkpoint").to_string()
});

fuzz_target!(|input: &[u8]| {
    let Some((kind, rest)) = input.split_first() else { return };
    match kind % 4 {
        0 => note(rest),
        1 => edited(rest),
        2 => texts(&String::from_utf8_lossy(rest)),
        _ => history(rest),
    }
});

/// Whatever is accepted prints as the bytes it came from.
fn note(bytes: &[u8]) {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_string().as_bytes(), bytes);
        let _ = note.verify(&[KEY.verifier()]);
    }
    if let Ok(signed) = SignedCheckpoint::parse(bytes) {
        assert_eq!(signed.to_string().as_bytes(), bytes);
        // Nobody here has the key: what verifies is the one note that was signed, with lines of
        // strangers perhaps.
        if signed.verify(&[KEY.verifier()]).is_ok() {
            assert_eq!(signed.checkpoint().root(), Hash([3; 32]));
            assert_eq!(signed.checkpoint().size().get(), 7);
        }
    }
}

/// The honest note with up to a handful of bytes replaced.
fn edited(edits: &[u8]) {
    let mut text = NOTE.clone().into_bytes();
    for edit in edits.chunks_exact(4).take(6) {
        let at = (usize::from(edit[0]) | usize::from(edit[1]) << 8) % text.len();
        match edit[2] % 3 {
            0 => text[at] = edit[3],
            1 => text.insert(at, edit[3]),
            _ => drop(text.remove(at)),
        }
    }
    note(&text);
}

fn texts(text: &str) {
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.to_string(), text);
    }
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(key) = SigningKey::parse(text) {
        assert_eq!(key.to_text().as_str(), text.trim_end_matches('\n'));
    }
    let keys = [KEY.verifier()];
    if let Ok(bundle) = text.parse::<Bundle>() {
        assert_eq!(bundle.to_string(), text);
        let _ = bundle.verify(&keys, None);
    }
    if let Ok(bundle) = text.parse::<ConsistencyBundle>() {
        assert_eq!(bundle.to_string(), text);
        let _ = bundle.verify(&keys);
    }
    if let Ok(fork) = ForkProof::from_json(text) {
        assert!(fork.verify(&keys).is_err(), "a fork of a key that signed one thing");
    }
    let _ = entry_from_json(text);
}

/// A history of any bytes is read to its end.
fn history(bytes: &[u8]) {
    let storage = MemoryStorage::new();
    let file = storage.create(HISTORY_NAME).expect("an empty directory");
    file.write_all_at(bytes, 0).expect("memory");
    let options = VerifyOptions::new().threads(1).key(KEY.verifier());
    let report = verify_storage(&storage, &options).expect("a report");
    assert!(!report.is_intact(), "a log without identity");
}
