//! SHA-256 block by block: padding, messages of several parts, and two messages at a time.
//!
//! ```text
//! parts | salt | payload ............... |       blocks | 64 | 64 | .. | rest 0x80 0.. length |
//! run   | a: block block block           |  pairs while two messages have blocks, then singly
//!       | b: block block block block     |
//! ```
//!
//! Blocks are compressed by the `sha2` crate, in pairs by [`super::sha_ni`] where the processor can,
//! and more of them by [`super::lanes`]. Nothing here knows what a message means.

use super::SALT_LEN;
use crate::types::Hash;
use sha2::block_api::compress256;

/// The eight words between two blocks.
pub(super) type State = [u32; 8];

/// The state before the first block (FIPS 180-4, section 5.3.3).
pub(super) const INITIAL: State = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

pub(super) const BLOCK: usize = 64;
/// Bytes at the end of the last block that hold the message's length in bits.
const LENGTH: usize = 8;
/// Bytes of a block behind a salt.
const BEHIND_SALT: usize = BLOCK - SALT_LEN;
/// Parts of a message.
const PARTS: usize = 3;

/// Runs blocks through one state.
#[inline]
pub(super) fn compress(state: &mut State, blocks: &[[u8; BLOCK]]) {
    compress256(state, blocks);
}

/// Runs as many blocks of two messages as both have through their states.
#[inline]
pub(super) fn compress_pair(
    a: &mut State,
    b: &mut State,
    blocks_a: &[[u8; BLOCK]],
    blocks_b: &[[u8; BLOCK]],
) {
    #[cfg(target_arch = "x86_64")]
    if super::sha_ni::compress_pair([a, b], blocks_a, blocks_b) {
        return;
    }
    let common = blocks_a.len().min(blocks_b.len());
    compress256(a, blocks_a.get(..common).unwrap_or_default());
    compress256(b, blocks_b.get(..common).unwrap_or_default());
}

/// The digest a final state stands for.
#[inline]
pub(super) fn digest(state: &State) -> Hash {
    let mut bytes = [0u8; 32];
    let (words, _) = bytes.as_chunks_mut::<4>();
    for (to, word) in words.iter_mut().zip(state) {
        *to = word.swap_bytes().to_le_bytes();
    }
    Hash(bytes)
}

/// The padding of a message of `len` bytes that ends in this block: the mark behind it, and its
/// length at the end.
#[inline]
pub(super) fn pad(block: &mut [u8], filled: usize, len: u64) {
    if let Some(mark) = block.get_mut(filled) {
        *mark = 0x80;
    }
    put_length(block, len);
}

#[inline]
fn put_length(block: &mut [u8], len: u64) {
    if let Some(to) = block.last_chunk_mut::<LENGTH>() {
        *to = (len * 8).swap_bytes().to_le_bytes();
    }
}

/// A message on its way through the blocks.
#[derive(Clone, Debug)]
pub(super) struct Message<'a> {
    state: State,
    parts: [&'a [u8]; PARTS],
    part: usize,
    /// Bytes in all, with those that are in the state already.
    len: u64,
    is_marked: bool,
    is_done: bool,
}

impl<'a> Message<'a> {
    /// A message whose first `before` bytes, whole blocks, are in `state`.
    #[inline]
    pub(super) fn new(state: &State, before: u64, parts: [&'a [u8]; PARTS]) -> Self {
        let len = before + parts.iter().map(|part| part.len() as u64).sum::<u64>();
        Self { state: *state, parts, part: 0, len, is_marked: false, is_done: false }
    }

    /// The state so far, for whoever runs the blocks elsewhere.
    #[inline]
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// The state after the blocks that were taken.
    #[inline]
    pub(super) fn set_state(&mut self, state: State) {
        self.state = state;
    }

    /// Whole blocks at hand before the last part, which is not known yet and `len` bytes long.
    #[inline]
    pub(super) fn blocks_before_last(&self) -> usize {
        let [first, second, _] = self.parts;
        (first.len() + second.len()) / BLOCK
    }

    /// Gives the last part, which stood empty, but counted, until now.
    #[inline]
    pub(super) fn set_last(&mut self, bytes: &'a [u8]) {
        let [.., last] = &mut self.parts;
        *last = bytes;
    }

    /// Whether there is a next block.
    #[inline]
    pub(super) fn has_block(&self) -> bool {
        !self.is_done
    }

    /// The next block, laid out in `room` unless a part has it whole; `None` behind the one that
    /// holds the length.
    #[inline]
    pub(super) fn next_block<'b>(&mut self, room: &'b mut [u8; BLOCK]) -> Option<&'b [u8; BLOCK]>
    where
        'a: 'b,
    {
        if let Some(part) = self.parts.get_mut(self.part)
            && let Some((block, rest)) = part.split_first_chunk::<BLOCK>()
        {
            *part = rest;
            return Some(block);
        }
        self.gather(room).then_some(room)
    }

    fn gather(&mut self, block: &mut [u8; BLOCK]) -> bool {
        if self.is_done {
            return false;
        }
        *block = [0; BLOCK];
        let mut filled = 0;
        while let Some(part) = self.parts.get_mut(self.part) {
            // The usual first block, without a call: a salt, and the beginning of what is salted.
            if filled == SALT_LEN
                && let Some((taken, rest)) = part.split_first_chunk::<BEHIND_SALT>()
                && let Some(to) = block.last_chunk_mut()
            {
                (*to, *part) = (*taken, rest);
                return true;
            }
            let len = part.len().min(BLOCK - filled);
            let (taken, rest) = part.split_at(len);
            if let Some(to) = block.get_mut(filled..filled + len) {
                to.copy_from_slice(taken);
            }
            filled += len;
            *part = rest;
            if filled == BLOCK {
                return true;
            }
            self.part += 1;
        }
        if !self.is_marked {
            self.is_marked = true;
            if let Some(mark) = block.get_mut(filled) {
                *mark = 0x80;
            }
            filled += 1;
        }
        if filled <= BLOCK - LENGTH {
            put_length(block, self.len);
            self.is_done = true;
        }
        true
    }

