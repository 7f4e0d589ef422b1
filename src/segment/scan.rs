//! Scanning: forward reading of one segment without a footer. Pure: bytes in, facts out.
//!
//! A group counts as *valid* when its header, CRCs, position in the chain, frames and root all
//! agree with what came before it. The scan stops at the first group that does not and then only
//! looks for later groups that could *vouch* for what was lost.

use crate::format::Flaw;
use crate::format::footer::FOOTER_MAGIC;
use crate::format::frame::Frame;
use crate::format::group::{GROUP_HEADER_LEN, GROUP_MAGIC, GroupHeader};
use crate::format::segment::{SEGMENT_HEADER_LEN, SegmentHeader};
use crate::merkle::Frontier;
use crate::types::Hash;

/// One valid group.
#[derive(Clone, Copy, Debug)]
pub struct GroupSpan {
    /// Where it begins in the file.
    pub offset: u64,
    /// Its header.
    pub header: GroupHeader,
    /// The header's own CRC.
    pub header_crc: u32,
}

impl GroupSpan {
    /// Tree size after this group.
    #[must_use]
    pub fn size_after(&self) -> u64 {
        self.header.first_index + u64::from(self.header.count)
    }
}

/// What lies behind the last valid group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tail {
    /// Nothing: the file ends there.
    End,
    /// Zeros to the end of the file: preallocated, never written.
    Zeros,
    /// The beginning of a footer: sealing was interrupted.
    Footer,
    /// Bytes that are not a valid group and may be a torn write.
    Broken(Flaw),
    /// A group whose CRCs hold but whose contents contradict the log: no crash writes this.
    Contradiction(Flaw),
}

/// What a scan saw.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Valid groups in order.
    pub groups: Vec<GroupSpan>,
    /// Where the last valid group ends.
    pub end: u64,
    /// Tree size after the last valid group.
    pub size: u64,
    /// The tree's frontier there.
    pub frontier: Frontier,
    /// Entry hash of the last entry.
    pub last_hash: Hash,
    /// `recorded_at` of the last entry.
    pub last_recorded_at: u64,
    /// What follows.
    pub tail: Tail,
    /// Largest `synced_size` of any group with a sound header behind the tail, and its offset.
    pub vouched_beyond: Option<(u64, u64)>,
    /// Offset behind the last byte that is not zero.
    pub used: u64,
}

impl Scan {
    /// Largest tree size that a valid group says was synced.
    #[must_use]
    pub fn synced_size(&self) -> u64 {
        self.groups.last().map_or(0, |group| group.header.synced_size)
    }

    /// Offset of the first group that no valid group vouches for; `end` when there is none.
    #[must_use]
    pub fn unvouched_from(&self) -> u64 {
        let synced = self.synced_size();
        // A heartbeat vouches for others but nothing vouches for it, so the last group is always in.
        let unvouched = self.groups.iter().find(|group| group.size_after() > synced);
        unvouched.or(self.groups.last()).map_or(self.end, |group| group.offset)
    }
}

/// Scans a whole segment. `visit` gets each frame of each group whose header and body agree, in order;
/// a group that contradicts the log is found so only behind its frames.
///
/// # Errors
/// A [`Flaw`] when `frontier` of the header is not the frontier of its first index.
pub fn scan(
    bytes: &[u8],
    header: &SegmentHeader,
    mut visit: impl FnMut(&Frame<'_>),
) -> Result<Scan, Flaw> {
    let frontier = Frontier::from_parts(header.first_index.into(), header.frontier.clone())
        .map_err(|e| Flaw::new(112, "frontier of a segment header", "one per set bit", e))?;
    let used = used(bytes);
    let mut scan = Scan {
        groups: Vec::new(),
        end: SEGMENT_HEADER_LEN as u64,
        size: header.first_index,
        frontier,
        last_hash: header.previous_hash,
        last_recorded_at: header.last_recorded_at,
        tail: Tail::End,
        vouched_beyond: None,
        used,
    };
    loop {
        match next_group(bytes, header, &mut scan, &mut visit) {
            Ok(()) => {}
            Err(tail) => {
                scan.tail = tail;
                break;
            }
        }
    }
    if !matches!(scan.tail, Tail::End) {
        scan.vouched_beyond = vouching_group(bytes, header, scan.end);
    }
    Ok(scan)
}

/// Offset behind the last byte that is not zero. A segment that was just begun is hardly anything but
/// zeros, so these are looked at many at a time.
fn used(bytes: &[u8]) -> u64 {
    const PIECE: usize = 4096;
    let is_zero = |piece: &&[u8]| piece.iter().fold(0, |any, byte| any | byte) == 0;
    let zeros: usize = bytes.rchunks(PIECE).take_while(is_zero).map(<[u8]>::len).sum();
    let rest = bytes.get(..bytes.len() - zeros).unwrap_or_default();
    rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1)
}

fn slice(bytes: &[u8], from: u64, len: u64) -> Option<&[u8]> {
    let from = usize::try_from(from).ok()?;
    let end = from.checked_add(usize::try_from(len).ok()?)?;
    bytes.get(from..end)
}

