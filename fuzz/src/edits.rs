//! Edits: what the fuzzer's bytes do to the honest log.

use crate::{Files, honest, repair};
use witnessmark::format::footer::FOOTER_MAGIC;
use witnessmark::format::frame::Frame;
use witnessmark::format::group::{GROUP_HEADER_LEN, GroupHeader};
use witnessmark::format::segment::{SEGMENT_HEADER_LEN, SegmentHeader};

/// Most edits of one input: more say nothing new.
const EDITS_MAX: usize = 8;
/// Bytes of one edit.
const EDIT_LEN: usize = 14;

/// The edited log, and how far its checksums were repaired.
pub struct Edited {
    /// The directory.
    pub files: Files,
    /// Whether any byte differs from the honest log.
    pub is_changed: bool,
    /// The bits of the level that are left for the target.
    pub flags: u8,
}

/// Reads edits, applies them, and repairs as the level says: 0 nothing, 1 checksums, 2 hashes and
/// roots as well.
pub fn apply(input: &[u8]) -> Edited {
    let (level, rest) = input.split_first().map_or((0, input), |(level, rest)| (*level, rest));
    let mut files = honest().files.clone();
    for edit in rest.chunks_exact(EDIT_LEN).take(EDITS_MAX) {
        apply_one(&mut files, edit);
    }
    for (name, bytes) in &mut files {
        if honest().files.get(name) != Some(bytes) {
            repair::repair(name, bytes, level & 3);
        }
    }
    let is_changed = files != honest().files;
    Edited { files, is_changed, flags: level >> 2 }
}

fn apply_one(files: &mut Files, edit: &[u8]) {
    let [file, operation, anchor, low, high, more, value @ ..] = edit else { return };
    let names: Vec<String> = files.keys().cloned().collect();
    let Some(name) = names.get(usize::from(*file) % names.len().max(1)).cloned() else { return };
    let Some(bytes) = files.get_mut(&name) else { return };
    let anchors = anchors(&name, bytes);
    // The last one is the footer of a sealed segment: it has a number that does not move.
    let position = if *anchor == u8::MAX { anchors.len() - 1 } else { usize::from(*anchor) };
    let near = anchors[position % anchors.len()];
    let offset = usize::from(*low) | usize::from(*high & 0x0f) << 8;
    let at = (near + offset).min(bytes.len());
    let room = bytes.len() - at;
    let width = [1, 2, 4, 8][usize::from(*more % 4)].min(value.len()).min(room);
    match operation % 9 {
        0 | 1 => bytes[at..at + width].copy_from_slice(&value[..width]),
        2 if room > 0 => bytes[at] ^= 1 << (more % 8),
        3 => bytes.truncate(at),
        4 => {
            bytes.splice(at..at, value.iter().copied());
        }
        5 => {
            let len = (usize::from(value[0]) << 4).min(room);
            bytes.drain(at..at + len);
        }
        6 => {
            let len = (usize::from(value[0]) << 4).min(room);
            let copy = bytes[at..at + len].to_vec();
            bytes.splice(at..at, copy);
        }
        7 => {
            let len = (usize::from(value[0]) << 5).min(room);
            bytes[at..at + len].fill(value[1]);
        }
        8 => {
            let moved = files.remove(&name).unwrap_or_default();
            let other = names[usize::from(*low) % names.len()].clone();
            let new_name = match more % 3 {
                0 => return,
                1 => other,
                _ => {
                    format!("{:020}.seg", u64::from_le_bytes(value.try_into().unwrap_or_default()))
                }
            };
            files.insert(new_name, moved);
        }
        _ => {}
    }
}

/// Places where something begins; never empty.
fn anchors(name: &str, bytes: &[u8]) -> Vec<usize> {
    let mut found = vec![0, bytes.len().saturating_sub(64)];
    let header = name.ends_with(".seg").then(|| SegmentHeader::decode(bytes).ok()).flatten();
    let Some(header) = header else {
        found.extend((0..bytes.len()).step_by(512));
        return found;
    };
    let mut at = SEGMENT_HEADER_LEN;
    while let Some(rest) = bytes.get(at..) {
        found.push(at);
        if rest.starts_with(&FOOTER_MAGIC) {
            break;
        }
        let Ok((group, _)) = GroupHeader::decode(rest, header.nonce) else { break };
        let mut frame_at = GROUP_HEADER_LEN;
        for _ in 0..group.count {
            let Some(Ok(frame)) = rest.get(frame_at..).map(Frame::decode) else { break };
            found.push(at + frame_at);
            frame_at += frame.stored_len as usize;
        }
        at += group.group_len() as usize;
    }
    found
}