    /// Runs what is left, and gives the digest.
    #[inline]
    pub(super) fn finish(mut self) -> Hash {
        let mut room = [0; BLOCK];
        while let Some(block) = self.next_block(&mut room) {
            compress(&mut self.state, std::slice::from_ref(block));
        }
        digest(&self.state)
    }
}

/// Runs both messages as long as both have blocks, but at most `most` of the second's.
#[inline]
pub(super) fn run_pair(a: &mut Message<'_>, b: &mut Message<'_>, most: usize) {
    let (mut room_a, mut room_b) = ([0; BLOCK], [0; BLOCK]);
    for _ in 0..most {
        let Some(block_a) = a.next_block(&mut room_a) else { return };
        let block_a = std::slice::from_ref(block_a);
        let Some(block_b) = b.next_block(&mut room_b) else {
            compress(&mut a.state, block_a);
            return;
        };
        compress_pair(&mut a.state, &mut b.state, block_a, std::slice::from_ref(block_b));
    }
}

/// A message at work and its position, or nothing.
pub(super) type Lane<'a> = Option<(usize, Message<'a>)>;

/// The lane's next block; where its message ends, the next message takes the lane.
#[inline]
fn next_in_lane<'a, 'b>(
    lane: &mut Lane<'a>,
    room: &'b mut [u8; BLOCK],
    waiting: &mut impl Iterator<Item = (usize, Message<'a>)>,
    done: &mut impl FnMut(usize, Hash),
) -> Option<&'b [u8; BLOCK]>
where
    'a: 'b,
{
    while let Some((at, message)) = lane {
        if message.has_block() {
            return message.next_block(room);
        }
        done(*at, digest(&message.state));
        *lane = waiting.next();
    }
    None
}

/// Runs every message, two at a time, and calls `done` with the position and digest of each as
/// it ends: in no particular order.
pub(super) fn run_in_pairs<'a>(
    mut waiting: impl Iterator<Item = (usize, Message<'a>)>,
    mut done: impl FnMut(usize, Hash),
) {
    let (mut a, mut b): (Lane<'a>, Lane<'a>) = (waiting.next(), waiting.next());
    let (mut room_a, mut room_b) = ([0; BLOCK], [0; BLOCK]);
    loop {
        let block_a = next_in_lane(&mut a, &mut room_a, &mut waiting, &mut done);
        let block_b = next_in_lane(&mut b, &mut room_b, &mut waiting, &mut done);
        let (block_a, block_b) =
            (block_a.map(std::slice::from_ref), block_b.map(std::slice::from_ref));
        match (block_a, &mut a, block_b, &mut b) {
            (Some(block_a), Some((_, a)), Some(block_b), Some((_, b))) => {
                compress_pair(&mut a.state, &mut b.state, block_a, block_b);
            }
            (Some(block), Some((_, alone)), ..) | (.., Some(block), Some((_, alone))) => {
                compress(&mut alone.state, block);
            }
            _ => return,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use sha2::{Digest as _, Sha256};

    pub(in crate::hash) fn bytes(len: usize, seed: u8) -> Vec<u8> {
        (0..=u8::MAX).cycle().map(|i| i.wrapping_mul(31).wrapping_add(seed)).take(len).collect()
    }

    pub(in crate::hash) fn judge(bytes: &[u8]) -> Hash {
        Hash(Sha256::digest(bytes).into())
    }

    /// Wherever a message is cut into parts, and however it meets the padding.
    #[test]
    fn every_length_and_every_cut_hash_as_the_judge_says() {
        for len in 0..=200 {
            let message = bytes(len, 7);
            for (first, second) in [(0, 0), (len / 3, len / 2), (len, len), (len / 2, len)] {
                let parts = [&message[..first], &message[first..second], &message[second..]];
                let found = Message::new(&INITIAL, 0, parts).finish();
                assert_eq!(found, judge(&message), "{len} bytes cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn two_at_once_are_what_each_is_alone() {
        for (len_a, len_b) in [(0, 0), (1, 500), (500, 1), (64, 64), (119, 120), (1000, 999)] {
            let (a, b) = (bytes(len_a, 1), bytes(len_b, 2));
            let message = |bytes| Message::new(&INITIAL, 0, [bytes, &[], &[]]);
            let (mut one, mut two) = (message(&a), message(&b));
            run_pair(&mut one, &mut two, usize::MAX);
            assert_eq!((one.finish(), two.finish()), (judge(&a), judge(&b)), "{len_a}, {len_b}");
        }
    }

    #[test]
    fn a_pair_of_runs_of_blocks_ends_with_the_shorter() {
        let blocks: Vec<[u8; 64]> = (0..5u8).map(|i| [i; 64]).collect();
        let (mut a, mut b) = (INITIAL, INITIAL);
        compress_pair(&mut a, &mut b, &blocks[..3], &blocks[2..4]);
        let (mut want_a, mut want_b) = (INITIAL, INITIAL);
        compress256(&mut want_a, &blocks[..2]);
        compress256(&mut want_b, &blocks[2..4]);
        assert_eq!((a, b), (want_a, want_b));
    }
}
