//! SHA-256 block by block: padding, messages of several parts, and two messages at a time.
//!
//! ```text
//! parts | salt | payload ............... |       blocks | 64 | 64 | .. | rest 0x80 0.. length |
//! run   | a: block block block           |  pairs while two messages have blocks, then singly
//!       | b: block block block block     |
//! ```
//!
//! Blocks are compressed by the `sha2` crate, and in pairs by [`super::sha_ni`] where the processor
//! can. Nothing here knows what a message means.

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

const BLOCK: usize = 64;
/// Bytes at the end of the last block that hold the message's length in bits.
const LENGTH: usize = 8;
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

    /// The next block; `None` behind the one that holds the length.
    #[inline]
    pub(super) fn next_block(&mut self) -> Option<[u8; BLOCK]> {
        if let Some(part) = self.parts.get_mut(self.part)
            && let Some((block, rest)) = part.split_first_chunk::<BLOCK>()
        {
            *part = rest;
            return Some(*block);
        }
        self.gather()
    }

    fn gather(&mut self) -> Option<[u8; BLOCK]> {
        if self.is_done {
            return None;
        }
        let mut block = [0u8; BLOCK];
        let mut filled = 0;
        while let Some(part) = self.parts.get_mut(self.part) {
            let len = part.len().min(BLOCK - filled);
            let (taken, rest) = part.split_at(len);
            if let Some(to) = block.get_mut(filled..filled + len) {
                to.copy_from_slice(taken);
            }
            filled += len;
            *part = rest;
            if filled == BLOCK {
                return Some(block);
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
            put_length(&mut block, self.len);
            self.is_done = true;
        }
        Some(block)
    }

    /// Runs what is left, and gives the digest.
    #[inline]
    pub(super) fn finish(mut self) -> Hash {
        while let Some(block) = self.next_block() {
            compress(&mut self.state, &[block]);
        }
        digest(&self.state)
    }
}

/// Runs both messages as long as both have blocks, but at most `most` of the second's.
#[inline]
pub(super) fn run_pair(a: &mut Message<'_>, b: &mut Message<'_>, most: usize) {
    for _ in 0..most {
        let Some(block_a) = a.next_block() else { return };
        let Some(block_b) = b.next_block() else {
            compress(&mut a.state, &[block_a]);
            return;
        };
        compress_pair(&mut a.state, &mut b.state, &[block_a], &[block_b]);
    }
}

/// A message at work and its position, or nothing.
type Lane<'a> = Option<(usize, Message<'a>)>;

/// The lane's next block; where its message ends, the next message takes the lane.
#[inline]
fn next_in_lane<'a>(
    lane: &mut Lane<'a>,
    waiting: &mut impl Iterator<Item = (usize, Message<'a>)>,
    done: &mut impl FnMut(usize, Hash),
) -> Option<[u8; BLOCK]> {
    loop {
        let (at, message) = lane.as_mut()?;
        if let Some(block) = message.next_block() {
            return Some(block);
        }
        done(*at, digest(&message.state));
        *lane = waiting.next();
    }
}

/// Runs every message, two at a time, and calls `done` with the position and digest of each as
/// it ends: in no particular order.
pub(super) fn run_all<'a>(
    messages: impl Iterator<Item = Message<'a>>,
    mut done: impl FnMut(usize, Hash),
) {
    let mut waiting = messages.enumerate();
    let (mut a, mut b): (Lane<'a>, Lane<'a>) = (waiting.next(), waiting.next());
    loop {
        let block_a = next_in_lane(&mut a, &mut waiting, &mut done);
        let block_b = next_in_lane(&mut b, &mut waiting, &mut done);
        match (block_a, &mut a, block_b, &mut b) {
            (Some(block_a), Some((_, a)), Some(block_b), Some((_, b))) => {
                compress_pair(&mut a.state, &mut b.state, &[block_a], &[block_b]);
            }
            (Some(block), Some((_, alone)), ..) | (.., Some(block), Some((_, alone))) => {
                compress(&mut alone.state, &[block]);
            }
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest as _, Sha256};

    fn bytes(len: usize, seed: u8) -> Vec<u8> {
        (0..=u8::MAX).cycle().map(|i| i.wrapping_mul(31).wrapping_add(seed)).take(len).collect()
    }

    fn judge(bytes: &[u8]) -> Hash {
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
    fn of_many_each_is_answered_once_and_rightly() {
        let all: Vec<Vec<u8>> = (0..40).map(|i| bytes(i * i % 300, 3)).collect();
        for count in 0..all.len() {
            let mut found = vec![None; count];
            let messages = all[..count].iter().map(|m| Message::new(&INITIAL, 0, [m, &[], &[]]));
            run_all(messages, |at, hash| assert!(found[at].replace(hash).is_none()));
            for (message, hash) in all.iter().zip(found) {
                assert_eq!(hash, Some(judge(message)));
            }
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
