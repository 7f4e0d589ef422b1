//! A log taken apart, and put together again with everything right: what a forger without keys can
//! always do.

use crate::forgeries::finish;
use std::collections::BTreeMap;
use witnessmark::entry::Field;
use witnessmark::format::footer::{Counter, Footer};
use witnessmark::format::frame::{FRAME_HASH_OFFSET, Frame};
use witnessmark::format::group::{GROUP_HEADER_LEN, GroupHeader, padding};
use witnessmark::format::identity::Identity;
use witnessmark::format::segment::{SEGMENT_HEADER_LEN, SegmentHeader};
use witnessmark::format::{IDENTITY_NAME, crc, meta, segment_name};
use witnessmark::merkle::Frontier;
use witnessmark::{Hash, hash};

/// Names of files and their bytes.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// One group: what its header says that is not derived, and its frames.
#[derive(Clone)]
pub(super) struct Group {
    pub(super) header: GroupHeader,
    pub(super) frames: Vec<Vec<u8>>,
}

#[derive(Clone)]
pub(super) struct Segment {
    pub(super) header: SegmentHeader,
    pub(super) groups: Vec<Group>,
    pub(super) is_sealed: bool,
}

/// The log of some files; side files and history are not in it.
#[derive(Clone)]
pub(super) struct Taken {
    pub(super) identity: Identity,
    pub(super) segments: Vec<Segment>,
}

/// Offsets of what a forger changes in a frame.
pub(super) const RECORDED_AT: usize = 16;
pub(super) const AGENT_SEQ: usize = 24;
pub(super) const TYPE_SEQ: usize = 32;

/// How sequence numbers are treated.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Seqs {
    Kept,
    Counted,
}

impl Taken {
    pub(super) fn of(files: &Files) -> Self {
        let identity = Identity::decode(&files[IDENTITY_NAME]).unwrap();
        let segments = files.iter().filter(|(name, _)| name.ends_with(".seg"));
        Self { identity, segments: segments.map(|(_, bytes)| Segment::of(bytes)).collect() }
    }

    /// Every frame in the order of the log.
    pub(super) fn frames(&mut self) -> impl Iterator<Item = &mut Vec<u8>> {
        self.segments.iter_mut().flat_map(|s| &mut s.groups).flat_map(|g| &mut g.frames)
    }

    /// Segment, group and place of an entry.
    pub(super) fn place(&self, index: u64) -> (usize, usize, usize) {
        let mut left = usize::try_from(index).unwrap();
        for (s, segment) in self.segments.iter().enumerate() {
            for (g, group) in segment.groups.iter().enumerate() {
                if left < group.frames.len() {
                    return (s, g, left);
                }
                left -= group.frames.len();
            }
        }
        panic!("no entry {index}")
    }

    pub(super) fn frame(&mut self, index: u64) -> &mut Vec<u8> {
        let (s, g, f) = self.place(index);
        &mut self.segments[s].groups[g].frames[f]
    }

    pub(super) fn remove(&mut self, index: u64) -> Vec<u8> {
        let (s, g, f) = self.place(index);
        self.segments[s].groups[g].frames.remove(f)
    }

    pub(super) fn insert(&mut self, index: u64, frame: Vec<u8>) {
        let (s, g, f) = self.place(index);
        self.segments[s].groups[g].frames.insert(f, frame);
    }

    /// The files of this log, with every hash, root, checksum and footer computed again.
    pub(super) fn rebuild(&self, seqs: Seqs) -> Files {
        let identity = self.identity.encode();
        let mut tree = Tree::new(hash::log_start(&identity));
        let mut files = Files::from([(IDENTITY_NAME.to_owned(), identity)]);
        for segment in &self.segments {
            let mut segment = segment.clone();
            segment.header.log_id = self.identity.log_id;
            tree.begin(&mut segment.header);
            files.insert(segment_name(segment.header.first_index), tree.build(&segment, seqs));
        }
        files
    }

    /// One segment built again from its own header on, and nothing else.
    pub(super) fn rebuild_one(&self, number: usize) -> (String, Vec<u8>) {
        let mut tree = Tree::new(Hash::ZERO);
        for segment in &self.segments[..number] {
            segment.groups.iter().flat_map(|g| &g.frames).for_each(|frame| tree.count(frame));
        }
        let segment = &self.segments[number];
        let (first, hashes) = (segment.header.first_index, segment.header.frontier.clone());
        tree.frontier = Frontier::from_parts(first.into(), hashes).unwrap();
        tree.previous = segment.header.previous_hash;
        (segment_name(first), tree.build(segment, Seqs::Kept))
    }
}

impl Segment {
    fn of(bytes: &[u8]) -> Self {
        let header = SegmentHeader::decode(&bytes[..SEGMENT_HEADER_LEN]).unwrap();
        let (mut at, mut groups) = (SEGMENT_HEADER_LEN, Vec::new());
        while let Ok((group, _)) = GroupHeader::decode(&bytes[at..], header.nonce) {
            let mut frame_at = at + GROUP_HEADER_LEN;
            let mut frames = Vec::new();
            for _ in 0..group.count {
                let len = Frame::decode(&bytes[frame_at..]).unwrap().stored_len as usize;
                frames.push(bytes[frame_at..frame_at + len].to_vec());
                frame_at += len;
            }
            groups.push(Group { header: group, frames });
            at += usize::try_from(group.group_len()).unwrap();
        }
        Self { header, groups, is_sealed: Footer::decode(&bytes[at..]).is_ok() }
    }
}

