//! The independent twin: `docs/verify.py`, written from FORMAT.md alone, against the encoders; its
//! verdicts on everything one may do to a log are compared in `tests/system/tamper_twin.sh`.
//!
//! A small log is written here with the crate's encoders: three segments (two sealed), groups of
//! several sizes, heartbeats, system entries, and on request erased entries. The twin must find the
//! same root, and must notice every change. Roots come from a recursive definition in this file,
//! so neither side can believe the other. Without `python3` on the path there is nothing to ask,
//! and the tests say so.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first lie"
)]
#![expect(clippy::print_stderr, reason = "a test that could not run says so")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use witnessmark::entry::Entry;
use witnessmark::format::footer::{Counter, Footer};
use witnessmark::format::frame::{self, Body, Frame, Header, Unplaced};
use witnessmark::format::group::{self, GROUP_HEADER_LEN, GroupHeader};
use witnessmark::format::identity::Identity;
use witnessmark::format::meta;
use witnessmark::format::segment::{SEGMENT_HEADER_LEN, SegmentHeader};
use witnessmark::format::{IDENTITY_NAME, crc, segment_name};
use witnessmark::hash;
use witnessmark::types::{EventTime, Hash};
use witnessmark::{VerifyOptions, verify};

const INTACT: i32 = 0;
const TAMPERED: i32 = 1;
const UNREADABLE: i32 = 3;
const PARTIAL: i32 = 4;

#[test]
fn the_twin_finds_the_same_root() {
    for align in [1, 512, 4096] {
        let log = Written::new(align, Story::Honest);
        let (root, size) = (log.root(log.leaves.len()), log.leaves.len());
        log.expect(INTACT, &[], &format!("root {root} size {size}"));
    }
}

#[test]
fn the_twin_accepts_declared_story_and_no_others() {
    let declared = Written::new(512, Story::Erased);
    let line =
        format!("root {} size {}", declared.root(declared.leaves.len()), declared.leaves.len());
    declared.expect(PARTIAL, &[], &line);
    Written::new(512, Story::ErasedInSilence).expect(TAMPERED, &[], "undeclared erasure");
}

#[test]
fn the_twin_holds_the_log_against_an_earlier_root() {
    let log = Written::new(1, Story::Honest);
    let size = log.leaves.len();
    for earlier in [0, 1, 5, size] {
        log.expect(INTACT, &["--against", &format!("{}@{earlier}", log.root(earlier))], "intact");
    }
    log.expect(TAMPERED, &["--against", &format!("{}@{}", log.root(4), 5)], "forked");
    log.expect(TAMPERED, &["--against", &format!("{}@{}", log.root(4), size + 1)], "truncated");
}

#[test]
fn the_twin_sees_every_changed_byte_of_what_is_vouched_for() {
    let log = Written::new(512, Story::Erased);
    for (number, segment) in log.segments.iter().enumerate() {
        let path = log.dir.path().join(segment_name(segment.first_index));
        let bytes = std::fs::read(&path).unwrap();
        // The last heartbeat is vouched for by nothing.
        let end = if number == 2 { segment.last_group } else { bytes.len() };
        let step = if number == 2 { 97 } else { 307 };
        for at in (0..128).step_by(40).chain((4096..end).step_by(step)) {
            flip(&path, &bytes, at);
            log.expect(TAMPERED, &[], &segment_name(segment.first_index));
        }
        std::fs::write(&path, &bytes).unwrap();
    }
    let path = log.dir.path().join(IDENTITY_NAME);
    let bytes = std::fs::read(&path).unwrap();
    for at in (0..bytes.len()).step_by(41) {
        flip(&path, &bytes, at);
        log.expect(TAMPERED, &[], "log.id");
    }
    std::fs::remove_file(&path).unwrap();
    log.expect(UNREADABLE, &[], "CANNOT READ");
}

#[test]
fn the_twin_is_not_satisfied_by_right_hashes_alone() {
    Written::new(1, Story::LeftOut).expect(TAMPERED, &[], "an entry was left out");
    Written::new(1, Story::Backdated).expect(TAMPERED, &[], "recorded_at goes back");
}

