//! The auditor: what is right passes, and whatever was changed is found where it was changed.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod anchors;
mod erased;
mod flips;
mod forgeries;
mod garbage;
mod healthy;
mod losses;
mod tamper;
mod told;
mod unreadable;

use std::ops::Range;
use std::sync::Arc;
use witnessmark::format::frame::Frame;
use witnessmark::format::group::{GROUP_HEADER_LEN, GroupHeader};
use witnessmark::format::segment::{SEGMENT_HEADER_LEN, SegmentHeader};
use witnessmark::storage::{Access, MemoryStorage, Storage};
use witnessmark::{
    AuditLog, Entry, Hash, Options, Report, TreeHead, VerifyOptions, verify_storage,
};

/// A log that was closed, in memory, and what its writer knew about it.
struct Closed {
    files: MemoryStorage,
    head: TreeHead,
    /// Roots at the sizes 0, 1, ...
    roots: Vec<Hash>,
}

/// How a log is made.
#[derive(Clone, Copy)]
struct Recipe {
    groups: usize,
    batch: usize,
    align: u16,
}

/// Some segments with several groups each.
const LARGE: Recipe = Recipe { groups: 60, batch: 20, align: 1 };
/// One segment with a few entries.
const SMALL: Recipe = Recipe { groups: 3, batch: 2, align: 1 };

impl Recipe {
    fn make(self) -> Closed {
        let files = MemoryStorage::new();
        let log = self.append(&files);
        let view = log.view();
        let root = |size: u64| view.root_at(size.into()).unwrap();
        let roots = (0..=view.size().get()).map(root).collect();
        let head = log.close().unwrap();
        Closed { files, head, roots }
    }

    fn append(self, files: &MemoryStorage) -> AuditLog {
        let storage = Arc::new(files.clone());
        let options = Options::on_storage(storage).segment_bytes(64 << 10);
        let log = options.sector_pad(self.align).open().unwrap();
        for group in 0..self.groups {
            let _ = log.append_batch(entries(group, self.batch)).unwrap();
        }
        log
    }
}

fn entries(group: usize, batch: usize) -> impl Iterator<Item = Entry<'static>> {
    (0..batch).map(move |n| {
        let event = ["tool_invocation", "policy_decision"][(group * n) % 2];
        let text = format!("{{\"group\":{group},\"n\":{n},\"text\":\"{}\"}}", "x".repeat(n % 90));
        let entry = Entry::new(event, format!("did:web:{}.example", (group + n) % 7), "allow");
        let entry = entry.trace_id(format!("trace-{}", group / 3));
        if n % 5 == 4 { entry } else { entry.data_text(text) }
    })
}

impl Closed {
    fn verify(&self) -> Report {
        self.verify_with(&VerifyOptions::new().threads(1))
    }

    fn verify_with(&self, options: &VerifyOptions) -> Report {
        verify_storage(&self.files, options).unwrap()
    }

    fn names(&self, ending: &str) -> Vec<String> {
        let names = self.files.list().unwrap().into_iter().map(|file| file.name);
        names.filter(|name| name.ends_with(ending)).collect()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        self.files.map(name).unwrap().to_vec()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        if self.files.remove(name).is_err() {
            assert!(!self.names("").contains(&name.to_owned()));
        }
        self.files.create(name).unwrap().write_all_at(bytes, 0).unwrap();
    }

    fn flip(&self, name: &str, bit: usize) {
        let file = self.files.open(name, Access::Write).unwrap();
        let mut byte = [0u8];
        file.read_exact_at(&mut byte, (bit / 8) as u64).unwrap();
        byte[0] ^= 1 << (bit % 8);
        file.write_all_at(&byte, (bit / 8) as u64).unwrap();
    }
}

/// What lies where in a segment.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Part {
    SegmentHeader,
    /// A group's header or padding, with its first index.
    Group(u64),
    Entry(u64),
    Footer,
}

fn parts(segment: &[u8]) -> Vec<(Range<usize>, Part)> {
    let header = SegmentHeader::decode(&segment[..SEGMENT_HEADER_LEN]).unwrap();
    let mut parts = vec![(0..SEGMENT_HEADER_LEN, Part::SegmentHeader)];
    let mut at = SEGMENT_HEADER_LEN;
    while let Ok((group, _)) = GroupHeader::decode(&segment[at..], header.nonce) {
        let end = at + usize::try_from(group.group_len()).unwrap();
        let kind = Part::Group(group.first_index);
        parts.push((at..at + GROUP_HEADER_LEN, kind));
        at += GROUP_HEADER_LEN;
        for n in 0..u64::from(group.count) {
            let len = Frame::decode(&segment[at..]).unwrap().stored_len as usize;
            parts.push((at..at + len, Part::Entry(group.first_index + n)));
            at += len;
        }
        parts.push((at..end, kind));
        at = end;
    }
    parts.push((at..segment.len(), Part::Footer));
    parts
}

fn range_of(segment: &[u8], wanted: Part) -> Range<usize> {
    parts(segment).into_iter().find(|(_, part)| *part == wanted).unwrap().0
}

/// The segment that holds an entry.
fn segment_of(log: &Closed, index: u64) -> String {
    let names = log.names(".seg").into_iter().rev();
    let mut holding = names.filter(|name| name[..20].parse::<u64>().unwrap() <= index);
    holding.next().unwrap()
}

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}
