//! Strays: finding the next frame inside a group where one cannot be decoded.
//!
//! A place is believed to be the next frame when it hashes to its stored hash at the next index, or
//! when frames follow each other from there exactly to the end of the group, which gives their
//! index by counting back. What searching may cost is bounded, so that a file made for the purpose
//! cannot keep an auditor busy.

use crate::format::frame::{FRAME_FIXED_LEN, Frame};
use crate::hash;
use crate::types::Hash;

/// What may still be spent on searching in one segment, in bytes hashed; a step costs as if it had
/// hashed [`STEP_COST`] bytes.
pub(super) struct Effort(u64);

const EFFORT_MAX: u64 = 1 << 30;
const STEP_COST: u64 = 64;

impl Default for Effort {
    fn default() -> Self {
        Self(EFFORT_MAX)
    }
}

impl Effort {
    fn spend(&mut self, cost: u64) -> Option<()> {
        self.0 = self.0.checked_sub(cost)?;
        Some(())
    }
}

/// Searches behind the broken frame at the start of `bytes`, which end with the group. Returns the
/// next frame's offset and index, which is `next_index` or, after several broken ones, higher.
pub(super) fn next_frame(
    bytes: &[u8],
    next_index: u64,
    end_index: u64,
    previous: Option<Hash>,
    effort: &mut Effort,
) -> Option<(usize, u64)> {
    let left = end_index.checked_sub(next_index).filter(|left| *left > 0)?;
    let mut at = FRAME_FIXED_LEN;
    while let Some(rest) = bytes.get(at..).filter(|rest| rest.len() >= FRAME_FIXED_LEN) {
        // The cheapest test first: form, flags and two zeros.
        let is_likely = matches!(rest, [1..=3, 0..=3, 0, 0, ..]);
        if is_likely && let Ok(frame) = Frame::decode(rest) {
            effort.spend(STEP_COST)?;
            if let Some(previous) = previous {
                effort.spend(frame.stored_len.into())?;
                let hashed = hash::entry(&frame.header(next_index, &previous));
                if hashed == frame.entry_hash {
                    return Some((at, next_index));
                }
            }
            if let Some(count) = frames_to_end(rest, left, effort)? {
                return Some((at, end_index - count));
            }
        }
        at += 1;
    }
    None
}

/// How many frames follow each other exactly to the end of `bytes`, if they do and are not too
/// many. The outer `None` means that the effort is spent.
fn frames_to_end(bytes: &[u8], most: u64, effort: &mut Effort) -> Option<Option<u64>> {
    let (mut at, mut count) = (0usize, 0u64);
    while at < bytes.len() {
        effort.spend(STEP_COST)?;
        let rest = bytes.get(at..).unwrap_or_default();
        let Ok(frame) = Frame::decode(rest) else { return Some(None) };
        at += frame.stored_len as usize;
        count += 1;
        if count > most {
            return Some(None);
        }
    }
    Some(Some(count))
}