#[test]
fn the_twin_tells_a_torn_tail_from_damage() {
    let log = Written::new(512, Story::Honest);
    let last = log.segments.last().unwrap();
    let path = log.dir.path().join(segment_name(last.first_index));
    let bytes = std::fs::read(&path).unwrap();
    // Without the heartbeat nothing vouches for the last entries.
    let mut torn = bytes[..last.last_group].to_vec();
    let end = torn.iter().rposition(|byte| *byte != 0).unwrap();
    torn[end - 40..].fill(0);
    torn.extend([0; 4096]);
    std::fs::write(&path, &torn).unwrap();
    log.expect(PARTIAL, &[], "torn tail");
    // With it, the same hole is damage.
    torn.truncate(last.last_group);
    torn.extend(&bytes[last.last_group..]);
    std::fs::write(&path, &torn).unwrap();
    log.expect(TAMPERED, &[], "vouches for what is here");
    // A checkpoint held elsewhere vouches, too.
    torn.truncate(last.last_group);
    std::fs::write(&path, &torn).unwrap();
    let size = log.leaves.len();
    log.expect(TAMPERED, &["--against", &format!("{}@{size}", log.root(size))], "truncated");
    // Preallocated space is nothing.
    let zeros = [&bytes[..], &[0; 10_000]].concat();
    std::fs::write(&path, zeros).unwrap();
    log.expect(INTACT, &[], "intact");
}

#[test]
fn the_twin_notices_a_removed_segment() {
    let log = Written::new(1, Story::Honest);
    let path = |number: usize| log.dir.path().join(segment_name(log.segments[number].first_index));
    let middle = std::fs::read(path(1)).unwrap();
    std::fs::remove_file(path(1)).unwrap();
    log.expect(TAMPERED, &[], "missing segment");
    std::fs::write(path(1), middle).unwrap();
    std::fs::remove_file(path(2)).unwrap();
    log.expect(TAMPERED, &[], "missing segment");
}

fn flip(path: &Path, bytes: &[u8], at: usize) {
    let mut bad = bytes.to_vec();
    bad[at] ^= 1 << (at % 8);
    std::fs::write(path, bad).unwrap();
}

#[derive(Clone, Copy, PartialEq)]
enum Story {
    Honest,
    /// Two payloads and one body are erased, and a later entry says so.
    Erased,
    ErasedInSilence,
    /// A consistent log, forged from the start, that lacks an entry of an agent.
    LeftOut,
    /// A consistent log whose time goes back.
    Backdated,
}

impl Story {
    fn has_erasures(self) -> bool {
        matches!(self, Self::Erased | Self::ErasedInSilence)
    }
}

struct Segment {
    first_index: u64,
    last_group: usize,
}

/// A log on disk, and what its writer knows about it.
struct Written {
    dir: tempfile::TempDir,
    leaves: Vec<Hash>,
    segments: Vec<Segment>,
}

impl Written {
    fn new(align: u16, story: Story) -> Self {
        let mut writer = Writer::new(align, story);
        writer.begin_segment();
        writer.group(&["tool_invocation"]);
        writer.group(&["tool_invocation", "policy_evaluation", "tool_blocked"]);
        writer.group(&[]);
        writer.end_segment(true);
        writer.begin_segment();
        writer.group(&["tool_invocation"; 7]);
        writer.end_segment(true);
        writer.begin_segment();
        writer.group(&["tool_blocked", "policy_violation"]);
        if story == Story::Erased {
            writer.group(&["witnessmark.erasure data", "witnessmark.erasure body"]);
        }
        writer.group(&["tool_invocation"]);
        writer.group(&[]);
        writer.end_segment(false);
        Self { dir: writer.dir, leaves: writer.leaves, segments: writer.segments }
    }

    fn root(&self, size: usize) -> Hash {
        root(&self.leaves[..size])
    }

    fn audit(&self, status: i32, arguments: &[&str]) {
        let mut options = VerifyOptions::new().threads(1);
        if let [_, anchor] = arguments {
            let (root, size) = anchor.split_once('@').unwrap();
            let size: u64 = size.parse().unwrap();
            options = options.against(size.into(), Hash::from_hex(root).unwrap());
        }
        let report = verify(self.dir.path(), &options).unwrap();
        assert_eq!(i32::from(report.exit_code()), status, "{report:#?}");
    }

    /// Runs the twin and compares its exit status and the presence of a text in its output; the
    /// auditor of this crate must come to the same status.
    fn expect(&self, status: i32, arguments: &[&str], text: &str) {
        self.audit(status, arguments);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/verify.py");
        let output = Command::new("python3")
            .arg(script)
            .arg(self.dir.path())
            .args(arguments)
            .stdin(Stdio::null())
            .output();
        let Ok(output) = output else {
            eprintln!("python3 is not on the path: the twin was not asked");
            return;
        };
        let printed = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{printed}{errors}");
        assert!(printed.contains(text), "no {text:?} in:\n{printed}{errors}");
        assert!(printed.lines().last().unwrap_or_default().starts_with("root "), "{printed}");
    }
}

