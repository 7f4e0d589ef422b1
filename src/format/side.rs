//! Side files: derived data next to a segment, which can be deleted and rebuilt at any time.
//!
//! ```text
//! | header_len u32 | header: bincode 1.3, fixed-width little-endian | sections | BLAKE3[32] |
//! header  | magic[8] | version | kind | log_id[32] | generation | first_index | count |
//!         | root[32] | section_lens 16 x u32 |                                      155 bytes
//! ```
//!
//! Invariants: the digest is checked before anything else is believed; the header must name the
//! very segment the reader asks about; sections fill the file exactly. This is the only file that
//! names `bincode`, and it hands it nothing but a slice of bounded length whose digest was right.
//! A lie under a right digest is not found here: a verifier encodes the file afresh and compares.
#![expect(clippy::disallowed_methods, reason = "the one place that may call bincode")]

use super::cursor::Cursor;
use super::{Flaw, UNKNOWN_VERSION};
use crate::hash;
use crate::types::Hash;
use bincode::Options as _;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// First bytes of a side file's header.
pub const SIDE_MAGIC: [u8; 8] = *b"WMARKSID";
/// Version of the side files this build writes and reads. It moves without the log format.
pub const SIDE_VERSION: u16 = 3;
/// Sections a header has room for; unused ones are empty.
pub const SECTIONS: usize = 16;
/// Length of the encoded header in bytes.
pub const SIDE_HEADER_LEN: usize = 8 + 2 + 1 + 32 + 4 + 8 + 4 + 32 + 4 * SECTIONS;
/// Offset of the first section.
pub const SECTIONS_OFFSET: usize = size_of::<u32>() + SIDE_HEADER_LEN;
/// Length of the digest at the end.
pub const SIDE_DIGEST_LEN: usize = 32;

const _: () = assert!(SIDE_HEADER_LEN == 155, "docs/FORMAT.md, side files");

/// What a side file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SideKind {
    /// Interior tree nodes.
    Nodes,
    /// Offsets, zones, ids and postings.
    Index,
}

impl SideKind {
    /// The stored byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Nodes => 1,
            Self::Index => 2,
        }
    }
}

/// The segment a side file is about. A file that names another one is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subject {
    /// The log.
    pub log_id: [u8; 32],
    /// The segment's generation: a rewritten segment has other offsets and fewer bodies.
    pub generation: u32,
    /// Index of the segment's first entry.
    pub first_index: u64,
    /// Entries in the segment.
    pub count: u32,
    /// Root of the tree after the segment's last entry.
    pub root: Hash,
}

#[derive(Serialize, Deserialize)]
struct SideHeader {
    magic: [u8; 8],
    version: u16,
    kind: u8,
    log_id: [u8; 32],
    generation: u32,
    first_index: u64,
    count: u32,
    root: [u8; 32],
    section_lens: [u32; SECTIONS],
}

fn codec() -> impl bincode::Options {
    bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .with_little_endian()
        .with_limit(SIDE_HEADER_LEN as u64)
        .reject_trailing_bytes()
}

/// Where the sections lie in a checked file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sections {
    ranges: [Range<usize>; SECTIONS],
}

impl Sections {
    /// The bytes of one section; empty beyond the last.
    #[must_use]
    pub fn get<'a>(&self, file: &'a [u8], section: usize) -> &'a [u8] {
        let range = self.ranges.get(section).cloned().unwrap_or_default();
        file.get(range).unwrap_or_default()
    }

    /// Offset of one section in the file.
    #[must_use]
    pub fn offset(&self, section: usize) -> u64 {
        self.ranges.get(section).map_or(0, |range| range.start as u64)
    }
}

/// The bytes of a side file before its first section.
///
/// # Panics
/// When there are more than [`SECTIONS`] sections or one is over 4 GiB: what goes in comes from a
/// segment, whose size is limited.
#[must_use]
pub fn encode_head(kind: SideKind, subject: &Subject, sections: &[&[u8]]) -> Vec<u8> {
    assert!(sections.len() <= SECTIONS);
    let mut section_lens = [0u32; SECTIONS];
    for (len, section) in section_lens.iter_mut().zip(sections) {
        *len = u32::try_from(section.len()).expect("a section is under 4 GiB");
    }
    let header = SideHeader {
        magic: SIDE_MAGIC,
        version: SIDE_VERSION,
        kind: kind.byte(),
        log_id: subject.log_id,
        generation: subject.generation,
        first_index: subject.first_index,
        count: subject.count,
        root: subject.root.0,
        section_lens,
    };
    let header = codec().serialize(&header).expect("a flat header always encodes");
    assert_eq!(header.len(), SIDE_HEADER_LEN);
    let header_len = u32::try_from(header.len()).unwrap_or(u32::MAX);
    [&header_len.to_le_bytes(), header.as_slice()].concat()
}