/// A tree that grows, with everything else that goes on from entry to entry.
struct Tree {
    frontier: Frontier,
    previous: Hash,
    recorded_at: u64,
    agents: BTreeMap<String, u64>,
    types: BTreeMap<String, u64>,
}

impl Tree {
    fn new(previous: Hash) -> Self {
        Self {
            frontier: Frontier::new(),
            previous,
            recorded_at: 0,
            agents: BTreeMap::new(),
            types: BTreeMap::new(),
        }
    }

    fn begin(&self, header: &mut SegmentHeader) {
        header.first_index = self.frontier.size().get();
        header.last_recorded_at = self.recorded_at;
        header.previous_hash = self.previous;
        header.frontier = self.frontier.hashes().to_vec();
    }

    /// Counts an entry's names; those of an erased body are gone.
    fn count(&mut self, frame: &[u8]) {
        if let Some([who, what]) = names(frame) {
            let decoded = Frame::decode(frame).unwrap();
            self.agents.insert(who, decoded.agent_seq + 1);
            self.types.insert(what, decoded.type_seq + 1);
        }
    }

    fn place(&mut self, frame: &mut [u8], seqs: Seqs) {
        if let (Seqs::Counted, Some([who, what])) = (seqs, names(frame)) {
            let agent_seq = self.agents.get(&who).copied().unwrap_or_default();
            let type_seq = self.types.get(&what).copied().unwrap_or_default();
            frame[AGENT_SEQ..AGENT_SEQ + 8].copy_from_slice(&agent_seq.to_le_bytes());
            frame[TYPE_SEQ..TYPE_SEQ + 8].copy_from_slice(&type_seq.to_le_bytes());
        }
        let decoded = Frame::decode(frame).unwrap();
        self.recorded_at = decoded.recorded_at;
        let header = decoded.header(self.frontier.size().get(), &self.previous);
        self.previous = hash::entry(&header);
        frame[FRAME_HASH_OFFSET..FRAME_HASH_OFFSET + 32].copy_from_slice(&self.previous.0);
        self.frontier.push(self.previous, |_, _| {});
        self.count(frame);
    }

    fn build(&mut self, segment: &Segment, seqs: Seqs) -> Vec<u8> {
        let first_index = segment.header.first_index;
        let mut out = segment.header.encode();
        let (mut chain, mut recorded, mut events) = (0, Vec::new(), Vec::new());
        let mut here: [Vec<String>; 2] = Default::default();
        for group in &segment.groups {
            let first_index = self.frontier.size().get();
            let mut body = Vec::new();
            for frame in &group.frames {
                let mut frame = frame.clone();
                self.place(&mut frame, seqs);
                recorded.push(self.recorded_at);
                events.extend(event_time(&frame));
                if let Some([who, what]) = names(&frame) {
                    here[0].push(who);
                    here[1].push(what);
                }
                body.extend(frame);
            }
            let body_len = u32::try_from(body.len()).unwrap();
            let len = (GROUP_HEADER_LEN + body.len()) as u64;
            let pad_len = padding(out.len() as u64, len, segment.header.align);
            body.resize(body.len() + pad_len as usize, 0);
            let header = GroupHeader {
                body_crc: crc(segment.header.nonce, &[&body]),
                nonce: segment.header.nonce,
                first_index,
                count: u32::try_from(group.frames.len()).unwrap(),
                pad_len,
                body_len,
                previous_header_crc: chain,
                synced_size: first_index,
                root: self.frontier.root(),
                ..group.header
            };
            let (encoded, header_crc) = header.encode();
            chain = header_crc;
            out.extend(encoded);
            out.extend(body);
        }
        if segment.is_sealed {
            let [agents, types] = here;
            let range = |times: &[u64]| (times[0], times[times.len() - 1]);
            let end = out.len();
            let footer = Footer {
                nonce: segment.header.nonce,
                first_index,
                count: recorded.len() as u64,
                data_end: end as u64,
                root: self.frontier.root(),
                last_entry_hash: self.previous,
                recorded: range(&recorded),
                event: events.iter().min().copied().zip(events.iter().max().copied()).unwrap(),
                group_count: segment.groups.len() as u64,
                last_header_crc: chain,
                agents: counters(agents, &self.agents),
                types: counters(types, &self.types),
            };
            finish(&mut out, end, &footer);
        }
        out
    }
}

fn counters(mut names: Vec<String>, counts: &BTreeMap<String, u64>) -> Vec<Counter> {
    names.sort_unstable();
    names.dedup();
    let counter = |name: String| Counter { entries: counts[&name], name };
    names.into_iter().map(counter).collect()
}

/// Agent and event type of an entry.
pub(super) fn names(frame: &[u8]) -> Option<[String; 2]> {
    let meta = Frame::decode(frame).unwrap().meta()?;
    let text = |field| String::from_utf8(meta::find(meta, field).unwrap().to_vec()).unwrap();
    Some([text(Field::AgentDid), text(Field::EventType)])
}

fn event_time(frame: &[u8]) -> Option<(i64, u32)> {
    let meta = Frame::decode(frame).unwrap().meta()?;
    let time = meta::decode_time(meta::find(meta, Field::Timestamp).unwrap()).unwrap();
    Some(time.instant())
}
