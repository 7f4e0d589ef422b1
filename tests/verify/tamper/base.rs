//! The logs that are tampered with: written by the engine, closed, and signed now and then.

use super::taken::{Files, Seqs, Taken};
use std::sync::Arc;
use witnessmark::format::history::HISTORY_NAME;
use witnessmark::storage::{ManualClock, MemoryStorage, Storage};
use witnessmark::{AuditLog, Entry, Options, SigningKey, TreeHead, UnixNanos};

pub(super) const ORIGIN: &str = "tamper.example/agents";
const BEGAN: u64 = 1_767_225_600_000_000_000;

/// A log at rest, and what is known of it elsewhere.
pub(crate) struct Base {
    pub(crate) files: Files,
    pub(crate) head: TreeHead,
    /// Sizes of the recorded checkpoints, ascending.
    pub(super) signed: Vec<u64>,
    /// The directory after each group, as a snapshot of a running writer's disk shows it.
    pub(super) states: Vec<Files>,
    pub(super) key: SigningKey,
}

/// The text of each entry: long ones fill segments with few entries, short ones keep them small.
fn entry(n: u64, len: usize) -> Entry<'static> {
    let event = ["tool_invocation", "policy_decision", "tool_blocked"][(n % 3) as usize];
    let agent = format!("did:web:agent-{}.example", n * n % 5);
    let entry = Entry::new(event, agent, ["allow", "deny"][(n % 2) as usize]);
    let entry = entry.trace_id(format!("trace-{}", n / 4)).resource(format!("/files/{}", n % 7));
    if n % 4 == 3 {
        entry
    } else {
        entry.data_text(format!("{{\"n\":{n},\"t\":\"{}\"}}", "x".repeat(len)))
    }
}

/// The bytes of every file.
pub(super) fn files_of(storage: &MemoryStorage) -> Files {
    loop {
        let names = storage.list().unwrap().into_iter().map(|file| file.name);
        let read = |name: String| storage.map(&name).map(|bytes| (name, bytes.to_vec())).ok();
        // A side file that is being made loses its first name now and then: look again.
        if let Some(files) = names.map(read).collect() {
            return files;
        }
    }
}

/// A storage with these files.
pub(crate) fn storage_of(files: &Files) -> MemoryStorage {
    let storage = MemoryStorage::new();
    for (name, bytes) in files {
        storage.create(name).unwrap().write_all_at(bytes, 0).unwrap();
    }
    storage
}

fn options(storage: &MemoryStorage, clock: &Arc<ManualClock>) -> Options {
    let options = Options::on_storage(Arc::new(storage.clone())).segment_bytes(64 << 10);
    options.origin(ORIGIN).clock(Arc::<ManualClock>::clone(clock))
}

impl Base {
    /// Four segments, three of them sealed, about a quarter of a megabyte; groups of one to four
    /// entries at multiples of `align`; signed three times, the last time before the last entries.
    pub(super) fn new(align: u16, key_seed: u8) -> Self {
        Self::write(align, key_seed, 2400, 42)
    }

    fn write(align: u16, key_seed: u8, len: usize, groups: u64) -> Self {
        let (storage, clock) = (MemoryStorage::new(), Arc::new(ManualClock::at(UnixNanos(BEGAN))));
        let key = SigningKey::from_seed(ORIGIN, &[key_seed; 32]).unwrap();
        let log = options(&storage, &clock).sector_pad(align).open().unwrap();
        let (mut n, mut signed, mut states) = (0, Vec::new(), Vec::new());
        for group in 0..groups {
            clock.set(UnixNanos(BEGAN + group * 1_000_000_007));
            let count = 1 + group % 4;
            let _ = log.append_batch((n..n + count).map(|n| entry(n, len))).unwrap();
            n += count;
            if [groups / 5, groups / 2, groups - 4].contains(&group) {
                signed.push(sign(&log, &key));
            }
            if align == 1 {
                states.push(files_of(&storage));
            }
        }
        let head = log.close().unwrap();
        Self { files: files_of(&storage), head, signed, states, key }
    }

    /// The same story in segments of a few entries, which no configuration gives: small enough to
    /// flip every bit. The side files are the engine's.
    pub(crate) fn small(align: u16, bytes: usize) -> Self {
        let groups = match (bytes > 64 << 10, align) {
            (false, _) => 12,
            (true, 1) => 190,
            (true, _) => 150, // each padded to whole sectors
        };
        let base = Self::write(align, 3, bytes / 900, groups);
        let mut taken = Taken::of(&base.files);
        let groups: Vec<_> = taken.segments.iter_mut().flat_map(|s| s.groups.drain(..)).collect();
        let per_segment = groups.len().div_ceil(3);
        let shape = taken.segments[0].header.clone();
        taken.segments.clear();
        let mut groups = groups.into_iter().peekable();
        while groups.peek().is_some() {
            let mut header = shape.clone();
            header.nonce ^= taken.segments.len() as u64;
            let groups: Vec<_> = groups.by_ref().take(per_segment).collect();
            taken.segments.push(super::taken::Segment { header, groups, is_sealed: true });
        }
        taken.segments.last_mut().unwrap().is_sealed = false;
        let mut files = taken.rebuild(Seqs::Kept);
        files.insert(HISTORY_NAME.to_owned(), base.files[HISTORY_NAME].clone());
        Self { files: with_side_files(&files), ..base }
    }
}

fn sign(log: &AuditLog, key: &SigningKey) -> u64 {
    log.checkpoint(&[key]).unwrap().checkpoint().size().get()
}

/// The files after the engine made the side files that are missing.
pub(super) fn with_side_files(files: &Files) -> Files {
    let storage = storage_of(files);
    let clock = Arc::new(ManualClock::at(UnixNanos(BEGAN * 2)));
    options(&storage, &clock).open().unwrap().close().unwrap();
    files_of(&storage)
}