/// RFC 6962, section 2.1, word for word.
fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => hash::empty_root(),
        [leaf] => *leaf,
        _ => {
            let half = leaves.len().next_power_of_two() / 2;
            hash::node(&root(&leaves[..half]), &root(&leaves[half..]))
        }
    }
}

fn frontier(leaves: &[Hash]) -> Vec<Hash> {
    let (mut rest, mut hashes) = (leaves, Vec::new());
    for bit in (0..usize::BITS).rev().filter(|bit| leaves.len() >> bit & 1 == 1) {
        let (subtree, after) = rest.split_at(1 << bit);
        hashes.push(root(subtree));
        rest = after;
    }
    hashes
}

struct Writer {
    dir: tempfile::TempDir,
    align: u16,
    story: Story,
    leaves: Vec<Hash>,
    segments: Vec<Segment>,
    previous_hash: Hash,
    recorded_at: u64,
    seqs: BTreeMap<String, u64>,
    // Of the segment being written:
    file: Vec<u8>,
    header: SegmentHeader,
    previous_header_crc: u32,
    last_group: usize,
    group_count: u64,
    recorded: Vec<u64>,
    events: Vec<(i64, u32)>,
    agents: BTreeMap<String, u64>,
    types: BTreeMap<String, u64>,
}

