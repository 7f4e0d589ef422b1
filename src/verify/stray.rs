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

#[cfg(test)]
mod tests {
    use super::*;

    const BROKEN: usize = 200;

    /// The hash before the first entry, and bytes that are no frame with its first two behind them.
    fn broken_and_two() -> (Hash, Vec<u8>, [usize; 2]) {
        let (header, frames) = super::super::tests::first_frames();
        let first = Frame::decode(&frames).unwrap().stored_len as usize;
        let second = Frame::decode(&frames[first..]).unwrap().stored_len as usize;
        let all = [&[0xff; BROKEN][..], &frames[..first + second]].concat();
        (header.previous_hash, all, [first, second])
    }

    #[test]
    fn the_next_frame_is_the_one_that_follows_or_the_first_of_those_that_fill_the_group() {
        let (before, bytes, [first, _]) = broken_and_two();
        let find =
            |previous, next, end| next_frame(&bytes, next, end, previous, &mut Effort::default());
        // It is hashed as the entry of index 0, whatever else there may be.
        assert_eq!(find(Some(before), 0, 9), Some((BROKEN, 0)));
        assert_eq!(find(Some(before), 0, 1), Some((BROKEN, 0)));
        // By counting back from the end: the last two, or the last one where two are too many.
        assert_eq!(find(None, 5, 9), Some((BROKEN, 7)));
        assert_eq!(find(None, 5, 7), Some((BROKEN, 5)));
        assert_eq!(find(None, 5, 6), Some((BROKEN + first, 5)));
        assert_eq!(find(Some(Hash([7; 32])), 5, 9), Some((BROKEN, 7)));
        assert_eq!((find(Some(before), 5, 5), find(Some(before), 0, 0)), (None, None));
        // Frames that do not end with the group are none.
        let cut = &bytes[..bytes.len() - 1];
        assert_eq!(next_frame(cut, 5, 9, None, &mut Effort::default()), None);
        assert_eq!(next_frame(cut, 0, 9, Some(before), &mut Effort::default()), Some((BROKEN, 0)));
    }

    #[test]
    fn what_a_search_may_cost_is_counted_to_the_byte() {
        let (before, bytes, [first, second]) = broken_and_two();
        let find = |previous, effort| next_frame(&bytes, 0, 9, previous, &mut Effort(effort));
        let by_hash = STEP_COST + first as u64;
        assert_eq!(find(Some(before), by_hash), Some((BROKEN, 0)));
        assert_eq!(find(Some(before), by_hash - 1), None);
        let by_count = STEP_COST + 2 * STEP_COST;
        assert_eq!(find(None, by_count), Some((BROKEN, 7)));
        assert_eq!(find(None, by_count - 1), None);
        let by_both = by_hash + 2 * STEP_COST;
        assert_eq!(find(Some(Hash([7; 32])), by_both), Some((BROKEN, 7)));
        assert_eq!(find(Some(Hash([7; 32])), by_both - 1), None);
        let mut effort = Effort(3 * STEP_COST);
        assert_eq!(frames_to_end(&bytes[BROKEN..], 2, &mut effort), Some(Some(2)));
        assert_eq!(effort.0, STEP_COST);
        assert_eq!(frames_to_end(&bytes[BROKEN + first..], 2, &mut effort), Some(Some(1)));
        assert_eq!(frames_to_end(&bytes[bytes.len() - second..], 0, &mut Effort(64)), Some(None));
        assert_eq!(frames_to_end(&bytes[BROKEN..], 2, &mut effort), None);
    }
}