/// The bytes of a side file.
///
/// # Panics
/// As [`encode_head`].
#[must_use]
pub fn encode(kind: SideKind, subject: &Subject, sections: &[&[u8]]) -> Vec<u8> {
    let body: usize = sections.iter().map(|section| section.len()).sum();
    let mut out = Vec::with_capacity(SECTIONS_OFFSET + body + SIDE_DIGEST_LEN);
    out.extend_from_slice(&encode_head(kind, subject, sections));
    for section in sections {
        out.extend_from_slice(section);
    }
    let digest = hash::seal(&out);
    out.extend_from_slice(&digest.0);
    out
}

/// Checks a whole side file against its digest and the segment it must be about.
///
/// # Errors
/// A [`Flaw`] for a wrong digest, magic, version, kind, log, generation, first index, count, root
/// or section lengths, in this order.
pub fn decode(file: &[u8], kind: SideKind, subject: &Subject) -> Result<Sections, Flaw> {
    let end = file.len().saturating_sub(SIDE_DIGEST_LEN);
    let (covered, digest) = file.split_at(end);
    let mut c = Cursor::new(digest);
    let (found, wanted) = (c.hash()?, hash::seal(covered));
    if found != wanted {
        return Err(Flaw::new(end, "digest of a side file", wanted, found));
    }
    let header = decode_header(covered)?;
    check_subject(&header, kind, subject)?;
    let mut ranges = [const { 0..0 }; SECTIONS];
    let mut at = SECTIONS_OFFSET;
    for (range, len) in ranges.iter_mut().zip(header.section_lens) {
        let next = at.saturating_add(len as usize);
        *range = at..next;
        at = next;
    }
    if at != end {
        let place = SECTIONS_OFFSET - 4 * SECTIONS;
        return Err(Flaw::new(place, "section lengths of a side file", end, at));
    }
    Ok(Sections { ranges })
}

fn decode_header(covered: &[u8]) -> Result<SideHeader, Flaw> {
    let mut c = Cursor::new(covered);
    let header_len = c.u32()?;
    let at = c.position();
    c.magic(&SIDE_MAGIC, "magic of a side file")?;
    // Read by hand first: another version may have another header.
    let version_at = c.position();
    let version = c.u16()?;
    if version != SIDE_VERSION {
        return Err(Flaw::new(version_at, UNKNOWN_VERSION, SIDE_VERSION, version));
    }
    if header_len as usize != SIDE_HEADER_LEN {
        return Err(Flaw::new(0, "header length of a side file", SIDE_HEADER_LEN, header_len));
    }
    let mut c = Cursor::new(covered);
    c.take(at)?;
    codec()
        .deserialize(c.take(SIDE_HEADER_LEN)?)
        .map_err(|error| Flaw::new(at, "header of a side file", "a flat header", error))
}

fn check_subject(header: &SideHeader, kind: SideKind, subject: &Subject) -> Result<(), Flaw> {
    if header.kind != kind.byte() {
        return Err(Flaw::new(14, "kind of a side file", kind.byte(), header.kind));
    }
    if header.log_id != subject.log_id {
        let (wanted, found) = (Hash(subject.log_id), Hash(header.log_id));
        return Err(Flaw::new(15, "log id of a side file", wanted, found));
    }
    let numbers = [
        (47, "generation of a side file", subject.generation.into(), header.generation.into()),
        (51, "first index of a side file", subject.first_index, header.first_index),
        (59, "count of a side file", subject.count.into(), header.count.into()),
    ];
    for (offset, what, wanted, found) in numbers {
        let (wanted, found): (u64, u64) = (wanted, found);
        if wanted != found {
            return Err(Flaw::new(offset, what, wanted, found));
        }
    }
    if header.root != subject.root.0 {
        return Err(Flaw::new(63, "root of a side file", subject.root, Hash(header.root)));
    }
    Ok(())
}

/// Stored nodes completed by the leaves `first..first + count`: interior nodes above pairs of leaves.
#[must_use]
pub fn node_count(first_index: u64, count: u32) -> u64 {
    let before = |size: u64| size / 2 - u64::from((size / 2).count_ones());
    before(first_index.saturating_add(count.into())) - before(first_index)
}

/// A file of interior nodes: for each leaf in order, the stored nodes it completes, lowest first.
///
/// # Panics
/// When the number of hashes is not [`node_count`]: the tree that made them would be wrong.
#[must_use]
pub fn encode_nodes(subject: &Subject, nodes: &[Hash]) -> Vec<u8> {
    assert_eq!(nodes.len() as u64, node_count(subject.first_index, subject.count));
    let section: Vec<u8> = nodes.iter().flat_map(|node| node.0).collect();
    encode(SideKind::Nodes, subject, &[&section])
}