impl Writer {
    fn new(align: u16, story: Story) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let origin = "twin.example/log".to_owned();
        let identity = Identity { created_at: 1, log_id: [7; 32], origin, predecessor: None };
        let identity = identity.encode();
        std::fs::write(dir.path().join(IDENTITY_NAME), &identity).unwrap();
        let previous_hash = hash::log_start(&identity);
        let header = SegmentHeader {
            align,
            generation: 0,
            log_id: [7; 32],
            nonce: 0,
            first_index: 0,
            last_recorded_at: 0,
            created_at: 2,
            previous_hash,
            frontier: Vec::new(),
        };
        Self {
            dir,
            align,
            story,
            leaves: Vec::new(),
            segments: Vec::new(),
            previous_hash,
            recorded_at: 0,
            seqs: BTreeMap::new(),
            file: Vec::new(),
            header,
            previous_header_crc: 0,
            last_group: 0,
            group_count: 0,
            recorded: Vec::new(),
            events: Vec::new(),
            agents: BTreeMap::new(),
            types: BTreeMap::new(),
        }
    }

    fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    fn begin_segment(&mut self) {
        self.header.generation = u32::from(self.segments.is_empty() && self.story.has_erasures());
        self.header.nonce = 0x9e37_79b9_7f4a_7c15 ^ self.size();
        self.header.first_index = self.size();
        self.header.last_recorded_at = self.recorded_at;
        self.header.previous_hash = self.previous_hash;
        self.header.frontier = frontier(&self.leaves);
        self.file = self.header.encode();
        (self.previous_header_crc, self.group_count) = (0, 0);
        self.recorded.clear();
        self.events.clear();
        self.agents.clear();
        self.types.clear();
    }

    fn group(&mut self, events: &[&str]) {
        let first_index = self.size();
        let mut body = Vec::new();
        for event in events {
            self.frame(event, &mut body);
        }
        let body_len = u32::try_from(body.len()).unwrap();
        let len = (GROUP_HEADER_LEN + body.len()) as u64;
        let pad_len = group::padding(self.file.len() as u64, len, self.align);
        body.resize(body.len() + pad_len as usize, 0);
        let header = GroupHeader {
            body_crc: crc(self.header.nonce, &[&body]),
            nonce: self.header.nonce,
            first_index,
            count: u32::try_from(events.len()).unwrap(),
            pad_len,
            body_len,
            previous_header_crc: self.previous_header_crc,
            synced_size: first_index,
            wall_clock: 1000 - first_index,
            root: root(&self.leaves),
        };
        let (bytes, header_crc) = header.encode();
        self.last_group = self.file.len();
        self.file.extend(bytes);
        self.file.extend(body);
        self.previous_header_crc = header_crc;
        self.group_count += 1;
    }

    fn frame(&mut self, event: &str, out: &mut Vec<u8>) {
        let index = self.size();
        let (event_type, form) = event.split_once(' ').unwrap_or((event, ""));
        let is_system = !form.is_empty();
        let agent =
            if is_system { "witnessmark".to_owned() } else { format!("did:a:{}", index % 2) };
        let payload = match form {
            "" if index % 3 == 2 => String::new(),
            "" => format!("{{\"n\":{index}}}"),
            "data" => r#"{"form":"data","indices":[1,3],"reason":"test"}"#.into(),
            _ => r#"{"form":"body","indices":[2],"reason":"test"}"#.into(),
        };
        let (uuid, now) = ([9; 16], EventTime::utc(100 - index.cast_signed(), 3));
        let defaults = meta::Defaults { uuid: &uuid, now, redactions: None };
        let mut meta = Vec::new();
        meta::encode(&Entry::new(event_type, &agent, "allow"), &defaults, &mut meta);
        let salts = [[u8::try_from(index).unwrap(); 16], [0xee; 16]];
        let unplaced = Unplaced {
            flags: 0,
            body_salt: &salts[0],
            data_salt: &salts[1],
            meta: &meta,
            payload: payload.as_bytes(),
        };
        self.recorded_at = match (self.story, index) {
            (Story::Backdated, 13) => 40,
            _ => 50 + index / 2,
        };
        if self.story == Story::LeftOut && index == 6 {
            self.count(&format!("agent {agent}"));
        }
        let header = Header {
            flags: if is_system { frame::FLAG_SYSTEM } else { 0 },
            index,
            recorded_at: self.recorded_at,
            agent_seq: self.count(&format!("agent {agent}")),
            type_seq: self.count(&format!("type {event_type}")),
            meta_len: u32::try_from(meta.len()).unwrap(),
            data_len: u32::try_from(payload.len()).unwrap(),
            body_hash: unplaced.body_hash(),
            previous_hash: self.previous_hash,
        };
        let entry_hash = hash::entry(&header.encode());
        let mut bytes = Vec::new();
        unplaced.append_to(&mut bytes);
        frame::place(&mut bytes, &header, &entry_hash);
        let is_erased = self.story.has_erasures();
        let bytes = match index {
            1 | 3 if is_erased => erase(&bytes, 2),
            2 if is_erased => erase(&bytes, 3),
            _ => bytes,
        };
        if bytes[0] != 3 {
            self.events.push(now.instant());
        }
        self.agents.insert(agent.clone(), header.agent_seq + 1);
        self.types.insert(event_type.into(), header.type_seq + 1);
        self.recorded.push(self.recorded_at);
        self.previous_hash = entry_hash;
        self.leaves.push(entry_hash);
        out.extend(bytes);
    }

    fn count(&mut self, name: &str) -> u64 {
        let next = self.seqs.entry(name.to_owned()).or_default();
        *next += 1;
        *next - 1
    }

    fn end_segment(&mut self, is_sealed: bool) {
        let data_end = self.file.len();
        assert!(data_end > SEGMENT_HEADER_LEN);
        if is_sealed {
            let counters = |names: &BTreeMap<String, u64>| {
                let counter = |(name, entries): (&String, &u64)| Counter {
                    name: name.clone(),
                    entries: *entries,
                };
                names.iter().map(counter).collect()
            };
            let footer = Footer {
                nonce: self.header.nonce,
                first_index: self.header.first_index,
                count: self.size() - self.header.first_index,
                data_end: data_end as u64,
                root: root(&self.leaves),
                last_entry_hash: self.previous_hash,
                recorded: (self.recorded[0], *self.recorded.last().unwrap()),
                event: (*self.events.iter().min().unwrap(), *self.events.iter().max().unwrap()),
                group_count: self.group_count,
                last_header_crc: self.previous_header_crc,
                agents: counters(&self.agents),
                types: counters(&self.types),
            };
            let mut encoded = footer.encode();
            self.file.extend(&encoded);
            let covered = encoded.len();
            Footer::finish(&mut encoded, &hash::seal(&self.file));
            self.file.extend(&encoded[covered..]);
        }
        let first_index = self.header.first_index;
        std::fs::write(self.dir.path().join(segment_name(first_index)), &self.file).unwrap();
        self.segments.push(Segment { first_index, last_group: self.last_group });
    }
}

/// The frame in another form. There is no encoder for it yet; the decoder is asked for its parts.
fn erase(bytes: &[u8], form: u8) -> Vec<u8> {
    let whole = Frame::decode(bytes).unwrap();
    let Body::Whole { body_salt, meta, .. } = whole.body else { panic!("a whole frame") };
    let rest = match form {
        2 => [&body_salt[..], whole.data_hash().unwrap().as_bytes(), meta].concat(),
        _ => whole.body_hash().as_bytes().to_vec(),
    };
    let mut out = bytes[..frame::FRAME_FIXED_LEN].to_vec();
    out[0] = form;
    out.extend(rest);
    let stored_len = u32::try_from(out.len()).unwrap();
    out[4..8].copy_from_slice(&stored_len.to_le_bytes());
    assert_eq!(Frame::decode(&out).unwrap().body_hash(), whole.body_hash());
    out
}
