//! What the fuzz targets share: an honest log, edits read from the fuzzer's bytes, and the repair of
//! checksums behind an edit, so that what is tested is not only the checksum.
//!
//! ```text
//! input = level | edit | edit | ...      edit = file | operation | anchor | offset | value[8]
//! ```
//!
//! An *anchor* is a place where a structure begins (header, group, frame, footer), so that small
//! offsets hit fields. The honest log has other random bytes in each process (ids, salts, nonces)
//! but the same lengths, so that a crashing input keeps crashing.

pub mod edits;
pub mod repair;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use witnessmark::storage::{Access, ManualClock, MemoryStorage, Storage};
use witnessmark::{AuditLog, Entry, Options, StoredEntry, TreeHead, UnixNanos};

/// File names and their bytes.
pub type Files = BTreeMap<String, Vec<u8>>;

/// An honest log: a sealed segment, its side files, and a growing one.
pub struct Honest {
    /// The directory after a clean close.
    pub files: Files,
    /// Size and root.
    pub head: TreeHead,
    /// Every entry.
    pub entries: Vec<StoredEntry>,
    /// Evidence for entry 3, as text.
    pub evidence: String,
}

/// The honest log of this process.
pub fn honest() -> &'static Honest {
    static HONEST: OnceLock<Honest> = OnceLock::new();
    HONEST.get_or_init(make)
}

/// The options every log here is opened with.
pub fn options(storage: &MemoryStorage) -> Options {
    let clock = ManualClock::at(UnixNanos(1_767_225_600_000_000_000));
    Options::on_storage(Arc::new(storage.clone())).segment_bytes(64 << 10).clock(Arc::new(clock))
}

/// One more entry for a log.
pub fn entry(n: u64) -> Entry<'static> {
    let entry = Entry::new(
        ["tool_invocation", "policy_decision"][(n % 2) as usize],
        format!("did:web:agent-{}.example", n % 3),
        "allow",
    )
    .entry_id(format!("audit_{n:016x}"))
    .resource(format!("/files/{n}"));
    match n % 4 {
        0 => entry,
        1 => entry.trace_id("trace").data_text(format!("{{\"n\":{n}}}")),
        _ => entry.data_text(format!("\"{}\"", "x".repeat(2500))),
    }
}

fn make() -> Honest {
    let storage = MemoryStorage::new();
    let log = options(&storage).open().expect("a log in memory opens");
    for n in 0..60 {
        let _ = log.append(entry(n)).expect("an honest entry is appended");
    }
    let evidence = log.prove(3).expect("an entry can be proved").to_json();
    let entries = all_entries(&log);
    let head = log.close().expect("an honest log closes");
    let files = files(&storage);
    assert!(files.keys().filter(|name| name.ends_with(".seg")).count() >= 2, "two segments");
    assert!(files.keys().any(|name| name.ends_with(".index")), "a sealed one among them");
    Honest { files, head, entries, evidence }
}

fn all_entries(log: &AuditLog) -> Vec<StoredEntry> {
    let view = log.view();
    let entry = |i: u64| view.entry(i.into()).expect("an honest entry is read");
    (0..view.size().get()).map(entry).collect()
}

/// The bytes of every file of a storage.
pub fn files(storage: &MemoryStorage) -> Files {
    let mut files = Files::new();
    for found in storage.list().expect("memory lists") {
        let file = storage.open(&found.name, Access::Read).expect("memory opens");
        let mut bytes = vec![0; found.len as usize];
        file.read_exact_at(&mut bytes, 0).expect("memory reads");
        files.insert(found.name, bytes);
    }
    files
}

/// A storage that holds these files.
pub fn storage(files: &Files) -> MemoryStorage {
    let storage = MemoryStorage::new();
    for (name, bytes) in files {
        let file = storage.create(name).expect("memory creates");
        file.write_all_at(bytes, 0).expect("memory writes");
    }
    storage
}