/// Checks a file of interior nodes and returns where its hashes lie.
///
/// # Errors
/// As [`decode`], or when the number of hashes is not what the leaves complete.
pub fn decode_nodes(file: &[u8], subject: &Subject) -> Result<Range<usize>, Flaw> {
    let sections = decode(file, SideKind::Nodes, subject)?;
    let len = sections.get(file, 0).len() as u64;
    let wanted = node_count(subject.first_index, subject.count).saturating_mul(32);
    let rest = sections.ranges.iter().skip(1).map(Range::len).sum::<usize>();
    if len != wanted || rest > 0 {
        return Err(Flaw::new(SECTIONS_OFFSET, "length of the nodes", wanted, len));
    }
    Ok(sections.ranges.into_iter().next().unwrap_or_default())
}

/// The node at `position` among the hashes that [`decode_nodes`] found.
#[must_use]
pub fn node_at(file: &[u8], nodes: &Range<usize>, position: u64) -> Option<Hash> {
    let at = usize::try_from(position).ok()?.checked_mul(32)?;
    let bytes = file.get(nodes.clone())?.get(at..)?.first_chunk::<32>()?;
    Some(Hash(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject {
        Subject { log_id: [1; 32], generation: 0, first_index: 3, count: 5, root: Hash([2; 32]) }
    }

    #[test]
    fn nodes_round_trip_and_every_flipped_bit_is_refused() {
        // Leaves 3 to 7 complete 1 + 0 + 0 + 0 + 2 nodes above their pairs.
        let nodes: Vec<Hash> = (0..3).map(|i| Hash([i; 32])).collect();
        assert_eq!(node_count(3, 5), 3);
        let file = encode_nodes(&subject(), &nodes);
        let range = decode_nodes(&file, &subject()).unwrap();
        for (i, node) in nodes.iter().enumerate() {
            assert_eq!(node_at(&file, &range, i as u64), Some(*node));
        }
        assert_eq!(node_at(&file, &range, 3), None);
        for bit in 0..file.len() * 8 {
            let mut bad = file.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let flaw = decode_nodes(&bad, &subject()).unwrap_err();
            assert_eq!(flaw.what, "digest of a side file", "bit {bit}");
        }
        for len in 0..file.len() {
            assert!(decode_nodes(&file[..len], &subject()).is_err());
        }
    }

    #[test]
    fn a_file_about_another_segment_is_refused_by_name() {
        let file = encode(SideKind::Index, &subject(), &[b"abc"]);
        let same = subject();
        let what = |kind, subject: &Subject| decode(&file, kind, subject).unwrap_err().what;
        assert!(decode(&file, SideKind::Index, &same).is_ok());
        assert_eq!(what(SideKind::Nodes, &same), "kind of a side file");
        let other = |change: &dyn Fn(&mut Subject)| {
            let mut subject = subject();
            change(&mut subject);
            what(SideKind::Index, &subject)
        };
        assert_eq!(other(&|s| s.log_id = [9; 32]), "log id of a side file");
        assert_eq!(other(&|s| s.generation = 1), "generation of a side file");
        assert_eq!(other(&|s| s.first_index = 6), "first index of a side file");
        assert_eq!(other(&|s| s.count = 6), "count of a side file");
        assert_eq!(other(&|s| s.root = Hash([3; 32])), "root of a side file");
    }

    #[test]
    fn nodes_have_a_section_to_themselves() {
        let nodes = [0; 3 * 32];
        let what = |sections: &[&[u8]]| {
            let file = encode(SideKind::Nodes, &subject(), sections);
            decode_nodes(&file, &subject()).err().map(|flaw| flaw.what)
        };
        assert_eq!(what(&[&nodes]), None);
        for sections in
            [&[&nodes[..], b"x"][..], &[&nodes[32..]], &[&nodes[1..], b"x"], &[b"", &nodes]]
        {
            assert_eq!(what(sections), Some("length of the nodes"));
        }
    }

    /// Whoever can compute the digest can still not make the decoder believe a wrong shape.
    #[test]
    fn wrong_shapes_under_a_right_digest_are_refused() {
        let flaw = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut file = encode(SideKind::Index, &subject(), &[b"abc"]);
            file.truncate(file.len() - SIDE_DIGEST_LEN);
            change(&mut file);
            let digest = hash::seal(&file);
            file.extend_from_slice(&digest.0);
            decode(&file, SideKind::Index, &subject()).unwrap_err()
        };
        let resealed = |change: &dyn Fn(&mut Vec<u8>)| flaw(change).what;
        assert_eq!(resealed(&|f| f[0] = 1), "header length of a side file");
        assert_eq!(resealed(&|f| f[4] = 0), "magic of a side file");
        assert_eq!(resealed(&|f| f[12] = 9), UNKNOWN_VERSION);
        assert_eq!(resealed(&|f| f[95..99].fill(0xff)), "section lengths of a side file");
        assert_eq!(resealed(&|f| f.push(0)), "section lengths of a side file");
        assert_eq!(flaw(&|f| f.push(0)).offset, 95);
        assert_eq!(resealed(&|f| f.truncate(100)), "bytes end early");
    }
}