fn next_group(
    bytes: &[u8],
    segment: &SegmentHeader,
    scan: &mut Scan,
    visit: &mut impl FnMut(&Frame<'_>),
) -> Result<(), Tail> {
    let at = scan.end;
    let rest = slice(bytes, at, (bytes.len() as u64).saturating_sub(at)).unwrap_or_default();
    if rest.is_empty() {
        return Err(Tail::End);
    }
    if scan.used <= at {
        return Err(Tail::Zeros);
    }
    if rest.starts_with(&FOOTER_MAGIC) {
        return Err(Tail::Footer);
    }
    let broken = |flaw: Flaw| Tail::Broken(flaw.shifted(at));
    let (header, header_crc) = GroupHeader::decode(rest, segment.nonce).map_err(broken)?;
    let body_at = GROUP_HEADER_LEN as u64;
    let body_len = header.group_len() - body_at;
    let body = slice(rest, body_at, body_len).ok_or_else(|| {
        broken(Flaw::new(GROUP_HEADER_LEN, "group ends early", body_len, rest.len()))
    })?;
    header.check_body(body).map_err(broken)?;
    let last_crc = scan.groups.last().map_or(0, |group| group.header_crc);
    let contradiction = |flaw: Flaw| Tail::Contradiction(flaw.shifted(at));
    if header.first_index != scan.size {
        let (wanted, found) = (scan.size, header.first_index);
        return Err(contradiction(Flaw::new(24, "first index of a group", wanted, found)));
    }
    if header.previous_header_crc != last_crc {
        let (wanted, found) = (last_crc, header.previous_header_crc);
        return Err(contradiction(Flaw::new(44, "chain of group headers", wanted, found)));
    }
    let frames = slice(body, 0, u64::from(header.body_len)).unwrap_or_default();
    let flaw_base = |flaw: Flaw| contradiction(flaw.shifted(body_at));
    let placed = walk_frames(frames, &header, scan, visit).map_err(flaw_base)?;
    let root = placed.frontier.root();
    if root != header.root {
        return Err(contradiction(Flaw::new(64, "root after a group", header.root, root)));
    }
    scan.frontier = placed.frontier;
    scan.last_hash = placed.last_hash;
    scan.last_recorded_at = placed.last_recorded_at;
    scan.size += u64::from(header.count);
    scan.end = at + header.group_len();
    scan.groups.push(GroupSpan { offset: at, header, header_crc });
    Ok(())
}

struct Placed {
    frontier: Frontier,
    last_hash: Hash,
    last_recorded_at: u64,
}

fn walk_frames(
    frames: &[u8],
    header: &GroupHeader,
    scan: &Scan,
    visit: &mut impl FnMut(&Frame<'_>),
) -> Result<Placed, Flaw> {
    let mut placed = Placed {
        frontier: scan.frontier.clone(),
        last_hash: scan.last_hash,
        last_recorded_at: scan.last_recorded_at,
    };
    let mut at = 0u64;
    let mut leaves = Vec::new();
    for _ in 0..header.count {
        let rest = slice(frames, at, frames.len() as u64 - at).unwrap_or_default();
        let frame = Frame::decode(rest).map_err(|flaw| flaw.shifted(at))?;
        leaves.push(frame.entry_hash);
        placed.last_hash = frame.entry_hash;
        placed.last_recorded_at = frame.recorded_at;
        visit(&frame);
        at += u64::from(frame.stored_len);
    }
    if at != frames.len() as u64 {
        return Err(Flaw::new(0, "frames of a group", frames.len(), at));
    }
    placed.frontier.extend(&leaves, |_, _| {});
    Ok(placed)
}

/// Looks behind a hole for a group of this segment with a sound header, and returns the largest
/// `synced_size` among them with its offset.
fn vouching_group(bytes: &[u8], segment: &SegmentHeader, from: u64) -> Option<(u64, u64)> {
    let mut best: Option<(u64, u64)> = None;
    let mut at = usize::try_from(from).ok()?;
    let first = GROUP_MAGIC.first().copied().unwrap_or(0);
    while let Some(rest) = bytes.get(at..) {
        let Some(skip) = rest.iter().position(|byte| *byte == first) else { break };
        at += skip;
        let aligned = at % usize::from(segment.align) == 0;
        let header = bytes.get(at..).map(|rest| GroupHeader::decode(rest, segment.nonce));
        if let (true, Some(Ok((header, _)))) = (aligned, header) {
            let offset = at as u64;
            if best.is_none_or(|(size, _)| header.synced_size > size) {
                best = Some((header.synced_size, offset));
            }
        }
        at += 1;
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_ends_behind_the_last_byte_that_is_not_zero() {
        for len in [0, 1, 4095, 4096, 4097, 9000] {
            let mut bytes = vec![0u8; len];
            assert_eq!(used(&bytes), 0);
            for last in (0..len).step_by(511).chain(len.checked_sub(1)) {
                bytes[last] = 1;
                assert_eq!(used(&bytes), last as u64 + 1, "{last} of {len}");
                bytes[last] = 0;
            }
        }
    }
}
