//! Many messages at once: sixteen in the lanes of wide vectors where the processor has them, else two.
//!
//! ```text
//! lane 0  | a a a | d d ..        a lane takes the next message when its own ends
//! lane 1  | b b b b | e ..
//! lane 15 | c | f f f f ..        and with few lanes left, these are finished in pairs
//! ```
//!
//! Invariant: every message is answered once, with what it hashes to alone.

use super::sha::{self, INITIAL, Message, State};
use crate::types::Hash;

/// The two blocks of a short message.
pub(super) type TwoBlocks = [u8; 128];

#[cfg(target_arch = "x86_64")]
use wide::{hash_two_wide, run_wide};

/// Runs every message and calls `done` with the position and digest of each as it ends: in no
/// particular order.
pub(super) fn run_all<'a>(
    messages: impl Iterator<Item = Message<'a>>,
    mut done: impl FnMut(usize, Hash),
) {
    let mut waiting = messages.enumerate().fuse();
    #[cfg(target_arch = "x86_64")]
    let begun = run_wide(&mut waiting, &mut done).into_iter().flatten();
    #[cfg(not(target_arch = "x86_64"))]
    let begun = std::iter::empty();
    sha::run_in_pairs(begun.chain(waiting), done);
}

/// Hashes short messages, which `lay_out` gives tag and padding; `done` gets the digests in order.
pub(super) fn hash_two_all<T>(
    messages: &[T],
    lay_out: impl Fn(&T) -> TwoBlocks,
    mut done: impl FnMut(Hash),
) {
    #[cfg(target_arch = "x86_64")]
    let messages = hash_two_wide(messages, &lay_out, &mut done);
    let (pairs, last) = messages.as_chunks();
    for [a, b] in pairs {
        hash_two_pair(&lay_out(a), &lay_out(b)).into_iter().for_each(&mut done);
    }
    if let [last] = last {
        done(hash_two(&lay_out(last)));
    }
}

#[inline]
pub(super) fn hash_two(blocks: &TwoBlocks) -> Hash {
    let mut state = INITIAL;
    sha::compress(&mut state, blocks.as_chunks().0);
    sha::digest(&state)
}

