//! Repair: an adversary with a pen recomputes every checksum behind his edit.

use witnessmark::format::footer::{FOOTER_COVERED_OFFSET, FOOTER_FIXED_LEN, FOOTER_TAIL_LEN};
use witnessmark::format::footer::{FOOTER_MAGIC, Footer};
use witnessmark::format::frame::{FRAME_HASH_OFFSET, Frame};
use witnessmark::format::group::{GROUP_COVERED_OFFSET, GROUP_HEADER_LEN, GROUP_MAGIC};
use witnessmark::format::segment::{SEGMENT_CRC_OFFSET, SEGMENT_HEADER_LEN, SegmentHeader};
use witnessmark::format::{crc, side};
use witnessmark::hash;
use witnessmark::merkle::Frontier;
use witnessmark::types::Hash;

/// Repairs what belongs to a file of this name. Level 0 leaves it, 1 repairs checksums, 2 and up
/// hashes, roots and the chain of groups as well.
pub fn repair(name: &str, bytes: &mut [u8], level: u8) {
    match name.rsplit('.').next() {
        _ if level == 0 => {}
        Some("seg") => segment(bytes, level),
        Some("id") => trailing_crc(bytes),
        Some("nodes" | "index") => digest(bytes),
        _ => {}
    }
}

/// CRC-32 of everything before the last four bytes.
pub fn trailing_crc(bytes: &mut [u8]) {
    let end = bytes.len().saturating_sub(4);
    let crc = crc32(&bytes[..end]);
    put(bytes, end, &crc);
}

/// BLAKE3 of everything before the last 32 bytes.
pub fn digest(bytes: &mut [u8]) {
    let end = bytes.len().saturating_sub(side::SIDE_DIGEST_LEN);
    let digest = hash::seal(&bytes[..end]);
    put(bytes, end, &digest.0);
}

/// The CRC of a segment header.
pub fn segment_header(bytes: &mut [u8]) {
    if bytes.len() >= SEGMENT_HEADER_LEN {
        let crc = crc32(&bytes[..SEGMENT_CRC_OFFSET]);
        put(bytes, SEGMENT_CRC_OFFSET, &crc);
    }
}

/// The CRC of a group header.
pub fn group_header(bytes: &mut [u8]) {
    if bytes.len() >= GROUP_HEADER_LEN {
        let crc = crc32(&bytes[GROUP_COVERED_OFFSET..GROUP_HEADER_LEN]);
        put(bytes, 8, &crc);
    }
}

/// The two digests and the CRC of a footer; `before` is the file up to it.
pub fn footer(bytes: &mut [u8], before: &[u8]) {
    let Some(end) = bytes.len().checked_sub(FOOTER_TAIL_LEN) else { return };
    if end < FOOTER_FIXED_LEN {
        return;
    }
    let counters = hash::seal(&bytes[FOOTER_FIXED_LEN..end]);
    put(bytes, FOOTER_FIXED_LEN - 32, &counters.0);
    let crc = crc32(&bytes[FOOTER_COVERED_OFFSET..end]);
    put(bytes, 12, &crc);
    let mut hasher = hash::SealHasher::new();
    hasher.update(before);
    hasher.update(&bytes[..end]);
    put(bytes, end, &hasher.finish().0);
    let len = bytes.len() as u64;
    put(bytes, end + 32, &len.to_le_bytes());
}

fn segment(bytes: &mut [u8], level: u8) {
    segment_header(bytes);
    let Ok(header) = SegmentHeader::decode(bytes) else { return };
    let frontier = Frontier::from_parts(header.first_index.into(), header.frontier.clone()).ok();
    let mut tree = frontier.map(|frontier| (frontier, header.previous_hash));
    let (mut at, mut last_crc) = (SEGMENT_HEADER_LEN, [0; 4]);
    loop {
        let (before, rest) = bytes.split_at_mut(at.min(bytes.len()));
        if rest.starts_with(&FOOTER_MAGIC) {
            if Footer::len_from_tail(&tail(rest), u64::MAX).is_some() || level > 1 {
                footer(rest, before);
            }
            return;
        }
        if !rest.starts_with(&GROUP_MAGIC) || rest.len() < GROUP_HEADER_LEN {
            return;
        }
        let number = |at| u32::from_le_bytes([rest[at], rest[at + 1], rest[at + 2], rest[at + 3]]);
        let (count, pad_len, body_len) = (number(32), number(36), number(40));
        let len = (body_len as usize).saturating_add(pad_len as usize);
        let len = len.saturating_add(GROUP_HEADER_LEN);
        if len > rest.len() {
            group_header(rest);
            return;
        }
        let group = &mut rest[..len];
        if let (2.., Some((frontier, previous))) = (level, &mut tree) {
            frames(&mut group[GROUP_HEADER_LEN..], count, frontier, previous);
            put(group, 44, &last_crc);
            put(group, 64, &frontier.root().0);
        }
        let body_crc = crc(header.nonce, &[&group[GROUP_HEADER_LEN..]]).to_le_bytes();
        put(group, 12, &body_crc);
        group_header(group);
        last_crc.copy_from_slice(&group[8..12]);
        at += len;
    }
}

/// Hashes the frames again and puts them into the tree.
fn frames(body: &mut [u8], count: u32, frontier: &mut Frontier, previous: &mut Hash) {
    let mut at = 0;
    for _ in 0..count {
        let Some(Ok(frame)) = body.get(at..).map(Frame::decode) else { return };
        let header = frame.header(frontier.size().get(), previous);
        let (entry_hash, len) = (hash::entry(&header), frame.stored_len as usize);
        put(body, at + FRAME_HASH_OFFSET, &entry_hash.0);
        frontier.push(entry_hash, |_, _| {});
        *previous = entry_hash;
        at += len;
    }
}

fn tail(bytes: &[u8]) -> [u8; 16] {
    bytes.last_chunk::<16>().copied().unwrap_or_default()
}

/// CRC-32 without a nonce: of an identity, a footer or a header.
fn crc32(bytes: &[u8]) -> [u8; 4] {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    (!crc).to_le_bytes()
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(slot) = bytes.get_mut(at..at + value.len()) {
        slot.copy_from_slice(value);
    }
}