#[inline]
fn hash_two_pair(a: &TwoBlocks, b: &TwoBlocks) -> [Hash; 2] {
    let (mut state_a, mut state_b): (State, State) = (INITIAL, INITIAL);
    sha::compress_pair(&mut state_a, &mut state_b, a.as_chunks().0, b.as_chunks().0);
    [sha::digest(&state_a), sha::digest(&state_b)]
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use super::TwoBlocks;
    use crate::hash::sha::{BLOCK, INITIAL, Lane, Message, State, digest};
    use crate::hash::sha_avx512::{Columns, LANES, compress_all, is_available};
    use crate::types::Hash;

    /// Lanes that must be at work for sixteen at once to take less time than pairs of them.
    const BUSY_MIN: usize = 8;

    static EMPTY: [u8; BLOCK] = [0; BLOCK];

    fn state_of(columns: &Columns, lane: usize) -> State {
        columns.map(|column| column.get(lane).copied().unwrap_or(0))
    }

    fn put_state(columns: &mut Columns, lane: usize, state: &State) {
        for (column, word) in columns.iter_mut().zip(state) {
            if let Some(to) = column.get_mut(lane) {
                *to = *word;
            }
        }
    }

    /// Runs messages until too few are left, and returns those, begun.
    pub(super) fn run_wide<'a>(
        waiting: &mut impl Iterator<Item = (usize, Message<'a>)>,
        done: &mut impl FnMut(usize, Hash),
    ) -> [Lane<'a>; LANES] {
        let mut lanes: [Lane<'a>; LANES] = [const { None }; LANES];
        if !is_available() {
            return lanes;
        }
        let mut columns: Columns = [[0; LANES]; 8];
        let mut rooms = [EMPTY; LANES];
        loop {
            let mut busy = 0;
            for (number, lane) in lanes.iter_mut().enumerate() {
                if !lane.as_ref().is_some_and(|(_, message)| message.has_block()) {
                    if let Some((at, _)) = lane {
                        done(*at, digest(&state_of(&columns, number)));
                    }
                    *lane = waiting.next();
                    if let Some((_, message)) = lane {
                        put_state(&mut columns, number, message.state());
                    }
                }
                busy += usize::from(lane.is_some());
            }
            if busy < BUSY_MIN {
                for (number, lane) in lanes.iter_mut().enumerate() {
                    if let Some((_, message)) = lane {
                        message.set_state(state_of(&columns, number));
                    }
                }
                return lanes;
            }
            let mut blocks = [&EMPTY; LANES];
            for ((lane, room), block) in lanes.iter_mut().zip(&mut rooms).zip(&mut blocks) {
                if let Some((_, message)) = lane {
                    *block = message.next_block(room).unwrap_or(&EMPTY);
                }
            }
            compress_all(&mut columns, blocks);
        }
    }

    /// Hashes messages of two blocks as long as enough are left, and returns the rest.
    pub(super) fn hash_two_wide<'m, T>(
        messages: &'m [T],
        lay_out: impl Fn(&T) -> TwoBlocks,
        done: &mut impl FnMut(Hash),
    ) -> &'m [T] {
        if messages.len() < BUSY_MIN || !is_available() {
            return messages;
        }
        let mut room = [[0; 2 * BLOCK]; LANES];
        let mut rest = messages;
        while rest.len() >= BUSY_MIN {
            let (now, later) = rest.split_at(rest.len().min(LANES));
            for (to, message) in room.iter_mut().zip(now) {
                *to = lay_out(message);
            }
            let mut columns = INITIAL.map(|word| [word; LANES]);
            compress_all(&mut columns, room.each_ref().map(|m| m.first_chunk().unwrap_or(&EMPTY)));
            compress_all(&mut columns, room.each_ref().map(|m| m.last_chunk().unwrap_or(&EMPTY)));
            (0..now.len()).for_each(|lane| done(digest(&state_of(&columns, lane))));
            rest = later;
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::super::sha::tests::{bytes, judge};
    use super::*;

    #[test]
    fn of_many_each_is_answered_once_and_rightly() {
        let all: Vec<Vec<u8>> = (0..60).map(|i| bytes(i * i % 300, 3)).collect();
        for count in 0..all.len() {
            let mut found = vec![None; count];
            let messages = all[..count].iter().map(|m| Message::new(&INITIAL, 0, [m, &[], &[]]));
            run_all(messages, |at, hash| assert!(found[at].replace(hash).is_none()));
            for (message, hash) in all.iter().zip(found) {
                assert_eq!(hash, Some(judge(message)));
            }
        }
    }

    /// A lane that ends early must not touch the others, wherever the long message stands.
    #[test]
    fn one_long_message_among_short_ones() {
        for place in 0..40 {
            let all: Vec<_> =
                (0..40).map(|i| bytes(if i == place { 3000 } else { i }, 9)).collect();
            let mut found = vec![None; all.len()];
            let messages = all
                .iter()
                .map(|m| Message::new(&INITIAL, 0, [&m[..m.len() / 3], &m[m.len() / 3..], &[]]));
            run_all(messages, |at, hash| assert!(found[at].replace(hash).is_none()));
            assert!(all.iter().zip(found).all(|(m, hash)| hash == Some(judge(m))), "{place}");
        }
    }

    #[test]
    fn short_messages_are_answered_in_order() {
        let all: Vec<[u8; 65]> = (0..60).map(|i| bytes(65, i).try_into().unwrap()).collect();
        let lay_out = |message: &[u8; 65]| {
            let mut blocks = [0; 128];
            blocks[..65].copy_from_slice(message);
            sha::pad(&mut blocks, 65, 65);
            blocks
        };
        for count in 0..all.len() {
            let mut found = Vec::new();
            hash_two_all(&all[..count], lay_out, |hash| found.push(hash));
            assert!(found.into_iter().eq(all[..count].iter().map(|m| judge(m))), "{count}");
        }
    }
}
